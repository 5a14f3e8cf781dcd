// The build of the module that runs a room: its schema is followed through upgrades, the way back and the time away.
import test from "node:test";
import assert from "node:assert/strict";
import { FakeServer } from "./support/fake.mjs";
import { until } from "./support/server.mjs";

const b = (...bytes) => Uint8Array.from(bytes);
const one = "1".repeat(64), two = "2".repeat(64);
const scored = (...names) => ({ id: 20, name: "Scored", fields: names.map((name, i) => ({ n: i + 1, name, type: "u32" })) });
/** Build one: a number; build two: another name for it, and a second one. */
const manifests = {
  [one]: { sha256: one, schema: { messages: [scored("who")], state: [{ n: 1, name: "x", type: "u32" }] } },
  [two]: { sha256: two, schema: { messages: [scored("slot", "by")], state: [{ n: 1, name: "left", type: "u32" }, { n: 2, name: "top", type: "u32" }] } },
};
const time = (ms) => [...new Uint8Array(BigInt64Array.of(BigInt(ms * 1000)).buffer)];
const field = (n, value) => [n << 2, value];
/** Keyframe 1 with these fields, and nothing changed since. */
const full = (...fields) => b(252, 1, fields.length, ...fields, 1, 1, ...time(1000), 0);
const delta = (k, ms, ...fields) => b(251, k, 2, ...time(ms), 0, ...fields);
const build = (version, sha256) => `game ${version} ${sha256}`;

/** A client in a room of build one, and the requests for schemas, which `answer` settles. */
async function fixture(t, { current = one, ...options } = {}) {
  const server = new FakeServer(), asked = [];
  const pages = { current, isDown: false, isHeld: false, knows: (hash) => hash in manifests };
  const waiting = [];
  t.mock.method(globalThis, "fetch", async (address) => {
    const { pathname, searchParams } = new URL(address);
    const hash = searchParams.get("sha256") ?? pages.current;
    asked.push(searchParams.get("sha256") ?? "current");
    assert.equal(pathname, "/v1/modules/game");
    if (pages.isHeld) await new Promise((go) => waiting.push(go));
    if (pages.isDown) return { ok: false, status: 503 };
    return pages.knows(hash) ? { ok: true, status: 200, json: async () => manifests[hash] } : { ok: false, status: 404 };
  });
  const release = () => { pages.isHeld = false; waiting.splice(0).forEach((go) => go()); };
  const oneup = await server.connect({ http: "http://fake", ...options });
  const join = async (module = build("1.0.0", one), payload = full(...field(1, 5))) => {
    const joining = oneup.join("game/one");
    const { joinId } = await server.next("join");
    server.attached({ joinId, module });
    server.say("state", { joinId, timeline: 1n, asOf: 0, payload });
    return { room: await joining, joinId };
  };
  return { server, asked, pages, release, oneup, join };
}
const collect = (emitter, name) => {
  const events = [];
  emitter.on(name, (event) => events.push(event));
  return events;
};

test("a room that runs another build than the current one is read by its own schema", async (t) => {
  const { asked, join } = await fixture(t, { current: two });
  const { room } = await join();
  assert.deepEqual(room.state, { x: 5 });
  assert.deepEqual(room.module, { name: "game", version: "1.0.0", sha256: one });
  assert.deepEqual(asked, ["current", one]);
});

