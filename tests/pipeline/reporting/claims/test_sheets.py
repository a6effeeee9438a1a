"""The sheets of workflow/claims: what each row refers to is there, and a wrong row is one line."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from pipeline.planning import claims as planning
from pipeline.planning.claims import COLUMNS, Claim, named_tests, read_claims
from pipeline.reporting.claims.kinds import KINDS, judged
from pipeline.reporting.claims.run import Outcome, Run
from pipeline.runtime.errors import InputError
from tests.builders import ROOT
from tests.pipeline.reporting.claims.conftest import claim, configured, run_of, write_tables

SHEETS = [Path(sheet) for sheet in planning.sheets()]
CLAIMS = read_claims(SHEETS)
HEADER = ",".join(COLUMNS)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the papers that measured nothing but ran all tests."""
    folder, cfg = tmp_path_factory.mktemp("printed"), configured("paper")
    write_tables(folder / "tables", cfg, {name: {} for name in cfg.tables})
    return run_of(folder, cfg, tests={name: Outcome(passed=1) for name in named_tests(CLAIMS)})


@pytest.mark.parametrize("one", CLAIMS, ids=lambda one: one.id)
def test_what_a_row_refers_to_is_there(one: Claim, printed: Run) -> None:
    """A table, a row, a key, a model, a bench: all but what only a run makes."""
    assert judged(one, printed).verdict


@cache
def functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("test", named_tests(CLAIMS))
def test_a_named_test_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert name in functions(file)


@pytest.mark.parametrize("one", [one for one in CLAIMS if one.kind == "column"], ids=lambda o: o.id)
def test_a_named_column_is_one_of_the_statistics(one: Claim) -> None:
    from pipeline.checks.statistics import COLUMNS as KNOWN

    assert one.check.rpartition(" ")[2] in KNOWN
    assert Path(one.check.partition(":")[0]).stem in configured("paper").datasets


@pytest.mark.parametrize("one", [one for one in CLAIMS if one.kind == "paired"], ids=lambda o: o.id)
def test_a_named_gate_is_a_target(one: Claim) -> None:
    from pipeline.planning.targets import gates
    from pipeline.reporting.figures.gates import COLUMNS as KNOWN

    cfg = configured("paper")
    assert f"{cfg.pathvars['results']}/{one.check.partition(':')[0]}" in gates(cfg)
    assert {word for word in one.check.split() if word.startswith("G_T")} <= {*KNOWN}


def test_every_kind_is_used() -> None:
    assert {one.kind for one in CLAIMS} == {*KINDS}


def test_every_table_that_the_papers_print_is_judged() -> None:
    named = {one.check.partition(":")[0] for one in CLAIMS if one.kind in ("better", "rank")}
    assert {name for name in configured("paper").tables} <= named


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            claim("bettr", "table_1: Setting 1 > *", "all"),
            "no kind 'bettr'; choose one of .*better",
        ),
        (claim("better", "table_1, Setting 1", "all"), "check .* does not fit kind better; write"),
        (claim("better", "table_1: Setting 1 > *", ""), "expected '' does not fit kind better"),
        (claim("better", "table_1: Setting 1 > *", "NSS MAE"), "table_1 has no metric MAE; expect"),
        (claim("better", "table_1: Seting 1 > *", "all"), "table_1 has no row 'Seting 1'; correct"),
        (claim("printed", "table_11: Setting 1"), "config.yaml has no table table_11; correct the"),
        (claim("setting", "loss.gamma", "1"), "config.yaml has no key loss.gamma; correct the"),
        (claim("clips", "ucf: test", "43"), "config.yaml has no dataset ucf; correct the check"),
        (claim("network", "gfsalnet: gate.weight", "[1]"), "no model gfsalnet with a parameter"),
        (claim("test", "tests/test_y.py::test_y"), "has no outcome of tests/test_y.py::test_y"),
        (
            claim("bench", "bench/results/motion.md: me | NSS", "> 1"),
            "no number in table 1, row me",
        ),
        (claim("none"), "kind none without a reason; fill in the column why"),
        (claim("none", "something", "", "why"), "check 'something' does not fit kind none"),
    ],
)
def test_a_row_that_does_not_fit(wrong: Claim, message: str, printed: Run) -> None:
    with pytest.raises(InputError, match=rf"^claims\.csv: x1: .*{message}") as error:
        judged(wrong, printed)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("g1,I,It is so.,none,,\n", r"row 1: expected 7 cells, found fewer; correct"),
        ("g1,I,,none,,,why\n", r"row 1: no claim; fill it in$"),
        (",,It is so.,none,,,why\n", r"row 1: no id and no section; fill it in$"),
        ("g1,I,A,none,,,w\ng1,I,B,none,,,w\n", r"g1: this id is in .* already; choose another"),
    ],
)
def test_a_sheet_that_does_not_fit(tmp_path: Path, rows: str, message: str) -> None:
    sheet = tmp_path / "gfsalnet.csv"
    sheet.write_text(f"# Claims\n{HEADER}\n{rows}")
    with pytest.raises(InputError, match=message) as error:
        read_claims([sheet])
    assert str(error.value).startswith(str(sheet))


def test_the_digest_follows_the_tests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = planning.tests_digest()
    assert before == planning.tests_digest()
    monkeypatch.setattr(planning, "ROOT", tmp_path)
    assert planning.tests_digest() != before
    assert planning.benches() == []
