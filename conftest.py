"""For tests and for examples in docstrings and pages."""

import sys

import pytest


@pytest.fixture(autouse=True)
def close_figures():
    """Close what was drawn: pyplot warns of many figures that are open."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
