"""What reruns when something changes, with the real snakemake on a small cut of the demo."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflow.conftest import Project

Edit = tuple[str, Callable[[bytes], bytes]]
BELOW_FLOW = {"flow", "finetune", "predict", "score", "tables"}
UCF = "raw/demo/ucf_sports"


@pytest.fixture(autouse=True, scope="module")
def up_to_date(project: Project) -> Iterator[None]:
    yield
    assert project.planned() == {}, "a test of this file left something to be done"


def _replace(old: str, new: str) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), 1)

    return change


def _append(text: str) -> Callable[[bytes], bytes]:
    return lambda content: content + text.encode()


def _config(change: Callable[[dict[str, Any]], object]) -> Edit:
    def edit(content: bytes) -> bytes:
        config = yaml.safe_load(content)
        change(config)
        return yaml.safe_dump(config).encode()

    return "config.yaml", edit


def _video(project: Project) -> str:
    """The video of the first clip of the split sheet: a training clip, in part 0001."""
    sheet = (project.folder / "workflow/splits/demo/ucf_sports.csv").read_text()
    rows = [line for line in sheet.splitlines() if not line.startswith("#")]
    return f"{UCF}/videos/{rows[1].split(',')[0]}.avi"


def test_done_is_done(project: Project) -> None:
    assert project.planned() == {}


def test_touching_a_raw_video_reruns_nothing(project: Project) -> None:
    (project.folder / _video(project)).touch()
    assert project.planned() == {}


def test_changing_a_raw_video_reruns_its_part_and_what_follows(project: Project) -> None:
    with project.changed((_video(project), lambda content: content + b"\0" * 16)):
        planned = project.planned()
    assert {rule: planned.pop(rule) for rule in ("frames", "flow", "gaze", "density")} == {
        rule: {"ucf_sports/0001"} for rule in ("frames", "flow", "gaze", "density")
    }
    # Part 1 is of the training split: what is trained follows; pretraining and baselines do not.
    assert set(planned) == {"finetune", "predict", "score", "tables"}
    assert all(
        "untrained" not in job for rule in ("finetune", "predict", "score") for job in planned[rule]
    )


@pytest.mark.parametrize(
    ("clip", "rules"),
    [
        ("Run-Side_001", {"gaze", "density", "score", "tables"}),
        ("Walk-Front_008", {"gaze", "density", "finetune", "predict", "score", "tables"}),
    ],
)
def test_changing_gaze_reruns_what_looks_at_it(
    project: Project, clip: str, rules: set[str]
) -> None:
    """Of a test clip: nothing is trained again. Of a training clip: no baseline is scored again."""
    name = f"{UCF}/gaze_ucfsa/samples/001_{clip}.avi.txt"
    with project.changed((name, lambda content: content + content.splitlines(True)[-1])):
        planned = project.planned()
    assert set(planned) == rules
    untrained = [job for job in planned["score"] if "untrained" in job]
    assert bool(untrained) is ("finetune" not in rules)


HARMLESS: dict[str, Edit] = {
    f"a {what} in {module}": (module, change)
    for module in (
        "pipeline/preprocessing/flow.py",
        "pipeline/stores/reading.py",
        "model/gfsalnet.py",
    )
    for what, change in {
        "comment": _append("\n# A remark.\n"),
        "docstring": _replace('"""', '"""Said differently: '),
    }.items()
} | {
    "an error text of the command line": (
        "pipeline/runtime/cli.py",
        _replace('f"{parser.prog}: {error}"', 'f"{parser.prog}:  {error}"'),
    ),
    "a word of a configuration's message": (
        "pipeline/config/training.py",
        _replace("one of the two is needed", "just one of the two is needed"),
    ),
}


@pytest.fixture(scope="module")
def harmless_together(project: Project) -> bool:
    """Whether nothing reruns after all of them at once: one plan instead of eight."""
    with project.changed(*HARMLESS.values()):
        return project.planned() == {}


@pytest.mark.parametrize("edit", HARMLESS)
def test_nothing_reruns_after(project: Project, harmless_together: bool, edit: str) -> None:
    if not harmless_together:
        with project.changed(HARMLESS[edit]):
            assert project.planned() == {}


def test_editing_flow_reruns_flow_and_below(project: Project) -> None:
    with project.changed(
        ("pipeline/preprocessing/flow.py", _replace("_COARSE = 16", "_COARSE = 4 * 4"))
    ):
        assert set(project.planned()) == BELOW_FLOW


def test_editing_a_helper_that_flow_imports_reruns_flow(project: Project) -> None:
    with project.changed(("pipeline/stores/kinds.py", _replace("SHARD = 32", "SHARD = 2 * 16"))):
        assert set(project.planned()) >= BELOW_FLOW


def test_editing_the_network_reruns_no_data_stage(project: Project) -> None:
    with project.changed(("model/gfsalnet.py", _append("\n_UNUSED = 1\n"))):
        assert set(project.planned()) == {"pretrain", "finetune", "predict", "score", "tables"}


def test_flow_settings_rerun_flow_and_below(project: Project) -> None:
    with project.changed(("config.yaml", _replace("cut: null", "cut: 0.9"))):
        assert set(project.planned()) == BELOW_FLOW


def test_score_settings_rerun_score_and_tables_only(project: Project) -> None:
    with project.changed(("config.yaml", _replace("protocol: mit", "protocol: unisal"))):
        assert set(project.planned()) == {"score", "tables"}


def test_a_note_reruns_the_tables_only(project: Project) -> None:
    with project.changed(("workflow/published/table_1.csv", _append("# A remark.\n"))):
        assert set(project.planned()) == {"tables"}


@pytest.mark.slow
def test_an_edit_that_was_only_touched_is_not_printed(project: Project) -> None:
    """`--touch` takes old stores for new ones; the tables compare what they were made with."""

    def wider(config: dict[str, Any]) -> None:
        config["datasets"]["ucf_sports"]["variants"]["paper"]["density"]["sigma"] += 1

    with project.changed(_config(wider)):
        project.run("--touch", "--", "results/tables")
        assert project.planned() == {}
        with pytest.raises(AssertionError, match=r"made with density\.sigma .* config\.yaml says"):
            project.run("--forcerun", "tables", "--", "results/tables")
    project.run("--touch", "--", "results/tables")
    project.run("results/tables")
    assert project.planned() == {}


def test_same_frames_leave_everything_below_up_to_date(project: Project) -> None:
    manifest = project.folder / "data/demo/ucf_sports/frames/0001.json"
    before = manifest.stat().st_mtime_ns
    project.run("--forcerun", "frames", "--until", "frames", "--", "results/tables")
    assert manifest.stat().st_mtime_ns > before
    assert project.planned() == {}


def test_raw_data_is_drawn_the_same_again(project: Project) -> None:
    files = [path for path in (project.folder / "raw").rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    rules = ["demo_salicon", "demo_ucf_sports"]
    project.run("--forcerun", *rules, "--until", *rules, "--", "results/tables")
    assert {path: path.read_bytes() for path in files} == before
    assert project.planned() == {}


def test_a_broken_video_is_one_error_that_names_it(project: Project) -> None:
    video = _video(project)
    with (
        project.changed((video, lambda _: b"not a video")),
        pytest.raises(AssertionError) as caught,
    ):
        project.run("data/demo/ucf_sports/frames/0001.json")
    said = str(caught.value)
    assert "Traceback" not in said
    # Below it Snakemake only says where its log is, and that a job failed.
    last = said.partition("frames failed (logs/demo/frames/ucf_sports/0001.log):")[2]
    assert f"{video}: not a video that ffmpeg can read" in last.splitlines()[1]
    assert len(last.partition("At least one job")[0].splitlines()) <= 6
    assert max(map(len, said.splitlines())) < 500
    project.run("data/demo/ucf_sports/frames/0001.json")
    assert project.planned() == {}  # its bytes are those from before


@pytest.mark.parametrize("name", ["salicon", "ucf_sports"])
def test_any_dataset_can_be_left_out(project: Project, name: str) -> None:
    with project.changed(("config.yaml", _replace("without:\n", f"without:\n- {name}\n"))):
        assert set(project.planned()) <= {"tables"}


FLAT = '''"""A network of somebody else: the same everywhere."""

from torch import Tensor, nn

from model.outputs import Maps


class Flat(nn.Module):
    """The same everywhere."""

    def __init__(self) -> None:
        """Without arguments."""
        super().__init__()

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Predict a constant map."""
        return Maps(frame[:, :1] * 0 + 1, None, None, None, None)
