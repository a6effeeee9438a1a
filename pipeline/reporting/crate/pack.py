"""Pack a finished run as a crate: `python -m pipeline.reporting.crate.pack`.

    python -m pipeline.reporting.crate.pack [--config KEY=VALUE ...] [--configfile FILE ...]
        [--stores MB] [--agent NAME] [--archive]

Writes the folder `crates/<run>` and validates it. Computes nothing but the tables, which it makes
again from what it has packed and compares with those of the run. A crate that is there is replaced.
With `--archive` the crate is put into one file as well, `crates/gfsalnet-<run>-<version>.zip`.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import yaml

from pipeline.config.config import Config
from pipeline.planning.load import chosen, merged
from pipeline.planning.provenance import CODE, ROOT
from pipeline.planning.targets import training_logs
from pipeline.reporting.crate import circumstances
from pipeline.reporting.crate.about import write_about
from pipeline.reporting.crate.archive import archive
from pipeline.reporting.crate.calls import (
    TABLES,
    Call,
    score_calls,
    sheets_beside,
    stores_of,
    tables_call,
)
from pipeline.reporting.crate.checksums import write_sums
from pipeline.reporting.crate.contents import MEGABYTE, Contents, copy_code, within
from pipeline.reporting.crate.metadata import METADATA
from pipeline.reporting.crate.places import CODE_FOLDER, Places
from pipeline.reporting.crate.recheck import SCORES_CALLS, TABLES_WORDS
from pipeline.reporting.crate.validate import PROFILE, validate
from pipeline.runtime.cli import in_a_line
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import disk_errors, remove
from pipeline.runtime.version import VERSION
from pipeline.runtime.yaml_file import read_yaml
from pipeline.stores.manifests import LISTING, read_listing, write_json

CRATES: Final = Path("crates")
"""Folder of the crates, apart from the results: what is packed of a product is often not whole."""
DRAWN: Final = 200
"""MB of maps and gaze that a crate of the demo holds at most; its data are drawn here, so ours."""
_PROG: Final = "python -m pipeline.reporting.crate.pack"
_PAGES: Final = ("reproduction.html", "reproduction.csv", "report.html")
"""Files of a run's results that are packed if they are there."""


def pack(cfg: Config, crate: Path, limit: int, agent: str = "") -> None:
    """Pack the finished run of a configuration into a folder, in place of a crate that is there.

    Maps, densities and gaze of the scored clips are in, dataset by dataset, as long as they are of
    at most `limit` bytes together. The metadata name `agent` as who ran it, if any.

    Raises:
        InputError: A library is not installed, there is no such run, it is not finished, files of
            it changed since they were written, or its tables are not those that its configuration
            and this code make.
    """
    _check_run(cfg)
    if crate.exists() and not (crate / METADATA).is_file():
        raise InputError(f"{crate}: is there and no crate; move it away")
    partial = crate.with_name(f"{crate.name}.partial")
    with disk_errors(crate):
        remove(partial)
        try:
            _fill(partial, cfg, limit, agent)
            _check(partial, cfg)
            if broken := validate(partial):
                text = "\n".join(broken)
                raise InputError(
                    f"{crate}: not packed, as it would break its profile; report:\n{text}"
                )
            remove(crate)
            partial.replace(crate)
        finally:
            remove(partial)


def _check_run(cfg: Config) -> None:
    if lacking := [name for name in ("rocrate", "rocrate_validator") if find_spec(name) is None]:
        raise InputError(
            f"{' and '.join(lacking)}: not installed; install with: pip install '.[crate]'"
        )
    again = f"make tables RUN={cfg.run}"
    tables = Path(TABLES)
    if not tables.is_dir():
        raise InputError(f"{tables}: no tables yet, so no run to pack; make them: {again}")
    if (run := read_listing(tables)["run"]) != cfg.run:
        raise InputError(f"{tables}: shows run {run}, not {cfg.run}; make them again: {again}")


def _fill(crate: Path, cfg: Config, limit: int, agent: str) -> None:
    places = Places(cfg)
    contents = Contents(crate, places)
    tables, scores = tables_call(cfg, places), score_calls(cfg)
    copy_code(crate)
    products = [path for path in tables.reads if path.suffix and path.is_relative_to(Path())]
    calls = [call for of in scores.values() for call in of]
    for path in dict.fromkeys([*products, *stores_of(calls)]):
        contents.describe(path)
    beside = [path for path in sheets_beside(cfg) if places(path).parts[0] != CODE_FOLDER]
    for path in [Path(TABLES), *beside]:
        contents.copy(path)
    logs = Path(cfg.pathvars["logs"])
    found = [*map(Path, training_logs(cfg)), logs]
    found += [Path(cfg.pathvars["results"]) / name for name in _PAGES]
    for path in found:
        if path.exists():
            contents.copy(path)
    scored = within(limit, scores)
    for manifest in dict.fromkeys(stores_of([call for name in scored for call in scores[name]])):
        contents.store(manifest)
    contents.write_products()
    _write_calls(crate, places, tables, scores, scored)
    _write_circumstances(crate, cfg)
    made = [path for path in (*products, *stores_of(calls), Path(TABLES, LISTING)) if path.exists()]
    write_about(crate, cfg, scored, [*scores], circumstances.times(made), agent)
    write_sums(crate)


