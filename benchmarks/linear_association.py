"""How often independent quantities are called associated, and how often associated ones are.

    python benchmarks/linear_association.py   # about 5 CPU-minutes

Runs of training are drawn: three independent series x, y and z a run, all of one kind. Four tests
of the partial correlation of x and y given z at 5 % are counted:

- `linear_association`: the correlation with a constant for each step, its interval from leaving out
  one run at a time;
- exchanging whole runs: what is left of x changes places among the runs, which keep their order in
  time; all orders up to 6 runs, otherwise 199 drawn;
- shuffling within steps: the same with an order of its own at each step, 199 drawn;
- resampling: percentiles of 199 resamples of runs, or of points for one run, without the steps.

Three studies are also taken together, by Student's test of their correlations, Fisher-transformed.
For power, x and y share part of their series. Writes benchmarks/results/linear_association.json.
"""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from tqdm import tqdm

from sklearn_learnability.metrics import linear_association

N_DRAWS, N_ORDERS = 1000, 199
LEVEL = 0.05
RESULTS = Path(__file__).parent / "results" / "linear_association.json"
DESIGNS = ((3, 8), (3, 24), (4, 8), (5, 16), (6, 8), (8, 16), (10, 24))
KINDS = (
    "independent points",
    "AR(1), 0.8",
    "random walks",
    "a level of each run",
    "walks along one curve",
    "walks, some runs ten times as large",
)
CORRELATIONS = (0.5, 0.8, 0.95)


def generator(*cell):
    """Return random numbers of a cell's own, so that no cell changes with the others."""
    return np.random.default_rng(list(json.dumps(cell).encode()))


def series(kind, shape, rng):
    """Return series of one kind along the last axis."""
    noise = rng.normal(size=shape)
    if kind == "random walks":
        return noise.cumsum(axis=-1)
    if kind == "walks along one curve":  # of draws, quantities, runs and steps
        time = np.linspace(0, 20, shape[-1])
        curves = np.stack([time, time**1.5, -np.sqrt(time)])
        return noise.cumsum(axis=-1) + curves[:, None]
    if kind == "a level of each run":
        return 0.3 * noise + rng.normal(size=(*shape[:-1], 1))
    if kind == "walks, some runs ten times as large":  # the same runs in all quantities
        large = rng.random((shape[0], 1, shape[2], 1)) < 0.2
        return noise.cumsum(axis=-1) * np.where(large, 10, 1)
    if kind == "AR(1), 0.8":
        for step in range(1, shape[-1]):
            noise[..., step] = 0.8 * noise[..., step - 1] + 0.6 * noise[..., step]
    return noise


def centre(values):
    """Return series of shape (..., runs, steps) without the mean of every step."""
    return values - values.mean(axis=-2, keepdims=True)


def residual(values, given):
    """Return what a common slope on centred given series leaves."""
    slope = (values * given).sum(axis=(-2, -1)) / (given**2).sum(axis=(-2, -1))
    return values - slope[..., None, None] * given


def correlation(x, y):
    """Return the correlation of centred series, all runs and steps together."""
    sizes = (x**2).sum(axis=(-2, -1)) * (y**2).sum(axis=(-2, -1))
    return (x * y).sum(axis=(-2, -1)) / np.sqrt(sizes)


def p_value_of_orders(x, y, z, orders):
    """Return the share of reordered x that are at least as associated as x in its own order."""
    x, y, z = centre(x), centre(y), centre(z)
    left_x, left_y = residual(x, z), residual(y, z)
    reordered = np.take_along_axis(left_x[None], orders, axis=1)
    found = np.abs(correlation(residual(reordered, z), left_y))
    return float((found >= abs(correlation(left_x, left_y)) - 1e-10).mean())


def orders_of_runs(n_runs, n_steps, rng):
    """Return orders of whole runs, their own first."""
    if math.factorial(n_runs) <= 720:
        orders = np.array(list(itertools.permutations(range(n_runs))))
    else:
        drawn = [rng.permutation(n_runs) for _ in range(N_ORDERS)]
        orders = np.array([np.arange(n_runs), *drawn])
    return np.repeat(orders[:, :, None], n_steps, axis=2)


def orders_within_steps(n_runs, n_steps, rng, n_orders=N_ORDERS):
    """Return orders that differ from step to step, their own first."""
    drawn = rng.random((n_orders, n_runs, n_steps)).argsort(axis=1)
    own = np.repeat(np.arange(n_runs)[:, None], n_steps, axis=1)
    return np.concatenate([own[None], drawn])


def resampled_excludes_zero(x, y, z, rng):
    """Return whether percentiles of resampled runs, or points of one run, exclude 0."""
    units = np.stack([x, y, z])
    if len(x) == 1:
        units = units.reshape(3, -1, 1)
    drawn = rng.integers(units.shape[1], size=(N_ORDERS, units.shape[1]))
    points = units[:, drawn].reshape(3, N_ORDERS, 1, -1)
    points = points - points.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):  # a resample of one point again and again
        left = [residual(values, points[2]) for values in points[:2]]
        lower, upper = np.nanquantile(correlation(*left), [LEVEL / 2, 1 - LEVEL / 2])
    return bool(lower > 0 or upper < 0)


