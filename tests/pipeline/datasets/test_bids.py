from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets.readers import read_gaze
from pipeline.datasets.records import Clip, ReaderError

CLIP = Clip("ball", 10, 640, 360, 25.0)
SCREEN = {
    "ScreenDistance": 0.6,
    "ScreenOrigin": ["top", "left"],
    "ScreenResolution": [1280, 960],
    "ScreenSize": [0.4, 0.3],
}
NATIVE = (320, 300)
"""Left and top of the video in its own size."""


class Study:
    """A BIDS dataset with one task, made on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.json("task-watch_events.json", StimulusPresentation=SCREEN)
        self.json("task-watch_physio.json", PhysioType="eyetrack", SamplingFrequency=100.0)
        self.general = {
            "StartTime": 0.0,
            "Columns": ["timestamp", "x_coordinate", "y_coordinate", "pupil_size"],
            "SampleCoordinateSystem": "gaze-on-screen",
            "timestamp": {"Units": "ms"},
            "x_coordinate": {"Units": "pixel"},
            "y_coordinate": {"Units": "pixel"},
        }

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    def json(self, name: str, **content: object) -> Path:
        return self.write(name, json.dumps(content))

    def recording(self, rows, sub="01", eye="right", label="eye1", **facts) -> Path:
        """Rows of time (ms), x and y in pixels of the video in its own size; None is n/a."""
        stem = f"sub-{sub}/func/sub-{sub}_task-watch_recording-{label}_physio"
        self.json(f"{stem}.json", **self.general | {"RecordedEye": eye} | facts)
        lines = []
        for time, x, y in rows:
            place = [
                "n/a" if v is None else str(v + o) for v, o in ((x, NATIVE[0]), (y, NATIVE[1]))
            ]
            lines.append("\t".join([str(70_000 + time), *place, "4012.0"]))
        return self.write(f"{stem}.tsv.gz", "\n".join(lines) + "\n")

    def events(self, *rows, sub="01", header="onset\tduration\ttrial_type\tstim_file"):
        lines = [header, *("\t".join(map(str, row)) for row in rows)]
        return self.write(f"sub-{sub}/func/sub-{sub}_task-watch_events.tsv", "\n".join(lines))

    def read(self, clip=CLIP, **options):
        files = sorted(path for path in self.root.rglob("*") if path.is_file())
        return read_gaze("bids", files, clip, {"fit": "native"} | options)


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)


def found(gaze):
    columns = (gaze.observer, gaze.frame, gaze.x + 0.5, gaze.y + 0.5)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_onset_of_the_stimulus(study):
    study.recording([(k * 10, k, 7) for k in range(100)])
    study.events((0.05, 0.1, "video", "kite.mp4"), (0.3, 0.25, "video", "films/ball.mp4"))
    gaze = study.read()
    assert found(gaze) == [(1, (k - 30) // 4, k, 7) for k in range(30, 55)]
    assert (sum(gaze.dropped.values()), gaze.seconds) == (0, (0.24,))
    kite = study.read(Clip("kite", 10, 640, 360, 25.0))
    assert [row[2] for row in found(kite)] == list(range(5, 15))


def test_stimulus_ends_with_its_last_frame(study):
    study.recording([(k * 10, 9, 7) for k in range(100)])
    study.events((0.1, 30, "video", "ball"))
    assert len(study.read().x) == 40
    study.events((0.1, "n/a", "video", "ball"), (0.6, "n/a", "video", "ball"))
    assert len(study.read().x) == 80  # seen twice


@pytest.mark.parametrize(("start", "first"), [("zero", 25), ("first", 0)])
def test_runs_that_are_one_clip(study, start, first):
    study.recording([(k * 10, k, 7) for k in range(60)], StartTime=-0.25)
    gaze = study.read(start=start)
    assert [row[2] for row in found(gaze)] == list(range(first, first + 35 + 5 * (first == 0)))
    assert gaze.dropped["before_first_frame"] == first


def test_start_time_moves_the_recording(study):
    study.recording([(k * 10, k, 7) for k in range(60)], StartTime=0.2)
    study.events((0.3, 0.05, "video", "ball.mp4"))
    assert [row[2] for row in found(study.read())] == [10, 11, 12, 13, 14]


def test_time_by_rows_where_stamps_have_no_unit(study):
    study.recording([(k * 3, k, 7) for k in range(60)], timestamp={"Units": "arbitrary"})
    study.events((0.3, 0.05, "video", "ball.mp4"))
    assert [row[2] for row in found(study.read())] == [30, 31, 32, 33, 34]


def test_pause_of_the_tracker(study):
    study.recording([(k * 10 + 500 * (k > 9), k, 7) for k in range(60)])
    study.events((0.6, 0.05, "video", "ball.mp4"))
    assert [row[2] for row in found(study.read())] == [10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    ("eyes", "expected"),
    [
        ("mean", [(0, 15, 7), (0, 20, 7), (0, 10, 7)]),
        ("left", [(0, 10, 7), (0, 10, 7)]),
        ("right", [(0, 20, 7), (0, 20, 7)]),
    ],
)
def test_two_eyes(study, eyes, expected):
    study.recording([(0, 10, 7), (10, None, 7), (20, 10, 7), (30, None, 1)], eye="left")
    study.recording([(0, 20, 7), (10, 20, 7), (20, None, 7), (30, 1, None)], label="eye2")
    gaze = study.read(start="zero", eyes=eyes)
    assert [row[1:] for row in found(gaze)] == expected
    assert gaze.dropped["lost"] == 4 - len(expected)


def test_eyes_of_which_one_misses_rows(study):
    study.recording([(0, 10, 7), (10, 10, 7), (20, 10, 7)], eye="left")
    study.recording([(0, 20, 7), (20, 20, 7), (30, 20, 7)], label="eye2")
    assert [row[2] for row in found(study.read(start="zero"))] == [15, 10, 15, 20]


def test_cyclopean_eye_where_there_is_no_other(study):
    study.recording([(0, 10, 7)], eye="cyclopean", label="eye3")
    assert len(study.read(start="zero").x) == 1
    with pytest.raises(ReaderError, match=r"no recording of RecordedEye left, only of cyclopean"):
        study.read(start="zero", eyes="left")


def test_observers(study):
    for sub in ("01", "07"):
        study.recording([(0, 10, 7)], sub=sub)
    assert study.read(start="zero").observer.tolist() == [1, 7]
    study.recording([(0, 10, 7)], sub="anna")
    assert study.read(start="zero").observer.tolist() == [1, 2, 3]


def test_observer_who_did_not_see_the_clip(study):
    for sub, shown in (("01", "ball.mp4"), ("02", "kite.mp4")):
        study.recording([(0, 10, 7)], sub=sub)
        study.events((0, 1, "video", shown), sub=sub)
    assert study.read().observer.tolist() == [1]
    with pytest.raises(ReaderError, match=r"no onset of cloud in column stim_file of events\.tsv"):
        study.read(Clip("cloud", 1, 640, 360, 25.0))


@pytest.mark.parametrize(("source", "unit"), [("timestamp", 1), ("n/a", 10)])
def test_events_of_the_tracker(study, source, unit):
    study.recording([(k * 10, k, 7) for k in range(30)])
    stem = "sub-01/func/sub-01_task-watch_recording-eye1_physioevents"
    columns = ["onset", "duration", "trial_type", "blink", "message"]
    study.json(f"{stem}.json", Columns=columns, OnsetSource=source)
    begin = 70_000 if source == "timestamp" else 0
    rows = [(-9, "n/a", "n/a", "n/a", '"RECCFG"'), (20, 30, "fixation", 0, "n/a")]
    rows += [(60, 90, "saccade", 0, "n/a"), (200, 20, "fixation", 0, "n/a")]
    text = [[begin + row[0] // unit, row[1] if row[1] == "n/a" else row[1] // unit] for row in rows]
    lines = ["\t".join(map(str, [*new, *row[2:]])) for new, row in zip(text, rows, strict=True)]
    study.write(f"{stem}.tsv.gz", "\n".join(lines))
    gaze = study.read(start="zero", events=["fixation"])
    assert [row[2] for row in found(gaze)] == [2, 3, 4, 5, 20, 21, 22]
    assert gaze.dropped["other_event"] == 23
    with pytest.raises(ReaderError, match=r"no event of trial_type blink, found .*fixation"):
        study.read(start="zero", events=["blink"])


def test_events_that_are_not_there(study):
    study.recording([(0, 10, 7)])
    with pytest.raises(ReaderError, match=r"no physioevents\.tsv\.gz of this recording"):
        study.read(start="zero", events=["fixation"])


@pytest.mark.parametrize(
    ("facts", "screen", "x", "y", "options"),
    [
        ({}, {}, 10, 20, {}),
        ({}, {"ScreenOrigin": ["bottom", "left"]}, 10, 360 - 20, {}),
        ({}, {"ScreenOrigin": ["center", "center"]}, 10 - 640, 20 - 480, {"y": "down"}),
        ({}, {"ScreenOrigin": ["center", "center"]}, 10 - 640, 480 - 20 - 600, {"y": "up"}),
        ({}, {"ScreenOrigin": ["bottom", "left"]}, 10, 20, {"origin": ["top", "left"]}),
        ({}, {"ScreenResolution": "n/a"}, 10, 20, {"screen": [1280, 960]}),
    ],
)
def test_screens(study, facts, screen, x, y, options):
    study.json("task-watch_events.json", StimulusPresentation=SCREEN | screen)
    study.recording([(0, x, y)], **facts)
    assert found(study.read(start="zero", **options)) == [(1, 0, 10, 20)]


@pytest.mark.parametrize(
    ("unit", "width", "height"),
    [
        ("normalised", 1.0, 1.0),
        ("mm", 400, 300),
        ("cm", 40, 30),
        ("m", 0.4, 0.3),
        ("px", 1280, 960),
    ],
)
def test_units(study, unit, width, height):
    path = study.recording([(0, 0, 0)], x_coordinate={"Units": unit})
    x, y = 330 / 1280 * width, 320 / 960 * height
    path.write_bytes(gzip.compress(f"70000\t{x!r}\t{y!r}\t1\n".encode()))
    ((_, _, x, y),) = found(study.read(start="zero"))
    np.testing.assert_allclose([x, y], [10, 20], atol=1e-4)


def test_a_nearer_sidecar_overrides(study):
    study.json("sub-01/sub-01_task-watch_events.json", StimulusPresentation={"ScreenOrigin": [0]})
    study.json(
        "sub-01/func/sub-01_task-watch_events.json",
        StimulusPresentation=SCREEN | {"ScreenSize": [1, 1]},
    )
    study.json("task-other_events.json", StimulusPresentation="n/a")
    study.json("sub-02/sub-02_task-watch_events.json", StimulusPresentation={})
    study.recording([(0, 10, 20)])
    assert found(study.read(start="zero")) == [(1, 0, 10, 20)]


def test_other_physiology_is_passed_over(study):
    study.recording([(0, 10, 20)])
    study.json("sub-01/func/sub-01_task-watch_recording-heart_physio.json", PhysioType="generic")
    study.write("sub-01/func/sub-01_task-watch_recording-heart_physio.tsv.gz", "1\n2\n")
    (study.root / "README").write_text("a study")
    assert len(study.read(start="zero").x) == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            {"SampleCoordinateSystem": "eye-in-head"},
            "SampleCoordinateSystem: Input should be",
        ),
        ({"RecordedEye": None}, "RecordedEye: Input should be 'left', 'right' or 'cyclopean'"),
        ({"SamplingFrequency": 0}, "SamplingFrequency: Input should be greater than 0"),
        ({"StartTime": "noon"}, "StartTime: Input should be a valid number"),
        ({"Columns": ["timestamp", "x_coordinate"]}, "no column y_coordinate among Columns"),
        ({"Columns": "timestamp"}, "Columns: Input should be a valid tuple"),
        (
            {"Columns": ["timestamp", "x_coordinate", "y_coordinate"]},
            "expected 3 .* found 4",
        ),
        ({"x_coordinate": {"Units": "deg"}}, "Units of x_coordinate are 'deg'; known are pixel"),
        ({"PhysioType": "generic"}, "no physio.*gz with PhysioType eyetrack"),
    ],
)
def test_sidecars_that_do_not_fit(study, spoil, message):
    study.recording([(0, 10, 20), (1, 10, 20)], **spoil)
    with pytest.raises(ReaderError, match=message) as error:
        study.read(start="zero")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("screen", "message"),
    [
        ({"ScreenResolution": "n/a"}, "ScreenResolution: Input should be a valid tuple"),
        ({"ScreenOrigin": ["top", "right"]}, r"ScreenOrigin \['top', 'right'\] is none of"),
        ({"ScreenOrigin": ["center", "center"]}, r"set gaze\.options\.y of this dataset"),
    ],
)
def test_screens_that_do_not_fit(study, screen, message):
    study.json("task-watch_events.json", StimulusPresentation=SCREEN | screen)
    study.recording([(0, 10, 20)])
    with pytest.raises(ReaderError, match=message):
        study.read(start="zero")


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '"a"'])
def test_sidecars_that_are_no_json(study, text):
    study.recording([(0, 10, 20)])
    study.write("sub-01/sub-01_physio.json", text)
    with pytest.raises(ReaderError, match=r"sub-01_physio\.json: (not|expected an object in) JSON"):
        study.read(start="zero")


def test_no_events_file(study):
    study.recording([(0, 10, 20)])
    with pytest.raises(ReaderError, match=r"no events\.tsv of this recording; list it in gaze"):
        study.read()


def test_the_same_eye_twice(study):
    study.recording([(0, 10, 20)])
    study.recording([(0, 10, 20)], label="eye2")
    with pytest.raises(ReaderError, match=r"eye2_physio.*eye1_physio.* same RecordedEye, right"):
        study.read(start="zero")


def test_where_the_video_stood_must_be_said(study):
    study.recording([(0, 10, 20)])
    with pytest.raises(ReaderError, match="a fit or a rectangle: set one of the two"):
        study.read(start="zero", fit=None)
    assert found(study.read(start="zero", fit=None, rectangle=[320, 300, 640, 360])) == [
        (1, 0, 10, 20)
    ]


def test_a_line_cut_short(study):
    path = study.recording([(k * 10, 10, 20) for k in range(30)])
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-20]))
    assert study.read(start="zero").dropped["other_columns"] == 1
