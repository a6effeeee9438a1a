"""Manifests and Zarr's metadata that are not what a stage wrote: one line, with the remedy."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.runtime.errors import InputError
from pipeline.stores import manifests
from pipeline.stores.kinds import DENSITY, FRAMES
from pipeline.stores.reading import Store, open_store
from pipeline.stores.seals import rerun
from pipeline.stores.verify import verify
from tests.builders import edited, store


def _density(folder: Path) -> Path:
    return store(DENSITY, folder, {"a": np.ones((2, 8, 8)), "b": np.zeros((3, 8, 8))}, rate=25.0)


def _key(name: str) -> Callable[[Path], object]:
    def drop(manifest: Path) -> None:
        facts = json.loads(manifest.read_text())
        del facts[name]
        manifest.write_text(json.dumps(facts))

    return drop


def _folder(manifest: Path) -> None:
    manifest.unlink()
    manifest.mkdir()


def _pipe(manifest: Path) -> None:
    manifest.unlink()
    os.mkfifo(manifest)


def _set(**values: object) -> Callable[[Path], object]:
    """Values that only another release can have sealed."""
    return lambda manifest: edited(manifest, lambda text: json.dumps(json.loads(text) | values))


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "not a manifest, but no such file"),
    "folder": (_folder, "not a manifest, but a folder"),
    "pipe": (_pipe, "not a manifest, but no regular file"),
    "empty": (lambda path: path.write_bytes(b""), "not a manifest"),
    "only a kind": (lambda path: path.write_text('{"kind": "density"}'), "or made by an older"),
    "list": (lambda path: path.write_text("[1]"), "not a manifest, which has keys"),
    "number": (lambda path: path.write_text("1"), "not a manifest, which has keys"),
    "not UTF-8": (lambda path: path.write_bytes(b'{"kind": "\xff"}'), "not a manifest"),
    "UTF-16": (lambda path: path.write_text('{"kind": "density"}', "utf-16"), "older release"),
    "deep": (lambda path: path.write_text("[" * 100_000), "not a manifest"),
    "long number": (lambda path: path.write_text('{"a": ' + "9" * 5000 + "}"), "not a manifest"),
    "no seal": (_key("seal"), "no seal: not a manifest, or made by an older release"),
    "no files": (_key("files"), "no files: not a manifest, or made by an older release"),
    "no clips": (_key("clips"), "no clips: not a manifest, or made by an older release"),
    "new key": (_set(colour="red"), r"not a manifest of this release \(colour\)"),
    "files of another kind": (_set(files=[1]), r"not a manifest of this release \(files\)"),
    "file without a size": (_set(files={"a": ["x"]}), r"not a manifest of this release \(files.a"),
    "clip without facts": (_set(clips={"a": 3}), r"not a manifest of this release \(clips.a"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_manifest_of_something_else(tmp_path: Path, name: str) -> None:
    manifest = _density(tmp_path)
    spoil, words = SPOILT[name]
    spoil(manifest)
    with pytest.raises(InputError, match=rf"^{manifest}: .*{words}") as caught:
        open_store(DENSITY, manifest)
    message = str(caught.value)
    assert message.endswith(f"; {rerun(manifest)}")
    assert "\n" not in message
    assert len(message) < 600
    assert verify([tmp_path]) == [message]


def test_a_manifest_that_would_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = _density(tmp_path)
    monkeypatch.setattr(manifests, "_LARGEST", 100)
    with pytest.raises(InputError, match="too large for a manifest; rerun it"):
        open_store(DENSITY, manifest)


def _opened(manifest: Path) -> str:
    """What opening and reading a store comes to: its numbers, or the message."""
    try:
        found: Store = open_store(DENSITY, manifest)
        return repr([found[clip][:].tolist() for clip in ("a", "b")])
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("name", ["d.json", "d.zarr/zarr.json", "d.zarr/a/zarr.json"])
def test_flipped_bits_of_what_describes_a_store(tmp_path: Path, name: str) -> None:
    """Eighty of each: in the fault campaign 152 of 240 in zarr.json were tracebacks."""
    manifest = _density(tmp_path)
    whole, file = _opened(manifest), tmp_path / name.replace("d.", "density.")
    content = file.read_bytes()
    for seed in range(80):
        chance = random.Random(seed)
        spoilt = bytearray(content)
        spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
        file.write_bytes(spoilt)
        found = _opened(manifest)
        if found != whole:
            assert found.endswith(f"; {rerun(manifest)}")
            assert verify([tmp_path])[0].endswith(rerun(manifest))


def test_metadata_that_change_while_a_store_is_open(tmp_path: Path) -> None:
    opened = open_store(DENSITY, _density(tmp_path))
    file = tmp_path / "density.zarr/a/zarr.json"
    text = file.read_text()
    for spoilt in (text[:50], text.replace("blosc", "blosk"), text.replace("float16", "float61")):
        file.write_text(spoilt)
        with pytest.raises(InputError, match=r"density\.zarr/a: no array that can be read .*rerun"):
            opened["a"]
    file.write_text(text.replace("float16", "float32"))
    with pytest.raises(InputError, match=r"density\.zarr/a: expected .* found .*rerun it"):
        opened["a"]


def test_no_clip_has_the_name_of_zarrs_own_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"frames: no clip can be called zarr\.json, .* rename"):
        store(FRAMES, tmp_path, {"zarr.json": np.zeros((1, 8, 8, 3))})
    assert not list(tmp_path.iterdir())
