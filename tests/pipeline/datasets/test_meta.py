from __future__ import annotations

import pytest

from pipeline.datasets.meta import read_frame_list
from pipeline.runtime.errors import InputError


def write(tmp_path, text):
    path = tmp_path / "list.csv"
    path.write_text(text)
    return path


def test_frames_by_video(tmp_path):
    path = write(tmp_path, "video,frame,mask\nb,3,True\nb,1,1\nb,2,False\na,9,true\nc,4,0\n")
    assert read_frame_list(path) == {"a": [9], "b": [1, 3]}


@pytest.mark.parametrize("name", ["diem", "ledov"])
def test_demo_list(drawn, name):
    listed = read_frame_list(drawn.root / f"{name}_meta" / f"{name}_meta.csv")
    assert set(listed) == {film.clip.name for film in drawn.films[name] if film.split == "test"}
    assert all(min(frames) >= 15 and max(frames) < 30 for frames in listed.values())


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("a,x,True", "video,frame,mask"),
        ("a,1,maybe", "video,frame,mask"),
        ("a," + "9" * 5000 + ",True", r"video,frame,mask.{,400}$"),
        ("a,1", "3 cells, found fewer"),
        ("a", "3 cells, found fewer"),
    ],
)
def test_bad_row(tmp_path, row, expected):
    with pytest.raises(InputError, match=rf"list\.csv: row 2: expected {expected}"):
        read_frame_list(write(tmp_path, f"video,frame,mask\na,1,True\n{row}\n"))


def test_missing_and_empty(tmp_path):
    with pytest.raises(InputError, match="no such frame list"):
        read_frame_list(tmp_path / "none.csv")
    with pytest.raises(InputError, match="no column video, frame, mask"):
        read_frame_list(write(tmp_path, ""))
    with pytest.raises(InputError, match="no frame with mask True"):
        read_frame_list(write(tmp_path, "video,frame,mask\na,1,False\n"))
