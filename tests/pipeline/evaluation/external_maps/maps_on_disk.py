"""Made-up maps on disk, and what is asked of them once they are opened."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.external_maps.findings import Expected, Finding
from pipeline.evaluation.external_maps.reader import ExternalMaps

H, W, T = 24, 32, 6


def expected(clip: str, frames: int = T, first: int = 1, **more: object) -> Expected:
    return Expected(clip, frames, list(range(first, first + frames)), (H, W), **more)


def drawn(seed: int, dtype: type = np.uint8, shape: tuple[int, int] = (H, W)) -> NDArray:
    """Blurred noise over the whole range of an integer type, or from 0 to 1."""
    noise = np.random.default_rng(seed).random(shape)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    if np.issubdtype(dtype, np.integer):
        smooth = np.rint(smooth * np.iinfo(dtype).max)
    return smooth.astype(dtype)


def save(file: Path, picture: NDArray) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".npy":
        np.save(file, picture)
    else:
        assert cv2.imwrite(str(file), picture)
    return file


def save_clip(folder: Path, seed: int = 0, numbers: range = range(1, T + 1)) -> list[NDArray]:
    pictures = [drawn(seed * 100 + i) for i in range(len(numbers))]
    for number, picture in zip(numbers, pictures, strict=True):
        save(folder / f"{number:04d}.png", picture)
    return pictures


def kinds(found: ExternalMaps, *, besides: tuple[str, ...] = ("eight_bit",)) -> list[str]:
    return [finding.kind for finding in found.findings if finding.kind not in besides]


def only(found: ExternalMaps, kind: str) -> Finding:
    fitting = [finding for finding in found.findings if finding.kind == kind]
    assert len(fitting) == 1, found.findings
    return fitting[0]


def assert_clip(
    found: ExternalMaps, clip: str, pictures: list[NDArray], frames: list[int] | None = None
) -> None:
    """Assert that a clip has these maps, as float32 of unchanged values."""
    assert found.frames(clip) == (list(range(len(pictures))) if frames is None else frames)
    for frame, picture in zip(found.frames(clip), pictures, strict=True):
        values = found.read_map(clip, frame)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, picture.astype(np.float32))


def zipped(folder: Path, to: Path, *, inside: str = "", method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(to, "w", method) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, inside + file.relative_to(folder).as_posix())
        archive.writestr("__MACOSX/._0001.png", b"no picture")
        archive.writestr(f"{inside}.DS_Store", b"no picture")
    return to


def film(file: Path, pictures: NDArray, form: str, *options: str) -> None:
    """Encodes pictures of a raw pixel format."""
    size = f"{pictures.shape[2]}x{pictures.shape[1]}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-f", "rawvideo"]
    command += ["-pix_fmt", form, "-s", size, "-i", "pipe:", *options, "-threads", "1", str(file)]
    subprocess.run(command, input=pictures.tobytes(), check=True)
