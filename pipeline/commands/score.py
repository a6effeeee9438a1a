"""`gfsalnet score`: anybody's maps against a dataset's gaze."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from pipeline.commands.verb import Verb, threads, whole
from pipeline.config.protocols import PROTOCOLS


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("maps", metavar="MAPS", type=Path, help="folder, zip or store of maps")
    parser.add_argument("--dataset", required=True, help="one of config.yaml, such as dhf1k")
    parser.add_argument("--split", help="train, val or test; default: the one that is scored")
    parser.add_argument(
        "--protocol",
        choices=("all", *PROTOCOLS),
        metavar="NAME",
        help=f"all, or one of {', '.join(PROTOCOLS)}; default: config.yaml's",
    )
    parser.add_argument("--run", help="run of config.yaml; default: the one it names")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        help="folder for the results; default: <results>/given/<MAPS>/<dataset>",
    )
    parser.add_argument("--threads", type=whole, default=threads(), help="default: all processors")


def _run(given: Namespace) -> None:
    from pipeline.planning.load import complete
    from pipeline.score_folder import score_folder

    score_folder(
        given.maps,
        dataset=given.dataset,
        split=given.split,
        protocol=given.protocol,
        run=given.run or str(complete({}).get("run")),
        out=given.out,
        threads=given.threads,
    )


VERB = Verb(
    name="score",
    about="score a folder of your maps by the rules of the tables",
    examples=(
        "gfsalnet score maps/ --run paper --dataset dhf1k --split val --protocol mit",
        "gfsalnet score maps.zip --run paper --dataset diem --protocol all -o scores/",
    ),
    options=_options,
    run=_run,
    details="""
MAPS holds a picture or .npy per frame (MAPS/<clip>/0001.png), a film per clip, an array
[time, y, x] per clip (.npy, .zarr), or is a zip of these. Whatever is missing, extra, shifted,
constant or truncated is listed by name, and the rest is scored.

The dataset's ground truth is made first, of its raw files below the folder `raw`, unless it is
there. To score one map from Python: gfsalnet.score(map, fixations, density).
""",
)
