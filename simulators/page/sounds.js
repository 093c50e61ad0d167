// What a phone sounds like, when sounds are switched on.

export const sounds = {
  context: null,
  get on() { return document.getElementById("sounds").checked; },
  /** A few tones after each other: [hertz, hertz, milliseconds]. */
  play(...tones) {
    if (!this.on) return;
    this.context ??= new AudioContext();
    let start = this.context.currentTime;
    for (const [low, high, milliseconds] of tones) {
      for (const hertz of [low, high]) {
        const voice = this.context.createOscillator();
        const volume = new GainNode(this.context, { gain: 0.04 });
        voice.frequency.value = hertz;
        voice.connect(volume).connect(this.context.destination);
        voice.start(start);
        voice.stop(start + milliseconds / 1000);
      }
      start += (milliseconds + 40) / 1000;
    }
  },
  key(key) {
    const place = "123456789*0#".indexOf(key);
    if (place >= 0) this.play([[697, 770, 852, 941][Math.floor(place / 3)], [1209, 1336, 1477][place % 3], 70]);
  },
  message() { this.play([880, 1320, 120], [880, 1320, 120]); },
  ring() { this.play([440, 480, 400], [440, 480, 400]); },
};

