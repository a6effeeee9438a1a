"""Features of J. Harel's program of graph-based visual saliency (GBVS, revision of 24 Jul 2012).

Both of its models, `gbvs` and `itti` (`ittikochmap`), read them from dyadic levels of red, green,
blue and of intensity, which is the largest of the three. Written from what was measured of the
program, whose values they reproduce; none of its code is here. A channel is a letter:

- C, |b - min(r, g)|/I and |r - g|/I;
- D, the three axes of Derrington, Krauskopf and Lennie's colour space (J. Physiol. 357, 1984), of
  the light that a display gives for r, g and b;
- I, intensity; O, orientation;
- F, flicker |I_t - I_(t-1)|, and M, motion |I_t S(I_(t-1)) - I_(t-1) S(I_t)|, where S shifts by one
  pixel in four directions (Itti, Dhavale and Pighin, SPIE 5200, 2003, who rectify it likewise).

The program has the display's light as a table of 256 grey levels; `_LIGHT` has 17 of them, and
lines between them are within 0.009 of the others.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

CHANNELS = "CDFIMO"
"""Letters of the channels."""
ANGLES = (0.0, 45.0, 90.0, 135.0)
"""Degrees, of orientation and of motion."""
RADIUS = 13
"""Pixels of a level that an orientation filter reaches, and in which its answer fades."""
SMALLEST = 10
"""Pixels up to which a side is not halved any more."""
_LIGHT = (
    (0.0249, 0.0077, 0.0423),
    (0.0262, 0.0090, 0.0435),
    (0.0293, 0.0123, 0.0469),
    (0.0362, 0.0202, 0.0564),
    (0.0562, 0.0439, 0.0830),
    (0.0908, 0.0820, 0.1214),
    (0.1373, 0.1335, 0.1766),
    (0.2043, 0.2051, 0.2505),
    (0.2909, 0.2966, 0.3420),
    (0.3892, 0.3988, 0.4371),
    (0.4890, 0.4972, 0.5255),
    (0.5735, 0.5867, 0.6037),
    (0.6498, 0.6623, 0.6737),
    (0.7163, 0.7293, 0.7387),
    (0.7890, 0.7978, 0.8121),
    (0.8835, 0.8858, 0.8964),
    (1.0000, 1.0000, 1.0000),
)
"""Light of a display's red, green and blue at 17 grey levels, of 1 at the brightest."""
_CONES = ((18.32535, 44.60077, 7.46216), (4.09544, 28.20135, 6.66066), (0.02114, 0.10325, 1.05258))
"""Answers of the long, middle and short cones to red, green and blue light."""
_ADAPTED = (34.91853896, 19.31479668, 0.58561082)
"""Answers of the cones to the light that they are adapted to, a grey."""
_GAINS = (0.5774, 2.7525, 0.4526)
"""Gains of the axes: luminance, red to green, yellow to blue."""


def levels_of(maps: Tensor, count: int) -> list[Tensor]:
    """Return ``count`` levels of [B, C, H, W], each half of the one before, sides rounded down.

    Level 0 is the maps themselves.
    """
    found = [maps]
    while len(found) < count:
        last = found[-1]
        small = min(last.shape[-2:]) <= SMALLEST
        found.append(last if small else _halved(_halved(last, 2), 3))
    return found


def _halved(maps: Tensor, side: int) -> Tensor:
    """Low-pass and halve a side of [B, C, H, W]: 2 is the height, 3 the width.

    At the border, the taps within weigh the more.
    """
    length = maps.shape[side]
    shape = [1] * maps.ndim
    shape[side] = length
    weight = _low_pass(maps.new_ones(shape), side)
    return _low_pass(maps, side) / weight


def _low_pass(maps: Tensor, side: int) -> Tensor:
    """Weigh pixels along a side by 1, 5, 10, 10, 5 and 1 around every second one.

    Slices are four times as fast as a convolution; zeros beyond the border are weighed as well.
    """
    framed = pad(maps, (0, 0, 2, 2) if side == 2 else (2, 2))
    last = 2 * (maps.shape[side] // 2) - 1
    a, b, c, d, e, f = (
        framed[:, :, i : i + last : 2] if side == 2 else framed[..., i : i + last : 2]
        for i in range(6)
    )
    return (c + d).mul_(10).add_(b + e, alpha=5).add_(a + f)


def gabors() -> Tensor:
    """Return the orientation filters, [8, 1, 27, 27]: an even and an odd one per angle.

    A wave with a period of pi pixels under a Gaussian of 2 px across and 4 px along it, without a
    mean, of unit norm.
    """
    offset = torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64)
    y, x = torch.meshgrid(offset, offset, indexing="ij")
    found = []
    for angle in map(math.radians, ANGLES):
        across = y * math.cos(angle) - x * math.sin(angle)
        along = y * math.sin(angle) + x * math.cos(angle)
        window = torch.exp(-(across**2) / (2 * 2.0**2) - along**2 / (2 * 4.0**2))
        for wave in ((2 * across).cos(), (2 * across).sin()):
            taps = wave * window - (wave * window).mean()
            found.append(taps / taps.norm())
    return torch.stack(found)[:, None].float()


def orientations(light: Tensor, filters: Tensor) -> Tensor:
    """Return |even| + |odd| per angle, [B, 4, H, W], of intensity [B, 1, H, W]; borders fade."""
    answers = conv2d(pad(light, (RADIUS,) * 4, mode="replicate"), filters).abs()
    return faded(answers[:, 0::2] + answers[:, 1::2], RADIUS)


