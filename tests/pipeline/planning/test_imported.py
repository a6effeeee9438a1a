"""Models whose weights their network's authors released: what the plan makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.config.config import Config
from pipeline.config.evaluation import Measured
from pipeline.planning import made, needs, paths, targets
from pipeline.planning.inputs import Inputs
from pipeline.planning.load import load
from pipeline.planning.missing import missing_message
from pipeline.planning.rows import measured, pictured, tables_settings, trainings_behind, unmeasured
from pipeline.planning.settings import Settings
from pipeline.runtime.errors import InputError
from tests.builders import configuration

ROW = Measured(model="authors", training="given")
ENTRY = {"network": "gfsalnet", "start": None, "weights": "<raw>/weights/authors.npz"}


def planned(tmp_path: Path, *, training: str = "given", **keys: Any) -> Config:
    raw = configuration("demo")
    raw["pathvars"]["raw"] = str(tmp_path / "raw")
    raw["models"]["authors"] = {**raw["models"]["gfsalnet"], **ENTRY, **keys}
    row = {"model": "authors", "training": training}
    raw["tables"]["table_1"]["measured"]["Authors' weights"] = row
    return load(raw)


def given(cfg: Config) -> Path:
    (file,) = needs.released_files(cfg, "authors")
    Path(file).parent.mkdir(parents=True)
    Path(file).write_bytes(b"x")
    return Path(file)


def test_a_row_without_its_file_is_not_measured_and_says_why(tmp_path: Path) -> None:
    cfg = planned(tmp_path)
    why = f"its weights are not there: put authors.npz at {tmp_path}/raw/weights"
    assert unmeasured(cfg, "table_1")["Authors' weights"] == why
    assert "Authors' weights" not in measured(cfg, "table_1")
    assert tables_settings(cfg, "code").lacking["table_1"]["Authors' weights"] == why
    assert missing_message(cfg) is None
    given(cfg)
    cfg = cfg.model_copy()
    assert "Authors' weights" not in unmeasured(cfg, "table_1")
    assert measured(cfg, "table_1")["Authors' weights"] == ROW


def test_a_checkpoint_of_tensorflow_has_two_files(tmp_path: Path) -> None:
    cfg = planned(tmp_path, weights="<raw>/model.index")
    folder = tmp_path / "raw"
    index, data = folder / "model.index", folder / "model.data-00000-of-00001"
    assert needs.released_files(cfg, "authors") == [str(index), str(data)]
    folder.mkdir()
    told = "put model.index and model.data-00000-of-00001 at"
    assert told in str(needs.without_weights(cfg, "authors"))
    index.write_bytes(b"x")
    assert "put model.data-00000-of-00001 at" in str(needs.without_weights(cfg, "authors"))
    data.write_bytes(b"x")
    assert needs.without_weights(cfg, "authors") is None


def test_what_is_made_of_it(tmp_path: Path) -> None:
    """Weights without a training, maps by the network; nobody gathers it."""
    cfg = planned(tmp_path, sha256="00ff")
    file = given(cfg)
    job = type("job", (), {"model": "authors", "training": "given", "dataset": "ucf_sports"})
    inputs = Inputs(cfg)
    weights = paths.weights(cfg, "authors", "given")
    assert weights == "results/demo/weights/authors/given.safetensors"
    assert inputs.released(job) == [str(file)]
    assert inputs.weights(job) == [weights]
    settings = Settings(cfg, inputs)
    assert settings.sha256(job) == '"00ff"'
    assert settings.network_code("pipeline.importing.import_weights")(job)
    assert not {"weights", "sha256"} & needs.network_arguments(cfg, "authors").keys()
    for kind, there in (("imported", True), ("networks", True), ("maps", True), ("given", False)):
        assert ("authors" in targets.models(cfg, kind)) == there  # type: ignore[arg-type]
    assert "authors" not in [*targets.models(cfg, "trained"), *targets.models(cfg, "fitted")]
    assert trainings_behind(cfg, ROW) == {}
    assert "Authors' weights" in pictured(cfg, "table_1")
    assert not [log for log in targets.training_logs(cfg) if "authors" in log]
    assert {weights, paths.saliency(cfg, ROW, "ucf_sports")} <= {*targets.files(cfg)}
    expected = made.expected(cfg)
    arguments = needs.network_arguments(cfg, "authors")
    assert expected[weights] == {"network": arguments, "weights": "authors.npz"}
    assert expected["results/demo/saliency/authors/given"] == {"network": arguments}
    assert weights in made.manifests(cfg)


def test_a_training_may_start_from_it(tmp_path: Path) -> None:
    raw = configuration("demo")
    raw["pathvars"]["raw"] = str(tmp_path / "raw")
    raw["models"]["authors"] = {**raw["models"]["spatial"], **ENTRY}
    raw["models"]["tuned"] = {**raw["models"]["spatial"], "start": "authors"}
    row = {"model": "tuned", "training": "setting_1_ucf_sports"}
    raw["tables"]["table_1"]["measured"] = {"Tuned": row}
    cfg = load(raw)
    assert "its weights are not there" in unmeasured(cfg, "table_1")["Tuned"]
    given(cfg)
    cfg = cfg.model_copy()
    assert "Tuned" in measured(cfg, "table_1")
    job = type("job", (), {"model": "tuned", "training": "setting_1_ucf_sports"})
    assert Inputs(cfg).start(job) == ["results/demo/weights/authors/given.safetensors"]
    logs = [log for log in targets.training_logs(cfg) if "two_stream" not in log]
    assert "results/demo/weights/tuned/setting_1_ucf_sports.csv" in logs
    assert not [log for log in logs if "authors" in log]


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"start": "spatial"}, "weights: of a network that is not trained: start: null"),
        ({"fitted": True}, "weights: of a network that is not trained: start: null, not fitted"),
        ({"weights": None, "sha256": "00"}, "sha256: is that of `weights`, which are not given"),
        ({"weights": "a/{dataset}"}, "a path, without braces, < and >"),
        ({"weights": "<results>/a"}, "a path, without braces, < and >"),
        ({"weights": ""}, "weights: String should have at least 1 character"),
        ({"sha256": "x"}, "sha256: String should match pattern"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, keys: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError) as caught:
        planned(tmp_path, **keys)
    assert f"models.authors{'' if why.startswith(('weights: S', 'sha256: S')) else ':'}" in str(
        caught.value
    )
    assert why in str(caught.value)


def test_its_rows_name_no_training(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names 'setting_1_ucf_sports'; known are given"):
        planned(tmp_path, training="setting_1_ucf_sports")
    raw = configuration("demo")
    raw["models"]["authors"] = {**raw["models"]["gfsalnet"], **ENTRY}
    raw["sanity"] = {"Authors": "authors"}
    with pytest.raises(InputError, match=r"sanity\.Authors names 'authors'"):
        load(raw)


def test_maps_and_observers_have_no_weights(tmp_path: Path) -> None:
    raw = configuration("demo")
    for entry in ({"maps": "x"}, {"held_out": 3}):
        raw["models"]["authors"] = {**entry, "weights": "a.npz"}
        with pytest.raises(InputError, match="weights: only networks have such a key"):
            load(raw)
