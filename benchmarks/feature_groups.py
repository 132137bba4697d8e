"""Which columns pay: the level and power of the test, and the shares against exact truth.

    python benchmarks/feature_groups.py [--draws 200]       # about 40 CPU minutes

Level: tables whose group of columns says nothing that the others do not, twelve kinds; plain
differences of losses, permutation importance and the test, on the same rows. Power: a group of
known conditional information. Shares: a table counted cell by cell, and a linear law, where the
learnability of every subset of columns is exact. What is done is read from output/.
"""

import argparse
import json
import time
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from _feature_group_cases import NULLS, alternative, alternative_truth, entropy
from _grid import finish_grid
from scipy.special import entr, expit
from scipy.stats import ttest_1samp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from sklearn_learnability import (
    GoldenModelCeiling,
    conditional_contribution,
    learnability_by_feature_group,
)
from sklearn_learnability.datasets import load_military
from sklearn_learnability.metrics import log_loss_per_sample

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "feature_groups.json"
OUTPUT = HERE.parent / "output"
N_ROWS = 400
LEVEL, QUANTILE = 0.05, 1.645
STRENGTHS = (0.2, 0.4, 0.8)
QUANTITIES = ("alone", "on_top", "shapley")
MILITARY = {"gender": "gender", "race": ["race", "hispanic"], "branch": "branch", "rank": "rank"}
#: Slopes of six Gaussian columns, neighbours of which correlate by RHO; two columns a group.
SLOPES, RHO = np.array([1.0, 0.5, 0.8, 0.0, 0.0, 0.6]), 0.6


def family_of(X):
    """Return logistic regression, with the package's encoding where there are categories."""
    numeric = all(pd.api.types.is_numeric_dtype(X[name]) for name in X)
    return [("logistic", LogisticRegression())] if numeric else ["logistic"]


def tested(case, seed):
    """Return what the test, the plain difference and permutation importance say of a case."""
    X, y, groups, cv = case(N_ROWS, np.random.RandomState(seed))
    columns = [name for name in X if name.startswith("g")]
    start = time.process_time()
    ceiling = GoldenModelCeiling(family_of(X), cv=cv, random_state=seed).fit(X, y, groups=groups)
    found = conditional_contribution(ceiling, X, y, groups=groups, columns=columns)
    return {
        "new": found.p_value <= LEVEL,
        "difference": found.on_top.value > QUANTILE * found.on_top.standard_error,
        "permutation": permutation_finds(X, y, columns, seed),
        "on top": found.on_top.value,
        "new value": found.new.value,
        "new lower": found.new.lower,
        "new upper": found.new.upper,
        "predictable": found.predictable,
        "seconds": time.process_time() - start,
    }


def permutation_finds(X, y, columns, seed):
    """Return whether permuting columns together raises the loss of held-out rows, by a t-test."""
    table = pd.get_dummies(X, dtype=float)
    own = [name for name in table if name.split("_")[0] in columns]
    fit, held, labels, truth = train_test_split(table, y, test_size=0.5, random_state=seed)
    if len(np.unique(labels)) < 2 or len(np.unique(truth)) < 2:
        return False
    model, rng = LogisticRegression().fit(fit, labels), np.random.RandomState(seed)
    loss = log_loss_per_sample(truth, model.predict_proba(held))
    raised = np.zeros(len(held))
    for _ in range(5):
        shuffled = held.copy()
        shuffled[own] = held[own].to_numpy()[rng.permutation(len(held))]
        raised += (log_loss_per_sample(truth, model.predict_proba(shuffled)) - loss) / 5
    return bool(ttest_1samp(raised, 0, alternative="greater").pvalue <= LEVEL)


def measure_null(kind, draw):
    return tested(NULLS[kind], 1000 + draw)


def measure_power(strength, draw):
    return tested(lambda n, rng: alternative(n, rng, strength), 5000 + draw)


def shapley_of(values, names):
    """Return the exact Shapley values of a dict from frozensets to values."""
    shares = {}
    for name in names:
        others = [one for one in names if one != name]
        gains = [
            np.mean([values[frozenset({name, *s})] - values[frozenset(s)] for s in of_size])
            for of_size in (list(combinations(others, size)) for size in range(len(names)))
        ]
        shares[name] = float(np.mean(gains))
    return shares


def truths(values, names):
    """Return what every group adds alone, on top of the others and by Shapley, exactly."""
    shares, everything = shapley_of(values, names), frozenset(names)
    return {
        name: {
            "alone": values[frozenset({name})],
            "on_top": values[everything] - values[everything - {name}],
            "shapley": shares[name],
        }
        for name in names
    }


