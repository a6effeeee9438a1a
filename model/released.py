"""Weights as a network's authors released them: which file, which tensors, in which layout."""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Format = Literal["npz", "hdf5", "tensorflow", "caffe", "torch", "mat"]
"""File formats: NumPy's archive, Keras, TensorFlow's checkpoint, a caffemodel, PyTorch, MATLAB."""
Layout = Literal["same", "flipped", "hwio", "hwoi", "matrix", "frame", "time", "patches"]
"""How a released tensor becomes ours: as it stands; kernels flipped in space, as a true convolution
has them; Keras's and TensorFlow's convolution [h, w, in, out]; TensorFlow's transposed convolution
[h, w, out, in]; a matrix [in, out]; a 3D convolution of one time [out, in, 1, h, w]; one of one
pixel [out, in, t, 1, 1], which is [out, in, t, 1] to us; square RGB patches in rows
[out, 3 side^2] in MATLAB's order, down each column of each channel."""


class Source(NamedTuple):
    """A tensor of a released file."""

    name: str
    """Its name there; parts are separated by /."""
    layout: Layout = "same"


class Released(NamedTuple):
    """What is known of a file of weights that a network's authors released."""

    format: Format
    tensors: dict[str, Source]
    """Key of our state dict -> the released tensor, in the order of the file."""
    ordered: bool = False
    """Whether tensors are found by order and shape, because numbers in their names may differ."""
    ignored: tuple[str, ...] = ()
    """Regular expressions: names in the file, matched as a whole, that are not the network's."""
    sha256: tuple[str, ...] = ()
    """Digests of the files that the authors distribute, as far as they are known."""


def arranged(tensor: Tensor, layout: Layout) -> Tensor:
    """Return a released tensor in torch's layout."""
    match layout:
        case "same":
            return tensor
        case "flipped":
            return tensor.flip(2, 3)
        case "hwio" | "hwoi":  # torch has out, in of a convolution, in, out of a transposed one
            return tensor.permute(3, 2, 0, 1).contiguous()
        case "matrix":
            return tensor.T.contiguous()
        case "frame":
            return tensor.squeeze(2)
        case "time":
            return tensor.squeeze(4)
        case "patches":
            side = math.isqrt(tensor.shape[1] // 3)
            return tensor.reshape(-1, 3, side, side).transpose(2, 3).contiguous()


def released_shape(shape: torch.Size, layout: Layout) -> tuple[int, ...]:
    """Return the shape that a tensor of ours has in the released file."""
    if layout in ("hwio", "hwoi"):
        first, second, height, width = shape
        return height, width, second, first
    if layout == "matrix":
        return tuple(reversed(shape))
    if layout == "patches":
        return shape[0], math.prod(shape[1:])
    if layout == "frame":
        return (*shape[:2], 1, *shape[2:])
    return (*shape, 1) if layout == "time" else tuple(shape)
