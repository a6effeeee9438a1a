"""Flow: direction, unit, quarter grid, and what the last frame gets."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from model.flow.image_flow import ImageFlow
from model.flow.pwcnet import PWCNet
from model.flow.released_weights import released_layers
from pipeline.config.data import DeepFlow, DisFlow, Flow, ImageFlowEstimator, PwcnetFlow
from pipeline.preprocessing.flow import change, cuts, flow
from pipeline.preprocessing.flow_estimators import build_estimator, quarter
from pipeline.preprocessing.network_flow import Pwcnet, load_image_flow, load_pwcnet
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import FLOW, FRAMES
from pipeline.stores.reading import open_store
from pipeline.stores.settings import flow_settings, recorded_settings
from pipeline.stores.weights import save_weights
from tests.builders import run_python, store

DIS = DisFlow(estimator="dis", preset="medium", cut=None)
DEEPFLOW = DeepFlow(estimator="deepflow", cut=None)
TINY = {
    "channels": [8, 8, 8, 8, 8, 8],
    "decoder": [16, 8],
    "dense": False,
    "context": [16],
}


def _texture(height: int, width: int) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(3).normal(size=(height, width)), 2)
    noise = (noise - noise.min()) / np.ptp(noise)
    return np.repeat((255 * noise).astype(np.uint8)[..., None], 3, axis=2)


def _moving(shifts: list[tuple[int, int]]) -> np.ndarray:
    texture = _texture(160, 200)
    return np.stack([texture[20 - y : 116 - y, 20 - x : 148 - x] for x, y in shifts])


def _pwcnet(folder: Path, **changes: object) -> PwcnetFlow:
    """An untrained small PWC-Net: what it says is noise, but always the same."""
    torch.manual_seed(1)
    weights = folder / "tiny.safetensors"
    save_weights(weights, PWCNet(**TINY).half(), {"network": TINY})
    settings = {"estimator": "pwcnet", "weights": str(weights), "sha256": None, "cut": None}
    return PwcnetFlow.model_validate(settings | {"precision": "float32", "batch": 3} | changes)


def _run(
    folder: Path, video: np.ndarray, settings: Flow = DIS, numbers: list[int] | None = None
) -> np.ndarray:
    flow(
        frames=store(FRAMES, folder, {"a": video}, numbers=numbers or []),
        settings=settings,
        threads=1,
        store=folder / "w.zarr",
        manifest=folder / "w.json",
    )
    assert recorded_settings(folder / "w.json") == flow_settings(settings)
    return np.asarray(open_store(FLOW, folder / "w.json")["a"][:])


@pytest.mark.parametrize("settings", [DIS, DEEPFLOW], ids=["dis", "deepflow"])
def test_right_and_down_are_positive_and_in_pixels_of_the_grid(
    tmp_path: Path, settings: Flow
) -> None:
    found = _run(tmp_path, _moving([(0, 0), (3, 0), (3, 2)]), settings)
    assert found.shape == (3, 2, 24, 32)
    inner = np.median(found[:, :, 4:-4, 4:-4].astype(float), axis=(2, 3))
    np.testing.assert_allclose(inner[:2], [[3, 0], [0, 2]], atol=0.3)


def test_last_frame_repeats_the_one_before_it(tmp_path: Path) -> None:
    found = _run(tmp_path, _moving([(0, 0), (3, 0), (3, 2)]))
    np.testing.assert_array_equal(found[2], found[1])


def test_one_frame_has_zero_flow(tmp_path: Path) -> None:
    assert not _run(tmp_path, _moving([(0, 0)])).any()


def test_quarter_is_the_mean_of_cells() -> None:
    full = np.arange(2 * 8 * 12, dtype=np.float32).reshape(2, 8, 12)
    expected = [
        [full[c, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4].mean() for x in range(3)]
        for c in range(2)
        for y in range(2)
    ]
    np.testing.assert_allclose(quarter(full).reshape(4, 3), expected)


def test_grid_must_divide_by_four(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="multiples of 4"):
        _run(tmp_path, np.zeros((2, 30, 40, 3), np.uint8))


def test_estimator_is_repeatable() -> None:
    pair = _moving([(0, 0), (2, 1)])
    first, second = (build_estimator(DIS, 1)(pair) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_pwcnet_computes_pairs_alike_however_they_are_batched(tmp_path: Path) -> None:
    """Over a shard's end too, and with the features of a frame used twice."""
    video = _moving([(i % 7, i % 5) for i in range(36)])
    found = _run(tmp_path, video, _pwcnet(tmp_path))
    network = load_pwcnet(tmp_path / "tiny.safetensors", None)
    pictures = torch.from_numpy(video).permute(0, 3, 1, 2) / 255.0
    with torch.inference_mode():
        for i in (0, 2, 3, 30, 31, 32, 34):
            pair = network.quarter_flow(pictures[i : i + 1], pictures[i + 1 : i + 2])[0]
            np.testing.assert_allclose(found[i], pair.numpy(), rtol=2e-3, atol=2e-3)
    assert np.abs(found).max() > 0.01
    np.testing.assert_array_equal(found[35], found[34])


