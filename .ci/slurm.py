"""Shards of ws-bench under Slurm, Hydra and Open MPI, on four hosts made of namespaces.

    python3 .ci/slurm.py FOLDER [--only CASE]...

FOLDER holds ws-bench, ws-merge and axum-ws. Each case does something to a run, and ws-merge must name exactly that.
Needs root. Where namespaces or packages cannot be had, the reason is printed and nothing fails.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

from slurm_cluster import NODES, Cluster, Failed, Skipped, end_on_signals, install, wait_until
from slurm_runs import DEGRADED, INVALID, Runs, in_ms, sleep_until_ms

RATE = 400
CLIENTS = 40
SECONDS = 4
LOAD = ["-c", CLIENTS, "--rate", RATE, "-d", f"{SECONDS}s", "--warmup", "200ms", "--threads", 1, "--no-calibrate"]
STOPPED_S = 2
# Time to start and to connect before T0.
AHEAD_S = 3
TIMEOUT_S = 90
MANUAL = pathlib.Path(__file__).resolve().parents[1] / "crates/ws-bench/SCALE.md"
# Its runs with their numbers of shards and the files that are made of them.
MANUAL_RUNS = [("first", 16, "first.xlsx"), ("second", 16, "second.json"), ("third", 16, "third.xlsx"),
               ("fourth", 4, "fourth.xlsx"), ("fifth", 4, "fifth.xlsx")]


def check(what, holds, told=""):
    if not holds:
        raise Failed(f"{what}\n{told}".rstrip())
    print(f"  {what}", flush=True)


def check_merge(merged, planned, faults, what):
    """The merge names these faults and no others, and its exit code follows."""
    complete = planned - len({shard for kind in ("missing", "died", "differing") for shard in faults.get(kind, [])})
    expected = {"planned": planned, "complete": complete, "degraded": bool(faults)}
    found = {key: merged.shards.get(key) for key in expected}
    codes = {DEGRADED} if faults else {0, INVALID}
    check(f"{what}: exit code {merged.code}, {faults or 'nothing'} named",
          merged.code in codes and merged.faults() == faults and found == expected,
          f"expected {faults} and {expected}, found {merged.faults()}: {merged.describe()}")


def check_all_sent(merged):
    messages = merged.document["messages"]
    wrong = {key: messages[key] for key in ("lost", "corrupted", "timed_out", "duplicated", "unsent") if messages[key]}
    check(f"{messages['received']} of {RATE * SECONDS} messages came back",
          messages["sent"] == messages["received"] == RATE * SECONDS and not wrong, merged.describe())


def end(process, timeout=TIMEOUT_S):
    """Waits for a launcher; one that does not end is killed."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise Failed(f"{' '.join(process.args)} did not end\n{out}{err}") from None
    return process.returncode, out + err


