"""The zip for DHF1K's benchmark: names, pictures, bytes, and what stops it."""

from __future__ import annotations

import errno
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.config.data import Submission
from pipeline.reporting.submission import submission
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import SALIENCY
from pipeline.stores.writing import write_store
from tests.builders import edited

OFFICIAL = {
    "over": "dhf1k",
    "split": "test",
    "layout": "{clip:0>4}/{frame:04d}.png",
    "width": 32,
    "height": 18,
}


def _expected(**others: Any) -> Submission:
    return Submission(**{**OFFICIAL, "videos": None, "frames": None, **others})


def _maps(length: int) -> np.ndarray:
    """A bright spot that wanders, above a little everywhere."""
    y, x = np.mgrid[:24, :32]
    spots = [np.exp(-((y - 5 - t) ** 2 + (x - 20) ** 2) / 20) for t in range(length)]
    return 0.7 * np.stack(spots) + 0.01


def _store(folder: Path, clips: dict[str, np.ndarray], **facts: Any) -> Path:
    folder.mkdir(exist_ok=True)
    with write_store(SALIENCY, folder / "s.zarr", folder / "s.json", {}) as writer:
        for clip, maps in clips.items():
            writer.add(clip, [maps], **{"frames": None, **facts})
    return folder / "s.json"


def _pictures(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        return {
            name: np.asarray(Image.open(io.BytesIO(file.read(name)))) for name in file.namelist()
        }


def test_names_sizes_and_levels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = _store(tmp_path, {"702": _maps(2), "701": _maps(3)})
    target = tmp_path / "out" / "ours.zip"
    submission(
        saliency=manifest, expected=_expected(videos=2, frames=5), method="GFSalNet", zip=target
    )
    found = _pictures(target)
    assert list(found) == [
        "GFSalNet/0701/0001.png",
        "GFSalNet/0701/0002.png",
        "GFSalNet/0701/0003.png",
        "GFSalNet/0702/0001.png",
        "GFSalNet/0702/0002.png",
    ]
    for picture in found.values():
        assert (str(picture.dtype), picture.shape, int(picture.max())) == ("uint8", (18, 32), 255)
    peaks = [divmod(int(found[f"GFSalNet/0701/000{i}.png"].argmax()), 32) for i in (1, 2, 3)]
    np.testing.assert_allclose([y for y, _ in peaks], (np.arange(3) + 5) * 18 / 24, atol=1)
    assert {x for _, x in peaks} == {20}
    size = target.stat().st_size
    assert capsys.readouterr().out == f"{target}: 2 videos, 5 frames, {size:,} bytes\n"


def test_maps_of_the_right_size_are_only_scaled(tmp_path: Path) -> None:
    maps = _maps(2)
    target = tmp_path / "a.zip"
    submission(
        saliency=_store(tmp_path, {"701": maps}),
        expected=_expected(height=24),
        method="m",
        zip=target,
    )
    stored = maps.astype(np.float16).astype(float)
    expected = stored / stored.max(axis=(1, 2), keepdims=True) * 255
    found = np.stack(list(_pictures(target).values()))
    np.testing.assert_allclose(found, expected, atol=0.51)


def test_the_same_maps_give_the_same_bytes(tmp_path: Path) -> None:
    content = []
    for name, order in (("one", ("701", "702")), ("two", ("702", "701"))):
        manifest = _store(tmp_path / name, {clip: _maps(2) for clip in order})
        target = tmp_path / f"{name}.zip"
        submission(saliency=manifest, expected=_expected(), method="m", zip=target)
        content.append(target.read_bytes())
    assert content[0] == content[1]


def test_constant_and_negative_maps_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = _maps(4)
    maps[1], maps[3] = 0, 0.25
    maps[0, 0, :3] = -1
    target = tmp_path / "a.zip"
    submission(
        saliency=_store(tmp_path, {"701": maps, "702": _maps(1)}),
        expected=_expected(),
        method="m",
        zip=target,
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == [
        "warning: 701: 2 constant maps, written black: frames 2, 4",
        "warning: 701: 3 negative values clipped to 0",
    ]
    assert [int(picture.max()) for picture in _pictures(target).values()] == [255, 0, 255, 0, 255]


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"videos": 300}, r"expected 300 videos, found 2; predict all test videos, or set"),
        ({"frames": 176192}, r"expected 176,192 frames, found 5; predict all test videos"),
        ({"layout": "{clip:.2}/{frame}.png"}, r"clips 70. and 70. both become m/70/1\.png"),
    ],
)
def test_what_is_not_expected_leaves_nothing(
    tmp_path: Path, expected: dict[str, Any], message: str
) -> None:
    manifest = _store(tmp_path / "s", {"701": _maps(2), "702": _maps(3)})
    target = tmp_path / "out" / "a.zip"
    with pytest.raises(InputError, match=message):
        submission(saliency=manifest, expected=_expected(**expected), method="m", zip=target)
    assert not (tmp_path / "out").exists()


