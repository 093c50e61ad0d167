// Walks through the product in a real browser, as people would: a first payment, from the keypad to the receipt; then an
// alarm, from Amina's phone to a coordinator's answer and its end. Fails if anything does not come, or if the page complains
// in its console.
//
//     node simulators/browser/walk.mjs [--url http://127.0.0.1:8090/] [--phones docs/phone.png] [--emergency docs/emergency.png]
//
// Needs the running demo, Chromium and chromedriver.

import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { withBrowser } from "./page.mjs";

const { values: given } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:8090/" },
    phones: { type: "string" },
    emergency: { type: "string" },
    pin: { type: "string", default: "4826" },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
  },
});

// An alarm of the demo is followed by calls when nobody has answered for a while.
const RING_PATIENCE_MS = 100_000;
const ENTER = "\uE007";
// Places of the phones, from the left, in either layout.
const AMINA = 0;
const JUMA = 1;
const WAMBUI_BESIDE_RIDERS = 2;
const WAMBUI = 1;
const ODHIAMBO = 2;

async function walk(page) {
  await page.open(given.url);
  await page.until("three phones", () => page.run("return document.querySelectorAll('#phones:not([aria-busy]) .screen[data-view]').length === 3"));
  await pay(page);
  await callForHelp(page);
  const complaints = (await page.complaints()).filter(({ level }) => level === "SEVERE");
  if (complaints.length) throw new Error(`the page complained: ${complaints.map(({ message }) => message).join("; ")}`);
}

async function pay(page) {
  await page.layOut("riders");
  await page.give(WAMBUI_BESIDE_RIDERS, "254711000003");
  told("Amina dials on the keypad");
  await page.putDown(AMINA);
  for (const key of "*384*123#") await page.press(AMINA, key);
  await page.press(AMINA, "call");
  await page.screenSays(AMINA, /contribute|pay|lipa/i);

  told("and follows the menu to the PIN");
  await chooseUntil(page, /PIN/);

  told("her KwaStage PIN ends the session");
  await page.focus(AMINA);
  await page.type(given.pin);
  await page.press(AMINA, "left");
  await page.until("the last screen", async () => (await page.screen(AMINA)) !== "" && !(await page.has(AMINA, ".answer")));

  told("M-PESA asks over everything");
  await page.prompt(AMINA);
  await page.focus(AMINA);
  await page.type("1234");
  await page.press(AMINA, "ok");

  told("the receipt comes");
  const receipt = await readMessage(page, AMINA, /code:?\s+\w{4}/i);
  console.log(`    ${receipt.replaceAll("\n", "\n    ")}`);

  if (!given.phones) return;
  told("Juma looks at the menu while M-PESA asks Wambui");
  await page.focus(WAMBUI_BESIDE_RIDERS);
  await page.type(`*384*123*2*200#${ENTER}`);
  await page.screenSays(WAMBUI_BESIDE_RIDERS, /PIN/);
  await page.type(`${given.pin}${ENTER}`);
  await page.prompt(WAMBUI_BESIDE_RIDERS);
  await page.type("12");
  await page.focus(JUMA);
  await page.type(`*384*123#${ENTER}`);
  await page.until("Juma's menu", () => page.has(JUMA, ".answer"));
  await photograph(page, given.phones);
  // Nothing is left open: neither her payment nor his call.
  await page.press(WAMBUI_BESIDE_RIDERS, "end");
  await page.press(JUMA, "end");
  await page.until("both to put their phones away", async () => (await page.shows(JUMA, "idle")) && !(await page.shows(WAMBUI_BESIDE_RIDERS, "prompt")));
}

