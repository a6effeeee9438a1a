"""Sections of config.yaml about datasets, frames, flow and densities."""

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

from pipeline.config.section import Name, Pattern, Section, Split
from pipeline.runtime.errors import meant


class Frames(Section):
    """The frame grid, to which pictures, flow, gaze and maps are all resized (Sec. IV-B)."""

    width: PositiveInt
    """Width of the grid in pixels."""
    height: PositiveInt
    """Height of the grid in pixels."""
    filter: Literal["bicubic", "bilinear", "area", "lanczos"]
    """Filter with which ffmpeg resizes pictures to the grid."""
    codec: Literal["lossless", "jpeg95"]
    """Compression of the stored frames: Zstandard, which loses nothing, or JPEG of quality 95."""


class _Cuts(Section):
    cut: NonNegativeFloat | None
    """Smallest mean change of grey between two frames, as a share of white, that counts as a cut
    between scenes, across which no flow is computed; null: flow is computed for every pair."""


class DisFlow(_Cuts):
    """Dense Inverse Search (Kroeger et al., ECCV 2016), as in OpenCV."""

    estimator: Literal["dis"]
    preset: Literal["ultrafast", "fast", "medium"]
    """OpenCV's trade of accuracy for speed."""


class DeepFlow(_Cuts):
    """DeepFlow (Weinzaepfel et al., ICCV 2013), as in OpenCV; used by the predecessor paper."""

    estimator: Literal["deepflow"]


class PwcnetFlow(_Cuts):
    """PWC-Net (Sun et al., CVPR 2018), used by the paper (Sec. IV-B)."""

    estimator: Literal["pwcnet"]
    weights: str
    """File of weights: made by target `train_flow`, or the authors' pwc_net.pth.tar (licence CC
    BY-NC-SA 4.0). `<results>` stands for the results folder of the run."""
    sha256: str | None
    """SHA-256 that the file of weights must have; null: not checked."""
    precision: Literal["float32", "bfloat16"]
    """Number format of the network; bfloat16 is faster on processors that support it."""
    batch: PositiveInt
    """Pairs of frames that go through the network together."""


class ImageFlowEstimator(Section):
    """Flow predicted from a single frame (Walker et al., ICCV 2015; the predecessor's Sec. 4.2)."""

    estimator: Literal["image"]
    weights: str
    """File of weights, made by target `train_image_flow`. `<results>` stands for the results folder
    of the run."""
    sha256: str | None
    """SHA-256 that the file of weights must have; null: not checked."""
    precision: Literal["float32", "bfloat16"]
    """Number format of the network; bfloat16 is faster on processors that support it."""
    batch: PositiveInt
    """Frames that go through the network together."""


Flow = Annotated[
    DisFlow | DeepFlow | PwcnetFlow | ImageFlowEstimator, Field(discriminator="estimator")
]


class Source(Section):
    """Where a dataset comes from; printed when its files are missing."""

    title: str
    """Name of the dataset as the papers print it."""
    obtain: str
    """Address or instructions for getting the dataset."""
    licence: str
    """Terms of use, as far as its authors state them."""


class DatasetFrames(Section):
    """Where the pictures of a dataset lie, their frame rate, and how they were shown."""

    video: Pattern
    """Path of a video below the dataset's raw folder, with {clip} and {split}; a path with {frame}
    names numbered pictures instead. A * stands for anything but a slash."""
    rate: PositiveFloat | None
    """Frames per second to which the video is resampled; null keeps the video's own. For numbered
    pictures: the rate at which they were taken."""
    damaged: Literal["stop", "keep", "leave_out"]
    """What happens if a video or a picture cannot be read, ffmpeg reports errors in it, or a
    numbered picture is missing: the job stops; or it keeps the frames that can be read, if there
    are any; or it leaves the clip out, and every table that the clip belongs to says so."""
    square_pixels: bool = False
    """Whether pixels count as square in a video that says that they are not; otherwise its picture
    is as wide as players show it. True where the experiment's own sizes are those of the file."""

    @model_validator(mode="after")
    def _pictures_have_a_rate(self) -> Self:
        if "{frame}" in self.video and self.rate is None:
            raise ValueError("numbered pictures carry no rate: set rate to their frames per second")
        return self


class DatasetGaze(Section):
    """Where the gaze of a dataset lies, and the reader for its format."""

    reader: str
    """Module of pipeline/datasets that reads the files."""
    files: tuple[Pattern, ...]
    """Paths of the gaze files below the dataset's raw folder, with {clip}, {split}, {observer} and
    {frame}."""
    observers: tuple[str, ...] | None = None
    """Values of {observer}; null: every observer that has a file."""
    options: dict[str, Any] = Field(default={})
    """Keyword arguments of the reader, described in its module."""
    damaged: Literal["leave_out"] | None = None
    """What happens if the reader refuses a clip's gaze: `leave_out`: the clip is left out, and
    every table that it belongs to says so; null: the job stops."""


