"""scikit-learn's own checks of every estimator."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_learnability import CalibratedNLL

ESTIMATORS = [
    CalibratedNLL(LogisticRegression(), cv=3),
    CalibratedNLL(GaussianNB(), cv=3, method="isotonic"),
]


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
