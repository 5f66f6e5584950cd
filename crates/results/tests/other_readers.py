"""What our files say to programs of others: openpyxl, pandas, HdrHistogram's Python port, LibreOffice.

    ws-bench URL -c 10 -m 500 -r 2500 -o run.xlsx -o run.csv -o run.json -o run.hlog
    python -W error crates/results/tests/other_readers.py run [run.pdf]

Takes the four files of one run in open loop, in which no message was lost, and LibreOffice's PDF of the
workbook if there is one. Needs openpyxl, pandas, hdrhistogram, and for the PDF pdftotext and pdftoppm
(poppler-utils). Prints what agrees, a line each; ends with 1 at the first thing that does not. `.ci/others` makes
the files and calls it.
"""

import json
import subprocess
import sys

import numpy as np
import openpyxl
import pandas as pd
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from openpyxl.utils import get_column_letter

# As INTERFACE.md has them: others may follow.
COLUMNS = {
    "summary": ["key", "value"],
    "latencies": ["client", "message", "intended_s", "sent_s", "service_time_ms", "response_time_ms", "outcome", "generator_stopped"],
    "percentiles": ["percentile", "service_time_ms", "response_time_ms"],
    "timeline": ["second", "sent", "received", "service_p50_ms", "service_p99_ms", "response_p99_ms", "max_ms"],
    "connections": ["client", "connect_ms", "messages", "failed", "close_code"],
}
# In open loop, where both times are drawn.
CHARTS = {"percentiles": 1, "timeline": 2, "moving_average": 2}
# What stands in the document behind the summary.
BESIDE_SUMMARY = ["percentiles", "timeline", "histograms"]
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99_9": 99.9}
TIMES = ["service", "response"]


def equal(what, ours, theirs):
    if ours != theirs:
        sys.exit(f"error: {what}: {theirs!r} instead of {ours!r}")


def leaves(value, path=""):
    """The leaves of a JSON value with their dotted paths."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    inner = list(inner)
    if not inner:
        # A cell has no empty list.
        yield path, None if isinstance(value, (dict, list)) else value
    for key, item in inner:
        yield from leaves(item, f"{path}.{key}" if path else str(key))


def in_cell(value):
    """A spreadsheet's numbers are floats."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def ms(nanoseconds):
    return None if nanoseconds is None else nanoseconds / 1e6


def workbook(path, run):
    book = openpyxl.load_workbook(path)
    equal("the sheets", list(COLUMNS), book.sheetnames[: len(COLUMNS)])
    rows = {
        "summary": [
            list(leaf) for leaf in leaves({k: v for k, v in run.items() if k not in BESIDE_SUMMARY})
        ],
        "percentiles": [
            [p["percentile"], ms(p["service_time_ns"]), ms(p["response_time_ns"])] for p in run["percentiles"]
        ],
        "timeline": [
            [t["second"], t["sent"], t["received"]]
            + [ms(t[key]) for key in ["service_p50_ns", "service_p99_ns", "response_p99_ns", "max_ns"]]
            for t in run["timeline"]
        ],
    }
    heights = {"latencies": run["messages"]["sent"], "connections": run["plan"]["clients"]}
    heights |= {name: len(wanted) for name, wanted in rows.items()}
    for sheet in book:
        name, header, width = sheet.title, [cell.value for cell in sheet[1]], sheet.max_column
        columns = COLUMNS.get(name, header)
        equal(f"the columns of {name}", columns, header[: len(columns)])
        equal(f"the rows of {name}", heights.get(name, sheet.max_row - 1), sheet.max_row - 1)
        equal(f"the frozen pane of {name}", "A2", sheet.freeze_panes)
        filtered = f"A1:{get_column_letter(width)}{sheet.max_row}"
        equal(f"the filter of {name}", filtered, sheet.auto_filter.ref)
        equal(f"the number of charts on {name}", CHARTS.get(name, 0), len(sheet._charts))
        for chart in sheet._charts:
            for series in chart.series:
                cells = series.yVal.numRef.f
                if not cells.startswith(f"{name}!$") or int(cells.rsplit("$", 1)[1]) > sheet.max_row:
                    sys.exit(f"error: a chart on {name} draws {cells}, of {sheet.max_row} rows")
    equal("the sheets with charts", [], sorted(CHARTS.keys() - set(book.sheetnames)))
    for name, wanted in rows.items():
        found = [list(row) for row in book[name].iter_rows(min_row=2, max_col=len(COLUMNS[name]), values_only=True)]
        if name == "summary":
            # There the verdict comes first.
            found, wanted = sorted(found), sorted(wanted)
        for ours, theirs in zip(wanted, found):
            equal(f"a row of {name}", [in_cell(v) for v in ours], [in_cell(v) for v in theirs])
    equal("the messages of connections", run["messages"]["sent"], sum(row[2] for row in values(book["connections"])))
    print(f"openpyxl: {len(book.sheetnames)} sheets, {sum(CHARTS.values())} charts, no warning")
    return book


def values(sheet):
    return sheet.iter_rows(min_row=2, values_only=True)


