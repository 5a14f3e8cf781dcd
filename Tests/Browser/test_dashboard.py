"""The dashboard in a browser: what it shows of a real server, how it is used, and that everybody can."""
import json
import os
import signal
import subprocess
import unittest
import urllib.request

from support import PATIENCE, BrowserTest, program, screenshots, until

PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}

# The least contrast of any text on the page with what is behind it.
CONTRAST = """() => {
  const parse = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return { rgb: m.slice(0, 3), a: m[3] ?? 1 }; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a > 0.99) return c.rgb; } return [255, 255, 255]; };
  let worst = { ratio: 99 };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !e.checkVisibility() || e.closest("script, noscript, .hidden, .dead")) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color).rgb), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst.ratio) worst = { ratio, text: walk.currentNode.textContent.trim().slice(0, 40), of: e.className };
  }
  return worst;
}"""

# The same, once nothing that is new is highlighted any more.
CALM_CONTRAST = f"""(() => {{
  const fades = document.getAnimations().some((a) => a.animationName === 'arrive' || /color/.test(a.transitionProperty ?? ''));
  return fades ? null : ({CONTRAST})();
}})()"""


class DashboardTest(BrowserTest):
    def dashboard(self, token=True, **settings):
        page = self.open("/dashboard" + (f"#token={self.server.token}" if token else ""), **settings)
        self.until(page, "the processes", "document.querySelectorAll('#processes tr').length >= 6")
        return page

    def post(self, path, body, **headers):
        request = urllib.request.Request(
            self.server.http + path, json.dumps(body).encode(), {"Authorization": "Bearer " + self.server.token} | headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def rooms(self, *keys):
        return [self.post("/v1/rooms", {"module": "tally", "key": key})["room"] for key in keys]

    def whole(self, page):
        self.until(page, "two workers serve and a spare stands ready", """(() => {
          const states = [...document.querySelectorAll('#processes tr:not(.dead) .state')].map((e) => e.textContent);
          return states.filter((s) => s === 'serving' || s === 'took over').length === 3 && states.includes('spare');
        })()""")

    def test_shows_the_server_and_asks_nobody_else(self):
        asked = []
        page = self.dashboard()
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        self.until(page, "the processes", "document.querySelectorAll('#processes tr').length === 6")
        self.assertEqual([u for u in asked if not u.startswith(self.server.http)], [])
        self.assertNotIn("token", page.evaluate("location.href"))
        names = page.locator("#processes .name").all_inner_texts()
        self.assertEqual([n.split()[0] for n in names], ["supervisor", "gateway", "control", "worker", "worker", "spare"])
        self.assertEqual(page.locator("#numbers dt").all_inner_texts(), [
            "players", "rooms", "messages a second", "99 % answered within", "worst pause this hour"])
        shards = page.locator("#processes .shards span").all_inner_texts()
        self.assertEqual(sorted(map(int, shards)), list(range(8)))
        # Another test may have made a room fail a moment ago.
        self.until(page, "the sentence", "/^(All well|A bug cost one event)/.test(document.getElementById('sentence-text').textContent)")
        self.shot(page, "dashboard")

    def test_a_death_is_seen_as_it_happens(self):
        page = self.dashboard()
        self.whole(page)
        row = page.locator("#processes tr", has=page.locator(".shards span")).first
        instance = row.get_attribute("data-instance")
        row.get_by_role("button", name="SIGKILL").click()
        self.until(page, "the dead one", f"document.querySelector('tr.dead[data-instance=\"{instance}\"]') !== null")
        self.until(page, "who takes over", "document.getElementById('feed').innerText.includes('took over after')")
        self.until(page, "how it died", f"/worker {instance} died\\s+fault worker-kill/.test(document.getElementById('feed').innerText)")
        self.until(page, "the pause", "/\\d+(\\.\\d+)? ?m?s/.test(document.querySelector('[data-number=worst] dd').innerText)")
        self.whole(page)
        self.until(page, "the dead one is gone", f"document.querySelector('tr[data-instance=\"{instance}\"]') === null")
        self.shot(page, "dashboard-death")

    def test_a_bug_shows_its_backtrace(self):
        page = self.dashboard()
        self.whole(page)
        drill = subprocess.run(
            [program, "drill", "--server", self.server.players, "--http", self.server.http.removeprefix("http://"), "--token-file",
             os.path.join(self.server.data, "admin-token"), "--players", "4", "--rooms", "2", "--seconds", "8",
             "--fault", "trap=2s", "--quiet"], capture_output=True, text=True, timeout=PATIENCE * 3)
        self.assertEqual(drill.returncode, 0, drill.stdout + drill.stderr)
        self.until(page, "the bug", "document.getElementById('feed').innerText.includes('A bug cost one event')")
        self.until(page, "the sentence", "/A bug cost one event/.test(document.getElementById('sentence-text').textContent)")
        page.locator("#feed summary").first.click()
        self.until(page, "the backtrace", "document.querySelector('#feed details[open] pre') !== null")
        self.assertIn("faulty/", page.locator("#feed details[open]").first.inner_text())

    def test_rooms_are_found_entered_and_left_by_keyboard(self):
        lobby, match, _ = self.rooms("lobby", "match one", "match two")
        page = self.dashboard()
        self.until(page, "the rooms", "/[3-9] rooms/.test(document.getElementById('rooms-note').textContent)")
        page.focus("#rooms-canvas")
        page.keyboard.press("End")
        last = page.locator("#rooms-said").inner_text()
        page.keyboard.press("Home")
        self.assertRegex(last, r"\w+/.+, version \d")
        self.assertNotEqual(page.locator("#rooms-said").inner_text(), last)
        page.keyboard.press("Enter")
        self.until(page, "the drawer", "document.querySelector('#room .facts') !== null")
        page.keyboard.press("Escape")
        self.assertFalse(page.locator("#room").is_visible())
        self.assertEqual(page.evaluate("document.activeElement.id"), "rooms-canvas")

        page.fill("#rooms-search", "MATCH ONE")
        page.locator("#rooms-found button").click()
        self.until(page, "the drawer", "document.querySelector('#room .facts') && document.querySelector('#room h2').innerText === 'tally/match one'")
        self.assertIn(match, page.locator("#room").inner_text())
        page.get_by_role("button", name="Lock").click()
        self.until(page, "the lock", "[...document.querySelectorAll('#room button')].some((b) => b.textContent === 'Unlock')")
        until("it alone is locked", lambda: [r["id"] for r in self.server.get("/v1/rooms?state=locked")] == [match])
        self.shot(page, "dashboard-room")
        # It asks for a second click within four seconds.
        sure = """(() => {
          const end = document.querySelector("#room [data-key=end]");
          if (end?.textContent !== "End it for everybody?") return false;
          end.click();
          return true;
        })()"""
        self.again(page, "the second click", page.get_by_role("button", name="End the room").click, sure)
        self.until(page, "the end", "/has ended|answered/.test(document.getElementById('room').innerText) || document.querySelector('#room .problem')")
        self.assertEqual(self.server.get(f"/v1/rooms/{lobby}")["key"], "lobby")

    def test_ten_thousand_rooms(self):
        many = [{"id": f"{i:016x}", "module": "arena", "version": "1.4.0" if i % 9 else "1.5.0", "key": f"m{i}", "shard": i % 8,
                 "phase": "ready", "frozen": "trap" if i == 77 else None, "members": i % 13, "events": i} for i in range(10_000)]
        page = self.open("/v1/client")
        page.route("**/v1/rooms?*", lambda route: route.fulfill(json=many))
        page.route("**/v1/rooms/*", lambda route: route.fulfill(json=many[int(route.request.url[-16:], 16)]))
        page.goto(self.server.http + "/dashboard")
        self.until(page, "the rooms", "document.getElementById('rooms-note').textContent.startsWith('10,000 rooms')")
        self.assertEqual(page.locator("#rooms-legend").inner_text().split("\n"), ["arena 1.4.0 · 8,888", "arena 1.5.0 · 1,112", "1 frozen"])
        self.until(page, "the sentence", "document.getElementById('sentence-text').textContent.includes('arena/m77 is frozen')")
        page.click("#sentence-button")
        self.until(page, "the frozen one", "document.getElementById('room').innerText.includes('arena/m77')")
        page.keyboard.press("Escape")
        # Each square is a room: the first of all and, by its shard, one far below.
        page.locator("#rooms-canvas").click(position={"x": 1, "y": 1})
        self.until(page, "the first", "document.getElementById('room').innerText.includes('arena/m0')")
        self.shot(page, "dashboard-many")

    def test_without_the_token_nothing_can_be_broken(self):
        page = self.dashboard(token=False)
        self.assertEqual(page.get_by_role("button", name="SIGKILL").count(), 0)
        self.assertEqual(page.locator("#faults").inner_text(), "")
        box = page.get_by_label("Admin token")
        box.fill("wrong")
        box.press("Enter")
        self.until(page, "the refusal", "document.querySelector('#access input').placeholder === 'that is not it'")
        box.fill(self.server.token)
        box.press("Enter")
        self.until(page, "the buttons", "document.querySelectorAll('#processes button').length >= 4")
        self.assertEqual(page.evaluate("Object.values(sessionStorage)"), [self.server.token])
        page.get_by_role("button", name="forget it").click()
        self.gone(page, "#processes button")
        self.assertEqual(page.evaluate("Object.values(sessionStorage)"), [])

    def test_it_says_that_the_server_is_gone_and_comes_back_by_itself(self):
        page = self.dashboard()
        self.whole(page)
        control = next(p for p in self.server.get("/v1/processes")["processes"] if p["role"] == "control")
        # The loss may be over in a moment.
        page.evaluate("""() => {
          const sentence = document.getElementById("sentence-text");
          globalThis.said = [];
          new MutationObserver(() => said.push(sentence.textContent)).observe(sentence, { childList: true, characterData: true, subtree: true });
        }""")
        # It hangs: the supervisor replaces it after three seconds.
        os.kill(control["pid"], signal.SIGSTOP)
        self.until(page, "the loss and the return", """(() => {
          const lost = said.findIndex((words) => words.startsWith('No connection'));
          return lost >= 0 && said.slice(lost).some((words) => !words.startsWith('No connection'));
        })()""")
        self.whole(page)

    def test_a_clock_that_is_wrong_changes_nothing(self):
        for wrong in (-65, 65):
            self.server.fault("gateway-kill")
            page = self.open("/v1/client")
            page.add_init_script(f"const right = Date.now; Date.now = () => right() + {wrong * 60_000};")
            page.goto(self.server.http + "/dashboard")
            self.until(page, "the repair of a moment ago", """(() => {
              const [, seconds] = /repairs?, last .+ (\\d+) s ago/.exec(document.querySelector("[data-number=worst] p")?.textContent) ?? [];
              return seconds !== undefined && Number(seconds) < 60;
            })()""")
            self.until(page, "the sentence", "/took its place|took over|A bug cost/.test(document.getElementById('sentence-text').textContent)")

    def test_tabs_behind_leave_the_connections_to_the_one_in_front(self):
        """A browser gives all tabs of one visitor six connections to the server together."""
        look = "(isBehind) => { globalThis.isBehind = isBehind; document.dispatchEvent(new Event('visibilitychange')); }"
        context = self.browser.new_context()
        self.addCleanup(context.close)
        context.add_init_script("Object.defineProperty(document, 'hidden', { get: () => globalThis.isBehind === true });")
        tabs = [context.new_page() for _ in range(8)]
        for tab in tabs:
            tab.goto(self.server.http + "/dashboard")
            self.until(tab, "the processes", "document.querySelectorAll('#processes tr').length >= 6")
            tab.evaluate(look, True)
            self.until(tab, "it is not looked at", "document.title === 'OneUp'")
        tabs[0].evaluate(look, False)
        self.until(tabs[0], "it goes on", "document.title.includes('playing')")

    def test_a_phone_holds_all_of_it_by_day_and_by_night(self):
        self.rooms("a room with quite a long name of its own", "b")
        for scheme in ("light", "dark"):
            page = self.dashboard(color_scheme=scheme, **PHONE)
            self.until(page, "the rooms", "document.getElementById('rooms-legend').textContent !== ''")
            self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 390)
            for part in ("[data-number=players]", "[data-number=worst]", "#processes tr", "#rooms-canvas", "#feed", "#charts canvas"):
                box = self.box(page, part)
                self.assertTrue(box["x"] >= 0 and box["x"] + box["width"] <= 390.5, f"{part}: {box}")
            page.screenshot(path=screenshots / f"dashboard-phone-{scheme}.png", full_page=True)

    def test_text_stands_out_and_everything_has_a_name(self):
        for scheme in ("light", "dark"):
            page = self.dashboard(color_scheme=scheme)
            self.whole(page)
            worst = self.until(page, "nothing is highlighted any more", CALM_CONTRAST)
            self.assertGreaterEqual(worst["ratio"], 4.5, f"{scheme}: {worst}")
            nameless = page.evaluate("""() => [...document.querySelectorAll('button, input, canvas[tabindex], a, section, aside, table th')]
              .filter((e) => e.checkVisibility() && !(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.innerText || e.labels?.length || e.title))
              .map((e) => e.outerHTML.slice(0, 80))""")
            self.assertEqual(nameless, [])
        # By keyboard alone: each control is reached once, and is seen to have the focus.
        page.evaluate("document.body.focus()")
        wanted = {"rooms-search", "rooms-canvas", "feed-all", "forget it", "hang", "kill", "kill everything"}
        reached = set()
        for _ in range(150):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent || document.activeElement.type"))
            if wanted <= reached:
                break
        self.assertLessEqual(wanted, reached)


if __name__ == "__main__":
    unittest.main()
