// OneUp's client for browsers and Node: one module, no dependencies, no build step.
//
//   import { connect } from "/oneup.js";
//   const oneup = await connect({ name: "Ada" });
//   const room = await oneup.join("arena/lobby");
//   const reply = await room.send("Dash", {});
//
// From top to bottom: errors and events, bytes, the frames of the protocol, values by a module's schema, the server's
// clock, synchronised state, the client's half of exactly-once (`Membership`), what a game sees (`Room`), the
// connection (`OneUp`), what `oneup dev` shows. docs/javascript.md teaches it, docs/protocol.md is what it follows.
// @ts-check

/** @typedef {"refused"|"quarantined"|"rejected"|"unknown"|"gone"|"join-refused"|"unknown-module"|"unavailable"|"full"|"too-large"|
 *   "not-a-member"|"unknown-message"|"malformed"|"replaced"|"version"|"stopped"|"discovery"} ErrorCode */

/** Everything that this module rejects or throws. `code` is for programs, `message` for people. */
export class OneUpError extends Error {
  /** @param {ErrorCode} code @param {string} message @param {object} [more] joins the error: `reason`, `seq`, … */
  constructor(code, message, more = {}) {
    super(message);
    this.name = "OneUpError";
    /** @type {ErrorCode} */
    this.code = code;
    /** Of an input: "refused", "quarantined", "rejected" or "unknown".
     * @type {string | null} */
    this.verdict = null;
    /** What the room or the server said. */
    this.reason = "";
    Object.assign(this, more);
  }
}

/** `on(name, handler)` returns a function that takes the handler off again. */
class Emitter {
  /** @type {Map<string, Set<(event: any) => void>>} */
  #handlers = new Map();

  /** @param {string} name @param {(event: any) => void} handler @returns {() => void} */
  on(name, handler) {
    let handlers = this.#handlers.get(name);
    if (!handlers) this.#handlers.set(name, (handlers = new Set()));
    handlers.add(handler);
    return () => handlers?.delete(handler);
  }

  /** A handler's own mistake is reported as uncaught, and stops neither the others nor the protocol.
   * @param {string} name @param {any} [event] @returns {boolean} whether somebody listened */
  emit(name, event) {
    const handlers = this.#handlers.get(name);
    for (const handler of handlers ?? []) {
      try {
        handler(event);
      } catch (error) {
        setTimeout(() => { throw error; });
      }
    }
    return (handlers?.size ?? 0) > 0;
  }
}

// MARK: Bytes

const utf8 = new TextEncoder();
const fromUTF8 = new TextDecoder();
const malformed = (/** @type {string} */ what) => new OneUpError("malformed", `the server sent ${what}`);
/** A number while it is exact, else a BigInt.
 * @param {bigint} n */
const exact = (n) => (n >= -9007199254740991n && n <= 9007199254740991n ? Number(n) : n);

class Writer {
  bytes = new Uint8Array(64);
  view = new DataView(this.bytes.buffer);
  count = 0;

  /** @param {number} more @returns {number} where they begin */
  room(more) {
    const at = this.count;
    this.count += more;
    if (this.count > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.count, 2 * this.bytes.length));
      larger.set(this.bytes.subarray(0, at));
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }
  /** @param {number} n */
  u8(n) { const at = this.room(1); this.bytes[at] = n; } // `room` may put other bytes in place
  /** @param {number | bigint} value ≥ 0 */
  varint(value) {
    let n = value;
    for (; typeof n === "bigint" && n > 0xffffffffn; n >>= 7n) this.u8(Number(n & 127n) | 128);
    let small = Number(n);
    for (; small >= 128; small = Math.floor(small / 128)) this.u8((small % 128) | 128);
    this.u8(small);
  }
  /** @param {number | bigint} n */
  zigzag(n) {
    if (typeof n === "bigint" || Math.abs(n) > 0xfffffffffffff) {
      const big = BigInt(n);
      this.varint(big >= 0n ? big << 1n : (-big << 1n) - 1n);
    } else {
      this.varint(n >= 0 ? n * 2 : -n * 2 - 1);
    }
  }
  /** @param {number} n */
  f32(n) { const at = this.room(4); this.view.setFloat32(at, n, true); }
  /** @param {number} n */
  f64(n) { const at = this.room(8); this.view.setFloat64(at, n, true); }
  /** @param {number} n */
  fixed32(n) { const at = this.room(4); this.view.setUint32(at, n, true); }
  /** @param {number | bigint} n */
  fixed64(n) { const at = this.room(8); this.view.setBigUint64(at, BigInt(n), true); }
  /** @param {Uint8Array} bytes */
  raw(bytes) { const at = this.room(bytes.length); this.bytes.set(bytes, at); }
  /** @param {Uint8Array} bytes */
  blob(bytes) { this.varint(bytes.length); this.raw(bytes); }
  /** What `body` writes, behind its length.
   * @param {(inner: Writer) => void} body */
  nested(body) { const inner = new Writer(); body(inner); this.blob(inner.taken()); }
  taken() { return this.bytes.slice(0, this.count); }
}

/** Reads a part of a buffer; throws `malformed` at its end and never reads beyond. */
class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
    this.end = bytes.length;
  }
  get more() { return this.at < this.end; }
  /** @param {number} count @returns {number} where they begin */
  take(count) {
    const at = this.at;
    if (!(count <= this.end - at)) throw malformed("a value longer than its message");
    this.at += count;
    return at;
  }
  u8() { return this.bytes[this.take(1)]; }
  /** @returns {number | bigint} a BigInt only above 2⁵³ */
  varint() {
    let value = 0;
    for (let scale = 1, i = 0; i < 7; i++, scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    let big = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      big |= BigInt(byte & 127) << shift;
      if (byte < 128) return exact(BigInt.asUintN(64, big));
    }
    throw malformed("a number of more than 64 bits");
  }
  /** A varint that must be small. */
  number() {
    const n = this.varint();
    if (typeof n === "bigint") throw malformed("a number that is too large");
    return n;
  }
  zigzag() {
    const n = this.varint();
    if (typeof n === "number") return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
    return exact(n & 1n ? -((n + 1n) >> 1n) : n >> 1n);
  }
  f32() { return this.view.getFloat32(this.take(4), true); }
  f64() { return this.view.getFloat64(this.take(8), true); }
  fixed32() { return this.view.getUint32(this.take(4), true); }
  fixed64() { return this.view.getBigUint64(this.take(8), true); }
  /** @param {number} count */
  raw(count) { const at = this.take(count); return this.bytes.subarray(at, at + count); }
  blob() { return this.raw(this.number()); }
  text() { return fromUTF8.decode(this.blob()); }
  rest() { return this.raw(this.end - this.at); }
  /** Runs `body` on the next `count` bytes alone.
   * @template T @param {number} count @param {() => T} body @returns {T} */
  within(count, body) {
    const outer = this.end;
    if (!(count <= outer - this.at)) throw malformed("a value longer than its message");
    this.end = this.at + count;
    const result = body();
    this.at = this.end;
    this.end = outer;
    return result;
  }
}

// MARK: Frames (proto/oneup/v1/client.proto)

/** Of each field its number and type. "big": 64 opaque bits, a BigInt.
 * @type {Record<string, any>} */
const CLIENT = {
  hello: [1, { version: [1, "uint"], name: [2, "string"], resume: [3, "bytes"] }],
  join: [2, { joinId: [1, "uint"], module: [2, "string"], key: [3, "string"], parameters: [4, "bytes"] }],
  attach: [3, { joinId: [1, "uint"], room: [2, "big"], timeline: [3, "big"], lastOut: [4, "uint"] }],
  input: [4, { joinId: [1, "uint"], seq: [2, "uint"], payload: [3, "bytes"], stamp: [4, "uint"] }],
  leave: [5, { joinId: [1, "uint"], seq: [2, "uint"] }],
  ping: [6, { time: [1, "big"] }],
};
const RESULT = { seq: [1, "uint"], verdict: [2, "uint"], reply: [3, "bytes"], reason: [4, "string"] };
/** @type {Record<string, any>} */
const SERVER = {
  welcome: [1, { session: [1, "big"], resume: [2, "bytes"], resumed: [3, "bool"], graceSeconds: [4, "uint"],
    frameBytesMax: [5, "uint"] }],
  attached: [2, { joinId: [1, "uint"], room: [2, "big"], slot: [3, "uint"], nextSeq: [4, "uint"], timeline: [5, "big"],
    upTo: [6, "uint"], module: [7, "string"] }],
  output: [3, { joinId: [1, "fixed32"], seq: [2, "uint"], payload: [3, "bytes"], result: [4, RESULT], prev: [15, "fixed64"] }],
  state: [4, { joinId: [1, "fixed32"], timeline: [2, "big"], asOf: [3, "uint"], payload: [4, "bytes"] }],
  ack: [5, { joinId: [1, "uint"], seq: [2, "uint"] }],
  expected: [6, { joinId: [1, "uint"], seq: [2, "uint"] }],
  busy: [7, { joinId: [1, "uint"], seq: [2, "uint"], retryAfterMs: [3, "uint"], reason: [4, "string"] }],
  gone: [8, { joinId: [1, "uint"], last: [2, "uint"], known: [3, "bool"], reason: [4, "string"] }],
  error: [9, { code: [1, "uint"], text: [2, "string"], retryAfterMs: [3, "uint"], joinId: [4, "uint"], closing: [5, "bool"] }],
  notice: [10, { joinId: [1, "uint"], about: [2, "uint"], text: [3, "string"] }],
  pong: [11, { time: [1, "big"], serverTimeUs: [2, "fixed64"] }],
};
const NOTHING = new Uint8Array(0);
/** Per type: its value when absent, wire type, reader, writer.
 * @type {Record<string, [any, number, (r: Reader) => any, (w: Writer, v: any) => void]>} */
const WIRE = {
  uint: [0, 0, (r) => r.varint(), (w, v) => w.varint(v)],
  bool: [false, 0, (r) => r.varint() !== 0, (w, v) => w.varint(v ? 1 : 0)],
  big: [0n, 1, (r) => r.fixed64(), (w, v) => w.fixed64(v)],
  fixed64: [0, 1, (r) => exact(r.fixed64()), (w, v) => w.fixed64(v)],
  fixed32: [0, 5, (r) => r.fixed32(), (w, v) => w.fixed32(v)],
  bytes: [NOTHING, 2, (r) => r.blob(), (w, v) => w.blob(v)],
  string: ["", 2, (r) => r.text(), (w, v) => w.blob(utf8.encode(v))],
};

/** The bytes of one frame. Fields at their defaults are left out. Exported for tests and tools.
 * @param {string} kind @param {Record<string, any>} fields @param {"client" | "server"} [from] @returns {Uint8Array} */
