// The same thing from a terminal or a program.

import { copied, h, icon } from "./dom.js";

const KEY = "viseon.copy-as";
let made = 0;

/** Ways to get this event and its past without the page. */
export function eventCommands(event, trace) {
  const past = trace?.version ? `\nviseon log ${trace.version.dataset}` : "";
  const snapshot = event.snapshot ? `\ncurl -o frame.jpg ${location.origin}/v1/blobs/${event.snapshot}` : "";
  const seen = ["trace.event.kind", trace?.model ? "trace.model.ref" : null, trace?.version ? "trace.version.fingerprint" : null];
  return panel({
    CLI: `export VISEON_SERVER=${location.origin}\nviseon trace ${event.id}${past}`,
    curl: `curl ${location.origin}/v1/events/${event.id}/trace${snapshot}`,
    Python: `${connected()}\ntrace = here.events.trace("${event.id}")\nprint(${seen.filter(Boolean).join(", ")})`,
  });
}

/** Ways to get a stream's counts and events without the page. */
export function streamCommands({ name }) {
  return panel({
    CLI: `export VISEON_SERVER=${location.origin}\nviseon streams get ${name}\nviseon events --stream ${name}`,
    curl: `curl ${location.origin}/v1/streams/${name}\ncurl '${location.origin}/v1/events?stream=${name}'`,
    Python: `${connected()}\nprint(here.streams.get("${name}").counts)\nfor event in here.events.find(stream="${name}").items:\n    print(event.at, event.kind, event.where)`,
  });
}

function connected() {
  return `import viseon\n\nhere = viseon.connect("${location.origin}")`;
}

function panel(ways) {
  const id = `copy-${++made}`;
  const code = h("code", {});
  const text = h("pre", { role: "tabpanel", id, tabindex: "0", "aria-label": "Command" }, code);
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
    tabs.append(h("button", { type: "button", role: "tab", "aria-controls": id, onclick: () => choose(name) }, name));
  }
  tabs.addEventListener("keydown", (pressed) => turn(tabs, pressed));
  const copy = h("button", { type: "button", class: "copy" }, icon("copy"), h("span", {}, "Copy"));
  copy.addEventListener("click", () => copied(copy, code.textContent));
  choose(ways[localStorage.getItem(KEY)] ? localStorage.getItem(KEY) : "CLI");
  return h("section", { class: "copy-as", "aria-label": "Get this without the page" }, h("div", { class: "copy-head" }, tabs, copy), text);
}

function turn(tabs, pressed) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[pressed.key];
  if (!step) return;
  const all = [...tabs.children];
  const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
  next.click();
  next.focus();
}
