"""The servers of .ci/protocols.py: their installation and their start.

npm's and PyPI's packages are kept in the target folder, one folder for each version of the list that names them.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path("crates/ws-bench/tests/protocols").absolute()
CACHE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")).absolute() / "protocols"
# What npm, pip and apt print without a network.
NO_NETWORK = re.compile(
    r"ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|NewConnectionError|ConnectTimeoutError"
    r"|Network is unreachable|Temporary failure (?:in name resolution|resolving)|Could not (?:resolve|connect to)"
)
# RabbitMQ starts within 6 s on an idle machine.
START_S = 180


class Failed(Exception):
    """Something that the stage reports as a failure."""


class Skipped(Exception):
    """The reason why a server cannot run here."""


# ---- Installation

def is_root():
    return os.geteuid() == 0


def install(*command, **options):
    """Runs a package manager; without a network its servers are skipped."""
    print("+", " ".join(map(str, command)), flush=True)
    told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
                          **options)
    if told.returncode != 0:
        if NO_NETWORK.search(told.stdout):
            raise Skipped("no network to install it")
        raise Failed(f"{command[0]} failed:\n{told.stdout[-4000:]}")


def apt(*packages):
    if not is_root():
        raise Skipped("no root to install it")
    install("apt-get", "update")
    # Packages start their services when they are installed, on all addresses. A policy prevents that.
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    is_ours = not policy.exists()
    if is_ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install("apt-get", "install", "-y", "--no-install-recommends", *packages, env=environment)
    finally:
        if is_ours:
            policy.unlink()


def cached(requirements):
    """The folder for what a file of requirements names, and whether it is filled."""
    folder = CACHE / f"{requirements.stem}-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:8]}"
    if (folder / "installed").exists():
        return folder, True
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder, False


def npm():
    folder, is_filled = cached(HERE / "package.json")
    if not is_filled:
        if shutil.which("npm") is None:
            apt("nodejs", "npm")
        # Without a network, an installation goes on for many minutes.
        with contextlib.suppress(Failed):
            install("npm", "ping", "--fetch-retries", "0")
        shutil.copy(HERE / "package.json", folder)
        install("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
        (folder / "installed").touch()
    return folder


def pip(requirements):
    folder, is_filled = cached(HERE / requirements)
    if not is_filled:
        try:
            install(sys.executable, "-m", "venv", folder)
        except Failed:
            apt("python3-venv")
            install(sys.executable, "-m", "venv", folder)
        install(folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "2", "-r",
                HERE / requirements)
        (folder / "installed").touch()
    return folder


def deb(*packages):
    if not is_root():
        raise Skipped("no root for a network namespace")
    if not all(map(debian_version, packages)):
        apt(*packages)


def debian_version(package):
    told = subprocess.run(["dpkg-query", "-W", "-f", "${Status} ${Version}", package], capture_output=True, text=True)
    found = re.fullmatch(r"install ok installed (?:\d+:)?([^-+]+).*", told.stdout)
    return found and found[1]


# ---- Servers

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server that runs: its process, its port, and a folder for its files."""

    def __init__(self, name, work, programs):
        self.name = name
        self.programs = programs
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=work))
        self.process = None
        self.set = {}

    def url(self, path=""):
        return f"ws://127.0.0.1:{self.port}{path}"

    def file(self, name):
        """A configuration of ours with this server's ports and folder in it."""
        path = self.folder / name
        known = {"port": self.port, "other_port": free_port(), "folder": self.folder}
        path.write_text(string.Template((HERE / name).read_text()).substitute(known))
        return path

    def start(self, *command, **environment):
        self.log = self.folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | environment, cwd=self.folder, start_new_session=True)
        give_up_at = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            log = self.log.read_text(errors="replace")[-4000:]
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with exit code {self.process.returncode}:\n{log}")
            if time.monotonic() > give_up_at:
                raise Failed(f"{self.name} was not ready within {START_S} s:\n{log}")
            time.sleep(0.05)

    def kill(self):
        # The process is not reaped before, so its group still has its number.
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def start_node(script):
    def start(server):
        server.start("node", HERE / script, server.port, NODE_PATH=str(npm() / "node_modules"))
    return start


def start_python(script):
    return lambda server: server.start(pip("requirements.txt") / "bin/python", HERE / script, server.port)


def start_broadcast(program):
    return lambda server: server.start(
        server.programs / program, "--broadcast", "--bind", f"127.0.0.1:{server.port}")


def start_cable(server):
    server.start("puma", "--bind", f"tcp://127.0.0.1:{server.port}", HERE / "cable.ru", HOME=str(server.folder))


def start_mosquitto(server):
    passwords = server.folder / "passwords"
    passwords.write_text("bench:good\n")
    subprocess.run(["mosquitto_passwd", "-U", passwords], check=True)
    server.start("mosquitto", "-c", server.file("mosquitto.conf"))


def start_prosody(server):
    accounts = server.folder / "accounts%2elocalhost/accounts"
    accounts.mkdir(parents=True)
    (accounts / "bench.dat").write_text('return { password = "good" }\n')
    server.start("prosody", "--config", server.file("prosody.cfg.lua"))


def start_rabbitmq(server):
    plugins = server.folder / "enabled_plugins"
    plugins.write_text("[rabbitmq_web_stomp].\n")
    server.start(
        "/usr/lib/rabbitmq/bin/rabbitmq-server",
        HOME=str(server.folder), RABBITMQ_NODENAME="protocols@localhost",
        RABBITMQ_CONFIG_FILE=str(server.file("rabbitmq.conf")), RABBITMQ_ENABLED_PLUGINS_FILE=str(plugins),
        RABBITMQ_MNESIA_BASE=str(server.folder / "mnesia"), RABBITMQ_LOG_BASE=str(server.folder),
        RABBITMQ_PID_FILE=str(server.folder / "pid"))


def start_crossbar(server):
    server.file("crossbar.json")
    server.start(pip("requirements-crossbar.txt") / "bin/crossbar", "start", "--cbdir", server.folder,
                 "--config", "crossbar.json")


def start_jupyter(server):
    server.start(
        pip("requirements-jupyter.txt") / "bin/jupyter", "server", "--allow-root", "--no-browser",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={server.port}", "--ServerApp.port_retries=0",
        # Else it drops messages above 1,000 a second.
        "--ZMQChannelsWebsocketConnection.limit_rate=False",
        "--IdentityProvider.token=good", f"--ServerApp.root_dir={server.folder}",
        HOME=str(server.folder), JUPYTER_PREFER_ENV_PATH="1")
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/api/kernels", b"{}", {"Authorization": "token good"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        server.set["kernel"] = json.load(answer)["id"]
