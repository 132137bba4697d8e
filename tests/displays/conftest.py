import pytest


@pytest.fixture(autouse=True)
def pyplot():
    """Draw into memory, and close what a test drew."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")
