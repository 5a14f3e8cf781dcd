"""What browser tests share: a server of their own, Debian's Chromium, waiting on conditions, a slow wire."""
import asyncio
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

from playwright.sync_api import sync_playwright

root = pathlib.Path(__file__).resolve().parents[2]
program = os.environ.get("ONEUP_PROGRAM", str(root / ".build/release/oneup"))
modules = os.environ.get("ONEUP_MODULES", str(root / ".build/modules"))
screenshots = root / ".build/screenshots"


# Generous: another machine may be much slower, or stand still for a while. Who waits longer waits in vain.
PATIENCE = 60


def until(what, condition, seconds=PATIENCE):
    """Waits until `condition` gives something true, and gives that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for: {what}")
        time.sleep(0.02)


def free_port():
    """Below the ports that the kernel gives to connections, so that it stays free while its server is dead."""
    while True:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Server:
    """A server with a data directory of its own, on free ports unless told otherwise."""

    def __init__(self, *settings, listen="127.0.0.1:0", http="127.0.0.1:0"):
        self.data = tempfile.mkdtemp(prefix="oneup-browser-")
        self.log = open(os.path.join(self.data, "log"), "w+")
        self.command = [program, "serve", "--dev", "--data", self.data, "--listen", listen, "--http", http,
                        "--modules", modules, "--web", str(root / "Web"), *settings]
        self.start()

    def start(self):
        self.child = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.child.stdout.readline()
        if not line:
            self.log.seek(0)
            raise AssertionError("oneup serve did not start:\n" + self.log.read())
        ready = json.loads(line)
        self.players = ready["listen"]
        self.http = "http://" + ready["http"]
        self.token = pathlib.Path(self.data, "admin-token").read_text().strip()

    def get(self, path):
        with urllib.request.urlopen(self.http + path, timeout=PATIENCE) as answer:
            return json.load(answer)

    def fault(self, kind, instance=None):
        body = {"kind": kind} | ({} if instance is None else {"instance": instance})
        request = urllib.request.Request(
            self.http + "/v1/faults", json.dumps(body).encode(),
            {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def owner(self, room):
        """The worker that runs a room (16 hexadecimal digits)."""
        def find():
            rooms = {r.get("room", r.get("id")): r for r in self.get("/v1/rooms")}
            if room not in rooms:
                return None
            shard = rooms[room]["shard"]
            return next((s["instance"] for s in self.get("/v1/processes")["shards"] if s["shard"] == shard), None)
        return until("an owner of the room", find)

    def restart(self):
        """After its death."""
        self.child.wait(timeout=PATIENCE)
        self.child.stdout.close()
        self.start()

    def stop(self):
        self.child.terminate()
        self.child.wait(timeout=PATIENCE)
        self.child.stdout.close()
        self.log.close()
        shutil.rmtree(self.data, ignore_errors=True)


class BrowserTest(unittest.TestCase):
    """One server and one browser for a class; a context and its pages for a test."""
    settings = ("--dev",)

    @classmethod
    def setUpClass(cls):
        cls.server = cls.make_server()
        cls.addClassCleanup(cls.server.stop)
        cls.playwright = sync_playwright().start()
        cls.addClassCleanup(cls.playwright.stop)
        path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
        if not path:
            raise AssertionError("there is no Chromium; run dev/setup-browser")
        cls.browser = cls.playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=PATIENCE * 2000)
        cls.addClassCleanup(cls.browser.close)
        screenshots.mkdir(parents=True, exist_ok=True)

    @classmethod
    def make_server(cls):
        return Server(*cls.settings)

    def setUp(self):
        self.page_errors = []

    def tearDown(self):
        self.assertEqual(self.page_errors, [], "the page threw")

    def open(self, path, server=None, **settings):
        """A page in a context of its own: another visitor."""
        context = self.browser.new_context(**({"viewport": {"width": 1280, "height": 760}} | settings))
        self.addCleanup(context.close)
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        page.goto((server or self.server).http + path)
        return page

    def until(self, page, what, expression, seconds=PATIENCE):
        """Waits until JavaScript gives something true (`wait_for_function` needs what the page's policy forbids)."""
        end = time.monotonic() + seconds
        while True:
            value = page.evaluate(expression)
            if value:
                return value
            if time.monotonic() > end:
                page.screenshot(path=screenshots / "failed.png")
                raise AssertionError(f"waited {seconds} s in vain for: {what}")
            page.wait_for_timeout(20)

    def again(self, page, what, act, expression, every=2):
        """Does something every few seconds until JavaScript gives something true: for what counts only when it is quick enough."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            act()
            look = time.monotonic() + every
            while time.monotonic() < look:
                if value := page.evaluate(expression):
                    return value
                page.wait_for_timeout(20)
        self.until(page, what, expression, 1)

    def gone(self, page, selector):
        """Waits until nothing of it is seen."""
        page.locator(selector).first.wait_for(state="hidden")

    def box(self, page, selector):
        """Where something is in the window: as soon as it is visible and stays where it is."""
        last, end = None, time.monotonic() + PATIENCE
        while True:
            box = page.locator(selector).first.bounding_box()
            if box and box == last:
                return box
            if time.monotonic() > end:
                raise AssertionError(f"waited {PATIENCE} s in vain for {selector} to be seen and stay; it is at {box}")
            last = box
            page.wait_for_timeout(50)

    def shot(self, page, name):
        page.screenshot(path=screenshots / f"{name}.png")


class SlowWire:
    """A TCP proxy that delivers everything in order, but late: `latency` ± `jitter` seconds each way."""

    def __init__(self, target, latency, jitter):
        self.target, self.latency, self.jitter = target, latency, jitter
        self.random = random.Random(7)
        self.loop = asyncio.new_event_loop()
        started = threading.Event()

        async def serve():
            self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
            self.address = "%s:%d" % self.server.sockets[0].getsockname()
            started.set()

        self.loop.create_task(serve())
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        started.wait(PATIENCE)

    async def accept(self, reader, writer):
        host, port = self.target.rsplit(":", 1)
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(self.carry(reader, far_writer), self.carry(far_reader, writer))

    async def carry(self, reader, writer):
        queue = asyncio.Queue()

        async def deliver():
            while (item := await queue.get()) is not None:
                due, data = item
                await asyncio.sleep(max(0, due - self.loop.time()))
                writer.write(data)
            writer.close()

        delivering = self.loop.create_task(deliver())
        due = 0
        try:
            while data := await reader.read(65_536):
                due = max(due, self.loop.time() + self.latency + self.random.uniform(-self.jitter, self.jitter))
                queue.put_nowait((due, data))
        except ConnectionError:
            pass
        queue.put_nowait(None)
        await delivering

    def stop(self):
        """After whoever used it is gone."""
        until("the wire is silent", lambda: not asyncio.all_tasks(self.loop))
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
        self.loop.close()
