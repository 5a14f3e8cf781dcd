// A server that says what a test tells it to say, at the other end of fake sockets.
import { connect, decodeFrame, encodeFrame } from "../../oneup.js";
import { after } from "node:test";
import { until } from "./server.mjs";

const clients = [];
after(() => clients.forEach((client) => client.close()));

export class FakeServer {
  sockets = [];
  /** Frames of the client that no test has asked for yet. */
  frames = [];
  pings = 0;
  /** Answers every `hello` by itself. */
  welcomes = true;
  session = 7n;
  resumed = false;

  /** What oneup.js takes for the platform's WebSocket. */
  get WebSocket() {
    const server = this;
    return class {
      bufferedAmount = 0;
      constructor(url) {
        this.url = url;
        server.sockets.push(this);
        setTimeout(() => (server.refuses ? this.onclose?.({}) : this.onopen?.({})));
      }
      send(bytes) { server.heard(decodeFrame(bytes, "client"), this); }
      close() { this.onclose?.({}); }
    };
  }
  get socket() { return this.sockets[this.sockets.length - 1]; }

  heard(frame, socket) {
    if (frame.kind === "ping") this.pings += 1;
    if (frame.kind === "ping" && !this.isDeaf) return this.say("pong", { time: frame.time, serverTimeUs: Math.round(this.clock() * 1000) }, socket);
    if (frame.kind === "ping") return;
    this.frames.push(frame);
    if (frame.kind === "hello" && this.welcomes) {
      this.say("welcome", { session: this.session, resume: new Uint8Array([1, 2, 3]), resumed: this.resumed, graceSeconds: 30, frameBytesMax: 65_536 });
    }
  }
  clock = () => Date.now();
  say(kind, fields, socket = this.socket) {
    const bytes = encodeFrame(kind, fields, "server");
    setTimeout(() => socket.onmessage?.({ data: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) }));
  }
  /** The next frame of that kind. */
  async next(kind) {
    await until(`a frame ${kind}; there are ${this.frames.map((f) => f.kind)}`, () => this.frames.some((f) => f.kind === kind));
    return this.frames.splice(this.frames.findIndex((f) => f.kind === kind), 1)[0];
  }
  /** The connection breaks. */
  cut() { this.socket.onclose?.({}); }

  async connect(options = {}) {
    const client = await connect({ url: "ws://fake/", WebSocket: this.WebSocket, random: () => 0, storage: null, ...options });
    clients.push(client);
    return client;
  }
  /** A client in a room, attached, with its first state. */
  async joined({ schema = null, state = new Uint8Array(0), ...options } = {}) {
    const oneup = await this.connect(options);
    const joining = oneup.join("game/one", { schema });
    const { joinId } = await this.next("join");
    this.attached({ joinId });
    this.say("state", { joinId, timeline: 1n, asOf: 0, payload: state });
    return { oneup, room: await joining };
  }
  attached(fields = {}) {
    this.say("attached", { joinId: 1, room: 0xabcn, slot: 3, nextSeq: 1, timeline: 1n, upTo: 0, module: "game 1.0.0", ...fields });
  }
}
