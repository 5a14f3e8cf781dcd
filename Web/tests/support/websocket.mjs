// A WebSocket for Node versions without one: as much of the browsers' interface as oneup.js uses, and `destroy` for
// tests that tear the wire. Plain TCP, binary messages.
import net from "node:net";
import { randomBytes } from "node:crypto";

export class WebSocket {
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;
  binaryType = "arraybuffer";
  #buffer = Buffer.alloc(0);
  #isOpen = false;
  #isDone = false;
  #parts = [];

  constructor(url) {
    const { hostname, port } = new URL(url);
    this.socket = net.connect({ host: hostname, port: Number(port), noDelay: true });
    this.socket.on("connect", () => {
      const key = randomBytes(16).toString("base64");
      this.socket.write(`GET / HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
        + `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`);
    });
    this.socket.on("data", (data) => this.#received(data));
    this.socket.on("error", () => this.onerror?.({}));
    this.socket.on("close", () => this.#done());
  }
  get bufferedAmount() { return this.socket.writableLength; }
  send(bytes) { this.#frame(2, Buffer.from(bytes)); }
  close() {
    if (this.#isOpen) this.#frame(8, Buffer.alloc(0));
    this.socket.end();
    this.socket.destroySoon();
  }
  destroy() { this.socket.destroy(); }

  #done() {
    if (this.#isDone) return;
    this.#isDone = true;
    this.onclose?.({});
  }
  #frame(opcode, payload) {
    const mask = randomBytes(4);
    const n = payload.length;
    const head = n < 126 ? Buffer.from([0x80 | opcode, 0x80 | n])
      : n < 65_536 ? Buffer.from([0x80 | opcode, 0xfe, n >> 8, n & 255])
      : Buffer.concat([Buffer.from([0x80 | opcode, 0xff, 0, 0, 0, 0]), Buffer.from(Uint32Array.of(n).buffer).reverse()]);
    const masked = Buffer.from(payload);
    for (let i = 0; i < n; i++) masked[i] ^= mask[i & 3];
    this.socket.write(Buffer.concat([head, mask, masked]));
  }
  #received(data) {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    if (!this.#isOpen) {
      const end = this.#buffer.indexOf("\r\n\r\n");
      if (end < 0) return;
      if (!this.#buffer.toString("latin1", 0, 12).startsWith("HTTP/1.1 101")) return this.socket.destroy();
      this.#buffer = this.#buffer.subarray(end + 4);
      this.#isOpen = true;
      this.onopen?.({});
    }
    while (this.#one()) { /* as many as are there */ }
  }
  #one() {
    const b = this.#buffer;
    if (b.length < 2) return false;
    let n = b[1] & 127, at = 2;
    if (n === 126) { if (b.length < 4) return false; n = b.readUInt16BE(2); at = 4; }
    else if (n === 127) { if (b.length < 10) return false; n = Number(b.readBigUInt64BE(2)); at = 10; }
    if (b.length < at + n) return false;
    const opcode = b[0] & 15, isLast = (b[0] & 128) !== 0, payload = b.subarray(at, at + n);
    this.#buffer = b.subarray(at + n);
    if (opcode === 8) this.socket.end();
    else if (opcode === 9) this.#frame(10, payload);
    else if (opcode <= 2) {
      this.#parts.push(payload);
      if (isLast) {
        const whole = Buffer.concat(this.#parts.splice(0));
        this.onmessage?.({ data: whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.length) });
      }
    }
    return true;
  }
}
