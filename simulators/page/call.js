// Calls, as they look on a phone: ringing, talking, and over.

import { deedButton, draw, elapsed, local } from "./draw.js";
import { View, dialog } from "./views.js";

/** A call that is on. The phone's own keypad answers what it asks. */
export class Call extends View {
  pressed = "";
  since = null;                                                         // when somebody began to talk
  constructor(phone, call) { super(phone); this.hear(call); }
  hear(call) {
    this.about = call;
    if (!this.ringing && !this.calling) this.since ??= Date.now();
  }
  get ringing() { return this.about.state === "ringing"; }
  get calling() { return this.about.state === "calling"; }
  get listening() { return this.about.state === "listening"; }
  get title() { return this.words[this.about.state]; }
  get left() { return this.ringing ? [this.words.answer, () => this.phone.answerCall()] : null; }
  get right() { return [this.ringing ? this.words.reject : this.words.hangUp, () => this.phone.hangUpCall()]; }
  get said() { return [this.title, local(this.about.from), this.about.spoken].filter(Boolean).join(". "); }
  choose(key) {
    if (this.ringing || this.calling) return;
    this.pressed += key;
    this.phone.pressInCall(key);
  }
  end() { this.phone.hangUpCall(); }
  body() {
    return draw("div", { class: `calling ${this.about.state}` },
      draw("p", { class: "state" }, this.title),
      draw("p", { class: "from" }, local(this.about.from)),
      this.since && draw("p", { class: "lasting" }, elapsed((Date.now() - this.since) / 1000), tongue(this.about, this.words)),
      this.about.spoken && heard(this.about),
      this.pressed && draw("p", { class: "pressed" }, this.pressed));
  }
  beside() {
    return this.ringing
      ? [deedButton("Answer", () => this.phone.answerCall()), deedButton("Decline", () => this.phone.hangUpCall())]
      : [deedButton("Hang up", () => this.phone.hangUpCall())];
  }
}

/** What remains on the screen of a call that is over, until its owner has seen it. */
export class CallOver extends View {
  constructor(phone, call, passing) {
    super(phone);
    this.about = call;
    if (passing) setTimeout(() => phone.view === this && phone.leave(), 2200);
  }
  get unanswered() { return !this.about.incoming && !this.about.spoken; }
  get title() { return this.about.missed ? this.words.missed : this.unanswered ? this.words.unanswered : this.words.over; }
  get left() {
    return this.about.missed
      ? [this.words.callBack, () => { this.phone.leave(); this.phone.ring(this.about.from); }]
      : [this.words.ok, () => this.phone.leave()];
  }
  get right() { return this.about.missed ? [this.words.exit, () => this.phone.leave()] : null; }
  get said() { return [this.title, local(this.about.from), this.about.spoken].filter(Boolean).join(". "); }
  escape() { this.phone.leave(); }
  body() {
    const lasted = !this.unanswered && this.about.seconds > 0 && elapsed(this.about.seconds);
    return dialog(
      draw("p", { class: "over" }, draw("b", {}, this.title), draw("span", {}, local(this.about.from)),
        lasted && draw("span", {}, lasted, tongue(this.about, this.words))),
      this.about.spoken && heard({ ...this.about, spoken: this.about.spoken.split("\n").at(-1) }));
  }
}

/** What was said; the last words are the ones to answer. */
function heard({ spoken, language }) {
  return draw("div", { class: "heard", "data-scroll": true, "data-end": true },
    spoken.split("\n").map((sentence) => draw("p", { lang: language }, sentence)));
}

/** The language it was said in. */
const tongue = ({ language }, words) => language && draw("span", { class: "tongue-heard" }, words.tongue[language]);
