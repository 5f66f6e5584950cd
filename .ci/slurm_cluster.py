"""A Slurm cluster of four hosts on one machine, for .ci/slurm.py and crates/ws-bench/benches/slurm.py.

A host is a set of namespaces: network, host name, mounts, processes. Hosts are joined by a bridge in a namespace of its
own, which has no other link, so that nothing leaves. The first process of a host takes all others of the host with it
when it ends, and it ends with this program, however that ends.
"""

import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PACKAGES = {"slurmctld": "slurmctld", "slurmd": "slurmd", "srun": "slurm-client", "munged": "munge",
            "mpiexec.hydra": "mpich", "mpirun.openmpi": "openmpi-bin", "ip": "iproute2", "nsenter": "util-linux"}
# The package with mpi_pmi2.so.
PLUGINS = "slurm-wlm-basic-plugins"
NODES = [f"node{number}" for number in range(4)]
# Addresses that exist within the namespaces only.
ADDRESSES = {"head": "10.217.0.9"} | {node: f"10.217.0.{10 + number}" for number, node in enumerate(NODES)}
START_S = 60
CONFIGURATION = """\
ClusterName=ws-bench
SlurmctldHost=head({head})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={work}/munge.socket
CredType=cred/munge
StateSaveLocation={work}/state
SlurmdSpoolDir={work}/spool-%n
SlurmctldPidFile={work}/slurmctld.pid
SlurmdPidFile={work}/slurmd-%n.pid
SlurmctldLogFile={work}/slurmctld.log
SlurmdLogFile={work}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/linear
SwitchType=switch/none
MpiDefault=pmi2
ReturnToService=2
SlurmdTimeout={node_timeout_s}
SlurmdParameters=config_overrides
MailProg=/bin/true
{nodes}
PartitionName=all Nodes=node[0-3] Default=YES MaxTime=10 State=UP
"""
# `ip netns exec` would hide /sys/fs/cgroup, and cgroup/v2 asks systemd for a scope. Nothing here uses the plugin.
CGROUP_CONFIGURATION = "CgroupPlugin=cgroup/v1\n"


class Failed(Exception):
    """Something that the stage reports as a failure."""


class Skipped(Exception):
    """The reason why no cluster can be had here."""


def install():
    """Installs what is missing. Without root or a network there is no cluster."""
    missing = sorted({package for program, package in PACKAGES.items() if find(program) is None})
    if not missing and not list(pathlib.Path("/usr/lib").glob("*/slurm*/mpi_pmi2.so")):
        missing = [PLUGINS]
    if os.geteuid() != 0:
        raise Skipped("namespaces and slurmd need root")
    if not missing:
        return
    # Packages start their services when they are installed, on all addresses. A policy prevents that.
    policy = pathlib.Path("/usr/sbin/policy-rc.d")
    is_ours = not policy.exists()
    if is_ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        for command in (["apt-get", "update"],
                        ["apt-get", "install", "-y", "--no-install-recommends", *missing, PLUGINS]):
            print("+", *command, flush=True)
            told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
                                  env=environment)
            if told.returncode != 0:
                raise Skipped(f"{command[0]} {command[1]} failed: {told.stdout.strip().splitlines()[-1:]}")
    except FileNotFoundError:
        raise Skipped(f"{' '.join(missing)} missing, and no apt-get") from None
    finally:
        if is_ours:
            policy.unlink()


def find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def wait_until(what, holds, limit_s, every_s=0.05):
    give_up_at = time.monotonic() + limit_s
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > give_up_at:
            raise Failed(f"not within {limit_s} s: {what}")
        time.sleep(every_s)


