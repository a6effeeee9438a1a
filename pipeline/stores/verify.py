"""Find files of a store that changed after writing: `python -m pipeline.stores.verify`."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.stores.manifests import list_files, read_manifest


def verify(*, manifest: list[Path]) -> None:
    """Recompute the digest of every file that the manifests list.

    Raises:
        InputError: A store differs from its manifest; the message names up to five files.
    """
    for path in manifest:
        content = read_manifest(path)
        found = list_files(path.with_suffix(".zarr"))
        wrong = sorted(
            name
            for name in content["files"].keys() | found.keys()
            if content["files"].get(name) != found.get(name)
        )
        if wrong:
            raise InputError(f"{path}: {', '.join(wrong[:5])} differ from it; rerun this target")
        print(f"{path}: {len(found)} files as written")


def damage(paths: Iterable[Path]) -> str:
    """Message that names the damaged stores among the paths that a stage was given."""
    stores = [path for path in paths if path.with_suffix(".zarr").is_dir()]
    try:
        verify(manifest=[path for path in stores if path.suffix == ".json" and path.is_file()])
    except InputError as error:
        return str(error)
    return f"{', '.join(map(str, stores))}: a checksum failed once and holds now; run it again"


if __name__ == "__main__":
    main(verify)
