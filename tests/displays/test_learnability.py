from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_learnability.displays import LearnabilityDisplay
from sklearn_learnability.metrics import Estimate

NAN = float("nan")


def make_display(raw, calibrated, ceiling=0.25, entropy=0.78):
    return LearnabilityDisplay(
        ["model"],
        label_entropy=[entropy],
        information=[raw],
        calibrated_information=[calibrated],
        ceiling=[ceiling],
        ceiling_lower=[ceiling - 0.02],
        ceiling_upper=[ceiling + 0.03],
        units="bits",
    ).plot()


def bar_ends(display):
    """Return the ends of the drawn parts by the colour's name in the key."""
    legend = display.ax_.get_legend()
    names = {
        handle.get_facecolor(): text.get_text()
        for handle, text in zip(legend.get_patches(), legend.get_texts(), strict=False)
    }
    return {
        names[bar.get_facecolor()]: (bar.get_x(), bar.get_x() + bar.get_width())
        for bar in display.ax_.patches
    }


def assert_parts(display, **expected):
    ends = {name.split()[0].rstrip(","): value for name, value in bar_ends(display).items()}
    assert ends.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(ends[name], value, atol=1e-12)


def test_parts_fill_the_label_entropy():
    assert_parts(
        make_display(0.10, 0.15),
        explained=(0, 0.10),
        gained=(0.10, 0.15),
        explainable=(0.15, 0.25),
        **{"not": (0.25, 0.78)},
    )


def test_negative_information_stands_left_of_zero():
    assert_parts(
        make_display(-0.10, 0.15),
        worse=(-0.10, 0),
        gained=(0, 0.15),
        explainable=(0.15, 0.25),
        **{"not": (0.25, 0.78)},
    )


def test_model_better_than_the_ceiling_leaves_nothing_missed():
    assert_parts(make_display(0.30, 0.29), explained=(0, 0.30), **{"not": (0.30, 0.78)})


def test_far_below_zero_is_an_arrow():
    display = make_display(-5.0, 0.15)
    assert "◂ -5.000" in [text.get_text() for text in display.ax_.texts]
    assert display.ax_.get_xlim()[0] > -0.78


def test_undefined_is_written():
    display = make_display(NAN, NAN, ceiling=NAN)
    assert [text.get_text() for text in display.ax_.texts].count("undefined") == 3


def test_ceiling_stands_with_its_interval():
    drawn = [tuple(line.get_xdata()) for line in make_display(0.10, 0.15).ax_.lines]
    assert (0.25, 0.25) in drawn
    assert any(np.allclose(ends, (0.23, 0.28)) for ends in drawn)


def test_given_axes_are_used(pyplot):
    figure, ax = pyplot.subplots()
    display = make_display(0.1, 0.15).plot(ax)
    assert display.ax_ is ax
    assert display.figure_ is figure


def test_lengths_must_agree():
    display = make_display(0.10, 0.15)
    display.ceiling = [0.2, 0.3]
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        display.plot()


def test_from_comparison_turns_shares_into_units():
    def part(share):
        return SimpleNamespace(information_score=SimpleNamespace(value=share))

    comparison = SimpleNamespace(
        models=(
            SimpleNamespace(model="a", efficiency=part(0.2), calibrated_efficiency=part(0.25)),
            SimpleNamespace(model="b", efficiency=part(-0.1), calibrated_efficiency=part(0.05)),
        ),
        label_entropy=0.5,
        learnability=Estimate(0.4, 0.05, 0.3, 0.5, 0.95),
        units="nats",
    )
    display = LearnabilityDisplay.from_comparison(comparison)
    np.testing.assert_allclose(display.information, [0.1, -0.05])
    np.testing.assert_allclose(display.calibrated_information, [0.125, 0.025])
    np.testing.assert_allclose(display.ceiling, [0.2, 0.2])
    np.testing.assert_allclose(display.ceiling_lower, [0.15, 0.15])
    np.testing.assert_allclose(display.ceiling_upper, [0.25, 0.25])
    assert display.ax_.get_xlabel() == "information about the label (nats)"
