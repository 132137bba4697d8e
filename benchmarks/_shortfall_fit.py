"""Fit of the shortfall's rule, and its test on families that were left out."""

import numpy as np
from scipy.optimize import minimize

#: Added to gaps, as a share of H(Y), before their logarithm is taken.
FLOOR = 0.002


def design(table, names):
    """Return evidence as columns, what is below 0 as 0."""
    return np.maximum(table[list(names)].to_numpy(dtype=float), 0.0)


def fit_coefficients(table, names):
    """Return the non-negative coefficients of the smallest squared error of the log gap."""
    columns, target = design(table, names), np.log(table["gap"].to_numpy() + FLOOR)
    scale = columns.mean(axis=0)

    def loss(c):
        total = columns @ (c / scale) + FLOOR
        error = np.log(total) - target
        return (error**2).mean(), (2 * error / total) @ columns / scale / len(target)

    start = np.full(len(names), table["gap"].mean() / len(names))
    found = minimize(loss, start, jac=True, bounds=[(0, None)] * len(names), method="L-BFGS-B")
    return found.x / scale


def log_ratios(table, names, coefficients):
    """Return the log of the gap over what the rule expects."""
    return np.log((table["gap"] + FLOOR) / (design(table, names) @ coefficients + FLOOR)).to_numpy()


def left_out_ratios(table, names):
    """Return each family's log ratios under the rule fitted on the others."""
    ratios = np.empty(len(table))
    for family in table["family"].unique():
        own = (table["family"] == family).to_numpy()
        ratios[own] = log_ratios(table[own], names, fit_coefficients(table[~own], names))
    return ratios


def conformal_quantile(values, level):
    """Return the order statistic that a new value exceeds with probability 1 - level at most."""
    rank = int(np.ceil((len(values) + 1) * level))
    return np.sort(values)[min(rank, len(values)) - 1]


def left_out_bounds(table, names, level):
    """Return bounds of the gap, and multiples of the error, of each family by rules without it."""
    bound, multiple = np.empty(len(table)), np.empty(len(table))
    for family in table["family"].unique():
        own = (table["family"] == family).to_numpy()
        others = table[~own]
        factor = np.exp(conformal_quantile(left_out_ratios(others, names), level))
        coefficients = fit_coefficients(others, names)
        bound[own] = factor * (design(table[own], names) @ coefficients + FLOOR)
        inner = factor * (design(others, names) @ coefficients + FLOOR)
        excess = (others["L"] - others["est"] - inner) / others["se"]
        multiple[own] = max(0.0, conformal_quantile(excess.to_numpy(), level))
    return bound, multiple
