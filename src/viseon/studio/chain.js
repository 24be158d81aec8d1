// From an event back to the pictures its model learned from: every step is a digest that was followed.

import { labels } from "./labels.js";
import { blob } from "./api.js";
import { digest, h, s, size } from "./dom.js";

/** The steps of a Trace, in the order they were followed; `past` is how far the demo's data is. */
export function chain(trace, past = null) {
  const steps = [
    happened(trace.event),
    trace.stream ? configuration(trace.stream) : null,
    trace.model ? model(trace.model) : null,
    trace.run ? run(trace.run) : null,
    trace.version ? version(trace.version) : null,
    trace.samples.length ? pictures(trace) : null,
  ];
  const notes = past ? [drawing(past)] : trace.notes.map((note) => h("li", { class: "step note" }, h("p", {}, note)));
  return [h("h2", {}, "Where it comes from"), h("ol", { class: "chain" }, steps.filter(Boolean), notes)];
}

function step(kind, title, key, ...rest) {
  return h("li", { class: "step" }, h("div", { class: "step-head" }, h("span", { class: "kind" }, kind), key), h("h3", {}, title), rest);
}

function happened(event) {
  const what = event.kind === "crossed" ? `${event.where}, ${event.direction}` : event.where;
  return step("Event", `${event.kind} ${what}`, digest(event.id, "event id"));
}

/** The demo draws the pictures that its model learned from again; that takes a few seconds. */
function drawing(past) {
  if (past.problem) return h("li", { class: "step note" }, h("p", {}, past.problem));
  const percent = Math.round(past.done * 100);
  return h("li", { class: "step note" },
    h("p", {}, `The training images are being drawn again, bit for bit: ${percent} %`),
    h("progress", { max: 100, value: percent, "aria-label": "Drawing the training images" }));
}

function configuration(config) {
  return step("Stream configuration", `${config.stream}, configuration ${config.number}`, digest(config.config, "configuration digest"),
    opened("YAML", h("pre", {}, config.text.trim())));
}

function model(of) {
  const input = of.signature.input;
  return step("Model", of.ref ?? `${of.name}@${of.number}`, digest(of.digest, "model digest"),
    metrics(of.metrics),
    h("p", { class: "line" }, `${size(of.size)} · ${input.width} × ${input.height} · decoder ${of.signature.decoder} · ${of.licence}`));
}

function run(of) {
  const took = of.ended ? ` · ${minutes(new Date(of.ended) - new Date(of.started))}` : "";
  const settings = [opened("Configuration", table(of.config)), Object.keys(of.environment).length ? opened("Environment", table(of.environment)) : null];
  return step("Run", `${of.trainer}, seed ${of.seed}`, digest(of.id, "run id"),
    h("p", { class: "line" }, `${of.code}${took} · on ${of.dataset}`), settings);
}

function version(of) {
  const splits = Object.entries(of.splits).filter(([, count]) => count > 0);
  return step("Dataset version", `${of.dataset}@${of.number}`, digest(of.fingerprint, "fingerprint"),
    of.message ? h("p", { class: "line quote" }, of.message) : null,
    h("div", { class: "splits", role: "img", "aria-label": splits.map(([name, n]) => `${name} ${n}`).join(", ") },
      splits.map(([name, count]) => h("span", { class: name, vars: { share: count } }))),
    h("p", { class: "line keys" }, splits.map(([name, count]) => h("span", { class: `split-key ${name}` }, `${name} ${count}`)),
      h("span", {}, `${of.samples} images`)));
}

function pictures(trace) {
  const found = labels(trace.version, trace.samples);
  const grid = h("div", { class: "pictures" }, trace.samples.map((sample) => thumbnail(sample, found)));
  return step("Training images", `${trace.samples.length} of ${trace.version.splits.train ?? trace.version.samples}`, null, grid);
}

function thumbnail(sample, found) {
  const button = h("button", { type: "button", class: "thumb-button", "aria-label": `Show ${sample.filename}` }, stack(sample, found));
  button.addEventListener("click", () => enlarge(sample, found));
  return button;
}

/** The picture with its boxes, which come a moment later. */
function stack(sample, found) {
  const picture = h("img", { src: blob(sample.digest), alt: "", loading: "lazy" });
  const drawing = s("svg", { class: "boxes", viewBox: `0 0 ${sample.width || 1} ${sample.height || 1}`, "aria-hidden": "true" });
  found.then((all) => drawing.replaceChildren(...(all.get(sample.filename) ?? []).map(box)), () => {});
  return h("span", { class: "stack" }, picture, drawing);
}

function box(object) {
  const [x1, y1, x2, y2] = object.box;
  return s("rect", { x: x1, y: y1, width: x2 - x1, height: y2 - y1 }, s("title", {}, object.class_name));
}

async function enlarge(sample, found) {
  const dialog = document.getElementById("picture");
  const caption = h("p", {}, h("b", {}, sample.filename), h("span", {}, `${sample.width} × ${sample.height} · ${sample.split}`), digest(sample.digest, "image digest"));
  const close = h("button", { type: "button", class: "more", autofocus: true }, "Close");
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(stack(sample, found), h("div", { class: "picture-foot" }, caption, close));
  dialog.onclick = (event) => event.target === dialog && dialog.close();
  dialog.showModal();
  const objects = (await found.catch(() => new Map())).get(sample.filename);
  if (objects) caption.append(h("span", {}, objects.length === 1 ? "1 object" : `${objects.length} objects`));
}

function metrics(values) {
  const names = { map50: "mAP50", map50_95: "mAP50-95" };
  const shown = Object.entries(values).slice(0, 4);
  if (shown.length === 0) return null;
  return h("dl", { class: "metrics" }, shown.map(([name, value]) => h("div", {}, h("dt", {}, names[name] ?? name), h("dd", {}, value.toFixed(3)))));
}

function table(values) {
  return h("dl", { class: "table" }, Object.entries(values).map(([name, value]) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, typeof value === "object" ? JSON.stringify(value) : String(value)))));
}

function opened(title, content) {
  return h("details", {}, h("summary", {}, title), content);
}

function minutes(ms) {
  const total = Math.round(ms / 1000);
  return total < 60 ? `${total} s` : `${Math.floor(total / 60)} min ${total % 60} s`;
}
