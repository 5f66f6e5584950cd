"""One run of ws-bench, and a check of its result."""

import json
import re
import subprocess

from protocol_servers import Failed


def bench(program, *words):
    command = [str(word) for word in (program, *words, "--no-output", "--quiet")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def check(what, holds, told=""):
    if not holds:
        raise Failed(f"{what}\n{told}".rstrip())
    print(f"  {what}", flush=True)


def complete_run(program, what, *words, may_fail=False):
    """The results of a run in which no message failed. A busy machine makes it invalid; the counts are exact on each."""
    codes = (0, 3, 5) if may_fail else (0, 5)
    told = bench(program, *words, "--warmup", "0s", "--no-calibrate", "--json")
    found = json.loads(told.stdout) if told.stdout else {}
    check(f"{what}: exit code {told.returncode}", found and told.returncode in codes, told.stderr + counts(found))
    return found


def counts(found):
    """What a failed check prints of the results."""
    parts = {key: found.get(key) for key in ("connections", "setup", "messages", "fan_out", "push", "validity")}
    for part in ("fan_out", "push"):
        parts[part] = {key: value for key, value in (parts[part] or {}).items() if not isinstance(value, (dict, list))}
    return "\n".join(f"{key}: {json.dumps(value)}" for key, value in parts.items())


def milliseconds(times, key):
    times = times or {}
    return f"{times[key] / 1e6:.2f} ms" if times.get(key) is not None else "–"


def verdict(found):
    """Verdict and reasons of a run, without their figures and advice, for a cell of a table."""
    reasons = [re.split(r"[,;:(]| so that ", reason)[0].strip() for reason in found["validity"]["reasons"]]
    return "; ".join([found["validity"]["verdict"], *reasons]).replace("|", "\\|")
