// Events as they happen, over a WebSocket that is opened again when it breaks.

import { Backoff, address, get, pause } from "./api.js";

const KEPT = 300;

/** The newest events, newest first; tells `changed(fresh)` about every change. */
export class Feed {
  events = [];
  next = null;
  state = "connecting";
  #ids = new Set();
  #changed;
  #stop = new AbortController();

  constructor(changed) {
    this.#changed = changed;
  }

  /** Follow until the page goes. */
  async follow() {
    const backoff = new Backoff();
    while (!this.#stop.signal.aborted) {
      try {
        const socket = await connected();
        const closed = new Promise((resolve) => socket.addEventListener("close", resolve));
        const early = []; // what comes while the list is being fetched
        let take = (event) => early.push(event);
        socket.addEventListener("message", ({ data }) => take(JSON.parse(data)));
        const page = await get("/events?limit=60");
        this.#first(page, early);
        take = (event) => this.#add(event);
        this.#set("live");
        backoff.reset();
        await closed;
        this.#set("lost");
      } catch (error) {
        this.#set(error.status === 401 ? "locked" : "lost");
      }
      await backoff.wait(this.#stop.signal);
    }
  }

  /** The page of events before the oldest that is shown. */
  async older() {
    if (!this.next) return;
    const page = await get(`/events?limit=60&cursor=${encodeURIComponent(this.next)}`);
    this.next = page.next;
    for (const event of page.items) this.#keep(event);
    this.#changed([]);
  }

  find(id) {
    return this.events.find((event) => event.id === id);
  }

  #first(page, early) {
    const known = this.events.length > 0;
    const fresh = page.items.filter((event) => !this.#ids.has(event.id));
    for (const event of [...fresh, ...early]) this.#keep(event);
    if (!known) this.next = page.next;
    this.#changed(known ? fresh : []);
  }

  #add(event) {
    if (!this.#keep(event)) return;
    while (this.events.length > KEPT) {
      this.#ids.delete(this.events.pop().id);
      this.next = null;
    }
    this.#changed([event]);
  }

  /** Where it belongs by time: that somebody left is known later than it happened. Ids sort by time. */
  #keep(event) {
    if (this.#ids.has(event.id)) return false;
    this.#ids.add(event.id);
    const older = this.events.findIndex(({ id }) => id < event.id);
    this.events.splice(older < 0 ? this.events.length : older, 0, event);
    return true;
  }

  #set(state) {
    this.state = state;
    this.#changed([]);
  }
}

async function connected() {
  const socket = new WebSocket(address("/events/live", { socket: true }));
  const opened = new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("close", reject);
    socket.addEventListener("error", reject);
  });
  await Promise.race([opened, pause(8000).then(() => Promise.reject(new Error("no answer")))]);
  return socket;
}
