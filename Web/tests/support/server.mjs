// A server of the test's own, on free ports, and what tests do with it.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
export const program = process.env.ONEUP_PROGRAM ?? path.join(root, ".build/release/oneup");
const modules = process.env.ONEUP_MODULES ?? path.join(root, ".build/modules");

export class Server {
  /** @returns {Promise<Server>} when it is ready */
  static start(...settings) {
    return new Promise((resolve, reject) => {
      const data = mkdtempSync(path.join(tmpdir(), "oneup-web-"));
      const child = spawn(program, ["serve", "--dev", "--data", data, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0",
        "--modules", modules, ...settings], { stdio: ["ignore", "pipe", "pipe"] });
      let log = "", out = "";
      child.stderr.on("data", (text) => { log += text; });
      child.stdout.on("data", (text) => {
        out += text;
        const line = out.split("\n").find((l) => l.includes('"ready"'));
        if (line) resolve(new Server(child, data, JSON.parse(line), () => log));
      });
      child.on("exit", (code) => reject(new Error(`oneup serve ended with ${code}:\n${log}`)));
    });
  }
  constructor(child, data, ready, log) {
    this.child = child;
    this.data = data;
    this.log = log;
    this.url = `ws://${ready.listen}/`;
    this.http = `http://${ready.http}`;
    this.token = readFileSync(path.join(data, "admin-token"), "utf8").trim();
  }
  async get(where) { return (await fetch(this.http + where)).json(); }
  async post(where, body) {
    const answer = await fetch(this.http + where, { method: "POST", body: JSON.stringify(body),
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" } });
    if (!answer.ok) throw new Error(`${where}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
  /** "worker-kill", "gateway-kill", … */
  fault(kind) { return this.post("/v1/faults", { kind }); }
  stop() {
    return new Promise((resolve) => {
      this.child.removeAllListeners("exit");
      this.child.on("exit", () => {
        rmSync(this.data, { recursive: true, force: true });
        resolve();
      });
      this.child.kill("SIGTERM");
    });
  }
}

/** Waits until `condition` holds; for long, as another machine may be slow or stand still for a while. */
export async function until(what, condition, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
