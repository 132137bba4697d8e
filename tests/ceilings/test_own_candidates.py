"""Own classifiers get what scikit-learn would give them: labels, weights, and X as it is."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability._folds import make_folds
from sklearn_learnability.ceilings._out_of_fold import CandidateModel
from sklearn_learnability.exceptions import CandidateFailedWarning, UnusedWeightsWarning

SCALED = make_pipeline(StandardScaler(), LogisticRegression())


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X[:, :8], y


def ceiling_of(model, X, y, **fit_params):
    ceiling = GoldenModelCeiling([("model", model)], cv=3, random_state=0)
    return ceiling.fit(X, y, **fit_params)


def test_labels_reach_own_candidates(cancer):
    X, y = cancer
    names = np.array(["m", "b"])[y]
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight={"b": 1, "m": 50}))
    ceiling = ceiling_of(model, X, names)
    proba = np.empty((len(y), 2))
    for train, test in make_folds(3, X, 1 - y, random_state=0).splits:
        spread = 1 / (len(train) + 1)  # the mass a ceiling spreads over what was never seen
        own = model.fit(X[train], names[train]).predict_proba(X[test])
        proba[test] = (1 - spread) * own + spread / 2
    loss = -np.log2(proba[np.arange(len(y)), np.where(names == "b", 0, 1)]).mean()
    assert ceiling.candidates_["nll"].item() == pytest.approx(loss)
    assert set(ceiling.predict(X)) == {"b", "m"}


class Images(ClassifierMixin, BaseEstimator):
    """Takes rows of 2 by 2 by 2 halves of numbers alone."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.model_ = make_pipeline(StandardScaler(), LogisticRegression()).fit(self._flat(X), y)
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(self._flat(X))

    def _flat(self, X):
        assert (X.dtype, X.shape[1:]) == (np.float32, (2, 2, 2))
        return X.reshape(len(X), -1)


def test_inputs_reach_own_candidates_untouched(cancer):
    X, y = cancer
    plain = ceiling_of(SCALED, X, y).learnability_
    images = ceiling_of(Images(), X.astype(np.float32).reshape(-1, 2, 2, 2), y).learnability_
    sparse = make_pipeline(StandardScaler(with_mean=False), LogisticRegression())
    assert images == pytest.approx(plain, abs=1e-5)
    assert ceiling_of(sparse, csr_matrix(X), y).learnability_ == pytest.approx(plain, abs=0.01)


def test_texts_are_learned_from():
    y = np.random.default_rng(0).integers(0, 2, 300)
    texts = [f"a {'good' if label else 'bad'} day, number {i % 7}" for i, label in enumerate(y)]
    ceiling = ceiling_of(make_pipeline(CountVectorizer(), LogisticRegression()), texts, y)
    assert ceiling.learnability_ > 0.99
    assert ceiling.predict(["such a bad day", "so good"]).tolist() == [0, 1]


class Silent(LogisticRegression):
    """Puts no mass on any class in its first rows."""

    def predict_proba(self, X):
        proba = super().predict_proba(X)
        proba[:2] = 0
        return proba


def test_a_row_without_mass_says_nothing(cancer):
    X, y = cancer
    X = StandardScaler().fit_transform(X)
    ceiling = ceiling_of(Silent(), X, y)
    folds = make_folds(3, X, y, random_state=0).splits
    assert np.isfinite(ceiling.oof_nll_).all()
    assert ceiling.learnability_ > 0.5
    silent = ceiling.models_[0][0].log_proba(X[folds[0][1]])[:2]
    np.testing.assert_allclose(np.exp(silent), 0.5)


class Given:
    """Answers with what it is given."""

    def predict_proba(self, X):
        return X


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, int])
def test_rows_without_mass_are_even_whatever_holds_them(dtype):
    given = np.array([[0, 0, 0], [0, 1, 0]], dtype=dtype)
    model = CandidateModel(Given(), np.arange(3), 3, n_train=99)
    proba = np.exp(model.log_proba(given))
    np.testing.assert_allclose(proba, [[1 / 3, 1 / 3, 1 / 3], [1 / 300, 298 / 300, 1 / 300]])


@pytest.mark.parametrize(
    "model",
    [
        GridSearchCV(SCALED, {"logisticregression__C": [1.0]}, cv=2),
        make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), LogisticRegression())),
        make_pipeline(
            StandardScaler(), VotingClassifier([("a", LogisticRegression())], voting="soft")
        ),
        make_pipeline(StandardScaler(), GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2)),
    ],
)
def test_weights_reach_the_last_model(cancer, model):
    X, y = cancer
    weight = np.where(y == 1, 50.0, 1.0)
    nll = [
        ceiling_of(m, X, y, sample_weight=weight).candidates_["nll"].item() for m in (SCALED, model)
    ]
    assert nll[0] == pytest.approx(nll[1], rel=1e-3)


def test_weights_that_reach_no_one_are_named(cancer):
    X, y = cancer
    with pytest.warns(UnusedWeightsWarning, match="'model' takes no sample_weight"):
        ceiling_of(KNeighborsClassifier(), X, y, sample_weight=np.where(y == 1, 2.5, 1.0))


class Boasting(LogisticRegression):
    """Claims a class that y does not have."""

    def fit(self, X, y):
        super().fit(X, y)
        self.classes_ = np.array(["b", "x"])
        return self


def test_classes_that_are_no_labels_are_named(cancer):
    X, y = cancer
    with (
        pytest.warns(CandidateFailedWarning, match="Expected classes_ that are labels of y"),
        pytest.raises(ValueError, match="got errors from all"),
    ):
        ceiling_of(Boasting(), StandardScaler().fit_transform(X), np.array(["m", "b"])[y])


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        (
            LogisticRegression(),
            r"Expected candidates as .*got LogisticRegression",
        ),
        ([LogisticRegression()], r"Expected a candidate as \(name, classifier\), got Log"),
        ([], r"Expected candidates as one of \['fast', 'default', 'best'\] or a list"),
    ],
)
def test_what_is_no_family_is_refused(cancer, candidates, message):
    with pytest.raises(TypeError, match=message):
        GoldenModelCeiling(candidates).fit(*cancer)


@pytest.mark.parametrize(
    "candidates", [["prior", "prior"], ["prior", ("prior", LogisticRegression())]]
)
def test_candidates_of_one_name_are_refused(cancer, candidates):
    with pytest.raises(ValueError, match=r"Expected candidates of different names, got "):
        GoldenModelCeiling(candidates).fit(*cancer)


@pytest.mark.parametrize(("n_rows", "least"), [(60, -0.1), (400, 0.3)])
def test_boosted_trees_take_empty_columns_and_lone_rows(cancer, n_rows, least):
    X, y = (part[:n_rows].copy() for part in cancer)
    X[:, 3] = np.nan
    y[[5, 30]] = 2
    # in one of the folds the third column is empty as well, and a class has a single row
    even = np.arange(n_rows) % 2 == 0
    X[even, 2] = np.nan
    cv = [(even, ~even), (~even, even)]
    ceiling = GoldenModelCeiling(["prior", "hist_gradient_boosting"], cv=cv, random_state=0)
    ceiling.fit(X, y)
    assert ceiling.candidates_["candidate"].tolist() == ["prior", "hist_gradient_boosting"]
    assert ceiling.learnability_ > least
    assert np.isfinite(ceiling.predict_proba(np.full((2, 8), np.nan))).all()
