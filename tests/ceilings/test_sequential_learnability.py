"""A sequence: against exact entropy rates, regret bounds by brute force, and no look ahead."""

import itertools
import pickle
import warnings
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB

from sklearn_learnability import SequentialLearnability
from sklearn_learnability.ceilings.forecasters._blocks import make_blocks
from sklearn_learnability.ceilings.forecasters._context_tree import (
    forecast_context_tree,
    forecast_marginal,
)
from sklearn_learnability.datasets import (
    make_drifting_classification,
    make_hidden_markov_chain,
    make_markov_chain,
)
from sklearn_learnability.exceptions import CandidateFailedWarning, UndefinedInformationWarning
from sklearn_learnability.metrics._fixed_share import fixed_share


def test_frequencies_are_those_of_krichevsky_and_trofimov():
    proba = forecast_marginal(np.array([0, 0, 1]), 2)
    assert_allclose(proba[:, 0], [1 / 2, 3 / 4, 5 / 6])


def test_a_tree_without_depth_is_the_frequencies():
    codes = np.random.default_rng(0).integers(3, size=200)
    assert_allclose(forecast_context_tree(codes, 3, 0), forecast_marginal(codes, 3))


def test_a_tree_of_depth_one_mixes_both_orders():
    codes = np.array([0, 1, 0, 1])
    # after 0, 1, 0: the root has seen 0 twice and 1 once, the context "0" has seen one 1;
    # before, contexts were new or unsure, so that both sides kept half of the weight but once
    said = forecast_context_tree(codes, 2, 1)[3]
    low, high = 1.5 / 2, 1.5 / 4
    assert high < said[1] < low
    assert_allclose(said.sum(), 1)


def test_a_tree_costs_little_more_than_the_true_order():
    _, codes, truth = make_markov_chain(
        6000, n_states=2, order=2, learnability=0.4, random_state=0, return_truth=True
    )
    context = 2 * codes[:-2] + codes[1:-1]
    known = 0.0
    for c in range(4):
        known -= np.log(forecast_marginal(codes[2:][context == c], 2))[
            np.arange((context == c).sum()), codes[2:][context == c]
        ].sum()
    tree = forecast_context_tree(codes, 2, 8)[np.arange(6000), codes]
    assert -np.log(tree).sum() < known + 60
    assert truth.n_states == 2


def test_the_pool_keeps_its_bound_on_every_way_to_switch():
    rng = np.random.default_rng(0)
    n_forecasters, n_samples = 3, 8
    log_probas = np.log(rng.dirichlet([0.3, 0.3], (n_forecasters, n_samples)))
    codes = rng.integers(2, size=n_samples)
    pooled, weights = fixed_share(log_probas, codes)
    steps = np.arange(n_samples)
    loss = -pooled[steps, codes].sum()
    for path in itertools.product(range(n_forecasters), repeat=n_samples):
        switches = np.count_nonzero(np.diff(path))
        own = -log_probas[path, steps, codes].sum()
        assert loss <= own + np.log(3) + switches * np.log(2) + (switches + 1) * np.log(9)
    assert_allclose(weights.sum(axis=1), 1)
    assert_allclose(np.exp(pooled).sum(axis=1), 1)


def test_blocks_grow_and_then_stay():
    blocks = make_blocks(10_000, 50)
    assert_array_equal(np.concatenate(blocks), np.arange(100, 10_000))
    sizes = [len(block) for block in blocks]
    assert sizes[0] == 25
    assert max(sizes) == 200


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (make_markov_chain, {"n_states": 4, "order": 1, "learnability": 0.3}),
        (make_markov_chain, {"n_states": 4, "order": 2, "learnability": 0.3}),
        (make_hidden_markov_chain, {"signal_strength": "high"}),
    ],
)
def test_the_entropy_rate_is_found(make, options):
    X, y, truth = make(8000, random_state=0, return_truth=True, **options)
    found = SequentialLearnability().fit(y)
    rate = truth.entropy_rate() if hasattr(truth, "entropy_rate") else truth.conditional_entropy()
    low, high = found.entropy_rate_interval_
    assert abs(found.entropy_rate_ - rate) < high - low  # twice the margin
    exact = truth.predict_sequence(y) if hasattr(truth, "entropy_rate") else truth.predict_proba(X)
    known = -np.log2(exact[np.arange(len(y)), y])[4000:].mean()
    assert known < found.entropy_rate_ < 1.03 * known


def test_independent_labels_have_nothing_to_learn():
    y = np.random.default_rng(0).integers(3, size=3000)
    found = SequentialLearnability().fit(y)
    assert found.learnability_ == pytest.approx(0, abs=0.01)
    assert found.learnability_interval_[0] < 0


