"""From the gaze to the cell: what was put in another's place, and whom verify and tables name."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from typing import Any, Literal

import pytest

from pipeline.runtime.errors import InputError
from pipeline.stores.chains import broken_links, product
from pipeline.stores.kinds import FRAMES
from pipeline.stores.manifests import read_manifest
from pipeline.stores.reading import open_parts
from pipeline.stores.score_sheets import seal_sheet
from pipeline.stores.seals import rerun
from pipeline.stores.verify import damage, verify
from tests.builders import run_python
from tests.pipeline.stores.small_run import SmallRun


def _replace(target: Path, source: Path) -> None:
    """Put another store in a store's place, with the dates of the first."""
    for ending in (".json", ".zarr"):
        there, other = target.with_suffix(ending), source.with_suffix(ending)
        date = there.stat().st_mtime_ns
        shutil.rmtree(there) if there.is_dir() else there.unlink()
        other.rename(there)
        os.utime(there, ns=(date, date))


def _found(run: SmallRun) -> list[str]:
    return verify([run.data, run.results])


def _refused(run: SmallRun) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        run.tables(run.root / "again")
    return str(ended.value.code).removeprefix("python -m pipeline.reporting.tables: ").splitlines()


def test_every_product_names_what_it_was_made_from(run: SmallRun) -> None:
    def names(path: Path) -> list[str]:
        return sorted(product(path).inputs)

    clips = ["raw/Diving-Side_001", "raw/Golf-Swing-Back_006"]
    assert names(run.made("frames")) == clips
    assert names(run.made("gaze")) == [*clips, "ucf_sports/frames/0002.json"]
    flow_weights = "model/weights/pwcnet.safetensors"
    assert names(run.made("flow")) == [flow_weights, "ucf_sports/frames/0002.json"]
    assert names(run.made("density")) == ["ucf_sports/gaze/0002.json"]
    weights = "weights/mean_map/setting_1.safetensors"
    assert names(run.saliency) == ["ucf_sports/frames/0002.json", weights]
    assert names(run.scores) == [
        "mean_map/setting_1/ucf_sports.json",
        "ucf_sports/density/0002.json",
        "ucf_sports/gaze/0002.json",
    ]


def test_the_same_inputs_give_the_same_bytes(run: SmallRun, made_run: SmallRun) -> None:
    for stage in ("frames", "flow", "gaze", "density"):
        getattr(run, stage)("0002", run.data / "ucf_sports")
        assert run.made(stage).read_bytes() == made_run.made(stage).read_bytes()
    run.fit(run.weights)
    run.predict(run.saliency)
    run.score(run.scores)
    run.tables(run.results / "tables")
    for path in (run.weights, run.saliency, run.scores, run.results / "tables/files.json"):
        assert path.read_bytes() == (made_run.root / path.relative_to(run.root)).read_bytes()
    assert _found(run) == []


def test_a_density_of_another_width_in_the_place_of_the_first(run: SmallRun) -> None:
    run.truth = run.truth.model_copy(
        update={"density": run.truth.density.model_copy(update={"sigma": 9.0})}
    )
    run.density("0002", run.root / "wide")
    _replace(run.made("density"), run.root / "wide/density/0002.json")
    message = (
        f"{run.scores}: made from another ucf_sports/density/0002.json than there is now; "
        f"{rerun(run.made('density'), run.scores)}"
    )
    assert _found(run) == [message]
    assert _refused(run) == [message]


def test_tables_of_other_scores_are_made_again_as_the_folder_that_they_are(run: SmallRun) -> None:
    """Nothing makes the list of files in it."""
    rows = run.scores.read_text().split("\n", 1)[1]
    run.scores.write_text(rows.replace("0.", "0.0", 1))
    seal_sheet(run.scores, "mit", {}, {})
    tables = run.results / "tables"
    assert _found(run) == [
        f"{tables}/files.json: made from another mean_map/setting_1/ucf_sports.csv than there is "
        f"now; {rerun(run.scores, tables)}"
    ]


