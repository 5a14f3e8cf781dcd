// The arena in the browser: input, the own ship's prediction, the count of what was acknowledged, and the page around it.
import { connect, OneUpError } from "/oneup.js";
import { ask, Breaker, keep, kept } from "./break.js";
import { Fixer } from "./fix.js";
import { hueOf, Scene, WORLD } from "./draw.js";
import { Strip } from "./strip.js";

const SPEED = 260, DASH_SPEED = 650, DASH_SECONDS = 0.3, RECHARGE_MS = 2000, PICK_UP = 30;
const STEER_EVERY_MS = 33, STEER_AGAIN_MS = 250;
const JOIN_AGAIN_MS = 5000;
const CURSED_EVERY_MS = 15_000; // whoever breaks a room four times in a minute is shown out
const SPENT_MS = 12_000; // so long a cursed gem is faint for whoever took it
const GOLD_WORTH = 5;
const element = (id) => document.getElementById(id);
const key = new URLSearchParams(location.search).get("room") || "lobby";
/** As much of a name as the server takes: 64 bytes, whole characters. */
function fitting(name) {
  const characters = typeof Intl.Segmenter === "function" ? Array.from(new Intl.Segmenter().segment(name), (s) => s.segment) : [...name];
  while (new TextEncoder().encode(characters.join("")).length > 64) characters.pop();
  return characters.join("").trim();
}

