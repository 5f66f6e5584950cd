#!/usr/bin/env python3
"""Time per connection with few and with many local ports in use.

Opens 9,500 and 19,000 connections from one process to one address of a server, and prints the time per connection of
both and their ratio. Each number is opened several times, alternating, and the median is taken.

    cargo build --release -p ws-bench -p axum-ws
    crates/ws-bench/benches/ports.py --bin-dir target/release

Needs an open-file limit of 20,000, and Linux 6.3 for a ratio of about 1.
"""

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys

FEW = 9_500
MANY = 19_000
# Files of a process beside its connections.
OTHER_FILES = 100


def start_server(bin_dir):
    command = [os.path.join(bin_dir, "axum-ws"), "--bind", "127.0.0.1:0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    return server, line.removeprefix("listening on ").strip()


def opening_us(bin_dir, url, clients, threads):
    """Time per connection in microseconds, in one run of ws-bench."""
    command = [os.path.join(bin_dir, "ws-bench"), url, "-c", str(clients), "-m", "1", "--warmup", "0s"]
    command += ["--threads", str(threads), "--json", "--no-output", "--no-calibrate", "-q"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    connections = json.loads(run.stdout)["connections"]
    if connections["opened"] != clients:
        sys.exit(f"{connections['opened']} of {clients} connections opened: {connections['failures']}")
    return connections["opening_s"] * 1e6 / clients


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin-dir", default="target/release", help="folder of ws-bench and axum-ws")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each number of connections")
    parser.add_argument("--threads", type=int, default=2, help="generator threads")
    args = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < MANY + OTHER_FILES:
        sys.exit(f"{MANY} connections need an open-file limit of {MANY + OTHER_FILES}, but the limit is {hard}")
    server, url = start_server(args.bin_dir)
    times = {FEW: [], MANY: []}
    try:
        for repeat in range(args.repeats):
            for clients in sorted(times, reverse=repeat % 2 == 1):
                times[clients].append(opening_us(args.bin_dir, url, clients, args.threads))
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()
    medians = {clients: statistics.median(of) for clients, of in times.items()}
    for clients, median in medians.items():
        runs = ", ".join(f"{time:.0f}" for time in times[clients])
        print(f"{clients:6,} connections: {median:6.1f} µs per connection ({runs})")
    print(f"ratio {medians[MANY] / medians[FEW]:.2f} (at most 2 asked)")


if __name__ == "__main__":
    main()
