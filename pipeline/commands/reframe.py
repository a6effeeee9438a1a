"""`gfsalnet reframe`: a film in another shape, cut to where people look."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from fractions import Fraction
from pathlib import Path

from pipeline.commands import seeing
from pipeline.commands.verb import Verb, free, share
from pipeline.runtime.errors import InputError

KEEP = 0.6
"""As in `pipeline.viewing.products.reframe`, which is slow to import."""


def aspect(text: str) -> Fraction:
    """Parse a shape: width:height, or their ratio."""
    try:
        width, _, height = text.partition(":")
        found = Fraction(width) / Fraction(height or 1)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not Fraction(1, 10) <= found <= 10:
        raise ArgumentTypeError(f"expected width:height, such as 9:16, found {text!r}")
    return found


def _options(parser: ArgumentParser) -> None:
    parser.usage = "gfsalnet reframe INPUT [--aspect W:H] [-o FILE] [options]"
    parser.add_argument("input", metavar="INPUT", nargs="?", type=Path, help="film")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help="default: <name>_<W>x<H>.mp4, here"
    )
    parser.add_argument(
        "--aspect",
        type=aspect,
        default=Fraction(9, 16),
        metavar="W:H",
        help="width and height of the result, as it is shown (default: 9:16)",
    )
    parser.add_argument(
        "--json", nargs="?", const="", metavar="FILE", help="where the window is, as keyframes"
    )
    parser.add_argument(
        "--bars",
        choices=("blur", "black"),
        default="blur",
        help="what is beside a frame that is shown whole (default: blur)",
    )
    parser.add_argument(
        "--keep",
        type=share,
        default=KEEP,
        metavar="SHARE",
        help=f"share of attention below which a shot is shown whole (default: {KEEP})",
    )
    seeing.options(parser)


def _run(given: Namespace) -> None:
    film = seeing.opened(given)
    if film.kind == "picture":
        raise InputError(f"{given.input}: a picture, and only films are cut; give a film")
    shape = f"{given.aspect.numerator}x{given.aspect.denominator}"
    out = given.out or Path(f"{given.input.resolve().stem}_{shape}.mp4")
    reads = seeing.reads(given, film)
    places = [free(out, force=given.force, option="-o", reads=reads)]
    if given.json is not None:
        path = Path(given.json) if given.json else out.with_suffix(".json")
        if path.resolve() == out.resolve():
            raise InputError(f"{path}: the name of two outputs; give one of them another")
        places.append(free(path, force=given.force, option="--json", reads=reads))
    model = seeing.loaded(given)

    def work() -> int:
        from pipeline.viewing.products.reframe import reframe

        reframe(
            film,
            model,
            given.aspect,
            out,
            places[1] if len(places) > 1 else None,
            folder=seeing.working_folder(out),
            every=seeing.stride(given, film),
            bars=given.bars,
            keep=given.keep,
            progress=not given.quiet,
        )
        return len(film)

    seeing.timed(given, work, places)


VERB = Verb(
    name="reframe",
    about="cut a film to another shape, such as 9:16, so that what people look at stays in it",
    examples=(
        "gfsalnet reframe my.mp4 --aspect 9:16  # writes my_9x16.mp4 where you work",
        "gfsalnet reframe my.mp4 --aspect 1:1 --bars black -o square.mp4 --json",
        "gfsalnet reframe my.mp4 --aspect 4:5 --start 1:00 --end 1:30 --exact",
    ),
    options=_options,
    run=_run,
    details="""
In each shot a window follows attention as a camera on a tripod would. Where it would lose too much,
as with two people at both edges, the whole frame is shown between bars.
""",
)
