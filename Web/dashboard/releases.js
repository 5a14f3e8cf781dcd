// Releases: of each module which version runs where, the rollout on its way with its evidence, and what an operator can say
// to it in one click; versions with their counts, history, and the audit log.
import { h, say, count, duration, bytes, ago, clock, now, plural } from "./format.js";
import { get, post, access } from "./api.js";

const GATES = [["verify", "Verified"], ["rehearse", "Rehearsed"], ["canary", "Canary"], ["permanent", "Permanent"]];
const STATES = { running: "on its way", paused: "waits", done: "everywhere", refused: "refused", rolledBack: "went back" };
const AUDIT_SHOWN = 100;
let box, note, log, modules = [], shelf = [], statistics = [], histories = new Map(), timer = 0;
/** By module: what is drawn, its element, the reason that is being written, the word on the last order. */
const blocks = new Map();

export function begin(element, noteElement, auditElement) {
  box = element;
  note = noteElement;
  log = auditElement;
  log.addEventListener("toggle", audit);
  look();
}

/** A rollout changed. */
export function hear(rollout) {
  const module = modules.find((one) => one.name === rollout.module);
  const isOver = ["done", "refused", "rolledBack"].includes(rollout.state);
  if (!module || isOver) {
    if (module) module.rollout = rollout; // the last that is known, until it is asked for again
    clearTimeout(timer);
    timer = setTimeout(look, 150);
  } else module.rollout = rollout;
  draw();
}
export const running = () => modules.map((module) => module.rollout).filter((rollout) => rollout && ["running", "paused"].includes(rollout.state));
/** The newest that went back, by when. */
export const wentBack = (withinMs) => [...histories.values()].flat()
  .filter((one) => one.state === "rolledBack" && now() - one.since < withinMs).sort((a, b) => b.since - a.since)[0] ?? null;
/** A build that was taken back and that rooms still run, though no rollout brings them away; null: there is none. */
export const bannedAtWork = () => modules.filter((module) => !module.rollout || !["running", "paused", "rolledBack"].includes(module.rollout.state))
  .flatMap((module) => module.versions.filter((one) => one.state === "banned").map((one) => ({
    module: module.name, version: one.version, rooms: statistics.find((s) => s.sha256 === one.sha256)?.rooms ?? 0,
  }))).find((one) => one.rooms > 0) ?? null;
/** A module whose build nobody is given any more, because whoever signed it is not trusted. */
export const withdrawn = () => modules.filter((module) => !module.current && !module.rollout)
  .map((module) => module.versions.findLast((one) => one.state === "refused")).find(Boolean) ?? null;
export const versionsOf = (name) => modules.find((one) => one.name === name)?.versions.map((one) => one.version) ?? [];

export async function look() {
  clearTimeout(timer);
  try {
    if (!document.hidden || !modules.length) {
      const [all, counts] = await Promise.all([get("/v1/releases"), get("/v1/versions")]);
      ({ modules, shelf } = all);
      statistics = counts;
      const ended = await Promise.all(modules.map(({ name }) => get(`/v1/releases/${encodeURIComponent(name)}/history`)));
      histories = new Map(modules.map(({ name }, i) => [name, ended[i]]));
      draw();
      if (log.open) audit();
    }
  } catch (error) {
    if (!modules.length) say(note, error.message);
  }
  timer = setTimeout(look, running().length ? 2000 : 8000);
}

function draw() {
  const under = running().length;
  say(note, under ? `${plural(under, "rollout")} on the way` : plural(modules.length, "module"));
  for (const [name, block] of blocks) {
    if (modules.some((one) => one.name === name)) continue;
    block.element.remove();
    blocks.delete(name);
  }
  for (const module of modules) {
    if (!blocks.has(module.name)) {
      const element = h("section.release", { "aria-label": `Module ${module.name}`, "data-module": module.name });
      blocks.set(module.name, { element, shown: "", reason: "", word: "", open: new Set() });
      box.append(element);
    }
    drawModule(module, blocks.get(module.name));
  }
}

