"""The developer's loop in a browser: saves go live, and what is wrong with one stands on the page until the next good one."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest
import urllib.request

from support import PATIENCE, BrowserTest, program, until

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2, "color_scheme": "dark"}


class Loop:
    """`oneup new` and `oneup dev` in an empty directory."""

    def __init__(self):
        self.place = tempfile.mkdtemp(prefix="oneup-dev-")
        self.folder = pathlib.Path(self.place, "meadow")
        self.source = self.folder / "Sources/Meadow.swift"
        self.said = ""
        subprocess.run([program, "new", "meadow"], cwd=self.place, check=True, stdout=subprocess.DEVNULL)
        self.child = subprocess.Popen(
            [program, "dev", "--no-open", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"], cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        # The very first one compiles the SDK, too.
        self.http = until("the game runs", lambda: re.search(r"Play +(http://[^/]+)/", self.said), PATIENCE * 5)[1]

    def read(self):
        for line in self.child.stdout:
            self.said += line

    def save(self, *changes):
        """Gives what is said of it."""
        text, before = self.source.read_text(), len(self.said)
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        self.source.write_text(text)
        until("something is said of the save", lambda: re.search(r"live after|not built|not taken", self.said[before:]), PATIENCE * 3)
        return before

    def says(self, what, after=0):
        until(f"{what!r} in the terminal", lambda: what in self.said[after:])

    def stop(self):
        self.child.terminate()
        self.child.wait(timeout=PATIENCE)
        self.reader.join(PATIENCE)
        self.child.stdout.close()
        shutil.rmtree(self.place, ignore_errors=True)


class DevTest(BrowserTest):
    @classmethod
    def make_server(cls):
        return Loop()

    def meadow(self, **settings):
        page = self.open("/play/meadow/", **settings)
        self.until(page, "the game", "document.getElementById('word').textContent.startsWith('Arrows')")
        page.evaluate("globalThis.isSamePage = true")
        return page

    def overlay(self, page, *words):
        self.until(page, f"{words} over the game", f"""{list(words)}.every((word) =>
          document.getElementById('oneup-build')?.innerText.includes(word))""")

    def plays_on(self, page):
        """Planting twice within a second is refused by the game, so it runs."""
        page.evaluate("document.getElementById('word').textContent = ''")
        self.again(page, "the game answers", lambda: self.plant(page, 2), "document.getElementById('word').textContent.includes('full of earth')")

    def plant(self, page, times=1):
        for _ in range(times):
            page.keyboard.press(" ")

    def test_saves_and_mistakes(self):
        loop, desk, phone = self.server, self.meadow(), self.meadow(**PHONE)
        loop.save(("(120 * room.dt)", "(240 * room.dt)"))

        # It does not compile: said in the terminal and on every page, with the place, and the game goes on.
        said = loop.save(("(240 * room.dt)", "(wrong * room.dt)"))
        line = next(n for n, text in enumerate(loop.source.read_text().splitlines(), 1) if "wrong" in text)
        place = f"Sources/Meadow.swift:{line}:"
        loop.says(place, said)
        for page in desk, phone:
            self.overlay(page, "does not build", place, "cannot find 'wrong' in scope", "`- ")
        self.plays_on(desk)
        self.shot(desk, "dev-mistake")
        self.shot(phone, "dev-mistake-phone")
        self.fits(phone)
        phone.tap("#oneup-build button")
        self.until(phone, "the complaint is put away", "document.getElementById('oneup-build') === null")

        # The next good one takes it away, from where nobody had to load the page again.
        loop.save(("(wrong * room.dt)", "(180 * room.dt)"))
        for page in desk, phone:
            self.until(page, "the complaint is gone", "document.getElementById('oneup-build') === null")
            self.assertTrue(page.evaluate("globalThis.isSamePage"))

        # It fails when it runs.
        said = loop.save(("walkers[slot].rested = ", "walkers[Slot(99)].rested = "))
        # Whose hands are still full of earth plants nothing, and nothing fails.
        self.again(desk, "a failure", lambda: self.plant(desk), "document.getElementById('oneup-build') !== null", every=20)
        line = next(n for n, text in enumerate(loop.source.read_text().splitlines(), 1) if "Slot(99)" in text)
        loop.says(f"(Meadow.swift:{line})", said)
        self.overlay(desk, "failed; that one event was undone", f"(Meadow.swift:{line})")
        self.shot(phone, "dev-failure-phone")
        loop.save(("walkers[Slot(99)].rested = ", "walkers[slot].rested = "))
        self.until(desk, "the complaint is gone", "document.getElementById('oneup-build') === null")
        self.plays_on(desk)

        # The state that is there does not fit: the room keeps its build, and which field it is is said.
        changes = [("hue: UInt16 = 0", 'hue = ""'), ("hue: UInt16(room.random(in: 0...359))", 'hue: "\\(room.random(in: 0...359))"')]
        said = loop.save(*changes)
        loop.says("flowers.hue (number 2) was u16 and is string now", said)
        self.overlay(phone, "1 room keeps the build before", "flowers.hue (number 2) was u16 and is string now")
        self.shot(phone, "dev-state-phone")
        self.fits(phone)
        self.plays_on(desk)
        loop.save(*[(new, old) for old, new in changes])
        self.until(phone, "the complaint is gone", "document.getElementById('oneup-build') === null")

        # The process that holds the connections dies: the page says so, and takes it back.
        desk.evaluate("""() => {
          const word = document.getElementById("word");
          globalThis.said = [];
          new MutationObserver(() => said.push(word.textContent)).observe(word, { childList: true });
        }""")
        with urllib.request.urlopen(loop.http + "/v1/processes", timeout=PATIENCE) as answer:
            [gateway] = [one for one in json.load(answer)["processes"] if one["role"] == "gateway"]
        os.kill(gateway["pid"], signal.SIGKILL)
        self.until(desk, "it connects again, and says so", "said.includes('Connecting again …') && said.at(-1).startsWith('Arrows')")

        # Another page.
        page = loop.folder / "Page/index.html"
        with desk.expect_event("load"):
            page.write_text(page.read_text().replace("The meadow", "Our meadow"))
        self.until(desk, "the new page", "document.querySelector('canvas')?.ariaLabel === 'Our meadow'")
        self.until(desk, "the game", "document.getElementById('word').textContent.startsWith('Arrows')")

    def fits(self, page):
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), 390)
        box = self.box(page, "#oneup-build")
        self.assertTrue(box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["y"] > 200 and box["y"] + box["height"] <= 844, box)
        # Sentences are not cut off.
        self.assertTrue(page.evaluate("[...document.querySelectorAll('#oneup-build p')].every((p) => p.scrollWidth <= p.clientWidth + 1)"))


if __name__ == "__main__":
    unittest.main()
