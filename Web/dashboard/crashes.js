// Crashes that are kept: what failed, where in the source, and the same events played again on demand.
import { h, say, clock, plural } from "./format.js";
import { get, post, access } from "./api.js";
import { called } from "./rooms.js";
import { versionsOf } from "./releases.js";

const SHOWN = 40, READ_AHEAD = 8, LOOK_MS = 15_000;
let list, note, rows = new Map(), timer = 0;

export function begin(element, noteElement) {
  list = element;
  note = noteElement;
  look();
}
/** One was written, or was completed. */
export function hear() {
  clearTimeout(timer);
  timer = setTimeout(look, 100);
}

async function look() {
  clearTimeout(timer);
  try {
    const all = await get("/v1/crashes");
    say(note, all.length ? plural(all.length, "bundle") : "");
    const shown = all.slice(0, SHOWN);
    for (const crash of shown) if (!rows.has(crash.id)) rows.set(crash.id, row(crash));
    for (const id of rows.keys()) if (!shown.some((one) => one.id === id)) rows.delete(id);
    const wanted = shown.map(({ id }) => rows.get(id).element);
    if (!wanted.length) list.replaceChildren(h("li.empty", {}, "None is kept. A failure of game code leaves a file here that plays itself again."));
    else if (wanted.some((element, i) => list.children[i] !== element) || list.childElementCount !== wanted.length) list.replaceChildren(...wanted);
    for (const { id } of shown.slice(0, READ_AHEAD)) await rows.get(id).read();
  } catch (error) { say(note, error.message); }
  timer = setTimeout(look, LOOK_MS);
}

/** `TIME-ROOM-EVENT`, or a process's report. */
const parts = (id) => /^(\d+)-([0-9a-f]{16})-(\d+)$/.exec(id);
const plain = (told) => String(told.text || told.fault || "").replace(/^.*instruction executed:? ?/, "") || told.fault;

function row({ id, at }) {
  const place = parts(id), when = place ? Number(place[1]) / 1000 : at * 1000;
  const title = h("b", {}, place ? "A room's code failed" : "A process crashed");
  const where = h("span.soft", {}, place ? `${called(place[2]) ?? `room ${place[2]}`}, event ${place[3]}` : id);
  const body = h("div.inside");
  const details = h("details", {}, h("summary", {}, h("time", { datetime: new Date(when).toISOString(), title: new Date(when).toLocaleString() }, clock(when)), h("span", {}, title, " ", where)), body);
  let told = null;
  const read = async () => {
    if (told) return;
    try {
      told = await get(`/v1/crashes/${encodeURIComponent(id)}`);
      if (!told.module) return;
      const fault = plain(told);
      say(title, fault[0].toUpperCase() + fault.slice(1));
      say(where, `${told.module}/${told.key}, event ${told.event}`);
    } catch { /* it went away: the next look takes the row */ }
  };
  details.addEventListener("toggle", async () => {
    if (!details.open || body.childElementCount) return;
    await read();
    if (told && !body.childElementCount) body.append(...inside(id, told, place));
  });
  return { element: h("li.crash", { "data-crash": id }, details), read };
}

function inside(id, told, place) {
  const frames = told.backtrace?.length ? told.backtrace.map((f, i) => `${String(i).padStart(2)}  ${f}`).join("\n") : "no backtrace";
  const verdict = h("p.verdict", { role: "status" });
  const command = h("p.note", {}, h("code", {}, `oneup crash replay ${id}`));
  return [h("pre", { tabindex: "0", "aria-label": "Backtrace" }, `${told.text ?? told.fault ?? ""}\n\n${frames}`), place && access.token ? again(id, told, verdict) : null, verdict, place ? command : null].filter(Boolean);
}

function again(id, told, verdict) {
  const choice = h("select", { "aria-label": "On which version" });
  const fill = () => {
    const versions = versionsOf(told.module).filter((version) => version !== told.version);
    if (choice.childElementCount === versions.length + 1) return;
    choice.replaceChildren(h("option", { value: "" }, `as it was${told.version ? ` (${told.version})` : ""}`), ...versions.map((version) => h("option", { value: version }, `on ${version}`)));
  };
  fill();
  choice.addEventListener("focus", fill); // there may be more by then
  const button = h("button.button.small", { type: "button", onclick: async () => {
    const version = choice.value;
    button.disabled = true;
    verdict.dataset.mood = "";
    say(verdict, "Playing the room's last events again …");
    try {
      const said = await post(`/v1/crashes/${encodeURIComponent(id)}/replay`, version ? { version } : {});
      [verdict.dataset.mood, verdict.textContent] = words(said, version);
    } catch (error) { [verdict.dataset.mood, verdict.textContent] = ["bad", error.message]; }
    button.disabled = false;
  } }, "Replay");
  return h("div.again", {}, button, choice);
}

function words(said, version) {
  if (version) return said.outcome === "failed" ? ["bad", `${version} fails at it, too: ${plain(said)}`] : ["good", `${version} survives it: the event is ${said.outcome}.`];
  if (said.same) return ["", `The same failure at the same place${said.state === "same" ? ", from the same state" : ""}.`];
  return ["bad", said.outcome === "failed" ? `It fails otherwise this time: ${plain(said)}` : `It does not come again: the event is ${said.outcome}.`];
}
