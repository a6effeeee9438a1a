"""Pages of measurements: bench/results/<name>.md, with the date and the machine."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def today() -> str:
    """Date, cores and processor, as every page begins."""
    return f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.machine()}"


def with_python() -> str:
    """The same with the version of Python."""
    return f"{today()}, Python {platform.python_version()}"


def publish(name: str, page: str) -> None:
    """Write a page and show it."""
    (ROOT / "bench/results" / f"{name}.md").write_text(page.rstrip("\n") + "\n")
    print(page)
