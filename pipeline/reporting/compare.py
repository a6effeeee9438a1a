"""Stage compare: one model's maps by every protocol, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.reporting.comparison import measured_by, write_comparison
from pipeline.runtime.cli import main


def compare(
    *,
    scores: list[Path],
    title: str,
    truth: str,
    average: Literal["meta", "own"],
    seed: int,
    out: Path,
) -> None:
    """Sheets `.../<protocol>/<model>/<training>/<dataset>.csv` to one page."""
    sheets = {path.parents[2].name: path for path in scores}
    measured = measured_by(sheets, meta=average == "meta", seed=seed)
    write_comparison(out, measured, title, {"Ground truth": truth, "Seed": str(seed)})


if __name__ == "__main__":
    main(compare)
