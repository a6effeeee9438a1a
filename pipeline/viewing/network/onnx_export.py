"""GFSalNet, its light form and UNISAL as ONNX, with all they need to run, checked against torch.

A file has one network, in one domain, for frames of one size. Its inputs are `frame` [1, 3, H, W],
RGB in 0..1, and where the network has a motion stream `flow` [1, 2, H, W], right and down, pixels
per frame, 0 where nothing moves; where it carries a state, `state`, which is zeros at first and
afterwards the output `next_state`. The other outputs are the maps [1, 1, H, W], by their names
here.
"""

import contextlib
import copy
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from model.backbones import STRIDE
from model.gfsalnet import GFSalNet
from model.light import GFSalNetLight, LightMaps
from model.outputs import Maps
from model.rivals.unisal import UNISAL, DensityMaps
from model.sight import see
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.viewing.network.fitting import FILMS, STILLS
from pipeline.viewing.network.model import Model
from pipeline.viewing.network.onnx_runtime import FACTS, FORMAT, OnnxNetwork, needed

OPSET = 18
"""Version of ONNX's operators: the first with the antialiased resizing that torch's exporter may
use, and known to every runtime since 2023."""
TOLERANCE = 1e-3
"""Largest difference from torch, as a share of the map's peak, with which a file is written: half
of a level of 8 bits is 2e-3."""
_FIELDS = tuple(dict.fromkeys((*Maps._fields[:5], *LightMaps._fields)))
"""Maps of the frames' size."""
_USUAL = (720, 1280)
"""Height and width of a film whose shape is taken where none is given."""


class _Frame(nn.Module):
    """A network that sees one frame and its flow, with a tuple of its maps."""

    def __init__(self, network: nn.Module, fields: list[str]) -> None:
        super().__init__()
        self.network, self.fields = network, fields

    def forward(self, frame: Tensor, flow: Tensor | None = None) -> tuple[Tensor, ...]:
        maps = self.network(frame, flow)
        return tuple(getattr(maps, field) for field in self.fields)


