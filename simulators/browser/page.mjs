// The page with the phones, in a real browser. Needs Chromium and chromedriver; no packages: it speaks the W3C WebDriver
// protocol over HTTP.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE_MS = 20_000;
// The gateway leaves a minute between two M-PESA requests to one phone: a second walk may have to wait for it.
const PROMPT_PATIENCE_MS = 80_000;

/** The page, as a person has it. Phones are counted from 0. */
export class Page {
  constructor(session) { this.session = session; }

  open(url) { return this.session("POST", "/url", { url }); }
  run(script, ...args) { return this.session("POST", "/execute/sync", { script, args }); }
  complaints() { return this.session("POST", "/se/log", { type: "browser" }); }
  async picture() { return Buffer.from(await this.session("GET", "/screenshot"), "base64"); }

  /** Whether a phone shows something that a selector finds. */
  has(phone, selector) { return this.run("return document.querySelectorAll('.handset')[arguments[0]].querySelector(arguments[1]) !== null", phone, selector); }
  focus(phone) { return this.run("document.querySelectorAll('.handset .body')[arguments[0]].focus()", phone); }
  shows(phone, view) { return this.run("return document.querySelectorAll('.handset .screen')[arguments[0]].dataset.view === arguments[1]", phone, view); }

  /** Hands a phone to somebody else. */
  async give(phone, msisdn) {
    await this.run(`
      const rider = document.querySelectorAll('.handset .rider')[arguments[0]];
      rider.value = arguments[1];
      rider.dispatchEvent(new Event("change"));`, phone, msisdn);
    await this.until(`the phone of ${msisdn}`, () => this.run(
      "return document.querySelectorAll('.handset .purse')[arguments[0]].textContent.replaceAll(' ', '').includes(arguments[1])", phone, `0${msisdn.slice(3)}`));
  }

  async layOut(name) {
    await this.click(`[data-layout=${name}]`);
    await this.until(`the layout ${name}`, () => this.run("return document.querySelector('[data-layout=' + arguments[0] + ']').getAttribute('aria-pressed') === 'true'", name));
  }

  /** Whether the clock of the alarm that is shown has reached a station. */
  reached(station) { return this.run("return document.querySelector('.stations li.reached.' + arguments[0]) !== null", station); }

  click(selector) { return this.run("document.querySelector(arguments[0]).click()", selector); }

  /** What the phone's screen says, whatever it shows. */
  glance(phone) { return this.run("return document.querySelectorAll('.handset .screen')[arguments[0]].innerText", phone); }

  /** Puts a phone back to its first screen. */
  async putDown(phone) {
    while (!(await this.shows(phone, "idle"))) await this.press(phone, "end");
  }

  /** Opens the messages by the red badge, as whoever sees it would. */
  async openInbox(phone) {
    await this.until("an unread message", () => this.has(phone, ".badge:not([hidden])"));
    await this.run("document.querySelectorAll('.handset .badge')[arguments[0]].click()", phone);
    await this.until("the inbox", () => this.has(phone, ".list"));
  }

  /** The text of the USSD dialog, or nothing while the network is being asked. */
  screen(phone) {
    return this.run("const text = document.querySelectorAll('.handset')[arguments[0]].querySelector('[data-view=ussd] .dialog .text:not(.wait)'); return text ? text.textContent : ''", phone);
  }

  async screenSays(phone, pattern) {
    let said = "";
    await this.until(`a screen like ${pattern}`, async () => pattern.test((said = await this.screen(phone))));
    return said;
  }

  prompt(phone) { return this.until("the M-PESA prompt", () => this.shows(phone, "prompt"), PROMPT_PATIENCE_MS); }

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

  async until(what, holds, patience = PATIENCE_MS) {
    const deadline = Date.now() + patience;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}; the phones show:\n${await this.run("return [...document.querySelectorAll('.screen')].map((screen) => screen.innerText).join('\\n---\\n')")}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Starts a browser of our own, hands its page over, and leaves nothing behind. */
export async function withBrowser(chromium, deed) {
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
      "goog:chromeOptions": { binary: chromium, args: [
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
