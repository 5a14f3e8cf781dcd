// Draws the arena: space, gems, ships with their trails, and small bursts of light. Knows nothing of the network.

export const WORLD = { width: 1600, height: 1000 };
const LIGHTS_MAX = 600;
const TRAIL_MS = 800, TRAIL_STEP_MS = 32, TRAIL_PIECES = 9;
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const segments = typeof Intl.Segmenter === "function" ? new Intl.Segmenter() : null;

/** A colour for everybody, far from its neighbours', from the gems' green and from one's own blue. */
export function hueOf(key, isOwn = false) {
  if (isOwn) return 192;
  const hue = (key * 169.957 + 32) % 275;
  return hue < 130 ? hue : hue + 85;
}

/** As much of a text as fits, in whole characters of any script. */
function shortened(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const characters = segments ? Array.from(segments.segment(text), (s) => s.segment) : [...text];
  let low = 0, high = characters.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${characters.slice(0, middle).join("")}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return `${characters.slice(0, low).join("")}…`;
}

function sprite(size, paint) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  context.translate(size / 2, size / 2);
  paint(context, size / 2);
  return canvas;
}
function glow(context, radius, colour, strength = 1) {
  const gradient = context.createRadialGradient(0, 0, 0, 0, 0, radius);
  gradient.addColorStop(0, `hsl(${colour} / ${0.5 * strength})`);
  gradient.addColorStop(0.4, `hsl(${colour} / ${0.14 * strength})`);
  gradient.addColorStop(1, `hsl(${colour} / 0)`);
  context.fillStyle = gradient;
  context.fillRect(-radius, -radius, 2 * radius, 2 * radius);
}
/** One that repeats from the same seed, so that the sky is the same for everybody. */
function numbers(seed) {
  return () => (seed = (seed * 16807) % 2147483647) / 2147483647;
}

const STAR_TILE = 640; // the stars repeat after so many CSS pixels
/** Stars are drawn one by one: three layers of the window's size would cost ten times as much. */
function starLayer(count, radius, light, layer) {
  const random = numbers(77 + layer);
  const images = [200, 220, 240, 260].flatMap((hue) => [0.5, 0.9].map((part) => sprite(16, (context) => {
    context.fillStyle = `hsl(${hue} 70% 88% / ${light * part})`;
    context.beginPath();
    context.arc(0, 0, 7, 0, 7);
    context.fill();
  })));
  return Array.from({ length: count }, () => ({ radius: (radius * (0.6 + random() * 0.8) * 8) / 7, x: random() * STAR_TILE, y: random() * STAR_TILE, image: images[Math.floor(random() * images.length)] }));
}
function newTrail(hue) {
  const colours = (light) => Array.from({ length: TRAIL_PIECES }, (_, piece) => `hsl(${hue} 90% ${light}% / ${0.55 * ((piece + 1) / TRAIL_PIECES) ** 2})`);
  return { points: [], colours: colours(62), fast: colours(72) };
}
/** `value` moved by whole `size`s to between 0 and `size`. */
function into(value, size) { return ((value % size) + size) % size; }

