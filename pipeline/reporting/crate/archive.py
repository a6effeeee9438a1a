"""A crate as one file, for a journal's upload.

The same crate gives the same bytes whenever it is archived: files come in the order of their names,
all with one date and the same permissions. Beside the archive lies its SHA-256.
"""

import zipfile
from pathlib import Path
from typing import Final

from pipeline.reporting.crate.checksums import SUMS, check_sums, files_of
from pipeline.runtime.files import atomic
from pipeline.stores.weights import file_sha256

_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip can hold."""
_MODE: Final = 0o100644 << 16
"""A regular file that everybody may read."""
_UNIX: Final = 3
"""The system of the archive, which decides how _MODE is read."""


def archive(crate: Path, out: Path) -> str:
    """Write a crate as a zip and return the zip's SHA-256.

    The metadata are at the zip's root, where programs that read crates look for them. `sha256sum
    -c` reads the file <out>.sha256 that is written beside.

    Raises:
        InputError: It is no crate, a file of it changed since it was packed, or the disk refuses.
    """
    check_sums(crate)
    with (
        atomic(out) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed,
    ):
        for name in sorted([*files_of(crate), SUMS]):
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system, info.external_attr = _UNIX, _MODE
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, (crate / name).read_bytes(), compresslevel=6)
    digest = file_sha256(out)
    with atomic(out.with_name(f"{out.name}.sha256")) as partial:
        partial.write_text(f"{digest}  {out.name}\n", encoding="utf-8")
    return digest
