// The client's half of exactly-once, line by line of docs/protocol.md, against a server that follows a script.
import test from "node:test";
import assert from "node:assert/strict";
import { OneUp } from "../oneup.js";
import { FakeServer } from "./support/fake.mjs";
import { until } from "./support/server.mjs";

const b = (...bytes) => Uint8Array.from(bytes);
const collect = (emitter, name) => {
  const events = [];
  emitter.on(name, (event) => events.push(event));
  return events;
};
/** Inputs that the server has got, as [seq, first byte]. */
const inputs = async (server, count) => {
  const got = [];
  while (got.length < count) {
    const { seq, payload } = await server.next("input");
    got.push([seq, payload[0]]);
  }
  return got;
};

test("inputs are numbered from 1 and sent without waiting; an acknowledgement settles all up to it", async () => {
  const server = new FakeServer();
  const { room } = await server.joined();
  const replies = [room.sendRaw(b(1)), room.sendRaw(b(2)), room.sendRaw(b(3))];
  assert.deepEqual(await inputs(server, 3), [[1, 1], [2, 2], [3, 3]]);
  server.say("ack", { joinId: 1, seq: 2 });
  await Promise.all(replies.slice(0, 2));
  assert.equal(room.waiting, 1);
  assert.equal(room.stats.acknowledged, 2);
});

test("verdicts: a reply, a refusal, a quarantine", async () => {
  const server = new FakeServer();
  const { room } = await server.joined();
  const told = collect(room, "verdict");
  const [reply, refused, undone, applied] = [1, 2, 3, 4].map((n) => room.sendRaw(b(n)));
  server.say("output", { joinId: 1, seq: 5, prev: 0, result: { seq: 1, verdict: 0, reply: b(9) } });
  server.say("output", { joinId: 1, seq: 6, prev: 5, result: { seq: 2, verdict: 1, reason: "still recharging" } });
  server.say("output", { joinId: 1, seq: 9, prev: 6, result: { seq: 3, verdict: 2, reason: "trap" } });
  server.say("ack", { joinId: 1, seq: 4 });
  assert.deepEqual(await reply, b(9));
  await assert.rejects(refused, { name: "OneUpError", code: "refused", verdict: "refused", reason: "still recharging", seq: 2 });
  await assert.rejects(undone, { code: "quarantined", seq: 3 });
  assert.equal((await applied).length, 0);
  assert.deepEqual(told.map((e) => e.code), ["refused", "quarantined"]);
});

test("outputs: once each, in order, and a gap is repaired by attaching", async () => {
  const server = new FakeServer();
  const { room } = await server.joined();
  const heard = collect(room, "raw");
  server.say("output", { joinId: 1, seq: 3, prev: 0, payload: b(3) });
  server.say("output", { joinId: 1, seq: 3, prev: 0, payload: b(3) });
  server.say("output", { joinId: 1, seq: 0, payload: b(0) });
  server.say("output", { joinId: 1, seq: 9, prev: 7, payload: b(9) });
  const attach = await server.next("attach");
  assert.deepEqual([attach.room, attach.timeline, attach.lastOut], [0xabcn, 1n, 3]);
  server.attached({ upTo: 9 });
  server.say("output", { joinId: 1, seq: 7, prev: 3, payload: b(7) });
  server.say("output", { joinId: 1, seq: 9, prev: 7, payload: b(9) });
  await until("all outputs", () => heard.length === 4);
  assert.deepEqual(heard.map((p) => p[0]), [3, 0, 7, 9]);
  assert.equal(room.stats.doubled, 1);
});

