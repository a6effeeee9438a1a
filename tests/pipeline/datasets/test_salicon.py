from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from pipeline.datasets import salicon
from pipeline.datasets.records import Clip, ReaderError
from pipeline.demo.films import looks
from pipeline.demo.looks import Event

CLIP = Clip("COCO_train2014_000000000009", 1, 640, 480, 1.0)


@pytest.fixture(params=["5", "7.3"], autouse=True)
def save(request, save_mat):
    """Writes a .mat file in either version."""
    return partial(save_mat, version=request.param)


@pytest.fixture
def recording(tmp_path, save):
    return partial(_recording, tmp_path, save)


def _recording(tmp_path, save, *observers, resolution=(480, 640), field="fixations"):
    gaze = np.empty((len(observers), 1), dtype=[("location", object), (field, object)])
    for row, points in zip(gaze, observers, strict=True):
        row[0] = (np.array([[1, 1]]), np.array(points, dtype=np.float64))
    path = tmp_path / f"{CLIP.name}.mat"
    sides = np.array([resolution], dtype=np.float64)
    save(path, {"image": CLIP.name, "resolution": sides, "gaze": gaze})
    return [path]


def test_reads_what_the_demo_planned(drawn):
    film = drawn.films["salicon"][0]
    gaze = salicon.read(drawn.files(film), film.clip, edition="2015")
    for number, look in enumerate(looks(film).values(), start=1):
        mine, fixating = gaze.observer == number, look.event == Event.FIXATION
        inside = fixating & (look.x > -0.5) & (look.x < film.clip.width - 0.5)
        np.testing.assert_allclose(gaze.x[mine], look.x[inside], atol=0.51)
        np.testing.assert_allclose(gaze.y[mine], look.y[inside], atol=0.51)
    assert not gaze.frame.any()


def test_pixels_count_from_one_and_points_outside_are_counted(recording):
    files = recording([[1, 1], [640, 480], [641, 3], [0, 3]], [], [[5, 6]])
    gaze = salicon.read(files, CLIP, edition="2017")
    assert gaze.x.tolist() == [0, 639, 4]
    assert gaze.y.tolist() == [0, 479, 5]
    assert gaze.observer.tolist() == [1, 1, 3]
    assert gaze.dropped == {"lost": 0, "outside": 2}
    assert gaze.seconds == ()


def test_points_of_edition_2017_outside_are_counted(recording):
    points = [[0.4, 1], [0.5, 0.5], [640.49, 480.49], [640.5, 480], [-300, 7], [1, 480.5]]
    gaze = salicon.read(recording(points, points[:1]), CLIP, edition="2017")
    np.testing.assert_allclose(gaze.x, [-0.5, 639.49], atol=1e-4)
    np.testing.assert_allclose(gaze.y, [-0.5, 479.49], atol=1e-4)
    assert gaze.dropped == {"lost": 0, "outside": 5}


@pytest.mark.parametrize("points", [[[3, 4]], [[3, 4], [5, 6]], [[3, 4], [5, 6], [7, 8]]])
@pytest.mark.parametrize("observers", [1, 2])
def test_few_observers_with_few_points(recording, points, observers):
    gaze = salicon.read(recording(*[points] * observers), CLIP, edition="2015")
    assert gaze.x.tolist() == [x - 1 for x, _ in points] * observers
    assert gaze.y.tolist() == [y - 1 for _, y in points] * observers
    assert gaze.observer.tolist() == np.repeat(np.arange(observers) + 1, len(points)).tolist()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("x", [np.nan, np.inf, -np.inf])
def test_points_that_are_no_place_are_counted(recording, x):
    gaze = salicon.read(recording([[x, 4], [3, 4], [3, x]]), CLIP, edition="2015")
    assert gaze.x.tolist() == [2]
    assert gaze.dropped == {"lost": 2, "outside": 0}


def test_fixations_that_are_no_numbers(tmp_path, save):
    gaze = np.empty((1, 1), dtype=[("fixations", object)])
    gaze[0, 0] = ("none",)
    path = tmp_path / "a.mat"
    save(path, {"resolution": np.array([[480.0, 640.0]]), "gaze": gaze})
    with pytest.raises(ReaderError, match=r"a\.mat: expected fixations of observer 1 to be numb"):
        salicon.read([path], CLIP, edition="2015")


@pytest.mark.parametrize("edition", [None, "2016"])
def test_edition_must_be_declared(recording, edition):
    with pytest.raises(ReaderError, match=r"gaze\.options\.edition.*2015, 2017"):
        salicon.read(recording([[1, 1]]), CLIP, edition=edition)


def test_image_of_another_size(recording):
    files = recording([[1, 1]], resolution=(240, 320))
    with pytest.raises(ReaderError, match=r"expected resolution \[480 640\].*\[240\.0, 320\.0\]"):
        salicon.read(files, CLIP, edition="2015")


def test_wrong_number_of_columns(recording):
    with pytest.raises(ReaderError, match="observer 1: expected two columns x y"):
        salicon.read(recording([[1, 1, 1]]), CLIP, edition="2015")


def test_without_fixations(recording):
    with pytest.raises(ReaderError, match="struct with the field fixations"):
        salicon.read(recording([[1, 1]], field="other"), CLIP, edition="2015")


def test_missing_and_empty_file(tmp_path):
    path = tmp_path / "a.mat"
    with pytest.raises(ReaderError, match=r"a\.mat: no such file"):
        salicon.read([path], CLIP, edition="2015")
    path.write_bytes(b"")
    with pytest.raises(ReaderError, match=r"a\.mat: not a readable Matlab file"):
        salicon.read([path], CLIP, edition="2015")
    with pytest.raises(ReaderError, match=r"expected one \.mat file, found 0"):
        salicon.read([], CLIP, edition="2015")


@pytest.mark.shared
def test_real_points_lie_inside(shared):
    files = sorted((shared / "salicon/fixations/train").glob("*.mat"))[:20]
    for path in files:
        gaze = salicon.read([path], CLIP, edition="2015")
        assert gaze.dropped == {"lost": 0, "outside": 0}
        assert len(np.unique(gaze.observer)) > 50
        assert 0 <= gaze.x.min() <= gaze.x.max() <= 639
        assert 0 <= gaze.y.min() <= gaze.y.max() <= 479
