import numpy as np
import pandas as pd
import pytest

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.ceilings._crosses import Crosses


def table(n_samples, rng):
    numbers = rng.standard_normal((n_samples, 1))
    return np.column_stack([numbers, rng.integers(0, [2, 3, 4], (n_samples, 3))])


def test_columns_are_indicators_pairs_and_slopes():
    X = table(300, np.random.default_rng(0))
    found = Crosses(1, 2, scale=1.0).fit_transform(X).toarray()
    number, a, b, c = X.T
    expected = [a == value for value in range(2)] + [b == value for value in range(3)]
    expected += [c == value for value in range(4)]
    expected += [(a == left) & (b == right) for left in range(2) for right in range(3)]
    expected += [number * (a == value) for value in range(2)]
    expected += [number * (b == value) for value in range(3)]
    np.testing.assert_allclose(found, np.column_stack(expected))


def test_new_categories_have_no_indicator_of_their_own():
    X = table(300, np.random.default_rng(1))
    fitted = Crosses(1, 2).fit(X)
    strange = X[:5].copy()
    strange[:, 1:] = 99
    assert fitted.transform(strange).nnz == 0
    assert fitted.transform(strange).shape[1] == fitted.transform(X).shape[1]


def test_rare_categories_share_an_indicator():
    X = np.array([[0]] * 50 + [[1]] * 50 + [[2]] * 2 + [[3]] * 2)
    assert Crosses(0, 1, scale=1.0).fit_transform(X).sum(axis=0).tolist() == [[50, 50, 4]]


@pytest.mark.parametrize("kind", ["pair", "slope"])
def test_splines_find_what_two_columns_say_together_only(kind):
    rng = np.random.default_rng(2)
    side = rng.choice(["left", "right"], 2000)
    other = rng.choice(["up", "down"], 2000) if kind == "pair" else rng.choice([-1.0, 1.0], 2000)
    agrees = (side == "left") == (other == ("up" if kind == "pair" else 1.0))
    y = np.where(rng.random(2000) < 0.9, agrees, ~agrees)
    X = pd.DataFrame({"side": side, "other": other})
    ceiling = GoldenModelCeiling(["splines"], cv=3, random_state=0).fit(X, y)
    truth = 1 + 0.9 * np.log2(0.9) + 0.1 * np.log2(0.1)
    assert ceiling.learnability_ == pytest.approx(
        truth, abs=4 * ceiling.learnability_standard_error_
    )
