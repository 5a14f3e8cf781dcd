// Bytes: frames against protobuf's own rules, values against the interface between rooms and clients.
import test from "node:test";
import assert from "node:assert/strict";
import { decodeFrame, encodeFrame, OneUpError, Schema } from "../oneup.js";

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const bytes = (text) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));

test("frames of the client", () => {
  const golden = [
    ["hello", { version: 1, name: "ann" }, "0a 07 0801 1203616e6e"],
    ["hello", { version: 1, name: "é", resume: bytes("ff00") }, "0a 0a 0801 1202c3a9 1a02ff00"],
    ["join", { joinId: 1, module: "tally", key: "lobby" }, "12 10 0801 120574616c6c79 1a056c6f626279"],
    ["attach", { joinId: 2, room: 0x0102030405060708n, timeline: 1n, lastOut: 300 }, "1a 17 0802 110807060504030201 190100000000000000 20ac02"],
    ["input", { joinId: 1, seq: 1, payload: bytes("6869") }, "22 08 0801 1001 1a026869"],
    ["input", { joinId: 1, stamp: 2 ** 40, payload: bytes("01") }, "22 0c 0801 1a0101 20808080808020"],
    ["leave", { joinId: 1, seq: 2 }, "2a 04 0801 1002"],
    ["ping", { time: 0xffffffffffffffffn }, "32 09 09ffffffffffffffff"],
  ];
  for (const [kind, fields, text] of golden) {
    assert.equal(hex(encodeFrame(kind, fields)), text.replaceAll(" ", ""), kind);
    const back = decodeFrame(bytes(text), "client");
    for (const name in fields) assert.deepEqual(back[name], fields[name], `${kind}.${name}`);
  }
});

test("frames of the server", () => {
  const output = decodeFrame(bytes("1a 1a 0d01000000 1005 1a026869 220408031001 790400000000000000"));
  assert.deepEqual({ ...output, payload: hex(output.payload), result: { ...output.result, reply: 0 } },
    { kind: "output", joinId: 1, seq: 5, payload: "6869", prev: 4, result: { seq: 3, verdict: 1, reply: 0, reason: "" } });
  const attached = decodeFrame(encodeFrame("attached", { joinId: 1, room: 2n ** 64n - 1n, slot: 9, nextSeq: 2 ** 50, timeline: 5n, upTo: 6, module: "a 1" }, "server"));
  assert.deepEqual(attached, { kind: "attached", joinId: 1, room: 2n ** 64n - 1n, slot: 9, nextSeq: 2 ** 50, timeline: 5n, upTo: 6, module: "a 1" });
});

test("unknown kinds and fields are passed over", () => {
  assert.equal(decodeFrame(bytes("fa01 00")).kind, "");
  assert.equal(decodeFrame(bytes("2a 12 0801 1002 980601 a20602ffff a50600000000")).seq, 2);
});

test("whatever comes, decoding ends: with a frame or with an error of its own", () => {
  let state = 1;
  const random = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  const good = encodeFrame("output", { joinId: 1, seq: 3, payload: new Uint8Array(20), prev: 2, result: { seq: 1, reason: "x" } }, "server");
  for (let i = 0; i < 5000; i++) {
    const damaged = i % 2 ? Uint8Array.from({ length: Math.floor(random() * 40) }, () => random() * 256) : good.slice(0, random() * good.length + 1);
    damaged[Math.floor(random() * damaged.length)] = random() * 256;
    try { decodeFrame(damaged); } catch (error) { assert.ok(error instanceof OneUpError, String(error)); }
  }
});

const every = new Schema({ messages: [{ id: 7, name: "All", fields: [
  ["a", "bool"], ["b", "u8"], ["c", "u64"], ["d", "i32"], ["e", "i64"], ["f", "f32"], ["g", "f64"], ["h", "string"], ["i", "bytes"],
  ["j", "vec2"], ["k", "vec3"], ["l", "slot"], ["m", { fixed: 100 }], ["n", { list: "u16" }], ["o", { list: "string" }],
  ["p", { table: [{ n: 1, name: "x", type: "i8" }] }], ["q", { fields: [{ n: 1, name: "y", type: "string" }] }],
].map(([name, type], i) => ({ n: i + 1, name, type })) }] });