test("a broken connection: back with the token, attached where it was, unacknowledged inputs again with their numbers", async () => {
  const server = new FakeServer();
  server.resumed = true;
  const { oneup, room } = await server.joined();
  const connection = collect(oneup, "connection");
  assert.equal((await server.next("hello")).resume.length, 0);
  const answers = [1, 2, 3].map((n) => room.sendRaw(b(n)));
  await inputs(server, 3);
  server.say("output", { joinId: 1, seq: 4, prev: 0, payload: b(4) });
  server.say("ack", { joinId: 1, seq: 1 });
  await answers[0];
  server.cut();
  assert.deepEqual((await server.next("hello")).resume, b(1, 2, 3));
  const attach = await server.next("attach");
  assert.deepEqual([attach.joinId, attach.timeline, attach.lastOut], [1, 1n, 4]);
  answers.push(room.sendRaw(b(4)));
  // The room has input 2; its verdict comes with output 6.
  server.attached({ nextSeq: 3, upTo: 6 });
  assert.deepEqual(await inputs(server, 2), [[3, 3], [4, 4]]);
  assert.equal(room.waiting, 3, "input 2 is decided, but how is not known yet");
  server.say("output", { joinId: 1, seq: 6, prev: 4, result: { seq: 2, verdict: 1, reason: "no" } });
  await assert.rejects(answers[1], { code: "refused" });
  server.say("ack", { joinId: 1, seq: 4 });
  await Promise.all(answers.slice(2));
  assert.deepEqual(connection.map((e) => e.state), ["lost", "waiting", "up"]);
  assert.deepEqual([room.stats.lost, room.stats.doubled, room.stats.acknowledged], [0, 0, 4]);
});

test("an answer that was lost with a full state is said to be unknown", async () => {
  const server = new FakeServer();
  server.resumed = true;
  const { room } = await server.joined();
  const answer = room.sendRaw(b(1));
  await inputs(server, 1);
  server.cut();
  await server.next("attach");
  server.attached({ nextSeq: 2, upTo: 6 });
  server.say("state", { joinId: 1, timeline: 1n, asOf: 8, payload: b() });
  await assert.rejects(answer, { code: "unknown", verdict: "unknown", seq: 1 });
});

test("a result settles what was before it, also when the answers after it are lost", async () => {
  const server = new FakeServer();
  server.resumed = true;
  const { room } = await server.joined();
  const answers = [1, 2, 3, 4, 5, 6].map((n) => room.sendRaw(b(n)));
  await inputs(server, 6);
  server.say("output", { joinId: 1, seq: 2, prev: 0, result: { seq: 5, verdict: 0, reply: b(9) } });
  assert.deepEqual(await answers[4], b(9));
  server.cut();
  await server.next("attach");
  server.attached({ nextSeq: 7, upTo: 6 });
  server.say("state", { joinId: 1, timeline: 1n, asOf: 8, payload: b() });
  for (const answer of answers.slice(0, 4)) assert.equal((await answer).length, 0);
  await assert.rejects(answers[5], { code: "unknown", seq: 6 });
});

test("what a game sends when it is attached again has its number by then", async () => {
  const server = new FakeServer();
  server.resumed = true;
  const { room } = await server.joined();
  const answers = [1, 2].map((n) => room.sendRaw(b(n)));
  await inputs(server, 2);
  room.on("attached", () => room.sendRaw(b(3)));
  server.say("ack", { joinId: 1, seq: 2 });
  await Promise.all(answers);
  server.cut();
  await server.next("attach");
  server.attached({ nextSeq: 2, timeline: 2n });
  const [first] = await inputs(server, 1);
  assert.deepEqual(first, [2, 3]);
  server.say("ack", { joinId: 1, seq: 2 });
  await until("it is settled", () => room.waiting === 0);
  assert.equal(server.frames.filter((frame) => frame.kind === "input").length, 0, "it went out once");
});

test("a first state that nobody can read fails the join, and leaves no membership behind", async () => {
  const server = new FakeServer();
  const oneup = await server.connect();
  for (const joinId of [1, 2]) {
    const joining = oneup.join("game/one", { schema: game });
    await server.next("join");
    server.attached({ joinId });
    server.say("state", { joinId, timeline: 1n, asOf: 0, payload: b(252, 1, 200) });
    await assert.rejects(joining, { code: "malformed" });
    assert.deepEqual([(await server.next("leave")).joinId], [joinId]);
    server.say("ack", { joinId, seq: 1 });
    await until("nothing is left of it", () => oneup.saved.members.length === 0);
  }
});

