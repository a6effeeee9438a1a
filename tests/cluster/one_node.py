"""A Slurm of one node with a GPU that is not there: real daemons, below a temporary folder.

It touches no file of the system and takes ports that are free, so any number of them run side by
side. A command runs in it by

    python -m tests.cluster.one_node bash
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "srun", "squeue", "scancel", "scontrol")
PACKAGES = "apt-get install slurmctld slurmd slurm-client munge"
PLUGIN = "pip install -c envs/constraints.txt -e '.[slurm]'"
FREEZER = Path("/sys/fs/cgroup/freezer")
"""Where a kernel with cgroups of the first generation lets root keep processes together."""
PATIENCE = 30.0
"""Seconds within which a daemon must answer; each takes about one."""
_SBIN = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
"""Where daemons lie: not every account looks there by itself."""
_WITH_US = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()
"""Ends a daemon together with this process, should that be killed."""
# Memory is watched by polling, which needs no rights to cgroups.
# The node says that it has more than it does (`config_overrides`), so that jobs that ask for what
# the paper's networks take start on a small machine.
_CONF = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
ProctrackType=proctrack/{tracking}
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
MinJobAge=86400
ReturnToService=2
StateSaveLocation={folder}/slurmctld
SlurmdSpoolDir={folder}/slurmd
SlurmctldPidFile={folder}/slurmctld/pid
SlurmdPidFile={folder}/slurmd/pid
MpiDefault=none
NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={node_port} CPUs={cpus} \
RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing(*, plugin: bool = True) -> str | None:
    """What keeps Slurm from running here, in a line with its remedy; None: nothing.

    `plugin`: whether Snakemake is to submit to it.
    """
    absent = [name for name in (*DAEMONS, *CLIENTS) if not shutil.which(name, path=_SBIN)]
    if absent:
        return f"no Slurm: {', '.join(absent)} not found; {PACKAGES}"
    if plugin and not find_spec("snakemake_executor_plugin_slurm"):
        return f"no Snakemake plugin for Slurm; {PLUGIN}"
    return None


class OneNode:
    """A context in which a Slurm runs; `environment` leads clients and Snakemake to it.

    Raises:
        RuntimeError: A daemon does not answer; the message ends with what it wrote last.
    """

    def __init__(
        self, cpus: int = 2, memory: int = 65536, gpus: int = 2, *, cgroups: bool | None = None
    ) -> None:
        """Takes what the node says that it has: processors, memory in MB, and GPUs.

        `cgroups`: whether processes are kept in cgroups, as clusters do, so that signals reach no
        more than those that Slurm started itself; None: where this machine lets us.
        """
        self.cpus, self.memory, self.gpus = cpus, memory, gpus
        self.cgroups = os.access(FREEZER, os.W_OK) if cgroups is None else cgroups
        self.name = f"node{_free_port()}"
        self.folder = Path()
        self.environment: dict[str, str] = {}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        try:
            self._configure()
            munge = self.folder / "munge"
            names = {"socket": "socket", "key-file": "key", "pid-file": "pid", "seed-file": "seed"}
            options = [f"--{option}={munge / name}" for option, name in names.items()]
            self._start("munged", "--foreground", *options, f"--log-file={munge / 'log'}")
            self._wait("munged", (munge / "socket").exists)
            self._start("slurmctld", "-D")
            self._wait("slurmctld", lambda: self._answers("scontrol", "ping"))
            self._start("slurmd", "-D", "-N", self.name)
            self._wait("slurmd", lambda: self.state().startswith(("idle", "mix", "alloc")))
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stop()

    def run(self, *command: str) -> str:
        """What a client prints.

        Raises:
            CalledProcessError: It ended with an error.
        """
        return subprocess.run(
            command, env=self.environment, check=True, text=True, capture_output=True
        ).stdout.strip()

    def state(self) -> str:
        """State of the node, in small letters."""
        return self.run("sinfo", "--noheader", "--format=%T")

    def node(self, state: str) -> None:
        """Brings the node into a state: drain, resume, down."""
        self.run("scontrol", "update", f"NodeName={self.name}", f"State={state}", "Reason=test")

    def jobs(self) -> dict[str, dict[str, str]]:
        """Number of each job that Slurm remembers -> its fields, as scontrol names them."""
        lines = self.run("scontrol", "--oneliner", "show", "job").splitlines()
        fields = [dict(_field(word) for word in line.split() if "=" in word) for line in lines]
        return {job["JobId"]: job for job in fields if "JobId" in job}

    def _configure(self) -> None:
        # munged wants everybody to reach its socket, and nobody else to write beside it.
        self.folder.chmod(0o711)
        for name in (*DAEMONS, "munge"):
            (self.folder / name).mkdir(mode=0o711)
        key = self.folder / "munge/key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        conf = self.folder / "slurm.conf"
        conf.write_text(
            _CONF.format(
                host=socket.gethostname().split(".")[0],
                node=self.name,
                tracking="cgroup" if self.cgroups else "linuxproc",
                user=_user(),
                folder=self.folder,
                port=_free_port(),
                node_port=_free_port(),
                cpus=self.cpus,
                memory=self.memory,
                gpus=self.gpus,
            )
        )
        if self.cgroups:
            lines = (
                "CgroupPlugin=cgroup/v1",
                "CgroupAutomount=no",
                "CgroupMountpoint=/sys/fs/cgroup",
            )
            (self.folder / "cgroup.conf").write_text("\n".join(lines))
        # A GPU's device file may be any; each GPU needs one of its own.
        devices = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")[: self.gpus]
        gpus = [f"NodeName={self.name} Name=gpu File={device}\n" for device in devices]
        (self.folder / "gres.conf").write_text("".join(gpus))
        kept = {name: text for name, text in os.environ.items() if not name.startswith("SLURM")}
        # Snakemake's plugin takes SLURM_CONF from the srun that it calls within a job.
        srun = self.folder / "bin/srun"
        srun.parent.mkdir()
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)
        path = os.pathsep.join((str(srun.parent), _SBIN))
        self.environment = kept | {"SLURM_CONF": str(conf), "PATH": path}

    def _start(self, name: str, *options: str) -> None:
        program = shutil.which(name, path=_SBIN)
        if program is None:
            raise RuntimeError(missing(plugin=False))
        with (self.folder / name / "output").open("wb") as output:
            self._daemons[name] = subprocess.Popen(
                [*_WITH_US, program, *options],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the caller, who then stops them in order
            )

    def _wait(self, name: str, is_up: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._daemons[name].poll() is None:
            if is_up():
                return
            time.sleep(0.2)
        said = (self.folder / name / "output").read_text(errors="replace").strip().splitlines()
        raise RuntimeError(f"{name} does not answer: {' / '.join(said[-3:]) or 'no output'}")

    def _answers(self, *command: str) -> bool:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        return done.returncode == 0 and "UP" in done.stdout

    def _stop(self) -> None:
        """Ends jobs first, then the daemons, and removes their folder."""
        if "slurmd" in self._daemons:
            subprocess.run(
                ["scancel", "--user", _user()],
                env=self.environment,
                capture_output=True,
                timeout=30,
            )
            until = time.monotonic() + PATIENCE
            while time.monotonic() < until and self.run("squeue", "--noheader"):
                time.sleep(0.2)
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._daemons.clear()
        for folder in sorted(FREEZER.glob(f"slurm_{self.name}/**/"), reverse=True):
            with suppress(OSError):  # a process that ends slowly still lies there
                folder.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)


def digests(folder: Path) -> dict[str, str]:
    """Every file that a run made there, but for TensorBoard's, which hold times of day."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for name in ("data", "results")
        for path in sorted((folder / name).rglob("*"))
        if path.is_file() and "tensorboard" not in path.parts
    }


def _field(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def main() -> int:
    """Runs the command line's command in a Slurm of one node; returns its status."""
    if lacking := missing(plugin=False):
        print(lacking, file=sys.stderr)
        return 1
    try:
        with OneNode(cpus=os.cpu_count() or 1) as slurm:
            return subprocess.run(sys.argv[1:] or ["sinfo"], env=slurm.environment).returncode
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
