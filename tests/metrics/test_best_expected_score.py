"""Best expected scores: against closed forms, drawn labels and brute force."""

import numpy as np
import pytest
from scipy.special import entr, softmax
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    fbeta_score,
    get_scorer,
    log_loss,
    make_scorer,
    matthews_corrcoef,
    roc_auc_score,
)

from sklearn_learnability.metrics import best_expected_score
from sklearn_learnability.metrics._best_decisions import best_decisions
from sklearn_learnability.metrics._expected_score import Answers, ExpectedScore


def posterior(n_rows, n_classes, seed=0, shift=1.0):
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.standard_normal((n_rows, n_classes))
    logits[:, 0] += shift
    return softmax(logits, axis=1)


def draw(proba, seed):
    uniform = np.random.default_rng(seed).random(len(proba))
    return (uniform[:, None] >= np.cumsum(proba[:, :-1], axis=1)).sum(axis=1)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_means_over_rows_have_closed_forms(n_classes):
    p = posterior(500, n_classes)
    share = p.mean(axis=0)
    assert best_expected_score(p, "accuracy") == pytest.approx(p.max(axis=1).mean())
    assert best_expected_score(p, "log_loss") == pytest.approx(-entr(p).sum(axis=1).mean())
    balanced = (p / share).max(axis=1).mean() / n_classes
    assert best_expected_score(p, "balanced_accuracy") == pytest.approx(balanced)


def test_brier_of_two_classes_is_the_variance():
    p = posterior(500, 2)
    expected = -(p[:, 0] * p[:, 1]).mean()
    assert best_expected_score(p, "brier") == pytest.approx(expected)


def test_the_area_under_the_curve_is_a_mean_difference():
    """The area is 1/2 + E|p - p'| / (4 pi (1 - pi)), with p and p' of two rows."""
    p = posterior(800, 2)
    share = p[:, 1].mean()
    difference = np.abs(p[:, 1][:, None] - p[:, 1]).mean()
    expected = 0.5 + difference / (4 * share * (1 - share))
    assert best_expected_score(p, "roc_auc") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scoring", "metric", "n_classes"),
    [
        ("roc_auc", lambda y, p: roc_auc_score(y, p[:, 1]), 2),
        ("average_precision", lambda y, p: average_precision_score(y, p[:, 1]), 2),
        ("roc_auc_ovr", lambda y, p: roc_auc_score(y, p, multi_class="ovr"), 3),
        ("roc_auc_ovo", lambda y, p: roc_auc_score(y, p, multi_class="ovo"), 3),
        (
            "roc_auc_ovo_weighted",
            lambda y, p: roc_auc_score(y, p, multi_class="ovo", average="weighted"),
            3,
        ),
        ("neg_log_loss", lambda y, p: -log_loss(y, p), 3),
    ],
)
def test_it_is_the_mean_over_drawn_labels(scoring, metric, n_classes):
    p = posterior(2000, n_classes)
    drawn = [metric(draw(p, seed), p) for seed in range(40)]
    found = best_expected_score(p, scoring)
    assert abs(found - np.mean(drawn)) < 4 * np.std(drawn) / np.sqrt(40) + 1e-3


def best_threshold(p, metric):
    """Return the best expected value over all thresholds, by trying each."""
    codes, rows = np.tile([0, 1], len(p)), np.repeat(np.arange(len(p)), 2)
    return max(
        metric(codes, (p[rows, 1] >= threshold).astype(int), sample_weight=p.ravel())
        for threshold in np.unique(p[:, 1])
    )


@pytest.mark.parametrize("shift", [-1.0, 1.0, 4.0])
@pytest.mark.parametrize(
    ("scoring", "metric"),
    [
        ("f1", f1_score),
        ("matthews_corrcoef", matthews_corrcoef),
        (
            make_scorer(fbeta_score, beta=2),
            lambda y, d, sample_weight: fbeta_score(y, d, beta=2, sample_weight=sample_weight),
        ),
    ],
)
def test_no_threshold_is_better_than_the_best_decisions(scoring, metric, shift):
    p = posterior(120, 2, shift=shift)
    found, best = best_expected_score(p, scoring), best_threshold(p, metric)
    # F1 is a ratio of linear functions, and found; a correlation is not, and nearly found
    assert best - (2e-3 if scoring == "matthews_corrcoef" else 1e-6) < found < best + 1e-9


