"""Packing a small run, and a stranger's check of what was packed."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import chdir
from pathlib import Path

import pytest
import yaml

from pipeline.planning.load import complete, load
from pipeline.reporting.crate.archive import archive
from pipeline.reporting.crate.checksums import SUMS, check_sums, write_sums
from pipeline.reporting.crate.metadata import METADATA
from pipeline.reporting.crate.pack import main as pack
from pipeline.reporting.crate.recheck import main as recheck
from pipeline.runtime.errors import InputError
from pipeline.runtime.version import VERSION
from pipeline.stores.score_sheets import seal_sheet, sheet_facts
from pipeline.stores.weights import weights_digest
from tests.pipeline.reporting.crate.conftest import CLIPS, Made

pytest.importorskip("rocrate", reason="the extra crate is not installed")
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*found in sys.modules",  # stages run here in a process that has imported them
    "ignore:ConjunctiveGraph",  # the validator's library
)
SHEET = "results/demo/scores/mit/mean_map/setting_1_ucf_sports/ucf_sports.csv"
WEIGHTS = "results/demo/weights/mean_map/setting_1_ucf_sports.safetensors"


def products(crate: Path) -> dict[str, tuple[str, str]]:
    with (crate / "run/products.csv").open() as file:
        return {row["path"]: (row["digest"], row["in_the_crate"]) for row in csv.DictReader(file)}


def refused(folder: Path, *words: str) -> str:
    """The line with which packing ends."""
    with chdir(folder), pytest.raises(SystemExit) as ended:
        pack(["--config", "run=demo", *words])
    return str(ended.value)


# What is in it


def test_the_crate_holds_what_the_tables_are_made_of(packed: Path, made_run: Made) -> None:
    for name in ("README.md", "LICENSE", "CITATION.cff", "ro-crate-preview.html", "code/Snakefile"):
        assert (packed / name).is_file()
    for folder in ("results/tables", "logs/demo/fit"):
        assert sorted(path.name for path in (packed / folder).iterdir()) == sorted(
            path.name for path in (made_run.folder / folder).iterdir()
        )
    assert (packed / SHEET).read_bytes() == (made_run.folder / SHEET).read_bytes()
    seeds = json.loads((packed / "run/seeds.json").read_text())
    assert seeds["run"] == made_run.cfg.seed
    assert seeds["setting_1_ucf_sports"] == made_run.cfg.seed
    versions = (packed / "run/packages.txt").read_text().splitlines()
    assert any(line.startswith("numpy==") for line in versions)


def test_the_configuration_is_as_resolved(packed: Path, made_run: Made) -> None:
    content = yaml.safe_load((packed / "run/config.yaml").read_text())
    with chdir(made_run.folder):
        assert load(complete(content)) == made_run.cfg


def test_products_name_their_digests_and_weights_lose_their_tensors(
    packed: Path, made_run: Made
) -> None:
    found = products(packed)
    digest = weights_digest(made_run.folder / WEIGHTS)
    assert found[WEIGHTS] == (digest, "facts")
    assert weights_digest(packed / WEIGHTS) == digest
    assert (packed / WEIGHTS).stat().st_size < (made_run.folder / WEIGHTS).stat().st_size
    assert found[SHEET] == (sheet_facts(packed / SHEET)["digest"], "whole")
    assert {held for path, (_, held) in found.items() if "/frames/" in path} == {"manifest"}
    gaze = "data/demo/ucf_sports/gaze/0002.json"
    assert found[gaze][1] == "whole"
    assert (packed / gaze).with_suffix(".zarr").is_dir()


def test_metadata_name_the_run(packed: Path, made_run: Made) -> None:
    graph = {one["@id"]: one for one in json.loads((packed / METADATA).read_text())["@graph"]}
    assert graph["./"]["mainEntity"] == {"@id": "code/Snakefile"}
    action = graph["#run"]
    assert action["@type"] == "CreateAction"
    assert action["instrument"] == {"@id": "code/Snakefile"}
    assert action["object"] == {"@id": "run/config.yaml"}
    assert {"@id": "results/tables/"} in action["result"]
    assert action["startTime"] <= action["endTime"]
    assert graph["./"]["datePublished"] == action["endTime"][:10]
    assert graph["code/Snakefile"]["version"] == VERSION
    assert "agent" not in action
    table = graph["results/tables/table_1.csv"]
    assert table["contentSize"] == str((packed / table["@id"]).stat().st_size)


def test_the_readme_says_what_is_checked(packed: Path) -> None:
    text = (packed / "README.md").read_text()
    assert "| maps to scores | ucf_sports | - |" in text
    assert "drawn by the workflow" in text
    for name in ("run/seeds.json", "results/demo/scores/"):
        assert f"`{name}`" in text


# A stranger's check


def test_tables_follow_from_the_crate(crate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recheck([str(crate)])
    said = capsys.readouterr().out
    files = len([*(crate / "results/tables").iterdir()])
    assert "scores: 2 of 2 sheets came out the same" in said
    assert f"tables: {files} of {files} files came out the same" in said


def test_a_zip_is_checked_by_its_own_code_without_a_network(packed: Path, tmp_path: Path) -> None:
    """In an empty folder; nothing of this checkout is on the path."""
    zipped = tmp_path / "a.zip"
    archive(packed, zipped)
    work = tmp_path / "work"
    with zipfile.ZipFile(zipped) as content:
        content.extractall(work)
    alone = ["unshare", "-rn"] if _can_unshare() else []
    line = [sys.executable, "-P", "-m", "pipeline.reporting.crate.recheck", "."]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "code", "HOME": str(tmp_path)}
    done = subprocess.run(
        [*alone, *line], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "follow from what it holds" in done.stdout


def _can_unshare() -> bool:
    if not shutil.which("unshare"):
        return False
    return not subprocess.run(
        ["unshare", "-rn", "true"], capture_output=True, check=False
    ).returncode


def test_a_changed_file_is_named(crate: Path) -> None:
    with (crate / "results/tables/table_1.csv").open("a") as file:
        file.write("x\n")
    with pytest.raises(SystemExit, match=r"1 files differ from SHA256SUMS: .*table_1\.csv"):
        recheck([str(crate)])


def test_another_score_is_found_by_scoring_again(crate: Path) -> None:
    """Even if it was sealed, and all checksums were written again."""
    _change(crate / SHEET)
    write_sums(crate)
    with pytest.raises(SystemExit) as ended:
        recheck([str(crate)])
    lines = str(ended.value).splitlines()
    assert f"scores: {SHEET} (by 0.1 at most) came out otherwise" in lines[0]
    assert "tables: " in lines[1]


def test_another_score_is_found_by_the_tables_alone(crate: Path) -> None:
    _change(crate / SHEET)
    write_sums(crate)
    with pytest.raises(SystemExit, match=r"tables: .*table_1.* came out otherwise"):
        recheck([str(crate), "--tables"])


def _change(sheet: Path) -> None:
    """Adds 0.1 to the first CC of a sheet and seals it again."""
    facts = sheet_facts(sheet)
    _, header, *rows = sheet.read_text().splitlines()
    column = header.split(",").index("CC")
    cells = rows[0].split(",")
    cells[column] = f"{float(cells[column]) + 0.1:.6f}"
    sheet.write_text("\n".join([header, ",".join(cells), *rows[1:]]) + "\n")
    seal_sheet(sheet, facts["protocol"], facts["settings"], facts["inputs"], facts["first_frame"])


def test_no_crate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"SHA256SUMS: no such file.*make crate"):
        recheck([str(tmp_path)])


# One file


def test_an_archive_is_the_same_twice(packed: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1/a.zip", tmp_path / "2/a.zip"
    copy = tmp_path / "copy"
    shutil.copytree(packed, copy)  # with other dates
    digest = archive(packed, first)
    assert archive(copy, second) == digest
    assert first.read_bytes() == second.read_bytes()
    assert hashlib.sha256(first.read_bytes()).hexdigest() == digest
    assert (tmp_path / "1/a.zip.sha256").read_text() == f"{digest}  a.zip\n"
    with zipfile.ZipFile(first) as content:
        names = content.namelist()
        assert {info.date_time for info in content.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names == sorted(names)
    assert {METADATA, SUMS, "LICENSE", "CITATION.cff"} <= set(names)


def test_a_crate_that_changed_is_not_archived(crate: Path, tmp_path: Path) -> None:
    (crate / "LICENSE").unlink()
    with pytest.raises(InputError, match="1 files differ from SHA256SUMS: LICENSE"):
        archive(crate, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_a_reviewers_environment_may_lie_in_the_crate(crate: Path) -> None:
    count = check_sums(crate)
    for name in ("check/bin/python", "code/pipeline/__pycache__/x.pyc"):
        (crate / name).parent.mkdir(parents=True, exist_ok=True)
        (crate / name).touch()
    assert check_sums(crate) == count
    (crate / "more").touch()
    with pytest.raises(InputError, match="1 files differ from SHA256SUMS: more"):
        check_sums(crate)


# What is refused


def test_no_run_yet(tmp_path: Path) -> None:
    said = refused(tmp_path)
    assert "results/tables: no tables yet, so no run to pack; make them: make tables" in said


def test_libraries_that_are_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.reporting.crate.pack.find_spec", lambda _: None)
    said = refused(tmp_path)
    assert "rocrate and rocrate_validator: not installed; install with: pip install" in said


def test_tables_of_another_run(run: Made) -> None:
    with chdir(run.folder), pytest.raises(SystemExit, match="shows run demo, not paper"):
        pack(["--config", "run=paper"])


def test_a_run_is_also_named_by_a_file_of_keys(run: Made) -> None:
    (run.folder / "mine.yaml").write_text("run: paper\n")
    with chdir(run.folder), pytest.raises(SystemExit, match="shows run demo, not paper"):
        pack(["--configfile", "mine.yaml"])


def test_an_edited_table(run: Made) -> None:
    with (run.folder / "results/tables/table_1.csv").open("a") as file:
        file.write("x\n")
    assert "results/tables: changed since it was written: table_1.csv" in refused(run.folder)
    assert not (run.folder / "crates").exists()


def test_an_edited_sheet_of_scores(run: Made) -> None:
    sheet = run.folder / SHEET
    sheet.write_text(sheet.read_text().replace(CLIPS["test"], "Other_001"))
    assert f"{SHEET}: edited or damaged" in refused(run.folder)


def test_a_damaged_store(run: Made) -> None:
    store = run.folder / "data/demo/ucf_sports/gaze/0002.zarr"
    chunk = max(
        (path for path in store.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )
    chunk.write_bytes(chunk.read_bytes()[:-1])
    assert "gaze/0002.json: changed since it was written" in refused(run.folder)
    assert not (run.folder / "crates").exists() or not [*(run.folder / "crates").iterdir()]


def test_a_configuration_edited_since(run: Made) -> None:
    """The tables are not those that it would make now."""
    file = run.folder / "config.yaml"
    content = yaml.safe_load(file.read_text())
    content["tables"]["table_1"]["note"] = "Another note."
    file.write_text(yaml.safe_dump(content))
    said = refused(run.folder)
    assert "results/tables: not what config.yaml and the code make of this run's scores now" in said
    assert "make tables RUN=demo" in said
    assert not [*(run.folder / "crates").iterdir()]


def test_a_folder_that_is_no_crate_is_left_alone(run: Made) -> None:
    mine = run.folder / "crates/demo/mine.txt"
    mine.parent.mkdir(parents=True)
    mine.touch()
    assert "crates/demo: is there and no crate; move it away" in refused(run.folder)
    assert mine.exists()


def test_a_key_without_a_value(tmp_path: Path) -> None:
    with chdir(tmp_path), pytest.raises(SystemExit, match="no =; write KEY=VALUE"):
        pack(["--config", "demo"])
