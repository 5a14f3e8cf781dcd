// The five numbers, each with the shape of its last hour or a word about it.
import { h, say, count, time, duration, ago, now, colour, paint } from "./format.js";

const cells = {};

export function begin(root) {
  for (const [key, name] of [
    ["players", "players"], ["rooms", "rooms"], ["messages", "messages a second"], ["p99", "99 % answered within"],
    ["worst", "worst pause this hour"],
  ]) {
    const value = h("dd", {}, "–");
    const below = key === "worst" ? h("p") : h("canvas", { "aria-hidden": "true" });
    cells[key] = { value, below };
    root.append(h("dl.number", { "data-number": key }, h("dt", {}, name), value, below));
  }
}

function put(cell, [text, unit]) {
  const whole = text + unit;
  if (cell.whole === whole) return;
  cell.whole = whole;
  cell.value.replaceChildren(text, ...(unit ? [h("small", {}, unit)] : []));
}

export function show(vitals) {
  put(cells.players, [count(vitals.players), ""]);
  put(cells.rooms, [count(vitals.rooms), ""]);
  put(cells.messages, [count(vitals.messages_per_s), ""]);
  put(cells.p99, time(vitals.p99_ms));
  put(cells.worst, vitals.worst_pause_ms > 0 ? time(vitals.worst_pause_ms) : ["none", ""]);
}

export function explain(recoveries) {
  const hour = now() - 3600000;
  const pauses = recoveries.filter((r) => r.atMicroseconds / 1000 > hour && (r.shards.length || r.role === "gateway"));
  const last = pauses[pauses.length - 1];
  say(cells.worst.below, last
    ? `${pauses.length === 1 ? "1 repair" : pauses.length + " repairs"}, last ${duration(last.tookMicroseconds / 1000)} ${ago(last.atMicroseconds / 1000)}`
    : "the longest wait of an input");
}

export function shapes(history) {
  const fields = { players: "players", rooms: "rooms", messages: "messages_per_s", p99: "p99_ms" };
  for (const [key, field] of Object.entries(fields)) {
    const canvas = cells[key].below;
    const width = canvas.clientWidth;
    if (!width) continue;
    paint(canvas, width, 22, (c, w, hgt) => {
      const points = history.slice(-180).map((p) => p[field] ?? 0);
      if (points.length < 2) return;
      const top = Math.max(...points) || 1;
      // A young server's line is not squeezed into the corner.
      const x = (i) => w - (points.length - 1 - i) * (w / Math.max(36, points.length - 1));
      const y = (v) => hgt - 1.5 - (v / top) * (hgt - 4);
      c.beginPath();
      points.forEach((v, i) => c.lineTo(x(i), y(v)));
      c.strokeStyle = colour("accent");
      c.lineWidth = 1.4;
      c.lineJoin = "round";
      c.stroke();
      c.lineTo(x(points.length - 1), hgt);
      c.lineTo(x(0), hgt);
      c.globalAlpha = 0.1;
      c.fillStyle = colour("accent");
      c.fill();
    });
  }
}
