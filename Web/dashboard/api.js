// What the page asks the server. The admin token comes in the link (`#token=…`), stays in this tab's session storage,
// and leaves the address bar at once.

const KEY = "oneup.token";

export const access = {
  get token() { return sessionStorage.getItem(KEY) || ""; },
  set token(value) {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  },
};

const inLink = new URLSearchParams(location.hash.slice(1)).get("token");
if (inLink) {
  access.token = inLink;
  history.replaceState(null, "", location.pathname + location.search);
}

export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

const headers = () => (access.token ? { authorization: `Bearer ${access.token}` } : {});

async function checked(answer) {
  if (answer.ok) return answer;
  const { error } = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, error || `the server answered ${answer.status}`);
}

export async function get(path) {
  return (await checked(await fetch(path, { headers: headers(), cache: "no-store" }))).json();
}

export async function post(path, body) {
  const options = { method: "POST", headers: { ...headers(), "content-type": "application/json" }, body: JSON.stringify(body) };
  const text = await (await checked(await fetch(path, options))).text();
  return text ? JSON.parse(text) : {};
}

/** When somebody looks at the page. */
const seen = () => new Promise((go) => {
  const look = () => {
    if (document.hidden) return;
    document.removeEventListener("visibilitychange", look);
    go();
  };
  document.addEventListener("visibilitychange", look);
  look();
});

/**
 * The live stream, for as long as somebody looks: `hear(event, data)` for each message, `state("live" | "lost" | "away", why)`
 * when the connection comes and goes. `fetch` instead of EventSource, which cannot send a token. A tab behind others has no
 * stream: the browser gives them all six connections to this server together.
 */
export async function watch(hear, state) {
  let pause = 250;
  for (;;) {
    await seen();
    const stop = new AbortController();
    const leave = () => { if (document.hidden) stop.abort(); };
    document.addEventListener("visibilitychange", leave);
    // The server says something every second.
    let alarm = setTimeout(() => stop.abort(), 5000);
    try {
      const answer = await checked(await fetch("/v1/live", { headers: headers(), cache: "no-store", signal: stop.signal }));
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      state("live");
      pause = 250;
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        clearTimeout(alarm);
        alarm = setTimeout(() => stop.abort(), 5000);
        const messages = (rest + value).split("\n\n");
        rest = messages.pop();
        for (const message of messages) {
          const lines = message.split("\n");
          const field = (name) => lines.filter((l) => l.startsWith(name + ": ")).map((l) => l.slice(name.length + 2)).join("\n");
          if (field("event")) hear(field("event"), JSON.parse(field("data")));
        }
      }
      state("lost", "the server closed the stream");
    } catch (error) {
      if (document.hidden) state("away");
      else state("lost", error instanceof Refused ? error.message : "no answer", error.status);
    }
    document.removeEventListener("visibilitychange", leave);
    clearTimeout(alarm);
    stop.abort(); // when `hear` threw, the stream still runs
    if (document.hidden) continue;
    await new Promise((go) => setTimeout(go, pause * (0.5 + Math.random() / 2)));
    pause = Math.min(4000, pause * 2);
  }
}