test("Expected goes back; Busy waits and then goes back", async () => {
  const server = new FakeServer();
  const { room } = await server.joined();
  for (const n of [1, 2, 3]) room.sendRaw(b(n));
  await inputs(server, 3);
  server.say("expected", { joinId: 1, seq: 2 });
  assert.deepEqual(await inputs(server, 2), [[2, 2], [3, 3]]);
  const asked = performance.now();
  server.say("busy", { joinId: 1, seq: 1, retryAfterMs: 60, reason: "full" });
  const raw = collect(room, "raw");
  server.say("output", { joinId: 1, seq: 0, payload: b(0) });
  await until("it has heard so", () => raw.length === 1);
  room.sendRaw(b(4));
  assert.deepEqual(await inputs(server, 4), [[1, 1], [2, 2], [3, 3], [4, 4]]);
  assert.ok(performance.now() - asked >= 59);
});

test("a new timeline: what is not acknowledged gets new numbers, and the first lost one is told", async () => {
  const server = new FakeServer();
  server.resumed = true;
  const { room } = await server.joined();
  const resets = collect(room, "reset");
  const answers = [1, 2, 3, 4, 5].map((n) => room.sendRaw(b(n)));
  await inputs(server, 5);
  server.say("ack", { joinId: 1, seq: 4 });
  await answers[3];
  server.cut();
  await server.next("attach");
  server.attached({ nextSeq: 3, timeline: 2n });
  assert.deepEqual(await inputs(server, 1), [[3, 5]]);
  assert.deepEqual(resets, [{ firstLost: 3, lost: 2 }]);
  assert.equal(room.stats.lost, 2);
  // Before the new timeline's state has come, nothing of it may be claimed.
  server.cut();
  const attach = await server.next("attach");
  assert.deepEqual([attach.timeline, attach.lastOut], [0n, 0]);
  server.attached({ nextSeq: 3, timeline: 2n });
  server.say("state", { joinId: 1, timeline: 3n, asOf: 70, payload: b() });
  server.say("ack", { joinId: 1, seq: 3 });
  await answers[4];
  server.cut();
  assert.deepEqual([(await server.next("attach")).timeline], [3n]);
});

test("Gone settles everything", async () => {
  const server = new FakeServer();
  const { room } = await server.joined();
  const gone = collect(room, "gone");
  const [first, second] = [room.sendRaw(b(1)), room.sendRaw(b(2))];
  server.say("gone", { joinId: 1, last: 1, known: true, reason: "kicked: idle" });
  await assert.rejects(first, { code: "unknown" });
  await assert.rejects(second, { code: "gone", reason: "kicked: idle" });
  await assert.rejects(room.sendRaw(b(3)), { code: "not-a-member" });
  assert.deepEqual(gone, [{ known: true, reason: "kicked: idle" }]);
});

test("a room that cannot go on just now is asked for again, and the game hears of it once", async () => {
  const server = new FakeServer();
  const { room } = await server.joined();
  const notices = collect(room, "notice"), recovered = collect(room, "recovered");
  const answer = room.sendRaw(b(1));
  await inputs(server, 1);
  server.say("error", { joinId: 1, code: 8, text: "another owner does not take it back" });
  await server.next("attach");
  assert.equal(room.isAttached, false);
  for (const [code, retryAfterMs] of [[7, 0], [11, 50], [7, 50]]) {
    server.say("error", { joinId: 1, code, retryAfterMs, text: "the room cannot be read" });
    await server.next("attach");
  }
  server.attached({ nextSeq: 1, upTo: 0 });
  assert.deepEqual(await inputs(server, 1), [[1, 1]]);
  server.say("ack", { joinId: 1, seq: 1 });
  await answer;
  assert.equal(room.isAttached, true);
  assert.deepEqual(notices, [{ kind: "frozen", text: "the room cannot be read" }, { kind: "thawed", text: "" }]);
  assert.deepEqual(recovered.map((e) => e.kind), ["worker"]);
});

