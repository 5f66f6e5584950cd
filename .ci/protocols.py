"""Every shipped protocol against a real server, on the loopback only.

    python3 .ci/protocols.py FOLDER [--table] [--only NAME]...

FOLDER holds ws-bench, axum-ws and tungstenite-ws. Each protocol sends 200 messages, and all must match; in rooms, each
of them must reach everybody. Clients whose connections are dropped must log in again and go on. A wrong login, a
missing endpoint and a killed server must give the exact error. With --table, each protocol is measured at 200 msg/s
instead, rooms at 100 msg/s, and the figures are printed as two Markdown tables.

The servers are small programs in crates/ws-bench/tests/protocols, and Debian's packages. As root, all of them run in a
namespace of their own, which has nothing but a loopback: some listen on all addresses. Without root these are
skipped. The names of skipped servers and the reasons are printed at the end.
"""

import argparse
import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from protocol_reconnects import check_reconnected
from protocol_rooms import Feed, Room
from protocol_run import bench, check, complete_run, milliseconds, verdict
from protocol_servers import (
    HERE, Failed, Server, Skipped, apt, deb, debian_version, free_port, is_root, npm, pip, start_broadcast,
    start_cable, start_crossbar, start_jupyter, start_mosquitto, start_node, start_prosody, start_python,
    start_rabbitmq)

DESIGNED = pathlib.Path("crates/scenario/tests/fixtures/scenarios").absolute()
PRESETS = pathlib.Path("crates/scenario/presets").absolute()
INNER = "PROTOCOLS_IN_NAMESPACE"
REPLIES = "protocol | server | sent | matched | lost | duplicated | unexpected | response p50 | p99 | verdict"
ROOMS = ("room | server | publishers × receivers | published | delivered / expected | delivery p50 | p99 | last p50 | p99"
         " | verdict")
RATE = ["-d", "10s", "--rate", "200"]
REFUSED = "Connection refused (os error 111)"
KILLED = {"Connection reset by peer (os error 104)", "the server closed the connection without a close frame"}


class Protocol:
    """A protocol, the server that it is checked with, and the errors that must come."""

    def __init__(self, name, package, install, start, flags=(), path="", refusals=(), log_in=(), clients=4,
                 listeners=0, rooms=(), feeds=(), has_reply=True):
        self.name = name
        self.package = package
        self.install = install
        self.start = start
        self.flags = list(flags)
        # Flags of the login; a refusal of the login has others.
        self.log_in = list(log_in)
        self.path = path
        self.refusals = refusals
        # Clients that send, and those that only listen and answer.
        self.clients = clients
        self.listeners = listeners
        self.rooms = rooms
        self.feeds = feeds
        # Messages are answered; else deliveries alone end them.
        self.has_reply = has_reply

    def scenario(self, server):
        kernel = [f"--set=kernel={server.set['kernel']}"] if "kernel" in server.set else []
        return (self.flags or ["--protocol", self.name]) + kernel

    def version(self):
        where, name = self.package
        if where == "ours":
            return name
        if where == "apt":
            return f"{name} {debian_version(name)}"
        if where == "npm":
            return f"{name} {json.loads((HERE / 'package.json').read_text())['dependencies'][name]}"
        return re.search(rf"(?m)^{name}==.*$", (HERE / where).read_text())[0].replace("==", " ")


class Refusal:
    """A run that must fail before it sends: flags beyond those of the protocol, and the exact error."""

    def __init__(self, what, error, flags=(), path="", logs_in=False, is_reply=False, clients=2):
        self.what = what
        # An error that ends with … is the beginning of one. <step N> stands for the place of the step in the file.
        self.error = error
        self.flags = list(flags)
        self.path = path
        self.logs_in = logs_in
        # The server refuses the message, not the connection: seen with --try.
        self.is_reply = is_reply
        self.clients = clients


def login(error, *flags, path="", **more):
    return Refusal("wrong login", error, flags, path, **more)


