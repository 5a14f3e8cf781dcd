// Inside one room: who is in it, what it did last, what it says of its state, and what an operator can do about it.
import { h, count, duration, clock, plural } from "./format.js";
import { get, post, access, Refused } from "./api.js";

let drawer, current = null, timer = 0, returnTo = null, word = "";

export function begin(element) {
  drawer = element;
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && current) close();
  });
}

export function open(id) {
  returnTo = document.activeElement;
  current = id;
  word = "";
  drawer.replaceChildren(top(`Room ${id}`), h("p.soft", {}, "Asking its worker …"));
  drawer.hidden = false;
  drawer.querySelector("button").focus();
  load(id);
}

export function close() {
  current = null;
  clearTimeout(timer);
  drawer.hidden = true;
  returnTo?.focus?.();
}

const top = (title) => h("div.top", {}, h("h2", { id: "room-title" }, title),
  h("button.button.small", { type: "button", onclick: close, "aria-label": "Close" }, "Close"));

async function load(id) {
  clearTimeout(timer);
  try {
    const room = await get(`/v1/rooms/${id}`);
    // Not under the hands of somebody who is about to copy from it.
    const selection = document.getSelection();
    if (current === id && (selection.isCollapsed || !drawer.contains(selection.anchorNode))) show(room);
  } catch (error) {
    if (current !== id) return;
    const gone = error instanceof Refused && error.status === 404;
    if (!drawer.querySelector(".facts") || gone) {
      drawer.replaceChildren(top(`Room ${id}`), h("p.problem", {}, error.message));
    }
  }
  if (current === id) timer = setTimeout(() => load(id), 2000);
}

function show(room) {
  const focused = drawer.contains(document.activeElement) ? document.activeElement.dataset.key ?? "close" : null;
  const scroll = drawer.scrollTop;
  const within = drawer.querySelector("pre")?.scrollTop ?? 0;
  drawer.replaceChildren(top(`${room.module}/${room.key}`), ...problems(room), facts(room), ...buttons(room),
    ...members(room), ...fuel(room), ...state(room), ...lastEvents(room), ...past(room));
  drawer.scrollTop = scroll;
  if (within) drawer.querySelector("pre")?.scrollTo(0, within);
  if (focused === "close") drawer.querySelector(".top button").focus();
  else if (focused) drawer.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

const FROZEN = {
  ticksFail: "its ticks or timers keep failing", membersFail: "messages of several members made its code fail",
  diverged: "its history did not come out the same when it was replayed", moduleMissing: "its build is not here, or cannot be run",
  kills: "its native code killed two workers in a row",
};

function problems(room) {
  const lines = [];
  if (room.frozen) lines.push(`This room is frozen: ${FROZEN[room.frozen] ?? room.frozen}. Its state is kept, inputs are answered "busy".`);
  if (room.ended) lines.push(`This room has ended: ${room.ended}.`);
  if (room.check) lines.push(`Its own check fails: ${room.check}`);
  return lines.map((line) => h("p.problem", {}, line));
}

function facts(room) {
  const list = [
    ["version", room.version], ["id", h("code", {}, room.room ?? room.id)], ["label", room.label],
    [room.worker != null ? "worker" : "shard", room.worker != null ? `${room.worker}, shard ${room.shard}` : String(room.shard)], ["phase", room.phase],
    ["events", count(room.events)], ["queue", room.queue ? plural(room.queue, "input") : null],
    ["memory", room.memory ? count(room.memory / 1024) + " KB" : null], ["locked", room.locked ? "takes no new members" : null],
    ["waits for", (room.requests ?? []).map((r) => r.room).join(", ")],
    ...Object.entries(room.properties ?? {}),
  ];
  return h("dl.facts", {}, ...list.filter(([, v]) => v).flatMap(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]));
}