export function encodeFrame(kind, fields, from = "client") {
  const [number, shape] = (from === "client" ? CLIENT : SERVER)[kind];
  const frame = new Writer();
  frame.varint((number << 3) | 2);
  frame.nested((w) => writeMessage(w, shape, fields));
  return frame.taken();
}

/** @param {Writer} w @param {Record<string, any>} shape @param {Record<string, any>} fields */
function writeMessage(w, shape, fields) {
  for (const name in shape) {
    const [number, type] = shape[name];
    const value = fields[name];
    if (value === undefined || value === null) continue;
    if (typeof type === "object") {
      w.varint((number << 3) | 2);
      w.nested((inner) => writeMessage(inner, type, value));
    } else if (type === "bytes" || type === "string" ? value.length > 0 : value != 0) {
      w.varint((number << 3) | WIRE[type][1]);
      WIRE[type][3](w, value);
    }
  }
}

/** A frame as `{kind, …its fields}`; kind "" when this version does not know it.
 * @param {Uint8Array} bytes @param {"client" | "server"} [from] @returns {Record<string, any>} */
export function decodeFrame(bytes, from = "server") {
  const r = new Reader(bytes);
  const number = r.number() >>> 3;
  const frames = from === "client" ? CLIENT : SERVER;
  for (const kind in frames) {
    if (frames[kind][0] === number) {
      return r.within(r.number(), () => ({ kind, ...readMessage(r, frames[kind][1]) }));
    }
  }
  return { kind: "" };
}

/** @param {Reader} r @param {Record<string, any>} shape @returns {Record<string, any>} */
function readMessage(r, shape) {
  /** @type {Record<string, any>} */
  const message = {};
  for (const name in shape) {
    const type = shape[name][1];
    message[name] = typeof type === "object" ? null : WIRE[type][0];
  }
  next: while (r.more) {
    const tag = r.number();
    for (const name in shape) {
      const [number, type] = shape[name];
      if (number !== tag >>> 3) continue;
      if (typeof type === "object") message[name] = r.within(r.number(), () => readMessage(r, type));
      else if (WIRE[type][1] === (tag & 7)) message[name] = WIRE[type][2](r);
      else throw malformed(`the field ${name} as something else`);
      continue next;
    }
    if ((tag & 7) === 0) r.varint();
    else if ((tag & 7) === 1) r.take(8);
    else if ((tag & 7) === 5) r.take(4);
    else if ((tag & 7) === 2) r.blob();
    else throw malformed("a field of an unknown type");
  }
  return message;
}

// MARK: Values by a module's schema

/** @typedef {{kind: number, zero: () => any, read: (r: Reader, base?: any) => any, write: (w: Writer, v: any) => void,
 *   blend?: (a: any, b: any, f: number, snap: number) => any}} Type */

const lerp = (/** @type {number} */ a, /** @type {number} */ b, /** @type {number} */ f) => a + (b - a) * f;
/** A whole number from `low` to `high`; what is written as another would be read as something else.
 * @param {any} v @param {bigint} low @param {bigint} high @returns {number | bigint} */
function whole(v, low, high) {
  const n = v ?? 0;
  if (!(typeof n === "bigint" || Number.isInteger(n)) || n < low || n > high) throw new RangeError(`is a whole number from ${low} to ${high}, not ${v}`);
  return n;
}
/** @param {bigint} bits @returns {Type} */
const unsigned = (bits) => ({ kind: 0, zero: () => 0, read: (r) => r.varint(), write: (w, v) => w.varint(whole(v, 0n, (1n << bits) - 1n)) });
/** @param {bigint} bits @returns {Type} */
const signed = (bits) => {
  const half = 1n << (bits - 1n);
  return { kind: 0, zero: () => 0, read: (r) => r.zigzag(), write: (w, v) => w.zigzag(whole(v, -half, half - 1n)) };
};
/** @param {(r: Reader) => number} read @param {(w: Writer, v: number) => void} write @param {number} kind @returns {Type} */
const real = (kind, read, write) => ({ kind, zero: () => 0, read, write: (w, v) => write(w, v ?? 0),
  blend: (a, b, f, snap) => (Math.abs(b - a) > snap ? a : lerp(a, b, f)) });
/** @param {string[]} axes @returns {Type} */
const vector = (axes) => ({
  kind: 2,
  zero: () => Object.fromEntries(axes.map((axis) => [axis, 0])),
  read: (r) => r.within(r.number(), () => Object.fromEntries(axes.map((axis) => [axis, r.f32()]))),
  write: (w, v) => w.nested((inner) => axes.forEach((axis) => inner.f32(v?.[axis] ?? 0))),
  blend(a, b, f, snap) {
    if (Math.hypot(...axes.map((axis) => b[axis] - a[axis])) > snap) return a;
    /** @type {Record<string, number>} */
    const out = {};
    for (const axis of axes) out[axis] = lerp(a[axis], b[axis], f);
    return out;
  },
});
/** @type {Record<string, Type>} */
const SCALARS = {
  bool: { kind: 0, zero: () => false, read: (r) => r.varint() !== 0, write: (w, v) => w.varint(v ? 1 : 0) },
  u8: unsigned(8n), u16: unsigned(16n), u32: unsigned(32n), u64: unsigned(64n), slot: unsigned(32n),
  i8: signed(8n), i16: signed(16n), i32: signed(32n), i64: signed(64n),
  f32: real(1, (r) => r.f32(), (w, v) => w.f32(v)),
  f64: real(3, (r) => r.f64(), (w, v) => w.f64(v)),
  string: { kind: 2, zero: () => "", read: (r) => r.text(), write: (w, v) => w.blob(utf8.encode(v ?? "")) },
  bytes: { kind: 2, zero: () => new Uint8Array(0), read: (r) => r.blob().slice(), write: (w, v) => w.blob(v ?? NOTHING) },
  vec2: vector(["x", "y"]),
  vec3: vector(["x", "y", "z"]),
};

/** @param {any} type of the schema @returns {Type | null} null: of a newer server; readers step over it */
function compile(type) {
  if (typeof type === "string") return SCALARS[type] ?? null;
  if (type?.fixed) {
    const scale = Number(type.fixed);
    return real(0, (r) => Number(r.zigzag()) / scale, (w, v) => SCALARS.i64.write(w, Math.round(v * scale)));
  }
  if (type?.list) {
    const element = compile(type.list);
    return element && list(element);
  }
  if (type?.table) return table(new Fields(type.table));
  if (type?.fields) {
    const fields = new Fields(type.fields);
    return { kind: 2, zero: () => fields.zero(), read: (r, base) => r.within(r.number(), () => fields.read(r, base)),
      write: (w, v) => w.nested((inner) => fields.write(inner, v ?? {})), blend: (a, b, f, snap) => fields.blend(a, b, f, snap) };
  }
  return null;
}

/** @param {Type} element @returns {Type} */
function list(element) {
  return {
    kind: 2,
    zero: () => [],
    read: (r) => r.within(r.number(), () => {
      const values = [];
      while (r.more) values.push(element.read(r));
      return values;
    }),
    write: (w, v) => w.nested((inner) => { for (const value of v ?? []) element.write(inner, value); }),
  };
}

/** A Map from row key to row, in the order of the keys. Rows that a delta does not name stay the same objects.
 * @param {Fields} row @returns {Type} */
function table(row) {
  return {
    kind: 2,
    zero: () => new Map(),
    read: (r, base) => r.within(r.number(), () => {
      const rows = new Map(base);
      let last = -1, isSorted = true;
      if (base) for (const key of base.keys()) last = key;
      while (r.more) {
        const entry = r.number(), key = Math.floor(entry / 2);
        if (entry % 2 === 1) { rows.delete(key); continue; }
        if (!rows.has(key)) { isSorted &&= key > last; last = key; }
        rows.set(key, r.within(r.number(), () => row.read(r, base?.get(key))));
      }
      return isSorted ? rows : new Map([...rows].sort((a, b) => a[0] - b[0]));
    }),
    write: (w, v) => w.nested((inner) => {
      for (const [key, value] of v ?? []) {
        inner.varint(key * 2);
        inner.nested((fields) => row.write(fields, value));
      }
    }),
    blend(a, b, f, snap) {
      const rows = new Map();
      for (const [key, from] of f < 1 ? a : b) {
        const x = a.get(key), y = b.get(key);
        rows.set(key, x && y ? row.blend(x, y, f, snap) : from);
      }
      return rows;
    },
  };
}

/** An author's list of fields. */
class Fields {
  /** @param {{n: number, name: string, type: any}[]} fields */
  constructor(fields) {
    /** @type {{n: number, name: string, type: Type}[]} */
    this.all = fields.flatMap(({ n, name, type }) => {
      const known = compile(type);
      return known ? [{ n, name, type: known }] : [];
    });
    this.byNumber = new Map(this.all.map((field) => [field.n, field]));
  }
  /** @returns {Record<string, any>} */
  zero() { return Object.fromEntries(this.all.map(({ name, type }) => [name, type.zero()])); }

  /** To the reader's end. Missing fields are those of `base`, or zero.
   * @param {Reader} r @param {any} [base] */
  read(r, base) {
    const value = base ? { ...base } : this.zero();
    while (r.more) {
      const key = r.number(), kind = key & 3;
      const field = this.byNumber.get(Math.floor(key / 4));
      if (field && field.type.kind === kind) value[field.name] = field.type.read(r, base?.[field.name]);
      else if (kind === 0) r.varint();
      else if (kind === 2) r.blob();
      else r.take(kind === 1 ? 4 : 8);
    }
    return value;
  }
  /** What `value` does not name is not written: the reader has its default.
   * @param {Writer} w @param {any} value */
  write(w, value) {
    for (const { n, name, type } of this.all) {
      if (value?.[name] === undefined) continue;
      w.varint((n << 2) | type.kind);
      try {
        type.write(w, value[name]);
      } catch (error) {
        if (error instanceof OneUpError) throw error;
        throw new OneUpError("malformed", `"${name}" ${/** @type {Error} */ (error).message}`);
      }
    }
  }
  /** Between `a` (f = 0) and `b` (f = 1), beyond with f > 1. What has no between is `a`'s before `b`'s time.
   * @param {any} a @param {any} b @param {number} f @param {number} snap */
  blend(a, b, f, snap) {
    if (a === b) return a;
    const out = { ...(f < 1 ? a : b) };
    for (const { name, type } of this.all) {
      if (type.blend && a[name] !== b[name]) out[name] = type.blend(a[name], b[name], f, snap);
    }
    return out;
  }
}

