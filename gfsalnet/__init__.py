"""Where people look in a video: maps of saliency by name of a model, their scores, and overlays.

    import gfsalnet

    net = gfsalnet.load("default")
    maps = net.predict(frames)

The command line is `gfsalnet --help`; the code is in the packages `pipeline` and `model`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipeline.runtime import version

if TYPE_CHECKING:
    from pipeline.evaluation.one_map import score
    from pipeline.viewing.network.load import load
    from pipeline.viewing.products.drawing import overlay

__all__ = ["__version__", "load", "overlay", "score"]
__version__ = version.VERSION
_HOMES = {
    "load": "pipeline.viewing.network.load",
    "overlay": "pipeline.viewing.products.drawing",
    "score": "pipeline.evaluation.one_map",
}
"""Name -> its module, which is imported when the name is first used: torch takes two seconds."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
