from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.datasets import salicon
from pipeline.datasets.records import Clip, ReaderError
from pipeline.miniatures.films import looks
from pipeline.miniatures.gaze import Event

CLIP = Clip("COCO_train2014_000000000009", 1, 640, 480, 1.0)


def recording(tmp_path, *observers, resolution=(480, 640), field="fixations"):
    gaze = np.empty((len(observers), 1), dtype=[("location", object), (field, object)])
    for row, points in zip(gaze, observers, strict=True):
        row[0] = (np.array([[1, 1]]), np.array(points))
    path = tmp_path / f"{CLIP.name}.mat"
    savemat(path, {"image": CLIP.name, "resolution": np.array([resolution]), "gaze": gaze})
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


def test_pixels_count_from_one_and_points_outside_are_counted(tmp_path):
    files = recording(tmp_path, [[1, 1], [640, 480], [641, 3], [0, 3]], [], [[5, 6]])
    gaze = salicon.read(files, CLIP, edition="2017")
    assert gaze.x.tolist() == [0, 639, 4]
    assert gaze.y.tolist() == [0, 479, 5]
    assert gaze.observer.tolist() == [1, 1, 3]
    assert gaze.dropped == {"outside": 2}


@pytest.mark.parametrize("edition", [None, "2016"])
def test_edition_must_be_declared(tmp_path, edition):
    with pytest.raises(ReaderError, match=r"gaze\.options\.edition.*2015, 2017"):
        salicon.read(recording(tmp_path, [[1, 1]]), CLIP, edition=edition)


def test_image_of_another_size(tmp_path):
    files = recording(tmp_path, [[1, 1]], resolution=(240, 320))
    with pytest.raises(ReaderError, match=r"expected resolution \[480 640\].*\[240, 320\]"):
        salicon.read(files, CLIP, edition="2015")


def test_wrong_number_of_columns(tmp_path):
    with pytest.raises(ReaderError, match="observer 1: expected two columns x y"):
        salicon.read(recording(tmp_path, [[1, 1, 1]]), CLIP, edition="2015")


def test_without_fixations(tmp_path):
    with pytest.raises(ReaderError, match="struct with the field fixations"):
        salicon.read(recording(tmp_path, [[1, 1]], field="other"), CLIP, edition="2015")


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
        assert gaze.dropped == {"outside": 0}
        assert len(np.unique(gaze.observer)) > 50
        assert 0 <= gaze.x.min() <= gaze.x.max() <= 639
        assert 0 <= gaze.y.min() <= gaze.y.max() <= 479
