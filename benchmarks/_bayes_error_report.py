"""What the Bayes-error benchmark says: areas and errors where the truth is known."""

import numpy as np
import pandas as pd
from _results import records

OURS = "golden model"
#: The protocol's lower estimate from the error of a model, as of the logistic regression.
SHARE = 0.95
SCALED = f"{OURS}, x {SHARE:g}"
#: What the table of areas leaves out; the comparison has it.
WIDE = (f"{OURS}, bracket", f"{OURS}, limits")


def estimates_of(rows, keys):
    """Return one row a cell, estimator and setting: its upper and lower estimate."""
    if f"{OURS}|point|upper" in rows:
        error = rows[f"{OURS}|point|upper"]
        scaled = {"upper": error, "lower": SHARE * error}
        rows = rows.assign(**{f"{OURS}|x {SHARE:g}|{end}": scaled[end] for end in scaled})
    found = []
    for row in rows.to_dict("records"):
        for column, value in row.items():
            estimator, _, rest = column.partition("|")
            if rest.endswith("|upper"):
                setting = rest.removesuffix("|upper")
                lower = row[f"{estimator}|{setting}|lower"]
                if np.isnan(value):  # more neighbours than rows
                    continue
                found.append(
                    {key: row[key] for key in keys}
                    | {"estimator": estimator, "setting": setting, "upper": value, "lower": lower}
                    | {"name": f"{estimator}, {setting}" if setting != "-" else estimator}
                )
    return pd.DataFrame(found)


def distance(value, level, least, n_classes):
    """Return how far an estimate, clipped to what is possible, lies from the band.

    >>> float(distance(0.3, 0.5, 0.1, 2)), float(distance(0.9, 1.0, 0.1, 2))
    (0.0, 0.0)
    >>> float(distance(0.35, 0.5, 0.0, 2)), float(distance(0.2, 0.5, 0.0, 2))
    (0.1, 0.05)
    """
    largest = 1 - 1 / n_classes
    value = np.clip(value, 0, largest)
    low, high = level * largest, least + level * (largest - least)
    return np.round(np.maximum(low - value, 0) + np.maximum(value - high, 0), 12)


def areas(noisy, least):
    """Return the areas of every estimator and setting on every table: the means over the levels."""
    rows = estimates_of(noisy, ["table", "level", "draw", "n_classes"])
    rows["least"] = rows["table"].map(least.set_index("table")["least error"])
    band = rows["level"], rows["least"], rows["n_classes"]
    rows["above"], rows["below"] = distance(rows["upper"], *band), distance(rows["lower"], *band)
    labels = ["table", "estimator", "setting", "name"]
    by_level = rows.groupby([*labels, "level"], sort=False)[["above", "below"]].mean()
    found = by_level.groupby(level=labels, sort=False).mean().reset_index()
    return found.assign(area=found["above"] + found["below"])


def best_setting(found):
    """Return for each estimator the name of the setting of the least mean area; all of ours."""
    means = found.groupby(["estimator", "name"], sort=False)["area"].mean().reset_index()
    best = means.loc[means.groupby("estimator", sort=False)["area"].idxmin(), "name"]
    ours = means.loc[means["estimator"] == OURS, "name"]
    return [*ours, *(name for name in best if not name.startswith(OURS))]


def compare(found, seconds):
    """Return the mean areas of each estimator, and how ours compares over the tables."""
    ours = found[found["name"] == SCALED].set_index("table")["area"]
    rows = []
    for name in best_setting(found):
        of_name = found[found["name"] == name].set_index("table").loc[ours.index]
        estimator = of_name["estimator"].iloc[0]
        of_estimator = found[found["estimator"] == estimator]
        by_table = of_estimator.groupby("table")["area"].min().loc[ours.index]
        if estimator == OURS:
            by_table = of_name["area"]
        rows.append(
            {
                "estimator": name,
                "upper": of_name["above"].mean(),
                "lower": of_name["below"].mean(),
                "area": of_name["area"].mean(),
                "CPU s": seconds[estimator],
            }
            | {f"fixed {key}": value for key, value in paired(ours, of_name["area"]).items()}
            | {f"chosen {key}": value for key, value in paired(ours, by_table).items()}
        )
    return pd.DataFrame(rows)


def paired(ours, theirs):
    """Return how often ours is smaller and larger, and the mean difference with its error."""
    apart = theirs - ours
    return {
        "area": theirs.mean(),
        "smaller": int((apart > 0).sum()),
        "larger": int((apart < 0).sum()),
        "apart": apart.mean(),
        "error": apart.std(ddof=1) / np.sqrt(len(apart)),
    }


def by_level(noisy, least, names):
    """Return the mean of estimate less the band's upper line, and less its lower, by the noise."""
    rows = estimates_of(noisy, ["table", "level", "draw", "n_classes"])
    rows = rows[rows["name"].isin(names)]
    rows["least"] = rows["table"].map(least.set_index("table")["least error"])
    band = rows["level"], rows["least"], rows["n_classes"]
    rows["area"] = distance(rows["upper"], *band) + distance(rows["lower"], *band)
    found = rows.groupby(["name", "level"], sort=False)["area"].mean().unstack()
    return found.loc[names].rename(columns="{:g}".format).reset_index(names="estimator")


