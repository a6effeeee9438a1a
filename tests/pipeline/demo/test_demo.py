from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.datasets.meta import read_frame_list
from pipeline.demo.draw import demo, draw
from pipeline.demo.drawn import FRAME_LISTS, drawn_files
from pipeline.demo.films import OBSERVERS, film, looks
from pipeline.demo.layouts import WRITERS
from pipeline.demo.looks import Event, common_blink
from pipeline.demo.scene import pictures
from pipeline.planning.load import configured
from pipeline.planning.raw_files import DRAWN, drawn_datasets
from pipeline.raw.splits import SPLITS, parts, read_sheet
from pipeline.runtime.errors import InputError

ROOT = Path(__file__).parents[3]
SHEETS = ROOT / "workflow" / "splits"
VIDEOS = ["ucf_sports", "hollywood2", "dhf1k", "diem", "ledov"]


def films(dataset, seed=0):
    rows = read_sheet(SHEETS / "demo" / f"{dataset}.csv")
    return [film(dataset, row.name, row.split, i, seed) for i, row in enumerate(rows)]


def digests(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


@pytest.fixture(scope="module")
def one_clip_each():
    """The last row of each sheet."""
    return {name: read_sheet(SHEETS / "demo" / f"{name}.csv")[-1:] for name in WRITERS}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, one_clip_each):
    root = tmp_path_factory.mktemp("first")
    draw(root, one_clip_each, 0)
    return root


def test_same_seed_same_bytes(drawn, tmp_path, one_clip_each):
    draw(tmp_path, one_clip_each, 0)
    assert digests(tmp_path) == digests(drawn)


def test_other_seed_other_bytes(drawn, tmp_path, one_clip_each):
    draw(tmp_path, {"diem": one_clip_each["diem"]}, 1)
    other, first = digests(tmp_path), digests(drawn)
    assert len(other) == 7
    assert all(first[path] != digest for path, digest in other.items())


def test_raw_layouts(drawn):
    assert set(digests(drawn)) == {
        "ucf_sports/videos/Run-Side_001.avi",
        "ucf_sports/gaze_ucfsa/geometry.txt",
        "ucf_sports/gaze_ucfsa/resolution.txt",
        *(f"ucf_sports/gaze_ucfsa/samples/00{i}_Run-Side_001.avi.txt" for i in range(1, 6)),
        "hollywood2/AVIClips/actioncliptest00002.avi",
        "hollywood2/gaze_hollywood2/geometry.txt",
        "hollywood2/gaze_hollywood2/resolution.txt",
        *(
            f"hollywood2/gaze_hollywood2/samples/00{i}_actioncliptest00002.avi.txt"
            for i in range(1, 6)
        ),
        "dhf1k/video/007.AVI",  # test: without gaze
        "diem/demo_snail_160x120/video/demo_snail_160x120.mp4",
        *(
            f"diem/demo_snail_160x120/event_data/diem1s0{i}.asc_1_demo_snail_160x120.txt"
            for i in range(1, 6)
        ),
        "ledov/man_walk01/man_walk01.mp4",
        "ledov/man_walk01/Data.mat",
        "salicon/images/COCO_val2014_000000000008.jpg",
        "salicon/fixations/val/COCO_val2014_000000000008.mat",
        "diem_meta/diem_meta.csv",
        "ledov_meta/ledov_meta.csv",
    }
    image = Image.open(drawn / "salicon/images/COCO_val2014_000000000008.jpg")
    assert (image.size, image.mode) == ((160, 120), "RGB")


def test_a_sheet_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"ucf_sports\.csv: no such split sheet"):
        demo(raw=tmp_path / "raw", sheets=[tmp_path / "ucf_sports.csv"], seed=0)


def test_a_sheet_of_a_dataset_that_the_demo_cannot_draw(tmp_path):
    with pytest.raises(InputError, match=r"mine\.csv: the demo cannot draw a dataset mine; give"):
        demo(raw=tmp_path / "raw", sheets=[tmp_path / "mine.csv"], seed=0)
    assert not (tmp_path / "raw").exists()


def test_only_the_given_sheets_are_drawn(drawn, tmp_path, one_clip_each):
    sheet = tmp_path / "salicon.csv"
    clip = one_clip_each["salicon"][0]
    sheet.write_text(f"clip,split\n{clip.name},{clip.split}\n")
    demo(raw=tmp_path / "raw", sheets=[sheet], seed=0)
    every = digests(drawn)
    only = {path: digest for path, digest in every.items() if path.startswith("salicon/")}
    assert digests(tmp_path / "raw") == only


@pytest.fixture
def cfg(monkeypatch):
    monkeypatch.chdir(ROOT)
    return configured("demo")


def test_what_is_planned_is_what_can_be_drawn(cfg):
    assert tuple(WRITERS) == DRAWN
    assert {name: cfg.meta_datasets[name].over for name in FRAME_LISTS} == FRAME_LISTS
    assert drawn_datasets(cfg) == [*DRAWN]
    files = {path for name in DRAWN for path in drawn_files(cfg, name)}
    folders = {path.relative_to("raw/demo").parts[0] for path in files}
    assert folders == {*DRAWN, *FRAME_LISTS}


def test_a_dataset_of_ones_own_is_not_planned(cfg):
    mine = cfg.datasets | {"mine": cfg.datasets["diem"]}
    assert drawn_datasets(cfg.model_copy(update={"datasets": mine})) == [*DRAWN]