class Game {
  oneup = null;
  room = null;
  key = key;
  scene = new Scene(element("sky"));
  strip = new Strip(element("strip"));
  /** Where everybody was drawn in the last frame, by key: for tests and the curious. */
  drawn = new Map();
  frames = 0;
  /** Collects that were acknowledged, next to what the server counts. */
  collected = 0;
  #own = null;
  #keys = new Set();
  #pointer = null;
  #steer = { to: { x: 0, y: 0 }, at: 0 };
  #dashAt = -Infinity;
  #dashStart = -Infinity;
  #asked = new Map();
  #spent = new Map();
  #cursedAt = -Infinity;
  /** When pick-ups of this player failed, in the last minute. */
  #failures = [];
  get failures() { return this.#failures.length; }
  /** Takes cursed gems as often as it can. */
  isFearless = false;
  #answeredAt = 0;
  #lives = 0;
  #wrong = { lost: 0, doubled: 0 };
  /** Of memberships that are over. */
  #past = { acknowledged: 0, lost: 0, doubled: 0, pauseMs: 0 };

  constructor() {
    this.breaker = new Breaker(this);
    this.fixer = new Fixer(this);
    this.#listen();
    const hud = element("hud");
    new ResizeObserver(() => { this.scene.inset = hud.offsetHeight; }).observe(hud);
    requestAnimationFrame((now) => this.#frame(now));
  }

  toast(text, kind = "") {
    const toast = document.createElement("div");
    toast.className = kind;
    toast.textContent = text;
    element("toasts").append(toast);
    while (element("toasts").children.length > 3) element("toasts").firstChild.remove();
    setTimeout(() => toast.classList.add("leaving"), 5200);
    setTimeout(() => toast.remove(), 5700);
    return toast;
  }

  // MARK: In and out of the room

  async play(name) {
    element("start").hidden = true;
    element("hud").hidden = false;
    this.oneup = await connect({ name, onconnection: (event) => this.#connection(event) });
    await this.#join();
  }

  async #join() {
    try {
      const room = await this.oneup.join(`arena/${key}`);
      this.room = room;
      room.smoothing.snap = 240;
      this.collected = room.state.ships.get(room.slot)?.taken ?? 0;
      this.#own = room.predict((state, applied) => this.#start(state, applied), step, { blend: ["pos"], snap: 240 });
      room.on("state", () => this.#state());
      room.on("acknowledged", ({ ms }) => this.strip.acknowledged(ms));
      room.on("recovered", (event) => this.#recovered(event));
      room.on("Scored", ({ who, score }) => this.#scored(who, score));
      room.on("Bumped", ({ who, by, lost }) => this.#bumped(who, by, lost));
      room.on("reset", ({ lost }) => this.#reset(lost));
      room.on("version", (versions) => this.#version(versions));
      room.on("notice", ({ kind }) => {
        if (kind === "frozen") this.toast("The room was stopped: its code failed again and again.", "bug");
        if (kind === "thawed") this.toast("The room goes on.");
      });
      room.on("gone", ({ reason, known }) => this.#gone(reason, known));
      this.#badge();
    } catch (error) {
      if (!(error instanceof OneUpError)) throw error;
      if (this.oneup.isStopped) return;
      this.toast(error.code === "unknown-module" ? "This server has no arena." : `The room cannot be joined: ${error.reason || error.message}`);
      setTimeout(() => this.#join(), JOIN_AGAIN_MS);
    }
  }

  #connection(event) {
    clearTimeout(this.#sorry);
    if (event.state === "waiting" && event.isBreakerOpen) {
      this.toast(`The server does not answer. The next attempt is in ${Math.round(event.retryInMs / 1000)} s.`);
    } else if (event.state === "lost") {
      this.fixer.breaks += 1;
      this.#sorry = setTimeout(() => this.toast("The connection is lost. You will be back where you were."), 1500);
    } else if (event.state === "stopped") {
      const toast = this.toast(event.error.code === "replaced" ? "You play on in another tab." : `The game is over here: ${event.reason}`);
      toast.className = "bug";
    }
  }
  #sorry = 0;

  #gone(reason, known) {
    const stats = this.room?.stats;
    if (stats) for (const name of ["acknowledged", "lost", "doubled"]) this.#past[name] += stats[name];
    this.#past.pauseMs = Math.max(this.#past.pauseMs, stats?.longestPauseMs ?? 0);
    this.room = null;
    this.#own = null;
    if (this.oneup.isStopped || reason === "left") return;
    const isBlamed = known && this.#failures.filter((at) => performance.now() - at < 60_000).length > 3;
    this.toast(isBlamed ? "Four failures within a minute, all by you: the room put you out to protect the others. Here you are again."
      : known ? `You were taken out of the room (${reason}). Here you are again.` : "The room had forgotten you. Here you are again.", isBlamed ? "bug" : "");
    this.#failures = [];
    this.#join();
  }

  #recovered({ kind, ms }) {
    this.#lives += 1;
    const fault = this.strip.fault(this.breaker.nameFor(kind), ms);
    this.breaker.better(kind).then((text) => { if (text && fault.text !== "everything killed") fault.text = text; });
    if (!element("break").hidden) this.breaker.recoveries();
    this.#badge();
  }
  /** Another build of the game runs the room. */
  #version({ from, to }) {
    this.strip.fault(`${to} runs the room`, 0, performance.now(), true);
    const isBack = to === this.#versionBefore;
    this.#versionBefore = from;
    this.toast(isBack ? `The room is back on ${to}; ${from} is gone. Nobody had to leave for it.` : `The room runs ${to} now; it was ${from}. Nobody had to leave for it.`, "news");
    this.#spent.clear();
    this.#asked.clear();
    this.#isLifting = true;
    this.fixer.look();
    this.#badge();
  }
  #isLifting = false;
  #versionBefore = "";
  /** "gem", "cursed", or "gold" where the game's code knows better. */
  kindOf(gem) { return gem.kind === 0 ? "gem" : this.room?.state.lifted ? "gold" : "cursed"; }
  #lift() {
    if (!this.room.state.lifted) return;
    this.#isLifting = false;
    for (const { pos, kind } of this.room.state.gems.values()) {
      if (kind !== 1) continue;
      this.scene.ring(pos.x, pos.y, 46, 190);
      this.scene.burst(pos.x, pos.y, 46, 26);
    }
  }
  #reset(lost) {
    if (lost > 0) this.toast(`The server's history was cut: ${lost} acknowledged inputs are lost.`, "bug");
    this.#asked.clear();
    this.collected = NaN; // counted from the next state on
  }

  // MARK: Own things

  /** The own ship as the newest state has it. */
  #start(state, applied) {
    const ship = state.ships.get(this.room?.slot);
    if (!ship) return null;
    const since = (this.room.time - this.#dashStart) / 1000;
    return { pos: { ...ship.pos }, vel: { ...ship.vel }, to: applied.get("Steer")?.to ?? { x: 0, y: 0 }, dash: since >= 0 ? Math.max(0, DASH_SECONDS - since) : 0 };
  }

  #state() {
    const room = this.room, mine = room?.state.ships.get(room.slot);
    if (!mine) return;
    this.strip.stateCame();
    if (this.#isLifting) this.#lift();
    for (const [gem, at] of this.#spent) if (performance.now() - at > SPENT_MS || !room.state.gems.has(gem)) this.#spent.delete(gem);
    if (room.waiting > 0 || performance.now() - this.#answeredAt < 500) return;
    if (Number.isNaN(this.collected)) this.collected = mine.taken;
    this.#wrong = { lost: Math.max(0, this.collected - mine.taken), doubled: Math.max(0, mine.taken - this.collected) };
  }

  #touch(pos, now) {
    for (const [gem, one] of this.room.state.gems) {
      const at = one.pos, kind = this.kindOf(one);
      if (Math.hypot(at.x - pos.x, at.y - pos.y) > PICK_UP || this.#spent.has(gem)) continue;
      if (now - (this.#asked.get(gem) ?? -Infinity) < 1500 || (kind === "cursed" && now - this.#cursedAt < (this.isFearless ? 1500 : CURSED_EVERY_MS))) continue;
      this.#asked.set(gem, now);
      if (kind === "cursed") this.#cursedAt = now;
      this.#collect(gem, at, kind);
    }
    if (this.#asked.size > 200) for (const [gem, at] of this.#asked) if (now - at > 5000) this.#asked.delete(gem);
  }
  async #collect(gem, at, kind) {
    const room = this.room;
    try {
      await room.send("Collect", { gem });
      this.collected += 1;
      const isGold = kind === "gold";
      this.scene.burst(at.x, at.y, isGold ? 46 : 160, isGold ? 26 : 14);
      this.scene.text(at.x, at.y - 14, `+${isGold ? GOLD_WORTH : 1}`, isGold ? 48 : 155);
    } catch (error) {
      if (error.verdict === "quarantined") {
        this.#lives += 1;
        if (!this.isFearless) this.#spent.set(gem, performance.now());
        this.scene.ring(at.x, at.y, 283, 150);
        this.strip.fault("game bug undone", 0);
        this.#failures = [...this.#failures.filter((then) => performance.now() - then < 60_000), performance.now()];
        const last = this.#failures.length === 3 ? " Once more within a minute, and the room puts you out." : "";
        this.toast(`That pick-up hit a bug in the game's code. It was undone; the game goes on.${last}`, "bug");
        this.fixer.struck();
      } else if (error.verdict === "unknown") {
        this.collected = NaN;
      }
    }
    this.#answeredAt = performance.now();
  }
  dash() {
    const now = performance.now();
    if (!this.room || now - this.#dashAt < RECHARGE_MS) return;
    this.#dashAt = now;
    this.#dashStart = this.oneup.clock() + this.oneup.serverClock.roundTrip / 2;
    this.room.send("Dash").catch(() => {});
    const own = this.drawn.get(this.room.slot);
    if (own) this.scene.ring(own.x, own.y, hueOf(this.room.slot, true), 60);
  }

  #scored(who, score) {
    const at = this.drawn.get(who);
    if (at && who !== this.room?.slot) this.scene.burst(at.x, at.y, 160, 6);
  }
  #bumped(who, by, lost) {
    const at = this.drawn.get(who);
    if (!at) return;
    this.scene.ring(at.x, at.y, hueOf(by), 80);
    if (lost > 0) this.scene.text(at.x, at.y - 24, `−${lost}`, 355);
  }

  // MARK: Input

  #listen() {
    const names = { ArrowLeft: "left", KeyA: "left", ArrowRight: "right", KeyD: "right", ArrowUp: "up", KeyW: "up", ArrowDown: "down", KeyS: "down" };
    const isTyping = (event) => event.target instanceof HTMLInputElement;
    addEventListener("keydown", (event) => {
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.code === "Space" && !(event.target instanceof HTMLButtonElement)) {
        event.preventDefault();
        if (!event.repeat) this.dash();
      }
      const name = names[event.code];
      if (!name) return;
      event.preventDefault();
      this.#pointer = null;
      this.#keys.add(name);
      this.#steerAtOnce();
    });
    addEventListener("keyup", (event) => { if (this.#keys.delete(names[event.code])) this.#steerAtOnce(); });
    addEventListener("blur", () => { this.#keys.clear(); this.#pointer = null; });
    const sky = element("sky");
    let down = null;
    const point = (event) => { this.#pointer = { x: event.clientX, y: event.clientY }; };
    sky.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse" ? this.#keys.size === 0 : down) point(event); });
    sky.addEventListener("pointerdown", (event) => {
      if (event.isPrimary) sky.setPointerCapture(event.pointerId);
      else this.dash(); // a second finger
      point(event);
      down = { at: performance.now(), x: event.clientX, y: event.clientY };
    });
    sky.addEventListener("pointerup", (event) => {
      const isTap = down && performance.now() - down.at < 220 && Math.hypot(event.clientX - down.x, event.clientY - down.y) < 12;
      down = null;
      if (isTap) this.dash();
      if (event.pointerType !== "mouse" && !isTap) this.#pointer = null;
    });
    sky.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") this.#pointer = null; });
    sky.addEventListener("contextmenu", (event) => event.preventDefault());
  }
  /** The direction that is wanted now, at most 1 long. */
  #wanted(pos) {
    const held = (name) => (this.#keys.has(name) ? 1 : 0);
    let x = held("right") - held("left"), y = held("down") - held("up");
    if (x === 0 && y === 0 && this.#pointer) {
      const at = this.scene.toWorld(this.#pointer.x, this.#pointer.y);
      x = (at.x - pos.x) / 110;
      y = (at.y - pos.y) / 110;
      if (Math.hypot(x, y) < 0.12) x = y = 0;
    }
    const length = Math.hypot(x, y);
    return length > 1 ? { x: x / length, y: y / length } : { x, y };
  }
  #steerTo(pos, now) {
    const to = this.#wanted(pos), before = this.#steer;
    const change = Math.hypot(to.x - before.to.x, to.y - before.to.y);
    const isNew = change > 0.03 || (to.x === 0 && to.y === 0 && (before.to.x !== 0 || before.to.y !== 0));
    if (change < 0.5 && now - before.at < (isNew ? STEER_EVERY_MS : STEER_AGAIN_MS)) return;
    this.#steer = { to, at: now };
    this.room.stream("Steer", { to });
  }

  /** Before the next frame, so that the ship moves in it. */
  #steerAtOnce() {
    const own = this.room && this.#own?.();
    if (own) this.#steerTo(own.pos, performance.now());
  }

  // MARK: Each frame

  #frame(now) {
    requestAnimationFrame((next) => this.#frame(next));
    this.frames += 1;
    const room = this.room, state = room?.view();
    if (!state) {
      this.scene.draw(now, [], [], null);
      if (!element("hud").hidden) this.#drawStrip();
      return;
    }
    let own = this.#own?.() ?? null;
    if (own) {
      this.#steerTo(own.pos, performance.now());
      own = this.#own() ?? own; // what was just pressed shows in this frame
      this.#touch(own.pos, performance.now());
    }
    const ships = [];
    for (const [slot, ship] of state.ships) {
      const isOwn = slot === room.slot && own !== null;
      ships.push({ key: slot, name: ship.name, score: room.state.ships.get(slot)?.score ?? ship.score, isBot: ship.bot, isOwn,
        pos: isOwn ? own.pos : ship.pos, vel: isOwn ? own.vel : ship.vel, ready: (performance.now() - this.#dashAt) / RECHARGE_MS });
    }
    const gems = [];
    for (const [gem, one] of room.state.gems) {
      const { pos } = one, kind = this.kindOf(one);
      if (kind === "gem" && this.#asked.has(gem) && now - this.#asked.get(gem) < 400) continue; // on its way to us
      gems.push({ key: gem, pos, kind, isSpent: this.#spent.has(gem) });
    }
    this.drawn = new Map(ships.map((ship) => [ship.key, { x: ship.pos.x, y: ship.pos.y }]));
    this.scene.draw(now, ships, gems, own?.pos ?? null);
    this.#drawStrip();
    if (this.frames % 10 === 0) this.#numbers(ships);
  }

  /** In every second frame: it moves by less than a pixel in each. */
  #drawStrip() {
    if (this.frames % 2 === 0) this.strip.draw(performance.now());
  }

  /** A cursed gem that was taken a moment ago. */
  isSpent(gem) { return this.#spent.has(gem); }

  get counts() {
    const past = this.#past, stats = this.room?.stats ?? { acknowledged: 0, lost: 0, doubled: 0, longestPauseMs: 0 };
    return { lives: this.#lives, acknowledged: past.acknowledged + stats.acknowledged, lost: past.lost + stats.lost + this.#wrong.lost,
      doubled: past.doubled + stats.doubled + this.#wrong.doubled, pauseMs: Math.max(past.pauseMs, stats.longestPauseMs),
      collected: this.collected, taken: this.room?.state.ships.get(this.room.slot)?.taken ?? 0 };
  }
  #numbers(ships) {
    const counts = this.counts;
    element("lives").textContent = counts.lives;
    element("pause").textContent = counts.pauseMs > 0 ? `${counts.pauseMs} ms` : "–";
    for (const name of ["acknowledged", "lost", "doubled"]) element(name).textContent = counts[name].toLocaleString("en");
    for (const name of ["lost", "doubled"]) element(name).classList.toggle("wrong", counts[name] > 0);
    const best = [...ships].sort((a, b) => b.score - a.score || a.key - b.key);
    const shown = best.slice(0, 7);
    const own = best.find((ship) => ship.isOwn);
    if (own && !shown.includes(own)) shown[shown.length - 1] = own;
    const board = element("board");
    board.hidden = shown.length === 0;
    while (board.children.length < shown.length) {
      const row = document.createElement("li");
      row.append(document.createElement("i"), document.createElement("span"), document.createElement("b"));
      row.children[1].dir = "auto";
      board.append(row);
    }
    while (board.children.length > shown.length) board.lastChild.remove();
    shown.forEach((ship, i) => {
      const [dot, name, score] = board.children[i].children;
      board.children[i].className = ship.isOwn ? "own" : "";
      dot.style.background = `hsl(${hueOf(ship.key, ship.isOwn)} 90% 65%)`;
      name.textContent = ship.name || "anybody";
      score.textContent = ship.score;
    });
  }

  /** Which process serves this room, and since which epoch: as far as this server tells strangers. */
  async #badge() {
    const room = this.room;
    if (!room) return;
    element("badge").hidden = false;
    element("badge-module").textContent = `${room.module.name} ${room.module.version}`;
    element("badge-room").textContent = `room ${room.key}`;
    const { worker, epoch } = await this.place();
    if (epoch === undefined) return;
    element("badge-place").textContent = [worker !== undefined && `worker ${worker}`, `epoch ${epoch}`].filter(Boolean).join(", ");
  }
  /** @returns {Promise<{worker?: number, epoch?: number}>} where the room runs; nothing where nobody says */
  async place() {
    const id = this.room?.id;
    const about = (await ask("/v1/rooms?module=arena"))?.find?.((one) => one.room === id || one.id === id);
    if (!about) return {};
    const worker = about.worker ?? (await ask("/v1/processes"))?.shards?.find((one) => one.shard === about.shard)?.instance;
    return { worker, epoch: about.epoch };
  }
  watchBadge() { setInterval(() => { if (document.visibilityState === "visible") this.#badge(); }, 5000); }
}

/** One step of the own ship, as the room's tick does it. */
function step(ship, input, seconds) {
  if (input?.name === "Steer") ship.to = input.value.to;
  if (input?.name === "Dash") ship.dash = DASH_SECONDS;
  if (seconds === 0) return;
  const speed = ship.dash > 0 ? DASH_SPEED : SPEED, ease = 1 - 0.65 ** (seconds / 0.05);
  ship.dash -= seconds;
  for (const [axis, most] of [["x", WORLD.width], ["y", WORLD.height]]) {
    ship.vel[axis] += (ship.to[axis] * speed - ship.vel[axis]) * ease;
    ship.pos[axis] = Math.min(most, Math.max(0, ship.pos[axis] + ship.vel[axis] * seconds));
  }
}

const game = new Game();
globalThis.arena = game;
game.watchBadge();
const start = element("start"), name = element("name");
try { name.value = localStorage.getItem("arena.name") ?? ""; } catch { /* asked again next time */ }
start.addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = fitting(name.value.trim());
  try { localStorage.setItem("arena.name", wanted); } catch { /* asked again next time */ }
  keep("arena.playing", wanted || " ");
  name.blur();
  game.play(wanted);
});
const playing = kept("arena.playing"); // the page was loaded again in the middle of a game
if (playing) game.play(playing.trim());
else {
  start.hidden = false;
  name.focus();
}
