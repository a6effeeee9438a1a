"""The one exception that a user is meant to read, and what they may have meant."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something outside the code is wrong; the message names the file and the remedy.

    `pipeline.runtime.cli` prints it as one line, without a traceback.
    """


def meant(name: object, known: Iterable[str]) -> str:
    """The end of a message about a name that is not known: the one that is most like it, if any."""
    by_case = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(str(name).casefold(), by_case, n=1)
    return f"; did you mean {by_case[near[0]]}?" if near else ""
