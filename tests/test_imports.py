"""Who imports what, where the import contracts of pyproject.toml cannot say it."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: They fit single members of a ceiling's family, which no public name does.
FROM_WITHIN = {"_shortfall_tried.py", "_scale_cells.py"}
#: What uses the package as a reader would.
USERS = [
    path
    for folder in ("benchmarks", "examples", "docs")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not {"auto_examples", "_build"} & set(path.parts) and path.name not in FROM_WITHIN
]
PAGES = [*sorted((ROOT / "docs").glob("*.rst")), *sorted((ROOT / "docs/user_guide").glob("*.rst"))]
DISPLAYS = sorted((ROOT / "sklearn_learnability" / "displays").glob("_[!_]*.py"))


def modules_imported(nodes):
    """Yield what import statements name, with the module it comes from."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_private(name):
    """Return whether a dotted name leads through something private of the package."""
    first, *parts = name.split(".")
    private = [part for part in parts if part.startswith("_") and part != "__version__"]
    return first == "sklearn_learnability" and bool(private)


@pytest.mark.parametrize("path", USERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_scripts_import_public_names_only(path):
    imported = modules_imported(ast.walk(ast.parse(path.read_text())))
    assert [name for name in imported if is_private(name)] == []


@pytest.mark.parametrize("path", [ROOT / "README.md", *PAGES], ids=lambda path: path.name)
def test_pages_name_public_names_only(path):
    names = re.findall(r"\bsklearn_learnability(?:\.\w+)+", path.read_text())
    assert [name for name in names if is_private(name)] == []


@pytest.mark.parametrize("path", DISPLAYS, ids=lambda path: path.name)
def test_a_display_needs_results_for_types_only(path):
    """A metric or scorer may be called inside a constructor, so at the top none is imported."""
    at_top = modules_imported(ast.parse(path.read_text()).body)
    ours = [name for name in at_top if name.startswith("sklearn_learnability")]
    ground = ("sklearn_learnability.displays", "sklearn_learnability._validation")
    assert [name for name in ours if not name.startswith(ground)] == []


def modules_after(*imports):
    """Return the modules that a fresh interpreter has loaded after some imports."""
    code = f"import {', '.join(imports)}, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_package_loads_nothing_optional_and_none_of_its_other_rooms():
    loaded = modules_after("sklearn_learnability")
    optional = {"torch", "skorch", "transformers", "arviz_stats", "tqdm"}
    optional |= {"catboost", "xgboost", "lightgbm"}
    optional |= {"matplotlib", "pandas.plotting._matplotlib"}
    optional |= {"typer", "click", "jinja2", "skops", "dask", "mlflow", "skore"}
    rooms = {f"sklearn_learnability.{room}" for room in ("datasets", "displays", "report", "torch")}
    assert loaded & (optional | rooms) == set()
    # scikit-learn and pandas load these themselves, where they are installed
    theirs = modules_after("pandas", "sklearn.metrics", "sklearn.model_selection")
    assert (loaded & {"rich", "pyarrow"}) <= theirs
