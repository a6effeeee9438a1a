"""Names of the scoring protocols, for those who must not import what the protocols compute with.

What they do is in `pipeline.evaluation.protocols`.
"""

from typing import Literal, get_args

ProtocolName = Literal[
    "mit",
    "mit_jitter",
    "dhf1k",
    "unisal",
    "pysaliency",
    "msu_ntire26",
    "stavis",
    "salema",
    "rudoy",
    "salicon_challenge",
    "calibrated",
]
PROTOCOLS: tuple[ProtocolName, ...] = get_args(ProtocolName)
