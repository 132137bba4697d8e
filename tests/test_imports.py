"""Who imports what, where the import contracts of pyproject.toml cannot say it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DISPLAYS = sorted((ROOT / "sklearn_learnability" / "displays").glob("_[!_]*.py"))


def modules_imported(nodes):
    """Yield every module of the package that import statements name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", DISPLAYS, ids=lambda path: path.name)
def test_a_display_needs_results_for_types_only(path):
    """A metric or scorer may be called inside a constructor, so at the top none is imported."""
    at_top = modules_imported(ast.parse(path.read_text()).body)
    ours = [name for name in at_top if name.startswith("sklearn_learnability")]
    ground = ("sklearn_learnability.displays", "sklearn_learnability._validation")
    assert [name for name in ours if not name.startswith(ground)] == []
