// The growing list of events.

import { blob } from "./api.js";
import { did, fill, h, icon, look, moment, say, who } from "./dom.js";

const KINDS = { "": "All", crossed: "Crossed", entered: "Entered", left: "Left", loitered: "Loitered" };
const LINKS = { connecting: "Connecting …", live: "Live", lost: "Connecting again …", locked: "Needs a token" };

/** Shows a Feed; `older` is called when somebody wants to see more. */
export class EventList {
  older = () => {};
  selected = "";
  #kind = "";
  #feed = null;
  #rows = new Map();
  #root = document.getElementById("events-list");
  #foot = document.getElementById("events-foot");
  #link = document.getElementById("events-link");
  #filter = document.getElementById("events-filter");

  constructor() {
    this.#root.addEventListener("keydown", (event) => this.#arrow(event));
  }

  show(feed) {
    this.#feed = feed;
    const kinds = new Set(feed.events.map(({ kind }) => kind));
    this.#choices(kinds);
    const shown = feed.events.filter(({ kind }) => !this.#kind || kind === this.#kind);
    const wanted = new Set(shown.map(({ id }) => id));
    for (const [id, row] of this.#rows) if (!wanted.has(id)) (row.remove(), this.#rows.delete(id));
    let before = null;
    for (const event of shown) before = this.#place(event, before);
    this.#link.className = `link-state ${feed.state}`;
    this.#link.textContent = LINKS[feed.state];
    this.#end(shown.length);
  }

  announce(event) {
    say(`${who(event)} ${did(event)}`);
  }

  select(id) {
    this.selected = id;
    for (const [key, row] of this.#rows) row.firstChild.setAttribute("aria-current", key === id ? "true" : "false");
  }

  /** Open the event after (1) or before (-1) the one that is open. */
  step(by) {
    const links = [...this.#root.querySelectorAll("a")];
    const at = links.findIndex((link) => link.getAttribute("aria-current") === "true");
    const next = links[at < 0 ? 0 : at + by];
    if (!next) return;
    next.focus();
    location.hash = next.hash;
  }

  focus(id) {
    this.#rows.get(id)?.firstChild.focus();
  }

  #place(event, before) {
    let row = this.#rows.get(event.id);
    if (!row) {
      row = line(event);
      row.firstChild.setAttribute("aria-current", event.id === this.selected ? "true" : "false");
      this.#rows.set(event.id, row);
    }
    const next = before ? before.nextSibling : this.#root.firstChild;
    if (next !== row) this.#root.insertBefore(row, next);
    return row;
  }

  #choices(kinds) {
    const choices = Object.entries(KINDS).filter(([kind]) => kind === "" || kinds.has(kind));
    const buttons = choices.map(([kind, label]) =>
      h("button", { type: "button", "data-kind": kind, "aria-pressed": String(kind === this.#kind) }, label));
    fill(this.#filter, ...(choices.length > 2 ? buttons : []));
    for (const button of this.#filter.children) {
      button.onclick = () => {
        this.#kind = button.dataset.kind;
        this.show(this.#feed);
        this.#filter.querySelector(`[data-kind="${this.#kind}"]`)?.focus();
      };
    }
  }

  #end(count) {
    const feed = this.#feed;
    if (count === 0) {
      const waiting = feed.state === "connecting" ? "Loading events …" : "Nothing has happened yet. Events appear here the moment they do.";
      return fill(this.#foot, h("p", {}, feed.state === "lost" ? "No connection to the server." : waiting));
    }
    fill(this.#foot, feed.next ? h("button", { type: "button", class: "more" }, "Older events") : null);
    this.#foot.querySelector("button")?.addEventListener("click", () => this.older(), { once: true });
  }

  #arrow(event) {
    const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const row = event.target.closest("li");
    if (!step || !row) return;
    event.preventDefault();
    row[step]?.firstChild.focus();
  }
}

function line(event) {
  const tone = look(event);
  const link = h("a", { href: `#/events/${event.id}`, class: `event ${tone}` },
    thumbnail(event),
    h("span", { class: "what" },
      h("span", { class: "title" }, h("b", {}, who(event)), ` ${did(event)}`),
      h("span", { class: "sub" }, h("span", { class: "badge" }, icon(tone), event.where), moment(event)),
    ),
  );
  return h("li", {}, link);
}

/** The object itself, cut out of its event's frame. */
function thumbnail(event) {
  if (!event.snapshot || !event.box) return h("span", { class: "thumb none" }, icon(look(event)));
  const [x1, y1, x2, y2] = event.box;
  const picture = h("img", { src: blob(event.snapshot), alt: "", loading: "lazy", decoding: "async" });
  const thumb = h("span", { class: "thumb" }, picture);
  picture.addEventListener("load", () => {
    const height = Math.min(1, Math.max(0.12, (y2 - y1) * 1.15));
    const scale = thumb.clientHeight / (height * picture.naturalHeight);
    const [cx, cy] = [((x1 + x2) / 2) * picture.naturalWidth, ((y1 + y2) / 2) * picture.naturalHeight];
    picture.style.width = `${picture.naturalWidth * scale}px`;
    picture.style.height = `${picture.naturalHeight * scale}px`;
    picture.style.transform = `translate(${thumb.clientWidth / 2 - cx * scale}px, ${thumb.clientHeight / 2 - cy * scale}px)`;
  });
  return thumb;
}
