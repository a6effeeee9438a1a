"""The transcribed tables of both papers."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from pipeline.planning.load import configured
from pipeline.reporting.published import disagreements, read_marks, read_published
from tests.builders import ROOT

METRICS = ("AUC-J", "CC", "NSS", "SIM", "KLDiv")
FOLDER = Path(__file__).parents[3] / "workflow" / "published"
ROWS = {1: 13, 2: 14, 3: 12, 4: 14, 5: 5, 6: 5, 7: 6, 8: 6, 9: 6}
RANGES = {"AUC-J": (0.6, 1), "CC": (0.1, 0.6), "NSS": (0.5, 3.5), "SIM": (0.1, 0.5)}
RANGES["KLDiv"] = (1, 4)
PREDECESSOR = {  # rows and columns
    1: (5, ["sAUC", "chi-square"]),
    2: (5, ["sAUC", "chi-square"]),
    3: (7, ["AUC", "sAUC", "CC"]),
}

# Underlined in the paper's text, yet not second: third or worse, or level with the best.
NOT_SECOND = {
    ("table_1", "Temporal", "NSS"),
    ("table_2", "Setting 1", "AUC-J"),
    ("table_4", "Setting 1", "SIM"),
    ("table_5", "TASED-Net", "AUC-J"),
    ("table_5", "TASED-Net", "KLDiv"),
}
# Second by the numbers, yet not underlined, or its underline lost.
NOT_MARKED = {
    ("table_2", "TASED-Net", "AUC-J"),
    ("table_3", "STRA-Net", "CC"),
    ("table_3", "SalEMA", "NSS"),
    ("table_3", "TASED-Net", "SIM"),
    ("table_4", "ACLNet", "NSS"),
    ("table_4", "ACLNet", "KLDiv"),
    ("table_4", "STRA-Net", "SIM"),
    ("table_5", "ACLNet", "AUC-J"),
    ("table_5", "ACLNet", "KLDiv"),
}


def sheet(number, paper="table"):
    return {row.method: row for row in read_published(FOLDER / f"{paper}_{number}.csv")}


@pytest.mark.parametrize("number", ROWS)
def test_rows_and_columns(number):
    lines = (FOLDER / f"table_{number}.csv").read_text().splitlines()
    assert lines[0].startswith("# Table ")
    header, *cells = csv.reader(line for line in lines if not line.startswith("#"))
    metrics = [*METRICS][:4] if number == 3 else [*METRICS]
    assert header == ["group", "method", "deep", *metrics]
    assert {len(line) for line in cells} == {len(header)}
    assert len(sheet(number)) == len(cells) == ROWS[number]


@pytest.mark.parametrize("number", ROWS)
def test_values_are_plausible(number):
    for row in sheet(number).values():
        for metric, value in row.values.items():
            low, high = RANGES[metric]
            assert low < value < high, (row.method, metric)


def test_only_the_two_unreadable_cells_are_missing():
    missing = {
        (number, row.method, metric)
        for number in ROWS
        for row in sheet(number).values()
        for metric in METRICS
        if metric not in row.values and (number, metric) != (3, "KLDiv")
    }
    assert missing == {(3, "OM-CNN", "SIM"), (4, "OM-CNN", "KLDiv")}


@pytest.mark.parametrize(
    ("number", "groups"),
    [
        (1, {"Static": 1, "Dynamic": 8, "Ours (Single)": 2, "Ours (Gated)": 2}),
        (2, {"Static": 1, "Dynamic": 9, "Ours (Single)": 2, "Ours (Gated)": 2}),
        (3, {"Static": 1, "Dynamic": 9, "Ours (Gated)": 2}),
        (4, {"Static": 1, "Dynamic": 9, "Ours (Single)": 2, "Ours (Gated)": 2}),
        *((number, {"": ROWS[number]}) for number in range(5, 10)),
    ],
)
def test_groups(number, groups):
    found = [row.group for row in sheet(number).values()]
    assert {group: found.count(group) for group in dict.fromkeys(found)} == groups


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_starred_methods_are_not_deep(number):
    shallow = [row.method for row in sheet(number).values() if not row.deep]
    assert shallow == ["PQFT", "Fang et al.", "AWS-D"]


@pytest.mark.parametrize(
    ("number", "method", "values"),
    [
        (1, "Setting 1", [0.914, 0.526, 3.333, 0.382, 1.516]),
        (2, "TASED-Net", [0.916, 0.570, 3.324, 0.471, 2.740]),
        (2, "Temporal", [0.898, 0.489, 2.581, 0.362, 1.468]),
        (3, "OM-CNN", [0.856, 0.344, 1.911]),
        (3, "Setting 2", [0.895, 0.457, 2.528, 0.321]),
        (4, "OM-CNN", [0.847, 0.464, 2.037, 0.381]),
        (4, "Setting 2", [0.874, 0.525, 2.228, 0.421, 1.176]),
        (5, "Ours", [0.857, 0.460, 1.814, 0.395, 1.305]),
        (6, "Ours", [0.892, 0.457, 2.190, 0.370, 1.485]),
        (8, "w/o spatial & ch.-wise attention", [0.820, 0.310, 1.487, 0.297, 2.906]),
        (9, "full model", [0.827, 0.380, 1.531, 0.345, 1.511]),
    ],
)
def test_spot_values(number, method, values):
    assert [*sheet(number)[method].values.values()] == values


@pytest.mark.parametrize("number", PREDECESSOR)
def test_rows_and_columns_of_the_predecessor(number):
    rows, metrics = PREDECESSOR[number]
    found = sheet(number, "two_stream")
    assert len(found) == rows
    for row in found.values():
        assert [*row.values] == metrics
        for metric, value in row.values.items():
            low, high = {"chi-square": (0.2, 0.6), "CC": (0.1, 0.7)}.get(metric, (0.6, 0.9))
            assert low < value < high, (row.method, metric)


def test_the_predecessor_tells_what_is_deep():
    shallow = [[m for m, row in sheet(n, "two_stream").items() if not row.deep] for n in (1, 2, 3)]
    assert shallow == [
        [],
        ["Rudoy", "GBVS", "PQFT", "Hou and Zhang"],
        ["Rare 2012 Improved", "Xindian", "GBVS", "Itti"],
    ]


@pytest.mark.parametrize(
    ("number", "method", "values"),
    [
        (1, "Spatial Stream", [0.69, 0.48]),
        (1, "Early Fusion", [0.83, 0.29]),
        (2, "GBVS", [0.70, 0.47]),
        (2, "Hou and Zhang", [0.64, 0.57]),
        (3, "Early Fusion", [0.84, 0.73, 0.59]),
        (3, "Deep Conv", [0.85, 0.72, 0.62]),
        (3, "Itti", [0.66, 0.61, 0.20]),
    ],
)
def test_spot_values_of_the_predecessor(number, method, values):
    assert [*sheet(number, "two_stream")[method].values.values()] == values


def test_the_augmented_row_of_the_predecessor_stands_in_both_tables():
    first, second = (sheet(number, "two_stream") for number in (1, 2))
    augmented = first["Early Fusion w/ Augmentation"].values
    assert augmented == second["Early Fusion w/ Aug."].values


def test_the_full_model_of_table_7_is_setting_1_of_table_1():
    assert sheet(7)["full model"].values == sheet(1)["Setting 1"].values


def test_marks_are_on_values_that_are_there():
    marks = read_marks(FOLDER / "marks.csv")
    assert len(marks) == 41
    assert {*marks.values()} == {"second"}
    for name, method, metric in marks:
        assert metric in sheet(name.removeprefix("table_"))[method].values


def test_marks_follow_from_the_numbers_but_for_these():
    found = {(one.table, one.method, one.metric): one for one in disagreements(FOLDER)}
    assert {key for key, one in found.items() if one.marked} == NOT_SECOND
    assert {key for key, one in found.items() if not one.marked} == NOT_MARKED
    assert found["table_5", "TASED-Net", "AUC-J"].derived == "best"
    assert str(found["table_1", "Temporal", "NSS"]) == (
        "Temporal NSS 2.535: marked second, is neither"
    )


@pytest.mark.shared
def test_marks_are_the_underlines_of_the_papers_text():
    paper = FOLDER.parents[2] / "shared" / "papers" / "gated_fusion_network.txt"
    if not paper.is_file():
        pytest.skip(f"{paper} is not there")
    underlined = re.findall(r"<u>([\d.]+)</u>", paper.read_text())
    marks = read_marks(FOLDER / "marks.csv")
    values = [sheet(name[6:])[method].values[metric] for name, method, metric in marks]
    assert sorted(map(float, underlined)) == sorted(values)


@pytest.mark.shared
@pytest.mark.parametrize("number", PREDECESSOR)
def test_the_predecessors_numbers_are_those_of_its_text(number):
    paper = FOLDER.parents[2] / "shared" / "papers" / "two_stream_networks.txt"
    if not paper.is_file():
        pytest.skip(f"{paper} is not there")
    lines = paper.read_text().splitlines()
    ends = [
        next(i for i, line in enumerate(lines) if line.startswith(f"Table {n}."))
        for n in range(1, number + 1)
    ]
    # Captions stand below; each number on a line of its own.
    begin = ends[-2] if number > 1 else ends[-1] - 40
    printed = [line for line in lines[begin : ends[-1]] if re.fullmatch(r"0\.\d\d", line)]
    rows = sheet(number, "two_stream").values()
    transcribed = [value for row in rows for value in row.values.values()]
    assert sorted(map(float, printed)) == sorted(transcribed)


def test_readme_counts_the_printed_rows_that_something_measures() -> None:
    """Of the paper's run: by a network, a model of another kind or, where they are, weights."""
    cfg = configured("paper")
    printed, measured = 0, 0
    for name, table in cfg.tables.items():
        for row in read_published(ROOT / f"workflow/published/{name}.csv"):
            printed += 1
            measured += row.method in table.measured
            assert (row.method in table.measured) != (row.method in cfg.quoted), row.method
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"Of the {printed} rows that the papers print, {measured} are measured" in readme
