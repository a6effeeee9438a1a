"""What a network sees of a video, and the one way in which stages call every network.

A network without an attribute `sight` sees one frame: it is called as ``forward(frame, flow)`` with
frames [B, 3, H, W] and flow [B, 2, H, W] or None; if it has an attribute `earlier` above 0, a third
argument [B, earlier, 3, H, W] holds the frames before each, oldest first.

One with `sight` sees time: it is called as ``forward(clip, flow, state)`` with clips [B, T, 3, H,
W], flow [B, N, K, 2, H, W] or None and a state, and predicts N = T - before - after frames of each
clip. Frames are RGB in [0, 1]; flow is right and down, pixels per frame.

Either returns a tensor, or a NamedTuple with a field `saliency`: maps [B, 1, H, W] or [B, N, 1, H,
W], >= 0, of any scale. A network that carries a state returns it beside them: ``(maps, state)``.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from torch import Tensor

from model.outputs import Maps

State = tuple[Tensor, ...]
"""What a network carries from frame to frame: tensors whose first dimension is B."""


class Sight(NamedTuple):
    """The frames and the flow that a network looks at to predict one frame."""

    before: int = 0
    """Frames before the predicted one."""
    after: int = 0
    """Frames after the predicted one."""
    edge: Literal["repeat", "reverse"] = "repeat"
    """Stand-ins for frames before a clip's first: that frame again, or the frames that follow, in
    reverse order. Beyond its last frame, that one is repeated."""
    flows: int = 0
    """Fields of flow, K: those of the predicted frame and of the K - 1 frames after it; the last
    field is repeated beyond the clip's end."""
    carries: bool = False
    """Whether a state goes from each predicted frame to the next."""
    step: int = 1
    """Frames between two of those that share a state: 5 means five interleaved states."""
    restart: int | None = None
    """Frames after which the state is dropped; None: never within a clip."""
    together: int = 8
    """Frames that are predicted at once: of more, windows share more, and take more memory."""

    def around(self, predicted: Sequence[int]) -> list[int]:
        """Return the times of the frames that are seen to predict some, which follow one another.

        They may lie before a video's first frame or after its last one.
        """
        first, last = predicted[0], predicted[-1]
        earlier = range(first - self.before, first)
        return [*earlier, *predicted, *range(last + 1, last + 1 + self.after)]


def sees_time(network: Any) -> bool:
    """Return whether a network, a module or a compiled one, is called with clips."""
    return getattr(network, "sight", None) is not None


def sight_of(network: Any) -> Sight:
    """Return what a network, a module or a compiled one, sees."""
    if sees_time(network):
        sight: Sight = network.sight
        return sight
    return Sight(before=int(getattr(network, "earlier", 0)))


def see(
    network: Any, clip: Tensor, flow: Tensor | None, state: State | None = None
) -> tuple[Any, State | None]:
    """Call any network with clips [B, T, 3, H, W]; return its maps, [B, N, ...], and its state.

    Networks that see one frame get the frames of all clips in one batch.

    Raises:
        TypeError: What the network returns is none of what this module's docstring names.
        ValueError: The maps are not one for each predicted frame.
    """
    sight = sight_of(network)
    if not sees_time(network):
        # Views, so that gradients and memory are those of a batch of frames.
        frames = clip[:, sight.before :].flatten(0, 1)
        given = [frames, None if flow is None else flow[:, :, 0].flatten(0, 1)]
        if sight.before:
            windows = clip.unfold(1, sight.before + 1, 1).movedim(-1, 2)
            given.append(windows[:, :, :-1].flatten(0, 1))
        found = _maps(network, network(*given))
        _check(network, found, clip, (len(frames),))
        counts = (len(clip), -1)
        every = (None if one is None else one.unflatten(0, counts) for one in found)
        return type(found)(*every), None
    returned = network(clip, flow, state)
    if sight.carries:
        if not (type(returned) is tuple and len(returned) == 2 and type(returned[1]) is tuple):
            raise TypeError(
                f"{type(network).__name__} carries a state: forward returns (maps, state), the "
                "state a tuple of tensors"
            )
        returned, state = returned
    found = _maps(network, returned)
    _check(network, found, clip, (len(clip), clip.shape[1] - sight.before - sight.after))
    return found, state


def _maps(network: Any, returned: object) -> Any:
    """The maps of one call, as a NamedTuple with a field `saliency`."""
    if isinstance(returned, Tensor):
        return Maps(returned)
    if not isinstance(getattr(returned, "saliency", None), Tensor):
        raise TypeError(
            f"{type(network).__name__}: forward returns a tensor or a NamedTuple with a tensor "
            f"`saliency`, got {type(returned).__name__}"
        )
    return returned


def _check(network: Any, maps: Any, clip: Tensor, counts: tuple[int, ...]) -> None:
    """Raise ValueError unless there is a map of the frames' size for each predicted frame."""
    expected = (*counts, 1, *clip.shape[-2:])
    if tuple(maps.saliency.shape) != expected:
        raise ValueError(
            f"{type(network).__name__}: maps of shape {[*maps.saliency.shape]} for clips of shape "
            f"{[*clip.shape]}, expected {[*expected]}"
        )
