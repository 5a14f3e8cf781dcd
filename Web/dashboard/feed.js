// What happened: deaths and who took over after how long, quarantines with their backtraces, freezes, full disks.
import { h, clock, duration, now, plural } from "./format.js";
import { get } from "./api.js";
import { called } from "./rooms.js";

const KEPT = 300;
let list, everything = false, entries = [], known = new Set(), began = false;

export function begin(element, checkbox) {
  list = element;
  checkbox.addEventListener("change", () => { everything = checkbox.checked; draw(); });
}

export const newest = (kind, withinMs) => {
  const since = now() - withinMs;
  return entries.find((e) => e.kind === kind && e.at >= since);
};
export const marks = () => entries.filter((e) => e.mood === "bad" || e.mood === "warn");

export function hear(events, recoveries) {
  const fresh = [...events.map(ofEvent), ...recoveries.map(ofRecovery)].filter((e) => !known.has(e.id));
  if (!fresh.length && began) return;
  for (const e of fresh) known.add(e.id);
  entries = [...fresh, ...entries].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1)).slice(0, KEPT);
  draw(began ? new Set(fresh.map((e) => e.id)) : new Set());
  began = true;
}

const MOODS = {
  death: "bad", quarantined: "warn", frozen: "bad", "room-failed": "bad", "call-put-aside": "bad", "member-removed": "warn", "disk-full": "bad",
  "disk-failed": "bad", "log-unreadable": "bad", "disk-space-back": "good", "module-refused": "warn", "link-broken": "warn", "version-failed": "warn",
  differs: "warn",
};
const TITLES = {
  quarantined: "A bug cost one event", frozen: "A room is frozen", "room-failed": "A room cannot go on", "call-put-aside": "Native code killed two workers",
  "member-removed": "A member was removed", "disk-full": "The disk is full", "disk-failed": "The disk failed", "log-unreadable": "A part of the log cannot be read",
  "disk-space-back": "The disk has space again", "module-refused": "A module was refused", "link-broken": "A link was broken",
  "version-failed": "A new version failed, and its room went back", "twin-failed": "An old version failed, which only listens",
  upgraded: "A room runs another version", "went-back": "A room went back to its version", "twin-ended": "A room has one version again",
  differs: "A room is not deterministic",
};

function ofEvent(e) {
  const who = `${e.role} ${e.instance}`;
  return {
    id: `e${e.number}@${e.atMicroseconds}`, at: e.atMicroseconds / 1000, kind: e.kind, mood: MOODS[e.kind] ?? "", text: e.text, who,
    title: e.kind === "death" ? `${who} died` : TITLES[e.kind] ?? e.kind, detail: e.text.replace(/ \(crash [\w-]+\)/, ""),
    crash: /\(crash ([\w-]+)\)/.exec(e.text)?.[1], room: /room ([0-9a-f]{16})/.exec(e.text)?.[1],
  };
}

function ofRecovery(r) {
  const what = r.shards.length
    ? `${plural(r.shards.length, "shard")} and ${plural(r.rooms, "room")}${r.events ? `, ${plural(r.events, "event")} replayed` : ""}` : "";
  return {
    id: `r${r.number}@${r.atMicroseconds}`, at: (r.atMicroseconds + r.tookMicroseconds) / 1000, kind: "recovery", mood: "good",
    title: r.shards.length ? `worker ${r.replacement} took over` : `${r.role} ${r.replacement} took its place`,
    pause: r.shards.length || r.role === "gateway" ? r.tookMicroseconds / 1000 : null, detail: what, who: "supervisor",
  };
}

const isNews = (e) => everything || e.mood !== "";

function draw(fresh = new Set()) {
  const shown = entries.filter(isNews);
  if (!shown.length) {
    list.replaceChildren(h("li.empty", {}, "Nothing yet. Kill a process and watch what the players notice of it: nothing but a pause."));
    return;
  }
  const open = new Set([...list.querySelectorAll("details[open]")].map((d) => d.closest("li").dataset.id));
  const old = new Map([...list.querySelectorAll("li.entry")].map((li) => [li.dataset.id, li]));
  list.replaceChildren(...shown.map((e) => old.get(e.id) ?? row(e, fresh.has(e.id), open.has(e.id))));
}

function row(e, isNew, isOpen) {
  const what = h("div.what", {}, h("b", {}, e.title), e.pause != null ? h("span", {}, " after ", h("span.pause", {}, duration(e.pause))) : null);
  const name = e.room && called(e.room);
  const detail = e.detail ? h("div.why", {}, name ? e.detail.replace(`room ${e.room}`, name) : e.detail) : null;
  return h("li.entry" + (isNew ? ".new" : ""), { "data-id": e.id, "data-mood": e.mood },
    h("time", { datetime: new Date(e.at).toISOString(), title: new Date(e.at).toLocaleString() }, clock(e.at)),
    h("div", {}, what, detail, e.crash ? report(e, isOpen) : null));
}

/** The crash's report is asked for when somebody wants to read it. */
function report(e, isOpen) {
  const body = h("div");
  const details = h("details", { open: isOpen }, h("summary", {}, "Backtrace"), body);
  const load = async () => {
    if (!details.open || body.childElementCount) return;
    try {
      const crash = await get(`/v1/crashes/${e.crash}`);
      const frames = crash.backtrace?.length ? crash.backtrace.map((f, i) => `${String(i).padStart(2)}  ${f}`).join("\n") : "no backtrace";
      body.append(h("div.why", {}, `${crash.module}/${crash.key}, event ${crash.event}: ${crash.fault}`), h("pre", { tabindex: "0" }, `${crash.text}\n\n${frames}`));
    } catch (error) { body.append(h("div.why", {}, error.message)); }
  };
  details.addEventListener("toggle", load);
  return details;
}
