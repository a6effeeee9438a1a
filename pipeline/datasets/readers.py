"""The modules of this folder that read a dataset's gaze, found by the name in config.yaml."""

import importlib
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import InputError


def load_reader(name: str) -> Any:
    """Import the module that reads a dataset's gaze: one with a function `read`.

    Raises:
        InputError: There is no such reader; the message names those that there are.
    """
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    reader = importlib.import_module(f"pipeline.datasets.{name}") if name in names else None
    if hasattr(reader, "read"):
        return reader
    modules = {other: importlib.import_module(f"pipeline.datasets.{other}") for other in names}
    known = [other for other, module in modules.items() if hasattr(module, "read")]
    raise InputError(
        f"config.yaml: gaze.reader of this dataset is {name!r}; set it to one of {', '.join(known)}"
    )
