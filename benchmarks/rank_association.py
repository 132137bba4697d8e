"""Whether a measure is said to go with performance beyond scale where it does, and where not.

    pip install -e ".[benchmark]"          # pingouin
    python benchmarks/rank_association.py   # about 7 CPU-minutes

Models are drawn that have a size, a number of tokens, a measure and a score, and four tests at 5 %:

- raw: Spearman's correlation (scipy), which knows nothing of scale;
- pingouin: its partial Spearman correlation given size and tokens, and families where given;
- degree 1: `partial_spearman`, the same correlation, tested by Freedman and Lane's orders;
- ours: `relate_to_performance`, which takes out powers of ranks and ranks within families; and how
  often its verdict is that there is something beyond scale.

Then power and coverage, what the verdicts are, checkpoints of runs, models of equal size, and
several measures at once. Writes benchmarks/results/rank_association.json.
"""

import json
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from _results import cpu_seconds, records
from scipy import stats
from scipy.special import expit

from sklearn_learnability.exceptions import DeterminedByCovariatesWarning
from sklearn_learnability.metrics import (
    partial_spearman,
    relate_to_performance,
    size_groups,
    spearman,
)

N_DRAWS, N_ORDERS, LEVEL = 400, 399, 0.05
ORDERS = np.random.RandomState(0)  # of permutations, fresh ones for every test
RESULTS = Path(__file__).parent / "results" / "rank_association.json"
SIZES = (12, 30, 60)
FAMILIES = {12: 3, 30: 5, 60: 6}


def rising(z, e, d, noise):
    """Return what follows scale along a line."""
    return z + noise * e, z + noise * d


#: Verdicts that there is something beyond scale.
BEYOND = (
    *("related beyond scale", "hangs on one family"),
    *("masked by scale", "turned round by scale"),
)
#: The correlation beyond scale, and the families it is in, of which the first has half the models.
TRUTHS = {
    "scale alone": (0.0, None),
    "no relation": (0.0, None),
    "0.4 beyond scale": (0.4, None),
    "0.8 beyond scale": (0.8, None),
    "0.8 in all families": (0.8, "all"),
    "0.8 in one family": (0.8, "one"),
}
VERDICTS = (
    *("related beyond scale", "masked by scale", "hangs on one family", "not surely beyond scale"),
    *("explained by scale alone", "explained by scale and family", "no relation found"),
    *("cannot tell", "turned round by scale", "no verdict"),
)
#: How a measure and a score follow the scale z, each with noise of its own: e, d.
KINDS = {
    "neither follows scale": lambda z, e, d: (e, d),
    "both follow it": lambda z, e, d: rising(z, e, d, 0.5),
    "both closely (R² 0.9)": lambda z, e, d: rising(z, e, d, 0.33),
    "both very closely (0.98)": lambda z, e, d: rising(z, e, d, 0.15),
    "both saturate": lambda z, e, d: (expit(3 * z) + 0.1 * e, expit(3 * z) + 0.1 * d),
    "both rise late": lambda z, e, d: (
        np.maximum(z - 0.5, 0) + 0.1 * e,
        np.maximum(z - 0.5, 0) + 0.1 * d,
    ),
    "both fall, then rise": lambda z, e, d: (z**2 + 0.5 * e, z**2 + 0.5 * d),
    "noise grows with scale": lambda z, e, d: rising(z, e, d, 0.6 * np.exp(0.8 * z)),
    "families differ too": lambda z, e, d: rising(z, e, d, 0.5),
    "families differ, closely": lambda z, e, d: rising(z, e, d, 0.2),
    "scale is known with error": lambda z, e, d: rising(z, e, d, 0.5),
}


def generator(*cell):
    """Return random numbers of a cell's own, so that no cell changes with the others."""
    return np.random.default_rng(list(json.dumps(cell).encode()))


def scale_of(n, rng):
    """Return size and tokens of n models, in logarithms, and what performance depends on."""
    size = rng.uniform(-1.7, 1.7, n)
    tokens = 0.6 * size + 0.8 * rng.uniform(-1.7, 1.7, n)
    return np.column_stack([size, tokens]), (size + 0.7 * tokens) / 1.52


