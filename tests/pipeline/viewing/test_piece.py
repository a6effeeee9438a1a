"""Pieces of a film."""

import numpy as np

from pipeline.viewing.piece import Piece


def test_a_piece_is_as_long_as_its_maps() -> None:
    frames = np.zeros((3, 4, 8, 3), np.uint8)
    assert len(Piece(0, 0, frames, None, np.zeros((3, 4, 8), np.float32), {})) == 3
