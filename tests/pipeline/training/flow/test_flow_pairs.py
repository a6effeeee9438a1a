"""Made-up pairs: the flow is that of the pictures, near things hide far ones, seeds decide all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.runtime.errors import InputError
from pipeline.training.flow_pairs.motions import Motion
from pipeline.training.flow_pairs.scenes import Layer, Scene, pair, scene
from pipeline.training.flow_pairs.textures import Pictures

SIZE = (96, 128)
NO_WAVES = (np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), np.zeros(0, np.float32))


def shift(right: float, down: float) -> Motion:
    matrix = np.eye(3)
    matrix[:2, 2] = right, down
    return Motion(matrix, *NO_WAVES)


def noise(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def square(seed: int, left: int, top: int, motion: Motion, side: int = 20) -> Layer:
    """An opaque square with its first pixel at a place of the first picture."""
    canvas = np.zeros((side + 8, side + 8, 4), np.uint8)
    canvas[4:-4, 4:-4] = np.dstack([noise(seed, (side, side, 3)), np.full((side, side), 255)])
    place = np.eye(3)
    place[:2, 2] = 4 - left, 4 - top
    return Layer(canvas, place, motion)


def background(motion: Motion) -> Layer:
    return Layer(noise(0, (*SIZE, 3)), np.eye(3), motion)


def warped(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """What a picture shows where the flow points to."""
    y, x = np.mgrid[: flow.shape[1], : flow.shape[2]].astype(np.float32)
    return cv2.remap(picture, x + flow[0], y + flow[1], cv2.INTER_LINEAR)


def stays_visible(drawn: Scene, flow: np.ndarray) -> np.ndarray:
    """Pixels whose surroundings are of one layer in both pictures, and inside the second."""
    firm = []
    for second in (False, True):
        seen = drawn.frame(second=second)[1].astype(np.uint8)
        kernel = np.ones((7, 7), np.uint8)
        inner = cv2.erode(seen, kernel) == cv2.dilate(seen, kernel)
        firm.append(np.where(inner, seen.astype(np.float32), -1))
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    there = cv2.remap(
        firm[1],
        x + flow[0],
        y + flow[1],
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=-2,
    )
    inside = (x + flow[0] >= 0) & (x + flow[0] <= SIZE[1] - 1)
    inside &= (y + flow[1] >= 0) & (y + flow[1] <= SIZE[0] - 1)
    return inside & (firm[0] == there) & (firm[0] >= 0)


def test_whole_pixels_move_as_the_flow_says() -> None:
    drawn = Scene(SIZE, [background(shift(3, -2))])
    first, second = drawn.frame(second=False)[0], drawn.frame(second=True)[0]
    flow = drawn.flow(np.zeros(SIZE, np.int8))
    assert (flow[0] == 3).all()
    assert (flow[1] == -2).all()
    np.testing.assert_array_equal(first[2:, :-3], second[:-2, 3:])


def test_near_things_hide_far_ones_in_both_pictures() -> None:
    far, near = square(1, 30, 30, shift(10, 0)), square(2, 55, 35, shift(-10, 5))
    drawn = Scene(SIZE, [background(shift(0, 0)), far, near])
    (first, seen), (second, then) = drawn.frame(second=False), drawn.frame(second=True)
    flow = drawn.flow(seen)
    assert {tuple(pixel) for pixel in flow[:, 30:50, 30:50].reshape(2, -1).T} == {(10.0, 0.0)}
    assert {tuple(pixel) for pixel in flow[:, 35:55, 55:75].reshape(2, -1).T} == {(-10.0, 5.0)}
    assert (flow[:, seen == 0] == 0).all()
    assert [int((seen == i).sum()) for i in (1, 2)] == [400, 400]
    # Now the near square lies over columns 45 to 64 and rows 40 to 59: it hides part of the far.
    assert (then[40:60, 45:65] == 2).all()
    assert int((then == 1).sum()) == 400 - 15 * 10
    np.testing.assert_array_equal(second[40:60, 45:65], first[35:55, 55:75])
    np.testing.assert_array_equal(second[30:40, 40:60], first[30:40, 30:50])


@pytest.mark.parametrize("seed", range(12))
def test_the_second_picture_warped_back_is_the_first(seed: int) -> None:
    first, second, flow = pair(seed, SIZE, photometric=False)
    drawn = scene(np.random.default_rng(seed), SIZE, None)
    sure = stays_visible(drawn, flow)
    assert sure.mean() > 0.2
    off = np.abs(warped(second, flow).astype(float) - first).mean(axis=2)[sure]
    assert off.mean() < 2.0
    still = np.abs(second.astype(float) - first).mean(axis=2)[sure]
    if still.mean() > 2:
        assert off.mean() < 0.2 * still.mean()


def test_forward_and_backward_are_inverse_to_a_thousandth_of_a_pixel() -> None:
    points = np.stack(np.meshgrid(np.arange(0.0, 512, 7), np.arange(0.0, 320, 7)))
    points = points.astype(np.float32)
    bent = 0
    for seed in range(25):
        for layer in scene(np.random.default_rng(seed), (320, 512), None).layers:
            bent += len(layer.motion.phases) > 0
            there = layer.motion.forward(points)
            assert np.abs(layer.motion.backward(there) - points).max() < 1e-3
    assert bent > 10


def test_boxes_leave_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = [scene(np.random.default_rng(seed), SIZE, None) for seed in range(40)]
    boxed = [[one.frame(second=second) for second in (False, True)] for one in drawn]
    monkeypatch.setattr(Layer, "box", lambda *_: (slice(0, SIZE[0]), slice(0, SIZE[1])))
    for one, frames in zip(drawn, boxed, strict=True):
        for second, (picture, seen) in enumerate(frames):
            whole, everywhere = one.frame(second=bool(second))
            np.testing.assert_allclose(picture, whole, atol=2)
            assert (seen != everywhere).mean() < 1e-3


def test_the_box_has_room_for_bends(monkeypatch: pytest.MonkeyPatch) -> None:
    wave = [np.array([[12.0, 0.0]]), np.array([[0.02, 0.0]]), np.array([-2.6])]
    bent = Motion(np.eye(3), *(part.astype(np.float32) for part in wave))
    drawn = Scene(SIZE, [background(shift(0, 0)), square(1, 40, 30, bent)])
    seen = drawn.frame(second=True)[1]
    monkeypatch.setattr(Layer, "box", lambda *_: (slice(0, SIZE[0]), slice(0, SIZE[1])))
    np.testing.assert_array_equal(seen, drawn.frame(second=True)[1])
    assert np.flatnonzero(seen.any(axis=0)).min() > 50  # it moved further than its margin


def test_a_pixel_belongs_to_the_layer_that_covers_most_of_it() -> None:
    thing = square(1, 40, 30, shift(5, 0))
    thing.canvas[4, :, 3], thing.canvas[5, :, 3] = 120, 135
    seen = Scene(SIZE, [background(shift(0, 0)), thing]).frame(second=False)[1]
    assert not seen[30].any()
    assert seen[31, 40:60].all()


def test_bends_do_bend() -> None:
    wave = [np.array([[2.0, 0.0]]), np.array([[0.0, 0.1]]), np.array([0.0])]
    motion = Motion(np.eye(3), *(part.astype(np.float32) for part in wave))
    points = np.array([[0, 0], [0, 5 * np.pi]], np.float32)
    # The second point lies where the sine is one: two pixels from where it comes from.
    right = np.array([[0, 2], [0, 0]], np.float32)
    np.testing.assert_allclose(motion.backward(points), points + right, atol=1e-5)
    np.testing.assert_allclose(motion.forward(points), points - right, atol=1e-4)


def test_the_seed_decides_all() -> None:
    one, again, other = pair([3, 4], SIZE), pair([3, 4], SIZE), pair([3, 5], SIZE)
    for a, b in zip(one, again, strict=True):
        assert a.tobytes() == b.tobytes()
    assert one[0].tobytes() != other[0].tobytes()
    assert [a.dtype for a in one] == [np.uint8, np.uint8, np.float32]
    assert [a.shape for a in one] == [(*SIZE, 3), (*SIZE, 3), (2, *SIZE)]


def test_light_changes_pictures_and_not_the_flow() -> None:
    changed = 0
    for seed in range(8):
        plain, lit = pair(seed, SIZE, photometric=False), pair(seed, SIZE)
        np.testing.assert_array_equal(plain[2], lit[2])
        difference = np.abs(plain[1].astype(int) - lit[1]).mean()
        changed += difference > 0.3
        assert difference < 60
    assert changed >= 2


def test_motions_are_those_of_videos() -> None:
    """Of the size that motions are stated for: mostly small, with a tail, some things still."""
    size = (64, 96)
    flows = np.stack([pair([9, seed], size)[2] for seed in range(300)]) * 4
    speed = np.hypot(flows[:, 0], flows[:, 1])
    assert 3.5 < speed.mean() < 8
    assert np.median(speed) < 0.85 * speed.mean()
    assert 10 < np.percentile(speed, 95) < 30
    assert 25 < speed.max() < 160
    assert 0.2 < (speed < 0.05).mean() < 0.45
    assert np.abs(flows.mean(axis=(0, 2, 3))).max() < 0.25 * speed.mean()
    edges = [len(np.unique(np.round(flow[0], 3))) > 1 for flow in flows]
    assert np.mean(edges) > 0.7


def test_a_plain_ground_stands_still_and_things_before_it_move() -> None:
    """Nothing says whether it moves; without such pairs a network smears motion over it."""
    plain, moving = 0, 0
    for seed in range(60):
        drawn = scene(np.random.default_rng([11, seed]), SIZE, None)
        ground = drawn.layers[0].canvas.astype(float)
        if np.ptp(ground, axis=(0, 1)).max() > 2:
            continue
        plain += 1
        assert len(drawn.layers) > 1
        _, seen = drawn.frame(second=False)
        flow = drawn.flow(seen)
        assert (flow[:, seen == 0] == 0).all()
        moving += bool(np.abs(flow).max() > 0.5)
    assert 4 < plain < 25
    assert moving > 0.6 * plain


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One red picture, in a folder of a folder, among files that are none."""
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in/red.png"), np.full((70, 300, 3), (10, 10, 200), np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def _red(sources: Pictures | None) -> float:
    pairs = [pair(seed, SIZE, sources, photometric=False)[0] for seed in range(30)]
    return float(np.mean([(one[..., 0] > 115) & (one[..., 1:] < 50).all(-1) for one in pairs]))


def test_textures_are_cut_from_the_users_pictures(folder: Path) -> None:
    sources = Pictures(folder)
    assert len(sources) == 1
    assert _red(sources) > 0.4
    assert _red(None) < 0.1


def test_pictures_are_reduced_and_few_are_kept(folder: Path) -> None:
    cv2.imwrite(str(folder / "wide.png"), np.zeros((100, 1600, 3), np.uint8))
    sources = Pictures(folder, kept=1)
    assert [sources[i].shape for i in (0, 1, 0)] == [(70, 300, 3), (50, 800, 3), (70, 300, 3)]
    (folder / "in/red.png").unlink()
    assert sources[0].shape == (70, 300, 3)
    with pytest.raises(InputError, match=r"red\.png"):
        assert sources[1].shape and sources[0]


def test_a_broken_picture_is_named(folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    sources = Pictures(folder)
    with pytest.raises(InputError, match=r"broken\.jpg: expected a picture, .* remove it"):
        for seed in range(20):
            pair(seed, SIZE, sources)


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected pictures \(.*\.png.*\), found none"):
        Pictures(tmp_path)
