// The first live page: one stream, its counts, its events, and where each event comes from.

import { get, token } from "./api.js";
import { LiveView } from "./live-view.js";
import { EventList } from "./event-list.js";
import { EventView } from "./event-view.js";
import { Feed } from "./feed.js";
import { fill, h, say } from "./dom.js";

const by = (id) => document.getElementById(id);
const liveView = new LiveView(by("live-view"));
const eventView = new EventView(by("event-view"));
const list = new EventList();
const feed = new Feed((fresh) => {
  list.show(feed);
  if (fresh.length === 1) list.announce(fresh[0]);
});
list.older = () => feed.older().catch((error) => tell(error.message));

let streams = null;
let chosen = "";

/** `#/` is the live picture, `#/events/<id>` an event. */
function route() {
  const id = /^#\/events\/(.+)$/.exec(location.hash)?.[1] ?? "";
  document.body.classList.toggle("on-event", id !== "");
  by("live-view").hidden = id !== "";
  by("event-view").hidden = id === "";
  list.select(id);
  document.title = id ? "Event · viseon" : "viseon";
  if (id) {
    liveView.rest();
    eventView.show(id, feed.find(id));
  } else {
    eventView.leave();
    refresh();
  }
}

async function refresh() {
  try {
    streams = (await get("/streams?limit=100")).items;
    if (!streams.some((stream) => stream.name === chosen)) chosen = preferred(streams);
    const stream = streams.find(({ name }) => name === chosen) ?? null;
    head(stream);
    if (!by("live-view").hidden) await liveView.show(stream);
    tell("");
    document.body.classList.remove("away");
  } catch (error) {
    if (error.status === 401) askForToken(error);
    else if (error.status) tell(error.message, error.fix);
    else tell("The server does not answer. Trying again …");
    if (!error.status) {
      document.body.classList.add("away"); // what is shown is no longer how it is
      liveView.lost();
    }
  }
}

function preferred(all) {
  return (all.find(({ state }) => state === "running") ?? all[0])?.name ?? "";
}

function head(stream) {
  if (!stream) return fill(by("stream-head"));
  if (!location.hash.startsWith("#/events/")) document.title = `${stream.name} · viseon`;
  const names = streams.map(({ name }) => h("option", { value: name, selected: name === chosen }, name));
  const name =
    names.length > 1
      ? h("select", { "aria-label": "Stream", id: "pick" }, names)
      : h("strong", {}, stream.name);
  const pill = h("span", { class: `pill ${stream.state}` }, h("i"), words(stream));
  const facts = h("span", { class: "facts" }, `${stream.model}`, stream.fps ? ` · ${Math.round(stream.fps)} frames/s` : "");
  fill(by("stream-head"), name, pill, facts);
  by("pick")?.addEventListener("change", ({ target }) => ((chosen = target.value), refresh()));
}

function words({ state }) {
  return { running: "Live", starting: "Starting", done: "Ended", stopped: "Stopped", failed: "Failed" }[state];
}

function tell(message, fix = "") {
  const banner = by("banner");
  banner.hidden = message === "";
  fill(banner, message, fix ? h("span", { class: "fix" }, ` ${fix}`) : null);
}

function askForToken(error) {
  if (by("token")) return;
  const field = h("input", { id: "token", type: "password", autocomplete: "off", placeholder: "Token" });
  const form = h("form", { class: "token" }, h("label", { for: "token" }, `${error.message}.`), field, h("button", {}, "Enter"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    token.set(field.value.trim());
    location.reload();
  });
  by("banner").hidden = false;
  by("banner").replaceChildren(form);
}

async function version() {
  const health = await fetch("/healthz").then((answer) => answer.json()).catch(() => null);
  if (health) fill(by("server"), h("a", { href: "/openapi.json" }, "API"), h("span", {}, `viseon ${health.version}`));
}

addEventListener("hashchange", route);
addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, dialog")) return;
  if (event.key === "Escape" && location.hash.startsWith("#/events/")) {
    const back = list.selected;
    location.hash = "#/";
    list.focus(back);
  }
  if (event.key === "j" || event.key === "k") list.step(event.key === "j" ? 1 : -1);
});

async function main() {
  version();
  route();
  feed.follow();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (!document.hidden) await refresh();
  }
}

main().catch((error) => (tell(`This page stopped: ${error.message}`, "Reload it."), say(error.message)));
