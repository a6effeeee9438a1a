"""The modules of this folder that read a dataset's gaze, found by the name in config.yaml."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.datasets.records import Clip, Gaze, ReaderError
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import explain, of_the_disk


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


def read_gaze(name: str, files: Sequence[Path], clip: Clip, options: Mapping[str, Any]) -> Gaze:
    """Return the gaze of a clip as the reader of that name finds it in the files.

    That there were samples, but none of use, is a finding.

    Raises:
        InputError: There is no such reader, it has no such options, or the files cannot be read,
            whatever the reason.
    """
    reader = load_reader(name)
    try:
        gaze: Gaze = reader.read(files, clip, **options)
    except TypeError as error:
        raise InputError(f"config.yaml: gaze.options of reader {name}: {error}") from error
    except OSError as error:
        if not of_the_disk(error):
            raise
        raise ReaderError(explain(error, files[0].parent)) from error
    except (OverflowError, MemoryError) as error:
        raise ReaderError(
            f"{files[0]}: a number of clip {clip.name} is too large ({error!r:.200}); copy the "
            "files again from the original archive"
        ) from error
    dropped = {reason: count for reason, count in gaze.dropped.items() if count}
    if dropped and not len(gaze.frame):
        finding = f"no sample can be used: dropped {dropped}"
        gaze = replace(gaze, findings=(*gaze.findings, finding))
    return gaze
