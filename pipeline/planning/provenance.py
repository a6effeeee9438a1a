"""The code that made a result, as a digest that comments do not change."""

import ast
import hashlib
import os
import sys
from functools import cache
from pathlib import Path

CODE = Path(__file__).resolve().parents[2]
"""The folder of the packages `pipeline` and `model`."""
ROOT = CODE if (CODE / "Snakefile").is_file() else CODE / "gfsalnet/share"
"""The workflow's folder, that of the Snakefile: the checkout, or its copy in an installed wheel."""
_PACKAGES = ("pipeline", "model")
_UNCOUNTED = (
    "pipeline.config",  # types: the sections that a stage is given are params of its rule
    "pipeline.runtime",  # how a job runs, which changes no number
    "model.registry",  # names: the rules add the network that a job uses
)
_TEMPLATES = "jinja2"
"""A module that imports it fills the templates in the folder `templates` beside it, and may write
scripts of others, in the folder `vendor`, into its pages."""


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


@cache
def _parsed(module: str) -> tuple[str, frozenset[str]]:
    """What a module computes, as text, and the counted modules that it imports."""
    path = _file(module)
    if path is None:
        raise ModuleNotFoundError(f"no module {module} below {CODE}")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = _imports(tree)
    text = ast.dump(_WithoutDocstrings().visit(tree))
    if _TEMPLATES in imported:
        files = sorted(
            file
            for folder in ("templates", "vendor")
            for file in (path.parent / folder).rglob("*")
            if file.is_file()
        )
        text += "".join(file.read_text(encoding="utf-8") for file in files)
    return text, frozenset(name for name in imported if _is_counted(name))


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
            open_modules += _parsed(module)[1]
    trees = "\n".join(f"{module} {_parsed(module)[0]}" for module in sorted(seen))
    return hashlib.sha256(trees.encode()).hexdigest()[:16]
