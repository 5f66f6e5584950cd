"""Statistical power of ws-compare: a server compared with itself, and with itself made slower by a known share.

Needs `cargo build --release` and `cargo build --release -p ws-truth --example slowed`, and a machine with nothing else to
do. Each pair is compared --times times, the two pairs in turn. Printed is how often each figure got which verdict.

    python3 crates/ws-compare/benches/power.py [--times 40] [--rounds 10] [--slower 0.05] [--figures throughput] [--keep FOLDER] [-- flags of ws-compare]
"""

import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]


def main():
    about, _, _ = __doc__.partition("\n")
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--times", type=int, default=40, help="comparisons of each pair [default: 40]")
    parser.add_argument("--rounds", type=int, default=10, help="rounds of each comparison [default: 10]")
    parser.add_argument("--slower", type=float, default=0.05, help="share of its work that the slower server adds [default: 0.05]")
    parser.add_argument("--figures", help="judge by these alone, with commas between them [default: all]")
    parser.add_argument("--keep", type=pathlib.Path,
                        help="folder for the comparisons; what is there is not measured again [default: one that goes]")
    parser.add_argument("flags", nargs="*", help="further flags of ws-compare, behind --")
    wanted = parser.parse_args()
    release = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    axum = f"{release / 'axum-ws'} --bind 127.0.0.1:{{port}} --threads 1"
    slowed = f"{release / 'examples/slowed'} {{port}}"
    pairs = {
        "the same": (axum, axum),
        f"slower by {wanted.slower:.0%} of its work": (f"{slowed} 0", f"{slowed} {wanted.slower}"),
    }
    found = {name: [] for name in pairs}
    with tempfile.TemporaryDirectory() as passing:
        folder = wanted.keep or pathlib.Path(passing)
        folder.mkdir(exist_ok=True)
        for seed in range(1, wanted.times + 1):
            for number, (name, (first, second)) in enumerate(pairs.items()):
                file = folder / f"{number}-{seed}.json"
                if not file.exists():
                    servers = ["--server", f"a={first}", "--server", f"b={second}", "--pin", "--rounds", str(wanted.rounds)]
                    compare(release, [*servers, "--seed", str(seed), "--output", file, *wanted.flags])
                # Judged anew, so that kept rounds tell what a change of the statistics does.
                figures = ["--figures", wanted.figures] if wanted.figures else []
                found[name].append(json.loads(compare(release, [file, "--json", *figures])))
    for name, comparisons in found.items():
        report(name, comparisons)


def compare(release, flags):
    done = subprocess.run([release / "ws-compare", "--quiet", *flags], stdout=subprocess.PIPE, text=True)
    # 5: the comparison holds itself for invalid. What it says then counts as well.
    if done.returncode not in (0, 5):
        raise SystemExit(f"ws-compare ended with {done.returncode}: {flags}")
    return done.stdout


def report(name, comparisons):
    counts, ratios = collections.Counter(), collections.defaultdict(list)
    for comparison in comparisons:
        verdicts = {row["figure"]: row["against"][0] for row in comparison["figures"]}
        for figure, against in verdicts.items():
            counts[figure, against["verdict"]] += 1
            if against["ratio"] is not None:
                ratios[figure].append(against["ratio"])
        counts["any of them", "worse" if any(a["verdict"] != "cannot_tell" for a in verdicts.values()) else "cannot_tell"] += 1
    validity = collections.Counter(comparison["validity"]["verdict"] for comparison in comparisons)
    print(f"\n{name}: {len(comparisons)} comparisons, {dict(validity)}\n")
    print("| figure | inconclusive | b better | b worse | b : a, median |\n|---|--:|--:|--:|--:|")
    for figure in dict.fromkeys(figure for figure, _ in counts):
        ratio = f"{statistics.median(ratios[figure]):.3f}" if ratios[figure] else "–"
        print(f"| {figure} | {' | '.join(str(counts[figure, v]) for v in ('cannot_tell', 'better', 'worse'))} | {ratio} |")


if __name__ == "__main__":
    main()
