"""Errors that say what was found and expected where nothing can be opened."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
import zarr

from pipeline.evaluation.external_maps.reader import open_maps
from pipeline.runtime.errors import InputError
from tests.pipeline.evaluation.external_maps.maps_on_disk import (
    T,
    drawn,
    expected,
    save,
    save_clip,
)


def _empty(folder: Path) -> Path:
    return folder


def _texts(folder: Path) -> Path:
    (folder / "a.txt").write_text("")
    (folder / "b.mat").write_text("")
    return folder


def _zipped_film(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "m.zip", "w") as archive:
        archive.writestr("a.mp4", b"")
    return folder / "m.zip"


def _broken_zip(folder: Path) -> Path:
    (folder / "m.zip").write_bytes(b"PK\x03\x04 and no more")
    return folder / "m.zip"


def _strange_names(folder: Path) -> Path:
    save(folder / "x/0001.png", drawn(1))
    save(folder / "y_0001.png", drawn(1))
    return folder


def _single_pictures(folder: Path) -> Path:
    save(folder / "601.png", drawn(1))
    return folder


def _stores(folder: Path) -> Path:
    zarr.create_group(folder / "maps.zarr").create_array("601", shape=(2, 3, 4), dtype="f4")
    (folder / "maps.json").write_text("{}")
    return folder


def _empty_group(folder: Path) -> Path:
    zarr.create_group(folder / "maps.zarr")
    return folder / "maps.zarr"


def _bare_array(folder: Path) -> Path:
    zarr.create_array(folder / "maps.zarr", shape=(2, 3, 4), dtype="f4")
    return folder / "maps.zarr"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: folder / "nowhere", "nowhere: no such folder or file; name the folder"),
        (_empty, "no saliency map in it: it is empty; expected 601/0005.png, 601_0001.png"),
        (_texts, "no saliency map in it: found 2 other files (1 .txt, 1 .mat)"),
        (_zipped_film, "films cannot be read inside a zip: unpack it"),
        (_broken_zip, "not a whole zip (File is not a zip file); make it again"),
        (_strange_names, "none of its names is a clip's: found x, y; expected 601, img; rename"),
        (_single_pictures, "found 1 other files (1 .png); expected 601/0005.png"),
        (_stores, "of stores name one: "),
        (_empty_group, "no saliency map in it: it is empty"),
        (_bare_array, "none of its names is a clip's: found maps; expected 601, img"),
    ],
)
def test_errors_say_what_was_found_and_expected(tmp_path: Path, make, told: str) -> None:
    path = make(tmp_path)
    with pytest.raises(InputError) as caught:
        open_maps(path, [expected("601", T, 5), expected("img", 1)])
    assert str(caught.value).startswith(str(path))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_clip_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no clip is expected"):
        open_maps(tmp_path, [])


def test_a_frame_without_map_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    save_clip(tmp_path / "a")
    found = open_maps(tmp_path, [expected("a"), expected("b")])
    for clip, frame in (("a", T), ("b", 0), ("c", 0)):
        with pytest.raises(KeyError):
            found.read_map(clip, frame)


def test_opening_asks_for_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """250,000 files are opened in a second only if none is looked at."""
    for clip in "ab":
        save_clip(tmp_path / clip)
    touched: list[object] = []

    real = os.stat

    def note(path: str, *arguments: object, **options: object) -> os.stat_result:
        touched.append(path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", note)
    monkeypatch.setattr(os, "open", touched.append)
    found = open_maps(tmp_path, [expected("a"), expected("b")])
    assert found.frames("a") == list(range(T))
    assert touched
    assert not [path for path in touched if str(path).endswith(".png")]
