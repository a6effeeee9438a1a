"""Each kind of check, on made-up files: a verdict turns when its number is turned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config.evaluation import Coverage
from pipeline.reporting.claims.kinds import judged
from pipeline.reporting.claims.run import FAILS, HOLDS, OPEN, Finding, Outcome, Run
from pipeline.reporting.claims.tables import average_of
from tests.pipeline.reporting.claims.conftest import (
    claim,
    configured,
    run_of,
    write_tables,
)

ABOVE = {"Spatial": 0.0, "Temporal": -0.3, "Setting 1": 0.3, "Setting 2": 0.1, "SalGAN": -0.1}
TABLE_1 = {"table_1": ABOVE}


def verdict(run: Run, *of_claim: str) -> str:
    return judged(claim(*of_claim), run).verdict


def measured(folder: Path, scores: dict[str, dict[str, float]], clips: int = 12) -> Run:
    """A run of the papers with these scores."""
    cfg = configured("paper")
    write_tables(folder / "tables", cfg, scores, clips=clips)
    return run_of(folder, cfg)


def test_a_setting(paper: Run, tmp_path: Path) -> None:
    batch = ("setting", "trainings.setting_1_ucf_sports.batch", "8")
    assert judged(claim(*batch), paper) == Finding(HOLDS, "8", judged(claim(*batch), paper).files)
    other = configured("paper", trainings={"setting_1_ucf_sports": {"batch": 7}})
    found = judged(claim(*batch), run_of(tmp_path, other))
    assert (found.verdict, found.result) == (FAILS, "7")
    demo = judged(claim(*batch), run_of(tmp_path, configured("demo")))
    assert (demo.verdict, demo.result) == (OPEN, "4")
    assert "value of its own" in demo.why
    assert [file.name for file in demo.files] == ["config.yaml", "demo.yaml"]
    # What not even config.yaml has, the demo cannot excuse.
    wrong = (*batch[:2], "9")
    assert verdict(run_of(tmp_path, configured("demo")), *wrong) == FAILS


def test_several_settings_must_all_agree(paper: Run) -> None:
    both = "trainings.setting_1_hollywood2.batch | trainings.setting_1_ucf_sports.batch"
    found = judged(claim("setting", both, "16"), paper)
    assert (found.verdict, found.result) == (FAILS, "16, 8")
    assert verdict(paper, "setting", both, "> 7") == HOLDS


def test_a_setting_that_is_null(paper: Run) -> None:
    assert verdict(paper, "setting", "datasets.dhf1k.variants.paper.frames.rate", "null") == HOLDS
    assert verdict(paper, "setting", "datasets.ledov.variants.paper.frames.rate", "null") == FAILS


def test_a_run_of_the_working_folder_is_linked(
    paper: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "workflow/runs/mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("score: {protocol: mit}\n")
    monkeypatch.chdir(tmp_path)
    mine = replace(paper, cfg=paper.cfg.model_copy(update={"run": "mine"}))
    assert mine.run_file.samefile(file)


def test_clips_of_a_sheet(paper: Run, tmp_path: Path) -> None:
    assert verdict(paper, "clips", "ucf_sports: train + test", "150") == HOLDS
    assert verdict(paper, "clips", "ucf_sports: test", "43") == FAILS
    demo = judged(claim("clips", "ucf_sports: test", "47"), run_of(tmp_path, configured("demo")))
    assert (demo.verdict, demo.result) == (OPEN, "2")
    assert "the clips are those of workflow/splits/demo/ucf_sports.csv" in demo.why
    assert [file.name for file in demo.files] == ["ucf_sports.csv"]


def test_without_a_sheet_no_clip_is_counted(paper: Run) -> None:
    found = judged(claim("clips", "diem: test", "20"), paper)
    assert found.verdict == OPEN
    assert "workflow/splits/diem.csv is not there" in found.why


def test_layers_of_a_network(paper: Run, tmp_path: Path) -> None:
    gate = ("network", "gfsalnet: fusion.conv.weight")
    assert verdict(paper, *gate, "[1, 2, 1, 1]") == HOLDS
    assert verdict(paper, *gate, "[1, 2, 3, 3]") == FAILS
    narrow = ("network", "gfsalnet: appearance.channel_attention.squeeze.weight", "[24, 96]")
    assert verdict(paper, *narrow) == HOLDS
    other = configured("paper", networks={"gfsalnet": {"attention_reduction": 8}})
    found = judged(claim(*narrow), run_of(tmp_path, other))
    assert (found.verdict, found.result) == (FAILS, "[12, 96]")
    assert verdict(paper, "network", "gfsalnet: parameters", "66235575") == HOLDS


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome(passed=3), HOLDS),
        (Outcome(passed=2, failed=1, why="assert 1 == 2"), FAILS),
        (Outcome(passed=2, skipped=1, why="no data"), OPEN),
        (Outcome(), OPEN),
    ],
)
def test_tests(paper: Run, outcome: Outcome, expected: str) -> None:
    name = "tests/test_x.py::test_x"
    found = judged(claim("test", name), replace(paper, tests={name: outcome}))
    assert (found.verdict, found.why) == (expected, outcome.why)
    assert [file.name for file in found.files] == ["tests.json", "test_x.py"]
    none = judged(claim("test", name), replace(paper, tests={}, no_tests="pytest is missing"))
    assert (none.verdict, none.why) == (OPEN, "pytest is missing")


def test_paired_tests(tmp_path: Path) -> None:
    run = measured(tmp_path, TABLE_1)
    found = judged(claim("better", "table_1: Setting 1 > Spatial | Temporal", "all"), run)
    assert found.verdict == HOLDS
    assert found.result.startswith("AUC-J +0.3")
    assert "KLDiv -0.294" in found.result  # lower is better
    assert "less Spatial" in found.result
    assert found.files == (tmp_path / "tables/table_1_clips.csv",)
    assert found.printed is True
    assert verdict(run, "better", "table_1: Temporal > Spatial", "all") == FAILS
    turned = measured(tmp_path / "turned", {"table_1": ABOVE | {"Setting 1": -0.5}})
    again = judged(claim("better", "table_1: Setting 1 > Spatial | Temporal", "all"), turned)
    assert again.verdict == FAILS


def test_what_clips_do_not_tell(tmp_path: Path) -> None:
    alike = measured(tmp_path, {"table_1": {"Spatial": 0.0, "Temporal": 0.0}})
    found = judged(claim("better", "table_1: Spatial > Temporal", "NSS"), alike)
    assert (found.verdict, found.why) == (OPEN, "12 clips do not tell")
    few = measured(tmp_path / "few", TABLE_1, clips=5)
    found = judged(claim("better", "table_1: Setting 1 > Temporal", "NSS"), few)
    assert (found.verdict, found.why) == (OPEN, "5 clips do not tell; a test needs 6")


def test_every_rival_is_beaten(tmp_path: Path) -> None:
    every = ("better", "table_1: Setting 1 > *", "most")
    run = measured(tmp_path, TABLE_1)
    found = judged(claim(*every), run)
    # Our own rows are no rivals; what is not measured is named.
    assert found.verdict == HOLDS
    assert "less SalGAN" in found.result
    assert "AWS-D" in found.result
    assert found.printed is True
    assert judged(claim(*every[:2], "all"), run).printed is False  # SIM of STRA-Net is higher
    better = measured(tmp_path / "better", {"table_1": ABOVE | {"SalGAN": 0.9}})
    assert verdict(better, *every) == FAILS


def test_most_metrics_are_more_than_half(tmp_path: Path) -> None:
    run = measured(tmp_path, TABLE_1)
    sheet = tmp_path / "tables/table_1_clips.csv"
    pages = run.pages  # read before the sheet is turned
    assert "table_1" in pages
    lines = sheet.read_text().splitlines()

    def turn(metrics: tuple[str, ...]) -> None:
        turned = [
            line.replace("Setting 1", "?").replace("Spatial", "Setting 1").replace("?", "Spatial")
            if line.split(",")[2] in metrics
            else line
            for line in lines
        ]
        sheet.write_text("\n".join(turned) + "\n")

    most = ("better", "table_1: Setting 1 > Spatial", "most")
    turn(("NSS", "CC"))
    assert verdict(run, *most) == HOLDS
    turn(("NSS", "CC", "SIM"))
    assert verdict(run, *most) == FAILS


def test_ranks(tmp_path: Path) -> None:
    second = ("rank", "table_1: Setting 1", "second SIM")
    scores = ABOVE | {"STRA-Net": 0.5}
    found = judged(claim(*second), measured(tmp_path, {"table_1": scores}))
    assert (found.verdict, found.printed) == (HOLDS, True)
    assert found.result == "SIM: second of 3 measured rows"
    third = measured(tmp_path / "third", {"table_1": scores | {"ACLNet": 0.6}})
    assert verdict(third, *second) == FAILS


def test_a_table_is_averaged_as_its_own_protocol_does(paper: Run) -> None:
    """SALICON's server takes the mean over images, and UNISAL's program over clips."""
    run = replace(paper, settings=paper.settings.model_copy(update={"protocol": "unisal"}))
    assert (average_of(run, "table_3"), average_of(run, "two_stream_3")) == ("clip", "frame")


def test_printed_values(tmp_path: Path) -> None:
    run = measured(tmp_path, TABLE_1)
    found = judged(claim("printed", "table_1: Setting 1"), run)
    assert (found.verdict, found.result[:6]) == (FAILS, "0 of 5")
    # The same page with intervals around the printed values.
    folder, page = run.pages["table_1"]
    rows = tuple(
        replace(
            row,
            cells=tuple(
                replace(cell, interval=cell.printed and (cell.printed - 0.01, cell.printed + 0.01))
                for cell in row.cells
            ),
        )
        for row in page.rows
    )
    run.pages["table_1"] = folder, replace(page, rows=rows)
    assert verdict(run, "printed", "table_1: Setting 1 | Spatial") == HOLDS
    rows = (*(row for row in rows if row.method != "Spatial"), page.rows[9])
    run.pages["table_1"] = folder, replace(page, rows=rows)
    assert verdict(run, "printed", "table_1: Setting 1 | Spatial") == FAILS


def test_a_column_of_a_sheet(paper: Run) -> None:
    file = paper.results / "statistics/dhf1k.csv"
    seventeen = ("column", "statistics/dhf1k.csv: max observers", "17")
    found = judged(claim(*seventeen), paper)
    assert (found.verdict, found.files) == (OPEN, (Path("claims.csv"),))
    assert f"snakemake {file}" in found.why
    file.parent.mkdir(parents=True)
    file.write_text("clip,observers\na,17\nb,16\nc,\n")
    assert verdict(paper, *seventeen) == HOLDS
    file.write_text("clip,observers\na,17\nb,18\n")
    assert judged(claim(*seventeen), paper).result == "18 over 2 clips"
    assert verdict(paper, *seventeen) == FAILS
    assert verdict(paper, *seventeen[:2], "<= 18") == HOLDS


@pytest.mark.parametrize(
    ("moving", "second", "expected"),
    [
        (0.7, "G_T_resting", HOLDS),
        (0.3, "G_T_resting", FAILS),
        (0.5, "G_T_resting", OPEN),
        (0.7, "0.5", HOLDS),
        (0.3, "0.5", FAILS),
    ],
)
def test_two_columns(paper: Run, moving: float, second: str, expected: str) -> None:
    file = paper.results / "gates/gfsalnet/setting_2/diem.csv"
    file.parent.mkdir(parents=True)
    lines = [
        f"c{clip},{frame},{moving + 0.01 * ((clip + frame) % 3 - 1):.3f},0.5"
        for clip in range(9)
        for frame in range(clip + 1)
    ]
    lines.append("c3,99,,0.4")  # nothing moves
    file.write_text("clip,frame,G_T_moving,G_T_resting\n" + "\n".join(lines) + "\n")
    check = f"gates/gfsalnet/setting_2/diem.csv: G_T_moving > {second}"
    found = judged(claim("paired", check), paper)
    assert (found.verdict, found.files) == (expected, (file,))
    assert "over 9 clips" in found.result


def test_a_number_of_a_bench(paper: Run, tmp_path: Path) -> None:
    page = tmp_path / "bench/results/motion.md"
    page.parent.mkdir(parents=True)
    text = "# Motion\n\n| net | all |\n|---|---|\n| a | 3 |\n\n| net | NSS |\n|---|---|\n"
    run = replace(paper, root=tmp_path)
    above = ("bench", "bench/results/motion.md#2: ours | NSS", "> theirs")
    page.write_text(f"{text}| ours | 5.91 (5.8, 6.0) |\n| theirs | 3.24 |\n")
    found = judged(claim(*above), run)
    assert (found.verdict, found.result) == (HOLDS, "ours 5.91, theirs 3.24")
    page.write_text(f"{text}| ours | 3.01 (5.8, 6.0) |\n| theirs | 3.24 |\n")
    assert verdict(run, *above) == FAILS
    assert verdict(run, *above[:2], ">= 3") == HOLDS
    installed = judged(claim(*above), replace(paper, root=tmp_path / "wheel"))
    # Linked is what is there.
    assert (installed.verdict, installed.files) == (OPEN, (Path("claims.csv"),))


def test_what_nothing_checks(paper: Run) -> None:
    assert verdict(paper, "none", "", "", "no such card") == OPEN


CLAIMS = {
    "better": claim("better", "table_1: Setting 1 > Spatial", "all"),
    "rank": claim("rank", "table_1: Setting 1", "best SIM"),
    "printed": claim("printed", "table_1: Setting 1"),
}


@pytest.mark.parametrize("kind", CLAIMS)
def test_data_that_are_not_the_papers_decide_nothing(kind: str, tmp_path: Path) -> None:
    one, usual = CLAIMS[kind], measured(tmp_path, TABLE_1)
    sure = judged(one, usual)
    assert sure.verdict in (HOLDS, FAILS)
    drawn = replace(usual, cfg=usual.cfg.model_copy(update={"run": "demo"}))
    few = Coverage(
        dataset="ucf_sports", split="test", instead=None, training=None, clips=3, of=47, frames=None
    )
    settings = usual.settings
    other = usual.cfg.datasets | {"ucf_sports": configured("demo").datasets["ucf_sports"]}
    cases = {
        "the data are drawn": drawn,
        "3 of 47 test clips of ucf_sports are there": replace(
            usual, settings=settings.model_copy(update={"coverage": {"table_1": (few,)}})
        ),
        "no folder": replace(
            usual, settings=settings.model_copy(update={"left_out": {"ucf_sports": "no folder"}})
        ),
        "the clips of ucf_sports are those of": replace(
            usual,
            cfg=usual.cfg.model_copy(update={"datasets": other}),
            settings=settings.model_copy(
                update={"coverage": {"table_1": (few.model_copy(update={"clips": 47}),)}}
            ),
        ),
    }
    for why, run in cases.items():
        found = judged(one, run)
        assert (found.verdict, found.result) == (OPEN, sure.result)
        assert why in found.why


def test_rows_that_are_not_measured(tmp_path: Path) -> None:
    run = measured(tmp_path, {"table_1": {"Spatial": 0.0}})
    for one in (CLAIMS["better"], CLAIMS["rank"]):
        found = judged(one, run)
        assert (found.verdict, found.result) == (OPEN, "not measured")
    assert judged(CLAIMS["printed"], run).verdict == OPEN