def of_known(known):
    """Return the errors of the estimates where the Bayes error is known."""
    rows = estimates_of(known, ["table", "seed", "truth"])
    for end in ("upper", "lower"):
        rows[f"{end} error"] = rows[end] - rows["truth"]
    rows["holds"] = (rows["upper"] >= rows["truth"]) & (rows["lower"] <= rows["truth"])
    rows["width"] = rows["upper"] - rows["lower"]
    rows["middle"] = (rows["upper"] + rows["lower"]) / 2 - rows["truth"]
    return rows


def errors_where_known(known):
    """Return one row an estimator: ours, and the peers at the setting of the least error."""
    rows = of_known(known)

    def root(values):
        return float(np.sqrt(np.mean(values**2)))

    found = [
        {
            "estimator": name,
            "family": part["estimator"].iloc[0],
            "tasks": len(part),
            "upper": root(part["upper error"]),
            "lower": root(part["lower error"]),
            "middle": root(part["middle"]),
            "upper bias": part["upper error"].mean(),
            "lower bias": part["lower error"].mean(),
            "upper too low": float((part["upper error"] < 0).mean()),
            "lower too high": float((part["lower error"] > 0).mean()),
            "holds": part["holds"].mean(),
            "width": part["width"].mean(),
        }
        for name, part in rows.groupby("name", sort=False)
    ]
    table = pd.DataFrame(found)
    best = table.loc[table.groupby("family", sort=False)["middle"].idxmin()]
    return pd.concat([table[table["family"] == OURS], best[best["family"] != OURS]])


def summarise(noisy, known, least):
    """Return what the page shows, as JSON has it."""
    found = areas(noisy, least)
    columns = [name for name in noisy if name.endswith("|CPU s")]
    seconds = {name.removesuffix("|CPU s"): noisy[name].mean() for name in columns}
    names = best_setting(found)
    shown = found[found["name"].isin(names)].pivot(index="table", columns="name", values="area")
    shown = shown.loc[least["table"], [name for name in names if name not in WIDE]].reset_index()
    seen = noisy.groupby("table")["n"].first()
    return {
        "data": records(least.assign(n=least["table"].map(seen))),
        "areas": records(shown, 4),
        "compared": records(compare(found, seconds), 4),
        "levels": records(by_level(noisy, least, names), 4),
        "known": records(errors_where_known(known), 4),
        "tasks": records(known[["table", "seed", "truth"]], 4),
    }


def make_tables(results):
    """Return the tables of the documentation."""
    data = pd.DataFrame(results["data"])
    return {
        "bayes_error_data": pd.DataFrame(
            {
                "table": data["table"],
                "rows": data["n"],
                "of": data["n_total"],
                "columns": data["n_features"],
                "classes": data["n_classes"],
                "least known error": data["least error"].map("{:.3f}".format),
                "of the model": data["model"],
            }
        ),
        "bayes_error_areas": area_table(pd.DataFrame(results["areas"])),
        "bayes_error_compared": compared_table(pd.DataFrame(results["compared"])),
        "bayes_error_levels": points(pd.DataFrame(results["levels"]), "estimator", "{:.3f}"),
        "bayes_error_known": known_table(pd.DataFrame(results["known"])),
    }


def points(table, label, form):
    return table.apply(lambda column: column if column.name == label else column.map(form.format))


def area_table(areas):
    """Return the areas as strings, the least of each row in bold."""
    shown = points(areas, "table", "{:.3f}")
    for row, name in areas.drop(columns="table").idxmin(axis=1).items():
        shown.loc[row, name] = f"**{shown.loc[row, name]}**"
    return shown


def compared_table(compared):
    own = compared["estimator"] == SCALED

    def against(kind):
        smaller, larger = compared[f"{kind} smaller"], compared[f"{kind} larger"]
        apart, error = compared[f"{kind} apart"], compared[f"{kind} error"]
        counts = smaller.astype(str) + " : " + larger.astype(str)
        differences = apart.map("{:+.3f}".format) + " ± " + error.map("{:.3f}".format)
        return counts.where(~own, "-"), differences.where(~own, "-")

    counts, differences = against("fixed")
    chosen, of_chosen = against("chosen")
    return pd.DataFrame(
        {
            "estimator": compared["estimator"],
            "upper": compared["upper"].map("{:.3f}".format),
            "lower": compared["lower"].map("{:.3f}".format),
            "area": compared["area"].map("{:.3f}".format),
            "ours smaller : larger": counts,
            "larger than ours by": differences,
            "area, by table": compared["chosen area"].map("{:.3f}".format),
            "smaller : larger by table": chosen,
            "larger by, by table": of_chosen,
            "CPU s": compared["CPU s"].map("{:.2f}".format),
        }
    )


def known_table(known):
    def signed(name):
        return (
            known[name].map("{:.3f}".format) + " (" + known[f"{name} bias"].map("{:+.3f})".format)
        )

    return pd.DataFrame(
        {
            "estimator": known["estimator"],
            "tasks": known["tasks"],
            "error of the upper (mean)": signed("upper"),
            "of the lower (mean)": signed("lower"),
            "of their middle": known["middle"].map("{:.3f}".format),
            "truth between": known["holds"].map("{:.0%}".format).str.replace("%", " %"),
            "mean width": known["width"].map("{:.3f}".format),
        }
    )


def show(found):
    """Print tables."""
    for table in found.values():
        print(table.to_string(index=False))
