"""The code digest: what computes counts, what explains does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.planning import provenance


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "pipeline/a.py": '"""A."""\nfrom pipeline.b import f\n'
        "from pipeline.config.config import X\nimport pipeline.runtime.cli\n"
        "import model.registry\nfrom pipeline.pages import page\n",
        "pipeline/b.py": '"""B."""\nimport model.c\ndef f():\n    """Doc."""\n    return 1\n',
        "pipeline/config/config.py": "X = 1\n",
        "pipeline/runtime/cli.py": "X = 1\n",
        "pipeline/pages/page.py": "import jinja2\n",
        "pipeline/pages/templates/page.html.j2": "<p>\n",
        "pipeline/pages/vendor/lib-1.0/lib.js": "lib = 1;\n",
        "model/registry.py": "X = 1\n",
        "pipeline/other.py": "Y = 1\n",
        "model/c.py": "Z = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(provenance, "CODE", tmp_path)
    return tmp_path


def _digest() -> str:
    provenance.code_digest.cache_clear()
    provenance._parsed.cache_clear()
    return provenance.code_digest("pipeline.a")


@pytest.mark.parametrize(
    ("file", "old", "new", "counts"),
    [
        ("pipeline/a.py", '"""A."""', '"""Another word."""', False),
        ("pipeline/b.py", '"""Doc."""', '"""Said better."""', False),
        ("pipeline/b.py", "return 1", "return 1  # one", False),
        ("pipeline/b.py", "    return 1", "\n    return (1)", False),
        ("pipeline/b.py", "return 1", "return 2", True),
        ("model/c.py", "Z = 1", "Z = 2", True),
        ("pipeline/other.py", "Y = 1", "Y = 2", False),
        ("pipeline/config/config.py", "X = 1", "X = 2", False),
        ("pipeline/runtime/cli.py", "X = 1", "X = 2", False),
        ("model/registry.py", "X = 1", "X = 2", False),
        ("pipeline/pages/templates/page.html.j2", "<p>", "<b>", True),
        ("pipeline/pages/vendor/lib-1.0/lib.js", "lib = 1", "lib = 2", True),
    ],
)
def test_what_counts(tree: Path, file: str, old: str, new: str, counts: bool) -> None:
    before = _digest()
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new))
    assert (_digest() != before) is counts


def test_unknown_module() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"no module pipeline\.nothing"):
        provenance.code_digest("pipeline.nothing")
