"""Maps that somebody else's model made, as stages read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.evaluation.external_maps.findings import Expected, UnreadableMap
from pipeline.evaluation.external_maps.reader import Maps
from pipeline.evaluation.frame_lists import listed_frames
from pipeline.evaluation.metrics.scaling import Map
from pipeline.stores.manifests import frame_numbers
from pipeline.stores.reading import Store


@dataclass(frozen=True)
class GivenMaps:
    """Maps of a folder, for scoring."""

    maps: Maps

    def frames(self, clip: str) -> list[int]:
        """Those that are there and wanted."""
        return self.maps.frames(clip)

    def read(self, clip: str, frames: Sequence[int]) -> Iterator[Map | None]:
        """What cannot be read is among the findings."""
        for frame in frames:
            try:
                yield self.maps.read(clip, frame)
            except UnreadableMap:
                yield None


def expected_maps(density: Mapping[str, Store], frame_lists: Sequence[Path]) -> list[Expected]:
    """What there should be a map of: every frame of a split, or those that a list names."""
    facts = {clip: store.clips[clip] for clip, store in density.items()}
    return [
        Expected(
            clip=clip,
            frames=facts[clip]["shape"][0],
            numbers=frame_numbers(facts[clip]),
            shape=(facts[clip]["shape"][1], facts[clip]["shape"][2]),
            wanted=wanted if frame_lists else None,
        )
        for clip, wanted in listed_frames(frame_lists, facts).items()
    ]
