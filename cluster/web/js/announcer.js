// What a screen reader is told by itself: failovers, lost nodes, ended jobs, a lost connection. Messages that
// come together are said together, and never more often than every few seconds.

const INTERVAL_MS_MIN = 2500;
const MESSAGES_MAX = 3;

export class Announcer {
  #place;
  #waiting = [];
  #timer = 0;
  #saidAt = -INTERVAL_MS_MIN;

  constructor(place) {
    this.#place = place;
  }

  say(text) {
    if (this.#waiting.includes(text)) return;
    this.#waiting.push(text);
    const wait = Math.max(50, this.#saidAt + INTERVAL_MS_MIN - performance.now());
    this.#timer ||= setTimeout(() => this.#speak(), wait);
  }

  #speak() {
    const said = this.#waiting.slice(-MESSAGES_MAX);
    const more = this.#waiting.length - said.length;
    this.#place.textContent = said.join(" ") + (more ? ` And ${more} more.` : "");
    this.#waiting = [];
    this.#timer = 0;
    this.#saidAt = performance.now();
  }
}

/** Tells what is new among events and jobs since it was asked before; what was there at first is not news. */
export class News {
  #events = null;
  #jobs = null;

  constructor(store, announce) {
    this.store = store;
    this.announce = announce;
  }

  update() {
    const { events, jobs, picture } = this.store;
    if (!picture) return;
    const newest = events.at(-1)?.at_ms ?? 0;
    if (this.#events !== null) {
      for (const event of events) {
        const weighs = event.severity !== "info" || event.kind === "failover";
        if (event.at_ms > this.#events && weighs) this.announce(event.text);
      }
    }
    this.#events = Math.max(this.#events ?? 0, newest);
    const ended = [...jobs.values()].filter((job) => job.ended_ms);
    if (this.#jobs !== null) {
      for (const job of ended) if (!this.#jobs.has(job.id)) this.announce(`${job.title}: ${job.state}.`);
    }
    if (jobs.size || this.#jobs) this.#jobs = new Set(ended.map((job) => job.id));
  }
}
