"""Evidence for interleaved rounds: what slices tell, and what measuring one after the other tells on the same machine.

Needs `cargo build --release` and `cargo build --release -p ws-truth --example slowed`. The load average is printed with
every table; the machine may be busy.

    python3 crates/ws-compare/benches/slices.py power [--times 40] [--budget 60s] [--slower 0 0.05 0.02] [--noise] [-- FLAGS]
    python3 crates/ws-compare/benches/slices.py spread [--times 10] [--noise] [-- FLAGS]
    python3 crates/ws-compare/benches/slices.py background [--times 5] [-- FLAGS]

power:      a server beside itself, and beside itself made 5 % and 2 % slower: how often which figure got which verdict.
spread:     standard deviation of the rounds' ratios of two equal servers, in slices and one after the other in turn.
background: a server that spins a fifth of the time, whoever is measured: what is said of it, and the other's figures.
--slower:   the shares by which the second server is slower; 0 is the server beside itself.
--keep DIR: store every comparison there as JSON.
FLAGS:      further flags of ws-compare.
--noise:    a program takes 10 to 50 % of all cores meanwhile, in bursts of 0.1 to 5 s.

Measured on two cores without other work (load average 1.3 to 2.0), comparisons of 60 s:

runs of 250 ms, 28 rounds, seeds 418 to 457: the same told 2 of 40, by service p99.9 and by service p50; 5 % slower 40 of 40,
2 % slower 40 of 40 by throughput or service p50. With --noise, seeds 501 to 540 (load average 2.1 to 2.3): the same told 1 of
40, by response p99 and p99.9; 5 % slower 40 of 40; 1.7 % of the cycles were left out. Before disturbed slices were judged by
each server (seeds 401 to 417): 2 of 17, by memory per connection; 17 of 17; 17 of 17. Memory per connection has no bias: 250 rounds of equal servers had a ratio of 0.999 (0.985 to
1.014), and turning pairs of these rounds around at random told 3.5 % of comparisons of this figure alone.
runs of 500 ms, 15 rounds: the same told 1 of 8, 5 % slower 8 of 8, 2 % slower 4 of 7. Most of the spread of p50 lies
between processes (83 to 90 %), so more rounds help, and longer ones hardly do.
A round of 500 ms, standard deviation of the ratio, beside --slice 0: throughput 0.9 and 7.4 %, service p50 0.3 and 5.9 %.
Beside a server that spins a fifth of the time: throughput 1.0 % and service p50 0.6 % from those beside a quiet one. Before
the spinning server was stopped in the slices of the other: -15 % and -1.6 %.
"""

