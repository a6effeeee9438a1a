"""The transcribed tables of the paper."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipeline.metrics import METRICS
from pipeline.tables import read_published

FOLDER = Path(__file__).parents[2] / "workflow" / "published"
ROWS = {1: 13, 2: 14, 3: 12, 4: 14, 5: 5, 6: 5, 7: 6, 8: 6, 9: 6}
RANGES = {"AUC-J": (0.6, 1), "CC": (0.1, 0.6), "NSS": (0.5, 3.5), "SIM": (0.1, 0.5)}
RANGES["KLDiv"] = (1, 4)

# What the paper underlines: "the second best".
UNDERLINED = {
    1: "Spatial NSS, Temporal NSS, Setting 1 SIM, Setting 2 AUC-J, Setting 2 CC, Setting 2 KLDiv",
    2: "STRA-Net NSS, STRA-Net SIM, Setting 1 AUC-J, Setting 1 KLDiv, Setting 2 CC",
    3: "Setting 1 AUC-J",
    4: "Setting 1 CC, Setting 1 SIM, Setting 2 AUC-J",
    5: "TASED-Net AUC-J, TASED-Net CC, TASED-Net NSS, TASED-Net KLDiv, Ours SIM",
    6: "STRA-Net SIM, TASED-Net KLDiv, Ours AUC-J, Ours CC, Ours NSS, Ours SIM",
    7: "w/o spatial attention SIM, w/o channel-wise attention CC, w/o channel-wise attention NSS, "
    "w/o gated fusion AUC-J, w/o gated fusion KLDiv",
    8: "w/o spatial attention SIM, w/o multi-level information NSS, "
    "w/o multi-level information KLDiv, full model AUC-J, full model CC",
    9: "w/o spatial attention SIM, w/o channel-wise attention AUC-J, "
    "w/o channel-wise attention NSS, full model CC, full model KLDiv",
}

# Underlined in the text, yet not second: third or worse, or level with the best.
NOT_SECOND = {
    (1, "Temporal NSS"),
    (2, "Setting 1 AUC-J"),
    (4, "Setting 1 SIM"),
    (5, "TASED-Net AUC-J"),
    (5, "TASED-Net KLDiv"),
}


def sheet(number):
    return {row.method: row for row in read_published(FOLDER / f"table_{number}.csv")}


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


def test_the_full_model_of_table_7_is_setting_1_of_table_1():
    assert sheet(7)["full model"].values == sheet(1)["Setting 1"].values


@pytest.mark.parametrize("number", ROWS)
def test_underlined_values_are_second_best(number):
    rows, found = sheet(number), set()
    for mark in UNDERLINED[number].split(", "):
        method, metric = mark.rsplit(" ", 1)
        values = {row.values[metric] for row in rows.values() if metric in row.values}
        ranking = sorted(values, reverse=METRICS[metric] == "higher")
        if rows[method].values[metric] != ranking[1]:
            found.add((number, mark))
    assert found == {entry for entry in NOT_SECOND if entry[0] == number}
