"""Split sheets that say what cannot be, each refused in one message that names the sheet."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.stores.reading import open_store
from tests.spoiling import LAYOUT, Case, content, refusals, remove, sheet
from tests.workbench import DIEM, SHEET, UCF, Bench

CASES = [
    Case(
        "split that is none",
        "ucf_sports",
        "demo",
        sheet("clip,split", f"{UCF},validation"),
        SHEET,
        ("row 1", "split 'validation'", "use one of train, val, test"),
    ),
    Case(
        "clip listed twice",
        "ucf_sports",
        "demo",
        sheet("clip,split", f"{UCF},test", f"{UCF},test"),
        SHEET,
        (f"{UCF} is listed twice", "remove a row"),
    ),
    Case(
        "clip in two splits",
        "ucf_sports",
        "demo",
        sheet("clip,split", f"{UCF},train", f"{UCF},test"),
        SHEET,
        ("under train and test", "remove a row"),
    ),
    Case(
        "blank clip name",
        "ucf_sports",
        "demo",
        sheet("clip,split", " ,test"),
        SHEET,
        ("' ' cannot be a clip", "expected the name of its raw file"),
    ),
    *(
        Case(
            f"clip name with a path: {name}",
            "ucf_sports",
            "demo",
            sheet("clip,split", f"{name},test"),
            SHEET,
            (f"{name!r} cannot be a clip", "no slash"),
        )
        for name in ("../secret", "/etc/passwd", "a\\b")
    ),
    Case(
        "frames that are no numbers",
        "ucf_sports",
        "demo",
        sheet("clip,split,first,last", f"{UCF},test,one,9"),
        SHEET,
        ("row 1", "'one'", "first and last are frame numbers"),
    ),
    Case(
        "last frame before the first",
        "ucf_sports",
        "demo",
        sheet("clip,split,first,last", f"{UCF},test,9,3"),
        SHEET,
        ("frames 9 to 3", "count from 1"),
    ),
    Case(
        "sheet without a clip",
        "ucf_sports",
        "demo",
        sheet("# nothing yet", "clip,split"),
        SHEET,
        ("no clip listed", "add a row"),
    ),
    Case(
        "sheet with another header",
        "ucf_sports",
        "demo",
        sheet("video;split", f"{UCF};test"),
        SHEET,
        ("no column clip", "the header must have clip,split"),
    ),
    Case(
        "sheet that is no UTF-8",
        "ucf_sports",
        "demo",
        content(SHEET, b"clip,split\nL\xe4ufer,test\n"),
        SHEET,
        ("save it as UTF-8",),
    ),
    Case(
        "missing sheet", "ucf_sports", "demo", remove(SHEET), SHEET, ("no such split sheet", LAYOUT)
    ),
]


test_one_message_and_nothing_left = refusals(CASES)


STRANGE_NAMES = (
    *("Läufer_001", "走る犬", "two words", 'it\'s "50%" #1', "-rf", "a.b", "x" * 120),
    *('#first, "quoted"', "=cmd|' C calc'!A0", "@.snakemake"),
)


@pytest.mark.parametrize("bench", ["diem"], indirect=True)
@pytest.mark.parametrize("name", STRANGE_NAMES)
def test_strange_clip_names_work(bench: Bench, name: str) -> None:
    folder = bench.raw / DIEM
    for file in sorted(folder.rglob("*.*")):
        file.rename(file.with_name(file.name.replace(DIEM, name)))
    folder.rename(bench.raw / name)
    quoted = '"' + name.replace('"', '""') + '"'
    sheet("clip,split", f"{quoted},test", dataset="diem")(bench)
    shutil.rmtree(bench.root / "made")
    bench.target = bench.root / "made"
    for stage, kind in {"frames": FRAMES, "flow": FLOW, "gaze": GAZE, "density": DENSITY}.items():
        bench.run(stage)
        store = open_store(kind, bench.manifest(stage))
        assert list(store.clips) == [name]
        assert np.asarray(store[name][:]).any()


@pytest.mark.parametrize("bench", ["ucf_sports"], indirect=True)
def test_a_sheet_saved_with_a_byte_order_mark_works(bench: Bench) -> None:
    """Spreadsheet programs write one."""
    path = bench.sheets / "ucf_sports.csv"
    path.write_bytes(b"\xef\xbb\xbf# from a spreadsheet\r\nclip,split\r\n" + f"{UCF},test".encode())
    bench.run("frames")
    assert list(open_store(FRAMES, bench.manifest("frames")).clips) == [UCF]
