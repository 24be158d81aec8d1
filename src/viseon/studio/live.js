// The live picture: a multipart stream of JPEGs, drawn as they come, found again when lost.

import { Backoff, open } from "./api.js";

const STALLED_MS = 4000;

/** Draws a stream into a canvas until stopped. */
export class Live {
  #canvas;
  #say;
  #stop = null;
  #name = "";
  #busy = false;

  /** `say(state)` hears "connecting", "live", "lost" and "gone" (the stream is not running). */
  constructor(canvas, say) {
    this.#canvas = canvas;
    this.#say = say;
    document.addEventListener("visibilitychange", () => this.#resume());
  }

  /** Show this stream; showing the one that is shown changes nothing. */
  play(name) {
    if (this.#name === name && this.#stop) return;
    this.stop();
    this.#name = name;
    this.#resume();
  }

  stop() {
    this.#stop?.abort();
    this.#stop = null;
    this.#name = "";
  }

  #resume() {
    if (document.hidden) {
      this.#stop?.abort();
      this.#stop = null;
    } else if (this.#name && !this.#stop) {
      this.#stop = new AbortController();
      this.#follow(this.#name, this.#stop.signal);
    }
  }

  async #follow(name, signal) {
    const backoff = new Backoff();
    this.#say("connecting");
    while (!signal.aborted) {
      try {
        await this.#read(name, signal, backoff);
        if (!signal.aborted) this.#say("lost");
      } catch (error) {
        if (signal.aborted) return;
        this.#say([404, 409, 503].includes(error.status) ? "gone" : "lost");
      }
      await backoff.wait(signal);
    }
  }

  async #read(name, signal, backoff) {
    const silence = new AbortController();
    const either = AbortSignal.any([signal, silence.signal]);
    let timer = setTimeout(() => silence.abort(), STALLED_MS);
    try {
      const response = await open(`/streams/${name}/live.mjpeg`, { signal: either });
      for await (const jpeg of parts(response.body.getReader())) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), STALLED_MS);
        backoff.reset();
        this.#show(jpeg, signal);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async #show(jpeg, signal) {
    if (this.#busy) return; // still drawing the one before: this one is skipped, a newer will come
    this.#busy = true;
    try {
      const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
      if (signal.aborted) return;
      const canvas = this.#canvas;
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        canvas.width = picture.width;
        canvas.height = picture.height;
      }
      canvas.getContext("2d", { alpha: false }).drawImage(picture, 0, 0);
      picture.close();
      this.#say("live");
    } finally {
      this.#busy = false;
    }
  }
}

/** The bodies of a multipart stream whose parts all say their length (RFC 2046). */
export async function* parts(reader) {
  let held = new Uint8Array(0);
  let need = -1;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held = joined(held, value);
    for (;;) {
      if (need < 0) {
        const end = blankLine(held);
        if (end < 0) break;
        const head = new TextDecoder("latin1").decode(held.subarray(0, end));
        need = Number(/content-length:\s*(\d+)/i.exec(head)?.[1] ?? 0);
        held = held.subarray(end + 4);
      }
      if (held.length < need) break;
      if (need > 0) yield held.slice(0, need);
      held = held.subarray(need);
      need = -1;
    }
  }
}

function joined(a, b) {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function blankLine(bytes) {
  for (let i = 0; i + 3 < bytes.length; i++) {
    if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) return i;
  }
  return -1;
}