test("an upgrade: what the new build says waits for its schema, in order; no death, no loss", async (t) => {
  const { server, asked, pages, release, join } = await fixture(t);
  const { room } = await join();
  const heard = [collect(room, "version"), collect(room, "recovered"), collect(room, "reset"), collect(room, "Scored")];
  const answers = [room.sendRaw(b(1)), room.sendRaw(b(2))];
  server.say("output", { joinId: 1, seq: 1, prev: 0, payload: b(20, ...field(1, 7)) });
  server.say("ack", { joinId: 1, seq: 1 });
  pages.isHeld = true;
  server.attached({ nextSeq: 2, upTo: 1, module: build("1.0.1", two) });
  server.say("state", { joinId: 1, timeline: 1n, asOf: 1, payload: full(...field(1, 8), ...field(2, 9)) });
  server.say("output", { joinId: 1, seq: 2, prev: 1, payload: b(20, ...field(1, 3), ...field(2, 4)) });
  server.say("output", { joinId: 1, seq: 0, payload: delta(1, 1050, ...field(2, 10)) });
  server.say("ack", { joinId: 1, seq: 2 });
  await Promise.all(answers);
  assert.deepEqual(room.state, { x: 5 }, "the old one, until the new one can be read");
  assert.equal(heard[3].length, 1);
  release();
  await until("the new build is read", () => room.state.top === 10);
  assert.deepEqual(room.state, { left: 8, top: 10 });
  assert.deepEqual(heard, [[{ from: "1.0.0", to: "1.0.1" }], [], [], [{ who: 7 }, { slot: 3, by: 4 }]]);
  assert.deepEqual(asked, ["current", two]);
  assert.deepEqual([room.stats.lost, room.stats.doubled, room.stats.acknowledged], [0, 0, 2]);
  assert.equal(server.sockets.length, 1);
});

test("an upgrade raises the timeline: what was decided before it is known all the same", async (t) => {
  const { server, join } = await fixture(t);
  const { room } = await join();
  const answers = [1, 2, 3].map((n) => room.sendRaw(b(n)));
  for (let i = 0; i < 3; i++) await server.next("input");
  server.say("notice", { joinId: 1, about: 4, text: "the room runs game 1.0.1 now" });
  server.attached({ timeline: 2n, nextSeq: 3, module: build("1.0.1", two) });
  server.say("state", { joinId: 1, timeline: 2n, asOf: 9, payload: full(...field(1, 8)) });
  await Promise.all(answers.slice(0, 2));
  assert.equal((await server.next("input")).seq, 3, "what was not decided goes out again");
  server.say("ack", { joinId: 1, seq: 3 });
  await answers[2];
  assert.deepEqual([room.stats.lost, room.stats.doubled, room.stats.acknowledged, room.stats.recovered], [0, 0, 3, 0]);
});

test("a reply is read by the schema of the build that gave it", async (t) => {
  const { server, pages, release, join } = await fixture(t);
  const { room } = await join();
  const before = room.send("Scored", { who: 1 }), after = room.send("Scored", { who: 2 });
  await server.next("input");
  server.say("output", { joinId: 1, seq: 1, prev: 0, result: { seq: 1, verdict: 0, reply: b(20, ...field(1, 6)) } });
  assert.deepEqual(await before, { who: 6 });
  pages.isHeld = true;
  server.attached({ nextSeq: 2, upTo: 1, module: build("1.0.1", two) });
  server.say("state", { joinId: 1, timeline: 1n, asOf: 1, payload: full() });
  server.say("output", { joinId: 1, seq: 2, prev: 1, result: { seq: 2, verdict: 0, reply: b(20, ...field(2, 6)) } });
  await until("it waits", () => server.frames.length >= 1);
  release();
  assert.deepEqual(await after, { slot: 0, by: 6 });
});

test("and back: a new timeline, the old schema again, which is known", async (t) => {
  const { server, asked, join } = await fixture(t, { current: two });
  const { room } = await join(build("1.0.1", two), full(...field(1, 8), ...field(2, 9)));
  const notices = collect(room, "notice"), versions = collect(room, "version"), resets = collect(room, "reset");
  server.say("notice", { joinId: 1, about: 5, text: "it failed at an event" });
  server.attached({ timeline: 2n, module: build("1.0.0", one) });
  server.say("state", { joinId: 1, timeline: 2n, asOf: 4, payload: full(...field(1, 6)) });
  await until("the old build is read", () => room.state.x === 6);
  assert.deepEqual(notices, [{ kind: "back", text: "it failed at an event" }]);
  assert.deepEqual(versions, [{ from: "1.0.1", to: "1.0.0" }]);
  assert.deepEqual(resets, [{ firstLost: null, lost: 0 }]);
  // And forward once more: nobody needs to be asked.
  server.attached({ timeline: 2n, upTo: 4, module: build("1.0.1", two) });
  server.say("state", { joinId: 1, timeline: 2n, asOf: 4, payload: full(...field(1, 1), ...field(2, 2)) });
  await until("the new build is read", () => room.state.top === 2);
  assert.deepEqual(asked, ["current", one]);
});

