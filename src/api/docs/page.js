// Shows the description of the API and lets its reader try each operation. Asks this server and nobody else.
"use strict";

// Tokens live in this page only: closing it forgets them.
let tokens = null;

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

const main = async () => {
  const description = await (await fetch("/openapi.json")).json();
  document.querySelector("#about").textContent = description.info.description.replaceAll("**", "").replaceAll("`", "");
  const [nav, operations] = [document.querySelector("nav"), document.querySelector("#operations")];
  for (const tag of description.tags) {
    const id = tag.name.replaceAll(" ", "-");
    nav.append(make("a", { href: `#${id}`, text: tag.name }));
    operations.append(make("h2", { id, text: tag.name }), make("p", { text: tag.description }));
    for (const [path, item] of Object.entries(description.paths)) {
      for (const method of ["get", "post", "put", "patch", "delete"]) {
        const operation = item[method];
        if (operation && operation.tags.includes(tag.name)) {
          operations.append(shown(description, method, path, operation));
        }
      }
    }
  }
  document.querySelector("#sign-in").addEventListener("submit", signIn);
};

const shown = (description, method, path, operation) => {
  const inside = make("div", { class: "inside" });
  const details = make("details", {},
    make("summary", {},
      make("span", { class: `method ${method}`, text: method.toUpperCase() }),
      make("code", { text: path }),
      make("span", { text: operation.summary || "" })),
    inside);
  // Filled when it is opened for the first time.
  details.addEventListener("toggle", () => {
    if (inside.childElementCount === 0) fill(inside, description, method, path, operation);
  });
  return details;
};

const fill = (inside, description, method, path, operation) => {
  if (operation.description) inside.append(make("p", { text: operation.description.replaceAll("`", "") }));
  const fresh = operation["x-fresh-second-factor"] ? ", with a second factor of the last ten minutes" : "";
  inside.append(make("p", { class: "who", text: `Takes: ${operation["x-permission"]}${fresh}` }));
  const form = make("form", { autocomplete: "off" });
  const fields = (operation.parameters || []).map((parameter) => {
    const input = make("input", { name: parameter.name });
    const example = parameter.example ?? parameter.schema?.example;
    if (example !== undefined && parameter.in !== "query") input.value = example;
    else if (example !== undefined) input.placeholder = example;
    form.append(make("label", {}, make("span", { text: `${parameter.name} (${parameter.in})` }), input));
    return [parameter, input];
  });
  let body = null;
  const content = operation.requestBody?.content?.["application/json"];
  if (content) {
    body = make("textarea", { "aria-label": "Body", spellcheck: "false" });
    body.value = JSON.stringify(exampleOf(description, content.schema), null, 2);
    form.append(body);
  }
  const answer = make("div");
  form.append(make("button", { text: "Try it" }));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    answer.replaceChildren(make("pre", { text: "…" }));
    const headers = {};
    let address = "/api/v1" + path;
    const query = new URLSearchParams();
    for (const [parameter, input] of fields) {
      if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value === "") continue;
      else if (parameter.in === "query") query.set(parameter.name, input.value);
      else headers[parameter.name] = input.value;
    }
    if (query.size > 0) address += `?${query}`;
    try {
      answer.replaceChildren(...(await asked(method, address, headers, body?.value)));
    } catch (error) {
      answer.replaceChildren(make("pre", { class: "bad", text: String(error) }));
    }
  });
  inside.append(form, answer);
};

const asked = async (method, address, headers, body) => {
  if (tokens) headers.authorization = `Bearer ${tokens.access_token}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const response = await fetch(address, { method: method.toUpperCase(), headers, body });
  const lines = [make("p", { class: response.ok ? "" : "bad", text: `${response.status} ${response.statusText}` })];
  if (response.headers.get("content-type") === "text/event-stream") {
    const feed = make("pre", { text: "" });
    follow(response, feed);
    return [...lines, feed];
  }
  const text = await response.text();
  let said = null;
  try { said = JSON.parse(text); } catch { /* An empty answer, or no JSON. */ }
  if (said?.access_token) standing(said);
  if (said?.picture) lines.push(make("img", { alt: "To be scanned by an authenticator", width: 240, src: `data:image/svg+xml,${encodeURIComponent(said.picture)}` }));
  lines.push(make("pre", { text: said === null ? text : JSON.stringify(said, null, 2) }));
  return lines;
};

const follow = async (response, feed) => {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done || !feed.isConnected) return reader.cancel();
    feed.textContent += value;
  }
};

// An example of a schema: its own, or one made of its fields' examples.
const exampleOf = (description, schema, depth = 0) => {
  if (!schema || depth > 6) return null;
  if (schema.$ref) return exampleOf(description, description.components.schemas[schema.$ref.split("/").pop()], depth + 1);
  if (schema.example !== undefined) return schema.example;
  const choice = (schema.oneOf || schema.anyOf || []).find((one) => one.type !== "null");
  if (choice) return exampleOf(description, choice, depth + 1);
  if (schema.enum) return schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  const type = Array.isArray(schema.type) ? schema.type.find((one) => one !== "null") : schema.type;
  if (type === "object" || schema.properties) {
    const fields = Object.entries(schema.properties || {});
    return Object.fromEntries(fields.map(([name, field]) => [name, exampleOf(description, field, depth + 1)]));
  }
  if (type === "array") return [exampleOf(description, schema.items, depth + 1)];
  if (type === "boolean") return false;
  if (type === "integer" || type === "number") return schema.minimum ?? 1;
  if (schema.format === "uuid") return "00000000-0000-7000-8000-000000000000";
  if (schema.format === "date") return "2026-12-07";
  return "";
};

const standing = (said) => {
  tokens = said;
  const until = new Date(said.access_ends_at).toLocaleTimeString();
  document.querySelector("#standing").textContent = `Signed in until ${until}.`;
};

const signIn = async (event) => {
  event.preventDefault();
  const body = JSON.stringify(Object.fromEntries(new FormData(event.target)));
  const headers = { "content-type": "application/json" };
  const response = await fetch("/api/v1/sessions", { method: "POST", headers, body });
  const said = await response.json();
  if (response.ok) {
    standing(said);
    event.target.reset();
  } else {
    document.querySelector("#standing").textContent = said.title;
  }
};

// Tokens last a quarter of an hour; whoever has the page open stays signed in.
setInterval(async () => {
  if (!tokens || new Date(tokens.access_ends_at) - Date.now() > 120_000) return;
  const body = JSON.stringify({ refresh_token: tokens.refresh_token });
  const headers = { "content-type": "application/json" };
  const response = await fetch("/api/v1/sessions/refresh", { method: "POST", headers, body });
  if (response.ok) standing(await response.json());
  else tokens = null;
}, 30_000);

main();
