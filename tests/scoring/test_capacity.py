"""The rule of one standard error for choosing a capacity."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel
from sklearn import config_context
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from sklearn_learnability import EfficiencyScorer, GoldenModelCeiling, select_capacity
from sklearn_learnability.datasets import make_learnability_classification


def results(scores, params, metric="score"):
    scores = np.asarray(scores, dtype=float)
    table = {f"split{i}_test_{metric}": column for i, column in enumerate(scores.T)}
    return table | {
        f"mean_test_{metric}": scores.mean(axis=1),
        f"std_test_{metric}": scores.std(axis=1),
        "params": params,
    }


WIDTHS = [{"width": w} for w in (64, 16, 128, 32)]
# behind the best (128) by .04 on average are 64 and 32, with standard errors of .0586 and .0577;
# 16 is by .10, with .0577
SCORES = [[0.85, 0.88, 0.85], [0.80, 0.80, 0.80], [0.80, 0.90, 1.00], [0.86, 0.86, 0.86]]


def test_smallest_within_one_standard_error_of_the_best():
    assert select_capacity("width")(results(SCORES, WIDTHS)) == 3


def test_the_rule_is_a_paired_t_test_of_one():
    """By scipy: the smallest candidate whose paired t against the best is 1 at most."""
    rng = np.random.default_rng(0)
    params = [{"width": width} for width in range(6)]
    picked = []
    for _ in range(50):
        hardness = rng.normal(0, 0.3, 5)  # of a split, for every candidate
        scores = hardness + np.linspace(0, 0.1, 6)[:, None] + rng.normal(0, 0.05, (6, 5))
        best = scores.mean(axis=1).argmax()
        near = [width for width in range(6) if ttest_rel(scores[best], scores[width])[0] <= 1]
        picked.append(select_capacity("width")(results(scores, params)))
        assert picked[-1] == min([*near, best])
    assert len(set(picked)) > 2


def test_hard_and_easy_splits_do_not_blur_a_clear_best():
    """The best's own standard error is .2; what it gains is .05 in every split but for .001."""
    best = np.array([0.2, 0.6, 1.0])
    scores = [best - [0.05, 0.049, 0.051], best]
    assert select_capacity("width")(results(scores, [{"width": 1}, {"width": 2}])) == 1


def test_the_ceiling_leaves_the_pick_as_it_is():
    X, y = make_learnability_classification(500, n_features=4, learnability=0.3, random_state=0)
    ceiling = GoldenModelCeiling(["prior", "logistic"], random_state=0).fit(X, y)
    paired = EfficiencyScorer(ceiling).set_score_request(reference_nll=True)
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            LogisticRegression(),
            {"C": [0.001, 0.003, 0.01, 0.03, 0.1, 1]},
            scoring={"paired": paired, "log_loss": "neg_log_loss"},
            refit=False,
        ).fit(X, y, reference_nll=ceiling.oof_nll_)
    by_ceiling, by_loss = (
        select_capacity("C", metric=metric)(search.cv_results_) for metric in ("paired", "log_loss")
    )
    assert by_ceiling == by_loss < np.argmax(search.cv_results_["mean_test_log_loss"])


def test_a_sharp_best_is_taken_itself():
    sharp = [[0.85] * 3, [0.80] * 3, [0.899, 0.900, 0.901], [0.86] * 3]
    assert select_capacity("width")(results(sharp, WIDTHS)) == 2


def test_failed_candidates_are_passed_over():
    with_failure = [*SCORES[:3], [np.nan, 0.9, 0.9]]
    assert select_capacity("width")(results(with_failure, WIDTHS)) == 0


def test_equal_capacities_go_to_the_better_score():
    params = [{"width": 8, "alpha": a} for a in (1, 2, 3)]
    scores = [[0.84, 0.85, 0.86], [0.85, 0.86, 0.87], [0.80, 0.81, 0.82]]
    assert select_capacity("width")(results(scores, params)) == 1


def test_layer_widths_are_summed_and_a_function_may_say_otherwise():
    params = [{"layers": (64, 64)}, {"layers": (100,)}]
    table = results([[0.9, 0.9, 0.9], [0.9, 0.9, 0.9]], params)
    assert select_capacity("layers")(table) == 1
    assert select_capacity(lambda p: len(p["layers"]))(table) == 1
    assert select_capacity(lambda p: -sum(p["layers"]))(table) == 0


def test_the_metric_is_named_where_there_are_several():
    table = results(SCORES, WIDTHS, "efficiency")
    assert select_capacity("width", metric="efficiency")(table) == 3
    with pytest.raises(ValueError, match=r"one of \['efficiency'\], got metric='score'"):
        select_capacity("width")(table)


