"""Whatever is in a file, a reader gives points that fit the clip, or one ReaderError."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from scipy.io import savemat

from pipeline.datasets import bids, csv, dhf1k, diem, ledov, mathe, released
from pipeline.datasets.records import Clip, ReaderError

CLIP = Clip("ball", 6, 640, 360, 30.0)
WIDE = Clip("ball", 6, 1280, 900, 30.0)
few = settings(
    deadline=None,
    max_examples=150,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

wild = st.one_of(
    st.floats(width=64).map(repr),
    st.integers().map(str),
    st.sampled_from(["nan", "-inf", "1e999", "", "x", "0x1", "1_0", "1e308", "-0", "\u0663", "\0"]),
    st.text(max_size=4),
)
"""Cells that fit seldom."""


def mostly(usual):
    """Cells that nearly always fit, so that lines get far into a reader."""
    return st.sampled_from([usual.map(str)] * 40 + [wild]).flatmap(lambda cells: cells)


def place(limit):
    near, beyond = st.integers(1, limit - 1), st.floats(-0.2 * limit, 1.2 * limit)
    odd = st.sampled_from([0, limit, 1e308, -np.inf, np.nan])
    return mostly(st.sampled_from([near] * 8 + [beyond, odd]).flatmap(lambda numbers: numbers))


def table(separator, *cells, time, header=()):
    """Bytes of a file of such cells; the times given ascend, in microseconds."""

    def lines(steps_and_rows):
        times = np.cumsum([step for step, _ in steps_and_rows]).tolist()
        whole = [time(t, row) for t, (_, row) in zip(times, steps_and_rows, strict=True)]
        text = "\n".join([*header, *(separator.join(row) for row in whole)])
        return text.encode("utf-8", "surrogatepass")

    step = st.sampled_from([0, 1, 4000, 4000, 20_000, 33_333, 70_000])
    return st.lists(st.tuples(step, st.tuples(*cells)), max_size=8).map(lines)


def files_of(usual):
    """Such a file, or it with bytes put in or cut off, or anything."""
    garbled = st.builds(
        lambda content, at, junk: content[:at] + junk + content[at + len(junk) :],
        usual,
        st.integers(0, 300),
        st.binary(max_size=6),
    )
    return st.one_of(usual, usual, usual, garbled, st.binary(max_size=60))


def check(reader, files, clip, samples=None, **options):
    """Reads, and asserts what holds for every record; None where it was refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            gaze = reader.read(files, clip, **options)
        except ReaderError as error:
            assert str(error)
            return None
    assert len(gaze.frame) == len(gaze.x) == len(gaze.y) == len(gaze.observer)
    assert ((gaze.frame >= 0) & (gaze.frame < clip.frames)).all()
    # Closed, as a float32 may round up to the edge; NaN fails.
    assert ((gaze.x >= -0.5) & (gaze.x <= clip.width - 0.5)).all()
    assert ((gaze.y >= -0.5) & (gaze.y <= clip.height - 0.5)).all()
    assert all(count >= 0 for count in gaze.dropped.values())
    assert all(0 <= length < np.inf for length in gaze.seconds)
    if samples is not None:
        assert len(gaze.frame) + sum(gaze.dropped.values()) == samples
    return gaze


def lines(content, header=False):
    """How many there are, without blank ones at the end, or a header and comments above it."""
    found = re.split("\r\n|\r|\n", content.decode(errors="replace").rstrip())
    if header:
        found = list(itertools.dropwhile(_above, found))[1:]
    return len(found)


def _above(line):
    return not line.strip() or line.startswith("#")


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


DHF1K = table(
    "\t",
    place(1440),
    place(900),
    mostly(st.sampled_from(["Fixation"] * 4 + ["Saccade", "Blink", "-"])),
    time=lambda t, row: (str(10**9 + t), "SMP", "1", "9", "9", *row),
    header=["\t".join(dhf1k.COLUMNS)],
)


