"""What a crate says of itself to people and to programs: README, licence, citation and metadata."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from jinja2 import PackageLoader

from pipeline.config.config import Config
from pipeline.planning import needs
from pipeline.planning.provenance import ROOT
from pipeline.reporting.crate import circumstances
from pipeline.reporting.crate.calls import TABLES
from pipeline.reporting.crate.checksums import SUMS
from pipeline.reporting.crate.contents import PRODUCTS
from pipeline.reporting.crate.metadata import Described, write_metadata
from pipeline.reporting.crate.places import CODE_FOLDER
from pipeline.reporting.crate.recheck import SCORES_CALLS, TABLES_WORDS
from pipeline.reporting.html import environment
from pipeline.reporting.pages.outcome import outcome
from pipeline.reporting.pages.page import read_pages
from pipeline.runtime.version import VERSION

_TEMPLATES = environment(PackageLoader("pipeline.reporting.crate"))
_ABOUT: Final = {
    "README.md": "what this is, and how to check it",
    "LICENSE": "licence of the code",
    "CITATION.cff": "what to cite",
    SUMS: "SHA-256 of every file: `sha256sum -c SHA256SUMS`",
    "run/config.yaml": "the configuration of the run, with all that was laid over it",
    "run/seeds.json": "the seed of the run and of each training",
    PRODUCTS: "every product behind the tables: its digest, and what of it is here",
    "run/packages.txt": "version of every installed package",
    "run/machine.json": "Python, system and processor",
    TABLES_WORDS: "the call of stage tables, a word each line",
    SCORES_CALLS: "the calls of the stages that score",
    f"{CODE_FOLDER}/": "the workflow as it was when this was packed",
    f"{TABLES}/": "the tables: pages, sheets, Markdown and LaTeX",
}
"""Files and folders that any crate has, but the workflow, which the metadata describe by itself."""
_RESULTS: Final = {
    "scores": "scores of every frame, the input of the tables",
    "saliency": "manifests of the maps, and those maps that are scored again",
    "weights": "what weights say of themselves, and the losses of each training",
    "reproduction.html": "the papers' claims with verdicts",
    "reproduction.csv": "the same as a sheet",
    "report.html": "tables, pictures and curves on one page",
}
"""What may be among the results of a run -> what it is."""
_FOLDERS: Final = {
    "data": "manifests of frames, flow, gaze and densities, and what is scored again",
    "raw": "frame lists that the tables name",
    "logs": "log and costs of every job",
    "inputs": "sheets of the user that the tables name",
}
"""Folders of the crate besides -> what they hold."""


def write_about(
    crate: Path,
    cfg: Config,
    scored: Sequence[str],
    tested: Sequence[str],
    times: tuple[datetime, datetime],
    agent: str,
) -> None:
    """Write README, licence, citation and metadata into a crate that is complete otherwise.

    `scored` are the `tested` datasets whose maps are there; `times` are those of the run,
    and `agent` is who ran it, empty where nobody is named.
    """
    for name in ("LICENSE", "CITATION.cff"):
        if (ROOT / name).is_file():
            (crate / name).write_bytes((ROOT / name).read_bytes())
    came_out = outcome(read_pages(crate / TABLES))
    for name in ("README.md", SUMS):  # listed, and written when all else is known
        (crate / name).touch()
    files = dict(_files(crate))
    unscored = [name for name in tested if name not in scored]
    text = _TEMPLATES.get_template("README.md.j2").render(
        run=cfg.run,
        version=VERSION,
        outcome=came_out,
        drawn=cfg.run == "demo",
        installable=(crate / CODE_FOLDER / "pyproject.toml").is_file(),
        scored=scored,
        unscored=unscored,
        tables=sum(path.is_file() for path in (crate / TABLES).iterdir()),
        files=files,
        licences=_licences(cfg, tested),
    )
    (crate / "README.md").write_text(text, encoding="utf-8")
    described = Described(
        run=cfg.run,
        outcome=came_out,
        started=times[0],
        ended=times[1],
        packages=circumstances.packages(),
        python=str(circumstances.machine()["python"]),
        agent=agent,
        files=files | {path: f"table file {Path(path).name}" for path in _table_files(crate)},
        results=tuple(path for path in files if path.split("/")[0] in ("results", "data", "logs")),
    )
    write_metadata(crate, described)


def _files(crate: Path) -> Iterator[tuple[str, str]]:
    """Path of a file, or of a folder with / at its end -> what it is, for all that is there."""
    yield from ((path, about) for path, about in _ABOUT.items() if (crate / path).exists())
    for folder in sorted(path for path in (crate / "results").iterdir()):
        for path in sorted(folder.iterdir()) if folder.name != Path(TABLES).name else ():
            end = "/" if path.is_dir() else ""
            yield f"{path.relative_to(crate).as_posix()}{end}", _RESULTS[path.name]
    yield from ((f"{name}/", about) for name, about in _FOLDERS.items() if (crate / name).is_dir())


def _table_files(crate: Path) -> list[str]:
    files = (path for path in (crate / TABLES).iterdir() if path.is_file())
    return sorted(path.relative_to(crate).as_posix() for path in files)


def _licences(cfg: Config, tested: Sequence[str]) -> dict[str, str]:
    """Title -> licence of each dataset whose gaze the scores come from; of the demo, its own."""
    if cfg.run == "demo":
        return {"The demo's miniatures": "drawn by the workflow, Apache License 2.0"}
    sources = (cfg.datasets[needs.over(cfg, name)].source for name in tested)
    return {source.title: source.licence for source in sources}
