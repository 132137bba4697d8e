"""The efficiency against both ends of a bracket of the learnability."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit, logit

from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.exceptions import UndefinedInformationWarning
from sklearn_learnability.metrics import compare_models, efficiency, log_loss_per_sample

ENDS = (0.2, 0.5)
PARTS = ["efficiency_of_upper", "efficiency_of_lower"]


def measured(lower, upper, largest_gap):
    return SimpleNamespace(lower=lower, upper=upper, largest_gap=largest_gap)


def between(y, proba, **options):
    found = efficiency(y, proba, **options)
    return found.efficiency_of_upper, found.efficiency_of_lower


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    score = 1.5 * rng.standard_normal(4000)
    y = (rng.random(4000) < expit(score)).astype(int)
    return y, expit(score), expit(score + 0.8 * rng.standard_normal(4000))


def test_against_numbers_it_is_the_limit_of_the_score_over_each_end(rows):
    y, _, model = rows
    score = efficiency(y, model, learnability=1.0, confidence=0.9).information_score
    assert between(y, model, learnability=0.3, bracket=ENDS) == pytest.approx(
        (score.lower / 0.5, score.upper / 0.2), rel=1e-12
    )


def test_beside_the_ceiling_it_is_a_limit_of_the_paired_ratio(rows):
    """By hand: the normal quantile and the delta method, which large samples come to."""
    y, golden, model = rows
    losses, reference = (log_loss_per_sample(y, proba, units="nats") for proba in (model, golden))
    surprisal = -np.log(np.where(y == 1, y.mean(), 1 - y.mean()))
    expected = []
    for gap, sign in ((0.1, -1), (0.0, 1)):
        top, bottom = surprisal - losses, surprisal - reference + gap * surprisal
        ratio = top.mean() / bottom.mean()
        error = np.std(top - ratio * bottom) / bottom.mean() / np.sqrt(len(y))
        expected.append(ratio + sign * 1.645 * error)
    bracket = measured(0.2, 0.5, 0.1)
    options = {"reference_nll": reference, "units": "nats", "bracket": bracket}
    assert between(y, model, **options) == pytest.approx(tuple(expected), abs=2e-3)


def test_units_order_and_the_scale_of_weights_do_not_matter(rows):
    y, golden, model = rows
    rng = np.random.default_rng(0)
    weight, order = rng.uniform(0.5, 2, len(y)), rng.permutation(len(y))
    bits, nats = (log_loss_per_sample(y, golden, units=units) for units in ("bits", "nats"))
    bracket = measured(0.2, 0.5, 0.1)
    expected = between(y, model, reference_nll=bits, bracket=bracket, sample_weight=weight)
    found = between(
        y[order],
        model[order],
        reference_nll=nats[order],
        bracket=bracket,
        sample_weight=7.3 * weight[order],
        units="nats",
    )
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.fixture(scope="module")
def sets():
    """Many sets of one table: labels, probabilities of a ceiling and a model, and their truth."""
    n_sets, n_rows = 200, 500
    X, y, truth = make_learnability_classification(
        n_sets * n_rows, 5, learnability=0.3, random_state=0, return_truth=True
    )
    rng = np.random.default_rng(0)
    log_odds = logit(truth.predict_proba(X)[:, 1])
    shared = 0.4 * rng.standard_normal(len(y))
    golden = expit(log_odds + shared)
    model = expit(0.9 * (log_odds + shared) + 0.7 * rng.standard_normal(len(y)))
    gaps = [truth.gap(np.column_stack([1 - q, q]), X) for q in (golden, model)]
    parts = [a.reshape(n_sets, n_rows) for a in (y, golden, model)]
    return parts, truth.learnability, gaps


def test_both_ends_enclose_the_true_efficiency(sets):
    """Given the true gap, either limit misses in the 5 % of sets that its level allows."""
    parts, learnability, (gap, gap_of_model) = sets
    truth = 1 - gap_of_model / learnability
    bracket = measured(learnability - 2 * gap, min(1.0, learnability + gap), gap)
    below, above = [], []
    for y, golden, model in zip(*parts, strict=True):
        reference = log_loss_per_sample(y, golden)
        least, most = between(y, model, reference_nll=reference, bracket=bracket)
        below.append(least <= truth)
        above.append(truth <= most)
    assert 0.90 <= np.mean(below) < 1
    assert np.mean(above) >= 0.95


def test_beside_the_ceiling_the_ends_are_closer(sets):
    (ys, goldens, models), learnability, (gap, _) = sets
    bracket = measured(learnability - 0.03, learnability + 0.03, gap)
    reference = log_loss_per_sample(ys[0], goldens[0])
    paired = between(ys[0], models[0], reference_nll=reference, bracket=bracket)
    numbers = (bracket.lower, bracket.upper)
    alone = between(ys[0], models[0], reference_nll=reference, bracket=numbers)
    assert alone[0] < paired[0] < paired[1] < alone[1]


def test_a_model_worse_than_the_class_frequencies_is_enclosed_too(rows):
    y, _, model = rows
    wrong = 1 - model
    score = efficiency(y, wrong, learnability=1.0, confidence=0.9).information_score
    assert score.upper < 0
    assert between(y, wrong, learnability=0.3, bracket=ENDS) == pytest.approx(
        (score.lower / 0.2, score.upper / 0.5)
    )


def test_of_a_lower_end_of_0_the_share_is_undefined_and_says_so(rows):
    y, _, model = rows
    with pytest.warns(UndefinedInformationWarning, match="lower end of the learnability is 0"):
        found = efficiency(y, model, learnability=0.3, bracket=(0.0, 0.5))
    assert np.isnan(found.efficiency_of_lower)
    assert found.efficiency_of_upper > 0
    assert "lower end of the learnability is 0" in found.bracket_reason
    with pytest.warns(UndefinedInformationWarning) as caught:
        compare_models(y, {"a": model, "b": model}, learnability=0.3, bracket=(0.0, 0.5))
    assert len(caught) == 1


def test_of_an_upper_end_of_1_the_share_is_the_score_itself(rows):
    y, golden, model = rows
    reference = log_loss_per_sample(y, golden)
    score = efficiency(y, model, learnability=1.0, confidence=0.9).information_score
    found = efficiency(y, model, reference_nll=reference, bracket=measured(0.2, 1.0, 0.7))
    assert found.efficiency_of_upper == pytest.approx(score.lower, rel=1e-12)


def test_without_a_bracket_there_are_no_ends(rows):
    y, _, model = rows
    found = efficiency(y, model, learnability=0.3)
    assert np.isnan([getattr(found, part) for part in PARTS]).all()
    assert found.bracket_reason is None
    assert not set(PARTS) & set(found.to_frame())
    compared = compare_models(y, {"a": model}, learnability=0.3)
    assert not [name for name in compared.to_frame() if "_of_" in name]


def test_a_comparison_holds_what_the_single_measure_says(rows):
    y, golden, model = rows
    reference = log_loss_per_sample(y, golden)
    options = {"reference_nll": reference, "bracket": measured(0.2, 0.5, 0.1)}
    compared = compare_models(y, {"a": model, "b": expit(3 * logit(model))}, **options)
    single = efficiency(y, model, **options)
    frame = compared.to_frame().set_index("model")
    for part in PARTS:
        assert frame.loc["a", part] == getattr(single, part) == single.to_frame()[part][0]
        assert frame.loc["b", f"calibrated_{part}"] > frame.loc["b", part]


@pytest.mark.parametrize(
    "bracket", [0.3, "yes", (0.2,), (0.2, 0.3, 0.4), (0.2, np.nan), (0.4, 0.3), (0.0, 0.0), (0, 2)]
)
def test_what_is_no_bracket_is_refused(bracket):
    with pytest.raises(ValueError, match=r"^Expected bracket"):
        efficiency([0, 1, 0, 1], [0.2, 0.7, 0.4, 0.8], learnability=0.5, bracket=bracket)
