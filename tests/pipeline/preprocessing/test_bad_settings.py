"""Settings that a stage refuses, in one message that names the key."""

from __future__ import annotations

import numpy as np
from scipy.io import savemat

from tests.spoiling import Case, gaze_keys, refusals
from tests.workbench import RELEASE, SHOT, UCF, Bench


def recipe(bench: Bench) -> None:
    """Names a recipe that nobody knows on the command line."""
    settings = '{"recipe": "gauss", "sigma": 5.0, "repeats": "each"}'
    bench.density_settings = lambda: settings  # type: ignore[method-assign]


CASES = [
    Case(
        "LEDOV's begin that is none",
        "ledov",
        "gaze",
        gaze_keys(options={"begin": "centre"}),
        "config.yaml",
        ("gaze.options.begin", "'centre'", "set it to one of official, box"),
    ),
    Case(
        "SALICON's edition not set",
        "salicon",
        "gaze",
        gaze_keys(options={"edition": None}),
        "config.yaml",
        ("gaze.options.edition", "set it to that of your files, one of 2015, 2017"),
    ),
    Case(
        "observers not set",
        "ucf_sports",
        "gaze",
        gaze_keys(options={"observers": None}),
        "config.yaml",
        ("set gaze.options.observers", "or to all"),
    ),
    Case(
        "ticks of no length",
        "ucf_sports",
        "gaze",
        gaze_keys(options={"observers": "all", "ticks_per_second": 0}),
        "config.yaml",
        ("gaze.options.ticks_per_second", "is 0", "set it to a positive number"),
    ),
    Case(
        "variable of a released map not set",
        RELEASE,
        "gaze",
        lambda bench: (
            savemat(bench.root / SHOT / f"fixation/{UCF}_002.mat", {"I": np.zeros((2, 3))}),
            bench.gaze_keys(files=("{split}ing/{clip}/fixation/*_{frame}.mat",)),
        ),
        "config.yaml",
        ("which of its variables", "Set gaze.options.variable"),
    ),
    Case(
        "observers that nobody is",
        "ucf_sports",
        "gaze",
        gaze_keys(options={"observers": ["077"]}),
        "config.yaml",
        ("['077']", "correct gaze.options.observers"),
    ),
    Case(
        "option that the reader does not know",
        "diem",
        "gaze",
        gaze_keys(options={"begin": "box"}),
        "config.yaml",
        ("gaze.options of reader diem", "'begin'"),
    ),
    Case(
        "reader that is none",
        "diem",
        "gaze",
        gaze_keys(reader="dime"),
        "config.yaml",
        ("gaze.reader", "'dime'", "set it to one of", "hollywood2"),
    ),
    Case(
        "module that is no reader",
        "diem",
        "gaze",
        gaze_keys(reader="table"),
        "config.yaml",
        ("gaze.reader", "'table'", "set it to one of"),
    ),
    Case(
        "recipe that is none",
        "ucf_sports",
        "density",
        recipe,
        "--settings",
        ('"recipe": "gauss"',),
        status=2,  # the command line itself, as argparse has it
    ),
]


test_one_message_and_nothing_left = refusals(CASES)