export class Scene {
  #canvas; #context;
  #sprites = new Map();
  #labels = new Map();
  #trails = new Map();
  #angles = new Map();
  #lights = [];
  #camera = null;
  #stars; #clouds;
  #sky = null;
  /** CSS pixels at the bottom that something else covers. */
  inset = 0;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
    this.#stars = [[90, 0.5, 0.25], [60, 0.8, 0.45], [26, 1.2, 0.8]].map(([count, radius, light], layer) => starLayer(count, radius, light, layer));
    this.#clouds = this.#cloudImage();
  }

  #cloudImage() {
    const image = document.createElement("canvas");
    image.width = 320;
    image.height = 200;
    const context = image.getContext("2d");
    context.fillStyle = "#060912";
    context.fillRect(0, 0, 320, 200);
    context.globalCompositeOperation = "lighter";
    for (const [x, y, r, colour] of [[70, 60, 130, "222 75% 22%"], [250, 50, 110, "262 60% 20%"], [190, 160, 140, "200 80% 15%"], [30, 180, 90, "310 45% 13%"]]) {
      context.save();
      context.translate(x, y);
      glow(context, r, colour, 1.1);
      context.restore();
    }
    return image;
  }

  /** World coordinates of a point of the window. */
  toWorld(x, y) {
    const c = this.#camera;
    return c ? { x: (x - c.left) / c.scale, y: (y - c.top) / c.scale } : { x: 0, y: 0 };
  }

  burst(x, y, hue, count = 14) {
    for (let i = 0; i < (calm ? 4 : count); i++) {
      const angle = Math.random() * 7, speed = 40 + Math.random() * 150;
      this.#flash({ x, y, vx: Math.cos(angle) * speed, vy: Math.sin(angle) * speed, life: 350 + Math.random() * 350, hue });
    }
  }
  ring(x, y, hue, radius = 90) { this.#flash({ x, y, life: 600, hue, radius }); }
  text(x, y, text, hue) { this.#flash({ x, y, vx: 0, vy: -46, life: 900, hue, text }); }
  /** Nothing is drawn, nor goes out, in a hidden tab. */
  #flash(light) {
    if (this.#lights.length < LIGHTS_MAX) this.#lights.push({ ...light, born: performance.now() });
  }

  /** ships: {key, pos, vel, name, score, isOwn, isBot, ready (0…1), isFaded}; gems: {key, pos, kind, isSpent} */
  draw(now, ships, gems, focus) {
    const context = this.#fit(), camera = this.#look(focus, now);
    this.#space(context, camera, now);
    context.setTransform(camera.ratio * camera.scale, 0, 0, camera.ratio * camera.scale, camera.ratio * camera.left, camera.ratio * camera.top);
    this.#border(context);
    for (const gem of gems) this.#gem(context, gem, now);
    context.globalCompositeOperation = "lighter";
    for (const ship of ships) this.#trail(context, ship, now);
    context.globalCompositeOperation = "source-over";
    for (const ship of ships) this.#ship(context, ship, now);
    this.#light(context, now);
    this.#forget(ships);
  }

  #fit() {
    const ratio = Math.min(devicePixelRatio || 1, 2), { clientWidth, clientHeight } = this.#canvas;
    const width = Math.round(clientWidth * ratio), height = Math.round(clientHeight * ratio);
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    return this.#context;
  }
  /** The world fills the window; what does not fit is seen by flying there. */
  #look(focus, now) {
    const width = this.#canvas.clientWidth, height = this.#canvas.clientHeight - this.inset;
    const ratio = this.#canvas.width / this.#canvas.clientWidth;
    const scale = Math.max(Math.min(Math.max(width / WORLD.width, height / WORLD.height), 1.6), 0.62);
    const place = (at, size, world) => (world * scale <= size ? (size - world * scale) / 2 : Math.min(0, Math.max(size - world * scale, size / 2 - at * scale)));
    const at = focus ?? { x: WORLD.width / 2, y: WORLD.height / 2 };
    const left = place(at.x, width, WORLD.width), top = place(at.y, height, WORLD.height);
    const before = this.#camera, ease = before && before.scale === scale ? 1 - Math.exp(-(now - before.now) / 90) : 1;
    this.#camera = { scale, ratio, now, left: before ? before.left + (left - before.left) * ease : left, top: before ? before.top + (top - before.top) * ease : top };
    return this.#camera;
  }
  /** What fills the window costs most of a frame where no graphics card helps: it is copied, once. */
  #space(context, camera, now) {
    const { width, height } = this.#canvas, bottom = height - this.inset * camera.ratio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = 1;
    context.imageSmoothingEnabled = true;
    context.drawImage(this.#backdrop(width, height), 0, 0);
    const size = STAR_TILE * camera.ratio;
    this.#stars.forEach((stars, layer) => {
      const depth = [0.15, 0.35, 0.6][layer], drift = calm ? 0 : (now * 0.0012 * (layer + 1)) % STAR_TILE;
      const left = (camera.left * depth - drift) * camera.ratio, top = camera.top * depth * camera.ratio;
      for (const { x, y, radius, image } of stars) {
        const side = 2 * radius * camera.ratio, x0 = into(x * camera.ratio + left, size), y0 = into(y * camera.ratio + top, size);
        for (let at = x0 - side; at < width; at += size) for (let down = y0 - side; down < bottom; down += size) context.drawImage(image, at, down, side, side);
      }
    });
  }
  /** The clouds in the window's size. */
  #backdrop(width, height) {
    if (this.#sky?.width === width && this.#sky.height === height) return this.#sky;
    this.#sky = document.createElement("canvas");
    this.#sky.width = width;
    this.#sky.height = height;
    const spread = Math.max(width / 320, height / 200);
    this.#sky.getContext("2d", { alpha: false }).drawImage(this.#clouds, (width - 320 * spread) / 2, (height - 200 * spread) / 2, 320 * spread, 200 * spread);
    return this.#sky;
  }
  #border(context) {
    context.strokeStyle = "#8fb4ff22";
    context.lineWidth = 10;
    context.strokeRect(-5, -5, WORLD.width + 10, WORLD.height + 10);
    context.strokeStyle = "#8fb4ff66";
    context.lineWidth = 1.5;
    context.strokeRect(0, 0, WORLD.width, WORLD.height);
  }

  #sprite(name, size, paint) {
    let made = this.#sprites.get(name);
    if (!made) this.#sprites.set(name, (made = sprite(size, paint)));
    return made;
  }
  #gem(context, { key, pos, kind, isSpent }, now) {
    const isCursed = kind === "cursed", isGold = kind === "gold", hue = isCursed ? 283 : isGold ? 46 : 163;
    const image = this.#sprite(kind, 128, (c, r) => {
      glow(c, r, `${hue} 95% ${isCursed ? 70 : 62}%`, isCursed || isGold ? 1.2 : 0.9);
      const outline = () => {
        c.beginPath();
        if (isCursed) for (let i = 0; i < 12; i++) c.lineTo(Math.cos((i * Math.PI) / 6) * (i % 2 ? 11 : 23), Math.sin((i * Math.PI) / 6) * (i % 2 ? 11 : 23));
        else if (isGold) for (let i = 0; i < 10; i++) c.lineTo(Math.sin((i * Math.PI) / 5) * (i % 2 ? 12 : 24), -Math.cos((i * Math.PI) / 5) * (i % 2 ? 12 : 24));
        else for (const [x, y] of [[0, -22], [15, -4], [0, 22], [-15, -4]]) c.lineTo(x, y);
        c.closePath();
      };
      outline();
      c.fillStyle = isCursed ? "hsl(283 70% 24%)" : isGold ? "hsl(44 100% 56%)" : "hsl(163 80% 52%)";
      c.fill();
      c.lineWidth = 3;
      c.lineJoin = "round";
      c.strokeStyle = `hsl(${hue} 100% ${isCursed ? 80 : 86}%)`;
      c.stroke();
      if (isCursed || isGold) return;
      c.beginPath();
      for (const [x, y] of [[0, -22], [15, -4], [0, 3], [-15, -4]]) c.lineTo(x, y);
      c.closePath();
      c.fillStyle = "hsl(158 95% 78%)";
      c.fill();
    });
    const wave = calm ? 0 : Math.sin(now / 600 + key * 2.4);
    const size = 58 + wave * 4;
    context.save();
    context.translate(pos.x, pos.y + wave * 2);
    context.rotate(isCursed && !calm ? now / 1400 + key : 0);
    context.globalAlpha = isSpent ? 0.25 : 1;
    context.drawImage(image, -size / 2, -size / 2, size, size);
    context.restore();
  }
  /** Where a ship was: a place for every `TRAIL_STEP_MS`, the newest last, drawn as pieces that grow thin and faint. */
  #trail(context, { key, pos, vel, isOwn }, now) {
    let trail = this.#trails.get(key);
    if (!trail) this.#trails.set(key, (trail = newTrail(hueOf(key, isOwn))));
    const { points } = trail, last = points[points.length - 1];
    if (last && Math.hypot(last.x - pos.x, last.y - pos.y) > 150) points.length = 0;
    if (points.length === 0 || now - last.now >= TRAIL_STEP_MS) points.push({ x: pos.x, y: pos.y, now });
    while (points.length > 0 && points[0].now < now - TRAIL_MS) points.shift();
    const count = points.length;
    if (count < 2 || Math.hypot(points[0].x - pos.x, points[0].y - pos.y) < 3) return;
    const isFast = Math.hypot(vel.x, vel.y) > 330, colours = isFast ? trail.fast : trail.colours;
    context.lineCap = "butt";
    context.lineJoin = "round";
    for (let piece = 0; piece < TRAIL_PIECES; piece++) {
      const from = Math.floor((piece * count) / TRAIL_PIECES), to = Math.floor(((piece + 1) * count) / TRAIL_PIECES);
      if (to <= from) continue;
      context.beginPath();
      context.moveTo(points[from].x, points[from].y);
      for (let i = from + 1; i <= to; i++) context.lineTo((points[i] ?? pos).x, (points[i] ?? pos).y);
      context.strokeStyle = colours[piece];
      context.lineWidth = ((isFast ? 16 : 10) * (piece + 1)) / TRAIL_PIECES;
      context.stroke();
    }
  }
  #ship(context, ship, now) {
    const { key, pos, vel } = ship, hue = hueOf(key, ship.isOwn), speed = Math.hypot(vel.x, vel.y);
    const image = this.#sprite(`ship ${ship.isBot} ${hue}`, 192, (c, r) => {
      glow(c, r, `${hue} 95% 62%`, 1.05);
      c.beginPath();
      for (const [x, y] of ship.isBot ? [[36, 0], [-4, 22], [-28, 14], [-18, 0], [-28, -14], [-4, -22]] : [[40, 0], [-26, 25], [-14, 0], [-26, -25]]) c.lineTo(x, y);
      c.closePath();
      c.lineJoin = "round";
      const body = c.createLinearGradient(-26, 0, 40, 0);
      body.addColorStop(0, `hsl(${hue} 70% 38%)`);
      body.addColorStop(1, `hsl(${hue} 95% 80%)`);
      c.fillStyle = body;
      c.fill();
      c.lineWidth = 4;
      c.strokeStyle = `hsl(${hue} 100% 88%)`;
      c.stroke();
    });
    let angle = this.#angles.get(key) ?? -Math.PI / 2;
    if (speed > 12) {
      const turn = Math.atan2(vel.y, vel.x) - angle;
      angle += Math.atan2(Math.sin(turn), Math.cos(turn)) * 0.35;
      this.#angles.set(key, angle);
    }
    context.save();
    context.translate(pos.x, pos.y);
    context.globalAlpha = ship.isFaded ? 0.35 : 1;
    context.save();
    context.rotate(angle);
    context.drawImage(image, -40, -40, 80, 80);
    context.restore();
    if (ship.isOwn) {
      context.lineWidth = 2;
      context.strokeStyle = "#ffffff26";
      context.beginPath();
      context.arc(0, 0, 27, 0, 7);
      context.stroke();
      context.strokeStyle = ship.ready >= 1 ? "#ffffffcc" : `hsl(${hue} 90% 70% / .9)`;
      context.beginPath();
      context.arc(0, 0, 27, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * Math.min(1, ship.ready));
      context.stroke();
    }
    const label = this.#label(ship.name || (ship.isBot ? "bot" : "anybody"), String(ship.score), ship.isOwn);
    context.globalAlpha *= ship.isOwn ? 1 : 0.85;
    const wide = label.width / 2 / this.#camera.scale, high = label.height / 2 / this.#camera.scale;
    const place = this.#labelPlace(pos, wide, high);
    context.drawImage(label, place.x, place.y, wide, high);
    context.restore();
  }
  /** Below the ship, and within the window as long as the ship is. */
  #labelPlace(pos, wide, high) {
    const low = this.toWorld(0, 0), most = this.toWorld(this.#canvas.clientWidth, this.#canvas.clientHeight - this.inset);
    const isSeen = pos.x >= low.x && pos.x <= most.x;
    const left = isSeen ? Math.min(Math.max(pos.x - wide / 2, low.x + 4), most.x - wide - 4) : pos.x - wide / 2;
    return { x: left - pos.x, y: pos.y + 29 + high > most.y ? -29 - high : 29 };
  }
  #label(name, score, isOwn) {
    const id = `${isOwn} ${score} ${name}`;
    let made = this.#labels.get(id);
    if (made) return made;
    if (this.#labels.size > 400) this.#labels.clear();
    made = document.createElement("canvas");
    const context = made.getContext("2d");
    const font = `${isOwn ? 600 : 500} 27px system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif`;
    context.font = font;
    const text = shortened(context, name, 230), gap = 12;
    const nameWidth = context.measureText(text).width, width = nameWidth + gap + context.measureText(score).width;
    made.width = Math.ceil(width) + 12;
    made.height = 44;
    context.font = font;
    context.textBaseline = "middle";
    context.shadowColor = "#000";
    context.shadowBlur = 6;
    context.fillStyle = isOwn ? "#ffffff" : "#c3cfeb";
    context.fillText(text, 6, 22);
    context.fillStyle = "#8fe9c3";
    context.direction = "ltr";
    context.fillText(score, 6 + nameWidth + gap, 22);
    this.#labels.set(id, made);
    return made;
  }
  #light(context, now) {
    this.#lights = this.#lights.filter((light) => now - light.born < light.life);
    context.globalCompositeOperation = "lighter";
    for (const light of this.#lights) {
      const passed = Math.max(0, now - light.born), age = passed / light.life, seconds = passed / 1000;
      const x = light.x + (light.vx ?? 0) * seconds * (1 - age / 2), y = light.y + (light.vy ?? 0) * seconds * (1 - age / 2);
      context.globalAlpha = Math.max(0, 1 - age);
      if (light.radius) {
        context.strokeStyle = `hsl(${light.hue} 95% 70%)`;
        context.lineWidth = 5 * (1 - age) + 0.5;
        context.beginPath();
        context.arc(x, y, light.radius * (1 - (1 - age) ** 3), 0, 7);
        context.stroke();
      } else if (light.text) {
        context.font = "600 20px system-ui, sans-serif";
        context.textAlign = "center";
        context.fillStyle = `hsl(${light.hue} 90% 78%)`;
        context.fillText(light.text, x, y);
      } else {
        const spark = this.#sprite(`spark ${light.hue}`, 32, (c, r) => { glow(c, r, `${light.hue} 95% 75%`, 1.6); glow(c, r / 2.5, "0 0% 100%", 1.6); });
        const size = 16 * (1 - age) + 3;
        context.drawImage(spark, x - size / 2, y - size / 2, size, size);
      }
    }
    context.globalAlpha = 1;
    context.globalCompositeOperation = "source-over";
  }
  /** What flew away leaves nothing behind. */
  #forget(ships) {
    if (this.#trails.size <= ships.length) return;
    const here = new Set(ships.map((ship) => ship.key));
    for (const key of this.#trails.keys()) if (!here.has(key)) { this.#trails.delete(key); this.#angles.delete(key); }
  }
}
