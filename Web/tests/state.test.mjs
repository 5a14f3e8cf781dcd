// Synchronised state: merging, the view between two states, the server's clock.
import test from "node:test";
import assert from "node:assert/strict";
import { Schema, ServerClock, SyncedState } from "../oneup.js";

const schema = new Schema({ state: [
  { n: 1, name: "ships", type: { table: [{ n: 1, name: "pos", type: "vec2" }, { n: 2, name: "name", type: "string" }, { n: 3, name: "score", type: "i32" }] } },
  { n: 2, name: "round", type: { fields: [{ n: 1, name: "number", type: "u16" }, { n: 2, name: "left", type: "f32" }] } },
] });

const varint = (n) => (n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))]);
const float = (n) => [...new Uint8Array(Float32Array.of(n).buffer)];
const blob = (bytes) => [...varint(bytes.length), ...bytes];
const text = (s) => blob([...Buffer.from(s)]);
const vec = (x, y) => blob([...float(x), ...float(y)]);
const field = (n, kind, bytes) => [...varint((n << 2) | kind), ...bytes];
const row = (key, bytes) => [...varint(key * 2), ...blob(bytes)];
const removed = (key) => varint(key * 2 + 1);
const ships = (...rows) => field(1, 2, blob(rows.flat()));
const time = (ms) => [...new Uint8Array(BigInt64Array.of(BigInt(ms * 1000)).buffer)];
const body = (k, tick, ms, stamps, fields) => [...varint(k), ...varint(tick), ...time(ms), ...varint(stamps.length),
  ...stamps.flatMap(([slot, stamp]) => [...varint(slot), ...varint(stamp)]), ...fields];
const delta = (...rest) => Uint8Array.from([251, ...body(...rest)]);
const keyframe = (k, fields) => Uint8Array.from([250, ...varint(k), ...fields]);
const full = (k, fields, ...rest) => Uint8Array.from([252, ...varint(k), ...blob(fields), ...body(k, ...rest)]);

function fixture() {
  const clock = { ms: 0 };
  const server = new ServerClock(() => clock.ms);
  server.answered(0, 1_000_000);
  const synced = new SyncedState(schema, server);
  const one = [...field(1, 2, vec(0, 0)), ...field(2, 2, text("Ada")), ...field(3, 0, [4])];
  synced.full(full(1, ships(row(0, one)), 10, 1_000_000, [], []));
  return { clock, synced };
}

test("a full state is a keyframe and what changed since", () => {
  const { synced } = fixture();
  assert.deepEqual(synced.state, { ships: new Map([[0, { pos: { x: 0, y: 0 }, name: "Ada", score: 2 }]]), round: { number: 0, left: 0 } });
  assert.equal(synced.tick, 10);
});

test("changes are against the keyframe, never against each other", () => {
  const { synced } = fixture();
  synced.delta(delta(1, 11, 1_000_050, [[0, 700]], ships(row(0, field(3, 0, [20])), row(5, field(2, 2, text("Bo"))))));
  assert.equal(synced.state.ships.get(0).score, 10);
  assert.deepEqual(synced.state.ships.get(5), { pos: { x: 0, y: 0 }, name: "Bo", score: 0 });
  assert.equal(synced.stamps.get(0), 700);
  // The next one says nothing of the score nor of row 5: both are as in the keyframe again.
  synced.delta(delta(1, 12, 1_000_100, [], field(2, 2, blob(field(1, 0, [3])))));
  assert.deepEqual([...synced.state.ships.keys()], [0]);
  assert.equal(synced.state.ships.get(0).score, 2);
  assert.deepEqual(synced.state.round, { number: 3, left: 0 });
});

test("rows that did not change are the same objects; the keyframe is never written to", () => {
  const { synced } = fixture();
  const before = synced.state;
  synced.delta(delta(1, 11, 1_000_050, [], ships(row(7, []))));
  assert.equal(synced.state.ships.get(0), before.ships.get(0));
  assert.deepEqual([...before.ships.keys()], [0]);
});

test("rows stay in the order of their keys, and go when removed", () => {
  const { synced } = fixture();
  synced.keyframe(keyframe(2, ships(row(3, []), row(9, []))));
  synced.delta(delta(2, 11, 1_000_050, [], ships(row(1, []), removed(9))));
  assert.deepEqual([...synced.state.ships.keys()], [1, 3]);
});

test("changes of an unknown keyframe, and older ones, are passed over", () => {
  const { synced } = fixture();
  assert.equal(synced.delta(delta(8, 11, 1_000_050, [], [])), false);
  assert.equal(synced.delta(delta(1, 11, 1_000_050, [], [])), true);
  assert.equal(synced.delta(delta(1, 9, 999_000, [], [])), false);
  // Just after a new keyframe, changes against the one before may still arrive.
  synced.keyframe(keyframe(2, []));
  assert.equal(synced.delta(delta(1, 12, 1_000_100, [], [])), true);
});

