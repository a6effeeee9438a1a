"""What `gfsalnet predict` writes, and where: every combination of products and -o."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands.main import build_parser
from pipeline.commands.outputs import Wanted, placed, wanted
from pipeline.runtime.errors import InputError


def places(line: str, *, picture: bool = False) -> dict[str, str]:
    """Kind of product -> its path."""
    given = build_parser().parse_args(["predict", "films/my.mp4", *line.split()])
    found = placed(wanted(given, picture), given.input, given.out)
    return {one.kind: str(path) for one, path in found.items()}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", {"overlay": "my_saliency.mp4"}),
        ("--overlay 0.3", {"overlay": "my_saliency.mp4"}),
        ("--json", {"numbers": "my_saliency.json"}),
        ("--json --overlay", {"overlay": "my_saliency.mp4", "numbers": "my_saliency.json"}),
        ("--heat --side-by-side", {"heat": "my_heat.mp4", "panels": "my_panels.mp4"}),
        ("--maps png", {"maps": "my_maps"}),
        ("--maps zarr --roi json", {"maps": "my_maps.zarr", "roi": "my_roi.json"}),
        ("--html page.html", {"page": "page.html"}),
        ("-o there", {"overlay": "there/my_saliency.mp4"}),
        ("-o new/", {"overlay": "new/my_saliency.mp4"}),
        ("-o new", {"overlay": "new/my_saliency.mp4"}),
        ("-o new --maps png", {"maps": "new"}),
        ("-o there --maps png", {"maps": "there/my_maps"}),
        ("-o a/b.mp4 --overlay --json", {"overlay": "a/b.mp4", "numbers": "a/b_saliency.json"}),
        ("-o a/b.json --overlay --json", {"overlay": "a/b_saliency.mp4", "numbers": "a/b.json"}),
        ("-o a/ --html x/p.html --json", {"numbers": "a/my_saliency.json", "page": "x/p.html"}),
        ("-o b.npy --maps npy --json c.json", {"maps": "b.npy", "numbers": "c.json"}),
    ],
)
def test_films(line: str, found: dict[str, str]) -> None:
    assert places(line) == found


def test_pictures() -> None:
    assert places("", picture=True) == {"overlay": "my_saliency.png"}
    assert places("-o x.JPG", picture=True) == {"overlay": "x.JPG"}
    assert places("-o x.jpg --heat --json", picture=True) == {
        "heat": "x.jpg",
        "numbers": "x_saliency.json",
    }


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("-o x.docx", r"-o x.docx: no output is a file of that kind \(.mp4\)"),
        ("-o x.mp4 --maps png", r"no output is a file of that kind \(a folder\)"),
        ("-o x.jpg", "no output is a file of that kind"),
        ("--json x.json --html x.json", "x.json: the name of two outputs"),
        ("-o films/my.mp4", "my.mp4: is the input"),
    ],
)
def test_names_that_do_not_fit(line: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        places(line)


@pytest.mark.parametrize("name", ["my.txt", "my.roi", "my.bin"])
def test_grids_for_kvazaar_are_text_or_binary(name: str) -> None:
    one = Wanted("roi", "_roi.txt", None)
    assert placed([one], Path("film.mp4"), name) == {one: Path(name)}
