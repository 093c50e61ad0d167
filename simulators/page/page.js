// The wall of phones: whose they are, what happens on them, and time.

import { alarms } from "./alarms.js";
import { ask, loadSettings, outside } from "./control.js";
import { elapsed, local } from "./draw.js";
import { Handset } from "./handset.js";
import { trouble } from "./trouble.js";

/** Three phones for each thing worth watching. */
const LAYOUTS = {
  alarm: ["254711000001", "254711000003", "254711000004"],
  riders: ["254711000001", "254711000002", "254711000009"],
};

const handsets = [];
const owners = () => handsets.map((handset) => handset.line.msisdn);

function changed() {
  sessionStorage.setItem("phones", JSON.stringify(owners()));
  const shown = Object.keys(LAYOUTS).find((name) => LAYOUTS[name].join() === owners().join());
  for (const choice of document.querySelectorAll("[data-layout]")) choice.setAttribute("aria-pressed", choice.dataset.layout === shown);
  if (!shown) return;
  for (const help of document.querySelectorAll("[data-for]")) help.hidden = help.dataset.for !== shown;
}

async function layOut(name) {
  await Promise.all(LAYOUTS[name].map((msisdn, place) => handsets[place].become(msisdn)));
  changed();
}

function watch() {
  const state = document.getElementById("link-state");
  const events = new EventSource("/events");
  events.addEventListener("open", () => {
    state.textContent = "";
    for (const handset of handsets) handset.refresh();
    trouble.load();
    alarms.soon();
  });
  events.addEventListener("error", () => { state.textContent = "The simulators do not answer. Trying again…"; });
  events.addEventListener("message", ({ data }) => {
    const { msisdn, kind } = JSON.parse(data);
    if (kind === "reset") startOver();
    if (kind === "faults") trouble.load();
    if (kind === "sms" || kind === "call") alarms.soon();
    for (const handset of handsets) if (msisdn && handset.line.msisdn === msisdn) handset.refresh();
  });
}

/** The simulators have forgotten everything, and so does this page. */
async function startOver() {
  for (const msisdn of owners()) sessionStorage.removeItem(`seen ${msisdn}`);
  alarms.forget();
  trouble.load();
  await Promise.all(handsets.map((handset) => handset.become(handset.line.msisdn)));
}

async function advance(seconds) {
  await outside.advance(seconds).catch(() => null);
  document.getElementById("skipped").textContent = outside.aheadMs ? `${elapsed(outside.aheadMs / 1000)} ahead` : "";
  alarms.tick();
}

async function begin() {
  const [people] = await Promise.all([ask("/phones").catch(() => []), loadSettings()]);
  const remembered = JSON.parse(sessionStorage.getItem("phones") ?? "[]");
  for (const [place, msisdn] of LAYOUTS.alarm.entries()) {
    const handset = new Handset(place, people, changed);
    handsets.push(handset);
    document.getElementById("phones").append(handset.root);
    await handset.become(remembered[place] ?? msisdn);
  }
  changed();
  await Promise.all([trouble.begin(people, (msisdn) => people.find((person) => person.msisdn === msisdn)?.name ?? local(msisdn)), alarms.begin()]);
  watch();
  setInterval(() => { for (const handset of handsets) handset.tick(); }, 1000);
  for (const choice of document.querySelectorAll("[data-layout]")) choice.addEventListener("click", () => layOut(choice.dataset.layout));
  for (const choice of document.querySelectorAll("[data-advance]")) choice.addEventListener("click", () => advance(Number(choice.dataset.advance)));
  document.getElementById("reset").addEventListener("click", () => ask("/reset", {}).catch(() => null));
  advance(0);
  document.getElementById("phones").removeAttribute("aria-busy");
  if (matchMedia("(max-width: 1199px)").matches) document.getElementById("trouble").open = false;
}

begin();
