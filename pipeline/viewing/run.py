"""A film, a network and what is to be made of it: one run, which goes on where it was stopped.

One thread decodes the film and computes maps, the other makes products of them. What is finished
lies in a working folder, a folder for each piece, until all products are written.
"""

import errno
import fcntl
import hashlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic, disk_errors, remove
from pipeline.runtime.version import VERSION
from pipeline.viewing.media.film import Film
from pipeline.viewing.piece import Piece, Product
from pipeline.viewing.watch import Carried, watch

if TYPE_CHECKING:
    from pipeline.viewing.network.load import Model

MADE_FROM = "made_from.json"
CARRIED = "carried.safetensors"
"""Written last into a piece's folder: with it, the piece is finished."""
_WAITING = 1
"""Pieces between the threads: one more would cost memory, and no thread waits longer for it."""
_QUIET = 10.0
"""Seconds between lines of progress where no terminal shows a bar."""


def view(
    film: Film,
    model: "Model",
    products: Sequence[Product],
    *,
    folder: Path,
    every: int = 1,
    progress: bool = True,
) -> None:
    """Make products of a film.

    Args:
        film: What is seen.
        model: What sees it.
        products: What is made of its maps.
        folder: A working folder of this run alone; it is removed at the end, and if nothing in it
            can be gone on with. One that a run with the same arguments has left behind is gone on
            with.
        every: Film frames from one that the network sees to the next.
        progress: Whether standard error shows how far it is.

    Raises:
        InputError: The film cannot be read, the disk refuses something, or the folder is another
            run's or somebody else's.
        KeyboardInterrupt: Somebody stopped it; the working folder stays.
    """
    with _held(folder):
        _view(film, model, products, folder, every, progress)


def _view(
    film: Film,
    model: "Model",
    products: Sequence[Product],
    folder: Path,
    every: int,
    progress: bool,
) -> None:
    """Do what `view` describes, in a folder that is ours."""
    with disk_errors(folder):
        done = _begun(folder, _made_from(film, model, products, every))
        after = Carried.load(done[-1] / CARRIED) if done else None
    with _meter(len(film), after.first if after else 0, shown=progress) as meter:
        try:
            sides = {field for product in products for field in product.sides}
            with closing(_ahead(film, model, every, sides, after, meter)) as pieces:
                for piece, carried in pieces:
                    part = folder / _name(len(done))
                    with disk_errors(folder):
                        part.mkdir()
                    for product in products:
                        product.add(piece, part)
                    carried.save(part / CARRIED)
                    done.append(part)
                    meter.made(carried.first)
                    del piece  # the next one needs the memory
            for product in products:
                product.finish(done)
        except KeyboardInterrupt:
            meter.say(f"stopped; the same command goes on from frame {meter.finished}")
            raise
    remove(folder)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a working folder, so that no other run works in it.

    It is there within the block, and afterwards where something in it can be gone on with.
    """
    with disk_errors(folder):
        ours = not folder.exists() or (folder / MADE_FROM).is_file()
        if not ours and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(
                f"{folder}: is no working folder of a run; move it away, or give another output"
            )
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it ends with the process
        except OSError as error:
            if error.errno == errno.EWOULDBLOCK:  # not that the disk has no locks
                raise InputError(
                    f"{folder}: another run works in it; wait for it, or give another output"
                ) from error
        try:
            yield
        finally:
            if not any(folder.glob(f"*/{CARRIED}")):
                remove(folder)
    finally:
        os.close(handle)


def _begun(folder: Path, facts: dict[str, str]) -> list[Path]:
    """Folders of the pieces that are finished, in a working folder that is there."""
    file = folder / MADE_FROM
    if file.is_file():
        try:
            before = json.loads(file.read_text())
        except (OSError, ValueError):
            before = {}
        changed = [key for key in facts if before.get(key) != facts[key]]
        if changed:
            if before:
                print(f"{folder}: another {changed[0]}; begins from scratch", file=sys.stderr)
            for inside in folder.iterdir():  # not the folder, which is held
                remove(inside)
    with atomic(file) as partial:
        partial.write_text(json.dumps(facts, indent=1))
    done: list[Path] = []
    for part in sorted(path for path in folder.iterdir() if path.is_dir()):
        if part.name == _name(len(done)) and (part / CARRIED).is_file():
            done.append(part)
        else:
            remove(part)
    return done


def _name(piece: int) -> str:
    """Name of a piece's folder; names sort as pieces follow one another."""
    return f"{piece:06d}"


