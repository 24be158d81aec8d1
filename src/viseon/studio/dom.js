// Making elements, and saying numbers the way people read them.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; `on…` properties are listeners, null and false are left out. */
export function h(tag, properties = {}, ...children) {
  return built(document.createElement(tag), properties, children);
}

/** An SVG element. */
export function s(tag, properties = {}, ...children) {
  return built(document.createElementNS(SVG, tag), properties, children);
}

function built(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "vars") setVariables(element, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function setVariables(element, variables) {
  for (const [name, value] of Object.entries(variables)) element.style.setProperty(`--${name}`, value);
}

/** Replace what an element holds, only if it would read differently. */
export function fill(element, ...children) {
  const next = h("div", {}, ...children);
  if (element.innerHTML !== next.innerHTML) element.replaceChildren(...next.childNodes);
}

const ICONS = {
  in: "M4 10h9m-3.500-3.500L13 10l-3.500 3.500M13.500 4H15a1.500 1.500 0 0 1 1.500 1.500v9A1.500 1.500 0 0 1 15 16h-1.500",
  out: "M16 10H7m3.500-3.500L7 10l3.500 3.500M6.500 4H5a1.500 1.500 0 0 0-1.500 1.500v9A1.500 1.500 0 0 0 5 16h1.500",
  entered: "M4 8V5.500A1.500 1.500 0 0 1 5.500 4H8m4 0h2.500A1.500 1.500 0 0 1 16 5.500V8m0 4v2.500a1.500 1.500 0 0 1-1.500 1.500H12m-4 0H5.500A1.500 1.500 0 0 1 4 14.500V12M10 7.500v5M7.500 10h5",
  left: "M4 8V5.500A1.500 1.500 0 0 1 5.500 4H8m4 0h2.500A1.500 1.500 0 0 1 16 5.500V8m0 4v2.500a1.500 1.500 0 0 1-1.500 1.500H12m-4 0H5.500A1.500 1.500 0 0 1 4 14.500V12M7.500 10h5",
  loitered: "M10 5.500V10l3 2M10 3.500a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13",
  crossed: "M10 3v14M5 10h10",
  copy: "M7.500 7.500V5A1.500 1.500 0 0 1 9 3.500h6A1.500 1.500 0 0 1 16.500 5v6a1.500 1.500 0 0 1-1.500 1.500h-2.500M5 7.500h6A1.500 1.500 0 0 1 12.500 9v6a1.500 1.500 0 0 1-1.500 1.500H5A1.500 1.500 0 0 1 3.500 15V9A1.500 1.500 0 0 1 5 7.500Z",
  done: "M4.500 10.500 8.500 14.500 15.500 6.500",
  back: "M12 4.500 6.500 10l5.500 5.500",
  wait: "M10 5.500V10l3 2M10 3.500a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13",
};

/** A line drawing of 20 units; decoration, so hidden from screen readers. */
export function icon(name) {
  const path = s("path", { d: ICONS[name] ?? ICONS.crossed });
  return s("svg", { viewBox: "0 0 20 20", class: "icon", "aria-hidden": "true" }, path);
}

/** A digest or id, short, with a button that copies the whole of it. */
export function digest(text, label) {
  const button = h("button", { type: "button", class: "digest", title: `${text}\nClick to copy` });
  button.append(h("code", {}, text.includes("-") ? `…${text.slice(-12)}` : text.slice(0, 12)), icon("copy"));
  button.setAttribute("aria-label", `Copy ${label} ${text}`);
  button.addEventListener("click", () => copied(button, text));
  return button;
}

/** Put text on the clipboard and show on the button that it is there. */
export async function copied(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    select(text);
  }
  button.classList.add("copied");
  say("Copied");
  setTimeout(() => button.classList.remove("copied"), 1400);
}

function select(text) {
  const area = h("textarea", { class: "quiet" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Tell people who listen rather than look. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** `4.2 s`, `2 min 5 s`. */
export function seconds(value) {
  if (value < 60) return `${value.toFixed(1)} s`;
  return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
}

/** Time of day; a recording that does not know its date shows how far into it. */
export function moment(event) {
  const at = new Date(event.at);
  if (at.getUTCFullYear() > 1980) return at.toLocaleTimeString([], { hourCycle: "h23" });
  const minutes = Math.floor(event.time_s / 60);
  return `${minutes}:${(event.time_s % 60).toFixed(1).padStart(4, "0")}`;
}

/** `812 KB`. */
export function size(bytes) {
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** `Person #12`. */
export function who(event) {
  const name = event.class_name;
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} #${event.track_id}`;
}

/** What happened, as half a sentence after `who`. */
export function did(event) {
  const dwell = event.dwell_s === null ? "" : seconds(event.dwell_s);
  switch (event.kind) {
    case "crossed":
      return event.direction === "in" ? "came in" : "went out";
    case "entered":
      return `entered ${event.where}`;
    case "left":
      return `left ${event.where} after ${dwell}`;
    default:
      return `stayed at ${event.where} for ${dwell}`;
  }
}

/** The icon and colour of an event. */
export function look(event) {
  return event.kind === "crossed" ? (event.direction ?? "crossed") : event.kind;
}
