// The tree of processes. A process that dies stays for a few seconds, struck through, so that one sees who takes over.
import { h, say, count, bytes, duration, plural } from "./format.js";

const LINGER = 5000;
const FRESH = 4000;
const rows = new Map();
let body, note, order = [];
let tools = () => [];

export function begin(tbody, noteElement, makeTools) {
  body = tbody;
  note = noteElement;
  tools = makeTools;
}

function make(p) {
  const cell = (name, ...children) => h("td" + name, {}, ...children);
  const row = {
    name: h("span.name"), state: h("span.state"), pid: cell(".n.pid"), beat: cell(".n.beat"), memory: cell(".n.memory"),
    rooms: cell(".n.rooms-of"), cpu: h("b"), bar: h("i"), shards: h("div.shards"), tools: cell(".tools"), was: "", role: "",
  };
  row.element = h("tr" + (p.role === "supervisor" ? "" : ".child"), { "data-instance": p.instance },
    cell("", row.name), cell("", row.state), row.pid, row.beat, cell(".cpu", h("div.meter", {}, row.bar, row.cpu)), row.memory,
    row.rooms, cell(".shard-list", row.shards), row.tools);
  if (order.length) row.element.classList.add("new");
  return row;
}

function fill(row, p, now) {
  const title = p.role === "supervisor" ? "supervisor" : `${p.role} ${p.instance}`;
  say(row.name, title);
  // A takeover may be over before the next look.
  if ((row.was === "adopting" || row.was === "spare") && p.state === "serving") row.tookOverAt = now;
  row.was = p.state;
  const state = row.tookOverAt && now - row.tookOverAt < FRESH ? "took over" : p.state;
  say(row.state, state);
  row.state.dataset.state = state;
  say(row.pid, p.pid ? String(p.pid) : "–");
  say(row.beat, p.role === "supervisor" ? "" : p.beat_ms < 1000 ? `${p.beat_ms} ms` : duration(p.beat_ms));
  row.beat.classList.toggle("late", p.beat_ms > 1000);
  row.bar.style.setProperty("--part", Math.min(100, (p.cpu ?? 0) * 100) + "%");
  say(row.cpu, p.cpu == null ? "–" : Math.round(p.cpu * 100) + " %");
  say(row.memory, bytes(p.memory_bytes));
  say(row.rooms, p.role === "worker" ? count(p.rooms) : "");
  row.rooms.dataset.unit = p.rooms === 1 ? "room" : "rooms";
  const list = p.shards.join(" ");
  if (row.list !== list) {
    row.list = list;
    row.shards.replaceChildren(...p.shards.map((s) => h("span", { title: `shard ${s}` }, String(s))));
    row.shards.setAttribute("aria-label", p.shards.length ? `shards ${p.shards.join(", ")}` : "");
  }
  row.shards.classList.toggle("moving", p.state === "adopting");
  if (row.role !== p.role || row.hasTools !== tools.version) {
    row.role = p.role;
    row.hasTools = tools.version;
    row.tools.replaceChildren(...tools(p));
  }
}

const RANK = { supervisor: 0, gateway: 1, control: 2, worker: 3, spare: 4 };

export function show(vitals) {
  const now = performance.now();
  const here = new Set(vitals.processes.map((p) => p.instance));
  for (const p of vitals.processes) {
    // A server that was started anew counts anew.
    const before = rows.get(p.instance);
    if (before && (before.diedAt || (before.process.pid && p.pid && before.process.pid !== p.pid))) {
      before.element.remove();
      rows.delete(p.instance);
      order = order.filter((instance) => instance !== p.instance);
    }
    if (!rows.has(p.instance)) rows.set(p.instance, make(p));
    const row = rows.get(p.instance);
    row.process = p;
    fill(row, p, now);
  }
  for (const [instance, row] of rows) {
    if (here.has(instance)) continue;
    if (!row.diedAt) {
      row.diedAt = now;
      row.element.classList.add("dead");
      say(row.state, "dead");
      row.state.dataset.state = "dead";
      row.tools.replaceChildren();
    } else if (now - row.diedAt > LINGER) {
      row.element.remove();
      rows.delete(instance);
    }
  }
  const sorted = [...rows.values()].sort((a, b) =>
    RANK[a.process.role] - RANK[b.process.role] || a.process.instance - b.process.instance);
  // Rows are moved only where their order changed, so that the focus stays in its place.
  const wanted = sorted.map((r) => r.process.instance).join();
  if (wanted !== order.join()) {
    body.append(...sorted.map((r) => r.element));
    order = sorted.map((r) => r.process.instance);
  }
  const memory = vitals.processes.reduce((sum, p) => sum + p.memory_bytes, 0);
  const cpu = vitals.processes.reduce((sum, p) => sum + (p.cpu ?? 0), 0);
  const workers = vitals.processes.filter((p) => p.shards.length).length;
  say(note, `${plural(workers, "worker")}, ${cpu.toFixed(2)} cores, ${bytes(memory)}`);
}
