"""The ceiling of a number, against what is known of it exactly."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor, StackingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import BayesianRidge, LinearRegression, LogisticRegression
from sklearn.model_selection import ShuffleSplit, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_learnability import GoldenModelCeilingRegressor
from sklearn_learnability.datasets import make_learnability_regression
from sklearn_learnability.exceptions import (
    CandidateFailedWarning,
    FewValuesWarning,
    LearnabilityWarning,
    ResolutionWarning,
)

CHEAP = ["marginal", "linear", "linear_ranks"]
NULLS = {
    "t3": lambda rng, n: rng.standard_t(3, n),
    "lognormal": lambda rng, n: np.exp(1.5 * rng.normal(size=n)),
    "bimodal": lambda rng, n: rng.normal(size=n) + 8 * (rng.random(n) < 0.4),
    "counts": lambda rng, n: rng.poisson(3, n),
    "rounded": lambda rng, n: np.round(rng.normal(size=n), 1),
    "many zeros": lambda rng, n: np.where(rng.random(n) < 0.6, 0, rng.exponential(size=n)),
    "bounded": lambda rng, n: rng.beta(0.5, 0.5, n),
}


def ceiling_of(X, y, candidates=None, **options):
    fit = {name: options.pop(name) for name in ("sample_weight", "groups") if name in options}
    model = GoldenModelCeilingRegressor(candidates or CHEAP, random_state=0, **options)
    return model.fit(X, y, **fit)


@pytest.fixture(scope="module")
def linear():
    X, y, truth = make_learnability_regression(
        900, 4, learnability=0.6, random_state=0, return_truth=True
    )
    return X, y, truth, ceiling_of(X, y)


@pytest.mark.parametrize("learnability", [0.1, 0.5, 0.9])
def test_of_gaussians_it_is_the_share_of_variance(learnability):
    X, y, truth = make_learnability_regression(
        2500, 3, learnability=learnability, random_state=1, return_truth=True
    )
    ceiling = ceiling_of(X, y)
    r2 = 1 - np.var(y - truth.predict(X)) / np.var(y)
    assert ceiling.learnability_ == pytest.approx(r2, abs=0.015)
    low, high = ceiling.learnability_interval_
    assert low < learnability < high


def test_it_counts_what_the_inputs_tell_of_the_spread():
    X, y, truth = make_learnability_regression(
        2500, 3, learnability=0.7, heteroscedasticity=1.0, random_state=0, return_truth=True
    )
    r2 = 1 - np.var(y - truth.predict(X)) / np.var(y)
    assert r2 < 0.5
    assert ceiling_of(X, y).learnability_ == pytest.approx(0.7, abs=0.025)


def test_noise_of_another_shape():
    """y = x + noise of two points blurred: the information is far above that of its variance."""
    rng = np.random.default_rng(0)
    n = 2500
    X = rng.normal(size=(n, 1))
    y = X[:, 0] + np.where(rng.random(n) < 0.5, -2, 2) + 0.3 * rng.normal(size=n)
    grid = np.linspace(-9, 9, 4001)
    marginal = (norm.pdf(grid, -2, np.hypot(1, 0.3)) + norm.pdf(grid, 2, np.hypot(1, 0.3))) / 2
    noise = (norm.pdf(grid, -2, 0.3) + norm.pdf(grid, 2, 0.3)) / 2
    entropies = [-trapezoid(p * np.log(np.maximum(p, 1e-300)), grid) for p in (marginal, noise)]
    truth = 1 - np.exp(-2 * (entropies[0] - entropies[1]))
    assert ceiling_of(X, y).learnability_ == pytest.approx(truth, abs=0.02)
    assert LinearRegression().fit(X, y).score(X, y) < truth - 0.4


@pytest.mark.parametrize("name", NULLS)
@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.FewValuesWarning")
def test_inputs_that_say_nothing_read_as_nothing(name):
    claims = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        ceiling = ceiling_of(rng.normal(size=(300, 3)), NULLS[name](rng, 300))
        assert -0.04 < ceiling.learnability_ < 0.03
        claims.append(ceiling.learnability_lower_limit_ > 0)
    assert sum(claims) <= 1


def test_the_parts_belong_together(linear):
    ceiling = linear[3]
    nats = ceiling.mutual_information_ * np.log(2)
    assert ceiling.learnability_ == pytest.approx(1 - np.exp(-2 * nats))
    assert ceiling.marginal_nll_ - ceiling.nll_ == pytest.approx(ceiling.mutual_information_)
    assert ceiling.oof_nll_.mean() == pytest.approx(ceiling.nll_)
    assert ceiling.oof_information_.mean() == pytest.approx(ceiling.mutual_information_)
    # in the units of y they are near the entropies
    normal = 0.5 * np.log2(2 * np.pi * np.e)
    assert ceiling.nll_ == pytest.approx(normal, abs=0.15)
    assert ceiling.marginal_nll_ == pytest.approx(normal - 0.5 * np.log2(0.4), abs=0.2)
    low, high = ceiling.learnability_interval_
    assert low < ceiling.learnability_lower_limit_ < ceiling.learnability_ < high


def test_predictions(linear):
    _, _, truth, ceiling = linear
    fresh, numbers = truth.sample(2000, random_state=1)
    assert np.var(ceiling.predict(fresh) - truth.predict(fresh)) < 0.02
    share = numbers[:, None] < ceiling.predict_quantiles(fresh, [0.1, 0.5, 0.9])
    np.testing.assert_allclose(share.mean(axis=0), [0.1, 0.5, 0.9], atol=0.03)
    assert ceiling.score(fresh, numbers) == pytest.approx(0.6, abs=0.03)
    assert ceiling.information(fresh, numbers).mean() == pytest.approx(
        truth.mutual_information(), abs=0.06
    )
    gap = truth.log_density(fresh, numbers) - ceiling.log_density(fresh, numbers)
    assert 0 < gap.mean() < 0.2  # bins of nine rows are uneven
    assert np.isfinite(ceiling.log_density(fresh[:2], [1e9, -1e9])).all()


def test_densities_integrate_to_one(linear):
    X, _, _, ceiling = linear
    grid = np.linspace(-40, 40, 10_001)
    for row in X[:2]:
        density = 2 ** ceiling.log_density(np.tile(row, (len(grid), 1)), grid)
        assert trapezoid(density, grid) == pytest.approx(1, abs=2e-3)


def test_the_unit_of_y_does_not_matter(linear):
    X, y, _, ceiling = linear
    for unit, shift in ((100.0, 3e4), (-1e-6, 3e-6)):
        other = ceiling_of(X, y * unit + shift)
        assert other.learnability_ == pytest.approx(ceiling.learnability_, abs=6e-3)
    assert ceiling_of(X, y, ["linear_ranks"]).learnability_ == pytest.approx(
        ceiling_of(X, np.exp(y), ["linear_ranks"]).learnability_, abs=1e-9
    )
    assert ceiling_of(X, np.exp(y)).learnability_ == pytest.approx(ceiling.learnability_, abs=0.01)


def test_units_of_information(linear):
    X, y, _, bits = linear
    nats = ceiling_of(X, y, units="nats")
    assert nats.learnability_ == pytest.approx(bits.learnability_)
    assert nats.mutual_information_ == pytest.approx(bits.mutual_information_ * np.log(2))
    assert nats.nll_ == pytest.approx(bits.nll_ * np.log(2))


def test_types_of_y_and_outliers(linear):
    X, y, _, ceiling = linear
    assert ceiling_of(X, y.astype(np.float32)).learnability_ == pytest.approx(
        ceiling.learnability_, abs=1e-4
    )
    spoiled = y.copy()
    spoiled[:3] = 1e6, -1e6, 1e9
    found = ceiling_of(X, spoiled)
    assert np.isfinite(found.oof_nll_).all()
    assert found.learnability_ == pytest.approx(ceiling.learnability_, abs=0.05)
    whole = ceiling_of(X, np.round(10 * y).astype(int))
    assert whole.learnability_ == pytest.approx(ceiling.learnability_, abs=0.02)


class Clipped(LinearRegression):
    """Sees no outliers, and says a location or a standard deviation with it."""

    def __init__(self, says_std=False):
        super().__init__()
        self.says_std = says_std

    def fit(self, X, y):
        return super().fit(X, np.clip(y, -5, 5))

    def predict(self, X, return_std=False):
        mean = super().predict(X)
        return (mean, np.full(len(mean), 0.6)) if return_std and self.says_std else mean


@pytest.mark.parametrize(
    "candidates",
    [["marginal", "linear"], CHEAP, [("own", Clipped())], [("own", Clipped(says_std=True))]],
)
def test_an_outlier_of_any_size_is_one_row(candidates):
    X, y = make_learnability_regression(300, 3, learnability=0.6, random_state=0)
    plain = ceiling_of(X, y, candidates).learnability_
    for size in (1e9, -1e100):
        y[5] = size
        assert ceiling_of(X, y, candidates).learnability_ == pytest.approx(plain, abs=0.03)


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.FewValuesWarning")
def test_the_interval_of_nothing_reaches_above_it():
    rng = np.random.default_rng(0)
    found = ceiling_of(rng.normal(size=(200, 2)), rng.normal(size=200))
    low, high = found.learnability_interval_
    assert -0.1 < low < -0.02
    assert 0.03 < high < 0.1
    rare = ceiling_of(rng.normal(size=(200, 2)), np.arange(200) == 5)
    assert rare.learnability_interval_[1] <= rare.most_learnability_


@pytest.mark.parametrize("y", [[1.0, np.nan] * 20, [1.0, np.inf] * 20, ["a", "b"] * 20])
def test_targets_that_are_none_are_refused(y):
    with pytest.raises(ValueError, match="Expected"):
        ceiling_of(np.zeros((len(y), 1)), y)


def test_a_constant_is_refused():
    with pytest.raises(ValueError, match="Expected at least 2 distinct targets, got n_samples=30"):
        ceiling_of(np.zeros((30, 1)), np.full(30, 3.0))


def test_few_values_are_told_of():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 1))
    with pytest.warns(FewValuesWarning, match="y has 2 distinct values .* cannot exceed 0.75"):
        ceiling = ceiling_of(X, X[:, 0] > 0)
    assert ceiling.most_learnability_ == pytest.approx(0.75, abs=0.01)
    assert 0.4 < ceiling.learnability_ < 0.75


def test_a_function_of_the_inputs_is_told_of():
    X = np.random.default_rng(0).normal(size=(1000, 2))
    with pytest.warns(ResolutionWarning, match="they all but fix y"):
        ceiling = ceiling_of(X, X @ [1, 2])
    assert 0.99 < ceiling.learnability_ < ceiling.most_learnability_ < 1
    assert np.isfinite(ceiling.mutual_information_interval_).all()


class Scale(RegressorMixin, BaseEstimator):
    """Knows mean and standard deviation, and says them in one of three ways."""

    def __init__(self, says="std"):
        self.says = says

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X, return_std=False):
        if return_std and self.says != "std":
            raise TypeError("no std")
        return (X[:, 0], np.exp(X[:, 1])) if return_std else X[:, 0]


class Distributions(Scale):
    def predict_dist(self, X):
        return norm(X[:, 0], np.exp(X[:, 1]))


def test_own_regressors_tell_as_much_as_they_say():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 2))
    y = X[:, 0] + np.exp(X[:, 1]) * rng.normal(size=1500)
    of = {
        name: ceiling_of(X, y, [("own", model)]).learnability_
        for name, model in {
            "std": Scale(),
            "location": Scale("location"),
            "distribution": Distributions(),
        }.items()
    }
    assert of["std"] == pytest.approx(of["distribution"], abs=1e-3)
    assert of["location"] < of["std"] - 0.1


@pytest.mark.parametrize(
    "model",
    [
        BayesianRidge(),
        GaussianProcessRegressor(alpha=1.0),
        LinearRegression(),
        BaggingRegressor(LinearRegression(), 2, random_state=0),
        TransformedTargetRegressor(BayesianRidge(), transformer=StandardScaler()),
        make_pipeline(StandardScaler(), BayesianRidge()),
        StackingRegressor([("own", LinearRegression())], BayesianRidge(), cv=2),
    ],
)
@pytest.mark.parametrize("routing", [False, True])
def test_regressors_of_scikit_learn(model, routing):
    X, y = make_learnability_regression(300, 3, learnability=0.6, random_state=0)
    with config_context(enable_metadata_routing=routing):
        assert ceiling_of(X, y, [("own", model)]).learnability_ == pytest.approx(0.6, abs=0.1)


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.CandidateFailedWarning")
def test_a_scale_of_zero_is_as_small_as_any_and_one_below_is_refused():
    X, y = make_learnability_regression(300, 3, learnability=0.6, random_state=0)
    plain = ceiling_of(X, y, [("own", Answers("mean"))]).learnability_
    zero = ceiling_of(X, y, [("own", Answers("zero std"))]).learnability_
    assert zero == pytest.approx(plain, abs=1e-3)
    for says, match in (
        ("negative std", "standard deviations of at least 0 from Answers, got -1"),
        ("nan", "finite forecasts from Answers"),
        ("short", r"one forecast a row, shape \(60,\), from Answers, got \(59,\)"),
    ):
        with pytest.raises(ValueError, match=match):
            ceiling_of(X, y, [("own", Answers(says))])


class Answers(LinearRegression):
    """Answers in ways good and bad."""

    def __init__(self, says):
        super().__init__()
        self.says = says

    def predict(self, X, return_std=False):
        mean = super().predict(X)
        if return_std and "std" in self.says:
            return mean, np.full(len(mean), -1.0 if "negative" in self.says else 0.0)
        return {"nan": mean * np.nan, "short": mean[1:]}.get(self.says, mean)


def test_a_model_that_is_too_sure_is_calibrated():
    X, y = make_learnability_regression(600, 5, learnability=0.5, random_state=0)
    deep = RandomForestRegressor(20, random_state=0)
    found = ceiling_of(X, y, [("forest", deep)])
    assert 0.15 < found.learnability_ < 0.5


def test_who_is_refused_and_who_is_left_out():
    X, y = make_learnability_regression(100, 3, learnability=0.5, random_state=0)
    with pytest.raises(TypeError, match="as a regressor with predict, got LogisticRegression"):
        ceiling_of(X, y, [("no", LogisticRegression())])
    with pytest.raises(ValueError, match="Expected candidates as one of"):
        ceiling_of(X, y, "best")
    with pytest.raises(ValueError, match="Expected numbers as quantiles, got str"):
        ceiling_of(X, y).predict_quantiles(X, "a")
    with pytest.raises(ValueError, match="Expected a candidate of"):
        ceiling_of(X, y, ["nobody"])
    bad = LinearRegression(n_jobs="no")
    with pytest.warns(CandidateFailedWarning, match="'bad' is left out"):
        found = ceiling_of(X, y, ["linear", ("bad", bad)])
    assert found.candidates_["candidate"].tolist() == ["linear"]


def test_weights_are_like_copies(linear):
    X, y, _, _ = linear
    weight = np.where(np.abs(y - y.mean()) > y.std(), 3, 1)  # rows far out hold more
    weighted = ceiling_of(X, y, sample_weight=weight)
    copied = ceiling_of(
        X.repeat(weight, axis=0),
        y.repeat(weight),
        groups=np.arange(len(y)).repeat(weight),
    )
    assert weighted.learnability_ == pytest.approx(copied.learnability_, abs=0.03)  # other folds
    assert weighted.learnability_ > ceiling_of(X, y).learnability_ + 0.06
    scaled = ceiling_of(X, y, sample_weight=weight * 1e-9)
    assert scaled.learnability_ == pytest.approx(weighted.learnability_, abs=1e-6)


def test_groups_and_order(linear):
    X, y, _, _ = linear
    groups = np.arange(len(y)) // 3
    grouped = ceiling_of(X, y, groups=groups)
    assert grouped.n_independent_ == 300
    ordered = ceiling_of(X, y, cv=TimeSeriesSplit(4))
    assert (ordered.n_unpredicted_, ordered.n_independent_) == (360, 20)
    assert np.isnan(ordered.oof_nll_[:360]).all()
    assert np.isfinite(ordered.oof_nll_[360:]).all()
    assert ordered.learnability_ == pytest.approx(0.6, abs=0.12)
    several = ceiling_of(X, y, cv=ShuffleSplit(3, test_size=0.3, random_state=0))
    assert several.learnability_ == pytest.approx(0.6, abs=0.12)
    assert len(several.models_[0]) == 1


def test_tables_with_categories_and_gaps():
    rng = np.random.default_rng(0)
    n = 400
    kind = rng.choice(list("abc"), n)
    number = rng.normal(size=n)
    y = number + 2.0 * (kind == "a") + rng.normal(size=n)
    number[::7] = np.nan
    table = pd.DataFrame(
        {"kind": pd.Categorical(kind), "number": number, "size": rng.normal(size=n)}
    )
    found = ceiling_of(table, y, [*CHEAP, "splines", "classes"])
    assert 0.35 < found.learnability_ < 0.65
    assert np.isfinite(found.predict(table.iloc[:5])).all()
    assert found.feature_names_in_.tolist() == ["kind", "number", "size"]


def test_few_rows_and_copies():
    X, y = make_learnability_regression(30, 3, learnability=0.5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LearnabilityWarning)
        found = ceiling_of(X, y)
        twice = ceiling_of(X.repeat(2, axis=0), y.repeat(2))
    assert np.isfinite(found.learnability_interval_).all()
    assert found.learnability_interval_[0] < 0.5 < found.learnability_interval_[1]
    assert twice.duplicate_share_ > 0.5


def test_it_is_kept_and_carried(linear, tmp_path):
    X, y, _, ceiling = linear
    again = pickle.loads(pickle.dumps(ceiling))
    np.testing.assert_array_equal(again.predict(X[:5]), ceiling.predict(X[:5]))
    first, second = (ceiling_of(X, y, ["linear"], memory=str(tmp_path)) for _ in range(2))
    assert first.learnability_ == second.learnability_
    assert any(tmp_path.rglob("*.pkl"))


@pytest.mark.slow
def test_the_default_family_of_curves_and_products():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, size=(4000, 5))
    signal = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
    y = signal + 0.8 * rng.normal(size=4000)
    ceiling = GoldenModelCeilingRegressor(random_state=0).fit(X, y)
    assert ceiling.learnability_ > 0.6
    assert ceiling.candidates_["candidate"].tolist()[-1] == "catboost_ranks"


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.FewValuesWarning")
def test_training_rows_of_one_value_leave_no_candidate_out():
    X = np.random.default_rng(0).normal(size=(40, 2))
    found = ceiling_of(X, np.arange(40) == 5, ["marginal", "classes"])
    assert found.candidates_["candidate"].tolist() == ["marginal", "classes"]
    assert found.learnability_lower_limit_ <= 0
