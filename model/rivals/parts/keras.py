"""What ACLNet and STRA-Net, both programs for Keras 2, share: view, start, names of weights.

The name of a weight is its dataset's path in the HDF5 file, below `model_weights` if that exists:
the group that Keras names after the layer, then the weight's own name, as
`conv2d_1/conv2d_1/kernel:0`.
"""

from torch import nn

from model.released import Source
from model.rivals.parts.view import View

MEAN = (123.68, 116.779, 103.939)
"""Subtracted from B, G, R in 0..255: the programs subtract blue's mean from red and red's from
blue, and the released weights were trained so."""

Sources = dict[str, Source]
"""Key of our state dict -> the released tensor, as in `Released.tensors`."""


def letterbox(size: tuple[int, int]) -> View:
    """Return the programs' view of a frame: in a size with black bars, which lose the mean too."""
    return View(
        size=size, fit="letterbox", resizing="antialiased", colour="bgr", gain=255, mean=MEAN
    )


def glorot(conv: nn.Conv2d) -> nn.Conv2d:
    """Start a convolution with Glorot's uniform weights and a bias of 0; return it."""
    nn.init.xavier_uniform_(conv.weight)
    nn.init.zeros_(conv.get_parameter("bias"))
    return conv


def convolution(ours: str, theirs: str) -> Sources:
    """Return the kernel and the bias of a convolution."""
    return {
        f"{ours}.weight": Source(f"{theirs}/kernel:0", "hwio"),
        f"{ours}.bias": Source(f"{theirs}/bias:0"),
    }


def recurrent(ours: str, theirs: str) -> Sources:
    """Return the tensors of a cell of `model.rivals.parts.recurrent`."""
    return {
        f"{ours}.input.weight": Source(f"{theirs}/kernel:0", "hwio"),
        f"{ours}.recurrent.weight": Source(f"{theirs}/recurrent_kernel:0", "hwio"),
        f"{ours}.input.bias": Source(f"{theirs}/bias:0"),
    }


def affine(ours: str, theirs: str) -> Sources:
    """Return what a batch normalisation has learned."""
    return {
        f"{ours}.weight": Source(f"{theirs}/gamma:0"),
        f"{ours}.bias": Source(f"{theirs}/beta:0"),
    }


def running(ours: str, theirs: str) -> Sources:
    """Return what a batch normalisation has counted."""
    return {
        f"{ours}.running_mean": Source(f"{theirs}/moving_mean:0"),
        f"{ours}.running_var": Source(f"{theirs}/moving_variance:0"),
    }