def endpoint(error, path="/nope", *flags):
    return Refusal("missing endpoint", error, flags, path, logs_in=True)


# The shipped scenario with replies alone: all clients publish, and none is subscribed.
def acknowledged(name):
    return ["--protocol", name, "--roles", "publisher=rest,subscriber=0"]


PIP = "requirements.txt"
PROTOCOLS = [
    Protocol("echo", ("ours", "axum-ws"), lambda: None,
             lambda server: server.start(server.programs / "axum-ws", "--bind", f"127.0.0.1:{server.port}"),
             path="/ws", refusals=[
        endpoint("the server answered the upgrade with HTTP 404 Not Found: “nothing here”"),
    ]),
    Protocol("room", ("ours", "axum-ws"), lambda: None, start_broadcast("axum-ws"), has_reply=False,
             rooms=[Room("--protocol", "room")], refusals=[
        endpoint("the server answered the upgrade with HTTP 404 Not Found: “nothing here”"),
    ]),
    Protocol("room-tungstenite-ws", ("ours", "tungstenite-ws"), lambda: None, start_broadcast("tungstenite-ws"),
             ["--protocol", "room"], has_reply=False, rooms=[Room("--protocol", "room")], refusals=[
        endpoint("the server answered the upgrade with HTTP 404 Not Found: “nothing here”"),
    ]),
    Protocol("socket.io", ("npm", "socket.io"), npm, start_node("socketio.js"),
             rooms=[Room("--protocol", "socket.io-rooms", has_roles=True)], refusals=[
        login("setup failed: <step 2>: refused: 44{\"message\":\"unauthorized\"}",
              "--set", 'auth={"token":"bad"}'),
        endpoint("the server closed the connection without an answer to the upgrade", "/nope/"),
    ]),
    Protocol("graphql-transport-ws", ("npm", "graphql-ws"), npm, start_node("graphql.js"),
             rooms=[Room("--protocol", "graphql-rooms", has_roles=True, has_reply=True)],
             feeds=[Feed("--scenario", str(HERE / "ticks.toml"), interval_ms=20, has_numbers=False)], refusals=[
        login("setup failed: <step 1>: the server closed with 4403: Forbidden",
              "--set", 'init=,"payload":{"token":"bad"}'),
        endpoint("the server answered the upgrade with HTTP 400 Bad Request: “Bad Request”"),
    ]),
    Protocol("json-rpc", ("npm", "rpc-websockets"), npm, start_node("jsonrpc.js"), refusals=[
        login('{"jsonrpc":"2.0","error":{"code":-32605,"message":"Method forbidden"},"id":1}',
              "--set", "method=secret", is_reply=True),
        Refusal("missing endpoint", '{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}',
                ["--set", "method=nope"], is_reply=True),
    ]),
    Protocol("rpc-websockets", ("npm", "rpc-websockets"), npm, start_node("jsonrpc.js"),
             log_in=["--set", "token=good"], refusals=[
        login('setup failed: <step 1>: refused: {"jsonrpc":"2.0","result":false,"id":"login"}',
              "--set", "token=bad"),
    ]),
    Protocol("bayeux", ("npm", "faye"), npm, start_node("faye.js"), acknowledged("bayeux"),
             rooms=[Room("--protocol", "bayeux", has_roles=True, has_reply=True)], refusals=[
        login('setup failed: <step 1>: refused: [{"id":"h","channel":"/meta/handshake",'
              '"error":"401::unauthorized","successful":false…', "--set", 'ext=,"ext":{"token":"bad"}'),
        # Node answers no upgrade that nothing handles.
        endpoint("no answer within the connect timeout", "/nope", "--connect-timeout", "1s"),
    ]),
    Protocol("chat", (PIP, "fastapi"), lambda: pip(PIP), start_python("chat.py"),
             ["--scenario", str(HERE / "chat.toml")], rooms=[Room("--scenario", str(HERE / "rooms.toml"))],
             feeds=[Feed("--scenario", str(HERE / "ticker.toml"), interval_ms=10, has_numbers=True)], refusals=[
        login("the server answered the upgrade with HTTP 403 Forbidden", "--set", "token=bad"),
        # Starlette answers 403 for a path that it does not know.
        endpoint("the server answered the upgrade with HTTP 403 Forbidden"),
    ]),
    Protocol("channels", (PIP, "channels"), lambda: pip(PIP), start_python("channels_chat.py"), has_reply=False,
             rooms=[Room("--protocol", "channels")], refusals=[
        Refusal("closed room", "the server answered the upgrade with HTTP 403 Access denied",
                path="/ws/chat/closed/"),
        endpoint("the server answered the upgrade with HTTP 500 Internal server error"),
    ]),
    Protocol("actioncable", ("apt", "ruby-actioncable"), lambda: deb("ruby-actioncable", "puma", "ruby-rack"),
             # Four workers pass messages on, each at its own pace.
             start_cable, has_reply=False, rooms=[Room("--protocol", "actioncable", keeps_order=False)], refusals=[
        login('setup failed: <step 1>: refused: {"type":"disconnect","reason":"unauthorized","reconnect":false}',
              "--set", "query=?token=bad"),
        Refusal("closed room", 'setup failed: <step 2>: refused: {"identifier":"{\\"channel\\":\\"RoomChannel\\",'
                '\\"room\\":\\"closed\\"}","type":"reject_subscription"}',
                ["--set", 'identifier={\\"channel\\":\\"RoomChannel\\",\\"room\\":\\"closed\\"}']),
    ]),
    Protocol("ocpp1.6", (PIP, "ocpp"), lambda: pip(PIP), start_python("ocpp_csms.py"), refusals=[
        login("the server answered the upgrade with HTTP 401 Unauthorized, WWW-Authenticate: "
              "Basic realm=\"central system\", charset=\"UTF-8\": “Invalid credentials”",
              "--set", "auth=" + base64.b64encode(b"cp:bad").decode()),
    ]),
    Protocol("signalr", (PIP, "aiosignalr"), lambda: pip(PIP), start_python("signalr_hub.py"),
             rooms=[Room("--protocol", "signalr-all", to_all=True)], refusals=[
        Refusal("missing endpoint", '{"type":3,"invocationId":"1","error":"Unknown hub method \'nope\'"}\\u{1e}',
                ["--set", "target=nope"], is_reply=True),
        endpoint("the server answered the upgrade with HTTP 404 Not Found: “404: Not Found”"),
    ]),
    Protocol("mqtt", ("apt", "mosquitto"), lambda: deb("mosquitto"), start_mosquitto, acknowledged("mqtt-qos1"),
             log_in=["--set", "flags=${x:c2}", "--set", "login=${x:00 05}bench${x:00 04}good"],
             rooms=[Room("--protocol", "mqtt", has_roles=True),
                    Room("--protocol", "mqtt-qos1", has_roles=True, has_reply=True)], refusals=[
        login("setup failed: <step 1>: refused:  \\u{2}\\u{0}\\u{5}",
              "--set", "flags=${x:c2}", "--set", "login=${x:00 05}bench${x:00 03}bad"),
    ]),
    Protocol("nats", ("apt", "nats-server"), lambda: deb("nats-server"),
             lambda server: server.start("nats-server", "-c", server.file("nats.conf")),
             ["--protocol", "nats-echo"], log_in=["--set", 'login=,"user":"bench","pass":"good"'],
             rooms=[Room("--protocol", "nats", has_roles=True)], refusals=[
        login("setup failed: <step 2>: refused: -ERR 'Authorization Violation'\\r\\n",
              "--set", 'login=,"user":"bench","pass":"bad"'),
    ]),
    Protocol("nats-request", ("apt", "nats-server"), lambda: deb("nats-server"),
             lambda server: server.start("nats-server", "-c", server.file("nats.conf")),
             ["--scenario", str(DESIGNED / "nats-request.toml")],
             log_in=["--set", 'login=,"user":"bench","pass":"good"'], listeners=2),
    Protocol("stomp", ("apt", "rabbitmq-server"), lambda: deb("rabbitmq-server"), start_rabbitmq,
             acknowledged("stomp"), rooms=[Room("--protocol", "stomp", has_roles=True, has_reply=True)], refusals=[
        login("setup failed: <step 1>: refused: ERROR\\nmessage:Bad CONNECT\\ncontent-type:text/plain\\n"
              "version:1.0,1.1,1.2\\ncontent-length:32\\n\\nAccess refused for user 'guest'\\n\\u{0}\\n",
              "--set", "passcode=bad"),
        endpoint("the server answered the upgrade with HTTP 404 Not Found"),
    ]),
    Protocol("xmpp", ("apt", "prosody"), lambda: deb("prosody"), start_prosody,
             rooms=[Room("--protocol", "xmpp-muc")], refusals=[
        login("setup failed: <step 2>: refused: <failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
              "<not-authorized/>…", "--set", "domain=accounts.localhost", "--set", "mechanism=PLAIN",
              "--set", "response=" + base64.b64encode(b"\0bench\0bad").decode()),
        endpoint("the server answered the upgrade with HTTP 404 Not Found: “<!DOCTYPE html>…"),
    ]),
    Protocol("wamp", ("requirements-crossbar.txt", "crossbar"), lambda: pip("requirements-crossbar.txt"),
             start_crossbar, rooms=[Room("--protocol", "wamp", to_sender=False, has_reply=True)], refusals=[
        login('setup failed: <step 1>: refused: [3,{"message":"no realm \\"nope\\" exists on this router"},'
              '"wamp.error.no_such_realm"]', "--set", "realm=nope"),
        Refusal("missing endpoint", 'setup failed: <step 2>: refused: [8,32,1,{},"wamp.error.not_authorized",…',
                # Each refusal names the session.
                ["--set", "topic=nope"], clients=1),
    ]),
    Protocol("jupyter", ("requirements-jupyter.txt", "jupyter_server"), lambda: pip("requirements-jupyter.txt"),
             start_jupyter, log_in=["--set", "token=good"],
             # Each client gets the messages about the requests of all clients.
             clients=1, refusals=[
        login("the server answered the upgrade with HTTP 403 Forbidden: “<!DOCTYPE HTML>…", "--set", "token=bad"),
        Refusal("missing endpoint", "the server answered the upgrade with HTTP 404 Not Found: “<!DOCTYPE HTML>…",
                ["--set", "kernel=nope"], logs_in=True),
    ]),
]
# Accounts are a second way to log in.
ACCOUNT = ["--set", "domain=accounts.localhost", "--set", "mechanism=PLAIN",
           "--set", "response=" + base64.b64encode(b"\0bench\0good").decode()]