'''


def test_a_new_network_makes_its_own_targets_only(project: Project) -> None:
    """A file, a line of the registry, an entry in config.yaml and a row that asks for it."""

    def entered(config: dict[str, Any]) -> None:
        config["networks"]["flat"] = {}
        config["models"]["flat"] = {"network": "flat", "start": None}
        row = {"model": "flat", "training": "untrained"}
        config["tables"]["table_1"]["measured"]["Flat"] = row

    line = '    "flat": "model.flat:Flat",\n    "gfsalnet":'
    registered = ("model/registry.py", _replace('    "gfsalnet":', line))
    with (
        project.added({"model/flat.py": FLAT}),
        project.changed(registered, _config(entered)),
    ):
        assert project.planned() == {
            "predict": {"flat/untrained/ucf_sports"},
            "score": {"flat/untrained/ucf_sports"},
            "tables": {""},
        }
        project.run("results/demo/saliency/flat/untrained/ucf_sports.json")


def test_editing_a_classical_model_makes_its_own_targets_only(project: Project) -> None:
    with project.changed(("model/classical/itti.py", _append("\n_UNUSED = 1\n"))):
        assert project.planned() == {
            "predict": {"itti/untrained/ucf_sports"},
            "score": {"itti/untrained/ucf_sports"},
            "tables": {""},
        }


def test_an_error_text_of_the_training_reader_reruns_trainings_at_most(project: Project) -> None:
    edit = _replace("no frame with gaze", "not a frame with gaze")
    with project.changed(("pipeline/training/samples.py", edit)):
        planned = project.planned()
    assert set(planned) <= {"pretrain", "finetune", "predict", "score", "tables"}
    for rule in ("predict", "score"):
        assert not [job for job in planned.get(rule, ()) if "untrained" in job]


PEAK = '''

