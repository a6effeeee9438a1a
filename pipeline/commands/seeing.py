"""What `predict` and `reframe` share: a film, a model, the frames that it looks at, a run."""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.verb import seconds, whole
from pipeline.runtime.errors import InputError

if TYPE_CHECKING:
    from pipeline.viewing.media.film import Film
    from pipeline.viewing.network.load import Model

_LOOKS = 6
"""Maps a second of the fast setting: about two in a fixation, which lasts a third of a second; what
lies between is interpolated. UNISAL learnt from six a second, too."""


def options(parser: ArgumentParser) -> None:
    """Add the options about how a film is looked at."""
    how = parser.add_argument_group("how")
    how.add_argument(
        "--model",
        default="default",
        metavar="NAME|FILE",
        help="a name of `gfsalnet info`, or a file: .safetensors of a training, or .onnx",
    )
    how.add_argument("--weights", type=Path, metavar="FILE", help="its authors' weights")
    how.add_argument("--runtime", choices=("torch", "onnx"), default="torch", help="default: torch")
    rate = how.add_mutually_exclusive_group()
    rate.add_argument("--every", type=whole, metavar="N", help="look at each Nth frame")
    rate.add_argument(
        "--fast", action="store_true", help=f"look at about {_LOOKS} frames a second (default)"
    )
    rate.add_argument("--exact", action="store_true", help="look at every frame")
    how.add_argument(
        "--start", type=seconds, metavar="TIME", help="where to begin: seconds, or m:s"
    )
    how.add_argument("--end", type=seconds, metavar="TIME", help="where to end")
    how.add_argument(
        "--rate", type=float, metavar="FPS", help="frames a second of the result (of a folder: 25)"
    )
    how.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 (default: a GPU if any)")
    how.add_argument("--threads", type=whole, metavar="N", help="default: all cores")
    how.add_argument("-f", "--force", action="store_true", help="overwrite what is there")
    how.add_argument("-q", "--quiet", action="store_true", help="print only errors")


def opened(given: Namespace) -> "Film":
    """Return the film that is asked for.

    Raises:
        InputError: None is named, or it cannot be read.
    """
    if given.input is None:
        eaten = given.json or getattr(given, "html", None)
        why = f": {eaten} was taken for the name of an output" if eaten else ""
        raise InputError(f"no INPUT{why}; name the film first: gfsalnet {given.task} my.mp4")
    from pipeline.runtime.files import write_elsewhere_by
    from pipeline.viewing.media.film import open_film

    write_elsewhere_by("move the output with -o")
    return open_film(given.input, rate=given.rate, start=given.start, end=given.end)


def reads(given: Namespace, film: "Film") -> list[Path]:
    """Return the files that a command line names as inputs."""
    named = [given.weights, Path(given.model), getattr(given, "regions", None)]
    return [film.source, *film.files, *(one for one in named if one is not None)]


def loaded(given: Namespace) -> "Model":
    """Return the model that is asked for, and print which weights it has.

    Raises:
        InputError: There is none, or its weights cannot be had.
    """
    from pipeline.viewing.network.load import load

    model = load(
        given.model,
        weights=given.weights,
        device=given.device,
        runtime=given.runtime,
        threads=given.threads,
    )
    if not given.quiet:
        why = f"; the default, since {model.why}" if model.why else ""
        print(f"model: {model.about}{why}", flush=True)
    return model


def stride(given: Namespace, film: "Film") -> int:
    """Return how many frames of a film there are from one that is looked at to the next."""
    if given.every:
        return int(given.every)
    if given.exact or film.kind == "picture":
        return 1
    return max(1, round(film.timing.mean_rate / _LOOKS))


def working_folder(output: Path) -> Path:
    """Return the folder in which what is finished is kept until the output is there.

    It is hidden beside the output.
    """
    return output.with_name(f".{output.name}.pieces")


def timed(given: Namespace, work: Callable[[], int], places: Sequence[Path]) -> None:
    """Do work that returns a number of frames, and print what it made, and how fast."""
    began = time.perf_counter()
    frames = work()
    passed = time.perf_counter() - began
    if given.quiet:
        return
    from rich.filesize import decimal

    for path in places:
        print(f"{path}  {decimal(_size(path))}")
    plural = "" if frames == 1 else "s"
    print(f"{frames} frame{plural} in {passed:.1f} s, {frames / passed:.1f} frames/s")


def _size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
