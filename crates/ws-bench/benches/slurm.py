"""Shards under Slurm, many times: how far apart they start, and whether every fault is named and nothing else.

Needs root, Debian's packages (.ci/slurm_cluster.py installs them) and `cargo build --release`. Four hosts are made of
namespaces on this machine, which therefore shares its cores among the server, the shards and Slurm.

    python3 crates/ws-bench/benches/slurm.py start [--times 10]
    python3 crates/ws-bench/benches/slurm.py faults [--healthy 100] [--faults 100] [--seed 1]

start:  16 shards on four hosts, 19,000 connections over two URLs, open loop of 4,000 msg/s for 10 s, and one process
        with the same load after each. Printed: start skew (p100), achieved and offered rate, response p50 and p99.
faults: runs of four shards and 3 s in random order. A fault is one of: killed at a random time, never started, started
        after T0, stopped for 2 s over T0. Printed: false alarms, and faults that were not named exactly.

--programs FOLDER: the folder of ws-bench, ws-merge and axum-ws, target/release without it.

Measured on two cores, on which compilers ran meanwhile (load average 5 to 12):

start:  skew p100 from 1.1 to 2.8 ms in ten runs; 4,000.0 msg/s offered and achieved in each. Response p50: 0.087 ms
        (0.077 to 0.117) with 16 shards, 0.084 ms (0.071 to 0.110) with one process. p99: 2.5 ms (1.2 to 39.9), and
        7.9 ms (2.0 to 11.3).
faults: no false alarm in 100 healthy runs, and all of 100 faults named exactly, in 917 s.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / ".ci"))

from slurm import TIMEOUT_S, end  # noqa: E402
from slurm_cluster import NODES, Cluster, Failed, Skipped, end_on_signals, install  # noqa: E402
from slurm_runs import DEGRADED, Runs, in_ms, sleep_until_ms  # noqa: E402

RELEASE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
CONNECTIONS = 19_000
RATE = 4_000
START_LOAD = ["-c", CONNECTIONS, "--rate", RATE, "-d", "10s", "--warmup", "1s", "--no-calibrate"]
SKEW_LIMIT_MS = 30
SHARDS = 4
SECONDS = 3
FAULT_LOAD = ["-c", 40, "--rate", 400, "-d", f"{SECONDS}s", "--warmup", "200ms", "--threads", 1, "--no-calibrate"]
# Time to start and to connect before T0.
AHEAD_S = 1.5


# ---- start

def start(runs, args):
    urls = [runs.start_server(), runs.start_server()]
    rows = {"16 shards": [], "one process": []}
    print("| run | of | connected | start skew p100 | offered msg/s | achieved msg/s | response p50 | p99 | verdict |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|---|")
    for number in range(1, args.times + 1):
        for name, measure in (("16 shards", sharded), ("one process", single)):
            document = measure(runs, urls)
            rows[name].append(document)
            print(f"| {number} | {name} | {' | '.join(cells(document))} |", flush=True)
    skews = sorted(document["shards"]["start_skew_ns"]["max"] / 1e6 for document in rows["16 shards"])
    within = sum(skew <= SKEW_LIMIT_MS for skew in skews)
    print(f"start skew p100 at most {SKEW_LIMIT_MS} ms in {within} of {len(skews)} runs; "
          f"from {skews[0]:.1f} to {skews[-1]:.1f} ms")
    for name, documents in rows.items():
        worst = max(abs(achieved(document) / document["offered_rate_per_s"] - 1) for document in documents)
        print(f"{name}: achieved differs from offered by at most {100 * worst:.3f} %; "
              f"p50 {spread(documents, 'p50')}, p99 {spread(documents, 'p99')}")
    return 0


def sharded(runs, urls):
    folder = runs.folder()
    command = runs.bench(urls, folder, *START_LOAD, "--threads", 1)
    code, told = end(runs.cluster.popen("srun", "--mpi=pmi2", "-N", len(NODES), "-n", 16, *command))
    merged = runs.merge(folder)
    if not merged.shards:
        raise Failed(f"srun with exit code {code}: {told}{merged.stderr}")
    return merged.document


def single(runs, urls):
    process = runs.cluster.popen_on(NODES[0], runs.programs / "ws-bench", *urls, *START_LOAD, "--json", "--quiet",
                                    "--no-output")
    out, err = process.communicate(timeout=TIMEOUT_S)
    if not out:
        raise Failed(f"one process with exit code {process.returncode}: {err}")
    return json.loads(out)


def achieved(document):
    return document["messages"]["received"] / document["elapsed_s"]


def cells(document):
    times = document["response_time_ns"]
    skew = document.get("shards") and f"{document['shards']['start_skew_ns']['max'] / 1e6:.2f} ms"
    return [f"{document['connections']['opened']:,}", skew or "–", f"{document['offered_rate_per_s']:,.1f}",
            f"{achieved(document):,.1f}", f"{times['p50'] / 1e6:.3f} ms", f"{times['p99'] / 1e6:.3f} ms",
            document["validity"]["verdict"]]


def spread(documents, key):
    values = [document["response_time_ns"][key] / 1e6 for document in documents]
    return f"{statistics.median(values):.3f} ms ({min(values):.3f} to {max(values):.3f})"


# ---- faults

class Fault:
    """A fault of one shard, at a time that chance decides."""

    def __init__(self, kind, chance):
        self.kind = kind
        self.shard = chance.randrange(SHARDS)
        # Seconds from T0 on. The last second of a run is left out: a shard that has sent all is complete.
        self.at_s = {"killed": chance.uniform(0.1, SECONDS - 0.5), "stopped": chance.uniform(-0.6, -0.1)}.get(kind, 0)

    def __str__(self):
        return f"shard {self.shard} {self.kind}" + (f" at {self.at_s:.2f} s" if self.at_s else "")

    def named(self):
        named_as = {"killed": "died", "stopped": "late"}.get(self.kind, "missing")
        return {named_as: [self.shard]}

    def before(self, start_ms):
        """Words before the command of the shards."""
        act = {"never started": "exit 7", "started late": f"while (($(date +%s%3N) < {start_ms})); do sleep 0.05; done"}
        if self.kind not in act:
            return []
        return ["bash", "-c", f'if [ "$SLURM_PROCID" = {self.shard} ]; then {act[self.kind]}; fi; exec "$@"', "bash"]

    def strike(self, runs, folder, start_ms):
        if self.kind in ("killed", "stopped"):
            runs.started(folder, self.shard)
            sleep_until_ms(start_ms + self.at_s * 1000)
            runs.signal(folder, self.shard, "KILL" if self.kind == "killed" else "STOP")
        if self.kind == "stopped":
            time.sleep(2)
            runs.signal(folder, self.shard, "CONT")


KINDS = ["killed", "never started", "started late", "stopped"]


def faults(runs, args):
    url = [runs.start_server()]
    chance = random.Random(args.seed)
    todo = [None] * args.healthy + [Fault(KINDS[number % len(KINDS)], chance) for number in range(args.faults)]
    chance.shuffle(todo)
    alarms, unnamed, failed, began = [], [], 0, time.monotonic()
    for number, fault in enumerate(todo, 1):
        try:
            merged = run_with(runs, url, fault)
        except Failed as error:
            failed += 1
            print(f"run {number}, {fault or 'healthy'}: {error}", flush=True)
            runs.cluster.recover()
            continue
        expected = fault.named() if fault else {}
        if merged.faults() != expected or (merged.code == DEGRADED) != bool(fault):
            (unnamed if fault else alarms).append(number)
            print(f"run {number}, {fault or 'healthy'}: {merged.describe()}", flush=True)
        if number % 20 == 0:
            print(f"{number} of {len(todo)} runs after {time.monotonic() - began:.0f} s", flush=True)
    print(f"{args.healthy} healthy runs: {len(alarms)} false alarms")
    print(f"{args.faults} runs with a fault: {len(unnamed)} not named exactly")
    print(f"seed {args.seed}; {failed} runs failed; load average {os.getloadavg()[0]:.2f}")
    return 1 if alarms or unnamed or failed else 0


def run_with(runs, url, fault):
    folder = runs.folder()
    start_ms = in_ms(AHEAD_S)
    before = fault.before(start_ms) if fault else []
    command = runs.bench(url, folder, *FAULT_LOAD, "--start-at", start_ms)
    run = runs.cluster.popen("srun", "--mpi=pmi2", "-N", SHARDS, "-n", SHARDS, *before, *command)
    if fault:
        fault.strike(runs, folder, start_ms)
    end(run)
    return runs.merge(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["start", "faults"])
    parser.add_argument("--programs", type=pathlib.Path, default=RELEASE)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--healthy", type=int, default=100)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    end_on_signals()
    try:
        install()
        with Cluster() as cluster:
            return {"start": start, "faults": faults}[args.what](Runs(cluster, args.programs), args)
    except Skipped as reason:
        print(f"cannot run: {reason}")
        return 1


sys.exit(main())
