// The picture as it comes, and what has been counted so far beside what truly happened.

import { get } from "./api.js";
import { streamCommands } from "./copy-as.js";
import { fill, h, icon } from "./dom.js";
import { Live } from "./live.js";

/** The main part of the page while no event is open. */
export class LiveView {
  #canvas = h("canvas", { width: 640, height: 360, role: "img", "aria-label": "Live picture with boxes" });
  #cover = h("div", { class: "cover", role: "status" });
  #figure = h("figure", { class: "screen" }, this.#canvas, this.#cover);
  #cards = h("div", { class: "cards" });
  #commands = h("div", { class: "wide" });
  #named = "";
  #live = new Live(this.#canvas, (state) => this.#said(state));
  #stream = undefined;
  #state = "connecting";
  #known = true;

  constructor(root) {
    root.append(this.#figure, this.#cards, this.#commands);
    this.#draw();
  }

  /** Show a stream as it is now; null when there is none. */
  async show(stream) {
    this.#stream = stream;
    if (stream && ["running", "starting"].includes(stream.state)) this.#live.play(stream.name);
    else this.rest();
    if (this.#named !== (stream?.name ?? "")) {
      this.#named = stream?.name ?? "";
      this.#commands.replaceChildren(...(stream ? [streamCommands(stream)] : []));
    }
    const truth = stream && this.#known ? await this.#truth(stream.name) : null;
    this.#draw(truth);
  }

  /** Stop drawing while something else is looked at. */
  rest() {
    this.#live.stop();
  }

  lost() {
    this.#said("lost");
  }

  async #truth(name) {
    try {
      const demo = await get("/demo");
      return demo.stream === name ? demo.truth : null;
    } catch (error) {
      if (error.status === 404) this.#known = false; // not a demo: nobody knows the truth
      return null;
    }
  }

  #said(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#draw();
  }

  #draw(truth) {
    const words = this.#words();
    this.#cover.hidden = words === null;
    if (words) fill(this.#cover, ...words);
    this.#figure.classList.toggle("dim", words !== null);
    if (truth !== undefined || !this.#stream) fill(this.#cards, ...(this.#stream ? cards(this.#stream, truth) : []));
  }

  #words() {
    const stream = this.#stream;
    if (stream === undefined) return [h("span", { class: "spinner" }), h("p", {}, "Opening …")];
    if (stream === null) {
      const command = h("code", {}, "viseon demo");
      return [h("h2", {}, "No stream yet"), h("p", {}, "Start one: ", command, ", or apply a YAML of your own.")];
    }
    if (stream.state === "failed") return [h("h2", {}, "The stream failed"), h("p", {}, stream.reason || "No reason was given.")];
    if (stream.state === "stopped") return [h("h2", {}, "Stopped"), h("p", {}, stream.reason, " ", h("code", {}, `viseon streams start ${stream.name}`))];
    if (stream.state === "done") return [h("h2", {}, "The source has ended"), h("p", {}, `${stream.frames} frames were seen.`)];
    if (this.#state === "live") return null;
    if (this.#state === "lost") return [h("span", { class: "spinner" }), h("p", {}, "The picture was lost. Connecting again …")];
    return [h("span", { class: "spinner" }), h("p", {}, stream.state === "starting" ? "The stream is starting …" : "Waiting for the first picture …")];
  }
}

function cards(stream, truth) {
  const lines = Object.keys(stream.document.lines ?? {});
  const zones = Object.keys(stream.document.zones ?? {});
  const counts = stream.counts ?? {};
  return [
    ...lines.map((name) => card("Line", name, lineFigures(counts[name], truth?.lines?.[name]))),
    ...zones.map((name) => card("Zone", name, zoneFigures(counts[name], truth?.zones?.[name]))),
  ];
}

function card(kind, name, figures) {
  return h("section", { class: "card", "aria-label": `${kind} ${name}` },
    h("h3", {}, h("small", {}, kind), " ", name),
    h("dl", { class: "figures" }, figures.map(figure)),
  );
}

function lineFigures(counts, truth) {
  return [["in", "In", "in"], ["out", "Out", "out"]].map(([key, label, tone]) => [label, tone, counts?.[key], truth?.[key]]);
}

function zoneFigures(counts, truth) {
  const rows = [["inside", "Inside now", "loitered"], ["entered", "Entered", "entered"], ["left", "Left", "left"]];
  return rows.map(([key, label, tone]) => [label, tone, counts?.[key], truth?.[key]]);
}

function figure([label, tone, value, truth]) {
  return h("div", { class: `figure ${tone}` },
    h("dt", {}, icon(tone), label),
    h("dd", {}, h("span", { class: "number" }, value ?? "–"), truth === undefined ? null : agrees(value, truth)),
  );
}

/** A count is made a few frames after it happens, so a difference is first of all a wait. */
function agrees(value, truth) {
  const same = value === truth;
  return h("span", { class: same ? "truth same" : "truth", title: "What truly happened in the scene" },
    icon(same ? "done" : "wait"), same ? "matches truth" : `truth ${truth}`);
}
