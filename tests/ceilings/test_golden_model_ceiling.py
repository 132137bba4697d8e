"""The ceiling: honest out of fold, robust to what real data bring."""

import pickle
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sklearn_learnability import EfficiencyScorer, GoldenModelCeiling
from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.exceptions import (
    CandidateFailedWarning,
    DuplicateRowsWarning,
    MissingClassWarning,
)
from sklearn_learnability.metrics import efficiency, label_entropy, log_loss_per_sample

FAMILY = [("logistic", LogisticRegression()), ("bayes", GaussianNB())]


@pytest.fixture(scope="module")
def data():
    return make_learnability_classification(
        1500, n_features=8, learnability=0.4, random_state=0, return_truth=True
    )


@pytest.fixture(scope="module")
def ceiling(data):
    X, y, _ = data
    return GoldenModelCeiling(FAMILY, random_state=0).fit(X, y)


def test_one_uncalibrated_candidate_is_its_cross_validated_loss(data):
    """Without calibration and with one candidate nothing is left but the candidate's loss."""
    X, y, _ = data
    family = [("logistic", LogisticRegression())]
    cv = StratifiedKFold(5)
    ceiling = GoldenModelCeiling(family, cv=cv, calibration=None, blend="best").fit(X, y)
    proba = cross_val_predict(LogisticRegression(), X, y, method="predict_proba", cv=cv)
    # of 1200 training rows, 1/1201 of the mass is spread over the classes
    spread = 1 / 1201
    smoothed = (1 - spread) * proba + spread / 2
    np.testing.assert_allclose(ceiling.oof_proba_, smoothed, atol=1e-10)
    assert ceiling.nll_ == pytest.approx(log_loss(y, smoothed) / np.log(2))
    assert ceiling.learnability_ == pytest.approx(1 - ceiling.nll_ / label_entropy(y))


def test_interval_and_lower_limit_surround_the_estimate(data, ceiling):
    _, _, truth = data
    lower, upper = ceiling.learnability_interval_
    assert lower < ceiling.learnability_ < upper
    assert lower < ceiling.learnability_lower_limit_ < ceiling.learnability_
    assert ceiling.learnability_lower_limit_ < truth.learnability
    assert ceiling.learnability_ == pytest.approx(truth.learnability, abs=0.05)


def test_losses_are_aligned_with_the_rows(data, ceiling):
    _, y, _ = data
    np.testing.assert_allclose(ceiling.oof_nll_, log_loss_per_sample(y, ceiling.oof_proba_))
    np.testing.assert_allclose(ceiling.oof_proba_.sum(axis=1), 1)
    assert ceiling.oof_nll_.mean() == pytest.approx(ceiling.nll_)


def test_nats_are_bits_times_ln_2(data, ceiling):
    X, y, _ = data
    nats = GoldenModelCeiling(FAMILY, units="nats", random_state=0).fit(X, y)
    assert nats.learnability_ == pytest.approx(ceiling.learnability_)
    assert nats.label_entropy_ == pytest.approx(ceiling.label_entropy_ * np.log(2))
    np.testing.assert_allclose(nats.oof_nll_, ceiling.oof_nll_ * np.log(2))


def test_candidates_are_described(ceiling):
    table = ceiling.candidates_
    assert table.columns.tolist() == [
        "candidate",
        "nll",
        "calibrated_nll",
        "information_score",
        "weight",
        "n_train",
        "seconds",
    ]
    assert table["candidate"].tolist() == ["logistic", "bayes"]
    assert (table["weight"] >= 0).all()


def test_random_labels_hold_nothing():
    """A forest that memorises must not show learnability where there is none."""
    rng = np.random.default_rng(0)
    found = []
    for seed in range(10):
        X, y = rng.standard_normal((300, 5)), rng.integers(0, 2, 300)
        family = [*FAMILY, ("forest", RandomForestClassifier(20, random_state=seed))]
        found.append(GoldenModelCeiling(family, calibration="isotonic").fit(X, y).learnability_)
    assert np.mean(found) < 0.005
    assert np.mean(found) > -0.1


