// What the page knows. Views are told at most once a frame, however much has arrived.

/** Names of shards stay with them over failovers and moves: `S1` is the same shard all day. */
class ShardNames {
  #numbers = new Map();
  #members = new Map();
  #next = 1;

  learn(shards) {
    const present = new Set(shards.map((shard) => shard.id));
    for (const shard of shards) {
      if (!this.#numbers.has(shard.id)) this.#numbers.set(shard.id, this.#heritage(shard, present) ?? this.#next++);
      this.#members.set(shard.id, new Set([shard.id, ...shard.replica_ids]));
    }
  }

  /** The number of the shard that this one continues after a failover. */
  #heritage(shard, present) {
    for (const [id, members] of this.#members) {
      if (!present.has(id) && members.has(shard.id)) {
        const number = this.#numbers.get(id);
        this.#numbers.delete(id);
        this.#members.delete(id);
        return number;
      }
    }
    return null;
  }

  number(id) {
    return this.#numbers.get(id) ?? 0;
  }
}

const EVENTS_MAX = 500;

export class Store {
  picture = null;
  /** Picture by node id. */
  nodes = new Map();
  jobs = new Map();
  plan = null;
  planError = null;
  series = null;
  desired = null;
  audit = null;
  /** `connecting`, `live` (events), `polling`, `lost` or `locked` (a token is needed). */
  link = "connecting";
  linkError = "";
  lostSince = 0;
  nextTryAt = 0;
  /** A request was refused because the token may only read. */
  forbidden = false;
  /** The address of the leader, as a manager that does not lead has said. */
  leader = "";
  names = new ShardNames();
  events = [];
  #views = [];
  #due = false;
  #pictures = 0;
  #arrivedAt = 0;

  /** Have `update()` called after each change. */
  subscribe(update) {
    this.#views.push(update);
  }

  changed() {
    if (this.#due) return;
    this.#due = true;
    // A hidden page gets no frames, and needs none.
    requestAnimationFrame(() => {
      this.#due = false;
      for (const update of this.#views) update();
      this.#measure();
    });
  }

  /** How long the newest picture took to be shown: for the browser's tools, and for tests. */
  #measure() {
    performance.clearMeasures("picture-shown");
    const detail = { pictures: this.#pictures };
    performance.measure("picture-shown", { start: this.#arrivedAt, end: performance.now(), detail });
  }

  takePicture(picture) {
    if (this.picture && picture.at_ms < this.picture.at_ms && picture.shown_by === this.picture.shown_by) return;
    this.#pictures += 1;
    this.#arrivedAt = performance.now();
    const shards = [...(picture.shards ?? [])].sort((a, b) => firstSlot(a) - firstSlot(b));
    this.names.learn(shards);
    picture.shards = shards.sort((a, b) => this.names.number(a.id) - this.names.number(b.id));
    this.picture = picture;
    this.nodes = new Map((picture.nodes ?? []).map((node) => [node.id, node]));
    this.#mergeEvents(picture.events ?? []);
    this.changed();
  }

  takeEvent(event) {
    this.#mergeEvents([event]);
    this.changed();
  }

  /** An event comes by itself, and again within the next picture. */
  #mergeEvents(fresh) {
    const known = new Set(this.events.map(eventKey));
    const added = fresh.filter((event) => !known.has(eventKey(event)));
    if (!added.length) return;
    this.events = [...this.events, ...added].sort((a, b) => a.at_ms - b.at_ms).slice(-EVENTS_MAX);
  }

  takeJobs(jobs) {
    this.jobs = new Map(jobs.map((job) => [job.id, job]));
    this.changed();
  }

  takeJob(job) {
    this.jobs.set(job.id, job);
    this.changed();
  }

  /** Whether a button that acts would be answered. */
  get mayAct() {
    if (this.picture === null || this.picture.read_only || this.forbidden) return false;
    return !this.followsLeader && !this.isLeaderless;
  }

  /** This manager shows the cluster, and another leads. */
  get followsLeader() {
    const leader = this.leadingManager;
    return Boolean(leader && this.picture.shown_by && leader.id !== this.picture.shown_by);
  }

  /** Managers are known, and none of them has the lease. */
  get isLeaderless() {
    return Boolean(this.picture?.managers?.length) && this.leadingManager === null;
  }

  get leadingManager() {
    return this.picture?.managers?.find((manager) => manager.leads) ?? null;
  }

  /** `act`, `dry-run`, `paused`, or empty when it is not known. */
  get mode() {
    return this.picture?.mode || (this.picture?.paused_by ? "paused" : this.desired?.mode ?? "");
  }

  shardName(id) {
    const number = this.names.number(id);
    return number ? `S${number}` : "?";
  }

  /** What a person calls a node: its address, else the start of its id. */
  nodeName(id) {
    return this.nodes.get(id)?.address || (id ? id.slice(0, 8) : "unknown");
  }

  shardOf(node) {
    const id = node.role === "primary" ? node.id : node.primary_id;
    return this.picture.shards.find((shard) => shard.id === id) ?? null;
  }
}

export function eventKey(event) {
  return `${event.at_ms} ${event.kind} ${event.subject} ${event.text}`;
}

function firstSlot(shard) {
  const first = Number.parseInt(shard.slots, 10);
  return Number.isNaN(first) ? Number.MAX_SAFE_INTEGER : first;
}
