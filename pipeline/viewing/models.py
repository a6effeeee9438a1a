"""Networks by the name that a user gives: with weights that anyone may have, a user's, or none."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

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
from pipeline.stores.weights import weights_facts
from pipeline.training.networks import build_network, enter, load_into
from pipeline.viewing.arrays import predicted
from pipeline.viewing.fetched import cached, fetched
from pipeline.viewing.fitting import (
    FILMS,
    STILLS,
    Fitted,
    at_size,
    has_domains,
    paced,
    size_for,
    with_step,
)

WEIGHTS = "model/weights"
"""Folder of the weights that come with this package."""
DEFAULT = "gfsalnet-light"
"""Name of the weights in it that `default` stands for, once they are there."""
_RELEASED = "_released"
"""Ending of the models of config.yaml that have their authors' weights; here it is left out."""


class Model:
    """A network that predicts where people look in a film or a picture."""

    def __init__(
        self,
        name: str,
        about: str,
        network: Any,
        *,
        flow: Flow | None = None,
        trained: tuple[int, int],
    ) -> None:
        """Take a network in evaluation mode.

        Args:
            name: What `load` was asked for.
            about: A sentence: which weights, their licence and source.
            network: A module that `model.sight.see` calls.
            flow: How the optical flow that it looks at is estimated; None: it looks at none.
            trained: Height and width of the frames that it was trained with, pixels.
        """
        self.name, self.about, self.network, self.flow = name, about, network, flow
        self._trained = trained
        self._fitted = dict[tuple[Any, ...], Any]()

    @property
    def flows(self) -> bool:
        """Whether the network looks at optical flow."""
        return self.flow is not None

    def __repr__(self) -> str:
        return f"<Model {self.name}: {self.about}>"

    def at(self, height: int, width: int, rate: float, still: bool) -> Fitted:
        """Return the network as a film is given to it.

        Args:
            height: Of the film's frames, pixels; with `width` it says their aspect.
            width: Of the film's frames, pixels.
            rate: Frames per second that the network is given: with every second frame of a film,
                half of the film's rate.
            still: Whether it is a picture, and not a film.
        """
        network = self.network
        if has_domains(network):
            enter(network, STILLS if still else FILMS)
            size = size_for(network, height, width, self._trained)
            network = self._kept(("size", still, size), partial(at_size, network, size))
        else:
            size = size_for(network, height, width, self._trained)
        sight = paced(sight_of(network), rate)
        again = partial(with_step, network, sight)
        return Fitted(self._kept(("sight", still, size, sight), again), sight, size)

    def predict(
        self,
        frames: ArrayLike | torch.Tensor,
        *,
        rate: float = 25.0,
        every: int = 1,
        still: bool | None = None,
    ) -> NDArray[np.float32]:
        """Return where people look: a map for each frame [t, y, x], on its grid, with the peak 1.

        A map is a density over its peak, or what the network has in its place: only ratios within
        a map have a meaning. A map of zeros stays zero.

        Args:
            frames: RGB of one shot: an array [t, y, x, 3] or a picture [y, x, 3], or a tensor
                [t, 3, y, x] or [3, y, x]; uint8, or floats in 0..1. Frames of another shot are to
                be given in a call of their own.
            rate: Frames per second.
            every: The network sees each so many-th frame; maps between two are mixed linearly.
            still: Whether each frame is a picture of its own, that is, without motion and without
                memory; None: a single picture [y, x, 3] or [3, y, x] is.

        Raises:
            InputError: The frames have another shape, or values beyond 0..1.
        """
        return predicted(self.at, self.flow, frames, rate=rate, every=every, still=still)

    def _kept(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What was made for a key before, or is made now."""
        if key not in self._fitted:
            self._fitted[key] = make()
        return self._fitted[key]


def load(
    name_or_path: str | Path,
    *,
    weights: Path | None = None,
    device: str | None = None,
    runtime: Literal["torch", "onnx"] = "torch",
    threads: int | None = None,
) -> Model:
    """Return a model by its name, or from a file of weights that says which network it is of.

    Args:
        name_or_path: `default`, a name of `known_names`, or a .safetensors file of this project.
        weights: A file of weights for the named network: its authors', or ours.
        device: As torch names it, such as `cpu` or `cuda:0`; None: a GPU if there is one.
        runtime: Which program computes the network.
        threads: Of the CPU; None: as torch is set.

    Raises:
        InputError: The name is not known, or its weights are missing, damaged or another network's.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    model = _loaded(str(name_or_path), weights)
    where = usual_device() if device is None else _device(device)
    model.network.to(where).eval()
    return model


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
    files = sorted(Path(own(WEIGHTS)).glob("*.safetensors"))
    return {file.stem: file for file in files if "network" in _network_of(file)}


def _network_of(file: Path) -> dict[str, Any]:
    """Arguments of the network that a file's facts name; empty where they name none."""
    network = weights_facts(file).get("network")
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
    if (file := Path(name)).suffix or file.exists():
        if weights is not None:
            raise InputError(f"{name}: a file of weights, and {weights} another; give one of them")
        return _ours(file.stem, file)
    known = ["default", *known_names()]
    near = meant(name, known)
    raise InputError(f"{name}: no such model, nor a file; known are {', '.join(known)}{near}")


def _default(weights: Path | None) -> Model:
    """The best that can be had without a question."""
    if weights is not None:
        raise InputError(f"{weights}: name the model that these weights are of, instead of default")
    if DEFAULT in _packed():
        return _chosen(_loaded(DEFAULT, None), "it comes with the package")
    try:
        why = "its weights are in the cache" if cached("unisal") else "its weights could be fetched"
        return _chosen(_loaded("unisal", None), why)
    except InputError as error:
        return _chosen(_loaded("spectral_residual", None), f"it needs no weights, and {error}")


def _chosen(model: Model, why: str) -> Model:
    model.about = f"{model.about}; the default here, since {why}"
    return model


def _named(cfg: Config, name: str, entry: str, weights: Path | None) -> Model:
    """A model of config.yaml, with its authors' weights, ours, or none."""
    arguments = network_arguments(cfg, entry)
    flow = flows(cfg)[flow_name(cfg, entry)] if sees_motion(cfg, entry) else None
    trained = (cfg.frames.height, cfg.frames.width)
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
    read = load_released(network, arguments, file, cfg.models[entry].sha256)
    licence = "Apache-2.0" if name in FETCHABLE else "their authors' terms"
    about = f"{name} with its authors' weights, {file.name} (sha256 {read.sha256[:8]}, {licence})"
    return Model(name, about, network, flow=flow, trained=trained)


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
    load_into(network.load_state_dict, file, "the network that it names", "fetch it again")
    frames = weights_facts(file).get("frames") or {}
    trained = tuple(frames.get(key, getattr(cfg.frames, key)) for key in ("height", "width"))
    moves = arguments.get("streams") in ("both", "motion") or sight_of(network).flows
    flow = flows(cfg)["flow"] if moves else None
    about = f"{arguments['network']} with the weights {file.name} of this project"
    return Model(name, about, network, flow=flow, trained=(trained[0], trained[1]))


def _device(name: str) -> torch.device:
    try:
        where = torch.device(name)
        torch.empty(0, device=where)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:100]
        raise InputError(f"device {name}: not there ({reason}); choose cpu") from error
    return where