/** What a module says about its messages and its state (`"schema"` of its manifest). */
export class Schema {
  /** @param {{messages?: any[], state?: any[]}} json */
  constructor(json) {
    /** Equal for two builds whose states are read alike. */
    this.stateText = JSON.stringify(json.state ?? []);
    this.state = new Fields(json.state ?? []);
    this.isSynchronised = (json.state ?? []).length > 0;
    /** @type {Map<string, {id: number, name: string, fields: Fields}>} */
    this.byName = new Map();
    /** @type {Map<number, {id: number, name: string, fields: Fields}>} */
    this.byId = new Map();
    for (const { id, name, fields } of json.messages ?? []) {
      const message = { id, name, fields: new Fields(fields ?? []) };
      this.byName.set(name, message);
      this.byId.set(id, message);
    }
  }
  /** @param {string} name @param {object} value @returns {Uint8Array} */
  encode(name, value) {
    const message = this.byName.get(name);
    if (!message) {
      throw new OneUpError("unknown-message",
        `the module has no message "${name}"; it has ${[...this.byName.keys()].join(", ") || "none"}`);
    }
    const w = new Writer();
    w.u8(message.id);
    message.fields.write(w, value);
    return w.taken();
  }
  /** @param {Uint8Array} payload @returns {{name: string, value: any} | null} null: not one of its messages */
  decode(payload) {
    const message = payload.length ? this.byId.get(payload[0]) : undefined;
    return message ? { name: message.name, value: message.fields.read(new Reader(payload.subarray(1))) } : null;
  }
}

// MARK: The server's clock

/** Says what time it is at the server, from pings. Built on a clock that only ever goes on, so the computer's own time
 * may be wrong by hours; the median of the quickest answers, so one slow answer does not matter. */
export class ServerClock {
  /** @param {() => number} now monotonic milliseconds */
  constructor(now) {
    this.now = now;
    /** @type {{offset: number, roundTrip: number}[]} */
    this.samples = [];
    this.offset = 0;
    this.goal = 0;
    this.movedAt = 0;
    /** Milliseconds of the quicker answers. */
    this.roundTrip = 0;
    this.isSet = false;
  }

  /** @param {number} sentAt of `now` @param {number} serverMs */
  answered(sentAt, serverMs) {
    const at = this.now(), roundTrip = at - sentAt;
    if (!(roundTrip >= 0)) return;
    const isFirst = this.samples.length === 0;
    this.isSet = true;
    this.samples.push({ offset: serverMs + roundTrip / 2 - at, roundTrip });
    if (this.samples.length > 15) this.samples.shift();
    const quick = [...this.samples].sort((a, b) => a.roundTrip - b.roundTrip).slice(0, Math.ceil(this.samples.length / 2));
    const middle = (/** @type {number[]} */ values) => values.sort((a, b) => a - b)[values.length >> 1];
    this.goal = middle(quick.map((s) => s.offset));
    this.roundTrip = middle(quick.map((s) => s.roundTrip));
    if (isFirst || Math.abs(this.goal - this.offset) > 250) this.offset = this.goal;
    this.movedAt = at;
  }
  /** After a sleep the monotonic clock may have stood still: old samples say nothing. The time goes on until there are new. */
  forget() { this.samples = []; }

  /** Milliseconds since 1970 at the server, at the local instant `at`; moves to a better estimate without jumping. */
  time(at = this.now()) {
    const passed = Math.max(0, at - this.movedAt), off = this.goal - this.offset;
    if (passed > 0 && off !== 0) {
      this.movedAt = at;
      this.offset += Math.sign(off) * Math.min(Math.abs(off), passed * 0.05);
    }
    return at + this.offset;
  }
}

// MARK: Synchronised state

/** The state that a room keeps in step with its clients: a keyframe that came for certain, and cumulative changes
 * against it, of which any may be missing. */
export class SyncedState {
  /** @param {Schema} schema @param {ServerClock} clock */
  constructor(schema, clock) {
    this.schema = schema;
    this.clock = clock;
    /** @type {{k: number, value: any}[]} the newest last */
    this.keyframes = [];
    /** The newest.
     * @type {any} */
    this.state = null;
    this.tick = 0;
    /** Of the newest, in the room's milliseconds since 1970. */
    this.time = 0;
    /** Newest fire-and-forget stamp applied, by slot.
     * @type {Map<number, number | bigint>} */
    this.stamps = new Map();
    /** @type {{time: number, state: any}[]} the newest last */
    this.snapshots = [];
    /** How late states have come of late, and the delay of the view that follows from it.
     * @type {number[]} */
    this.lateness = [];
    this.interval = 0;
    /** States come by the clock, not by events. */
    this.ticks = false;
    this.delay = 0;
    this.viewedAt = 0;
    /** The state is of an earlier build, whose fields were others, or there is none. */
    this.isOutdated = true;
  }

  /** Another build speaks from here on. If its state has other fields, what is there stays only until its first keyframe.
   * @param {Schema} schema */
  follow(schema) {
    const isAlike = schema.stateText === this.schema.stateText;
    this.schema = schema;
    if (isAlike) return;
    this.keyframes = [];
    this.snapshots = this.snapshots.slice(-1);
    this.isOutdated = true;
  }

  /** @param {Uint8Array} payload of a `State`: a keyframe and the changes since */
  full(payload) {
    const r = new Reader(payload);
    r.take(1);
    const k = r.number(), value = r.within(r.number(), () => this.schema.state.read(r));
    this.keyframes = [{ k, value }];
    this.snapshots = [];
    this.changes(r);
  }
  /** @param {Uint8Array} payload of an output with id 250 */
  keyframe(payload) {
    const r = new Reader(payload.subarray(1));
    const k = r.number();
    const value = this.schema.state.read(r);
    this.keyframes = [...this.keyframes.slice(-1), { k, value }];
    if (!this.isOutdated) return;
    this.state = value;
    this.snapshots = [];
    this.isOutdated = false;
  }
  /** @param {Uint8Array} payload of an output with id 251 @param {boolean} [isNumbered] as in rooms without a clock
   * @returns {boolean} whether it is news */
  delta(payload, isNumbered = false) {
    this.ticks = !isNumbered;
    return this.changes(new Reader(payload.subarray(1)));
  }

  /** @param {Reader} r */
  changes(r) {
    const k = r.number(), tick = r.number(), time = Number(r.view.getBigInt64(r.take(8), true)) / 1000;
    for (let n = r.number(); n > 0; n--) this.stamps.set(r.number(), r.varint());
    const keyframe = this.keyframes.find((frame) => frame.k === k);
    const newest = this.snapshots[this.snapshots.length - 1];
    if (!keyframe || (newest && time < newest.time)) return false;
    this.state = this.schema.state.read(r, keyframe.value);
    this.isOutdated = false;
    this.tick = tick;
    this.time = time;
    if (newest && newest.time === time) newest.state = this.state;
    else this.snapshots.push({ time, state: this.state });
    if (this.snapshots.length > 64) this.snapshots.shift();
    this.measure(newest ? time - newest.time : 0);
    return true;
  }

  /** @param {number} step since the state before */
  measure(step) {
    this.lateness.push(this.clock.time() - this.time);
    if (this.lateness.length > 40) this.lateness.shift();
    if (step > 0) this.interval = this.interval ? lerp(this.interval, Math.min(step, 2 * this.interval), 0.1) : step;
  }
  /** How far the room's time is behind the server's: it stands still while the room does not run. */
  get lag() { return Math.max(0, Math.min(...this.lateness) - this.clock.roundTrip / 2); }

  /** The state between two snapshots, so long ago that the later one has come; a little beyond the newest when it is late.
   * @param {{delayMs: number | null, snap: number, extrapolateMs: number}} how @param {number} [time] of the server */
  view(how, time) {
    const shots = this.snapshots, last = shots.length - 1;
    if (last < 1 || !this.ticks) return this.state;
    const t = time ?? this.clock.time() - (how.delayMs ?? this.adaptedDelay());
    let i = last - 1;
    while (i > 0 && shots[i].time > t) i--;
    const a = shots[i], b = shots[i + 1];
    const within = Math.min(Math.max(t, a.time), b.time + how.extrapolateMs);
    return this.schema.state.blend(a.state, b.state, (within - a.time) / (b.time - a.time), how.snap);
  }

  /** One interval more than the latest of late, but for one stray; it changes slowly enough that nobody sees it. */
  adaptedDelay() {
    const sorted = [...this.lateness].sort((a, b) => b - a);
    const goal = sorted[Math.min(1, sorted.length - 1)] + this.interval;
    const now = this.clock.now(), most = 0.1 * (now - this.viewedAt);
    const off = goal - this.delay;
    this.delay = Math.abs(off) > 1000 ? goal : this.delay + Math.sign(off) * Math.min(Math.abs(off), most);
    this.viewedAt = now;
    return this.delay;
  }
}

// MARK: The client's half of exactly-once

const WINDOW = 256; // inputs in flight per membership
const QUEUE_MAX = 8192; // inputs that wait for their acknowledgement
const FRAME_OVERHEAD = 64; // an input's frame is larger than its payload by less than that
const ASK_AGAIN_MS = 10_000;
const ASK_REFUSED_MS = 1000; // a room that cannot go on just now, where the server does not say when
const VERDICTS = ["applied", "refused", "quarantined", "rejected"];

/** One membership. It keeps every numbered input until it is acknowledged and follows docs/protocol.md line by line;
 * it knows nothing of games. `link` sends frames, `tell` hears what happened. */
class Membership {
  /** @param {Link} link @param {any} tell @param {{joinId: number, module: string, key: string, parameters: Uint8Array}} what */
  constructor(link, tell, what) {
    this.link = link;
    this.tell = tell;
    this.what = what;
    /** joining: `Attached` never came; attaching: it waits for the answer to an `Attach`.
     * @type {"joining" | "attached" | "attaching" | "ended"} */
    this.phase = "joining";
    this.askAgainAt = Infinity;
    this.room = 0n;
    this.timeline = 0n;
    this.lastOut = 0;
    /** Nothing of this timeline is known yet: an `Attach` must not claim it. */
    this.needsState = true;
    /** Inputs up to it are decided; `pending[0]` is the next. */
    this.acked = 0;
    /** @type {{payload: Uint8Array, isLeave: boolean, sentAt: number, done: ((error: OneUpError | null, reply?: Uint8Array) => void) | null}[]} */
    this.pending = [];
    /** In flight: above `acked`, up to this. */
    this.sent = 0;
    /** The highest input whose verdict is known, by a result or by an acknowledgement: results come in order. */
    this.verdictKnown = 0;
    /** After an `Attached`: decided up to `through`, told once outputs up to `upTo` have come.
     * @type {{through: number, upTo: number} | null} */
    this.settling = null;
    /** `Busy`: nothing numbered goes out before.
     * @type {number | null} */
    this.heldUntil = null;
    this.isLeaving = false;
    /** The room has just said that another version runs it: its `Attached` comes next, with nothing missing before it. */
    this.isSwitching = false;
    /** The game was told so, and not yet that it is over. */
    this.isFrozen = false;
    /** Since it was last attached: each doubles the time to the next asking. */
    this.refusals = 0;
  }
  get last() { return this.acked + this.pending.length; }

