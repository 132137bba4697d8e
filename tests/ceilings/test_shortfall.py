"""The shortfall: a bracket of the learnability, and the verdict on a model."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, TimeSeriesSplit

from sklearn_learnability import GoldenModelCeiling, Shortfall, ShortfallEvidence
from sklearn_learnability.ceilings._shortfall import why_unknown
from sklearn_learnability.ceilings._shortfall_rule import shortfall_rule
from sklearn_learnability.datasets import load_titanic, make_learnability_classification
from sklearn_learnability.metrics import compare_models

FAMILY = ["prior", "logistic"]
EVIDENCE = ShortfallEvidence(
    n_samples=2000,
    n_classes=2,
    gain=0.02,
    gain_error=0.01,
    movement=0.02,
    self_gap=0.02,
    pooling_gain=0.0,
    replicate_share=0.0,
    replicate_learnability=1.0,
    replicate_limit=1.0,
)
BRACKET = Shortfall(
    learnability=0.3,
    lower=0.28,
    upper=0.33,
    largest_gap=0.03,
    source="rule",
    outside=(),
    reason="",
    confidence=0.95,
    units="bits",
    evidence=EVIDENCE,
)


@pytest.fixture(scope="module")
def data():
    return make_learnability_classification(
        1500, 6, learnability=0.4, random_state=0, return_truth=True
    )


@pytest.fixture(scope="module")
def ceiling(data):
    return GoldenModelCeiling(FAMILY, random_state=0, bracket=True).fit(data[0], data[1])


@pytest.mark.parametrize("name", [*shortfall_rule().coefficients])
def test_more_evidence_never_lowers_the_bound(name):
    rule = shortfall_rule()
    values = np.linspace(-0.05, 0.3, 20)
    bounds = [rule.largest_gap(replace(EVIDENCE, **{name: value}), 0.3) for value in values]
    assert (np.diff(bounds) >= 0).all()
    assert bounds[-1] > bounds[0]


def test_the_bound_is_a_share_of_what_is_unexplained():
    rule = shortfall_rule()
    little, much = (rule.largest_gap(EVIDENCE, value) for value in (0.2, 0.6))
    assert much == pytest.approx(little / 2)


def test_more_rows_never_raise_the_bound():
    rule = replace(shortfall_rule(), rows=0.5)
    few, many = (rule.largest_gap(replace(EVIDENCE, n_samples=n), 0.3) for n in (500, 5000))
    assert few > many > 0


def test_a_named_family_is_at_home_in_the_rule(data):
    X, y, _ = data
    found = GoldenModelCeiling("fast", random_state=0).fit(X, y).shortfall(X, y)
    assert found.outside == ()


def test_evidence_the_rule_has_not_seen_is_named():
    rule = shortfall_rule()
    assert rule.strange(EVIDENCE) == ()
    assert rule.strange(replace(EVIDENCE, n_samples=10**7, self_gap=0.9)) == (
        "n_samples",
        "self_gap",
    )


def test_the_bracket_holds_the_truth_and_is_no_triviality(data, ceiling):
    lower, upper = ceiling.learnability_bracket_
    assert lower < data[2].learnability < upper < 0.8
    found = ceiling.shortfall_
    assert lower == ceiling.learnability_lower_limit_
    assert found.source == "rule"
    assert found.largest_gap >= data[2].gap(ceiling.oof_proba_, data[0])


def test_what_no_candidate_sees_is_not_in_the_bracket():
    """A parity beside a linear signal: no evidence speaks of it, and the bracket misses it."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 8))
    hidden = np.sign(X[:, 1:5]).prod(axis=1) > 0
    y = np.where(rng.random(4000) < 0.6, hidden, X[:, 0] > 0).astype(int)
    ceiling = GoldenModelCeiling(FAMILY, random_state=0, bracket=True).fit(X, y)
    told = np.where(hidden == (X[:, 0] > 0), 0, 1)
    truth = 1 - np.mean(np.where(told == 0, 0.0, -0.6 * np.log2(0.6) - 0.4 * np.log2(0.4)))
    assert ceiling.learnability_bracket_[1] < truth
    assert "candidates" in ceiling.shortfall_.outside