@pytest.mark.parametrize("metric", ["efficiency (bits)", "a[0]", "gain+", "f.1", "x"])
def test_the_name_of_a_metric_is_taken_literally(metric):
    others = results(SCORES[::-1], WIDTHS, "f01") | results(SCORES[::-1], WIDTHS, "x")
    table = others | results(SCORES, WIDTHS, metric)
    assert select_capacity("width", metric=metric)(table) == 3


def test_no_limit_is_the_largest_capacity():
    params = [{"depth": d} for d in (None, 2, 8, 3)]
    scores = [[0.9, 0.9, 0.9], [0.7, 0.7, 0.7], [0.82, 0.9, 1.0], [0.89, 0.89, 0.89]]
    assert select_capacity("depth")(results(scores, params)) == 3
    only_none = [[0.9, 0.9, 0.9], [0.7, 0.7, 0.7], [0.8, 0.8, 0.8], [0.8, 0.8, 0.8]]
    assert select_capacity("depth")(results(only_none, params)) == 0
    assert select_capacity(lambda p: p["depth"])(results(scores, params)) == 3


@pytest.mark.parametrize("value", ["sqrt", float("nan"), {"a": 1}, object()])
def test_what_is_no_number_is_no_capacity(value):
    table = results([[0.9, 0.9, 0.9]] * 2, [{"width": 3}, {"width": value}])
    with pytest.raises(ValueError, match="Expected a number, numbers or None as capacity, got"):
        select_capacity("width")(table)


def test_unknown_capacity_is_named():
    with pytest.raises(ValueError, match=r"one of \['width'\], got capacity='depth'"):
        select_capacity("depth")(results(SCORES, WIDTHS))


def test_all_nan_and_single_split_are_errors():
    with pytest.raises(ValueError, match="NaN"):
        select_capacity("width")(results(np.full((4, 3), np.nan), WIDTHS))
    with pytest.raises(ValueError, match="at least 2"):
        select_capacity("width")(results([[0.9]] * 4, WIDTHS))


def test_refit_of_a_search():
    X, y = make_learnability_classification(600, n_features=4, learnability=0.3, random_state=0)
    search = GridSearchCV(
        DecisionTreeClassifier(min_samples_leaf=40, random_state=0),
        {"max_leaf_nodes": [2, 3, 4, 6, 8]},
        scoring=EfficiencyScorer(0.3),
        refit=select_capacity("max_leaf_nodes"),
    ).fit(X, y)
    best = search.cv_results_["mean_test_score"].max()
    chosen = search.cv_results_["mean_test_score"][search.best_index_]
    assert chosen <= best
    assert search.best_estimator_.get_n_leaves() <= search.best_params_["max_leaf_nodes"]


def test_processes_can_run_the_rule():
    X, y = make_learnability_classification(200, n_features=4, learnability=0.3, random_state=0)
    search = GridSearchCV(
        MLPClassifier(max_iter=20, early_stopping=True, random_state=0),
        {"hidden_layer_sizes": [(4,), (8, 8)]},
        scoring=EfficiencyScorer(0.3, calibration="temperature"),
        refit=select_capacity("hidden_layer_sizes"),
        cv=2,
        n_jobs=2,
    )
    assert search.fit(X, y).best_index_ in (0, 1)


def test_in_a_halving_search_the_last_iteration_decides():
    """Few rows flatter: the best score of all is of a small tree in the first iteration."""
    scores = [*SCORES, [0.95, 0.96, 0.97], [0.70, 0.80, 0.90], [0.79, 0.79, 0.79]]
    params = [*WIDTHS, {"width": 2}, {"width": 128}, {"width": 32}]
    table = results(scores, params) | {"iter": np.array([0, 0, 0, 0, 0, 1, 1])}
    assert select_capacity("width")(table) == 6


def test_results_of_a_halving_search():
    X, y = make_learnability_classification(1200, n_features=4, learnability=0.3, random_state=0)
    search = HalvingGridSearchCV(
        DecisionTreeClassifier(min_samples_leaf=60, random_state=0),
        {"max_leaf_nodes": [None, 2, 3, 4, 6, 8, 16, 32]},
        scoring=EfficiencyScorer(0.3),
        min_resources=600,
        factor=2,
        random_state=0,
    ).fit(X, y)
    table = pd.DataFrame(search.cv_results_)
    last = table[table["iter"] == table["iter"].max()]
    splits = last.filter(regex=r"^split\d_test_score$")
    behind = splits.loc[last["mean_test_score"].idxmax()] - splits
    good = last[behind.mean(axis=1) <= behind.std(axis=1) / np.sqrt(5)]
    expected = good["param_max_leaf_nodes"].astype(float).fillna(np.inf).idxmin()
    assert len(last) > 1
    assert select_capacity("max_leaf_nodes")(search.cv_results_) == expected