test("upgraded while the client was away: other fields need the full state", async (t) => {
  const { server, join } = await fixture(t);
  server.resumed = true;
  const { room } = await join();
  server.cut();
  assert.deepEqual([(await server.next("attach")).timeline], [1n]);
  server.attached({ module: build("1.0.1", two) });
  server.say("output", { joinId: 1, seq: 0, payload: delta(1, 1050, ...field(2, 10)) });
  const attach = await server.next("attach");
  assert.deepEqual([attach.timeline, attach.lastOut], [0n, 0]);
  server.attached({ module: build("1.0.1", two) });
  server.say("state", { joinId: 1, timeline: 1n, asOf: 0, payload: full(...field(1, 3), ...field(2, 4)) });
  await until("the new build is read", () => room.state.top === 4);
});

test("a schema that cannot be had leaves the one before, and is asked for again when something is not understood", async (t) => {
  let ms = 0;
  const { server, asked, pages, oneup, join } = await fixture(t, { now: () => performance.now() + ms });
  const { room } = await join();
  const errors = collect(oneup, "error"), scores = collect(room, "Scored");
  pages.isDown = true;
  server.attached({ module: build("1.0.1", two) });
  server.say("state", { joinId: 1, timeline: 1n, asOf: 0, payload: full(...field(1, 8)) });
  await until("it gives up for now", () => errors.length === 1);
  assert.deepEqual(errors.map((error) => error.code), ["discovery"]);
  assert.deepEqual(room.state, { x: 8 });
  pages.isDown = false;
  ms += 6_000;
  server.say("output", { joinId: 1, seq: 1, prev: 0, payload: b(20, 4) });
  assert.equal((await server.next("attach")).timeline, 0n);
  server.attached({ module: build("1.0.1", two) });
  server.say("state", { joinId: 1, timeline: 1n, asOf: 1, payload: full(...field(1, 8), ...field(2, 9)) });
  server.say("output", { joinId: 1, seq: 2, prev: 1, payload: b(20, ...field(2, 5)) });
  await until("it is understood", () => scores.length === 1);
  assert.deepEqual([room.state, scores], [{ left: 8, top: 9 }, [{ slot: 0, by: 5 }]]);
  assert.deepEqual(asked, ["current", two, two, two, two]);
});

test("a module that nobody knew is asked for again", async (t) => {
  let ms = 0;
  const { server, asked, pages, join } = await fixture(t, { now: () => performance.now() + ms });
  pages.knows = () => false;
  const { room } = await join();
  await assert.rejects(room.send("Scored"), { code: "unknown-message" });
  assert.deepEqual(asked, ["current", one]);
  pages.knows = () => true;
  ms += 6_000;
  room.send("Scored", { who: 2 }).catch(() => {});
  await server.next("attach"); // what it took for bytes was a state
  server.attached({ module: build("1.0.0", one) });
  assert.deepEqual((await server.next("input")).payload, b(20, ...field(1, 2)));
  server.say("state", { joinId: 1, timeline: 1n, asOf: 0, payload: full(...field(1, 5)) });
  await until("it is read", () => room.state.x === 5);
});

test("a schema that the game brought along stays", async (t) => {
  const { server, asked, oneup } = await fixture(t);
  const joining = oneup.join("game/one", { schema: manifests[one].schema });
  await server.next("join");
  server.attached({ module: build("1.0.1", two) });
  server.say("state", { joinId: 1, timeline: 1n, asOf: 0, payload: full(...field(1, 8)) });
  assert.deepEqual((await joining).state, { x: 8 });
  assert.deepEqual(asked, []);
});
