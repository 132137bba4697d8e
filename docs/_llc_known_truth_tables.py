"""Tables of the page of learning coefficients that are known."""

import pandas as pd


def llc_known_truth(results):
    """Return relative errors of the learning coefficient by case, and devinterp's."""
    table = pd.DataFrame(results["table"])
    shown = {"case": table["case"], "truth": table["truth"].map("{:.3g}".format)}
    shown["seeds"] = table["seeds"].astype(int)
    short = {
        "bias": "mean error",
        "largest error": "largest",
        "standard error": "standard error",
    }
    for name, title in short.items():
        shown[title] = table[name].map("{:.1%}".format)
    shown["in bracket"] = table["bracket holds truth"].map("{:.0%}".format)
    shown["flagged"] = table["flagged"].map("{:.0%}".format)
    shown["CPU seconds"] = table["seconds"].map("{:.0f}".format)
    shown["devinterp"] = table["devinterp"].map("{:.0%}".format)
    return pd.DataFrame(shown)


def llc_known_truth_targets(results):
    """Return what was aimed at, and what was reached."""
    aimed = ["all", "about 1", "at most 5 %", "at least 90 %", "none", ""]
    reached = results["targets"]
    formats = ["{:.0%}", "{:.2g}", "{:.0%}", "{:.0%}", "{:.0%}", "{:.0f}"]
    numbers = [form.format(value) for form, value in zip(formats, reached.values(), strict=True)]
    return pd.DataFrame({"": list(reached), "aimed at": aimed, "reached": numbers})