def test_fresh_rows_score_like_out_of_fold_rows(data, ceiling):
    _, _, truth = data
    X_new, y_new = truth.sample(20_000, random_state=1)
    standard_error = ceiling.learnability_standard_error_
    assert ceiling.score(X_new, y_new) == pytest.approx(
        ceiling.learnability_, abs=3 * standard_error
    )


def test_time_order_is_kept(data):
    """Rows are calibrated and pooled on earlier rows; the first fold serves calibration alone."""
    X, y, _ = data
    cv = TimeSeriesSplit(4)
    ceiling = GoldenModelCeiling(FAMILY, cv=cv, random_state=0).fit(X, y)
    first_scored = list(cv.split(X))[1][1].min()
    assert ceiling.n_unpredicted_ == first_scored
    assert np.isnan(ceiling.oof_nll_[:first_scored]).all()
    assert np.isfinite(ceiling.oof_nll_[first_scored:]).all()
    # what comes later changes nothing before it
    later = y.copy()
    later[-100:] = 1 - later[-100:]
    again = GoldenModelCeiling(FAMILY, cv=cv, random_state=0).fit(X, later)
    np.testing.assert_array_equal(ceiling.oof_proba_[:-300], again.oof_proba_[:-300])


def test_rows_never_predicted_are_left_out_and_counted(data):
    X, y, _ = data
    fold = np.where(np.arange(len(y)) < 1000, np.arange(len(y)) % 4, -1)
    ceiling = GoldenModelCeiling(FAMILY, cv=PredefinedSplit(fold)).fit(X, y)
    assert ceiling.n_unpredicted_ == 500
    assert np.isnan(ceiling.oof_nll_[1000:]).all()
    assert ceiling.label_entropy_ == pytest.approx(label_entropy(y[:1000]))
    assert np.isfinite(ceiling.predict_proba(X)).all()


@pytest.mark.parametrize(
    "cv",
    [3, KFold(4, shuffle=True, random_state=0), RepeatedStratifiedKFold(n_splits=3, n_repeats=2)],
)
def test_splitters(data, cv):
    X, y, truth = data
    ceiling = GoldenModelCeiling(FAMILY, cv=cv, random_state=0).fit(X, y)
    assert ceiling.n_unpredicted_ == 0
    assert ceiling.learnability_ == pytest.approx(truth.learnability, abs=0.05)


def test_an_iterable_with_a_single_test_set(data):
    X, y, truth = data
    split = [(np.arange(1000), np.arange(1000, 1500))]
    ceiling = GoldenModelCeiling(FAMILY, cv=split).fit(X, y)
    assert ceiling.n_unpredicted_ == 1000
    assert ceiling.learnability_ == pytest.approx(truth.learnability, abs=0.1)


def test_groups_stay_together_and_widen_the_interval(data):
    X, y, _ = data
    X5, y5, groups = np.repeat(X, 5, axis=0), np.repeat(y, 5), np.repeat(np.arange(len(y)), 5)
    grouped = GoldenModelCeiling(FAMILY, random_state=0).fit(X5, y5, groups=groups)
    assert grouped.duplicate_share_ == 0
    once = GoldenModelCeiling(FAMILY, random_state=0).fit(X, y)
    assert grouped.learnability_standard_error_ == pytest.approx(
        once.learnability_standard_error_, rel=0.1
    )
    by_splitter = GoldenModelCeiling(FAMILY, cv=GroupKFold(5), random_state=0)
    assert by_splitter.fit(X5, y5, groups=groups).duplicate_share_ == 0


def test_copied_rows_across_folds_are_named():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 4)), rng.integers(0, 2, 200)
    X, y = np.vstack([X, X]), np.concatenate([y, y])
    ceiling = GoldenModelCeiling([("tree", DecisionTreeClassifier())], cv=KFold(4))
    with pytest.warns(DuplicateRowsWarning, match=r"100.0% of the test rows"):
        ceiling.fit(X, y)
    assert ceiling.duplicate_share_ == 1


