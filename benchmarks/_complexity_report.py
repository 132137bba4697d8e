"""Tables and figures of complexity against compressibility, from the points of all studies."""

import numpy as np
import pandas as pd
from linear_association import (
    centre,
    correlation,
    orders_of_runs,
    orders_within_steps,
    p_value_of_orders,
    residual,
)
from scipy import stats

from sklearn_learnability.metrics import linear_association
from sklearn_learnability.torch import (
    CheckpointComplexity,
    ComplexityAgainstCompressibility,
    CompressionCurve,
    CriticalAmount,
    Flag,
    FlagCode,
)

#: Names of settings of the estimator and of schemes.
FIRST_ESTIMATOR, PAPER_ESTIMATOR = "local, self-KL", "as in the paper"
FIRST_SCHEME, TENSOR_SCHEME = "one clamp, searched", "a clamp a tensor, searched"
MIDDLE_TOLERANCE = 0.5
MARKERS = "osD^v"
PANELS = 3  # to a row of a figure
NORM = "norm of the weights"
BASELINES = (
    ["loss"],
    ["loss", "loss squared"],
    [NORM],
    ["log step"],
    ["loss", NORM, "log step"],
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
                    "r_squared": line.r_squared,
                    "loss_alone": line.given_r_squared,
                    "partial_correlation": line.partial_correlation,
                }
            )
    return pd.DataFrame(rows)


def read_studies(path, start_below):
    """Return the studies whose points were written as CSV, by size and estimator; no curves."""
    table = pd.read_csv(path, keep_default_na=False, na_values={"critical": "", "size": ""})
    studies = {}
    for key, rows in table.groupby(["parameters", "estimator"], sort=False):
        checkpoints = [checkpoint(part) for _, part in rows.groupby("checkpoint", sort=False)]
        studies[key] = ComplexityAgainstCompressibility(tuple(checkpoints), (), start_below)
    return studies


def read_of_weights(path):
    """Return what was written of the weights at each point."""
    table = pd.read_csv(path)
    names = ["checkpoint", "scheme", "tolerance", "norm", "spacing"]
    return table.reindex(columns=names).drop_duplicates(names[:3])


def checkpoint(rows):
    """Return one checkpoint from its rows."""
    first = rows.iloc[0]
    nothing = np.empty(0)
    curve = CompressionCurve("n_q", first["loss"], *[nothing] * 5, 0)
    critical = {}
    for row in rows.to_dict("records"):
        status = row["left_out"] if "crossed" in row["left_out"] else "crossed"
        critical.setdefault(row["scheme"], []).append(
            CriticalAmount(
                row["critical"],
                (np.nan, np.nan),
                status,
                row["tolerance"],
                np.nan,
                row["size"],
                (),
                curve,
            )
        )
    flags = tuple(Flag(FlagCode(code), "") for code in first["flags"].split(", ") if code)
    names = ("loss", "llc", "llc_standard_error", "half_chain_drift", "excess_loss")
    return CheckpointComplexity(
        first["checkpoint"],
        first["group"],
        step_of(first["checkpoint"]),
        *(float(first[name]) for name in names),
        flags,
        {scheme: tuple(amounts) for scheme, amounts in critical.items()},
    )


def step_of(checkpoint):
    """Return the step that ends the name of a checkpoint."""
    return float(checkpoint.rpartition(" ")[2])


def tests(points):
    """Return by network how alike the runs differ at the same step, and what other tests say.

    For one clamp. A row after the networks takes them together, as independent, by Student's test
    of their transformed correlations.
    """
    used = points[(points["left_out"] == "") & points["scheme"].str.startswith("one clamp")]
    keys = ["scheme", "estimator", "tolerance"]
    rows = []
    for key, of_sizes in used.groupby(keys, sort=False):
        setting = dict(zip(keys, key, strict=True))
        alone = []
        for size, part in of_sizes.groupby("parameters", sort=False):
            without_loss = associate(part, given=None).within_steps
            row = setting | {"parameters": size, "without_loss": without_loss}
            alone.append(row | associate(part).to_frame().iloc[0].to_dict() | other_tests(part))
        rows += alone
        if len(alone) > 2:
            rows.append(setting | {"parameters": "all"} | together(pd.DataFrame(alone)))
    return pd.DataFrame(rows)


