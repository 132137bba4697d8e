"""What is of a wrong kind, or beyond what a float holds, is named where it is given."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm
from sklearn.model_selection import GroupKFold, LeaveOneOut

from sklearn_learnability.datasets import (
    learnability_suite,
    make_mixture_classification,
    make_segmented_classification,
)
from sklearn_learnability.exceptions import MissingClassWarning, UndefinedInformationWarning
from sklearn_learnability.metrics import (
    Minimum,
    calibrated_nll,
    compare_models,
    cross_fit_calibration,
    efficiency,
    information_by_segment,
    linear_association,
    log_loss_per_sample,
    predicted_bits,
    select_by_description_length,
    two_part_code_length,
)
from sklearn_learnability.metrics._resampling import mean_estimate, two_sided_quantile
from sklearn_learnability.metrics.theoretical_llc import (
    deep_linear_network,
    normal_crossing,
    reduced_rank_regression,
)

Y, PROBA = [0, 1, 1, 0, 1, 0], [0.2, 0.7, 0.6, 0.4, 0.9, 0.1]
PAIR = np.array([0, 1j])
HALVES = np.full(6, 0.5)
on_rows = {
    "loss": partial(log_loss_per_sample, Y, PROBA),
    "calibrated": partial(calibrated_nll, Y, PROBA),
    "efficiency": partial(efficiency, Y, PROBA),
    "segments": partial(information_by_segment, Y, PROBA, list("aabbcc"), reference_nll=HALVES),
}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(on_rows["loss"], labels=[]), "labels that are classes, got \\[\\]"),
        (partial(on_rows["loss"], labels=[0, 1, None]), "labels that are classes"),
        (partial(on_rows["loss"], labels=["a", "b"]), "labels "),
        (partial(log_loss_per_sample, ["a", "b"], [0.5, 0.5], labels=[0, 1]), "labels "),
        (partial(on_rows["loss"], units=PAIR), "units as 'bits' or 'nats'"),
        (partial(on_rows["calibrated"], calibration=PAIR), "calibration as one of"),
        (partial(on_rows["calibrated"], sample_weight=10**400), "numbers as sample_weight"),
        (partial(on_rows["calibrated"], sample_weight=PAIR), "numbers as sample_weight"),
        (partial(on_rows["calibrated"], random_state="no"), "random_state as an integer"),
        (partial(on_rows["calibrated"], random_state=-1), "random_state as an integer"),
        (partial(on_rows["calibrated"], cv=GroupKFold(2)), "cv that splits 6 rows"),
        (partial(on_rows["calibrated"], cv=[1, 2]), "cv that splits 6 rows"),
        (
            partial(on_rows["calibrated"], cv=[([0, 1], [99])]),
            "whole numbers from 0 to 5",
        ),
        (
            partial(on_rows["calibrated"], cv=[([0, 1], [0.5])]),
            "whole numbers from 0 to 5",
        ),
        (
            partial(on_rows["calibrated"], cv=[(0, 1)]),
            "whole numbers from 0 to 5",
        ),
        (partial(on_rows["efficiency"], learnability=-np.inf), "learnability of at most 1"),
        (partial(on_rows["efficiency"], learnability=0.5, confidence="95"), "confidence inside"),
        (partial(on_rows["efficiency"], reference_nll=HALVES * 1e300), "at most 1e\\+50, got 5e"),
        (partial(on_rows["segments"], min_samples=2.5), "min_samples as an integer >= 2"),
        (partial(on_rows["segments"], negligible=None), "negligible in"),
        (partial(compare_models, 3, {"a": PROBA}, learnability=0.5), "y as a 1d array"),
        (partial(linear_association, ["a", "b"], [1, 2]), "numbers as x"),
        (partial(linear_association, range(5), range(5), confidence=None), "confidence inside"),
        (
            partial(linear_association, range(5), range(5), given=np.zeros((5, 0))),
            "one column in given",
        ),
        (partial(predicted_bits, 1.0, np.inf, 0.5), "n_parameters of at least 1, got inf"),
        (partial(predicted_bits, 1j, 10, 0.5), "finite llc of at least 0"),
        (partial(two_part_code_length, "7", 1.0, 100), "finite nll_sum"),
        (partial(two_part_code_length, 7.0, 1e307, 1e9), "whose length a float can hold"),
        (partial(select_by_description_length, [1], 10), "models as a mapping"),
        (partial(select_by_description_length, {"a": 1}, 10), "a Minimum for 'a', got int"),
        (
            partial(select_by_description_length, {"a": Minimum(1, 1)}, 10, n_range=3),
            "n_range of two numbers",
        ),
        (partial(select_by_description_length, {"a": Minimum(1e300, 1)}, 10), "nll of 'a' whose"),
        (partial(deep_linear_network, 5, 1), "two or more widths"),
        (partial(reduced_rank_regression, 10**400, 5, 5, 1), "a width as an integer"),
        (partial(normal_crossing, 2), "a term of at least one exponent"),
        (partial(normal_crossing, [5e-324]), "positive exponents"),
        (partial(learnability_suite, PAIR), "version=1"),
        (partial(make_mixture_classification, class_frequencies="ab"), "numbers as class_freq"),
        (partial(make_mixture_classification, 10**400), "n_samples as an integer"),
        (partial(make_mixture_classification, random_state=1j), "random_state as an integer"),
    ],
)
def test_wrong_kinds_are_named(call, message):
    with pytest.raises((ValueError, TypeError), match=f"^Expected .*{message}"):
        call()


def test_a_fold_without_weight_leaves_its_rows_as_they_are():
    weight = [1, 0, 0, 0, 0, 0]
    with pytest.warns(MissingClassWarning):
        found = cross_fit_calibration(Y, PROBA, cv=LeaveOneOut(), sample_weight=weight)
    assert_allclose(found[0], [0.8, 0.2])


def test_no_share_is_taken_of_a_learnability_below_rounding():
    with pytest.warns(UndefinedInformationWarning, match="cannot be told from 0"):
        assert np.isnan(efficiency(Y, PROBA, learnability=5e-324).value)
    assert efficiency(Y, PROBA, learnability=0.9).value > 0


def test_intervals_of_any_level_have_ends():
    assert_allclose(two_sided_quantile(0.95), norm.ppf(0.975))
    found = mean_estimate([0.0, 1.0], confidence=1 - 1e-16)
    assert np.isfinite([found.lower, found.upper]).all()


def test_segments_without_a_signal_have_nothing_to_learn():
    _, _, truth = make_segmented_classification(
        20, learnabilities=[0.0, 0.0], random_state=0, return_truth=True
    )
    assert_allclose(truth.learnability, 0, atol=1e-9)
