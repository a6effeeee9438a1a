"""Every kind of bad input, through the stages as a user meets them: a catalogue.

A kind is done to a miniature raw folder, to its split sheet, to the settings, to a store or to the
disk. Either its stage ends with exit status 1 and one line that names the file and says what to do,
and leaves neither store nor manifest; or it succeeds, and the manifest counts what was left out.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
import zarr
from PIL import Image
from scipy.io import loadmat, savemat

from pipeline.config.config import Config
from pipeline.config.data import Variant
from pipeline.datasets.records import Clip
from pipeline.demo.draw import demo, draw
from pipeline.demo.encode import write_video
from pipeline.demo.films import film
from pipeline.demo.scene import pictures
from pipeline.planning.load import load, merged
from pipeline.preprocessing.density import density
from pipeline.preprocessing.density_recipes import density_map
from pipeline.preprocessing.flow import flow
from pipeline.preprocessing.frames import frames
from pipeline.preprocessing.gaze import gaze
from pipeline.raw.splits import SheetClip, read_sheet
from pipeline.runtime.cli import main
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.stores.reading import open_store, read_manifest

ROOT = Path(__file__).parents[2]
SEED = 5
CLIPS = {
    "ucf_sports": SheetClip("Run-Side_001", "test", None, None),
    "dhf1k": SheetClip("005", "val", None, None),
    "diem": SheetClip("demo_kite_160x120", "test", None, None),
    "ledov": SheetClip("man_walk01", "test", None, None),
    "salicon": SheetClip("COCO_train2014_000000000001", "train", None, None),
}
"""The one clip of each dataset that is drawn."""
RELEASE, NUMBERS = "ucf_sports/release", range(1, 7)
"""UCF-Sports as numbered pictures and maps, and their numbers; made of the same film."""
STAGES: dict[str, Callable[..., None]] = {
    "demo": demo,
    "frames": frames,
    "flow": flow,
    "gaze": gaze,
    "density": density,
}
NEEDS = {"gaze": ("frames",), "flow": ("frames",), "density": ("frames", "gaze")}
"""What was made of the good raw folder before a stage meets the bad one."""


@dataclass
class Bench:
    """A raw folder, its sheet and settings, and where the stages write."""

    root: Path
    dataset: str
    truth: Variant
    grid: dict[str, Any]
    flow: str
    sheets: Path
    target: Path
    patch: pytest.MonkeyPatch
    mounted: list[Path] = field(default_factory=list)

    @property
    def raw(self) -> Path:
        return self.root / "raw" / self.dataset

    def file(self, pattern: str) -> Path:
        """The first file of the raw folder, or of what was made, that fits."""
        return min(self.root.glob(pattern))

    def stored(self, stage: str) -> list[str]:
        store = self.target / stage / "0001.zarr"
        return ["--store", str(store), "--manifest", str(store.with_suffix(".json"))]

    def manifest(self, stage: str) -> Path:
        return self.target / stage / "0001.json"

    def arguments(self, stage: str) -> list[str]:
        """The command line of a stage, as the rules write it."""
        truth, grid, raw = self.truth, json.dumps(self.grid), str(self.raw)
        if stage == "demo":
            return ["--raw", str(self.target), "--splits", str(self.sheets), "--seed", "0"]
        if stage == "frames":
            rows = read_sheet(self.sheets / f"{self.dataset}.csv")
            clips = json.dumps([row.__dict__ for row in rows])
            pictures = truth.frames.model_dump_json()
            own = ["--raw", raw, "--clips", clips, "--dataset", pictures, "--grid", grid]
        elif stage == "flow":
            made = str(self.root / "made/frames/0001.json")
            own = ["--frames", made, "--settings", self.flow, "--threads", "1"]
        elif stage == "gaze":
            made, settings = str(self.root / "made/frames/0001.json"), self.gaze_settings()
            own = ["--raw", raw, "--frames", made, "--settings", settings, "--grid", grid]
        else:
            made, settings = str(self.root / "made/gaze/0001.json"), self.density_settings()
            own = ["--raw", raw, "--gaze", made, "--settings", settings, "--grid", grid]
        return [*own, *self.stored(stage)]

    def gaze_settings(self) -> str:
        return self.truth.gaze.model_dump_json()

    def density_settings(self) -> str:
        return self.truth.density.model_dump_json()

    def gaze_keys(self, **values: Any) -> None:
        """Sets keys of the dataset's `gaze`."""
        self.truth = self.truth.model_copy(
            update={"gaze": self.truth.gaze.model_copy(update=values)}
        )

    def run(self, stage: str) -> None:
        main(STAGES[stage], self.arguments(stage))

    def left(self) -> list[Path]:
        """What a stage has left where it writes."""
        return sorted(self.target.rglob("*")) if self.target.is_dir() else []


Spoil = Callable[[Bench], Any]


@dataclass(frozen=True)
class Case:
    """A kind of bad input."""

    name: str
    dataset: str
    stage: str
    """The stage that meets it."""
    spoil: Spoil
    names: str = ""
    """The file that the message names: below the bench if it begins with raw, made, data, or
    sheets."""
    words: tuple[str, ...] = ()
    """What else the message says: what was found, and the remedy."""
    counted: dict[str, int] | None = None
    """The stage succeeds, and counts so many more than of the good folder."""
    status: int = 1


# What is done to a file: functions of a pattern below the bench.


