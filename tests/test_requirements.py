"""The versions that are promised are those that are tested."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

#: `make test-oldest` has no torch, no ray and no other reports than ours; the GPU build of XGBoost
#: stands beside the CPU build.
WITHOUT_OLDEST = {"gpu", "torch", "llm", "ray", "skore", "mlflow"}
WITHOUT_OLDEST |= {"all", "docs", "test", "dev", "benchmark"}


def requirements(lines):
    """Return the requirements on other packages by their names."""
    found = {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}
    return {name: one for name, one in found.items() if name != PROJECT["name"]}


def pins(file_name):
    lines = [line for line in (ROOT / file_name).read_text().splitlines() if "==" in line]
    pairs = [line.split("==") for line in lines]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def promised_to_users():
    lines = list(PROJECT["dependencies"])
    for extra in EXTRAS.keys() - WITHOUT_OLDEST:
        lines += EXTRAS[extra]
    return requirements(lines)


def test_the_oldest_promised_versions_are_those_tested():
    oldest = pins("constraints-oldest.txt")
    bounds = {
        name: Version(next(iter(one.specifier)).version)
        for name, one in promised_to_users().items()
    }
    assert {name: oldest.get(name) for name in bounds} == bounds


@pytest.mark.parametrize("extra", sorted(EXTRAS.keys() - {"gpu"}))
def test_every_requirement_is_pinned_at_a_version_it_allows(extra):
    pinned = pins("constraints.txt")
    wanted = requirements(PROJECT["dependencies"] + EXTRAS[extra])
    assert {name for name, one in wanted.items() if pinned.get(name) not in one.specifier} == set()