def test_bfloat16_is_close(tmp_path: Path) -> None:
    video = _moving([(0, 0), (2, 1), (4, 2)])
    full, low = (
        Pwcnet(_pwcnet(tmp_path, precision=precision))(video)
        for precision in ("float32", "bfloat16")
    )
    assert 0 < np.abs(full - low).max() < 0.1 * np.abs(full).max()


def test_a_gap_in_numbered_pictures_is_a_cut(tmp_path: Path) -> None:
    video = _moving([(0, 0), (3, 0), (3, 3), (6, 3)])
    whole, gapped = _run(tmp_path, video), _run(tmp_path, video, numbers=[5, 6, 9, 10])
    np.testing.assert_array_equal(gapped[1], whole[0])
    np.testing.assert_array_equal(gapped[[0, 2]], whole[[0, 2]])


def test_no_flow_goes_over_a_cut(tmp_path: Path) -> None:
    scene, other = _moving([(0, 0), (3, 0)]), 255 - _moving([(9, 9), (9, 12)]) // 3
    video = np.concatenate([scene, other])
    assert change(*scene) < 0.05 < 0.2 < change(scene[1], other[0])
    assert cuts(video, [], 0.2) == [False, True, False]
    assert cuts(video, [], None) == [False] * 3
    found = _run(tmp_path, video, DIS.model_copy(update={"cut": 0.2}))
    np.testing.assert_array_equal(found[1], found[0])
    starts_with_a_cut = _run(tmp_path, video[1:], DIS.model_copy(update={"cut": 0.2}))
    assert not starts_with_a_cut[0].any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such weights of PWC-Net; name a file in flow.weights"),
        (b"", r"(cannot read weights|no tensors that torch) .*; fetch it again"),
        (
            b"\x08" + 7 * b"\x00" + b"garbage!",
            r"(cannot read weights|no tensors that torch) .*; fetch it again",
        ),
    ],
)
@pytest.mark.parametrize("name", ["w.safetensors", "pwc_net.pth.tar"])
def test_bad_weights_are_one_error(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}: {message}") as caught:
        build_estimator(_pwcnet(tmp_path, weights=str(tmp_path / name)), 1)
    assert "weights_only" not in str(caught.value), "torch's advice is not ours"


