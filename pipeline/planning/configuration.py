"""The schema and the reference page of config.yaml, generated from the types in pipeline/config.

`python -m pipeline.planning.configuration` writes both files; a test holds them in step.
"""

import ast
import inspect
import itertools
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from pipeline.config.config import Config
from pipeline.planning.provenance import ROOT
from pipeline.runtime.cli import main

SCHEMA = ROOT / "workflow/schemas/config.schema.json"
PAGE = ROOT / "docs/configuration.md"
MARKER = "<!-- All below is generated: python -m pipeline.planning.configuration -->"
"""Line of the page that parts what is written by hand from what is generated."""

_KINDS = {"string": "text", "boolean": "`true` or `false`", "null": "`null`", "object": "mapping"}
_LIMITS = {
    "exclusiveMinimum": "above",
    "minimum": "at least",
    "exclusiveMaximum": "below",
    "maximum": "at most",
}


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Field -> the string that follows it in the source of its class, as one line.

    Pydantic's own `use_attribute_docstrings` gives the same, but reads the source at every import:
    45 ms in each job.
    """
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            assert isinstance(tree, ast.ClassDef)
            for field, text in itertools.pairwise(tree.body):
                match field, text:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str(words))),
                    ):
                        found[name] = _folded(words)
    return found


def _folded(text: str) -> str:
    """A text with each paragraph on one line."""
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text))


class _Documented(GenerateJsonSchema):
    """JSON Schema with docstrings as descriptions, and without titles that repeat the key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: Any) -> dict[str, Any]:
        found = super().model_schema(schema)
        texts = docstrings(schema["cls"])
        for name, entry in found["properties"].items():
            if name in texts:
                entry["description"] = texts[name]
        found["description"] = _folded(found["description"])
        return found


def config_schema() -> dict[str, Any]:
    """JSON Schema of config.yaml with a run's file laid over it."""
    found = Config.model_json_schema(schema_generator=_Documented)
    return {"$schema": GenerateJsonSchema.schema_dialect, **found}


def chapters(text: str) -> dict[str, list[str]]:
    """Heading -> top-level keys below it, from the text of config.yaml, in its order.

    A heading is a line as `## Training: docs/training.md`; keys above the first one belong to it.
    """
    above, *rest = re.split(r"^## (\w+: docs/[\w/]+\.md)$", text, flags=re.MULTILINE)
    bodies = [above + rest[1], *rest[3::2]]
    keys = (re.findall(r"^(\w+):", body, re.MULTILINE) for body in bodies)
    return dict(zip(rest[::2], keys, strict=True))


class _Reference:
    """Bullets that describe every key of a schema; a section is described where it occurs first."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._definitions: dict[str, Any] = schema.get("$defs", {})
        self._described: dict[str, str] = {}

    def below(self, value: dict[str, Any], path: str, depth: int) -> Iterator[str]:
        """Bullets for the keys of a value, if it is a section, a choice or a mapping of them."""
        if isinstance(inner := value.get("additionalProperties"), dict):
            value, path = inner, f"{path}.<name>"
        alone = [{"$ref": value["$ref"]}] if "$ref" in value else []
        choices = value.get("oneOf", alone)
        where = self._described.setdefault(json.dumps(choices), path)
        if choices and where != path:
            yield _bullet(f"Keys as in [`{where}`](#{where.split('.')[0]}).", depth)
            return
        by = value.get("discriminator", {}).get("propertyName")
        for section in map(self._resolved, choices):
            if by:
                name = section["properties"][by]["const"]
                yield _bullet(f"`{by}: {name}`: {section['description']}", depth)
            yield from self._keys(section, path, depth + bool(by), leave_out=by)

    def _keys(
        self, section: dict[str, Any], path: str, depth: int, leave_out: str | None
    ) -> Iterator[str]:
        for key, value in section["properties"].items():
            if key != leave_out:
                kind = self.kind(value)
                if key not in section.get("required", []):
                    kind += f"; default `{json.dumps(value['default'])}`"
                yield _bullet(f"`{key}` ({kind}): {self.description(value)}", depth)
                yield from self.below(value, f"{path}.{key}", depth + 1)

    def description(self, value: dict[str, Any]) -> str:
        """Meaning of a value: its own, else that of its section."""
        return str(value.get("description") or self._resolved(value).get("description", ""))

    def _resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        name = value.get("$ref", "").rpartition("/")[2]
        return self._definitions[name] if name else value

    def kind(self, value: dict[str, Any]) -> str:
        """Type of a value in words."""
        match value:
            case {"anyOf": options}:
                return " or ".join(self.kind(option) for option in options)
            case {"enum": words}:
                return " or ".join(f"`{word}`" for word in words)
            case {"const": word}:
                return f"`{word}`"
            case {"type": "array", "prefixItems": items}:
                return f"list of {len(items)} x {self.kind(items[0])}"
            case {"type": "array", "items": items}:
                return f"list of {self.kind(items)}"
            case {"additionalProperties": dict(inner)}:
                names = value.get("propertyNames", {})
                return f"{self.kind(names) if names else 'name'} -> {self.kind(inner)}"
            case {"type": str(kind)}:
                limits = [f"{_LIMITS[key]} {value[key]}" for key in _LIMITS if key in value]
                return " ".join([_KINDS.get(kind, kind), " and ".join(limits)]).strip()
        return "section" if "$ref" in value else "choice of sections"


def _bullet(text: str, depth: int) -> str:
    """A list item in lines of at most 100 columns."""
    return textwrap.fill(
        text,
        width=100,
        initial_indent="  " * depth + "- ",
        subsequent_indent="  " * (depth + 1),
        break_long_words=False,
        break_on_hyphens=False,
    )


def reference(config: str) -> str:
    """The generated part of the page: every key, in the order of the text of config.yaml."""
    schema = config_schema()
    bullets, lines = _Reference(schema), list[str]()
    for heading, keys in chapters(config).items():
        title, page = heading.split(": docs/")
        about = "" if page == PAGE.name else f"Explained in [{page}]({page}).\n\n"
        lines.append(f"## {title}\n\n{about}".rstrip() + "\n")
        for key in keys:
            value = schema["properties"][key]
            meaning = textwrap.fill(bullets.description(value), 100, break_on_hyphens=False)
            lines.append(f"### `{key}`\n\n{meaning}\n\nType: {bullets.kind(value)}.\n")
            lines += ["\n".join(below) + "\n"] if (below := [*bullets.below(value, key, 0)]) else []
    return "\n".join(lines)


def documents() -> dict[Path, str]:
    """File -> what it should hold."""
    by_hand = PAGE.read_text(encoding="utf-8").partition(MARKER)[0]
    generated = reference((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return {
        SCHEMA: json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n",
        PAGE: f"{by_hand}{MARKER}\n\n{generated}",
    }


def configuration() -> None:
    """Write the schema and the reference page of config.yaml."""
    for file, text in documents().items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(configuration)
