// The dashboard: wires the server's stream to the parts of the page.
import { get, watch } from "./api.js";
import { serverTime } from "./format.js";
import * as numbers from "./numbers.js";
import * as processes from "./processes.js";
import * as rooms from "./rooms.js";
import * as room from "./room.js";
import * as feed from "./feed.js";
import * as charts from "./charts.js";
import * as faults from "./faults.js";
import * as releases from "./releases.js";
import * as crashes from "./crashes.js";
import * as sentence from "./sentence.js";

const $ = (id) => document.getElementById(id);
const STEP = 5000;
const POINTS = 720;
const state = { vitals: null, lost: null, history: [], events: [], recoveries: [] };

numbers.begin($("numbers"));
processes.begin($("processes"), $("processes-note"), faults.tools);
rooms.begin({
  canvas: $("rooms-canvas"), tip: $("rooms-tip"), legend: $("rooms-legend"), note: $("rooms-note"), said: $("rooms-said"),
  found: $("rooms-found"), search: $("rooms-search"),
}, room.open);
room.begin($("room"));
feed.begin($("feed"), $("feed-all"));
charts.begin($("charts"), $("charts-note"));
faults.begin($("faults"), $("access"), () => { if (state.vitals) processes.show(state.vitals); releases.look(); crashes.hear(); start(); });
releases.begin($("releases"), $("releases-note"), $("audit"));
crashes.begin($("crashes"), $("crashes-note"));
sentence.begin({ line: $("sentence"), text: $("sentence-text"), button: $("sentence-button") });

function hear(event, data) {
  if (event === "vitals") return vitals(data);
  if (event === "release") releases.hear(data);
  if (event === "crash") crashes.hear();
  const list = event === "happened" ? state.events : event === "recovery" ? state.recoveries : null;
  if (!list) return;
  list.push(data);
  if (list.length > 256) list.shift();
  past();
}

function vitals(data) {
  serverTime(data.at);
  state.vitals = data;
  const last = state.history[state.history.length - 1];
  if (last && data.at - last.at >= STEP) {
    const sum = (field) => data.processes.reduce((n, p) => n + (p[field] ?? 0), 0);
    state.history.push({ ...data, processes: null, max_ms: null, cpu: sum("cpu"), memory_bytes: sum("memory_bytes") });
    if (state.history.length > POINTS) state.history.shift();
    shapes();
  }
  numbers.show(data);
  processes.show(data);
  sentence.show(state);
  document.title = `${data.players} playing · OneUp`;
}

function past() {
  feed.hear(state.events, state.recoveries);
  numbers.explain(state.recoveries);
  charts.show(state.history, feed.marks());
  sentence.show(state);
}

function shapes() {
  numbers.shapes(state.history);
  charts.show(state.history, feed.marks());
}

/** What was before the stream began. */
async function start() {
  try {
    [state.history, state.events, state.recoveries] = await Promise.all(["/v1/history", "/v1/events", "/v1/recoveries"].map(get));
  } catch { return; }
  if (!state.history.length && state.vitals) state.history = [{ ...state.vitals, processes: null, memory_bytes: 0, cpu: 0 }];
  past();
  shapes();
}

/** Rooms are asked for as often as is cheap: to list ten thousand of them is work that their workers do between two events. */
async function lookAtRooms() {
  const began = performance.now();
  try {
    if (!document.hidden) rooms.show(await get("/v1/rooms?limit=20000"), served());
  } catch { /* the stream says what is wrong */ }
  setTimeout(lookAtRooms, Math.max(2000, rooms.all().length * 1.5, (performance.now() - began) * 20));
}

function served() {
  if (!state.vitals) return null;
  return new Set(state.vitals.processes.filter((p) => p.state === "serving").flatMap((p) => p.shards));
}

watch(hear, (word, why, status) => {
  if (word === "away") {
    document.title = "OneUp";
  } else if (word === "live") {
    state.lost = null;
    start();
    releases.look();
    crashes.hear();
  } else {
    state.lost = { why, status, since: state.lost?.since ?? Date.now() };
  }
  sentence.show(state);
});
lookAtRooms();
setInterval(() => {
  sentence.show(state);
  numbers.explain(state.recoveries);
}, 1000);
window.addEventListener("resize", shapes);