def drawn(kind, n, rng):
    """Return measure, score, covariates and families of n models."""
    covariates, z = scale_of(n, rng)
    measure, score = KINDS[kind](z, *rng.normal(size=(2, n)))
    family = None
    if kind.startswith("families"):
        family = np.arange(n) % FAMILIES[n]
        level = rng.normal(size=FAMILIES[n])[family]
        measure, score = measure + level, score + level
    if kind.startswith("scale is known"):
        covariates = covariates + 0.4 * rng.normal(size=covariates.shape)
    return measure, score, covariates, family


def peer_p_value(measure, score, covariates, family):
    """Return pingouin's p-value given the covariates, and a column for each family but one."""
    import pingouin

    table = pd.DataFrame(covariates).add_prefix("given ")
    if family is not None:
        table = table.join(pd.get_dummies(family, prefix="family", drop_first=True, dtype=float))
    names = list(table)
    table = table.assign(x=measure, y=score)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pingouin.partial_corr(table, "x", "y", covar=names, method="spearman")
    return float(found["p_val"].iloc[0])


def related(measure, score, covariates, family=None, **settings):
    """Return the relation of one measure with one score."""
    relation = relate_to_performance(
        measure, score, covariates, family, n_permutations=N_ORDERS, random_state=ORDERS, **settings
    )
    return relation.relations[0]


def nulls(kind, n):
    """Return how often each test finds an association beyond scale that is not there."""
    rng, found = generator("nulls", kind, n), []
    for _ in range(N_DRAWS):
        measure, score, covariates, family = drawn(kind, n, rng)
        straight = partial_spearman(
            measure, score, covariates, family, n_permutations=N_ORDERS, random_state=ORDERS
        )
        part = related(measure, score, covariates, family)
        p_values = {
            "raw": stats.spearmanr(measure, score).pvalue,
            "pingouin": peer_p_value(measure, score, covariates, family),
            "degree 1": straight.p_value,
            "ours": part.p_value,
        }
        row = {name: p_value <= LEVEL for name, p_value in p_values.items()}
        found.append(row | {"verdict": part.verdict in BEYOND})
    return {"kind": kind, "models": n} | pd.DataFrame(found).mean().to_dict()


def beyond(correlation, n, rng):
    """Return models whose measure and score share noise beyond scale."""
    covariates, z = scale_of(n, rng)
    own, other = rng.normal(size=(2, n))
    noise = correlation * own + np.sqrt(1 - correlation**2) * other
    return z + 0.5 * own, z + 0.5 * noise, covariates


def power(correlation, n):
    """Return how often each test finds an association, and the interval holds it."""
    rng, found = generator("power", correlation, n), []
    degree = relate_to_performance(*beyond(correlation, n, rng), n_permutations=1).degree
    many = [
        partial_spearman(*beyond(correlation, 4000, rng), degree=degree, n_permutations=1).rho
        for _ in range(20)
    ]
    true = float(np.mean(many))
    for _ in range(N_DRAWS):
        models = beyond(correlation, n, rng)
        part = related(*models)
        found.append(
            {
                "covered": part.controlled.lower <= true <= part.controlled.upper,
                "pingouin": peer_p_value(*models, None) <= LEVEL,
                "ours": part.p_value <= LEVEL,
                "verdict": part.verdict in BEYOND,
                "detectable": part.controlled.detectable,
            }
        )
    cell = {"models": n, "true": true, "degree": degree}
    return cell | pd.DataFrame(found).mean().to_dict()


def verdicts(truth, n):
    """Return the share of draws with each verdict."""
    rng, said = generator("verdicts", truth, n), []
    correlation, where = TRUTHS[truth]
    half = np.arange(n) < n // 2
    family = None if where is None else np.where(half, 0, 1 + np.arange(n) % (FAMILIES[n] - 1))
    if where == "one":
        correlation = np.where(half, correlation, 0.0)
    for _ in range(N_DRAWS):
        measure, score, covariates = beyond(correlation, n, rng)
        if truth == "no relation":
            measure, score = rng.normal(size=(2, n))
        said.append(related(measure, score, covariates, family).verdict)
    shares = pd.Series(said).value_counts(normalize=True).reindex(VERDICTS, fill_value=0.0)
    return {"truth": truth, "models": n} | shares.to_dict()


