"""Data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from pipeline.config.section import Section, Split, check_pattern


class Frames(Section):
    """The frame grid, to which pictures, flow, gaze and maps are all resized (Sec. IV-B)."""

    width: PositiveInt
    """Pixels."""
    height: PositiveInt
    """Pixels."""
    filter: Literal["bicubic", "bilinear", "area", "lanczos"]
    """Resizing filter of ffmpeg's scale."""
    codec: Literal["lossless", "jpeg95"]
    """How FRAMES stores are compressed: Zstandard, or JPEG of quality 95."""


class _Cuts(Section):
    cut: NonNegativeFloat | None
    """Mean change of grey from one frame to the next, as a share of white, from which on the two
    belong to different scenes and no flow is computed; null: every pair of frames has a flow."""


class DisFlow(_Cuts):
    """Dense Inverse Search (Kroeger et al., ECCV 2016), OpenCV's."""

    estimator: Literal["dis"]
    preset: Literal["ultrafast", "fast", "medium"]


class DeepFlow(_Cuts):
    """DeepFlow (Weinzaepfel et al., ICCV 2013), OpenCV's; the predecessor paper's."""

    estimator: Literal["deepflow"]


class PwcnetFlow(_Cuts):
    """PWC-Net (Sun et al., CVPR 2018; Sec. IV-B)."""

    estimator: Literal["pwcnet"]
    weights: str
    """A file of `train_flow`, or the authors' own pwc_net.pth.tar (CC BY-NC-SA 4.0)."""
    sha256: str | None
    """Digest that the file must have; null: not checked."""
    precision: Literal["float32", "bfloat16"]
    """bfloat16 is faster on processors that know it."""
    batch: PositiveInt
    """Pairs that go through the network together."""


class ImageFlowEstimator(Section):
    """Flow of every frame by itself (Walker et al., ICCV 2015; the predecessor's Sec. 4.2)."""

    estimator: Literal["image"]
    weights: str
    """A file of `train_image_flow`."""
    sha256: str | None
    """Digest that the file must have; null: not checked."""
    precision: Literal["float32", "bfloat16"]
    """bfloat16 is faster on processors that know it."""
    batch: PositiveInt
    """Frames that go through the network together."""


Flow = Annotated[
    DisFlow | DeepFlow | PwcnetFlow | ImageFlowEstimator, Field(discriminator="estimator")
]
"""Optical flow from each frame to the next (Sec. IV-B), or of each frame by itself."""


class Source(Section):
    """Where a dataset comes from; printed when it is missing."""

    title: str
    """The name that the papers print."""
    obtain: str
    """Where to get it."""
    licence: str
    """Its terms, as far as they are stated."""


class DatasetFrames(Section):
    """Where a dataset's pictures lie and how fast they run."""

    video: str
    """Path below the dataset's raw folder, with {clip} and {split}; with {frame}, a folder of
    numbered pictures. A * stands for anything but a slash."""
    rate: PositiveFloat | None
    """Frames per second after resampling; null keeps the video's own. Of a folder of numbered
    pictures: the rate that they were taken at."""
    damaged: Literal["stop", "keep"]
    """What a video that ffmpeg reads with errors, or a gap in numbered pictures, does: stop the
    job, or keep what is there."""

    @model_validator(mode="after")
    def _pictures_have_a_rate(self) -> Self:
        check_pattern(self.video)
        if "{frame}" in self.video and self.rate is None:
            raise ValueError("numbered pictures carry no rate: set rate to their frames per second")
        return self


class DatasetGaze(Section):
    """Where a dataset's gaze lies and who reads it."""

    reader: str
    """Module of pipeline/datasets."""
    files: tuple[str, ...]
    """Paths below the dataset's raw folder, with {clip}, {split}, {observer} and {frame}."""
    observers: tuple[str, ...] | None
    """Values of {observer}; null takes every file that is there."""
    options: dict[str, Any]
    """Keyword arguments of the reader."""

    @model_validator(mode="after")
    def _patterns_can_be_found(self) -> Self:
        for pattern in self.files:
            check_pattern(pattern)
        return self


class GaussianDensity(Section):
    """The sum of Gaussians at the gaze points on the frame grid, divided by its maximum."""

    recipe: Literal["gaussian"]
    sigma: PositiveFloat
    """Standard deviation in pixels of the frame grid."""
    repeats: Literal["each", "once"]
    """Several gaze points on one pixel of a frame count each time, or once."""