def frames(stem, run):
    book = pd.read_excel(f"{stem}.xlsx", sheet_name="latencies")
    text = pd.read_csv(f"{stem}.csv")
    equal("the columns of the .csv", COLUMNS["latencies"], list(text.columns))
    pd.testing.assert_frame_equal(book, text, check_exact=True)
    for kind in TIMES:
        summary = run[f"{kind}_time_ns"]
        ns = np.sort((text[f"{kind}_time_ms"] * 1e6).round().astype("int64").to_numpy())
        equal(f"how many {kind} times", summary["count"], len(ns))
        equal(f"least and most of the {kind} times", [summary["min"], summary["max"]], [int(ns[0]), int(ns[-1])])
        # The sum is a whole number far below 2^53, the division rounds once in both.
        equal(f"the mean of the {kind} times", summary["mean"], float(ns.sum()) / len(ns))
        for name, percentile in PERCENTILES.items():
            # As many messages as the percentile says are at or below it; in floats 99.9 / 100 is above 0.999.
            exact = int(ns[-(-len(ns) * round(percentile * 10) // 1000) - 1])
            # The top of its bucket, and three digits are told apart.
            if not exact <= summary[name] <= exact * 1.001:
                sys.exit(f"error: {name} of the {kind} times is {summary[name]}, of all rows {exact}")
    print(f"pandas: {len(text):,} rows, the same in both files; count, least, most and mean are the summary's")


def histograms(stem, run):
    reader = HistogramLogReader(f"{stem}.hlog", HdrHistogram(1, 3_600_000_000_000, 3))
    found = {kind: HdrHistogram(1, 3_600_000_000_000, 3) for kind in TIMES}
    intervals = dict.fromkeys(TIMES, 0)
    while interval := reader.get_next_interval_histogram():
        found[interval.get_tag()].add(interval)
        intervals[interval.get_tag()] += 1
    reader.close()
    for kind in TIMES:
        summary = run[f"{kind}_time_ns"]
        equal(f"intervals tagged {kind}", len(run["timeline"]), intervals[kind])
        # The port takes the nearest message to a percentile, ours is the first that is not below it. The two are
        # one where there is a message at it, as with whole thousands.
        equal(f"{kind} times beyond whole thousands", 0, summary["count"] % 1000)
        whole = HdrHistogram.decode(run["histograms"][kind])
        for place, histogram in [("the .hlog", found[kind]), ("the .json", whole)]:
            equal(f"how many {kind} times in {place}", summary["count"], histogram.get_total_count())
            for name, percentile in PERCENTILES.items():
                # A histogram says the top of a bucket, of which the summary knows how far it is filled.
                theirs = min(histogram.get_value_at_percentile(percentile), summary["max"])
                equal(f"{name} of the {kind} times in {place}", summary[name], theirs)
    differ = [name for name in PERCENTILES if run["service_time_ns"][name] != run["response_time_ns"][name]]
    if not differ:
        sys.exit("error: service and response time are the same, so that neither could be taken for the other")
    print(f"HdrHistogram: {sum(intervals.values())} intervals; {', '.join(PERCENTILES)} of both times are the summary's")


def pages(path, book):
    """Every chart is drawn on a page of LibreOffice's."""
    text = subprocess.run(["pdftotext", path, "-"], check=True, capture_output=True, text=True).stdout
    words = [" ".join(page.split()) for page in text.split("\f")]
    pictures = {}
    for name in CHARTS:
        for chart in book[name]._charts:
            title = "".join(run.t for line in chart.title.tx.rich.p for run in line.r or [])
            # The words of a chart are on every page of a long sheet, its lines on the page where it stands.
            on = [number for number, page in enumerate(words, start=1) if title in page]
            most = 0
            for number in on:
                if number not in pictures:
                    pictures[number] = picture(path, number)
                most = max([most] + [near(pictures[number], colour) for colour in colours(chart)])
            if most < 50:
                sys.exit(f"error: `{title}` of {name} is on pages {on}, with {most} pixels of its lines and dots")
    print(f"LibreOffice: {len(words) - 1} pages, with all charts of {', '.join(CHARTS)}")


def colours(chart):
    for series in chart.series:
        line, marker = series.graphicalProperties.line, series.marker
        fill = line.solidFill or marker.graphicalProperties.solidFill
        yield fill.srgbClr


def picture(path, page):
    """A page as red, green and blue."""
    command = ["pdftoppm", "-r", "100", "-f", str(page), "-l", str(page), path]
    head, size, _, pixels = subprocess.run(command, check=True, capture_output=True).stdout.split(b"\n", 3)
    equal("the picture's format", b"P6", head)
    width, height = map(int, size.split())
    return np.frombuffer(pixels, dtype=np.uint8).reshape(height, width, 3).astype(int)


def near(pixels, colour):
    wanted = [int(colour[at : at + 2], 16) for at in (0, 2, 4)]
    return int((np.abs(pixels - wanted).max(axis=2) < 24).sum())


def main():
    stem, *pdf = sys.argv[1:]
    with open(f"{stem}.json") as file:
        run = json.load(file)
    book = workbook(f"{stem}.xlsx", run)
    frames(stem, run)
    histograms(stem, run)
    for path in pdf:
        pages(path, book)


if __name__ == "__main__":
    main()
