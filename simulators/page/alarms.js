// The clock of an alarm: a strip that runs from the first message with its number until the phones are told that it is over.
// The simulators read the stations off the phones' messages and calls; nothing here knows the gateway.

import { ask, outside } from "./control.js";
import { draw, elapsed, local } from "./draw.js";

/** The stations in their order; those marked so are shown only when they were reached. */
const STATIONS = [
  { station: "raised", label: "Raised" },
  { station: "alerted", label: "Alerted" },
  { station: "called", label: "Rung", onlyReached: true },
  { station: "coming", label: "Coming" },
  { station: "arrived", label: "Arrived" },
  { station: "done", label: "Done" },
  { station: "cancelled", label: "Called off", onlyReached: true },
];
/** Phones told within so many seconds of each other were told at once. */
const AT_ONCE_S = 3;

export const alarms = {
  all: [],
  shown: null,                                                          // the number a person picked
  hidden: new Set(JSON.parse(sessionStorage.getItem("hidden alarms") ?? "[]")),

  begin() {
    this.strip = document.getElementById("alarm");
    this.part = (selector) => this.strip.querySelector(selector);
    this.part("select").addEventListener("change", ({ target }) => { this.shown = target.value; this.paint(); });
    this.part(".put-away").addEventListener("click", () => this.putAway());
    setInterval(() => this.tick(), 500);
    return this.load();
  },

  /** Asks again soon; several changes at once make one question. */
  soon() {
    this.waiting ??= setTimeout(() => { this.waiting = null; this.load(); }, 80);
  },

  async load() {
    const [all] = await Promise.all([ask("/alarms").catch(() => []), outside.load()]);
    const newest = all[0]?.number;
    if (newest !== this.all[0]?.number) this.shown = null;
    this.all = all;
    this.paint();
  },

  forget() {
    this.hidden.clear();
    this.keepHidden();
    this.soon();
  },

  putAway() {
    if (this.current) this.hidden.add(this.current.number);
    this.shown = null;
    this.keepHidden();
    this.paint();
  },

  keepHidden() { sessionStorage.setItem("hidden alarms", JSON.stringify([...this.hidden])); },

  get visible() { return this.all.filter(({ number }) => !this.hidden.has(number)); },
  get current() { return this.visible.find(({ number }) => number === this.shown) ?? this.visible[0]; },

  paint() {
    const alarm = this.current;
    this.strip.hidden = !alarm;
    if (!alarm) return;
    this.strip.dataset.state = alarm.over_at ? "over" : reached(alarm, "coming") ? "answered" : "open";
    const picker = this.part("select");
    picker.replaceChildren(...this.visible.map(({ number }) => draw("option", { value: number, selected: number === alarm.number }, `SOS ${number}`)));
    picker.disabled = this.visible.length < 2;
    const next = STATIONS.find(({ station, onlyReached }) => !onlyReached && !reached(alarm, station))?.station;
    const calledOff = reached(alarm, "cancelled");
    const rows = STATIONS
      .filter(({ station, onlyReached }) => reached(alarm, station) || (!onlyReached && !calledOff))
      .map(({ station, label }) => this.row(alarm, station, label, !alarm.over_at && station === next));
    const list = this.part(".stations");
    const said = rows.map((row) => row.textContent).join();
    // Only what has changed is drawn, so that a screen reader tells it once.
    if (this.painted !== said) {
      list.replaceChildren(...rows);
      this.painted = said;
      const at = list.querySelector(".next") ?? list.lastElementChild;
      list.scrollLeft = at.offsetLeft - list.offsetLeft - list.clientWidth + at.offsetWidth;
    }
    this.tick();
  },

  row(alarm, station, label, isNext) {
    const told = reached(alarm, station);
    const about = told ? summary(station, told) : isNext ? "waiting" : "";
    return draw("li", { class: told ? `reached ${station}` : isNext ? "next" : "ahead" },
      draw("b", {}, told && counted(station) ? `${label} ${told.phones.length}` : label),
      told && draw("time", {}, elapsed(seconds(alarm.raised_at, told.at))),
      draw("small", { title: told?.says || about }, about));
  },

  tick() {
    const alarm = this.current;
    if (!alarm) return;
    const until = alarm.over_at ? Date.parse(alarm.over_at) : outside.now();
    this.part(".running").textContent = elapsed((until - Date.parse(alarm.raised_at)) / 1000);
  },
};

const reached = (alarm, station) => alarm.stations.find((told) => told.station === station);
const counted = (station) => station === "alerted" || station === "called";
const seconds = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;
const called = ({ name, msisdn }) => (/^Rider \d+$/.test(name) ? local(msisdn) : name);

/** What stands below a station: whose phones, or the words they read. */
function summary(station, { at, phones, says }) {
  if (station === "raised") return phones.map(called).join(", ");
  if (counted(station)) {
    const [first, later] = [true, false].map((atOnce) => phones.filter((phone) => (seconds(at, phone.at) <= AT_ONCE_S) === atOnce));
    return [first, later].filter((some) => some.length).map((some) => some.map(called).join(", ")).join(", then ");
  }
  return says.replace(/^SOS \d+:\s*/, "");
}