def subsets(names):
    return [frozenset(s) for size in range(len(names) + 1) for s in combinations(names, size)]


def military_truth():
    """Return the learnability of every subset of the groups of the counted table."""
    truth = load_military(10, random_state=0, return_truth=True)[2]
    values = {}
    for chosen in subsets(MILITARY):
        columns = [name for group in chosen for name in np.atleast_1d(MILITARY[group])]
        counts = pd.DataFrame(truth.counts)
        if columns:
            counts = counts.groupby([truth.cells[name] for name in columns], observed=True).sum()
        else:
            counts = counts.sum().to_frame().T
        numbers = counts.to_numpy(float)
        rows = numbers.sum(axis=1)
        within = rows @ entr(numbers / rows[:, None]).sum(axis=1) / rows.sum()
        values[chosen] = 1 - within / truth.label_entropy("nats")
    return truths(values, list(MILITARY))


def linear_law():
    """Return the covariance of the six columns and their groups."""
    distance = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    return RHO**distance, {"a": [0, 1], "b": [2, 3], "c": [4, 5]}


def linear_truth():
    """Return the learnability of every subset of the groups of the linear law.

    Given some columns the score is Gaussian, with a mean that is Gaussian as well.
    """
    covariance, groups = linear_law()
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    values = {}
    for chosen in subsets(groups):
        at = [column for group in chosen for column in groups[group]]
        cross = (covariance @ SLOPES)[at]
        explained = cross @ np.linalg.solve(covariance[np.ix_(at, at)], cross) if at else 0.0
        left = max(SLOPES @ covariance @ SLOPES - explained, 0.0)
        score = np.sqrt(explained) * nodes[:, None] + np.sqrt(left) * nodes
        values[chosen] = 1 - weights @ entropy(expit(score) @ weights) / np.log(2)
    return truths(values, list(groups))


def draw_linear(n, seed):
    covariance, groups = linear_law()
    rng = np.random.RandomState(seed)
    X = rng.multivariate_normal(np.zeros(6), covariance, size=n)
    return X, (rng.uniform(size=n) < expit(X @ SLOPES)).astype(int), groups


def measure_shares(source, draw):
    """Return what was found of every quantity, and its ends."""
    if source == "military":
        X, y = load_military(4000, random_state=draw)
        groups, family, truth = MILITARY, "fast", military_truth()
    else:
        X, y, groups = draw_linear(2000, draw)
        family, truth = [("logistic", LogisticRegression())], linear_truth()
    start = time.process_time()
    ceiling = GoldenModelCeiling(family, random_state=draw).fit(X, y)
    report = learnability_by_feature_group(ceiling, X, y, feature_groups=groups)
    row = {"seconds": time.process_time() - start}
    for quantity in QUANTITIES:
        parts = [(getattr(one, quantity), truth[one.group][quantity]) for one in report.groups]
        row |= {
            f"{quantity} held": np.mean([p.lower <= true <= p.upper for p, true in parts]),
            f"{quantity} error": np.mean([abs(p.value - true) for p, true in parts]),
            f"{quantity} bias": np.mean([p.value - true for p, true in parts]),
            f"{quantity} width": np.mean([p.upper - p.lower for p, _ in parts]),
            f"{quantity} truth": np.mean([true for _, true in parts]),
        }
    return row


def measure_sampling(budget, draw):
    """Return how far sampled Shapley values are from those of all coalitions, eight groups."""
    rng = np.random.RandomState(draw)
    X = rng.standard_normal((1000, 8)) + rng.standard_normal((1000, 1))
    score = X @ np.linspace(0, 0.6, 8) + X[:, 0] * X[:, 7]
    y = (rng.uniform(size=1000) < expit(score)).astype(int)
    ceiling = GoldenModelCeiling([("logistic", LogisticRegression())], cv=3, random_state=draw)
    ceiling.fit(X, y)
    exact = learnability_by_feature_group(ceiling, X, y, budget=2**8)
    start = time.process_time()
    drawn = learnability_by_feature_group(ceiling, X, y, budget=budget)
    seconds = time.process_time() - start
    pairs = zip(drawn.groups, exact.groups, strict=True)
    errors = [a.shapley.value - b.shapley.value for a, b in pairs]
    said = [one.sampling_error for one in drawn.groups]
    return {
        "error": np.sqrt(np.mean(np.square(errors))),
        "said": np.sqrt(np.mean(np.square(said))),
        "largest": np.max(np.abs(errors)),
        "orders": drawn.n_orders,
        "row error": np.mean([one.shapley.standard_error for one in exact.groups]),
        "seconds": seconds,
    }


def percent(share):
    return f"{share:.1%}"


