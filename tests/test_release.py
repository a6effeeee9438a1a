"""What a release needs: one version, its date, and what catalogues ask for."""

from __future__ import annotations

import datetime
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

from pipeline.runtime.version import VERSION
from tests.builders import ROOT
from tests.workflow.conftest import Project

PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "config/README.md", "docs/release.md")


def releases() -> dict[str, str]:
    """Version -> date of each release of the changelog, in its order."""
    heads = re.findall(r"^## (\S+) - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    return dict(heads)


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert "version" not in project["project"]
    assert project["tool"]["hatch"]["version"]["path"] == "pipeline/runtime/version.py"
    assert str(Version(VERSION)) == VERSION


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == VERSION
    assert isinstance(citation["date-released"], datetime.date)
    assert releases()[VERSION] == citation["date-released"].isoformat()


def test_the_changelog_goes_by_releases() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    first = heads[1] if heads[0] == "Unreleased" else heads[0]
    assert first.startswith(f"{VERSION} - ")
    versions = [Version(version) for version in releases()]
    assert versions == sorted(versions, reverse=True)
    dates = [*releases().values(), *re.findall(r"^## State of (\S+)$", text, re.MULTILINE)]
    assert dates == sorted(dates, reverse=True)
    assert [*map(datetime.date.fromisoformat, dates)]


def test_the_workflow_catalog_finds_what_it_asks_for() -> None:
    """By its page on adding workflows, and by the program that scans repositories."""
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (ROOT / "workflow/Snakefile").is_file()
    assert [*(ROOT / "workflow/rules").glob("*.smk")]
    assert (ROOT / "config/README.md").is_file()
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    deployment = usage["software-stack-deployment"]
    assert {"conda", "apptainer", "apptainer+conda", "report"} == deployment.keys()
    assert deployment["conda"]
    assert [*(ROOT / "envs").glob("*.yaml")]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "docs/release.md"])
def test_files_that_pages_name_are_there(page: str) -> None:
    text = (ROOT / page).read_text()
    named = re.findall(r"`((?:pipeline|tests|workflow|config|envs|bench)/[\w./]*)`", text)
    for name in named:
        assert (ROOT / name).exists(), name


def test_runs_that_the_catalog_reads_of_are_there() -> None:
    text = (ROOT / "config/README.md").read_text()
    table = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    others = re.search(r"Any other run is(.*?)are there", text, re.DOTALL)
    assert others
    named = {*table, *re.findall(r"`(\w+)`", others[1])}
    assert named == {"paper", *(path.stem for path in (ROOT / "workflow/runs").glob("*.yaml"))}


@pytest.mark.slow
def test_the_catalogs_snakefile_plans_the_same(tmp_path: Path) -> None:
    project = Project.copied(tmp_path)
    project.cut()
    plan = project.planned()
    assert "tables" in plan
    assert project.planned("--snakefile", "workflow/Snakefile", "--", "results/tables") == plan