@pytest.fixture(scope="module")
def drifting():
    X, y, truth = make_drifting_classification(
        1200, n_features=5, learnability=0.5, random_state=0, return_truth=True
    )
    return X[:, 1:], y, truth


FAMILY = [
    "prior",
    ("logistic", LogisticRegression()),
    ("online", SGDClassifier(loss="log_loss", alpha=0.01)),
]


def sequence_of(drifting, **options):
    X, y, _ = drifting
    return SequentialLearnability(FAMILY, n_blocks=10, random_state=0, **options).fit(y, X)


def test_nothing_is_used_before_its_time(drifting):
    X, y, _ = drifting
    other, table = y.copy(), X.copy()
    other[900:] = 1 - other[900:]
    table[901:] = np.random.default_rng(1).standard_normal(table[901:].shape)
    whole = sequence_of(drifting)
    changed = SequentialLearnability(FAMILY, n_blocks=10, random_state=0).fit(other, table)
    assert_allclose(changed.proba_[:901], whole.proba_[:901], atol=1e-12)
    assert not np.allclose(changed.proba_[940:], whole.proba_[940:], atol=0.05)
    series = SequentialLearnability().fit(y).proba_
    assert_allclose(SequentialLearnability().fit(other).proba_[:901], series[:901], atol=1e-12)


def test_recent_rows_win_where_the_law_turns(drifting):
    table = sequence_of(drifting).forecasters_.set_index("forecaster")["late_nll"]
    assert table["recent logistic"] < table["logistic"]
    assert table["recent logistic"] < 0.95


def test_the_pool_is_no_worse_than_its_members_by_more_than_the_price(drifting):
    found = sequence_of(drifting)
    best = found.forecasters_["nll"].min() * len(found.nll_)
    n_forecasters = len(found.forecasters_)
    assert found.nll_.sum() < best + np.log2(n_forecasters * (len(found.nll_) + 1))


def test_units_and_names_of_classes_do_not_matter(drifting):
    X, y, _ = drifting
    bits = sequence_of(drifting)
    nats = SequentialLearnability(FAMILY, n_blocks=10, random_state=0, units="nats").fit(
        np.where(y == 1, "yes", "no"), X
    )
    assert nats.learnability_ == pytest.approx(bits.learnability_)
    assert nats.entropy_rate_ == pytest.approx(bits.entropy_rate_ * np.log(2))
    assert nats.classes_.tolist() == ["no", "yes"]


def test_the_code_falls_into_two_parts(drifting):
    found = sequence_of(drifting)
    length = found.code_length_
    assert length.total == pytest.approx(found.nll_.sum())
    assert length.irreducible == pytest.approx(1200 * found.nll_[600:].mean())
    assert length.total == pytest.approx(length.irreducible + length.learned)
    assert length.marginal == pytest.approx(found.marginal_nll_.sum())


def test_what_a_chain_costs_to_learn_is_half_a_logarithm_a_parameter():
    # 12 parameters, of which each context sees a quarter of the steps
    excess = []
    for seed in range(3):
        X, y, truth = make_markov_chain(
            4000, n_states=4, order=1, learnability=0.3, random_state=seed, return_truth=True
        )
        known = -np.log2(truth.predict_proba(X)[np.arange(4000), y])
        found = SequentialLearnability(["context_tree"], n_lags=3).fit(y)
        excess.append(found.nll_.sum() - known.sum())
    assert np.mean(excess) == pytest.approx(6 * np.log2(4000 / 4), abs=30)


def test_the_trajectory_is_that_of_its_windows(drifting):
    found = sequence_of(drifting)
    path = found.trajectory(width=300, n_points=4)
    assert path.step.tolist() == [150, 450, 750, 1050]
    share = 1 - found.nll_[300:600].mean() / found.marginal_nll_[300:600].mean()
    assert path.learnability[1] == pytest.approx(share)
    assert (path.lower < path.learnability).all()
    assert (path.learnability < path.upper).all()
    assert list(path.to_frame()) == [
        "step",
        "learnability",
        "lower",
        "upper",
        "loss",
        "marginal_loss",
    ]


def test_labels_before_are_seen_beside_inputs_only_on_request(drifting):
    X, _, _ = drifting
    _, y = make_markov_chain(1200, n_states=2, order=1, learnability=0.5, random_state=0)

    def late(inputs, **options):
        model = SequentialLearnability(["logistic"], n_blocks=4, random_state=0, **options)
        return model.fit(y, inputs).late_learnability_

    assert late(X) < 0.05
    assert late(X, n_lags=1) > 0.3
    named = pd.DataFrame(X, columns=list("abcd"))
    assert late(named, n_lags=1) == pytest.approx(late(X, n_lags=1))