function members(room) {
  const list = room.membersList ?? [];
  const rows = list.map((m) => h("tr", {},
    h("td", {}, m.name || `slot ${m.slot}`), h("td.soft", {}, m.suspended ? "away" : m.attached ? "here" : "coming back"),
    h("td.n.soft", {}, plural(m.inputs ?? 0, "input")),
    h("td.n", {}, access.token ? h("button.button.small.quiet", {
      type: "button", "data-key": `kick-${m.slot}`, "aria-label": `Remove ${m.name || "slot " + m.slot}`,
      onclick: () => act(room, "kick", { slot: m.slot, reason: "removed by the operator" }),
    }, "remove") : null)));
  return [h("h3", {}, plural(room.members ?? list.length, "member")), list.length ? h("table.rowlist", {}, h("tbody", {}, ...rows)) : h("p.soft", {}, "Nobody is in it.")];
}

function fuel(room) {
  if (!room.fuel?.limit) return [];
  const part = Math.min(100, (room.fuel.max / room.fuel.limit) * 100);
  const bar = h("i");
  bar.style.width = part + "%";
  return [h("h3", {}, "Fuel"), h("p", {}, `${count(room.fuel.max)} at most, ${count(room.fuel.last)} last `,
    h("span.soft", {}, `of ${count(room.fuel.limit)} that an event may use`)), h("div.fuel", {}, bar)];
}

function state(room) {
  if (room.state == null) return [];
  return [h("h3", {}, "State"), h("pre", { tabindex: "0", "aria-label": "State as JSON" }, pretty(room.state))];
}

/** JSON as one would write it: what is short is on one line. */
function pretty(value, indent = "") {
  const short = inline(value);
  if (value === null || typeof value !== "object" || short.length <= 56) return short;
  const inner = indent + "  ";
  if (Array.isArray(value)) return `[\n${value.map((v) => inner + pretty(v, inner)).join(",\n")}\n${indent}]`;
  const lines = Object.entries(value).map(([k, v]) => `${inner}${JSON.stringify(k)}: ${pretty(v, inner)}`);
  return `{\n${lines.join(",\n")}\n${indent}}`;
}

function inline(value) {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  const members = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${inline(v)}`);
  return members.length ? `{ ${members.join(", ")} }` : "{}";
}

function lastEvents(room) {
  const list = room.lastEvents ?? [];
  if (!list.length) return [];
  const rows = [...list].reverse().map((e) => h("tr", {},
    h("td.n.soft", {}, String(e.seq)), h("td", {}, e.kind), h("td.soft", {}, e.slot != null ? `slot ${e.slot}` : ""),
    h("td.n.soft", {}, e.fuel ? count(e.fuel) + " fuel" : ""), h("td.n.soft", {}, e.at ? clock(milliseconds(e.at)) : "")));
  return [h("h3", {}, "Last events"), h("table.rowlist", {}, h("tbody", {}, ...rows))];
}

/** Times of rooms are microseconds since 1970. */
const milliseconds = (at) => at / 1000;

function past(room) {
  const list = room.history ?? [];
  if (!list.length) return [];
  const rows = [...list].reverse().map((e) => h("tr", {},
    h("td.n.soft", {}, String(e.seq)), h("td", {}, e.fault, h("div.soft", {}, e.text)), h("td.n.soft", {}, e.at ? clock(milliseconds(e.at)) : "")));
  return [h("h3", {}, "What went wrong in it"), h("table.rowlist", {}, h("tbody", {}, ...rows))];
}

function buttons(room) {
  if (!access.token || room.ended) return [];
  let sure = false;
  const end = h("button.button.danger", { type: "button", "data-key": "end", onclick: () => {
    if (sure) return act(room, "end", { reason: "ended by the operator" });
    sure = true;
    clearTimeout(timer);
    end.textContent = "End it for everybody?";
    end.classList.add("sure");
    timer = setTimeout(() => load(current), 4000);
  } }, "End the room");
  const lock = h("button.button", { type: "button", "data-key": "lock", onclick: () => act(room, "lock", { locked: !room.locked }) },
    room.locked ? "Unlock" : "Lock");
  return [h("div.buttons", {}, lock, end), h("p.said", { role: "status" }, word)];
}

async function act(room, verb, body) {
  const id = room.room ?? room.id;
  const began = performance.now();
  try {
    await post(`/v1/rooms/${id}/${verb}`, body);
    word = `Done, durable after ${duration(performance.now() - began)}.`;
  } catch (error) { word = error.message; }
  if (current === id) load(id);
}
