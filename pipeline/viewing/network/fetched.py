"""The authors' weights that anyone may fetch: kept in the user's cache, verified by their SHA-256.

They come from the authors' repository, or else from the Python package index, whose mirrors are
reached where the rest of the net is not: a wheel there holds the same bytes.
"""

import os
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.importing.imagenet import download
from pipeline.planning.fetchable import FETCHABLE, WHEELS, fetchable_name
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.stores.weights import file_sha256

PATIENCE = 20
"""Seconds that a server may be silent."""
OFFLINE = "GFSALNET_OFFLINE"
"""Environment variable: if it is set, nothing is fetched."""


def cache() -> Path:
    """Return the folder of fetched weights.

    It is $GFSALNET_HOME, or `gfsalnet` in $XDG_CACHE_HOME or ~/.cache.
    """
    if home := os.environ.get("GFSALNET_HOME"):
        return Path(home).expanduser()
    above = os.environ.get("XDG_CACHE_HOME")
    return (Path(above) if above else Path.home() / ".cache") / "gfsalnet"


def cached(network: str) -> Path | None:
    """Return the file of a network's weights if the cache holds it whole."""
    file = cache() / fetchable_name(network)
    whole = file.is_file() and file_sha256(file) == FETCHABLE[network].sha256
    return file if whole else None


def fetched(network: str) -> Path:
    """Return the file of a network's weights, which is fetched unless the cache holds it.

    Raises:
        InputError: No server gives it, or the cache cannot be written to.
    """
    if file := cached(network):
        return file
    file = cache() / fetchable_name(network)
    address, sha256 = FETCHABLE[network]
    damaged = [f"{file} is damaged"] if file.exists() else []
    reasons = [f"{OFFLINE} is set"] if os.environ.get(OFFLINE) else []
    if not reasons:
        print(f"{network}: fetching its weights, {address}", file=sys.stderr)
        with _patience():
            for fetch in (_from_authors, _from_index):
                try:
                    fetch(network, file)
                    return file
                except InputError as error:
                    reasons.append(str(error))
    raise InputError(
        f"{network}: its weights cannot be fetched ({'; '.join(damaged + reasons)}); fetch "
        f"{address} (sha256 {sha256[:8]}...) on a connected machine, and put it at {file} or name "
        f"it: --model {network} --weights FILE"
    )


@contextmanager
def _patience() -> Iterator[None]:
    """Let no connection that is opened within the block wait for long."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _from_authors(network: str, file: Path) -> None:
    address, sha256 = FETCHABLE[network]
    try:
        download(address, file, sha256, "weights")
    except InputError as error:
        reason = error.__cause__ or error
        raise InputError(f"authors' repository: {_brief(reason)}") from error


def _from_index(network: str, file: Path) -> None:
    """Take the file out of a wheel, which pip finds by the user's own settings."""
    wheel, member = WHEELS[network]
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
    options += ["--no-input", "--retries", "1", "--timeout", str(PATIENCE)]
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", folder, wheel]
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=10 * PATIENCE
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError(f"package index: {_brief(error)}") from error
        found = next(Path(folder).glob("*.whl"), None)
        if found is None:
            last = (done.stderr.strip() or "no wheel").splitlines()[-1]
            raise InputError(f"package index: {last[:120]}")
        try:
            with zipfile.ZipFile(found) as archive, atomic(file) as partial:
                with archive.open(member) as source, partial.open("wb") as target:
                    shutil.copyfileobj(source, target)
                if file_sha256(partial) != FETCHABLE[network].sha256:
                    raise InputError(f"package index: {wheel} holds other weights")
        except (zipfile.BadZipFile, KeyError) as error:
            raise InputError(f"package index: {wheel}: {_brief(error)}") from error


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
