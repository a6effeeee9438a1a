"""Videos and pictures that cannot be read, each refused in one message that names the file."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pipeline.raw.video import probe
from pipeline.runtime.errors import InputError
from tests.spoiling import (
    AGAIN,
    LAYOUT,
    PUT,
    Case,
    content,
    copied,
    cut,
    outside,
    png_of,
    process,
    refusals,
    remove,
    resized,
    sheet,
)
from tests.workbench import IMAGE, RELEASE, SHOT, UCF, VIDEO


def wave() -> bytes:
    """A tenth of a second of silence, in WAVE."""
    samples = bytes(1600)
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    body = b"WAVE" + form + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


CASES = [
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


test_one_message_and_nothing_left = refusals(CASES)


test_of_a_real_process = process(CASES, "text for a video")


def test_a_video_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.avi").write_bytes(b"RIFF")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(InputError, match=r"a\.avi: no permission to read it; change its perm"):
        probe(tmp_path / "a.avi")