  // What the game does

  /** @param {Uint8Array} payload @param {(error: OneUpError | null, reply?: Uint8Array) => void} done once, when decided */
  send(payload, done, isLeave = false) {
    if (this.phase === "ended" || this.isLeaving) return done(new OneUpError("not-a-member", "the membership of this room is over"));
    const most = this.link.frameBytesMax - FRAME_OVERHEAD;
    if (payload.length > most) return done(new OneUpError("too-large", `an input has at most ${most} bytes; this one has ${payload.length}`));
    if (this.pending.length >= QUEUE_MAX) {
      return done(new OneUpError("full", `${QUEUE_MAX} inputs wait for their acknowledgement; send slower`));
    }
    this.isLeaving = isLeave;
    this.pending.push({ payload, isLeave, sentAt: this.link.now(), done });
    this.pump();
  }
  /** @param {Uint8Array} payload @param {number} stamp @returns {boolean} whether it went out */
  stream(payload, stamp) {
    if (this.phase !== "attached" || this.isLeaving || this.link.isClogged || payload.length > this.link.frameBytesMax - FRAME_OVERHEAD) return false;
    this.link.request("input", { joinId: this.what.joinId, payload, stamp });
    return true;
  }

  // What goes out

  ask() {
    this.askAgainAt = this.link.now() + ASK_AGAIN_MS;
    this.link.wakeBy(this.askAgainAt);
    const joinId = this.what.joinId;
    if (this.phase === "joining") this.link.request("join", this.what);
    else this.link.request("attach", { joinId, room: this.room, timeline: this.needsState ? 0n : this.timeline, lastOut: this.lastOut });
  }
  /** In order, within the window, not while held. */
  pump() {
    if (this.phase !== "attached" || this.heldUntil !== null) return;
    while (this.sent < this.last && this.sent - this.acked < WINDOW) {
      const next = this.pending[this.sent - this.acked];
      this.sent += 1;
      const joinId = this.what.joinId;
      if (next.isLeave) this.link.request("leave", { joinId, seq: this.sent });
      else this.link.request("input", { joinId, seq: this.sent, payload: next.payload });
    }
  }
  /** @param {number} now @returns {number} when it is to be called again */
  tick(now) {
    if (now >= this.askAgainAt) this.ask();
    if (this.heldUntil !== null && now >= this.heldUntil) {
      this.heldUntil = null;
      this.pump();
    }
    return Math.min(this.askAgainAt, this.heldUntil ?? Infinity);
  }
  /** Asks for the full state: what came could not be read. */
  refresh() {
    if (this.phase !== "attached") return;
    this.needsState = true;
    this.phase = "attaching";
    this.ask();
  }
  /** The connection is gone. */
  suspend() {
    if (this.phase === "attached") this.phase = "attaching";
    this.askAgainAt = Infinity;
    this.heldUntil = null;
  }

  // What comes in

  /** @param {Record<string, any>} frame */
  received(frame) {
    switch (frame.kind) {
      case "attached": return this.attached(frame);
      case "gone": return this.gone(frame);
      case "error": return this.failed(frame);
      case "notice":
        this.isSwitching = frame.about === 4;
        if (frame.about === 1 || frame.about === 2) this.isFrozen = frame.about === 1;
        return this.tell.notice(["", "frozen", "thawed", "recovered", "upgraded", "back"][frame.about] ?? "", frame.text);
    }
    if (this.phase !== "attached") return;
    switch (frame.kind) {
      case "output": return this.output(frame);
      case "state": return this.state(frame);
      case "ack": return this.ack(frame.seq);
      case "expected": return frame.seq > this.acked ? this.goBack(frame.seq) : undefined;
      case "busy":
        this.link.wakeBy((this.heldUntil = this.link.now() + frame.retryAfterMs));
        return this.goBack(frame.seq);
    }
  }

  /** @param {Record<string, any>} a */
  attached(a) {
    const isFirst = this.phase === "joining", isSame = this.timeline === a.timeline;
    const wasAsked = this.phase !== "attached";
    this.phase = "attached";
    this.askAgainAt = Infinity;
    this.heldUntil = null;
    this.room = a.room;
    this.timeline = a.timeline;
    if (isFirst || !isSame) {
      this.lastOut = 0;
      this.needsState = true;
    }
    this.tell.attached(a, wasAsked);
    if (this.isFrozen) this.tell.notice("thawed", "");
    this.isFrozen = false;
    this.refusals = 0;
    // All results up to here have come: without one an input is applied.
    if (this.isSwitching && !wasAsked) this.acknowledge(Math.min(Math.max(a.nextSeq, 1) - 1, this.last));
    this.isSwitching = false;
    this.decideUpTo(Math.max(a.nextSeq, 1), a.upTo, isFirst, isSame);
    this.tell.numbered(); // what a game sends from now on has its number
    this.pump();
  }
  /** Everything below `next` is decided; what is at or above it goes out again.
   * @param {number} next @param {number} upTo @param {boolean} isFirst @param {boolean} isSame */
  decideUpTo(next, upTo, isFirst, isSame) {
    if (isFirst) return this.renumber(next, false);
    if (next <= this.acked) return this.renumber(next, true);
    if (next - 1 > this.last) {
      this.acknowledge(this.last);
      return this.renumber(next, true);
    }
    this.sent = next - 1;
    this.settling = { through: next - 1, upTo };
    if (isSame) this.settle();
    else this.tell.reset(null, 0);
  }
  settle() {
    if (!this.settling || this.lastOut < this.settling.upTo) return;
    const through = Math.max(this.settling.through, this.acked);
    this.settling = null;
    this.acknowledge(through);
    this.pump();
  }

  /** @param {Record<string, any>} o */
  output(o) {
    if (o.seq !== 0) {
      if (o.seq <= this.lastOut) return this.tell.doubled();
      if (o.prev > this.lastOut) {
        this.phase = "attaching";
        return this.ask();
      }
      this.lastOut = o.seq;
    }
    if (o.result) this.verdict(o.result);
    if (!o.result || o.payload.length) this.tell.output(o.payload, o.seq !== 0);
    this.settle();
  }
  /** @param {{seq: number, verdict: number, reply: Uint8Array, reason: string}} result */
  verdict({ seq, verdict, reply, reason }) {
    const name = /** @type {ErrorCode} */ (VERDICTS[verdict] ?? "rejected");
    const error = verdict === 0 ? null : new OneUpError(name, `${name}: ${reason || "without a reason"}`, { verdict: name, reason, seq });
    if (error) this.tell.verdict(error);
    const entry = this.pending[seq - this.acked - 1];
    if (seq <= this.acked || !entry) return;
    this.decide(entry, error, reply);
    this.verdictKnown = Math.max(this.verdictKnown, seq);
  }
  /** @param {Record<string, any>} s */
  state(s) {
    this.timeline = s.timeline;
    this.lastOut = s.asOf;
    this.needsState = false;
    this.tell.state(s.payload);
    if (this.settling) {
      this.forgetVerdicts(this.settling.through);
      this.settling.upTo = 0;
    }
    this.settle();
  }
  /** @param {number} seq */
  ack(seq) {
    if (seq <= this.acked || seq > this.last) return;
    this.acknowledge(seq);
    if (this.isLeaving && this.pending.length === 0) return this.end(true, "left");
    this.pump();
  }
  /** @param {Record<string, any>} g */
  gone({ last, known, reason }) {
    const through = Math.min(last, this.last);
    if (known && through > this.acked) {
      this.forgetVerdicts(through);
      this.acknowledge(through);
    }
    this.end(known, reason);
  }
  /** @param {Record<string, any>} e */
  failed(e) {
    if (e.code === 8) { // not attached: the answer to something that was sent before the break was seen
      if (this.phase !== "attached") return;
      this.phase = "attaching";
      this.tell.away();
      return this.ask();
    }
    if (this.phase === "attached") return;
    if (this.phase === "attaching" || e.retryAfterMs > 0 || e.code === 11) { // what exists can only end by `gone`
      if (e.code === 7 && !this.isFrozen) this.tell.notice("frozen", e.text);
      this.isFrozen ||= e.code === 7;
      const named = e.retryAfterMs > 0 ? Math.max(e.retryAfterMs, 100) : ASK_REFUSED_MS;
      this.askAgainAt = this.link.now() + Math.max(named, Math.min(named * 2 ** this.refusals, ASK_AGAIN_MS)) * (1 + Math.random() / 4);
      this.refusals += 1;
      return this.link.wakeBy(this.askAgainAt);
    }
    this.end(false, e.text, new OneUpError(
      e.code === 6 ? "unknown-module" : e.code === 7 ? "join-refused" : "unavailable", e.text, { reason: e.text }));
  }

  // What is decided

  /** @param {number} seq ≤ `last` */
  acknowledge(seq) {
    if (this.settling && seq >= this.settling.through) this.settling = null;
    if (seq <= this.acked) return;
    const decided = this.pending.splice(0, seq - this.acked);
    const first = this.acked + 1;
    this.acked = seq;
    this.sent = Math.max(this.sent, seq);
    this.verdictKnown = Math.max(this.verdictKnown, seq);
    decided.forEach((entry, i) => {
      this.decide(entry, null, NOTHING);
      if (!entry.isLeave) this.tell.acknowledged(first + i, entry);
    });
  }
  /** @param {any} entry @param {OneUpError | null} error @param {Uint8Array} [reply] */
  decide(entry, error, reply) {
    const done = entry.done;
    entry.done = null;
    done?.(error, reply);
  }
  /** Inputs up to `through` are decided, but how those above `verdictKnown` were was told in outputs that did not come.
   * @param {number} through */
  forgetVerdicts(through) {
    for (const [i, entry] of this.pending.slice(0, through - this.acked).entries()) {
      const seq = this.acked + 1 + i;
      if (entry.isLeave || seq <= this.verdictKnown) continue; // without a result of its own: applied
      this.decide(entry, new OneUpError("unknown", "the input was decided, but the answer to it was lost; the room's state has it or not",
        { verdict: "unknown", seq }));
    }
  }
  /** The next to go out is `seq`, or the first that is not acknowledged.
   * @param {number} seq */
  goBack(seq) {
    this.sent = Math.max(this.acked, Math.min(this.sent, Math.max(seq, 1) - 1));
    this.pump();
  }
  /** What waits gets numbers from `next` on; acknowledged ones from there on are lost with the room's history.
   * @param {number} next @param {boolean} isReset */
  renumber(next, isReset) {
    const lost = Math.max(0, this.acked - (next - 1));
    this.acked = this.sent = this.verdictKnown = next - 1;
    this.settling = null;
    if (isReset) this.tell.reset(lost > 0 ? next : null, lost);
  }
  /** @param {boolean} known @param {string} reason @param {OneUpError} [error] */
  end(known, reason, error) {
    this.phase = "ended";
    for (const entry of this.pending.splice(0)) {
      const left = entry.isLeave && known;
      this.decide(entry, left ? null : new OneUpError("gone", `the membership ended before this was decided: ${reason}`, { reason }));
    }
    this.link.ended(this);
    this.tell.ended({ known, reason, error: error ?? null });
  }
}

