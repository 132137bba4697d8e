"""Tables and figures of complexity against compressibility, from the points of all studies."""

from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_learnability.metrics import linear_association
from sklearn_learnability.torch import load_parameters

MODELS = Path(__file__).parents[1] / "output" / "small_lms"
#: Names of settings of the estimator and of schemes.
FIRST_ESTIMATOR, PAPER_ESTIMATOR = "local, self-KL", "as in the paper"
FIRST_SCHEME, TENSOR_SCHEME = "one clamp, searched", "a clamp a tensor, searched"
MIDDLE_TOLERANCE = 0.5
MARKERS = "osD"
BASELINES = (
    ["loss"],
    ["loss", "loss squared"],
    ["norm of the weights"],
    ["log step"],
    ["loss", "norm of the weights", "log step"],
)


def by_run(points):
    """Return the line of every run by itself, at the middle tolerance and the first scheme."""
    rows = []
    used = points[(points["left_out"] == "") & (points["tolerance"] == MIDDLE_TOLERANCE)]
    for (estimator, scheme, run), part in used.groupby(["estimator", "scheme", "group"]):
        if len(part) >= 4:
            line = linear_association(part["llc"], part["critical"], given=part["loss"])
            rows.append(
                {
                    "estimator": estimator,
                    "scheme": scheme,
                    "run": run,
                    "n_points": line.n_points,
                    "r_squared": line.r_squared.value,
                    "loss_alone": line.given_r_squared.value,
                    "partial_correlation": line.partial_correlation.value,
                }
            )
    return pd.DataFrame(rows)


def other_baselines(points):
    """Return what the loss, its curve, the weights' norm and the step say, and the rest given them.

    At the middle tolerance, over the runs of a size.
    """
    used = points[(points["left_out"] == "") & (points["tolerance"] == MIDDLE_TOLERANCE)].copy()
    used["loss squared"] = used["loss"] ** 2
    used["log step"] = np.log(used["checkpoint"].str.rpartition(" ")[2].astype(float))
    used["norm of the weights"] = used["checkpoint"].map(norms(used["checkpoint"].unique()))
    rows = []
    keys = ["parameters", "estimator", "scheme"]
    for key, part in used.groupby(keys, sort=False):
        for names in BASELINES:
            line = linear_association(
                part["llc"], part["critical"], given=part[names], groups=part["group"]
            )
            row = dict(zip(keys, key, strict=True)) | {"baseline": ", ".join(names)}
            rows.append(row | line.to_frame().iloc[0].to_dict())
    return pd.DataFrame(rows)


def norms(checkpoints):
    """Return the Euclidean norm of the parameters by checkpoint."""
    found = {}
    for name in checkpoints:
        size, _, seed, _, step = name.split()
        path = MODELS / f"{size}_{seed}" / f"step_{int(step):06d}.safetensors"
        squares = sum(float(p.double().square().sum()) for p in load_parameters(path).values())
        found[name] = squares**0.5
    return found


def chains(points):
    """Return how well the chains of each setting did, over the checkpoints of a size."""
    each = points.drop_duplicates(["estimator", "parameters", "checkpoint"])
    grouped = each.groupby(["estimator", "parameters"], sort=False)
    drift = grouped["half_chain_drift"]
    return pd.DataFrame(
        {
            "checkpoints": grouped.size(),
            "median_drift": drift.apply(lambda values: values.abs().median()),
            "drift_below_2_percent": drift.apply(lambda values: (values.abs() < 0.02).mean()),
            "largest_excess_loss": grouped["excess_loss"].max(),
            "lowest_llc": grouped["llc"].min(),
            "highest_llc": grouped["llc"].max(),
            "median_relative_error": grouped.apply(
                lambda part: (part["llc_standard_error"] / part["llc"].abs()).median(),
                include_groups=False,
            ),
            "r_squared_with_loss": grouped.apply(
                lambda part: part["llc"].corr(part["loss"]) ** 2, include_groups=False
            ),
            "unflagged": grouped["flags"].apply(lambda flags: (flags == "").mean()),
        }
    ).reset_index()


def draw_sizes_and_settings(points, folder):
    """Save critical n_q against the coefficient: of every size, and under every setting."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = points[(points["scheme"] == FIRST_SCHEME) & (points["tolerance"] == MIDDLE_TOLERANCE)]
    of_sizes = shown[shown["estimator"] == FIRST_ESTIMATOR]
    settings = [FIRST_ESTIMATOR, "local", PAPER_ESTIMATOR]
    of_settings = shown[(shown["parameters"] == "60k") & shown["estimator"].isin(settings)]
    for name, table, column in (
        ("complexity_sizes", of_sizes, "parameters"),
        ("complexity_settings", of_settings, "estimator"),
    ):
        panels = list(table.groupby(column, sort=False))
        figure, axes = pyplot.subplots(
            1, len(panels), figsize=(3.7 * len(panels), 3.6), layout="constrained", squeeze=False
        )
        for ax, (title, part) in zip(axes[0], panels, strict=True):
            draw_panel(ax, part, title)
        axes[0, 0].set_ylabel("critical n_q")
        figure.savefig(folder / f"{name}.png", dpi=90)
        pyplot.close(figure)


def draw_panel(ax, part, title):
    """Draw the points of one panel, coloured by the loss, and the line through those used."""
    used = part[(part["left_out"] == "") & part["critical"].notna()]
    for marker, (_, run) in zip(MARKERS, used.groupby("group", sort=False), strict=False):
        ax.scatter(
            *(run["llc"], run["critical"]),
            c=np.log10(run["checkpoint"].str.rpartition(" ")[2].astype(float)),
            cmap="viridis",
            marker=marker,
            s=26,
        )
    line = linear_association(
        used["llc"], used["critical"], given=used["loss"], groups=used["group"]
    )
    ends = np.array([used["llc"].min(), used["llc"].max()])
    ax.plot(ends, line.intercept + line.slope * ends, color="#666666", linewidth=1, zorder=1)
    ax.set_title(
        f"{title}\nR² {line.r_squared.value:.3f}, loss alone {line.given_r_squared.value:.3f}",
        fontsize=10,
    )
    ax.set_xlabel("local learning coefficient")
    ax.spines[["top", "right"]].set_visible(False)
