// The riders' phones. A handset knows three things: what the simulators say about its line (`line`), what its owner is
// looking at (a stack of views, over which calls, USSD dialogs and M-PESA prompts are laid), and how to draw the top one.

const SERVICE_CODE = "*384*123#";
const SHORT_CODE = "22384";
const HOLD_MS = 550;
const NEXT_LETTER_MS = 900;
const PLASTICS = ["petrol", "charcoal", "clay"];

const LETTERS = {
  1: ".,?!1'-()@/:", 2: "abc2", 3: "def3", 4: "ghi4", 5: "jkl5", 6: "mno6", 7: "pqrs7", 8: "tuv8", 9: "wxyz9", 0: " 0+", "*": "*#+%&=",
};
const PRINTED = { 1: ".,?", 2: "abc", 3: "def", 4: "ghi", 5: "jkl", 6: "mno", 7: "pqrs", 8: "tuv", 9: "wxyz", "*": "", 0: "+", "#": "⇧" };

const WORDS = {
  en: {
    menu: "Menu", names: "Names", call: "Call", clear: "Clear", back: "Back", select: "Select", send: "Send", cancel: "Cancel", ok: "OK",
    write: "Write message", inbox: "Inbox", reply: "Reply", next: "Next", to: "To", empty: "No messages yet",
    running: "USSD code running…", problem: "Connection problem or invalid MMI code.", answer: "Answer", reject: "Reject", hangUp: "End call",
    ringing: "Incoming call", talking: "Call in progress", over: "Call ended", sending: "Sending…", sent: "Message sent", unsent: "Message not sent. Try again.",
    onlyCodes: "This phone only dials service codes, such as *384*123#.", pin: "Enter M-PESA PIN:", fresh: (count) => (count === 1 ? "1 new message" : `${count} new messages`), day: "en-GB",
  },
  sw: {
    menu: "Menyu", names: "Majina", call: "Piga", clear: "Futa", back: "Rudi", select: "Chagua", send: "Tuma", cancel: "Ghairi", ok: "Sawa",
    write: "Andika ujumbe", inbox: "Kikasha", reply: "Jibu", next: "Endelea", to: "Kwa", empty: "Hakuna ujumbe bado",
    running: "Inatuma ombi…", problem: "Tatizo la mtandao au namba si sahihi.", answer: "Pokea", reject: "Kataa", hangUp: "Kata simu",
    ringing: "Simu inaingia", talking: "Mko kwenye simu", over: "Simu imekatwa", sending: "Inatuma…", sent: "Ujumbe umetumwa", unsent: "Ujumbe haukutumwa. Jaribu tena.",
    onlyCodes: "Simu hii hupiga namba za huduma tu, kama *384*123#.", pin: "Weka PIN ya M-PESA:", fresh: (count) => (count === 1 ? "Ujumbe mpya 1" : `Jumbe mpya ${count}`), day: "sw-KE",
  },
};

// ---------------------------------------------------------------------------------------------- the simulators' control API

/** Asks the control API: a GET, or with a body a POST. A refusal says why. */
async function ask(path, body, method = body === undefined ? "GET" : "POST") {
  const request = body === undefined ? { method } : { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, request).catch(() => { throw new Error("The simulators do not answer."); });
  const text = await answer.text();
  const said = text && answer.headers.get("content-type")?.includes("json") ? JSON.parse(text) : null;
  if (!answer.ok) throw new Error(said?.error ?? answer.statusText);
  return said;
}

// -------------------------------------------------------------------------------------------------------- drawing and sound