def series(kind, shape, rng):
    """Return independent series along the last axis."""
    noise = rng.normal(size=shape)
    if "walks" in kind:
        return noise.cumsum(axis=-1)
    if kind == "a level of each run":
        return 0.3 * noise + rng.normal(size=(*shape[:-1], 1))
    return noise


def checkpoints(kind, n_runs, n_steps=20):
    """Return how often checkpoints are called associated that are not, and that are by 0.8.

    Of walks that follow a third one all but the raw test are given that.
    """
    rng, found = generator("checkpoints", kind, n_runs), []
    run, step = (a.ravel() for a in np.indices((n_runs, n_steps)))
    settings = {"runs": run, "steps": step, "n_permutations": N_ORDERS, "random_state": ORDERS}
    for _ in range(N_DRAWS):
        x, y = series(kind, (2, n_runs, n_steps), rng).reshape(2, -1)
        common, given = np.zeros(len(x)), np.empty((len(x), 0))
        if kind == "walks along one curve":
            common = 3 * np.sqrt(step)
        if kind == "walks that follow a third":
            common = series(kind, (n_runs, n_steps), rng).ravel()
            given = common[:, None]
        one, other = x + common, y + common
        alike = 0.8 * x + 0.6 * y + common
        ours = partial_spearman(one, other, given, **settings)
        peer = peer_p_value(one, other, np.column_stack([step, given]), None)
        row = {
            "raw": stats.spearmanr(one, other).pvalue <= LEVEL,
            "pingouin": peer <= LEVEL,
            "ours": ours.p_value <= LEVEL,
            "interval": ours.lower * ours.upper > 0,
            "found": partial_spearman(one, alike, given, **settings).p_value <= LEVEL,
            "no verdict": bool(ours.reason),
        }
        found.append(row)
    cell = {"kind": kind, "runs": n_runs, "steps": n_steps}
    return cell | pd.DataFrame(found).mean().to_dict()


def equal_sizes(ratio, n=40):
    """Return how often models of about equal size look associated, by the ratio of sizes."""
    rng, found = generator("sizes", ratio), []
    for _ in range(N_DRAWS):
        logarithm = rng.uniform(8, 11, n)
        groups = size_groups(10**logarithm, ratio=ratio)
        own, noise = rng.normal(size=(2, n))
        row = {}
        for name, strength in (("found without", 0.0), ("found with", 0.8)):
            shared = strength * own + np.sqrt(1 - strength**2) * noise
            x, y = logarithm + 0.3 * own, logarithm + 0.3 * shared
            one = spearman(x, y, groups=groups, n_permutations=N_ORDERS, random_state=ORDERS)
            row |= {name: one.p_value <= LEVEL, "compared": one.n_points}
        found.append(row)
    return {"ratio": ratio, "models": n} | pd.DataFrame(found).mean().to_dict()


def several(effect, n=40, n_measures=4, n_scores=2):
    """Return how often any of eight tests finds an association, by how they are corrected."""
    rng, found = generator("several", effect), []
    for _ in range(N_DRAWS):
        covariates, z = scale_of(n, rng)
        skill, shared_x, shared_y = rng.normal(size=(3, n, 1))
        measures = 0.8 * shared_x + 0.6 * rng.normal(size=(n, n_measures))
        scores = 0.8 * shared_y + 0.6 * rng.normal(size=(n, n_scores))
        measures[:, :1] += effect * skill
        scores[:, :1] += effect * skill
        parts = relate_to_performance(
            z[:, None] + measures,
            z[:, None] + scores,
            covariates,
            n_permutations=N_ORDERS,
            random_state=ORDERS,
        ).relations
        single = np.array([part.controlled.p_value for part in parts])
        found.append(
            {
                "none": single.min() <= LEVEL,
                "Holm": single.min() * len(single) <= LEVEL,
                "ours": min(part.p_value for part in parts) <= LEVEL,
            }
        )
    name = "one of eight" if effect else "none of eight"
    return {"associated": name} | pd.DataFrame(found).mean().to_dict()


