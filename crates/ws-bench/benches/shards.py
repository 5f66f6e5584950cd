#!/usr/bin/env python3
"""Throughput and response p99 of several processes beside those of one process with the same load.

Starts one axum-ws, and measures pairs against it: one process of two threads (the reference), and next to it another
way to run the same load: `--shards 4`, `--shards 2`, one process of four threads, and the reference again, which shows
the noise. Each process of `--shards 4` has a thread, so it compares with four threads in one process where two cores
are the limit: `--reference '--threads 4' --variant '--shards 4'`. The order within a pair alternates. Closed loop is measured with 100 clients, and open loop at a fixed rate.

Prints medians, and the median of the ratios to the reference of the same pair with its rank interval.

    cargo build --release -p ws-bench -p axum-ws
    crates/ws-bench/benches/shards.py --bin-dir target/release

Takes about a minute for each of the --pairs. The machine should have no other work.

Measured on two cores with other work (load average 5), closed loop: `--shards 2` 0.985 of the throughput of two threads
(0.933 to 1.122) with 4 % more CPU time per message, `--shards 4` 0.84, and four threads in one process 0.92, with 35 %
and 30 % more CPU time: four threads on two cores take fewer messages at each wake-up. `--shards 4` beside four threads:
0.94 (0.74 to 1.19), while four threads beside themselves had 0.90 (0.83 to 1.08). Open loop: 1.000 in every case.
"""

import argparse
import itertools
import json
import math
import os
import statistics
import sys

from bench_processes import Processes

REFERENCE = "--threads 2"
JUDGED = "--shards 4 --threads 2"
VARIANTS = [REFERENCE, "--threads 4", "--shards 2 --threads 2", JUDGED]
# Time in seconds beside the measured phase within which a run must end.
RUN_LIMIT_S = 60
WARM_UP = "300ms"
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
    arguments = [url, *load, *variant.split(), "-d", f"{seconds}s", "--warmup", WARM_UP, "--json", "--no-output", "--no-calibrate", "-q"]
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
        "cpu_us": summary["client"]["cpu_s"] / messages["received"] * 1e6,
        "switches": sum(summary["client"]["context_switches"].values()) / messages["received"],
        "failed": failed,
    }


FIGURES = {
    # Figure: heading, digits.
    "throughput": ("msg/s", 0),
    "p50_us": ("p50 µs", 0),
    "p99_us": ("p99 µs", 0),
    "cpu_us": ("CPU µs/msg", 2),
    "switches": ("switches/msg", 3),
}


def print_table(name, pairs):
    print(f"\n{name}")
    for figure, (heading, digits) in FIGURES.items():
        print(f"  {heading:24} {'reference':>10} {'it':>10}  ratio  rank interval")
        for variant, of in pairs.items():
            ratios = [other[figure] / reference[figure] for reference, other in of]
            low, high, _ = rank_interval(ratios)
            both = (statistics.median(run[figure] for run in runs) for runs in zip(*of))
            cells = " ".join(f"{value:10,.{digits}f}" for value in both)
            print(f"  {variant:24} {cells}  {statistics.median(ratios):5.3f}  {low:.3f}–{high:.3f}")
    failed = sum(run["failed"] for of in pairs.values() for both in of for run in both)
    print(f"  {failed} messages or connections failed")
    if JUDGED in pairs:
        ratio = statistics.median(other["throughput"] / reference["throughput"] for reference, other in pairs[JUDGED])
        print(f"  throughput of {JUDGED}: {ratio:.3f} of the reference (at least {ASKED_RATIO} asked)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin-dir", default="target/release", help="folder of ws-bench and axum-ws")
    parser.add_argument("--pairs", type=int, default=10, help="pairs of each kind")
    parser.add_argument("--seconds", type=int, default=3, help="measured phase of a run")
    parser.add_argument("--clients", type=int, default=100, help="clients of both loads")
    parser.add_argument("--rate", type=int, default=20_000, help="messages per second in open loop")
    parser.add_argument("--reference", default=REFERENCE, help="flags of the reference")
    parser.add_argument("--variant", action="append", help="flags of another way, repeatable [default: four of them]")
    args = parser.parse_args()
    variants = args.variant or VARIANTS
    loads = {
        f"closed loop, {args.clients} clients": ["-c", str(args.clients)],
        f"open loop, {args.rate:,} msg/s, {args.clients} clients": ["-c", str(args.clients), "-r", str(args.rate)],
    }
    results = {name: {variant: [] for variant in variants} for name in loads}
    with Processes(args.bin_dir) as processes:
        _, url = processes.start_server("--bind", "127.0.0.1:0")
        for pair in range(args.pairs):
            print(f"pair {pair + 1} of {args.pairs}, load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
            for (name, load), variant in itertools.product(loads.items(), variants):
                order = [args.reference, variant]
                if pair % 2 == 1:
                    order.reverse()
                runs = [measure(processes, url, load, flags, args.seconds) for flags in order]
                results[name][variant].append(tuple(runs if pair % 2 == 0 else reversed(runs)))
    coverage = rank_interval(range(args.pairs))[2]
    print(f"{args.pairs} pairs of {args.seconds} s a run on {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    print(f"medians, and rank intervals of {coverage:.0%} of the ratios to {args.reference}")
    for name, pairs in results.items():
        print_table(name, pairs)


if __name__ == "__main__":
    main()
