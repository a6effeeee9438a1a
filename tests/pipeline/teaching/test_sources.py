"""Films and pictures to teach on: what the sheets say of them, and their bytes as it says."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from pipeline.raw.splits import read_sheet
from pipeline.runtime.errors import InputError
from pipeline.teaching.segments import LENGTH, MOST, place_of
from pipeline.teaching.sources import COLUMNS, fetched, read_sources
from tests.builders import ROOT
from tests.pipeline.teaching.drawn_sources import listed, picture, row

SOURCES = ROOT / "workflow/teaching/sources.csv"
LICENCES = {
    *("CC0 1.0", "CC BY 3.0", "CC BY 4.0", "public domain", "released for unrestricted usage"),
}
GITHUB = "https://github.com/[^/]+/[^/]+/blob/[0-9a-f]{40}/.+"
RAW = "https://raw.githubusercontent.com/[^/]+/[^/]+/[0-9a-f]{40}/.+"


def test_every_source_has_a_licence_that_allows_it_and_an_address_that_cannot_change() -> None:
    sources = read_sources(SOURCES).values()
    assert {one.licence for one in sources} == LICENCES
    assert [one for one in sources if not re.fullmatch(GITHUB, one.stated)] == []
    assert [one for one in sources if not re.fullmatch(RAW, one.address)] == []
    assert len({one.sha256 for one in sources}) == len(sources)


@pytest.mark.parametrize(("name", "kind"), [("films", "film"), ("pictures", "picture")])
def test_the_split_sheets_have_the_clips_of_every_source(name: str, kind: str) -> None:
    sources = read_sources(SOURCES)
    clips = read_sheet(ROOT / f"workflow/splits/light/{name}.csv")
    assert {clip.split for clip in clips} == {"train", "val"}
    assert 0.08 < sum(clip.split == "val" for clip in clips) / len(clips) < 0.12
    begins: dict[str, list[int]] = {}
    for clip in clips:
        source, first = place_of(clip.name, sources)
        assert source.kind == kind
        begins.setdefault(source.file, []).append(first)
    assert {*begins} == {one.file for one in sources.values() if one.kind == kind}
    for firsts in begins.values():
        assert len(firsts) <= MOST
        gaps = [after - before for before, after in pairwise(firsts)]
        assert min(gaps, default=LENGTH) >= LENGTH


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("file", "../a.png", "file '../a.png'"),
        ("file", "A.png", "lower-case"),
        ("kind", "sound", "kind 'sound'; use one of film, picture"),
        ("licence", "", "no licence; fill in every cell"),
        ("stated", " ", "no stated"),
        ("sha256", "0123abcd", "give all 64 digits"),
        ("start", "-1", "give seconds"),
        ("start", "nan", "give seconds"),
    ],
)
def test_a_row_that_does_not_fit_is_named(
    tmp_path: Path, column: str, cell: str, message: str
) -> None:
    cells = row(picture(tmp_path / "a.png"), "picture")
    cells[COLUMNS.index(column)] = cell
    sheet = listed(tmp_path / "sources.csv", row(picture(tmp_path / "b.png"), "picture"), cells)
    with pytest.raises(InputError, match=rf"sources\.csv: row 2: .*{message}"):
        read_sources(sheet)


def test_two_files_of_one_stem_are_refused(tmp_path: Path) -> None:
    rows = [row(picture(tmp_path / name), "picture") for name in ("a.png", "a.bmp")]
    with pytest.raises(InputError, match="row 2: a is there twice"):
        read_sources(listed(tmp_path / "sources.csv", *rows))


@pytest.mark.parametrize("clip", ["a", "b_00001", "a_", "a_00000", "a_x", "p_00001"])
def test_a_clip_of_no_source_is_refused(tmp_path: Path, clip: str) -> None:
    rows = [row(picture(tmp_path / "a.png"), "film"), row(picture(tmp_path / "p.png"), "picture")]
    sources = read_sources(listed(tmp_path / "sources.csv", *rows))
    assert place_of("a_00013", sources) == (sources["a"], 12)
    assert place_of("p", sources) == (sources["p"], 0)
    with pytest.raises(InputError, match=f"clip {clip}: neither a picture"):
        place_of(clip, sources)


def test_a_missing_file_is_fetched_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = picture(tmp_path / "a.png")
    source = read_sources(listed(tmp_path / "sources.csv", row(file, "picture")))["a"]
    kept = fetched(tmp_path / "kept", source)
    assert kept.read_bytes() == file.read_bytes()
    assert source.address in capsys.readouterr().out
    file.unlink()
    assert fetched(tmp_path / "kept", source) == kept


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png")
    source = read_sources(listed(tmp_path / "sources.csv", row(file, "picture")))["a"]
    file.write_bytes(b"else")
    with pytest.raises(InputError, match=r"kept/a\.png: .* has other bytes than its row"):
        fetched(tmp_path / "kept", source)
    assert not (tmp_path / "kept/a.png").exists()
    with pytest.raises(InputError, match=r"a\.png: has another sha256 .* remove it, and rerun"):
        fetched(tmp_path, source)


def test_without_a_network_it_says_which_file_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", none)
    file = picture(tmp_path / "a.png")
    source = read_sources(listed(tmp_path / "sources.csv", row(file, "picture")))["a"]
    with pytest.raises(InputError) as caught:
        fetched(tmp_path / "kept", source)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/kept/a.png: cannot fetch {source.address} (")
    assert message.endswith("fetch it on a connected machine, and put it there")
    assert "config.yaml" not in message


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png")
    source = read_sources(listed(tmp_path / "sources.csv", row(file, "picture")))["a"]
    (tmp_path / "kept").write_text("")
    with pytest.raises(InputError, match=r"a file is where a folder should be|in the way"):
        fetched(tmp_path / "kept", source)
