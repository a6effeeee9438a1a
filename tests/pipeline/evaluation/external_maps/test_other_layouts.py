"""Layouts that scripts write beside the usual ones: overlays, added words, accents, nested Zarr."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from zarr.storage import ZipStore

from pipeline.evaluation.external_maps.reader import open_maps
from pipeline.runtime.errors import InputError
from tests.faults.crafted import Entry, write_zip
from tests.pipeline.evaluation.external_maps.maps_on_disk import (
    T,
    assert_clip,
    drawn,
    expected,
    kinds,
    only,
    save,
    save_clip,
    zipped,
)

CLIPS = [expected("601"), expected("602")]
ACCENTED = "caf\N{LATIN SMALL LETTER E WITH ACUTE}_1280x720"


def save_overlays(folder: Path, suffix: str = "jpg") -> None:
    for number in range(1, T + 1):
        coloured = cv2.applyColorMap(drawn(number), cv2.COLORMAP_HOT)
        save(folder / f"{number:04d}.{suffix}", coloured)


@pytest.mark.parametrize(
    ("maps", "overlay"),
    [
        ("0601/frames", "0601/images"),  # HD2S
        ("0601/maps", "0601/images"),
        ("0601/pred", "0601/overlay"),
        ("out/0601/sal", "out/0601/sal_on_frame"),
        ("0601_saliency", "0601"),
        ("saliency_0601", "601"),
    ],
)
def test_of_folders_that_fit_alike_the_grey_one_is_read(
    tmp_path: Path, maps: str, overlay: str
) -> None:
    pictures = save_clip(tmp_path / maps)
    save_overlays(tmp_path / overlay)
    found = open_maps(tmp_path, CLIPS)
    assert_clip(found, "601", pictures)
    assert kinds(found) == ["missing_clip", "other_file"]
    text = only(found, "other_file").text
    assert f"({maps}); it is read, and {overlay} with its colours is passed over" in text


def test_two_grey_or_two_coloured_folders_are_ambiguous(tmp_path: Path) -> None:
    for clip, save_maps in (("601", save_clip), ("602", save_overlays)):
        for inner in ("pred", "smoothed"):
            save_maps(tmp_path / clip / inner)
    found = open_maps(tmp_path, CLIPS)
    assert found.named == []
    assert kinds(found) == ["ambiguous_clip"] * 2
    assert "(601/pred, 601/smoothed); none is read; leave one" in found.findings[0].text


def test_unreadable_pictures_decide_nothing(tmp_path: Path) -> None:
    save_clip(tmp_path / "601/pred")
    for number in range(1, T + 1):
        (tmp_path / "601/other").mkdir(exist_ok=True)
        (tmp_path / f"601/other/{number:04d}.png").write_bytes(b"no picture")
    assert kinds(open_maps(tmp_path, CLIPS)) == ["missing_clip", "ambiguous_clip"]


@pytest.mark.parametrize(
    "name",
    [
        *("601_saliency/{:04d}", "601-pred/{:04d}", "0601_sal_{:04d}", "601_{:04d}_smap"),
        *("maps/601/sal/{:04d}", "Saliency_601/{:04d}", "601.predictions/x/img_{:d}"),
    ],
)
def test_words_that_scripts_add_to_a_name(tmp_path: Path, name: str) -> None:
    pictures = [drawn(number) for number in range(T)]
    for number, picture in enumerate(pictures, 1):
        save(tmp_path / f"{name.format(number)}.png", picture)
    found = open_maps(tmp_path, CLIPS)
    assert_clip(found, "601", pictures)
    assert kinds(found) == ["missing_clip"]


def test_added_words_fit_least_of_all(tmp_path: Path) -> None:
    """A clip may itself be called so."""
    plain, added = save_clip(tmp_path / "a", 1), save_clip(tmp_path / "a_map", 2)
    found = open_maps(tmp_path, [expected("a"), expected("a_map")])
    assert_clip(found, "a", plain)
    assert_clip(found, "a_map", added)
    found = open_maps(tmp_path, [expected("a")])
    assert_clip(found, "a", plain)
    assert "maps under its closer name a" in only(found, "unknown_clip").text


@pytest.mark.parametrize("composed", ["NFC", "NFD"])
@pytest.mark.parametrize("place", ["{}/{:04d}.png", "{}_{:04d}.png", "x/{}/sal/{:d}.png"])
def test_accents_are_one_however_they_are_encoded(
    tmp_path: Path, composed: Literal["NFC", "NFD"], place: str
) -> None:
    """macOS takes letters and accents apart, a split sheet mostly does not."""
    other: Literal["NFC", "NFD"] = "NFD" if composed == "NFC" else "NFC"
    pictures = [drawn(number) for number in range(T)]
    for number, picture in enumerate(pictures, 1):
        named = place.format(unicodedata.normalize(other, ACCENTED), number)
        save(tmp_path / "maps" / named, picture)
    clip = unicodedata.normalize(composed, ACCENTED)
    found = open_maps(tmp_path / "maps", [expected(clip), expected("b")])
    assert_clip(found, clip, pictures)
    assert kinds(found) == ["missing_clip"]
    packed = zipped(tmp_path / "maps", tmp_path / "maps.zip")
    assert_clip(open_maps(packed, [expected(clip)]), clip, pictures)


def test_a_zip_that_does_not_say_that_its_names_are_utf_8(tmp_path: Path) -> None:
    content = save(tmp_path / "1.png", drawn(1)).read_bytes()
    archive = write_zip(tmp_path / "maps.zip", Entry(f"{ACCENTED}/1.png".encode(), content))
    found = open_maps(archive, [expected(ACCENTED, 1), expected("b", 1)])
    assert_clip(found, ACCENTED, [drawn(1)])


def test_both_encodings_side_by_side(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / ACCENTED, 1)
    save_clip(tmp_path / unicodedata.normalize("NFD", ACCENTED), 2)
    found = open_maps(tmp_path, [expected(ACCENTED)])
    assert_clip(found, ACCENTED, pictures)
    assert "whose accents are encoded as in the split sheet" in only(found, "unknown_clip").text


def stacks() -> dict[str, NDArray]:
    return {
        clip: np.stack([drawn(seed * 10 + i, np.float32) for i in range(T)])
        for seed, clip in enumerate(("601", "602"))
    }


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", ["{}/saliency", "{}", "val/{}", "val/{}/x/saliency", "{}_pred"])
@pytest.mark.parametrize("archived", [False, True])
def test_zarr_as_others_nest_it(
    tmp_path: Path, name: str, version: Literal[2, 3], archived: bool
) -> None:
    path = tmp_path / ("maps.zip" if archived else "maps.zarr")
    store = ZipStore(path, mode="w") if archived else path
    root = zarr.open_group(store, mode="w", zarr_format=version)
    for clip, values in stacks().items():
        root.create_array(name.format(clip), data=values)
    if isinstance(store, ZipStore):
        store.close()
    found = open_maps(path, CLIPS)
    for clip, values in stacks().items():
        assert_clip(found, clip, list(values))
    assert kinds(found) == []


def test_a_zarr_array_per_clip_in_a_folder(tmp_path: Path) -> None:
    values = stacks()
    zarr.save_array(tmp_path / "601.zarr", values["601"])
    zarr.save_array(tmp_path / "x/602", values["602"])
    assert_clip(open_maps(tmp_path, CLIPS), "601", list(values["601"]))
    assert_clip(open_maps(tmp_path / "601.zarr", CLIPS), "601", list(values["601"]))
    assert_clip(open_maps(tmp_path / "x/602", CLIPS), "602", list(values["602"]))


def test_a_zarr_array_per_frame(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "maps.zarr", mode="w")
    for clip, values in stacks().items():
        for number, picture in enumerate(values, 1):
            root.create_array(f"{clip}/{number:04d}", data=picture)
    found = open_maps(tmp_path / "maps.zarr", CLIPS)
    for clip, values in stacks().items():
        assert_clip(found, clip, list(values))


def test_two_zarr_arrays_of_a_clip_are_ambiguous_but_for_a_datasets_own(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "maps.zarr", mode="w")
    values = stacks()
    for name in ("601/saliency", "601/frames", "602/pred", "602/smoothed"):
        root.create_array(name, data=values[name[:3]])
    found = open_maps(tmp_path / "maps.zarr", CLIPS)
    assert_clip(found, "601", list(values["601"]))
    assert kinds(found) == ["ambiguous_clip", "other_file"]
    assert "(602/pred, 602/smoothed)" in only(found, "ambiguous_clip").text


@pytest.mark.parametrize("packed", ["zip", "tar.gz", "npz"])
def test_an_archive_in_a_folder_is_named(tmp_path: Path, packed: str) -> None:
    (tmp_path / f"601.{packed}").write_bytes(b"PK")
    with pytest.raises(InputError, match="unpack an archive, or name a zip itself"):
        open_maps(tmp_path, CLIPS)


def test_sharded_and_packed_arrays(tmp_path: Path) -> None:
    values = stacks()["601"]
    root = zarr.open_group(tmp_path / "maps.zarr", mode="w")
    more = {"chunks": (1, *values.shape[1:]), "shards": values.shape}
    root.create_array("601", data=values, **more)
    packer = zarr.codecs.BloscCodec(cname="lz4")
    root.create_array("602", data=values, chunks=(2, 10, 10), compressors=packer)
    found = open_maps(tmp_path / "maps.zarr", CLIPS)
    for clip in ("601", "602"):
        assert_clip(found, clip, list(values))