test("leaving is a numbered input", async () => {
  const server = new FakeServer();
  const { room } = await server.joined();
  const answer = room.sendRaw(b(1));
  const left = room.leave();
  assert.equal((await server.next("leave")).seq, 2);
  server.say("ack", { joinId: 1, seq: 1 });
  await answer;
  server.say("gone", { joinId: 1, last: 2, known: true, reason: "left" });
  await left;
});

test("an attachment that the server repaired by itself: same socket, nothing lost, and the room says so", async () => {
  const server = new FakeServer();
  const { oneup, room } = await server.joined();
  const connection = collect(oneup, "connection"), recovered = collect(room, "recovered");
  const answers = [1, 2].map((n) => room.sendRaw(b(n)));
  await inputs(server, 2);
  server.attached({ nextSeq: 2, upTo: 0 });
  assert.deepEqual(await inputs(server, 1), [[2, 2]]);
  server.say("ack", { joinId: 1, seq: 2 });
  await Promise.all(answers);
  assert.deepEqual(connection, []);
  assert.deepEqual(recovered.map((e) => e.kind), ["worker"]);
  assert.equal(server.sockets.length, 1);
});

test("errors of a membership: retried when that makes sense, final when not", async () => {
  const server = new FakeServer();
  const oneup = await server.connect();
  const joining = oneup.join("game/one", { schema: null });
  await server.next("join");
  server.say("error", { joinId: 1, code: 11, retryAfterMs: 20, text: "nothing serves that room" });
  await server.next("join");
  server.say("error", { joinId: 1, code: 7, text: "the room is full" });
  await assert.rejects(joining, { code: "join-refused", reason: "the room is full" });
  await assert.rejects(oneup.join("nokey"), { code: "join-refused" });
});

test("another place takes over the session: no fight, a clear end", async () => {
  const server = new FakeServer();
  const { oneup, room } = await server.joined();
  const connection = collect(oneup, "connection");
  const answer = room.sendRaw(b(1));
  server.say("error", { joinId: 0, code: 12, closing: true, text: "a newer connection" });
  await assert.rejects(answer, { code: "gone" });
  assert.deepEqual(connection.map((e) => e.state), ["stopped"]);
  assert.equal(server.sockets.length, 1);
});

test("a greeting that the server will never take ends the attempts", async () => {
  const server = new FakeServer();
  server.welcomes = false;
  const connecting = server.connect({ name: "x".repeat(65) });
  await server.next("hello");
  server.say("error", { joinId: 0, code: 2, closing: true, text: "a name has at most 64 bytes" });
  await assert.rejects(connecting, { code: "rejected", reason: "a name has at most 64 bytes" });
  assert.equal(server.sockets.length, 1);
});

test("a token that is not taken: a new session, and rooms that were joined are gone", async () => {
  const server = new FakeServer();
  const { room } = await server.joined();
  const gone = collect(room, "gone");
  server.session = 8n;
  server.cut();
  await until("the room is gone", () => gone.length === 1);
  assert.equal(gone[0].known, false);
});

test("a reload goes on with the session and the membership; one that is over by then is joined anew", async () => {
  const server = new FakeServer();
  const { oneup } = await server.joined();
  await server.next("hello");
  const saved = JSON.parse(JSON.stringify(oneup.saved));
  server.resumed = true;
  const again = await server.connect({ saved });
  assert.deepEqual((await server.next("hello")).resume, b(1, 2, 3));
  const joining = again.join("game/one", { schema: null });
  assert.equal((await server.next("join")).joinId, 1);
  server.say("gone", { joinId: 1, last: 4, known: true, reason: "expired" });
  const { joinId } = await server.next("join");
  assert.equal(joinId, 2);
  // A membership that lives goes on at the number that its room expects.
  server.attached({ joinId, nextSeq: 57 });
  server.say("state", { joinId, timeline: 1n, asOf: 0 });
  const room = await joining;
  const answer = room.sendRaw(b(1));
  assert.equal((await server.next("input")).seq, 57);
  server.say("ack", { joinId, seq: 57 });
  await answer;
  assert.equal(room.stats.lost, 0);
});