def test_weights_of_the_same_shape_in_the_place_of_others(run: SmallRun) -> None:
    run.fit(run.weights, every=5)
    message = (
        f"{run.saliency}: made from another weights/mean_map/setting_1.safetensors than there is "
        f"now; {rerun(run.saliency)}"
    )
    assert _found(run) == [message]
    assert _refused(run) == [message]


def test_parts_that_took_each_others_place(run: SmallRun) -> None:
    """The clips of training would be scored."""
    for stage in ("gaze", "density"):
        first, second = run.made(stage, "0001"), run.made(stage, "0002")
        for path in (first, first.with_suffix(".zarr")):
            path.rename(path.with_name("held"))
            second.with_suffix(path.suffix).rename(path)
            path.with_name("held").rename(second.with_suffix(path.suffix))
    named = {message.split(": ")[0] for message in _found(run)}
    assert named == {str(run.made("density", "0001")), str(run.made("density")), str(run.scores)}
    assert any(line.startswith(f"{run.scores}: made from another") for line in _refused(run))


def test_manifests_that_took_each_others_place(run: SmallRun) -> None:
    first, second = run.made("frames", "0001"), run.made("frames")
    first.rename(first.with_name("held"))
    second.rename(first)
    first.with_name("held").rename(second)
    assert {message.split(": ")[0] for message in _found(run)} >= {str(first), str(second)}
    with pytest.raises(InputError, match=r"missing; rerun it: snakemake --cores 2 --forcerun"):
        open_parts(FRAMES, [first, second])


def test_another_run_below_the_same_folder_is_no_fault(run: SmallRun) -> None:
    other = SmallRun(run.root / "results/other")
    shutil.copytree(run.data, other.data)
    other.truth = run.truth.model_copy(
        update={"density": run.truth.density.model_copy(update={"sigma": 9.0})}
    )
    other.density("0002", other.data / "ucf_sports")
    assert _found(run) == []


def test_what_was_removed_is_no_broken_link(run: SmallRun) -> None:
    shutil.rmtree(run.data)
    assert verify([run.results]) == []
    assert broken_links({run.scores: product(run.scores)}) == []


@pytest.mark.parametrize("name", ["table_1.csv", "table_1.html", "index.md", "pages.json"])
@pytest.mark.parametrize("removed", [False, True])
def test_an_edited_or_removed_file_of_the_tables(run: SmallRun, name: str, removed: bool) -> None:
    file = run.results / "tables" / name
    file.unlink() if removed else file.write_text(file.read_text().replace("t", "T", 1))
    tables = run.results / "tables"
    remedy = rerun(tables, run="demo")
    assert _found(run) == [f"{tables}: changed since it was written: {name}; {remedy}"]


def test_an_edited_number_of_a_sheet_of_scores(run: SmallRun) -> None:
    lines = run.scores.read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace("0.", "9.", 1)
    run.scores.write_text("".join(lines))
    message = f"{run.scores}: edited or damaged since it was written; {rerun(run.scores)}"
    assert _found(run) == [message]
    assert _refused(run) == [message]


@pytest.mark.parametrize(("key", "value"), [("rate", 12.5), ("first", 2), ("source_width", 181)])
def test_an_edited_fact_of_a_manifest(run: SmallRun, key: str, value: float) -> None:
    manifest = run.made("frames")
    facts = next(iter(read_manifest(manifest)["clips"].values()))
    text = manifest.read_text()
    edited = text.replace(f'"{key}": {facts[key]}', f'"{key}": {value}', 1)
    assert edited != text
    manifest.write_text(edited)
    (message,) = _found(run)
    assert message == (f"{manifest}: edited or damaged since it was written; {rerun(manifest)}")
    with pytest.raises(SystemExit, match="edited or damaged"):
        run.gaze("0002", run.root / "again")


def test_verify_lists_all_that_is_damaged_and_nothing_else(run: SmallRun) -> None:
    spoilt = [run.made("flow"), run.made("density", "0001"), run.weights, run.saliency, run.scores]
    for path in (*spoilt, run.checkpoint.path):
        with path.open("r+b") as file:
            file.seek(-3, os.SEEK_END)
            file.write(b"\x07")
    done = run_python("-m", "pipeline.stores.verify", cwd=run.root)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    named = {line.split(": ")[0] for line in lines}
    assert named == {str(p.relative_to(run.root)) for p in (*spoilt, run.checkpoint.path)}
    assert len(lines) == len(named)
    assert all("snakemake --cores 2 --forcerun" in line or "remove it" in line for line in lines)


