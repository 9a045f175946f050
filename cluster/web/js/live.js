// Keeps the store up to date: the event stream, connected again whenever it ends, and polling for as long as
// it brings nothing. The page never guesses: the age of what is shown is the age of the picture.

const POLL_MS = 2000;
/** A stream that brings nothing for so long is taken for dead: a picture comes each second. */
const STREAM_SILENCE_MS_MAX = 20_000;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 10_000;
const SERIES_MS = 15_000;
const SERIES_MINUTES = 15;

export class Live {
  #api;
  #store;
  #announce;
  #attempt = 0;
  #timer = 0;
  #stream = null;
  #heardAt = 0;
  #polling = false;
  #seriesAt = 0;

  constructor(api, store, announce) {
    this.#api = api;
    this.#store = store;
    this.#announce = announce;
  }

  start() {
    setInterval(() => this.#tick(), POLL_MS);
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.retry();
    });
    this.#open();
  }

  /** Try at once: somebody asked, or the network or the page came back. */
  retry() {
    if (this.#store.link === "live" || this.#stream) return;
    this.#attempt = 0;
    this.#open();
  }

  /** Begin anew, with another token. */
  restart() {
    this.#stream?.abort();
    this.#stream = null;
    this.#store.link = "connecting";
    this.#store.forbidden = false;
    this.#attempt = 0;
    this.#open();
  }

  async #open() {
    clearTimeout(this.#timer);
    const stream = new AbortController();
    this.#stream = stream;
    let error = null;
    try {
      await Promise.all([this.#poll(), this.#follow(stream)]);
    } catch (failure) {
      error = failure;
      stream.abort();
    }
    if (this.#stream !== stream) return;
    this.#stream = null;
    this.#ended(error);
  }

  #follow(stream) {
    this.#heardAt = performance.now();
    const opened = () => {
      this.#heardAt = performance.now();
      this.#attempt = 0;
    };
    return this.#api.follow("api/events", (name, document) => this.#hear(name, document), opened, stream.signal);
  }

  #hear(name, document) {
    this.#heardAt = performance.now();
    const store = this.#store;
    if (name === "picture") {
      this.#arrived("live");
      store.takePicture(document);
    } else if (name === "event") store.takeEvent(document);
    else if (name === "job") store.takeJob(document);
  }

  #arrived(link) {
    const store = this.#store;
    if (store.link === "lost") this.#announce("The manager answers again.");
    if (store.picture === null || store.link === "lost") {
      // What the stream does not bring at its beginning.
      this.loadJobs();
      this.loadSeries();
      this.loadDesired();
    }
    store.link = link;
    store.linkError = "";
    store.lostSince = 0;
  }

  #ended(error) {
    if (error?.status === 401) return this.#lock();
    if (error?.status === 0) this.#lose(error);
    const delay = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#attempt) * (0.75 + Math.random() / 2);
    this.#attempt += 1;
    this.#store.nextTryAt = Date.now() + delay;
    this.#timer = setTimeout(() => this.#open(), delay);
    this.#store.changed();
  }

  #lock() {
    this.#store.link = "locked";
    this.#store.linkError = this.#api.hasToken ? "this manager does not know that token." : "";
    this.#store.changed();
  }

  #lose(error) {
    const store = this.#store;
    if (store.link !== "lost") {
      store.lostSince = Date.now();
      this.#announce("The manager does not answer. What you see grows old.");
    }
    store.link = "lost";
    store.linkError = error.status ? error.message : "";
    store.changed();
  }

  #tick() {
    const quietMs = performance.now() - this.#heardAt;
    if (this.#stream && quietMs > STREAM_SILENCE_MS_MAX) this.#stream.abort();
    if (quietMs > 2 * POLL_MS && this.#store.link !== "locked" && !document.hidden) this.#pollQuietly();
    if (performance.now() - this.#seriesAt > SERIES_MS && !document.hidden) this.loadSeries();
  }

  async #pollQuietly() {
    if (this.#polling) return;
    this.#polling = true;
    try {
      await this.#poll("polling");
    } catch (error) {
      if (error.status === 401) this.#lock();
      else if (error.name !== "AbortError") this.#lose(error);
    } finally {
      this.#polling = false;
    }
  }

  async #poll(link = null) {
    const picture = await this.#api.get("api/picture");
    // The stream may have begun meanwhile: then it is what brings the pictures.
    this.#arrived(link ?? (this.#store.link === "live" ? "live" : "polling"));
    this.#store.takePicture(picture);
  }

  async #quietly(work) {
    try {
      await work();
      this.#store.changed();
    } catch (error) {
      // Shown where the picture is: whoever does not answer here does not answer there either.
      if (error.status === undefined) throw error;
    }
  }

  /** The picture as it is now, after an act. */
  async loadPicture() {
    this.#store.takePicture(await this.#api.get("api/picture"));
  }

  loadJobs() {
    return this.#quietly(async () => this.#store.takeJobs(await this.#api.get("api/jobs")));
  }

  loadDesired() {
    return this.#quietly(async () => {
      this.#store.desired = await this.#api.get("api/desired");
    });
  }

  loadPlan() {
    return this.#quietly(async () => {
      this.#store.plan = await this.#api.get("api/plan");
    });
  }

  loadSeries() {
    this.#seriesAt = performance.now();
    return this.#quietly(async () => {
      this.#store.series = await this.#api.get(`api/series?minutes=${SERIES_MINUTES}`);
    });
  }
}