import argparse
import collections
import json
import math
import multiprocessing
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
RELEASE = pathlib.Path(os.environ.get("SLICES_BIN", pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"))
AXUM = f"{RELEASE / 'axum-ws'} --bind 127.0.0.1:{{port}} --threads 1"
SLOWED = f"{RELEASE / 'examples/slowed'} {{port}}"
SPINS = "import time\nwhile True:\n  end = time.time() + 0.002\n  while time.time() < end: pass\n  time.sleep(0.008)"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["power", "spread", "background"])
    parser.add_argument("--times", type=int, default=None)
    parser.add_argument("--budget", default="60s")
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--slower", type=float, nargs="+", default=[0, 0.05, 0.02])
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--seed", type=int, default=1, help="of the first comparison")
    own, further = sys.argv[1:], []
    if "--" in own:
        own, further = own[:own.index("--")], own[own.index("--") + 1:]
    wanted = parser.parse_args(own)
    wanted.flags = further
    noise = [multiprocessing.Process(target=disturb, args=(n,), daemon=True) for n in range(os.cpu_count())] if wanted.noise else []
    for process in noise:
        process.start()
    try:
        {"power": power, "spread": spread, "background": background}[wanted.what](wanted)
    finally:
        for process in noise:
            process.terminate()


def disturb(number):
    """Takes a share of a core in bursts."""
    chance = random.Random(number)
    while True:
        share, end = chance.uniform(0.1, 0.5), time.time() + chance.uniform(0.1, 5)
        while time.time() < end:
            busy = time.time() + 0.01 * share
            while time.time() < busy:
                pass
            time.sleep(0.01 * (1 - share))
        time.sleep(chance.uniform(0.1, 5))


def compare(servers, flags, keep=None):
    """The comparison of these servers, which `keep` names if it is to be stored."""
    with tempfile.TemporaryDirectory() as folder:
        file = keep or pathlib.Path(folder) / "c.json"
        named = [word for name, command in servers.items() for word in ("--server", f"{name}={command}")]
        done = subprocess.run([RELEASE / "ws-compare", "--quiet", "--pin", *named, "-o", file, *map(str, flags)],
                              stdout=subprocess.DEVNULL)
        # 5: the comparison holds itself for invalid. What it says then counts as well.
        if done.returncode not in (0, 5):
            raise SystemExit(f"ws-compare ended with {done.returncode}: {flags}")
        return json.loads(file.read_text())


def load_average():
    return " ".join(f"{n:.1f}" for n in os.getloadavg())


def power(wanted):
    pairs = {f"{s:.0%} slower" if s else "the same": (f"{SLOWED} 0", f"{SLOWED} {s}") if s else (AXUM, AXUM) for s in wanted.slower}
    if wanted.keep:
        wanted.keep.mkdir(parents=True, exist_ok=True)
    verdicts = {name: collections.Counter() for name in pairs}
    rounds, told = collections.defaultdict(list), collections.Counter()
    for seed in range(wanted.seed, wanted.seed + (wanted.times or 40)):
        for name, (a, b) in pairs.items():
            keep = wanted.keep and wanted.keep / f"{name} {seed}.json".replace(" ", "-")
            c = compare({"a": a, "b": b}, ["--budget", wanted.budget, "--seed", seed, *wanted.flags], keep)
            rounds[name].append(max((row["round"] for row in c["rounds"]), default=0))
            found = {row["figure"]: row["against"][0]["verdict"] for row in c["figures"]}
            for figure, verdict in found.items():
                verdicts[name][figure, verdict] += 1
            told[name, "any figure"] += any(v != "cannot_tell" for v in found.values())
            told[name, "throughput or service p50"] += "worse" in (found.get("throughput"), found.get("service_p50"))
            print(name, seed, load_average(), found, file=sys.stderr)
    for name in pairs:
        count = len(rounds[name])
        print(f"\n{name}: {count} comparisons of {wanted.budget}, {statistics.median(rounds[name])} rounds in the middle; "
              f"load average {load_average()}")
        print(f"any figure told: {told[name, 'any figure']}; worse by throughput or service p50: "
              f"{told[name, 'throughput or service p50']}\n")
        print("| figure | inconclusive | b better | b worse |\n|---|--:|--:|--:|")
        for figure in dict.fromkeys(figure for figure, _ in verdicts[name]):
            cells = (str(verdicts[name][figure, v]) for v in ("cannot_tell", "better", "worse"))
            print(f"| {figure} | {' | '.join(cells)} |")


def log_ratios(c, run, key):
    """The logarithm of each round's ratio of b to a: of whole runs, for p50 in slices the pseudo-median of the pairs."""
    runs = collections.defaultdict(dict)
    for row in c["rounds"]:
        if row["failure"] is None and row[run]:
            runs[row["round"]][row["server"]] = row[run]
    found = []
    for a, b in ((r["a"], r["b"]) for r in runs.values() if len(r) == 2):
        if "slices" in a and key == "p50_ns":
            logs = [math.log(s["p50_ratio"]) for s in b["slices"]["kept"] if s.get("p50_ratio")]
            found.append(statistics.median((x + y) / 2 for n, x in enumerate(logs) for y in logs[n:]))
        elif a[key] and b[key]:
            found.append(math.log(b[key] / a[key]))
    return found


def spread(wanted):
    figures = [("capacity", "messages_per_s"), ("capacity", "p50_ns"), ("latency", "p50_ns")]
    ratios, seconds = collections.defaultdict(list), collections.Counter()
    for seed in range(wanted.seed, wanted.seed + (wanted.times or 10)):
        for way in ("50ms", "0"):
            c = compare({"a": AXUM, "b": AXUM}, ["--slice", way, "--rounds", 2, "-d", "500ms", "--warmup", "300ms", "--seed", seed, *wanted.flags])
            seconds[way] += c["elapsed_s"]
            for figure in figures:
                ratios[figure, way] += log_ratios(c, *figure)
            print(seed, way, load_average(), {f[1]: [round(r, 3) for r in ratios[f, way][-2:]] for f in figures}, file=sys.stderr)
    print(f"\nequal servers, standard deviation of a round's ratio; load average {load_average()}\n")
    print("| figure | rounds | slices of 50 ms | --slice 0 | as many rounds fewer |\n|---|--:|--:|--:|--:|")
    for figure in figures:
        sliced, whole = (statistics.stdev(ratios[figure, way]) for way in ("50ms", "0"))
        print(f"| {' '.join(figure)} | {len(ratios[figure, '50ms'])} | {sliced:.1%} | {whole:.1%} | {(whole / sliced) ** 2:.1f} |")
    print(f"\n{seconds['50ms']:.0f} s in slices, {seconds['0']:.0f} s one after the other")


def background(wanted):
    worker = f"sh -c 'python3 -c \"{SPINS}\" & exec {AXUM}'"
    found, named = collections.defaultdict(list), 0
    for seed in range(wanted.seed, wanted.seed + (wanted.times or 5)):
        for other, command in (("quiet", AXUM), ("spins", worker)):
            c = compare({"a": AXUM, "b": command}, ["--rounds", 2, "-d", "1s", "--seed", seed, *wanted.flags])
            for row in c["rounds"]:
                slices = (row["capacity"] or {}).get("slices") or {}
                if row["server"] == "a" and row["capacity"]:
                    found[other, "msg/s of a"].append(row["capacity"]["messages_per_s"])
                    found[other, "service p50 of a, us"].append(row["capacity"]["p50_ns"] / 1e3)
                elif row["capacity"] and slices.get("background_cpu_share") is not None:
                    found[other, "background share of b"].append(slices["background_cpu_share"])
                    named += other == "spins" and slices["background_cpu_share"] > 0.01
    print(f"\na beside a quiet b, and beside one that spins a fifth of the time; load average {load_average()}; "
          f"named in {named} of {len(found['spins', 'background share of b'])} rounds\n")
    for (other, what), values in found.items():
        print(f"{other}: {what}: median {statistics.median(values):.4g} of {len(values)}")


if __name__ == "__main__":
    main()
