// The last hour in four small pictures with one axis of time; each fault is a mark in all of them.
import { h, say, count, duration, round, bytes, clock, now, colour, paint } from "./format.js";

const HOUR = 3600000;
const HEIGHT = 118;
/** What a time below the axis takes, in pixels. */
const LABEL = 48;
const PLOTS = [
  { key: "messages_per_s", name: "messages a second", show: count },
  { key: "p99_ms", name: "99 % answered within", show: duration, tick: round, log: true, extra: "max_ms" },
  { key: "players", name: "players", show: count },
  { key: "memory_bytes", name: "memory of all processes", show: bytes },
];
let plots = [], history = [], marks = [], note, cursor = null;

export function begin(root, noteElement) {
  note = noteElement;
  plots = PLOTS.map((plot) => {
    const value = h("b", {}, "–");
    const canvas = h("canvas", { role: "img", tabindex: "0", "aria-label": plot.name });
    canvas.addEventListener("pointermove", (e) => look(e.offsetX / canvas.clientWidth));
    canvas.addEventListener("pointerleave", () => look(null));
    canvas.addEventListener("blur", () => look(null));
    canvas.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (!step) return;
      e.preventDefault();
      look(Math.max(0, Math.min(1, (cursor ?? 1) + step / 120)));
    });
    root.append(h("div.plot", {}, h("div.cap", {}, h("span", {}, plot.name), value), canvas));
    return { ...plot, value, canvas };
  });
  new ResizeObserver(draw).observe(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

export function show(points, faults) {
  history = points;
  marks = faults;
  draw();
}

function look(part) {
  cursor = part;
  draw();
}

const span = () => {
  const end = history.length ? history[history.length - 1].at : now();
  // A server that is young is not shown as an hour of nothing.
  const begin = Math.max(end - HOUR, Math.min(history[0]?.at ?? end, end - 5 * 60000));
  return [begin, end];
};

function draw() {
  const [begin, end] = span();
  const at = cursor == null ? null : begin + cursor * (end - begin);
  const near = at == null ? null : history.reduce((a, b) => (Math.abs(b.at - at) < Math.abs(a.at - at) ? b : a), history[0] ?? {});
  const mark = at == null ? null : marks.find((m) => Math.abs(m.at - at) < (end - begin) / 90);
  say(note, near?.at ? clock(near.at) + (mark ? ` · ${mark.title}` : "") : `${clock(begin)} to now; red marks are faults`);
  for (const plot of plots) drawPlot(plot, begin, end, near);
}

function drawPlot(plot, begin, end, near) {
  const shown = near?.at ? near : history[history.length - 1];
  say(plot.value, shown ? plot.show(shown[plot.key]) : "–");
  const width = plot.canvas.clientWidth;
  if (!width) return;
  const top = Math.max(...history.map((p) => Math.max(p[plot.key] ?? 0, (plot.extra && p[plot.extra]) ?? 0)), plot.log ? 10 : 1);
  plot.canvas.setAttribute("aria-label", `${plot.name}, now ${shown ? plot.show(shown[plot.key]) : "unknown"}, at most ${plot.show(top)} in the last hour`);
  paint(plot.canvas, width, HEIGHT, (c, w, hgt) => {
    const foot = hgt - 15;
    const x = (t) => ((t - begin) / (end - begin)) * w;
    const low = Math.log10(0.1);
    const y = plot.log
      ? (v) => foot - ((Math.log10(Math.max(v, 0.1)) - low) / (Math.log10(top * 1.3) - low)) * (foot - 6)
      : (v) => foot - (v / (top * 1.15)) * (foot - 6);
    axes(c, plot, w, foot, y, top, begin, end, x);
    drawMarks(c, x, begin, end, foot);
    if (plot.extra) dots(c, plot, x, y);
    line(c, plot, x, y, foot);
    if (near?.at) {
      c.fillStyle = colour("ink");
      c.globalAlpha = 0.5;
      c.fillRect(Math.round(x(near.at)), 0, 1, foot);
      c.globalAlpha = 1;
    }
  });
}

/** Where there are many, what happened meanwhile is still to be seen. */
function drawMarks(c, x, begin, end, foot) {
  const places = new Set(marks.filter((m) => m.at >= begin && m.at <= end).map((m) => Math.round(x(m.at))));
  c.fillStyle = colour("bad");
  c.globalAlpha = places.size > 12 ? 0.3 : 1;
  for (const place of places) c.fillRect(place - 0.5, 4, 1, foot - 4);
  c.globalAlpha = 1;
}

function ticks(plot, top) {
  if (plot.log) return [1, 10, 100, 1000, 10000].filter((v) => v <= top * 1.3);
  const rough = top / 2.2;
  const unit = plot.key === "memory_bytes" ? 1 << 20 : 1;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough / unit, 1)));
  const step = [1, 2, 5, 10].map((f) => f * power * unit).find((s) => s >= rough) ?? rough;
  return [step, step * 2].filter((v) => v <= top);
}

function axes(c, plot, w, foot, y, top, begin, end, x) {
  c.font = `10.5px ${colour("sans")}`;
  c.fillStyle = colour("line");
  c.fillRect(0, foot, w, 1);
  for (const v of ticks(plot, top)) {
    c.fillStyle = colour("line");
    c.fillRect(0, Math.round(y(v)), w, 1);
    c.fillStyle = colour("soft");
    c.fillText((plot.tick ?? plot.show)(v), 0, Math.max(10, Math.round(y(v)) - 3)); // not above the picture
  }
  const minutes = (end - begin) / 60000;
  const step = [1, 2, 5, 10, 15, 30].find((s) => (s / minutes) * w >= LABEL) ?? 60;
  c.textAlign = "center";
  for (let t = Math.ceil(begin / (step * 60000)) * step * 60000; t < end; t += step * 60000) {
    if (x(t) < 16 || x(t) > w - 16) continue;
    c.fillText(clock(t).slice(0, 5), x(t), foot + 13);
  }
  c.textAlign = "left";
}

function line(c, plot, x, y, foot) {
  c.strokeStyle = c.fillStyle = colour("accent");
  c.lineWidth = 1.5;
  c.lineJoin = "round";
  let run = [];
  const flush = () => {
    if (!run.length) return;
    c.beginPath();
    for (const [px, py] of run) c.lineTo(px, py);
    if (run.length === 1) c.lineTo(run[0][0] + 1, run[0][1]);
    c.stroke();
    c.lineTo(run[run.length - 1][0], foot);
    c.lineTo(run[0][0], foot);
    c.globalAlpha = 0.09;
    c.fill();
    c.globalAlpha = 1;
    run = [];
  };
  for (const p of history) {
    if (p[plot.key] == null) flush();
    else run.push([x(p.at), y(p[plot.key])]);
  }
  flush();
}

/** The longest wait of each step: what the line of 99 % does not show. */
function dots(c, plot, x, y) {
  c.fillStyle = colour("soft");
  for (const p of history) if (p[plot.extra] != null) c.fillRect(x(p.at) - 0.75, y(p[plot.extra]) - 0.75, 1.5, 1.5);
}