# ---- Checks

def check_matched(program, protocol, server, flags, what):
    found = complete_run(program, what, server.url(protocol.path), *protocol.scenario(server), *flags,
                         "-c", protocol.clients + protocol.listeners, "-m", 200 // protocol.clients)
    messages = found["messages"]
    wrong = {key: messages[key] for key in ("lost", "corrupted", "timed_out", "duplicated", "reordered", "unexpected",
                                            "unsent", "error_reply", "server_errors") if messages[key]}
    check(f"{what}: {messages['received']} of {messages['sent']} messages matched",
          messages["sent"] == messages["received"] == 200 and not wrong, f"{wrong} {messages['differences']}")


def place_of_step(preset, number):
    """The place of what the N-th step of a shipped scenario expects: file, line and column."""
    steps = 0
    for at, line in enumerate((PRESETS / f"{preset}.toml").read_text().splitlines(), 1):
        steps += line == "[[setup]]"
        if steps == number and line.startswith("expect = "):
            return f"{preset}.toml:{at}:{len('expect = ') + 1}"
    raise Failed(f"{preset} has no step {number} that expects a record")


def check_refusal(program, protocol, server, refusal):
    url = server.url(refusal.path or protocol.path)
    flags = protocol.scenario(server) + (protocol.log_in if refusal.logs_in else []) + refusal.flags
    if refusal.is_reply:
        told = bench(program, url, *flags, "--try")
        expected = "← " + (refusal.error[:-1] if refusal.error.endswith("…") else refusal.error + "\n")
        check(f"{refusal.what}: {refusal.error}", told.returncode == 3 and expected in told.stdout
              and "error reply, after" in told.stdout,
              f"exit code {told.returncode}\n{told.stdout}{told.stderr}")
        return
    clients = refusal.clients + protocol.listeners
    told = bench(program, url, *flags, "-c", clients, "-m", "1")
    error = re.sub(r"<step (\d+)>", lambda step: place_of_step(protocol.name, int(step[1])), refusal.error)
    reached = f"clients of {url} were ready" if error.startswith("setup failed") else f"connections to {url} opened"
    expected = f"error: 0 of {clients} {reached}: {error}"
    found = told.stderr.split(" · ")[0].rstrip("\n")
    holds = found.startswith(expected[:-1]) if expected.endswith("…") else found == expected
    check(f"{refusal.what}: {error}", told.returncode == 1 and not told.stdout and holds,
          f"exit code {told.returncode}\n{told.stdout}{told.stderr}")


def arrivals(port):
    """Replies and deliveries until now."""
    with contextlib.suppress(urllib.error.URLError, ConnectionError):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            found = re.findall(r"(?m)^ws_bench_(?:messages_received|deliveries)_total (\d+)", answer.read().decode())
            return sum(map(int, found))
    return 0


def check_killed(program, protocol, server):
    """The server is killed once it has answered; all connections must say why they ended."""
    port = free_port()
    command = [program, server.url(protocol.path), *protocol.scenario(server), *protocol.log_in,
               "-c", 2 + protocol.listeners, "-d", "60s", "--rate", "200", "--warmup", "0s", "--no-calibrate",
               "--no-output", "--quiet", "--json", "--metrics-bind", f"127.0.0.1:{port}"]
    run = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        give_up_at = time.monotonic() + 30
        while arrivals(port) == 0:
            if run.poll() is not None or time.monotonic() > give_up_at:
                raise Failed(f"no answer before the kill\n{run.communicate(timeout=60)}")
            time.sleep(0.05)
        server.kill()
        out, err = run.communicate(timeout=60)
    finally:
        run.kill()
    found = json.loads(out)
    ends, messages = found["connections"]["early_ends"], found["messages"]
    check(f"killed: {ends}", run.returncode == 5 and found["validity"]["verdict"] == "invalid"
          and sum(ends.values()) == 2 + protocol.listeners and set(ends) <= KILLED,
          f"exit code {run.returncode}\n{err}{out[:3000]}")
    if protocol.has_reply:
        check(f"killed: {messages['received']} of {messages['sent']} answered, {messages['lost']} lost",
              0 < messages["received"] and messages["received"] + messages["lost"] == messages["sent"], messages)
    else:
        fan_out = found["fan_out"]
        check(f"killed: {fan_out['delivered']} of {fan_out['expected']} delivered, {fan_out['missing']} missing",
              0 < fan_out["delivered"] and fan_out["delivered"] + fan_out["missing"] == fan_out["expected"], fan_out)
    check_refusal(program, protocol, server, Refusal("killed, and run again", REFUSED, logs_in=True))


def row(program, protocol, server):
    told = bench(program, server.url(protocol.path), *protocol.scenario(server), *protocol.log_in,
                 "-c", protocol.clients + protocol.listeners, *RATE, "--json")
    if not told.stdout:
        return [told.stderr.strip()]
    found = json.loads(told.stdout)
    messages, times = found["messages"], found["response_time_ns"]
    counts = [f"{messages[key]:,}" for key in ("sent", "received", "lost", "duplicated", "unexpected")]
    return [*counts, milliseconds(times, "p50"), milliseconds(times, "p99"), verdict(found)]


def rows(program, protocol, server):
    """The lines of a protocol in the tables: of replies, and of rooms."""
    of_replies, of_rooms = [], []
    if protocol.has_reply:
        of_replies.append([protocol.name, protocol.version(), *row(program, protocol, server)])
    for room in protocol.rooms:
        cells = room.row(program, server.url(protocol.path), protocol.log_in)
        of_rooms.append([room.name(), protocol.version(), *cells])
    return of_replies, of_rooms


def print_table(head, lines):
    print(f"| {head} |", "|" + "---|" * len(head.split(" | ")), sep="\n")
    for cells in lines:
        print("| " + " | ".join(cells) + " |", flush=True)
    print(flush=True)


def check_protocol(program, protocol, server):
    if protocol.has_reply:
        check_matched(program, protocol, server, protocol.log_in, "200 messages")
    if protocol.name == "xmpp":
        check_matched(program, protocol, server, ACCOUNT, "200 messages of an account")
    for part in [*protocol.rooms, *protocol.feeds]:
        part.check(program, server.url(protocol.path), protocol.log_in)
    check_reconnected(program, protocol, server)
    for refusal in protocol.refusals:
        check_refusal(program, protocol, server, refusal)
    check_killed(program, protocol, server)


def run_all(program, protocols, work, is_table):
    failed, tables = [], ([], [])
    for protocol in protocols:
        began = time.monotonic()
        if not is_table:
            print(f"== {protocol.name} with {protocol.version()}", flush=True)
        server = Server(protocol.name, work, program.parent)
        try:
            protocol.start(server)
            if is_table:
                for table, lines in zip(tables, rows(program, protocol, server)):
                    table += lines
            else:
                check_protocol(program, protocol, server)
        except (Failed, subprocess.TimeoutExpired, json.JSONDecodeError) as error:
            print(f"FAILED: {error}", flush=True)
            failed.append(protocol.name)
        finally:
            server.kill()
        if not is_table:
            print(f"  {time.monotonic() - began:.1f} s", flush=True)
    if is_table:
        print_table(REPLIES, tables[0])
        print_table(ROOMS, tables[1])
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    args = parser.parse_args()
    chosen = [protocol for protocol in PROTOCOLS if not args.only or protocol.name in args.only]
    program = (args.folder / "ws-bench").absolute()

    if INNER in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return judge(program, chosen, os.environ[INNER].split(), args.table)
    skipped, failed, ready = {}, False, []
    for protocol in chosen:
        try:
            protocol.install()
            ready.append(protocol.name)
        except Skipped as reason:
            skipped[protocol.name] = str(reason)
        except (Failed, subprocess.TimeoutExpired) as error:
            print(f"FAILED: {protocol.name}: {error}", flush=True)
            failed = True
    if is_root():
        if shutil.which("ip") is None:
            apt("iproute2")
        # Processes that leave their group, as epmd does, end with the namespace.
        command = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv]
        code = subprocess.run(command, env=os.environ | {INNER: " ".join(ready)}).returncode
    else:
        code = judge(program, chosen, ready, args.table)
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    return 1 if failed else code


def judge(program, chosen, ready, is_table):
    with tempfile.TemporaryDirectory() as work:
        failed = run_all(program, [protocol for protocol in chosen if protocol.name in ready], work, is_table)
    if failed:
        print(f"FAILED: {' '.join(failed)}")
    return 1 if failed else 0


sys.exit(main())
