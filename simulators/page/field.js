// Typing: digits as they are, letters by tapping a key until the right one shows.

import { draw } from "./draw.js";

const NEXT_LETTER_MS = 900;

const LETTERS = {
  1: ".,?!1'-()@/:", 2: "abc2", 3: "def3", 4: "ghi4", 5: "jkl5", 6: "mno6", 7: "pqrs7", 8: "tuv8", 9: "wxyz9", 0: " 0+", "*": "*#+%&=",
};
export const PRINTED = { 1: ".,?", 2: "abc", 3: "def", 4: "ghi", 5: "jkl", 6: "mno", 7: "pqrs", 8: "tuv", 9: "wxyz", "*": "", 0: "+", "#": "⇧" };

/** One line or message being typed: digits as they are, letters by tapping a key until the right one shows. */
export class Field {
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

