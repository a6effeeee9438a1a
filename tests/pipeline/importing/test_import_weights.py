"""A released file of each format becomes weights of ours, or one line says why not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.importing.import_weights import import_weights
from pipeline.runtime.errors import InputError
from pipeline.stores.verify import verify
from pipeline.stores.weights import load_weights, weights_facts, weights_settings
from pipeline.training.networks import load_network
from tests.pipeline.importing import formats
from tests.pipeline.importing.tiny import arrays, right

FORMATS = list(formats.WRITERS)
Arrays = dict[str, NDArray[Any]]


def imported(file: Path, form: str, *, sha256: str | None = None, **keys: Any) -> Path:
    network = {"network": "tiny", "form": form, **keys}
    out = file.with_name("given.safetensors")
    import_weights(network=network, file=file, sha256=sha256, code="c0de", weights=out)
    return out


def refused(file: Path, form: str, **keys: Any) -> str:
    with pytest.raises(InputError) as caught:
        imported(file, form, **keys)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    assert not file.with_name("given.safetensors").exists()
    return message


VARIETIES: list[tuple[str, Callable[..., Path]]] = [
    *formats.WRITERS.items(),
    ("hdf5", partial(formats.hdf5, below="")),
    ("hdf5", partial(formats.hdf5, text=str)),
    ("hdf5", partial(formats.hdf5, pieces=2)),
    ("caffe", partial(formats.caffe, packed=False)),
    ("caffe", partial(formats.caffe, old=True)),
    ("caffe", partial(formats.caffe, old=True, packed=False, v1=True)),
    ("caffe", partial(formats.caffe, v1=True)),
    ("torch", partial(formats.pytorch, prefix="module.")),
    ("torch", partial(formats.pytorch, below=True)),
    ("torch", partial(formats.pytorch, below=True, prefix="module.", zipped=False)),
    ("mat", partial(formats.mat, packed=False)),
]


@pytest.mark.parametrize(("form", "write"), VARIETIES)
def test_a_file_as_the_authors_write_it(
    tmp_path: Path, form: Any, write: Callable[..., Path]
) -> None:
    found = arrays(form)
    file = write(tmp_path / "authors.file", found)
    out = imported(file, form)
    state, expected = load_weights(out), right(form, found)
    assert state.pop("norm.num_batches_tracked") == 0
    assert state.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(state[key], value, rtol=0, atol=0)
    network = {"network": "tiny", "form": form}
    maps = load_network(network, [out])(torch.rand(1, 3, 8, 8), None)
    assert maps.shape == (1, 1, 8, 8)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    size = file.stat().st_size
    about = {"format": form, "sha256": digest, "bytes": size}
    facts = {"network": network, "weights": file.name, "file": about, "code": "c0de"}
    assert weights_facts(out) == facts
    assert weights_settings(out) == {"network": network, "weights": file.name}
    assert verify([out]) == []
    content = out.read_bytes()
    assert imported(file, form).read_bytes() == content


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_missing_unexpected_or_misshapen_is_named(tmp_path: Path, form: Any) -> None:
    names = list(arrays(form))
    whole: Arrays = arrays(form)
    cases: list[tuple[Arrays, str]] = [
        ({name: whole[name] for name in names[1:]}, f"1 missing ({names[0]})"),
        ({name: whole[name] for name in names[:-2]}, f"2 missing ({names[-2]}, {names[-1]})"),
        ({**whole, f"{names[-1]}x": whole[names[-1]]}, f"1 unexpected ({names[-1]}x)"),
        ({**whole, names[1]: np.zeros(4, np.float32)}, f"1 misshapen ({names[1]} [4] for [2])"),
        ({**whole, names[0]: whole[names[0]].T}, f"1 misshapen ({names[0]} "),
    ]
    if form == "caffe":  # its blobs have numbers, not names
        cases[0] = ({name: whole[name] for name in names[1:]}, "1 missing (conv/1); 1 misshapen (")
        cases[2] = ({**whole, "more/0": whole[names[1]]}, "1 unexpected (more/0)")
    for number, (changed, expected) in enumerate(cases):
        file = formats.WRITERS[form](tmp_path / f"{number}", changed)
        assert expected in refused(file, form)


def test_of_many_names_a_few_are_shown(tmp_path: Path) -> None:
    more = {f"more_{number}": np.zeros(1, np.float32) for number in range(99)}
    message = refused(formats.npz(tmp_path / "a", arrays("npz") | more), "npz")
    assert "99 unexpected (more_0, more_1, more_2, more_3, more_4, ...)" in message


@pytest.mark.parametrize("form", ["tensorflow", "torch"])
def test_what_the_optimiser_left_is_passed_over(tmp_path: Path, form: Any) -> None:
    sign = "/" if form == "tensorflow" else "."
    slots = {f"{name}{sign}Adam": array * np.nan for name, array in arrays(form).items()}
    file = formats.WRITERS[form](tmp_path / "a", arrays(form) | slots)
    assert imported(file, form).is_file()


def test_numbers_of_layers_may_differ_where_the_order_tells(tmp_path: Path) -> None:
    """Keras counts the layers of a session, and the first of them may have no number."""
    other = {}
    for name, array in arrays("hdf5").items():
        layer, *_, weight = name.split("/")
        stem, number = layer.rsplit("_", 1)
        later = f"{stem}_{int(number) + 40}" if stem != "conv2d" else stem
        other[f"{later}/{later}/{weight}"] = array
    file = formats.hdf5(tmp_path / "a", other)
    assert "6 missing" in refused(file, "hdf5")
    state = load_weights(imported(file, "hdf5", ordered=True))
    for key, value in right("hdf5", arrays("hdf5")).items():
        torch.testing.assert_close(state[key], value, rtol=0, atol=0)
    last = list(other)[-1]
    fewer = formats.hdf5(tmp_path / "b", {n: a for n, a in other.items() if n != last})
    (tmp_path / "given.safetensors").unlink()
    message = refused(fewer, "hdf5", ordered=True)
    assert "1 missing (batch_1/batch_1/moving_variance:0)" in message


def test_values_that_are_no_numbers(tmp_path: Path) -> None:
    for form in FORMATS:
        for value in (np.nan, np.inf):
            found = arrays(form)
            name = list(found)[-1]
            found[name][1] = value
            file = formats.WRITERS[form](tmp_path / f"{form}{value}", found)
            assert f"{name} holds NaN or infinity; fetch it again" in refused(file, form)
        found[name] = np.arange(3)
        if form != "caffe":
            file = formats.WRITERS[form](tmp_path / f"{form}_whole", found)
            assert f"{name} holds torch.int64 for torch.float32" in refused(file, form)


def test_numbers_of_other_lengths_are_taken(tmp_path: Path) -> None:
    for form in set(FORMATS) - {"caffe"}:
        longer = {name: array.astype(np.float64) for name, array in arrays(form).items()}
        state = load_weights(imported(formats.WRITERS[form](tmp_path / form, longer), form))
        assert state["conv.bias"].equal(right(form, arrays(form))["conv.bias"])
        huge = longer | {list(longer)[1]: np.array([0, 1e300])}
        (tmp_path / "given.safetensors").unlink()
        message = refused(formats.WRITERS[form](tmp_path / f"{form}_huge", huge), form)
        assert "holds NaN or infinity" in message


def test_the_digest_of_the_file(tmp_path: Path) -> None:
    file = formats.npz(tmp_path / "a", arrays("npz"))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert "expected the sha256 00, found" in refused(file, "npz", sha256="00")
    message = refused(file, "npz", authors="ab" * 32)
    assert f"expected the sha256 {'ab' * 32}, found {digest}; fetch it again, or" in message
    assert f"write sha256: {digest} beside `weights` in config.yaml" in message
    assert imported(file, "npz", authors=digest).is_file()
    assert imported(file, "npz", authors="ab" * 32, sha256=digest[:8].upper()).is_file()


def test_a_network_that_knows_no_file(tmp_path: Path) -> None:
    file = formats.npz(tmp_path / "a", arrays("npz"))
    with pytest.raises(InputError, match="network 'chance' knows no file of its authors' weights"):
        import_weights(
            network={"network": "chance"},
            file=file,
            sha256=None,
            code="",
            weights=tmp_path / "given.safetensors",
        )
