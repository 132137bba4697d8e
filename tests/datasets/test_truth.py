import pickle

import numpy as np
import pytest
from scipy.special import xlogy
from sklearn.linear_model import LogisticRegression

from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.exceptions import ZeroProbabilityWarning


@pytest.fixture(scope="module")
def drawn():
    return make_learnability_classification(400, 6, random_state=0, return_truth=True)


def test_units(drawn):
    truth = drawn[2]
    assert truth.label_entropy() == pytest.approx(1.0)
    for quantity in (truth.label_entropy, truth.conditional_entropy):
        assert quantity("nats") == pytest.approx(quantity() * np.log(2))
    with pytest.raises(ValueError, match="units"):
        truth.label_entropy("dits")


def test_divergence_is_the_definition(drawn):
    X, _, truth = drawn
    p, q = truth.predict_proba(X), np.full((len(X), 2), 0.5)
    expected = (xlogy(p, p) - xlogy(p, q)).sum(axis=1)
    np.testing.assert_allclose(truth.kl_per_sample(q, X, units="nats"), expected, atol=1e-15)
    assert truth.kl_divergence(q, X) == pytest.approx(expected.mean() / np.log(2))
    assert truth.gap(q, X) == pytest.approx(expected.mean() / np.log(2) / truth.label_entropy())


def test_estimator_array_and_column_order_agree(drawn):
    X, y, truth = drawn
    model = LogisticRegression().fit(X, y)
    gap = truth.gap(model, X)
    assert truth.gap(model.predict_proba(X), X) == gap
    assert truth.gap(model.predict_proba(X)[:, ::-1], X, labels=[1, 0]) == gap
    assert truth.gap(model.predict_proba(X)[:, 1], X) == pytest.approx(gap)


def test_probability_zero_of_a_possible_class_warns(drawn):
    X, _, truth = drawn
    certain = np.tile([1.0, 0.0], (len(X), 1))
    with pytest.warns(ZeroProbabilityWarning, match="400 of 400 rows"):
        assert np.isfinite(truth.gap(certain, X))


def test_unknown_labels_are_refused(drawn):
    X, _, truth = drawn
    with pytest.raises(ValueError, match="Expected distinct labels"):
        truth.gap(np.full((len(X), 2), 0.5), X, labels=[0, 2])
    with pytest.raises(ValueError, match="Expected X with 6 columns, got 5"):
        truth.predict_proba(X[:, :5])


def test_oracle_loss_converges_to_the_conditional_entropy(drawn):
    truth = drawn[2]
    X, y = truth.sample(200_000, random_state=1)
    loss = -np.log2(truth.predict_proba(X)[np.arange(len(y)), y])
    error = loss.std() / np.sqrt(len(y))
    assert truth.conditional_entropy() == pytest.approx(loss.mean(), abs=3.5 * error)


def test_truth_is_frozen_pickles_and_tabulates(drawn):
    X, _, truth = drawn
    with pytest.raises(AttributeError):
        truth.signal_strength = 2.0
    again = pickle.loads(pickle.dumps(truth))
    np.testing.assert_array_equal(again.predict_proba(X), truth.predict_proba(X))
    assert truth.to_frame()["learnability"].item() == truth.learnability
