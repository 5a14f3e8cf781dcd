// The drawer that breaks things, for whoever has the admin token. The token comes with the link (#token=…), is taken out of
// the address bar at once and lives as long as this tab.

const element = (id) => document.getElementById(id);

export class Breaker {
  #token; #game;
  /** What was asked for last, so that the strip can name what is felt. @type {{kind: string, at: number, feltAt?: number} | null} */
  asked = null;

  constructor(game) {
    this.#game = game;
    const given = new URLSearchParams(location.hash.slice(1)).get("token");
    if (given) {
      keep("arena.token", given);
      history.replaceState(null, "", location.pathname + location.search);
    }
    this.#token = given ?? kept("arena.token");
    element("break-open").addEventListener("click", () => this.toggle());
    element("fix-ask").addEventListener("click", () => { this.toggle(true); element("token").focus(); });
    refused = () => {
      this.#token = "";
      forget("arena.token");
      this.#show();
      this.#game.toast("That is not this server's admin token.");
    };
    addEventListener("keydown", (event) => { if (event.key === "Escape" && !element("break").hidden) this.toggle(); });
    element("token-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#token = element("token").value.trim();
      keep("arena.token", this.#token);
      this.#show();
    });
    for (const button of document.querySelectorAll("[data-fault]")) {
      button.addEventListener("click", () => this.#fault(button.dataset.fault, button));
    }
    element("spin").addEventListener("click", () => this.#spin());
    this.#show();
  }

  toggle(isOpen = element("break").hidden) {
    element("break").hidden = !isOpen;
    element("break-open").setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) return;
    if (matchMedia("(max-width: 760px)").matches) this.#game.fixer?.toggle(false);
    this.recoveries();
    this.#findSpin();
  }
  #show() {
    element("token-form").hidden = Boolean(this.#token);
    for (const button of element("break-buttons").children) button.disabled = !this.#token;
    element("fix").classList.toggle("locked", !this.#token);
    element("fix-token").hidden = Boolean(this.#token);
  }

  async #fault(kind, button) {
    this.asked = { kind, at: performance.now() };
    button.blur(); // space is for dashing
    // The others' death is not felt here.
    const instance = kind === "worker-kill" ? (await this.#game.place()).worker : undefined;
    const { error } = await order("/v1/faults", { kind, instance });
    if (error && !(kind === "all-kill" && error === SILENT)) this.#game.toast(error);
  }

  /** The module that breaks on demand may not be there, or not be allowed. */
  async #findSpin() {
    const modules = await ask("/v1/modules");
    element("spin").hidden = !modules?.some((module) => module.name === "faulty");
  }
  async #spin() {
    element("spin").blur();
    try {
      const room = await this.#game.oneup.join(`faulty/${this.#game.key}`, { schema: null });
      const started = performance.now();
      const outcome = await room.sendRaw(Uint8Array.of(4)).then(() => "ended", (error) => error.code);
      this.#game.toast(`A neighbouring room ran in circles for ${Math.round(performance.now() - started)} ms until it was stopped: ${outcome}. Did you notice?`);
      room.leave().catch(() => {});
    } catch {
      element("spin").hidden = true;
      this.#game.toast("This server was not started with --dev: the module that spins may not be joined.");
    }
  }

  /** Shows what the server says about its last deaths, the newest first. */
  async recoveries() {
    const list = (await ask("/v1/recoveries")) ?? [];
    element("recoveries").replaceChildren(...list.slice(-5).reverse().map(({ role, instance, replacement, tookMicroseconds }) => {
      const row = document.createElement("li"), took = document.createElement("b");
      took.textContent = `${(tookMicroseconds / 1000).toFixed(1)} ms`;
      row.append(`${role} ${instance} died${replacement ? `, ${replacement} took over` : ""}`, took);
      return row;
    }));
  }
  /** A label for what was just felt, from this side alone. @param {"worker" | "connection"} kind */
  nameFor(kind) {
    const now = performance.now(), asked = this.asked;
    // Once: what breaks next was somebody else's doing.
    const recent = asked && now - asked.at < 15_000 && now - (asked.feltAt ?? now) < 1_000 ? asked.kind : "";
    if (recent) asked.feltAt ??= now;
    if (recent === "all-kill") return "everything killed";
    if (kind === "worker") return recent === "worker-kill" ? "worker killed" : "worker replaced";
    return recent === "gateway-kill" ? "gateway killed" : "connection lost";
  }
  /** The same as the server tells it, as soon as it does; null if it does not. */
  async better(kind) {
    const role = kind === "worker" ? "worker" : "gateway";
    const since = (this.#game.oneup.clock() - 10_000) * 1000;
    const death = ((await ask("/v1/recoveries")) ?? []).findLast((one) => one.role === role && one.atMicroseconds > since);
    if (!death) return null;
    const how = /kill|signal 9\b/i.test(death.cause) ? "killed" : /stop|silent|beat|still|hang|hung/i.test(death.cause) ? "hung" : "crashed";
    return `${role} ${how}`;
  }
}

const SILENT = "The server does not answer just now.";
let isClosed = false, refused = () => {};

/** What the server answers to an order, which needs the token; `{error}` where it refuses.
 * @returns {Promise<any>} */
export async function order(path, body = {}) {
  try {
    const answer = await fetch(path, { method: "POST", body: JSON.stringify(body),
      headers: { "content-type": "application/json", authorization: `Bearer ${kept("arena.token") ?? ""}` } });
    if (answer.status === 401) refused();
    const said = await answer.json().catch(() => ({}));
    return answer.ok ? said : { error: said.error ?? `The server answered ${answer.status}.` };
  } catch {
    return { error: SILENT };
  }
}

/** JSON of the server, or null. A server that wants a token for it is asked once, and again when there is one. */
export async function ask(path) {
  const token = kept("arena.token");
  if (isClosed && !token) return null;
  try {
    const answer = await fetch(path, token ? { headers: { authorization: `Bearer ${token}` } } : {});
    isClosed = answer.status === 401;
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

export function kept(name) { try { return sessionStorage.getItem(name); } catch { return null; } }
export function keep(name, value) { try { sessionStorage.setItem(name, value); } catch { /* not kept */ } }
export function forget(name) { try { sessionStorage.removeItem(name); } catch { /* nothing kept */ } }