@pytest.mark.parametrize("stage", ["frames", "flow", "gaze", "density"])
def test_the_store_that_is_damaged_is_the_one_that_is_blamed(run: SmallRun, stage: str) -> None:
    """Also in folders that Snakemake marked, and by a stage that reads four of them."""
    for folder in run.data.rglob("*.zarr"):
        (folder / ".snakemake_timestamp").touch()
    manifest = run.made(stage)
    chunk = max(manifest.with_suffix(".zarr").rglob("0"), key=lambda path: path.is_file())
    content = bytearray(chunk.read_bytes())
    content[len(content) // 3] ^= 1
    chunk.write_bytes(content)
    paths = [run.made(name) for name in ("frames", "flow", "gaze", "density")]
    message = damage(paths)
    assert message.startswith(f"{manifest}: ")
    assert message.endswith(f"; {rerun(manifest)}")
    with pytest.raises(SystemExit, match=f"{rerun(manifest)}"):
        run.statistics(run.root / "s.csv") if stage != "gaze" else run.score(run.root / "s.csv")


def test_a_path_that_is_not_there_is_said() -> None:
    done = run_python("-m", "pipeline.stores.verify", "absent")
    assert done.returncode == 1
    assert "absent: no such file or folder; check the path" in done.stderr


@pytest.mark.parametrize(
    ("stage", "reader", "raw"),
    [("frames", "probe", "videos/*.avi"), ("gaze", "read_gaze", "gaze_ucfsa/samples/*.txt")],
)
def test_a_raw_file_that_changes_while_its_job_reads_it(
    run: SmallRun,
    monkeypatch: pytest.MonkeyPatch,
    stage: Literal["frames", "gaze"],
    reader: str,
    raw: str,
) -> None:
    """It is still copied, or replaced by another: neither is a damaged clip."""
    module = importlib.import_module(f"pipeline.preprocessing.{stage}")
    read, files = getattr(module, reader), sorted((run.root / "raw/ucf_sports").glob(raw))
    assert files

    def slow(*arguments: Any, **options: Any) -> Any:
        found = read(*arguments, **options)
        for file in files:
            file.write_bytes(file.read_bytes() + b" ")
        return found

    monkeypatch.setattr(module, reader, slow)
    settings = getattr(run.truth, stage).model_copy(update={"damaged": "leave_out"})
    run.truth = run.truth.model_copy(update={stage: settings})
    with pytest.raises(SystemExit, match=r"changed while it was read; rerun, once") as ended:
        getattr(run, stage)("0002", run.root / "again")
    assert "\n" not in str(ended.value.code)
    assert not list((run.root / "again" / stage).iterdir())


def test_verify_waits_for_no_pipe_and_names_what_score_folder_wrote(run: SmallRun) -> None:
    for name in ("results/a.csv", "results/a.json", "results/checkpoints/x/y/state.pt"):
        (run.root / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(run.root / name)
    assert _found(run) == []
    sheet = run.results / "given/maps/ucf_sports/mit.csv"
    sheet.parent.mkdir(parents=True)
    sheet.write_text(run.scores.read_text().replace("0.", "0.0", 1))
    (message,) = _found(run)
    assert message.startswith(f"{sheet}: edited or damaged since it was written; score its maps")


@pytest.mark.parametrize(
    ("targets", "command"),
    [
        (["results/tables"], "it: snakemake --cores 2 --forcerun results/tables -- results/tables"),
        (
            ["data/part/dhf1k/gaze/0002.json", "results/part/scores/mit/a.csv"],
            "both: snakemake --cores 2 --config run=part --forcerun "
            "data/part/dhf1k/gaze/0002.json results/part/scores/mit/a.csv "
            "-- results/part/scores/mit/a.csv",
        ),
    ],
)
def test_the_remedy_is_a_command_that_runs(targets: list[str], command: str) -> None:
    assert rerun(*map(Path, targets)) == f"rerun {command}"