class Cases:
    """One method a case; they run in this order."""

    def __init__(self, runs):
        self.runs = runs
        self.cluster = runs.cluster
        self.url = [runs.start_server()]

    def srun(self, folder, *flags, launcher=(), before=()):
        command = self.runs.bench(self.url, folder, *LOAD, *flags)
        return self.cluster.popen("srun", *launcher, "--mpi=pmi2", "-N", len(NODES), "-n", len(NODES), *before,
                                  *command)

    def healthy(self):
        """srun, with the barrier of PMI."""
        folder = self.runs.folder()
        code, told = end(self.srun(folder))
        check(f"srun: exit code {code}", code in (0, INVALID), told)
        merged = self.runs.merge(folder)
        check_merge(merged, 4, {}, "merge")
        check_all_sent(merged)
        print(f"  start skew: {merged.shards['start_skew_ns']['max'] / 1e6:.2f} ms at most")

    def killed(self):
        """One shard is killed in its second second or later; the others go on."""
        folder = self.runs.folder()
        run = self.srun(folder)
        self.runs.wait_for_second(folder, 2)
        self.runs.signal(folder, 2, "KILL")
        code, told = end(run)
        check(f"srun: exit code {code}", code == 137, told)
        merged = self.runs.merge(folder)
        check_merge(merged, 4, {"died": [2]}, "merge")
        self.check_data_of(merged, 2)

    def check_data_of(self, merged, shard):
        """The data of a shard that died end where its log ends, and the window of all shards ends there, too."""
        died = merged.shards["died"][0]
        window = merged.shards["full_strength"]
        check(f"data of shard {shard} through second {died['through_s']}, full strength to {window['to_s']} s",
              died["shard"] == shard and 1 <= died["through_s"] < SECONDS
              and window["to_s"] <= died["through_s"] and window["messages"] > 0, merged.describe())
        rows = merged.shards["rows"]
        due = [len(range(row["shard"], CLIENTS, len(rows))) * RATE // CLIENTS for row in rows]
        received = [row["received"] for row in rows]
        check(f"messages of each shard: {received}", merged.document["messages"]["received"] == sum(received) and all(
            0 < row["received"] <= due[row["shard"]] * died["through_s"] if row["shard"] == shard
            else row["received"] == due[row["shard"]] * SECONDS for row in rows), merged.describe())

    def never_started(self):
        """One task ends before ws-bench starts: the barrier times out, and with a given start the others go on."""
        script = 'if [ "$SLURM_PROCID" = 2 ]; then exit 7; fi; exec "$@"'
        before = ["bash", "-c", script, "bash"]
        folder = self.runs.folder()
        code, told = end(self.srun(folder, "--start-timeout", "1s", before=before))
        check("the barrier times out: the shards exit with 1 and say so",
              told.count("did not reach the start within 1s") == 3, f"exit code {code}\n{told}")
        folder = self.runs.folder()
        code, told = end(self.srun(folder, "--start-at", in_ms(AHEAD_S), before=before))
        check(f"srun: exit code {code}", code == 7, told)
        check_merge(self.runs.merge(folder), 4, {"missing": [2]}, "merge")

    def stopped_at_start(self):
        """One shard is stopped over T0."""
        folder = self.runs.folder()
        start = in_ms(AHEAD_S)
        run = self.srun(folder, "--start-at", start)
        self.runs.signal(folder, 1, "STOP")
        check("stopped before T0", time.time() * 1000 < start)
        sleep_until_ms(start + STOPPED_S * 1000)
        self.runs.signal(folder, 1, "CONT")
        code, told = end(run)
        merged = self.runs.merge(folder)
        check_merge(merged, 4, {"late": [1]}, f"srun with exit code {code}, merge")
        skew = merged.shards["late"][0]["skew_ns"]
        check(f"late by {skew / 1e6:.1f} ms", skew >= STOPPED_S * 1e9, merged.describe())

    def stopped_within(self):
        """One shard is stopped during the run: it is complete, and the verdict says that it stood still."""
        folder = self.runs.folder()
        run = self.srun(folder)
        self.runs.wait_for_second(folder, 1)
        self.runs.signal(folder, 1, "STOP")
        time.sleep(STOPPED_S)
        self.runs.signal(folder, 1, "CONT")
        code, told = end(run)
        merged = self.runs.merge(folder)
        check_merge(merged, 4, {}, f"srun with exit code {code}, merge")
        reasons = merged.document["validity"]["reasons"]
        stops = merged.document["client"]["stops"]
        longest_ns = [row.get("longest_stop_ns", 0) for row in merged.document["shards"]["rows"]]
        check(f"shard 1 is named: {longest_ns}", longest_ns.index(max(longest_ns)) == 1, merged.describe())
        check(f"stood still for {stops['longest_ns'] / 1e9:.2f} s: {reasons}",
              merged.code == INVALID and stops["longest_ns"] >= 0.9 * STOPPED_S * 1e9, merged.describe())

    def batch(self):
        """sbatch without srun is refused with the command to type."""
        script, out = self.cluster.folder / "job.sh", self.cluster.folder / "job.out"
        command = " ".join(map(str, self.runs.bench(self.url, self.runs.folder(), *LOAD)))
        script.write_text(f"#!/bin/bash\n{command}\n")
        told = self.cluster.run("sbatch", "--wait", "-N4", "-n4", "-o", out, script)
        check(f"refused: {out.read_text().strip()}", told.returncode == 2 and "srun" in out.read_text(),
              f"exit code {told.returncode}")

    def lost_host(self):
        """A host vanishes from the network. srun waits for it for most of a minute, and reports success."""
        folder = self.runs.folder()
        run = self.srun(folder, launcher=["--no-kill"])
        self.runs.wait_for_second(folder, 3)
        self.cluster.hosts["node3"].lose()
        self.runs.wait_for_done(folder, [0, 1, 2])
        merged = self.runs.merge(folder)
        check_merge(merged, 4, {"died": [3]}, "merge")
        self.check_data_of(merged, 3)
        # Launchers that are not Slurm's have three hosts meanwhile.
        self.hydra()
        self.open_mpi()
        code, told = end(run)
        check(f"srun --no-kill: exit code {code}", code in (0, INVALID) and "Node failure on node3" in told, told)
        self.cluster.restore("node3")

    def hydra(self):
        """mpiexec of MPICH, with the barrier of PMI. Without the flag, one killed process ends all."""
        print("== hydra", flush=True)
        for killed in (None, 1):
            folder = self.runs.folder()
            run = self.cluster.popen_outside(
                "mpiexec.hydra", "-disable-auto-cleanup", "-launcher", "rsh", "-launcher-exec",
                self.cluster.remote_shell(), "-hosts", ",".join(NODES[:3]), "-n", 3,
                *self.runs.bench(self.url, folder, *LOAD))
            self.finish_mpi(run, folder, killed)

    def open_mpi(self):
        """mpirun of Open MPI: the shards are numbered by its environment, and start by a file. It reports success."""
        print("== open_mpi", flush=True)
        for killed in (None, 1):
            folder = self.runs.folder()
            start = folder.with_suffix(".start")
            # The server still waits for those of the lost host.
            others = self.runs.connections()
            run = self.cluster.popen_outside(
                "mpirun.openmpi", "--allow-run-as-root", "--enable-recovery", "--mca", "plm_rsh_agent",
                self.cluster.remote_shell(), "--mca", "oob_tcp_if_include", "eth0", "--host", ",".join(NODES[:3]),
                "-n", 3, *self.runs.bench(self.url, folder, *LOAD, "--start-file", start))
            wait_until("all connections", lambda: self.runs.connections() == others + CLIENTS, TIMEOUT_S, 0.1)
            part = start.with_suffix(".part")
            part.write_text(f"{in_ms(AHEAD_S)}\n")
            part.rename(start)
            self.finish_mpi(run, folder, killed)

    def manual(self):
        """The commands of SCALE.md for one machine, Slurm and MPI, with a shorter load."""
        text = MANUAL.read_text()
        sections = text[text.index("\n## One machine\n"):text.index("\n## Kubernetes\n")]
        shorter = {"40_000": "400", "20_000": "400", "-d 10s": "-d 1s", "+20 seconds": "+4 seconds"}
        for typed, short in shorter.items():
            sections = sections.replace(typed, short)
        blocks = [part.split("\n```")[0] for part in sections.split("\n```sh\n")[1:]]
        # Needs servers at further addresses.
        blocks = [block for block in blocks if "--source-address" not in block]
        folder = self.runs.folder()
        folder.mkdir()
        shell = self.cluster.remote_shell()
        told = ""
        for block in blocks:
            run = self.cluster.popen_outside("bash", "-c", block, cwd=folder, env={
                "PATH": f"{self.runs.programs}:{self.cluster.environment['PATH']}", "HYDRA_LAUNCHER": "rsh",
                "HYDRA_LAUNCHER_EXEC": str(shell), "OMPI_MCA_plm_rsh_agent": str(shell),
                "OMPI_MCA_oob_tcp_if_include": "eth0", "OMPI_ALLOW_RUN_AS_ROOT": "1",
                "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})
            told += end(run)[1]
        check("run.xlsx is there", (folder / "run.xlsx").exists(), told)
        for name, planned, saved in MANUAL_RUNS:
            check(f"{saved} is there", (folder / saved).exists(), told)
            check_merge(self.runs.merge(folder / name), planned, {}, f"merge of {name}")

    def finish_mpi(self, run, folder, killed):
        """Kills a shard, or none, and checks what the launcher and the merge say."""
        if killed is not None:
            self.runs.wait_for_second(folder, killed)
            self.runs.signal(folder, killed, "KILL")
        code, told = end(run)
        # Launchers differ in what they return for a killed process: 0 in one case.
        check(f"launcher: exit code {code}", killed is not None or code in (0, INVALID), told)
        merged = self.runs.merge(folder)
        check_merge(merged, 3, {} if killed is None else {"died": [killed]}, "merge")
        if killed is None:
            check_all_sent(merged)
        else:
            self.check_data_of(merged, killed)


CASES = ["healthy", "killed", "never_started", "stopped_at_start", "stopped_within", "batch", "manual",
         "lost_host"]


def run_all(cases, names):
    failed = []
    for name in names:
        began = time.monotonic()
        print(f"== {name}", flush=True)
        try:
            getattr(cases, name)()
        except (Failed, KeyError, IndexError, json.JSONDecodeError, subprocess.TimeoutExpired) as error:
            print(f"FAILED: {type(error).__name__}: {error}", flush=True)
            failed.append(name)
            cases.cluster.recover()
        print(f"  {time.monotonic() - began:.1f} s", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", action="append", choices=[*CASES, "hydra", "open_mpi"])
    args = parser.parse_args()
    end_on_signals()
    names = args.only or CASES
    try:
        install()
        with Cluster(node_timeout_s=10) as cluster:
            failed = run_all(Cases(Runs(cluster, args.folder)), names)
    except Skipped as reason:
        print(f"skipped: {reason}")
        return 0
    except Failed as error:
        print(f"FAILED: the cluster did not start: {error}")
        return 1
    if failed:
        print(f"FAILED: {' '.join(failed)}")
        return 1
    print(f"{len(names)} cases passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
