"""The authors' weights: fetched once from whoever has them, and kept only if they are the ones."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipeline.planning.fetchable import FETCHABLE, WHEELS, Fetchable
from pipeline.runtime.errors import InputError
from pipeline.viewing.network import fetched as module
from pipeline.viewing.network.fetched import cache, cached, fetched

CONTENT = b"weights" * 1000


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders in the place of the authors' repository, of a package index and of the cache."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    address = (tmp_path / "authors/weights.pth").as_uri()
    monkeypatch.setitem(FETCHABLE, "unisal", Fetchable(address, digest))
    monkeypatch.setenv("GFSALNET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GFSALNET_OFFLINE", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "index").mkdir()


def publish(folder: Path, content: bytes = CONTENT) -> None:
    """Put the file where its authors have it."""
    (folder / "authors").mkdir()
    (folder / "authors/weights.pth").write_bytes(content)


def wheel(folder: Path, content: bytes = CONTENT) -> None:
    """A wheel that holds the file."""
    requirement, member = WHEELS["unisal"]
    name, version = requirement.split("==")
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    info = f"{name}-{version}.dist-info"
    tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"index/{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", about)
        archive.writestr(f"{info}/WHEEL", tags)
        archive.writestr(f"{info}/RECORD", "")


def refused() -> str:
    with pytest.raises(InputError) as caught:
        fetched("unisal")
    assert "\n" not in str(caught.value)
    assert not list(cache().glob("*"))
    return str(caught.value)


def test_from_the_authors_and_once(tmp_path: Path) -> None:
    publish(tmp_path)
    assert cached("unisal") is None
    file = fetched("unisal")
    assert file.parent == tmp_path / "home"
    assert file.read_bytes() == CONTENT
    (tmp_path / "authors/weights.pth").unlink()
    assert fetched("unisal") == cached("unisal") == file


def test_a_damaged_file_is_fetched_again(tmp_path: Path) -> None:
    publish(tmp_path)
    fetched("unisal").write_bytes(CONTENT[:-1])
    assert cached("unisal") is None
    assert fetched("unisal").read_bytes() == CONTENT


def test_a_damaged_file_is_named_where_nothing_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path)
    file = fetched("unisal")
    file.write_bytes(CONTENT[:-1])
    monkeypatch.setenv("GFSALNET_OFFLINE", "1")
    with pytest.raises(InputError, match="is damaged; GFSALNET_OFFLINE is set"):
        fetched("unisal")


def test_from_a_wheel_where_the_authors_are_out_of_reach(tmp_path: Path) -> None:
    wheel(tmp_path)
    assert fetched("unisal").read_bytes() == CONTENT


def test_other_bytes_are_not_kept(tmp_path: Path) -> None:
    publish(tmp_path, b"else")
    wheel(tmp_path, b"else")
    message = refused()
    assert "invalid hash value" in message
    assert "holds other weights" in message


def test_where_nobody_has_it_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = refused()
    assert "authors' repository: " in message
    assert "package index: " in message
    assert f"put it at {tmp_path / 'home/unisal-'}" in message
    assert "or name it: --model unisal --weights FILE" in message
    monkeypatch.setenv("GFSALNET_OFFLINE", "1")
    monkeypatch.setattr(subprocess, "run", None)
    publish(tmp_path)
    assert "GFSALNET_OFFLINE is set" in refused()


def test_without_pip_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    assert "package index: " in refused()


def test_the_cache_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GFSALNET_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache() == tmp_path / "xdg/gfsalnet"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache() == tmp_path / ".cache/gfsalnet"


def test_silent_servers_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def download(*_: object) -> None:
        import socket

        seen.append(socket.getdefaulttimeout())
        raise InputError("none")

    monkeypatch.setattr(module, "download", download)
    refused()
    import socket

    assert seen == [module.PATIENCE]
    assert socket.getdefaulttimeout() is None