/** Builds an element; strings become text, so nothing a message says is ever read as markup. */
function draw(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

const nairobi = (at, options, locale = "en-GB") => new Intl.DateTimeFormat(locale, { timeZone: "Africa/Nairobi", ...options }).format(at);
const clockTime = (at) => nairobi(at, { hour: "2-digit", minute: "2-digit", hour12: false });
const shillings = (amount) => Number(amount).toLocaleString("en-KE", { maximumFractionDigits: 2 });

const sounds = {
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

// --------------------------------------------------------------------------------------------------------------- text entry

/** One line or message being typed: digits as they are, letters by tapping a key until the right one shows. */
class Field {
  constructor({ mode = "123", limit = 160, secret = false, digitsOnly = false } = {}) {
    Object.assign(this, { value: "", mode, limit, secret, digitsOnly, tapped: null });
  }

  tap(key, settled) {
    if (this.mode === "123") return this.type(key);
    if (key === "#") return this.change();
    const cycle = LETTERS[key];
    if (this.tapped?.key === key) {
      this.tapped.place = (this.tapped.place + 1) % cycle.length;
      this.value = this.value.slice(0, -1) + this.shaped(cycle[this.tapped.place]);
    } else {
      this.settle();
      if (this.value.length >= this.limit) return;
      this.value += this.shaped(cycle[0]);
      this.tapped = { key, place: 0 };
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.settle(); settled(); }, NEXT_LETTER_MS);
  }

  hold(key) {
    if (key === "#") return this.digitsOnly || this.change();
    this.type(key === "0" && this.mode === "123" ? "+" : key);
  }

  type(character) {
    this.settle();
    if (this.digitsOnly && !/\d/.test(character)) return;
    if (this.value.length < this.limit) this.value += character;
  }

  clear() {
    this.settle();
    this.value = this.value.slice(0, -1);
  }

  change() {
    this.settle();
    const modes = ["123", "Abc", "abc", "ABC"];
    this.mode = modes[(modes.indexOf(this.mode) + 1) % modes.length];
  }

  settle() {
    clearTimeout(this.timer);
    if (this.tapped && this.mode === "Abc") this.mode = "abc";
    this.tapped = null;
  }

  shaped(letter) { return this.mode === "abc" ? letter : letter.toUpperCase(); }

  line(name, kind = "line") {
    const shown = this.secret ? "•".repeat(this.value.length) : this.value;
    return draw("p", { class: `entry ${kind}`, "data-field": name }, this.tapped
      ? [shown.slice(0, -1), draw("u", {}, shown.slice(-1))]
      : [shown, draw("b", { class: "caret" })]);
  }
}

// -------------------------------------------------------------------------------------------------------------------- views

/** What a phone can show. A view draws itself and says what its keys do; the handset does the rest. */
class View {
  constructor(phone) { this.phone = phone; }
  get words() { return this.phone.words; }
  get left() { return null; }                                           // [label, deed]
  get right() { return [this.words.back, () => this.phone.leave()]; }
  get field() { return null; }
  get said() { return ""; }                                             // for those who listen to the screen
  call() { this.left?.[1](); }
  end() { this.phone.home(); }
  escape() { this.right?.[1](); }
  choose(_digit) {}
  move(by) { this.phone.scroll(by); }
  sideways(_by) {}
  clearing(otherwise) {
    return this.field.value ? [this.words.clear, () => { this.field.clear(); this.phone.paint(); }] : otherwise;
  }
}

class Idle extends View {
  number = new Field({ limit: 40 });
  get field() { return this.number; }
  get left() { return this.number.value ? [this.words.call, () => this.call()] : [this.words.menu, () => this.phone.open(new Menu(this.phone))]; }
  get right() { return this.clearing([this.words.names, () => this.phone.open(new Names(this.phone))]); }
  get said() { return this.number.value || ""; }
  escape() { this.end(); }
  end() { this.number.value = ""; this.phone.paint(); }
  move(by) { if (!this.number.value) this.phone.open(by < 0 ? new Menu(this.phone) : new Names(this.phone)); }
  sideways(by) { if (!this.number.value) this.phone.open(by < 0 ? new Compose(this.phone) : new Threads(this.phone)); }
  call() {
    if (!this.number.value) this.number.value = this.phone.lastDialled ?? "";
    else { this.phone.dial(this.number.value); this.number.value = ""; }
    this.phone.paint();
  }
  body() {
    if (this.number.value) return draw("div", { class: "dialler" }, this.number.line("dial", "big"));
    const now = new Date();
    const { unread } = this.phone.line;
    return draw("div", { class: "idle" },
      draw("p", { class: "hour" }, clockTime(now)),
      draw("p", { class: "date" }, nairobi(now, { weekday: "short", day: "numeric", month: "short" }, this.words.day)),
      unread > 0 && draw("p", { class: "news" }, `✉ ${this.words.fresh(unread)}`));
  }
}

/** A list with one line marked; digits pick as on any cheap phone. */
class List extends View {
  at = 0;
  get left() { return this.items.length ? [this.words.select, () => this.items[this.at]?.pick()] : null; }
  get said() { return [this.title, this.items[this.at]?.label].filter(Boolean).join(". "); }
  choose(digit) { const item = this.items[digit - 1]; if (item) { this.at = digit - 1; item.pick(); } }
  move(by) { const count = this.items.length; if (count) { this.at = (this.at + by + count) % count; this.phone.paint(); } }
  body() {
    if (!this.items.length) return [this.heading(), draw("p", { class: "nothing" }, this.waiting ? "…" : this.words.empty)];
    const rows = this.items.map((item, place) => {
      const row = draw("li", { "aria-current": place === this.at, class: item.fresh ? "fresh" : null },
        draw("span", {}, item.label), item.under && draw("small", {}, item.under));
      row.addEventListener("click", () => { this.at = place; item.pick(); });
      return row;
    });
    return [this.heading(), draw("ul", { class: "list" }, rows)];
  }
  heading() { return draw("h3", {}, this.title); }
}

class Menu extends List {
  get title() { return this.words.menu; }
  get items() {
    const { phone, words } = this;
    return [
      { label: `1 ${words.inbox}`, pick: () => phone.open(new Threads(phone)) },
      { label: `2 ${words.write}`, pick: () => phone.open(new Compose(phone)) },
      { label: `3 ${words.names}`, pick: () => phone.open(new Names(phone)) },
    ];
  }
}

class Names extends List {
  get title() { return this.words.names; }
  get items() {
    return [
      { label: "KwaStage", under: SERVICE_CODE, pick: () => { this.phone.home(); this.phone.dial(SERVICE_CODE); } },
      { label: "KwaStage SMS", under: SHORT_CODE, pick: () => this.phone.open(new Compose(this.phone, SHORT_CODE)) },
    ];
  }
}

class Threads extends List {
  threads = [];
  waiting = true;
  constructor(phone) { super(phone); this.load(); }
  get title() { return this.words.inbox; }
  async load() {
    this.threads = await this.phone.ask("threads").catch(() => []);
    this.waiting = false;
    this.phone.paint();
  }
  get items() {
    return this.threads
      .filter((thread) => thread.messages.length)
      .sort((a, b) => Date.parse(b.messages.at(-1).at) - Date.parse(a.messages.at(-1).at))
      .map((thread) => {
        const last = thread.messages.at(-1);
        return {
          label: `${thread.with}  ${clockTime(new Date(last.at))}`,
          under: last.text,
          fresh: thread.messages.some((message) => this.phone.isFresh(message)),
          pick: () => this.phone.open(new Thread(this.phone, thread.with)),
        };
      });
  }
}

class Thread extends View {
  messages = [];
  constructor(phone, other) { super(phone); this.other = other; this.load(); }
  get left() { return [this.words.reply, () => this.phone.open(new Compose(this.phone, this.other))]; }
  get said() { return this.messages.at(-1)?.text ?? ""; }
  async load() {
    const threads = await this.phone.ask("threads").catch(() => []);
    this.messages = threads.find((thread) => thread.with === this.other)?.messages ?? [];
    this.phone.paint();
    this.phone.scrollToEnd();
    await this.phone.read(this.messages);
  }
  body() {
    return [draw("h3", {}, this.other), draw("div", { class: "talk" }, this.messages.map((message) =>
      draw("div", { class: isSent(message) ? "bubble mine" : "bubble" },
        draw("p", {}, message.text),
        draw("time", { datetime: message.at }, clockTime(new Date(message.at))))))];
  }
}

class Compose extends View {
  constructor(phone, to) {
    super(phone);
    this.to = new Field({ limit: 16 });
    this.to.value = to ?? "";
    this.text = new Field({ mode: "Abc", limit: 459 });
    this.writing = Boolean(to);
  }
  get field() { return this.writing ? this.text : this.to; }
  get left() { return this.writing ? [this.words.send, () => this.send()] : [this.words.next, () => this.next()]; }
  get right() { return this.clearing([this.words.back, () => this.phone.leave()]); }
  get said() { return `${this.words.to} ${this.to.value}. ${this.text.value}`; }
  escape() { this.phone.leave(); }
  next() { if (this.to.value) { this.writing = true; this.phone.paint(); } }
  async send() {
    const { phone, words } = this;
    if (!this.text.value || this.sending) return;
    this.sending = true;
    phone.paint();
    const went = await phone.ask("sms", { to: this.to.value, text: this.text.value }).then(() => true, () => false);
    this.sending = false;
    if (went) phone.leave();
    phone.open(new Notice(phone, went ? words.sent : words.unsent, went));
  }
  body() {
    if (this.sending) return waiting(this.words.sending);
    return [
      draw("h3", {}, this.words.write, draw("span", { class: "mode" }, `${this.field.mode} ${this.writing ? 160 - (this.text.value.length % 160) : ""}`)),
      draw("p", { class: "to" }, `${this.words.to}: `, this.writing ? this.to.value : this.to.line("to", "inline")),
      this.writing && this.text.line("text", "area"),
    ];
  }
}

class Notice extends View {
  constructor(phone, text, passing = false) {
    super(phone);
    this.text = text;
    if (passing) setTimeout(() => phone.view === this && phone.leave(), 1600);
  }
  get left() { return [this.words.ok, () => this.phone.leave()]; }
  get right() { return null; }
  get said() { return this.text; }
  escape() { this.phone.leave(); }
  body() { return dialog(draw("p", { class: "text" }, this.text)); }
}

/** The network's dialog: it has nothing but a text, perhaps a line to answer on, and two keys. */
class Ussd extends View {
  reply = new Field({ limit: 80 });
  constructor(phone) { super(phone); this.show(null, true); }
  show(screen, open) { Object.assign(this, { screen, open, busy: screen === null }); this.reply = new Field({ limit: 80 }); }
  get field() { return this.open && !this.busy ? this.reply : null; }
  get left() {
    if (this.busy) return null;
    return this.open ? [this.words.send, () => this.phone.reply(this.reply.value)] : [this.words.ok, () => this.end()];
  }
  get right() {
    const cancel = [this.words.cancel, () => this.end()];
    if (this.busy) return cancel;
    return this.open ? this.clearing(cancel) : null;
  }
  get said() { return this.busy ? this.words.running : this.screen; }
  escape() { this.end(); }
  end() { this.phone.hangUp(); }
  body() {
    if (this.busy) return waiting(this.words.running);
    return dialog(
      draw("p", { class: "text", "data-scroll": true }, this.screen),
      this.open && draw("div", { class: "answer" }, this.reply.line("reply"), draw("span", { class: "mode" }, this.reply.mode)));
  }
}

/** What the SIM card shows when M-PESA asks for money. It lies over everything else on the phone. */
class Prompt extends View {
  pin = new Field({ limit: 4, secret: true, digitsOnly: true });
  constructor(phone, prompt) { super(phone); this.prompt = prompt; }
  get field() { return this.pin; }
  get left() { return [this.words.ok, () => this.pin.value.length === 4 && this.phone.answerPrompt("approve")]; }
  get right() { return this.clearing([this.words.cancel, () => this.phone.answerPrompt("cancel")]); }
  get said() { return `M-PESA. ${this.prompt.text}`; }
  escape() { this.phone.answerPrompt("cancel"); }
  end() { this.phone.answerPrompt("cancel"); }
  body() {
    return draw("div", { class: "toolkit" },
      draw("h3", {}, "M-PESA"),
      draw("p", { class: "text", "data-scroll": true }, this.prompt.text),
      !/PIN:?\s*$/.test(this.prompt.text) && draw("p", { class: "pin-label" }, this.words.pin),
      this.pin.line("m-pesa-pin", "pin"));
  }
  beside() {
    return [["Wrong PIN", "wrong-pin"], ["Cancel", "cancel"], ["Ignore", "ignore"]]
      .map(([label, answer]) => deedButton(label, () => this.phone.answerPrompt(answer)));
  }
}

class Call extends View {
  constructor(phone, call) { super(phone); this.about = call; this.pressed = ""; }
  get ringing() { return this.about.state === "ringing"; }
  get left() { return this.ringing ? [this.words.answer, () => this.phone.answerCall()] : null; }
  get right() { return [this.ringing ? this.words.reject : this.words.hangUp, () => this.phone.hangUpCall()]; }
  get said() { return [this.ringing ? this.words.ringing : this.words.talking, this.about.from, this.about.spoken].filter(Boolean).join(". "); }
  choose(key) { if (!this.ringing) { this.pressed += key; this.phone.pressInCall(key); } }
  end() { this.phone.hangUpCall(); }
  body() {
    return draw("div", { class: this.ringing ? "calling ringing" : "calling" },
      draw("p", { class: "state" }, this.ringing ? this.words.ringing : this.words.talking),
      draw("p", { class: "from" }, this.about.from),
      !this.ringing && this.about.spoken && draw("p", { class: "heard", "data-scroll": true }, this.about.spoken),
      this.pressed && draw("p", { class: "pressed" }, this.pressed));
  }
}

const dialog = (...content) => draw("div", { class: "veil" }, draw("div", { class: "dialog" }, ...content));
const waiting = (text) => dialog(draw("p", { class: "text wait" }, draw("i", { class: "turning" }), text));

function deedButton(label, deed) {
  const button = draw("button", { type: "button" }, label);
  button.addEventListener("click", deed);
  return button;
}

// ------------------------------------------------------------------------------------------------------------------ handset

class Handset {
  line = { msisdn: "", name: null, open: false, screen: null, unread: 0, prompt: null, call: null, balance: null };
  stack = [];
  ussd = null;
  prompt = null;
  call = null;
  hop = 0;                                     // counts requests, so that an answer nobody waits for any more is dropped

  constructor(place, people) {
    this.place = place;
    this.people = people;
    this.root = document.getElementById("handset").content.firstElementChild.cloneNode(true);
    this.root.dataset.plastic = PLASTICS[place % PLASTICS.length];
    this.stack = [new Idle(this)];
    this.part = (selector) => this.root.querySelector(selector);
    this.buildPad();
    this.listen();
  }

  // Whose phone it is

  async become(msisdn) {
    this.hop += 1;
    this.stack = [new Idle(this)];
    this.ussd = this.prompt = this.call = null;
    this.line = { msisdn, unread: 0 };
    const person = this.people.find((known) => known.msisdn === msisdn);
    this.setLanguage(person?.language === "sw" ? "sw" : "en");
    this.fillRiders();
    this.part(".body").setAttribute("aria-label", `Phone of ${person?.name ?? msisdn}. Type to use it.`);
    await this.refresh(true);
  }

  fillRiders() {
    const { msisdn } = this.line;
    const options = this.people.map((person) =>
      draw("option", { value: person.msisdn, selected: person.msisdn === msisdn }, person.name ?? local(person.msisdn)));
    if (!this.people.some((person) => person.msisdn === msisdn)) options.push(draw("option", { value: msisdn, selected: true }, local(msisdn)));
    this.part(".rider").replaceChildren(...options, draw("option", { value: "" }, "Another number…"));
  }

  setLanguage(language) {
    this.words = WORDS[language];
    for (const button of this.root.querySelectorAll("[data-language]")) button.setAttribute("aria-pressed", button.dataset.language === language);
  }

  // What the simulators know about it

  ask(deed, body) { return ask(`/phones/${this.line.msisdn}/${deed}`, body); }

  async refresh(first = false) {
    const { msisdn } = this.line;
    const line = await ask(`/phones/${msisdn}`).catch(() => null);
    if (!line || msisdn !== this.line.msisdn) return;
    const before = this.line;
    this.line = { ...line, msisdn };
    this.noticeDialog(line, first);
    this.noticePrompt(line.prompt);
    this.noticeCall(line.call);
    if (!first && line.unread > (before.unread ?? 0)) sounds.message();
    const view = this.stack.at(-1);
    if (line.unread !== before.unread && view.load) view.load();
    this.paint();
  }

  noticeDialog({ open, screen }, first) {
    if (this.waiting) return;                                        // our own request will bring the screen
    const said = strip(screen);
    if (open && said && this.ussd?.screen !== said) {
      this.ussd ??= new Ussd(this);
      this.ussd.show(said, true);
    } else if (!open && !first && this.ussd?.open) {
      // Somebody else typed the last answer, or the network let go of the session.
      this.ussd.show(said && said !== this.ussd.screen ? said : this.words.problem, false);
    }
  }

  noticePrompt(prompt) {
    if (!prompt || prompt.ignored) this.prompt = null;
    else if (this.prompt?.prompt.at !== prompt.at) { this.prompt = new Prompt(this, prompt); sounds.message(); }
  }

  noticeCall(call) {
    if (!call) this.call = null;
    else if (this.call) this.call.about = call;
    else { this.call = new Call(this, call); sounds.ring(); }
  }

  // What its owner does

  async dial(code) {
    this.lastDialled = code;
    if (!/^\*.+#$/.test(code)) return this.open(new Notice(this, this.words.onlyCodes));
    this.ussd = new Ussd(this);
    await this.exchange("dial", { code });
  }

  async reply(keys) {
    this.ussd.show(null, true);
    await this.exchange("type", { keys });
  }

  async exchange(deed, body) {
    const hop = ++this.hop;
    this.waiting = true;
    this.paint();
    const answer = await this.ask(deed, body).catch(() => null);
    if (hop !== this.hop) return;
    this.waiting = false;
    if (answer?.screen != null) this.ussd?.show(strip(answer.screen), answer.open);
    else this.ussd?.show(this.words.problem, false);
    this.paint();
    this.refresh();
  }

  async hangUp() {
    const wasOpen = this.waiting || this.ussd?.open;
    this.hop += 1;
    this.waiting = false;
    this.ussd = null;
    this.line.open = false;
    this.paint();
    if (wasOpen) await this.ask("hang-up", {}).catch(() => null);
    this.refresh(true);
  }

  async answerPrompt(answer) {
    this.prompt = null;
    this.paint();
    await this.ask("prompt", { answer }).catch((refusal) => this.open(new Notice(this, refusal.message)));
    this.refresh();
  }

  async answerCall() { await this.inCall({ keys: "" }); }
  async pressInCall(keys) { await this.inCall({ keys }); }
  async hangUpCall() { this.call = null; this.paint(); await this.ask("hang-up", {}).catch(() => null); this.refresh(); }
  async inCall(body) {
    const heard = await this.ask("call", body).catch(() => null);
    // The last words may come with the other side's hanging up.
    if (heard && !heard.call) this.open(new Notice(this, `${this.words.over}\n${heard.spoken.split("\n").at(-1)}`));
    this.refresh();
  }


  // The simulators count what is unread on the whole phone; which thread is new, only this phone's own memory knows.

  isFresh(message) { return !isSent(message) && !this.seen().has(message.id); }
  seen() { return new Set(JSON.parse(sessionStorage.getItem(`seen ${this.line.msisdn}`) ?? "[]")); }
  async read(messages) {
    const seen = this.seen();
    for (const message of messages) if (!isSent(message)) seen.add(message.id);
    sessionStorage.setItem(`seen ${this.line.msisdn}`, JSON.stringify([...seen]));
    if (this.line.unread > 0) await this.ask("read", {}).catch(() => null);
  }

  // Views

  get view() { return this.prompt ?? this.call ?? this.ussd ?? this.stack.at(-1); }
  open(view) { this.stack.push(view); this.paint(); }
  leave() { if (this.stack.length > 1) this.stack.pop(); this.stack.at(-1).load?.(); this.paint(); }
  home() { this.stack.length = 1; this.stack[0].number.value = ""; this.paint(); }

  // Keys

  press(key) {
    const { view } = this;
    sounds.key(key);
    if (key === "left") view.left?.[1]();
    else if (key === "right") view.right?.[1]();
    else if (key === "ok") (view.field && view instanceof Idle ? view.call() : view.left?.[1]());
    else if (key === "call") view.call();
    else if (key === "end") view.end();
    else if (key === "up") view.move(-1);
    else if (key === "bottom") view.move(1);
    else if (key === "back") view.sideways(-1);
    else if (key === "on") view.sideways(1);
    else if (view.field) view.field.tap(key, () => this.paint());
    else view.choose(key);
    this.paint();
  }

  hold(key) {
    this.view.field?.hold(key);
    this.paint();
  }

  /** The computer's keyboard, when this phone has the focus. */
  typed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const onPad = { Enter: "left", ArrowUp: "up", ArrowDown: "bottom", ArrowLeft: "back", ArrowRight: "on", End: "end" }[event.key];
    const { view } = this;
    if (event.key === "Escape") view.escape();
    else if (event.key === "Backspace") view.field?.clear();
    else if (event.key === "Enter" && view instanceof Idle && view.number.value) view.call();
    else if (onPad) this.press(onPad);
    else if (event.key.length === 1 && view.field) view.field.type(event.key);
    else if (event.key.length === 1 && /[\d*#]/.test(event.key)) view.choose(event.key);
    else return false;
    this.flash(onPad ?? event.key);
    this.paint();
    return true;
  }

  flash(key) {
    const button = this.root.querySelector(`[data-key="${CSS.escape(key)}"]`);
    button?.classList.add("pressed");
    setTimeout(() => button?.classList.remove("pressed"), 110);
  }

  // Drawing

  paint() {
    const { view } = this;
    const screen = this.part(".screen");
    const kept = screen.querySelector("[data-scroll], .list, .talk")?.scrollTop ?? 0;
    const sameView = this.painted === view;
    screen.replaceChildren(this.statusBar(), draw("div", { class: "body-of-screen" }, view.body()), this.softLabels(view));
    screen.dataset.view = view.constructor.name.toLowerCase();
    const scrolling = screen.querySelector("[data-scroll], .list, .talk");
    if (scrolling && sameView) scrolling.scrollTop = kept;
    screen.querySelector("[aria-current=true], li[aria-current]")?.scrollIntoView({ block: "nearest" });
    this.painted = view;
    this.part(".aside-keys").replaceChildren(...(view.beside?.() ?? []));
    const purse = this.line.balance == null ? "" : `M-PESA Ksh ${shillings(this.line.balance)}`;
    this.part(".purse").replaceChildren(draw("span", {}, local(this.line.msisdn)), draw("span", {}, purse));
    this.part('[data-key="left"]').setAttribute("aria-label", view.left?.[0] ?? "Left soft key");
    this.part('[data-key="right"]').setAttribute("aria-label", view.right?.[0] ?? "Right soft key");
    this.part(".body").classList.toggle("ringing", view instanceof Call && view.ringing);
    const spoken = this.part(".spoken");
    if (spoken.textContent !== view.said) spoken.textContent = view.said;
  }

  statusBar() {
    const { network = "", unread } = this.line;
    return draw("div", { class: "status" },
      draw("i", { class: "signal", title: "Signal" }, [1, 2, 3, 4].map(() => draw("b"))),
      draw("span", { class: "network" }, network.slice(0, 1).toUpperCase() + network.slice(1)),
      unread > 0 && draw("i", { class: "envelope", title: "Unread message" }),
      draw("span", { class: "hour" }, clockTime(new Date())),
      draw("i", { class: "battery", title: "Battery" }));
  }

  softLabels(view) {
    return draw("div", { class: "soft-labels" }, draw("span", {}, view.left?.[0] ?? ""), draw("span", {}, view.right?.[0] ?? ""));
  }

  scroll(by) { this.part("[data-scroll], .talk")?.scrollBy({ top: by * 32 }); }
  scrollToEnd() { const talk = this.part(".talk"); if (talk) talk.scrollTop = talk.scrollHeight; }

  // Wiring

  buildPad() {
    this.part(".pad").append(...Array.from("123456789*0#", (key) =>
      draw("button", { "data-key": key, "aria-label": key === "*" ? "Star" : key === "#" ? "Hash" : key },
        draw("span", {}, key), draw("small", {}, PRINTED[key]))));
  }

  listen() {
    const body = this.part(".body");
    for (const button of body.querySelectorAll("[data-key]")) this.listenToKey(button, body);
    body.addEventListener("keydown", (event) => {
      const onButton = event.target !== body && (event.key === "Enter" || event.key === " ");
      if (!onButton && this.typed(event)) event.preventDefault();
    });
    this.part(".screen").addEventListener("pointerdown", () => body.focus({ preventScroll: true }));
    for (const button of this.root.querySelectorAll("[data-language]")) {
      button.addEventListener("click", () => { this.setLanguage(button.dataset.language); this.paint(); });
    }
    this.part(".rider").addEventListener("change", ({ target }) => {
      this.part(".other").hidden = target.value !== "";
      if (target.value) this.become(target.value).then(remember);
      else this.part(".other input").focus();
    });
    this.part(".other").addEventListener("submit", (event) => {
      event.preventDefault();
      const msisdn = international(this.part(".other input").value);
      if (!msisdn) return this.part(".other input").select();
      this.part(".other").hidden = true;
      this.become(msisdn).then(remember);
    });
  }

  listenToKey(button, body) {
    let held = null;
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault();                                        // keep the focus on the phone, so that typing goes on
      body.focus({ preventScroll: true });
      const { key } = button.dataset;
      held = setTimeout(() => { held = null; this.hold(key); }, HOLD_MS);
      button.setPointerCapture(event.pointerId);
      button.classList.add("pressed");
    });
    const release = () => button.classList.remove("pressed");
    button.addEventListener("pointerup", () => {
      release();
      if (held === null) return;
      clearTimeout(held);
      held = null;
      this.press(button.dataset.key);
    });
    button.addEventListener("pointercancel", () => { release(); clearTimeout(held); held = null; });
    // A click that no pointer made comes from the keyboard or a screen reader.
    button.addEventListener("click", (event) => { if (event.detail === 0) this.press(button.dataset.key); });
  }
}

const isSent = (message) => message.direction === "sent";
const strip = (screen) => (screen == null ? screen : screen.replace(/^(CON|END) /, ""));
const local = (msisdn) => msisdn.replace(/^254(\d{3})(\d{3})(\d{3})$/, "0$1 $2 $3");

/** A Kenyan mobile number as anyone writes it, in the form the network uses, or null. */
function international(typed) {
  const national = typed.replace(/\D/g, "").replace(/^(254|0)/, "");
  return /^[17]\d{8}$/.test(national) ? `254${national}` : null;
}

// ------------------------------------------------------------------------------------------------------------------ trouble

/** `slow-network` as a person would write it. */
const named = (what) => (what[0].toUpperCase() + what.slice(1)).replaceAll("-", " ").replace(/\bsms\b/i, "SMS").replace(/\bpin\b/i, "PIN");

/** Shown without being searched for: what a newcomer wants to see the service survive. */
const USUAL_TROUBLES = ["slow-network", "cut-after-con", "lost-answer", "duplicate-hop", "phone-off", "busy-line", "low-balance", "daraja-down"];

const trouble = {
  known: [],
  active: [],

  async load() {
    Object.assign(this, await ask("/faults").catch(() => ({ known: [], active: [] })));
    document.getElementById("trouble-count").textContent = this.active.length ? `${this.active.length} on` : "";
    this.paint();
  },

  paint() {
    const sought = document.getElementById("fault-search").value.trim().toLowerCase();
    const wanted = ({ what, says }) => sought
      ? `${what} ${says}`.toLowerCase().includes(sought)
      : USUAL_TROUBLES.includes(what) || this.active.some((fault) => fault.what === what);
    const rank = ({ what }) => (USUAL_TROUBLES.includes(what) ? USUAL_TROUBLES.indexOf(what) : USUAL_TROUBLES.length);
    const rows = this.known.filter(wanted).sort((a, b) => rank(a) - rank(b)).map(({ what, says }) => {
      const running = this.active.filter((fault) => fault.what === what);
      const box = draw("input", { type: "checkbox", role: "switch", checked: running.length > 0 });
      box.addEventListener("change", () => this.set(what, box.checked));
      const about = draw("span", {}, draw("b", {}, named(what)), draw("small", { title: says }, says),
        running.map((fault) => draw("em", {}, this.terms(fault))));
      return draw("li", {}, draw("label", {}, box, about));
    });
    document.getElementById("faults").replaceChildren(...rows.length ? rows : [draw("li", {}, "No trouble by that name.")]);
  },

  terms({ how_often: often, seconds_left: seconds, msisdn }) {
    const whom = msisdn ? handsets.find(({ line }) => line.msisdn === msisdn)?.line.name ?? local(msisdn) : "every phone";
    return `${whom}, ${often >= 1 ? "every time" : `1 time in ${Math.round(1 / often)}`}, ${Math.max(1, Math.ceil(seconds / 60))} min left`;
  },

  async set(what, on) {
    const chosen = (id) => document.getElementById(id).value;
    const msisdn = chosen("fault-whom");
    const order = { what, how_often: Number(chosen("fault-often")), how_long: Number(chosen("fault-long")), ...(msisdn && { msisdn }) };
    await (on ? ask("/faults", order) : ask(`/faults?what=${encodeURIComponent(what)}`, undefined, "DELETE")).catch(() => null);
    this.load();
  },

  fillWhom(people) {
    document.getElementById("fault-whom").append(...people.map((person) => draw("option", { value: person.msisdn }, person.name ?? local(person.msisdn))));
  },
};

// --------------------------------------------------------------------------------------------------------------------- page

const handsets = [];

function remember() { sessionStorage.setItem("phones", JSON.stringify(handsets.map((handset) => handset.line.msisdn))); }

function watch() {
  const state = document.getElementById("link-state");
  const events = new EventSource("/events");
  events.addEventListener("open", () => { state.textContent = ""; for (const handset of handsets) handset.refresh(); trouble.load(); });
  events.addEventListener("error", () => { state.textContent = "The simulators do not answer. Trying again…"; });
  events.addEventListener("message", ({ data }) => {
    const { msisdn, kind } = JSON.parse(data);
    if (kind === "reset") for (const handset of handsets) sessionStorage.removeItem(`seen ${handset.line.msisdn}`);
    if (kind === "faults" || !msisdn) trouble.load();
    for (const handset of handsets) if (!msisdn || handset.line.msisdn === msisdn) handset.refresh();
  });
}

async function begin() {
  const people = await ask("/phones").catch(() => []);
  const remembered = JSON.parse(sessionStorage.getItem("phones") ?? "[]");
  const chosen = [0, 1, 2].map((place) => remembered[place] ?? people[place]?.msisdn ?? `25471100000${place + 1}`);
  for (const [place, msisdn] of chosen.entries()) {
    const handset = new Handset(place, people);
    handsets.push(handset);
    document.getElementById("phones").append(handset.root);
    await handset.become(msisdn);
  }
  trouble.fillWhom(people);
  document.getElementById("fault-search").addEventListener("input", () => trouble.paint());
  await trouble.load();
  watch();
  setInterval(() => { for (const handset of handsets) if (handset.view instanceof Idle) handset.paint(); }, 20_000);
  document.getElementById("reset").addEventListener("click", async () => {
    await ask("/reset", {}).catch(() => null);
    for (const handset of handsets) await handset.become(handset.line.msisdn);
    trouble.load();
  });
  if (matchMedia("(max-width: 1199px)").matches) document.getElementById("trouble").open = false;
}

begin();