def test_where_nothing_is_found_nothing_is_told():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((400, 3)), np.arange(400) % 2
    found = GoldenModelCeiling(FAMILY, random_state=0).fit(X, y).shortfall(X, y)
    assert "nothing was found" in found.reason
    assert (found.source, found.lower, found.upper) == ("none", 0, 1)


def test_a_bound_far_beyond_what_was_found_tells_nothing(ceiling):
    evidence = ceiling.shortfall_.evidence
    bound = 3 * ceiling.learnability_
    assert why_unknown(ceiling, evidence, 0.99 * bound) == ""
    assert "more than 3 times" in why_unknown(ceiling, evidence, 1.01 * bound)


def test_equal_rows_bound_the_truth_without_the_rule():
    X, y, truth = load_titanic(4000, random_state=0, return_truth=True)
    ceiling = GoldenModelCeiling(["prior"], random_state=0).fit(X, y)
    found = ceiling.shortfall(X, y)
    assert (found.source, found.reason) == ("replicates", "")
    assert truth.learnability < found.upper < truth.learnability + 0.05
    assert found.evidence.replicate_share == pytest.approx(1, abs=0.01)


def test_the_method_repeats_what_fit_measured(data, ceiling):
    assert ceiling.shortfall(data[0], data[1]) == ceiling.shortfall_
    table = ceiling.shortfall_.to_frame()
    assert table.shape[0] == 1
    assert {"upper", "self_gap", "reason"} <= set(table)


def test_neither_units_nor_names_of_labels_nor_the_scale_of_weights_matter(data):
    X, y, _ = data
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    expected = GoldenModelCeiling(FAMILY, random_state=0).fit(X, y, weight).shortfall(X, y, weight)
    names = np.array(["no", "yes"])[y]
    other = GoldenModelCeiling(FAMILY, random_state=0, units="nats")
    found = other.fit(X, names, 7.3 * weight).shortfall(X, names, 7.3 * weight)
    for name in ("lower", "upper", "largest_gap"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-6)
    assert np.isnan(found.evidence.replicate_share)


@pytest.mark.parametrize("bracket", ["yes", 1, None])
def test_a_bracket_that_is_neither_asked_for_nor_not_is_refused(data, bracket):
    with pytest.raises(ValueError, match="Expected bracket as True or False, got"):
        GoldenModelCeiling(FAMILY, bracket=bracket).fit(data[0], data[1])


def test_models_are_measured_by_both_ends_and_these_enclose_their_efficiency(data, ceiling):
    X, y, truth = data
    rng = np.random.default_rng(0)
    proba = truth.predict_proba(X)
    worse = np.exp(np.log(proba) + 0.5 * rng.standard_normal(proba.shape))
    worse /= worse.sum(axis=1, keepdims=True)
    share = 1 - truth.gap(worse, X) / truth.learnability
    found = compare_models(y, {"worse": worse}, reference_nll=ceiling).models[0].efficiency
    assert found.efficiency_of_upper < share < found.efficiency_of_lower
    given = compare_models(
        y, {"worse": worse}, reference_nll=ceiling.oof_nll_, bracket=ceiling.shortfall_
    )
    assert given.models[0].efficiency == found
    verdict = ceiling.shortfall_.verdict(y, worse, reference_nll=ceiling)
    ends = (found.efficiency_of_upper, found.efficiency_of_lower)
    assert (verdict.efficiency_of_upper, verdict.efficiency_of_lower) == ends


def test_groups_and_order_are_strange_to_the_rule(data):
    X, y, _ = data
    groups = np.arange(len(y)) // 5
    ceiling = GoldenModelCeiling(FAMILY, random_state=0).fit(X, y, groups=groups)
    assert "groups" in ceiling.shortfall(X, y, groups=groups).outside
    ordered = GoldenModelCeiling(FAMILY, cv=TimeSeriesSplit(5), random_state=0).fit(X, y)
    assert "cv" in ordered.shortfall(X, y).outside
    blocks = GoldenModelCeiling(FAMILY, cv=KFold(5), random_state=0).fit(X, y)
    assert "cv" in blocks.shortfall(X, y).outside