def test_a_candidate_that_fails_is_left_out(drifting):
    X, y, _ = drifting
    broken = ("broken", RandomForestClassifier(max_depth=-1))
    with pytest.warns(CandidateFailedWarning, match="'broken' is left out"):
        found = SequentialLearnability(["prior", broken], n_blocks=4, random_state=0).fit(y, X)
    assert found.forecasters_["forecaster"].tolist() == ["marginal", "prior", "recent prior"]


def test_memory_and_copies_do_not_matter(drifting, tmp_path):
    first = sequence_of(drifting)
    kept = sequence_of(drifting, memory=str(tmp_path))
    again = sequence_of(drifting, memory=str(tmp_path), n_jobs=2)
    for other in (kept, again, pickle.loads(pickle.dumps(first))):
        assert_array_equal(other.nll_, first.nll_)


@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({}, [0, 1] * 10, "Expected 40 steps or more, got 20"),
        ({}, [0] * 50, "class"),
        ({"candidates": "best"}, [0, 1] * 30, "got 'best'"),
        ({"n_lags": 0}, [0, 1] * 30, "Expected n_lags of 1 or more"),
        ({"candidates": ["prior"], "n_lags": 0}, [0, 1] * 30, "got neither"),
        ({"n_blocks": 1}, [0, 1] * 30, "n_blocks"),
        ({"units": "bit"}, [0, 1] * 30, "units"),
    ],
)
def test_wrong_settings_are_refused(options, y, message):
    with pytest.raises(ValueError, match=message):
        SequentialLearnability(**options).fit(y)


def test_wrong_windows_are_refused(drifting):
    found = sequence_of(drifting)
    with pytest.raises(ValueError, match="width"):
        found.trajectory(width=5000)


def test_a_symbol_that_faded_for_long_still_has_a_chance():
    codes = np.r_[np.zeros(40000, dtype=int), 1, 0]
    proba = forecast_context_tree(codes, 2, 1, memory=64.0)
    assert_allclose(proba.sum(axis=1), 1)
    assert 1e-6 < proba[40000, 1] < 1e-4


@pytest.mark.parametrize("name", ["online", "logistic"])
def test_who_fails_is_left_out_beside_trees(drifting, name):
    X, y, _ = drifting
    broken = (name, GaussianNB() if name == "online" else LogisticRegression())
    gaps = np.where(np.arange(len(y))[:, None] == 150, np.nan, X)
    with pytest.warns(CandidateFailedWarning, match=f"'{name}' is left out: ValueError"):
        found = SequentialLearnability(["context_tree", broken], n_lags=1, n_blocks=3).fit(y, gaps)
    assert found.forecasters_["forecaster"].tolist() == ["marginal", "context_tree"]
    with (
        pytest.warns(CandidateFailedWarning),
        pytest.raises(ValueError, match=r"got errors from all: ValueError: .*NaN"),
    ):
        SequentialLearnability([broken], n_blocks=3).fit(y, gaps)


def test_a_frozen_classifier_stays_as_it_is(drifting):
    X, y, _ = drifting
    own = GaussianNB().fit(X, y)
    SequentialLearnability([("own", FrozenEstimator(own))], n_blocks=3).fit(y, X)
    assert own.class_count_.sum() == len(y)


def test_a_series_has_no_features_of_an_earlier_fit(drifting):
    X, y, _ = drifting
    names = pd.DataFrame(X).add_prefix("x")
    found = SequentialLearnability(["prior"], n_blocks=3, random_state=0).fit(y, names)
    assert found.n_features_in_ == X.shape[1]
    found.set_params(candidates="default").fit(y)
    assert not hasattr(found, "n_features_in_")
    assert not hasattr(found, "feature_names_in_")


def test_an_interval_without_limits_is_told():
    with pytest.warns(UndefinedInformationWarning, match="limits"):
        found = SequentialLearnability().fit(np.r_[np.zeros(199, dtype=int), 1])
    assert np.isnan(found.learnability_interval_).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"candidates": [("marginal", LogisticRegression())]},
            r"names not taken, got \['marginal'",
        ),
        ({"candidates": ["prior"], "n_lags": 1}, r"without names of lags, \['lag 1'\]"),
        ({"window": 1}, "Expected window as an integer >= 2"),
    ],
)
def test_names_that_are_taken_are_refused(options, message):
    table = pd.DataFrame({"lag 1": np.arange(60.0)})
    with pytest.raises(ValueError, match=message):
        SequentialLearnability(**options).fit([0, 1] * 30, table)


