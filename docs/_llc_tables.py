"""Tables of the local learning coefficient."""

import numpy as np
import pandas as pd


def llc_digits(results):
    """Return the coefficient of networks on the digits, by width and by how they were trained."""
    table = pd.DataFrame(results["digits"])
    return pd.DataFrame(
        {
            "width": table["width"],
            "parameters": table["parameters"].map("{:,}".format),
            "network": table["network"],
            "coefficient": with_error(table, "value", "standard_error"),
            "slope at w*": table["gradient_norm"].map("{:.3f}".format),
            "excess loss": table["excess_loss"].map("{:+.3f}".format),
            "trusted": table["trusted"].map({True: "yes", False: "no"}),
        }
    )


def llc_checkpoints(results):
    """Return the coefficient over training, of the loss and of the divergence."""
    table = pd.DataFrame(results["checkpoints"])
    told = [[flag for flag in flags if "which adds" in flag] for flags in table["flags"]]
    slopes = [float(flags[0].split("about ")[1].split()[0]) if flags else 0.0 for flags in told]
    return pd.DataFrame(
        {
            "step": table["step"].map("{:,}".format),
            "loss": table["initial_loss"].map("{:.2f}".format),
            "excess loss": table["excess_loss"].map("{:+.3f}".format),
            "coefficient": with_error(table, "value", "standard_error"),
            "from the slope": [f"{slope:.0f}" for slope in slopes],
            "of the divergence": with_error(
                table, "divergence, value", "divergence, standard_error"
            ),
            "its halves differ by": table["divergence, half_chain_drift"].map("{:.1%}".format),
        }
    )


def llc_settings(results):
    """Return the coefficient by inverse temperature and pull, with the seeds' difference."""
    table = pd.DataFrame(results["settings"])
    wide = table.pivot_table(index="temperature", columns="localization", values="value")
    spread = table.groupby(["temperature", "localization"])["value"].agg(np.ptp).unstack()
    shown = {"nβ": [f"{t:,.0f}" for t in wide.index]}
    for pull in wide.columns:
        pairs = zip(wide[pull], spread[pull], strict=True)
        shown[f"γ = {pull:,.0f}"] = [f"{value:.4g} (seeds {gap:.2g} apart)" for value, gap in pairs]
    return pd.DataFrame(shown)


def llc_published(results):
    """Return what published settings give, and whether the chain stayed."""
    table = pd.DataFrame(results["published"])
    return pd.DataFrame(
        {
            "settings": table["settings"],
            "nβ": table["temperature"].map("{:,.0f}".format),
            "γ": table["localization"].map("{:,.0f}".format),
            "loss at w*": table["initial_loss"].map("{:.2f}".format),
            "along the chains": (table["initial_loss"] + table["excess_loss"]).map("{:.2f}".format),
            "by chance": table["chance_loss"].map("{:.2f}".format),
            "coefficient": with_error(table, "value", "standard_error"),
        }
    )


def llc_speed(results):
    """Return the cost of a step and of a standard error, beside devinterp."""
    table = pd.DataFrame(results["table"])
    shown = {
        "model": table["model"],
        "pass, ms": table["forward and backward, ms"].map("{:.2f}".format),
    }
    for name in ("ours", "devinterp"):
        shown[f"{name}, step"] = table[f"{name}, ratio"].map("{:.2f}".format)
    for name in ("ours", "devinterp"):
        shown[f"{name}, CPU s to 3 %"] = [
            f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.2g}"
            for seconds in table[f"{name}, CPU s to 3 %"]
        ]
    return pd.DataFrame(shown)


def llc_memory(results):
    """Return the memory of a chain."""
    memory = results["memory"]
    return pd.DataFrame(
        {
            "parameters": [f"{memory['parameters']:,}"],
            "MB a chain": [f"{memory['MB a chain']:.0f}"],
            "numbers a parameter": [f"{memory['numbers a parameter']:.1f}"],
        }
    )


def with_error(table, value, error):
    """Return numbers with their standard errors."""
    pairs = zip(table[value], table[error], strict=True)
    return [f"{number:.4g} ± {spread:.2g}" for number, spread in pairs]