def content(pattern: str, new: bytes) -> Spoil:
    return lambda bench: bench.file(pattern).write_bytes(new)


def cut(pattern: str, share: float) -> Spoil:
    def spoil(bench: Bench) -> None:
        file = bench.file(pattern)
        whole = file.read_bytes()
        file.write_bytes(whole[: int(share * len(whole))])

    return spoil


def remove(pattern: str) -> Spoil:
    def spoil(bench: Bench) -> None:
        for path in list(bench.root.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


def text(pattern: str, edit: Callable[[list[str]], list[str]]) -> Spoil:
    """Edits the lines of a file."""

    def spoil(bench: Bench) -> None:
        file = bench.file(pattern)
        lines = edit(file.read_text().splitlines())
        file.write_text("".join(f"{line}\n" for line in lines))

    return spoil


def cells(
    pattern: str, column: int, value: str, separator: str = " ", event: str = "", lines: int = 1
) -> Spoil:
    """Sets a column of some lines of fixation, the same in every run."""

    def edit(rows: list[str]) -> list[str]:
        found = [i for i, row in enumerate(rows) if row.endswith(event) and "0.00" not in row]
        for i in found[3 : 3 + lines]:
            row = rows[i].split(separator)
            row[column] = value
            rows[i] = separator.join(row)
        assert len(found) > 3 + lines
        return rows

    return text(pattern, edit)


def sheet(*rows: str, dataset: str = "ucf_sports") -> Spoil:
    def spoil(bench: Bench) -> None:
        (bench.sheets / f"{dataset}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    return spoil


def outside(pattern: str) -> Spoil:
    """Moves a file out of the raw folder and leaves a link."""

    def spoil(bench: Bench) -> None:
        file, elsewhere = bench.file(pattern), bench.root / "elsewhere"
        file.replace(elsewhere)
        file.symlink_to(elsewhere)

    return spoil


def matlab(pattern: str, **variables: Any) -> Spoil:
    return lambda bench: savemat(bench.file(pattern), variables)


def ledov(**fields: Any) -> Spoil:
    """Sets fields of LEDOV's struct."""

    def spoil(bench: Bench) -> None:
        file = bench.file("raw/ledov/*/Data.mat")
        data = loadmat(file, simplify_cells=True)["Data"]
        changed = {name: new(data[name]) if callable(new) else new for name, new in fields.items()}
        savemat(file, {"Data": data | changed})

    return spoil


def fixation_cells(column: int, value: float, rows: int) -> Spoil:
    def edit(fixations: np.ndarray) -> np.ndarray:
        fixations = fixations.astype(float)
        fixations[5 : 5 + rows, column] = value
        return fixations

    return ledov(fixdata=edit)


def salicon_points(*points: tuple[float, float]) -> Spoil:
    """Adds fixations to SALICON's first observer."""

    def spoil(bench: Bench) -> None:
        file = bench.file("raw/salicon/fixations/*/*.mat")
        variables = loadmat(file)
        its = variables["gaze"]["fixations"]
        its[0, 0] = np.concatenate([np.asarray(its[0, 0], float), points])
        savemat(file, {key: variables[key] for key in ("image", "resolution", "gaze")})

    return spoil


def gaze_keys(**values: Any) -> Spoil:
    return lambda bench: bench.gaze_keys(**values)


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header announces a size, with next to no data."""

    def chunk(name: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(99)))


def wave() -> bytes:
    """A tenth of a second of silence, in WAVE."""
    samples = bytes(1600)
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    body = b"WAVE" + form + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


def flipped(pattern: str) -> Spoil:
    """Turns over the bits of a byte in the middle of a file."""

    def spoil(bench: Bench) -> None:
        file = bench.file(pattern)
        whole = bytearray(file.read_bytes())
        whole[len(whole) // 2] ^= 255
        file.write_bytes(whole)

    return spoil


def huge_matlab(bench: Bench) -> None:
    """Data.mat whose header announces a matrix of ten to the tenth numbers."""
    file = bench.file("raw/ledov/*/Data.mat")
    savemat(file, {"Data": np.zeros((3, 5))}, do_compression=False)
    whole = file.read_bytes()
    dimensions = struct.pack("<ii", 3, 5)
    assert whole.count(dimensions) == 1
    file.write_bytes(whole.replace(dimensions, struct.pack("<ii", 100_000, 100_000)))


def large_video(bench: Bench) -> None:
    """A video larger than DIEM's screen, in good frames."""
    clip = Clip("large", 2, 1320, 990, 30.0)
    write_video(bench.file("raw/diem/*/video/*.mp4"), clip, np.zeros((2, 990, 1320, 3), np.uint8))
    bench.target = bench.root / "made"
    bench.run("frames")
    bench.target = bench.root / "data"


def renumbered(folder: str, by: int, keep: bool = False) -> Spoil:
    """Adds to the numbers of a release's files; `keep`: as copies."""

    def spoil(bench: Bench) -> None:
        for file in sorted(bench.root.glob(f"{folder}/*.png")):
            stem, number = file.stem.rsplit("_", 1)
            shutil.copy(file, file.with_name(f"{stem}_{int(number) + by:03d}.png"))
            if not keep:
                file.unlink()

    return spoil


def resized(pattern: str, size: tuple[int, int]) -> Spoil:
    def spoil(bench: Bench) -> None:
        file = bench.file(pattern)
        Image.open(file).resize(size, Image.Resampling.NEAREST).save(file)

    return spoil


def copied(source: str, target: str) -> Spoil:
    return lambda bench: shutil.copy(bench.file(source), bench.root / target)


def recipe(bench: Bench) -> None:
    """Names a recipe that nobody knows on the command line."""
    settings = '{"recipe": "gauss", "sigma": 5.0, "repeats": "each"}'
    bench.density_settings = lambda: settings  # type: ignore[method-assign]


def small_disk(bench: Bench, size: str = "12k") -> None:
    """Lets the stages write to a disk of a few pages."""
    bench.target.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(bench.target)]
    if shutil.which("mount") is None:
        pytest.skip("no command mount")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"may not mount a small disk: {done.stderr.splitlines()[0]}")
    bench.mounted.append(bench.target)