class Dhf1kDensity(Section):
    """The same in pixels of the raw video, as DHF1K's authors make their maps."""

    recipe: Literal["dhf1k"]
    fwhm: PositiveFloat
    """Full width at half maximum in pixels of the raw video."""
    shift: float
    """Pixels of the raw video, right and down; 2.0 repeats the official make_gauss_masks.m."""
    repeats: Literal["each", "once"]
    """As in `gaussian`."""


class MatheDensity(Section):
    """The maps of UCF-Sports and Hollywood-2 that the authors of DHF1K distribute, in 8 bits."""

    recipe: Literal["mathe_release"]
    taps: PositiveInt
    """Length of the filter in pixels of the raw video."""
    sigma: PositiveFloat
    """Standard deviation in pixels of the raw video."""
    anchor: NonNegativeInt
    """Tap, from 0, that lies on the filtered pixel: an even filter has no middle one."""

    @model_validator(mode="after")
    def _anchor_is_a_tap(self) -> Self:
        if self.anchor >= self.taps:
            raise ValueError(f"anchor {self.anchor} is none of the {self.taps} taps, 0 to taps - 1")
        return self


class MitDensity(Section):
    """Low-pass filter in the Fourier domain, as in the MIT benchmark's code."""

    recipe: Literal["mit"]
    cutoff: PositiveFloat
    """Cycles per image at which the amplitude is halved."""
    repeats: Literal["each", "once"]
    """As in `gaussian`."""


class ReleasedDensity(Section):
    """Maps that somebody distributes, as they are, divided by their maximum."""

    recipe: Literal["released"]
    files: str
    """Path below the dataset's raw folder, with {clip}, {split} and {frame}."""

    @model_validator(mode="after")
    def _pattern_can_be_found(self) -> Self:
        check_pattern(self.files)
        return self


Density = Annotated[
    GaussianDensity | Dhf1kDensity | MatheDensity | MitDensity | ReleasedDensity,
    Field(discriminator="recipe"),
]
"""How fixations become a density."""


class Variant(Section):
    """A ground truth of a dataset: where it comes from and how it is made."""

    splits: str
    """Split sheet: clip,split[,first,last]."""
    frames: DatasetFrames
    gaze: DatasetGaze
    density: Density


class Test(Section):
    """What is scored."""

    split: Split
    """Split that is scored."""
    attributes: Path | None = None
    """Sheet clip,attribute: tables then tell the means over the clips of each attribute."""


class Dataset(Section):
    """A dataset with frames and gaze of its own."""

    source: Source
    variant: str
    """The ground truth that this run uses; every table names it, and none mixes two."""
    variants: dict[str, Variant]
    clips_per_part: PositiveInt
    """Clips that one job takes through a data stage."""
    validation: Annotated[float, Field(ge=0, lt=1)]
    """Share of the training clips that no training sees, kept for choosing models; 0: none, as the
    paper. No stage chooses yet."""
    test: Test

    @model_validator(mode="after")
    def _variant_is_there(self) -> Self:
        if self.variant not in self.variants:
            raise ValueError(f"variant {self.variant!r} is none of {', '.join(self.variants)}")
        return self

    @property
    def splits(self) -> str:
        """Split sheet of the chosen variant."""
        return self.variants[self.variant].splits

    @property
    def frames(self) -> DatasetFrames:
        """Pictures of the chosen variant."""
        return self.variants[self.variant].frames

    @property
    def gaze(self) -> DatasetGaze:
        """Gaze of the chosen variant."""
        return self.variants[self.variant].gaze

    @property
    def density(self) -> Density:
        """Density recipe of the chosen variant."""
        return self.variants[self.variant].density


class MetaDataset(Section):
    """A list of frames of another dataset."""

    source: Source
    over: str
    """The dataset whose frames are listed."""
    frame_list: str
    """CSV below the raw folder: video,frame,mask."""
    test: Test


class Submission(Section):
    """Maps of a split whose gaze is hidden, packed as those want it who score them."""

    over: str
    """The dataset."""
    split: Split
    layout: str
    """Path of a map below the method's name, with {clip} and {frame} (from 1)."""
    width: PositiveInt
    """Pixels of every map."""
    height: PositiveInt
    """Pixels of every map."""
    videos: PositiveInt | None
    """Number of videos that must be there; null: not checked."""
    frames: PositiveInt | None
    """Number of maps that must be there; null: not checked."""
