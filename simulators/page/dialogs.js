// What others lay over a phone: the network's dialog, and M-PESA's.

import { deedButton, draw } from "./draw.js";
import { Field } from "./field.js";
import { View, dialog, waiting } from "./views.js";

/** The network's dialog: it has nothing but a text, perhaps a line to answer on, and two keys. */
export class Ussd extends View {
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
export class Prompt extends View {
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
