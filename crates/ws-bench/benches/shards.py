#!/usr/bin/env python3
"""Throughput and response p99 of several processes beside those of one process with the same load.

Starts one axum-ws, and measures it in rounds: with one process of two threads (the reference, twice, so that the second
shows the noise), with one process of four threads, and with `--shards 4` and `--shards 2`. Each process of `--shards 4`
has one thread, so it compares with four threads in one process where two cores are the limit. The order alternates
between the rounds. Closed loop is measured with 100 clients, and open loop at a fixed rate.

Prints the median of the ratios to the reference of the same round with its rank interval, and the p99s.

    cargo build --release -p ws-bench -p axum-ws
    crates/ws-bench/benches/shards.py --bin-dir target/release

Takes about 50 s a round. The machine should have no other work.
"""

import argparse
import json
import math
import os
import statistics
import sys

from bench_processes import Processes

REFERENCE = "--threads 2"
AGAIN = "--threads 2 again"
VARIANTS = {
    REFERENCE: ["--threads", "2"],
    AGAIN: ["--threads", "2"],
    "--threads 4": ["--threads", "4"],
    "--shards 2": ["--shards", "2", "--threads", "2"],
    "--shards 4": ["--shards", "4", "--threads", "2"],
}
# Time in seconds beside the measured phase within which a run must end.
RUN_LIMIT_S = 60
CONFIDENCE = 0.9
ASKED_RATIO = 0.97


def rank_interval(values):
    """The narrowest symmetric interval of order statistics that covers the median with at least CONFIDENCE, and its
    coverage. With few values: from the smallest to the largest."""
    values = sorted(values)
    n = len(values)
    best = (values[0], values[-1], 1 - 2 * 0.5**n)
    for left_out in range(n // 2):
        coverage = 1 - 2 * sum(math.comb(n, k) for k in range(left_out + 1)) / 2**n
        if coverage >= CONFIDENCE:
            best = (values[left_out], values[n - 1 - left_out], coverage)
    return best


def measure(processes, url, load, variant, seconds):
    arguments = [url, *load, *VARIANTS[variant], "-d", f"{seconds}s", "--json", "--no-output", "--no-calibrate", "-q"]
    output = processes.run("ws-bench", arguments, seconds + RUN_LIMIT_S)
    if not output:
        sys.exit(f"no result: ws-bench {' '.join(arguments)}")
    summary = json.loads(output)
    messages = summary["messages"]
    failed = messages["lost"] + messages["corrupted"] + summary["connections"]["failed"]
    return {
        "throughput": summary["throughput"]["messages_per_s"],
        "p50_us": summary["response_time_ns"]["p50"] / 1e3,
        "p99_us": summary["response_time_ns"]["p99"] / 1e3,
        "failed": failed,
    }


def print_table(name, rounds):
    print(f"\n{name}")
    print(f"{'':18} {'msg/s':>9} {'ratio':>6} {'interval':>15} {'p50 µs':>8} {'p99 µs':>8} {'ratio':>6} {'interval':>15}")
    for variant in VARIANTS:
        runs = [one[variant] for one in rounds]
        cells = f"{variant:18}"
        for figure in ("throughput", "p99_us"):
            ratios = [one[variant][figure] / one[REFERENCE][figure] for one in rounds]
            low, high, _ = rank_interval(ratios)
            if figure == "p99_us":
                cells += f" {statistics.median(run['p50_us'] for run in runs):8,.0f}"
            width = 9 if figure == "throughput" else 8
            cells += f" {statistics.median(run[figure] for run in runs):{width},.0f}"
            cells += f" {statistics.median(ratios):6.3f} {low:7.3f}–{high:<7.3f}"
        failed = sum(run["failed"] for run in runs)
        print(cells + (f" {failed} failed" if failed else ""))
    coverage = rank_interval(range(len(rounds)))[2]
    print(f"ratios to {REFERENCE} of the same round: median, and rank interval of {coverage:.0%}")
    ratio = statistics.median(one["--shards 4"]["throughput"] / one[REFERENCE]["throughput"] for one in rounds)
    print(f"throughput of --shards 4: {ratio:.3f} of the reference (at least {ASKED_RATIO} asked)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin-dir", default="target/release", help="folder of ws-bench and axum-ws")
    parser.add_argument("--pairs", type=int, default=10, help="rounds")
    parser.add_argument("--seconds", type=int, default=3, help="measured phase of a run")
    parser.add_argument("--clients", type=int, default=100, help="clients of both loads")
    parser.add_argument("--rate", type=int, default=20_000, help="messages per second in open loop")
    args = parser.parse_args()
    loads = {
        f"closed loop, {args.clients} clients": ["-c", str(args.clients)],
        f"open loop, {args.rate:,} msg/s, {args.clients} clients": ["-c", str(args.clients), "-r", str(args.rate)],
    }
    results = {name: [] for name in loads}
    with Processes(args.bin_dir) as processes:
        _, url = processes.start_server("--bind", "127.0.0.1:0")
        for pair in range(args.pairs):
            print(f"round {pair + 1} of {args.pairs}, load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
            for name, load in loads.items():
                order = list(VARIANTS)
                if pair % 2 == 1:
                    order.reverse()
                one = {variant: measure(processes, url, load, variant, args.seconds) for variant in order}
                results[name].append(one)
    print(f"{args.pairs} rounds of {args.seconds} s a run on {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    for name, rounds in results.items():
        print_table(name, rounds)


if __name__ == "__main__":
    main()
