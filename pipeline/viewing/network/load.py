"""Networks by the name that a user gives: with weights that anyone may have, a user's, or none."""

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import TypeAdapter, ValidationError

from model.batch_norm import fold
from model.light import GFSalNetLight
from model.sight import sight_of
from pipeline.config.config import Config
from pipeline.config.data import Flow
from pipeline.importing.released_state import load_released
from pipeline.planning.fetchable import FETCHABLE
from pipeline.planning.load import of_the_papers, own
from pipeline.planning.needs import (
    flow_name,
    flows,
    given,
    imported,
    network_arguments,
    sees_motion,
)
from pipeline.runtime.devices import device as usual_device
from pipeline.runtime.errors import InputError, meant
from pipeline.runtime.version import VERSION
from pipeline.stores.weights import file_sha256, weights_facts
from pipeline.training.networks import build_network, load_into
from pipeline.viewing.network.fetched import cache, cached, fetched
from pipeline.viewing.network.model import Model as Model
from pipeline.viewing.network.onnx_export import refuse_others, write
from pipeline.viewing.network.onnx_runtime import FORMAT, OnnxNetwork, needed

WEIGHTS = "model/weights"
"""Folder of the weights that come with this package."""
DEFAULT = "gfsalnet-light"
"""Name of the weights in it that `default` stands for, once they are there."""
_RELEASED = "_released"
"""Ending of the models of config.yaml that have their authors' weights; here it is left out."""


def load(
    name_or_path: str | Path,
    *,
    weights: Path | str | None = None,
    device: str | None = None,
    runtime: Literal["torch", "onnx"] = "torch",
    threads: int | None = None,
) -> Model:
    """Return a model by its name, or from a file of weights that says which network it is of.

    Args:
        name_or_path: `default`, a name of `known_names`, or a file of this project: .safetensors
            or .onnx.
        weights: A file of weights for the named network: its authors', or ours.
        device: As torch names it, such as `cpu` or `cuda:0`; None: a GPU if there is one.
        runtime: Which program computes the network; `onnx` takes GFSalNet, its light form and
            UNISAL, on a CPU.
        threads: Of the CPU; None: as torch is set.

    Raises:
        InputError: The name or another argument is not known, or its weights are missing, damaged
            or another network's.
    """
    weights = None if weights is None else Path(weights)
    if runtime not in ("torch", "onnx"):
        raise InputError(f"runtime {runtime!r}: known are torch and onnx")
    if threads is not None:
        if threads < 1:
            raise InputError(f"{threads} threads: give 1 or more")
        # More than there are cores only wait; for many thousands there is no memory.
        torch.set_num_threads(min(threads, os.cpu_count() or 1))
    exported = Path(name_or_path).suffix == ".onnx"
    if (exported or runtime == "onnx") and device not in (None, "cpu"):
        raise InputError(f"device {device}: ONNX Runtime computes on the CPU here; leave it out")
    if exported:
        return _exported(Path(name_or_path), weights)
    where = usual_device() if device is None else _device(device)
    model = _loaded(str(name_or_path), weights)
    if runtime == "onnx":
        refuse_others(model.network)
        needed("onnxruntime")
        model.compiled = _compiled
        where = torch.device("cpu")
    if isinstance(model.network, GFSalNetLight):
        fold(model.network)  # a third less work, the same maps but for rounding
    # Channels last: a tenth faster on processors, with the same maps but for rounding.
    model.network.to(device=where, memory_format=torch.channels_last).eval()
    return model


def _exported(file: Path, weights: Path | None) -> Model:
    """A network that `onnx_export` wrote."""
    if weights is not None:
        raise InputError(f"{file}: has its weights; leave {weights} out")
    network = OnnxNetwork(file, torch.get_num_threads())
    about, flow = f"{network.facts['about']}, as ONNX", _flow_in(network.facts, file)
    size, sha256 = network.frame_size, file_sha256(file)
    return Model(file.stem, about, network, flow=flow, trained=size, sha256=sha256)


