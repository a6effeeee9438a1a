"""`gfsalnet info`: versions, device, ffmpeg, and the models that can be used now."""

import platform
import sys
from argparse import ArgumentParser, Namespace

from pipeline.commands.verb import Verb, threads
from pipeline.runtime.version import VERSION


def _options(parser: ArgumentParser) -> None:
    pass


def _run(given: Namespace) -> None:
    import torch

    from pipeline.planning.provenance import CODE, ROOT
    from pipeline.runtime.devices import device

    print(f"gfsalnet {VERSION} in {CODE}; workflow in {ROOT}")
    print(f"Python {platform.python_version()} ({sys.executable}), torch {torch.__version__}")
    print(f"device {device()}, {threads()} threads")


VERB = Verb(
    name="info",
    about="print versions, device, ffmpeg, and which models can be used now",
    examples=("gfsalnet info",),
    options=_options,
    run=_run,
)