@pytest.mark.parametrize("n_columns", [1, 3])
def test_coarse_features_are_no_copies(n_columns):
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 4, (1000, n_columns)), rng.integers(0, 2, 1000)
    ceiling = GoldenModelCeiling(FAMILY, random_state=0).fit(X, y)
    assert ceiling.duplicate_share_ > 0.9


def test_sample_weight_counts_as_repetition_in_every_mean(data):
    X, y, _ = data
    counts = np.random.default_rng(0).integers(1, 3, len(y))
    rows = np.repeat(np.arange(len(y)), counts)
    fold = np.arange(len(y)) % 3
    family = [("logistic", LogisticRegression(tol=1e-8))]
    options = {"candidates": family, "calibration": None, "blend": "best"}
    weighted = GoldenModelCeiling(cv=PredefinedSplit(fold), **options)
    weighted.fit(X, y, sample_weight=counts)
    repeated = GoldenModelCeiling(cv=list(PredefinedSplit(fold[rows]).split()), **options)
    repeated.fit(X[rows], y[rows], groups=rows)
    # the mass spread for what was never seen depends on the number of rows
    assert weighted.learnability_ == pytest.approx(repeated.learnability_, abs=1e-4)
    assert weighted.label_entropy_ == pytest.approx(repeated.label_entropy_)


def test_a_failing_candidate_is_left_out_by_name(data):
    class Broken(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            raise RuntimeError("out of order")

        def predict_proba(self, X):
            return None

    X, y, _ = data
    with pytest.warns(CandidateFailedWarning, match="'broken'.*out of order"):
        ceiling = GoldenModelCeiling([*FAMILY, ("broken", Broken())]).fit(X, y)
    assert ceiling.candidates_["candidate"].tolist() == ["logistic", "bayes"]
    with (
        pytest.warns(CandidateFailedWarning),
        pytest.raises(ValueError, match=r"got errors from all.*out of order"),
    ):
        GoldenModelCeiling([("broken", Broken())]).fit(X, y)


def test_unknown_names_are_refused(data):
    X, y, _ = data
    with pytest.raises(ValueError, match=r"Expected a candidate of .*'logistic'.*got 'logit'"):
        GoldenModelCeiling(["prior", "logit"]).fit(X, y)


def test_named_and_own_candidates_mix(data):
    X, y, _ = data
    ceiling = GoldenModelCeiling(["prior", ("bayes", GaussianNB())]).fit(X, y)
    assert ceiling.candidates_["candidate"].tolist() == ["prior", "bayes"]
    # class frequencies say nothing about any row
    assert ceiling.candidates_["weight"].iloc[0] == 0


def test_candidates_without_probabilities_are_refused(data):
    X, y, _ = data
    with pytest.raises(TypeError, match="the candidate 'line' as a classifier"):
        GoldenModelCeiling([("line", LinearRegression())]).fit(X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"candidates": "huge"}, r"Expected candidates as .*got 'huge'"),
        ({"calibration": "platt"}, "platt"),
        ({"blend": "average"}, r"Expected blend as .*got 'average'"),
        ({"units": "bit"}, r"Expected units as .*got 'bit'"),
    ],
)
def test_unknown_options_are_refused(data, options, message):
    X, y, _ = data
    with pytest.raises(ValueError, match=message):
        GoldenModelCeiling(**({"candidates": FAMILY} | options)).fit(X, y)


def test_bad_targets_are_refused(data):
    X, y, _ = data
    with pytest.raises(ValueError, match="one class"):
        GoldenModelCeiling(FAMILY).fit(X, np.zeros(len(y)))
    with pytest.raises(ValueError, match="continuous"):
        GoldenModelCeiling(FAMILY).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        GoldenModelCeiling(FAMILY).fit(X, y[:-1])
    with pytest.raises(ValueError, match="negative sample_weight"):
        GoldenModelCeiling(FAMILY).fit(X, y, sample_weight=np.where(y == 1, 1.0, -1.0))


