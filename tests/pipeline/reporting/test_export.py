"""Pictures of stores: values, names, and what is refused."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from pipeline.reporting.export import export
from pipeline.reporting.figures.grey_levels import Extent, grey
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE, SALIENCY, Kind
from pipeline.stores.manifests import frame_numbers
from pipeline.stores.writing import write_store
from tests.builders import edited

H, W = 12, 17


def _store(folder: Path, kind: Kind, clips: dict[str, np.ndarray], **facts: Any) -> Path:
    manifest = folder / f"{kind.name}.json"
    with write_store(kind, manifest.with_suffix(".zarr"), manifest, {}) as writer:
        for clip, content in clips.items():
            writer.add(clip, [content], **facts)
    return manifest


def _maps() -> np.ndarray:
    """A ramp; one of half its height; zero; constant; one with values below zero."""
    ramp = np.linspace(0, 4, H * W).reshape(H, W)
    return np.stack([ramp, ramp / 2, ramp * 0, ramp * 0 + 3, ramp - 2])


def _pngs(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("kind", [DENSITY, SALIENCY], ids=lambda kind: kind.name)
def test_each_frames_maximum_is_white(
    tmp_path: Path, kind: Kind, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = _store(tmp_path, kind, {"a": _maps()}, frames=None)
    export(manifest=manifest, out=tmp_path / "out", form="png", scale="frame")
    found = _pngs(tmp_path / "out" / "a")
    assert list(found) == [f"000{i}.png" for i in range(1, 6)]
    assert {(str(picture.dtype), picture.shape) for picture in found.values()} == {
        ("uint8", (H, W))
    }
    expected = np.linspace(0, 255, H * W).reshape(H, W)
    for name in ("0001.png", "0002.png"):
        np.testing.assert_allclose(found[name], expected, atol=0.6)
    assert not found["0003.png"].any()
    assert not found["0004.png"].any(), "a constant map shows nothing"
    np.testing.assert_allclose(found["0005.png"], (2 * expected - 255).clip(0), atol=0.6)
    below = int((_maps()[4].astype(np.float16) < 0).sum())
    assert f"5 pictures, {below} negative values clipped to 0" in capsys.readouterr().out


def test_the_clips_maximum_is_white(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = _store(tmp_path, DENSITY, {"a": _maps()[:4], "b": _maps()[3:4]})
    export(manifest=manifest, out=tmp_path / "out", form="png", scale="clip")
    found = _pngs(tmp_path / "out" / "a")
    assert [int(picture.max()) for picture in found.values()] == [255, 128, 0, 191]
    assert not _pngs(tmp_path / "out" / "b")["0001.png"].any()
    assert "negative" not in capsys.readouterr().out


def test_listed_frames_bear_their_own_numbers(tmp_path: Path) -> None:
    manifest = _store(tmp_path, SALIENCY, {"a": _maps()[:3]}, numbers=[5, 10, 12346])
    export(manifest=manifest, out=tmp_path / "out", form="png", scale="frame")
    assert list(_pngs(tmp_path / "out" / "a")) == ["0005.png", "0010.png", "12346.png"]


def test_numbers_of_other_facts() -> None:
    assert frame_numbers({"shape": [3, 2, 2]}) == [1, 2, 3]
    assert frame_numbers({"shape": [2, 2, 2], "first": 9, "numbers": []}) == [9, 10]
    assert frame_numbers({"shape": [2, 2, 2], "first": 1, "numbers": [97, 99]}) == [97, 99]


def test_frames_keep_their_colours(tmp_path: Path) -> None:
    content = np.random.default_rng(1).integers(0, 256, (40, H, W, 3), np.uint8)
    manifest = _store(tmp_path, FRAMES, {"a": content})
    export(manifest=manifest, out=tmp_path / "out", form="png", scale="frame")
    np.testing.assert_array_equal(np.stack(list(_pngs(tmp_path / "out" / "a").values())), content)


@pytest.mark.parametrize(("scale", "slow"), [("frame", (255, 0, 0)), ("clip", (255, 128, 128))])
def test_flow_is_white_where_still_and_full_where_fastest(
    tmp_path: Path, scale: Any, slow: tuple[int, int, int]
) -> None:
    content = np.zeros((3, 2, H, W))
    content[0, 0, :, 5:] = 2
    content[1, 0, :, 5:] = 4
    manifest = _store(tmp_path, FLOW, {"a": content})
    export(manifest=manifest, out=tmp_path / "out", form="png", scale=scale)
    first, second, still = _pngs(tmp_path / "out" / "a").values()
    assert (first[:, :5] == 255).all()
    assert (still == 255).all()
    np.testing.assert_allclose(first[0, 9], slow, atol=1)
    np.testing.assert_allclose(second[0, 9], (255, 0, 0), atol=1)


def _film(path: Path) -> tuple[np.ndarray, float]:
    reader = imageio_ffmpeg.read_frames(path)
    facts = next(reader)
    width, height = facts["size"]
    pictures = [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]
    return np.stack(pictures), facts["fps"]


@pytest.mark.parametrize(("facts", "rate"), [({"rate": 12.5}, 12.5), ({}, 30.0)])
def test_a_film_has_every_frame_and_the_clips_rate(
    tmp_path: Path, facts: dict[str, float], rate: float
) -> None:
    levels = np.arange(20, 240, 5, np.uint8)
    content = np.broadcast_to(levels[:, None, None, None], (len(levels), 48, 64, 3))
    manifest = _store(tmp_path, FRAMES, {"a": content}, **facts)
    export(manifest=manifest, out=tmp_path / "out", form="mp4", scale="frame")
    found, its_rate = _film(tmp_path / "out" / "a.mp4")
    assert its_rate == rate
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), levels, atol=2)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.mp4"]


def test_a_film_of_grey_maps_with_odd_sides(tmp_path: Path) -> None:
    maps = np.zeros((3, 15, 17))
    maps[:, :, 8:] = 1
    manifest = _store(tmp_path, DENSITY, {"a": maps})
    export(manifest=manifest, out=tmp_path / "out", form="mp4", scale="frame")
    found, _ = _film(tmp_path / "out" / "a.mp4")
    assert found.shape == (3, 16, 18, 3)
    assert found[:, 2:12, 2:5].max() < 10
    assert found[:, 2:12, 11:15].min() > 245


def test_the_same_film_has_the_same_bytes(tmp_path: Path) -> None:
    manifest = _store(tmp_path, DENSITY, {"a": _maps()})
    for out in ("one", "two"):
        export(manifest=manifest, out=tmp_path / out, form="mp4", scale="frame")
    films = [tmp_path / out / "a.mp4" for out in ("one", "two")]
    assert films[0].read_bytes() == films[1].read_bytes()


@pytest.mark.parametrize("form", ["png", "mp4"])
def test_nothing_is_mixed_with_what_is_there(tmp_path: Path, form: Any) -> None:
    manifest = _store(tmp_path, DENSITY, {"a": _maps(), "b": _maps()})
    out = tmp_path / "out"
    theirs = out / ("b/notes.txt" if form == "png" else "b.mp4")
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    with pytest.raises(InputError, match=r"b(\.mp4)?: is there already; remove it, or choose"):
        export(manifest=manifest, out=out, form=form, scale="frame")
    assert [path for path in out.rglob("*") if path.is_file()] == [theirs]
    theirs.unlink()
    export(manifest=manifest, out=out, form=form, scale="frame")
    assert sorted(path.stem for path in out.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../x", "/x", "a\\b"])
@pytest.mark.parametrize("form", ["png", "mp4"])
def test_clip_names_that_leave_the_folder(tmp_path: Path, name: str, form: Any) -> None:
    manifest = _store(tmp_path, DENSITY, {"a": _maps()})
    edited(manifest, lambda text: text.replace('"a": {', f'"{name}": {{'.replace("\\", r"\\")))
    with pytest.raises(InputError, match=r"not a plain file name"):
        export(manifest=manifest, out=tmp_path / "out" / "in", form=form, scale="frame")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["png", "mp4"])
@pytest.mark.parametrize("scale", ["frame", "clip"])
def test_what_is_not_finite_is_refused_and_leaves_nothing(
    tmp_path: Path, form: Any, scale: Any
) -> None:
    maps = np.concatenate([_maps()] * 3)
    maps[11, 3, 3] = np.nan
    manifest = _store(tmp_path, SALIENCY, {"a": maps})
    with pytest.raises(InputError, match=r"frame 12 is not finite"):
        export(manifest=manifest, out=tmp_path / "out", form=form, scale=scale)
    assert not list((tmp_path / "out").glob("*"))


def test_gaze_has_no_pictures(tmp_path: Path) -> None:
    manifest = _store(tmp_path, GAZE, {"a": np.zeros((3, 4))})
    with pytest.raises(InputError, match=r"gaze has no pictures; give one of frames, flow"):
        export(manifest=manifest, out=tmp_path / "out", form="png", scale="frame")


def test_a_disk_that_fills_leaves_no_half_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = _store(tmp_path, DENSITY, {"a": _maps()})
    save = Image.Image.save

    def fill(picture: Image.Image, path: Path, **others: Any) -> None:
        save(picture, path, **others)
        if path.name == "0003.png":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", fill)
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'out' / 'a'}: no space left")):
        export(manifest=manifest, out=tmp_path / "out", form="png", scale="frame")
    assert not list((tmp_path / "out").iterdir())


def test_a_film_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = _store(tmp_path, DENSITY, {"a": np.concatenate([_maps()] * 40)})
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: "/bin/false")
    with pytest.raises(InputError, match=r"ffmpeg could not write it"):
        export(manifest=manifest, out=tmp_path / "out", form="mp4", scale="frame")
    assert not list((tmp_path / "out").iterdir())


def test_grey_of_tiny_and_of_huge_values() -> None:
    for factor in (1e-38, 6e-8, 1.0, 6e4, 1e38):
        values = (np.array([[0, 0.5, 1]]) * factor).astype(np.float32)
        levels = grey(values, Extent(float(values.min()), float(values.max())))
        assert levels.tolist() == [[0, 128, 255]]
