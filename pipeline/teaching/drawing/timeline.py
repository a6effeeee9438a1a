"""The picture and the moments of a scene, as all modules of this chapter count them.

A scene begins before its first frame, so that what happened just before counts: index LEAD of every
array over time is the first frame. Lengths are pixels of a frame, x right and y down. The world's
coordinates are those of the first frame.
"""

import numpy as np

SIZE = (288, 384)
"""Height and width of a frame, pixels."""
FRAMES = 3
"""Frames of a clip."""
LEAD = 36
"""Moments before the first frame: more than half a second at 60 frames/s."""
MOMENTS = LEAD + FRAMES
NUMBERS = np.arange(MOMENTS) - LEAD
"""Number of each moment's frame: 0 is the first."""
MIDDLE = LEAD + FRAMES // 2
"""Index of the moment in the middle of the clip."""
