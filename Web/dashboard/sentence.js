// One sentence: all is well, or the most urgent thing, with the button that leads to it.
import { say, duration, ago, plural } from "./format.js";
import * as feed from "./feed.js";
import * as rooms from "./rooms.js";
import * as releases from "./releases.js";
import { open } from "./room.js";

const RECENT = 60000;
let line, text, button, action = null;

export function begin(parts) {
  ({ line, text, button } = parts);
  button.addEventListener("click", () => action?.());
}

export function show(state) {
  const [mood, words, label, act] = urgent(state);
  line.dataset.mood = mood;
  say(text, words);
  button.hidden = !label;
  if (label) say(button, label);
  action = act;
}

function urgent({ vitals, lost }) {
  if (lost) {
    return lost.status === 401
      ? ["bad", "This server shows itself only with the admin token: open the link that it printed at its start, or enter the token."]
      : ["bad", `No connection to the server since ${duration(Date.now() - lost.since)}: ${lost.why}. Trying again.`];
  }
  if (!vitals) return ["quiet", "Connecting …"];
  return ofProcesses(vitals) ?? ofRooms() ?? ofReleases() ?? ofPast(vitals) ?? well(vitals);
}

function ofProcesses(vitals) {
  const adopting = vitals.processes.find((p) => p.state === "adopting");
  if (adopting) return ["warn", `Worker ${adopting.instance} is taking over ${plural(adopting.shards.length, "shard")}; their players wait a moment.`];
  const late = vitals.processes.find((p) => p.beat_ms > 1000 && p.state !== "starting");
  if (late) return ["bad", `${late.role} ${late.instance} has not beaten for ${duration(late.beat_ms)}; it is replaced when it hangs on.`];
  if (!vitals.served) return ["bad", "Not every shard has an owner; its players wait for one."];
  const full = feed.newest("disk-full", 600000);
  if (full && !(feed.newest("disk-space-back", 600000)?.at > full.at)) return ["bad", `${full.text}.`];
  return null;
}

function ofRooms() {
  const frozen = rooms.all().filter((r) => r.frozen != null || r.phase === "frozen");
  if (!frozen.length) return null;
  const words = frozen.length === 1
    ? `The room ${rooms.nameOf(frozen[0])} is frozen with its state intact.` : `${plural(frozen.length, "room")} are frozen with their state intact.`;
  return ["bad", words, "Look inside", () => open(frozen[0].room ?? frozen[0].id)];
}

function ofReleases() {
  const show = () => document.getElementById("releases-panel").scrollIntoView({ behavior: "smooth", block: "nearest" });
  const name = (rollout) => `${rollout.module} ${rollout.to.version}`;
  const waits = releases.running().find((rollout) => rollout.state === "paused" && !rollout.waitsForRoom);
  if (waits) return ["warn", `The release of ${name(waits)} waits: ${waits.why}.`, "Show it", show];
  const gone = releases.withdrawn();
  if (gone) return ["bad", `${capital(gone.why)}.`, "Show it", show];
  const banned = releases.bannedAtWork();
  if (banned) return ["warn", `${plural(banned.rooms, "room")} still ${banned.rooms === 1 ? "runs" : "run"} ${banned.module} ${banned.version}, which is banned.`, "Show it", show];
  const back = releases.wentBack(RECENT);
  if (back) return ["warn", `${name(back)} went back: ${back.why}.`, "Show it", show];
  const [one] = releases.running();
  if (one?.waitsForRoom) return ["well", `All well. ${name(one)} goes on when a room is awake: ${plural(one.rooms.asleep, "room")} ${one.rooms.asleep === 1 ? "sleeps" : "sleep"}.`, "Show it", show];
  if (one) return ["well", `All well. ${name(one)} is on its way: ${one.rooms.new} of ${plural(one.rooms.total, "room")}${one.rooms.asleep ? `, ${one.rooms.asleep} asleep` : ""}.`, "Show it", show];
  const failed = feed.newest("version-failed", RECENT);
  if (failed) return ["warn", `A new version failed at an event ${ago(failed.at)} that the old one took; its room went back to that one.`, failed.room ? "Look inside" : null, () => open(failed.room)];
  return null;
}

function ofPast(vitals) {
  const bug = feed.newest("quarantined", RECENT);
  if (bug) return ["warn", `A bug cost one event ${ago(bug.at)}; its room went on.`, bug.room ? "Look inside" : null, () => open(bug.room)];
  const repair = feed.newest("recovery", RECENT);
  if (repair) return ["well", `All well. ${capital(repair.title)}${repair.pause != null ? ` after ${duration(repair.pause)}` : ""}, ${ago(repair.at)}.`];
  if (!vitals.processes.some((p) => p.role === "spare" && p.state === "spare")) return ["warn", "No spare stands ready; the next death would wait for one."];
  return null;
}

function well(vitals) {
  return ["well", vitals.players ? "All well." : "All well, and nobody is playing."];
}

const capital = (t) => t[0].toUpperCase() + t.slice(1);
