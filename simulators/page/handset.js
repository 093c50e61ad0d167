// A handset. It knows three things: what the simulators say about its line (`line`), what its owner is looking at (a stack
// of views, over which calls, USSD dialogs and M-PESA prompts are laid), and how to draw the top one.

import { Call, CallOver } from "./call.js";
import { ask } from "./control.js";
import { Prompt, Ussd } from "./dialogs.js";
import { clockTime, draw, international, local, shillings } from "./draw.js";
import { PRINTED } from "./field.js";
import { sounds } from "./sounds.js";
import { Idle, News, Notice, Threads, isSent } from "./views.js";
import { WORDS } from "./words.js";

const HOLD_MS = 550;
const LIGHT_MS = 15_000;
const PLASTICS = ["petrol", "charcoal", "clay"];
const strip = (screen) => (screen == null ? screen : screen.replace(/^(CON|END) /, ""));

export class Handset {
  line = { msisdn: "", name: null, open: false, screen: null, unread: 0, prompt: null, call: null, balance: null };
  stack = [];
  ussd = null;
  prompt = null;
  call = null;
  lastReceived = 0;                            // the newest message its owner's phone has made a noise about
  lastCall = null;                             // the newest call that is over
  hop = 0;                                     // counts requests, so that an answer nobody waits for any more is dropped

  constructor(place, people, changed) {
    this.place = place;
    this.changed = changed;                    // told when the phone gets another owner
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
    this.ussd = this.prompt = this.call = this.lastCall = null;
    this.line = { msisdn, unread: 0 };
    this.ringAgain(false);
    const person = this.people.find((known) => known.msisdn === msisdn);
    this.setLanguage(person?.language === "sw" ? "sw" : "en");
    this.fillRiders();
    this.part(".body").setAttribute("aria-label", `Phone of ${person?.name ?? msisdn}. Type to use it.`);
    this.wake();
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
    this.noticeCall(line, first);
    const view = this.stack.at(-1);
    if (line.unread !== before.unread && view.load) view.load();
    if (first || line.unread > (before.unread ?? 0)) await this.noticeMessages(first);
    this.paint();
  }

