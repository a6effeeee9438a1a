"""The demo's tables locally and through Slurm: how many files differ, and what it takes.

Each is made in a copy of the checkout of its own; a Slurm of one node is started for it
(tests/cluster/one_node.py, which needs Debian's packages and the extra `slurm`). Other targets than
all tables, such as one sheet of scores, take less time and write no page:

    python bench/slurm.py [--jobs 4] [TARGET ...]
"""

from __future__ import annotations

import argparse
import collections
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pages import publish, with_python

from tests.cluster.one_node import OneNode, digests, missing

ROOT = Path(__file__).resolve().parents[1]
TARGET = "results/tables"
PAGE = """\
# The demo through Slurm

{machine}, a Slurm {version} of one node
that offers {jobs} processors. `python bench/slurm.py`: the demo's tables from nothing, once by
`snakemake --cores {cores}`, once by `snakemake --workflow-profile profiles/slurm`, each in a
checkout of its own. Minutes are those of the clock, with whatever else the machine did.

| | local | Slurm |
|---|---|---|
| minutes | {local:.1f} | {slurm:.1f} |
| jobs that ended well | | {ended} |
| jobs that ended otherwise | | {failed} |

**{different} of {files} files differ**: everything below `data` and `results` but TensorBoard's,
which hold times of day; {tables} are files of tables, {stores} of stores. Through Slurm each job
starts Snakemake twice and waits for the next look at the queue.
"""


def copied(folder: Path) -> Path:
    """A copy of what is under version control, or will be."""
    folder.mkdir()
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True).stdout
    packed = ("tar", "--null", "--files-from", "-", "-c", "--ignore-failed-read")
    tar = subprocess.run(packed, cwd=ROOT, check=True, input=names, capture_output=True).stdout
    subprocess.run(("tar", "-x"), cwd=folder, check=True, input=tar)
    return folder


def made(folder: Path, environment: dict[str, str], *options: str) -> float:
    """Minutes that Snakemake takes to make something in a folder.

    Raises:
        CalledProcessError: It failed.
    """
    line = [sys.executable, "-m", "snakemake", "--quiet", "all", *options]
    start = time.monotonic()
    environment = environment | {"PYTHONPATH": str(folder)}
    subprocess.run(line, cwd=folder, env=environment, check=True, stdin=subprocess.DEVNULL)
    return (time.monotonic() - start) / 60


def main() -> int:
    """Returns 1 if a file differs, or if there is no Slurm."""
    parser = argparse.ArgumentParser(description=__doc__)
    cores = os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=cores, help="processors that the node offers")
    parser.add_argument("target", nargs="*", default=[TARGET])
    given = parser.parse_args()
    if lacking := missing():
        print(lacking, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as work, OneNode(cpus=given.jobs) as slurm:
        here, there = copied(Path(work, "local")), copied(Path(work, "slurm"))
        local = made(here, dict(os.environ), "--cores", str(cores), "--", *given.target)
        profile = ("--workflow-profile", "profiles/slurm", "--latency-wait", "10")
        through = made(there, slurm.environment, *profile, "--", *given.target)
        ended = collections.Counter(job["JobState"] for job in slurm.jobs().values())
        one, other = digests(here), digests(there)
        different = sorted(
            name for name in one.keys() | other.keys() if one.get(name) != other.get(name)
        )
        version = slurm.run("sinfo", "--version").split()[-1]
    for name in different:
        print(f"differs: {name}", file=sys.stderr)
    page = PAGE.format(
        machine=with_python(),
        version=version,
        jobs=given.jobs,
        cores=cores,
        local=local,
        slurm=through,
        ended=ended.pop("COMPLETED", 0),
        failed=ended.total(),
        different=len(different),
        files=len(one),
        tables=sum(name.startswith("results/tables/") for name in one),
        stores=sum(".zarr/" in name for name in one),
    )
    if given.target == [TARGET]:
        publish("slurm", page)
    else:
        print(page)
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
