from __future__ import annotations

import torch

from model import backbones, torchvision_cpu


def test_torchvision_builds_models_whatever_the_build() -> None:
    assert hasattr(torch.ops.torchvision, "nms")
    assert backbones.BACKBONES["resnet18"]().channels[-1] == 512


def test_declaring_again_does_nothing() -> None:
    assert torchvision_cpu.declare_operators() is None
