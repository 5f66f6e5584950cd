"""A million rows in a workbook: ours beside pandas, in one run.

    cargo build --release && cargo bench -p results --bench million_rows --no-run
    python3 -m venv venv && venv/bin/pip install pandas xlsxwriter openpyxl matplotlib
    venv/bin/python crates/results/benches/pandas_comparison.py [--rounds N]

Ours writes the workbook (all seven columns, and the other sheets with their charts); pandas writes the
same rows with xlsxwriter. Then both read that workbook of ours, pandas with openpyxl, its default, and
draw the same picture: each message's service time and the moving average of 50. Each step runs in a
process of its own, ours and pandas' in turn; medians are compared. pandas' clock starts when it is
imported and its rows are in memory; for drawing, ours runs for the whole of the program.

`extra` is by how much the most that was resident in the step (VmHWM, cleared before it) exceeds what
was before; of `draw-plot` it is all of it. Prints a Markdown table; exits with 1 when a figure that is wanted was missed.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]

# What is wanted: how many times as fast as pandas, and bytes of memory at most.
WANTED = {"write": (25, 64e6), "read and draw": (15, 250e6)}


def most_resident_bytes():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    sys.exit("no VmHWM here: this needs Linux")


def pandas_step(step, path, out):
    """One step of pandas, in a process of its own."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import pandas as pd

    frame = pd.read_csv(path) if step == "write" else None
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before, begun, cpu = most_resident_bytes(), time.perf_counter(), time.process_time()
    if step == "write":
        frame.to_excel(out, engine="xlsxwriter", sheet_name="latencies", index=False)
    else:
        frame = pd.read_excel(path, sheet_name="latencies", engine="openpyxl")
        values = frame["service_time_ms"]
        figure, axes = plt.subplots(figsize=(12.8, 7.2))
        axes.plot(values, ",", alpha=0.3)
        axes.plot(values.rolling(50).mean())
        axes.set(xlabel="message", ylabel="service time (ms)", title=path)
        figure.savefig(out)
    told = {
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time() - cpu,
        "extra_bytes": most_resident_bytes() - before,
        "rows": len(frame),
        "mean_ms": float(frame["service_time_ms"].mean()),
    }
    print(json.dumps(told))


def run(*command):
    """Runs a program; gives its output, and what it took as a whole."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    return text, {
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        # At least what this script itself holds: an upper bound.
        "extra_bytes": usage.ru_maxrss * 1024,
    }


def one_round(folder, draw_plot):
    """Every step once: what ours took and what pandas took, by step."""
    ours, rows, theirs = (str(folder / n) for n in ("ours.xlsx", "rows.csv", "theirs.xlsx"))
    bench = ("cargo", "bench", "-q", "-p", "results", "--bench", "million_rows", "--")
    text, _ = run(*bench, ours, rows)
    write = next(r for r in map(json.loads, text.splitlines()) if r["step"] == "write")
    pandas_write = json.loads(run(sys.executable, __file__, "--step", "write", rows, theirs)[0])
    _, draw = run(str(draw_plot), ours, "-o", str(folder / "ours.png"))
    out = str(folder / "theirs.png")
    pandas_draw = json.loads(run(sys.executable, __file__, "--step", "draw", ours, out)[0])
    # The rows that pandas wrote are those that it found in our workbook.
    same = pandas_write["rows"] == pandas_draw["rows"] == write["rows"]
    if not same or abs(pandas_write["mean_ms"] / pandas_draw["mean_ms"] - 1) > 1e-9:
        sys.exit(f"not the same rows: {pandas_write} {pandas_draw}")
    sizes = {"ours": os.path.getsize(ours), "pandas": os.path.getsize(theirs)}
    return {"write": (write, pandas_write), "read and draw": (draw, pandas_draw)}, sizes


def main(rounds):
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for n in range(rounds):
            print(f"round {n + 1} of {rounds}", file=sys.stderr)
            steps, sizes = one_round(pathlib.Path(folder), target / "release" / "draw-plot")
            measured.append(steps)
    print(f"A million rows of seven columns, medians of {rounds} rounds:\n")
    print("| step | ours | extra | pandas | extra | pandas : ours | by CPU time | wanted |")
    print("|---|--:|--:|--:|--:|--:|--:|---|")
    missed = []
    for step, (times, most_bytes) in WANTED.items():
        middle = lambda who, what: statistics.median(m[step][who][what] for m in measured)
        (s, cpu, extra), (their_s, their_cpu, their_extra) = (
            [middle(who, what) for what in ("seconds", "cpu_seconds", "extra_bytes")] for who in (0, 1)
        )
        print(
            f"| {step} | {s:.2f} s | {extra / 1e6:.0f} MB | {their_s:.1f} s | {their_extra / 1e6:.0f} MB"
            f" | {their_s / s:.1f} | {their_cpu / cpu:.1f} | ≥ {times}, ≤ {most_bytes / 1e6:.0f} MB |"
        )
        if their_s / s < times:
            missed.append(f"{step}: {their_s / s:.1f} times as fast, not {times}")
        if extra > most_bytes:
            missed.append(f"{step}: {extra / 1e6:.0f} MB, not {most_bytes / 1e6:.0f}")
    print(f"\nThe workbook: ours {sizes['ours'] / 1e6:.1f} MB, pandas {sizes['pandas'] / 1e6:.1f} MB.")
    if missed:
        sys.exit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each step is taken (default 3)")
    parser.add_argument("--step", nargs=3, metavar=("STEP", "FROM", "TO"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        pandas_step(*arguments.step)
    else:
        main(arguments.rounds)
