"""The code that made a result, as a digest that comments do not change."""

import ast
import hashlib
import json
import os
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter

from pipeline.runtime.keeping import keep, kept

CODE = Path(__file__).resolve().parents[2]
"""The folder of the packages `pipeline` and `model`."""
ROOT = CODE if (CODE / "Snakefile").is_file() else CODE / "gfsalnet/share"
"""The workflow's folder, that of the Snakefile: the checkout, or its copy in an installed wheel."""
PARSED = Path(".snakemake/code.json")
"""What was found in modules at earlier plans of this folder."""
Known = tuple[str, str, list[str]]
"""Of a module: its state at an earlier plan, and the fields of `_Module`."""
_PACKAGES = ("pipeline", "model")
_UNCOUNTED = (
    "pipeline.config",  # types: the sections that a stage is given are params of its rule
    "pipeline.runtime",  # how a job runs, which changes no number
    "model.registry",  # names: the rules add the network that a job uses
)
_TEMPLATES = "jinja2"
"""A module that imports it fills the templates in the folder `templates` beside it, and may write
scripts of others, in the folder `vendor`, into its pages."""

_new: list[str] = []
"""Modules that this plan has parsed and not yet kept."""


def _file(module: str) -> Path | None:
    path = CODE.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _is_counted(module: str) -> bool:
    below = any(module == name or module.startswith(f"{name}.") for name in _UNCOUNTED)
    return module.split(".")[0] in _PACKAGES and not below and _file(module) is not None


def _imports(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


class _WithoutDocstrings(ast.NodeTransformer):
    """Takes out bare strings: a docstring, or the one-line meaning of a field, computes nothing."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node


class _Module(NamedTuple):
    """What a module computes, as a digest, and the counted modules that it imports."""

    digest: str
    imports: list[str]


def _state(path: Path) -> str:
    """What changes when a module, or what lies beside it, is edited."""
    found = path.stat()
    return f"{path.relative_to(CODE)} {found.st_size} {found.st_mtime_ns} {sys.version_info[:2]}"


@cache
def _known() -> dict[str, Known]:
    """Module -> its state at an earlier plan, and what was found in it then."""
    return kept(PARSED, TypeAdapter(dict[str, Known]))


@cache
def _parsed(module: str) -> _Module:
    path = _file(module)
    if path is None:
        raise ModuleNotFoundError(f"no module {module} below {CODE}")
    beside = [
        file
        for folder in ("templates", "vendor")
        for file in sorted((path.parent / folder).rglob("*"))
        if file.is_file()
    ]
    state = "\n".join(map(_state, [path, *beside]))
    if module in _known() and _known()[module][0] == state:
        return _Module(*_known()[module][1:])
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = _imports(tree)
    text = ast.dump(_WithoutDocstrings().visit(tree))
    if _TEMPLATES in imported:
        text += "".join(file.read_text(encoding="utf-8") for file in beside)
    found = _Module(
        hashlib.sha256(text.encode()).hexdigest(),
        sorted(name for name in imported if _is_counted(name)),
    )
    _known()[module] = (state, *found)
    _new.append(module)
    return found


def use_this_python() -> None:
    """Make `python` in shell commands this interpreter, and let it find the workflow's packages.

    Nobody needs to activate its environment or to work in the workflow's folder. `--sdm conda` puts
    its own environment before it again, which finds the packages of a checkout, not of a wheel.
    """
    before = os.environ.get("PATH", os.defpath), os.environ.get("PYTHONPATH")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before[0]])
    if ROOT == CODE:  # an installed copy is found already, beside packages of this Python alone
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CODE), before[1]]))


@cache
def code_digest(*modules: str) -> str:
    """Digest (16 hex digits) of modules and of all they import from `pipeline` and `model`.

    Hashes syntax trees without docstrings, so comments, docstrings and layout do not count; nor do
    the modules in `_UNCOUNTED`.

    Raises:
        ModuleNotFoundError: A module is not a file of this repository.
    """
    seen: set[str] = set()
    open_modules = list(modules)
    while open_modules:
        module = open_modules.pop()
        if module not in seen:
            seen.add(module)
            open_modules += _parsed(module).imports
    if _new and PARSED.parent.is_dir():
        keep(PARSED, json.dumps(_known()))
        _new.clear()
    trees = "\n".join(f"{module} {_parsed(module).digest}" for module in sorted(seen))
    return hashlib.sha256(trees.encode()).hexdigest()[:16]
