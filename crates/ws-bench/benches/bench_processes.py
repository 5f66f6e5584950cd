"""Processes of a bench. Every one of them ends with the bench, also after SIGINT, SIGTERM or a failure."""

import os
import signal
import subprocess
import sys

# Time in seconds for a process to end after a signal.
GRACE_S = 10
# Signals that end a process, from polite to final. A second SIGINT ends ws-bench at once.
ENDING = (signal.SIGINT, signal.SIGINT, signal.SIGKILL)


class Processes:
    """Started processes, as a context manager."""

    def __init__(self, bin_dir):
        self.bin_dir = bin_dir
        self.started = []

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        signal.signal(signal.SIGINT, lambda *_: sys.exit("ended by SIGINT"))
        return self

    def __exit__(self, *_):
        # A further signal must not leave processes behind.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.end(self.started)

    def start(self, program, arguments, **options):
        """Starts a program of the folder in a session of its own, so that a Ctrl-C reaches it once, from here."""
        command = [os.path.join(self.bin_dir, program), *arguments]
        process = subprocess.Popen(command, text=True, start_new_session=True, **options)
        self.started.append(process)
        return process

    def start_server(self, *arguments):
        """Starts axum-ws, and returns it with its URL."""
        server = self.start("axum-ws", arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = server.stdout.readline()
        if not line.startswith("listening on "):
            sys.exit(f"axum-ws {' '.join(arguments)} did not start")
        return server, line.removeprefix("listening on ").strip()

    def run(self, program, arguments, limit_s):
        """Runs a program to its end and returns its output. A program that does not end in time ends the bench."""
        process = self.start(program, arguments, stdout=subprocess.PIPE)
        try:
            output, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            sys.exit(f"{program} did not end within {limit_s} s: {' '.join(arguments)}")
        self.started.remove(process)
        return output

    def end(self, processes, grace_s=GRACE_S):
        """Ends processes, all of them at the same time."""
        for ending in ENDING:
            running = [process for process in processes if process.poll() is None]
            for process in running:
                process.send_signal(ending)
            for process in running:
                try:
                    process.wait(grace_s)
                except subprocess.TimeoutExpired:
                    pass
