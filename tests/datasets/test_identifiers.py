from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import entr, expit

from sklearn_learnability.datasets import make_identifier_classification


def test_entropies_are_sums_over_all_levels():
    truth = make_identifier_classification(
        1, n_levels=(40, 30), n_numeric=0, learnability=0.3, random_state=0, return_truth=True
    )[2]
    cells = pd.DataFrame(product(range(40), range(30)), columns=["id_0", "id_1"])
    share = np.outer(*truth.frequencies).ravel()
    proba = truth.predict_proba(cells)
    assert share @ proba[:, 1] == pytest.approx(0.2, abs=2e-3)
    entropy = share @ entr(proba).sum(axis=1)
    error = 4 * truth.conditional_entropy_error_nats
    assert truth.conditional_entropy("nats") == pytest.approx(entropy, abs=error)
    assert 0 < error < 0.01


def test_score_has_the_variances_that_are_said():
    truth = make_identifier_classification(
        1, n_levels=(50, 20, 9), n_numeric=3, interaction=0.4, random_state=1, return_truth=True
    )[2]
    for share, effect in zip(truth.frequencies, truth.effects, strict=True):
        assert share @ effect == pytest.approx(0, abs=1e-12)
        assert share @ effect**2 == pytest.approx(0.6 / 4)
    assert np.sum(truth.weights**2) == pytest.approx(0.6 / 4)
    left, right = truth.factors
    together = left @ right.T
    share = np.outer(*truth.frequencies[:2])
    assert np.sum(share * together**2) == pytest.approx(0.4)
    np.testing.assert_allclose(together @ truth.frequencies[1], 0, atol=1e-12)
    np.testing.assert_allclose(truth.frequencies[0] @ together, 0, atol=1e-12)
    assert np.linalg.matrix_rank(together) == 2


def test_posterior_is_the_formula_and_levels_are_frequent_as_by_zipf():
    X, y, truth = make_identifier_classification(
        100_000, n_levels=(30, 20, 10), zipf_exponent=1.0, random_state=0, return_truth=True
    )
    frequent = X["id_0"].value_counts(normalize=True).to_numpy()
    expected = 1 / np.arange(1, 31)
    np.testing.assert_allclose(frequent, expected / expected.sum(), atol=0.006)
    row = X.iloc[[7]]
    a, b, c = (int(row[f"id_{j}"].iloc[0]) for j in range(3))
    score = truth.effects[0][a] + truth.effects[1][b] + truth.effects[2][c]
    score += truth.factors[0][a] @ truth.factors[1][b]
    score += row[["number_0", "number_1"]].to_numpy()[0] @ truth.weights
    positive = expit(truth.intercept + truth.signal_strength * score)
    np.testing.assert_allclose(truth.predict_proba(row), [[1 - positive, positive]])
    assert y.mean() == pytest.approx(0.2, abs=0.006)


@pytest.mark.parametrize("wish", [0.0, 0.02, 0.6])
def test_a_wished_learnability_is_hit(wish):
    truth = make_identifier_classification(
        1, learnability=wish, positive_rate=0.01, random_state=0, return_truth=True
    )[2]
    assert truth.learnability == pytest.approx(wish, abs=1e-6)


def test_other_rows_are_refused():
    X, _, truth = make_identifier_classification(5, random_state=0, return_truth=True)
    with pytest.raises(TypeError, match="Expected X as a data frame, got ndarray"):
        truth.predict_proba(X.to_numpy())
    with pytest.raises(ValueError, match=r"got none named \['id_1'\]"):
        truth.predict_proba(X.drop(columns="id_1"))
    with pytest.raises(ValueError, match=r"Expected levels '0' to '199' in column 'id_2', got"):
        truth.predict_proba(X.assign(id_2="200"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_levels": (20,)}, "Expected n_levels as 2 to 64 whole numbers"),
        ({"n_levels": 20}, "Expected n_levels as 2 to 64 whole numbers"),
        ({"n_levels": (20, 1)}, "Expected n_levels as an integer >= 2"),
        ({"n_factors": 0}, "Expected n_factors as an integer >= 1"),
        ({"interaction": 1.5}, "Expected interaction"),
        ({"zipf_exponent": -1}, "Expected zipf_exponent"),
        ({"positive_rate": 0.0}, r"Expected positive_rate inside \(0, 1\)"),
        ({"learnability": 1.0}, r"Expected learnability in \[0.000, 0.9"),
    ],
)
def test_parameters_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        make_identifier_classification(10, random_state=0, **wrong)
