"""`gfsalnet predict`: where people look in a film, as films, maps, numbers and a page."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import seeing
from pipeline.commands.outputs import Wanted, placed, wanted
from pipeline.commands.verb import Verb, free, share
from pipeline.runtime.errors import InputError

if TYPE_CHECKING:
    from pipeline.viewing.media.film import Film
    from pipeline.viewing.network.load import Model
    from pipeline.viewing.piece import Product

COLORMAPS = ("inferno", "viridis", "jet", "turbo", "magma", "hot", "grey")
"""As in `pipeline.viewing.products.colours`, which is slow to import."""
_OPTIONS = {"numbers": "--json", "page": "--html"}
"""Options that name a file, by what it holds."""
_STRENGTH = 0.6
"""Of an overlay: the frame stays visible below the brightest spot."""


def strength(text: str) -> float:
    """Parse the strength of an overlay."""
    try:
        found = share(text)
    except ArgumentTypeError as error:
        remedy = "; put INPUT before --overlay" if Path(text).exists() else ""
        raise ArgumentTypeError(f"{error}{remedy}") from None
    if not found:
        raise ArgumentTypeError("at 0 nothing would be seen; give a number above 0, up to 1")
    return found


def _options(parser: ArgumentParser) -> None:
    parser.usage = "gfsalnet predict INPUT [-o OUT] [options]"
    parser.add_argument(
        "input",
        metavar="INPUT",
        nargs="?",  # so that `--json my.mp4` gets an answer of ours
        type=Path,
        help="film, picture, or folder of numbered pictures",
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        help="file of the first product, or a folder for all (default: the working folder)",
    )

    made = parser.add_argument_group("what is made (default: --overlay)")
    made.add_argument(
        "--overlay",
        nargs="?",
        const=_STRENGTH,
        type=strength,
        metavar="STRENGTH",
        help=f"the map in colours over the film; above 0, up to 1 (default: {_STRENGTH})",
    )
    made.add_argument("--heat", action="store_true", help="the map in colours alone")
    made.add_argument("--colormap", choices=COLORMAPS, default="inferno", help="default: inferno")
    made.add_argument(
        "--side-by-side",
        action="store_true",
        help="frame, flow, and the network's maps S_A, S_T and S_C or G_T, as far as it has them",
    )
    made.add_argument(
        "--maps",
        choices=("npy", "png", "zarr", "mp4"),
        help="the maps themselves: [time, y, x], a folder of grey pictures, or a grey film",
    )
    made.add_argument(
        "--json",
        nargs="?",
        const="",
        metavar="FILE",
        help="centre, spread and any G_T of each frame and shot, and shares of regions",
    )
    made.add_argument(
        "--regions", type=Path, metavar="FILE", help="named regions (JSON) for --json and --html"
    )
    made.add_argument(
        "--roi",
        choices=("x264", "kvazaar", "json"),
        help="for encoders: a grey film of the source's size, delta-QP grids, or rectangles",
    )
    made.add_argument(
        "--html",
        nargs="?",
        const="",
        metavar="FILE",
        help="a page with player, map and strip charts, in one file that works offline",
    )

    seeing.options(parser)


def products(
    film: "Film", model: "Model", given: Namespace, places: dict[Wanted, Path]
) -> "list[Product]":
    """Return what is to be made of a film, in the order of `places`.

    Raises:
        InputError: The regions cannot be read, or a file has an ending that its product has not.
    """
    from pipeline.viewing.products.maps import MapFiles
    from pipeline.viewing.products.numbers import About, Numbers
    from pipeline.viewing.products.overlay import Overlay
    from pipeline.viewing.products.page import Page
    from pipeline.viewing.products.panels import SideBySide
    from pipeline.viewing.products.regions import Regions, read_regions
    from pipeline.viewing.products.roi import roi

    about = About(name=model.name, about=model.about, weights=model.sha256)
    strength = _STRENGTH if given.overlay is None else given.overlay
    regions = Regions()
    if given.regions is not None:
        size = {"width": film.width, "height": film.height}
        regions = read_regions(given.regions, **size, seconds=film.timing.seconds)
    looks = {"strength": strength, "colormap": given.colormap}
    makers: dict[str, Callable[[Path], Product]] = {
        "overlay": lambda path: Overlay(film, path, **looks),
        "heat": lambda path: Overlay(film, path, None, given.colormap),
        "panels": lambda path: SideBySide(film, path, colormap=given.colormap),
        "maps": lambda path: MapFiles(film, path, given.maps),
        "numbers": lambda path: Numbers(film, path, regions, about),
        "roi": lambda path: roi(given.roi, film, path, about),
        "page": lambda path: Page(film, path, regions, about, **looks),
    }
    return [makers[one.kind](path) for one, path in places.items()]


def _run(given: Namespace) -> None:
    film = seeing.opened(given)
    if given.regions is not None and given.json is None and given.html is None:
        raise InputError("--regions: only --json and --html count what falls on them; add one")
    reads = seeing.reads(given, film)
    places = placed(wanted(given, film.kind == "picture"), given.input, given.out)
    for one, path in places.items():
        option = _OPTIONS.get(one.kind, "-o") if one.path else "-o"
        folder = one.kind == "maps" and given.maps in ("png", "zarr")
        free(path, force=given.force, option=option, reads=reads, folder=folder)
    model = seeing.loaded(given)
    made = products(film, model, given, places)

    def work() -> int:
        from pipeline.viewing.run import view

        every = seeing.stride(given, film)
        folder = seeing.working_folder(next(iter(places.values())))
        view(film, model, made, folder=folder, every=every, progress=not given.quiet)
        return len(film)

    seeing.timed(given, work, list(places.values()))


VERB = Verb(
    name="predict",
    about="show where people look in a film, a picture or a folder of pictures",
    examples=(
        "gfsalnet predict my.mp4  # writes my_saliency.mp4 where you work",
        "gfsalnet predict my.mp4 --overlay 0.8 --colormap turbo -o heat.mp4",
        "gfsalnet predict my.mp4 --maps npy --json --html -o results/  # one run for all",
        "gfsalnet predict my.mp4 --start 1:30 --end 1:40 --exact --side-by-side",
        "gfsalnet predict photo.jpg --model spectral_residual",
        "gfsalnet predict my.mp4 --json numbers.json --regions regions.json",
        "gfsalnet predict my.mp4 --model tased_net --weights TASED_updated.pt --every 2",
    ),
    options=_options,
    run=_run,
    details="""
Films keep size, shape, time stamps and sound. Outputs are named after INPUT and come into the
working folder, unless -o says otherwise. A run that was stopped goes on where it was when it is
called again: until the end, what is finished lies in a hidden folder beside the first output.
""",
)
