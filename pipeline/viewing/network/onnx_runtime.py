"""A network as an ONNX file, run by ONNX Runtime, which `model.sight.see` calls like any other."""

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.light import LightMaps
from model.outputs import Maps
from model.rivals.unisal import DensityMaps
from model.sight import Sight, State
from pipeline.runtime.errors import InputError

FACTS = "gfsalnet"
"""Key of a file's metadata: JSON with all that is needed to run it."""
FORMAT = 3
"""Counts up with each change of what a file holds."""
_NEXT = "next_state"
_KINDS: dict[str, Any] = {"Maps": Maps, "DensityMaps": DensityMaps, "LightMaps": LightMaps}


def needed(package: str) -> Any:
    """Import a package of the extra `onnx`.

    Raises:
        InputError: It is not installed.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise InputError(
            f"ONNX needs the package {error.name}; pip install onnx onnxruntime onnxscript"
        ) from error


class OnnxNetwork:
    """A network of a file that `onnx_export` wrote; frames and pictures of its size alone."""

    def __init__(self, file: Path, threads: int) -> None:
        """Open a file, to be run with so many threads.

        Raises:
            InputError: ONNX Runtime is not installed, or the file is none of `onnx_export`.
        """
        runtime = needed("onnxruntime")
        if not file.is_file():
            raise InputError(f"{file}: no such file; make it with gfsalnet export-onnx")
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        # Threads that wait in a loop take the time of those that read and draw.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = runtime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
            facts = json.loads(self._session.get_modelmeta().custom_metadata_map[FACTS])
        except Exception as error:  # the runtime has a class for each of its errors
            reason = " ".join(str(error).split())[:100]
            raise InputError(
                f"{file}: no network of this project ({reason}); make it with gfsalnet export-onnx"
            ) from error
        if facts.get("format") != FORMAT:
            raise InputError(f"{file}: of another version; make it again with gfsalnet export-onnx")
        self.facts: Mapping[str, Any] = facts
        """What `onnx_export` says of the file."""
        height, width = facts["size"]
        self.frame_size: tuple[int, int] = (height, width)
        self.sight: Sight | None = facts["sight"] and Sight(**facts["sight"])
        self._kind = _KINDS[facts["maps"]]
        self._inputs = {one.name: one.shape for one in self._session.get_inputs()}
        self._outputs = [one.name for one in self._session.get_outputs()]

    def __call__(self, clip: Tensor, flow: Tensor | None = None, state: State | None = None) -> Any:
        """Predict as the network did that was exported, one frame after the other.

        Raises:
            ValueError: The frames have another size than the file is for.
        """
        if clip.shape[-2:] != self.frame_size:
            raise ValueError(
                f"expected frames of {[*self.frame_size]}, got {[*clip.shape[-2:]]}: export the "
                "network at this size"
            )
        if self.sight is None:
            flows: list[Tensor | None] = [None] * len(clip) if flow is None else [*flow]
            pairs = zip(clip, flows, strict=True)
            return self._stacked([self._run(frame, motion, None) for frame, motion in pairs])
        rows, states = [], []
        for b, frames in enumerate(clip):
            held = state[0][b] if state else None
            found = []
            for frame in frames:
                one = self._run(frame, None, held)
                held = one.pop(_NEXT, None)
                found.append(one)
            rows.append(self._stacked(found)._asdict())
            states.append(held)
        carried = [held for held in states if held is not None]
        return self._stacked(rows), ((torch.stack(carried),) if carried else ())

    def _stacked(self, found: list[dict[str, Tensor]]) -> Any:
        """The network's NamedTuple of maps that came one after the other."""
        # A file of an earlier version may hold maps that its network no longer has.
        known = self._kind._fields
        names = [name for name in found[0] if name in known and found[0][name] is not None]
        maps = {name: torch.stack([one[name] for one in found]) for name in names}
        same = {name: maps["saliency"] for name in self.facts["same"]}
        return self._kind(**maps, **same)

    def _run(self, frame: Tensor, flow: Tensor | None, state: Tensor | None) -> dict[str, Tensor]:
        """Maps [1, H, W] of a frame [3, H, W], and the next state, by name."""
        given = {"frame": frame, "flow": flow, "state": state}
        arrays = {
            name: np.zeros(shape, np.float32)
            if (value := given[name]) is None
            else value[None].numpy()
            for name, shape in self._inputs.items()
        }
        found = self._session.run(None, arrays)
        return {
            name: torch.from_numpy(value)[0]
            for name, value in zip(self._outputs, found, strict=True)
        }