def _compiled(model: Model, network: Any, size: tuple[int, int], still: bool) -> OnnxNetwork:
    """The network as ONNX, which the cache keeps for each size."""
    digest = hashlib.sha256(f"{FORMAT} {VERSION} {torch.__version__} {network}".encode())
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    kind = "pictures" if still else "films"
    name = f"{model.name}-{digest.hexdigest()[:12]}-{size[0]}x{size[1]}-{kind}.onnx"
    file = cache() / "onnx" / name
    if not file.is_file():
        print(f"{model.name}: translating it for ONNX Runtime, kept as {file}", file=sys.stderr)
        write(model, network, size, file, still=still)
    return OnnxNetwork(file, torch.get_num_threads())


def known_names() -> list[str]:
    """Return the names of models, those that need no file first."""
    cfg = _config()
    free = [name for name in cfg.models if _without_weights(cfg, name)]
    with_file = [name.removesuffix(_RELEASED) for name in cfg.models if imported(cfg, name)]
    return [*_packed(), *FETCHABLE, *free, *(name for name in with_file if name not in FETCHABLE)]


def _config() -> Config:
    """The papers' configuration, which has the arguments of every network."""
    return of_the_papers()


def _packed() -> dict[str, Path]:
    """Name -> file of the saliency networks' weights that come with the package."""
    return {
        file.stem: file
        for file in sorted(Path(own(WEIGHTS)).glob("*.safetensors"))
        if _is_saliency(file)
    }


def _is_saliency(file: Path) -> bool:
    """Whether weights are a saliency network's; damaged ones count, and fail once they are used."""
    try:
        return "network" in _network_of(file)
    except InputError:
        return True


def _network_of(file: Path) -> dict[str, Any]:
    """Arguments of the network that a file's facts name; empty where they name none."""
    if not file.is_file():
        raise InputError(f"{file}: no such file of weights; check its name")
    try:
        network = weights_facts(file).get("network")
    except InputError as error:  # its remedy is for files of the workflow
        raise InputError(
            f"{file}: no weights of a training of this project can be read from it; choose another "
            "file, or a name that `gfsalnet info` lists"
        ) from error
    return network if isinstance(network, dict) else {}


def _without_weights(cfg: Config, name: str) -> bool:
    """Whether a model of config.yaml is a network that needs no weights."""
    entry = cfg.models[name]
    trained = entry.start is not None or entry.fitted
    return not (trained or imported(cfg, name) or given(cfg, name) or entry.network is None)


def _loaded(name: str, weights: Path | None) -> Model:
    if name == "default":
        return _default(weights)
    packed = _packed()
    if name in packed and weights is None:
        return _ours(name, packed[name])
    cfg = _config()
    entry = next((one for one in (f"{name}{_RELEASED}", name) if one in cfg.models), None)
    if entry is not None and cfg.models[entry].network is not None:
        return _named(cfg, name, entry, weights)
    if (file := Path(name)).is_file() or (file.suffix and not file.is_dir()):
        if weights is not None:
            raise InputError(f"{name}: a file of weights, and {weights} another; give one of them")
        return _ours(file.stem, file)
    if name in packed:
        raise InputError(f"{name}: comes with its weights; leave {weights} out, or name that alone")
    known = ["default", *known_names()]
    near = meant(name, known)
    raise InputError(f"{name}: no such model, nor a file; known are {', '.join(known)}{near}")


def _default(weights: Path | None) -> Model:
    """The best that can be had without a question."""
    if weights is not None:
        raise InputError(
            f"{weights}: weights of which model? Name it as well, as in --model unisal"
        )
    if DEFAULT in _packed():
        return _chosen(_loaded(DEFAULT, None), "it comes with the package")
    try:
        why = "its weights are in the cache" if cached("unisal") else "its weights could be fetched"
        return _chosen(_loaded("unisal", None), why)
    except InputError as error:
        return _chosen(_loaded("spectral_residual", None), f"it needs none. {error}")


def _chosen(model: Model, why: str) -> Model:
    model.why = why
    return model


