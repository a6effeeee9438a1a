"""The one place where text becomes words: whichever of the usual encodings it was saved in."""

import codecs
import gzip
import os
import stat
import zlib
from pathlib import Path

from pipeline.runtime.errors import InputError

LARGEST = 128 * 2**20
"""Most bytes that a text may have, unpacked: an hour of gaze at 1000 Hz takes some 100 million."""
_MOST_ZEROS = 0.25
"""Share of zero bytes above which a text is none; UTF-16 without its mark has a half."""
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_text(path: Path, *, in_part: bool = False) -> str:
    """Return the text of a file, unpacked if its name ends in .gz, with its line ends as they are.

    A byte order mark says that it is UTF-8 or UTF-16, as spreadsheet programs save it, and is taken
    off; without one it is UTF-8. `in_part`: bytes that are no text become U+FFFD, and a few zero
    bytes stay, for who looks at each line.

    Raises:
        InputError: It cannot be read, is not a regular file, is larger than `LARGEST`, or is not
            text.
    """
    content = _content(path)
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding, "replace" if in_part else "strict")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        name = encoding.removesuffix("-sig").upper()
        raise InputError(
            f"{path}, line {line}: not text in {name}: byte {error.start} of the file "
            f"({error.reason}); save it as UTF-8"
        ) from None
    if "\0" in text and not (in_part and text.count("\0") < _MOST_ZEROS * len(text)):
        raise InputError(
            f"{path}, line {text.count(chr(10), 0, text.index(chr(0))) + 1}: a zero byte in the "
            "text: damaged, or UTF-16 without a byte order mark; save it as UTF-8"
        )
    return text


def _content(path: Path) -> bytes:
    try:
        # Without waiting, as a pipe without a writer would have it wait for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise InputError(f"{path}: cannot be read (not a regular file); put a file there")
            packed = path.suffix.lower() == ".gz"
            # Not more than there is, for as much memory is taken.
            most = LARGEST if packed else min(LARGEST, state.st_size)
            content = (gzip.GzipFile(fileobj=file) if packed else file).read(most + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: cannot be unpacked ({error}); copy it again") from None
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from None
    if len(content) > LARGEST:
        raise InputError(f"{path}: more than {LARGEST} bytes of text; split the file")
    return content
