#!/usr/bin/env python3
"""Open connections that one machine holds, up to a million, each with a verified echo.

Starts one axum-ws for about every 19,000 clients, each on an address of its own (127.1.0.1, 127.1.0.2, ...), and
`ws-bench --shards N` with as many processes. Client k connects to server k mod N, and every client sends one message of
which every byte of the echo is compared. The system limits the files of a process, so both sides need several.

Prints a line every few seconds: open connections, memory, CPU. At the end it prints the rate of opening, the echoes,
the bytes per connection of kernel, servers and generators, and what ended the run. It prints the same when it is
interrupted, when the time limit ends, and when the memory runs low: it then ends the run and all processes. The exit code
is 0 when all clients opened and every echo was verified. With 110 processes on two cores, ws-bench itself ends with 3,
because some shards wake up more than 100 ms after the common start.

    cargo build --release -p ws-bench -p axum-ws
    crates/ws-bench/benches/million.py --bin-dir target/release --clients 100_000
    crates/ws-bench/benches/million.py --bin-dir target/release

Measured on two cores with 24 GB beside other work (load average 5): 1,000,000 open after 64 s (15,700 a second), 1,200,000
echoes verified at 20,000 a second while all were open, none lost, closed after further 50 s. 17.1 kB a connection: 8.1 of
the kernel, 8.1 of the servers, 0.9 of the generators.

A million connections take about 17 GB and, on two cores, three minutes. `net.ipv4.ip_local_port_range` must hold the
connections to one server.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time

from bench_processes import Processes

MIB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Files of a process beside its connections.
OTHER_FILES = 1_000
PARTS = {"kernel": "kernel", "servers": "server", "generators": "generator"}
# Time in seconds for an interrupted run to save what it has.
SAVING_S = 120
# Share of the connections up to which the rate of opening is counted, without the last few.
COUNTED_SHARE = 0.99


class Stopped(Exception):
    """A run that this script ends, with the reason."""


def meminfo():
    """Figures of /proc/meminfo in bytes."""
    with open("/proc/meminfo", encoding="ascii") as file:
        rows = (line.split() for line in file)
        return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows}


def kernel_bytes(memory):
    """Memory of the kernel for its own objects, with the page tables and stacks of processes."""
    return sum(memory[part] for part in ("Slab", "PageTables", "KernelStack"))


def tcp_sockets():
    """TCP sockets in use and in TIME_WAIT. A connection within the machine has two."""
    with open("/proc/net/sockstat", encoding="ascii") as file:
        for line in file:
            if line.startswith("TCP:"):
                words = line.split()
                return int(words[words.index("inuse") + 1]), int(words[words.index("tw") + 1])
    return 0, 0


def children_of(pid):
    """Processes that any thread of a process started."""
    children = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{int(name)}/stat", encoding="ascii") as file:
                if int(file.read().rpartition(")")[2].split()[1]) == pid:
                    children.append(int(name))
        except (ValueError, OSError):
            pass
    return children


def usage_of(pids):
    """Resident memory without pages of files in bytes, and CPU time in seconds, of processes together."""
    memory, cpu = 0, 0.0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                words = file.read().split()
            memory += (int(words[1]) - int(words[2])) * PAGE
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                words = file.read().rpartition(")")[2].split()
            cpu += (int(words[11]) + int(words[12])) / TICKS_PER_S
        except (OSError, IndexError):
            pass
    return memory, cpu


class Sampler:
    """State of the machine since the start, without what was there before."""

    def __init__(self, server_pids):
        self.server_pids = server_pids
        self.begun = time.monotonic()
        self.memory_before = meminfo()
        self.sockets_before = tcp_sockets()[0]
        self.servers_before = usage_of(server_pids)[0]
        self.generator_pids = []
        self.samples = []

    def take(self, launcher):
        self.generator_pids = [launcher, *children_of(launcher)]
        memory = meminfo()
        sockets, waiting = tcp_sockets()
        servers, servers_cpu = usage_of(self.server_pids)
        generators, generators_cpu = usage_of(self.generator_pids)
        sample = {
            "at_s": time.monotonic() - self.begun,
            "open": max(0, sockets - self.sockets_before) // 2,
            "time_wait": waiting,
            "generators": len(self.generator_pids) - 1,
            "all_bytes": self.memory_before["MemAvailable"] - memory["MemAvailable"],
            "kernel_bytes": kernel_bytes(memory) - kernel_bytes(self.memory_before),
            "server_bytes": servers - self.servers_before,
            "generator_bytes": generators,
            "available_bytes": memory["MemAvailable"],
            "server_cpu_s": servers_cpu,
            "generator_cpu_s": generators_cpu,
        }
        self.samples.append(sample)
        return sample

    def most(self):
        return max(self.samples, key=lambda sample: sample["open"])

    def phases(self):
        """Ends of the phases in seconds: the most connections open, the first of them closed, the last one closed."""
        most = self.most()
        after = [sample for sample in self.samples if sample["at_s"] > most["at_s"]]
        closing = next((s["at_s"] for s in after if s["open"] < most["open"] * COUNTED_SHARE), None)
        closed = next((s["at_s"] for s in after if s["open"] < most["open"] * (1 - COUNTED_SHARE)), None)
        return most["at_s"], closing, closed

    def opening_s(self):
        """Time until nearly as many were open as at the most."""
        wanted = self.most()["open"] * COUNTED_SHARE
        return next(sample["at_s"] for sample in self.samples if sample["open"] >= wanted)


def print_sample(sample):
    print(
        f"{sample['at_s']:6.0f} s  {sample['open']:9,} open  {sample['time_wait']:7,} in TIME_WAIT  "
        f"{sample['generators']:3} generators  {sample['available_bytes'] / MIB:7,.0f} MiB available  "
        f"kernel {sample['kernel_bytes'] / MIB:6,.0f}  servers {sample['server_bytes'] / MIB:6,.0f}  "
        f"generators {sample['generator_bytes'] / MIB:6,.0f} MiB  "
        f"CPU {sample['server_cpu_s']:5.0f} + {sample['generator_cpu_s']:5.0f} s",
        flush=True,
    )


def wait(run, sampler, args):
    """Samples until the run ends. Raises Stopped when it must be ended."""
    next_line = 0
    while run.poll() is None:
        sample = sampler.take(run.pid)
        if sample["at_s"] >= next_line:
            next_line += args.interval
            print_sample(sample)
        if sample["available_bytes"] < args.min_available * MIB:
            raise Stopped(f"less than {args.min_available:,} MiB of memory available")
        if sample["at_s"] > args.limit:
            raise Stopped(f"not at its end after {args.limit} s")
        time.sleep(0.5)


def end(run, sampler, processes):
    """Lets the run save its results, then ends it and its children."""
    if run.poll() is None:
        run.send_signal(2)
        deadline = time.monotonic() + SAVING_S
        while run.poll() is None and time.monotonic() < deadline:
            sampler.take(run.pid)
            time.sleep(1)
    if run.poll() is None:
        children = children_of(run.pid)
        processes.end([run])
        for child in children:
            try:
                os.kill(child, 9)
            except ProcessLookupError:
                pass


def report(sampler, results, errors, reason, clients):
    """Prints everything. Returns true when all clients opened and the echoes of all messages were verified."""
    most = sampler.most()
    connections = max(1, most["open"])
    opening_s = sampler.opening_s()
    print(f"\nended by: {reason}")
    print(f"open at once: {most['open']:,} after {most['at_s']:.0f} s (sockets of the kernel)")
    print(f"opening rate: {connections * COUNTED_SHARE / opening_s:,.0f} connections/s, {opening_s:.0f} s for {COUNTED_SHARE:.0%}")
    names = zip(("all open", "1 % closed", "99 % closed"), sampler.phases())
    print("times: " + ", ".join(f"{name} after {at:.0f} s" for name, at in names if at is not None))
    parts = {name: most[f"{part}_bytes"] for name, part in PARTS.items()}
    cells = ", ".join(f"{name} {value / connections:,.0f}" for name, value in parts.items())
    print(f"bytes per connection: {cells}, in all {sum(parts.values()) / connections:,.0f}")
    largest = max(sample["all_bytes"] for sample in sampler.samples)
    print(f"less memory available, of the whole machine: {most['all_bytes'] / MIB:,.0f} MiB then, {largest / MIB:,.0f} MiB at the most")
    cpu = f"servers {most['server_cpu_s'] / connections * 1e6:.0f} µs, generators {most['generator_cpu_s'] / connections * 1e6:.0f} µs"
    print(f"CPU time per connection until then: {cpu}")
    if results:
        summary = json.loads(results)
        opened, messages = summary["connections"], summary["messages"]
        print(f"clients: {opened['attempted']:,} attempted, {opened['opened']:,} opened, {opened['failed']:,} failed, "
              f"{opened['closed_early']:,} closed early; opened within {opened['opening_s']:.1f} s")
        print(f"echoes: {messages['sent']:,} sent, {messages['received']:,} verified, {messages['lost']:,} lost, "
              f"{messages['corrupted']} corrupted, {messages['abandoned']:,} abandoned; last after {summary['elapsed_s']:.1f} s")
        for failure, count in [*opened["failures"].items(), *opened["early_ends"].items()]:
            print(f"  {count:,}: {failure}")
        print(f"close codes: {opened['close_codes']}")
        shards = summary.get("shards") or {}
        print(f"shards: {shards.get('complete')} of {shards.get('planned')} complete, missing {shards.get('missing')}, "
              f"died {shards.get('died')}, late {len(shards.get('late') or [])}, start skew {shards.get('start_skew_ns')}")
    else:
        print("no results of ws-bench")
    for line in errors.splitlines()[-10:]:
        print(f"ws-bench: {line}")
    return bool(results) and opened["opened"] == clients and messages["received"] == messages["sent"] >= clients


def count(text):
    return int(text.replace("_", ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin-dir", default="target/release", help="folder of ws-bench and axum-ws")
    parser.add_argument("--clients", type=count, default=1_000_000, help="connections")
    parser.add_argument("--limit", type=int, default=900, help="time limit in seconds")
    parser.add_argument("--min-available", type=int, default=1_500, help="memory in MiB at which the run is ended")
    parser.add_argument("--interval", type=int, default=10, help="seconds between two lines")
    parser.add_argument("--rate", type=count, help="messages per second; default: each client sends one at T0")
    parser.add_argument("--hold", type=int, default=30, help="length of the measured phase in seconds, with --rate")
    args = parser.parse_args()

    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    number = -(-args.clients // (files - OTHER_FILES))
    load = ["-r", str(args.rate), "-d", f"{args.hold}s"] if args.rate else ["-m", "1"]
    waits = ["--warmup", "0s", "--connect-timeout", "120s", "--timeout", "300s"]
    print(f"{args.clients:,} clients, {number} servers, {number} shards, {os.cpu_count()} cores, {files:,} files a process, "
          f"load average {os.getloadavg()[0]:.1f}")
    reason = "end of the plan"
    is_complete = False
    with Processes(args.bin_dir) as processes, tempfile.TemporaryFile("w+") as errors, tempfile.TemporaryFile("w+") as results:
        limits = ["--threads", "1", "--idle-timeout", "0", "--handshake-timeout", "120s"]
        servers = [processes.start_server("--bind", f"127.1.0.{n + 1}:0", *limits) for n in range(number)]
        sampler = Sampler([server.pid for server, _ in servers])
        arguments = [url for _, url in servers] + ["--shards", str(number), "-c", str(args.clients), *load, *waits]
        arguments += ["--no-calibrate", "--json", "--no-output", "-q"]
        run = processes.start("ws-bench", arguments, stdout=results, stderr=errors)
        try:
            wait(run, sampler, args)
            if run.returncode != 0:
                reason = f"exit code {run.returncode} of ws-bench"
        except Stopped as stopped:
            reason = str(stopped)
        except SystemExit as ended:
            reason = str(ended)
        finally:
            end(run, sampler, processes)
            if sampler.samples:
                print_sample(sampler.samples[-1])
                results.seek(0)
                errors.seek(0)
                is_complete = report(sampler, results.read(), errors.read(), reason, args.clients)
        closing = time.monotonic()
        processes.end(processes.started, 60)
        print(f"servers ended within {time.monotonic() - closing:.1f} s; whole run {time.monotonic() - sampler.begun:.0f} s")
    sys.exit(0 if is_complete else 1)


if __name__ == "__main__":
    main()