def test_half_of_the_best_f1_is_its_threshold():
    p = posterior(3000, 2)
    score = ExpectedScore.from_scoring("f1", np.arange(2))
    decisions = best_decisions(score, p, np.ones(len(p)))
    found = best_expected_score(p, "f1")
    np.testing.assert_array_equal(decisions, p[:, 1] > found / 2)


def test_no_weighing_of_classes_is_much_better_for_a_mean_of_f1():
    p, rng = posterior(500, 4, shift=2.0), np.random.default_rng(0)
    score = ExpectedScore.from_scoring("f1_macro", np.arange(4))

    def value(decisions):
        called = p.T @ np.eye(4)[decisions]
        return score.of_confusion(called)

    found = best_expected_score(p, "f1_macro")
    drawn = [value((p * np.exp(rng.standard_normal(4))).argmax(axis=1)) for _ in range(100)]
    assert value(p.argmax(axis=1)) + 0.01 < found
    assert max(drawn) < found + 0.002


def test_weights_count_rows():
    p = posterior(40, 2)
    counts = np.random.default_rng(1).integers(1, 4, 40)
    for scoring in ("roc_auc", "f1", "brier"):
        weighted = best_expected_score(p, scoring, sample_weight=counts)
        repeated = best_expected_score(np.repeat(p, counts, axis=0), scoring)
        assert weighted == pytest.approx(repeated, abs=1e-9)


def test_a_scorer_without_weights_is_given_whole_rows():
    def share_right(estimator, X, y):
        return float((estimator.predict(X) == y).mean())

    p = posterior(300, 3)
    found = best_expected_score(p, share_right)
    assert found == pytest.approx(best_expected_score(p, "accuracy"), abs=1e-3)


def test_labels_that_are_strings_have_the_second_as_the_positive_one():
    p = posterior(300, 2)
    for scoring in ("f1", "average_precision", "roc_auc"):
        named = best_expected_score(p, scoring, labels=["no", "yes"])
        assert named == best_expected_score(p, scoring)
        turned = best_expected_score(p[:, ::-1], scoring, labels=[1, 0])
        assert turned == best_expected_score(p, scoring)
    other = make_scorer(f1_score, pos_label="no")
    found = best_expected_score(p, other, labels=["no", "yes"])
    assert found == pytest.approx(best_expected_score(p[:, ::-1], "f1"))


def test_the_scorer_is_given_what_scikit_learn_gives_it():
    """A fitted model scored by name has the score that its probabilities have here."""
    p, y = posterior(400, 2), draw(posterior(400, 2), 3)
    model = Answers(np.arange(2))
    for scoring in ("roc_auc", "accuracy", "f1", "neg_brier_score"):
        score = ExpectedScore.from_scoring(scoring, np.arange(2))
        answers = np.eye(2)[p.argmax(axis=1)] if score.of_decisions else p
        found = score.observed(answers, y, np.ones(len(y)))
        assert found == pytest.approx(get_scorer(scoring)(model, p, y))


def test_a_class_that_is_never_called_is_no_matter():
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1]])
    assert best_expected_score(p, "matthews_corrcoef") > 0
    assert best_expected_score(p, "precision_macro") > 0.4


def test_wrong_scorers_are_refused():
    p = posterior(20, 3)
    with pytest.raises(ValueError, match="Expected scoring as the name of a scorer"):
        best_expected_score(p, "area")
    with pytest.raises(TypeError, match=r"Expected scoring as the name.*got int"):
        best_expected_score(p, 3)
    with pytest.raises(ValueError, match=r"Expected a scorer of .* 3 classes, got"):
        best_expected_score(p, "f1")
    with pytest.raises(ValueError, match="Expected scoring as the name"):
        best_expected_score(p, f1_score)
