"""Segments of films, and what a teacher finds in them, in the layout of released maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.sight import Sight
from pipeline.datasets import released
from pipeline.datasets.records import Clip
from pipeline.raw.splits import read_sheet
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import write_rows
from pipeline.teaching import films as films_module
from pipeline.teaching import segments as segments_module
from pipeline.teaching.deal import deal, dealt
from pipeline.teaching.films import LONGER, films, frame_size, teach_film
from pipeline.teaching.layout import FIXATIONS
from pipeline.teaching.segments import LENGTH, segments
from pipeline.teaching.teacher import Teacher, densities
from pipeline.viewing.media.film import open_film
from pipeline.viewing.network.load import load
from pipeline.viewing.network.model import Model
from tests.pipeline.teaching.drawn_sources import TALL, film, frames, listed, picture, row
from tests.pipeline.viewing.seen import SIZE, Network

SEED = 5
REAL = Path(__file__).resolve().parents[4] / "shared/weights/unisal/weights_best.pth"


def teacher_of(sight: Sight | None = None) -> Teacher:
    return Teacher(Model("net", "a network", Network(sight).eval(), trained=SIZE))


def grey(path: Path) -> np.ndarray:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


# Segments


@pytest.mark.parametrize(
    ("start", "expected"), [(0.0, [0, 15, 36, 51]), (0.4, [4, 19, 36, 51]), (4.5, [45, 60])]
)
def test_segments_lie_within_shots(tmp_path: Path, start: float, expected: list[int]) -> None:
    source = open_film(film(tmp_path / "a.mkv", 36, 36))
    assert segments(source, start) == expected


def test_a_long_film_gives_some_of_its_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments_module, "MOST", 3)
    assert segments(open_film(film(tmp_path / "a.mkv", 90)), 0) == [0, 30, 60]


def test_a_film_of_few_frames_has_none(tmp_path: Path) -> None:
    assert segments(open_film(film(tmp_path / "a.mkv", LENGTH - 1)), 0) == []


def test_a_tenth_is_for_validation() -> None:
    counts = {"long": 25, "a": 1, "b": 3, "c": 4, "d": 2, "e": 9, "f": 1}
    clips = {name: [f"{name}{k}" for k in range(count)] for name, count in counts.items()}
    order = dict(zip(counts, "0435261", strict=True))
    rows = dealt(clips, order)
    assert [clip for clip, _ in rows] == [clip for each in clips.values() for clip in each]
    # A tenth of the 20 clips of short films: f comes first, d is too long beside it, then a.
    assert [clip for clip, split in rows if split == "val"] == ["long23", "long24", "a0", "f0"]


# What a teacher finds


@pytest.mark.parametrize("sight", [Sight(), Sight(before=2), Sight(carries=True, step=2)])
def test_a_mirrored_film_has_mirrored_densities(sight: Sight) -> None:
    fitted = teacher_of(sight).sized(SIZE, 10, still=False)
    clip = torch.from_numpy(frames(sight.before + 3)).movedim(-1, 1)[None] / 255
    still = torch.zeros(1, 3, 1, 2, *SIZE)
    found, other = (
        maps[0] if fitted.sight.carries else maps
        for maps in (fitted.network(shown, still, None) for shown in (clip, clip.flip(-1)))
    )
    assert found.shape == (1, 3, 1, *SIZE)
    torch.testing.assert_close(found.sum((-2, -1)), torch.ones(1, 3, 1))
    torch.testing.assert_close(other.flip(-1), found)


class _Looks(nn.Module):
    """Remembers how often it looked, and finds the bright."""

    sight = Sight(carries=True, step=5)

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def forward(self, clip: Tensor, flow: Tensor, state: Any) -> Any:
        self.looks += len(clip) * clip.shape[1] // 2
        assert state is None or len(state[0]) == len(clip)
        return clip.mean(2, keepdim=True), (clip[:, -1],)


def test_it_looks_six_times_a_second_with_a_memory_for_each_shot(tmp_path: Path) -> None:
    network = _Looks()
    source = open_film(film(tmp_path / "a.mkv", 36, 20))
    found = [*densities(source, Teacher(Model("net", "a network", network, trained=SIZE)))]
    assert [shot for shot, _ in found] == [0] * 36 + [1] * 20
    assert network.looks == 28  # 10 frames a second, of which it sees every second one
    bright = frames(36, 20).mean(-1)
    density = bright / bright.sum((1, 2), keepdims=True)
    np.testing.assert_allclose(found[38][1], density[38], rtol=1e-4)


# What is written


def test_clips_are_written_as_released_maps(tmp_path: Path) -> None:
    file = film(tmp_path / "a.mkv", 40)
    folders = [tmp_path / "out/train" / name for name in ("a_00003", "a_00021")]
    teacher = Teacher(load("spectral_residual"))
    teach_film(file, [(2, folders[0]), (20, folders[1])], teacher, SEED)
    expected = [density for _, density in densities(open_film(file), teacher)]
    for first, folder in zip((2, 20), folders, strict=True):
        for kind, suffix in (("images", "jpg"), ("density", "png"), ("fixation", "png")):
            names = sorted(path.name for path in (folder / kind).iterdir())
            assert names == [f"{k:04d}.{suffix}" for k in range(1, LENGTH + 1)]
        for k in range(LENGTH):
            seen = cv2.imread(str(folder / f"images/{k + 1:04d}.jpg"))[..., ::-1].astype(int)
            off = [abs(seen - frames(40)[first + k + d]).mean() for d in (-1, 0, 1)]
            assert np.argmin(off) == 1
            assert off[1] < 6
            density = grey(folder / f"density/{k + 1:04d}.png")
            assert density.max() == 255
            wanted = expected[first + k] / expected[first + k].max()
            assert wanted.shape == SIZE
            np.testing.assert_allclose(density / 255, wanted, atol=0.6 / 255)
            points = grey(folder / f"fixation/{k + 1:04d}.png")
            assert {*np.unique(points)} == {0, 255}
            assert FIXATIONS / 2 < np.count_nonzero(points) <= FIXATIONS
            assert density[points > 0].mean() > density.mean()
    gaze = released.read(
        sorted((folders[0] / "fixation").iterdir()),
        Clip("a_00003", LENGTH, *SIZE[::-1], 25.0),
    )
    assert {*gaze.frame} == {*range(LENGTH)}


def written(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_clip_is_the_same_whichever_others_are_written(tmp_path: Path) -> None:
    file = film(tmp_path / "a.mkv", 40)
    alone, both = tmp_path / "alone", tmp_path / "both"
    teach_film(file, [(20, alone / "a_00021")], teacher_of(), SEED)
    teach_film(file, [(2, both / "a_00003"), (20, both / "a_00021")], teacher_of(), SEED)
    assert written(alone / "a_00021") == written(both / "a_00021")
    teach_film(file, [(20, tmp_path / "other/a_00021")], teacher_of(), SEED + 1)
    changed = written(tmp_path / "other/a_00021").items() - written(alone / "a_00021").items()
    assert {name.split("/")[0] for name, _ in changed} == {"fixation"}


@pytest.mark.parametrize(
    ("first", "message"), [(30, "has a cut within"), (65, "ends within"), (90, "ends within")]
)
def test_a_segment_that_the_film_has_not_is_refused(
    tmp_path: Path, first: int, message: str
) -> None:
    file = film(tmp_path / "a.mkv", 36, 36)
    with pytest.raises(InputError, match=rf"a\.mkv: {message} clip a_1; remake the split sheet"):
        teach_film(file, [(first, tmp_path / "out/a_1")], teacher_of(), SEED)
    assert not (tmp_path / "out").exists()


def test_frames_are_shrunk_to_square_pixels(tmp_path: Path) -> None:
    assert frame_size(open_film(picture(tmp_path / "a.png"))) == TALL
    wide = np.zeros((100, 1000, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "b.png"), wide)
    assert frame_size(open_film(tmp_path / "b.png")) == (38, LONGER)
    cv2.imwrite(str(tmp_path / "c.png"), wide.transpose(1, 0, 2))
    assert frame_size(open_film(tmp_path / "c.png")) == (LONGER, 38)


# The stages


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Path]:
    """Arguments of both stages: a film and a picture, which are to be fetched."""
    there = tmp_path / "there"
    there.mkdir()
    rows = [row(film(there / "a.mkv", 30), "film"), row(picture(there / "p.png"), "picture")]
    return {
        "sources": listed(tmp_path / "sources.csv", *rows),
        "files": tmp_path / "files",
        "weights": REAL,
    }


@pytest.fixture
def other_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    """A teacher that needs no weights."""

    def load_other(name: str, *, weights: Path) -> Model:
        assert (name, weights) == ("unisal", REAL)
        return load("spectral_residual")

    monkeypatch.setattr(films_module, "load", load_other)


@pytest.mark.usefixtures("other_teacher")
def test_what_is_dealt_is_taught_once(
    tmp_path: Path, given: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    sources, files, out = given["sources"], given["files"], tmp_path / "out"
    deal(sources=sources, files=files, kind="picture", sheet=tmp_path / "pictures.csv")
    deal(sources=sources, files=files, kind="film", sheet=tmp_path / "films.csv")
    assert [clip.name for clip in read_sheet(tmp_path / "films.csv")] == ["a_00001", "a_00016"]
    for sheet in ("pictures.csv", "films.csv"):
        films(**given, sheet=tmp_path / sheet, folder=out, seed=SEED)
    made = written(out)
    assert len(made) == 3 * (2 * LENGTH + 1)
    assert grey(out / "train/p/density/0001.png").shape == TALL
    (out / "train/a_00016").rename(tmp_path / "gone")
    films(**given, sheet=tmp_path / "films.csv", folder=out, seed=SEED)
    assert "2 clips, 1 of them new" in capsys.readouterr().out
    assert written(out) == made


def test_a_sheet_of_other_sources_is_refused(tmp_path: Path, given: dict[str, Path]) -> None:
    sheet = tmp_path / "films.csv"
    write_rows(sheet, ("clip", "split"), [("b_00001", "train")])
    with pytest.raises(InputError, match=r"films\.csv: clip b_00001: neither .*; remake the split"):
        films(**given, sheet=sheet, folder=tmp_path / "out", seed=SEED)


@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_file(), reason="no weights of UNISAL beside the checkout")
def test_unisal_looks_at_what_stands_out(tmp_path: Path, given: dict[str, Path]) -> None:
    sheet = tmp_path / "pictures.csv"
    write_rows(sheet, ("clip", "split"), [("p", "val")])
    films(**given, sheet=sheet, folder=tmp_path / "out", seed=SEED)
    density = grey(tmp_path / "out/val/p/density/0001.png")
    y, x = np.unravel_index(density.argmax(), density.shape)
    assert 20 <= y < 36
    assert 20 <= x < 36
