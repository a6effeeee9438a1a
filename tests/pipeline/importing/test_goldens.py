"""From a file of the authors' format, through the stage, to the maps of the authors' program.

Stand-in weights in the place of the released ones; UNISAL's are the released ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.importing.import_weights import import_weights
from pipeline.training.networks import load_network
from tests.model.rivals import test_aclnet as aclnet
from tests.model.rivals import test_om_cnn_golden as om_cnn
from tests.model.rivals import test_salema as salema
from tests.model.rivals import test_salgan as salgan
from tests.model.rivals import test_stranet_golden as stra_net
from tests.model.rivals import test_sts_conv_net as two_stream
from tests.model.rivals import test_tased_net as tased_net
from tests.model.rivals import test_unisal_golden as unisal
from tests.model.rivals.goldens import FOLDER, golden, standin
from tests.pipeline.importing import formats

pytestmark = [pytest.mark.shared, pytest.mark.slow]
Arrays = dict[str, NDArray[Any]]


class System(NamedTuple):
    network: dict[str, Any]
    """An entry of `models`."""
    tensors: Callable[[], Arrays]
    """What the released file holds."""
    write: Callable[[Path, Arrays], Path]
    unlike: Callable[[Any], float]
    """Largest difference of the network's maps from those of the authors' program."""
    tolerance: float


def grouped(system: str) -> Callable[[], Arrays]:
    """A Keras file's weights by the groups of their layers."""

    def tensors() -> Arrays:
        weights = standin(system)
        layout = json.loads((FOLDER / system / "h5_layout.json").read_text())
        return {f"{group}/{name}": weights[name] for group, name, _ in layout}

    return tensors


def of_salgan() -> Arrays:
    """The same layers as SalEMA's; those of the decoder are true convolutions."""
    values = list(standin("salema").values())
    return {
        f"arr_{number}": value[:, :, ::-1, ::-1] if number >= 26 and value.ndim == 4 else value
        for number, value in enumerate(values)
    }


def with_slots() -> Arrays:
    """OM-CNN's, with what Adam left beside some, and its own three numbers."""
    weights = standin("omcnn")
    names = [name for name in weights if "deconv" in name]
    slots = {f"{name}/{slot}": weights[name] for name in names for slot in ("Adam", "Adam_1")}
    powers = {name: np.float32(0.5).reshape(()) for name in ("beta1_power", "beta2_power")}
    return {**weights, **slots, **powers, "Variable": np.array(199_999, np.int32)}


def unlike_salgan(network: Any) -> float:
    theirs = golden("salema")
    frame = torch.from_numpy(theirs["frames_rgb"][:1]).permute(0, 3, 1, 2) / 255
    found = network(frame, None).saliency[0, 0].numpy()
    return float(np.abs(found - theirs["maps"][0]).max() / theirs["maps"][0].std())


def unlike_stra_net(network: Any) -> float:
    theirs = golden("stranet")
    maps, *_ = network.core(*stra_net.given(network), None)
    found = stra_net.enlarged(maps[0])[:, 0, ::4, ::4].numpy()
    return float(np.abs(found - theirs["map"]).max())


def unlike_two_stream(system: str) -> Callable[[Any], float]:
    def unlike(network: Any) -> float:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(two_stream, "filled", lambda _: network.train())
            return two_stream.unlike(system)

    return unlike


def caffe_of(system: str) -> System:
    return System(
        {"network": "two_stream", **two_stream.SETTINGS[system]},
        lambda: standin(system),
        formats.caffe,
        unlike_two_stream(system),
        1e-4,
    )


SMALL = {"size": (96, 128)}
"""The size of the goldens' frames."""
SYSTEMS = {
    "salgan": System(
        {"network": "salgan", **salgan.PUBLISHED, **SMALL},
        of_salgan,
        formats.npz,
        unlike_salgan,
        1e-4,
    ),
    "salema": System(
        {"network": "salema", **salema.PUBLISHED, **SMALL},
        lambda: standin("salema"),
        lambda path, tensors: formats.pytorch(
            path, tensors, prefix="module.", below=True, zipped=False
        ),
        salema.error,
        1e-4,
    ),
    "tased_net": System(
        {"network": "tased_net", "width": 1.0, "backbone": "s3d", "blur": 0.0, **SMALL},
        lambda: standin("tased"),
        formats.pytorch,
        lambda network: float(tased_net.error(network, golden("tased")).max()),
        1e-4,
    ),
    "aclnet": System(
        {"network": "aclnet", **aclnet.PAPER},
        grouped("aclnet"),
        formats.hdf5,
        lambda network: aclnet.difference(network, [3, 2]),
        aclnet.TOLERANCE,
    ),
    "deepconv": caffe_of("deepconv"),
    "stsconv": caffe_of("stsconv"),
    "om_cnn": System(
        {"network": "om_cnn", **om_cnn.PAPER},
        with_slots,
        formats.tensorflow,
        om_cnn.unlike,
        1e-4,
    ),
    "stra_net": System(
        {"network": "stra_net", **stra_net.PAPER},
        grouped("stranet"),
        lambda path, tensors: formats.hdf5(path, tensors, below=""),
        unlike_stra_net,
        stra_net.TOLERANCE,
    ),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_maps_are_those_of_the_authors_program(name: str, tmp_path: Path) -> None:
    system = SYSTEMS[name]
    file = system.write(tmp_path / "authors.file", system.tensors())
    out = tmp_path / "given.safetensors"
    import_weights(network=system.network, file=file, sha256=None, code="", weights=out)
    file.unlink()
    with torch.no_grad():
        assert system.unlike(load_network(system.network, [out])) < system.tolerance
    out.unlink()


def test_the_released_weights_of_unisal(tmp_path: Path) -> None:
    file = FOLDER.parent / "weights/unisal/weights_best.pth"
    if not file.is_file():
        pytest.skip(f"no {file}")
    network = {"network": "unisal", "domains": {"dhf1k": "DHF1K"}, "width": 1.0}
    network |= {"sizes": dict.fromkeys(unisal.DOMAINS, (224, 384)), "backbone": "mobilenet_v2"}
    out = tmp_path / "given.safetensors"
    import_weights(network=network, file=file, sha256=None, code="", weights=out)
    assert unisal.difference(load_network(network, [out]), "video_2") < 1e-5  # type: ignore[arg-type]