def seconds():
    """Return CPU-seconds of 9,999 orders of 40 models and three covariates, beside peers."""
    rng = np.random.default_rng(0)
    x, y, *covariates = rng.normal(size=(5, 40))
    covariates = np.column_stack(covariates)

    def brute():
        return stats.permutation_test(
            (x,), lambda a: stats.spearmanr(a, y).statistic, permutation_type="pairings"
        )

    calls = {
        "partial_spearman, 9,999 orders": lambda: partial_spearman(x, y, covariates),
        "scipy.stats.permutation_test of spearmanr, 9,999 orders": brute,
        "pingouin.partial_corr, no orders": lambda: peer_p_value(x, y, covariates, None),
    }
    peer_p_value(x, y, covariates, None)
    return [{"call": name, "cpu_seconds": cpu_seconds(call)[0]} for name, call in calls.items()]


def shares(table, names):
    """Return columns as percentages."""
    return {label: table[name].map("{:.0%}".format) for name, label in names.items()}


def tables(results):
    """Return the tables of the documentation."""
    frames = {name: pd.DataFrame(results[name]) for name in results if name != "versions"}
    nulls_, power_, runs = frames["nulls"], frames["power"], frames["checkpoints"]
    said = frames["verdicts"]
    truth = said[["truth", "models"]]
    columns = [name for name in VERDICTS if said[name].max() > 0.005]
    own = {"true": "true ρ", "detectable": "detectable"}
    numbers = {label: power_[name].map("{:.2f}".format) for name, label in own.items()}
    tests = {"raw": "raw", "pingouin": "pingouin", "degree 1": "degree 1", "ours": "ours"}
    tests["verdict"] = "verdict"
    over = {"raw": "raw", "pingouin": "pingouin given the step", "ours": "ours"}
    over |= {"interval": "ours, interval", "found": "ours, where ρ is 0.8"}
    runs_shown = pd.DataFrame(shares(runs, over))
    runs_shown.loc[runs["no verdict"] == 1, list(over.values())[2:]] = "no verdict"
    sizes = frames["sizes"]
    return {
        "rank_association_nulls": nulls_[["kind", "models"]].assign(**shares(nulls_, tests)),
        "rank_association_power": power_[["models", "degree"]].assign(
            **numbers,
            **shares(power_, {name: name for name in ("covered", "pingouin", "ours", "verdict")}),
        ),
        "rank_association_verdicts": truth.assign(**shares(said, {c: c for c in columns})),
        "rank_association_runs": runs[["kind", "runs"]].join(runs_shown),
        "rank_association_sizes": sizes[["ratio"]].assign(
            **{"models compared, of 40": sizes["compared"].map("{:.0f}".format)},
            **shares(
                sizes, {"found without": "nothing there, found", "found with": "ρ 0.8, found"}
            ),
        ),
        "rank_association_several": frames["several"][["associated"]].assign(
            **shares(frames["several"], {"none": "uncorrected", "Holm": "Holm", "ours": "ours"})
        ),
    }


def main():
    warnings.simplefilter("ignore", DeterminedByCovariatesWarning)  # of families of four
    begun = time.process_time()
    walks = ("independent points", "random walks", "walks along one curve", "a level of each run")
    walks += ("walks that follow a third",)
    parts = {
        "nulls": [nulls(kind, n) for kind in KINDS for n in SIZES],
        "power": [power(c, n) for c in (0.0, 0.5, 0.8) for n in (12, 20, 30, 60)],
        "verdicts": [verdicts(truth, n) for truth in TRUTHS for n in SIZES],
        "checkpoints": [checkpoints(kind, n) for kind in walks for n in (1, 3, 4, 6, 10)],
        "sizes": [equal_sizes(ratio) for ratio in (1.1, 1.25, 1.5, 2.0, 4.0)],
        "several": [several(effect) for effect in (0.0, 1.2)],
        "seconds": seconds(),
    }
    results = {name: records(pd.DataFrame(rows), 4) for name, rows in parts.items()}
    results["versions"] = {name: version(name) for name in ("numpy", "scipy", "pingouin")}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for table in tables(results).values():
        print(table.to_string(index=False), end="\n\n")
    print(pd.DataFrame(results["seconds"]).to_string(index=False))
    print(f"{time.process_time() - begun:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
