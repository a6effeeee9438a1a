"""A campaign of faults: calls of Snakemake that are disturbed at random moments, and then repeated.

A round takes a random part of a finished project away and makes it again. On the way calls are
killed, interrupted and refused their disk, each at a random moment, until one of them succeeds;
then every file is compared with that of the undisturbed project. Every fault is printed. Which
faults come, and when, follows from the seed; what a job does at that moment does not.

    make faults KILLS=200 FAULTS_SEED=3
    python -m tests.faults.campaign FOLDER UNDISTURBED --kills 200 --seed 3 -- results/tables

UNDISTURBED is a project whose targets are made, FOLDER is made and worked in, and what follows `--`
are Snakemake's arguments. Where mounts are permitted, FOLDER is a small disk of its own, which runs
full and turns read-only; under `unshare --mount` nobody else sees it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

PARTS = (
    ("raw", "data", "results", "logs"),
    ("data", "results"),
    ("results",),
    ("results/demo/weights", "results/tables"),
    ("data/demo/ucf_sports", "results"),
)
"""What a round takes away: everything, all stores, all results, some."""
PATIENCE = 600.0
"""Seconds after which a call hangs that has not ended: more than all takes on a busy machine."""
WANTED = 6.0
"""Seconds for which a stage or a reader to kill is waited for."""
ROUND = 14
"""Faults after which a round is left in peace, so that it ends."""
CALL = [sys.executable, "-m", "snakemake", "--cores", "2", "--quiet", "all"]


class Call:
    """A call of Snakemake that runs, in a process group of its own, as a terminal starts it."""

    def __init__(self, folder: Path, arguments: list[str], log: IO[str]) -> None:
        self.process = subprocess.Popen(
            [*CALL, *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.started: set[psutil.Process] = set()
        """Processes seen below it, which may outlive it."""

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def below(self) -> list[psutil.Process]:
        """The processes that it started and that live."""
        with suppress(psutil.NoSuchProcess):
            self.started |= set(psutil.Process(self.process.pid).children(recursive=True))
        return [process for process in self.started if process.is_running()]

    def stages(self) -> list[psutil.Process]:
        """Stages at work, without the processes that read for them."""
        return [one for one in self.below() if "pipeline." in _command(one) and not _reads(one)]

    def readers(self) -> list[psutil.Process]:
        """Processes that read for a training."""
        return [process for process in self.below() if _reads(process)]

    def signal_all(self, *numbers: int) -> None:
        """Signals the group, milliseconds apart, as Slurm does it to a job and its steps."""
        for number in numbers:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            time.sleep(0.02)

    def end(self) -> int:
        """Its exit status.

        Raises:
            TimeoutError: It does not end.
        """
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            jobs = ", ".join(f"{one.pid} {_command(one)[:80]}" for one in self.below())
            self.signal_all(signal.SIGKILL)
            raise TimeoutError(f"the call hangs in {jobs}") from None


def _command(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _reads(process: psutil.Process) -> bool:
    """Whether it was forked by a training, whose command line it has."""
    with suppress(psutil.Error):
        command, parent = _command(process), process.parent()
        return "pipeline.training" in command and parent is not None and _command(parent) == command
    return False


def _kill_one(found: list[psutil.Process], chance: random.Random) -> bool:
    """Kills one of some processes; false if there is none."""
    if not found:
        return False
    with suppress(psutil.NoSuchProcess):
        chance.choice(sorted(found, key=lambda process: process.pid)).kill()
    return True


def _signalled(*numbers: int) -> Callable[[Call, random.Random], bool]:
    def signal_group(call: Call, _chance: random.Random) -> bool:
        call.signal_all(*numbers)
        return True

    return signal_group


def _killed_alone(call: Call, _chance: random.Random) -> bool:
    call.below()
    call.process.kill()
    return True


def _terminated_alone(call: Call, _chance: random.Random) -> bool:
    call.process.terminate()
    return True


READER_KILLED = "kill -9 of a reading worker"
KILLS: dict[str, Callable[[Call, random.Random], bool]] = {
    "kill -9 of a stage": lambda call, chance: _kill_one(call.stages(), chance),
    "kill -9 of snakemake": _killed_alone,
    "kill -9 of the process group": _signalled(signal.SIGKILL),
    READER_KILLED: lambda call, chance: _kill_one(call.readers(), chance),
    "SIGTERM twice to all": _signalled(signal.SIGTERM, signal.SIGTERM),
    "SIGTERM to snakemake": _terminated_alone,
    "Ctrl-C": _signalled(signal.SIGINT),
    "the terminal closes": _signalled(signal.SIGHUP),
}
"""What happens to a call: each says whether it could."""
OTHERS = ("disk full", "disk read-only", "second call", "wrong dates")


class Disk:
    """A disk of its own for a folder, which can run full and turn read-only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # The size is a limit: memory is taken as files are written.
        self.mounted = _succeeds("mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", str(folder))

    def _remount(self, options: str) -> bool:
        return _succeeds("mount", "-o", f"remount,{options}", str(self.folder))

    def fill(self, chance: random.Random) -> bool:
        """Leaves no more than a few pages."""
        state = os.statvfs(self.folder)
        used = (state.f_blocks - state.f_bfree) * state.f_frsize
        return self.mounted and self._remount(f"size={used + chance.choice((0, 64, 512)) * 1024}")

    def free(self) -> None:
        if self.mounted:
            assert self._remount("size=2g,rw")

    def protect(self) -> bool:
        return self.mounted and self._remount("ro")


