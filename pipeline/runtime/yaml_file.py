"""A YAML file of settings: what YAML would take silently for something else is refused by its line.

A key that is there twice (the last would win), words that YAML 1.1 takes for numbers, truth values
or dates (001, 1e-4, on), and aliases that hold themselves or multiply.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.runtime.errors import InputError
from pipeline.runtime.text import read_text

_MOST = 100_000
"""Values of a file with all aliases written out, at most; config.yaml has some 1,500."""
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where PyYAML was built with it: ten times as fast."""
_TAG = "tag:yaml.org,2002:"
_DIGITS = r"([0-9]+\.?[0-9]*|\.[0-9]+)"
_PLAIN = {
    "bool": "true|false|True|False|TRUE|FALSE",
    "int": "[-+]?(0|[1-9][0-9]*)",
    "float": rf"[-+]?{_DIGITS}([eE][-+][0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    "str": rf"(?![-+]?{_DIGITS}[eE][-+]?[0-9]+$).*",
    "timestamp": "(?!)",
    "value": "(?!)",
}
"""Type that YAML 1.1 finds in a word without quotes -> the words that everybody finds it in."""
_TAKEN = {
    "bool": "a truth value; write true or false, or put it in quotes",
    "int": "another number; put it in quotes, or write the digits of the decimal number",
    "float": "another number; put it in quotes, or write the digits of the decimal number",
    "str": "a word, not a number; write it with a point and a sign, as in 1.0e-4",
    "timestamp": "a date; put it in quotes",
    "value": "a sign of its own; put it in quotes",
}


def read_yaml(path: Path) -> dict[str, Any]:
    """Keys and values of a file.

    Raises:
        InputError: The file cannot be read, is no YAML, or holds what the module refuses; the
            message has the line and the key's path.
    """
    text = read_text(path)
    try:
        try:
            content = _content(path, _FAST(text))
        except yaml.YAMLError:  # in words that do not depend on the machine
            content = _content(path, yaml.SafeLoader(text))
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        what = ", ".join(filter(None, [error.context, error.problem]))
        raise InputError(f"{path}{line}: not YAML ({what}); correct this line") from None
    except InputError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{path}: not YAML ({' '.join(str(error).split())}); correct it") from None
    except RecursionError:
        raise InputError(f"{path}: lists or mappings nested too deep; flatten them") from None
    if not isinstance(content, dict):
        found = "nothing" if content is None else f"a {type(content).__name__}"
        raise InputError(f"{path}: expected keys with values, found {found}; restore it")
    return content


def _content(path: Path, loader: Any) -> Any:
    root = loader.get_single_node()
    if root is None:
        return None
    _Check(path).value(root, (), ())
    return loader.construct_document(root)


class _Check:
    """A walk over a file's values, aliases written out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = 0

    def value(self, node: Node, keys: tuple[str, ...], above: tuple[Node, ...]) -> None:
        """Check a value below some keys and within the nodes `above`."""
        self._values += 1
        if self._values > _MOST:
            raise self._error(node, keys, "aliases multiply to more values than any configuration")
        if any(node is other for other in above):
            raise self._error(node, keys, "an alias of what it stands in; write it out")
        if isinstance(node, ScalarNode):
            self._word(node, keys)
        elif isinstance(node, SequenceNode):
            for index, inner in enumerate(node.value):
                self.value(inner, (*keys, str(index)), (*above, node))
        elif isinstance(node, MappingNode):
            for key, inner in self._items(node, keys):
                self.value(inner, (*keys, key), (*above, node))

    def _items(self, node: MappingNode, keys: tuple[str, ...]) -> Iterator[tuple[str, Node]]:
        """Keys, none of them twice, with their values."""
        lines = dict[str, int]()
        for key, inner in node.value:
            name = str(key.value) if isinstance(key, ScalarNode) else "?"
            if wrong := _wrong_key(key, inner):
                raise self._error(key, (*keys, name), wrong)
            if name in lines:
                twice = f"the key is there twice, first in line {lines[name]}; remove one of them"
                raise self._error(key, (*keys, name), twice)
            lines[name] = key.start_mark.line + 1
            yield name, inner

    def _word(self, node: ScalarNode, keys: tuple[str, ...]) -> None:
        kind = node.tag.removeprefix(_TAG)
        known = None if node.style else _PLAIN.get(kind)
        if known and not re.fullmatch(known, node.value, re.DOTALL):
            raise self._error(node, keys, f"YAML takes {node.value} for {_TAKEN[kind]}")

    def _error(self, node: Node, keys: tuple[str, ...], what: str) -> InputError:
        line = node.start_mark.line + 1
        return InputError(f"{self._path}, line {line}: {'.'.join(keys) or 'the file'}: {what}")


def _wrong_key(key: Node, value: Node) -> str | None:
    """What is wrong with a key, or with the mapping that a << takes in."""
    if key.tag == f"{_TAG}merge":
        merged = value.value if isinstance(value, SequenceNode) else [value]
        fits = all(isinstance(one, MappingNode) for one in merged)
        return None if fits else "takes an alias of a mapping, or a list of such"
    if key.tag == f"{_TAG}str":
        return None
    return "as a key YAML takes this for something else than a word; put it in quotes"
