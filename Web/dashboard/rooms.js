// All rooms as squares on one canvas, in the order of their shards, so that each keeps its place whoever owns it.
// Ten thousand of them are one picture; a few dozen are tiles with their names.
import { h, say, count, plural, colour, paint } from "./format.js";

const TILES_MAX = 60;
const FOUND_MAX = 50;
const HEIGHT_MAX = 480;
let canvas, tip, legend, note, said, found, open;
let rooms = [], byVersion = new Map(), layout = null, cursor = -1, hover = -1, wanted = "";

export function begin(parts, onOpen) {
  ({ canvas, tip, legend, note, said, found } = parts);
  open = onOpen;
  canvas.addEventListener("pointermove", (e) => point(at(e)));
  canvas.addEventListener("pointerleave", () => point(-1));
  canvas.addEventListener("click", (e) => choose(at(e)));
  canvas.addEventListener("keydown", key);
  canvas.addEventListener("blur", () => { cursor = -1; point(-1); });
  parts.search.addEventListener("input", () => search(parts.search.value));
  new ResizeObserver(draw).observe(canvas.parentElement);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

export const all = () => rooms;
const idOf = (room) => room.room ?? room.id;
/** The key of a room that sleeps is not known. */
export const nameOf = (room) => (room.key ? `${room.module}/${room.key}` : `room ${idOf(room)}`);
/** A room's name by its id, where it is known. */
export const called = (id) => {
  const room = rooms.find((r) => idOf(r) === id);
  return room ? nameOf(room) : null;
};
const isAsleep = (room) => room.phase === "asleep";
const versionOf = (room) => `${room.module} ${room.version}`;

/** `list`: as GET /v1/rooms gives it. `served`: the shards that have an owner now, or null where that is unknown. */
export function show(list, served) {
  const here = new Set(list.map(idOf));
  // Rooms of a shard that is changing hands are not gone; they are on their way.
  const moving = served ? rooms.filter((r) => !here.has(idOf(r)) && !served.has(r.shard)) : [];
  for (const room of moving) room.moving = true;
  rooms = [...list, ...moving].sort((a, b) => a.shard - b.shard || (idOf(a) < idOf(b) ? -1 : 1));
  const versions = new Map();
  for (const room of rooms) if (!isAsleep(room)) versions.set(versionOf(room), (versions.get(versionOf(room)) ?? 0) + 1);
  byVersion = new Map([...versions].sort(([a], [b]) => (a < b ? -1 : 1)).map(([v, n], i) => [v, { count: n, colour: hue(i) }]));
  words();
  draw();
  if (wanted) search(wanted);
}

/** The first version has the accent; the others stand apart from it and from one another. */
function hue(i) {
  if (i === 0) return colour("accent");
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const hues = [168, 292, 96, 210, 328, 60, 250];
  return `oklch(${dark ? 0.76 : 0.6} 0.12 ${hues[(i - 1) % hues.length]})`;
}

function words() {
  const members = rooms.reduce((n, r) => n + (r.members ?? 0), 0);
  say(note, rooms.length ? `${plural(rooms.length, "room")} with ${plural(members, "member")}` : "");
  const frozen = rooms.filter(isFrozen).length;
  const moving = rooms.filter((r) => r.moving).length;
  const asleep = rooms.filter(isAsleep).length;
  const entry = (name, style, n) => h("span", {}, Object.assign(h("i" + (name ? "." + name : "")), style), n);
  const items = [...byVersion].map(([version, v]) => {
    const swatch = h("i");
    swatch.style.background = v.colour;
    return h("span", {}, swatch, `${version} · ${count(v.count)}`);
  });
  if (frozen) items.push(entry("frozen", {}, `${count(frozen)} frozen`));
  if (asleep) items.push(entry("asleep", {}, `${count(asleep)} asleep`));
  if (moving) items.push(entry("moving", {}, `${count(moving)} changing hands`));
  legend.replaceChildren(...items);
}

const isFrozen = (room) => room.frozen != null || room.phase === "frozen";

function arrange(width) {
  if (rooms.length <= TILES_MAX) {
    const columns = Math.max(1, Math.floor((width + 6) / (width < 420 ? 150 : 172)));
    const w = (width + 6) / columns - 6;
    return { tiles: true, columns, w, h: 40, gap: 6, rows: Math.ceil(rooms.length / columns) };
  }
  for (let size = 22; ; size--) {
    const gap = size > 9 ? 3 : size > 5 ? 2 : 1;
    const columns = Math.floor((width + gap) / (size + gap));
    const rows = Math.ceil(rooms.length / columns);
    if (rows * (size + gap) - gap <= HEIGHT_MAX || size === 3) return { tiles: false, columns, w: size, h: size, gap, rows };
  }
}

function place(i) {
  const { columns, w, h: height, gap } = layout;
  return [(i % columns) * (w + gap), Math.floor(i / columns) * (height + gap)];
}

export function draw() {
  const width = canvas.parentElement.clientWidth;
  if (!width) return;
  if (!rooms.length) {
    layout = null;
    canvas.style.height = "64px";
    return paint(canvas, width, 64, (c) => {
      c.fillStyle = colour("soft");
      c.font = `13px ${colour("sans")}`;
      c.fillText("No rooms yet. A room begins when its first player joins.", 0, 22);
    });
  }
  layout = arrange(width);
  const height = Math.max(40, layout.rows * (layout.h + layout.gap) - layout.gap);
  canvas.style.height = height + "px";
  canvas.setAttribute("aria-label", `${plural(rooms.length, "room")}, each a square`);
  paint(canvas, width, height, (c) => {
    const inks = { bad: colour("bad"), soft: colour("soft"), ink: colour("ink"), line: colour("line"), faint: colour("faint"), sans: colour("sans") };
    for (let i = 0; i < rooms.length; i++) cell(c, rooms[i], i, inks);
    for (const i of new Set([hover, cursor])) if (i >= 0 && i < rooms.length) ring(c, i, inks.ink);
  });
}

function cell(c, room, i, inks) {
  const [x, y] = place(i);
  const { w, h: height, tiles } = layout;
  const tint = (!isAsleep(room) && byVersion.get(versionOf(room))?.colour) || inks.line;
  c.globalAlpha = 1;
  if (tiles) {
    c.fillStyle = inks.faint;
    c.beginPath();
    c.roundRect(x, y, w, height, 5);
    c.fill();
    c.fillStyle = tint;
    c.globalAlpha = room.moving ? 0.25 : 1;
    c.fillRect(x, y + 6, 3, height - 12);
    text(c, room, x, y, w, inks);
    if (isFrozen(room)) outline(c, x, y, w, height, inks.bad, 2, 5);
    return;
  }
  c.fillStyle = tint;
  if (room.moving) {
    outline(c, x, y, w, height, inks.soft, 1, 0);
  } else {
    // More members, fuller colour; an empty room is still to be seen.
    c.globalAlpha = isFrozen(room) || isAsleep(room) ? 1 : 0.34 + 0.66 * Math.min(1, (room.members ?? 0) / 12);
    if (isFrozen(room)) c.fillStyle = inks.bad;
    c.fillRect(x, y, w, height);
  }
  c.globalAlpha = 1;
}

function text(c, room, x, y, w, inks) {
  c.globalAlpha = room.moving ? 0.5 : 1;
  c.fillStyle = inks.ink;
  c.font = `600 12.5px ${inks.sans}`;
  const fit = (t, width) => {
    if (c.measureText(t).width <= width) return t;
    const characters = [...t];
    while (characters.length && c.measureText(characters.join("") + "…").width > width) characters.pop();
    return characters.join("") + "…";
  };
  c.fillText(fit(room.label || room.key || idOf(room), w - 22), x + 12, y + 17);
  c.fillStyle = inks.soft;
  c.font = `11.5px ${inks.sans}`;
  c.fillText(fit(`${room.module ? room.module + " · " : ""}${room.moving ? "changing hands" : isAsleep(room) ? "asleep" : plural(room.members ?? 0, "member")}`, w - 22), x + 12, y + 32);
  c.globalAlpha = 1;
}

function outline(c, x, y, w, height, style, width, radius) {
  c.strokeStyle = style;
  c.lineWidth = width;
  c.beginPath();
  c.roundRect(x + width / 2, y + width / 2, w - width, height - width, radius);
  c.stroke();
}

function ring(c, i, ink) {
  const [x, y] = place(i);
  outline(c, x - 1.5, y - 1.5, layout.w + 3, layout.h + 3, ink, 1.5, layout.tiles ? 6 : 2);
}

// Pointing, by hand and by key

function at(event) {
  if (!layout) return -1;
  const box = canvas.getBoundingClientRect();
  const column = Math.floor((event.clientX - box.left) / (layout.w + layout.gap));
  const row = Math.floor((event.clientY - box.top) / (layout.h + layout.gap));
  const i = row * layout.columns + column;
  return column >= 0 && column < layout.columns && i >= 0 && i < rooms.length ? i : -1;
}

function describe(room) {
  if (isAsleep(room)) return `${nameOf(room)}, asleep on disk until somebody joins${room.wakesAt ? " or its timer is due" : ""}`;
  const state = isFrozen(room) ? ", frozen" : room.moving ? ", changing hands" : "";
  return `${nameOf(room)}, version ${room.version}, ${plural(room.members ?? 0, "member")}, ${plural(room.events ?? 0, "event")}${state}`;
}

function point(i) {
  if (hover === i && tip.hidden === (i < 0)) return;
  hover = i;
  draw();
  tip.hidden = i < 0;
  if (i < 0) return;
  tip.replaceChildren(h("b", {}, nameOf(rooms[i])), " " + describe(rooms[i]).slice(nameOf(rooms[i]).length + 1));
  const [x, y] = place(i);
  const left = Math.max(0, Math.min(canvas.clientWidth - tip.offsetWidth, x + layout.w / 2 - tip.offsetWidth / 2));
  tip.style.left = left + "px";
  tip.style.top = (y >= 36 ? y - 34 : y + layout.h + 8) + "px";
}

function key(event) {
  if (!layout) return;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -layout.columns, ArrowDown: layout.columns };
  if (event.key in steps) cursor = cursor < 0 ? 0 : cursor + steps[event.key];
  else if (event.key === "Home") cursor = 0;
  else if (event.key === "End") cursor = rooms.length - 1;
  else if ((event.key === "Enter" || event.key === " ") && cursor >= 0) choose(cursor);
  else if (event.key === "Escape") cursor = -1;
  else return;
  event.preventDefault();
  cursor = Math.max(-1, Math.min(rooms.length - 1, cursor));
  point(cursor);
  say(said, cursor < 0 ? "" : describe(rooms[cursor]));
}

function choose(i) {
  if (i >= 0) open(idOf(rooms[i]));
}

function search(text) {
  wanted = text.trim().toLowerCase();
  found.hidden = !wanted;
  if (!wanted) return found.replaceChildren();
  const hits = rooms.filter((r) => [nameOf(r), r.label ?? "", idOf(r), r.version].some((t) => t.toLowerCase().includes(wanted)));
  const shown = hits.slice(0, FOUND_MAX).map((room) => h("li", {},
    h("button", { type: "button", onclick: () => open(idOf(room)) },
      h("span", {}, nameOf(room)), h("span.soft", {}, room.version), h("span.soft", {}, plural(room.members ?? 0, "member")))));
  if (hits.length > FOUND_MAX) shown.push(h("li.empty", {}, `and ${count(hits.length - FOUND_MAX)} more`));
  if (!hits.length) shown.push(h("li.empty", {}, "No room is called so."));
  found.replaceChildren(...shown);
}
