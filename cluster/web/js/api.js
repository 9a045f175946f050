// The HTTP API of the manager (docs/manager-reference.md), and its server-sent events read by `fetch`: an EventSource
// cannot carry the token in a header.

const TOKEN_KEY = "garrison-token";
/** More than this without the end of an event is not the stream of a manager. */
const EVENT_CHARS_MAX = 32 * 1024 * 1024;

export class ApiError extends Error {
  /** `path` is the place in a refused document; `leader` the address of the manager that leads. */
  constructor(status, message, { path = "", leader = "", refusals = [] } = {}) {
    super(message);
    this.status = status;
    this.path = path;
    this.leader = leader;
    this.refusals = refusals;
  }
}

function kept() {
  try {
    return sessionStorage;
  } catch {
    return null; // storage is forbidden here: the token lives as long as this page
  }
}

/** Splits the text of an event stream into events; see the HTML standard, "Server-sent events". */
export class EventParser {
  #rest = "";
  #name = "";
  #data = [];

  /** The events, `{name, data}`, that end in this piece of text. */
  push(text) {
    const events = [];
    this.#rest += text;
    if (this.#rest.length > EVENT_CHARS_MAX) throw new Error("an event of the stream is too large");
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.#rest);
      if (!end) return events;
      this.#line(this.#rest.slice(0, end.index), events);
      this.#rest = this.#rest.slice(end.index + end[0].length);
    }
  }

  #line(line, events) {
    if (line === "") {
      if (this.#data.length) events.push({ name: this.#name || "message", data: this.#data.join("\n") });
      this.#name = "";
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#name = value;
    else if (field === "data") this.#data.push(value);
  }
}

export class Api {
  #token = kept()?.getItem(TOKEN_KEY) ?? "";
  /** The server's clock minus this browser's, in milliseconds, from the Date of its answers. */
  clockOffsetMs = 0;

  get hasToken() {
    return this.#token !== "";
  }

  setToken(token) {
    this.#token = token;
    if (token) kept()?.setItem(TOKEN_KEY, token);
    else kept()?.removeItem(TOKEN_KEY);
  }

  /** The time of the server, in Unix milliseconds. */
  now() {
    return Date.now() + this.clockOffsetMs;
  }

  #headers(more = {}) {
    return this.#token ? { ...more, Authorization: `Bearer ${this.#token}` } : more;
  }

  get(path, options = {}) {
    return this.request("GET", path, options);
  }

  post(path, body = undefined, options = {}) {
    return this.request("POST", path, { ...options, body: body === undefined ? undefined : JSON.stringify(body) });
  }

  /** The document that a request answers with. Raises ApiError; its status is 0 when nothing answered. */
  async request(method, path, { body, type = "application/json", signal } = {}) {
    const headers = this.#headers({ Accept: "application/json" });
    if (body !== undefined) headers["Content-Type"] = type;
    else if (method !== "GET") headers["Content-Type"] = "application/json";
    const options = { method, headers, body, signal, cache: "no-store", credentials: "omit", redirect: "error" };
    const response = await this.#send(path, options);
    const text = await response.text();
    let document = null;
    try {
      document = text ? JSON.parse(text) : null;
    } catch {
      if (response.ok) throw new ApiError(response.status, "the manager's answer cannot be read");
    }
    if (!response.ok) throw refusal(response.status, document);
    return document;
  }

  /** Follow the events until the stream ends; `tell(name, document)` for each, `opened()` once. */
  async follow(path, tell, opened, signal) {
    const response = await this.#send(path, {
      headers: this.#headers({ Accept: "text/event-stream" }),
      signal,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
    if (!response.ok) throw refusal(response.status, await response.json().catch(() => null));
    opened();
    const parser = new EventParser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const event of parser.push(decoder.decode(value, { stream: true }))) {
        tell(event.name, JSON.parse(event.data));
      }
    }
  }

  async #send(path, options) {
    let response;
    try {
      response = await fetch(path, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError(0, "the manager does not answer");
    }
    const date = Date.parse(response.headers.get("Date") ?? "");
    // The header has whole seconds: its middle is half a second later.
    if (!Number.isNaN(date)) this.clockOffsetMs = date + 500 - Date.now();
    return response;
  }
}

function refusal(status, document) {
  const said = document && typeof document === "object" ? document : {};
  const message = typeof said.error === "string" ? said.error : `the manager answered with status ${status}`;
  const refusals = Array.isArray(said.errors) ? said.errors : [];
  return new ApiError(status, message, {
    path: typeof said.path === "string" ? said.path : "",
    leader: typeof said.leader === "string" ? said.leader : "",
    refusals: refusals.filter((each) => each && typeof each.error === "string"),
  });
}
