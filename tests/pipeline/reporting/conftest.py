"""Small made-up scores of a table, and what reads the pages made of them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from pipeline.config.evaluation import TablesSettings
from pipeline.reporting.means import Measurement, read_scores, summarise
from pipeline.reporting.tables import tables
from pipeline.stores.score_sheets import seal_sheet

UNCHECKED: dict[str, Any] = {"made": [], "expected": {}, "tested": [], "trained": []}
"""Arguments of `tables` where no store is behind the scores."""

FIVE = ["AUC-J", "CC", "NSS", "SIM", "KLDiv"]
HEADER = "# protocol: mit\nclip,frame,AUC-J,CC,NSS,SIM,KLDiv,status"
# Two clips of unequal length; means over frames and over clips differ.
SETTING_1 = """\
001,0,0.9,0.5,3.0,0.4,1.5,ok
001,1,0.8,0.5,3.0,0.4,1.5,ok
001,2,0.7,0.5,3.0,0.4,1.5,ok
001,3,,0.1,,0.1,2.5,AUC-J=no_fixation NSS=no_fixation
NA,0,0.2,0.1,1.0,0.2,2.5,ok
NA,1,0.3,,2.0,0.0,0.0,CC=empty_density SIM=empty_density KLDiv=empty_density"""
CONSTANT = " ".join(f"{metric}=constant_prediction" for metric in FIVE)
SETTING_2 = SETTING_1.replace("001,2,0.7,0.5,3.0,0.4,1.5,ok", f"001,2,0.5,,,,1.5,{CONSTANT}")
MANY = "\n".join(
    line.replace("001,", f"{clip:03},") for clip in range(6) for line in SETTING_1.splitlines()[:4]
)
"""Six clips, the fewest that have intervals."""
CENTRE = SETTING_1.replace(",0.5,", ",0.3,")
PUBLISHED = """\
# Table I
group,method,deep,AUC-J,CC,NSS,SIM,KLDiv
Static,SalGAN,yes,0.869,0.389,2.074,0.258,2.169
Dynamic,Fang & al.,no,0.879,0.387,2.319,,2.012
Ours (Gated),Setting 1,yes,0.914,0.526,3.333,,1.516
Ours (Gated),Setting 2,yes,0.911,0.499,2.980,0.353,1.568
"""
VOID = {"meta", "img", "input"}
"""Elements that have no end tag."""


class Html(HTMLParser):
    """Elements, text and table cells of a page, whose tags must nest."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.open, self.rows, self.tags, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & {*self.open}:
            self.text += data
        if {"td", "th"} & {*self.open}:
            self.rows[-1][-1] += data if self.open[-1] != "small" else f" ({data})"

    def values(self, attribute):
        return [attrs[attribute] for _, attrs in self.tags if attribute in attrs]

    def table(self, heading):
        """First cell -> the others, of the table whose head begins with that."""
        heads = [i for i, row in enumerate(self.rows) if row[0] in ("Method", "Difference", "Clip")]
        ends = [*heads[1:], len(self.rows)]
        first, last = next(
            ends for ends in zip(heads, ends, strict=True) if self.rows[ends[0]][0] == heading
        )
        return {row[0]: row[1:] for row in self.rows[first:last]}


def settings(**changes: Any) -> TablesSettings:
    """Settings of one table, of which some are changed."""
    rows = {
        "Setting 1": {"model": "gfsalnet", "training": "setting_1"},
        "Setting 2": {"model": "gfsalnet", "training": "setting_2"},
    }
    table = {
        "title": "Comparison on UCF-Sports",
        "dataset": "ucf_sports",
        "metrics": FIVE,
        "measured": rows,
        "note": "Forty-three < forty-seven.",
    }
    defaults = {
        "run": "demo",
        "results": "",
        "protocol": "mit",
        "seed": 7,
        "config_digest": "c0ffee00",
        "code": "0123456789abcdef",
        "sanity": {"Centre bias": "centre_bias"},
        "datasets": {"ucf_sports": {"variant": "paper", "split": "test", "meta": False}},
        "tables": {"table_1": table},
        "left_out": {},
        "lacking": {},
        "quoted": {},
        "coverage": {},
        "observed": [],
        "flows": {"gfsalnet": "PWC-Net (weights mine.pth, SHA-256 01234567..., float32)"},
    }
    return TablesSettings.model_validate(defaults | changes)


def write_scores(folder, key, rows, header=HEADER):
    """A sheet of scores of a model and training, `key`, below a folder."""
    path = folder / "scores" / key / "ucf_sports.csv"
    path.parent.mkdir(parents=True)
    return sealed(path, rows, header)


def sealed(path, rows, header=HEADER):
    """A sheet of scores with these rows, as stage score would have written it."""
    first, _, columns = header.partition("\n")
    path.write_text(f"{columns}\n{rows}\n")
    seal_sheet(path, first.removeprefix("# protocol: "), {"seed": 7}, {})
    return path


def summary(path, average="frame", name="mit") -> Measurement:
    """What a sheet of scores comes to."""
    return summarise(read_scores(path, name), average, seed=7)


@pytest.fixture
def scores(tmp_path):
    return [
        write_scores(tmp_path, "gfsalnet/setting_1", SETTING_1),
        write_scores(tmp_path, "gfsalnet/setting_2", SETTING_2),
        write_scores(tmp_path, "centre_bias/untrained", CENTRE),
    ]


@pytest.fixture
def published(tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "table_1.csv").write_text(PUBLISHED)
    return folder


@pytest.fixture
def made(scores, published, tmp_path):
    """Writes the tables with some settings changed; returns their folder."""

    def make(tested=(), **changes):
        out = tmp_path / "out"
        tables(
            scores=scores,
            **UNCHECKED | {"tested": [*tested]},
            published=published,
            out=out,
            settings=settings(**changes),
        )
        return out

    return make
