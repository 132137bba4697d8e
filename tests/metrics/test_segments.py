"""Per-segment report: estimates, tests, verdicts."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import binom, kurtosis, ttest_1samp
from scipy.stats import t as student_t
from sklearn.metrics import d2_log_loss_score, mutual_info_score

from sklearn_learnability.datasets import make_segmented_classification
from sklearn_learnability.exceptions import SmallSegmentWarning
from sklearn_learnability.metrics import (
    compare_models,
    cross_fit_calibration,
    efficiency,
    information_by_segment,
    label_entropy,
    log_loss_per_sample,
)


def problem(seed=0, n=1500, learnabilities=(0.1, 0.4, 0.8), damage=0.5):
    """Segments, labels, the losses of the truth, and a damaged model."""
    X, y, truth = make_segmented_classification(
        n, learnabilities=learnabilities, random_state=seed, return_truth=True
    )
    golden = truth.predict_proba(X)[:, 1]
    noise = np.random.default_rng(seed).standard_normal(n)
    model = expit(0.8 * clipped_logit(golden) + damage * noise)
    return X[:, 0].astype(int), y, log_loss_per_sample(y, golden), model


def clipped_logit(p):
    return logit(np.clip(p, 1e-12, 1 - 1e-12))


def statuses(report):
    return [part.status for part in report.segments]


def values(report):
    """Return the numbers of a report, without the counts of rows."""
    return report.to_frame().drop(columns=["segment", "status", "n_samples"]).to_numpy(float)


def test_every_segment_is_its_rows_alone():
    segments, y, reference, model = problem()
    report = information_by_segment(y, model, segments, reference_nll=reference)
    assert [part.segment for part in report.segments] == ["0", "1", "2"]
    for code, part in enumerate(report.segments):
        rows = segments == code
        alone = efficiency(y[rows], model[rows], reference_nll=reference[rows])
        for found, expected in [
            (part.efficiency, alone),
            (part.efficiency.information_score, alone.information_score),
            (part.efficiency.learnability, alone.learnability),
        ]:
            ends = [found.value, found.lower, found.upper]
            np.testing.assert_allclose(ends, [expected.value, expected.lower, expected.upper])
        score = part.efficiency.information_score.value
        assert score == pytest.approx(d2_log_loss_score(y[rows], model[rows]))
        assert part.label_entropy == pytest.approx(label_entropy(y[rows]))
        assert (part.n_samples, part.share) == (rows.sum(), pytest.approx(rows.mean()))
        excess = log_loss_per_sample(y[rows], model[rows]) - reference[rows]
        n_rows, spread = len(excess), kurtosis(excess, fisher=False)
        freedom = min(n_rows - 1, 2 * n_rows / (spread - 1))
        p_value = 2 * student_t.sf(abs(ttest_1samp(excess, 0).statistic), freedom)
        assert part.p_excess_loss == pytest.approx(p_value)


@pytest.mark.parametrize("positives", [0.5, 0.05, 0.02])
def test_an_exact_ceiling_is_not_called_too_low(positives):
    rng = np.random.RandomState(0)
    segments = np.repeat(np.arange(5), 150)
    n_false = 0
    for _ in range(80):
        score = logit(positives) + 0.5 * rng.standard_normal(len(segments))
        y = (rng.uniform(size=len(segments)) < expit(score)).astype(int)
        report = information_by_segment(
            y,
            expit(score),
            segments,
            reference_nll=log_loss_per_sample(y, expit(score)),
            labels=[0, 1],
        )
        n_false += any(part.status == "ceiling too low" for part in report.segments)
    assert n_false <= binom.isf(0.01, 80, 0.05)


def test_whole_is_what_a_comparison_says():
    segments, y, reference, model = problem()
    whole = information_by_segment(y, model, segments, reference_nll=reference).whole
    compared = compare_models(y, {"model": model}, reference_nll=reference).models[0].efficiency
    assert (whole.efficiency.value, whole.efficiency.lower) == pytest.approx(
        (compared.value, compared.lower)
    )


def test_benjamini_hochberg_by_hand():
    segments, y, reference, model = problem(learnabilities=(0.1, 0.2, 0.3, 0.4), damage=0.15)
    report = information_by_segment(y, model, segments, reference_nll=reference)
    raw = np.array([part.p_excess_loss for part in report.segments])
    order = np.argsort(raw)[::-1]
    adjusted = np.empty(4)
    adjusted[order] = np.minimum.accumulate(raw[order] * 4 / np.arange(4, 0, -1))
    found = [part.adjusted_p_excess_loss for part in report.segments]
    np.testing.assert_allclose(found, adjusted)


def test_information_between_and_within_segments_adds_up():
    rng = np.random.default_rng(0)
    segments = rng.choice(["low", "high"], 2000)
    base = np.where(segments == "low", 0.1, 0.6)
    y = (rng.random(2000) < base).astype(int)
    # knows the rate of each segment and nothing else: something over all, nothing in any segment
    report = information_by_segment(y, base, segments, reference_nll=log_loss_per_sample(y, base))
    expected = mutual_info_score(y, segments) / np.log(2)
    assert report.between_information == pytest.approx(expected, abs=1e-9)
    assert report.whole.efficiency.information_score.value > 0.1
    assert [part.segment for part in report.segments] == ["high", "low"]
    assert statuses(report) == ["nothing to learn"] * 2
    inside = sum(
        part.share * part.label_entropy * part.efficiency.information_score.value
        for part in report.segments
    )
    whole = report.whole
    total = whole.label_entropy * whole.efficiency.information_score.value
    assert report.between_information + inside == pytest.approx(total)
    assert inside == pytest.approx(
        report.within.label_entropy * report.within.efficiency.information_score.value
    )


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6))
def test_order_of_rows_units_and_repetition_do_not_matter(seed):
    segments, y, reference, model = problem(seed, 400)
    rng = np.random.default_rng(seed)
    options = {"reference_nll": reference}
    frame = values(information_by_segment(y, model, segments, **options))
    order = rng.permutation(len(y))
    shuffled = information_by_segment(
        y[order], model[order], segments[order], reference_nll=reference[order]
    )
    np.testing.assert_allclose(values(shuffled), frame, atol=1e-9)
    nats = information_by_segment(
        y, model, segments, reference_nll=reference * np.log(2), units="nats"
    )
    for part, in_nats in zip(shuffled.segments, nats.segments, strict=True):
        assert in_nats.excess_loss.value == pytest.approx(part.excess_loss.value * np.log(2))
        assert in_nats.efficiency.value == pytest.approx(part.efficiency.value, nan_ok=True)
        assert in_nats.status == part.status
    counts = rng.integers(0, 4, len(y))
    weighted = information_by_segment(y, model, segments, sample_weight=counts, **options)
    repeated = information_by_segment(
        *(np.repeat(column, counts) for column in (y, model, segments)),
        reference_nll=np.repeat(reference, counts),
    )
    for part, copy in zip(weighted.segments, repeated.segments, strict=True):
        assert part.share == pytest.approx(copy.share)
        assert part.label_entropy == pytest.approx(copy.label_entropy)
        assert part.excess_loss.value == pytest.approx(copy.excess_loss.value)
        assert part.efficiency.learnability.value == pytest.approx(
            copy.efficiency.learnability.value
        )


def test_groups_of_copies_change_nothing_but_the_rows():
    segments, y, reference, model = problem(n=600)
    once = information_by_segment(y, model, segments, reference_nll=reference)
    thrice = [np.repeat(column, 3) for column in (y, model, segments, reference, np.arange(600))]
    clustered = information_by_segment(
        *thrice[:3], reference_nll=thrice[3], groups=[f"day {code}" for code in thrice[4]]
    )
    np.testing.assert_allclose(values(clustered), values(once), atol=1e-9)


def draw(truth, rng, n, equal):
    """Draw rows, and two models: equally far from the truth, or the second blind in segment 2."""
    X, y = truth.sample(n, np.random.RandomState(rng.integers(2**31)))
    score = clipped_logit(truth.predict_proba(X)[:, 1])
    reference = log_loss_per_sample(y, expit(score + 0.5 * rng.standard_normal(n)))
    model = score + 0.5 * rng.standard_normal(n)
    if not equal:
        model[X[:, 0] == 2] = 0
    return X[:, 0], y, reference, expit(model)


def test_false_findings_and_coverage_where_model_and_ceiling_are_equally_good():
    _, _, truth = make_segmented_classification(
        learnabilities=(0.02, 0.1, 0.3, 0.6), random_state=0, return_truth=True
    )
    rng = np.random.default_rng(0)
    findings, covered = 0, 0
    n_repetitions = 250
    for _ in range(n_repetitions):
        segments, y, reference, model = draw(truth, rng, 800, equal=True)
        report = information_by_segment(y, model, segments, reference_nll=reference)
        findings += bool({"leaves information", "loses bits"} & set(statuses(report)))
        covered += sum(
            part.excess_loss.lower <= 0 <= part.excess_loss.upper for part in report.segments
        )
    assert findings / n_repetitions < 0.05
    assert abs(covered / (4 * n_repetitions) - 0.95) < 0.02


def test_interval_of_the_learnability_covers_the_truth_of_each_segment():
    _, _, truth = make_segmented_classification(
        learnabilities=(0.05, 0.3, 0.8), random_state=0, return_truth=True
    )
    expected = truth.local()["learnability"].to_numpy()
    covered = np.zeros(3)
    for seed in range(200):
        X, y = truth.sample(900, seed)
        proba = truth.predict_proba(X)
        report = information_by_segment(
            y, proba, X[:, 0], reference_nll=log_loss_per_sample(y, proba)
        )
        ends = [part.efficiency.learnability for part in report.segments]
        covered += [e.lower <= L <= e.upper for e, L in zip(ends, expected, strict=True)]
    assert (covered / 200 > 0.89).all()


def test_blind_segment_is_found():
    _, _, truth = make_segmented_classification(
        learnabilities=(0.02, 0.1, 0.3, 0.6), random_state=0, return_truth=True
    )
    rng = np.random.default_rng(1)
    found = [
        information_by_segment(y, model, segments, reference_nll=reference).segments
        for segments, y, reference, model in (draw(truth, rng, 4000, False) for _ in range(50))
    ]
    blind = [parts[2].status == "leaves information" for parts in found]
    others = [
        parts[i].status in ("leaves information", "loses bits")
        for parts in found
        for i in (0, 1, 3)
    ]
    assert np.mean(blind) > 0.9
    assert np.mean(others) < 0.05


def test_verdicts():
    _, y, reference, _ = problem(n=6000, learnabilities=(0.4,))
    rng = np.random.default_rng(0)
    golden = np.where(y == 1, 2**-reference, 1 - 2**-reference)
    weak = expit(0.4 * clipped_logit(golden))
    segments = np.repeat(
        ["better", "chance", "equal", "few", "loses", "weak"], [1000, 1000, 1000, 40, 1960, 1000]
    )
    model, ceiling = golden.copy(), golden.copy()
    model[segments == "weak"] = weak[segments == "weak"]
    ceiling[segments == "better"] = weak[segments == "better"]
    noise = np.isin(segments, ["chance", "loses"])
    y = np.where(noise, rng.integers(0, 2, 6000), y)
    model[noise] = ceiling[noise] = 0.5
    model[segments == "loses"] = rng.choice([0.2, 0.8], 1960)
    with pytest.warns(SmallSegmentWarning, match="1 of 6 segments, with 0.7%.*'few'"):
        report = information_by_segment(
            y, model, segments, reference_nll=log_loss_per_sample(y, ceiling)
        )
    assert statuses(report) == [
        "ceiling too low",
        "nothing to learn",
        "at its ceiling",
        "too few rows",
        "loses bits",
        "leaves information",
    ]
    few = report.segments[3]
    assert np.isnan([few.p_excess_loss, few.adjusted_p_learnability]).all()
    assert np.isfinite(few.excess_loss.lower)


def test_a_handful_of_rows_is_never_proof_of_nothing():
    found = []
    for seed in range(40):
        segments, y, reference, model = problem(seed, 60, learnabilities=(0.2,))
        report = information_by_segment(y, model, segments, reference_nll=reference)
        found += statuses(report)
    assert found.count("undecided") > 20
    assert "nothing to learn" not in found


@pytest.mark.parametrize("model", [0.5, "ceiling"])
def test_fitted_ceiling_a_little_below_zero_still_says_nothing_to_learn(model):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 4000)
    ceiling = expit(0.25 * rng.standard_normal(4000))
    proba = ceiling if model == "ceiling" else np.full(4000, model)
    report = information_by_segment(
        y, proba, np.zeros(4000), reference_nll=log_loss_per_sample(y, ceiling)
    )
    assert -0.05 < report.segments[0].efficiency.learnability.upper < 0
    assert statuses(report) == ["nothing to learn"]


def test_ceiling_that_is_worse_than_the_class_frequencies_is_called_too_low():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    bold = rng.choice([0.2, 0.8], 300)
    report = information_by_segment(
        y, bold, np.zeros(300), reference_nll=log_loss_per_sample(y, bold)
    )
    assert report.segments[0].efficiency.learnability.upper < 0
    assert statuses(report) == ["ceiling too low"]


def test_groups_are_what_is_counted():
    segments, y, reference, model = problem(n=900)
    options = {"reference_nll": reference, "groups": np.arange(900) % 20}
    with pytest.warns(SmallSegmentWarning, match="3 of 3"):
        report = information_by_segment(y, model, segments, **options)
    assert statuses(report) == ["too few rows"] * 3
    report = information_by_segment(y, model, segments, min_samples=20, **options)
    assert "too few rows" not in statuses(report)


def test_one_class_in_a_segment():
    segments, y, reference, model = problem()
    y = np.where(segments == 1, 0, y)
    reference = np.where(segments == 1, 0.01, reference)
    model = np.where(segments == 1, 1 - 2**-0.01, model)
    report = information_by_segment(y, model, segments, reference_nll=reference)
    assert report.segments[1].status == "one class"
    assert report.segments[1].label_entropy == 0
    assert np.isnan(report.segments[1].efficiency.value)
    assert "one class" in report.segments[1].efficiency.reason
    assert np.isfinite(report.within.efficiency.value)


def test_rounding_is_no_finding():
    segments, y, _, model = problem()
    reference = log_loss_per_sample(y, model)
    single = np.clip(model, 1e-3, 1).astype(np.float32)
    report = information_by_segment(
        y, single, segments, reference_nll=log_loss_per_sample(y, np.clip(model, 1e-3, 1)) + 1e-9
    )
    assert {part.p_excess_loss for part in report.segments} == {1.0}
    same = information_by_segment(y, model, segments, reference_nll=reference)
    assert set(statuses(same)) <= {"at its ceiling", "undecided", "nothing to learn"}


@pytest.mark.parametrize(
    ("segments", "names"),
    [
        (["b", "a", None] * 100, ["a", "b", "(missing)"]),
        (np.tile([1.5, np.nan, 0.0], 100), ["0.0", "1.5", "(missing)"]),
        (pd.cut(np.tile([5, 1, np.nan], 100), [0, 2, 4, 6]), ["(0, 2]", "(4, 6]", "(missing)"]),
        (
            pd.Series(["lo", "mid", "lo"] * 100, dtype=pd.CategoricalDtype(["mid", "lo", "hi"])),
            ["mid", "lo"],
        ),
        (pl.Series(["x", None, "y"] * 100), ["x", "y", "(missing)"]),
        ([1, "a", 2] * 100, ["1", "2", "a"]),
        ([True, False, True] * 100, ["False", "True"]),
    ],
)
def test_kinds_of_segments_and_their_order(segments, names):
    _, y, reference, model = problem(n=300)
    report = information_by_segment(y, model, segments, reference_nll=reference)
    assert report.to_frame()["segment"].tolist() == [*names, "(within segments)", "(all rows)"]
    assert sum(part.n_samples for part in report.segments) == 300


def test_index_of_a_series_is_ignored():
    segments, y, reference, model = problem()
    series = pd.Series(segments, index=np.arange(len(y))[::-1])
    report = information_by_segment(y, model, series, reference_nll=reference)
    expected = information_by_segment(y, model, segments, reference_nll=reference)
    pd.testing.assert_frame_equal(report.to_frame(), expected.to_frame())


def test_a_model_with_the_losses_of_its_ceiling_is_at_it_however_few_the_rows():
    segments, y, _, model = problem(n=300, learnabilities=(0.3, 0.6))
    reference = log_loss_per_sample(y, model)
    report = information_by_segment(y, model, segments, reference_nll=reference)
    assert statuses(report) == ["at its ceiling"] * 2
    assert min(part.efficiency.lower for part in report.segments) < 0.95
    rng = np.random.default_rng(1)
    near = expit(logit(model) + 0.02 * rng.standard_normal(len(y)))
    other = information_by_segment(y, near, segments, reference_nll=reference)
    assert statuses(other) == ["undecided"] * 2
    blind = np.full(len(y), y.mean())
    nothing = information_by_segment(
        y, blind, segments, reference_nll=log_loss_per_sample(y, blind)
    )
    assert "at its ceiling" not in statuses(nothing)


def test_calibration_is_of_all_rows():
    segments, y, reference, model = problem()
    bold = expit(3 * clipped_logit(model))
    calibrated = cross_fit_calibration(y, bold, calibration="temperature", random_state=0)
    found = information_by_segment(
        y, bold, segments, reference_nll=reference, calibration="temperature"
    )
    expected = information_by_segment(y, calibrated, segments, reference_nll=reference)
    pd.testing.assert_frame_equal(found.to_frame(), expected.to_frame())


def test_many_classes_and_their_order():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet([0.5] * 3, 900)
    y = np.array([rng.choice(["b", "c", "a"], p=p) for p in proba])
    segments = rng.integers(0, 2, 900)
    reference = log_loss_per_sample(y, proba, labels=["b", "c", "a"])
    report = information_by_segment(
        y, proba, segments, reference_nll=reference, labels=["b", "c", "a"]
    )
    assert statuses(report) == ["at its ceiling"] * 2


def test_no_warnings_of_undefined_efficiencies():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    half = np.full(300, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = information_by_segment(y, half, np.arange(300) % 3, reference_nll=np.ones(300))
    assert np.isnan([part.efficiency.value for part in report.segments]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segments": np.zeros((300, 1))}, r"Expected segments of shape \(300,\)"),
        ({"segments": [0] * 299}, r"shape \(299,\)"),
        ({"segments": [1, "1"] * 150}, "read .*'1'"),
        ({"segments": ["(missing)", None] * 150}, "read .*missing"),
        ({"segments": ["(all rows)", "b"] * 150}, "all rows"),
        ({"negligible": 1.0}, "negligible in .*got 1.0"),
        ({"min_samples": 1}, "min_samples as .*got 1"),
        ({"confidence": 95}, "confidence inside .*got 95"),
        ({"reference_nll": [1.0]}, r"\(300,\)"),
        ({"groups": [1, 2]}, r"groups of shape .*got \(2,\)"),
        ({"groups": [None] * 300}, "300 of 300 rows without one"),
        ({"calibration": "magic"}, "magic"),
    ],
)
def test_bad_input_is_refused(change, message):
    segments, y, reference, model = problem(n=300)
    options = {"segments": segments, "reference_nll": reference} | change
    with pytest.raises(ValueError, match=message):
        information_by_segment(y, model, **options)