// MARK: What a game sees of a room

const PAUSE_MS = 150; // a room that ticks and is silent for longer, has paused
const SCHEMA_AGAIN_MS = 5_000; // a schema that nobody had is asked for again, but not more often

/** What a build of a module says of itself; `schema` null: it speaks bytes.
 * @typedef {{sha256: string, schema: Schema | null}} Build */

/** A joined room. Events: "state" (new state), the names of the module's messages, "raw" (payloads without a schema),
 * "acknowledged" ({name, seq, ms}), "verdict" (a OneUpError: an input was not applied), "notice" ({kind, text}),
 * "version" ({from, to}: another build of the module runs the room), "recovered" ({kind: "worker" | "connection", ms}), "reset" ({firstLost, lost}), "gone" ({known, reason}). */
export class Room extends Emitter {
  #oneup; #membership;
  /** The build whose schema is used; null: not known yet.
   * @type {Build | null} */
  #build;
  /** @type {SyncedState | null} */ #synced;
  /** The game brought the schema along. */
  #isFixed;
  /** While a schema is on its way: what came meanwhile, in order.
   * @type {(() => void)[] | null} */
  #unread = null;
  /** @type {Promise<void> | null} */ #following = null;
  #askedAt = -Infinity;
  /** Something came that was not read with the schema of the build that sent it. */
  #hasGuessed = false;
  #hasEnded = false;
  /** Full states that were read. */
  #states = 0;
  /** Own inputs that the newest state may not have yet.
   * @type {any[]} */
  #inputs = [];
  /** The newest streamed ones that it has, by name.
   * @type {Map<string, any>} */
  #applied = new Map();
  #stamp = 0;
  #heardAt = 0;
  /** @type {{kind: string, dueAt: number | null} | null} */
  #fault = null;
  /** @type {(value: any) => void} */ #joined = () => {};
  /** @type {(error: OneUpError) => void} */ #failed = () => {};