/** What a page's storage is, and its reload. */
class Tab {
  items = new Map();
  getItem(name) { return this.items.get(name) ?? null; }
  setItem(name, text) { this.items.set(name, text); }
  removeItem(name) { this.items.delete(name); }
  /** Runs `body` where there is a page; then the page is gone, without its client having been closed. */
  async page(body) {
    const target = new EventTarget();
    const page = { document: new EventTarget(), addEventListener: target.addEventListener.bind(target), removeEventListener: target.removeEventListener.bind(target) };
    Object.assign(globalThis, page);
    try {
      await body();
    } finally {
      target.dispatchEvent(new Event("pagehide"));
      delete globalThis.document; // what is left of the clients takes its listeners off when it is closed
    }
  }
}

test("a page that is loaded again and again while the server is away stays the same player, in its rooms", async () => {
  const server = new FakeServer(), storage = new Tab();
  server.resumed = true;
  await storage.page(async () => { await server.joined({ storage }); });
  await server.next("hello");
  server.refuses = true;
  const pages = [];
  for (let i = 0; i < 2; i++) {
    const attempts = server.sockets.length;
    await storage.page(async () => {
      pages.push(server.connect({ storage, random: () => 1 }));
      await until("it tries", () => server.sockets.length > attempts);
    });
  }
  assert.deepEqual(JSON.parse(storage.getItem("oneup")), { resume: "AQID", joins: 1, members: [{ joinId: 1, path: "game/one" }] });
  server.refuses = false;
  await Promise.all(pages);
  // It is welcomed, and loaded again before it has joined anything.
  const away = new FakeServer();
  away.resumed = true;
  await storage.page(async () => { await away.connect({ storage }); });
  assert.deepEqual((await away.next("hello")).resume, b(1, 2, 3));
  const back = await away.connect({ storage });
  back.join("game/one", { schema: null }).catch(() => {});
  assert.equal((await away.next("join")).joinId, 1);
});

test("what is in the storage and is no session of ours is passed over", async () => {
  for (const text of ["", "no JSON", "{}", "[]", '{"resume":5,"members":[],"joins":0}']) {
    const items = new Map([["oneup", text]]);
    const storage = { getItem: (name) => items.get(name), removeItem: (name) => items.delete(name), setItem() {} };
    const server = new FakeServer();
    await server.connect({ storage });
    assert.equal((await server.next("hello")).resume.length, 0, text);
    assert.equal(items.size, 0);
  }
});

test("a server that refuses: more and more patience, then a long pause, and at once when asked", async () => {
  const server = new FakeServer();
  const { oneup } = await server.joined();
  const waits = collect(oneup, "connection");
  server.refuses = true;
  server.cut();
  await until("the breaker is open", () => waits.some((e) => e.isBreakerOpen));
  assert.equal(server.sockets.length, 9);
  assert.ok(waits[waits.length - 1].retryInMs >= 10_000);
  server.refuses = false;
  oneup.retry();
  await until("it is up again", () => oneup.isUp);
});

test("an attempt that was given up opens no socket later; an address that led nowhere is asked for again", async (t) => {
  const server = new FakeServer(), asked = [];
  t.mock.method(globalThis, "fetch", () => new Promise((resolve) => {
    asked.push((players) => resolve({ ok: true, status: 200, json: async () => ({ players }) }));
  }));
  let passed = 0;
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const connecting = server.connect({ url: undefined, http: "http://fake", now: () => performance.now() + passed });
  for (const ms of [10_100, 100]) { // no answer; the next attempt
    passed += ms;
    t.mock.timers.tick(ms);
  }
  t.mock.timers.reset();
  assert.equal(asked.length, 2);
  server.refuses = true;
  asked[0]("old");
  asked[1]("new");
  await until("it asks again", () => asked.length === 3);
  assert.deepEqual(server.sockets.map((socket) => socket.url), ["ws://new/"]);
  server.refuses = false;
  asked[2]("newer");
  await connecting;
  assert.deepEqual(server.sockets.map((socket) => socket.url), ["ws://new/", "ws://newer/"]);
});