def peak(frame: PreparedFrame) -> float:
    """The highest density."""
    return float(frame.density.max())
'''


def test_a_new_metric_is_a_column_that_scoring_alone_makes(finished: Path, tmp_path: Path) -> None:
    """A function, its name, and a table that asks for it; in a copy, as sheets are scored again."""
    copy = Project(shutil.copytree(finished, tmp_path / "copy", symlinks=True))
    row = '    "CC": Metric("higher", "density", "cc"),\n'
    named = row + '    "Peak": Metric("higher", "density", "peak"),\n'
    edits = (
        ("pipeline/evaluation/metrics/conventions.py", _append(PEAK)),
        ("pipeline/evaluation/metrics/registry.py", _replace(row, named)),
        _config(lambda config: config["tables"]["table_1"]["metrics"].append("Peak")),
    )
    sheet = "results/demo/scores/mit/chance/untrained/ucf_sports.csv"
    with copy.changed(*edits):
        assert set(copy.planned()) == {"score", "tables"}
        copy.run(sheet)
    lines = (copy.folder / sheet).read_text().splitlines()
    header = next(line for line in lines if not line.startswith("#"))
    assert "Peak" in header.split(",")


READER = '''"""Gaze that somebody else recorded: in LEDOV's layout, say."""

from pipeline.datasets.ledov import read

__all__ = ["read"]
'''


def test_a_new_dataset_leaves_the_demo_as_it_is(project: Project) -> None:
    """A reader, a split sheet and a block in config.yaml, which the demo cannot draw."""

    def entered(config: dict[str, Any]) -> None:
        block = yaml.safe_load(yaml.safe_dump(config["datasets"]["ledov"]))
        for variant in block["variants"].values():
            variant["splits"] = "workflow/splits/mine.csv"
            variant["gaze"]["reader"] = "mine"
        config["datasets"]["mine"] = block

    files = {
        "pipeline/datasets/mine.py": READER,
        "workflow/splits/mine.csv": "clip,split\na,test\n",
    }
    before = sorted((project.folder / "raw").rglob("*"))
    assert before
    with project.added(files), project.changed(_config(entered)):
        assert set(project.planned()) <= {"tables"}  # whose footers name every dataset
        project.run("--until", "demo_ucf_sports", "--", "results/tables")
    assert sorted((project.folder / "raw").rglob("*")) == before