def test_rows_that_are_not_those_of_fit_are_refused(data, ceiling):
    X, y, _ = data
    with pytest.raises(ValueError, match="Expected the 1500 rows that the ceiling was fitted on"):
        ceiling.shortfall(X[:1000], y[:1000])
    with pytest.raises(ValueError, match="got 1500 rows with other labels"):
        ceiling.shortfall(X, 1 - y)
    with pytest.raises(ValueError, match="Expected the weights of fit"):
        ceiling.shortfall(X, y, np.linspace(0, 5, len(y)))


def test_an_unfitted_ceiling_and_frozen_candidates_are_refused(data):
    X, y, _ = data
    with pytest.raises(NotFittedError):
        GoldenModelCeiling(FAMILY).shortfall(X, y)
    frozen = [("old", FrozenEstimator(LogisticRegression().fit(X[:500], y[:500])))]
    with pytest.raises(ValueError, match=r"got frozen ones: \['old'\]"):
        GoldenModelCeiling(frozen, bracket=True).fit(X[500:], y[500:])
    ceiling = GoldenModelCeiling(frozen, random_state=0).fit(X[500:], y[500:])
    with pytest.raises(ValueError, match="Expected candidates that can be fitted on fewer rows"):
        ceiling.shortfall(X[500:], y[500:])


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    golden = rng.uniform(0.02, 0.98, 4000)
    y = (rng.random(4000) < golden).astype(int)
    return y, golden, -np.log2(np.where(y == 1, golden, 1 - golden))


def test_a_model_like_the_ceiling_is_at_it_where_the_gap_is_small(rows):
    y, golden, losses = rows
    found = BRACKET.verdict(y, golden, reference_nll=losses)
    assert found.answer == "at the ceiling"
    assert found.largest_room == pytest.approx(BRACKET.largest_gap, abs=1e-9)
    share = found.information_score / (found.information_score + BRACKET.largest_gap)
    assert share - 0.015 < found.efficiency_of_upper < share
    assert found.efficiency_of_lower == pytest.approx(1, abs=0.01)
    assert found.to_frame().shape[0] == 1


def test_a_model_far_below_the_ceiling_has_room_whatever_the_gap(rows):
    y, golden, losses = rows
    weak = 0.5 + 0.3 * (golden - 0.5)
    for bracket in (BRACKET, replace(BRACKET, largest_gap=1.0, outside=("groups",))):
        found = bracket.verdict(y, weak, reference_nll=losses)
        assert found.answer == "room for a better model"
        assert found.behind_lower > found.negligible


@pytest.mark.parametrize(
    "bracket",
    [replace(BRACKET, largest_gap=0.2), replace(BRACKET, outside=("n_samples",))],
    ids=["large gap", "outside"],
)
def test_otherwise_it_cannot_be_told(rows, bracket):
    y, golden, losses = rows
    assert bracket.verdict(y, golden, reference_nll=losses).answer == "cannot tell"


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.UndefinedInformationWarning")
def test_predicted_rows_of_one_class_have_no_shortfall(data):
    X, y, _ = data
    test = np.flatnonzero(y == 1)[:20]
    cv = [(np.setdiff1d(np.arange(len(y)), test), test)]
    ceiling = GoldenModelCeiling(FAMILY, cv=cv, random_state=0).fit(X, y)
    assert ceiling.candidates_["information_score"].isna().all()
    with pytest.raises(ValueError, match="predicted rows of at least 2 classes, got one"):
        ceiling.shortfall(X, y)


def test_a_bound_from_replicates_needs_no_rule(rows):
    y, golden, losses = rows
    bracket = replace(BRACKET, outside=("candidates",), source="replicates")
    assert bracket.verdict(y, golden, reference_nll=losses).answer == "at the ceiling"


def test_what_is_negligible_decides(rows):
    y, golden, losses = rows
    answers = [
        BRACKET.verdict(y, golden, reference_nll=losses, negligible=share).answer
        for share in (0.01, 0.04)
    ]
    assert answers == ["cannot tell", "at the ceiling"]
    with pytest.raises(ValueError, match="Expected negligible in"):
        BRACKET.verdict(y, golden, reference_nll=losses, negligible=2)