  /** @param {OneUp} oneup @param {Link} link @param {any} what @param {Build | null} build @param {boolean} isFixed */
  constructor(oneup, link, what, build, isFixed) {
    super();
    this.#oneup = oneup;
    this.#build = build;
    this.#isFixed = isFixed;
    this.#synced = build?.schema?.isSynchronised ? new SyncedState(build.schema, oneup.serverClock) : null;
    this.#membership = new Membership(link, this.#tell(), what);
    this.#stamp = Math.floor(oneup.clock());
    /** @type {Promise<Room>} */
    this.joined = new Promise((resolve, reject) => { this.#joined = resolve; this.#failed = reject; });
    this.joined.catch(() => {});
    this.key = what.key;
    /** The room's number: 16 hexadecimal digits. */
    this.id = "";
    /** This member's place in the room; the key of its rows. */
    this.slot = 0;
    /** The build that runs it. */
    this.module = { name: what.module, version: "", sha256: "" };
    this.isAttached = false;
    /** `describe`'s bytes of a room without synchronised state. */
    this.described = NOTHING;
    /** How `view()` smooths: a fixed delay instead of the adapted one, the distance from which a change is a jump and not a
     * movement, and how far beyond the newest state it may guess.
     * @type {{delayMs: number | null, snap: number, extrapolateMs: number}} */
    this.smoothing = { delayMs: null, snap: Infinity, extrapolateMs: 200 };
    /** `pausesMs`: the last thousand.
     * @type {{acknowledged: number, lost: number, doubled: number, recovered: number, pausesMs: number[], longestPauseMs: number}} */
    this.stats = { acknowledged: 0, lost: 0, doubled: 0, recovered: 0, pausesMs: [], longestPauseMs: 0 };
  }

  /** The newest state. Treat it as read-only.
   * @returns {any} */
  get state() { return this.#synced?.state ?? this.described; }
  get tick() { return this.#synced?.tick ?? 0; }
  /** Of the newest state, in the room's milliseconds since 1970. */
  get time() { return this.#synced?.time ?? 0; }
  /** Inputs that are not acknowledged yet. */
  get waiting() { return this.#membership.pending.length; }
  /** The state as it is to be drawn: a little in the past, between two that came.
   * @param {number} [time] of the server, ms @returns {any} */
  view(time) { return this.#synced ? this.#synced.view(this.smoothing, time) : this.described; }

  /** A numbered input: applied exactly once, whatever dies on the way.
   * @param {string} name @param {object} [value]
   * @returns {Promise<any>} the room's reply (undefined without one); rejects with a OneUpError when it was not applied */
  async send(name, value = {}) {
    if (!this.#schema) await this.#followAgain();
    if (!this.#schema) throw new OneUpError("unknown-message", `the module ${this.module.name} has no schema: use sendRaw`);
    const reply = await this.#send(this.#schema.encode(name, value), name, value);
    await this.#following; // when it came, its build's schema was perhaps still on its way
    return this.#schema?.decode(reply)?.value;
  }
  /** As `send`, in bytes.
   * @param {Uint8Array} payload @returns {Promise<Uint8Array>} */
  sendRaw(payload) { return this.#send(payload, "", payload); }

  /** @param {Uint8Array} payload @param {string} name @param {any} value @returns {Promise<Uint8Array>} */
  #send(payload, name, value) {
    const input = { name, value, at: this.#oneup.now(), stamp: 0, isDone: false };
    this.#log(input);
    if (this.#fault) this.#fault.dueAt ??= input.at;
    const promise = new Promise((resolve, reject) => {
      this.#membership.send(payload, (error, reply) => {
        input.isDone = true;
        if (error) reject(error);
        else resolve(reply ?? NOTHING);
      });
    });
    promise.catch(() => {}); // who wants the answer awaits it; "verdict" tells the others
    return promise;
  }

  /** Fire and forget: what only matters now. It may be lost, and is never repeated.
   * @param {string} name @param {object} [value]
   * @returns {number} its stamp */
  stream(name, value = {}) {
    if (!this.#schema) throw new OneUpError("unknown-message", `the module ${this.module.name} has no schema: use streamRaw`);
    return this.streamRaw(this.#schema.encode(name, value), name, value);
  }
  /** @param {Uint8Array} payload @returns {number} */
  streamRaw(payload, name = "", value = /** @type {any} */ (payload)) {
    const stamp = ++this.#stamp;
    this.#membership.stream(payload, stamp);
    this.#log({ name, value, at: this.#oneup.now(), stamp, isDone: false });
    return stamp;
  }
  /** @param {any} input */
  #log(input) {
    this.#inputs.push(input);
    if (this.#inputs.length > 512) this.#inputs.shift();
  }

  /** Ends the membership.
   * @returns {Promise<void>} when that is durable */
  leave() {
    return new Promise((resolve, reject) => {
      this.#membership.send(NOTHING, (error) => (error ? reject(error) : resolve()), true);
    });
  }

  /** Own things without delay: starts from the newest state and repeats own inputs that it does not have yet.
   * @template T
   * @param {(state: any, applied: Map<string, any>) => T | null} initial a copy of what is own, in the newest state; null
   *   while there is nothing. `applied`: by name the newest streamed inputs that this state has
   * @param {(own: T, input: {name: string, value: any} | null, seconds: number) => void} step changes `own`: by one input
   *   (seconds 0), or by time alone (input null)
   * @param {{blend?: string[], blendMs?: number, snap?: number, mostMs?: number}} [options] `blend`: fields (numbers or
   *   vectors) whose corrections are spread over `blendMs`, unless they are larger than `snap`; `mostMs`: how far ahead
   * @returns {() => T | null} call it once a frame */
  predict(initial, step, options = {}) {
    const { blend = [], blendMs = 100, snap = Infinity, mostMs = 500 } = options;
    /** @type {Record<string, any>} */ const offsets = {};
    /** @type {any} */ let raw = null;
    let rawUntil = 0, from = -1, at = 0;
    /** @type {(a: any, b: any, f: (a: number, b: number) => number) => any} of each number in a value */
    const each = (a, b, f) =>
      typeof a === "number" ? f(a, b ?? 0) : Object.fromEntries(Object.keys(a).map((key) => [key, f(a[key], b?.[key] ?? 0)]));
    /** @param {number} until of the room */
    const run = (until) => {
      const synced = this.#synced;
      if (!synced?.state) return null;
      const own = initial(synced.state, this.#applied);
      if (!own) return null;
      let t = synced.time;
      const end = Math.min(until, t + mostMs);
      const go = (/** @type {number} */ to) => {
        for (; t < end && t < to - 0.01; ) {
          const ms = Math.min(1000 / 60, to - t, end - t);
          step(own, null, ms / 1000);
          t += ms;
        }
      };
      for (const input of this.#inputs) {
        const when = this.#arrival(input.at);
        if (when > until + 0.01) break;
        go(when);
        step(own, input, 0);
      }
      go(end);
      return own;
    };
    return () => {
      const now = this.#oneup.now(), present = this.#arrival(now), synced = this.#synced;
      /** @type {any} */ const own = run(present);
      if (!own || !synced) return (raw = null);
      /** @type {any} */ const again = raw && from !== synced.time ? run(rawUntil) : null;
      for (const field of blend) {
        const fade = Math.exp(-(now - at) / blendMs);
        let offset = each(offsets[field] ?? each(own[field], own[field], () => 0), null, (a) => a * fade);
        if (again) offset = each(offset, each(raw[field], again[field], (a, b) => a - b), (a, b) => a + b);
        const size = typeof offset === "number" ? Math.abs(offset) : Math.hypot(.../** @type {number[]} */ (Object.values(offset)));
        offsets[field] = size > snap ? undefined : offset;
      }
      raw = { ...own };
      rawUntil = present;
      from = synced.time;
      at = now;
      for (const field of blend) if (offsets[field] !== undefined) own[field] = each(own[field], offsets[field], (a, b) => a + b);
      return own;
    };
  }
  /** The room's time at which an input sent at the local instant `at` gets there.
   * @param {number} at */
  #arrival(at) {
    const clock = this.#oneup.serverClock;
    return at + clock.goal + clock.roundTrip / 2 - (this.#synced?.lag ?? 0);
  }

  // What the membership tells

  #tell() {
    return {
      attached: (/** @type {any} */ a, /** @type {boolean} */ wasAsked) => {
        this.id = a.room.toString(16).padStart(16, "0");
        this.slot = a.slot;
        const before = this.module;
        const [name, version = "", sha256 = ""] = a.module.split(" ");
        if (name) this.module = { name, version, sha256 };
        this.isAttached = true;
        const isOther = before.version !== "" && (before.version !== version || before.sha256 !== sha256);
        if (!wasAsked && !isOther) this.#broken("worker");
        if (this.#isBehind) this.#follow();
        if (isOther) this.emit("version", { from: before.version, to: version });
      },
      numbered: () => {
        this.emit("attached", {});
        if (!this.#isTicking && this.waiting === 0) this.#mended();
      },
      lost: () => {
        this.isAttached = false;
        this.#broken("connection");
      },
      away: () => {
        this.isAttached = false;
        this.#broken("worker");
      },
      state: (/** @type {Uint8Array} */ payload) => this.#read(() => this.#full(payload)),
      output: (/** @type {Uint8Array} */ payload, /** @type {boolean} */ isNumbered) => this.#read(() => this.#output(payload, isNumbered)),
      acknowledged: (/** @type {number} */ seq, /** @type {any} */ entry) => {
        this.stats.acknowledged += 1;
        const ms = this.#oneup.now() - entry.sentAt;
        if (!this.#isTicking) this.#mended();
        this.emit("acknowledged", { name: this.#schema?.byId.get(entry.payload[0])?.name ?? "", seq, ms });
      },
      verdict: (/** @type {OneUpError} */ error) => this.emit("verdict", error),
      doubled: () => { this.stats.doubled += 1; },
      reset: (/** @type {number | null} */ firstLost, /** @type {number} */ lost) => {
        this.stats.lost += lost;
        this.#inputs = [];
        this.emit("reset", { firstLost, lost });
      },
      notice: (/** @type {string} */ kind, /** @type {string} */ text) => this.emit("notice", { kind, text }),
      ended: (/** @type {{known: boolean, reason: string, error: OneUpError | null}} */ { known, reason, error }) => {
        this.isAttached = false;
        this.#hasEnded = true;
        this.#failed(error ?? new OneUpError("gone", `the membership is over: ${reason}`, { reason }));
        this.emit("gone", { known, reason });
      },
    };
  }

  // Which schema

  get #schema() { return this.#build?.schema ?? null; }
  /** What the room's build says is not known. */
  get #isBehind() {
    return !this.#isFixed && (this.#build === null || (this.module.sha256 !== "" && this.#build.sha256 !== this.module.sha256));
  }
  /** Gets the schema of the build that runs the room; until it is there, what comes waits. One that cannot be had leaves
   * the one before, which often will do.
   * @returns {Promise<void>} */
  #follow() {
    const { name, sha256 } = this.module;
    this.#unread ??= [];
    this.#askedAt = this.#oneup.now();
    /** @type {Promise<void>} */
    const following = this.#oneup.build(name, sha256)
      .catch((error) => { this.#oneup.emit("error", error); return null; })
      .then((build) => {
        if (this.#following !== following) return this.#following ?? undefined; // yet another build since
        this.#following = null;
        this.#take(build);
      });
    return (this.#following = following);
  }
  /** @returns {Promise<void> | null} */
  #followAgain() {
    if (this.#following || !this.#isBehind || this.#hasEnded) return this.#following;
    return this.#oneup.now() - this.#askedAt > SCHEMA_AGAIN_MS ? this.#follow() : null;
  }
  /** @param {Build | null} build */
  #take(build) {
    const unread = this.#unread ?? [];
    this.#unread = null;
    if (this.#hasEnded) return;
    const hasGuessed = this.#hasGuessed, states = this.#states;
    if (build) {
      const { schema } = build;
      this.#build = build;
      this.#hasGuessed = false;
      if (!schema?.isSynchronised) this.#synced = null;
      else if (this.#synced) this.#synced.follow(schema);
      else this.#synced = new SyncedState(schema, this.#oneup.serverClock);
    }
    for (const one of unread) this.#read(one);
    if (build && hasGuessed && this.#states === states) this.#membership.refresh();
  }
  /** @param {() => void} take */
  #read(take) {
    if (this.#unread) return void this.#unread.push(take);
    if (this.#isBehind) this.#hasGuessed = true;
    try {
      take();
    } catch (error) {
      if (!(error instanceof OneUpError)) throw error;
      this.#oneup.emit("error", error);
      this.#followAgain();
    }
  }

  /** @param {Uint8Array} payload */
  #full(payload) {
    try {
      if (this.#synced && payload[0] === 252) this.#synced.full(payload);
      else this.described = payload;
    } catch (error) {
      this.#unreadable(/** @type {OneUpError} */ (error));
      throw error;
    }
    this.#states += 1;
    this.#news();
    this.#joined(this);
    this.emit("state", {});
  }
  /** Whoever waits for the room's first state would wait for ever, and come again: this membership goes.
   * @param {OneUpError} error */
  #unreadable(error) {
    if (this.#states > 0) return;
    this.#failed(error);
    this.#membership.send(NOTHING, () => {}, true);
  }
  /** @param {Uint8Array} payload @param {boolean} isNumbered */
  #output(payload, isNumbered) {
    const id = payload[0];
    if (!this.#build) this.#followAgain();
    if (this.#synced && id === 250) return this.#synced.keyframe(payload);
    if (this.#synced && id === 251) {
      if (!this.#synced.delta(payload, isNumbered)) {
        // Upgraded while this client was away, or its worker died then: nobody sent the new build's state.
        if (this.#synced.isOutdated) this.#membership.refresh();
        return;
      }
      const stamp = this.#synced.stamps.get(this.slot) ?? 0;
      for (const input of this.#inputs) if (input.stamp && input.stamp <= stamp) this.#applied.set(input.name, input.value);
      this.#inputs = this.#inputs.filter((input) => !input.isDone && !(input.stamp && input.stamp <= stamp));
      this.#news();
      this.emit("state", {});
      return;
    }
    const message = this.#schema?.decode(payload);
    if (!message || !this.emit(message.name, message.value)) this.emit("raw", payload);
  }

  get #isTicking() { return this.#synced !== null && this.#synced.ticks && this.#synced.interval > 0 && this.#synced.interval < 1000; }
  /** When the next sign of the room was due, or since when an input waits. */
  #due() {
    if (this.#isTicking) return this.#heardAt + (this.#synced?.interval ?? 0);
    return this.#membership?.pending[0]?.sentAt ?? null;
  }
  /** @param {string} kind */
  #broken(kind) {
    if (this.#fault) this.#fault.kind = this.#fault.kind === "connection" ? "connection" : kind;
    else if (this.#heardAt > 0) this.#fault = { kind, dueAt: this.#due() };
  }
  /** The room is heard again. */
  #mended() {
    const fault = this.#fault;
    if (!fault || !this.isAttached) return;
    this.#fault = null;
    const dueAt = fault.dueAt;
    const ms = dueAt === null || dueAt < this.#oneup.sleptUntil ? 0 : Math.max(0, Math.round(this.#oneup.now() - dueAt));
    this.stats.recovered += 1;
    this.#paused(ms);
    this.emit("recovered", { kind: fault.kind, ms });
  }
  /** @param {number} ms */
  #paused(ms) {
    this.stats.pausesMs.push(ms);
    if (this.stats.pausesMs.length > 1000) this.stats.pausesMs.shift();
    this.stats.longestPauseMs = Math.max(this.stats.longestPauseMs, ms);
  }
  /** A state has come. */
  #news() {
    const now = this.#oneup.now(), due = this.#due();
    if (this.#fault) {
      if (this.#isTicking || this.waiting === 0) this.#mended();
    } else if (this.#isTicking && due !== null && now - due > PAUSE_MS && due > this.#oneup.sleptUntil) {
      this.#paused(Math.round(now - due));
    }
    this.#heardAt = now;
  }

  /** @returns {Membership} for the connection */
  get membership() { return this.#membership; }
}

// MARK: The connection

const BACKOFF_MS = 100, BACKOFF_MOST_MS = 10_000; // full jitter: between 0 and base · 2ⁿ
const BREAKER_ATTEMPTS = 8, BREAKER_MS = 30_000; // so many failures in a row, then a long pause
const GREETING_MS = 10_000; // from connecting to `Welcome`
const FETCH_MS = 8_000; // for an answer of the server's pages
const PING_MS = 10_000;
const SILENCE_MS = 30_000; // without any frame for so long, the connection is given up
const PROOF_MS = 5_000; // after a sleep it has this long to prove that it lives
const CLOGGED_BYTES = 65_536; // more waits in the socket: what is streamed is out of date

/**
 * What a membership needs of its connection.
 * @typedef {object} Link
 * @property {() => number} now
 * @property {(kind: string, fields: Record<string, any>) => void} request
 * @property {(at: number) => void} wakeBy
 * @property {boolean} isClogged
 * @property {number} frameBytesMax
 * @property {(membership: Membership) => void} ended
 */

/** @typedef {object} Options
 * @property {string} [name] shown to others, at most 64 bytes
 * @property {string} [url] of the players' port; without it the server of the page is asked (`GET /v1/client`)
 * @property {string} [http] where to ask, when it is not the page's origin: "http://127.0.0.1:7780"
 * @property {any} [saved] of an earlier `oneup.saved`: continues that session
 * @property {Storage | null} [storage] where a page keeps its session over a reload; null: nowhere
 * @property {any} [WebSocket] for platforms without one
 * @property {(event: any) => void} [onconnection] as `oneup.on("connection", …)`, from the first attempt on
 * @property {() => number} [now] monotonic milliseconds @property {() => number} [random] */

/** Connects to a server. Goes on trying until it is there.
 * @param {Options} [options] @returns {Promise<OneUp>} */
export async function connect(options = {}) {
  const oneup = new OneUp(options);
  await oneup.start();
  return oneup;
}

/** A connection that comes back by itself. Events: "connection" ({state: "up" | "lost" | "waiting" | "stopped", …}). */
export class OneUp extends Emitter {
  #options;
  /** @type {Keep} */ #keep;
  #url = "";
  /** @type {any} */ #socket = null;
  /** @type {"stopped" | "waiting" | "connecting" | "greeting" | "up"} */ #phase = "stopped";
  #until = 0; #attempts = 0; #opening = 0; #notBefore = 0; #heardAt = 0; #pingAt = 0; #pingsSoon = 0;
  /** @type {any} */ #timer = null; #timerAt = Infinity;
  #drift = 0; // of the wall clock to `now`
  /** @type {Room[]} */ #rooms = [];
  /** @type {Map<string, Promise<Build | null>>} */ #builds = new Map();
  /** @type {{joinId: number, path: string}[]} */ #earlier = [];
  #joins = 0;
  #resume = NOTHING;
  #frameBytesMax = 65_536;
  /** @type {bigint | null} */ #session = null;
  /** @type {((error?: OneUpError) => void) | null} */ #started = null;
  /** @type {(() => void)[]} */ #unwatch = [];

  /** @param {Options} options */
  constructor(options) {
    super();
    this.#options = options;
    this.now = options.now ?? (() => performance.now());
    this.#drift = Date.now() - this.now();
    this.serverClock = new ServerClock(this.now);
    /** Until when this computer slept, by `now`: pauses before are nobody's fault. */
    this.sleptUntil = -Infinity;
    this.#keep = new Keep(options.storage === undefined ? globalThis.sessionStorage ?? null : options.storage);
    const saved = options.saved ?? this.#keep.take();
    if (saved) {
      this.#resume = Uint8Array.from(atob(saved.resume), (c) => c.charCodeAt(0));
      this.#joins = saved.joins;
      this.#earlier = saved.members;
      this.#keep.put(() => this.saved); // the page may be loaded again before anybody has welcomed it
    }
    if (options.onconnection) this.on("connection", options.onconnection);
  }

  get isUp() { return this.#phase === "up"; }
  get isStopped() { return this.#phase === "stopped"; }
  /** The server's time in milliseconds since 1970. */
  clock() { return this.serverClock.isSet ? this.serverClock.time() : Date.now(); }
  /** What continues this session, as another connection's `saved`. Secret: whoever has it is this player. */
  get saved() {
    const members = this.#rooms.filter((room) => room.membership.phase !== "ended")
      .map((room) => ({ joinId: room.membership.what.joinId, path: `${room.membership.what.module}/${room.key}` }));
    return { resume: btoa(String.fromCharCode(...this.#resume)), joins: this.#joins, members: [...members, ...this.#earlier] };
  }

  /** @returns {Promise<void>} when the server has welcomed us */
  start() {
    return new Promise((resolve, reject) => {
      this.#started = (error) => (error ? reject(error) : resolve());
      this.#watchPage();
      this.#open();
    });
  }
  /** Closes the connection for good. Memberships live on for the grace period; `leave` them first to be gone at once. */
  close() {
    this.#stop(new OneUpError("stopped", "the connection was closed by this side"));
  }

  /** @param {string} path "module/key" @param {{parameters?: Uint8Array, schema?: any}} [options] `schema`: instead of
   *   the one that the server has; null for none
   * @returns {Promise<Room>} when the room's state has come */
  async join(path, options = {}) {
    const { parameters = NOTHING, schema } = options;
    const slash = path.indexOf("/");
    if (slash < 1) throw new OneUpError("join-refused", `"${path}" names no room: write "module/key"`);
    const module = path.slice(0, slash), key = path.slice(slash + 1);
    const isFixed = schema !== undefined;
    const build = isFixed ? { sha256: "", schema: schema && new Schema(schema) } : await this.build(module);
    const before = this.#earlier.findIndex((member) => member.path === path);
    const earlier = before >= 0 ? this.#earlier.splice(before, 1)[0] : null;
    try {
      return await this.#join({ joinId: earlier?.joinId ?? ++this.#joins, module, key, parameters }, build, isFixed);
    } catch (error) {
      if (!earlier || !(error instanceof OneUpError) || error.code !== "gone") throw error;
      return await this.#join({ joinId: ++this.#joins, module, key, parameters }, build, isFixed); // it ended while the page was away
    }
  }
  /** @param {any} what @param {Build | null} build @param {boolean} isFixed */
  #join(what, build, isFixed) {
    if (this.#phase === "stopped") throw new OneUpError("stopped", "the connection was closed; connect again");
    const room = new Room(this, this.#link, what, build, isFixed);
    this.#rooms.push(room);
    if (this.isUp) room.membership.ask();
    return room.joined;
  }

  // The server's pages

  /** @param {string} path @returns {Promise<any>} null: there is no such page; rejects when that is not known */
  async #fetch(path) {
    const origin = this.#options.http ?? globalThis.location?.origin;
    if (!origin) return null;
    const patience = new AbortController(), timer = setTimeout(() => patience.abort(), FETCH_MS);
    try {
      const answer = await fetch(origin + path, { signal: patience.signal });
      if (answer.status === 404) return null;
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      return await answer.json();
    } catch (error) {
      throw new OneUpError("discovery", `${origin}${path} gives no answer (${/** @type {Error} */ (error).message}); try again`);
    } finally {
      clearTimeout(timer);
    }
  }
  /** @param {string} module @param {string} sha256 @returns {Promise<Build | null>} */
  async #fetchBuild(module, sha256) {
    for (const pause of [250, 1000, 0]) {
      try {
        const manifest = await this.#fetch(`/v1/modules/${encodeURIComponent(module)}${sha256 && `?sha256=${encodeURIComponent(sha256)}`}`);
        return manifest && { sha256: manifest.sha256 ?? "", schema: manifest.schema ? new Schema(manifest.schema) : null };
      } catch (error) {
        if (pause === 0) throw error;
        await new Promise((go) => setTimeout(go, pause));
      }
    }
    return null;
  }
  /** For rooms: what a build says of itself, the current one without a hash. null: the server knows none, now; what is
   * current and what nobody knew is asked for again each time.
   * @param {string} module @param {string} [sha256] @returns {Promise<Build | null>} */
  build(module, sha256 = "") {
    const name = `${module} ${sha256}`;
    let build = this.#builds.get(name);
    if (!build) {
      build = this.#fetchBuild(module, sha256);
      this.#builds.set(name, build);
      const asked = build;
      const settle = (/** @type {Build | null} */ known) => {
        this.#builds.delete(name);
        if (known?.sha256) this.#builds.set(`${module} ${known.sha256}`, asked);
      };
      build.then(settle, () => settle(null));
    }
    return build;
  }
  async #discover() {
    if (this.#options.url) return this.#options.url;
    const client = await this.#fetch("/v1/client");
    if (client?.dev && globalThis.document && !this.#options.http) showBuilds();
    if (!client) throw new OneUpError("discovery", "no address: give connect a url, or serve the page from the server");
    const isSecure = client.tls || globalThis.location?.protocol === "https:";
    return `${isSecure ? "wss" : "ws"}://${client.players}/`;
  }

  // The connection's life

  async #open() {
    const opening = ++this.#opening;
    this.#phase = "connecting";
    this.#until = this.now() + GREETING_MS;
    this.#arm();
    const isOver = () => opening !== this.#opening || this.#phase !== "connecting";
    /** @type {any} */ let socket;
    try {
      const url = this.#url || await this.#discover();
      if (isOver()) return;
      this.#url = url;
      if (!/^wss?:\/\/[^/]/i.test(url)) throw new SyntaxError("it begins with ws:// or wss://");
      socket = new (this.#options.WebSocket ?? globalThis.WebSocket)(url);
    } catch (error) {
      if (isOver()) return;
      const problem = error instanceof OneUpError ? error
        : new OneUpError("discovery", `"${this.#url}" is no address of a server: ${/** @type {Error} */ (error).message}`);
      if (this.#options.url) return this.#stop(problem); // it is the same next time
      this.emit("error", problem);
      return this.#lost();
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#phase = "greeting";
      this.#request("hello", { version: 1, name: this.#options.name ?? "", resume: this.#resume });
    };
    socket.onmessage = (/** @type {{data: any}} */ { data }) => {
      if (socket === this.#socket && data instanceof ArrayBuffer) this.#received(new Uint8Array(data));
    };
    socket.onclose = () => { if (socket === this.#socket) this.#lost(); };
    socket.onerror = () => {}; // onclose follows
  }
  #lost() {
    const wasUp = this.isUp;
    if (!wasUp) this.#url = ""; // the server may be in another place by now
    this.#drop();
    if (wasUp) this.emit("connection", { state: "lost" });
    this.#attempts += 1;
    const isBroken = this.#attempts > BREAKER_ATTEMPTS;
    const bound = isBroken ? BREAKER_MS : Math.min(BACKOFF_MOST_MS, BACKOFF_MS * 2 ** (this.#attempts - 1));
    const random = (this.#options.random ?? Math.random)();
    const wait = isBroken ? bound * (0.5 + random / 2) : bound * random;
    this.#phase = "waiting";
    this.#until = Math.max(this.now() + wait, this.#notBefore);
    this.emit("connection", { state: "waiting", attempts: this.#attempts, retryInMs: Math.round(this.#until - this.now()), isBreakerOpen: isBroken });
    this.#arm();
  }
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    try { socket?.close(); } catch { /* it was never open */ }
    for (const room of [...this.#rooms]) {
      const wasAttached = room.membership.phase === "attached";
      room.membership.suspend();
      if (wasAttached) room.membership.tell.lost();
    }
  }
  /** @param {OneUpError} error */
  #stop(error) {
    if (this.#phase === "stopped") return;
    this.#phase = "stopped";
    clearTimeout(this.#timer);
    this.#keep.put(() => null);
    for (const off of this.#unwatch.splice(0)) off();
    this.#drop();
    this.emit("connection", { state: "stopped", reason: error.message, error });
    this.#started?.(error);
    this.#started = null;
    for (const room of [...this.#rooms]) room.membership.end(false, error.message, error);
  }

  /** @param {Uint8Array} bytes */
  #received(bytes) {
    this.#heardAt = this.now();
    try {
      const frame = decodeFrame(bytes);
      if (frame.kind === "welcome") return this.#welcome(frame);
      if (frame.kind === "pong") return this.serverClock.answered(Number(frame.time) / 1000, frame.serverTimeUs / 1000);
      if (frame.kind === "error") this.#error(frame);
      if (frame.joinId) this.#rooms.find((room) => room.membership.what.joinId === frame.joinId)?.membership.received(frame);
    } catch (error) {
      if (!(error instanceof OneUpError)) throw error;
      this.emit("error", error); // a frame that nobody understands; the numbers will show whether something is missing
    }
  }
  /** @param {Record<string, any>} w */
  #welcome(w) {
    if (this.#phase !== "greeting") return;
    this.#phase = "up";
    this.#attempts = 0;
    const isSame = w.resumed && (this.#session === null || this.#session === w.session);
    this.#session = w.session;
    this.#resume = w.resume.slice();
    this.#frameBytesMax = w.frameBytesMax || 65_536;
    this.#keep.put(() => this.saved);
    if (!isSame) {
      this.#earlier = [];
      for (const room of [...this.#rooms]) {
        if (room.membership.phase !== "joining") room.membership.end(false, "the server does not know the session any more");
      }
    }
    this.serverClock.forget(); // another server perhaps, or the time in between was slept through
    this.#pingSoon();
    for (const room of this.#rooms) room.membership.ask();
    this.emit("connection", { state: "up", resumed: isSame });
    this.#started?.();
    this.#started = null;
  }
  /** @param {Record<string, any>} e */
  #error(e) {
    if (e.joinId === 0) this.emit("error", new OneUpError("unavailable", e.text, { reason: e.text }));
    if (e.joinId === 0 && e.retryAfterMs > 0) this.#notBefore = this.now() + e.retryAfterMs;
    if (e.code === 12) return this.#stop(new OneUpError("replaced", "the session goes on in another place"));
    if (e.code === 4) return this.#stop(new OneUpError("version", e.text));
    if (e.closing && e.code >= 1 && e.code <= 3) return this.#stop(new OneUpError("rejected", e.text, { reason: e.text })); // once more would be the same
    if (e.code === 5) this.#resume = NOTHING;
    if (e.closing) this.#lost();
  }

  // Time

  /** The timer runs no later than `at`. */
  #arm(at = this.#wake()) {
    if (this.#phase === "stopped" || (this.#timerAt <= at && this.#timer !== null)) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, at - this.now()));
  }
  #wake() {
    if (this.#phase !== "up") return this.#until;
    return Math.min(this.#pingAt, this.#heardAt + SILENCE_MS);
  }
  #tick() {
    const now = this.now();
    this.#timer = null;
    if (this.#hasSlept) this.#slept();
    let wake = Infinity;
    if (this.#phase === "waiting" && now >= this.#until) this.#open();
    else if ((this.#phase === "connecting" || this.#phase === "greeting") && now >= this.#until) this.#lost();
    else if (this.#phase === "up") {
      if (now - this.#heardAt >= SILENCE_MS) return this.#lost();
      if (now >= this.#pingAt) this.#ping();
      for (const room of this.#rooms) wake = Math.min(wake, room.membership.tick(now));
    }
    this.#arm(Math.min(wake, this.#wake()));
  }
  #ping() {
    this.#pingsSoon -= 1;
    this.#pingAt = this.now() + (this.#pingsSoon > 0 ? 150 : PING_MS);
    this.#request("ping", { time: BigInt(Math.round(this.now() * 1000)) });
  }
  #pingSoon() {
    this.#pingsSoon = 6;
    this.#ping();
    this.#arm();
  }
  /** A timer is late; or the wall clock went on without the monotonic one, which stands still in most browsers meanwhile. */
  get #hasSlept() {
    return this.now() - this.#timerAt > 2_000 || Math.abs(Date.now() - this.now() - this.#drift) > 2_000;
  }
  /** The computer slept, or the page was not served: give the connection a moment to prove that it lives. */
  #slept() {
    this.sleptUntil = this.now();
    this.#drift = Date.now() - this.sleptUntil;
    this.serverClock.forget();
    this.#heardAt = this.sleptUntil - SILENCE_MS + PROOF_MS;
    if (this.isUp) this.#pingSoon();
  }
  /** Somebody is looking: connects at once if it was waiting to, else finds out soon whether the connection lives. */
  retry() {
    if (this.isUp) return this.#hasSlept ? this.#slept() : this.#pingSoon();
    if (this.#phase !== "waiting") return;
    this.#attempts = 0;
    this.#until = this.#notBefore;
    this.#arm();
  }
  #watchPage() {
    const page = globalThis.document;
    if (!page || !globalThis.addEventListener) return;
    const on = (/** @type {EventTarget} */ target, /** @type {string} */ name, /** @type {(e: any) => void} */ handler) => {
      target.addEventListener(name, handler);
      this.#unwatch.push(() => target.removeEventListener(name, handler));
    };
    on(page, "visibilitychange", () => (page.visibilityState === "visible" ? this.retry() : undefined));
    on(globalThis, "online", () => this.retry());
    on(globalThis, "pageshow", (event) => { if (event.persisted) { this.#keep.take(); this.retry(); } });
    on(globalThis, "pagehide", () => this.#keep.write());
    on(page, "freeze", () => this.#keep.write()); // it may be discarded without another word
    on(page, "resume", () => void this.#keep.take());
  }

  // For memberships

  /** @param {string} kind @param {Record<string, any>} fields */
  #request(kind, fields) {
    if (this.#socket && (this.isUp || kind === "hello")) this.#socket.send(encodeFrame(kind, fields));
  }
  /** @type {Link} */
  #link = (() => {
    const self = this;
    return {
      now: () => self.now(),
      request: (kind, fields) => self.#request(kind, fields),
      wakeBy: (at) => self.#arm(at),
      get frameBytesMax() { return self.#frameBytesMax; },
      get isClogged() { return !self.isUp || self.#socket.bufferedAmount > CLOGGED_BYTES; },
      ended: (membership) => { self.#rooms = self.#rooms.filter((room) => room.membership !== membership); },
    };
  })();
}

/** Keeps the session of a page over its reload. It is in the tab's storage only while the page is not there: a tab that
 * is duplicated finds nothing, and is a player of its own. */
class Keep {
  /** @param {Storage | null} storage */
  constructor(storage) {
    this.storage = storage;
    /** @type {() => any} */
    this.value = () => null;
  }
  take() {
    try {
      const text = this.storage?.getItem("oneup");
      this.storage?.removeItem("oneup");
      const saved = text ? JSON.parse(text) : null;
      return typeof saved?.resume === "string" && Array.isArray(saved.members) && saved.joins >= 0 ? saved : null;
    } catch {
      return null; // no storage in this browser, or not ours
    }
  }
  /** @param {() => any} value */
  put(value) { this.value = value; }
  write() {
    const value = this.value();
    try {
      if (value) this.storage?.setItem("oneup", JSON.stringify(value));
    } catch { /* no storage: a reload is a new player */ }
  }
}

// MARK: For whoever writes the game

let isShowingBuilds = false;
/** With `oneup dev`: what is wrong with the last build stands on the page until the next one is good, and a new page loads
 * itself. */
function showBuilds() {
  if (isShowingBuilds || !globalThis.EventSource) return;
  isShowingBuilds = true;
  /** @type {HTMLElement | null} */ let shown = null;
  hearOfBuilds(({ module, ok, title, text, reload }) => {
    shown?.remove();
    shown = ok ? null : complaint(title ?? `${module} does not build; the version before goes on`, text);
    if (shown) {
      document.body.append(shown);
      for (const code of shown.querySelectorAll("pre")) showPlace(code);
    } else if (reload) {
      location.reload();
    }
  });
}

/** @typedef {{module: string, ok: boolean, title?: string, text: string, reload?: boolean}} BuildWord */

/** What the server says of builds. A browser keeps six connections to a server for all its tabs, and a stream takes one for
 * as long as it is open: so one tab listens and tells the others, and when it goes, the next does.
 * @param {(word: BuildWord) => void} hear */
function hearOfBuilds(hear) {
  /** What does not build, by module.
   * @type {Map<string, BuildWord>} */
  const broken = new Map();
  const take = (/** @type {BuildWord} */ word) => {
    const isOld = !word.ok && JSON.stringify(broken.get(word.module)) === JSON.stringify(word);
    if (word.ok) broken.delete(word.module);
    else broken.set(word.module, word);
    if (!isOld) hear(word);
  };
  const listen = (/** @type {(word: BuildWord) => void} */ tell) =>
    new EventSource("/v1/live").addEventListener("build", ({ data }) => {
      const word = JSON.parse(data);
      tell(word);
      take(word);
    });
  // A page that is neither encrypted nor from this machine has no locks.
  if (!globalThis.BroadcastChannel || !navigator.locks) return void listen(() => {});
  const tabs = new BroadcastChannel("oneup-builds");
  let isListening = false;
  tabs.onmessage = ({ data }) => {
    if (data.word) take(data.word);
    else if (isListening) for (const word of broken.values()) tabs.postMessage({ word });
  };
  navigator.locks.request("oneup-builds", () => {
    isListening = true;
    listen((word) => tabs.postMessage({ word }));
    return new Promise(() => {}); // until this tab goes
  });
  tabs.postMessage({ isNew: true });
}

/** A panel over the game. Sentences are broken into lines that fit, lines of code are not: there the place counts.
 * @param {string} title @param {string} text */
function complaint(title, text) {
  /** @param {string} name @param {string} style @param {string} [text] */
  const make = (name, style, text) => {
    const made = document.createElement(name);
    made.style.cssText = `all:revert;box-sizing:border-box;font:inherit;color:inherit;text-align:start;${style}`;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const panel = make("section", "position:fixed;inset:auto 0 max(10px,env(safe-area-inset-bottom));margin:0 auto;width:min(960px,100vw - 20px);max-height:min(60vh,440px);"
    + "z-index:2147483647;display:flex;flex-direction:column;border:1px solid #ff7b85;border-radius:10px;background:#1d1114;color:#ffe3e5;"
    + "font:clamp(12px,3.2vw,13px)/1.5 ui-monospace,Menlo,Consolas,monospace;box-shadow:0 8px 40px #000a;user-select:text;touch-action:auto;color-scheme:dark");
  panel.id = "oneup-build";
  panel.setAttribute("role", "alert");
  const head = make("header", "display:flex;gap:12px;align-items:start;padding:10px 10px 8px 16px;border-bottom:1px solid #ff7b8540");
  const close = make("button", "flex:none;min-height:32px;padding:2px 12px;background:#ff7b851f;border:1px solid #ff7b8588;border-radius:6px;cursor:pointer", "Hide");
  close.onclick = () => panel.remove();
  head.append(make("strong", "flex:1;padding-top:5px;font:600 14px/1.4 system-ui,sans-serif", title), close);
  const body = make("div", "overflow:auto;padding:8px 16px 12px");
  body.tabIndex = 0;
  /** @type {string[]} */ let code = [];
  const addCode = () => {
    if (code.length > 0) body.append(make("pre", "margin:4px 0 10px;padding:6px 10px;overflow-x:auto;white-space:pre;border-radius:6px;background:#0006;color:#e9cfd2", code.join("\n")));
    code = [];
  };
  for (const line of text.trimEnd().split("\n")) {
    if (/^ *\d* \|/.test(line)) {
      code.push(line);
      continue;
    }
    addCode();
    const isPlace = /^\S+:\d+:\d+: /.test(line);
    body.append(make("p", `margin:0;min-height:.5em;overflow-wrap:anywhere;${isPlace ? "color:#ff9aa2;font-weight:600" : ""}`, line));
  }
  addCode();
  panel.append(head, body);
  return panel;
}
/** Moves a long line to where the compiler points, on a narrow page.
 * @param {HTMLElement} code */
function showPlace(code) {
  const lines = (code.textContent ?? "").split("\n");
  const column = Math.max(...lines.map((line) => line.indexOf("`- ")));
  const wide = code.scrollWidth / Math.max(...lines.map((line) => line.length)); // of a character
  code.scrollLeft = Math.max(0, (column + 12) * wide - code.clientWidth);
}
