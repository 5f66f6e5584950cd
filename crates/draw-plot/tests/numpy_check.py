"""Compares what draw-plot draws with what NumPy and pandas make of the same file.

    python3 -m venv venv && venv/bin/pip install numpy pandas
    cargo build --release -p draw-plot --example series
    venv/bin/python crates/draw-plot/tests/numpy_check.py target/release/examples/series

Files of known laws are written as ws-bench writes them; the example `series` prints the numbers that the
pictures are drawn from. Counts, shares and quantiles must be equal, averages to 12 digits. Exits with 1 on
the first difference.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

COLUMNS, WINDOW = 1187, 50


def laws(random):
    """Service times in milliseconds, by the name of their law."""
    n = 200_000
    heavy = random.lognormal(0.2, 0.35, n)
    tail = random.random(n) < 0.002
    heavy[tail] += 5 * random.pareto(1.2, tail.sum())
    return {
        "lognormal with a Pareto tail": heavy,
        "uniform": random.uniform(0.5, 1.5, n),
        "exponential": random.exponential(2.0, n),
        "two values": np.where(random.random(n) < 0.9, 1.0, 250.0),
        "zeros among others": np.where(random.random(n) < 0.3, 0.0, random.gamma(2.0, 1.0, n)),
        "nine tenfolds": 10.0 ** random.uniform(-5, 4, n),
        "seven messages": np.array([3.0, 1.0, 1.0, 2.0, 50.0, 0.25, 3.0]),
    }


def write(path, service, random):
    n = len(service)
    # Whole nanoseconds, as ws-bench measures them.
    service_ns = np.round(service * 1e6).astype(np.int64)
    sent_ns = np.sort(random.integers(0, 20_000_000_000, n))
    lag_ns = random.integers(0, 3_000_000, n)
    outcome = np.where(random.random(n) < 0.001, "lost", "ok")
    if (outcome == "lost").all():
        outcome[:] = "ok"
    frame = pd.DataFrame(
        {
            "client": np.arange(n) % 10,
            "message": np.arange(n) // 10,
            "intended_s": (sent_ns - lag_ns) / 1e9,
            "sent_s": sent_ns / 1e9,
            "service_time_ms": service_ns / 1e6,
            "response_time_ms": (service_ns + lag_ns) / 1e6,
            "outcome": outcome,
        }
    )
    frame.loc[frame.outcome == "lost", ["service_time_ms", "response_time_ms"]] = np.nan
    frame.to_csv(path, index=False)
    # What stands in the file is what counts.
    return pd.read_csv(path)


def equal(what, ours, theirs):
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if ours.shape != theirs.shape:
        sys.exit(f"error: {what}: {ours.shape} numbers instead of {theirs.shape}")
    wrong = ~((ours == theirs) | (np.isnan(ours) & np.isnan(theirs)))
    if wrong.any():
        at = int(np.argmax(wrong))
        sys.exit(f"error: {what}: number {at} is {ours.flat[at]!r} instead of {theirs.flat[at]!r}")
    return ours.size


def close(what, ours, theirs, tolerance=1e-12):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape:
        sys.exit(f"error: {what}: {ours.shape} numbers instead of {theirs.shape}")
    off = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-300)
    off[ours == theirs] = 0.0
    if not (off <= tolerance).all():
        at = int(np.argmax(off))
        sys.exit(f"error: {what}: number {at} is {ours[at]!r} instead of {theirs[at]!r}")
    return ours.size, off.max(initial=0.0)


def distribution(name, ours, values):
    """Quantiles, shares and histogram of one kind of time."""
    values = np.sort(values)
    count = equal(
        f"{name}: quantiles",
        ours["spectrum"],
        np.quantile(values, ours["quantiles"], method="inverted_cdf"),
    )
    for scale in ["linear", "log"]:
        places = ours[f"{scale}_places"]
        below = np.searchsorted(values, places, side="right") / len(values)
        count += equal(f"{name}: shares, {scale}", ours[f"{scale}_shares"], below)
    count += equal(f"{name}: histogram", ours["counts"], np.histogram(values, ours["edges"])[0])
    return count


def averages(name, ours, values, numbers, messages):
    """All averages, and of those that are drawn first, lowest, highest and last of each column.

    An average stands at the number of its last message, which counts lost messages too.
    """
    theirs = pd.Series(values).rolling(WINDOW).mean().to_numpy()[WINDOW - 1 :]
    exact = np.convolve(values, np.ones(WINDOW) / WINDOW, "valid") if len(values) < 1000 else theirs
    # pandas subtracts from a running sum: after an outlier it is off by a little for ever.
    count, off = close(f"{name}: averages", ours["averages"], exact, 1e-7)
    windows = np.lib.stride_tricks.sliding_window_view(values, WINDOW)
    count, off = close(f"{name}: averages", ours["averages"], windows.mean(axis=1))
    drawn = np.array(ours["outline"])
    numbers = numbers[WINDOW - 1 :]
    at = np.searchsorted(numbers, drawn[:, 0].astype(int))
    count += equal(f"{name}: places of averages", drawn[:, 0], numbers[at])
    count += equal(f"{name}: drawn averages", drawn[:, 1], np.asarray(ours["averages"])[at])
    column = (numbers * COLUMNS) // messages
    groups = pd.Series(ours["averages"]).groupby(column)
    kept = pd.Series(drawn[:, 1]).groupby(column[at])
    count += equal(f"{name}: lowest of a column", kept.min(), groups.min())
    count += equal(f"{name}: highest of a column", kept.max(), groups.max())
    reach = pd.DataFrame(ours["reaches"], columns=["column", "low", "mean", "high"])
    count += equal(f"{name}: columns", reach["column"], groups.min().index)
    count += equal(f"{name}: lowest average of a column", reach["low"], groups.min())
    count += close(f"{name}: mean of a column", reach["mean"], groups.mean())[0]
    count += equal(f"{name}: highest average of a column", reach["high"], groups.max())
    return count, off


def seconds(name, ours, frame):
    """Rates and quantiles of each second; echoes belong to the second in which they came."""
    quantile = lambda q: lambda v: np.quantile(v, q, method="inverted_cdf")
    sent = frame.sent_s.astype(int)
    timed = frame[frame.outcome == "ok"]
    came = (timed.sent_s + timed.service_time_ms / 1e3).astype(int)
    whole = ours["second"]
    by = lambda series: series.reindex(whole)
    # The last second is as long as something happened in it; less than half of one has the rate of it and the one before.
    end_s = max(frame.sent_s.max(), (timed.sent_s + timed.service_time_ms / 1e3).max())
    last, part_s = int(end_s), end_s % 1

    def rates(seconds):
        counts = seconds.value_counts()
        rates = by(counts).fillna(0).astype(float)
        if last > 0 and part_s < 0.5:
            both = counts.get(last - 1, 0) + counts.get(last, 0)
            rates[last] = both / (1 + part_s)
        else:
            rates[last] = counts.get(last, 0) / part_s
        return rates

    count = close(f"{name}: sent", ours["sent"], rates(sent), 1e-9)[0]
    count += close(f"{name}: received", ours["received"], rates(came), 1e-9)[0]
    lost = sent[frame.outcome != "ok"].value_counts()
    count += equal(f"{name}: failed", ours["failed"], by(lost).fillna(0))
    for ours_name, column, figure in [
        ("service_p50_ns", "service_time_ms", quantile(0.5)),
        ("service_p99_ns", "service_time_ms", quantile(0.99)),
        ("response_p99_ns", "response_time_ms", quantile(0.99)),
        ("max_ns", "response_time_ms", np.max),
    ]:
        theirs = by(timed.groupby(came)[column].apply(figure)) * 1e6
        given = np.array(ours[ours_name], dtype=float)
        # HdrHistogram keeps three digits.
        off = np.nanmax(np.abs(given - theirs) / np.maximum(theirs, 1), initial=0.0)
        if off > 1e-3 or (np.isnan(given) != np.isnan(theirs)).any():
            sys.exit(f"error: {name}: {ours_name} is off by {off}")
        count += len(given)
    return count


def main():
    program = sys.argv[1]
    random = np.random.default_rng(2024)
    compared, worst = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, service in laws(random).items():
            path = Path(folder) / "run.csv"
            frame = write(path, service, random)
            window = WINDOW if len(frame) >= WINDOW else 1
            run = [program, str(path), str(COLUMNS), str(window)]
            ours = json.loads(subprocess.run(run, check=True, capture_output=True).stdout)
            timed = frame[frame.outcome == "ok"]
            count = 0
            for kind in ["service", "response"]:
                times = timed[f"{kind}_time_ms"].to_numpy()
                count += distribution(f"{name}: {kind} time", ours[f"{kind} time"], times)
            if window > 1:
                times, numbers = timed.service_time_ms.to_numpy(), timed.index.to_numpy()
                more, off = averages(name, ours, times, numbers, len(frame))
                count, worst = count + more, max(worst, off)
            cells = ours["cells"]
            theirs, _, _ = np.histogram2d(
                timed.sent_s, timed.service_time_ms, bins=[cells["edges_s"], cells["edges_ms"]]
            )
            count += equal(f"{name}: cells", cells["counts"], theirs)
            count += seconds(name, ours["seconds"], frame)
            print(f"{name}: {len(timed):,} messages, {count:,} numbers equal")
            compared += count
    print(f"{compared:,} numbers compared; averages differ by at most {worst:.1e} of themselves")


if __name__ == "__main__":
    main()
