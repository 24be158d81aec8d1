// One event: the frame it happened in, why it was said to happen, and where its model comes from.

import { blob, get, pause } from "./api.js";
import { chain } from "./chain.js";
import { eventCommands } from "./copy-as.js";
import { did, h, icon, look, moment, s, say, seconds, who } from "./dom.js";

/** The main part of the page while an event is open. */
export class EventView {
  #root;
  #id = "";

  constructor(root) {
    this.#root = root;
  }

  /** Show an event; `known` is what the list has of it already. */
  async show(id, known) {
    if (this.#id === id) return;
    this.#id = id;
    this.#page(known, h("div", { class: "chain-wait" }, h("span", { class: "spinner" }), "Following it back …"));
    document.getElementById("main").scrollTo(0, 0);
    if (known) say(`${who(known)} ${did(known)}`);
    try {
      await this.#follow(id);
    } catch (error) {
      if (this.#id === id) this.#problem(error);
    }
  }

  /** Show the way back; where the demo still draws its training data again, go on when it is there. */
  async #follow(id) {
    let trace = await get(`/events/${encodeURIComponent(id)}/trace`);
    if (this.#id === id) this.#page(trace.event, chain(trace), trace);
    while (this.#id === id && trace.model?.version && !trace.version) {
      const past = (await get("/demo").catch(() => null))?.past;
      if (!past || this.#id !== id) return;
      this.#root.querySelector(".chain")?.replaceWith(chain(trace, past)[1]);
      if (past.problem) return;
      if (past.done < 1) await pause(1200);
      trace = await get(`/events/${encodeURIComponent(id)}/trace`);
      if (trace.version && this.#id === id) this.#root.querySelector(".chain").replaceWith(chain(trace)[1]);
    }
  }

  leave() {
    this.#id = "";
  }

  #page(event, lineage, trace = null) {
    const head = h("div", { class: "event-head" }, back(), event ? heading(event) : h("h1", {}, "Event"));
    const left = event
      ? h("div", { class: "evidence" }, evidence(event, trace), facts(event), eventCommands(event, trace))
      : h("div", { class: "evidence" }, h("div", { class: "frame skeleton" }));
    this.#root.replaceChildren(head, h("div", { class: "event-body" }, left, h("div", { class: "lineage" }, lineage)));
    if (!trace && matchMedia("(max-width: 820px)").matches) {
      scrollTo(0, 0);
      this.#root.querySelector("h1").focus({ preventScroll: true }); // the list it was opened from is hidden
    }
  }

  #problem(error) {
    const message = error.status ? error.message : "The server does not answer.";
    const again = h("button", { type: "button", class: "more" }, "Try again");
    again.addEventListener("click", () => ((this.#id = ""), dispatchEvent(new HashChangeEvent("hashchange"))));
    const told = h("div", { class: "cover still" }, h("h2", {}, "This event cannot be shown"), h("p", {}, message, " ", error.fix ?? ""), again);
    this.#root.replaceChildren(h("div", { class: "event-head" }, back(), h("h1", {}, "Event")), told);
  }
}

function back() {
  return h("a", { class: "back", href: "#/" }, icon("back"), "Live");
}

function heading(event) {
  const tone = look(event);
  return h("div", {},
    h("h1", { tabindex: "-1" }, `${who(event)} ${did(event)}`),
    h("p", { class: "sub" },
      h("span", { class: `badge ${tone}` }, icon(tone), event.kind === "crossed" ? `line ${event.where}` : `zone ${event.where}`),
      h("span", {}, moment(event)), h("span", {}, `frame ${event.frame_index}`), h("span", {}, `stream ${event.stream}`)),
  );
}

/** The frame with the line or zone, the track's way, its box and the point itself. */
function evidence(event, trace) {
  const caption = h("figcaption", { class: "legend" },
    h("span", { class: "key path" }, `way of #${event.track_id}`),
    h("span", { class: "key point" }, event.kind === "crossed" ? "crossing point" : `where it ${event.kind === "loitered" ? "stayed" : event.kind}`),
    event.before && event.after ? h("span", { class: "key sides" }, "sightings before and after") : null,
    h("span", { class: "key place" }, event.where));
  if (!event.snapshot) {
    return h("figure", { class: "frame" }, h("div", { class: "cover still" }, h("p", {}, "No frame was kept for this event.")));
  }
  const picture = h("img", { src: blob(event.snapshot), alt: `The frame in which ${who(event)} ${did(event)}` });
  const drawing = s("svg", { class: "drawing", "aria-hidden": "true" });
  const figure = h("figure", { class: "frame" }, h("div", { class: "stack" }, picture, drawing), caption);
  const draw = () => draft(drawing, picture, event, trace?.stream?.document);
  picture.addEventListener("load", draw);
  picture.addEventListener("error", () => figure.classList.add("missing"));
  if (picture.complete && picture.naturalWidth) draw();
  return figure;
}

function draft(drawing, picture, event, document) {
  const [w, h_] = [picture.naturalWidth, picture.naturalHeight];
  const at = ([x, y]) => `${(x * w).toFixed(2)},${(y * h_).toFixed(2)}`;
  const unit = w / 640;
  drawing.setAttribute("viewBox", `0 0 ${w} ${h_}`);
  drawing.style.setProperty("--unit", `${unit}px`);
  const way = event.path.map((p) => at([p.x, p.y])).join(" ");
  const parts = [place(event, document, at)];
  if (event.box) {
    const [x1, y1, x2, y2] = event.box;
    parts.push(s("rect", { class: "box", x: x1 * w, y: y1 * h_, width: (x2 - x1) * w, height: (y2 - y1) * h_, rx: 3 * unit }));
  }
  parts.push(s("polyline", { class: "way under", points: way }), s("polyline", { class: "way", points: way }));
  for (const p of [event.before, event.after].filter(Boolean)) parts.push(s("circle", { class: "side", cx: p.x * w, cy: p.y * h_, r: 3 * unit }));
  parts.push(s("circle", { class: "halo", cx: event.x * w, cy: event.y * h_, r: 9 * unit }));
  parts.push(s("circle", { class: "spot", cx: event.x * w, cy: event.y * h_, r: 4 * unit }));
  drawing.replaceChildren(...parts.filter(Boolean));
}

function place(event, document, at) {
  const line = document?.lines?.[event.where];
  if (line) {
    const [[x1, y1], [x2, y2]] = [line.from, line.to].map((p) => at(p).split(","));
    return s("line", { class: "place", x1, y1, x2, y2 });
  }
  const zone = document?.zones?.[event.where];
  return zone ? s("polygon", { class: "place area", points: zone.polygon.map(at).join(" ") }) : null;
}

function facts(event) {
  const rows = [
    ["Track", `#${event.track_id} · ${event.class_name}`],
    ["Score", `${Math.round(event.score * 100)} %`],
    event.dwell_s !== null ? ["Dwell", seconds(event.dwell_s)] : null,
    event.direction ? ["Direction", event.direction] : null,
    event.before && event.after ? ["Frames", `${event.before.frame_index} → ${event.after.frame_index}`] : null,
    ["Point", `${event.x.toFixed(3)}, ${event.y.toFixed(3)}`],
  ];
  return h("dl", { class: "facts-grid" }, rows.filter(Boolean).map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
}