class Host:
    """Namespaces with a name of their own, held by their first process."""

    def __init__(self, name, hosts_file):
        self.name = name
        # The shell collects the processes that lose their parent. It ends with `unshare`, and that with this program.
        inside = ('hostname "$0" && ip link set lo up && { [ -z "$1" ] || mount --bind "$1" /etc/hosts; } && '
                  "echo ready && { sleep infinity & wait; }")
        self.first = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--uts", "--ipc", "--mount", "--pid", "--fork",
             "--kill-child=KILL", "--mount-proc", "bash", "-c", inside, name, hosts_file or ""],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        if self.first.stdout.readline() != "ready\n":
            self.first.kill()
            raise Skipped(f"no namespaces: {self.first.communicate()[1].strip()}")
        self.entered = []

    def network(self):
        return f"/proc/{self.first.pid}/ns/net"

    def enter(self):
        """The words before a command that make it run on this host."""
        at = f"/proc/{self.first.pid}/ns"
        return ["nsenter", f"--net={self.network()}", f"--uts={at}/uts", f"--ipc={at}/ipc", f"--mount={at}/mnt",
                f"--pid={at}/pid_for_children", "--"]

    def popen(self, *command, **options):
        process = subprocess.Popen([*self.enter(), *map(str, command)], stdin=subprocess.DEVNULL,
                                   start_new_session=True, **options)
        self.entered.append(process)
        return process

    def run(self, *command, timeout=30, check=True, **options):
        told = subprocess.run([*self.enter(), *map(str, command)], stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=timeout, **options)
        if check and told.returncode != 0:
            raise Failed(f"{self.name}: {' '.join(map(str, command))}: exit code {told.returncode}\n{told.stderr}")
        return told

    def signal(self, pid, name):
        """Sends a signal to a process by its id on this host."""
        self.run("kill", f"-{name}", pid)

    def lose(self):
        """Pulls the cable, then ends every process: nobody hears of it."""
        self.run("ip", "link", "set", "eth0", "down")
        self.end()

    def is_up(self):
        return self.first.poll() is None

    def end(self):
        self.first.kill()
        self.first.communicate()
        for process in self.entered:
            process.kill()
            process.wait()
        self.entered.clear()


