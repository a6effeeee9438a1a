"""Batch normalisation whose statistics stay those of the pretraining (ImageNet's).

A frozen layer is an affine map, so it can be folded into the convolution before it: the same
function, with fewer maps to compute and to keep for the backward pass.
"""

from typing import NamedTuple

import torch
from torch import nn

KINDS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Folded(NamedTuple):
    """A convolution that does the work of a normalisation, and the normalisation's own place."""

    conv: nn.Conv2d
    parent: nn.Module
    """Module that the normalisation is a child of."""
    name: str
    """Name of the normalisation there."""
    norm: nn.BatchNorm2d


def freeze(network: nn.Module) -> None:
    """Keep statistics from changing; to be called after each ``train()``, which undoes it."""
    for module in network.modules():
        if isinstance(module, KINDS):
            module.eval()


def set_momentum(network: nn.Module, momentum: float) -> None:
    """Give every normalisation this weight of a new batch in its running statistics, in (0, 1]."""
    for module in network.modules():
        if isinstance(module, KINDS):
            module.momentum = momentum


@torch.no_grad()
def fold(network: nn.Module) -> list[Folded]:
    """Replace each convolution and its normalisation by one; return what ``unfold`` restores.

    Raises:
        ValueError: A normalisation does not follow a convolution of its width without bias.
    """
    folded, last = [], None
    for parent, name, module in leaves(network):
        if isinstance(module, KINDS):
            if (
                not isinstance(module, nn.BatchNorm2d)
                or not isinstance(last, nn.Conv2d)
                or last.out_channels != module.num_features
                or last.bias is not None
            ):
                whole = next(path for path, one in network.named_modules() if one is module)
                raise ValueError(
                    f"{whole}: this normalisation follows no convolution of its own (of its width,"
                    " without bias), so it cannot be folded; choose batch_norm: frozen"
                )
            folded.append(Folded(last, parent, name, module))
        last = module
    for conv, parent, name, norm in folded:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        conv.weight.mul_(scale[:, None, None, None])
        conv.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
        setattr(parent, name, nn.Identity())
    return folded


@torch.no_grad()
def unfold(folded: list[Folded]) -> None:
    """Restore the layout that ``fold`` changed; the normalisations now only add the bias."""
    for conv, parent, name, norm in folded:
        assert conv.bias is not None
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.to(conv.bias.device)
        norm.bias.copy_(conv.bias)
        norm.weight.fill_(1)
        norm.running_mean.zero_()
        # The layer divides by sqrt(running_var + eps), which this makes 1.
        norm.running_var.fill_(1 - norm.eps)
        conv.bias = None
        setattr(parent, name, norm)


def leaves(network: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    """Return the layers without children, in order, as (parent, name in the parent, layer)."""
    found: list[tuple[nn.Module, str, nn.Module]] = []
    for name, child in network.named_children():
        found += leaves(child) if next(child.children(), None) else [(network, name, child)]
    return found