class _Step(nn.Module):
    """A network with a state, one frame at a time; pictures have none."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, frame: Tensor, state: Tensor | None = None) -> tuple[Tensor, ...]:
        maps, carried = self.network(frame[:, None], None, None if state is None else (state,))
        return (*(one[:, 0] for one in maps), *carried)


def export(
    model: Model,
    path: Path,
    height: int | None = None,
    width: int | None = None,
    *,
    still: bool = False,
) -> float:
    """Write a model's network as ONNX for frames of one size.

    Returns the largest difference of its maps from torch's, on drawn frames, as a share of the
    map's peak; the file's metadata hold it too.

    Args:
        model: GFSalNet, its light form, or UNISAL.
        path: The file to write.
        height: Of the frames that it is given, a multiple of 32 pixels; None: what a film of
            1280x720 pixels is given at.
        width: As the height.
        still: Whether it is for pictures, and not for films.

    Raises:
        InputError: It is another network, a side is no multiple of 32, the packages of the extra
            `onnx` are not installed, the disk refuses the file, or its maps are not torch's.
    """
    refuse_others(model.network)
    usual = model.at(*_USUAL, 25.0, still)
    size = (height or usual.size[0], width or usual.size[1])
    if any(side % STRIDE or side < STRIDE for side in size):
        raise InputError(
            f"{path}: height and width must be multiples of {STRIDE} pixels, got {size[0]} and "
            f"{size[1]}"
        )
    # At the pace of the training; what runs the file chooses it by the film's rate.
    return write(model, model.torch_network(size, still), size, path, still=still)


def write(model: Model, network: Any, size: tuple[int, int], path: Path, *, still: bool) -> float:
    """Write a network that is fitted to a size; see `export`."""
    onnx = needed("onnx")
    needed("onnxscript")
    network = _plain(network)
    with atomic(path) as partial:
        with _silence(), torch.no_grad():
            step, given, names = _to_export(network, size, still)
            program = torch.onnx.export(
                step,
                tuple(given.values()),
                input_names=[*given],
                output_names=names,
                opset_version=OPSET,
                dynamo=True,
                custom_translation_table={torch.ops.aten.hypot.default: _hypot},
                optimize=False,  # the runtime does it again, and it takes as long as all the rest
                external_data=False,
                verbose=False,
            )
        assert program is not None
        proto = program.model_proto
        facts = _facts(model, network, size, still)

        def save() -> None:
            onnx.helper.set_model_props(proto, {FACTS: json.dumps(facts, sort_keys=True)})
            onnx.save(proto, str(partial))

        save()
        found = facts["difference"] = difference(network, OnnxNetwork(partial, 1), size)
        if not found <= TOLERANCE:
            raise InputError(
                f"{path}: maps of ONNX Runtime differ from torch's by {found:.1e} of their peak; "
                "use torch"
            )
        save()
    return float(found)


def difference(network: Any, exported: OnnxNetwork, size: tuple[int, int]) -> float:
    """Return the largest difference of two networks' maps, as a share of the map's peak.

    On three drawn frames with drawn flow, through which a state goes.
    """
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(3, 3, 6, 8, generator=generator)
    frames = nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)[None]
    flow = 20 * torch.randn(1, 3, 1, 2, *size, generator=generator)
    with torch.inference_mode():
        ours, theirs = (see(one, frames, flow)[0].saliency for one in (network, exported))
    peaks = ours.amax((-2, -1), keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
    return float(((ours - theirs).abs() / peaks).max())


def _hypot(first: Any, second: Any) -> Any:
    """torch.hypot, of which ONNX has none."""
    op = needed("onnxscript").opset18
    return op.Sqrt(op.Add(op.Mul(first, first), op.Mul(second, second)))


def _to_export(
    network: nn.Module, size: tuple[int, int], still: bool
) -> tuple[nn.Module, dict[str, Tensor], list[str]]:
    """A module of tensors alone, its inputs by name, and the names of its outputs."""
    frame = torch.rand(1, 3, *size)
    if isinstance(network, GFSalNet | GFSalNetLight):
        flow = {"flow": torch.rand(1, 2, *size)} if network.motion is not None else {}
        given = {"frame": frame, **flow}
        maps = network(frame, flow.get("flow"))
        same = _same(network)
        fields = [f for f in _FIELDS if f not in same and getattr(maps, f, None) is not None]
        return _Frame(network, fields).eval(), given, fields
    maps, state = network(frame[:, None], None, None)
    carried = {} if still else {"state": torch.zeros_like(state[0])}
    names = [*type(maps)._fields, *(["next_state"] if carried else [])]
    return _Step(network).eval(), {"frame": frame, **carried}, names


def _same(network: nn.Module) -> list[str]:
    """Fields of a network's maps that are its saliency map: of a single stream, its own map.

    The exporter would give two outputs that are one tensor the same name.
    """
    if not isinstance(network, GFSalNet) or network.fusion is not None:
        return []
    return ["motion" if network.appearance is None else "appearance"]


def refuse_others(network: Any) -> None:
    """Raise InputError unless a network can become ONNX."""
    if not isinstance(network, UNISAL | GFSalNet | GFSalNetLight):
        raise InputError(
            f"{type(network).__name__} does not become ONNX, only GFSalNet, its light form and "
            "UNISAL do; use torch"
        )


def _plain(network: UNISAL | GFSalNet | GFSalNetLight) -> nn.Module:
    """The network without what only a training needs, which ONNX has no operator for."""
    if not isinstance(network, GFSalNet):
        return network
    shared = {id(one): one for one in (*network.parameters(), *network.buffers())}
    plain: GFSalNet = copy.deepcopy(network, shared)
    for stream in plain.existing_streams():
        stream.last_relu = relu
    return plain


def _maps_of(network: nn.Module) -> type:
    """The class of a network's maps."""
    if isinstance(network, UNISAL):
        return DensityMaps
    return LightMaps if isinstance(network, GFSalNetLight) else Maps


def _facts(model: Model, network: nn.Module, size: tuple[int, int], still: bool) -> dict[str, Any]:
    """What a file says of itself."""
    sight = getattr(network, "sight", None)
    flow = model.flow_of(still)
    return {
        "about": model.about,
        "domain": (STILLS if still else FILMS) if sight else None,
        "flow": flow and flow.model_dump(mode="json"),
        "format": FORMAT,
        "maps": _maps_of(network).__name__,
        "name": model.name,
        "opset": OPSET,
        "same": _same(network),
        "sight": sight and sight._asdict(),
        "size": [*size],
        "torch": torch.__version__,
    }


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the exporter from talking of its stages and of torchvision's operators."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
