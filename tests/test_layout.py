"""The shape of the repository: who may import whom, and what lies where."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(path for name in ("pipeline", "model") for path in (ROOT / name).rglob("*.py"))
STAGES = {
    "frames": "preprocessing",
    "flow": "preprocessing",
    "gaze": "preprocessing",
    "density": "preprocessing",
    "pretrain": "training",
    "finetune": "training",
    "fit": "training",
    "train_flow": "training",
    "train_image_flow": "training",
    "import_weights": "importing",
    "predict": "evaluation",
    "gather": "evaluation",
    "score": "evaluation",
    "observers": "evaluation",
    "tables": "reporting",
}
"""Stage -> chapter."""
CHAPTERS = (
    ("runtime",),
    ("config",),
    ("stores", "raw", "datasets"),
    ("planning", "preprocessing", "demo"),
    ("checks", "training", "importing"),
    ("evaluation",),
    ("reporting",),
    ("score_folder",),
    ("viewing",),
    ("teaching",),
    ("commands",),
    ("export", "sheet", "preflight"),  # forward to their new places, for one release
)
"""From the bottom up: a chapter imports those below it and those beside it that stand before it."""
SNAKEMAKE_SIDE = (
    *("pipeline.config", "pipeline.planning", "pipeline.demo.drawn", "model.registry"),
    *("pipeline.evaluation.protocols", "pipeline.evaluation.metrics.registry"),
)
"""What rules may import: it plans, and needs neither torch nor numpy."""
TOP_LEVEL = {
    *("Makefile", "README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", "CONTRIBUTING.md"),
    *("SECURITY.md", "Snakefile", "config.yaml", "pyproject.toml", "config"),
    *("workflow", "pipeline", "model", "gfsalnet", "envs", "tests", "profiles", "docs", "bench"),
    *(".ci", ".gitignore", ".gitattributes", ".github", ".snakemake-workflow-catalog.yml"),
}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{dotted(path)}: relative import"
            module = node.module or ""
            names = (f"{module}.{alias.name}" for alias in node.names)
            yield module
            yield from (name for name in names if is_module(name))


def tracked() -> list[str]:
    """Files that git has or would take; empty where this is no checkout."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]


ORDER = [chapter for beside in CHAPTERS for chapter in beside]


def chapter(module: str) -> int:
    """Place of a module's chapter in the order."""
    return ORDER.index(module.split(".")[1])


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_point_one_way(path: Path) -> None:
    name, imported = dotted(path), set(imports(path))
    if name.startswith("model"):
        allowed = {"model", "torch", "torchvision", *sys.stdlib_module_names}
        assert {module.split(".")[0] for module in imported} <= allowed
    elif name != "pipeline":
        below = {module for module in imported if module.startswith("pipeline.")}
        upwards = {module for module in below if chapter(module) > chapter(name)}
        assert not upwards, f"{name} imports {upwards}"
        if ORDER[chapter(name)] in ORDER[: ORDER.index("preprocessing")]:
            networks = {module for module in imported if module.split(".")[0] == "model"}
            assert networks <= {"model.registry", "model.registry.module_of"}
    stages = {f"pipeline.{folder}.{stage}" for stage, folder in STAGES.items()} - {name}
    assert not imported & stages, "a stage is run, never imported"


def test_the_front_door_is_thin() -> None:
    """What people import is in pipeline/, and nothing there comes back through the door."""
    door = sorted((ROOT / "gfsalnet").rglob("*.py"))
    assert [path.name for path in door] == ["__init__.py", "__main__.py"]
    imported = {name.split(".")[0] for path in door for name in imports(path)}
    assert imported <= {"pipeline", *sys.stdlib_module_names}
    assert not [path for path in MODULES for name in imports(path) if name.startswith("gfsalnet")]


def test_no_module_imports_itself_by_way_of_others() -> None:
    modules = {dotted(path) for path in MODULES}
    graph = {dotted(path): set(imports(path)) & modules for path in MODULES}
    tuple(graphlib.TopologicalSorter(graph).static_order())


def test_readers_know_no_stores() -> None:
    for path in (ROOT / "pipeline/datasets").glob("*.py"):
        assert not [name for name in imports(path) if name.startswith("pipeline.stores")]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_one_word(stage: str) -> None:
    assert (ROOT / "pipeline" / STAGES[stage] / f"{stage}.py").is_file()
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert re.search(rf"^rule {stage}:$", rules, re.MULTILINE), f"no rule {stage}"


def side() -> list[str]:
    """Modules of Snakemake's side."""
    names = [dotted(path) for path in MODULES]
    return [name for name in names if name.startswith(SNAKEMAKE_SIDE)]


@pytest.mark.parametrize("module", side())
def test_snakemake_side_is_light(module: str) -> None:
    heavy = "{'torch', 'torchvision', 'numpy', 'zarr', 'scipy', 'pandas', 'cv2', 'dask'}"
    code = f"import sys, {module}; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_rules_import_the_snakemake_side_only() -> None:
    files = [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
    pattern = re.compile(r"^\s*(?:from|import) ((?:pipeline|model)[\w.]*)", re.MULTILINE)
    found = {module for path in files for module in pattern.findall(path.read_text())}
    assert all(module.startswith(SNAKEMAKE_SIDE) for module in found)


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=dotted)
def test_package_file_is_a_docstring(path: Path) -> None:
    body = ast.parse(path.read_text()).body
    assert len(body) == 1
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_no_module_of_odds_and_ends() -> None:
    stems = {path.stem for path in MODULES}
    assert not stems & {"utils", "util", "helpers", "common", "misc"}


def test_top_level_entries_are_the_agreed_ones() -> None:
    files = tracked()
    if not files:
        pytest.skip("not a git checkout")
    assert {name.split("/")[0] for name in files} <= TOP_LEVEL


def test_generated_folders_are_ignored() -> None:
    folders = {"raw", "data", "results", "logs"}
    assert {f"/{folder}" for folder in folders} <= set((ROOT / ".gitignore").read_text().split())
    assert not [name for name in tracked() if name.split("/")[0] in folders]


@pytest.mark.parametrize("name", ["default", "slurm", "gpu"])
def test_profiles_compare_large_raw_files_by_content(name: str) -> None:
    text = (ROOT / f"profiles/{name}/config.yaml").read_text()
    assert "rerun-incomplete: true" in text
    assert "max-checksum-file-size: 1TB" in text


def test_every_bench_can_be_imported() -> None:
    names = [path.stem for path in sorted((ROOT / "bench").glob("*.py"))]
    code = f"import sys; sys.path.insert(0, 'bench'); import {', '.join(names)}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
