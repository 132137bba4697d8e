"""scikit-learn's own checks of the ceiling's network."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_learnability.torch.candidates._network_classifier import NetworkClassifier

#: Training takes rows in batches: two copies fall into two steps, a row of weight 2 into one.
TAKES_BATCHES = "takes rows in batches: a weight is not the same as copies in different steps"


def expected_failed_checks(estimator):
    """Return the checks that cannot hold, with the reason."""
    return {"check_sample_weight_equivalence_on_dense_data": TAKES_BATCHES}


@pytest.mark.slow
@parametrize_with_checks(
    [NetworkClassifier(n_members=1, max_epochs=40)], expected_failed_checks=expected_failed_checks
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