function drawModule(module, block) {
  const counts = statistics.filter((one) => one.module === module.name);
  const ready = shelf.filter((one) => one.name === module.name);
  const past = histories.get(module.name) ?? [];
  const text = JSON.stringify([module, counts, ready, past, block.word, access.token]);
  if (text === block.shown) return;
  block.shown = text;
  const { element } = block, focused = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const rollout = module.rollout ?? past[0] ?? null;
  element.dataset.state = rollout?.state ?? "";
  element.replaceChildren(...[head(module, counts), rollout && way(module, rollout, block), word(block), offers(module, ready, block),
    versions(module, counts, block), history(past, block)].filter(Boolean));
  if (focused) element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

const head = (module, counts) => h("div.title", {}, h("h3", {}, module.name), h("span.version", {}, module.current?.version ?? "no version"),
  h("span.note", {}, plural(counts.reduce((n, one) => n + one.rooms, 0), "room")));
const word = (block) => (block.word ? h("p.said", { role: "status" }, block.word) : null);

// MARK: The rollout

function way(module, rollout, block) {
  const { state } = rollout, isOver = !["running", "paused"].includes(state);
  return h("div.way", {},
    h("div.line", {}, h("b.version", {}, rollout.to.version), h("span.state", { "data-state": state }, rollout.waitsForRoom ? "waits for a room" : STATES[state]),
      h("span.note", {}, rollout.from ? `after ${rollout.from.version}, ${ago(rollout.startedAt)}` : ago(rollout.startedAt)), h("span.fill"), ...buttons(module, rollout, isOver, block)),
    gates(rollout), bar(rollout),
    h("p.why", {}, rollout.why), cost(rollout), evidence(rollout, block));
}

function gates(rollout) {
  const at = GATES.findIndex(([gate]) => gate === rollout.gate), isStopped = ["refused", "rolledBack"].includes(rollout.state);
  return h("ol.gates", { "aria-label": "Gates" }, ...GATES.map(([gate, name], i) => {
    const isSkipped = gate === "rehearse" && at > 1 && !rollout.rehearsal?.events;
    const state = rollout.state === "done" || i < at ? (isSkipped ? "skipped" : "passed") : i > at ? "ahead" : isStopped ? "failed" : rollout.state === "paused" ? "paused" : "now";
    return h("li", { "data-state": state, "aria-current": state === "now" ? "step" : null }, isSkipped ? "Not rehearsed" : name);
  }));
}

function bar({ rooms, state }) {
  const part = (n) => `${(100 * n) / Math.max(1, rooms.total)}%`;
  const calm = rooms.new - rooms.probation;
  const awake = rooms.total === 0 ? (rooms.asleep ? "no room awake" : "no rooms") : `${count(rooms.new)} of ${plural(rooms.total, "room")}`;
  const words = awake + (rooms.probation && state !== "done" ? `, ${count(rooms.probation)} on probation` : "") + (rooms.asleep ? `, ${count(rooms.asleep)} asleep` : "");
  return h("div.turn", {}, h("div.bar-of", { role: "img", "aria-label": words },
    h("i.final", { style: `width:${part(Math.max(0, calm))}` }), h("i.probation", { style: `width:${part(rooms.probation)}` })), h("span", {}, words));
}

function cost({ cost: of, state }) {
  if (state !== "rolledBack" || !of?.firstTrapAt || !of?.lastBackAt) return null;
  return h("p.cost", {}, h("b", {}, duration(of.lastBackAt - of.firstTrapAt)), " from its first failure to the last room's way back");
}

const ROWS = [
  ["failures", (s) => s.traps, count, true], ["refusals", (s) => s.refusals, count, false],
  ["outputs an event", (s) => s.outputs / s.events, (n) => n.toFixed(2), false],
  ["bytes an event", (s) => s.outputBytes / s.events, (n) => count(n), false],
  ["fuel, 99 %", (s) => s.fuelP99 || NaN, count, false, 1.25, "not measured (native)"], ["memory of a room", (s) => s.memoryBytes, bytes, false],
  ["own check fails", (s) => s.checkFailures, count, true], ["time an event", (s) => (s.microseconds ? s.microseconds / s.events : NaN), (n) => `${n.toFixed(1)} µs`, false, 2],
  ["time, 99 %", (s) => s.microsecondsP99 || NaN, (n) => `${count(n)} µs`, false, 2],
];
/** The same events under both versions: in the rehearsal, and in the rooms on probation. */
function evidence(rollout, block) {
  const { live } = rollout, report = rollout.rehearsal?.events || rollout.rehearsal?.problems.length ? rollout.rehearsal : null;
  if (!report && !live) return null;
  const sides = [report && ["Rehearsal", report], live && ["Live", live]].filter(Boolean);
  const cell = ([, value, show, isBad, ratio = 1.25, missing = "–"], s, old) => {
    const n = value(s), before = old && value(old);
    const isMuch = Math.max(n, before) >= 20 || !Number.isInteger(n); // of a few, one more says nothing
    const isWorse = old && (isBad ? n > before : isMuch && n > before * ratio);
    return h("td.n" + (isWorse ? ".worse" : ""), {}, Number.isFinite(n) ? show(n) : s.events ? missing : "–");
  };
  const rows = ROWS.filter(([, value, , , , missing]) =>
    sides.some(([, side]) => value(side.old) || value(side.new) || (missing && side.new.events)));
  const table = h("table.evidence", {},
    h("thead", {}, h("tr", {}, h("th", {}), ...sides.map(([name]) => h("th.of", { scope: "colgroup", colspan: 2 }, name))),
      h("tr", {}, h("th", { scope: "col" }, "on the same events"), ...sides.flatMap(() => [h("th.n", { scope: "col" }, "old"), h("th.n", { scope: "col" }, "new")]))),
    h("tbody", {}, h("tr", {}, h("th", { scope: "row" }, "events"), ...sides.flatMap(([, side]) => [h("td.n", {}, count(side.old.events)), h("td.n", {}, count(side.new.events))])),
      ...rows.map((row) => h("tr", {}, h("th", { scope: "row" }, row[0]), ...sides.flatMap(([, side]) => [cell(row, side.old), cell(row, side.new, side.old)])))));
  const differ = (side) => `${plural(side.outcomeDifferences, "outcome")} and ${plural(side.outputDifferences, "output")} differ`;
  const proof = h("div.proof", {}, h("div.scroll", {}, table),
    report ? h("p.note", {}, `Rehearsed on copies of ${plural(report.rooms, "room")} for ${duration(report.seconds * 1000)}: `
      + `${report.crashes ? `${plural(report.crashesFixed, "kept crash", "kept crashes")} of ${count(report.crashes)} fixed, ` : ""}`
      + `${report.failedRestores ? `${plural(report.failedRestores, "state")} could not be taken over, ` : ""}${differ(report)}.`) : null,
    live ? h("p.note", {}, `In the rooms on probation ${differ(live)}.`) : null,
    ...(report?.problems ?? []).map((line) => h("p.problem", {}, line)),
    ...(report?.notes ?? []).map((line) => h("p.note", {}, `${line[0].toUpperCase()}${line.slice(1)}.`)),
    report?.stateDifferences?.length ? fold(block, "states", `${plural(report.stateDifferences.length, "difference")} of state`,
      h("table.rowlist", {}, h("tbody", {}, ...report.stateDifferences.map((d) =>
        h("tr", {}, h("td", {}, h("code", {}, d.path)), h("td", {}, `${d.old} → ${d.new}`), h("td.soft.n", {}, h("code", {}, d.room))))))) : null);
  return rollout.state === "done" ? fold(block, "evidence", "Evidence", proof) : proof;
}

// MARK: What one can say

function buttons(module, rollout, isOver, block) {
  if (!access.token) return [];
  const button = (verb, text, title, style = "") => h("button.button.small" + style, {
    type: "button", title, "data-key": verb, onclick: () => act(module.name, block, verb, { reason: block.reason }),
  }, text);
  const reason = h("input.reason", { type: "text", maxlength: 400, placeholder: "why", "aria-label": `Reason, for ${module.name}`, "data-key": "reason", value: block.reason,
    oninput: (e) => { block.reason = e.target.value; } });
  if (isOver) return rollout.state === "done" && rollout.from ? [reason, button("rollback", `Back to ${rollout.from.version}`, "Through the same gates", ".danger")] : [];
  return [reason,
    rollout.state === "paused" && !rollout.waitsForRoom ? button("resume", "Resume", "Goes on where it is") : button("pause", "Pause", "Rooms stay as they are; what is bad still takes itself back"),
    button("promote", "Promote", "To the next step at once"), button("rollback", "Roll back", "Every room at once", ".danger")];
}

async function act(name, block, verb, body) {
  const path = verb === "push" ? "/v1/releases" : `/v1/releases/${encodeURIComponent(name)}/${verb}`;
  try {
    const rollout = await post(path, { ...body, reason: body.reason || "said in the dashboard" });
    block.word = "";
    block.reason = "";
    if (rollout?.why && verb === "push") block.word = rollout.state === "refused" ? rollout.why : "";
  } catch (error) { block.word = error.message; }
  look();
}

function offers(module, ready, block) {
  const taken = new Map(module.versions.map((one) => [one.version, one.state]));
  const free = ready.filter((one) => !["current", "candidate", "previous"].includes(taken.get(one.version)) || taken.get(one.version) === undefined)
    .filter((one) => taken.get(one.version) !== "banned");
  if (!free.length) return null;
  const isBusy = Boolean(module.rollout && ["running", "paused"].includes(module.rollout.state));
  const list = h("ul.offers", { "aria-label": "On the shelf" }, ...free.map((one) => h("li", {}, h("span", {}, h("b.version", {}, one.version), " ", h("span.soft", {}, one.reason)),
    access.token ? h("button.button.small", { type: "button", disabled: isBusy, "data-key": `push-${one.file}`, title: "Through all gates",
      onclick: () => act(module.name, block, "push", { shelf: one.file, reason: block.reason || one.reason }) }, "Release") : null)));
  return free.length > 3 ? fold(block, "shelf", `${free.length} builds on the shelf`, list) : list;
}

// MARK: What was

/** A part that stays open while what is in it changes. */
function fold(block, key, title, ...children) {
  return h("details", { open: block.open.has(key), ontoggle: (e) => { if (e.target.open) block.open.add(key); else block.open.delete(key); } },
    h("summary", { "data-key": `fold-${key}` }, title), ...children);
}

/** The bound under which 99 of 100 events stay. */
function p99(fuel) {
  const all = fuel.reduce((n, [, events]) => n + events, 0);
  let under = 0;
  for (const [bound, events] of fuel) if ((under += events) >= 0.99 * all) return bound;
  return null;
}

function versions(module, counts, block) {
  const list = [...module.versions].sort((a, b) => b.at - a.at);
  if (!list.length) return null;
  const banned = list.filter((one) => one.state === "banned").length;
  const rows = list.flatMap((one) => {
    const s = counts.find((c) => c.sha256 === one.sha256);
    const number = (value, show = count) => h("td.n", {}, s && value != null ? show(value) : "–");
    const row = h("tr", { "data-version": one.version }, h("td", {}, h("span.version", { title: one.sha256 }, one.version)), h("td", {}, h("span.state", { "data-state": one.state }, one.state)),
      number(s?.rooms), number(s?.events), h("td.n" + (s?.traps ? ".worse" : ""), {}, s ? count(s.traps) : "–"), number(s?.refusals),
      number(s && p99(s.fuel ?? [])), number(s?.events ? s.microseconds / s.events : null, (n) => `${n.toFixed(1)} µs`), number(s?.backs));
    const why = ["banned", "refused"].includes(one.state) && h("tr.because", {}, h("td", { colspan: 9 }, h("span.soft", {}, `${clock(one.at)}: ${one.why || "without a reason"} `),
      one.state === "banned" && access.token ? h("button.button.small", { type: "button", "data-key": `unban-${one.version}`, "aria-label": `Unban ${one.version}`,
        onclick: () => act(module.name, block, "unban", { version: one.version, reason: block.reason || "unbanned in the dashboard" }) }, "Unban") : null));
    return why ? [row, why] : [row];
  });
  return fold(block, "versions", `${plural(list.length, "version")}${banned ? `, ${count(banned)} banned` : ""}`,
    h("div.scroll", {}, h("table.rowlist.counts", {}, h("thead", {}, h("tr", {}, ...["version", "state", "rooms", "events", "failures", "refusals", "fuel, 99 %", "time an event", "rooms back"]
      .map((name, i) => h("th" + (i > 1 ? ".n" : ""), { scope: "col" }, name)))), h("tbody", {}, ...rows))));
}

function history(past, block) {
  if (!past.length) return null;
  return fold(block, "history", `${plural(past.length, "rollout")} before`, h("ol.past", {}, ...past.slice(0, 20).map((one) => h("li", {},
    h("time", { datetime: new Date(one.startedAt).toISOString(), title: new Date(one.startedAt).toLocaleString() }, clock(one.startedAt)),
    h("div", {}, h("b.version", {}, one.to.version), " ", h("span.state", { "data-state": one.state }, STATES[one.state]),
      h("div.soft", {}, one.why), fold(block, `notes-${one.id}`, plural(one.history.length, "step"),
        h("ol.notes", {}, ...one.history.map((step) => h("li", {}, h("time", {}, clock(step.at)), h("span", {}, `${step.gate}: ${step.text}`))))))))));
}

async function audit() {
  if (!log.open) return;
  const list = log.querySelector("ol");
  try {
    const entries = (await get("/v1/audit")).slice(-AUDIT_SHOWN).reverse();
    const newest = String(entries[0]?.n ?? "");
    if (list.dataset.newest === newest && list.childElementCount) return;
    list.dataset.newest = newest;
    list.replaceChildren(...entries.map(entry), ...(entries.length ? [] : [h("li.soft", {}, "Nothing yet.")]));
  } catch (error) { list.replaceChildren(h("li", {}, error.message)); }
}
function entry({ n, at, who, what, module, version, rooms, why }) {
  const when = new Date(at);
  return h("li", {}, h("time", { datetime: when.toISOString(), title: when.toLocaleString() }, clock(when)),
    h("span", {}, h("b", {}, what), ` ${[module, version].filter(Boolean).join(" ")}`, rooms?.length ? `, ${plural(rooms.length, "room")}` : "", why ? h("span.soft", {}, `: ${why}`) : null),
    h("span.soft", {}, `${who}, ${n}`));
}