@few
@given(content=files_of(DHF1K), quirk=st.booleans())
def test_dhf1k(folder, content, quirk):
    path = folder / "P03_Trail001.txt"
    path.write_bytes(content)
    samples = None if quirk else lines(content, header=True)
    check(dhf1k, [path], CLIP, samples, official_quirk=quirk)


DIEM = table(
    "\t",
    *[place(1280), place(960), st.just("9"), mostly(st.sampled_from([1] * 9 + [0, 2, -1]))] * 2,
    time=lambda t, row: (str(t // 33_333 + 1), *row),
)


@few
@given(content=files_of(DIEM))
def test_diem(folder, content):
    path = folder / "diem1s01.asc_1_ball.txt"
    path.write_bytes(content)
    check(diem, [path], WIDE, lines(content))


MATHE = table(
    " ",
    place(1280),
    place(1024),
    mostly(st.sampled_from("FSB")),
    time=lambda t, row: (str(t - 9), "0", "0", *row),
)
SCREEN = table(" ", place(1280), place(1024), time=lambda _, row: row)


@few
@given(
    content=files_of(MATHE),
    screen=st.one_of(
        st.just(b"0.6 0.475 0.295 1280 1024"),
        st.just(b"0.6 0.475 0.295 1280 1024"),
        files_of(SCREEN),
    ),
    sizes=st.one_of(st.just(b"ball.avi 640 360 30"), files_of(st.just(b"ball.avi 640 360 30"))),
)
def test_mathe(folder, content, screen, sizes):
    files = [folder / "001_ball.avi.txt", folder / "geometry.txt", folder / "resolution.txt"]
    for path, its in zip(files, [content, screen, sizes], strict=True):
        path.write_bytes(its)
    samples = lines(content)
    check(mathe, files, CLIP, samples, observers="all")


CSV = table(
    ";",
    mostly(st.sampled_from(["1", "2"])),
    place(1280),
    place(720),
    mostly(st.sampled_from("FSB")),
    time=lambda t, row: (str(t - 9), *row),
    header=["time;observer;x;y;event"],
)
AS_TOLD = {
    "position": {"unit": "pixels", "screen": (1280, 720), "fit": "contain"},
    "time": "us",
    "events": ["f", "s"],
}


@few
@given(content=files_of(CSV))
def test_csv(folder, content):
    path = folder / "ball.csv"
    path.write_bytes(content)
    check(csv, [path], CLIP, lines(content, header=True), **AS_TOLD)


BIDS = table(
    "\t", place(1280), place(720), mostly(st.just("9")), time=lambda t, row: (str(t), *row)
)
SIDECAR = {
    "PhysioType": "eyetrack",
    "SamplingFrequency": 250,
    "StartTime": 0,
    "RecordedEye": "left",
    "SampleCoordinateSystem": "gaze-on-screen",
    "Columns": ["timestamp", "x_coordinate", "y_coordinate", "pupil_size"],
    "timestamp": {"Units": "us"},
    "x_coordinate": {"Units": "pixel"},
    "StimulusPresentation": {"ScreenResolution": [1280, 720], "ScreenOrigin": ["top", "left"]},
}


@few
@given(
    content=files_of(BIDS),
    other=files_of(BIDS),
    key=st.sampled_from([*SIDECAR, "none", "none", "none"]),
    value=st.one_of(wild, st.floats(), st.none(), st.lists(wild, max_size=4)),
    start=st.sampled_from(["zero", "first"]),
)
def test_bids(folder, content, other, key, value, start):
    files = []
    changed = SIDECAR | {key: value}
    for eye, its, facts in (("left", content, changed), ("right", other, SIDECAR)):
        stem = f"sub-1_task-ball_recording-{eye}_physio"
        files += [folder / f"{stem}.json", folder / f"{stem}.tsv.gz"]
        files[-2].write_text(json.dumps(facts | {"RecordedEye": eye}))
        files[-1].write_bytes(gzip.compress(its, 1))
    check(bids, files, CLIP, fit="contain", start=start)


anything = st.floats(width=64)


def number(low, high):
    usual = st.integers(low, high)
    return st.sampled_from([usual] * 30 + [anything]).flatmap(lambda numbers: numbers)


FIXDATA = st.lists(
    st.tuples(number(1, 40), number(0, 250), number(0, 400), number(-20, 660), number(-20, 380)),
    min_size=1,
    max_size=6,
).map(np.array)
ARRAYS = arrays(st.sampled_from([np.float64, np.int16]), array_shapes(max_dims=3, max_side=6))


@few
@given(fixdata=st.one_of(FIXDATA, FIXDATA, FIXDATA, ARRAYS), begin=st.sampled_from(ledov.BEGIN))
@example(fixdata=np.array([[1, 0, 1e308, 30, 20], [1, 1e308, 1e308, 30, 20]]), begin="box")
def test_ledov(folder, fixdata, begin):
    path = folder / "Data.mat"
    _write_ledov(path, fixdata)
    check(ledov, [path], CLIP, begin=begin)


def maps(dtype, shape):
    """Of a few points, as fixation maps are; or of any values, as nothing is that is accepted."""
    return st.one_of(arrays(dtype, shape, fill=st.just(0)), arrays(dtype, shape))


@few
@given(array=st.one_of(ARRAYS, maps(np.uint8, (9, 16)), maps(np.float32, (18, 32))))
def test_released_matrix(folder, array):
    path = folder / "0002.mat"
    savemat(path, {"I": array})
    check(released, [path], CLIP, np.count_nonzero(array), variable="I")


@few
@given(
    array=maps(np.uint8, st.sampled_from([(9, 16), (36, 64)])),
    number=st.integers(0, 9),
    kind=st.sampled_from(["png", "jpg", "gif"]),
    cut=st.one_of(st.none(), st.integers(0, 200)),
    junk=st.binary(max_size=4),
)
def test_released_picture(folder, array, number, kind, cut, junk):
    path = folder / f"a_{number:04d}.{kind}"
    Image.fromarray(array).save(path)
    if cut is not None:
        content = path.read_bytes()
        path.write_bytes(content[:cut] + junk + content[cut + len(junk) :])
    check(released, [path], CLIP)


@few
@given(content=st.binary(max_size=300), kind=st.sampled_from(["png", "jpg", "mat"]))
def test_released_bytes(folder, content, kind):
    path = folder / f"0001.{kind}"
    path.write_bytes(content)
    assert check(released, [path], CLIP, variable="I") is None


def _write_ledov(path, fixdata):
    size = np.array([[CLIP.width, CLIP.height]])
    savemat(path, {"Data": {"VideoSize": size, "fixdata": fixdata}})


@pytest.mark.parametrize(
    ("reader", "strategy", "name", "options"),
    [
        (dhf1k, DHF1K, "P03_Trail001.txt", {}),
        (diem, DIEM, "diem1s01.asc_1_ball.txt", {}),
        (mathe, MATHE, "001_ball.avi.txt", {"observers": "all"}),
        (csv, CSV, "ball.csv", AS_TOLD),
        (ledov, FIXDATA, "Data.mat", {"begin": "box"}),
    ],
)
def test_generated_files_are_often_read(folder, reader, strategy, name, options):
    """The properties would say nothing of files that are always refused or give no point."""
    files = [folder / name]
    if reader is mathe:
        files += [folder / "geometry.txt", folder / "resolution.txt"]
        files[1].write_text("0.6 0.475 0.295 1280 1024")
        files[2].write_text("ball.avi 640 360 30")
    points = []

    @settings(few, max_examples=60)
    @given(strategy)
    def look(content):
        _write_ledov(files[0], content) if reader is ledov else files[0].write_bytes(content)
        gaze = check(reader, files, WIDE if reader is diem else CLIP, **options)
        points.append(0 if gaze is None else len(gaze.x))

    look()
    assert np.mean(np.array(points) > 0) > 0.2
