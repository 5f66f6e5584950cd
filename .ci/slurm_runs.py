"""Runs of ws-bench as shards on the hosts of .ci/slurm_cluster.py, and what ws-merge says of them."""

import json
import pathlib
import re
import sys
import time

from slurm_cluster import ADDRESSES, Failed, wait_until

# A shard that lives reports each second.
REPORT_S = 30
DEGRADED = 3
INVALID = 5


class Runs:
    """Starts servers on the head and shards on the hosts. `programs` is the folder of the binaries."""

    def __init__(self, cluster, programs):
        self.cluster = cluster
        self.programs = pathlib.Path(programs).absolute()
        self.count = 0
        self.ports = []

    def start_server(self):
        """Starts a server on the head; it ends with the host."""
        port = 8000 + len(self.ports)
        log = self.cluster.folder / f"server-{port}.log"
        with log.open("w") as out:
            self.cluster.head.popen(self.programs / "axum-ws", "--bind", f"{ADDRESSES['head']}:{port}", stdout=out,
                                    stderr=out, env=self.cluster.environment)
        wait_until(f"the server on port {port}", lambda: "listening on " in log.read_text(), REPORT_S)
        self.ports.append(port)
        return f"ws://{ADDRESSES['head']}:{port}/ws"

    def connections(self):
        """The number of connections that are open at the first server."""
        url = f"http://{ADDRESSES['head']}:{self.ports[0]}/metrics"
        script = f"import urllib.request as r; print(r.urlopen('{url}', timeout=10).read().decode())"
        told = self.cluster.head.run(sys.executable, "-c", script).stdout
        return int(re.search(r"(?m)^websocket_connections_open (\d+)$", told)[1])

    def folder(self):
        """The name of a new folder for the files of one run."""
        self.count += 1
        return self.cluster.folder / f"run-{self.count:03}"

    def bench(self, urls, folder, *flags):
        """The command of one shard."""
        return [self.programs / "ws-bench", *urls, "--shard-dir", folder, "--quiet", *map(str, flags)]

    def merge(self, folder):
        """What ws-merge says: its exit code and the document, which is empty where nothing can be merged."""
        told = self.cluster.run(self.programs / "ws-merge", folder, "--json", "--quiet")
        return Merged(told.returncode, json.loads(told.stdout) if told.stdout else {}, told.stderr)

    # ---- One shard

    def started(self, folder, shard):
        """What a shard wrote at its start: its host and process, once it has."""
        path = folder / f"shard-{shard:03}.start.json"
        wait_until(f"{path.name} in {folder.name}", path.exists, REPORT_S)
        return json.loads(path.read_text())

    def signal(self, folder, shard, name):
        """Sends a signal to a shard by its process id on its host."""
        started = self.started(folder, shard)
        self.cluster.hosts[started["host"]].signal(started["pid"], name)

    def wait_for_second(self, folder, shard):
        """Waits until the log of a shard holds a whole interval."""
        path = folder / f"shard-{shard:03}.hlog.partial"

        def has_interval():
            lines = path.read_text(errors="replace").split("\n")[:-1] if path.exists() else []
            return any(line.startswith("Tag=") for line in lines)
        wait_until(f"an interval in {path.name}", has_interval, REPORT_S)

    def wait_for_done(self, folder, shards):
        for shard in shards:
            path = folder / f"shard-{shard:03}.done"
            wait_until(f"{path.name} in {folder.name}", path.exists, REPORT_S)


class Merged:
    """The exit code and the document of ws-merge."""

    def __init__(self, code, document, stderr):
        self.code = code
        self.document = document
        self.stderr = stderr

    @property
    def shards(self):
        return self.document.get("shards") or {}

    def faults(self):
        """The shards that are named, by what is said of them."""
        found = {"missing": self.shards.get("missing", []), "differing": self.shards.get("differing", [])}
        for kind in ("died", "late"):
            found[kind] = [entry["shard"] for entry in self.shards.get(kind, [])]
        return {kind: shards for kind, shards in found.items() if shards}

    def describe(self):
        told = {"code": self.code, "shards": self.shards, "validity": self.document.get("validity"),
                "messages": self.document.get("messages")}
        return f"{json.dumps(told)}\n{self.stderr}"


def in_ms(seconds):
    """A time from now on in milliseconds since 1970, as `--start-at` takes it."""
    return round((time.time() + seconds) * 1000)


def sleep_until_ms(at):
    time.sleep(max(0, at / 1000 - time.time()))