def test_listed_frames_are_no_submission(tmp_path: Path) -> None:
    manifest = _store(tmp_path, {"701": _maps(2)}, numbers=[1, 8])
    with pytest.raises(InputError, match=r"clip 701: only listed frames; predict all of them"):
        submission(saliency=manifest, expected=_expected(), method="m", zip=tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize("method", ["", "..", "a/b", "../a", ".hidden", "a b", "a\n", "-x", "ä"])
def test_method_is_a_safe_name(tmp_path: Path, method: str) -> None:
    manifest = _store(tmp_path, {"701": _maps(1)})
    with pytest.raises(InputError, match=r"not a safe folder name"):
        submission(saliency=manifest, expected=_expected(), method=method, zip=tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_a_clip_name_that_leaves_the_folder(tmp_path: Path) -> None:
    manifest = _store(tmp_path, {"701": _maps(1)})
    edited(manifest, lambda text: text.replace('"701": {', '"../701": {'))
    with pytest.raises(InputError, match=r"not a plain file name"):
        submission(saliency=manifest, expected=_expected(), method="m", zip=tmp_path / "a.zip")


@pytest.mark.parametrize(
    "layout",
    [
        "{clip}/0001.png",
        "0701/{frame}.png",
        "{video}/{frame}.png",
        "{clip:04d}/{frame}.png",
        "{clip}/{frame}.jpg",
        "../{clip}/{frame}.png",
        "/{clip}/{frame}.png",
        "{clip}\\{frame}.png",
        "{clip/{frame}.png",
        "{}/{frame}.png",
    ],
)
def test_layouts_that_do_not_work(tmp_path: Path, layout: str) -> None:
    manifest = _store(tmp_path, {"701": _maps(2), "702": _maps(2)})
    settings = _expected(layout=layout)
    with pytest.raises(InputError, match=r"layout"):
        submission(saliency=manifest, expected=settings, method="m", zip=tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_not_finite_leaves_neither_zip_nor_partial(tmp_path: Path) -> None:
    maps = _maps(3)
    maps[2, 0, 0] = np.inf
    manifest = _store(tmp_path / "s", {"701": maps})
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"701: frame 3 is not finite"):
        submission(saliency=manifest, expected=_expected(), method="m", zip=out / "a.zip")
    assert not list(out.iterdir())


def test_an_older_zip_stays_when_the_new_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = _store(tmp_path / "s", {"701": _maps(3)})
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.zip").write_text("older")

    def fill(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(zipfile.ZipFile, "writestr", fill)
    with pytest.raises(InputError, match=r"a\.zip: no space left on its disk"):
        submission(saliency=manifest, expected=_expected(), method="m", zip=out / "a.zip")
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("a.zip", "older")]


@pytest.mark.parametrize("damage", ["size", "colour", "text", "name", "missing"])
def test_what_was_written_is_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """A slip in writing, of any of these sorts, does not become a zip."""
    write = zipfile.ZipFile.writestr

    def slip(file: zipfile.ZipFile, entry: zipfile.ZipInfo, content: bytes) -> None:
        if entry.filename.endswith("0002.png"):
            picture = Image.open(io.BytesIO(content))
            changed = {
                "size": picture.resize((32, 19)),
                "colour": picture.convert("RGB"),
            }.get(damage, picture)
            buffer = io.BytesIO()
            changed.save(buffer, "PNG")
            content = b"x" * 99 if damage == "text" else buffer.getvalue()
            if damage == "name":
                entry.filename = "m/0701/0009.png"
            if damage == "missing":
                return
        write(file, entry, content)

    monkeypatch.setattr(zipfile.ZipFile, "writestr", slip)
    manifest = _store(tmp_path / "s", {"701": _maps(3)})
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"names differ|is no grey picture of 32x18"):
        submission(saliency=manifest, expected=_expected(), method="m", zip=out / "a.zip")
    assert not list(out.iterdir())


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = _store(tmp_path, {"701": _maps(1)})
    arguments = ["--saliency", str(manifest), "--expected", _expected().model_dump_json()]
    arguments += ["--method", "m", "--zip", str(tmp_path / "a.zip")]
    main(submission, arguments)
    assert "1 videos, 1 frames" in capsys.readouterr().out
