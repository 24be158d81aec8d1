// The same thing from a terminal or a program.

import { copied, h, icon } from "./dom.js";

const KEY = "viseon.copy-as";

/** Ways to get this event and its past without the page. */
export function commands(event, trace) {
  const ways = { CLI: cli(event, trace), curl: curl(event), Python: python(event) };
  const code = h("code", { tabindex: "0", role: "tabpanel", id: "copy-text", "aria-label": "Command" });
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Get this as" });
  const choose = (name) => {
    localStorage.setItem(KEY, name);
    code.textContent = ways[name];
    for (const tab of tabs.children) {
      const on = tab.textContent === name;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
    }
  };
  for (const name of Object.keys(ways)) {
    tabs.append(h("button", { type: "button", role: "tab", "aria-controls": "copy-text", onclick: () => choose(name) }, name));
  }
  tabs.addEventListener("keydown", (pressed) => turn(tabs, pressed));
  const copy = h("button", { type: "button", class: "copy", "aria-label": "Copy" }, icon("copy"), h("span", {}, "Copy"));
  copy.addEventListener("click", () => copied(copy, code.textContent));
  choose(ways[localStorage.getItem(KEY)] ? localStorage.getItem(KEY) : "CLI");
  return h("section", { class: "copy-as", "aria-label": "Copy as" }, h("div", { class: "copy-head" }, tabs, copy), h("pre", {}, code));
}

function turn(tabs, pressed) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[pressed.key];
  if (!step) return;
  const all = [...tabs.children];
  const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
  next.click();
  next.focus();
}

function cli(event, trace) {
  const where = `export VISEON_SERVER=${location.origin}`;
  const dataset = trace?.version ? `\nviseon log ${trace.version.dataset}` : "";
  return `${where}\nviseon trace ${event.id}${dataset}`;
}

function curl(event) {
  const snapshot = event.snapshot ? `\ncurl -o frame.jpg ${location.origin}/v1/blobs/${event.snapshot}` : "";
  return `curl ${location.origin}/v1/events/${event.id}/trace${snapshot}`;
}

function python(event) {
  return `import viseon\n\nhere = viseon.connect("${location.origin}")\ntrace = here.events.trace("${event.id}")\nprint(trace.model.ref, trace.run.trainer, trace.version.ref)`;
}