  /** Makes itself heard when a message has come, and shows it unless its owner is doing something else. */
  async noticeMessages(first) {
    const { msisdn } = this.line;
    const inbox = await this.ask("inbox").catch(() => []);
    if (msisdn !== this.line.msisdn) return;
    const newest = inbox.at(-1);
    const fresh = newest && newest.id > this.lastReceived;
    this.lastReceived = newest?.id ?? 0;
    if (first || !fresh) return;
    this.wake();
    this.shake();
    sounds.message();
    const top = this.stack.at(-1);
    const untouched = top instanceof News || (top instanceof Idle && !top.number.value);
    if (!untouched) return;
    if (top instanceof News) this.stack.pop();
    this.stack.push(new News(this, newest, this.line.unread));
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

  noticeCall({ call, last_call: last }, first) {
    if (call && this.call?.about.id === call.id) this.call.hear(call);
    else if (call) this.call = new Call(this, call);
    else this.call = null;
    if (last && last.id !== this.lastCall?.id) {
      if (!first) this.open(new CallOver(this, last, this.hungUp));
      this.lastCall = last;
      this.hungUp = false;
    }
    this.ringAgain(this.call?.ringing ?? false);
    if (call) this.wake();
  }

  ringAgain(ringing) {
    if (!ringing) { clearInterval(this.ringing); this.ringing = null; }
    else if (!this.ringing) {
      sounds.ring();
      this.ringing = setInterval(() => sounds.ring(), 2500);
    }
  }

  // The light of its screen, and its vibration

  wake() {
    this.root.classList.remove("dim");
    clearTimeout(this.dimming);
    this.dimming = setTimeout(() => {
      if (this.view instanceof Idle && !this.line.unread) this.root.classList.add("dim");
    }, LIGHT_MS);
  }

  shake() {
    const body = this.part(".body");
    body.classList.remove("buzzing");
    void body.offsetWidth;                                            // so that the same animation begins anew
    body.classList.add("buzzing");
  }

  // What its owner does

  async dial(code) {
    this.lastDialled = code;
    if (!/^\*.+#$/.test(code)) return this.ring(code);
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
    this.refresh();
  }

  async answerPrompt(answer) {
    this.prompt = null;
    this.paint();
    await this.ask("prompt", { answer }).catch((refusal) => this.open(new Notice(this, refusal.message)));
    this.refresh();
  }

  async ring(number) {
    await this.ask("ring", { to: number }).catch(() => this.open(new Notice(this, this.call ? this.words.busy : this.words.unavailable)));
    this.refresh();
  }

  async answerCall() { await this.inCall(""); }
  async pressInCall(keys) { await this.inCall(keys); }
  async inCall(keys) {
    this.ringAgain(false);
    await this.ask("call", { keys }).catch(() => null);
    this.refresh();
  }
  async hangUpCall() {
    this.hungUp = true;
    this.ringAgain(false);
    await this.ask("hang-up", {}).catch(() => null);
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
  replace(view) { this.stack.pop(); this.open(view); }
  leave() { if (this.stack.length > 1) this.stack.pop(); this.stack.at(-1).load?.(); this.paint(); }
  home() { this.stack.length = 1; this.stack[0].number.value = ""; this.paint(); }

  // Keys

  press(key) {
    const { view } = this;
    sounds.key(key);
    this.wake();
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
    this.wake();
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
    if (scrolling?.hasAttribute("data-end")) scrolling.scrollTop = scrolling.scrollHeight;
    screen.querySelector("[aria-current=true], li[aria-current]")?.scrollIntoView({ block: "nearest" });
    this.painted = view;
    this.minute = clockTime(new Date());
    this.part(".aside-keys").replaceChildren(...(view.beside?.() ?? []));
    const purse = this.line.balance == null ? "" : `M-PESA Ksh ${shillings(this.line.balance)}`;
    this.part(".purse").replaceChildren(draw("span", {}, local(this.line.msisdn)), draw("span", {}, purse));
    this.part('[data-key="left"]').setAttribute("aria-label", view.left?.[0] ?? "Left soft key");
    this.part('[data-key="right"]').setAttribute("aria-label", view.right?.[0] ?? "Right soft key");
    this.part(".body").classList.toggle("ringing", view instanceof Call && view.ringing);
    this.part(".body").classList.toggle("listening", view instanceof Call && view.listening);
    const badge = this.part(".badge");
    badge.hidden = !this.line.unread;
    badge.textContent = this.line.unread;
    badge.setAttribute("aria-label", this.words.fresh(this.line.unread));
    const spoken = this.part(".spoken");
    if (spoken.textContent !== view.said) spoken.textContent = view.said;
  }

  statusBar() {
    const { network = "", unread } = this.line;
    return draw("div", { class: "status" },
      draw("i", { class: "signal", title: "Signal" }, [1, 2, 3, 4].map(() => draw("b"))),
      draw("span", { class: "network" }, network.slice(0, 1).toUpperCase() + network.slice(1)),
      unread > 0 && draw("i", { class: "envelope", title: this.words.fresh(unread) }),
      draw("span", { class: "hour" }, clockTime(new Date())),
      draw("i", { class: "battery", title: "Battery" }));
  }

  softLabels(view) {
    return draw("div", { class: "soft-labels" }, draw("span", {}, view.left?.[0] ?? ""), draw("span", {}, view.right?.[0] ?? ""));
  }

  /** Once a second: what changes by itself. */
  tick() {
    const { view } = this;
    if ((view instanceof Call && view.since) || this.minute !== clockTime(new Date())) this.paint();
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
    this.part(".screen").addEventListener("pointerdown", () => { this.wake(); body.focus({ preventScroll: true }); });
    this.part(".badge").addEventListener("click", () => {
      if (!this.ussd?.open) this.ussd = null;                          // a last screen that was not put away yet
      this.home();
      this.open(new Threads(this));
      body.focus({ preventScroll: true });
    });
    for (const button of this.root.querySelectorAll("[data-language]")) {
      button.addEventListener("click", () => { this.setLanguage(button.dataset.language); this.paint(); });
    }
    this.part(".rider").addEventListener("change", ({ target }) => {
      this.part(".other").hidden = target.value !== "";
      if (target.value) this.become(target.value).then(this.changed);
      else this.part(".other input").focus();
    });
    this.part(".other").addEventListener("submit", (event) => {
      event.preventDefault();
      const msisdn = international(this.part(".other input").value);
      if (!msisdn) return this.part(".other input").select();
      this.part(".other").hidden = true;
      this.become(msisdn).then(this.changed);
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
