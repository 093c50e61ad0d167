// What a phone shows while its owner uses it: home, lists, messages. Calls and the network's dialogs are laid over these.

import { settings } from "./control.js";
import { clockTime, draw, local, nairobi } from "./draw.js";
import { Field } from "./field.js";

export const isSent = (message) => message.direction === "sent";
export const dialog = (...content) => draw("div", { class: "veil" }, draw("div", { class: "dialog" }, ...content));
export const waiting = (text) => dialog(draw("p", { class: "text wait" }, draw("i", { class: "turning" }), text));

/** What a phone can show. A view draws itself and says what its keys do; the handset does the rest. */
export class View {
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

export class Idle extends View {
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
      { label: "KwaStage", under: settings.service_code, pick: () => { this.phone.home(); this.phone.dial(settings.service_code); } },
      { label: "KwaStage SMS", under: settings.short_code, pick: () => this.phone.open(new Compose(this.phone, settings.short_code)) },
      { label: this.words.hotline, under: local(settings.voice_number), pick: () => { this.phone.home(); this.phone.ring(settings.voice_number); } },
    ];
  }
}

export class Threads extends List {
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

/** A message that has just come, over whatever the phone showed while nobody used it. */
export class News extends View {
  constructor(phone, message, count) { super(phone); Object.assign(this, { message, count }); }
  get left() { return [this.words.show, () => this.phone.replace(new Thread(this.phone, this.message.from))]; }
  get right() { return [this.words.exit, () => this.phone.leave()]; }
  get said() { return `${this.words.fresh(this.count)}. ${this.message.text}`; }
  choose(key) { this.phone.home(); this.phone.press(key); }
  body() {
    return dialog(
      draw("p", { class: "over" }, draw("b", {}, this.words.fresh(this.count)), draw("span", {}, this.message.from)),
      draw("p", { class: "text", "data-scroll": true }, this.message.text));
  }
}

export class Notice extends View {
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
