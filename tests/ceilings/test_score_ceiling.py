"""The best value of a metric: both ends, the verdict, and the points left for a model."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.exceptions import NotFittedError
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import TimeSeriesSplit

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import (
    make_learnability_classification,
    make_mixture_classification,
)
from sklearn_learnability.exceptions import MissingClassWarning
from sklearn_learnability.metrics import best_expected_score
from sklearn_learnability.metrics._block_scores import BlockScores, make_blocks, shrink

FAMILY = ["prior", "logistic"]
METRICS = ["roc_auc", "accuracy", "balanced_accuracy", "average_precision", "brier", "f1"]


@pytest.fixture(scope="module")
def data():
    return make_learnability_classification(
        2000, 6, learnability=0.3, random_state=0, return_truth=True
    )


@pytest.fixture(scope="module")
def ceiling(data):
    return GoldenModelCeiling(FAMILY, random_state=0, bracket=True).fit(data[0], data[1])


@pytest.fixture(scope="module")
def exact(data):
    truth = data[2]
    return truth.predict_proba(truth.sample_features(50_000, np.random.RandomState(1)))


@pytest.mark.parametrize("scoring", [*METRICS, "log_loss"])
def test_the_ends_hold_the_truth_and_are_no_trivialities(ceiling, exact, scoring):
    found, truth = ceiling.score_ceiling(scoring), best_expected_score(exact, scoring)
    assert found.lower < truth < found.upper < found.perfect
    assert found.lower < found.score.value < found.upper
    assert abs(found.score.value - truth) < 0.03
    assert found.upper_score.value == max(found.scattered, found.sharpened) < found.upper
    assert found.score.lower < found.lower
    assert found.upper_score.lower < found.upper < found.upper_score.upper


def test_the_log_loss_at_the_upper_end_is_that_of_the_bracket(ceiling):
    """Both models leave the entropy that the bracket says: the score is known without them."""
    found = ceiling.score_ceiling("log_loss")
    bracket, learnability = ceiling.learnability_bracket_, ceiling.learnability_
    expected = found.expected.value * (1 - bracket[1]) / (1 - learnability)
    gain = expected - found.expected.value
    assert found.scattered - found.score.value == pytest.approx(gain, rel=0.1)  # drawn
    assert found.sharpened - found.score.value == pytest.approx(gain, rel=0.02)


def test_observed_is_the_metric_out_of_fold(data, ceiling):
    found = ceiling.score_ceiling("roc_auc")
    assert found.observed.value == pytest.approx(roc_auc_score(data[1], ceiling.oof_proba_[:, 1]))
    expected = best_expected_score(ceiling.oof_proba_, "roc_auc")
    assert found.expected.value == pytest.approx(expected)
    own = make_scorer(roc_auc_score, response_method="predict_proba")
    assert ceiling.score_ceiling(own).score == found.score


def test_without_a_bracket_only_the_lower_end_is_known(data, ceiling):
    plain = GoldenModelCeiling(FAMILY, random_state=0).fit(data[0], data[1])
    found = plain.score_ceiling("roc_auc")
    assert found.lower == pytest.approx(ceiling.score_ceiling("roc_auc").lower)
    assert np.isnan([found.upper, found.upper_score.value, found.scattered]).all()
    assert "no bracket" in found.reason
    assert found.verdict(0.99) == "cannot tell"
    later = plain.score_ceiling("roc_auc", shortfall=plain.shortfall(data[0], data[1]))
    assert later.upper == pytest.approx(ceiling.score_ceiling("roc_auc").upper)


def test_a_bracket_that_ends_at_1_ends_at_the_perfect_score(ceiling):
    unknown = replace(ceiling.shortfall_, upper=1.0, reason="nothing was found")
    for scoring, perfect in (("roc_auc", 1), ("brier", 0), ("f1", 1)):
        found = ceiling.score_ceiling(scoring, shortfall=unknown)
        assert found.upper == found.perfect == pytest.approx(perfect, abs=1e-12)
        assert found.reason == "nothing was found"


def test_a_bracket_below_what_was_found_adds_nothing(ceiling):
    narrow = replace(ceiling.shortfall_, upper=ceiling.learnability_ - 0.01)
    found = ceiling.score_ceiling("accuracy", shortfall=narrow)
    assert found.upper_score.value == pytest.approx(found.score.value)
    assert found.score.value < found.upper < found.score.upper


def test_verdicts(ceiling):
    found = ceiling.score_ceiling("roc_auc")
    assert found.verdict(found.lower) == "within reach"
    assert found.verdict(found.upper) == "cannot tell"
    assert found.verdict(found.upper + 0.01) == "out of reach"
    for wanted in (1.01, float("nan"), "high"):
        with pytest.raises(ValueError, match="Expected wanted as a number up to 1"):
            found.verdict(wanted)


@pytest.mark.parametrize("scoring", ["roc_auc", "accuracy"])
def test_points_left_of_the_golden_model_and_of_the_class_frequencies(data, ceiling, scoring):
    y, proba = data[1], ceiling.oof_proba_
    found = ceiling.score_ceiling(scoring)
    own = found.points_left(y, proba)
    assert own.is_paired
    assert own.behind.value == 0
    assert own.lower == 0
    assert own.upper == pytest.approx(found.upper - found.score.value)
    none = found.points_left(y, np.full(proba.shape, 0.5))
    assert none.behind.value == pytest.approx(found.observed.value - none.score.value)
    assert 0 < none.lower < none.behind.value < none.upper


def test_rows_of_their_own_are_not_paired(data, ceiling):
    X, y = data[2].sample(3000, random_state=5)
    found = ceiling.score_ceiling("roc_auc")
    left = found.points_left(y, ceiling.predict_proba(X))
    assert not left.is_paired
    assert left.behind.standard_error > found.score.standard_error
    assert left.behind.lower < 0 < left.behind.upper
    clustered = found.points_left(y, ceiling.predict_proba(X), groups=np.arange(3000) // 500)
    assert clustered.score.value == left.score.value
    assert clustered.score.standard_error != left.score.standard_error


def test_columns_in_another_order_are_put_right(data, ceiling):
    y, proba = data[1], ceiling.oof_proba_
    found = ceiling.score_ceiling("roc_auc")
    turned = found.points_left(y, proba[:, ::-1], labels=[1, 0])
    assert turned.score.value == found.observed.value
    with pytest.raises(ValueError, match="Expected labels"):
        found.points_left(y, proba, labels=[0, 1, 2])


def test_classes_by_name_have_the_second_as_the_positive_one(data, ceiling):
    named = np.array(["no", "yes"])[data[1]]
    other = GoldenModelCeiling(FAMILY, random_state=0).fit(data[0], named)
    for scoring in ("f1", "average_precision"):
        found = other.score_ceiling(scoring)
        assert found.score.value == pytest.approx(ceiling.score_ceiling(scoring).score.value)
    assert found.points_left(named, other.oof_proba_).behind.value == 0


def test_weights_groups_and_unpredicted_rows_are_those_of_the_fit(data):
    X, y, _ = data
    weight = np.random.default_rng(0).random(len(y))
    ordered = GoldenModelCeiling(FAMILY, cv=TimeSeriesSplit(4)).fit(X, y, sample_weight=weight)
    assert ordered.n_unpredicted_ > 0
    found = ordered.score_ceiling("roc_auc")
    kept = np.isfinite(ordered.oof_nll_)
    area = roc_auc_score(y[kept], ordered.oof_proba_[kept, 1], sample_weight=weight[kept])
    assert found.observed.value == pytest.approx(area)
    proba = np.nan_to_num(ordered.oof_proba_, nan=0.5)
    assert found.points_left(y, proba, sample_weight=7 * weight).behind.value == pytest.approx(0)
    with pytest.raises(ValueError, match="Expected the weights of fit"):
        found.points_left(y, proba, sample_weight=weight[::-1])


def test_copies_in_groups_widen_the_interval(data):
    X, y, _ = data
    rows = np.repeat(np.arange(200), 5)
    options = {"groups": rows}
    clustered = GoldenModelCeiling(FAMILY, random_state=0).fit(X[rows], y[rows], **options)
    single = GoldenModelCeiling(FAMILY, random_state=0).fit(X[:1000], y[:1000])
    wide, narrow = (c.score_ceiling("accuracy").score for c in (clustered, single))
    assert wide.standard_error > 1.5 * narrow.standard_error


def test_several_classes():
    X, y, truth = make_mixture_classification(
        1500, 3, n_classes=3, n_clusters=1, learnability=0.4, random_state=0, return_truth=True
    )
    ceiling = GoldenModelCeiling(FAMILY, random_state=0, bracket=True).fit(X, y)
    exact = truth.predict_proba(truth.sample_features(20_000, np.random.RandomState(1)))
    for scoring in ("roc_auc_ovr", "accuracy"):
        found = ceiling.score_ceiling(scoring)
        assert found.lower < best_expected_score(exact, scoring) < found.upper
    with pytest.raises(ValueError, match=r"Expected a scorer of .* 3 classes"):
        ceiling.score_ceiling("f1")


def test_a_table_of_one_row(data, ceiling):
    found = ceiling.score_ceiling("accuracy")
    row = found.to_frame()
    assert row.columns[:4].tolist() == ["scoring", "score", "lower", "upper"]
    assert row["scoring"].tolist() == ["accuracy"]
    left = found.points_left(data[1], ceiling.oof_proba_).to_frame()
    assert {"score", "behind", "behind_lower", "lower", "upper"} <= {*left.columns}


def test_an_unfitted_ceiling_is_refused():
    with pytest.raises(NotFittedError):
        GoldenModelCeiling(FAMILY).score_ceiling("roc_auc")


def test_blocks_hold_whole_units_with_weight():
    units = np.repeat(np.arange(50), 4)
    weight = np.where(units < 10, 0.0, 1.0)
    blocks = make_blocks(weight, units, seed=0)
    assert len(np.unique(blocks)) == 20
    for unit in range(50):
        assert len(np.unique(blocks[units == unit])) == 1
    assert np.bincount(blocks[weight > 0]).tolist() == [8] * 20
    assert len(np.unique(make_blocks(np.ones(12), np.arange(12) // 4, seed=0))) == 3


def test_the_expected_score_is_moved_by_what_is_surely_different():
    noise = np.array([-0.01, 0.01] * 10)
    expected = BlockScores(0.7, 0.7 + 0 * noise)
    near = BlockScores(0.71, 0.71 + noise)
    assert shrink(expected, near).value == 0.7
    far = BlockScores(1.2, 1.2 + noise)
    error = far.minus(expected).estimate().standard_error
    assert shrink(expected, far).value == pytest.approx(1.2 - 2 * error**2)
    undefined = BlockScores(float("nan"), far.left_out)
    assert shrink(expected, undefined).value == 0.7


def test_a_spread_that_is_unknown_is_not_taken_for_none():
    noise = np.array([-0.01, 0.01] * 10)
    gap = np.where(np.arange(20) == 3, np.nan, 0.7 + noise)
    for score in (BlockScores(0.7, gap), BlockScores(0.7, np.array([np.nan]))):
        found = score.estimate(0.95, 0.001)
        assert found.value == 0.7
        assert np.isnan([found.standard_error, found.lower, found.upper]).all()
        assert shrink(BlockScores(0.5, 0.5 + 0 * score.left_out), score).value == 0.5
    assert np.isnan(BlockScores(0.7, 0.7 + noise).estimate(0.95, float("nan")).lower)


def test_nothing_is_claimed_of_a_class_of_one_row(data):
    y = (np.arange(300) == 0).astype(int)
    with pytest.warns(MissingClassWarning):
        found = GoldenModelCeiling(FAMILY, random_state=0).fit(data[0][:300], y)
    area = found.score_ceiling("roc_auc")
    assert np.isnan([area.lower, area.score.lower]).all()
    assert area.verdict(0.01) == "cannot tell"


def test_few_groups_leave_few_degrees_of_freedom(data, ceiling):
    X, y = data[2].sample(400, random_state=6)
    proba = ceiling.predict_proba(X)
    found = ceiling.score_ceiling("accuracy")
    two = found.points_left(y, proba, groups=np.arange(400) % 2)
    own, golden = two.score.standard_error, found.score.standard_error
    squares = np.array([own, golden]) ** 2
    freedom = squares.sum() ** 2 / (squares[0] ** 2 / 1 + squares[1] ** 2 / 19)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(squares.sum())
    assert two.behind.upper - two.behind.value == pytest.approx(half)
    for rows, groups in ((400, np.zeros(400)), (1, None)):
        one = found.points_left(y[:rows], proba[:rows], groups=groups)
        assert np.isfinite(one.behind.value)
        assert np.isnan([one.behind.lower, one.lower, one.upper]).all()


def test_a_limit_has_the_freedom_of_the_groups_of_the_fit(data):
    X, y, _ = data
    few = GoldenModelCeiling(FAMILY, cv=2, random_state=0)
    few = few.fit(X, y, groups=np.arange(len(y)) // 500)
    left = few.score_ceiling("roc_auc").points_left(y, X[:, 0] > 0)
    margin = stats.t.ppf(0.95, 3) * left.behind.standard_error
    assert left.lower == pytest.approx(max(left.behind.value - margin, 0))


def test_what_does_not_fit_is_refused_in_words(data, ceiling):
    y, proba = data[1], ceiling.oof_proba_
    for given in (0.5, "f1", (0, 1)):
        with pytest.raises(TypeError, match="Expected shortfall as a Shortfall"):
            ceiling.score_ceiling("f1", shortfall=given)
    other = replace(ceiling.shortfall_, learnability=ceiling.learnability_ + 0.1)
    with pytest.raises(ValueError, match="Expected the shortfall of this ceiling"):
        ceiling.score_ceiling("f1", shortfall=other)
    with pytest.raises(ValueError, match="Expected groups of shape"):
        ceiling.score_ceiling("f1").points_left(y, proba, groups=[1, 2])
    for said in ("high", None):
        with pytest.raises(ValueError, match="Expected a scorer of the probabilities"):
            ceiling.score_ceiling(lambda estimator, X, y, said=said: said)
    with pytest.raises(ValueError, match="up to 0, the score"):
        ceiling.score_ceiling("brier").verdict(0.1)