test("an address that is none is an error at once; one that the server named is asked for again", async (t) => {
  const server = new FakeServer(), states = [];
  for (const url of ["nowhere", "https://fake/", "ws://"]) {
    await assert.rejects(server.connect({ url, onconnection: (event) => states.push(event.state) }), { code: "discovery", message: /no address of a server/ });
  }
  const Strict = class extends server.WebSocket {
    constructor(url) { throw new SyntaxError(`a page that came by https asks for ${url}`); }
  };
  await assert.rejects(server.connect({ url: "ws://fake/", WebSocket: Strict }), { code: "discovery" });
  assert.deepEqual(states, ["stopped", "stopped", "stopped"]);
  assert.equal(server.sockets.length, 0);

  const players = ["", "fake"], errors = [];
  t.mock.method(globalThis, "fetch", async () => ({ ok: true, status: 200, json: async () => ({ players: players.shift() }) }));
  const oneup = new OneUp({ http: "http://fake", random: () => 0, storage: null, WebSocket: server.WebSocket });
  t.after(() => oneup.close());
  oneup.on("error", (error) => errors.push(error.code));
  await oneup.start();
  assert.deepEqual(errors, ["discovery"]);
});

test("back-off doubles from 100 ms with full jitter", async () => {
  const server = new FakeServer();
  const { oneup } = await server.joined({ random: () => 1 });
  const waits = collect(oneup, "connection");
  server.refuses = true;
  server.cut();
  await until("three attempts", () => waits.filter((e) => e.state === "waiting").length >= 3);
  assert.deepEqual(waits.filter((e) => e.state === "waiting").slice(0, 3).map((e) => e.retryInMs), [100, 200, 400]);
  oneup.close();
});

test("after a night asleep: a connection that lives is kept, one that does not answer is given up", async () => {
  const server = new FakeServer();
  server.resumed = true;
  let asleep = 0;
  const { oneup, room } = await server.joined({ now: () => performance.now() + asleep });
  const connection = collect(oneup, "connection");
  const pings = server.pings;
  asleep += 8 * 3_600_000;
  oneup.retry();
  await until("it asks whether anybody is there", () => server.pings > pings + 2);
  const answer = room.sendRaw(b(1));
  await server.next("input");
  server.say("ack", { joinId: 1, seq: 1 });
  await answer;
  assert.deepEqual(connection, []);
  assert.deepEqual(room.stats.pausesMs, []);
  server.isDeaf = true;
  asleep += 8 * 3_600_000;
  oneup.retry();
  await until("it connects anew", () => connection.some((event) => event.state === "up"));
  assert.equal((await server.next("attach")).joinId, 1);
});

test("a sleep through which the monotonic clock stood still is seen by the wall clock", async (t) => {
  const server = new FakeServer();
  const { oneup } = await server.joined();
  const connection = collect(oneup, "connection"), { pings } = server;
  const wall = Date.now;
  t.mock.method(Date, "now", () => wall() + 3_600_000);
  server.isDeaf = true;
  await until("it asks whether anybody is there", () => server.pings > pings + 2);
  assert.ok(oneup.sleptUntil > 0);
  await until("who does not answer within five seconds is given up", () => connection.some((event) => event.state === "lost"));
});

test("the server's time goes on through a sleep and a new connection", async () => {
  const server = new FakeServer();
  server.clock = () => Date.now() + 3_600_000;
  const { oneup } = await server.joined();
  const off = () => Math.abs(oneup.clock() - Date.now() - 3_600_000);
  await until("a pong", () => oneup.serverClock.isSet && off() < 500);
  server.isDeaf = true;
  server.cut();
  await until("it is up again", () => oneup.isUp && server.sockets.length === 2);
  assert.ok(off() < 1_000);
});

