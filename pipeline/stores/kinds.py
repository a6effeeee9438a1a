"""Kinds of stores: type, dimensions and unit of the arrays that stages hand to each other.

FRAMES   uint8   [time, y, x, channel]     RGB on the frame grid. Lossless or JPEG: the manifest
                                           names the codec, and reading need not know it.
FLOW     float16 [time, component, y, x]   On a quarter of the frame grid, in pixels of the frame
                                           grid per frame, right and down. flow[t] goes from frame
                                           t to t+1. The last frame, and the last before a cut,
                                           repeats the flow before it, or has zero flow if it is
                                           the first. Estimator `image` gives every frame, and so
                                           a still image, a flow of its own.
GAZE     float32 [point, column]           Columns frame (0-based), x, y, observer, in pixels of
                                           the frame grid; the origin is the centre of the
                                           top-left pixel.
DENSITY  float16 [time, y, x]              Maximum 1, or 0 everywhere in frames without gaze.
SALIENCY float16 [time, y, x]              A network's map, not normalised.
"""

from typing import Any, Literal, NamedTuple

from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

from pipeline.stores.jpeg import Jpeg

SHARD = 32
"""Frames in a shard file; a chunk is one frame. Only whole shards are written, in order."""
QUARTER = 4
"""The flow grid is the frame grid divided by this, as PWC-Net predicts it."""
POINTS = 65536
"""Gaze points in a chunk, at most."""

Codec = Literal["lossless", "jpeg95"]
"""How chunks are compressed. Both codecs carry a checksum, so that a flipped bit raises."""
ENCODINGS: dict[Codec, dict[str, Any]] = {
    "lossless": {"compressors": [ZstdCodec(level=3, checksum=True)]},
    "jpeg95": {"serializer": Jpeg(quality=95), "compressors": [Crc32cCodec()]},
}
SMOOTH: dict[str, Any] = {
    # A quarter of zstd's time and fewer bytes (bench/results/density.md): once the bytes of all
    # values are sorted by significance, those of the exponents repeat. Blosc has no checksum.
    "compressors": [
        BloscCodec(typesize=2, cname="lz4", clevel=5, shuffle="shuffle"),
        Crc32cCodec(),
    ]
}
"""`lossless` for densities."""


class Kind(NamedTuple):
    """What every array of a store must be."""

    name: str
    dtype: str
    dimensions: tuple[str, ...]
    unit: str


FRAMES = Kind("frames", "uint8", ("time", "y", "x", "channel"), "RGB level")
FLOW = Kind("flow", "float16", ("time", "component", "y", "x"), "frame-grid pixel / frame")
GAZE = Kind("gaze", "float32", ("point", "column"), "frame, frame-grid pixel, observer")
DENSITY = Kind("density", "float16", ("time", "y", "x"), "1")
SALIENCY = Kind("saliency", "float16", ("time", "y", "x"), "1")
