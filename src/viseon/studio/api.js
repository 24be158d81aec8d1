// The page's only way to the server: /v1, as in /openapi.json.

const TOKEN = "viseon.token";

/** An answer that is an error, with the server's own words. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.message ?? `the server answered ${status}`);
    this.status = status;
    this.fix = body.fix ?? "";
  }
}

export const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  set: (value) => sessionStorage.setItem(TOKEN, value),
};

/** Read `/v1{path}`. Throws Problem, or TypeError when nobody answers. */
export async function get(path, { signal } = {}) {
  const response = await fetch(`/v1${path}`, { headers: authorization(), signal, cache: "no-store" });
  if (!response.ok) throw await problem(response);
  return response.json();
}

/** Read bytes that never change. */
export async function text(path) {
  const response = await fetch(`/v1${path}`, { headers: authorization() });
  if (!response.ok) throw await problem(response);
  return response.text();
}

/** The response itself, for what has no end. */
export async function open(path, { signal } = {}) {
  const response = await fetch(`/v1${path}`, { headers: authorization(), signal, cache: "no-store" });
  if (!response.ok) throw await problem(response);
  return response;
}

/** An address that an image or a socket can use. */
export function address(path, { socket = false } = {}) {
  const url = new URL(`/v1${path}`, location.href);
  if (socket) url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  if (token.get()) url.searchParams.set("access_token", token.get());
  return url.href;
}

export const blob = (digest) => address(`/blobs/${digest}`);

function authorization() {
  return token.get() ? { Authorization: `Bearer ${token.get()}` } : {};
}

async function problem(response) {
  const body = await response.json().catch(() => ({}));
  return new Problem(response.status, body);
}

/** Waits between tries: half a second, doubling to eight, never in step with other pages. */
export class Backoff {
  #tries = 0;

  reset() {
    this.#tries = 0;
  }

  wait(signal) {
    const base = Math.min(8000, 500 * 2 ** this.#tries++);
    return pause(base * (0.75 + Math.random() / 2), signal);
  }
}

/** Sleep; ends early (without an error) when told to. */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
