"""Measures echo servers one after the other and prints a Markdown table; --readme puts it into README.md.

Needs Python 3 with fastapi, uvicorn[standard] and tornado (in a virtual environment: `python3 -m venv venv &&
venv/bin/pip install fastapi 'uvicorn[standard]' tornado`), and `cargo build --release`. Each server has one
thread on the first core, the generator one on the last. Rounds alternate, and medians are shown.

    venv/bin/python crates/ws-bench/benches/servers.py [--rounds 3] [--seconds 5] [--readme]
"""

import argparse
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
CORES = sorted(os.sched_getaffinity(0))

FASTAPI = """
import sys, uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
app = FastAPI()

@app.websocket("/ws")
async def echo(socket: WebSocket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", ws_per_message_deflate=False)
"""

TORNADO = """
import sys, asyncio
from tornado.web import Application
from tornado.websocket import WebSocketHandler

class Echo(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message)

async def main():
    Application([("/ws", Echo)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()

asyncio.run(main())
"""

SERVERS = {
    "axum-ws": lambda port: [BIN / "axum-ws", "--bind", f"127.0.0.1:{port}", "--threads", "1"],
    "tungstenite-ws": lambda port: [BIN / "tungstenite-ws", "--bind", f"127.0.0.1:{port}", "--threads", "1"],
    "FastAPI (uvicorn)": lambda port: [sys.executable, "-c", FASTAPI, str(port)],
    "Tornado": lambda port: [sys.executable, "-c", TORNADO, str(port)],
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def measure(command, seconds):
    """Ping-pong with 100 connections, then 20 connections with 64 messages in flight each."""
    port = free_port()
    server = subprocess.Popen(
        command(port),
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {CORES[0]}),
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        return [bench(port, server.pid, shape, seconds) for shape in (["-c", "100"], ["-c", "20", "-w", "64"])]
    finally:
        server.terminate()
        server.wait()


def bench(port, pid, shape, seconds):
    run = subprocess.run(
        [BIN / "ws-bench", f"ws://127.0.0.1:{port}/ws", *shape, "-d", f"{seconds}s", "--threads", "1",
         "--server-pid", str(pid), "--no-output", "--no-calibrate", "--json", "-q"],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {CORES[-1]}),
    )
    summary = json.loads(run.stdout)
    messages = summary["messages"]
    assert messages["sent"] == messages["received"], messages
    return summary


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=int, default=5)
    arguments.add_argument("--readme", action="store_true")
    wanted = arguments.parse_args()
    found = {name: [] for name in SERVERS}
    for _ in range(wanted.rounds):
        for name, command in SERVERS.items():
            found[name].append(measure(command, wanted.seconds))
    lines = [
        "| server | ping-pong msg/s | service time p50 | p99 | window 64 msg/s | msg per CPU-second | memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, rounds in found.items():
        def median(shape, *path):
            values = []
            for both in rounds:
                value = both[shape]
                for key in path:
                    value = value[key]
                values.append(value)
            return statistics.median(values)

        lines.append(
            f"| {name} | {median(0, 'throughput', 'messages_per_s'):,.0f} "
            f"| {median(0, 'service_time_ns', 'p50') / 1e6:.2f} ms | {median(0, 'service_time_ns', 'p99') / 1e6:.2f} ms "
            f"| {median(1, 'throughput', 'messages_per_s'):,.0f} "
            f"| {median(1, 'server', 'messages_per_cpu_s'):,.0f} "
            f"| {median(1, 'server', 'max_rss_bytes') / 2**20:.0f} MiB |"
        )
    table = "\n".join(lines)
    print(table)
    if wanted.readme:
        readme = ROOT / "README.md"
        text = readme.read_text()
        between = re.compile(r"(<!-- servers.py -->\n).*?(\n<!-- -->)", re.S)
        assert between.search(text), "README.md has no place for the table"
        readme.write_text(between.sub(lambda m: m[1] + table + m[2], text))


main()