def _made_from(
    film: Film, model: "Model", products: Sequence[Product], every: int
) -> dict[str, str]:
    """Digests of all that decides what a working folder holds."""
    files = [film.source, *film.files]
    stats = [(str(file.resolve()), file.stat()) for file in files]
    source = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    chosen = (film.before, len(film), film.rate)
    facts = {
        "film": [source, chosen],
        "model": [model.name, model.about, model.sha256, _weights(model.network)],
        "every": every,
        "version of gfsalnet": VERSION,
        "product or option": [[type(one).__name__, _plain(vars(one))] for one in products],
    }
    return {
        key: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
        for key, value in facts.items()
    }


def _weights(network: object) -> str:
    """Digest of a network's weights; empty where it has none that can be seen."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items() if isinstance(network, nn.Module) else ():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """The options in what a product is made of, as JSON has them; None for all else."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        plain = [_plain(one) for one in value]
        return sorted(plain, key=repr) if isinstance(value, (set, frozenset)) else plain
    if is_dataclass(value) and not isinstance(value, Film):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return None


class _StopError(Exception):
    """Nobody waits for further pieces."""


class _Raised(NamedTuple):
    """What ended the thread that computes maps."""

    error: BaseException | None


def _ahead(
    film: Film,
    model: "Model",
    every: int,
    sides: set[str],
    after: Carried | None,
    meter: "_Meter",
) -> Generator[tuple[Piece, Carried], None, None]:
    """Pieces that another thread computes while those before are worked on."""
    found: queue.Queue[tuple[Piece, Carried] | _Raised] = queue.Queue(_WAITING)
    stop = threading.Event()

    def tick(seen: int) -> None:
        if stop.is_set():
            raise _StopError
        meter.seen(seen)

    def work() -> None:
        error: BaseException | None = None
        try:
            for one in watch(film, model, every=every, sides=sides, after=after, tick=tick):
                found.put(one)
                del one
                tick(0)
        except BaseException as raised:  # to be raised where it is read
            error = raised
        found.put(_Raised(error))

    thread = threading.Thread(target=work, name="maps", daemon=True)
    thread.start()
    try:
        while not isinstance(one := found.get(), _Raised):
            yield one
            del one
        if one.error is not None:
            raise one.error
    finally:
        stop.set()
        while thread.is_alive():  # it may wait for room
            try:
                found.get(timeout=0.1)
            except queue.Empty:
                continue


class _Meter:
    """How far a run is: on average of its two threads, in frames."""

    def __init__(self, total: int, finished: int, bar: Progress | None, shown: bool) -> None:
        self.finished = finished
        """Frames whose products are there."""
        self._total, self._begun_with, self._seen = total, finished, finished
        self._bar, self._shown = bar, shown
        self._since = self._last = time.monotonic()
        self._task = bar.add_task("", total=2 * total, completed=2 * finished) if bar else None

    def seen(self, frames: int) -> None:
        """The network has seen so many."""
        self._seen = max(self._seen, min(frames, self._total))
        self._show()

    def made(self, frames: int) -> None:
        """Products of so many are there."""
        self.finished = frames
        self._show()

    def say(self, line: str) -> None:
        """Print a line."""
        if self._shown:
            print(line, file=sys.stderr, flush=True)

    def _show(self) -> None:
        now = time.monotonic()
        frames = (self._seen + self.finished) / 2
        rate = (frames - self._begun_with) / max(now - self._since, 1e-3)
        if self._bar is not None and self._task is not None:
            said = f"{int(frames)}/{self._total} frames, {rate:.1f} frames/s"
            self._bar.update(self._task, completed=2 * frames, description=said)
        elif now - self._last > _QUIET:
            self._last = now
            left = (self._total - frames) / max(rate, 1e-3)
            self.say(
                f"{int(frames)} of {self._total} frames, {rate:.1f} frames/s, {left:.0f} s left"
            )


@contextmanager
def _meter(total: int, finished: int, *, shown: bool) -> Iterator[_Meter]:
    """A bar on a terminal, otherwise a line now and then, or nothing."""
    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield _Meter(total, finished, None, shown)
        return
    columns = BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        yield _Meter(total, finished, bar, shown)
