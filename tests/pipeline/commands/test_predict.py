"""`gfsalnet predict` from end to end, on a drawn film and without weights."""

from __future__ import annotations

import errno
import json
import os
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.commands import predict, seeing
from pipeline.commands.main import main
from pipeline.raw.ffmpeg import write_frames
from pipeline.viewing.media.film import open_film
from pipeline.viewing.products.colours import COLORMAPS


def draw(path: Path, frames: int = 12) -> None:
    """A bright square that moves to the right."""
    with write_frames(path, (64, 96, 3), 10, vcodec="libx264") as write:
        for place in range(frames):
            frame = np.full((64, 96, 3), 40, np.uint8)
            frame[20:34, 5 * place : 5 * place + 14] = 230
            write(frame)


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A film in a folder of its own; the working folder is an empty one."""
    (tmp_path / "films").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    path = tmp_path / "films/it's a film.mp4"
    draw(path)
    return path


def call(film: Path, *words: str) -> None:
    main(["predict", str(film), "--model", "spectral_residual", *words])


def test_all_products_come_from_one_run(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(film, "--overlay", "--heat", "--side-by-side", "--maps", "npy", "--json", "--html")
    names = {path.name for path in Path().iterdir()}
    endings = ("saliency.mp4", "heat.mp4", "panels.mp4", "maps.npy")
    endings += ("saliency.json", "saliency.html")
    assert names == {f"it's a film_{ending}" for ending in endings}, "and nothing else is left"
    said = capsys.readouterr().out
    assert said.startswith("model: spectral_residual, ")
    assert all(f"{name}  " in said for name in names)
    assert "12 frames in" in said
    made = open_film(Path("it's a film_saliency.mp4"))
    source = open_film(film)
    assert (len(made), made.width, made.height) == (12, 96, 64)
    assert [made.seconds(k) for k in range(12)] == [source.seconds(k) for k in range(12)]
    maps = np.load("it's a film_maps.npy")
    # To the right, where the square goes.
    centres = [float((one.sum(0) * np.arange(one.shape[1])).sum() / one.sum()) for one in maps]
    assert centres[-1] > centres[0] + 10
    numbers = json.loads(Path("it's a film_saliency.json").read_text())
    assert len(numbers["frames"]) == 12


def test_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    picture = np.full((64, 96, 3), 40, np.uint8)
    picture[20:34, 60:74] = 230
    Image.fromarray(picture).save("photo.png")
    call(Path("photo.png"), "--quiet")
    assert {path.name for path in tmp_path.iterdir()} == {"photo.png", "photo_saliency.png"}
    shown = np.asarray(Image.open("photo_saliency.png")).astype(int)
    assert shown.shape == picture.shape
    changed = np.abs(shown - picture).sum(2)
    assert changed[20:34, 60:74].mean() > 3 * changed[:, :40].mean()


def test_what_is_there_is_not_overwritten(film: Path) -> None:
    Path("it's a film_saliency.mp4").write_text("mine")
    with pytest.raises(SystemExit, match=r"^gfsalnet predict: .*is there already; add --force"):
        call(film)
    assert Path("it's a film_saliency.mp4").read_text() == "mine"
    call(film, "--force", "-q")
    assert len(open_film(Path("it's a film_saliency.mp4"))) == 12


def test_nothing_is_left_of_a_call_that_fails(film: Path) -> None:
    with pytest.raises(SystemExit, match="regions"):
        call(film, "--json", "--regions", "no_regions.json")
    with pytest.raises(SystemExit, match="no such model"):
        main(["predict", str(film), "--model", "spectral_residuum"])
    film.write_text("This is no film.")
    with pytest.raises(SystemExit, match="no film that can be read"):
        call(film)
    assert list(Path().iterdir()) == []


def test_a_hidden_folder_of_somebody_else_is_left_alone(film: Path) -> None:
    theirs = Path(".out.mp4.pieces/thesis.tex")
    theirs.parent.mkdir()
    theirs.write_text("all of it")
    with pytest.raises(SystemExit, match="is no working folder of a run; move it away"):
        call(film, "-o", "out.mp4")
    with pytest.raises(SystemExit, match="is no working folder of a run; move it away"):
        main(["reframe", str(film), "--model", "spectral_residual", "-o", "out.mp4"])
    assert theirs.read_text() == "all of it"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to(film: Path) -> None:
    Path().chmod(0o500)
    with pytest.raises(SystemExit, match="cannot be written to; choose another -o"):
        call(film)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--json", "my.mp4"], "no INPUT: my.mp4 was taken for the name of an output"),
        ([], "no INPUT; name the film first"),
        (["-"], "save it to a file first"),
        (["nothing.mp4"], "nothing.mp4: no such file"),
        (["https://a.org/my.mp4"], "an address, not a file; download the film first"),
    ],
)
def test_no_input(words: list[str], says: str) -> None:
    with pytest.raises(SystemExit, match=f"^gfsalnet predict: .*{says}"):
        main(["predict", *words])


def test_a_film_is_no_strength(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["predict", "--overlay", str(film)])
    assert ended.value.code == 2
    assert "put INPUT before --overlay" in capsys.readouterr().err


def test_no_strength(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call(film, "--overlay", "0")
    assert ended.value.code == 2
    assert "give a number above 0" in capsys.readouterr().err


def test_what_is_read_is_never_overwritten(film: Path) -> None:
    regions = Path("regions.json")
    regions.write_text('{"regions": {"a": {"rectangle": [0, 0, 1, 1]}}}')
    linked = Path("linked.mp4")
    linked.hardlink_to(film)
    before = film.read_bytes()
    for words in (["-o", str(film)], ["-o", "linked.mp4"], ["--json", str(film)]):
        with pytest.raises(SystemExit, match=r"is (the|an) input; "):
            call(film, *words, "-f")
        with pytest.raises(SystemExit, match=r"is an input; choose another (-o|--json)"):
            main(["reframe", str(film), "--model", "spectral_residual", *words, "-f"])
    with pytest.raises(SystemExit, match=r"^gfsalnet predict: regions\.json: is an input"):
        call(film, "--json", "regions.json", "--regions", "regions.json", "-f")
    assert film.read_bytes() == before
    assert "rectangle" in regions.read_text()


def test_a_folder_is_no_file(film: Path) -> None:
    Path("folder").mkdir()
    with pytest.raises(SystemExit, match=r"folder: a folder is where a file should be; .* --json"):
        call(film, "--json", "folder", "-f")
    call(film, "--maps", "png", "-q")
    call(film, "--maps", "png", "-q", "-f")


def test_regions_that_nothing_counts(film: Path) -> None:
    Path("regions.json").write_text('{"regions": {"a": {"rectangle": [0, 0, 1, 1]}}}')
    with pytest.raises(SystemExit, match="only --json and --html count what falls on them"):
        call(film, "--regions", "regions.json")


@pytest.mark.parametrize(
    ("rate", "options", "every"),
    [
        (25, {}, 4),
        (30, {}, 5),
        (120, {}, 20),
        (5, {}, 1),
        (25, {"exact": True}, 1),
        (25, {"every": 7}, 7),
    ],
)
def test_frames_that_are_looked_at(rate: float, options: dict[str, Any], every: int) -> None:
    film: Any = SimpleNamespace(kind="film", timing=SimpleNamespace(mean_rate=float(rate)))
    given = Namespace(**{"every": None, "exact": False, **options})
    assert seeing.stride(given, film) == every


def test_colormaps_are_those_that_can_be_drawn() -> None:
    assert set(predict.COLORMAPS) == set(COLORMAPS)


def test_another_programs_config_where_one_works(film: Path) -> None:
    Path("config.yaml").write_text("models: [a]\n")
    call(film, "--json", "-q")
    main(["info"])
    assert Path("it's a film_saliency.json").is_file()


def test_a_full_disk_names_the_option(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not pathvars, of which whoever looks at a film has never heard."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pipeline.viewing.products.overlay.join_parts", full)
    with pytest.raises(
        SystemExit, match=r"no space left.*move the output with -o to another disk$"
    ):
        call(film)
