"""scikit-learn's own checks of every estimator."""

import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_learnability import (
    CalibratedNLL,
    GoldenModelCeiling,
    GoldenModelCeilingRegressor,
)

ESTIMATORS = [
    CalibratedNLL(LogisticRegression(), cv=3),
    CalibratedNLL(GaussianNB(), cv=3, calibration="isotonic"),
    GoldenModelCeiling([("logistic", LogisticRegression()), ("bayes", GaussianNB())], cv=3),
    GoldenModelCeiling(["prior", "logistic"], cv=2),
    GoldenModelCeilingRegressor([("ridge", Ridge())], cv=3),
    GoldenModelCeilingRegressor(["marginal", "linear", "linear_ranks"], cv=2),
]

#: Cross-validation cuts rows, so that a row of weight 2 falls into one fold
#: where two copies may fall into two.
SPLITS_ROWS = "splits rows: a weight is not the same as copies that fall into different folds"


def expected_failed_checks(estimator):
    """Return the checks that cannot hold for an estimator, with the reason."""
    if isinstance(estimator, GoldenModelCeiling | GoldenModelCeilingRegressor):
        return {
            "check_sample_weight_equivalence_on_dense_data": SPLITS_ROWS,
            "check_sample_weight_equivalence_on_sparse_data": SPLITS_ROWS,
        }
    return {}


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failed_checks)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")
@parametrize_with_checks(
    [GoldenModelCeiling(cv=2, random_state=0)], expected_failed_checks=expected_failed_checks
)
def test_scikit_learn_checks_of_the_default_family(estimator, check):
    pytest.importorskip("skorch")
    check(estimator)