def test_datasets_that_are_left_out_are_not_planned(cfg):
    fewer = drawn_datasets(cfg.model_copy(update={"without": ("diem",)}))
    assert fewer == [name for name in DRAWN if name != "diem"]
    assert {path.parts[2] for path in drawn_files(cfg, "diem")} == {"diem", "diem_meta"}


@pytest.mark.parametrize("path", sorted(SHEETS.glob("demo/*.csv")), ids=lambda path: path.stem)
def test_sheets(path):
    rows = read_sheet(path)
    order = [SPLITS.index(row.split) for row in rows]
    assert order == sorted(order)
    assert path.read_text().startswith("# ")
    assert len(parts(path, 1000)) == len(set(order))
    assert path.stem in WRITERS


@pytest.mark.parametrize("path", sorted(SHEETS.glob("real/*.csv")), ids=lambda path: path.stem)
@pytest.mark.shared
def test_real_sheets_name_what_is_there(path):
    folder = ROOT.parent / "shared" / "data" / path.stem
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}")
    there = {
        file.stem for file in folder.rglob("*") if file.suffix.lower() in (".avi", ".mp4", ".jpg")
    }
    assert {row.name for row in read_sheet(path)} == there


def _moving_and_fixating(drawn_film):
    """Yields each observer's samples while something has been moving for a while."""
    scene = drawn_film.scene
    for look in looks(drawn_film).values():
        settled = (scene.moving(look.time) >= 0) & (scene.moving(look.time - 0.15) >= 0)
        settled &= scene.moving(look.time) == scene.moving(look.time - 0.15)
        yield look, settled & (look.event == Event.FIXATION)


@pytest.mark.parametrize("dataset", VIDEOS)
def test_gaze_follows_what_moves(dataset):
    near = []
    for drawn_film in films(dataset):
        for look, chosen in _moving_and_fixating(drawn_film):
            places = drawn_film.scene.positions(look.time)
            index = drawn_film.scene.moving(look.time)
            x, y = places[index, :, np.arange(len(look.time))].T
            distance = np.hypot(look.x - x, look.y - y)[chosen]
            near += list(distance < 0.12 * drawn_film.clip.width)
    assert np.mean(near) > 0.7


@pytest.mark.parametrize("dataset", VIDEOS)
def test_gaze_rests_on_what_is_bright(dataset):
    near = []
    for drawn_film in films(dataset):
        scene = drawn_film.scene
        for look in looks(drawn_film).values():
            still = (scene.moving(look.time) < 0) & (scene.moving(look.time - 0.15) < 0)
            places = scene.positions(look.time)[: len(scene.bright)]
            distance = np.hypot(look.x - places[:, 0], look.y - places[:, 1]).min(axis=0)
            near += list(
                (distance < 0.12 * scene.clip.width)[still & (look.event == Event.FIXATION)]
            )
    assert np.mean(near) > 0.7


def test_what_moves_looks_like_what_does_not():
    for drawn_film in films("diem"):
        scene = drawn_film.scene
        assert len(scene.movers) == 2
        assert len(scene.still) >= 2
        assert len({thing.colour for thing in (*scene.movers, *scene.still)}) == 1


def test_moving_things_move_in_the_pictures_and_stop():
    drawn_film = films("diem")[0]
    video = np.stack([picture.astype(int) for picture in pictures(drawn_film.scene)])
    assert video.shape == (30, 120, 160, 3)
    changes = np.abs(np.diff(video, axis=0)).sum(axis=(1, 2, 3)) > 0
    assert 10 < changes.sum() < 25
    assert not changes[:2].any()
    assert not changes[15]


@pytest.mark.parametrize("dataset", VIDEOS)
def test_some_frames_have_no_fixation_and_some_gaze_is_outside(dataset):
    blinking = [one for one in films(dataset) if one.habits.common_blink]
    assert blinking
    for drawn_film in blinking:
        first, after = common_blink(drawn_film.scene)
        if drawn_film.clip.frames == 1:
            continue
        for look in looks(drawn_film).values():
            frame = np.floor(look.time * drawn_film.clip.rate)
            assert (look.event[(frame >= first) & (frame < after)] == Event.BLINK).all()
    x = np.concatenate([look.x for one in films(dataset) for look in looks(one).values()])
    assert ((x < -0.5) | (x > films(dataset)[0].clip.width)).any()


@pytest.mark.parametrize("dataset", WRITERS)
def test_every_clip_is_another(dataset):
    assert len({one.seed for one in films(dataset)}) == len(films(dataset))
    assert all(len(looks(one)) == len(OBSERVERS[dataset]) for one in films(dataset))


@pytest.mark.parametrize(("meta", "dataset"), [("diem_meta", "diem"), ("ledov_meta", "ledov")])
def test_frame_lists_hold_frames_in_motion(drawn, meta, dataset):
    drawn_film = film(
        dataset, read_sheet(SHEETS / "demo" / f"{dataset}.csv")[-1].name, "test", 0, 0
    )
    listed = read_frame_list(drawn / meta / f"{meta}.csv")
    frames = np.array(listed[drawn_film.clip.name])
    assert list(listed) == [drawn_film.clip.name]
    assert len(frames) >= 8
    assert frames.min() >= 15
    assert (drawn_film.scene.moving((frames + 0.5) / 30) >= 0).all()