test("the view is between two states, text and counts are of the earlier one", () => {
  const { synced } = fixture();
  const at = (x, score) => ships(row(0, [...field(1, 2, vec(x, 0)), ...field(3, 0, [score * 2])]));
  synced.delta(delta(1, 11, 1_000_100, [], at(100, 5)));
  synced.delta(delta(1, 12, 1_000_200, [], at(300, 6)));
  const how = { delayMs: 0, snap: Infinity, extrapolateMs: 200 };
  const view = (ms, more = {}) => synced.view({ ...how, ...more }, ms).ships.get(0);
  assert.deepEqual(view(1_000_050), { pos: { x: 50, y: 0 }, name: "Ada", score: 2 });
  assert.deepEqual(view(1_000_150), { pos: { x: 200, y: 0 }, name: "Ada", score: 5 });
  assert.equal(view(1_000_250).pos.x, 400, "a little beyond the newest");
  assert.equal(view(1_009_000).pos.x, 700, "and not further");
  assert.equal(view(900_000).pos.x, 0, "before the first there is nothing");
  assert.equal(view(1_000_150, { snap: 150 }).pos.x, 100, "a jump is not drawn as a movement");
});

test("a room without a clock is seen as it is", () => {
  const { synced } = fixture();
  synced.delta(delta(1, 11, 1_000_100, [], ships(row(0, field(1, 2, vec(100, 0))))), true);
  assert.equal(synced.view({ delayMs: null, snap: Infinity, extrapolateMs: 200 }).ships.get(0).pos.x, 100);
});

test("whoever appears or goes does so at their time", () => {
  const { synced } = fixture();
  synced.delta(delta(1, 11, 1_000_100, [], ships(removed(0), row(4, []))));
  const keys = (ms) => [...synced.view({ delayMs: 0, snap: 1e9, extrapolateMs: 0 }, ms).ships.keys()];
  assert.deepEqual(keys(1_000_099), [0]);
  assert.deepEqual(keys(1_000_100), [4]);
});

test("a view under jitter never jumps nor runs backwards", () => {
  const { clock, synced } = fixture();
  let seed = 3;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  // States each 50 ms, moving 0.26 units a ms, arriving 50 ± 20 ms later, in order; drawn each 16 ms.
  const arrivals = [];
  for (let i = 1, last = 0; i < 200; i++) arrivals.push({ at: (last = Math.max(last, i * 50 + 50 + (random() - 0.5) * 40)), i });
  let x = 0, lastDrawn = null;
  for (let ms = 0; ms < 9_000; ms += 16) {
    clock.ms = ms;
    while (arrivals[0] && arrivals[0].at <= ms) {
      const { i } = arrivals.shift();
      clock.ms = ms;
      synced.delta(delta(1, 10 + i, 1_000_000 + i * 50, [], ships(row(0, field(1, 2, vec(i * 13, 0))))));
    }
    x = synced.view({ delayMs: null, snap: Infinity, extrapolateMs: 200 }).ships.get(0).pos.x;
    if (ms > 1_000 && lastDrawn !== null) {
      assert.ok(x - lastDrawn >= 0, `backwards at ${ms}: ${lastDrawn} → ${x}`);
      assert.ok(x - lastDrawn < 12, `a jump at ${ms}: ${lastDrawn} → ${x}`);
    }
    lastDrawn = x;
  }
  assert.ok(x > 2_000);
});

test("the clock is the server's, however wrong the local one is, and one slow answer does not move it", () => {
  const local = { ms: 3_600_000 };
  const clock = new ServerClock(() => local.ms);
  const serverNow = () => 5_000_000 + (local.ms - 3_600_000);
  const ping = (there, back) => {
    const sent = local.ms;
    local.ms += there;
    const said = serverNow();
    local.ms += back;
    clock.answered(sent, said);
  };
  for (const [there, back] of [[20, 20], [22, 20], [20, 21], [400, 20], [20, 19], [20, 20], [21, 20]]) {
    ping(there, back);
    assert.ok(Math.abs(clock.time() - serverNow()) < 3, `off by ${clock.time() - serverNow()}`);
    local.ms += 100;
  }
  assert.equal(clock.roundTrip, 40);
});

test("the clock goes over to a better estimate without a jump", () => {
  const local = { ms: 0 };
  const clock = new ServerClock(() => local.ms);
  clock.answered(0, 1_000_000);
  for (let i = 0; i < 15; i++) clock.answered(local.ms, 1_000_060 + local.ms);
  let last = clock.time();
  for (; local.ms < 2_000; ) {
    local.ms += 16;
    const now = clock.time();
    assert.ok(now - last > 14 && now - last < 18);
    last = now;
  }
  assert.ok(Math.abs(clock.time() - (1_000_060 + local.ms)) < 1);
});
