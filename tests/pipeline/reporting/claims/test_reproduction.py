"""The page of all claims, the sheet beside it, and the run of the tests that claims name."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pipeline.planning.claims import COLUMNS, named_tests, read_claims, sheets
from pipeline.reporting.claims.kinds import judged
from pipeline.reporting.claims.reproduction import VERDICTS, reproduction
from pipeline.reporting.claims.run import FAILS, HOLDS, OPEN, Outcome
from pipeline.reporting.claims.run_tests import ran, run_tests
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows
from tests.builders import ROOT
from tests.pipeline.reporting.claims.conftest import configured, run_of, write_tables
from tests.pipeline.reporting.conftest import Html

ROWS = """\
g1,I,"Motion < looks & more.",better,table_1: Setting 1 > Spatial,all,
g2,I,A batch has 8 frames.,setting,trainings.setting_1_ucf_sports.batch,8,
g3,II,It is fast.,none,,,no such card
g4,II,It is tested.,test,tests/model/test_losses.py::test_kl_is_equation_4,,
"""


def arguments(folder: Path, run: str, rows: str = ROWS) -> dict[str, Any]:
    """What the stage is called with, for a sheet of these rows."""
    sheet, cfg = folder / "gfsalnet.csv", configured(run)
    folder.mkdir(parents=True, exist_ok=True)
    sheet.write_text(f"{','.join(COLUMNS)}\n{rows}")
    outcomes = {name: asdict(Outcome(passed=2)) for name in named_tests(read_claims([sheet]))}
    (folder / "tests.json").write_text(json.dumps({"why": "", "tests": outcomes}))
    write_tables(folder / "tables", cfg, {"table_1": {"Setting 1": 0.3, "Spatial": 0.0}})
    made = run_of(folder, cfg)
    return {
        "sheets": [sheet],
        "config": json.loads(made.cfg.model_dump_json(exclude_unset=True)),
        "settings": made.settings.model_copy(update={"run": run}),
        "tables": folder / "tables",
        "tests": folder / "tests.json",
        "page": folder / "results/reproduction.html",
        "sheet": folder / "results/reproduction.csv",
    }


def made(given: dict[str, Any]) -> tuple[Html, list[dict[str, str]]]:
    reproduction(**given)
    return Html(given["page"].read_text()), read_rows(given["sheet"])


def test_every_claim_has_a_verdict_and_a_file(tmp_path: Path) -> None:
    page, lines = made(given := arguments(tmp_path, "paper"))
    assert [line["verdict"] for line in lines] == [HOLDS, HOLDS, OPEN, HOLDS]
    assert [line["printed"] for line in lines] == ["yes", "", "", ""]
    for line in lines:
        assert line["files"]
        for address in line["files"].split():
            assert (given["page"].parent / address).resolve().is_file()
            assert address in page.values("href")
    text = re.sub(r"\s+", " ", page.text)
    assert "Motion < looks & more." in text
    assert "no such card" in text
    assert "test: test_kl_is_equation_4" in text
    assert "mit (rudoy in two_stream_1, two_stream_2; salicon_challenge in two_stream_3)" in text
    assert "2 passed" in text


def test_the_counts_are_those_of_the_lines(tmp_path: Path) -> None:
    page, lines = made(arguments(tmp_path, "paper"))
    found = Counter(line["verdict"] for line in lines)
    (total,) = [row[1:] for row in page.rows if row and row[0] == "both"]
    assert total == [*(str(found[verdict]) for verdict in VERDICTS), str(len(lines))]


def test_a_verdict_turns_with_its_number(tmp_path: Path) -> None:
    given = arguments(tmp_path, "paper")
    assert made(given)[1][0]["verdict"] == HOLDS
    cfg = configured("paper")
    write_tables(tmp_path / "tables", cfg, {"table_1": {"Setting 1": -0.3, "Spatial": 0.0}})
    _, lines = made(given)
    assert lines[0]["verdict"] == FAILS
    assert '<a href="#g1">g1</a>.' in re.sub(r"\s+", " ", given["page"].read_text())


def test_the_demo_says_that_its_data_are_drawn(tmp_path: Path) -> None:
    page, lines = made(arguments(tmp_path, "demo"))
    assert [line["verdict"] for line in lines] == [OPEN, OPEN, OPEN, HOLDS]
    assert lines[0]["why"] == "of other data: the data are drawn"
    assert "AUC-J +0.298" in lines[0]["result"]
    assert "The data of this run are drawn" in page.text
    assert "drawn" not in made(arguments(tmp_path / "paper", "paper"))[0].text


def test_the_page_stands_alone(tmp_path: Path) -> None:
    page, _ = made(given := arguments(tmp_path, "paper"))
    names = page.values("id")
    assert len(names) == len({*names})
    assert {one for value in page.values("aria-labelledby") for one in value.split()} <= {*names}
    links = [value for value in page.values("href") if value.startswith("#")]
    assert {link.removeprefix("#") for link in links} <= {*names}
    assert not {"script", "link", "img"} & {tag for tag, _ in page.tags}
    assert not re.search(r"url\(|@import|https?://", given["page"].read_text())
    before = given["page"].read_bytes(), given["sheet"].read_bytes()
    made(given)
    assert (given["page"].read_bytes(), given["sheet"].read_bytes()) == before


@pytest.mark.parametrize(
    "text", ["", "[]", '{"tests": {}}', '{"why": "", "tests": {"a": {"passed": "many"}}}']
)
def test_outcomes_that_are_none(tmp_path: Path, text: str) -> None:
    given = arguments(tmp_path, "paper")
    given["tests"].write_text(text)
    with pytest.raises(InputError, match=r"tests\.json: no outcomes of tests .* --force"):
        reproduction(**given)


def test_settings_and_layers_are_the_papers_but_for_those_that_say_why(tmp_path: Path) -> None:
    run = run_of(tmp_path, configured("paper"))
    claims = [one for one in read_claims(map(Path, sheets())) if one.kind in ("setting", "network")]
    failed = {one.id for one in claims if judged(one, run).verdict != HOLDS}
    assert failed == {"t026"}  # why is in its row


@pytest.mark.shared
@pytest.mark.parametrize("paper", ["gated_fusion_network", "two_stream_networks"])
def test_claims_are_in_words_of_our_own(paper: str) -> None:
    """Of no claim do eight words in a row stand in the paper."""
    file = ROOT.parent / f"shared/papers/{paper}.txt"
    if not file.is_file():
        pytest.skip("the papers are not beside the checkout")
    said = " ".join(re.findall(r"[a-z0-9]+", file.read_text().lower()))
    for one in read_claims(map(Path, sheets())):
        words = re.findall(r"[a-z0-9]+", one.claim.lower())
        runs = [" ".join(words[i : i + 8]) for i in range(len(words) - 7)]
        assert [run for run in runs if f" {run} " in said] == []


TESTS = """\
import pytest