def _write_calls(
    crate: Path,
    places: Places,
    tables: Call,
    scores: Mapping[str, Sequence[Call]],
    scored: Sequence[str],
) -> None:
    (crate / TABLES_WORDS).write_text("\n".join(tables.words(places)) + "\n", encoding="utf-8")
    facts = [
        {
            "module": call.module,
            "words": call.words(places),
            "out": call.out,
            "output": places(call.output).as_posix(),
            "again": dataset in scored,
        }
        for dataset, calls in scores.items()
        for call in calls
    ]
    write_json(crate / SCORES_CALLS, facts)


def _write_circumstances(crate: Path, cfg: Config) -> None:
    packages = circumstances.packages()
    lines = (f"{name}=={version}\n" for name, version in packages.items())
    (crate / "run/packages.txt").write_text("".join(lines), encoding="utf-8")
    write_json(crate / "run/machine.json", circumstances.machine())
    write_json(crate / "run/seeds.json", circumstances.seeds(cfg))
    # Keys that are not set keep their defaults, as in config.yaml; the workflow's own files are
    # found by their names.
    keys = yaml.safe_dump(cfg.model_dump(mode="json", exclude_unset=True), sort_keys=False)
    keys = keys.replace(f"{ROOT}/", "").replace(f"{CODE}/", "")
    (crate / "run/config.yaml").write_text(keys, encoding="utf-8")


def _check(crate: Path, cfg: Config) -> None:
    """Make the tables again from the crate alone, by the code that is in it.

    Raises:
        InputError: They are not those of the run.
    """
    line = [sys.executable, "-P", "-m", "pipeline.reporting.crate.recheck", ".", "--tables"]
    code = str((crate / CODE_FOLDER).resolve())
    environment = {**os.environ, "PYTHONPATH": code, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        line, cwd=crate, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError(
            f"{TABLES}: not what config.yaml and the code make of this run's scores now; make them "
            f"again: make tables RUN={cfg.run}\n{done.stderr.strip()}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Raises:
        SystemExit: With a line for what a user can mend.
    """
    parser = argparse.ArgumentParser(prog=_PROG, description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--config", nargs="*", default=[], metavar="KEY=VALUE", help="run=demo")
    parser.add_argument("--configfile", nargs="*", default=[], type=Path, help="laid over it")
    parser.add_argument(
        "--stores",
        type=float,
        metavar="MB",
        help="maps, densities and gaze of the scored clips are packed, dataset by dataset, up to "
        f"this size (default: {DRAWN} for the demo, 0 for recordings, whose gaze is their "
        "authors' to hand on)",
    )
    parser.add_argument("--agent", default="", metavar="NAME", help="who ran it, for the metadata")
    parser.add_argument("--archive", action="store_true", help="write one file as well")
    given = parser.parse_args(arguments)
    with in_a_line(parser.prog, []):
        cfg = chosen(_keys(given.configfile, given.config))
        limit = given.stores if given.stores is not None else DRAWN * (cfg.run == "demo")
        crate = CRATES / cfg.run
        pack(cfg, crate, int(limit * MEGABYTE), given.agent)
        size = sum(path.stat().st_size for path in crate.rglob("*") if path.is_file())
        print(f"{crate}: {size / MEGABYTE:.1f} MB, valid by {PROFILE}")
        if given.archive:
            out = crate.with_name(f"gfsalnet-{cfg.run}-{VERSION}.zip")
            digest = archive(crate, out)
            print(f"{out}: {out.stat().st_size / MEGABYTE:.1f} MB, SHA-256 {digest}")


def _keys(files: Iterable[Path], words: Iterable[str]) -> dict[str, Any]:
    """The keys that are laid over config.yaml, as `--configfile` and `--config` of Snakemake."""
    keys: dict[str, Any] = {}
    for file in files:
        keys = merged(keys, read_yaml(file))
    for word in words:
        key, sign, value = word.partition("=")
        if not sign:
            raise InputError(f"--config {word}: no =; write KEY=VALUE, such as run=demo")
        keys[key] = yaml.safe_load(value)
    return keys


if __name__ == "__main__":
    main()