def faded(maps: Tensor, reach: int) -> Tensor:
    """Weaken maps [B, C, H, W] linearly within ``reach`` px of the border, or half of their side.

    The outermost pixels keep 1/(reach + 1).
    """
    height, width = maps.shape[-2:]
    reach = min(reach, height // 2, width // 2)
    down, across = (_ramp(length, reach, maps) for length in (height, width))
    return maps * down[:, None] * across


def _ramp(length: int, reach: int, like: Tensor) -> Tensor:
    position = torch.arange(1, length + 1, dtype=like.dtype, device=like.device)
    return (torch.minimum(position, length + 1 - position) / (reach + 1)).clamp(max=1)


def opponents(colour: Tensor, light: Tensor) -> Tensor:
    """Return channel C, [B, 2, H, W], of a level's r, g and b and of its intensity; 0/0 is 0."""
    r, g, b = colour.chunk(3, dim=1)
    found = torch.cat([(b - torch.minimum(r, g)).abs(), (r - g).abs()], dim=1)
    return torch.where(light == 0, 0, found / torch.where(light == 0, 1, light))


def cone_axes(colour: Tensor) -> Tensor:
    """Return channel D, [B, 3, H, W], of a level's r, g and b in 0..1.

    Luminance, L against M, and S against L + M, of the cones' answers beyond the adapted ones.
    """
    curve = colour.new_tensor(_LIGHT)
    # The program looks up the grey level above, of 256; the first of them is level 0.
    place = ((colour * 255).ceil().clamp(1, 256) - 1) * ((len(_LIGHT) - 1) / 255)
    below = place.long().clamp(max=len(_LIGHT) - 2)
    share = place - below
    lights = [
        torch.lerp(values[below[:, i]], values[below[:, i] + 1], share[:, i])
        for i, values in enumerate(curve.T)
    ]
    long, middle, short = _ADAPTED
    slope, both = math.hypot(long, middle), long + middle
    axes = colour.new_tensor(
        [
            [math.sqrt(3), math.sqrt(3), 0],
            [slope / long, -slope / middle, 0],
            [-1, -1, both / short],
        ]
    )
    axes = axes * colour.new_tensor(_GAINS)[:, None] / both
    offset = axes @ colour.new_tensor(_ADAPTED)
    mixed = torch.einsum("ac,bchw->bahw", axes @ colour.new_tensor(_CONES), torch.stack(lights, 1))
    return mixed - offset[:, None, None]


def flicker(now: Tensor, before: Tensor | None) -> Tensor:
    """Return channel F, [B, 1, H, W], of two frames' intensity; without a frame before, zeros."""
    return (now - (now if before is None else before)).abs()


def motion(now: Tensor, before: Tensor | None) -> Tensor:
    """Return channel M, [B, 4, H, W], of two frames' intensity [B, 1, H, W].

    Without a frame before, what the program makes of a film's first frame: I_t S(I_t).
    """
    moved = shifted(now)
    if before is None:
        return now * moved
    return (now * shifted(before) - before * moved).abs()


def shifted(light: Tensor) -> Tensor:
    """Return intensity [B, 1, H, W] one pixel on in each of `ANGLES`, [B, 4, H, W], bilinearly."""
    height, width = light.shape[-2:]
    framed = pad(light, (1, 1, 1, 1), mode="replicate")
    found = []
    for angle in map(math.radians, ANGLES):
        right, down = math.cos(angle), -math.sin(angle)
        x, y = math.floor(right + 1e-9), math.floor(down + 1e-9)
        total = torch.zeros_like(light)
        for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
            weight = (1 - abs(right - x - dx)) * (1 - abs(down - y - dy))
            if weight > 1e-6:  # rounding errors of the sine would leave the frame
                top, left = 1 + y + dy, 1 + x + dx
                total = total + weight * framed[..., top : top + height, left : left + width]
        found.append(total)
    return torch.cat(found, dim=1)


def features(
    letters: str,
    frame: Tensor,
    before: Tensor | None,
    *,
    levels: Sequence[int],
    filters: Tensor,
) -> dict[str, dict[int, Tensor]]:
    """Return the maps [B, n, h, w] of the channels, by their letters, at each of the levels.

    From frames [B, 3, H, W] in 0..1 and, for F and M, those before, of the same size.
    """
    count = max(levels) + 1
    pyramid = levels_of(_with_intensity(frame), count)
    past = None
    if before is not None and set(letters) & set("FM"):
        past = levels_of(before.amax(dim=1, keepdim=True), count)
    found: dict[str, dict[int, Tensor]] = {letter: {} for letter in letters}
    for level in levels:
        colour, light = pyramid[level][:, :3], pyramid[level][:, 3:]
        then = None if past is None else past[level]
        for letter in letters:
            found[letter][level] = _channel(letter, colour, light, then, filters)
    return found


def _channel(
    letter: str, colour: Tensor, light: Tensor, then: Tensor | None, filters: Tensor
) -> Tensor:
    if letter == "C":
        return opponents(colour, light)
    if letter == "D":
        return cone_axes(colour)
    if letter == "F":
        return flicker(light, then)
    if letter == "M":
        return motion(light, then)
    return orientations(light, filters) if letter == "O" else light


def _with_intensity(frame: Tensor) -> Tensor:
    return torch.cat([frame, frame.amax(dim=1, keepdim=True)], dim=1)
