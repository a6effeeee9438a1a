"""What all sections of config.yaml share: their base class, the names of splits and trainings."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

Split = Literal["train", "val", "test"]
PRETRAINING = "salicon"
"""Name of the training that the section `pretraining` describes and all others start from."""
GIVEN = "given"
"""Name used for a training in paths and tables where the maps were made elsewhere."""
UNTRAINED = "untrained"
"""Name used for a training in paths and tables where a model is not trained."""
MAIN_FLOW = "flow"
"""Name of the flow that the section `flow` describes, beside those of `other_flows`."""


class Section(BaseModel):
    """A part of config.yaml: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _unambiguous(pattern: str) -> str:
    if "*" in pattern and "{frame}" not in pattern:
        raise ValueError(f"{pattern}: a * needs {{frame}}; name the folder or the file")
    if "{frame}" in pattern and not re.search(r"\{frame\}\.\w+$", pattern):
        raise ValueError(f"{pattern}: {{frame}} stands before the suffix, as in img_{{frame}}.png")
    return pattern


Pattern = Annotated[str, AfterValidator(_unambiguous)]
"""A path of files; a * only beside {frame}, and {frame} right before the suffix."""