def associate(part, given=("loss",)):
    """Return the line through the points of several runs."""
    return linear_association(
        part["llc"],
        part["critical"],
        given=None if given is None else part[list(given)],
        groups=part["group"],
        steps=part["step"],
    )


def other_tests(part):
    """Return p-values of exchanging whole runs and of shuffling them within each step.

    And how what is left of the coefficient correlates with that at the next step.
    """
    names = ["llc", "critical", "loss"]
    panel = part.pivot(index="group", columns="step", values=names).dropna(axis=1)
    common = panel.columns.get_level_values("step").value_counts()
    panel = [panel[name][common.index[common == len(names)]].to_numpy() for name in names]
    rng = np.random.default_rng(0)
    orders = orders_of_runs(*panel[0].shape, rng), orders_within_steps(*panel[0].shape, rng, 4999)
    found = [p_value_of_orders(*panel, drawn) for drawn in orders]
    left = residual(centre(panel[0]), centre(panel[2]))
    goes_on = float(correlation(left[:, :-1], left[:, 1:]))
    names = ("exchanging_runs", "shuffling_within_steps", "goes_on")
    return dict(zip(names, [*found, goes_on], strict=True))


def together(part):
    """Return the mean of correlations at the same step by Fisher's transform, and its test."""
    transformed = np.arctanh(part["within_steps"])
    found = stats.ttest_1samp(transformed, 0)
    ends = found.confidence_interval()
    return {
        "without_loss": np.tanh(np.arctanh(part["without_loss"]).mean()),
        "within_steps": np.tanh(transformed.mean()),
        "within_steps_lower": np.tanh(ends.low),
        "within_steps_upper": np.tanh(ends.high),
        "p_value": found.pvalue,
    }


def other_baselines(points):
    """Return what the loss, its curve, the weights' norm and the step say, and the rest given them.

    At the middle tolerance, over the runs of a network. Where norms were not kept with the points,
    the baselines that need them are left out.
    """
    used = points[(points["left_out"] == "") & (points["tolerance"] == MIDDLE_TOLERANCE)].copy()
    used["loss squared"] = used["loss"] ** 2
    used["log step"] = np.log(used["step"])
    used = used.rename(columns={"norm": NORM})
    rows = []
    keys = ["parameters", "estimator", "scheme"]
    for key, part in used.groupby(keys, sort=False):
        for names in BASELINES:
            if NORM in names and part[NORM].isna().any():
                continue
            line = associate(part, names)
            row = dict(zip(keys, key, strict=True)) | {"baseline": ", ".join(names)}
            rows.append(row | line.to_frame().iloc[0].to_dict())
    return pd.DataFrame(rows)


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
    """Save critical n_q against the coefficient: of every network, and under every setting."""
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
        rows = -(-len(panels) // PANELS)
        figure, axes = pyplot.subplots(
            *(rows, PANELS), figsize=(3.7 * PANELS, 3.6 * rows), layout="constrained", squeeze=False
        )
        for ax, (title, part) in zip(axes.flat, panels, strict=False):
            draw_panel(ax, part, title)
        for ax in axes.flat[len(panels) :]:
            ax.remove()
        for ax in axes[:, 0]:
            ax.set_ylabel("critical n_q")
        figure.savefig(folder / f"{name}.png", dpi=90)
        pyplot.close(figure)


def draw_panel(ax, part, title):
    """Draw the points of one panel, coloured by the loss, and the line through those used."""
    used = part[(part["left_out"] == "") & part["critical"].notna()]
    for marker, (_, run) in zip(MARKERS, used.groupby("group", sort=False), strict=False):
        ax.scatter(
            *(run["llc"], run["critical"]),
            c=np.log10(run["step"]),
            cmap="viridis",
            marker=marker,
            s=26,
        )
    line = associate(used)
    ends = np.array([used["llc"].min(), used["llc"].max()])
    ax.plot(ends, line.intercept + line.slope * ends, color="#666666", linewidth=1, zorder=1)
    ax.set_title(
        f"{title}\nR² {line.r_squared:.3f}, loss alone {line.given_r_squared:.3f}",
        fontsize=10,
    )
    ax.set_xlabel("local learning coefficient")
    ax.spines[["top", "right"]].set_visible(False)
