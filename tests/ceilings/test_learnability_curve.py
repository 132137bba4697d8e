"""Would more rows help: exact power laws, known truths, invariances, errors."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_wine
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ShuffleSplit, TimeSeriesSplit

from sklearn_learnability import GoldenModelCeiling, learnability_curve
from sklearn_learnability.ceilings._extrapolation import Curve
from sklearn_learnability.datasets import (
    make_interaction_classification,
    make_learnability_classification,
)

LOGISTIC = [("logistic", LogisticRegression())]
TREES = [*LOGISTIC, ("trees", HistGradientBoostingClassifier(max_iter=60))]


def linear(n=1500, seed=0):
    return make_learnability_classification(n, learnability=0.3, random_state=seed)


def curve_of(mean_losses, noise=0.0, n=400):
    """A curve whose mean losses at 1/8, 1/4, 1/2 and all rows are the given ones."""
    rng = np.random.RandomState(0)
    losses = np.tile(mean_losses, (n, 1)) + noise * rng.standard_normal((n, len(mean_losses)))
    losses += mean_losses - losses.mean(axis=0)
    return Curve(
        sizes=np.array([1 / 8, 1 / 4, 1 / 2, 1.0]),
        losses=losses,
        surprisal=np.full(n, np.log(2)),
        weight=np.ones(n),
        groups=None,
        units="nats",
    )


@pytest.mark.parametrize(("exponent", "end"), [(1.0, "gain_lower"), (0.0, "gain_upper")])
@pytest.mark.parametrize("factor", [2, 10])
def test_an_exact_law_is_carried_on_exactly(exponent, end, factor):
    law = lambda share: 0.3 + 0.05 * (share**-exponent if exponent else -np.log(share))  # noqa: E731
    curve = curve_of([law(share) for share in (1 / 8, 1 / 4, 1 / 2, 1)])
    expected = (law(1) - law(factor)) / np.log(2)
    assert getattr(curve.carry_on(factor), end) == pytest.approx(expected)


def test_what_no_power_law_does_is_not_carried_on():
    assert "lowered" in curve_of([0.6, 0.5, 0.4, 0.45], noise=0.05).why_not_carried_on()
    assert "faster" in curve_of([0.60, 0.59, 0.55, 0.4], noise=0.05).why_not_carried_on()
    assert curve_of([0.6, 0.5, 0.45, 0.42], noise=0.05).why_not_carried_on() == ""
    # within the noise a step down says nothing
    assert curve_of([0.6, 0.5, 0.4, 0.405], noise=0.5).why_not_carried_on() == ""


def test_a_family_at_its_end_needs_other_columns():
    X, y = linear(3000)
    curve = learnability_curve(GoldenModelCeiling(LOGISTIC, random_state=0).fit(X, y), X, y)
    assert curve.answer == "other columns"
    for factor, found in zip((2, 10), curve.more_rows, strict=True):
        more = GoldenModelCeiling(LOGISTIC, random_state=0).fit(*linear(3000 * factor, seed=1))
        assert found.factor == factor
        assert found.lower <= more.learnability_ + 2 * more.learnability_standard_error_
        assert found.upper >= more.learnability_ - 2 * more.learnability_standard_error_


def test_a_family_that_still_learns_needs_more_rows():
    X, y = make_interaction_classification(4000, learnability=0.6, random_state=0)
    ceiling = GoldenModelCeiling(TREES, random_state=0).fit(X, y)
    curve = learnability_curve(ceiling, X, y, negligible=0.02)
    assert curve.answer == "more rows"
    values = [part.value for part in curve.learnability]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(ceiling.learnability_)
    assert curve.n_train == (400, 800, 1600, 3200)
    lowers, uppers = np.array([(part.lower, part.upper) for part in curve.more_rows]).T
    assert lowers[0] <= lowers[1] < uppers[0] <= uppers[1]


def test_units_names_and_scale_of_weights_do_not_matter():
    X, y = linear(800)
    plain = GoldenModelCeiling(LOGISTIC, random_state=0).fit(X, y)
    expected = learnability_curve(plain, X, y).to_frame()
    weight, names = np.full(800, 3e-9), np.array(["no", "yes"])[y]
    others = [
        (GoldenModelCeiling(LOGISTIC, random_state=0, units="nats"), y, None),
        (GoldenModelCeiling(LOGISTIC, random_state=0), names, None),
        (GoldenModelCeiling(LOGISTIC, random_state=0), y, weight),
    ]
    for ceiling, labels, weights in others:
        ceiling.fit(X, labels, sample_weight=weights)
        found = learnability_curve(ceiling, X, labels, sample_weight=weights).to_frame()
        np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(), rtol=1e-4)


def test_the_same_curve_twice():
    X, y = linear(600)
    ceiling = GoldenModelCeiling(TREES, random_state=0).fit(X, y)
    first, second = (learnability_curve(ceiling, X, y).to_frame() for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_folds_in_order_and_groups():
    X, y = linear(600)
    ordered = GoldenModelCeiling(LOGISTIC, cv=TimeSeriesSplit(4)).fit(X, y)
    assert len(learnability_curve(ordered, X, y).learnability) == 4
    groups = np.arange(600) // 4
    grouped = GoldenModelCeiling(LOGISTIC, random_state=0).fit(X, y, groups=groups)
    curve = learnability_curve(grouped, X, y, groups=groups)
    assert curve.learnability[-1].value == pytest.approx(grouped.learnability_)
    assert curve.learnability[-1].lower == pytest.approx(grouped.learnability_interval_[0])


def test_errors():
    X, y = linear(300)
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0)
    with pytest.raises(NotFittedError):
        learnability_curve(ceiling, X, y)
    with pytest.raises(TypeError, match="Expected a fitted GoldenModelCeiling, got Logistic"):
        learnability_curve(LogisticRegression().fit(X, y), X, y)
    ceiling.fit(X, y)
    for shares in ((0.5,), (0.5, 0.25), (0.5, 1.0), (0.0, 0.5)):
        with pytest.raises(ValueError, match="shares that rise"):
            learnability_curve(ceiling, X, y, shares=shares)
    with pytest.raises(ValueError, match="rows that the ceiling was fitted on"):
        learnability_curve(ceiling, X, 1 - y)
    with pytest.raises(ValueError, match="negligible"):
        learnability_curve(ceiling, X, y, negligible=-0.1)
    frozen = [("frozen", FrozenEstimator(LogisticRegression().fit(X, y)))]
    with pytest.raises(ValueError, match="frozen"):
        learnability_curve(GoldenModelCeiling(frozen).fit(*linear(300, seed=1)), *linear(300, 1))


def test_ends_stay_within_what_is_possible_on_a_real_table():
    X, y = load_wine(return_X_y=True)
    ceiling = GoldenModelCeiling(["prior", "logistic"], random_state=0).fit(X, y)
    curve = learnability_curve(ceiling, X, y)
    for part in curve.more_rows:
        if np.isfinite(part.lower):
            assert 0 <= part.lower <= part.upper <= 1
            assert 0 <= part.gain_lower <= part.gain_upper <= 1 - ceiling.learnability_ + 1e-12


def test_what_is_set_after_the_fit_changes_nothing():
    X, y = linear(500)
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0).fit(X, y)
    expected = learnability_curve(ceiling, X, y).to_frame()
    ceiling.set_params(
        candidates=[("prior", DummyClassifier())], calibration=None, blend="best", bracket=True
    )
    np.testing.assert_array_equal(learnability_curve(ceiling, X, y).to_frame(), expected)


@pytest.mark.parametrize("table", [np.asarray, pd.DataFrame, csr_array])
def test_other_inputs_or_groups_than_those_of_fit_are_refused(table):
    X, y = linear(300)
    groups = np.arange(300) // 3
    own = [("logistic", LogisticRegression())]
    ceiling = GoldenModelCeiling(own, random_state=0).fit(table(X), y, groups=groups)
    learnability_curve(ceiling, table(X), y, groups=groups)
    for inputs, units in ((X[::-1], groups), (X, None), (X, np.arange(300) // 2)):
        with pytest.raises(ValueError, match="other inputs or groups"):
            learnability_curve(ceiling, table(inputs), y, groups=units)


class FailsOnFewRows(LogisticRegression):
    def fit(self, X, y, sample_weight=None):
        if len(X) < 150:
            raise ValueError("too few")
        return super().fit(X, y, sample_weight)


def test_a_candidate_that_fails_on_fewer_rows_is_told():
    X, y = linear(500)
    family = [("prior", DummyClassifier()), ("few", FailsOnFewRows())]
    ceiling = GoldenModelCeiling(family, random_state=0, bracket=True).fit(X, y)
    assert "'few'" in ceiling.shortfall_.reason
    assert ceiling.learnability_bracket_[1] == 1
    with pytest.raises(ValueError, match=r"fitted on 50 rows, got an error from 'few'"):
        learnability_curve(ceiling, X, y)


def test_where_nothing_is_found_yet_nothing_is_told():
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((300, 150)), rng.randint(2, size=300)
    curve = learnability_curve(GoldenModelCeiling(LOGISTIC, random_state=0).fit(X, y), X, y)
    assert curve.answer == "cannot tell"
    assert "nothing was found" in curve.reason
    assert np.isnan(curve.more_rows[0].upper)


def test_twenty_rows_have_a_bracket_that_says_nothing():
    X, y = linear(20)
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0, bracket=True).fit(X, y)
    assert "test rows" in ceiling.shortfall_.reason
    assert ceiling.learnability_bracket_[1] == 1


def test_shares_of_equal_numbers_of_rows_are_refused():
    X, y = linear(300)
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="different numbers of rows"):
        learnability_curve(ceiling, X, y, shares=(0.001, 0.002, 0.5))
    with pytest.raises(ValueError, match="shares that rise"):
        learnability_curve(ceiling, X, y, shares=None)


def test_a_single_split():
    X, y = linear(900)
    cv = ShuffleSplit(1, test_size=0.3, random_state=0)
    ceiling = GoldenModelCeiling(LOGISTIC, cv=cv, random_state=0).fit(X, y)
    assert learnability_curve(ceiling, X, y).n_train == (79, 158, 315, 630)


def test_a_bracket_does_not_outlive_its_fit():
    X, y = linear(300)
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0, bracket=True).fit(X, y)
    assert ceiling.learnability_bracket_[0] == ceiling.shortfall_.lower
    ceiling.set_params(bracket=False).fit(X, 1 - y)
    assert not hasattr(ceiling, "shortfall_")
    assert not hasattr(ceiling, "learnability_bracket_")
