// The card that goes with a cursed gem: what failed and where, and two releases: one that fixes it and one that is bad and
// takes itself back. It shows what the server says of them, gate by gate, while the game goes on beside it.
import { ask, order } from "./break.js";

const MODULE = "arena", GOOD = "arena-hotfix-1.0.0-v1", BAD = "arena-hotfix-1.0.0-v2";
const LOOK_MS = 300, IDLE_MS = 4000, SQUARES_MOST = 40;
const SINCE_MS = 10_000, ATTEMPTS = 30; // a crash that is older is another one's; so often it is asked for
const element = (id) => document.getElementById(id);
const several = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
const seconds = (ms) => (ms < 1 ? "under 1 ms" : ms < 950 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

export class Fixer {
  #game;
  #timer = 0;
  #lookedAt = 0;
  /** The module's part of what the server says of releases. */
  #module = null;
  /** The rollout that is shown: the one that runs, or the last. */
  #rollout = null;
  #ended = null;
  /** @type {{id: string, told: any} | null} */
  #crash = null;
  /** What this page had lost when the rollout began. */
  #before = { rollout: "", lost: 0, breaks: 0 };
  /** Connections of this page that broke. */
  breaks = 0;

  constructor(game) {
    this.#game = game;
    element("fix-open").addEventListener("click", () => this.toggle());
    element("fix-close").addEventListener("click", () => this.toggle(false));
    element("fix-good").addEventListener("click", () => this.#ship(GOOD, false));
    element("fix-bad").addEventListener("click", () => this.#ship(BAD, true));
    element("fix-on").addEventListener("click", () => this.#order(this.#rollout?.state === "paused" ? "resume" : "promote", "watched in the arena"));
    element("fix-back").addEventListener("click", () => this.#order("rollback", "to see the curse again"));
    element("replay").addEventListener("click", () => this.#replay());
    addEventListener("keydown", (event) => { if (event.key === "Escape") this.toggle(false); });
  }

  get isOpen() { return !element("fix").hidden; }
  toggle(isOpen = !this.isOpen) {
    if (isOpen === this.isOpen) return;
    element("fix").hidden = !isOpen;
    element("fix-open").setAttribute("aria-expanded", String(isOpen));
    element("fix-open").blur(); // space is for dashing
    if (!isOpen) return;
    if (matchMedia("(max-width: 760px)").matches) this.#game.breaker.toggle(false);
    element("fix-why").textContent = "";
    this.#findCrash();
    this.look();
  }
  /** A cursed gem was taken. */
  struck() {
    element("fix-open").classList.add("wanted");
    if (!matchMedia("(max-width: 760px)").matches) this.toggle(true);
    this.#awaitCrash();
  }

  // MARK: The crash

  /** That of a fault of this player, in this room: it is written a moment later. */
  async #awaitCrash() {
    const { room, oneup } = this.#game, since = oneup.clock() - SINCE_MS;
    const isOwn = ({ id }) => id.includes(`-${room?.id}-`) && Number(id.split("-")[0]) / 1000 > since;
    for (let attempt = 0; attempt < ATTEMPTS && this.isOpen; attempt++) {
      const own = (await ask("/v1/crashes"))?.find(isOwn);
      if (own) return this.#findCrash([own]);
      await new Promise((go) => setTimeout(go, LOOK_MS));
    }
  }
  /** The newest of this game that is kept, or one that is known. */
  async #findCrash(known = null) {
    const list = known ?? (await ask("/v1/crashes"))?.slice(0, 8) ?? [];
    for (const { id } of list) {
      if (id === this.#crash?.id) return;
      const told = await ask(`/v1/crashes/${encodeURIComponent(id)}`);
      if (told?.module !== MODULE) continue;
      if (this.#crash && this.#crash.id > id) return; // one that is newer was found meanwhile
      this.#crash = { id, told };
      element("replay-verdict").textContent = "";
      return this.#showCrash();
    }
    this.#showCrash();
  }
  #showCrash() {
    const told = this.#crash?.told;
    element("crash").hidden = !told;
    element("crash-none").hidden = Boolean(told);
    if (!told) return;
    const frames = (told.backtrace ?? []).map(String);
    const own = frames.findIndex((frame) => /Arena\.swift:\d/.test(frame));
    const text = String(told.text || told.fault).replace(/^.*instruction executed:? ?/, "") || told.fault;
    element("crash-what").textContent = `${text}, in the room ${told.key}, at event ${told.event}.`;
    element("crash-where").textContent = frames.slice(Math.max(own, 0), Math.max(own, 0) + 2).join("\n") || "no backtrace";
  }
  /** The same events again, on a copy, in a process of its own. */
  async #replay() {
    const { id } = this.#crash, button = element("replay"), verdict = element("replay-verdict");
    button.disabled = true;
    verdict.textContent = "Playing the room's last events again …";
    const first = await order(`/v1/crashes/${encodeURIComponent(id)}/replay`);
    let text = first.error ?? (first.same ? "The same failure at the same place, as always." : `This time it was ${first.outcome}.`);
    const fixed = this.#versionOf(GOOD);
    if (!first.error && fixed) {
      const again = await order(`/v1/crashes/${encodeURIComponent(id)}/replay`, { version: fixed });
      if (!again.error) text += again.outcome === "failed" ? ` ${fixed} fails, too.` : ` With ${fixed} the event is ${again.outcome}.`;
    }
    verdict.textContent = text;
    button.disabled = false;
    button.blur();
  }
  /** The version of a build of the shelf, once the server has taken it. */
  #versionOf(file) {
    const version = file.slice(MODULE.length + 1);
    return this.#module?.versions.some((one) => one.version === version && one.state !== "refused") ? version : null;
  }

  // MARK: Releases

  async #ship(file, isNow) {
    element("fix-why").textContent = "";
    const version = file.slice(MODULE.length + 1);
    const banned = this.#module?.versions.some((one) => one.version === version && one.state === "banned");
    if (banned) await order(`/v1/releases/${MODULE}/unban`, { version, reason: "to see it once more" });
    const reason = isNow ? "to see it take itself back" : "cursed gems fail";
    this.#began(await order("/v1/releases", { shelf: file, now: isNow, reason }));
  }
  async #order(verb, reason) { this.#began(await order(`/v1/releases/${MODULE}/${verb}`, { reason })); }
  #began(answer) {
    document.activeElement?.blur();
    if (answer.error) element("fix-why").textContent = answer.error;
    this.look();
  }

  /** Called often; asks the server as often as there is something to see. */
  look() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), this.#lookedAt ? Math.max(0, this.#lookedAt + LOOK_MS - performance.now()) : 0);
  }
  async #look() {
    this.#lookedAt = performance.now();
    const all = await ask("/v1/releases");
    this.#module = all?.modules?.find((one) => one.name === MODULE) ?? this.#module;
    if (!this.#module?.rollout && (this.#rollout?.id !== this.#ended?.id || !this.#ended)) {
      this.#ended = (await ask(`/v1/releases/${MODULE}/history`))?.[0] ?? null;
    }
    this.#rollout = this.#module?.rollout ?? this.#ended;
    this.#show(all?.shelf ?? []);
    clearTimeout(this.#timer);
    const isRunning = Boolean(this.#module?.rollout);
    if (this.isOpen || isRunning) this.#timer = setTimeout(() => this.#look(), isRunning ? LOOK_MS : IDLE_MS);
  }

  #show(shelf) {
    const rollout = this.#rollout, isOver = !this.#module?.rollout;
    if (rollout && rollout.id !== this.#before.rollout) {
      this.#before = { rollout: rollout.id, lost: this.#game.counts.lost, breaks: isOver ? 0 : this.breaks };
    }
    const current = this.#module?.current?.version;
    const has = (file) => shelf.some((one) => one.file === file);
    element("fix-good").hidden = !isOver || !has(GOOD) || current === this.#versionOf(GOOD);
    element("fix-bad").hidden = !isOver || !has(BAD);
    element("fix-on").hidden = isOver || rollout.state === "rolledBack" || !(rollout.state === "paused" || rollout.gate === "canary");
    element("fix-on").textContent = rollout?.state === "paused" ? "Go on" : "Go on at once";
    element("fix-back").hidden = !isOver || rollout?.state !== "done" || current !== this.#versionOf(GOOD) || !current;
    element("release").hidden = !rollout;
    if (!rollout) return;
    element("release-title").textContent = rollout.to.version;
    element("release-state").textContent = { running: "on its way", paused: "waits", done: "everywhere", refused: "refused", rolledBack: "came back" }[rollout.state];
    element("release").dataset.state = rollout.state;
    this.#gates(rollout);
    this.#squares(rollout);
    this.#words(rollout);
  }
  #gates(rollout) {
    const at = ["verify", "rehearse", "canary", "permanent"].indexOf(rollout.gate);
    const isStopped = rollout.state === "refused" || rollout.state === "rolledBack";
    const report = rollout.rehearsal?.events ? rollout.rehearsal : null, { rooms } = rollout;
    const evidence = [
      at === 1 && !report ? "on copies of live rooms, with their last events" : !report ? "left out, as it was asked for"
        : `${several(report.rooms, "room")}, ${several(report.events, "event")}${report.crashesFixed ? `, ${several(report.crashesFixed, "crash", "crashes")} fixed` : ""}`
          + (report.verdict === "bad" ? `: ${report.problems[0] ?? "bad"}` : report.crashesLeft ? `, ${report.crashesLeft} left` : ""),
      at < 2 ? "a few rooms first, the old version listening beside the new"
        : rollout.live ? `${several(rollout.live.new.events, "event")}, ${several(rollout.live.new.traps, "failure")}` : "the old version listens beside the new",
      at < 2 ? "in front of the players" : `${rooms.new} of ${several(rooms.total, "room")}`,
    ];
    [...element("gates").children].forEach((row, i) => {
      const state = rollout.state === "done" || i + 1 < at ? "passed" : i + 1 === at || (i === 0 && at === 0) ? (isStopped ? "failed" : "now") : "ahead";
      const skipped = i === 0 && at > 1 && !report ? "ahead" : state;
      row.dataset.state = rollout.state === "rolledBack" && i === 2 ? "ahead" : skipped;
      row.lastElementChild.textContent = evidence[i];
    });
  }
  /** Old to new, from left to right. */
  #squares({ rooms, state }) {
    const box = element("turning"), count = Math.min(rooms.total, SQUARES_MOST), each = rooms.total / (count || 1);
    box.setAttribute("aria-label", `${rooms.new} of ${several(rooms.total, "room")} run the new version`);
    while (box.children.length > count) box.lastChild.remove();
    while (box.children.length < count) box.append(document.createElement("i"));
    [...box.children].forEach((square, i) => {
      const isNew = (i + 0.5) * each < rooms.new;
      square.className = !isNew ? "" : state !== "done" && i * each < rooms.probation ? "probation" : "new";
    });
  }
  #words(rollout) {
    const { cost } = rollout;
    element("cost").hidden = rollout.state !== "rolledBack";
    element("release-why").textContent = rollout.state === "done" && rollout.to.version === this.#versionOf(GOOD) ? "The curse is lifted: what was purple is gold now." : rollout.why;
    if (rollout.state !== "rolledBack") return;
    const took = cost?.firstTrapAt && cost?.lastBackAt ? seconds(cost.lastBackAt - cost.firstTrapAt) : "–";
    element("cost-took").textContent = took;
    element("cost-breaks").textContent = String(this.breaks - this.#before.breaks);
    element("cost-lost").textContent = String(this.#game.counts.lost - this.#before.lost);
  }
}
