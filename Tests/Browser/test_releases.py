"""Releases in a browser: a fix on its way into the rooms of people who play on, a bad one that comes back, what the dashboard shows and says."""
import json
import unittest
import urllib.error
import urllib.request

from playwright.sync_api import Error as PageError
from support import PATIENCE, BrowserTest, screenshots, until
from test_arena import HEARD, fly
from test_dashboard import CALM_CONTRAST, PHONE

GOOD, BAD = "hotfix-1.0.0-v1", "hotfix-1.0.0-v2"


class ReleaseTest(BrowserTest):
    # Gates as they are, with less patience.
    settings = ("--dev", "--bake-seconds", "5", "--step-events", "5", "--step-deadline-seconds", "120", "--rehearse-seconds", "120")

    def post(self, path, body):
        request = urllib.request.Request(self.server.http + path, json.dumps(body).encode(),
                                         {"Authorization": "Bearer " + self.server.token, "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE * 2) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refusal:
            return json.load(refusal)

    def module(self, name="arena"):
        return next(m for m in self.server.get("/v1/releases")["modules"] if m["name"] == name)

    def settled(self, seconds=PATIENCE * 5):
        """No rollout of the arena is on its way."""
        until("the rollout's end", lambda: self.module()["rollout"] is None, seconds)
        return self.server.get("/v1/releases/arena/history")[0]

    def cursed(self):
        """The arena runs the version with the curse, and nothing is banned."""
        if self.module()["rollout"]:
            self.post("/v1/releases/arena/rollback", {"reason": "the next test"})
            self.settled()
        if self.module()["current"]["version"] != "1.0.0":
            self.post("/v1/releases/arena/rollback", {"reason": "the next test"})
            self.settled()
        for version in self.module()["versions"]:
            if version["state"] == "banned":
                self.post("/v1/releases/arena/unban", {"version": version["version"], "reason": "the next test"})
        self.assertEqual(self.module()["current"]["version"], "1.0.0")

    def play(self, room, **settings):
        page = self.open(f"/play/arena/?room={room}#token={self.server.token}", **settings)
        page.fill("#name", "Ada")
        page.click("#start button")
        self.until(page, "the own ship", "arena.room !== null && arena.drawn.has(arena.room.slot)")
        page.evaluate(HEARD)
        page.evaluate("globalThis.versions = [], void arena.room.on('version', (event) => versions.push(event))")
        return page

    def fly(self, page, done, kind=0, what="a gem"):
        fly(self, page, done, kind, what)

    def nothing_lost(self, page):
        self.assertEqual(page.evaluate("heard"), [], "nobody was disconnected")
        self.until(page, "the server's count is the own", "arena.counts.collected === arena.counts.taken")
        counts = page.evaluate("arena.counts")
        self.assertEqual((counts["lost"], counts["doubled"]), (0, 0), counts)


class ArenaReleaseTest(ReleaseTest):
    def test_a_fix_goes_live_in_front_of_the_players(self):
        self.cursed()
        page, other = self.play("fixed"), self.play("fixed")
        self.fly(page, "!document.getElementById('fix').hidden && !document.getElementById('crash').hidden", kind=1, what="cursed gem")
        self.until(page, "where it failed", "/Arena\\.swift:\\d+/.test(document.getElementById('crash-where').textContent)")
        self.until(page, "of this room", "document.getElementById('crash-what').textContent.includes('in the room fixed')")
        page.click("#replay")
        self.until(page, "the replay", "document.getElementById('replay-verdict').textContent.startsWith('The same failure')", PATIENCE * 2)
        self.shot(page, "fix-crash")

        page.click("#fix-good")
        self.until(page, "the rehearsal", "['now', 'passed'].includes(document.querySelector('#gates li').dataset.state)")
        # The others play on meanwhile: they are the evidence.
        self.fly(page, "document.querySelector('#gates li').dataset.state === 'passed'", what="rehearsal")
        self.assertRegex(page.inner_text("#gates"), r"Rehearsal\s+[\d,]+ rooms?, [\d,]+ events?, [\d,]+ crash(es)? fixed")
        self.shot(page, "fix-rehearsed")
        self.fly(page, "versions.length === 1", what="upgrade")
        self.assertEqual(page.evaluate("versions"), [{"from": "1.0.0", "to": GOOD}])
        # A mark is forgotten after a minute.
        self.until(page, "the strip says so", f"arena.strip.labels.some((label) => label.startsWith('{GOOD} runs the room'))")
        kinds = "[...arena.room.state.gems.values()].map((gem) => arena.kindOf(gem)).filter((kind) => kind !== 'gem')"
        self.until(page, "gold", kinds + ".join() === 'gold,gold'")
        self.until(other, "the others see it, too", "versions.length === 1 && arena.room.module.version === " + json.dumps(GOOD))
        self.shot(page, "fix-gold")
        self.fly(page, "document.getElementById('release-state').textContent === 'everywhere'", what="end of the rollout")
        self.assertIn("gold now", page.inner_text("#release-why"))
        # What failed before gives five points.
        score = page.evaluate("globalThis.replies = [], arena.room.on('Scored', ({ who, score }) => { if (who === arena.room.slot) replies.push(score); }), arena.room.state.ships.get(arena.room.slot).score")
        self.fly(page, f"replies.some((s, i) => s - (i ? replies[i - 1] : {score}) >= 5)", kind=1, what="gold gem")
        page.click("#replay")
        self.until(page, "the fix survives it", f"document.getElementById('replay-verdict').textContent.includes('With {GOOD} the event is applied')", PATIENCE * 2)
        self.shot(page, "fix-everywhere")
        for player in (page, other):
            self.nothing_lost(player)

    def test_a_bad_fix_comes_back_by_itself(self):
        self.cursed()
        page = self.play("bad")
        # The next gem is a fifth one, at which the bad fix fails: nobody waits for one of the bots to take its fifth.
        at_fifth = "arena.collected % 5 === 4"
        self.fly(page, at_fifth)
        before = page.evaluate("arena.room.module.version")
        page.click("#fix-open")
        self.until(page, "the card", "!document.getElementById('fix-bad').hidden")
        page.click("#fix-bad")
        self.until(page, "it runs", "versions.length >= 1")
        self.fly(page, "document.getElementById('release-state').textContent === 'came back'", what="way back")
        self.fly(page, "arena.room.module.version === " + json.dumps(before), what="old version")
        self.assertEqual(page.evaluate("versions"), [{"from": before, "to": BAD}, {"from": BAD, "to": before}])
        self.until(page, "what it cost", "!document.getElementById('cost').hidden && /\\d/.test(document.getElementById('cost-took').textContent)")
        self.assertEqual((page.inner_text("#cost-breaks"), page.inner_text("#cost-lost")), ("0", "0"))
        self.shot(page, "fix-bad")
        self.fly(page, at_fifth)
        self.nothing_lost(page)
        self.assertEqual(next(v["state"] for v in self.module()["versions"] if v["version"] == BAD), "banned")
        # Once more, with the ban lifted.
        page.click("#fix-bad")
        self.until(page, "it runs again", "versions.length >= 3")
        self.fly(page, "versions.length >= 4", what="way back")
        self.settled()
        self.assertEqual(self.module()["current"]["version"], "1.0.0")

    def test_who_insists_is_told_why_it_is_out(self):
        self.cursed()
        page = self.play("insists")
        # Quicker than the page lets anybody.
        page.evaluate("""() => {
          arena.isFearless = true;
          globalThis.gone = [];
          arena.room.on("gone", (event) => gone.push(event));
        }""")
        self.fly(page, "gone.length === 1", kind=1, what="cursed gems")
        self.until(page, "why", "toasts.some((toast) => toast.includes('Four failures within a minute'))")
        self.until(page, "in the room again", "arena.room !== null && arena.drawn.has(arena.room.slot)")
        self.assertEqual(page.evaluate("heard"), [])

    def test_a_phone_holds_the_card(self):
        self.cursed()
        page = self.play("pocket", **PHONE)
        page.tap("#fix-open")
        box = self.box(page, "#fix")
        self.assertTrue(box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["y"] >= 0, box)
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 390)
        page.tap("#break-open")
        self.gone(page, "#fix")
        page.tap("#fix-open")
        self.gone(page, "#break")
        self.shot(page, "phone-fix")

    def test_without_the_token_it_only_shows(self):
        page = self.open("/play/arena/?room=looks")
        page.fill("#name", "Bo")
        page.click("#start button")
        self.until(page, "the own ship", "arena.room !== null")
        page.click("#fix-open")
        page.locator("#fix-token").wait_for()
        page.click("#fix-ask")
        self.until(page, "the token is asked for", "document.activeElement.id === 'token'")

    def test_what_the_compiler_says_stands_on_the_page(self):
        page = self.play("edited")
        self.post("/v1/dev/build", {"module": "arena", "ok": False, "text": "Arena.swift:7:3: error: cannot find 'x' in scope"})
        self.until(page, "the error", "document.getElementById('oneup-build')?.innerText.includes('cannot find')")
        self.shot(page, "dev-error")
        later = self.play("edited")
        self.until(later, "whoever comes later is told, too", "document.getElementById('oneup-build') !== null")
        later.click("#oneup-build button")
        self.until(later, "it is put away", "document.getElementById('oneup-build') === null")
        self.post("/v1/dev/build", {"module": "arena", "ok": True, "text": ""})
        self.until(page, "it is gone", "document.getElementById('oneup-build') === null")
        with page.expect_event("load"):
            self.post("/v1/dev/build", {"module": "arena", "ok": True, "text": "", "reload": True})


class DashboardReleaseTest(ReleaseTest):
    def dashboard(self, **settings):
        page = self.open(f"/dashboard#token={self.server.token}", **settings)
        self.until(page, "the releases", "document.querySelector('[data-module=arena]') !== null")
        return page

    def rooms(self, count):
        for i in range(count):
            self.post("/v1/rooms", {"module": "arena", "key": f"hall {i}"})

    def arena(self, page):
        return page.locator("[data-module=arena]")

    def test_a_release_is_watched_held_and_promoted(self):
        self.cursed()
        self.rooms(12)
        player = self.play("watched")
        page = self.dashboard()
        arena = self.arena(page)
        self.fly(player, "arena.failures >= 1", kind=1, what="cursed gem")
        arena.locator(".offers li", has_text=GOOD).get_by_role("button", name="Release").click()
        self.until(page, "the canary", "/[1-9]\\d* of \\d+ rooms/.test(document.querySelector('[data-module=arena] .turn')?.innerText ?? '')", PATIENCE * 2)
        page.get_by_label("Reason, for arena").fill("to look at it first")
        arena.get_by_role("button", name="Pause").click()
        self.until(page, "it waits", "document.querySelector('[data-module=arena]').dataset.state === 'paused'")
        self.assertIn("Rehearsal", arena.locator(".evidence").inner_text())
        self.until(page, "the sentence", "/waits/.test(document.getElementById('sentence-text').textContent)")
        self.shot(page, "dashboard-release")
        arena.get_by_role("button", name="Resume").click()
        def promoted():
            try:
                arena.get_by_role("button", name="Promote").click(timeout=1000)
            except PageError:
                pass  # there is none, or none any more
            return self.module()["rollout"] is None
        until("the rollout's end", promoted, PATIENCE * 3)
        self.until(page, "everywhere", "document.querySelector('[data-module=arena] .way .state').textContent === 'everywhere'")
        arena.locator("summary", has_text="version").click()
        row = arena.locator(f"tr[data-version='{GOOD}']")
        self.until(page, "its rooms", f"Number(document.querySelector('tr[data-version=\"{GOOD}\"] td:nth-child(3)').textContent.replace(/,/g, '')) >= 13")
        row.filter(has_text="current").wait_for()
        page.locator("#audit summary").click()
        self.until(page, "the audit log", "document.getElementById('audit').innerText.includes('to look at it first')")
        page.screenshot(path=screenshots / "dashboard-released.png", full_page=True)
        self.nothing_lost(player)

    def test_what_went_back_is_banned_until_somebody_says_why_not(self):
        self.cursed()
        self.rooms(4)
        player = self.play("unlucky")
        page = self.dashboard()
        arena = self.arena(page)
        self.post("/v1/releases", {"shelf": f"arena-{BAD}", "now": True, "reason": "in a hurry"})
        self.fly(player, "versions.length >= 2", what="way back")
        self.until(page, "it went back", "document.querySelector('[data-module=arena] .way .state').textContent === 'went back'")
        self.until(page, "the sentence", "/went back/.test(document.getElementById('sentence-text').textContent)")
        arena.locator("summary", has_text="version").click()
        arena.locator(f"tr[data-version='{BAD}']", has_text="banned").wait_for()
        self.shot(page, "dashboard-back")
        page.get_by_role("button", name=f"Unban {BAD}").click()
        self.until(page, "it is not banned", f"!document.querySelector('tr[data-version=\"{BAD}\"]')?.innerText.includes('banned')")
        self.nothing_lost(player)

    def test_a_crash_is_played_again(self):
        self.cursed()
        player = self.play("again")
        self.fly(player, "arena.failures >= 1", kind=1, what="cursed gem")
        page = self.dashboard()
        self.until(page, "the crash", "document.querySelector('#crashes .crash')?.innerText.includes('arena/again')")
        crash = page.locator("#crashes .crash").first
        crash.locator("summary").click()
        self.until(page, "its place", "/Arena\\.swift:\\d+/.test(document.querySelector('#crashes pre')?.textContent ?? '')")
        crash.get_by_role("button", name="Replay").click()
        self.until(page, "the verdict", "document.querySelector('#crashes .verdict').textContent.startsWith('The same failure')", PATIENCE * 2)
        self.shot(page, "dashboard-crash")

    def test_a_phone_and_the_night(self):
        self.cursed()
        for scheme in ("light", "dark"):
            page = self.dashboard(color_scheme=scheme, **PHONE)
            for summary in self.arena(page).locator("> details > summary").all():
                summary.click()
            self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 390)
            worst = self.until(page, "nothing is highlighted any more", CALM_CONTRAST)
            self.assertGreaterEqual(worst["ratio"], 4.5, f"{scheme}: {worst}")
            page.screenshot(path=screenshots / f"dashboard-releases-phone-{scheme}.png", full_page=True)


del ReleaseTest

if __name__ == "__main__":
    unittest.main()
