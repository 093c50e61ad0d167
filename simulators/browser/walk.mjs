// Walks through a first payment in a real browser, as a rider would: dials on the keypad, follows the menu, approves the
// M-PESA prompt and reads the receipt. Fails if anything does not come, or if the page complains in its console.
//
//     node simulators/browser/walk.mjs [--url http://127.0.0.1:8090/] [--picture docs/phone.png]
//
// Needs the running demo, Chromium and chromedriver; no packages. It speaks the W3C WebDriver protocol over HTTP.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values: given } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:8090/" },
    picture: { type: "string" },
    pin: { type: "string", default: "4826" },
    chromium: { type: "string", default: process.env.CHROMIUM ?? "/usr/bin/chromium" },
  },
});

const PATIENCE_MS = 20_000;
const ENTER = "\uE007";
const AMINA = 0;
const JUMA = 1;
const WAMBUI = 2;

async function walk(page) {
  await page.open(given.url);
  await page.until("three phones", () => page.run("return document.querySelectorAll('.handset .screen[data-view]').length === 3"));

  told("Amina dials on the keypad");
  for (const key of "*384*123#") await page.press(AMINA, key);
  await page.press(AMINA, "call");
  await page.screenSays(AMINA, /contribute|pay|lipa/i);

  told("and follows the menu to the PIN");
  await chooseUntil(page, /PIN/);

  told("her KwaStage PIN ends the session");
  await page.focus(AMINA);
  await page.type(given.pin);
  await page.press(AMINA, "left");
  await page.until("the last screen", async () => await page.has(AMINA, ".dialog .text:not(.wait)") && !(await page.has(AMINA, ".answer")));

  told("M-PESA asks over everything");
  await page.until("the M-PESA prompt", () => page.shows(AMINA, "prompt"));
  await page.focus(AMINA);
  await page.type("1234");
  await page.press(AMINA, "ok");

  told("the receipt comes");
  await page.until("an unread message", () => page.has(AMINA, ".envelope"));
  while (!(await page.shows(AMINA, "idle"))) await page.press(AMINA, "end");
  await page.press(AMINA, "left", "ok");
  const receipt = await readThread(page, /code:?\s+\w{4}/i);
  console.log(`    ${receipt.replaceAll("\n", "\n    ")}`);

  if (given.picture) {
    await page.focus(JUMA);
    await page.type(`*384*123#${ENTER}`);
    await page.until("Juma's menu", () => page.has(JUMA, ".answer"));
    // A direct dial, about to be made.
    await page.focus(WAMBUI);
    await page.type("*384*123*2*200#");
    await page.run("document.activeElement.blur()");
    await page.until("the keys to come up", async () => !(await page.has(WAMBUI, ".pressed")));
    await writeFile(given.picture, await page.picture());
  }
  const complaints = (await page.complaints()).filter(({ level }) => level === "SEVERE");
  if (complaints.length) throw new Error(`the page complained: ${complaints.map(({ message }) => message).join("; ")}`);
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

/** Waits in the inbox for a message like that (M-PESA's own comes as well), opens its thread and reads it. */
async function readThread(page, wanted) {
  const previews = () => page.run("return [...document.querySelectorAll('.handset')[0].querySelectorAll('.list small')].map((line) => line.textContent)");
  let place = -1;
  await page.until("the receipt", async () => (place = (await previews()).findIndex((text) => wanted.test(text))) >= 0);
  await page.press(AMINA, ...Array(place).fill("bottom"), "ok");
  await page.until("the messages", () => page.has(AMINA, ".bubble"));
  return page.run("return [...document.querySelectorAll('.handset')[0].querySelectorAll('.bubble p')].at(-1).textContent");
}

function told(what) { console.log(what); }

/** The page, as a person has it. Phones are counted from 0. */
class Page {
  constructor(session) { this.session = session; }

  open(url) { return this.session("POST", "/url", { url }); }
  run(script, ...args) { return this.session("POST", "/execute/sync", { script, args }); }
  complaints() { return this.session("POST", "/se/log", { type: "browser" }); }
  async picture() { return Buffer.from(await this.session("GET", "/screenshot"), "base64"); }

  /** Whether a phone shows something that a selector finds. */
  has(phone, selector) { return this.run("return document.querySelectorAll('.handset')[arguments[0]].querySelector(arguments[1]) !== null", phone, selector); }
  focus(phone) { return this.run("document.querySelectorAll('.handset .body')[arguments[0]].focus()", phone); }
  shows(phone, view) { return this.run("return document.querySelectorAll('.handset .screen')[arguments[0]].dataset.view === arguments[1]", phone, view); }

  /** The text of the USSD dialog, or nothing while the network is being asked. */
  screen(phone) {
    return this.run("const text = document.querySelectorAll('.handset')[arguments[0]].querySelector('.dialog .text:not(.wait)'); return text ? text.textContent : ''", phone);
  }

  async screenSays(phone, pattern) {
    let said = "";
    await this.until(`a screen like ${pattern}`, async () => pattern.test((said = await this.screen(phone))));
    return said;
  }

  /** Presses keys of a phone with the pointer. */
  async press(phone, ...keys) {
    for (const key of keys) {
      const place = await this.run(`
        const button = document.querySelectorAll('.handset')[arguments[0]].querySelector('.body [data-key="' + CSS.escape(arguments[1]) + '"]');
        button.scrollIntoView({ block: "nearest" });
        const box = button.getBoundingClientRect();
        return { x: Math.round(box.x + box.width / 2), y: Math.round(box.y + box.height / 2) };`, phone, key);
      const pointer = [{ type: "pointerMove", duration: 0, ...place }, { type: "pointerDown", button: 0 }, { type: "pointerUp", button: 0 }];
      await this.session("POST", "/actions", { actions: [{ type: "pointer", id: "mouse", actions: pointer }] });
    }
  }

  /** Types on the computer's keyboard. */
  type(text) {
    const strokes = [...text].flatMap((value) => [{ type: "keyDown", value }, { type: "keyUp", value }]);
    return this.session("POST", "/actions", { actions: [{ type: "key", id: "keyboard", actions: strokes }] });
  }

  async until(what, holds) {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}; the phone shows:\n${await this.run("return document.querySelector('.screen').innerText")}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Starts a browser of our own, hands its page over, and leaves nothing behind. */
async function withBrowser(deed) {
  const profile = await mkdtemp(join(tmpdir(), "kwastage-walk-"));
  const port = await freePort();
  const driver = spawn("chromedriver", [`--port=${port}`], { stdio: "ignore" });
  const stopped = new Promise((resolve) => driver.once("exit", resolve));
  const command = async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${path}: ${value.message}`);
    return value;
  };
  let session = null;
  try {
    await ready(() => command("GET", "/status"));
    session = await command("POST", "/session", { capabilities: { alwaysMatch: {
      "goog:loggingPrefs": { browser: "ALL" },
      "goog:chromeOptions": { binary: given.chromium, args: [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1280,800", `--user-data-dir=${profile}`,
      ] },
    } } });
    const inSession = (method, path, body) => command(method, `/session/${session.sessionId}${path}`, body);
    // The window's frame takes part of its size; the page itself shall have all of 1280 by 800.
    const size = { width: 1280, height: 800, deviceScaleFactor: 1, mobile: false };
    await inSession("POST", "/goog/cdp/execute", { cmd: "Emulation.setDeviceMetricsOverride", params: size });
    await deed(new Page(inSession));
  } finally {
    if (session) await command("DELETE", `/session/${session.sessionId}`).catch(() => null);
    driver.kill();
    await stopped;
    await rm(profile, { recursive: true, force: true });
  }
}

async function ready(asked) {
  for (let tries = 0; ; tries += 1) {
    try { return await asked(); } catch (refusal) {
      if (tries === 100) throw refusal;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

try {
  await withBrowser((browser) => walk(browser));
  console.log("Paid, and the receipt is on the phone.");
} catch (failure) {
  console.error(`Failed: ${failure.message}`);
  process.exitCode = 1;
}