test("every type of value, there and back", () => {
  const value = { a: true, b: 255, c: 2n ** 64n - 1n, d: -5, e: -(2n ** 63n), f: 1.5, g: Math.PI, h: "Grüße, 世界", i: bytes("00ff"),
    j: { x: 1, y: -2 }, k: { x: 1, y: 2, z: 3 }, l: 4, m: -12.34, n: [1, 65535], o: ["", "ab"], p: new Map([[3, { x: -1 }], [1000, { x: 7 }]]), q: { y: "in" } };
  assert.deepEqual(every.decode(every.encode("All", value)), { name: "All", value });
});

test("values by the byte", () => {
  const check = (value, text) => assert.equal(hex(every.encode("All", value)), "07" + text.replaceAll(" ", ""));
  check({ a: true }, "04 01");
  check({ c: 300 }, "0c ac02");
  check({ d: -3 }, "10 05");
  check({ e: -(2n ** 63n) }, "14 ffffffffffffffffff01");
  check({ e: 2 ** 53 - 1 }, "14 feffffffffffff1f");
  check({ f: 1.5 }, "19 0000c03f");
  check({ g: 1 }, "1f 000000000000f03f");
  check({ h: "hé" }, "22 03 68c3a9");
  check({ j: { x: 1, y: 2 } }, "2a 08 0000803f 00000040");
  check({ m: -12.34 }, "34 a313");
  check({ n: [1, 300] }, "3a 03 01 ac02");
  check({ p: new Map([[3, { x: -1 }]]) }, "42 04 06 02 0401");
});

test("values of every length, there and back", () => {
  for (let length = 0; length < 700; length++) {
    const value = { ...every.decode(every.encode("All", {}))?.value, h: "x".repeat(length), l: 5, n: [1, 2], i: new Uint8Array(length % 70) };
    assert.deepEqual(every.decode(every.encode("All", value))?.value, value);
    const input = { joinId: 1, seq: length, payload: new Uint8Array(length).fill(7) };
    assert.deepEqual(decodeFrame(encodeFrame("input", input), "client"), { kind: "input", ...input, stamp: 0 });
  }
});

test("numbers are exact, as Number where that can be", () => {
  const there = (name, v) => every.decode(every.encode("All", { [name]: v }))?.value[name];
  for (const n of [0, 127, 128, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 49 + 1, 2 ** 53 - 1]) {
    assert.strictEqual(there("c", n), n);
    assert.strictEqual(there("e", n), n);
    if (n) assert.strictEqual(there("e", -n), -n);
  }
  assert.strictEqual(there("c", 2n ** 53n + 1n), 2n ** 53n + 1n);
  assert.strictEqual(there("e", -(2n ** 53n) - 1n), -(2n ** 53n) - 1n);
});

test("a number that its field cannot hold is refused, by the field's name", () => {
  for (const [name, ...values] of [["b", 256, -1, 1.5, NaN, "7", 1n << 8n], ["c", 1n << 64n, -1, Infinity], ["d", 2 ** 31, -(2 ** 31) - 1, 0.5, NaN],
    ["e", 1n << 63n, 2 ** 63], ["l", -1, 2 ** 32], ["m", NaN, Infinity], ["n", [1, 65_536]], ["n", 5]]) {
    for (const value of values) {
      assert.throws(() => every.encode("All", { [name]: value }), { name: "OneUpError", code: "malformed", message: new RegExp(`^"${name}" `) }, `${name} ${value}`);
    }
  }
  assert.throws(() => every.encode("All", { p: new Map([[3, { x: 128 }]]) }), { code: "malformed", message: /^"x" / });
});

test("a newer room's fields are passed over, missing ones have their defaults", () => {
  const old = new Schema({ messages: [{ id: 7, name: "All", fields: [{ n: 2, name: "b", type: "u8" }, { n: 40, name: "new", type: "string" }] }] });
  const full = every.encode("All", { a: true, b: 9, f: 1, g: 2, h: "x", j: { x: 1, y: 1 }, n: [1] });
  assert.deepEqual(old.decode(full)?.value, { b: 9, new: "" });
});

test("types of a newer server are stepped over", () => {
  const newer = new Schema({ messages: [{ id: 7, name: "All", fields: [{ n: 2, name: "b", type: "u8" }, { n: 8, name: "h", type: "quaternion" },
    { n: 9, name: "i", type: { list: { tree: [] } } }] }] });
  assert.deepEqual(newer.decode(every.encode("All", { b: 1, h: "x", i: bytes("0102") }))?.value, { b: 1 });
});

test("an unknown message is named, and what there is instead", () => {
  assert.throws(() => every.encode("Jump", {}), { name: "OneUpError", code: "unknown-message", message: /"Jump".*All/ });
  assert.equal(every.decode(bytes("63")), null);
});