@pytest.mark.parametrize("x", [1, 2])
def test_good(x): pass

@pytest.mark.parametrize("x", [1, 2])
def test_bad(x): assert x == 1, "two is\\nno one"

def test_absent(): pytest.skip("no data")
"""


def test_tests_are_run(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_it.py").write_text(TESTS)
    names = [f"tests/test_it.py::test_{name}" for name in ("good", "bad", "absent")]
    found = ran(names, [], tmp_path)
    assert [(one.passed, one.failed, one.skipped) for one in found.values()] == [
        (2, 0, 0),
        (1, 1, 0),
        (0, 0, 1),
    ]
    good, bad, absent = (found[name].why for name in names)
    assert (good, absent) == ("", "no data")
    assert "two is no one" in bad
    with pytest.raises(InputError, match=r"s\.csv: not found: .*test_none; correct the column"):
        ran(["tests/test_it.py::test_none"], [Path("s.csv")], tmp_path)


def test_without_tests_or_pytest_the_reason_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet, outcomes = tmp_path / "gfsalnet.csv", tmp_path / "tests.json"
    sheet.write_text(f"{','.join(COLUMNS)}\n{ROWS}")
    module = "pipeline.reporting.claims.run_tests"
    monkeypatch.setattr(f"{module}.find_spec", lambda _: None)
    run_tests(sheets=[sheet], outcomes=outcomes)
    assert "pip install" in json.loads(outcomes.read_text())["why"]
    monkeypatch.setattr(f"{module}.ROOT", tmp_path)
    run_tests(sheets=[sheet], outcomes=outcomes)
    assert json.loads(outcomes.read_text()) == {
        "why": "an installed copy has no tests; run this target in a checkout",
        "tests": {},
    }
