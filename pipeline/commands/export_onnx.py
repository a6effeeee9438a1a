"""`gfsalnet export-onnx`: a network as a file for other runtimes."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from pipeline.commands.verb import Verb, free


def size(text: str) -> tuple[int, int]:
    """Parse widthxheight, and return height and width."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ArgumentTypeError(f"expected WIDTHxHEIGHT in pixels, found {text!r}")
    return int(height), int(width)


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="gfsalnet-light, gfsalnet-tiny, unisal, or the .safetensors of a GFSalNet",
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="its weights")
    parser.add_argument(
        "--size",
        type=size,
        metavar="WxH",
        help="of the frames that it is given, multiples of 32 (default: what 1280x720 is given at)",
    )
    parser.add_argument("--still", action="store_true", help="for pictures, and not for films")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help="default: <MODEL>.onnx, here"
    )
    parser.add_argument("-f", "--force", action="store_true", help="overwrite what is there")


def _run(given: Namespace) -> None:
    out = given.out or Path(f"{Path(given.model).stem}.onnx")
    reads = [Path(given.model), *([given.weights] if given.weights else [])]
    free(out, force=given.force, option="-o", reads=reads)
    from pipeline.viewing.network.load import load
    from pipeline.viewing.network.onnx_export import export

    model = load(given.model, weights=given.weights, device="cpu")
    print(f"{model.name}: {model.about}", flush=True)
    height, width = given.size or (None, None)
    difference = export(model, out, height, width, still=given.still)
    print(f"{out}: differs from torch by at most {difference:.1e} of the peak")


VERB = Verb(
    name="export-onnx",
    about="write a network as ONNX, checked against torch",
    examples=(
        "gfsalnet export-onnx gfsalnet-light -o light.onnx",
        "gfsalnet export-onnx unisal --size 384x224 --still",
        "gfsalnet export-onnx results/demo/weights/gfsalnet/setting_2.safetensors",
    ),
    options=_options,
    run=_run,
    details="""
The file has one network for frames of one size. The largest difference from torch that was found
on drawn frames is printed, and kept in the file's metadata.
""",
)
