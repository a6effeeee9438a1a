"""What all sections of config.yaml share: their base class, the names of splits and trainings."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline.runtime.errors import meant

Split = Literal["train", "val", "test"]
PRETRAINING = "salicon"
"""Name of the training that the section `pretraining` describes and all others start from."""
GIVEN = "given"
"""Name used for a training in paths and tables where maps or weights were made elsewhere."""
UNTRAINED = "untrained"
"""Name used for a training in paths and tables where a model is not trained."""
BACKBONE = "backbone"
"""Name that a model's key `start` gives where the training starts from its backbone alone."""
MAIN_FLOW = "flow"
"""Name of the flow that the section `flow` describes, beside those of `other_flows`."""


class Section(BaseModel):
    """A part of config.yaml: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_LONGEST = 64
"""Characters of a name, at most: disks allow 255 bytes for a file whose name is made of some."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""


def _nameable(name: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*(?<!\.)", name):
        raise ValueError(
            f"{name!r:.80} cannot be a name: it becomes that of a file, so use letters, digits, _, "
            "- and . alone, neither - nor . in front, and no . at the end"
        )
    if len(name) > _LONGEST:
        raise ValueError(f"{name!r:.80}: longer than {_LONGEST} characters; shorten it")
    if _DEVICES.fullmatch(name):
        raise ValueError(f"{name!r}: Windows keeps this name for a device; choose another")
    return name


Name = Annotated[str, AfterValidator(_nameable)]
"""A name that becomes that of a file or folder, on every kind of disk."""


def _plain_folder(folder: str) -> str:
    if not folder.strip() or re.search(r"[{}<>*?\x00-\x1f]", folder):
        raise ValueError(f"{folder!r}: a folder's path without braces, < > * and ?")
    return folder


Folder = Annotated[str, AfterValidator(_plain_folder)]
"""A path that Snakemake takes as it stands."""


def alike(sections: Mapping[str, Iterable[str]]) -> str | None:
    """Message about two names that would share a file or folder; None if there are none such.

    `sections` have names of files of the same folders. Some disks do not tell capital from small
    letters, nor an accent from the letter that carries it.
    """
    seen = dict[str, tuple[str, str]]()
    for section, names in sections.items():
        for name in names:
            folded = unicodedata.normalize("NFC", name).casefold()
            if folded in seen:
                other, first = seen[folded]
                return (
                    f"{section}.{name} and {other}.{first} would share files, as names that differ "
                    "by nothing or by capitals alone do on some disks; rename one of them"
                )
            seen[folded] = section, name
    return None


_FIELDS = ("clip", "split", "observer", "frame")


def _unambiguous(pattern: str) -> str:
    if not pattern or re.search(r"^/|(^|/)\.\.?(/|$)|\\|[\x00-\x1f]", pattern):
        raise ValueError(f"{pattern!r}: write a path below the raw folder, with / and without ..")
    for field in re.findall(r"\{([^{}]*)\}", pattern):
        if field not in _FIELDS:
            known = ", ".join(f"{{{name}}}" for name in _FIELDS)
            raise ValueError(f"{pattern}: {{{field}}} is none of {known}{meant(field, _FIELDS)}")
    if re.search("[{}]", re.sub(r"\{\w+\}", "", pattern)):
        raise ValueError(f"{pattern}: a brace without its other one; write fields as in {{clip}}")
    if "*" in pattern and "{frame}" not in pattern:
        raise ValueError(f"{pattern}: a * needs {{frame}}; name the folder or the file")
    if "{frame}" in pattern and not re.search(r"\{frame\}\.\w+$", pattern):
        raise ValueError(f"{pattern}: {{frame}} stands before the suffix, as in img_{{frame}}.png")
    return pattern


Seed = Annotated[int, Field(ge=0, lt=2**31)]
"""Of all that is left to chance; trainings count a million further ones from each."""

Pattern = Annotated[str, AfterValidator(_unambiguous)]
"""A path of files; a * only beside {frame}, and {frame} right before the suffix."""
