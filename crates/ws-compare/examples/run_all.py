"""Compares our echo servers with those in this folder and prints a Markdown table; --readme puts it into the README of ws-compare.

Needs `cargo build --release`, Python 3.11 with venv, Node 20 with npm. The Python packages (requirements.txt) and
Node's (package.json) are installed into a folder of their own, outside the repository. Every server has one thread.

    python3 crates/ws-compare/examples/run_all.py [--rounds 10] [--seconds 2] [--readme] [-- flags of ws-compare]
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
README = HERE.parent / "README.md"
PICTURE = ROOT / "crates/ws-compare/docs/servers.png"
PLACE = re.compile(r"(<!-- run_all\.py -->\n).*?(\n<!-- -->)", re.S)

# What is measured, each by one ws-compare: a message at a time, and many in flight.
PING_PONG = ["--clients", "100", "--figures",
             "throughput,service.p50,service.p99,response.p50,response.p99,memory_per_connection"]
WINDOW = ["--clients", "20", "--window", "64", "--figures", "throughput,messages_per_cpu_s"]


def main():
    about, _, _ = __doc__.partition("\n")
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rounds", type=int, default=10, help="rounds of each comparison [default: 10]")
    parser.add_argument("--seconds", type=float, default=2, help="measured time of each run [default: 2]")
    parser.add_argument("--only", help="these servers alone, the first is the reference (example: axum,node-ws)")
    parser.add_argument("--bin", type=pathlib.Path, help="folder of our binaries [default: target/release]")
    parser.add_argument("--work", type=pathlib.Path, help="folder for packages and results, kept [default: one that goes]")
    parser.add_argument("--readme", action="store_true", help="write the table into the README of ws-compare, and the picture")
    parser.add_argument("flags", nargs="*", help="further flags of ws-compare, behind --")
    wanted = parser.parse_args()
    if wanted.readme and not PLACE.search(README.read_text()):
        parser.error("the README has no place for the table: <!-- run_all.py --> … <!-- -->")

    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    binaries = (wanted.bin or target / "release").resolve()
    with tempfile.TemporaryDirectory() as passing:
        work = (wanted.work or pathlib.Path(passing)).resolve()
        commands = install(work, binaries)
        names = wanted.only.split(",") if wanted.only else list(commands)
        if unknown := [name for name in names if name not in commands]:
            parser.error(f"no server is called {', '.join(unknown)}: there are {', '.join(commands)}")
        servers = [flag for name in names for flag in ("--server", f"{name}={commands[name]}")]
        # Without --busy-poll the generator sleeps between messages of the latency runs, and wakes later than most answer.
        how = ["--pin", "--busy-poll", *wanted.flags]
        run = ["--rounds", str(wanted.rounds), "--duration", f"{wanted.seconds}s", *how]

        def compare(name, load, *more):
            file = work / f"{name}.json"
            wait_for([binaries / "ws-compare", *servers, *load, *run, "--output", file, *more])
            return json.loads(file.read_text())

        picture = work / "servers.png"
        ping_pong, window = compare("ping-pong", PING_PONG, "--output", picture), compare("window", WINDOW)
        text = table(ping_pong, window)
        print(text)
        if wanted.readme:
            README.write_text(PLACE.sub(lambda place: place[1] + text + place[2], README.read_text()))
            PICTURE.parent.mkdir(exist_ok=True)
            shutil.copyfile(picture, PICTURE)


def install(work, binaries):
    """Brings the packages; the command of each server by its name."""
    venv, node = work / "venv", work / "node"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / "bin/python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", HERE / "requirements.txt"], check=True)
    # Node looks for packages beside the program.
    node.mkdir(exist_ok=True)
    for file in ("package.json", "ws.mjs"):
        shutil.copyfile(HERE / file, node / file)
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]
    subprocess.run(npm, cwd=node, check=True)

    def ours(name):
        return shlex.join([str(binaries / name), "--bind", "127.0.0.1:{port}", "--threads", "1"])

    def theirs(program, file):
        return shlex.join([str(program), str(file), "{port}"])

    return {
        "axum": ours("axum-ws"),
        "tungstenite": ours("tungstenite-ws"),
        "fastapi": theirs(python, HERE / "fastapi_ws.py"),
        "tornado": theirs(python, HERE / "tornado_ws.py"),
        "websockets": theirs(python, HERE / "websockets_ws.py"),
        "node-ws": theirs("node", node / "ws.mjs"),
    }


def wait_for(command):
    """Runs ws-compare; ends with its exit code if that is not 0, so that no table is made of a bad run."""
    process = subprocess.Popen(command)
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:
            # ws-compare has had it too, and first ends what it started.
            pass
    if code:
        sys.exit(code)


def table(ping_pong, window):
    """The medians of both comparisons, and what is said of the throughput."""
    reference = ping_pong["plan"]["reference"]
    lines = [
        f"| server | msg/s | beside {reference} | service time p50 | p99 | response time p50 | p99 "
        "| memory per connection "
        "| window 64, msg/s | window 64, msg per CPU-second |",
        "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for server in (server["name"] for server in ping_pong["servers"]):
        cells = [
            server,
            value(ping_pong, server, "throughput", count),
            said(ping_pong, server, "throughput"),
            *(value(ping_pong, server, f"{time}_{part}", milliseconds)
              for time in ("service", "response") for part in ("p50", "p99")),
            value(ping_pong, server, "memory_per_connection", kibibytes),
            value(window, server, "throughput", count),
            value(window, server, "messages_per_cpu_s", count),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    host, plan = ping_pong["host"], ping_pong["plan"]
    rounds = max(row["round"] for row in ping_pong["rounds"])
    # Only times are of the open loop, and only if every server holds one rate.
    rate = f"response time at {plan['rate_per_s']:,.0f} msg/s for each" if plan["rate_per_s"] else "no common rate"
    lines += [
        "",
        f"Medians of {rounds} rounds of {plan['load']['duration_s']:g} s, 125 bytes: 100 clients with a message in flight "
        f"each, {rate}; in the last two columns 20 clients with 64 messages in flight each. "
        f"{host['cpu']}, {host['cores']} cores, {host['kernel']}; one thread a server, on cores of its own.",
    ]
    # A table without what speaks against it would say too much. Of the second comparison it has the throughput alone.
    reasons = [f"- one in flight: {reason}" for reason in ping_pong["validity"]["reasons"]]
    reasons += [f"- 64 in flight: {reason}" for reason in window["validity"]["reasons"] if not reason.startswith("latency")]
    if reasons:
        lines += ["", "Warnings:", "", *reasons]
    return "\n".join(lines)


def find(rows, key, wanted):
    return next((row for row in rows if row[key] == wanted), None)


def value(comparison, server, figure, shown):
    """The median of a server; a dash where there is none."""
    row = find(comparison["figures"], "figure", figure)
    cell = row and find(row["servers"], "server", server)
    return shown(cell["median"]) if cell and cell["median"] is not None else "–"


def said(comparison, server, figure):
    row = find(comparison["figures"], "figure", figure)
    against = row and find(row["against"], "server", server)
    return against["text"] if against else "–"


def count(number):
    return f"{number:,.0f}"


def milliseconds(nanoseconds):
    return f"{nanoseconds / 1e6:.3g} ms"


def kibibytes(number):
    return f"{number / 1024:.1f} KiB"


if __name__ == "__main__":
    main()