def tables(results):
    """Return the tables of the documentation."""
    level, power = pd.DataFrame(results["level"]), pd.DataFrame(results["power"])
    shares, sampling = pd.DataFrame(results["shares"]), pd.DataFrame(results["sampling"])
    return {
        "feature_groups_level": pd.DataFrame(
            {
                "the group": level["kind"],
                "draws": level["draws"].map(str),
                "permutation importance": level["permutation"].map(percent),
                "plain difference": level["difference"].map(percent),
                "this test": level["new"].map(percent),
                "mean on top": level["on top"].map("{:.3f}".format),
                "mean new": level["new value"].map("{:.3f}".format),
                "CPU seconds": level["seconds"].map("{:.2f}".format),
            }
        ),
        "feature_groups_power": pd.DataFrame(
            {
                "truth": power["truth"].map("{:.4f}".format),
                "draws": power["draws"].map(str),
                "permutation importance": power["permutation"].map(percent),
                "plain difference": power["difference"].map(percent),
                "this test": power["new"].map(percent),
                "mean new": power["new value"].map("{:.4f}".format),
                "interval of new holds the truth": power["held"].map(percent),
            }
        ),
        "feature_groups_shares": pd.DataFrame(
            {
                "table": shares["source"],
                "draws": shares["draws"].map(str),
                "number": shares["quantity"],
                "mean truth": shares["truth"].map("{:.4f}".format),
                "mean error": shares["error"].map("{:.4f}".format),
                "bias": shares["bias"].map("{:+.4f}".format),
                "mean width": shares["width"].map("{:.4f}".format),
                "holds the truth": shares["held"].map(percent),
                "CPU seconds": shares["seconds"].map("{:.1f}".format),
            }
        ),
        "feature_groups_sampling": pd.DataFrame(
            {
                "fits": sampling["budget"].map(str),
                "draws": sampling["draws"].map(str),
                "orders": sampling["orders"].map("{:.0f}".format),
                "error": sampling["error"].map("{:.4f}".format),
                "error that is said": sampling["said"].map("{:.4f}".format),
                "largest error": sampling["largest"].map("{:.4f}".format),
                "error of the rows": sampling["row error"].map("{:.4f}".format),
                "CPU seconds": sampling["seconds"].map("{:.1f}".format),
            }
        ),
    }


def rounded(rows):
    return [
        {name: round(v, 6) if isinstance(v, float) else v for name, v in row.items()}
        for row in rows
    ]


def summarise_tests(table, setting):
    rows = []
    for value, part in table.groupby(setting, sort=False):
        means = part.drop(columns=[setting, "draw"]).astype(float).mean().to_dict()
        rows.append({setting: value, "draws": len(part)} | means)
    return rows


def summarise_shares(table):
    rows = []
    for source, part in table.groupby("source", sort=False):
        for quantity in QUANTITIES:
            names = ("held", "error", "bias", "width", "truth")
            means = {name: float(part[f"{quantity} {name}"].mean()) for name in names}
            rows.append(
                {"source": source, "quantity": quantity.replace("_", " "), "draws": len(part)}
                | means
                | {"seconds": float(part["seconds"].mean())}
            )
    return rows


def grid(name, setting, values, n_draws, measure):
    """Return the finished cells of a part."""
    cells = [{setting: value, "draw": draw} for draw in range(n_draws) for value in values]
    return finish_grid(cells, measure, OUTPUT / f"feature_groups_{name}.csv")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=200)
    n_draws = parser.parse_args().draws
    warnings.simplefilter("ignore")  # small tables: copies, rows in time
    OUTPUT.mkdir(exist_ok=True)
    sampling = grid("sampling", "budget", [40, 64, 128], 3, measure_sampling)
    level = grid("level", "kind", list(NULLS), n_draws, measure_null)
    power = grid("power", "strength", STRENGTHS, n_draws // 3, measure_power)
    linear = grid("linear", "source", ["linear"], n_draws // 3, measure_shares)
    military = grid("military", "source", ["military"], n_draws // 30, measure_shares)
    shares = pd.concat([military, linear], ignore_index=True)
    truth = power["strength"].map({one: alternative_truth(one) for one in STRENGTHS})
    power["truth"] = truth
    power["held"] = (power["new lower"] <= truth) & (truth <= power["new upper"])
    results = {
        "level": rounded(summarise_tests(level, "kind")),
        "power": rounded(summarise_tests(power, "strength")),
        "shares": rounded(summarise_shares(shares)),
        "sampling": rounded(summarise_tests(sampling, "budget")),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for name, shown in tables(results).items():
        print(name, shown.to_string(index=False), sep="\n")


if __name__ == "__main__":
    main()
