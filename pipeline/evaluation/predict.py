"""Stage predict: saliency maps of the test frames (Sec. III)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.evaluation.frame_lists import listed_frames
from pipeline.evaluation.watching import found
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.pace import Pace
from pipeline.stores.kinds import FLOW, FRAMES, SALIENCY
from pipeline.stores.manifests import frame_numbers, left_out
from pipeline.stores.reading import named, open_parts, refuse_nothing
from pipeline.stores.seals import name_of
from pipeline.stores.settings import network_settings
from pipeline.stores.verify import damage
from pipeline.stores.weights import weights_digest
from pipeline.stores.writing import write_store
from pipeline.training.networks import enter, load_network


def saliency_maps(
    network: nn.Module, frames: Any, flow: Any, chosen: list[int]
) -> Iterator[NDArray[np.float16]]:
    """Yield maps [B, y, x] of a video's chosen frames, whose times ascend, in their order.

    Raises:
        FloatingPointError: A map is not finite.
    """
    for maps, _ in found(network, frames, flow, chosen):
        # float16 ends at 65,504; a map's scale carries no meaning for any metric.
        yield maps["saliency"].clamp(-6e4, 6e4).numpy().astype(np.float16)


def predict(
    *,
    network: dict[str, Any],
    weights: list[Path],
    dataset: str,
    frames: list[Path],
    flow: list[Path],
    frame_list: list[Path],
    threads: int,
    store: Path,
    manifest: Path,
) -> None:
    """Turn FRAMES and FLOW stores of a test split into one SALIENCY store.

    `weights` is one file, or none for what needs no training; a network with domains enters that of
    the dataset. `frame_list` is the list of a meta dataset, or none for every frame; `flow` is
    empty for still images.

    Raises:
        InputError: There is no clip, a map of the network is not finite, or the network does not
            know the dataset.
    """
    torch.set_num_threads(threads)
    model = load_network(network, weights)
    enter(model, dataset)
    pictures, motions = open_parts(FRAMES, frames), open_parts(FLOW, flow)
    refuse_nothing(pictures, frames)
    clips = {clip: part.clips[clip] for clip, part in pictures.items()}
    with write_store(SALIENCY, store, manifest, network_settings(network)) as writer:
        writer.inputs |= named([*pictures.values(), *motions.values()])
        writer.inputs |= {name_of(file): weights_digest(file) for file in weights}
        writer.left_out |= left_out(frames)
        listed = listed_frames(frame_list, clips)
        pace = Pace(sum(map(len, listed.values())), "maps")
        for clip, chosen in listed.items():
            motion = motions[clip][clip] if motions else None
            maps = pace.along(saliency_maps(model, pictures[clip][clip], motion, chosen), len)
            numbers = frame_numbers(clips[clip])
            try:
                writer.add(
                    clip,
                    maps,
                    frames=chosen if frame_list else None,
                    numbers=[numbers[index] for index in chosen],
                )
            except FloatingPointError as error:
                remedy = "train it again at a lower rate" if weights else "check its numbers"
                name = weights[0] if weights else f"config.yaml: networks.{network['network']}"
                raise InputError(f"{name}: clip {clip}: {error}; {remedy}") from error
            print(f"{clip}: {len(chosen)} maps")


if __name__ == "__main__":
    main(predict, damage=damage)