def test_a_class_absent_from_a_fold_is_named_and_charged(data):
    X, y, _ = data
    names = np.where(y == 1, "yes", "no").astype(object)
    names[:3] = "rarely"
    fold = np.where(np.arange(len(y)) < 3, 0, np.arange(len(y)) % 3)
    ceiling = GoldenModelCeiling(FAMILY, cv=PredefinedSplit(fold))
    with pytest.warns(MissingClassWarning, match="1 of 3 folds"):
        ceiling.fit(X, names)
    assert np.isfinite(ceiling.oof_nll_).all()
    # never seen among about 1000 rows: some 10 bits, not 52
    assert (ceiling.oof_nll_[:3] > 4).all()
    assert (ceiling.oof_nll_[:3] < 30).all()
    assert ceiling.classes_.tolist() == ["no", "rarely", "yes"]


def test_a_tenth_of_a_percent_of_positives():
    X, y = make_learnability_classification(20_000, n_features=4, learnability=0.3, random_state=0)
    # keep all negatives and few positives: the odds shift by a constant
    keep = (y == 0) | (np.random.default_rng(0).random(len(y)) < 0.002)
    X, y = X[keep], y[keep]
    assert 0.0005 < y.mean() < 0.005
    balanced = [("balanced", LogisticRegression(class_weight="balanced"))]
    ceiling = GoldenModelCeiling(balanced, cv=StratifiedKFold(5)).fit(X, y)
    # class weights ruin the base rate, the affine calibration restores it
    assert ceiling.candidates_["information_score"].item() < -5
    assert ceiling.learnability_ > 0


def test_clone_pickle_and_freeze(ceiling, data):
    X, y, _ = data
    assert clone(ceiling).get_params()["cv"] == 5
    again = pickle.loads(pickle.dumps(ceiling))
    np.testing.assert_array_equal(again.predict_proba(X), ceiling.predict_proba(X))
    assert clone(FrozenEstimator(ceiling)).predict(X).shape == y.shape


def test_seeded_fits_repeat_and_do_not_depend_on_the_backend(data):
    X, y, _ = data
    family = [("forest", RandomForestClassifier(10))]
    first = GoldenModelCeiling(family, cv=2, random_state=3).fit(X, y)
    for backend in ("threading", "loky"):
        with joblib.parallel_config(backend=backend):
            again = GoldenModelCeiling(family, cv=2, random_state=3, n_jobs=2).fit(X, y)
        np.testing.assert_array_equal(first.oof_nll_, again.oof_nll_)
    other = GoldenModelCeiling(family, cv=2, random_state=4).fit(X, y)
    assert not np.array_equal(first.oof_nll_, other.oof_nll_)


class Interrupted(GaussianNB):
    """Stops like a user's interrupt in its third fit, until told to go on."""

    def __init__(self, folder=""):
        super().__init__()
        self.folder = folder

    def fit(self, X, y, sample_weight=None):
        fits = Path(self.folder) / "fits"
        n_before = len(fits.read_text()) if fits.exists() else 0
        if n_before == 2 and not (fits.parent / "resumed").exists():
            raise KeyboardInterrupt
        fits.write_text("x" * (n_before + 1))
        return super().fit(X, y)


def test_an_interrupted_fit_resumes(data, tmp_path):
    X, y, _ = data
    family = [("interrupted", Interrupted(str(tmp_path)))]
    ceiling = GoldenModelCeiling(family, memory=str(tmp_path / "memory"), random_state=0)
    with pytest.raises(KeyboardInterrupt):
        ceiling.fit(X, y)
    (tmp_path / "resumed").touch()
    ceiling.fit(X, y)
    # two fits before the interrupt and three after it: none was done twice
    assert (tmp_path / "fits").read_text() == "xxxxx"
    plain = GoldenModelCeiling([("bayes", GaussianNB())], random_state=0).fit(X, y)
    np.testing.assert_array_equal(ceiling.oof_nll_, plain.oof_nll_)


