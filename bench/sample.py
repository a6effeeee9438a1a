"""After `run: real`: is every measured cell finite, and do the networks beat chance?

Reads results/tables and stops with status 1 if not. Prints how the networks stand against the
sanity rows on the clips in DIEM's layout.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from pipeline.runtime.sheets import read_rows

TABLES = Path("results/tables")
NETWORKS = ("Spatial", "Temporal", "Setting 1")
MARGIN = 1.0
"""NSS by which every network must be above chance; chance itself is within 0.1 of 0."""


def measured(table: str) -> dict[tuple[str, str], float]:
    """(row, metric) -> our value, of the measured rows of a table."""
    rows = [row for row in read_rows(TABLES / f"{table}.csv") if row["source"] == "measured"]
    return {(row["method"], row["metric"]): float(row["ours"] or "nan") for row in rows}


def main() -> None:
    """Checks Tables III and IV."""
    cells = {table: measured(table) for table in ("table_3", "table_4")}
    for table, values in cells.items():
        wrong = [key for key, value in values.items() if not math.isfinite(value)]
        if wrong or not values:
            sys.exit(f"{table}: cells that are not finite: {wrong or 'nothing was measured'}")
    nss = {row: value for (row, metric), value in cells["table_4"].items() if metric == "NSS"}
    for network in NETWORKS:
        above = {row: f"{nss[network] - nss[row]:.3f}" for row in ("Chance", "Centre bias")}
        print(f"{network}: NSS {nss[network]:.3f}, above the sanity rows by {above}")
        if nss[network] < nss["Chance"] + MARGIN:
            sys.exit(f"{network} does not beat chance")


if __name__ == "__main__":
    main()
