// The simulators' control API, and the few facts about them that a page shows.

/** Asks the control API: a GET, or with a body a POST. A refusal says why. */
export async function ask(path, body, method = body === undefined ? "GET" : "POST") {
  const request = body === undefined ? { method } : { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, request).catch(() => { throw new Error("The simulators do not answer."); });
  const text = await answer.text();
  const said = text && answer.headers.get("content-type")?.includes("json") ? JSON.parse(text) : null;
  if (!answer.ok) throw new Error(said?.error ?? answer.statusText);
  return said;
}

/** What can be dialled, texted and rung. */
export const settings = { service_code: "", short_code: "", voice_number: "" };

export async function loadSettings() {
  Object.assign(settings, await ask("/sim/settings").catch(() => ({})));
}

/** The outside's time may run ahead of ours: somebody has moved it. */
export const outside = {
  aheadMs: 0,
  now() { return Date.now() + this.aheadMs; },
  async load() {
    const clock = await ask("/sim/clock").catch(() => null);
    if (clock) this.aheadMs = clock.skipped_seconds * 1000;
  },
  async advance(seconds) {
    const clock = await ask("/sim/clock", { advance_seconds: seconds });
    this.aheadMs = clock.skipped_seconds * 1000;
  },
};
