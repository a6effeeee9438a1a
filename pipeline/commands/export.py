"""`gfsalnet export`: a store as pictures or films."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from pipeline.commands.verb import Verb


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "manifest", metavar="MANIFEST", type=Path, help="the .json beside a store (.zarr)"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--form", choices=("png", "mp4"), default="png", help="default: png")
    parser.add_argument(
        "--scale",
        choices=("frame", "clip"),
        default="clip",
        help="what is white: the largest value of each frame, or of the clip (default)",
    )


def _run(given: Namespace) -> None:
    from pipeline.reporting.export import export

    export(manifest=given.manifest, out=given.out, form=given.form, scale=given.scale)


VERB = Verb(
    name="export",
    about="write frames, flow, densities or maps of the workflow as pictures or films",
    examples=(
        "gfsalnet export data/demo/ucf_sports/density/0003.json -o pictures",
        "gfsalnet export data/demo/ucf_sports/frames/0003.json -o films --form mp4",
    ),
    options=_options,
    run=_run,
)
