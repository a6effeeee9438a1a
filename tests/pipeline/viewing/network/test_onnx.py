"""Networks as ONNX: the maps of a film are torch's within the difference that the file states."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.sight import Sight, see
from pipeline.runtime.errors import InputError
from pipeline.viewing.network.load import Model, load
from pipeline.viewing.network.onnx_export import export
from pipeline.viewing.network.onnx_runtime import OnnxNetwork
from tests.pipeline.viewing.network.drawn_weights import official, ours

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
SIZE = (64, 96)


@pytest.fixture(scope="module")
def unisal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Model, Path, float]]:
    """UNISAL, its file for films, and the difference that was found when it was written."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("authors")
        official(folder, patch)
        model = load("unisal")
        yield model, folder / "unisal.onnx", export(model, folder / "unisal.onnx", *SIZE)


def film(count: int, height: int = 64, width: int = 96) -> NDArray[np.uint8]:
    random = np.random.default_rng(1)
    return random.integers(0, 256, (count, height, width, 3), np.uint8)


def test_unisal_goes_through_a_film_as_in_torch(unisal: tuple[Model, Path, float]) -> None:
    model, file, stated = unisal
    exported = load(file)
    facts = exported.network.facts
    assert facts["difference"] == stated < 1e-4
    assert (facts["size"], facts["domain"], facts["name"]) == ([64, 96], "dhf1k", "unisal")
    assert "Apache-2.0" in facts["about"]
    assert facts["sight"] == Sight(carries=True, step=5)._asdict()
    given, own = film(7), exported.at(1080, 1080, 12.0, False)
    assert (own.size, own.sight.step) == (SIZE, 2)
    torchs = Model("unisal", "", model.sized(SIZE, 12.0, False).network, trained=SIZE)
    ours, theirs = torchs.predict(given, rate=12), exported.predict(given, rate=12)
    apart = np.abs(ours - theirs).max()
    assert apart <= max(4 * stated, 1e-6)
    # The state matters: frames that share no state have other maps.
    assert np.abs(theirs - exported.predict(given, rate=60)).max() > 10 * apart


def test_maps_and_states_have_the_shapes_of_torch(unisal: tuple[Model, Path, float]) -> None:
    model, file, _ = unisal
    clip = torch.rand(2, 3, 3, *SIZE)
    with torch.inference_mode():
        expected, state = see(model.sized(SIZE, 25, False).network, clip, None)
        found, carried = see(OnnxNetwork(file, 1), clip, None)
    assert type(found) is type(expected)
    for one, other in zip([*found, *(carried or ())], [*expected, *(state or ())], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"expected frames of \[64, 96\], got \[96, 64\]"):
        OnnxNetwork(file, 1)(clip.mT)


def test_a_file_may_hold_maps_that_its_network_no_longer_has(
    unisal: tuple[Model, Path, float], tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    proto = onnx.load(unisal[1])
    saliency = proto.graph.output[0]
    proto.graph.node.append(onnx.helper.make_node("Identity", [saliency.name], ["gate_motion"]))
    proto.graph.output.add().CopyFrom(saliency)
    proto.graph.output[-1].name = "gate_motion"
    onnx.save(proto, tmp_path / "earlier.onnx")
    given = film(2)
    now, earlier = (load(file).predict(given) for file in (unisal[1], tmp_path / "earlier.onnx"))
    np.testing.assert_array_equal(earlier, now)


def test_threads_that_wait_take_no_time(unisal: tuple[Model, Path, float]) -> None:
    options = OnnxNetwork(unisal[1], 2)._session.get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


@pytest.mark.slow
@pytest.mark.parametrize("streams", ["both", "appearance"])
def test_ours_with_all_of_its_maps(tmp_path: Path, streams: str) -> None:
    model = load(ours(tmp_path / "a.safetensors", streams=streams))
    stated = export(model, tmp_path / "a.onnx", *SIZE)
    exported = load(tmp_path / "a.onnx")
    assert exported.flows == model.flows == (streams == "both")
    frames, flow = torch.rand(1, 2, 3, *SIZE), 10 * torch.randn(1, 2, 1, 2, *SIZE)
    with torch.inference_mode():
        expected, _ = see(model.network, frames, flow if model.flows else None)
        found, _ = see(exported.network, frames, flow if model.flows else None)
    assert (expected.gate_motion is None) == (streams == "appearance")
    for name, one in found._asdict().items():
        other = getattr(expected, name)
        if not name.startswith("attention"):
            assert (one is None) == (other is None)
        if one is not None:
            assert (one - other).abs().max() <= max(4 * stated, 1e-5) * other.max()


@pytest.mark.slow
def test_the_runtime_is_a_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GFSALNET_HOME", str(tmp_path / "home"))
    file = ours(tmp_path / "a.safetensors", streams="appearance", frames=dict(height=64, width=96))
    fast = load(file, runtime="onnx", threads=1)
    frames = film(3)
    maps = fast.predict(frames)
    np.testing.assert_allclose(maps, load(file).predict(frames), atol=1e-4)
    (kept,) = (tmp_path / "home/onnx").iterdir()
    before = kept.stat().st_mtime_ns
    np.testing.assert_array_equal(load(file, runtime="onnx").predict(frames), maps)
    assert kept.stat().st_mtime_ns == before
    # Other weights are another file, whatever their name.
    ours(file, streams="appearance", frames=dict(height=64, width=96), last_bias=2.0)
    load(file, runtime="onnx").predict(frames)
    assert len([*(tmp_path / "home/onnx").iterdir()]) == 2


def refused(call: Any) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_is_said(
    tmp_path: Path, unisal: tuple[Model, Path, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, file, _ = unisal
    out = tmp_path / "a.onnx"
    assert "multiples of 32 pixels, got 65 and 96" in refused(lambda: export(model, out, 65, 96))
    others = load("itti")
    assert "Itti does not become ONNX" in refused(lambda: export(others, out))
    assert "Itti does not become ONNX" in refused(lambda: load("itti", runtime="onnx"))
    assert "no such file" in refused(lambda: load(out))
    out.write_text("text")
    assert "no network of this project" in refused(lambda: load(out))
    assert "ONNX Runtime computes on the CPU" in refused(lambda: load(file, device="cuda:0"))
    assert "has its weights" in refused(lambda: load(file, weights=out))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "pip install onnx onnxruntime onnxscript" in refused(lambda: load(file))


@pytest.mark.slow
def test_a_file_whose_maps_differ_is_not_kept(
    tmp_path: Path, unisal: tuple[Model, Path, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.viewing.network.onnx_export.TOLERANCE", 0.0)
    model = load(ours(tmp_path / "a.safetensors", streams="appearance"))
    assert "differ from torch's by" in refused(lambda: export(model, tmp_path / "a.onnx", *SIZE))
    assert not (tmp_path / "a.onnx").exists()
