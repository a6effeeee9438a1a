"""What the tables compare with what stores and weights name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.config.config import Config
from pipeline.planning import made
from pipeline.planning.load import complete, load
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY
from tests.builders import store


@pytest.fixture(scope="module")
def cfg() -> Config:
    return load(complete({"run": "demo"}))


def test_every_manifest_has_settings_to_be_compared_with(cfg: Config) -> None:
    expected = made.expected(cfg)
    files = [Path(path) for path in made.manifests(cfg)]
    of_flows = {path for path in files if "flow" in path.parts or path.parts[0] == "model"}
    assert made.by_file(files, expected).keys() == set(files) - {
        path for path in of_flows if path.suffix == ".safetensors"
    }


def test_an_edit_of_a_recipe_is_an_edit_of_what_is_expected(cfg: Config) -> None:
    before = made.expected(cfg)
    variants = {"paper": {"density": {"sigma": 3.5}}}
    keys = {"run": "demo", "datasets": {"diem": {"variants": variants}}, "seed": cfg.seed + 1}
    after = made.expected(load(complete(keys)))
    changed = {key for key in before if before[key] != after[key]}
    assert "data/demo/diem/density" in changed
    weights = {key for key in before if key.endswith(".safetensors")}
    sheets = {key for key in before if "/scores/" in key}
    assert changed == weights | sheets | {"data/demo/diem/density"}


def test_only_what_is_scored_is_compared(cfg: Config) -> None:
    alone = cfg.model_copy(update={"tables": {"table_5": cfg.tables["table_5"]}})
    assert {path.split("/")[2] for path in made.manifests(alone) if path.startswith("data/")} == {
        "diem"
    }


def test_a_density_that_was_made_with_other_settings_is_refused(
    cfg: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an edit of config.yaml and `snakemake --touch`, for tables and `score_folder`."""
    monkeypatch.chdir(tmp_path)
    expected = made.of_dataset(cfg, "dhf1k")
    folder = Path("data/demo/dhf1k/density")
    manifest = store(
        DENSITY, folder, {"a": np.ones((1, 8, 8))}, name="0003", settings=expected[str(folder)]
    )
    made.check([manifest], expected)
    edited = expected[str(folder)] | {"density": {"recipe": "gaussian", "fwhm": 40.0}}
    with pytest.raises(InputError, match=rf"^{manifest}: made .*fwhm.*--forcerun {manifest} --"):
        made.check([manifest], expected | {str(folder): edited})
    manifest.write_text(manifest.read_text().replace("1", "2"))
    with pytest.raises(InputError, match=rf"^{manifest}: edited or damaged .* -- {manifest}$"):
        made.check([manifest], expected)