async function callForHelp(page) {
  await page.layOut("alarm");
  for (const phone of [AMINA, WAMBUI, ODHIAMBO]) await page.putDown(phone);
  told("Amina dials *384*123*9# and hangs up");
  await page.focus(AMINA);
  await page.type(`*384*123*9#${ENTER}`);
  const [, number] = (await page.screenSays(AMINA, /\b(\d{2,})\b/)).match(/\b(\d{2,})\b/);
  await page.press(AMINA, "end");

  told(`both coordinators' phones light up with alarm ${number}`);
  for (const phone of [WAMBUI, ODHIAMBO]) {
    await page.until("the alert", async () => (await page.shows(phone, "news")) && (await page.glance(phone)).includes(`SOS ${number}`));
  }
  await page.until("the clock", async () => (await page.reached("alerted")) && (await page.run("return document.querySelector('#alarm select').value")) === number);

  told("Wambui's phone rings, because nobody answers");
  await page.until("a ringing phone", () => page.has(WAMBUI, ".body.ringing"), RING_PATIENCE_MS);
  await page.until("a ringing phone", () => page.has(ODHIAMBO, ".body.ringing"), RING_PATIENCE_MS);

  told("Odhiambo picks up, listens, and presses 1");
  await page.press(ODHIAMBO, "left");
  await page.until("the question", () => page.has(ODHIAMBO, ".body.listening"));
  console.log(`    ${(await page.glance(ODHIAMBO)).replaceAll("\n", " ")}`);
  if (given.emergency) await photograph(page, given.emergency);
  await page.press(ODHIAMBO, "1");
  await page.press(WAMBUI, "end");
  await page.until("somebody to come", () => page.reached("coming"));

  told("and texts how long he needs; she reads who comes");
  await page.putDown(ODHIAMBO);
  await answer(page, `${number} 8`);
  await page.until("his name and minutes on her phone", async () => /Odhiambo.*\b8\b/s.test(await page.glance(AMINA)));

  told("he is there, and it is over");
  await answer(page, `HERE ${number}`);
  await page.until("the arrival", () => page.reached("arrived"));
  await answer(page, `DONE ${number}`);
  await page.until("the end", () => page.reached("done"));
  for (const phone of [AMINA, WAMBUI, ODHIAMBO]) await page.putDown(phone);
}

/** Odhiambo writes to KwaStage. */
async function answer(page, text) {
  await page.putDown(ODHIAMBO);
  await page.press(ODHIAMBO, "right", "bottom", "ok");
  await page.until("an empty message", () => page.shows(ODHIAMBO, "compose"));
  await page.focus(ODHIAMBO);
  await page.type(text);
  await page.press(ODHIAMBO, "left");
  await page.until("the message to be sent", async () => !(await page.shows(ODHIAMBO, "compose")));
}

async function photograph(page, file) {
  await page.run("document.activeElement.blur()");
  await page.until("the keys to come up", async () => !(await page.run("return document.querySelector('.body .pressed')")));
  await page.until("lights to settle", () => page.run("return document.getAnimations().every((animation) => !(animation instanceof CSSTransition))"));
  await writeFile(file, await page.picture());
}

/** Picks options by what they say, until a screen asks for what is wanted. */
async function chooseUntil(page, wanted) {
  const ways = [/contribut|changia/i, /^clear|this (time|week)|deni|mchango/i, /start again|anza upya/i];
  for (let hop = 0; hop < 5; hop += 1) {
    const screen = await page.screenSays(AMINA, /\S/);
    if (wanted.test(screen)) return;
    const options = [...screen.matchAll(/^(\d+)[.:)]?\s+(.+)$/gm)].map(([, digit, label]) => ({ digit, label }));
    const choice = ways.map((way) => options.find(({ label }) => way.test(label))).find(Boolean);
    if (!choice) throw new Error(`no way to pay on this screen:\n${screen}`);
    await page.press(AMINA, ...choice.digit);
    await page.press(AMINA, "left");
    await page.until("the next screen", async () => {
      const now = await page.screen(AMINA);
      return now !== screen && now !== "";
    });
  }
  throw new Error("the menu never asked for the PIN");
}

/** Opens the inbox and waits for a message like that (M-PESA's own comes as well), opens its thread and reads it. */
async function readMessage(page, phone, wanted) {
  await page.openInbox(phone);
  const previews = () => page.run("return [...document.querySelectorAll('.handset')[arguments[0]].querySelectorAll('.list small')].map((line) => line.textContent)", phone);
  let place = -1;
  await page.until("the message", async () => (place = (await previews()).findIndex((text) => wanted.test(text))) >= 0);
  await page.press(phone, ...Array(place).fill("bottom"), "ok");
  await page.until("the messages", () => page.has(phone, ".bubble"));
  return page.run("return [...document.querySelectorAll('.handset')[arguments[0]].querySelectorAll('.bubble p')].at(-1).textContent", phone);
}

function told(what) { console.log(what); }

try {
  await withBrowser(given.chromium, walk);
  console.log("Paid and receipted; raised, answered and over.");
} catch (failure) {
  console.error(`Failed: ${failure.message}`);
  process.exitCode = 1;
}
