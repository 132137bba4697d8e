"""The public names: exported, documented, and light to import."""

import importlib
import inspect
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import sklearn_learnability

API_PAGES = Path(__file__).parents[1] / "docs" / "api"
PUBLIC_MODULES = [
    "sklearn_learnability",
    "sklearn_learnability.metrics",
    "sklearn_learnability.metrics.theoretical_llc",
    "sklearn_learnability.datasets",
    "sklearn_learnability.displays",
    "sklearn_learnability.report",
]
TORCH_WING = ["sklearn_learnability.torch"] if find_spec("torch") else []
HEAVY_PACKAGES = ["torch", "skorch", "matplotlib", "catboost", "xgboost"]


def defined_here(module):
    """Return the public functions and classes of the package that a module gives access to."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__.startswith("sklearn_learnability")
    }


@pytest.mark.parametrize("module_name", PUBLIC_MODULES + TORCH_WING)
def test_all_is_exactly_the_public_names(module_name):
    module = importlib.import_module(module_name)
    exported = [name for name in module.__all__ if name != "__version__"]
    assert len(exported) == len(set(exported))
    assert set(exported) == defined_here(module)


@pytest.mark.parametrize(
    "module_name", [*PUBLIC_MODULES, *TORCH_WING, "sklearn_learnability.exceptions"]
)
def test_public_names_are_documented(module_name):
    """The API reference lists each name under the module users import it from."""
    pages = "\n".join(page.read_text() for page in sorted(API_PAGES.glob("*.rst")))
    listed = set(re.findall(r"^ {4,}~?(sklearn_learnability\.[\w.]+)$", pages, flags=re.MULTILINE))
    of_module = {name for name in listed if name.rpartition(".")[0] == module_name}
    module = importlib.import_module(module_name)
    assert of_module == {f"{module_name}.{name}" for name in defined_here(module)}


def test_import_is_light():
    """No public module imports the network, the boosters or matplotlib before they are used."""
    code = (
        f"import importlib, sys\n"
        f"for name in {PUBLIC_MODULES!r}: importlib.import_module(name)\n"
        f"print(*[name for name in {HEAVY_PACKAGES!r} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_version_matches_the_distribution():
    from importlib.metadata import version

    assert sklearn_learnability.__version__ == version("sklearn-learnability")
