"""Layouts of the datasets on disk, each as its reader in `pipeline.datasets` describes it.

Every function here inverts a reader's mapping: from pixels of the raw video to the numbers in the
eye tracker's files.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pipeline.datasets import dhf1k as dhf1k_layout
from pipeline.datasets import diem as diem_layout
from pipeline.datasets.records import Samples
from pipeline.demo.encode import write_lines, write_mat, write_picture, write_video
from pipeline.demo.films import Film, looks
from pipeline.demo.looks import Event, Look
from pipeline.demo.scene import pictures

_MATHE_SCREEN = (1280, 1024)
_MATHE_FOLDERS = {
    "ucf_sports": ("videos", "gaze_ucfsa"),
    "hollywood2": ("AVIClips", "gaze_hollywood2"),
}
_LONGEST = 0.12
"""Seconds after which a LEDOV fixation that follows something is cut."""
_META_FIRST = 15
"""The first frame of a video that the published frame lists may contain."""
_META_RATE = 30.0
"""Frames per second by which they count."""


def write_mathe(root: Path, films: Sequence[Film]) -> None:
    """Write UCF-Sports or Hollywood-2: videos, samples/, geometry.txt and resolution.txt."""
    videos, gaze = _MATHE_FOLDERS[films[0].dataset]
    for film in films:
        clip = film.clip
        write_video(root / videos / f"{clip.name}.avi", clip, pictures(film.scene))
        for observer, look in looks(film).items():
            path = root / gaze / "samples" / f"{observer}_{clip.name}.avi.txt"
            write_lines(path, _mathe_lines(film, look))
    write_lines(root / gaze / "geometry.txt", ["0.6 0.475 0.295 1280 1024"])
    clips = [film.clip for film in films]
    sizes = [f"{clip.name}.avi {clip.width} {clip.height} {clip.rate:g}" for clip in clips]
    write_lines(root / gaze / "resolution.txt", sizes)


def _mathe_lines(film: Film, look: Look) -> list[str]:
    size = np.array([[film.clip.width], [film.clip.height]])
    screen = np.array(_MATHE_SCREEN)[:, None]
    scale = np.min(screen / size)
    shown = (np.stack([look.x, look.y]) + 0.5) * scale + (screen - size * scale) / 2
    shown[:, np.isin(look.event, [Event.BLINK, Event.LOST])] = 0
    letters = {Event.SACCADE: "S", Event.BLINK: "B"}
    return [
        f"{round(time * 1e6)} 11.50 12.25 {x:.2f} {y:.2f} {letters.get(Event(event), 'F')}"
        for time, x, y, event in zip(look.time, *shown, look.event, strict=True)
    ]


def write_dhf1k(root: Path, films: Sequence[Film]) -> None:
    """Write DHF1K: video/ and exportdata_train/; the gaze of the test split is held back."""
    for film in films:
        clip = film.clip
        write_video(root / "video" / f"{clip.name}.AVI", clip, pictures(film.scene))
        if film.split == "test":
            continue
        for observer, look in looks(film).items():
            name = f"P{observer}/P{observer}_Trail{clip.name}.txt"
            write_lines(root / "exportdata_train" / name, _dhf1k_lines(film, look))


def _dhf1k_lines(film: Film, look: Look) -> list[str]:
    scale = film.clip.width / dhf1k_layout.SCREEN[0]
    shown = (np.stack([look.x, look.y]) + 1) / scale
    shown[1] += (dhf1k_layout.SCREEN[1] - film.clip.height / scale) / 2
    shown[:, np.isin(look.event, [Event.BLINK, Event.LOST])] = 0
    names = {Event.SACCADE: "Saccade", Event.BLINK: "Blink"}
    start = 84_042_779_051 + film.seed
    rows = [
        f"{start + round(time * 1e6)}\tSMP\t1\t16.40\t16.40\t{x:.2f}\t{y:.2f}\t"
        f"{names.get(Event(event), 'Fixation')}"
        for time, x, y, event in zip(look.time, *shown, look.event, strict=True)
    ]
    return ["\t".join(dhf1k_layout.COLUMNS), *rows]


def write_diem(root: Path, films: Sequence[Film]) -> None:
    """Write DIEM: a folder per video with video/ and event_data/."""
    for film in films:
        clip = film.clip
        write_video(root / clip.name / "video" / f"{clip.name}.mp4", clip, pictures(film.scene))
        for observer, look in looks(film).items():
            name = f"diem{observer}.asc_1_{clip.name}.txt"
            write_lines(root / clip.name / "event_data" / name, _diem_lines(film, look))


def _diem_lines(film: Film, look: Look) -> list[str]:
    size = np.array([[film.clip.width], [film.clip.height]])
    shown = np.stack([look.x, look.y]) + 0.5 + (np.array(diem_layout.SCREEN)[:, None] - size) / 2
    # The two eyes never agree; their mean is where the observer looks.
    apart = np.array([[1.5], [-1.0]])
    eyes = [shown + apart, shown - apart]
    for eye in eyes:
        eye[:, look.event == Event.BLINK] = 0
    # Left and right event: as in the real files, the right eye is never in a saccade.
    flags = {
        Event.FIXATION: (1, 1),
        Event.SACCADE: (2, 0),
        Event.BLINK: (0, 0),
        Event.LOST: (-1, 1),
    }
    (left_x, left_y), (right_x, right_y) = eyes
    return [
        f"{k + 1}\t{left_x[k]:.1f}\t{left_y[k]:.1f}\t900.0\t{flags[Event(event)][0]}"
        f"\t{right_x[k]:.1f}\t{right_y[k]:.1f}\t900.0\t{flags[Event(event)][1]}"
        for k, event in enumerate(look.event)
    ]


def write_ledov(root: Path, films: Sequence[Film]) -> None:
    """Write LEDOV: a folder per video with the video and Data.mat."""
    for film in films:
        clip = film.clip
        folder = root / clip.name
        write_video(folder / f"{clip.name}.mp4", clip, pictures(film.scene))
        rows = [fixations(film, int(observer), look) for observer, look in looks(film).items()]
        data = {
            "VideoFrames": clip.frames,
            "VideoFrameRate": clip.rate,
            "VideoSize": np.array([[clip.width, clip.height]], dtype=np.float64),
            "fixdata": np.concatenate(rows),
        }
        write_mat(folder / "Data.mat", {"Data": data})


def fixations(film: Film, subject: int, look: Look) -> Samples:
    """Return rows (subject, start ms, duration ms, x, y) as in LEDOV's files, in whole numbers.

    Each recording begins at the centre of the screen, where observers were asked to look.
    """
    clip = film.clip
    piece = np.floor(look.time / _LONGEST).astype(np.int64)
    fixating = look.event == Event.FIXATION
    strays = np.abs(np.diff(look.x)) > 0.2 * clip.width
    cuts = np.flatnonzero((np.diff(piece) != 0) | np.diff(fixating) | strays) + 1
    rows = [[subject, 0, 40, clip.width / 2, clip.height / 2]]
    for run in np.split(np.arange(len(look.time)), cuts):
        start, stop = look.time[run[0]], look.time[run[-1]]
        if fixating[run[0]] and start >= 0.06 and stop - start >= 0.02:
            x, y = look.x[run].mean() + 1, look.y[run].mean() + 1
            rows.append([subject, start * 1e3, (stop - start) * 1e3, x, y])
    return np.array(rows, dtype=np.float64).round()


def write_salicon(root: Path, films: Sequence[Film]) -> None:
    """Write SALICON: images/ and fixations/<split>/."""
    dtype = [("location", object), ("timestamp", object), ("fixations", object)]
    for film in films:
        clip = film.clip
        write_picture(root / "images" / f"{clip.name}.jpg", next(pictures(film.scene)))
        recordings = looks(film).values()
        gaze = np.empty((len(recordings), 1), dtype=dtype)
        for row, look in zip(gaze, recordings, strict=True):
            points = np.round(np.stack([look.x, look.y], axis=1) + 1).astype(np.int16)
            time = np.round(look.time * 1e3).astype(np.int32)[:, None]
            row[0] = (points, time, points[look.event == Event.FIXATION])
        resolution = np.array([[clip.height, clip.width]], dtype=np.uint16)
        path = root / "fixations" / film.split / f"{clip.name}.mat"
        write_mat(path, {"image": clip.name, "resolution": resolution, "gaze": gaze})


def write_frame_list(path: Path, films: Sequence[Film]) -> None:
    """Write a frame list over the test videos: frames, at 30 Hz, in which something moves."""
    lines = ["video,frame,mask"]
    for film in films:
        if film.split != "test":
            continue
        length = round(film.clip.frames / film.clip.rate * _META_RATE)
        frames = np.arange(length, dtype=np.float64)
        moving = film.scene.moving((frames + 0.5) / _META_RATE) >= 0
        mask = moving & (frames >= _META_FIRST)
        lines += [f"{film.clip.name},{frame},{masked}" for frame, masked in enumerate(mask)]
    write_lines(path, lines)


WRITERS: dict[str, Callable[[Path, Sequence[Film]], None]] = {
    "ucf_sports": write_mathe,
    "hollywood2": write_mathe,
    "dhf1k": write_dhf1k,
    "diem": write_diem,
    "ledov": write_ledov,
    "salicon": write_salicon,
}
