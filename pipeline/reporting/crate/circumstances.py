"""Where and with what a crate was packed: packages, machine, seeds and the time of the run."""

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from pipeline.config.config import Config
from pipeline.planning import needs


def packages() -> dict[str, str]:
    """Name -> version of every installed package."""
    found: dict[str, str] = {}
    for one in distributions():
        if name := one.metadata["Name"]:
            found.setdefault(str(name).lower(), one.version)
    return dict(sorted(found.items()))


def machine() -> dict[str, Any]:
    """Python, system and processor of this machine; never its name."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
    }


def _processor() -> str:
    """The processor's model as Linux names it, or whatever Python knows."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def seeds(cfg: Config) -> dict[str, int]:
    """The run's seed, and that of each training."""
    trainings = {name: needs.seed_of(cfg, name) for name in needs.all_trainings(cfg)}
    return {"run": cfg.seed, **trainings}


def times(products: Iterable[Path]) -> tuple[datetime, datetime]:
    """Dates of the first and the last of some files, in UTC and whole seconds."""
    dates = sorted(path.stat().st_mtime for path in products)
    first, last = (datetime.fromtimestamp(int(date), UTC) for date in (dates[0], dates[-1]))
    return first, last
