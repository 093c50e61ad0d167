// Trouble by order: the simulators' closed list, sorted as people think of it.

import { ask } from "./control.js";
import { draw } from "./draw.js";

/** What a newcomer wants to see the service survive, in a person's words; the rest is found by searching. */
const USUAL = {
  Line: {
    "slow-network": "Slow network", "cut-after-con": "Dropped session", "lost-answer": "Lost answer", "duplicate-hop": "Doubled request",
    "phone-off": "Phone is switched off",
  },
  SMS: {
    "sms-down": "Provider A is down", "sms-silent": "Provider A hangs", "report-missing": "A’s reports are lost",
    "sms-never-arrives": "Provider A loses messages", "twilio-down": "Provider B is down", "twilio-silent": "Provider B hangs",
    "twilio-report-missing": "B’s reports are lost", "report-late": "A’s reports come late", "inbound-doubled": "Texts come in twice",
  },
  Calls: {
    "call-down": "Calls cannot be placed", "call-busy": "Phone is busy", "call-absent": "Phone cannot be found", "call-mailbox": "A mailbox picks up",
    "call-no-callback": "Call is never heard of",
  },
  "M-PESA": { "daraja-down": "M-PESA is down", "busy-line": "Busy line", "low-balance": "Low balance", "callback-lost": "Callback is lost" },
};

const PLAIN_NAMES = Object.assign({}, ...Object.values(USUAL));

/** `slow-network` as a person would write it. */
const named = (what) => PLAIN_NAMES[what]
  ?? (what[0].toUpperCase() + what.slice(1)).replaceAll("-", " ").replace(/\bsms\b/i, "SMS").replace(/\bpin\b/i, "PIN");

export const trouble = {
  known: [],
  active: [],
  room: "Line",

  /** `nameOf` says whose number it is. */
  begin(people, nameOf) {
    this.nameOf = nameOf;
    document.getElementById("fault-whom").append(...people.map(({ msisdn }) => draw("option", { value: msisdn }, nameOf(msisdn))));
    document.getElementById("fault-search").addEventListener("input", () => this.paint());
    document.getElementById("fault-rooms").append(...Object.keys(USUAL).map((room) => {
      const choice = draw("button", { type: "button", "aria-pressed": String(room === this.room) }, room);
      choice.addEventListener("click", () => this.choose(room));
      return choice;
    }));
    return this.load();
  },

  choose(room) {
    this.room = room;
    document.getElementById("fault-search").value = "";
    for (const choice of document.querySelectorAll("#fault-rooms button")) choice.setAttribute("aria-pressed", choice.textContent === room);
    this.paint();
  },

  async load() {
    Object.assign(this, await ask("/faults").catch(() => ({ known: [], active: [] })));
    document.getElementById("trouble-count").textContent = this.active.length ? `${this.active.length} on` : "";
    this.paint();
  },

  paint() {
    const sought = document.getElementById("fault-search").value.trim().toLowerCase();
    const usual = Object.keys(USUAL[this.room]);
    const on = (what) => this.active.some((fault) => fault.what === what);
    const wanted = ({ what, says }) => on(what) || (sought ? `${what} ${named(what)} ${says}`.toLowerCase().includes(sought) : usual.includes(what));
    const rank = ({ what }) => (on(what) ? -1 : usual.includes(what) ? usual.indexOf(what) : usual.length);
    const rows = this.known.filter(wanted).sort((a, b) => rank(a) - rank(b)).map((fault) => this.row(fault));
    document.getElementById("faults").replaceChildren(...rows.length ? rows : [draw("li", {}, "No trouble by that name.")]);
  },

  row({ what, says }) {
    const running = this.active.filter((fault) => fault.what === what);
    const box = draw("input", { type: "checkbox", role: "switch", checked: running.length > 0 });
    box.addEventListener("change", () => this.set(what, box.checked));
    const about = draw("span", {}, draw("b", {}, named(what)), draw("small", { title: says }, says),
      running.map((fault) => draw("em", {}, this.terms(fault))));
    return draw("li", {}, draw("label", {}, box, about));
  },

  terms({ how_often: often, seconds_left: seconds, msisdn }) {
    const whom = msisdn ? this.nameOf(msisdn) : "every phone";
    return `${whom}, ${often >= 1 ? "every time" : `1 time in ${Math.round(1 / often)}`}, ${Math.max(1, Math.ceil(seconds / 60))} min left`;
  },

  async set(what, on) {
    const chosen = (id) => document.getElementById(id).value;
    const msisdn = chosen("fault-whom");
    const order = { what, how_often: Number(chosen("fault-often")), how_long: Number(chosen("fault-long")), ...(msisdn && { msisdn }) };
    await (on ? ask("/faults", order) : ask(`/faults?what=${encodeURIComponent(what)}`, undefined, "DELETE")).catch(() => null);
    this.load();
  },
};
