"""What is read from outside while a benchmark runs: /proc, a worker's counters, the malloc counter; and the table."""
import collections
import json
import mmap
import os
import pathlib
import platform
import re
import socket
import struct
import subprocess
import time


def processors():
    return len(os.sched_getaffinity(0))


class Measures:
    """One look at the processes."""

    def __init__(self, server, echo):
        processes = server.processes()
        self.pids = {"gateway": processes["gateway"], "worker": processes["worker"], "echo": echo.pid}
        self.figures = {name: self.look(pid) for name, pid in self.pids.items()}
        self.counters = worker_counters(processes["socket"])

    @staticmethod
    def look(pid):
        tasks = pathlib.Path(f"/proc/{pid}/task")
        nanoseconds = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())
        io = dict(line.split(": ") for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines())
        # What only this process keeps in memory, without the kernel's pages of its files.
        kept = re.findall(r"^Anonymous: +(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
        return {
            "cpu": nanoseconds / 1000, "reads": int(io["syscr"]), "writes": int(io["syscw"]),
            "kib": sum(int(kib) for kib in kept)}

    def since(self, before, messages):
        """Per message, by process; `batch`: inputs in one batch of the worker."""
        each = max(1, messages)
        found = {
            name: {figure: (value - before.figures[name][figure]) / each for figure, value in figures.items()}
            for name, figures in self.figures.items()
        }
        batches = self.counters["batches"] - before.counters["batches"]
        found["batch"] = (self.counters["inputs"] - before.counters["inputs"]) / max(1, batches)
        return found


def worker_counters(path):
    """Asks a worker over its link, as control does."""
    def record(kind, body):
        return struct.pack("<IBBHI", 12 + len(body), kind, 0, 0, 0) + body

    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(path)
        link.sendall(record(HELLO, struct.pack("<IHH", 0, 0, 0)) + record(INSPECT, struct.pack("<I", 1) + b"counters"))
        received = b""
        while True:
            received += link.recv(65536)
            while len(received) >= 12 and len(received) >= (length := struct.unpack_from("<I", received)[0]):
                if received[4] == INSPECTED:
                    return json.loads(received[16:length])
                received = received[length:]


# Kinds of link records, as in Sources/Wire.
HELLO, INSPECT, INSPECTED = 1, 9, 32


class Allocations:
    """The file that Benchmarks/malloc-count.c keeps for a process."""

    FRAMES, TRACES, HEAD = 24, 4096, 5 * 8

    def __init__(self, directory, pid):
        self.pid = pid
        self.file = open(f"{directory}/{pid}", "r+b")
        self.memory = mmap.mmap(self.file.fileno(), 0)
        self.calls, self.bytes, self.frees = struct.unpack_from("<3Q", self.memory)

    def trace(self, every):
        if every:
            struct.pack_into("<Q", self.memory, 32, 0)
        struct.pack_into("<Q", self.memory, 24, every)

    def print_traces(self, messages):
        calls = struct.unpack_from("<Q", self.memory)[0] - self.calls
        taken = min(self.TRACES, struct.unpack_from("<Q", self.memory, 32)[0])
        stacks = collections.Counter()
        for i in range(taken):
            frames = struct.unpack_from(f"<{self.FRAMES}Q", self.memory, self.HEAD + i * self.FRAMES * 8)
            stacks[tuple(f for f in frames if f)] += 1
        names = self.names({f for stack in stacks for f in stack})
        merged = collections.Counter()
        for stack, count in stacks.items():
            merged[tuple(names[f] for f in stack)] += count
        print(f"{calls / messages:.3f} allocations a message; {taken} of {calls} traced")
        for stack, count in merged.most_common(12):
            print(f"\n{count / max(1, taken) * calls / messages:.4f} a message")
            for name in [n for n in stack if "malloc" not in n][:12]:
                print(f"    {name}")

    def names(self, addresses):
        """Function and line of each return address."""
        by_file, names = collections.defaultdict(list), {}
        bases, regions = {}, []
        for line in pathlib.Path(f"/proc/{self.pid}/maps").read_text().splitlines():
            part = line.split(maxsplit=5)
            if len(part) == 6 and part[5].startswith("/"):
                low, high = (int(n, 16) for n in part[0].split("-"))
                bases.setdefault(part[5], low - int(part[2], 16))
                regions.append((low, high, part[5]))
        for address in addresses:
            for low, high, file in regions:
                if low <= address < high:
                    by_file[file].append((address, address - 1 - bases[file]))
                    break
            else:
                names[address] = hex(address)
        for file, found in by_file.items():
            answer = subprocess.run(
                ["llvm-symbolizer", "--no-inlines", "--functions=linkage", f"--obj={file}"],
                input="\n".join(hex(offset) for _, offset in found), capture_output=True, text=True).stdout
            answer = subprocess.run(
                ["swift-demangle", "--simplified"], input=answer, capture_output=True, text=True).stdout
            for (address, _), block in zip(found, answer.split("\n\n")):
                lines = block.strip().splitlines() or ["?"]
                names[address] = " ".join([lines[0][:150], pathlib.Path(lines[1]).name if len(lines) > 1 else ""])
        return names


class Table:
    def __init__(self):
        self.rows = []
        self.load = os.getloadavg()[0]

    def add(self, name, value, unit, baseline=None):
        self.rows.append({"name": name, "value": value, "unit": unit, "baseline": baseline})
        print(".", end="", flush=True)

    @staticmethod
    def text(value):
        if value is None:
            return ""
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"

    def print(self):
        width = max(len(row["name"]) for row in self.rows)
        print(f"\n\n{'':{width}}  {'OneUp':>10} {'':4} {'echo':>10}")
        for row in self.rows:
            print(f"{row['name']:{width}}  {self.text(row['value']):>10} {row['unit']:4} {self.text(row['baseline']):>10}")

    def record(self, path, seconds):
        """Puts the results into a document, between its two marks."""
        model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
        lines = [
            f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {processors()} processors"
            f" ({model[1] if model else platform.machine()}), Linux {platform.release()}, in {seconds:.0f} s. Load average"
            f" before it began: {self.load:.1f}; on a quiet machine it is below 0.5, and above that times and rates are worth"
            " little.", "", "| | OneUp | | bare echo |", "|---|---:|---|---:|"]
        for row in self.rows:
            lines.append(f"| {row['name']} | {self.text(row['value'])} | {row['unit']} | {self.text(row['baseline'])} |")
        begin, rest = path.read_text().split("<!-- results -->")
        end = rest.split("<!-- end of results -->")[1]
        path.write_text(f"{begin}<!-- results -->\n" + "\n".join(lines) + f"\n<!-- end of results -->{end}")

    def write(self, path):
        path.write_text(json.dumps(self.rows, indent=1, ensure_ascii=False) + "\n")
