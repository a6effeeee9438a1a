"""JPEG as a Zarr codec, for frames: a quarter of the bytes of lossless camera video.

A chunk is one RGB frame, uint8 [1, y, x, 3]. JPEG itself notices little damage: put a checksum
behind it (`Crc32cCodec`), so that a flipped bit raises instead of reading as a picture. Importing
this module registers the codec. Where the workflow is installed, its entry point in the group
`zarr.codecs` registers it too, so that any program with Zarr can read the store.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from PIL import Image
from zarr.abc.buffer import Buffer, NDBuffer
from zarr.abc.codec import ArrayBytesCodec
from zarr.registry import register_codec

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec
    from zarr.core.chunk_grids import ChunkGrid
    from zarr.core.dtype.wrapper import TBaseDType, TBaseScalar, ZDType

NAME = "gfsalnet.jpeg"
"""The codec's name in a store's metadata."""
_LONGEST = 65_500
"""Largest side in pixels: libjpeg's own limit."""


@dataclass(frozen=True)
class Jpeg(ArrayBytesCodec):
    """An RGB frame as a baseline JPEG file.

    Attributes:
        quality: libjpeg's scale, 1 to 95.
        subsampling: Colour in full (4:4:4) or a quarter of it (4:2:0). Halved colour is off by up
            to 50 levels at the edges of drawn pictures, full colour by 22, for a quarter more bytes
            (bench/results/frame_codecs.md).
    """

    quality: int
    subsampling: Literal["4:4:4", "4:2:0"] = "4:4:4"
    is_fixed_size = False

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 95:
            raise ValueError(f"{NAME}: quality is 1 to 95, found {self.quality!r}")
        if self.subsampling not in ("4:4:4", "4:2:0"):
            raise ValueError(f"{NAME}: subsampling is 4:4:4 or 4:2:0, found {self.subsampling!r}")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the codec that an array's metadata describe."""
        if data.get("name") != NAME:
            raise ValueError(f"expected codec {NAME}, found {data.get('name')!r}")
        return cls(**data["configuration"])

    def to_dict(self) -> dict[str, Any]:
        """Return the codec as an array's metadata describe it."""
        settings = {"quality": self.quality, "subsampling": self.subsampling}
        return {"name": NAME, "configuration": settings}

    def validate(
        self,
        *,
        shape: tuple[int, ...],
        dtype: ZDType[TBaseDType, TBaseScalar],
        chunk_grid: ChunkGrid,
    ) -> None:
        """Refuse arrays whose chunks are not RGB frames; sharded ones are refused at encoding."""
        _require_frame(tuple(getattr(chunk_grid, "chunk_shape", shape)), dtype.to_native_dtype())

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Raise: the size is not known before a frame is encoded."""
        raise NotImplementedError

    def _encode(self, frame: NDBuffer, spec: ArraySpec) -> Buffer:
        _require_frame(spec.shape, spec.dtype.to_native_dtype())
        file = io.BytesIO()
        picture = Image.fromarray(np.ascontiguousarray(frame.as_numpy_array()[0]))
        # Optimised tables save a tenth to a third of the bytes and cost a reader nothing.
        picture.save(
            file, "JPEG", quality=self.quality, subsampling=self.subsampling, optimize=True
        )
        return spec.prototype.buffer.from_bytes(file.getvalue())

    def _decode(self, chunk: Buffer, spec: ArraySpec) -> NDBuffer:
        with Image.open(io.BytesIO(chunk.to_bytes()), formats=("JPEG",)) as picture:
            frame = np.asarray(picture)[None]
        if frame.shape != spec.shape:
            raise ValueError(f"{NAME}: expected {spec.shape}, found a picture of {frame.shape}")
        return spec.prototype.nd_buffer.from_numpy_array(frame)

    # Pillow releases the interpreter's lock, so that frames of a shard are decoded side by side.
    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        return await asyncio.to_thread(self._encode, chunk_data, chunk_spec)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        return await asyncio.to_thread(self._decode, chunk_data, chunk_spec)


def _require_frame(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise ValueError unless a chunk is one RGB frame that libjpeg can hold."""
    is_frame = len(shape) == 4 and (shape[0], shape[3]) == (1, 3)
    if not is_frame or dtype != np.uint8 or not 0 < max(shape[1:3]) <= _LONGEST:
        raise ValueError(
            f"{NAME}: a chunk is one RGB frame, uint8 [1, y, x, 3] of at most {_LONGEST} pixels "
            f"a side, found {dtype} {list(shape)}"
        )


register_codec(NAME, Jpeg)
