// The examples of docs/javascript.md, as the one program that they are, against a real server.
import test from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as library from "../oneup.js";
import { Server } from "./support/server.mjs";
import { WebSocket } from "./support/websocket.mjs";

test("the examples of docs/javascript.md", async (t) => {
  const text = readFileSync(new URL("../../docs/javascript.md", import.meta.url), "utf8");
  const program = [...text.matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1]).join("\n")
    .replace(/^import .*$/m, "");
  const server = await Server.start();
  t.after(() => server.stop());
  let oneup;
  t.after(() => oneup?.close());
  const said = [], ships = [], frames = [];
  const environment = {
    connect: async (options) => (oneup = await library.connect({ ...options, http: server.http, WebSocket, storage: null })),
    console: { log: (...words) => said.push(words) },
    drawShip: (x, y, name) => ships.push(name),
    requestAnimationFrame: (frame) => { if (frames.push(frame) === 1) frame(); },
  };
  const run = new Function(...Object.keys(environment), `return (async () => {\n${program}\n})()`);
  await run(...Object.values(environment));
  assert.match(said[0][0], /^slot 0 of the room lobby, arena \d/);
  assert.deepEqual(said[1], ["refused", "somebody was quicker"]);
  assert.match(said[2][0], /^Ada is at [\d.]+, [\d.]+; there are \d+ gems$/);
  assert.ok(ships.includes("Ada"));
  assert.ok(said.some(([own]) => Number.isFinite(own?.x)), "the prediction was printed");
  assert.ok(said.some(([stats]) => stats?.acknowledged >= 2));
  assert.ok(said.some(([words]) => words === "17 bytes"), "the tally told what was added");
  assert.ok(said.some(([bytes]) => bytes instanceof Uint8Array && bytes.length === 12), "the tally described itself");
});
