"""Tables of the study of complexity against compressibility."""

import pandas as pd
from _complexity_report import (
    FIRST_ESTIMATOR,
    FIRST_SCHEME,
    MIDDLE_TOLERANCE,
    PAPER_ESTIMATOR,
    TENSOR_SCHEME,
)


def with_interval(table, name, decimals):
    """Return a column of numbers with their intervals, as text."""
    ends = zip(table[name], table[f"{name}_lower"], table[f"{name}_upper"], strict=True)
    return [
        ("" if pd.isna(value) else f"{value:.{decimals}f}")
        + (f" ({low:.{decimals}f} to {high:.{decimals}f})" if pd.notna(low) else "")
        for value, low, high in ends
    ]


def association(table):
    """Return what a line explains, what the loss alone explains, and the rest given the loss."""
    return {
        "R²": table["r_squared"].map("{:.3f}".format),
        "loss alone": table["given_r_squared"].map("{:.3f}".format),
        "difference": table["r_squared_gain"].map("{:.3f}".format),
        "partial correlation": table["partial_correlation"].map("{:.2f}".format),
        "at one step": with_interval(table, "within_steps", 2),
        "p": table["p_value"].map(p_value),
        "points": table["n_points"].astype(int),
    }


def p_value(value):
    """Return a p-value as text, empty where there is none."""
    return "" if pd.isna(value) else "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0")


def lines(results, column, **where):
    """Return lines under some conditions, one a value of the columns named."""
    table = pd.DataFrame(results["lines"])
    for name, value in where.items():
        same = table[name].isna() if value is None else table[name] == value
        table = table[same]
    shown = {name: table[key] for key, name in column.items()} | association(table)
    return pd.DataFrame(shown | {"left out": table["n_left_out"].astype(int)})


def bits(results, column, **where):
    """Return lines through the bits, their slopes beside those predicted."""
    shown = lines(results, column | {"slope": "slope"}, **where)
    predicted = shown["parameters"].map(results["predicted_slopes"])
    slopes = zip(shown.pop("slope"), predicted, strict=True)
    shown["slope (predicted)"] = [f"{slope:.1e} ({other:.1e})" for slope, other in slopes]
    return shown.drop(columns=["points", "left out"])


def baselines(results):
    """Return what other quantities say without the coefficient, for two schemes."""
    table = pd.DataFrame(results["other_baselines"])
    local = table["estimator"] == FIRST_ESTIMATOR
    one_clamp = table["scheme"] == FIRST_SCHEME
    wanted = local & (one_clamp | (table["scheme"] == TENSOR_SCHEME))
    table = table[wanted | (one_clamp & (table["estimator"] == PAPER_ESTIMATOR))]
    shown = association(table)
    shown["baseline alone"] = shown.pop("loss alone")
    order = ("R²", "baseline alone", "difference", "partial correlation", "at one step", "p")
    columns = {name: table[name] for name in ("parameters", "estimator", "scheme", "baseline")}
    return pd.DataFrame(columns | {name: shown[name] for name in order})


def tests(results):
    """Return how alike the runs differ at the same step, with the p-values of three tests."""
    table = pd.DataFrame(results["tests"])
    together = table["parameters"] == "all"
    table = table[together | (table["tolerance"] == MIDDLE_TOLERANCE)]
    table = table.sort_values("scheme", kind="stable")
    shown = {name: table[name] for name in ("scheme", "estimator", "parameters")}
    shown["ε"] = table["tolerance"]
    shown["at one step"] = table["without_loss"].map("{:.2f}".format)
    shown["given the loss"] = with_interval(table, "within_steps", 2)
    names = {
        "p_value": "p",
        "exchanging_runs": "p, exchanging runs",
        "shuffling_within_steps": "p, shuffling within steps",
    }
    shown |= {label: table[name].map(p_value) for name, label in names.items()}
    goes_on = table["goes_on"].map(lambda value: "" if pd.isna(value) else f"{value:.2f}")
    return pd.DataFrame(shown | {"goes on": goes_on})


def single_runs(results):
    """Return the lines of single runs for the first scheme, by setting of the estimator."""
    table = pd.DataFrame(results["by_run"])
    table = table[table["scheme"] == FIRST_SCHEME]
    shown = {"run": table["run"], "estimator": table["estimator"]}
    for name, key in (("R²", "r_squared"), ("loss alone", "loss_alone")):
        shown[name] = table[key].map("{:.3f}".format)
    shown["partial correlation"] = table["partial_correlation"].map("{:.2f}".format)
    return pd.DataFrame(shown | {"points": table["n_points"].astype(int)})


def chains(results):
    """Return how well chains did, by setting and size."""
    table = pd.DataFrame(results["chains"])
    return pd.DataFrame(
        {
            "estimator": table["estimator"],
            "parameters": table["parameters"],
            "median drift": table["median_drift"].map("{:.1%}".format),
            "drift below 2 %": table["drift_below_2_percent"].map("{:.0%}".format),
            "relative error": table["median_relative_error"].map("{:.1%}".format),
            "largest excess, nats": table["largest_excess_loss"].map("{:.2f}".format),
            "R² with the loss": table["r_squared_with_loss"].map("{:.2f}".format),
            "lowest": table["lowest_llc"].map("{:.1f}".format),
            "highest": table["highest_llc"].map("{:.1f}".format),
        }
    )


def deep_linear(results):
    """Return the lines through the deep linear networks."""
    found = results["deep_linear"]["lines"]
    table = pd.DataFrame(list(found.values()))
    names = {"critical": "critical n_q", "bits": "critical bits"}
    of = [name.partition(" on ")[0] for name in found]
    on = ["true" if name.endswith("true_llc") else "estimated" for name in found]
    shown = association(table)
    shown["norm alone"] = shown.pop("loss alone")
    columns = {"line of": [names[name] for name in of], "on the coefficient": on}
    shown["given the norm"] = shown.pop("at one step")
    order = ("R²", "norm alone", "difference", "given the norm", "p", "points")
    return pd.DataFrame(columns | {name: shown[name] for name in order})
