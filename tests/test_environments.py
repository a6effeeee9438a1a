"""Whoever installs it gets the same packages: by constraints, conda, the lock, or the container."""

from __future__ import annotations

import ast
import itertools
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.builders import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CUDA = ("cuda-", "nvidia-", "triton")
"""What begins the names of packages that a build of torch may bring along."""
CHOSEN = {"torch", "torchvision"}
"""Left out of the lock: which build of them fits is up to the machine."""
LOCKED_EXTRAS = ("crate", "slurm")
FIRST = (ast.Module, ast.If, ast.Try, ast.With, ast.ClassDef)
"""What is run when a module is imported."""


def pins(text: str) -> dict[str, str]:
    """Package -> the one version that a file of requirements, of any kind, allows."""
    found = re.findall(r"^[\s-]*([\w.-]+)(?:\[\w+\])?==([^\s;]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


CONSTRAINTS = pins((ROOT / "envs/constraints.txt").read_text())
LOCK = (ROOT / "envs/requirements.lock").read_text()
LOCKED = pins(LOCK)
CONTAINERFILE = (ROOT / "envs/Containerfile").read_text()


def wanted(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, of its own accord and with extras."""
    asked = [PROJECT["project"]["optional-dependencies"][extra] for extra in extras]
    lines = itertools.chain(PROJECT["project"]["dependencies"], *asked)
    return [Requirement(line) for line in lines if PROJECT["project"]["name"] not in line]


@cache
def needed(*names: str) -> set[str]:
    """Packages, and all that they need of others here, by what is installed."""
    seen: set[str] = set()
    todo = [Requirement(name) for name in names]
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        if name.startswith(CUDA):
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:  # such as Slurm's, where nobody asked for the extra
            requires = []
        extras = ["", *one.extras]
        found = [Requirement(line) for line in requires]
        due = [
            r for r in found if not r.marker or any(r.marker.evaluate({"extra": e}) for e in extras)
        ]
        todo += [r for r in due if canonicalize_name(r.name) not in seen or r.extras]
        seen.add(name)
    return seen


def test_every_dependency_is_pinned() -> None:
    for requirement in wanted(*PROJECT["project"]["optional-dependencies"]):
        pinned = CONSTRAINTS[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pinned), requirement


def test_the_lock_has_every_package_of_a_run() -> None:
    """Those that pyproject.toml names, what builds the wheel, and what they need in their turn."""
    asked = [*wanted(*LOCKED_EXTRAS), *map(Requirement, PROJECT["build-system"]["requires"])]
    all_needed = needed(*(f"{r.name}[{','.join(r.extras)}]" for r in asked))
    assert len(all_needed) > len(asked) > 30
    assert all_needed - LOCKED.keys() == CHOSEN
    for requirement in asked:
        name = canonicalize_name(requirement.name)
        assert name in CHOSEN or requirement.specifier.contains(LOCKED[name]), requirement


def test_the_lock_has_the_versions_of_the_constraints() -> None:
    elsewhere = set(re.findall(r"^([\w.-]+)==\S+ ; sys_platform == 'win32'", LOCK, re.MULTILINE))
    assert LOCKED.keys() - CONSTRAINTS.keys() == elsewhere
    assert {name: LOCKED[name] for name in LOCKED.keys() - elsewhere}.items() <= CONSTRAINTS.items()


def test_each_package_of_the_lock_has_digests_and_no_address() -> None:
    entries = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == len(LOCKED)
    for entry in entries:
        first, *digests = entry.replace("\\\n", "\n").split("\n")
        assert [*filter(None, digests)], first
        for line in filter(None, digests):
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64} ?", line), line
    assert "://" not in LOCK and "--index-url" not in LOCK
    assert not [name for name in LOCKED if name.startswith(CUDA) or name in CHOSEN]


def environment(name: str) -> dict[str, str]:
    """Pins of a conda environment."""
    content = yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text())
    assert content.keys() == {"name", "channels", "dependencies"}
    *conda, pip = content["dependencies"]
    assert conda == ["python=3.11", "pip"]
    found = pins("\n".join(pip["pip"]))
    assert len(found) == len(pip["pip"]), "each has a version"
    return found


@pytest.mark.parametrize("name", ["data", "torch"])
def test_conda_environments_have_the_same_pins(name: str) -> None:
    assert environment(name).items() <= CONSTRAINTS.items()


@cache
def imports(module: str) -> tuple[str, ...]:
    """Modules that are imported as soon as a module is."""
    path = ROOT.joinpath(*module.split("."))
    path = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
    todo: list[ast.AST] = [ast.parse(path.read_text())] if path.is_file() else []
    names: list[str] = []
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            todo += node.orelse
        elif isinstance(node, FIRST):
            todo += [*node.body, *getattr(node, "orelse", ())]
    return tuple(names)


@cache
def sources() -> dict[str, set[str]]:
    """Name that is imported -> packages that have it here."""
    return {
        name: {*map(canonicalize_name, packages)}
        for name, packages in packages_distributions().items()
    }


def outsiders(module: str) -> set[str]:
    """Packages of others that a module and all that it imports need from the start."""
    seen, todo = set(), [module]
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo += imports(one) if one.split(".")[0] in ("pipeline", "model") else ()
    return {name.split(".")[0] for name in seen} - {"pipeline", "model"} - sys.stdlib_module_names


def jobs() -> Iterator[tuple[str, str, str]]:
    """Rule, module and environment of every command of the rules."""
    text = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    for block in re.split(r"^ *(?=rule \w+:$)", text, flags=re.MULTILINE)[1:]:
        rule = block[len("rule ") : block.index(":")]
        modules = re.findall(r"python -m ([\w.]+)", block)
        found = re.findall(r'^ *"\.\./\.\./envs/(\w+)\.yaml"$', block, re.MULTILINE)
        assert bool(modules) == bool(found), f"{rule}: a command and an environment, or neither"
        yield from ((rule, module, found[0]) for module in modules)


@pytest.mark.parametrize(("rule", "module", "name"), [*jobs()])
def test_a_rules_environment_has_what_its_module_imports(rule: str, module: str, name: str) -> None:
    has = needed(*environment(name))
    for package in outsiders(module):
        assert sources()[package] & has, f"{rule} runs in {name}.yaml, which has no {package}"


def test_the_container_copies_all_that_the_wheel_is_made_of() -> None:
    copied = re.findall(r"^COPY (.+) /opt/clone\S*$", CONTAINERFILE, re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["packages"], *wheel["force-include"], "pyproject.toml", "README.md"} == names
    assert all((ROOT / name).exists() for name in names)


def test_the_container_installs_the_lock_and_no_user_of_it_is_root() -> None:
    steps = CONTAINERFILE.replace("\\\n", " ").splitlines()
    installs = [step for step in steps if "pip install" in step]
    assert len(installs) == 3
    assert "--require-hashes --requirement /opt/envs/requirements.lock" in installs[0]
    assert "--constraint /opt/envs/constraints.txt" in installs[1]
    assert installs[1].split()[-2:] == ["torch", "torchvision"]
    assert "--no-deps --no-build-isolation" in installs[2]
    assert [step for step in steps if step.startswith("USER ")] == ["USER gfsalnet"]