class Cluster:
    """slurmctld on `head`, slurmd on node0 to node3. A context manager; `folder` is seen by all hosts."""

    def __init__(self, node_timeout_s=30):
        self.node_timeout_s = node_timeout_s
        self.hosts = {}
        self.temporary = None

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="slurm-")
        self.folder = pathlib.Path(self.temporary.name)
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for host in reversed(list(self.hosts.values())):
            host.end()
        self.hosts.clear()
        self.temporary.cleanup()

    @property
    def head(self):
        return self.hosts["head"]

    @property
    def nodes(self):
        return [self.hosts[name] for name in NODES]

    def start(self):
        self.environment = os.environ | {
            "SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        # Only what a job sets may be in the environment of its processes.
        for name in list(self.environment):
            if re.match(r"(SLURM_(?!CONF)|PMI|OMPI|WS_BENCH|JOB_COMPLETION)", name):
                del self.environment[name]
        self.write_configuration()
        try:
            self.connect_hosts()
        except Failed as error:
            raise Skipped(f"no network of namespaces: {error}") from None
        self.start_daemons()

    def write_configuration(self):
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(
            f"{address} {name}\n" for name, address in ADDRESSES.items()) + f"{ADDRESSES['head']} server\n")
        (self.folder / "munge.key").write_bytes(secrets.token_bytes(128))
        (self.folder / "munge.key").chmod(0o600)
        (self.folder / "state").mkdir()
        nodes = "\n".join(f"NodeName={name} NodeAddr={ADDRESSES[name]} CPUs=16 RealMemory=1000" for name in NODES)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            head=ADDRESSES["head"], work=self.folder, nodes=nodes, node_timeout_s=self.node_timeout_s))
        (self.folder / "cgroup.conf").write_text(CGROUP_CONFIGURATION)

    def start_daemons(self):
        self.head.popen("munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket",
                        f"--key-file={self.folder}/munge.key", f"--pid-file={self.folder}/munged.pid",
                        f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munged.seed",
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("munged", (self.folder / "munge.socket").exists, START_S)
        self.head.popen("slurmctld", "-D", "-f", self.folder / "slurm.conf", env=self.environment,
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in NODES:
            self.start_slurmd(name)
        self.wait_for_nodes()

    def connect_hosts(self):
        switch = self.hosts["switch"] = Host("switch", None)
        switch.run("ip", "link", "add", "br0", "type", "bridge")
        switch.run("ip", "link", "set", "br0", "up")
        for name in ADDRESSES:
            self.add_host(name)

    def add_host(self, name):
        """Namespaces with a cable to the bridge."""
        host = self.hosts[name] = Host(name, str(self.folder / "hosts"))
        # Made within the namespace of the bridge, with its other end in that of the host: nothing appears outside.
        switch = self.hosts["switch"]
        told = subprocess.run(["nsenter", f"--net={switch.network()}", "ip", "link", "add", f"to-{name}", "type", "veth",
                               "peer", "name", "eth0", "netns", host.network()], capture_output=True, text=True)
        if told.returncode != 0:
            raise Failed(told.stderr.strip())
        switch.run("ip", "link", "set", f"to-{name}", "master", "br0", "up")
        host.run("ip", "address", "add", f"{ADDRESSES[name]}/24", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        return host

    def start_slurmd(self, name):
        self.hosts[name].popen("slurmd", "-D", "-N", name, "-f", self.folder / "slurm.conf", env=self.environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def recover(self):
        """Ends all jobs and starts lost hosts again, after a case that failed."""
        self.run("scancel", "--user=root", "--signal=KILL")
        for name in NODES:
            if not self.hosts[name].is_up():
                self.restore(name)
        self.wait_for_nodes()

    def restore(self, name):
        """Starts a lost host again."""
        self.hosts[name].end()
        self.hosts["switch"].run("ip", "link", "delete", f"to-{name}", check=False)
        self.add_host(name)
        self.start_slurmd(name)
        self.wait_for_nodes()

    def remote_shell(self):
        """Writes a stand-in for rsh: a program that runs a command on a host that it knows by its namespaces."""
        path = self.folder / "rsh"
        cases = "".join(f'    {host.name}) exec {" ".join(host.enter())} bash -c "cd /; $*" ;;\n' for host in self.nodes)
        path.write_text('#!/bin/bash\nwhile [[ "$1" == -* ]]; do shift; done\nhost="$1"\nshift\n'
                        f'case "$host" in\n{cases}esac\necho "no host $host" >&2\nexit 255\n')
        path.chmod(0o755)
        return path

    def popen_outside(self, *command, **options):
        """Starts a command in the network of the head that sees the processes of all hosts, as the stand-in must."""
        at = f"/proc/{self.head.first.pid}/ns"
        inside = f'mount --bind {self.folder}/hosts /etc/hosts && exec "$@"'
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net={at}/net", f"--uts={at}/uts", "--", "unshare",
             "--mount", "bash", "-c", inside, "bash", *map(str, command)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=self.environment | options.pop("env", {}), **options)
        self.head.entered.append(process)
        return process

    def wait_for_nodes(self):
        def are_idle():
            told = self.head.run("sinfo", "--noheader", "--format=%T %D", env=self.environment, check=False)
            return told.stdout.split() == ["idle", str(len(NODES))]
        try:
            wait_until("four idle hosts", are_idle, START_S, 0.2)
        except Failed as error:
            logs = [f"== {log.name}\n" + "\n".join(log.read_text().splitlines()[-10:])
                    for log in sorted(self.folder.glob("*.log"))]
            raise Failed("\n".join([str(error), self.head.run("sinfo", "-N", "-l", env=self.environment,
                                                                 check=False).stdout, *logs])) from None

    def popen(self, *command, **options):
        """Starts a command on the head, with its output kept."""
        return self.popen_on("head", *command, **options)

    def popen_on(self, name, *command, **options):
        """Starts a command on a host, with its output kept."""
        return self.hosts[name].popen(*command, env=self.environment | options.pop("env", {}), stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True, **options)

    def run(self, *command, timeout=60, **options):
        return self.head.run(*command, env=self.environment | options.pop("env", {}), timeout=timeout,
                             check=False, **options)


def end_on_signals():
    """Turns SIGTERM into an exception, so that all is cleared away."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
