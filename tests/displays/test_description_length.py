"""The picture of phase transitions."""

import numpy as np
from numpy.testing import assert_allclose

from sklearn_learnability.displays import DescriptionLengthDisplay
from sklearn_learnability.metrics import Minimum, select_by_description_length

MODELS = {
    "small": Minimum(nll=0.9, llc=2.0),
    "middle": Minimum(nll=0.7, llc=8.0),
    "large": Minimum(nll=0.6, llc=60.0),
    "never": Minimum(nll=0.9, llc=30.0),
}


def test_lowest_line_is_the_shaded_one():
    display = DescriptionLengthDisplay.from_selection(select_by_description_length(MODELS, 500))
    lengths = np.asarray(display.code_lengths)
    for name, start, end in zip(
        display.phase_models, display.phase_starts, display.phase_ends, strict=True
    ):
        inside = (display.n_samples > start) & (display.n_samples < end)
        assert (lengths[:, inside].argmin(axis=0) == display.names.index(name)).all()
    assert display.phase_models == ["small", "middle", "large"]
    assert len(display.ax_.patches) == 3


def test_lines_are_code_lengths_a_row():
    chosen = select_by_description_length(MODELS, 500, units="nats")
    display = DescriptionLengthDisplay.from_selection(chosen)
    rows = chosen.to_frame()["code_length"] / 500
    at = [np.interp(500, display.n_samples, line) for line in display.code_lengths]
    assert_allclose(at, rows - 0.6, rtol=1e-3)
    assert "nats" in display.ax_.get_ylabel()


def test_draws_on_given_axes(pyplot):
    _, ax = pyplot.subplots()
    display = DescriptionLengthDisplay.from_selection(
        select_by_description_length(MODELS, 500), ax=ax
    )
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == list(MODELS)
