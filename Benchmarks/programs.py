"""The programs that a benchmark starts: the server, the echo, the load generator."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

MODULES = ".build/bench-modules"


@contextlib.contextmanager
def scratch(place=None):
    path = tempfile.mkdtemp(prefix="oneup-bench-", dir=place)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def build_module(server):
    built = pathlib.Path(MODULES, "reply.wasm")
    source = pathlib.Path("Benchmarks/reply/Sources/Reply.swift")
    sdk = pathlib.Path("Sources/OneUpRoom")
    newest = max(p.stat().st_mtime for p in [source, *sdk.rglob("*")])
    if not built.exists() or built.stat().st_mtime < newest:
        subprocess.run([server, "build", "Benchmarks/reply", "--output", MODULES], check=True)


def build_counter():
    library = pathlib.Path(".build/malloc-count.so").resolve()
    source = pathlib.Path("Benchmarks/malloc-count.c")
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-fPIC", "-shared", "-o", str(library), str(source)], check=True)
    return str(library)


class Program:
    """A child that says in one line of JSON that it is ready."""

    def launch(self, words, environment=None, errors=None):
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=errors, env=os.environ | (environment or {}), text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{words[0]} ended before it was ready{f'; see {errors.name}' if errors else ''}")
        ready = json.loads(line)
        self.listen = ready["listen"]
        return ready

    @property
    def pid(self):
        return self.process.pid

    def stop(self, how):
        self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGTERM)


class Echo(Program):
    def __init__(self, program):
        self.launch([program])


class Server(Program):
    def __init__(self, program, options, place=None, environment=None):
        self.directory = tempfile.mkdtemp(prefix="oneup-bench-", dir=place)
        self.words = [
            program, "serve", "--dev", "--data", f"{self.directory}/data", "--modules", MODULES, "--listen", "127.0.0.1:0",
            "--http", "127.0.0.1:0", *options]
        self.environment = environment
        self.start()

    def start(self):
        with open(f"{self.directory}/log", "a") as log:
            self.http = self.launch(self.words, self.environment, log)["http"]

    def restart(self, how):
        """Ends it, starts it again on the same data; the seconds from starting to ready."""
        self.stop(how)
        start = time.monotonic()
        self.start()
        return time.monotonic() - start

    def __exit__(self, error, *_):
        self.stop(signal.SIGTERM)
        if error:
            print(f"\nThe server's log and data stay in {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.http}{path}", timeout=10) as answer:
            return json.load(answer)

    def processes(self):
        """Pids by role; with several workers the first."""
        found = {}
        for process in self.get("/v1/processes")["processes"]:
            if process["state"] in ("ready", "serving", "spare"):
                found.setdefault(process["role"], process["pid"])
                if process["role"] == "worker":
                    found.setdefault("socket", f"{self.directory}/data/run/worker-{process['instance']}.sock")
        return found

    def pids(self):
        return [self.pid] + [p["pid"] for p in self.get("/v1/processes")["processes"]]

    def wait_until_spared(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if {"worker", "spare", "gateway"} <= self.processes().keys():
                return
            time.sleep(0.05)
        raise SystemExit("no new spare came up within a minute")


class Load:
    program = ""

    def __init__(self, kind, listen, processor=None):
        self.kind = kind
        pin = [] if processor is None else ["taskset", "-c", str(processor)]
        self.process = subprocess.Popen(
            [*pin, self.program, kind, listen], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the load generator for {self.kind} ended in: {command}")
        return json.loads(line)

    def open(self, connections, rooms=1, prefix="room"):
        self.do(f"open {connections} 1 {rooms} {prefix}{connections} reply")

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