def read_only_disk(bench: Bench) -> None:
    small_disk(bench)
    subprocess.run(["mount", "-o", "remount,ro", str(bench.target)], check=True)


def no_space(bench: Bench) -> None:
    """Zarr's writing raises what a full disk raises."""

    def refuse(*_: Any, **__: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    bench.patch.setattr(zarr.storage._local, "_put", refuse)


def json_keys(pattern: str, **values: Any) -> Spoil:
    def spoil(bench: Bench) -> None:
        file = bench.file(pattern)
        file.write_text(json.dumps(json.loads(file.read_text()) | values))

    return spoil


UCF, DHF1K, DIEM = CLIPS["ucf_sports"].name, CLIPS["dhf1k"].name, CLIPS["diem"].name
VIDEO = f"raw/ucf_sports/videos/{UCF}.avi"
SAMPLES = f"raw/ucf_sports/gaze_ucfsa/samples/002_{UCF}.avi.txt"
RESOLUTION = "raw/ucf_sports/gaze_ucfsa/resolution.txt"
GEOMETRY = "raw/ucf_sports/gaze_ucfsa/geometry.txt"
TRAIL = f"raw/dhf1k/exportdata_train/P03/P03_Trail{DHF1K}.txt"
EVENTS = f"raw/diem/{DIEM}/event_data/diem1s04.asc_1_{DIEM}.txt"
DATA = "raw/ledov/man_walk01/Data.mat"
IMAGE = f"raw/salicon/images/{CLIPS['salicon'].name}.jpg"
FIXATIONS = f"raw/salicon/fixations/train/{CLIPS['salicon'].name}.mat"
SHOT = f"raw/ucf_sports/testing/{UCF}"
SHEET = "sheets/ucf_sports.csv"
AGAIN, LAYOUT, PUT = "fetch it again", "docs/datasets.md", "put the file there itself"
COPY = "copy the file again from the original archive"

VIDEOS = [
    Case("truncated video", "ucf_sports", "frames", cut(VIDEO, 0.5), VIDEO, ("errors", AGAIN)),
    Case("zero-byte video", "ucf_sports", "frames", content(VIDEO, b""), VIDEO, (AGAIN,)),
    Case("text for a video", "ucf_sports", "frames", content(VIDEO, b"moved\n"), VIDEO, (AGAIN,)),
    Case("missing video", "ucf_sports", "frames", remove(VIDEO), VIDEO, ("no such file", LAYOUT)),
    Case(
        "sheet's range beyond the video",
        "ucf_sports",
        "frames",
        sheet("clip,split,first,last", f"{UCF},test,500,600"),
        VIDEO,
        ("no frame in the range", "check the file and the sheet"),
    ),
    Case(
        "link that leads nowhere",
        "ucf_sports",
        "frames",
        lambda bench: (remove(VIDEO)(bench), (bench.root / VIDEO).symlink_to("absent.avi")),
        VIDEO,
        ("no such file", LAYOUT),
    ),
    Case(
        "folder for a video",
        "ucf_sports",
        "frames",
        lambda bench: (remove(VIDEO)(bench), (bench.root / VIDEO).mkdir()),
        VIDEO,
        ("no such file", LAYOUT),
    ),
    Case(
        "sound without pictures",
        "ucf_sports",
        "frames",
        content(VIDEO, wave()),
        VIDEO,
        (AGAIN,),
    ),
    Case("text for an image", "salicon", "frames", content(IMAGE, b"404"), IMAGE, (AGAIN,)),
    Case("video behind a link", "ucf_sports", "frames", outside(VIDEO), VIDEO, ("outside", PUT)),
    Case(
        "image of absurd dimensions",
        "salicon",
        "frames",
        content(IMAGE, png_of(60_000, 60_000)),
        IMAGE,
        ("pixels", AGAIN),
    ),
    Case(
        "image a little below absurd",
        "salicon",
        "frames",
        content(IMAGE, png_of(10_000, 10_000)),
        IMAGE,
        ("pixels", AGAIN),
    ),
    Case("truncated image", "salicon", "frames", cut(IMAGE, 0.5), IMAGE, ("truncated", AGAIN)),
]

PICTURES = [
    Case(
        "truncated picture",
        RELEASE,
        "frames",
        cut(f"{SHOT}/images/{UCF}_003.png", 0.6),
        f"{SHOT}/images/{UCF}_003.png",
        ("broken image", AGAIN),
    ),
    Case(
        "gap in numbered pictures",
        RELEASE,
        "frames",
        remove(f"{SHOT}/images/{UCF}_00[34].png"),
        f"{SHOT}/images",
        ("2 pictures are missing, the first 3", AGAIN, "frames.damaged"),
    ),
    Case(
        "two pictures of one number",
        RELEASE,
        "frames",
        copied(f"{SHOT}/images/{UCF}_002.png", f"{SHOT}/images/{UCF}_0002.png"),
        f"{SHOT}/images/{UCF}_002.png",
        (f"frame 2 of {UCF} is also {UCF}_0002.png", "remove the one"),
    ),
    Case(
        "pictures of two sizes",
        RELEASE,
        "frames",
        resized(f"{SHOT}/images/{UCF}_002.png", (90, 60)),
        f"{SHOT}/images/{UCF}_002.png",
        ("several sizes", "fetch the folder again"),
    ),
    Case("no picture", RELEASE, "frames", remove(f"{SHOT}/images"), f"{SHOT}/images", (LAYOUT,)),
]

SHEETS = [
    Case(
        "split that is none",
        "ucf_sports",
        "demo",
        sheet("clip,split", f"{UCF},validation"),
        SHEET,
        ("row 1", "'validation' is none of train, val, test"),
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
        ("'one'", "expected clip,split[,first,last]"),
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
        ("'clip'", "expected clip,split[,first,last]"),
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

TEXTS = [
    Case(
        "gaze for another video size: Mathe",
        "ucf_sports",
        "gaze",
        content(RESOLUTION, f"{UCF}.avi 720 404 10\n".encode()),
        RESOLUTION,
        ("line 1", "720 x 404", "180 x 120", "use the videos that the gaze was recorded on"),
    ),
    Case(
        "clip without a line in resolution.txt",
        "ucf_sports",
        "gaze",
        content(RESOLUTION, b"Run-Side-001.avi 180 120 10\n"),
        RESOLUTION,
        (f"no line for {UCF}.avi", "named as there"),
    ),
    Case(
        "nonsense in geometry.txt",
        "ucf_sports",
        "gaze",
        content(GEOMETRY, b"a screen\n"),
        GEOMETRY,
        ("screen's width and height", COPY),
    ),
    Case(
        "missing geometry.txt",
        "ucf_sports",
        "gaze",
        remove(GEOMETRY),
        GEOMETRY,
        ("No such file", COPY),
    ),
    Case(
        "missing file of an observer in config.yaml",
        "ucf_sports",
        "gaze",
        remove(SAMPLES),
        SAMPLES,
        ("cannot be read (No such file", LAYOUT),
    ),
    Case(
        "no gaze file",
        "dhf1k",
        "gaze",
        lambda bench: (
            remove("raw/dhf1k/exportdata_train")(bench),
            bench.gaze_keys(observers=None),
        ),
        "raw/dhf1k",
        (f"no gaze file of clip {DHF1K} fits exportdata_train/", LAYOUT),
    ),
    Case(
        "too few columns",
        "ucf_sports",
        "gaze",
        text(SAMPLES, lambda rows: [*rows[:4], "8000 11.50", *rows[5:]]),
        SAMPLES,
        ("line 5: expected 6 columns", "found 2", COPY),
    ),
    Case(
        "word for a number",
        "ucf_sports",
        "gaze",
        cells(SAMPLES, 3, "left", event="F"),
        SAMPLES,
        ("'screen x' must be a number, found 'left'", COPY),
    ),
    Case(
        "time that goes backwards",
        "ucf_sports",
        "gaze",
        cells(SAMPLES, 0, "-77", event="F"),
        SAMPLES,
        ("must be at least that of the line before, found '-77'", COPY),
    ),
    Case(
        "time that is not finite",
        "dhf1k",
        "gaze",
        cells(TRAIL, 0, "nan", "\t", "Fixation"),
        TRAIL,
        ("must be a finite number, found 'nan'", COPY),
    ),
    Case(
        "empty text of gaze", "dhf1k", "gaze", content(TRAIL, b""), TRAIL, ("no line of data", COPY)
    ),
    Case(
        "bytes that are no text",
        "dhf1k",
        "gaze",
        content(TRAIL, b"Time\xff\xfe"),
        TRAIL,
        ("line 1: expected text", COPY),
    ),
    Case(
        "missing header",
        "dhf1k",
        "gaze",
        text(TRAIL, lambda rows: rows[1:]),
        TRAIL,
        ("line 1: expected the header Time", COPY),
    ),
    Case(
        "recorded on another screen: DHF1K",
        "dhf1k",
        "gaze",
        cells(TRAIL, 5, "1900.5", "\t", "Fixation", lines=150),
        TRAIL,
        ("outside the screen of 1440 x 900", "Use the recordings of DHF1K itself"),
    ),
    Case(
        "video larger than the screen: DIEM",
        "diem",
        "gaze",
        large_video,
        f"raw/diem/{DIEM}/event_data/diem1s01.asc_1_{DIEM}.txt",
        ("1320 x 990", "more than the screen of 1280 x 960", "use the original mp4"),
    ),
    Case(
        "missing resolution.txt",
        "ucf_sports",
        "gaze",
        remove(RESOLUTION),
        RESOLUTION,
        ("No such file", LAYOUT),
    ),
    Case(
        "text of gaze in UTF-16",
        "ucf_sports",
        "gaze",
        lambda bench: bench.file(SAMPLES).write_text("0 1 2 3 4 F\n", encoding="utf-16"),
        SAMPLES,
        ("line 1: expected text", COPY),
    ),
    Case(
        "half a frame",
        "diem",
        "gaze",
        text(EVENTS, lambda rows: [rows[0], rows[1].replace("2\t", "1.5\t", 1), *rows[2:]]),
        EVENTS,
        ("line 2", "must be a whole number, found '1.5'", COPY),
    ),
    Case("gaze behind a link", "diem", "gaze", outside(EVENTS), EVENTS, ("outside", PUT)),
    Case(
        "NaN coordinates: Mathe",
        "ucf_sports",
        "gaze",
        cells(SAMPLES, 3, "nan", event="F", lines=4),
        counted={"lost": 4},
    ),
    Case(
        "infinite coordinates: Mathe",
        "ucf_sports",
        "gaze",
        cells(SAMPLES, 4, "-inf", event="F", lines=4),
        counted={"lost": 4},
    ),
    Case(
        "NaN coordinates: DHF1K",
        "dhf1k",
        "gaze",
        cells(TRAIL, 5, "NaN", "\t", "Fixation", lines=5),
        counted={"lost": 5},
    ),
    Case(
        "infinite coordinates: DHF1K",
        "dhf1k",
        "gaze",
        cells(TRAIL, 6, "1e999", "\t", "Fixation", lines=5),
        counted={"lost": 5},
    ),
    Case(
        "event that nobody described: DHF1K",
        "dhf1k",
        "gaze",
        cells(TRAIL, 7, "Glissade", "\t", "Fixation", lines=6),
        counted={"unknown_event": 6},
    ),
    Case(
        "infinite coordinates: DIEM",
        "diem",
        "gaze",
        cells(EVENTS, 1, "inf", "\t", "1", lines=3),
        counted={"lost": 3},
    ),
]

MATLAB = [
    Case("empty .mat", "ledov", "gaze", content(DATA, b""), DATA, ("not a readable", COPY)),
    Case(
        "text for a .mat",
        "ledov",
        "gaze",
        content(DATA, b"<html>404</html>" * 20),
        DATA,
        ("not a readable", COPY),
    ),
    Case("truncated .mat", "ledov", "gaze", cut(DATA, 0.6), DATA, ("not a readable", COPY)),
    Case("flipped byte in a .mat", "ledov", "gaze", flipped(DATA), DATA, ("not a readable", COPY)),
    Case(
        "words for fixations",
        "ledov",
        "gaze",
        ledov(fixdata=np.array([["a", "b"]], dtype=object)),
        DATA,
        ("expected fixdata to be numbers", COPY),
    ),
    Case("missing .mat", "ledov", "gaze", remove(DATA), DATA, ("no such file", LAYOUT)),
    Case(
        "wrong key in a .mat",
        "ledov",
        "gaze",
        matlab(DATA, data=np.zeros((3, 5))),
        DATA,
        ("no variable 'Data'", COPY),
    ),
    Case(
        "struct without a field",
        "ledov",
        "gaze",
        matlab(DATA, Data={"VideoSize": [[192, 108]]}),
        DATA,
        ("the field fixdata", COPY),
    ),
    Case(
        ".mat of absurd dimensions",
        "ledov",
        "gaze",
        huge_matlab,
        DATA,
        ("headers announce 10000000000", COPY),
    ),
    Case(
        "gaze for another video size: LEDOV",
        "ledov",
        "gaze",
        ledov(VideoSize=np.array([[1920, 1080]])),
        DATA,
        ("[1920, 1080]", "192 x 108", "use the original mp4"),
    ),
    Case(
        "fixations of four columns",
        "ledov",
        "gaze",
        ledov(fixdata=lambda rows: rows[:, :4]),
        DATA,
        ("subject, start, duration, x, y", COPY),
    ),
    Case(
        "negative duration",
        "ledov",
        "gaze",
        fixation_cells(2, -5, 1),
        DATA,
        ("row 6 of fixdata", "a duration of at least 0 ms", COPY),
    ),
    Case(
        "NaN coordinates: LEDOV",
        "ledov",
        "gaze",
        fixation_cells(3, np.nan, 3),
        counted={"lost": 3},
    ),
    Case(
        "infinite coordinates: LEDOV",
        "ledov",
        "gaze",
        fixation_cells(4, np.inf, 2),
        counted={"lost": 2},
    ),
    Case(
        "gaze for another image size: SALICON",
        "salicon",
        "gaze",
        matlab(FIXATIONS, resolution=[[480, 640]], gaze=np.zeros(3)),
        FIXATIONS,
        ("expected resolution [120 160]", "found [480, 640]", "use the images of the SALICON"),
    ),
    Case(
        "fixations outside the image: SALICON",
        "salicon",
        "gaze",
        salicon_points((0, 7), (161, 7), (7, 121)),
        counted={"outside": 3},
    ),
    Case(
        "NaN coordinates: SALICON",
        "salicon",
        "gaze",
        salicon_points((np.nan, 7), (7, np.inf)),
        counted={"lost": 2},
    ),
]

OPTIONS = [
    Case(
        "LEDOV's begin that is none",
        "ledov",
        "gaze",
        gaze_keys(options={"begin": "centre"}),
        "config.yaml",
        ("gaze.options.begin", "'centre'", "set it to one of official, box"),
    ),
    Case(
        "SALICON's edition not set",
        "salicon",
        "gaze",
        gaze_keys(options={"edition": None}),
        "config.yaml",
        ("gaze.options.edition", "set it to that of your files, one of 2015, 2017"),
    ),
    Case(
        "observers not set",
        "ucf_sports",
        "gaze",
        gaze_keys(options={"observers": None}),
        "config.yaml",
        ("set gaze.options.observers", "or to all"),
    ),
    Case(
        "ticks of no length",
        "ucf_sports",
        "gaze",
        gaze_keys(options={"observers": "all", "ticks_per_second": 0}),
        "config.yaml",
        ("gaze.options.ticks_per_second", "is 0", "set it to a positive number"),
    ),
    Case(
        "variable of a released map not set",
        RELEASE,
        "gaze",
        lambda bench: (
            savemat(bench.root / SHOT / f"fixation/{UCF}_002.mat", {"I": np.zeros((2, 3))}),
            bench.gaze_keys(files=("{split}ing/{clip}/fixation/*_{frame}.mat",)),
        ),
        "config.yaml",
        ("which of its variables", "Set gaze.options.variable"),
    ),
    Case(
        "observers that nobody is",
        "ucf_sports",
        "gaze",
        gaze_keys(options={"observers": ["077"]}),
        "config.yaml",
        ("['077']", "correct gaze.options.observers"),
    ),
    Case(
        "option that the reader does not know",
        "diem",
        "gaze",
        gaze_keys(options={"begin": "box"}),
        "config.yaml",
        ("gaze.options of reader diem", "'begin'"),
    ),
    Case(
        "reader that is none",
        "diem",
        "gaze",
        gaze_keys(reader="dime"),
        "config.yaml",
        ("gaze.reader", "'dime'", "set it to one of", "hollywood2"),
    ),
    Case(
        "module that is no reader",
        "diem",
        "gaze",
        gaze_keys(reader="table"),
        "config.yaml",
        ("gaze.reader", "'table'", "set it to one of"),
    ),
    Case(
        "recipe that is none",
        "ucf_sports",
        "density",
        recipe,
        "--settings",
        ('"recipe": "gauss"',),
        status=2,  # the command line itself, as argparse has it
    ),
]

RELEASED = [
    Case(
        "no released map",
        RELEASE,
        "gaze",
        remove(f"{SHOT}/fixation"),
        "raw/ucf_sports",
        (f"no gaze file of clip {UCF}", "fixation/*_{frame}.png", LAYOUT),
    ),
    Case(
        "released map of another aspect",
        RELEASE,
        "gaze",
        resized(f"{SHOT}/fixation/{UCF}_002.png", (160, 120)),
        f"{SHOT}/fixation/{UCF}_002.png",
        ("160 x 120", "180 x 120", "use frames and maps of one release"),
    ),
    Case(
        "two maps of one frame",
        RELEASE,
        "gaze",
        copied(f"{SHOT}/fixation/{UCF}_002.png", f"{SHOT}/fixation/{UCF}_02.png"),
        f"{SHOT}/fixation/{UCF}_02.png",
        (f"frame 2 of {UCF} is also {UCF}_002.png", "remove the one"),
    ),
    Case(
        "truncated map",
        RELEASE,
        "gaze",
        cut(f"{SHOT}/fixation/{UCF}_002.png", 0.7),
        f"{SHOT}/fixation/{UCF}_002.png",
        ("not a readable picture", "fetch the release again"),
    ),
    Case(
        "map behind a link",
        RELEASE,
        "gaze",
        outside(f"{SHOT}/fixation/{UCF}_002.png"),
        f"{SHOT}/fixation/{UCF}_002.png",
        ("outside", PUT),
    ),
    Case(
        "density for a fixation map",
        RELEASE,
        "gaze",
        copied(f"{SHOT}/maps/{UCF}_002.png", f"{SHOT}/fixation/{UCF}_002.png"),
        f"{SHOT}/fixation/{UCF}_002.png",
        ("looks like a density", "point gaze.files in config.yaml at the fixation maps"),
    ),
    Case(
        "maps of frames without a picture",
        RELEASE,
        "gaze",
        renumbered(f"{SHOT}/fixation", 50, keep=True),
        counted={"frame_without_picture": 3 * len(NUMBERS)},
    ),
    Case(
        "densities of other frames",
        RELEASE,
        "density",
        renumbered(f"{SHOT}/maps", 100),
        f"{SHOT}/maps",
        ("numbered 1 to 6; found 6 of other numbers", LAYOUT),
    ),
    Case(
        "density of another aspect",
        RELEASE,
        "density",
        resized(f"{SHOT}/maps/{UCF}_004.png", (160, 120)),
        f"{SHOT}/maps/{UCF}_004.png",
        ("160 x 120", "180 x 120", "use frames and maps of one release"),
    ),
    Case(
        "truncated density",
        RELEASE,
        "density",
        cut(f"{SHOT}/maps/{UCF}_004.png", 0.6),
        f"{SHOT}/maps/{UCF}_004.png",
        ("truncated", AGAIN),
    ),
    Case(
        "density of absurd dimensions",
        RELEASE,
        "density",
        content(f"{SHOT}/maps/{UCF}_004.png", png_of(18_000, 12_000)),
        f"{SHOT}/maps/{UCF}_004.png",
        ("pixels", AGAIN),
    ),
    Case(
        "density behind a link",
        RELEASE,
        "density",
        outside(f"{SHOT}/maps/{UCF}_004.png"),
        f"{SHOT}/maps/{UCF}_004.png",
        ("outside", PUT),
    ),
    Case(
        "frame without a density",
        RELEASE,
        "density",
        remove(f"{SHOT}/maps/{UCF}_00[25].png"),
        counted={"frames_without_map": 2},
    ),
    Case(
        "densities beyond the clip",
        RELEASE,
        "density",
        renumbered(f"{SHOT}/maps", 4, keep=True),
        counted={"maps_beyond_clip": 4},
    ),
]

STORES = [
    Case(
        "no manifest of frames",
        "ucf_sports",
        "gaze",
        remove("made/frames/0001.json"),
        "made/frames/0001.json",
        ("not a manifest", "rerun this target"),
    ),
    Case(
        "manifest of another kind for frames",
        "ucf_sports",
        "gaze",
        copied("made/gaze/0001.json", "made/frames/0001.json"),
        "made/frames/0001.json",
        ("expected kind frames, found 'gaze'",),
    ),
    Case(
        "truncated manifest",
        "ucf_sports",
        "flow",
        cut("made/frames/0001.json", 0.5),
        "made/frames/0001.json",
        ("not a manifest", "rerun this target"),
    ),
    Case(
        "no manifest of gaze",
        "ucf_sports",
        "density",
        remove("made/gaze/0001.json"),
        "made/gaze/0001.json",
        ("not a manifest", "rerun this target"),
    ),
    Case(
        "manifest of another kind for gaze",
        "ucf_sports",
        "density",
        json_keys("made/gaze/0001.json", kind="density"),
        "made/gaze/0001.json",
        ("expected kind gaze, found 'density'",),
    ),
    Case(
        "missing chunk of gaze",
        "ucf_sports",
        "density",
        remove(f"made/gaze/0001.zarr/{UCF}/c/0/0"),
        f"made/gaze/0001.zarr/{UCF}/c/0/0",
        ("found missing", "rerun"),
    ),
    Case(
        "missing shard of frames",
        "ucf_sports",
        "flow",
        remove(f"made/frames/0001.zarr/{UCF}/c/0"),
        f"made/frames/0001.zarr/{UCF}/c/0/0/0/0",
        ("found missing", "rerun"),
    ),
    Case(
        "flipped byte in a shard of frames",
        "ucf_sports",
        "flow",
        flipped(f"made/frames/0001.zarr/{UCF}/c/0/0/0/0"),
        "made/frames/0001",
        ("rerun",),
    ),
    Case(
        "flipped byte in a chunk of gaze",
        "ucf_sports",
        "density",
        flipped(f"made/gaze/0001.zarr/{UCF}/c/0/0"),
        "made/gaze/0001",
        ("rerun",),
    ),
    Case(
        "list for a manifest",
        "ucf_sports",
        "flow",
        content("made/frames/0001.json", b"[]"),
        "made/frames/0001.json",
        ("rerun",),
    ),
    Case(
        "truncated shard of frames",
        "ucf_sports",
        "flow",
        cut(f"made/frames/0001.zarr/{UCF}/c/0/0/0/0", 0.5),
        f"made/frames/0001.zarr/{UCF}/c/0/0/0/0",
        ("expected", "bytes", "rerun"),
    ),
]

DISKS = [
    Case(
        "full disk, of tmpfs",
        "ucf_sports",
        "frames",
        small_disk,
        "data/frames/0001.zarr",
        ("no space left on its disk", "free space there"),
    ),
    Case(
        "full disk, as zarr is told",
        "ucf_sports",
        "gaze",
        no_space,
        "data/gaze/0001.zarr",
        ("no space left on its disk", "free space there"),
    ),
    Case(
        "read-only disk",
        "ucf_sports",
        "frames",
        read_only_disk,
        "data/frames",
        ("read-only", "make it writable"),
    ),
    Case(
        "file where the target's folder should be",
        "ucf_sports",
        "frames",
        lambda bench: bench.target.write_text("mine"),
        "data",
        ("a file is where a folder should be", "move the file away"),
    ),
]

CASES = [
    *VIDEOS,
    *PICTURES,
    *SHEETS,
    *TEXTS,
    *MATLAB,
    *OPTIONS,
    *RELEASED,
    *STORES,
    *DISKS,
]
BELOW = ("raw", "made", "data", "sheets")


def _write_release(root: Path) -> None:
    """Pictures of the UCF-Sports film, fixation maps of three points each and their densities."""
    clip = CLIPS["ucf_sports"]
    drawn = film("ucf_sports", clip.name, clip.split, 0, SEED)
    size = (drawn.clip.height, drawn.clip.width)
    rng = np.random.default_rng(SEED)
    settings = demo_config().datasets["dhf1k"].density
    for number, picture in zip(NUMBERS, pictures(drawn.scene), strict=False):
        pixels = np.stack([rng.permutation(side)[:3] for side in size], axis=1).astype(np.int32)
        fixated = np.zeros(size, np.uint8)
        fixated[pixels[:, 0], pixels[:, 1]] = 255
        blurred = np.round(255 * density_map(pixels, size, settings)).astype(np.uint8)
        for folder, values in {"images": picture, "fixation": fixated, "maps": blurred}.items():
            file = root / f"testing/{clip.name}/{folder}/{clip.name}_{number:03d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(file)


def demo_config() -> Config:
    """config.yaml with that of the demo over it, and a small frame grid."""
    content: dict[str, Any] = {}
    for name in ("config.yaml", "workflow/runs/demo.yaml"):
        content = merged(content, yaml.safe_load((ROOT / name).read_text()))
    return load(merged(content, {"run": "demo", "frames": {"width": 32, "height": 24}}))


def _bench(root: Path, key: str, patch: pytest.MonkeyPatch) -> Bench:
    cfg = demo_config()
    dataset, _, variant = key.partition("/")
    truth = cfg.datasets[dataset].variants[variant or "paper"]
    grid, flow_settings = cfg.frames.model_dump(), cfg.flow.model_dump_json()
    sheets, made = root / "sheets", root / "made"
    return Bench(root, dataset, truth, grid, flow_settings, sheets, made, patch)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bench of each dataset, with everything made of it that a later stage reads."""
    root = tmp_path_factory.mktemp("benches")
    draw(root / "raw", {name: [clip] for name, clip in CLIPS.items()}, SEED)
    with pytest.MonkeyPatch.context() as patch:
        for key in (*CLIPS, RELEASE):
            bench = _bench(root / key.replace("/", "_"), key, patch)
            if key == RELEASE:
                _write_release(bench.raw)
            else:
                shutil.copytree(root / "raw" / key, bench.raw)
            shutil.copytree(ROOT / "workflow/splits/demo", bench.sheets)
            clip = CLIPS[bench.dataset]
            sheet("clip,split", f"{clip.name},{clip.split}", dataset=bench.dataset)(bench)
            for stage in ("frames", "gaze", "density"):
                bench.run(stage)
    return root


@pytest.fixture
def bench(
    request: pytest.FixtureRequest,
    drawn: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """A copy of the bench of the dataset that a test names."""
    key = request.param
    shutil.copytree(drawn / key.replace("/", "_"), tmp_path / "bench", symlinks=True)
    made = _bench(tmp_path / "bench", key, monkeypatch)
    made.target = made.root / "data"
    yield made
    for disk in made.mounted:
        subprocess.run(["umount", str(disk)], check=True)


# A warning is a second message; those of open pipes are imageio-ffmpeg's, and hidden by Python.
strict = pytest.mark.filterwarnings(
    "error", "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def _named(case: Case, bench: Bench) -> str:
    below = case.names.split("/")[0] in BELOW
    return str(bench.root / case.names) if below else case.names


def _told(case: Case, bench: Bench, message: str) -> None:
    assert _named(case, bench) in message
    for words in case.words:
        assert words in message


def _left(bench: Bench) -> list[Path]:
    """Stores, manifests and partial files, with the folders that lead to none left out."""
    return [path for path in bench.left() if path.is_file() or path.suffix]


def _count(manifest: Path, reason: str) -> int:
    (facts,) = read_manifest(manifest)["clips"].values()
    return int(facts[reason] if reason in facts else facts["dropped"].get(reason, 0))


def _parametrized(cases: list[Case]) -> Any:
    return pytest.mark.parametrize(
        ("bench", "case"),
        [pytest.param(case.dataset, case, id=case.name) for case in cases],
        indirect=["bench"],
    )


@strict
@_parametrized([case for case in CASES if case.counted is None])
def test_one_message_and_nothing_left(
    bench: Bench, case: Case, capfd: pytest.CaptureFixture[str]
) -> None:
    case.spoil(bench)
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        bench.run(case.stage)
    printed = capfd.readouterr().err
    bench.patch.undo()
    if case.status == 1:
        assert isinstance(stopped.value.code, str)  # to stderr, with exit status 1
        assert printed == ""
        assert "\n" not in stopped.value.code
        module = stopped.value.code.partition(": ")[0]
        assert module.startswith("python -m pipeline.") and module.endswith(f".{case.stage}")
    else:
        assert stopped.value.code == case.status
    _told(case, bench, printed or str(stopped.value.code))
    assert "Traceback" not in printed
    assert _left(bench) == []


@strict
@_parametrized([case for case in CASES if case.counted is not None])
def test_succeeds_and_counts(bench: Bench, case: Case) -> None:
    assert case.counted is not None
    good = {
        reason: _count(bench.root / f"made/{case.stage}/0001.json", reason)
        for reason in case.counted
    }
    case.spoil(bench)
    bench.run(case.stage)
    for reason, more in case.counted.items():
        assert _count(bench.manifest(case.stage), reason) == good[reason] + more
    assert not list(bench.target.rglob("*.partial"))


IN_A_PROCESS = ("text for a video", "too few columns")


@_parametrized([case for case in CASES if case.name in IN_A_PROCESS])
def test_of_a_real_process(bench: Bench, case: Case) -> None:
    case.spoil(bench)
    command = [sys.executable, "-m", f"pipeline.{case.stage}", *bench.arguments(case.stage)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    _told(case, bench, line)
    assert "Traceback" not in done.stdout
    assert _left(bench) == []


STRANGE_NAMES = ("Läufer_001", "走る犬", "two words", 'it\'s "50%" #1', "-rf", "a.b", "x" * 120)


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


def test_the_catalogue() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 25
    assert set(IN_A_PROCESS) <= set(names)
    for case in CASES:
        assert case.stage in STAGES
        assert bool(case.counted) != bool(case.names and case.words), case.name
        assert all(re.search(r"\w", words) for words in case.words), case.name
