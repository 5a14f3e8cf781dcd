// The last 60 seconds along the bottom: a bar for each acknowledged input, as high as it took long (log scale), a dot for
// each state that came, so that silence is a gap, and marks for faults.

const SPAN_MS = 60_000, LOW_MS = 1, HIGH_MS = 2000;
const ROW = 14; // of labels
const MOST = 8192; // of each list: nothing is drawn, nor forgotten, in a hidden tab

/** Forgets the oldest in one go, so that a list of `MOST` is not moved for each that comes. */
function add(list, one) {
  list.push(one);
  if (list.length > MOST) list.splice(0, MOST / 2);
}
/** Forgets what is older than `oldest`. */
function trim(list, oldest, at) {
  const fresh = list.findIndex((one) => at(one) >= oldest);
  list.splice(0, fresh < 0 ? list.length : fresh);
}

export class Strip {
  #canvas; #context;
  /** @type {{at: number, ms: number}[]} */ #inputs = [];
  /** @type {number[]} */ #states = [];
  /** @type {{at: number, ms: number, text: string, isNews: boolean}[]} */ #faults = [];

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }
  acknowledged(ms, at = performance.now()) { add(this.#inputs, { at, ms }); }
  stateCame(at = performance.now()) { add(this.#states, at); }
  /** What was broken and how long it was felt; the label may become better later. `isNews`: nothing was broken. */
  fault(text, ms, at = performance.now(), isNews = false) {
    const fault = { at, ms, text, isNews };
    add(this.#faults, fault);
    return fault;
  }
  get labels() { return this.#faults.map((fault) => this.#label(fault)); }
  #label({ text, ms }) { return ms >= 1 ? `${text} · ${ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`}` : `${text} · not felt`; }

  draw(now) {
    const canvas = this.#canvas, context = this.#context, ratio = Math.min(devicePixelRatio || 1, 2);
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    for (const list of [this.#inputs, this.#faults]) trim(list, now - SPAN_MS, (one) => one.at);
    trim(this.#states, now - SPAN_MS, (at) => at);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const x = (at) => width - ((now - at) / SPAN_MS) * width;
    const base = height - 9, top = 17;
    const high = (ms) => (Math.log(Math.max(ms, LOW_MS) / LOW_MS) / Math.log(HIGH_MS / LOW_MS)) * (base - top);
    this.#scale(context, width, base, high);
    context.fillStyle = "#6ee7ff80";
    this.#silence(context, base, x);
    for (const { at, ms } of this.#inputs) {
      const tall = Math.max(2, high(Math.min(ms, HIGH_MS)));
      context.fillStyle = ms < 30 ? "#5fe3b4" : ms < 120 ? "#ffd479" : "#ff9e6b";
      context.fillRect(x(at) - 1.5, base - tall, 3, tall);
    }
    this.#marks(context, width, base, x);
  }
  /** States that came so close to each other that their dots touch are one line. */
  #silence(context, base, x) {
    const states = this.#states;
    for (let first = 0, last = 0; first < states.length; first = ++last) {
      const left = x(states[first]);
      while (last + 1 < states.length && x(states[last + 1]) - x(states[last]) < 2) last++;
      context.fillRect(left, base + 3, x(states[last]) - left + 1, 2);
    }
  }
  #scale(context, width, base, high) {
    context.font = "10px system-ui, sans-serif";
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const [ms, text] of [[10, "10 ms"], [100, "100 ms"], [1000, "1 s"]]) {
      const y = Math.round(base - high(ms)) + 0.5;
      context.fillStyle = "#ffffff12";
      context.fillRect(0, y, width, 1);
      context.fillStyle = "#8593b5a0";
      if (ms !== 10 && (ms === 1000 || high(1000) - high(100) > 11)) context.fillText(text, 6, y - 6);
    }
    context.fillStyle = "#ffffff24";
    context.fillRect(0, base, width, 1);
  }
  #marks(context, width, base, x) {
    for (const fault of this.#faults) {
      const at = x(fault.at), wide = (fault.ms / SPAN_MS) * width;
      context.fillStyle = fault.isNews ? "#ffd47930" : "#ff7b8538";
      context.fillRect(at - wide, 14, Math.max(wide, 1.5), base - 14);
      context.fillStyle = fault.isNews ? "#ffd479" : "#ff7b85";
      context.fillRect(at - 0.75, 4, 1.5, base - 4);
    }
    this.#words(context, width, base, x);
  }
  /** The newest first; labels that lie close together stand below each other, and what has no room is left out. */
  #words(context, width, base, x) {
    context.font = "600 11px system-ui, sans-serif";
    context.textAlign = "left";
    const rows = Math.floor((base - 3) / ROW), taken = Array.from({ length: rows }, () => []);
    for (const fault of this.#faults.toReversed()) {
      const at = x(fault.at), label = this.#label(fault), room = context.measureText(label).width;
      const left = at + room + 8 > width ? at - room - 6 : at + 6, right = left + room;
      const row = taken.findIndex((spans) => spans.every((span) => right + 10 < span.left || left > span.right + 10));
      if (row < 0) continue;
      taken[row].push({ left, right });
      context.fillStyle = "#060912e6";
      context.fillRect(left - 3, 3 + row * ROW, room + 6, ROW);
      context.fillStyle = fault.isNews ? "#ffe2a8" : "#ffb4ba";
      context.fillText(label, left, 10 + row * ROW);
    }
  }
}
