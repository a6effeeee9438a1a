"""ro-crate-metadata.json of a crate, by the profile Workflow Run Crate 0.5 (RO-Crate 1.1).

https://w3id.org/ro/wfrun/workflow/0.5. The workflow is the Snakefile, the run its one CreateAction:
from the configuration to the tables. Identifiers and dates follow from the run alone, so the same
run gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.reporting.crate.checksums import SUMS
from pipeline.reporting.crate.places import CODE_FOLDER
from pipeline.runtime.version import VERSION

if TYPE_CHECKING:
    from rocrate.rocrate import ROCrate

METADATA: Final = "ro-crate-metadata.json"
WORKFLOW: Final = f"{CODE_FOLDER}/Snakefile"
_LICENCE: Final = "https://www.apache.org/licenses/LICENSE-2.0"
_PROFILES: Final = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_BIOSCHEMAS: Final = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_PAPERS: Final = {
    "https://doi.org/10.1109/TCDS.2021.3094974": (
        "A Gated Fusion Network for Dynamic Saliency Prediction"
    ),
    "https://arxiv.org/abs/1607.04730": (
        "Two-Stream Convolutional Networks for Dynamic Saliency Prediction"
    ),
}
_TYPES: Final = {
    ".args": "text/plain",
    ".cff": "application/yaml",
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".tex": "application/x-tex",
    ".txt": "text/plain",
    ".yaml": "application/yaml",
    "": "text/plain",
}
"""Ending of a file -> its media type."""


@dataclass(frozen=True)
class Described:
    """What the metadata say of a run."""

    run: str
    outcome: str
    """What came out, in a sentence."""
    started: datetime
    ended: datetime
    packages: Mapping[str, str]
    python: str
    agent: str
    """Who ran it; empty where nobody is named."""
    files: Mapping[str, str]
    """Path in the crate -> what it is; a path that ends in / is a folder."""
    results: tuple[str, ...]
    """Those of the files that the run has made."""


def write_metadata(crate: Path, run: Described) -> None:
    """Write the metadata of a crate and their preview as a page."""
    from rocrate.rocrate import ROCrate  # of an extra

    found = ROCrate(gen_preview=True, version="1.1")
    _root(found, run)
    files = {path: _part(found, crate, path, about) for path, about in run.files.items()}
    workflow = _workflow(found, run)
    given, made = files["run/config.yaml"], files["results/tables/"]
    parameter = {"@id": "#configuration", "name": "configuration", "additionalType": "File"}
    tables = {"@id": "#tables", "name": "tables", "additionalType": "Dataset"}
    for key, facts, example in (("input", parameter, given), ("output", tables, made)):
        # Bioschemas' release of 2021 is the one that the profile names.
        formal = found.add_formal_parameter(
            facts["name"],
            facts["additionalType"],
            facts["@id"],
            properties={"workExample": example},
        )
        example["exampleOfWork"] = formal
        workflow[key] = formal
    action = found.add_action(
        workflow,
        "#run",
        object=given,
        result=[files[path] for path in run.results],
        properties={
            "name": f"run {run.run}",
            "description": run.outcome,
            "startTime": run.started.isoformat(),
            "endTime": run.ended.isoformat(),
            "actionStatus": "http://schema.org/CompletedActionStatus",
        },
    )
    if run.agent:
        action["agent"] = found.get("#agent")
    found.root_dataset["mentions"] = action
    found.preview.write(crate)
    found.metadata.write(crate)


def _root(found: ROCrate, run: Described) -> None:
    root = found.root_dataset
    root["name"] = f"Run {run.run} of the GFSalNet workflow {VERSION}"
    root["description"] = (
        "Tables of two papers on where people look in videos, and all that they are computed "
        f"from: scores of every frame, configuration, code and digests. {run.outcome}"
    )
    root["datePublished"] = run.ended.date().isoformat()
    root["keywords"] = "visual saliency, eye tracking, video, reproducibility, Snakemake"
    licence = {"@type": "CreativeWork", "name": "Apache License 2.0", "identifier": "Apache-2.0"}
    root["license"] = _context(found, _LICENCE, licence)
    authors = {"@type": "Organization", "name": "The contributors of the GFSalNet workflow"}
    contributors = _context(found, "#contributors", authors)
    root["author"] = contributors
    if run.agent:
        root["author"] = _context(found, "#agent", {"@type": "Person", "name": run.agent})
    root["conformsTo"] = [
        _context(found, profile, {"@type": "CreativeWork", "name": name, "version": version})
        for profile, (name, version) in _PROFILES.items()
    ]
    root["citation"] = [
        _context(found, paper, {"@type": "ScholarlyArticle", "name": title})
        for paper, title in _PAPERS.items()
    ]


def _context(found: ROCrate, identifier: str, properties: dict[str, Any]) -> Any:
    from rocrate.model.contextentity import ContextEntity

    return found.add(ContextEntity(found, identifier, properties=properties))


def _part(found: ROCrate, crate: Path, path: str, about: str) -> Any:
    """A file or a folder of the crate, which is there already."""
    properties: dict[str, Any] = {"name": path.rstrip("/"), "description": about}
    if path.endswith("/"):
        return found.add_dataset(source=crate / path, dest_path=path, properties=properties)
    properties["encodingFormat"] = _TYPES[Path(path).suffix]
    if path != SUMS:  # written last
        properties["contentSize"] = str((crate / path).stat().st_size)
    if path == "README.md":
        properties["about"] = found.root_dataset
    return found.add_file(source=crate / path, dest_path=path, properties=properties)


def _workflow(found: ROCrate, run: Described) -> Any:
    workflow = found.add_workflow(
        dest_path=WORKFLOW, main=True, lang="snakemake", lang_version=run.packages.get("snakemake")
    )
    workflow["name"] = "GFSalNet workflow: from raw videos and eye tracking to the tables"
    workflow["version"] = VERSION
    workflow["license"] = found.root_dataset["license"]
    workflow["creator"] = found.get("#contributors")
    workflow["conformsTo"] = {"@id": _BIOSCHEMAS}
    workflow["encodingFormat"] = "text/plain"
    workflow["softwareRequirements"] = [
        _software(found, "Python", run.python, "https://www.python.org/"),
        *(
            _software(found, name, version, f"https://pypi.org/project/{name}/{version}/")
            for name, version in _main_packages(run.packages).items()
        ),
    ]
    return workflow


def _software(found: ROCrate, name: str, version: str, url: str) -> Any:
    facts = {"@type": "SoftwareApplication", "name": name, "softwareVersion": version, "url": url}
    return _context(found, url, facts)


def _main_packages(packages: Mapping[str, str]) -> dict[str, str]:
    """Those whose versions decide numbers; the others are in run/packages.txt."""
    deciding = ("numpy", "opencv-contrib-python-headless", "scipy", "snakemake", "torch")
    return {name: packages[name] for name in deciding if name in packages}
