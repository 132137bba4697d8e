"""Fit of the shortfall's rule, and its test on families that were left out."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize

#: What the rule counts beside the number of rows.
EVIDENCE = ("gain", "self_gap")
#: Share of the tasks of left-out families in which the bound holds, and of any one such family.
CONFIDENCE, OF_EACH_FAMILY = 0.95, 0.9
#: Quantile of the log gap that the coefficients are fitted to, and the width of its rounded corner.
FITTED_QUANTILE, CORNER = 0.9, 0.05
#: A bound of the gap that is more than so many times the ceiling tells nothing.
LARGEST_MULTIPLE = 3.0
#: A gap below this, as a share of H(Y), is none.
SMALLEST_GAP = 0.002


def design(table, names):
    """Return the reciprocal root of the rows, then evidence, what is below 0 as 0.

    All times what the ceiling leaves unexplained.
    """
    few = 1 / np.sqrt(table["n_samples"].to_numpy(dtype=float))
    evidence = np.maximum(table[list(names)].to_numpy(dtype=float), 0.0)
    unexplained = np.maximum(1 - table["learnability"].to_numpy(), 0.0)
    return unexplained[:, None] * np.column_stack([few, evidence])


def log_gap(table):
    return np.log(np.maximum(table["gap"].to_numpy(), SMALLEST_GAP))


def fit_coefficients(table, names):
    """Return the non-negative coefficients of the upper quantile of the log gap."""
    columns, target = design(table, names), log_gap(table)
    scale = columns.mean(axis=0)

    def loss(c):
        total = columns @ (c / scale) + 1e-9
        error = target - np.log(total)
        below = 1 / (1 + np.exp(error / CORNER))
        value = FITTED_QUANTILE * error + CORNER * np.logaddexp(0, -error / CORNER)
        slope = (FITTED_QUANTILE - below) / total
        return value.mean(), -(slope @ columns) / scale / len(target)

    start = np.full(len(scale), 2 * table["gap"].mean() / len(scale))
    found = minimize(loss, start, jac=True, bounds=[(0, None)] * len(scale), method="L-BFGS-B")
    return found.x / scale


def log_ratios(table, names, coefficients):
    """Return the log of the gap over the rule's sum."""
    return log_gap(table) - np.log(design(table, names) @ coefficients + 1e-9)


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


def fit_rule(table, names=EVIDENCE):
    """Return coefficients, their factor, and the multiple of the standard error.

    The factor is that at which the bound of the gap holds in families left out, all together and
    each by itself, the multiple that at which the upper end holds beside it.
    """
    coefficients = fit_coefficients(table, names)
    ratios = pd.Series(left_out_ratios(table, names), index=table["family"].to_numpy())
    of_each = ratios.groupby(level=0).agg(conformal_quantile, OF_EACH_FAMILY)
    factor = np.exp(max(conformal_quantile(ratios.to_numpy(), CONFIDENCE), of_each.max()))
    bound = factor * design(table, names) @ coefficients
    excess = (table["truth"] - table["learnability"] - bound) / table["error"]
    return coefficients, factor, max(0.0, conformal_quantile(excess.to_numpy(), CONFIDENCE))


def told(table):
    """Return the tasks about which the rule says something."""
    falls = table["gain"] < -2 * table["gain_error"]
    return table[(table["limit"] > 0) & ~falls]


def upper_ends(table, coefficients, factor, errors, names):
    """Return the upper ends of a rule, or of equal rows where these are lower."""
    gap = factor * design(table, names) @ coefficients
    end = table["learnability"] + gap + errors * table["error"]
    is_told = table.index.isin(told(table).index) & (
        gap <= LARGEST_MULTIPLE * table["learnability"]
    )
    end = np.where(is_told, np.minimum(end, 1.0), 1.0)
    end = np.minimum(end, table["replicate_limit"].fillna(1.0).clip(upper=1.0))
    return np.maximum(end, table["lower"])


def judge_left_out(table, names=EVIDENCE, judged=None):
    """Return the upper end of every task by the rule of the other families, and what it misses.

    Other ceilings may be judged than those that the rules are fitted on.
    """
    judged = table if judged is None else judged
    parts = []
    for family in judged["family"].unique():
        own, others = judged[judged["family"] == family], table[table["family"] != family]
        upper = upper_ends(own, *fit_rule(told(others), names), names)
        parts.append(
            own.assign(
                upper=upper,
                width=upper - own["lower"],
                cannot_tell=upper >= 1.0,
                holds=own["truth"] <= upper,
            )
        )
    return pd.concat(parts).sort_index()


def rank_correlations(table, names):
    """Return those of evidence with the gap, and with the gap over the rule that leaves them out.

    Of tasks about which the rule says something.
    """
    seen = told(table)
    left = pd.Series(left_out_ratios(seen, EVIDENCE), index=seen.index)
    return {
        name: (
            seen[name].corr(seen["gap"], method="spearman"),
            seen[name].corr(left, method="spearman"),
        )
        for name in names
    }
