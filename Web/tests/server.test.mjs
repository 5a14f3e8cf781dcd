// Against a real server: processes are killed under load, and afterwards the room itself says what it has.
import test from "node:test";
import assert from "node:assert/strict";
import { connect } from "../oneup.js";
import { Server, until } from "./support/server.mjs";
import { WebSocket } from "./support/websocket.mjs";

const add = (operation) => {
  const bytes = new Uint8Array(9);
  bytes[0] = 1;
  new DataView(bytes.buffer).setBigUint64(1, BigInt(operation), true);
  return bytes;
};
const query = (from) => {
  const bytes = new Uint8Array(9);
  bytes[0] = 2;
  new DataView(bytes.buffer).setUint32(1, from, true);
  new DataView(bytes.buffer).setUint32(5, 1024, true);
  return bytes;
};
/** Everything that the room holds. */
async function content(room) {
  const operations = [];
  for (;;) {
    const reply = await room.sendRaw(query(operations.length));
    const view = new DataView(reply.buffer, reply.byteOffset);
    const count = view.getUint32(9, true);
    for (let i = 0; i < count; i++) operations.push(Number(view.getBigUint64(13 + 8 * i, true)));
    if (count === 0) return operations;
  }
}

test("a real server, its processes killed under load: nothing lost, nothing doubled, all in order", async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const join = async (name) => {
    const oneup = await connect({ url: server.url, WebSocket, name });
    t.after(() => oneup.close());
    return { oneup, room: await oneup.join("tally/web", { schema: null }) };
  };
  const ada = await join("Ada"), bo = await join("Bo");
  const heard = [];
  bo.room.on("raw", (p) => heard.push(Number(new DataView(p.buffer, p.byteOffset).getBigUint64(5, true))));
  const connection = [];
  ada.oneup.on("connection", (e) => connection.push(e.state));

  let sent = 0;
  const answers = [];
  // No more than the client keeps: a server may be away for long.
  const load = setInterval(() => {
    for (let i = 0; i < 4 && ada.room.waiting < 4_000; i++) answers.push(ada.room.sendRaw(add(++sent)));
  }, 2);
  t.after(() => clearInterval(load));
  const more = async (count) => {
    const goal = ada.room.stats.acknowledged + count;
    await until(`${count} more acknowledged`, () => ada.room.stats.acknowledged >= goal);
  };
  await more(200);
  const recoveries = async () => (await server.get("/v1/recoveries")).length;
  for (const kind of ["worker-kill", "worker-kill", "gateway-kill", "worker-kill", "gateway-kill"]) {
    const before = await recoveries();
    await server.fault(kind);
    await more(100);
    if (kind === "worker-kill") await until("the shards are served again", async () => (await recoveries()) > before);
    else await until("both are back", () => ada.oneup.isUp && bo.oneup.isUp);
  }
  clearInterval(load);
  await Promise.all(answers);

  const expected = Array.from({ length: sent }, (_, i) => i + 1);
  assert.deepEqual(await content(ada.room), expected);
  await until("the other has heard everything", () => heard.length >= sent);
  assert.deepEqual(heard, expected);
  for (const { room } of [ada, bo]) assert.deepEqual([room.stats.lost, room.stats.doubled], [0, 0]);
  assert.ok(connection.filter((state) => state === "lost").length >= 2, "the gateway's deaths cost the connection");
  assert.ok(ada.room.stats.recovered >= 3);
});

test("code that fails is undone, and its sender told", async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const oneup = await connect({ url: server.url, WebSocket, name: "Ada" });
  t.after(() => oneup.close());
  const room = await oneup.join("faulty/web", { schema: null });
  await room.sendRaw(Uint8Array.of(9, 1));
  await assert.rejects(room.sendRaw(Uint8Array.of(1)), { code: "quarantined" });
  await room.sendRaw(Uint8Array.of(9, 2));
  await assert.rejects(room.sendRaw(Uint8Array.of(77)), { code: "refused", reason: "unknown message" });
  await assert.rejects(connect({ url: server.url, WebSocket, name: "é".repeat(33) }), { code: "rejected" });
  await assert.rejects(room.sendRaw(new Uint8Array(60_000).fill(9)), { code: "rejected" });
  await assert.rejects(room.sendRaw(new Uint8Array(65_536)), { code: "too-large" });
  await assert.rejects(oneup.join("nothing/at-all", { schema: null }), { code: "unknown-module" });
  await room.leave();
});

test("a page that is loaded again is the same player in the same room", async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const before = await connect({ url: server.url, WebSocket, name: "Ada" });
  const room = await before.join("tally/again", { schema: null });
  for (const n of [1, 2, 3]) await room.sendRaw(add(n));
  const { saved } = before;
  before.close();
  const after = await connect({ url: server.url, WebSocket, saved });
  t.after(() => after.close());
  const again = await after.join("tally/again", { schema: null });
  assert.equal(again.slot, room.slot);
  assert.equal(new DataView(again.state.buffer, again.state.byteOffset).getUint32(0, true), 3);
  await again.sendRaw(add(4));
  assert.deepEqual(await content(again), [1, 2, 3, 4]);
});

test("the server's clock", async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const oneup = await connect({ url: server.url, WebSocket, now: () => performance.now() + 3_600_000 });
  t.after(() => oneup.close());
  await until("a pong", () => oneup.serverClock.isSet);
  await until("it is right", () => Math.abs(oneup.clock() - Date.now()) < 1_000);
});
