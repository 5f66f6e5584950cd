"""Rooms and feeds of .ci/protocols.py: every message must reach everybody, exactly once."""

import json

from protocol_run import bench, check, complete_run, counts, milliseconds, verdict

MESSAGES = 200
# A run of half a second.
RATE = ["--rate", "400"]
# 100 messages a second, to 20 receivers.
TABLE = ["-d", "10s", "--rate", "100", "-s", "200"]
WRONG = ("missing", "late", "duplicated", "corrupted", "unexpected", "incomplete", "unreached")
WRONG_MESSAGES = ("lost", "corrupted", "timed_out", "duplicated", "unexpected", "unsent", "error_reply",
                  "server_errors")


class Room:
    """A scenario whose messages reach others."""

    def __init__(self, *flags, has_roles=False, to_all=False, to_sender=True, has_reply=False, keeps_order=True):
        self.flags = list(flags)
        # Publishers beside subscribers; else everybody sends and receives.
        self.has_roles = has_roles
        # All clients of the server are one room.
        self.to_all = to_all
        self.to_sender = to_sender
        self.has_reply = has_reply
        # Else messages of one publisher may overtake each other, which is a failure of the run.
        self.keeps_order = keeps_order

    def load(self, rooms, publishers, subscribers):
        """Flags, and the number of receivers of a message."""
        clients = publishers + subscribers
        roles = ["--roles", f"publisher={publishers}"] if self.has_roles else []
        receivers = subscribers if self.has_roles else clients
        receivers = receivers if self.to_all else receivers // rooms
        return ["-c", clients, "--rooms", rooms, *roles], receivers - (not self.to_sender)

    def name(self):
        return " ".join(flag for flag in self.flags if not flag.startswith("--")).rsplit("/", 1)[-1]

    def check(self, program, url, more):
        flags = [*self.flags, *more]
        self.check_delivered(program, url, flags, 1, *((1, 5) if self.has_roles else (5, 0)))
        self.check_delivered(program, url, flags, 2, *((4, 6) if self.has_roles else (10, 0)))
        load, _ = self.load(2, 2, 4)
        told = bench(program, url, *flags, *load, "--try")
        check(f"{self.name()}: --try: exit code {told.returncode}",
              told.returncode == 0 and "all matched" in told.stdout, told.stdout + told.stderr)

    def check_delivered(self, program, url, flags, rooms, publishers, subscribers):
        load, receivers = self.load(rooms, publishers, subscribers)
        what = f"{self.name()}: {publishers} publishers, {subscribers} subscribers, {rooms} rooms"
        found = complete_run(program, what, url, *flags, *load, "-m", MESSAGES // publishers, *RATE,
                             may_fail=not self.keeps_order)
        fan_out, messages = found["fan_out"], found["messages"]
        wrong = {key: fan_out[key] for key in WRONG if fan_out[key]}
        wrong |= {f"messages.{key}": messages[key] for key in WRONG_MESSAGES if messages[key]}
        if self.keeps_order and fan_out["reordered"]:
            wrong["reordered"] = fan_out["reordered"]
        delivered, expected = fan_out["delivered"], MESSAGES * receivers
        replies = messages["received"] if self.has_reply else MESSAGES
        check(f"{what}: {delivered:,} of {expected:,} deliveries",
              fan_out["published"] == replies == MESSAGES and delivered == fan_out["expected"] == expected
              and fan_out["reach"] == 1 and not wrong,
              f"{wrong}\n{counts(found)}")

    def row(self, program, url, more):
        publishers, subscribers = (1, 20) if self.has_roles else (20, 0)
        load, receivers = self.load(1, publishers, subscribers)
        told = bench(program, url, *self.flags, *more, *load, *TABLE, "--json")
        who = f"{publishers} × {receivers}"
        if not told.stdout:
            return [who, told.stderr.strip()]
        found = json.loads(told.stdout)
        fan_out = found["fan_out"]
        times = [milliseconds(fan_out[part], key) for part in ("delivery_time_ns", "last_ns") for key in ("p50", "p99")]
        return [who, f"{fan_out['published']:,}", f"{fan_out['delivered']:,} / {fan_out['expected']:,}", *times,
                verdict(found)]


class Feed:
    """A server that only pushes."""

    def __init__(self, *flags, interval_ms, has_numbers):
        self.flags = list(flags)
        self.interval_ms = interval_ms
        self.has_numbers = has_numbers

    def name(self):
        return self.flags[-1].rsplit("/", 1)[-1]

    def check(self, program, url, more):
        found = complete_run(program, self.name(), url, *self.flags, *more, "-c", 4, "-d", "2s")
        push, messages = found["push"], found["messages"]
        wrong = {f"messages.{key}": messages[key] for key in WRONG_MESSAGES if messages[key]}
        lost = [push[key] for key in ("missing", "duplicated", "reordered")]
        due = 4 * 2000 // self.interval_ms
        # Timers of the server are late, never early: a feed without numbers pushes less than is due.
        enough = 0.95 if self.has_numbers else 0.5
        check(f"{self.name()}: {push['received']:,} of {due:,} pushes, {lost[0]} missing",
              enough * due <= push["received"] <= due + 8 and push["clients"] == 4 and not wrong
              and lost == ([0, 0, 0] if self.has_numbers else [None] * 3)
              and push["late_by_count"] != self.has_numbers and push["delay_ns"]["count"] == push["received"]
              and push["negative_delays"] == 0, f"{wrong}\n{counts(found)}")
        told = bench(program, url, *self.flags, *more, "-c", 1, "--try")
        check(f"{self.name()}: --try: exit code {told.returncode}", told.returncode == 0, told.stdout + told.stderr)
