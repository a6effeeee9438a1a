"""Raw files of a part as one param: as inputs, Snakemake would ask the disk for each several times.

Planning looks at each file's size and date once and keeps a digest of these per clip. Where it is
another one than was kept, the contents decide: the manifest has a digest of what its stage read.
So a touched or freshly copied file reruns nothing, and a changed one its part.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter

from pipeline.config.config import Config
from pipeline.config.data import ReleasedDensity
from pipeline.planning import needs
from pipeline.raw.patterns import facts, listing, paths_matching
from pipeline.raw.splits import SheetClip
from pipeline.raw.unchanged import contents
from pipeline.runtime.errors import InputError
from pipeline.runtime.keeping import keep, kept
from pipeline.stores.manifests import read_manifest

KEPT = Path(".snakemake/raw")
"""Folder of what was seen at earlier plans, below the working folder."""

Seen = tuple[str, str, dict[str, str]]
"""Of a clip: its files' state at the last plan, its token, and the token of each content."""

DRAWN = ("ucf_sports", "hollywood2", "dhf1k", "diem", "ledov", "salicon")
"""Datasets that the demo can draw."""


def drawn_datasets(cfg: Config) -> list[str]:
    """Names of the run's datasets that the demo draws."""
    return [name for name in DRAWN if name in cfg.datasets and name not in cfg.without]


def declared(cfg: Config, dataset: str) -> bool:
    """Whether a dataset's raw files are inputs of jobs: where a rule of the run draws them."""
    return cfg.run == "demo" and dataset in drawn_datasets(cfg)


def patterns_of(cfg: Config, dataset: str, stage: str) -> Sequence[str]:
    """Patterns of the raw files that stage `frames`, `gaze` or `density` reads of a dataset."""
    entry = cfg.datasets[dataset]
    if stage == "frames":
        return [entry.frames.video]
    if stage == "gaze":
        return entry.gaze.files
    return [entry.density.files] if isinstance(entry.density, ReleasedDensity) else []


class RawFiles:
    """Params of a run's data stages that change exactly when the contents of raw files do.

    Of numbered pictures, which may be a million, names and sizes count instead.
    """

    def __init__(self, cfg: Config) -> None:
        self.cfg = cfg
        self._tokens: dict[tuple[str, str], dict[str, str]] = {}

    def param(self, dataset: str, stage: str, part: str) -> str:
        """Digest for a part; empty where the stage reads no raw files, or they are declared."""
        wanted, root = patterns_of(self.cfg, dataset, stage), self._root(dataset)
        clips = needs.dealt(self.cfg, dataset).get(part, ())
        found = "".join(listing(root, pattern, clips) for pattern in wanted)
        single = [pattern for pattern in wanted if "{frame}" not in pattern]
        if not single or declared(self.cfg, dataset):
            return found
        if (dataset, stage) not in self._tokens:
            self._tokens[dataset, stage] = self._tokens_of(dataset, stage, single)
        tokens = self._tokens[dataset, stage]
        return found + _digest(f"{clip.name}\0{tokens[clip.name]}" for clip in clips)

    def _root(self, dataset: str) -> Path:
        return Path(self.cfg.pathvars["raw"], dataset)

    def _tokens_of(self, dataset: str, stage: str, wanted: Sequence[str]) -> dict[str, str]:
        """Clip -> the digest of sizes and dates that its contents had when they were first seen."""
        gaze, root = self.cfg.datasets[dataset].gaze, self._root(dataset)

        def files(clip: SheetClip) -> list[str]:
            every = (paths_matching(root, one, gaze, clip.name, clip.split) for one in wanted)
            return [file for found in every for file in found]

        folder = Path(self.cfg.pathvars["data"], dataset, stage)
        return compared(folder, needs.dealt(self.cfg, dataset), files)


def compared(
    folder: Path,
    dealt: Mapping[str, Sequence[SheetClip]],
    files: Callable[[SheetClip], Sequence[str]],
) -> dict[str, str]:
    """Clip -> its token, for a folder of manifests: the same as long as its files' contents are.

    What was seen is kept below KEPT.
    """
    file = KEPT / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}.json"
    known = kept(file, TypeAdapter(dict[str, Seen]))
    tokens, seen, announced = {}, dict[str, Seen](), False
    for part, clips in dealt.items():
        inputs: Mapping[str, str] | None = None
        for clip in clips:
            of_clip = files(clip)
            state = _digest(map(_facts, of_clip))
            before, token, by_contents = known.get(clip.name, (state, state, {}))
            if before != state:
                if not announced:
                    print(f"{folder}: comparing raw files whose dates changed", file=sys.stderr)
                    announced = True
                if inputs is None:
                    inputs = _inputs(folder / f"{part}.json")
                if inputs:  # else there is no store yet, and nothing to compare with
                    made_from = inputs.get(f"raw/{clip.name}")
                    by_contents = ({made_from: token} if made_from else {}) | by_contents
                    token = by_contents.setdefault(_contents(of_clip), state)
            seen[clip.name] = (state, token, by_contents)
            tokens[clip.name] = token
    if seen != known:
        keep(file, json.dumps(seen))
    return tokens


def _facts(file: str) -> str:
    """A file's path, size and date; its path alone if it is not there."""
    found = facts(file)
    return file if found is None else f"{file}\0{found.st_size}\0{found.st_mtime_ns}"


def _contents(files: Iterable[str]) -> str:
    """Digest of contents as a manifest has it; empty where a file cannot be read."""
    with suppress(OSError):
        return contents(map(Path, files))
    return ""


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()[:16]


def _inputs(manifest: Path) -> Mapping[str, str]:
    """What a manifest's store was made from; empty if there is none that can be read."""
    try:
        inputs: Mapping[str, str] = read_manifest(manifest)["inputs"]
    except InputError:
        return {}
    return inputs
