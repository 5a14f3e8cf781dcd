// Numbers, times and elements as the page writes them.

const integer = new Intl.NumberFormat("en");
const DASH = "–";

export const count = (n) => (n == null ? DASH : integer.format(Math.round(n)));

/** Milliseconds, with three digits that matter: ["4.2", "ms"]. */
export function time(ms) {
  if (ms == null) return [DASH, ""];
  if (ms >= 60000) return [(ms / 60000).toFixed(1), "min"];
  if (ms >= 1000) return [(ms / 1000).toFixed(ms >= 10000 ? 0 : 1), "s"];
  return [ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2), "ms"];
}
/** Without digits that do not matter on an axis: "10 ms". */
export const round = (ms) => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`);
export const duration = (ms) => time(ms).join(" ").trim();

export function bytes(n) {
  if (!n) return DASH;
  if (n >= 1 << 30) return (n / (1 << 30)).toFixed(1) + " GB";
  if (n >= 1 << 20) return Math.round(n / (1 << 20)) + " MB";
  return Math.round(n / 1024) + " KB";
}

export function clock(ms) {
  const d = new Date(ms);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

let ahead = 0;
/** The server says what time it is: this computer's clock may be wrong by hours. */
export function serverTime(ms) { ahead = Date.now() - ms; }
/** Milliseconds since 1970 at the server, whose times are compared with nothing else. */
export const now = () => Date.now() - ahead;

export function ago(ms) {
  const s = Math.max(0, Math.round((now() - ms) / 1000));
  if (s < 2) return "just now";
  if (s < 90) return `${s} s ago`;
  if (s < 5400) return `${Math.round(s / 60)} min ago`;
  return `${Math.round(s / 3600)} h ago`;
}

export const plural = (n, one, many = one + "s") => `${count(n)} ${n === 1 ? one : many}`;

/** An element: `h("p.note", { id: "x" }, "text", child)`. A null child is none. */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

/** Only what changed: a text that stays does not disturb a reader or a selection. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A colour of the style sheet. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A canvas as sharp as the screen; `draw(context, width, height)` in CSS pixels. */
export function paint(canvas, width, height, draw) {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  const [w, h2] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h2) [canvas.width, canvas.height] = [w, h2];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.save();
  draw(context, width, height);
  context.restore();
}
