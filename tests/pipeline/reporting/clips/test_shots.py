"""Pictures of frames with their maps: what is where, and how many a page may hold."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from pipeline.reporting.clips.shots import MOST, encoded, layout_of, shot, spaced, thinned


def test_a_frame_is_above_its_maps_and_each_map_is_stretched() -> None:
    frame = np.full((96, 128, 3), (200, 30, 30), np.uint8)
    maps = [np.zeros((96, 128), np.float32) for _ in range(7)]
    maps[3][:, 64:] = 1e-3
    layout = layout_of(frame.shape, len(maps))
    assert (layout.width, layout.height, layout.tile_width, layout.tile_height) == (128, 96, 96, 72)
    picture = np.asarray(Image.open(io.BytesIO(shot(frame, maps, layout))), int)
    assert picture.shape[1::-1] == layout.size
    np.testing.assert_allclose(picture[48, 64], (200, 30, 30), atol=8)
    left, top = layout.place(3)
    assert picture[top + 36, left + 20].max() < 16
    assert picture[top + 36, left + 80].min() > 239
    assert top == 96 + 3 * 72  # one map a row: two would be wider than the frame


def test_a_large_frame_is_reduced_and_has_its_maps_side_by_side() -> None:
    layout = layout_of((480, 640, 3), 16)
    assert (layout.width, layout.height, layout.columns) == (480, 360, 5)
    assert layout.place(6) == (96, 368 + 72)
    assert layout.size == (480, 368 + 4 * 72)


def test_frames_are_taken_at_even_distances_with_the_worst_among_them() -> None:
    assert spaced(range(10), 5, set()) == [0, 2, 4, 6, 8]
    assert spaced(range(10), 4, {5}) == [0, 3, 5, 6, 9]
    assert spaced([3, 9], 5, set()) == [3, 9]


def test_every_second_frame_goes_and_the_worst_ones_last() -> None:
    assert thinned([0, 2, 4, 5, 6], {5}) == [0, 4, 5]
    assert thinned([0, 5], {0, 5}) == [0]
    assert thinned([0, 5], {5}) == [0]


def test_pictures_never_exceed_their_bytes() -> None:
    made = list[int]()

    def make(time: int) -> bytes:
        made.append(time)
        return bytes(100)

    pictures = encoded(range(2 * MOST), {1}, make, 1000)
    assert len(made) == MOST + 1
    assert sum(map(len, pictures.values())) <= 1000
    assert {0, 1} <= pictures.keys()
    assert len(encoded(range(3), {1}, make, 50)) == 1
