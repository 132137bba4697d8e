"""Tables of the page of learning coefficients that are known."""

import pandas as pd


def llc_known_truth(results):
    """Return relative errors of the learning coefficient by case, and devinterp's."""
    table = pd.DataFrame(results["table"])
    errors = {"mean error": table["bias"], "largest": table["largest error"]}
    return pd.DataFrame(
        {
            "case": table["case"].str.replace("linear regression", "regression"),
            "truth": table["truth"].map("{:.3g}".format),
            "seeds": table["seeds"].astype(int),
            **{name: error.map("{:.1%}".format) for name, error in errors.items()},
            "in bracket": table["bracket holds truth"].map("{:.0%}".format),
            "flagged": table["flagged"].map("{:.0%}".format),
            "devinterp": table["devinterp"].map("{:.0%}".format),
        }
    ).replace("-0.0%", "0.0%")


def llc_known_truth_targets(results):
    """Return what was aimed at, and what was reached."""
    aimed = ["all", "about 1", "at most 5 %", "at least 90 %", "none", ""]
    reached = results["targets"]
    formats = ["{:.1%}", "{:.2f}", "{:.1%}", "{:.1%}", "{:.1%}", "{:.0f}"]
    numbers = [form.format(value) for form, value in zip(formats, reached.values(), strict=True)]
    return pd.DataFrame({"": list(reached), "aimed at": aimed, "reached": numbers})
