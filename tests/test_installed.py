"""The package as it is installed: in a checkout, and by `make test-wheel` far from one."""

import contextlib
import importlib
import io
import pkgutil
import re
from importlib.metadata import distribution
from importlib.resources import files
from importlib.util import find_spec

import pytest

import sklearn_learnability

MODULES = [
    module.name
    for module in pkgutil.walk_packages(
        sklearn_learnability.__path__, "sklearn_learnability.", onerror=lambda name: None
    )
    if find_spec("torch") or not module.name.startswith("sklearn_learnability.torch")
]


def numbers_in(text):
    return [float(number) for number in re.findall(r"\d+\.\d+", text)]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_is_imported(name):
    importlib.import_module(name)


def test_types_travel_with_the_package():
    assert (files("sklearn_learnability") / "py.typed").is_file()


def test_nothing_but_the_package_is_installed():
    top = {path.parts[0] for path in distribution("sklearn-learnability").files}
    assert top.isdisjoint({"tests", "benchmarks", "examples", "docs"})


def test_the_example_of_the_readme_prints_what_it_says():
    """The readme travels as the long description; figures may move in the second decimal."""
    found = distribution("sklearn-learnability").metadata
    readme = found.get_payload() or found["Description"]  # where the importlib-metadata package is
    code = re.search(r"```python\n(.*?)```", readme, flags=re.DOTALL)[1]
    said = re.search(r"```text\n(.*?)```", readme, flags=re.DOTALL)[1]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert numbers_in(printed.getvalue()) == pytest.approx(numbers_in(said), abs=0.02)
