"""What code made a result: a digest that a comment does not change."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("pipeline", "model")
_UNCOUNTED = {
    "pipeline.config.config"
}  # types only: a stage's sections are parameters of its rule already


def _file(module: str) -> Path | None:
    path = _ROOT.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _imports(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in _PACKAGES and _file(name)} - _UNCOUNTED


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        # A bare string is a docstring or the one-line meaning of a field: neither computes.
        node.body = [  # type: ignore[attr-defined]
            item
            for item in body
            if not (
                isinstance(item, ast.Expr)
                and isinstance(item.value, ast.Constant)
                and isinstance(item.value.value, str)
            )
        ]
    return tree


@cache
def _read(module: str) -> tuple[str, frozenset[str]]:
    path = _file(module)
    if path is None:
        raise ModuleNotFoundError(f"no module {module} below {_ROOT}")
    tree = ast.parse(path.read_text())
    return ast.dump(_without_docstrings(tree)), frozenset(_imports(tree))


def use_this_python() -> None:
    """Makes `python` in shell commands this interpreter, even if nobody activated its environment.

    `--sdm conda` puts its own environment before it again.
    """
    folder = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])


@cache
def code_digest(*modules: str) -> str:
    """Digest (16 hex digits) of modules and of all they import from `pipeline` and `model`.

    Hashes syntax trees without docstrings, so comments, docstrings and layout do not count.

    Args:
        modules: Dotted names, for example "pipeline.preprocessing.flow".

    Raises:
        ModuleNotFoundError: A module is not a file of this repository.
    """
    seen: set[str] = set()
    open_modules = list(modules)
    while open_modules:
        module = open_modules.pop()
        if module not in seen:
            seen.add(module)
            open_modules += _read(module)[1]
    trees = "\n".join(f"{module} {_read(module)[0]}" for module in sorted(seen))
    return hashlib.sha256(trees.encode()).hexdigest()[:16]
