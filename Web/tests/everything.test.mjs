// Every type of value between oneup.js and a room made with the SDK, in messages, replies, keyframes and changes.
import test from "node:test";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { connect } from "../oneup.js";
import { program, Server, until } from "./support/server.mjs";
import { WebSocket } from "./support/websocket.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

test("every type of value, to a room and back", async (t) => {
  const modules = mkdtempSync(path.join(tmpdir(), "oneup-everything-"));
  t.after(() => rmSync(modules, { recursive: true, force: true }));
  execFileSync(program, ["build", here("everything"), "--output", modules], { cwd: here("../.."), stdio: "pipe" });
  const server = await Server.start("--modules", modules);
  t.after(() => server.stop());
  const join = async () => {
    const oneup = await connect({ http: server.http, WebSocket, storage: null });
    t.after(() => oneup.close());
    return oneup.join("everything/one");
  };
  const ada = await join(), bo = await join();

  const part = { name: "Grüße, 世界", at: { x: 1.5, y: -2 }, counts: [0, -1, 2 ** 31 - 1] };
  const full = { flag: true, u8: 255, u16: 65_535, u32: 2 ** 32 - 1, u64: 2n ** 64n - 1n, i8: -128, i16: -32_768, i32: -(2 ** 31), i64: -(2n ** 63n),
    f32: 0.5, f64: Math.PI, fixed: -12.34, text: "a".repeat(300), bytes: Uint8Array.from({ length: 200 }, (_, i) => i), vec2: { x: 1, y: 2 },
    vec3: { x: -1, y: 0.25, z: 3 }, phase: 2, list: [0, 300, 2n ** 60n], texts: ["", "ab", "é"], places: [{ x: 1, y: 2 }, { x: 3, y: 4 }], part,
    parts: [part, { name: "", at: { x: 0, y: 0 }, counts: [] }], table: new Map([[0, part], [7, { ...part, name: "b" }], [1000, { ...part, counts: [] }]]) };
  const put = async (values) => {
    assert.deepEqual(await ada.send("Put", { values }), { values });
    for (const room of [ada, bo]) await until("the state", () => JSON.stringify(room.state.values, plain) === JSON.stringify(values, plain));
    assert.deepEqual(bo.state.values, values);
    assert.deepEqual((await join()).state.values, values, "who comes later sees the same");
  };
  const empty = bo.state.values;
  await put(full);
  // One thing at a time changes; everything else stays.
  await put({ ...full, flag: false });
  await put({ ...full, part: { ...part, at: { x: 9, y: 9 } } });
  await put({ ...full, table: new Map([[0, { ...part, name: "changed" }], [3, part], [1000, full.table.get(1000)]]) });
  await put({ ...full, list: [], texts: ["x"], table: new Map() });
  await put(empty);
  await assert.rejects(ada.send("Put", { values: { f32: NaN } }), { code: "refused" });
});

function plain(key, value) {
  if (typeof value === "bigint") return `${value}n`;
  return value instanceof Map ? [...value] : value;
}