def _named(cfg: Config, name: str, entry: str, weights: Path | None) -> Model:
    """A model of config.yaml, with its authors' weights, ours, or none."""
    arguments = network_arguments(cfg, entry)
    flow = flows(cfg)[flow_name(cfg, entry)] if sees_motion(cfg, entry) else None
    trained = (cfg.frames.height, cfg.frames.width)
    if weights is not None and not (_without_weights(cfg, entry) or weights.is_file()):
        raise InputError(f"{weights}: no such file of weights; check its name")
    if weights is not None and weights.suffix == ".safetensors":
        found = _network_of(weights).get("network")
        if found != arguments["network"]:
            raise InputError(
                f"{weights}: weights of {found or 'no network of ours'}, not of {name}"
            )
        return _ours(name, weights)
    if _without_weights(cfg, entry):
        if weights is not None:
            raise InputError(f"{name}: needs no weights; leave {weights} out")
        network = build_network(arguments)
        return Model(name, f"{name}, which has no weights", network, flow=flow, trained=trained)
    if not imported(cfg, entry):
        raise InputError(
            f"{name}: is trained by this workflow; name the .safetensors file of that training as "
            "weights"
        )
    fetches = weights is None and name in FETCHABLE
    if weights is None and not fetches:
        usual = Path(str(cfg.models[entry].weights)).name
        raise InputError(
            f"{name}: its authors' weights are not ours to pass on; name their file, {usual}, as "
            "weights (docs/rivals.md says where it is)"
        )
    file = fetched(name) if weights is None else weights
    network = build_network(arguments)
    _check_whose(name, network, file)
    read = load_released(network, arguments, file, cfg.models[entry].sha256)
    licence = "Apache-2.0" if name in FETCHABLE else "their authors' terms"
    about = f"{name} with its authors' weights, {file.name} (sha256 {read.sha256[:8]}, {licence})"
    return Model(name, about, network, flow=flow, trained=trained, sha256=read.sha256)


def _check_whose(name: str, network: Any, file: Path) -> None:
    """Refuse a file that is not the one of the authors, where that is known by its digest."""
    known, found = network.released().sha256, file_sha256(file)
    if known and found not in known:
        other = ", or leave it out" if name in FETCHABLE else ""
        raise InputError(
            f"{file}: not its authors' weights of {name} (sha256 {known[0][:8]}..., found "
            f"{found[:8]}...); fetch it again{other}"
        )


def _ours(name: str, file: Path) -> Model:
    """A network whose weights this project made: their facts name it."""
    arguments = _network_of(file)
    if "network" not in arguments:
        raise InputError(
            f"{file}: says of no network that its weights are of; name the network, and this file "
            "as weights"
        )
    cfg = _config()
    network = build_network(arguments)
    remedy = (
        "another version of gfsalnet may have made them: train them again, or choose a name that "
        "`gfsalnet info` lists"
    )
    load_into(network.load_state_dict, file, "the network that it names, as it is now", remedy)
    frames = weights_facts(file).get("frames") or {}
    trained = tuple(frames.get(key, getattr(cfg.frames, key)) for key in ("height", "width"))
    moves = arguments.get("streams") in ("both", "motion") or sight_of(network).flows
    named = _flow_in(weights_facts(file), file) or flows(cfg)["flow"]
    flow = named if moves else None
    about = f"{arguments['network']} with the weights {file.name} of this project"
    size, sha256 = (trained[0], trained[1]), file_sha256(file)
    return Model(name, about, network, flow=flow, trained=size, sha256=sha256)


def _flow_in(facts: Mapping[str, Any], file: Path) -> Flow | None:
    """How a file says that the flow is estimated that its network looks at, if it does."""
    if not isinstance(facts.get("flow"), dict):
        return None
    try:
        found: Flow = TypeAdapter(Flow).validate_python(facts["flow"])
    except ValidationError as error:
        raise InputError(
            f"{file}: its network looks at flow that this version cannot estimate; update gfsalnet"
        ) from error
    return found


def _device(name: str) -> torch.device:
    try:
        where = torch.device(name)
        torch.empty(0, device=where)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:100]
        raise InputError(f"device {name}: not there ({reason}); choose cpu") from error
    return where
