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
    """Return the least and the most that lines of single runs say, for the first scheme."""
    table = pd.DataFrame(results["by_run"])
    table = table[table["scheme"] == FIRST_SCHEME]
    table["parameters"] = table["run"].str.partition(" seed ")[0]
    grouped = table.groupby(["parameters", "estimator"], sort=False)
    names = ("r_squared", "loss_alone", "partial_correlation")
    shown = {name: least_and_most(grouped[name]) for name in names}
    shown = pd.DataFrame(shown | {"runs": grouped.size()}).reset_index()
    return shown.rename(
        columns={
            "r_squared": "R²",
            "loss_alone": "loss alone",
            "partial_correlation": "partial correlation",
        }
    )


def least_and_most(grouped):
    """Return the least and the largest number of each group, as text."""
    ends = grouped.agg(["min", "max"])
    return ends.apply(lambda row: f"{row['min']:.3f} to {row['max']:.3f}", axis=1)


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


def range_forms(results):
    """Return the lines with the range left in, given and taken out."""
    table = pd.DataFrame(results["range"]["forms"])
    first = table["scheme"] == FIRST_SCHEME
    table = table[first & (table["tolerance"] == MIDDLE_TOLERANCE)]
    shares = {"r_squared": "R²", "given_r_squared": "others alone"}
    shown = {"line of": table["form"], "parameters": table["parameters"]}
    shown |= {label: number(table[name], "{:.3f}") for name, label in shares.items()}
    shown["at one step"] = table["without_loss"].map("{:.2f}".format)
    shown["given the others"] = with_interval(table, "within_steps", 2)
    return pd.DataFrame(shown | {"p": table["p_value"].map(p_value)})


def range_slopes(results):
    """Return the slopes of the spacing found beside those of two accounts."""
    table = pd.DataFrame(results["range"]["slopes"])
    table = table[table["scheme"] == FIRST_SCHEME]
    table = table.sort_values(["parameters", "tolerance"], key=order, kind="stable")
    both = {
        "on λ/d (volume)": ("on_share", "volume", "{:.0f} ({:.0f})"),
        "on log2 λ (curvature)": ("on_log_llc", "curvature", "{:.2f} ({:.2f})"),
    }
    shown = {"parameters": table["parameters"], "ε": table["tolerance"]}
    for label, (found, said, text) in both.items():
        pairs = zip(table[found], table[said], strict=True)
        shown[label] = [text.format(*pair) for pair in pairs]
    shown["Δ over that of the curvature"] = with_interval(table, "spacing_ratio", 2)
    return pd.DataFrame(shown | {"points": table["n_points"]})


def order(column):
    """Return networks in the order that they come in, and numbers as they are."""
    return column if column.dtype.kind == "f" else pd.Series(pd.factorize(column)[0], column.index)


def range_exponents(results):
    """Return how the spacing follows the tolerance, beside what two accounts say."""
    table = pd.DataFrame(results["range"]["exponents"])
    return pd.DataFrame(
        {
            "scheme": table["scheme"],
            "parameters": table["parameters"],
            "found": with_interval(table, "exponent", 2),
            "λ/d (volume)": with_interval(table, "share", 4),
            "curvature": 0.5,
            "at one step": with_interval(table, "within_steps", 2),
            "p": table["p_value"].map(p_value),
            "checkpoints": table["n_points"].astype(int),
        }
    )


def number(column, text):
    """Return numbers as text, empty where there is none."""
    return column.map(lambda value: "" if pd.isna(value) else text.format(value))


def range_over_training(results):
    """Return how the range of the weights and the spacing change over training."""
    table = pd.DataFrame(results["range"]["over_training"])
    first = table["scheme"] == FIRST_SCHEME
    table = table[first & (table["tolerance"] == MIDDLE_TOLERANCE)]
    return pd.DataFrame(
        {
            "parameters": table["parameters"],
            "step": table["step"].astype(int),
            "λ": table["llc"].map("{:.0f}".format),
            "n_q": table["critical"].map("{:.1f}".format),
            "m": table["range"].map("{:.2f}".format),
            "Δ": table["spacing"].map("{:.3f}".format),
            "Δ over that of the curvature": table["spacing_ratio"].map("{:.2f}".format),
            "runs": table["runs"],
        }
    )
