"""Runs over drawn films that are left alone, stopped and gone on with."""

from __future__ import annotations

import io
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from model.sight import Sight
from pipeline.runtime.errors import InputError
from pipeline.viewing import run, watch
from pipeline.viewing.piece import Piece
from pipeline.viewing.run import view
from tests.pipeline.viewing.seen import Frames, Network, drawn_film, model_of

COUNTS = (40, 20, 16)


class Maps:
    """A product: all maps in one file."""

    sides: tuple[str, ...] = ()

    def __init__(self, out: Path, option: int = 0) -> None:
        self.out, self.option = out, option
        self.added: list[int] = []
        self.hook: Callable[[int], None] = lambda count: None

    def add(self, piece: Piece, folder: Path) -> None:
        np.save(folder / "maps.npy", piece.maps)
        self.added.append(piece.first)
        self.hook(len(self.added))

    def finish(self, folders: Sequence[Path]) -> None:
        np.save(self.out, np.concatenate([np.load(folder / "maps.npy") for folder in folders]))


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Frames, "begun", [], raising=False)
    monkeypatch.setattr(watch, "Reader", Frames)
    monkeypatch.setattr(watch, "LONGEST", 8)


class Place:
    """A film, a network and where their maps go."""

    def __init__(self, folder: Path) -> None:
        source = folder / "film.mp4"
        source.write_text("a film")
        self.film = drawn_film(*COUNTS, source=source)
        self.model = model_of(Network(Sight(carries=True, before=1, together=4)))
        self.parts, self.out = folder / ".out.parts", folder / "out.npy"

    def view(self, at: dict[int, Any] | None = None, option: int = 0, **options: Any) -> Maps:
        """At which piece, from 1, something happens while the product is made."""
        product = Maps(self.out, option)
        product.hook = lambda count: (at or {}).get(count, lambda: None)()
        view(self.film, self.model, [product], folder=self.parts, **options)
        return product

    def maps(self) -> Any:
        return np.load(self.out)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "maps"]


def interrupt() -> None:
    # What a shell starts in the background ignores the signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)


def test_a_run_makes_its_products_and_leaves_nothing(place: Place) -> None:
    product = place.view()
    assert len(place.maps()) == sum(COUNTS)
    assert product.added == sorted(product.added)
    assert not place.parts.exists()
    assert threads() == []


@pytest.mark.parametrize("stopped", [1, 2, 5])
def test_a_run_that_was_stopped_goes_on_to_the_same_end(
    place: Place, stopped: int, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = place.view()
    maps = place.maps()
    place.out.unlink()
    with pytest.raises(KeyboardInterrupt):
        place.view({stopped: interrupt})
    assert "stopped; the same command goes on from frame" in capsys.readouterr().err
    assert threads() == []
    assert not place.out.exists()
    # The piece in whose midst it was stopped is made once more.
    assert place.view().added == whole.added[stopped - 1 :]
    assert np.array_equal(place.maps(), maps)
    assert not place.parts.exists()


def test_it_may_be_stopped_again_and_at_the_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.view()
    maps = place.maps()
    for stopped in (2, 3):
        with pytest.raises(KeyboardInterrupt):
            place.view({stopped: interrupt})
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Maps, "finish", lambda *_: interrupt())
        place.view()
    assert place.view().added == []
    assert np.array_equal(place.maps(), maps)


def test_a_piece_that_is_not_whole_is_made_once_more(place: Place) -> None:
    with pytest.raises(KeyboardInterrupt):
        place.view({4: interrupt})
    (place.parts / run._name(1) / run.CARRIED).unlink()
    assert place.view().added[0] == 8


def stopped_after_three(place: Place) -> None:
    with pytest.raises(KeyboardInterrupt):
        place.view({4: interrupt})


def test_what_was_made_from_something_else_is_thrown_away(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_film() -> None:
        place.film.source.write_text("another film")

    def other_weights() -> None:
        place.model.network.weight[0, 0, 0, 0] += 1

    def other_version() -> None:
        monkeypatch.setattr(run, "VERSION", "another")

    changes = {
        "film": other_film,
        "model": other_weights,
        "version of gfsalnet": other_version,
    }
    for name, change in changes.items():
        stopped_after_three(place)
        change()
        capsys.readouterr()
        assert place.view().added[0] == 0
        assert capsys.readouterr().err == f"{place.parts}: another {name}; begins from scratch\n"
    stopped_after_three(place)
    assert place.view(option=3).added[0] == 0
    assert "another product or option; begins" in capsys.readouterr().err
    stopped_after_three(place)
    assert place.view(every=2).added[0] == 0
    assert "another every; begins" in capsys.readouterr().err


def test_a_folder_that_says_nothing_is_begun_from_scratch(place: Place) -> None:
    place.parts.mkdir()
    (place.parts / run.MADE_FROM).write_text("{")
    assert place.view().added[0] == 0


def test_a_folder_of_somebody_else_is_left_alone(place: Place) -> None:
    place.parts.mkdir()
    (place.parts / "thesis.tex").write_text("all of it")
    with pytest.raises(InputError, match="no working folder of a run; move it away"):
        place.view()
    assert (place.parts / "thesis.tex").read_text() == "all of it"


def test_no_two_runs_work_in_one_folder(place: Place) -> None:
    refused: list[str] = []

    def another() -> None:
        with pytest.raises(InputError, match="another run works in it; wait for it") as error:
            place.view()
        refused.append(str(error.value))

    for option in (0, 1):  # from scratch, and where another run has left something
        first = place.view({1: another, 3: another}, option=option)
        assert len(place.maps()) == sum(COUNTS)
        assert first.added == sorted(set(first.added)), "the other one took nothing away"
        stopped_after_three(place)
    assert len(refused) == 4


def test_what_cannot_be_gone_on_with_is_removed(place: Place) -> None:
    with pytest.raises(KeyboardInterrupt):
        place.view({1: interrupt})
    assert not place.parts.exists()


def test_an_error_of_the_network_comes_out_once(place: Place) -> None:
    place.model.network.weight.fill_(torch.nan)
    with pytest.raises(InputError, match="not finite"):
        place.view()
    assert threads() == []


def test_an_error_of_a_product_stops_the_network(place: Place) -> None:
    def fail() -> None:
        raise InputError("the disk is full")

    with pytest.raises(InputError, match="the disk is full"):
        place.view({2: fail})
    assert threads() == []
    assert place.view().added[0] == 8


def test_the_network_is_never_far_ahead(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[int] = []
    real = watch.watch

    def counted(*args: Any, **kwargs: Any) -> Any:
        for piece, carried in real(*args, **kwargs):
            began.append(piece.first)
            yield piece, carried

    monkeypatch.setattr(run, "watch", counted)
    ahead = []
    product = {k: lambda: ahead.append(len(began)) for k in range(1, 9)}
    place.view(product)
    # One that is worked on, one that waits, and one for which there is no room yet.
    assert max(have - k for k, have in enumerate(ahead)) <= 3


def test_progress_is_a_line_now_and_then(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "_QUIET", 0)
    place.view()
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("76 of 76 frames, ")
    assert lines[-1].endswith(" frames/s, 0 s left")
    place.view(progress=False)
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_a_bar(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(run, "Console", lambda **_: Console(file=screen, force_terminal=True))
    place.view()
    assert "/76 frames, " in screen.getvalue()


def test_a_folder_that_cannot_be_made_is_named(place: Place) -> None:
    place.parts = place.film.source / "parts"
    with pytest.raises(InputError, match=r"film\.mp4: a file is where a folder should be"):
        place.view()
