"""The one exception that a user is meant to read."""


class InputError(ValueError):
    """Something outside the code is wrong; the message names the file and the remedy.

    `pipeline.runtime.cli` prints it as one line, without a traceback.
    """
