"""The map of the house leads to what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sklearn_learnability"
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
NAMED = sorted(name for name in set(re.findall(r"`([^`\n]+)`", GUIDE)) if "some_thing" not in name)
PATHS = [name for name in NAMED if "/" in name or re.search(r"\.(py|txt|toml|typed)$", name)]
TARGETS = [name.removeprefix("make ") for name in NAMED if name.startswith("make ")]


@pytest.mark.parametrize("name", PATHS)
def test_a_path_that_is_named_exists(name):
    starts = [ROOT, PACKAGE, PACKAGE / "torch" / "learning_coefficient"]
    assert any(any(start.glob(name)) for start in starts)


def test_every_room_is_on_the_map():
    rooms = {path.parent.relative_to(ROOT) for path in PACKAGE.rglob("__init__.py")}
    on_the_map = [ROOT / name for name in PATHS if name.startswith("sklearn_learnability/")]
    on_the_map += [PACKAGE / "torch" / "learning_coefficient" / name for name in PATHS]
    on_the_map += [PACKAGE, PACKAGE / "torch"]
    assert {room for room in rooms if ROOT / room not in on_the_map} == set()


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_that_is_named_exists(target):
    pattern = re.sub(r"^test-3\.\d+$", "test-3.%", target)
    assert re.search(rf"^{re.escape(pattern)}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
