"""The schema and the reference page of config.yaml are in step with the types."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal, get_args

import jsonschema
import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.config.config import Config
from pipeline.planning.configuration import (
    PAGE,
    SCHEMA,
    chapters,
    config_schema,
    docstrings,
    documents,
)
from pipeline.planning.load import complete
from pipeline.planning.provenance import ROOT

RUNS = ["paper", *sorted(path.stem for path in (ROOT / "workflow/runs").glob("*.yaml"))]
TEXT = (ROOT / "config.yaml").read_text()


def sections(annotation: Any) -> set[type[BaseModel]]:
    """The sections that a type is made of, those inside them among them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        inner = (sections(field.annotation) for field in annotation.model_fields.values())
        return {annotation}.union(*inner)
    return set[type[BaseModel]]().union(*map(sections, get_args(annotation)))


FIELDS: dict[str, tuple[type[BaseModel], str, FieldInfo]] = {
    f"{section.__name__}.{name}": (section, name, field)
    for section in sorted(sections(Config), key=lambda section: section.__name__)
    for name, field in section.model_fields.items()
}


@pytest.mark.parametrize("file", [SCHEMA, PAGE], ids=lambda path: path.name)
def test_generated_files_are_in_step_with_the_types(file: Path) -> None:
    remedy = "call: python -m pipeline.planning.configuration"
    assert file.read_text(encoding="utf-8") == documents()[file], remedy


@pytest.mark.parametrize("run", RUNS)
def test_every_run_fits_the_schema(run: str) -> None:
    jsonschema.validate(complete({"run": run}), config_schema())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"framse": {}}, "'framse' was unexpected"),
        ({"frames": {"widht": 640}}, "'widht' was unexpected"),
        ({"frames": {"width": "wide"}}, "'wide' is not of type 'integer'"),
        ({"score": {"protocol": "mti"}}, "'mti' is not one of"),
        ({"pretraining": {"batch": 0}}, "0 is less than or equal to the minimum of 0"),
    ],
)
def test_a_mistake_does_not_fit_the_schema(change: dict[str, Any], message: str) -> None:
    with pytest.raises(jsonschema.ValidationError, match=message):
        jsonschema.validate(complete({"run": "paper"} | change), config_schema())


def test_config_yaml_names_its_schema_to_editors() -> None:
    named = re.search(r"^# yaml-language-server: \$schema=(\S+)$", TEXT, re.MULTILINE)
    assert named and ROOT / named[1] == SCHEMA
    assert json.loads(SCHEMA.read_text())["$schema"].startswith("https://json-schema.org/")


def test_every_key_has_a_meaning() -> None:
    """A docstring of its own or of its section; a key with one value, as `recipe`, needs none."""
    for name, (section, key, field) in FIELDS.items():
        described = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        chooses = field.annotation in {Literal[word] for word in get_args(field.annotation)[:1]}
        text = docstrings(section).get(key, "")
        assert text.endswith(".") or described or chooses, f"{name}: no docstring below it"


def test_a_default_means_none_no_or_nothing() -> None:
    """No number and no choice of an experiment has a default."""
    defaults = {
        name: field.get_default() for name, (*_, field) in FIELDS.items() if not field.is_required()
    }
    assert "Model.held_out" in defaults
    for name, default in defaults.items():
        assert default is None or default is False or default == {}, name


def test_what_lies_between_fields_is_no_meaning() -> None:
    class Own(BaseModel):
        """Of the class."""

        first: int
        """Of the first field,

        in two paragraphs over
        three lines.
        """
        second: int
        third: int
        """Of the third."""

    assert docstrings(Own) == {
        "first": "Of the first field,\n\nin two paragraphs over three lines.",
        "third": "Of the third.",
    }


def test_every_key_of_config_yaml_stands_under_the_heading_of_its_chapter() -> None:
    found = chapters(TEXT)
    assert [key for keys in found.values() for key in keys] == [*yaml.safe_load(TEXT)]
    assert {key for keys in found.values() for key in keys} == {*Config.model_fields}
    titles = [heading.split(":")[0] for heading in found]
    assert titles[:3] == ["Run", "Datasets", "Preprocessing"]
    for heading in found:
        assert (ROOT / heading.split(": ")[1]).is_file(), heading
    for run in RUNS[1:]:
        text = (ROOT / f"workflow/runs/{run}.yaml").read_text()
        used = re.findall(r"^## (\w+)$", text, re.MULTILINE)
        assert used == [title for title in titles if title in used]


@pytest.mark.parametrize(
    "path",
    ["config.yaml", "docs/configuration.md", *(f"workflow/runs/{run}.yaml" for run in RUNS[1:])],
)
def test_no_line_is_over_100_columns(path: str) -> None:
    long = [line for line in (ROOT / path).read_text().splitlines() if len(line) > 100]
    assert not long


def test_the_workflow_catalog_finds_what_it_asks_for() -> None:
    """Keys that the catalog reads, and a report and conda environments as they promise."""
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["mandatory-flags"]["flags"] == "" and usage["report"] is True
    assert (ROOT / "profiles/default/config.yaml").is_file()
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert ("conda:" in rules) is usage["software-stack-deployment"]["conda"]
    assert "container" not in rules
