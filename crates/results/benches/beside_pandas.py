"""A million rows in a workbook: ours beside pandas, in one run.

    cargo build --release && cargo bench -p results --bench million_rows --no-run
    python3 -m venv venv && venv/bin/pip install pandas xlsxwriter openpyxl matplotlib
    venv/bin/python crates/results/benches/beside_pandas.py

Ours writes the workbook (seven columns and the four other sheets); pandas writes the same rows with
xlsxwriter; then both read the same workbook and draw it with its moving average. Each step runs in
a process of its own; `extra` is the most memory resident in it, less what was resident before the
step (for drawing with ours: all of the program's).
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]


def rss():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def pandas_step(step, path, out):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import pandas as pd

    if step == "write":
        frame = pd.read_csv(path)
        before, begun = rss(), time.perf_counter()
        frame.to_excel(out, engine="xlsxwriter", sheet_name="latencies", index=False)
    else:
        before, begun = rss(), time.perf_counter()
        frame = pd.read_excel(path, sheet_name="latencies")
        values = frame["service_time_ms"]
        figure, axes = plt.subplots(figsize=(12.8, 7.2))
        axes.plot(values, ",", alpha=0.3)
        axes.plot(values.rolling(50).mean())
        figure.savefig(out)
    print(json.dumps({"seconds": time.perf_counter() - begun, "extra_bytes": rss() - before}))


def run(*command):
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    return text, time.perf_counter() - begun, usage.ru_maxrss * 1024


def main():
    folder = pathlib.Path(tempfile.mkdtemp())
    ours, csv, theirs = (str(folder / n) for n in ("ours.xlsx", "rows.csv", "theirs.xlsx"))
    text, _, _ = run("cargo", "bench", "-q", "-p", "results", "--bench", "million_rows", "--", ours)
    write = next(r for r in map(json.loads, text.splitlines()) if r["step"] == "write")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    draw = target / "release" / "draw-plot"
    _, seconds, memory = run(str(draw), ours, "-o", str(folder / "ours.png"))
    # The same rows for pandas to write, read back from our workbook outside the clock.
    script = "import pandas,sys; pandas.read_excel(sys.argv[1], sheet_name='latencies').to_csv(sys.argv[2], index=False)"
    run(sys.executable, "-c", script, ours, csv)
    pandas = [
        json.loads(run(sys.executable, __file__, "write", csv, theirs)[0]),
        json.loads(run(sys.executable, __file__, "draw", ours, str(folder / "theirs.png"))[0]),
    ]
    table = [
        ("write", write["seconds"], write["extra_bytes"], pandas[0]),
        ("read and draw", seconds, memory, pandas[1]),
    ]
    print(f"{'step':14} {'ours':>8} {'extra':>9} {'pandas':>9} {'extra':>9} {'pandas : ours':>14}")
    for name, s, extra, p in table:
        print(
            f"{name:14} {s:7.2f}s {extra / 1e6:6.0f} MB {p['seconds']:8.2f}s"
            f" {p['extra_bytes'] / 1e6:6.0f} MB {p['seconds'] / s:14.1f}"
        )
    print(f"ours {os.path.getsize(ours) / 1e6:.1f} MB, pandas {os.path.getsize(theirs) / 1e6:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        pandas_step(*sys.argv[1:])
    else:
        main()