def test_weights_of_another_network_are_told(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", PWCNet(**TINY), {"network": TINY | {"dense": True}})
    with pytest.raises(InputError, match=r"w\.safetensors: not weights of a PWC-Net"):
        load_pwcnet(tmp_path / "w.safetensors", None)


def test_a_digest_is_held_against_the_file(tmp_path: Path) -> None:
    settings = _pwcnet(tmp_path, sha256="0" * 64)
    with pytest.raises(InputError, match=r"tiny\.safetensors: expected the sha256 0000"):
        build_estimator(settings, 1)
    content = (tmp_path / "tiny.safetensors").read_bytes()
    right = settings.model_copy(update={"sha256": hashlib.sha256(content).hexdigest().upper()})
    build_estimator(right, 1)


def test_the_authors_checkpoint_loads_and_its_licence_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file with the released layers' names, and random values."""
    network = PWCNet()
    state = network.state_dict()
    checkpoint = {
        f"{theirs}.{kind}": state[f"{ours}.{kind}"]
        for theirs, ours in released_layers().items()
        for kind in ("weight", "bias")
    }
    checkpoint |= {"deconv2.weight": torch.zeros(2, 2, 4, 4), "deconv2.bias": torch.zeros(2)}
    torch.save({"state_dict": checkpoint}, tmp_path / "pwc_net.pth.tar")
    loaded = load_pwcnet(tmp_path / "pwc_net.pth.tar", None).state_dict()
    last = "decoders.4.flow.weight"
    torch.testing.assert_close(loaded[last], state[last])
    assert "CC BY-NC-SA 4.0" in capsys.readouterr().out


STILL = {"clusters": 3, "grid": [4, 5], "backbone": "resnet18", "channels": 8}


def _image_flow(folder: Path, **changes: object) -> ImageFlowEstimator:
    """An untrained network whose answer depends on the picture."""
    torch.manual_seed(1)
    network = ImageFlow(**STILL)
    network.start_from(torch.tensor([[0.0, 0.0], [0.1, 0.0], [0.0, -0.1]]), torch.ones(3) / 3)
    torch.nn.init.normal_(network.choice.weight, std=5)
    save_weights(folder / "still.safetensors", network, {"network": STILL})
    settings = {"estimator": "image", "weights": str(folder / "still.safetensors"), "sha256": None}
    return ImageFlowEstimator.model_validate(
        settings | {"precision": "float32", "batch": 3} | changes
    )


def test_flow_of_a_still_image_is_each_frames_own(tmp_path: Path) -> None:
    """Over a shard's end too; the last frame and those around a cut are like all others."""
    random = np.random.default_rng(2)
    video = random.integers(0, 256, (34, 1, 1, 3), np.uint8) // 2 + _moving([(0, 0)] * 34) // 2
    settings = _image_flow(tmp_path)
    found = _run(tmp_path, video, settings, numbers=[1, 2, 9, *range(10, 41)])
    assert found.shape == (34, 2, 24, 32)
    network = load_image_flow(tmp_path / "still.safetensors", None)
    with torch.inference_mode():
        for i in (0, 1, 2, 31, 32, 33):
            picture = torch.from_numpy(video[i : i + 1]).permute(0, 3, 1, 2) / 255.0
            flow = torch.nn.functional.interpolate(
                network.expected_flow(picture), (24, 32), mode="bilinear"
            )
            np.testing.assert_allclose(found[i], flow[0], rtol=2e-3, atol=2e-3)
    assert np.abs(np.diff(found.astype(float), axis=0)).max(axis=(1, 2, 3)).min() > 0.1


def test_one_still_image_has_a_flow_in_pixels_of_the_frames(tmp_path: Path) -> None:
    """Where the network is sure of a tenth of the width to the right: 12.8 of 128 pixels."""
    settings = _image_flow(tmp_path)
    network = load_image_flow(tmp_path / "still.safetensors", None)
    network.start_from(network.centres, torch.tensor([0.0, 1.0, 0.0]))
    torch.nn.init.zeros_(network.choice.weight)
    save_weights(tmp_path / "still.safetensors", network, {"network": STILL})
    found = _run(tmp_path, _moving([(0, 0)]), settings)
    np.testing.assert_allclose(found[:, 0], 12.8, rtol=2e-3)
    np.testing.assert_allclose(found[:, 1], 0, atol=1e-2)
    assert found.shape == (1, 2, 24, 32)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such weights of ImageFlow; make them with the target"),
        (b"", "cannot read weights .*; rerun it"),
        (b"\x08" + 7 * b"\x00" + b"garbage!", "cannot read weights .*; rerun it"),
    ],
)
def test_bad_weights_of_the_still_image_estimator_are_one_error(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=rf"w\.safetensors: {message}") as caught:
        build_estimator(_image_flow(tmp_path, weights=str(tmp_path / "w.safetensors")), 1)
    assert "\n" not in str(caught.value)


def test_weights_of_pwcnet_are_not_those_of_the_still_image_estimator(tmp_path: Path) -> None:
    weights = _pwcnet(tmp_path).weights
    with pytest.raises(InputError, match=r"tiny\.safetensors: not weights of train_image_flow"):
        build_estimator(_image_flow(tmp_path, weights=weights), 1)
    with pytest.raises(InputError, match=r"still\.safetensors: expected the sha256 0000"):
        build_estimator(_image_flow(tmp_path, sha256="0" * 64), 1)


def test_opencvs_estimators_need_no_torch() -> None:
    code = "import sys, pipeline.preprocessing.flow; print('torch' in sys.modules)"
    done = run_python("-c", code)
    assert done.stdout.strip() == "False", done.stderr
