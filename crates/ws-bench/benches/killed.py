#!/usr/bin/env python3
"""Data that a killed run leaves: kill -9 of a ws-bench after 30 s of its measured phase.

Counts the seconds in the `.hlog.partial` that it leaves, and reads the file with ws-report. At most the last second may
be missing.

    cargo build --release -p ws-bench -p axum-ws -p ws-report
    crates/ws-bench/benches/killed.py --bin-dir target/release

Takes about 35 s.
"""

import argparse
import os
import re
import sys
import tempfile
import time

from bench_processes import Processes

# Time in seconds for the log to begin, and for ws-report.
LIMIT_S = 60
WARM_UP_S = 1
LINE = re.compile(rb"^(?:Tag=(\w+),)?(\d+\.\d+),(\d+\.\d+),[\d.]+,\S+$")


def intervals(path):
    """Start and end of the last interval in seconds, and the number of intervals of each tag."""
    tags, last = {}, (0.0, 0.0)
    with open(path, "rb") as file:
        for line in file.read().split(b"\n"):
            match = LINE.match(line)
            if match:
                tag = (match[1] or b"none").decode()
                tags[tag] = tags.get(tag, 0) + 1
                last = (float(match[2]), float(match[2]) + float(match[3]))
    return last, tags


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin-dir", default="target/release", help="folder of ws-bench and axum-ws")
    parser.add_argument("--report-dir", help="folder of ws-report [default: that of the others]")
    parser.add_argument("--after", type=float, default=30, help="seconds of the measured phase before the kill")
    parser.add_argument("load", nargs="*", default=["-c", "50"], help="load of ws-bench, after -- [default: -c 50]")
    args = parser.parse_args()
    report_dir = os.path.abspath(args.report_dir or args.bin_dir)
    with Processes(args.bin_dir) as processes, tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "run.hlog")
        partial = log + ".partial"
        _, url = processes.start_server("--bind", "127.0.0.1:0")
        arguments = [url, *args.load, "-d", f"{args.after + 60}s", "--warmup", f"{WARM_UP_S}s", "--no-calibrate", "-q", "-o", log]
        run = processes.start("ws-bench", arguments)
        begun = time.monotonic()
        # The first interval is written a moment after the end of the first second.
        while not os.path.exists(partial) or not intervals(partial)[1]:
            if run.poll() is not None or time.monotonic() - begun > LIMIT_S:
                sys.exit("the log did not begin")
            time.sleep(0.01)
        written_at = time.monotonic()
        # No earlier than the end of the first second, so T0 is at least one second ago.
        time.sleep(args.after - 1)
        run.kill()
        run.wait()
        measured_s = 1 + time.monotonic() - written_at
        print(f"killed at least {measured_s:.2f} s after T0 (first interval {written_at - begun:.2f} s after the start)")
        print(f"files: {', '.join(sorted(os.listdir(folder)))}")
        last, tags = intervals(partial)
        print(f"{os.path.basename(partial)}: {os.path.getsize(partial):,} bytes, intervals {tags}, the last {last[0]:.3f}–{last[1]:.3f} s")
        processes.bin_dir = report_dir
        page = os.path.join(folder, "report.html")
        report = processes.start("ws-report", [partial, "-o", page])
        report.wait(LIMIT_S)
        with open(page, encoding="utf-8") as file:
            html = file.read()
        print(f"ws-report: exit code {report.returncode}, page of {len(html):,} characters")
        seconds = min(tags.values(), default=0)
        print(f"{seconds} s in the log (at least {args.after - 1:.0f} asked)")
        sys.exit(0 if seconds >= args.after - 1 and report.returncode == 0 else 1)


if __name__ == "__main__":
    main()