test("more than fits is refused, and said so", async () => {
  const server = new FakeServer();
  const { room } = await server.joined();
  await assert.rejects(room.sendRaw(new Uint8Array(65_500)), { code: "too-large" });
  for (let i = 0; i < 8192; i++) room.sendRaw(b(1)).catch(() => {});
  await assert.rejects(room.sendRaw(b(1)), { code: "full" });
  await until("the window is used", () => server.frames.filter((f) => f.kind === "input").length === 256);
});

const game = { messages: [{ id: 1, name: "Steer", fields: [{ n: 1, name: "by", type: "f32" }] }, { id: 10, name: "Done", fields: [{ n: 1, name: "score", type: "i32" }] },
  { id: 2, name: "Collect", fields: [{ n: 1, name: "gem", type: "u32" }] }, { id: 20, name: "Scored", fields: [{ n: 1, name: "who", type: "slot" }] }],
  state: [{ n: 1, name: "x", type: "f32" }] };
const synced = (x, ms, stamps = []) => {
  const bytes = new Uint8Array(11 + 2 * stamps.length + 5), view = new DataView(bytes.buffer);
  bytes.set([1, 1]);
  view.setBigInt64(2, BigInt(Math.round(ms * 1000)), true);
  bytes[10] = stamps.length;
  stamps.forEach(([slot, stamp], i) => bytes.set([slot, stamp], 11 + 2 * i));
  view.setUint8(bytes.length - 5, 5);
  view.setFloat32(bytes.length - 4, x, true);
  return bytes;
};

test("by names: messages, replies, state", async () => {
  const server = new FakeServer();
  const { room } = await server.joined({ schema: game, state: b(252, 1, 0, ...synced(4, 1000)) });
  assert.deepEqual(room.state, { x: 4 });
  assert.equal(room.slot, 3);
  assert.deepEqual(room.module, { name: "game", version: "1.0.0", sha256: "" });
  const scored = collect(room, "Scored"), raw = collect(room, "raw");
  const reply = room.send("Collect", { gem: 300 });
  assert.deepEqual((await server.next("input")).payload, b(2, 4, 0xac, 2));
  server.say("output", { joinId: 1, seq: 1, prev: 0, payload: b(20, 4, 7), result: { seq: 1, verdict: 0, reply: b(10, 4, 6) } });
  server.say("output", { joinId: 1, seq: 2, prev: 1, payload: b(99) });
  assert.deepEqual(await reply, { score: 3 });
  assert.deepEqual(scored, [{ who: 7 }]);
  await until("the unknown one", () => raw.length === 1);
  assert.deepEqual(raw[0], b(99));
  await assert.rejects(room.send("Jump"), { code: "unknown-message" });
});

test("prediction: what was sent shows at once, and what the state has is not repeated", async () => {
  const server = new FakeServer();
  let ms = 1000;
  server.clock = () => ms;
  const { room } = await server.joined({ schema: game, now: () => ms, state: b(252, 1, 0, ...synced(0, 1000)) });
  const own = room.predict((state) => ({ x: state.x, by: 0 }), (ship, input, seconds) => {
    if (input) ship.by = input.value.by;
    else ship.x += ship.by * seconds;
  }, { blend: ["x"], blendMs: 100 });
  assert.equal(own().x, 0);
  room.stream("Steer", { by: 100 });
  ms += 100;
  assert.ok(Math.abs(own().x - 10) < 0.01, "moves in the next frame");
  room.stream("Steer", { by: 0 });
  ms += 100;
  assert.ok(Math.abs(own().x - 10) < 0.01);
  // A state in which the ship is elsewhere: the correction is spread.
  const states = collect(room, "state");
  server.say("output", { joinId: 1, seq: 0, payload: b(251, ...synced(30, 1200)) });
  await until("the state", () => states.length === 1);
  assert.ok(Math.abs(own().x - 10) < 1);
  ms += 1000;
  assert.ok(Math.abs(own().x - 30) < 0.1);
});