class GaussianDensity(Section):
    """Sum of Gaussians at the gaze points on the frame grid, divided by its maximum."""

    recipe: Literal["gaussian"]
    sigma: PositiveFloat
    """Standard deviation of the Gaussian in pixels of the frame grid."""
    repeats: Literal["each", "once"]
    """Whether several gaze points on one pixel of a frame count each time or once."""


class Dhf1kDensity(Section):
    """Sum of Gaussians in pixels of the raw video, as the authors of DHF1K make their maps."""

    recipe: Literal["dhf1k"]
    fwhm: PositiveFloat
    """Full width at half maximum of the Gaussian in pixels of the raw video."""
    shift: float
    """Shift of the map, right and down, in pixels of the raw video; 2.0 repeats the official
    make_gauss_masks.m."""
    repeats: Literal["each", "once"]
    """Whether several gaze points on one pixel of a frame count each time or once."""


class MatheDensity(Section):
    """8-bit maps as the authors of DHF1K distribute them for UCF-Sports and Hollywood-2."""

    recipe: Literal["mathe_release"]
    taps: PositiveInt
    """Length of the filter in pixels of the raw video."""
    sigma: PositiveFloat
    """Standard deviation of the filter in pixels of the raw video."""
    anchor: NonNegativeInt
    """Index, from 0, of the tap on the filtered pixel: an even length has no middle."""

    @model_validator(mode="after")
    def _anchor_is_a_tap(self) -> Self:
        if self.anchor >= self.taps:
            raise ValueError(f"anchor {self.anchor} is none of the {self.taps} taps, 0 to taps - 1")
        return self


class MitDensity(Section):
    """Gaze points low-pass filtered in the Fourier domain, as in the code of the MIT benchmark."""

    recipe: Literal["mit"]
    cutoff: PositiveFloat
    """Frequency in cycles per image at which the amplitude is halved."""
    repeats: Literal["each", "once"]
    """Whether several gaze points on one pixel of a frame count each time or once."""


class ReleasedDensity(Section):
    """Maps that others distribute, read as they are and divided by their maximum."""

    recipe: Literal["released"]
    files: Pattern
    """Paths of the maps below the dataset's raw folder, with {clip}, {split} and {frame}."""


Density = Annotated[
    GaussianDensity | Dhf1kDensity | MatheDensity | MitDensity | ReleasedDensity,
    Field(discriminator="recipe"),
]


class Variant(Section):
    """A ground truth of a dataset: its files, and how densities are made from them."""

    splits: str
    """Split sheet, a CSV file of clip,split[,first,last]; frames count from 1, both included."""
    frames: DatasetFrames
    gaze: DatasetGaze
    density: Density
    """How gaze points become a density map."""


class Test(Section):
    """The part of a dataset that is scored."""

    split: Split
    """Split whose frames are scored."""
    instead: Split | None = None
    """Split that is scored where no clip of `split` is there; every table says so; null: none."""
    attributes: Path | None = None
    """CSV file of clip,attribute, for tables that also show the mean over each attribute's clips;
    null: none."""


class Dataset(Section):
    """A dataset with frames and gaze of its own."""

    source: Source
    variant: str
    """Key of `variants`: the ground truth that the run uses. Every table names it."""
    variants: dict[Name, Variant]
    """Ground truths of the dataset by name."""
    clips: Literal["all", "present"] | None = None
    """Clips of the split sheet that the run uses: `all`, or null: it does not start while any file
    is missing; `present`: those whose files, pictures and gaze, are there. Every table says how
    many of how many these are."""
    clips_per_part: PositiveInt
    """Number of clips that one job takes through a stage of preprocessing."""
    validation: Annotated[float, Field(ge=0, lt=1)]
    """Share of the training clips that is held out: trainings only measure their losses on it. 0:
    none, as in the paper."""
    test: Test

    @model_validator(mode="after")
    def _variant_is_there(self) -> Self:
        if self.variant not in self.variants:
            near = meant(self.variant, self.variants)
            raise ValueError(
                f"variant {self.variant!r} is none of {', '.join(self.variants)}{near}"
            )
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
    """A dataset that consists of listed frames of another one."""

    source: Source
    over: str
    """Key of `datasets`: the dataset whose frames are listed."""
    frame_list: str
    """CSV file of video,frame,mask, below the meta dataset's raw folder."""
    test: Test


class Submission(Section):
    """Maps of a split whose gaze is hidden, packed for the dataset's authors, who score them."""

    over: str
    """Key of `datasets`: the dataset of the clips."""
    split: Split
    """Split that maps are predicted for."""
    layout: str
    """Path of a map below the folder named after the method, with {clip} and {frame} (from 1)."""
    width: PositiveInt
    """Width of every map in pixels."""
    height: PositiveInt
    """Height of every map in pixels."""
    videos: PositiveInt | None
    """Number of videos that a complete submission has; null: not checked."""
    frames: PositiveInt | None
    """Number of maps that a complete submission has; null: not checked."""