def _succeeds(*command: str) -> bool:
    with suppress(FileNotFoundError):
        return not subprocess.run(command, capture_output=True, check=False).returncode
    return False


def digests(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 of everything that a run makes, but for its curves and Snakemake's notes."""
    found = {}
    for path in sorted(folder.glob("data/**/*")) + sorted(folder.glob("results/**/*")):
        name = str(path.relative_to(folder))
        if path.is_file() and path.name != ".snakemake_timestamp" and "/tensorboard/" not in name:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


class Campaign:
    """Rounds of faults in one folder, and what came of them."""

    def __init__(self, folder: Path, undisturbed: Path, seed: int, arguments: list[str]) -> None:
        self.folder, self.disk, self.arguments = folder, Disk(folder), arguments
        shutil.copytree(undisturbed, folder, symlinks=True, dirs_exist_ok=True)
        self.right, self.chance = digests(folder), random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.after: Counter[str] = Counter()
        """What the calls after them came to."""
        self.differing: set[str] = set()
        self.log = (folder.parent / f"{folder.name}.log").open("w+")
        """What all calls print."""
        # Trainings with one thread read by themselves.
        reading = "--set-threads" in arguments
        self.kinds = [kind for kind in KILLS if reading or kind != READER_KILLED]
        self.others = [*OTHERS, *[""] * (2 * len(OTHERS))]  # beside every third kill

    @property
    def kills(self) -> int:
        return sum(self.faults[name] for name in KILLS)

    def round(self, kills: int) -> None:
        """Takes something away, makes it again in spite of all faults, and compares."""
        for name in self.chance.choice(PARTS):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for _ in range(ROUND):
            if self.kills >= kills or self._disturbed_call():
                break
        self._finish()
        found = digests(self.folder)
        differing = {name for name in self.right | found if self.right.get(name) != found.get(name)}
        print(f"{len(self.right)} files compared, {len(differing)} differ", *differing, flush=True)
        self.differing |= differing

    def _call(self) -> Call:
        return Call(self.folder, self.arguments, self.log)

    def _said(self, start: int) -> str:
        self.log.seek(start)
        return self.log.read()

    def _note(self, fault: str, seconds: float) -> None:
        self.faults[fault] += 1
        print(f"{sum(self.faults.values())}. {fault}, {seconds:.1f} s after the call", flush=True)

    def _disturbed_call(self) -> bool:
        """Whether the call was the last: it ended well."""
        call, start = self._call(), self.log.seek(0, os.SEEK_END)
        # Planning takes two seconds, and so do most jobs.
        moment, other = self.chance.uniform(1.5, 8), self.chance.choice(self.others)
        with suppress(subprocess.TimeoutExpired):
            ended = call.process.wait(moment) == 0
            self._touch()
            return ended
        if other == "second call":
            call = self._one_of_two(call)
            self._note(other, moment)
        if other == "disk full" and self.disk.fill(self.chance):
            self._note(other, moment)
        else:
            self._kill(call, moment)
        status = call.end()
        self.disk.free()
        if other == "disk read-only" and self.disk.protect():
            refused = self._call().end()
            self.disk.free()
            assert refused or not status, "a call succeeds on a disk that it cannot write"
            self._note(other, moment)
        elif other == "wrong dates":
            self._date()
            self._note(other, moment)
        if "Traceback" in self._said(start):
            self.after[f"tracebacks, {other or 'killed'}"] += 1
        return status == 0

    def _one_of_two(self, call: Call) -> Call:
        """Calls again in the same folder, and returns the call that is not refused."""
        second, began = self._call(), time.monotonic()
        while call.lives and second.lives:
            assert time.monotonic() - began < PATIENCE, "two calls work in one folder at once"
            time.sleep(0.1)
        return second if second.lives else call

    def _kill(self, call: Call, moment: float) -> None:
        """Kills in one of the ways, as soon as there is what it kills."""
        kill, began = self.chance.choice(self.kinds), time.monotonic()
        while call.lives:
            if KILLS[kill](call, self.chance):
                self._note(kill, moment + time.monotonic() - began)
                return
            if time.monotonic() - began > WANTED:
                kill = "kill -9 of the process group"
            time.sleep(0.05)

    def _date(self) -> None:
        """Gives a third of all files dates of a clock that was set back, or will be."""
        for path in sorted(self.folder.glob("[rd]*/**/*")):  # raw, data, results
            if self.chance.random() < 1 / 3:
                moment = time.time() + self.chance.choice((-1e8, -3600, 3600))
                os.utime(path, (moment, moment), follow_symlinks=False)

    def _touch(self) -> None:
        """Dates what is dated later as of now, without which Snakemake makes nothing from it."""
        for path in self.folder.glob("[rd]*/**/*"):
            if path.lstat().st_mtime > time.time():
                os.utime(path, follow_symlinks=False)

    def _finish(self) -> None:
        """Calls until a call succeeds, as a user does it who does what a refused call says."""
        self._touch()
        for calls in range(1, 7):
            start = self.log.seek(0, os.SEEK_END)
            if self._call().end() == 0:
                self.after[f"rounds that {calls} undisturbed calls ended"] += 1
                return
            assert "still run" in (said := self._said(start)), f"it fails: {said[-3000:]}"
            time.sleep(10)
        raise AssertionError("undisturbed calls are refused for ever")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("undisturbed", type=Path)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("arguments", nargs="+")
    given = parser.parse_args()
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # `nohup` and `&` would let the calls ignore them
    given.folder.mkdir()
    campaign, rounds = Campaign(given.folder, given.undisturbed, given.seed, given.arguments), 0
    if not campaign.disk.mounted:
        print("no full, no read-only disks: mounts are not permitted here", flush=True)
    while campaign.kills < given.kills:
        print(f"round {(rounds := rounds + 1)}", flush=True)
        campaign.round(given.kills)
    for name, count in (campaign.faults + campaign.after).items():
        print(f"{name}: {count}")
    print(f"{campaign.kills} kills, {rounds} rounds, {len(campaign.differing)} files differ")
    sys.exit(bool(campaign.differing))


if __name__ == "__main__":
    main()
