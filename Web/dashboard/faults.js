// The buttons that kill for real. They need the admin token, which the link from `make run` carries.
import { h } from "./format.js";
import { access, post } from "./api.js";

let foot, box, changed = () => {};

export function begin(footElement, accessElement, onChange) {
  foot = footElement;
  box = accessElement;
  changed = onChange;
  draw();
}

/** For a process's row. */
export function tools(p) {
  if (!access.token) return [];
  const button = (text, kind, title) => h("button.button.small.quiet.danger", {
    type: "button", title, "aria-label": `${title}: ${p.role} ${p.instance}`, onclick: (e) => strike(kind, p.instance, e.target),
  }, text);
  if (p.role === "worker") return [button("hang", "worker-stop", "SIGSTOP, as a hang"), button("kill", "worker-kill", "SIGKILL")];
  if (p.role === "gateway") return [button("kill", "gateway-kill", "SIGKILL")];
  if (p.role === "spare") return [button("kill", "spare-kill", "SIGKILL")];
  return [];
}
tools.version = 0;

async function strike(kind, instance, button) {
  button.disabled = true;
  say("");
  try {
    await post("/v1/faults", instance == null ? { kind } : { kind, instance });
  } catch (error) { say(error.message); }
  // The row goes with its process; where it stays, it can be tried again.
  setTimeout(() => { button.disabled = false; }, 1500);
}

function say(text) {
  const word = foot.querySelector(".said-here");
  if (word) word.textContent = text;
}

function draw() {
  tools.version += 1;
  if (!access.token) {
    foot.replaceChildren();
    const input = h("input", { type: "password", placeholder: "admin token", "aria-label": "Admin token", autocomplete: "off" });
    box.replaceChildren(h("form", { onsubmit: async (e) => {
      e.preventDefault();
      access.token = input.value.trim();
      await check(input);
    } }, input));
    return;
  }
  let sure = 0;
  const all = h("button.button.small.danger", { type: "button", onclick: () => {
    if (Date.now() - sure < 4000) return strike("all-kill", null, all);
    sure = Date.now();
    all.textContent = "Really? The supervisor dies too.";
    all.classList.add("sure");
    setTimeout(() => { all.textContent = "kill everything"; all.classList.remove("sure"); }, 4000);
  } }, "kill everything");
  foot.replaceChildren(
    h("span", {}, "The buttons kill for real; players keep their connections."), h("span", { style: "flex:1" }),
    h("span.said-here", { role: "status" }), all);
  box.replaceChildren("with admin token", h("button.button.small.quiet", { type: "button", onclick: () => { access.token = ""; draw(); changed(); } }, "forget it"));
}

/** A token is good if the server takes it for a change that it then refuses to make. */
async function check(input) {
  try {
    await post("/v1/faults", { kind: "none" });
  } catch (error) {
    if (error.status === 401) {
      access.token = "";
      input.value = "";
      input.placeholder = "that is not it";
      return;
    }
  }
  draw();
  changed();
}
