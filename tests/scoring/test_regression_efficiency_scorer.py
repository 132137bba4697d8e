"""The scorer of regressors in scikit-learn's searches."""

import pickle

import numpy as np
import pytest
from scipy.stats import norm
from sklearn import config_context
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor
from sklearn.linear_model import BayesianRidge, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_learnability import GoldenModelCeilingRegressor, RegressionEfficiencyScorer
from sklearn_learnability.datasets import make_learnability_regression
from sklearn_learnability.exceptions import UndefinedInformationWarning


@pytest.fixture(scope="module")
def data():
    X, y = make_learnability_regression(1200, 6, learnability=0.5, random_state=0)
    ceiling = GoldenModelCeilingRegressor(["linear"], random_state=0).fit(X, y)
    return X, y, ceiling


@pytest.mark.parametrize("model", [Ridge(), BayesianRidge()])
def test_a_right_model_extracts_all(data, model):
    X, y, ceiling = data
    scores = cross_val_score(model, X, y, scoring=RegressionEfficiencyScorer(ceiling))
    assert scores.mean() == pytest.approx(1, abs=0.1)


def test_it_selects(data):
    X, y, ceiling = data
    search = GridSearchCV(
        Ridge(), {"alpha": [1, 1e5]}, scoring=RegressionEfficiencyScorer(ceiling), cv=3
    )
    assert search.fit(X[:, ::-1], y).best_params_ == {"alpha": 1}


def test_metadata_is_routed(data):
    X, y, ceiling = data
    scorer = RegressionEfficiencyScorer(ceiling).set_score_request(reference_information=True)
    with config_context(enable_metadata_routing=True):
        found = cross_validate(
            Ridge(),
            X,
            y,
            scoring=scorer,
            params={"reference_information": ceiling.oof_information_},
        )["test_score"]
    plain = cross_val_score(Ridge(), X, y, scoring=RegressionEfficiencyScorer(ceiling))
    assert found.mean() == pytest.approx(1, abs=0.05)
    assert found.std() < 0.8 * plain.std()  # paired


def test_weights_matter(data):
    X, y, _ = data
    scorer = RegressionEfficiencyScorer(0.5)
    model = Ridge().fit(X[:600], y[:600])
    half = np.arange(len(y)) < 600
    spoiled = np.where(half, y, np.roll(y, 1))
    alone = scorer(model, X[:600], y[:600])
    weighted = scorer(model, X, spoiled, sample_weight=np.where(half, 1.0, 0.0))
    assert weighted == pytest.approx(alone, abs=0.05)
    assert scorer(model, X, spoiled) < alone - 0.3


def test_a_ceiling_of_nothing_is_nan(data):
    X, y, _ = data
    noise = np.random.default_rng(0).normal(size=len(y))
    ceiling = GoldenModelCeilingRegressor(["linear"], random_state=0).fit(X, noise)
    with pytest.warns(UndefinedInformationWarning, match="lower limit"):
        score = RegressionEfficiencyScorer(ceiling)(Ridge().fit(X, y), X, y)
    assert np.isnan(score)


def test_what_is_refused(data):
    X, y, ceiling = data
    with pytest.raises(ValueError, match="Expected a ceiling, got none"):
        RegressionEfficiencyScorer()(Ridge().fit(X, y), X, y)
    with pytest.raises(TypeError, match="as a regressor"):
        RegressionEfficiencyScorer(0.5)(LogisticRegression(), X, y)
    with pytest.raises(ValueError, match="in one unit"):
        RegressionEfficiencyScorer(ceiling, units="nats")
    with pytest.raises(TypeError, match="got str"):
        RegressionEfficiencyScorer("0.5")


def test_it_is_shown_and_carried(data):
    _, _, ceiling = data
    scorer = pickle.loads(pickle.dumps(RegressionEfficiencyScorer(ceiling)))
    assert repr(scorer) == f"RegressionEfficiencyScorer({ceiling.learnability_:.4g})"
    assert repr(RegressionEfficiencyScorer()) == "RegressionEfficiencyScorer(None)"


class Normal(Ridge):
    """Forecasts distributions, or nothing."""

    def __init__(self, is_silent=False):
        super().__init__()
        self.is_silent = is_silent

    def pred_dist(self, X):
        return norm(self.predict(X) * (np.nan if self.is_silent else 1.0), 0.7)


@pytest.mark.parametrize("model", [Ridge(), Normal()])
def test_a_constant_target_leaves_it_undefined(data, model):
    X, y, _ = data
    with pytest.warns(UndefinedInformationWarning, match="all targets are equal"):
        score = RegressionEfficiencyScorer(0.5)(model.fit(X, y), X[:50], np.ones(50))
    assert np.isnan(score)


def test_forecasts_that_are_none_are_refused(data):
    X, y, _ = data
    with pytest.raises(ValueError, match="Expected finite forecasts from Normal"):
        RegressionEfficiencyScorer(0.5)(Normal(is_silent=True).fit(X, y), X, y)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        BaggingRegressor(Ridge(), 2, random_state=0),
        TransformedTargetRegressor(BayesianRidge()),
        make_pipeline(StandardScaler(), BayesianRidge()),
    ],
)
def test_what_hands_predict_on_is_scored(data, model, routing):
    X, y, _ = data
    with config_context(enable_metadata_routing=routing):
        score = RegressionEfficiencyScorer(0.5)(model.fit(X[:600], y[:600]), X[600:], y[600:])
    assert score == pytest.approx(1, abs=0.2)