def mixed_frame(n=600):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": rng.standard_normal(n),
            "gap": np.where(rng.random(n) < 0.3, np.nan, rng.standard_normal(n)),
            "count": rng.integers(0, 5, n),
            "flag": rng.random(n) < 0.5,
            "few": pd.Categorical(rng.choice(["a", "b", "c"], n)),
            "many": rng.choice([f"city {i}" for i in range(80)], n),
            "patchy": rng.choice(np.array(["x", "y", None], dtype=object), n),
        }
    )
    odds = frame["number"] + 1.5 * (frame["few"] == "a") + 1.5 * (frame["patchy"].isna()) - 1
    y = np.where(rng.random(n) < 1 / (1 + np.exp(-1.5 * odds)), "late", "on time")
    return frame, y


NAMED = ["prior", "logistic", "splines", "hist_gradient_boosting"]
BOOSTERS = [name for name in ("catboost", "small_catboost", "xgboost") if find_spec(name)]


@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_mixed_frames_with_named_candidates():
    frame, y = mixed_frame()
    ceiling = GoldenModelCeiling(NAMED + BOOSTERS, cv=2, random_state=0).fit(frame, y)
    # every column that matters is a category, a gap or a number: all must get through
    assert ceiling.learnability_ > 0.15
    assert ceiling.candidates_["candidate"].tolist() == NAMED + BOOSTERS
    assert ceiling.feature_names_in_.tolist() == frame.columns.tolist()
    unseen = frame.head(5).assign(many="nowhere", few=None)
    assert np.isfinite(ceiling.predict_proba(unseen)).all()


def test_polars_frames_give_the_same_ceiling():
    polars = pytest.importorskip("polars")
    frame, y = mixed_frame(300)
    frame = frame.drop(columns="patchy")
    columns = {name: frame[name].to_list() for name in frame.columns if name != "gap"}
    other = polars.DataFrame(columns | {"gap": frame["gap"].tolist()}).select(list(frame.columns))
    ours = GoldenModelCeiling(NAMED, cv=2, random_state=0).fit(frame, y)
    theirs = GoldenModelCeiling(NAMED, cv=2, random_state=0).fit(other, polars.Series(y.tolist()))
    np.testing.assert_allclose(theirs.oof_nll_, ours.oof_nll_, atol=1e-12)


def test_infinities_in_frames_are_refused():
    frame, y = mixed_frame(100)
    with pytest.raises(ValueError, match="infinity in column 'number'"):
        GoldenModelCeiling().fit(frame.assign(number=np.inf), y)


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.5, 1.5, 4.0])
def test_gap_to_the_truth_on_the_linear_generator(strength):
    X, y, truth = make_learnability_classification(
        10_000,
        n_features=20,
        n_active=10,
        signal_strength=strength,
        random_state=0,
        return_truth=True,
    )
    ceiling = GoldenModelCeiling(random_state=0, n_jobs=2).fit(X, y)
    assert truth.gap(ceiling.oof_proba_, X) <= 0.005


def test_settings_changed_after_fit_wait_for_the_next(data):
    X, y, _ = data
    ceiling = GoldenModelCeiling(["prior", "logistic"], random_state=0).fit(X, y)
    expected = ceiling.predict_proba(X[:50])
    proba = ceiling.oof_proba_
    before = efficiency(y, proba, reference_nll=ceiling)
    ceiling.set_params(units="nats", candidates=FAMILY)
    np.testing.assert_array_equal(ceiling.predict_proba(X[:50]), expected)
    assert efficiency(y, proba, reference_nll=ceiling) == before
    with pytest.raises(ValueError, match="got a ceiling in bits and units='nats'"):
        EfficiencyScorer(ceiling, units="nats")
    assert ceiling.fit(X, y).units_ == "nats"