def ours(x, y, z):
    """Return the package's association of series (runs, steps)."""
    run, step = np.indices(x.shape)
    return linear_association(
        x.ravel(), y.ravel(), given=z.ravel(), groups=run.ravel(), steps=step.ravel()
    )


def null(kind, n_runs, n_steps, rng):
    """Return the shares of draws without an association in which each test says there is one."""
    found = []
    for x, y, z in series(kind, (N_DRAWS, 3, n_runs, n_steps), rng):
        row = {"resampling": resampled_excludes_zero(x, y, z, rng)}
        if n_runs > 1:
            whole = p_value_of_orders(x, y, z, orders_of_runs(n_runs, n_steps, rng))
            within = p_value_of_orders(x, y, z, orders_within_steps(n_runs, n_steps, rng))
            row |= {
                "linear_association": ours(x, y, z).p_value <= LEVEL,
                "exchanging_runs": whole <= LEVEL,
                "shuffling_within_steps": within <= LEVEL,
            }
        found.append(row)
    smallest = 1 / math.factorial(n_runs) if n_runs > 2 else None
    cell = {"kind": kind, "runs": n_runs, "steps": n_steps}
    return cell | pd.DataFrame(found).mean().to_dict() | {"smallest_p_of_exchanging": smallest}


def together(kind, rng, n_studies=3, n_runs=3, n_steps=8, n_draws=20_000):
    """Return the share of draws in which studies without an association, together, say there is."""
    drawn = centre(series(kind, (n_studies * n_draws, 3, n_runs, n_steps), rng))
    x, y, z = drawn.swapaxes(0, 1)
    found = np.arctanh(correlation(residual(x, z), residual(y, z))).reshape(n_studies, n_draws)
    share = float((stats.ttest_1samp(found, 0, axis=0).pvalue <= LEVEL).mean())
    return {"kind": kind, "studies": n_studies, "runs": n_runs, "steps": n_steps, "found": share}


def power(kind, n_runs, n_steps, true, rng):
    """Return coverage and power where x and y correlate given z, both following z."""
    found = []
    for own, other, z in series(kind, (N_DRAWS, 3, n_runs, n_steps), rng):
        x, y = own + z, true * own + np.sqrt(1 - true**2) * other + z
        line = ours(x, y, z)
        whole = p_value_of_orders(x, y, z, orders_of_runs(n_runs, n_steps, rng))
        found.append(
            {
                "covered": line.within_steps_lower <= true <= line.within_steps_upper,
                "linear_association": line.p_value <= LEVEL,
                "exchanging_runs": whole <= LEVEL,
            }
        )
    cell = {"kind": kind, "correlation": true, "runs": n_runs, "steps": n_steps}
    return cell | pd.DataFrame(found).mean().to_dict()


def tables(results):
    """Return the tables of the documentation."""
    names = {
        "linear_association": "leaving out a run",
        "exchanging_runs": "exchanging runs",
        "shuffling_within_steps": "shuffling within steps",
        "resampling": "resampling",
    }
    nulls = pd.DataFrame(results["nulls"])
    shares = {
        label: nulls[name].map(lambda share: "no test" if pd.isna(share) else f"{share:.1%}")
        for name, label in names.items()
    }
    powers = pd.DataFrame(results["power"])
    columns = {
        "covered": "covered",
        "linear_association": "found, leaving out a run",
        "exchanging_runs": "found, exchanging runs",
    }
    found = {label: powers[name].map("{:.0%}".format) for name, label in columns.items()}
    found["covered"] = powers["covered"].map("{:.1%}".format)
    return {
        "linear_association_together": pd.DataFrame(results["together"]).assign(
            found=lambda table: table["found"].map("{:.1%}".format)
        ),
        "linear_association_nulls": nulls[["kind", "runs", "steps"]].assign(**shares),
        "linear_association_power": powers[["kind", "correlation", "runs"]].assign(**found),
    }


def main():
    cells = [(kind, 1, 24) for kind in KINDS]
    cells += [(kind, *design) for kind in KINDS for design in DESIGNS]
    nulls = [null(*cell, generator(*cell)) for cell in tqdm(cells, unit="null")]
    cells = list(itertools.product(("random walks",), (3, 5, 10), (8,), CORRELATIONS))
    cells += list(itertools.product(("independent points",), (3, 5), (8,), CORRELATIONS))
    powers = [power(*cell, generator(*cell)) for cell in tqdm(cells, unit="power")]
    results = {
        "draws": N_DRAWS,
        "level": LEVEL,
        "nulls": nulls,
        "together": [together(kind, generator(kind)) for kind in KINDS],
        "power": powers,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for table in tables(results).values():
        print(table.to_string(index=False))


if __name__ == "__main__":
    main()
