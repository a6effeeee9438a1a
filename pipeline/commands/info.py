"""`gfsalnet info`: versions, device, ffmpeg, and the models that can be used now."""

import platform
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from pipeline.commands.verb import Verb, threads
from pipeline.runtime.version import VERSION


def _options(parser: ArgumentParser) -> None:
    """It has none."""


def _machine() -> Iterator[tuple[str, str]]:
    """What the command runs with, and on."""
    import torch

    from pipeline.planning.provenance import CODE, ROOT
    from pipeline.runtime.devices import device

    yield "gfsalnet", f"{VERSION}, in {CODE}; Snakefile and config.yaml in {ROOT}"
    yield "Python", f"{platform.python_version()}, {sys.executable}"
    yield "torch", torch.__version__
    where = device()
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else platform.machine()
    yield "device", f"{where} ({name}), {threads()} threads"


def _programs() -> Iterator[tuple[str, str]]:
    """What reads and writes films, and what other runtimes are there."""
    from importlib.metadata import PackageNotFoundError, version

    import av
    import imageio_ffmpeg

    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    yield "ffmpeg", f"{imageio_ffmpeg.get_ffmpeg_version()}, {ffmpeg}"
    codec = "libx264" if "libx264" in av.codecs_available else "no libx264: no film can be written"
    yield "films", f"PyAV {av.__version__}, {codec}"
    try:
        runtime = version("onnxruntime")
    except PackageNotFoundError:
        runtime = "not installed; pip install onnx onnxruntime onnxscript"
    yield "ONNX Runtime", runtime


def _models() -> Iterator[tuple[str, str]]:
    """Each model and what it needs."""
    from pathlib import Path

    from pipeline.planning.fetchable import FETCHABLE
    from pipeline.planning.load import of_the_papers
    from pipeline.planning.needs import imported
    from pipeline.viewing.network.fetched import cached
    from pipeline.viewing.network.load import known_names

    cfg = of_the_papers()
    for name in known_names():
        released = f"{name}_released"
        if name in FETCHABLE:
            file = cached(name)
            yield name, f"ready, {file}" if file else "fetched when it is first used"
        elif released in cfg.models and imported(cfg, released):
            file = Path(str(cfg.models[released].weights))
            yield name, f"needs --weights {file.name} of its authors (docs/rivals.md)"
        else:
            yield name, "ready"


def _run(given: Namespace) -> None:
    from pipeline.viewing.network.fetched import cache

    for name, value in (*_machine(), *_programs()):
        print(f"{name:14}{value}")
    print(f"\nmodels (weights that were fetched are kept in {cache()}):")
    models = list(_models())
    wide = max(len(name) for name, _ in models)
    for name, value in models:
        print(f"  {name:{wide}}  {value}")


VERB = Verb(
    name="info",
    about="print versions, device, ffmpeg, and which models can be used now",
    examples=("gfsalnet info", "gfsalnet info | grep ready"),
    options=_options,
    run=_run,
)