def far_back(n, lag, seed=0):
    """Each label is that of `lag` steps before, or with a chance of 1/10 the other."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    for step in range(lag, n):
        y[step] = y[step - lag] ^ (rng.random() < 0.1)
    return y


def test_the_network_uses_nothing_before_its_time(drifting):
    pytest.importorskip("torch")
    X, y, _ = drifting
    other, table = y[:260].copy(), pd.DataFrame(X[:260]).add_prefix("x")
    table["kind"] = np.where(table["x0"] > 0, "a", "b")
    changed = table.copy()
    changed.loc[201:, "x1"] = 1e6
    changed.loc[201:, "kind"] = "new"
    other[200:] = 1 - other[200:]
    options = {"n_blocks": 4, "n_lags": 1, "random_state": 0}
    whole = SequentialLearnability(["recurrent"], **options).fit(y[:260], table)
    found = SequentialLearnability(["recurrent"], **options).fit(other, changed)
    assert_allclose(found.proba_[:201], whole.proba_[:201], atol=1e-12)
    assert not np.allclose(found.proba_[201:], whole.proba_[201:], atol=0.05)
    assert whole.forecasters_["forecaster"].tolist() == ["marginal", "recurrent"]


@pytest.mark.slow
def test_the_network_sees_labels_before_on_request(drifting):
    pytest.importorskip("torch")
    y = far_back(1000, 1)
    noise = np.random.default_rng(1).standard_normal((1000, 1))
    loss = [
        SequentialLearnability(["recurrent"], n_lags=n_lags, n_blocks=20, random_state=0)
        .fit(y, noise)
        .entropy_rate_
        for n_lags in (0, 1)
    ]
    assert loss[0] > 0.95
    assert loss[1] < 0.65  # 0.469 bits are left


@pytest.mark.slow
def test_the_network_remembers_for_longer_than_the_tree():
    pytest.importorskip("torch")
    y = far_back(6000, 10)
    found = SequentialLearnability(["context_tree", "recurrent"], random_state=0).fit(y)
    late = found.forecasters_.set_index("forecaster")["late_nll"]
    assert late["context_tree"] > 0.97
    assert late["recurrent"] < 0.85  # 0.469 bits are left


def test_the_network_leaves_the_callers_randomness_alone(tmp_path):
    torch = pytest.importorskip("torch")
    y = far_back(300, 1)
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    model = SequentialLearnability(["recurrent"], n_blocks=4, random_state=0, memory=str(tmp_path))
    first = model.fit(y).nll_
    assert_array_equal(torch.rand(3), expected)
    assert_array_equal(model.fit(y).nll_, first)
    again = model.set_params(memory=None).fit(y).nll_
    assert_array_equal(again, first)
    assert not np.array_equal(model.set_params(random_state=1).fit(y).nll_, first)


def test_another_version_of_torch_trains_the_network_again(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    y = far_back(100, 1)
    model = SequentialLearnability(["recurrent"], n_blocks=2, random_state=0, memory=tmp_path)
    for version, n_kept in (("98.0", 1), ("98.0", 1), ("99.0", 2)):
        monkeypatch.setattr(torch, "__version__", version)
        model.fit(y)
        assert len(list(tmp_path.rglob("output.pkl"))) == n_kept


def test_a_network_that_fails_is_left_out(drifting):
    pytest.importorskip("torch")
    X, y, _ = drifting
    table = np.where(np.arange(200) % 2, 1e30, -1e30)[:, None]
    with patch(
        "sklearn_learnability.torch.candidates._recurrent_forecaster.RecurrentForecaster.learn",
        side_effect=RuntimeError("no memory"),
    ):
        with pytest.warns(CandidateFailedWarning, match="'recurrent' is left out: RuntimeError"):
            found = SequentialLearnability(["prior", "recurrent"], n_blocks=3).fit(y, X)
        assert found.forecasters_["forecaster"].tolist() == ["marginal", "prior", "recent prior"]
    assert np.isfinite(
        SequentialLearnability(["recurrent"], n_blocks=3, random_state=0).fit(y[:200], table).nll_
    ).all()


def test_the_network_takes_inputs_of_any_size(drifting):
    pytest.importorskip("torch")
    X, y, _ = drifting
    model = SequentialLearnability(["prior", "recurrent"], n_blocks=3, random_state=0)
    jump = X[:200] * np.where(np.arange(200) < 150, 1.0, 1e100)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        far = model.fit(y[:200], np.clip(jump, -1e9, 1e9)).proba_
        assert_allclose(model.fit(y[:200], jump).proba_[:160], far[:160])
    with pytest.warns(CandidateFailedWarning, match="'recurrent' is left out: ValueError: .*float"):
        model.fit(y[:200], 1e300 * X[:200])
    assert np.isfinite(model.nll_).all()


def test_a_missing_package_is_named():
    with (
        patch("sklearn_learnability.ceilings.forecasters._recurrent.find_spec", return_value=None),
        pytest.raises(ImportError, match=r"torch and skorch to be installed.*\[torch\]"),
    ):
        SequentialLearnability(["recurrent"]).fit([0, 1] * 30)
