"""What the paper's grid shows: claims judged, tables and figures."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.stats import t as student

LEVELS = {0.5: "low", 1.5: "medium", 4.0: "high"}
COLORS = {"low": "#D55E00", "medium": "#0072B2", "high": "#009E73"}
CALIBRATION, REST = "#E69F00", "#0072B2"
MEASURES = ["f1", "nll", "calibrated_nll", "efficiency", "calibrated_efficiency"]

# Where a claim is called true.
FLAT = 0.03  # a change of F1, or of efficiency, that counts as none
MOST = 0.5  # share of the excess loss


def of_level(table, level, arm="fixed epochs"):
    """Return the rows of one learnability, every feature active, trained in one way."""
    strength = next(key for key, name in LEVELS.items() if name == level)
    chosen = (table["arm"] == arm) & (table["strength"] == strength) & (table["sparsity"] == 1)
    return table[chosen]


def interval(values):
    """Return the mean of the seeds and half its 95 % interval by Student's t."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float(values.mean()), float("nan")
    error = values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(student.ppf(0.975, len(values) - 1) * error)


def summarise(table):
    """Return means over the seeds by arm, learnability and width; losses in bits."""
    parts = []
    for arm in table["arm"].unique():
        for level in LEVELS.values():
            rows = of_level(table, level, arm)
            if rows.empty:
                continue
            rows = rows.assign(
                calibration_loss=rows["nll"] - rows["calibrated_nll"],
                rest=rows["calibrated_nll"] - rows["conditional_entropy"],
            )
            columns = ["learnability", *MEASURES, "calibration_loss", "rest", "n_epochs"]
            means = rows.groupby("width")[columns].mean().reset_index()
            half = rows.groupby("width")["efficiency"].agg(lambda part: interval(part)[1])
            means.insert(7, "efficiency_half_interval", half.to_numpy())
            means.insert(0, "arm", arm)
            means.insert(1, "level", level)
            parts.append(means)
    return pd.concat(parts, ignore_index=True)


def judge(table):
    """Return every claim, whether it holds here, and the numbers."""
    return pd.DataFrame(
        [
            judge_flat_f1(table),
            judge_calibration(table),
            judge_plateau(table),
            judge_small_models(table),
            judge_convergence(table),
            *(judge_remedy(table, arm) for arm in ("early stopping", "weight decay")),
        ],
        columns=["claim", "holds", "evidence"],
    )


def ends(rows, measure):
    """Return a measure by seed of the narrowest and of the widest network."""
    by_width = rows.pivot(index="seed", columns="width", values=measure).dropna()
    return by_width.iloc[:, 0], by_width.iloc[:, -1]


def spread(rows, measure):
    """Return the largest difference between the widths, of means over the seeds."""
    means = rows.groupby("width")[measure].mean()
    return float(means.max() - means.min())


def judge_flat_f1(table):
    rows = of_level(table, "low")
    f1, nll = ends(rows, "f1"), ends(rows, "nll")
    drop, half = interval(f1[0] - f1[1])
    rises = rows.groupby("width")["nll"].mean().is_monotonic_increasing
    flat = abs(drop) < FLAT
    evidence = (
        f"F1 {f1[0].mean():.3f} at width {rows['width'].min()}, {f1[1].mean():.3f} at width "
        f"{rows['width'].max()} (difference {drop:.3f} ± {half:.3f}); NLL {nll[0].mean():.2f} and "
        f"{nll[1].mean():.2f} bits, of 1 bit in the labels"
    )
    holds = "yes" if flat and rises else "partly: F1 falls too" if rises else "no"
    return "F1 stays flat while the NLL worsens with width (low)", holds, evidence


def judge_calibration(table):
    rows = of_level(table, "low")
    rows = rows[rows["width"] == rows["width"].max()]
    excess = rows["nll"] - rows["conditional_entropy"]
    share, _ = interval((rows["nll"] - rows["calibrated_nll"]) / excess)
    left, half = interval(rows["calibrated_efficiency"])
    evidence = (
        f"at width {rows['width'].max()} calibration takes away {share:.0%} of the excess NLL; "
        f"efficiency {rows['efficiency'].mean():.2f} becomes {left:.2f} ± {half:.2f}"
    )
    holds = "yes" if share > MOST and left + half < 1 else "no"
    return "Calibration recovers most, but not all (low)", holds, evidence


def judge_plateau(table):
    means = of_level(table, "low").groupby("width")["calibrated_efficiency"].mean()
    evidence = "calibrated efficiency " + ", ".join(
        f"{value:.2f} at width {width}" for width, value in means.items()
    )
    falls = means.iloc[0] - means.iloc[-1] > FLAT
    flat = abs(means.iloc[-1] - means.iloc[-2]) < FLAT
    holds = "yes" if falls and flat else "no"
    return "After calibration efficiency falls to a plateau (low)", holds, evidence


def judge_small_models(table):
    rows = of_level(table, "low")
    found, parts = [], []
    for measure, name in (("efficiency", "as trained"), ("calibrated_efficiency", "calibrated")):
        narrow, wide = ends(rows, measure)
        gain, half = interval(narrow - wide)
        found.append(gain - half > 0)
        parts.append(
            f"{name} {narrow.mean():.2f} against {wide.mean():.2f} (difference {gain:.2f} ± "
            f"{half:.2f})"
        )
    holds = "yes" if all(found) else "partly: as trained" if found[0] else "no"
    evidence = f"width {rows['width'].min()} against {rows['width'].max()}: " + "; ".join(parts)
    return "Smaller networks are more efficient at low learnability", holds, evidence


def judge_convergence(table):
    low, high = of_level(table, "low"), of_level(table, "high")
    names = {
        "f1": "F1",
        "calibrated_efficiency": "calibrated efficiency",
        "efficiency": "raw efficiency",
    }
    spreads = {name: spread(high, measure) for measure, name in names.items()}
    close = [name for name, value in spreads.items() if value < FLAT]
    evidence = "range over widths, low and high learnability: " + "; ".join(
        f"{name} {spread(low, measure):.3f} and {spreads[name]:.3f}"
        for measure, name in names.items()
    )
    holds = "yes" if len(close) == 3 else f"partly: {' and '.join(close)}" if close else "no"
    return "Widths converge at high learnability", holds, evidence


def judge_remedy(table, arm):
    fixed, remedy = of_level(table, "low"), of_level(table, "low", arm)
    before, after = spread(fixed, "efficiency"), spread(remedy, "efficiency")
    worst = remedy.groupby("width")["efficiency"].mean().min()
    evidence = (
        f"range of the raw efficiency over widths {before:.2f} with fixed epochs, {after:.3f} with "
        f"{arm}; the worst width has {worst:.2f}"
    )
    share = after / before
    holds = "yes" if share < 0.05 else "partly" if share < MOST else "no"
    return f"With {arm} the effect of width disappears (low; not in the paper)", holds, evidence


def draw(table, folder):
    """Write the figures."""
    for name, function in {
        "paper_efficiency_by_learnability": draw_learnability,
        "paper_capacity": draw_capacity,
        "paper_excess_loss": draw_excess,
    }.items():
        figure = function(table)
        figure.savefig(folder / f"{name}.png", dpi=90)
        plt.close(figure)


def width_colors(table):
    """Return a colour for each width, darker the wider."""
    widths = sorted(table["width"].unique())
    shades = plt.get_cmap("viridis_r")(np.linspace(0.1, 0.95, len(widths)))
    return dict(zip(widths, shades, strict=True))


def plot_means(ax, rows, measure, x, **style):
    """Draw means over seeds with their intervals, and return the line."""
    groups = rows.groupby(x)[measure].agg(lambda part: interval(part)[0])
    halves = rows.groupby(x)[measure].agg(lambda part: interval(part)[1])
    return ax.errorbar(
        groups.index, groups, yerr=halves, marker="o", markersize=4, capsize=2, **style
    )


def draw_learnability(table):
    """Efficiency against learnability by width; F1 in the inset."""
    fixed = table[table["arm"] == "fixed epochs"]
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.4), layout="constrained")
    for width, color in width_colors(fixed).items():
        rows = fixed[fixed["width"] == width]
        style = {"color": color, "linewidth": 1.4, "label": f"{width}"}
        plot_means(axes[0], rows, "efficiency", "learnability", **style)
        plot_means(axes[1], rows, "calibrated_efficiency", "learnability", **style)
    axes[0].set(yscale="symlog", title="as trained", ylabel="efficiency", ylim=(-130, 1.6))
    axes[0].set_yticks([-100, -10, -1, 0, 1], ["−100", "−10", "−1", "0", "1"])
    axes[1].set(title="after calibration", ylabel="efficiency")
    inset = axes[1].inset_axes([0.5, 0.12, 0.46, 0.42])
    for width, color in width_colors(fixed).items():
        rows = fixed[fixed["width"] == width].groupby("learnability")["f1"].mean()
        inset.plot(rows.index, rows, color=color, marker="o", markersize=2.5, linewidth=1.2)
    inset.set_title("F1", fontsize=9)
    inset.tick_params(labelsize=8)
    for ax in axes:
        ax.axhline(1, color="0.5", linewidth=0.8, linestyle=":")
        ax.axhline(0, color="0.5", linewidth=0.8)
        ax.set(xlabel="learnability", xlim=(0, 1))
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].legend(title="width", frameon=False, loc="lower right")
    return figure


def draw_capacity(table):
    """F1, NLL, calibrated NLL and efficiency against width, at three learnabilities."""
    panels = {
        "f1": "F1",
        "nll": "NLL (bits)",
        "calibrated_nll": "calibrated NLL (bits)",
        "efficiency": "efficiency",
    }
    figure, grid = plt.subplots(2, 2, figsize=(8.5, 6.4), layout="constrained")
    axes = grid.ravel()
    for level, color in COLORS.items():
        rows = of_level(table, level)
        if rows.empty:
            continue
        learnability = rows["learnability"].iloc[0]
        for ax, measure in zip(axes, panels, strict=True):
            label = f"{level} ({learnability:.2f})"
            plot_means(ax, rows, measure, "width", color=color, label=label, linewidth=1.4)
            if "nll" in measure:
                floor = rows["conditional_entropy"].iloc[0]
                ax.axhline(floor, color=color, linewidth=0.9, linestyle=":")
        style = {"color": color, "linestyle": "--", "linewidth": 1.4}
        plot_means(axes[3], rows, "calibrated_efficiency", "width", **style)
    for ax, title in zip(axes, panels.values(), strict=True):
        ax.set_xscale("log", base=2)
        widths = sorted(table["width"].unique())
        ax.set_xticks(widths, [str(width) for width in widths])
        ax.minorticks_off()
        ax.set(title=title, xlabel="width")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylim(0.5, 1)
    axes[0].legend(title="learnability", frameon=False, loc="lower left", fontsize=9)
    axes[1].set_ylim(bottom=0)
    axes[2].set_ylim(*axes[1].get_ylim())
    lines = [Line2D([], [], color="0.3", linestyle=style) for style in ("-", "--")]
    axes[3].legend(lines, ["as trained", "calibrated"], frameon=False, loc="lower left")
    axes[2].text(0.04, 0.93, "dotted: H(Y|X)", transform=axes[2].transAxes, fontsize=9, color="0.4")
    return figure


def draw_excess(table):
    """Excess NLL of every width and arm, split into calibration loss and the rest."""
    summary = summarise(table)
    arms = summary["arm"].unique()
    figure, axes = plt.subplots(3, 3, figsize=(9, 6.6), sharex=True, layout="constrained")
    for across, arm in zip(axes.T, arms, strict=True):
        for ax, level in zip(across, LEVELS.values(), strict=True):
            rows = summary[(summary["arm"] == arm) & (summary["level"] == level)]
            draw_stack(ax, rows)
    for ax, level in zip(axes[:, 0], LEVELS.values(), strict=True):
        ax.set_ylabel(f"{level} learnability\nexcess NLL (bits)")
    for row in axes:
        top = max(ax.get_ylim()[1] for ax in row)
        for ax in row:
            ax.set_ylim(0, top)
    for ax, arm in zip(axes[0], arms, strict=True):
        ax.set_title(arm)
    for ax in axes[-1]:
        ax.set_xlabel("width")
    handles = [
        Patch(color=CALIBRATION, label="calibration loss: repaired by an affine map"),
        Patch(color=REST, label="the rest: information not extracted"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
    return figure


def draw_stack(ax, rows):
    """Draw one bar a width, with the total above it."""
    position = np.arange(len(rows))
    rest, calibration = rows["rest"].to_numpy(), rows["calibration_loss"].to_numpy()
    ax.bar(position, rest, color=REST, width=0.7)
    ax.bar(position, calibration.clip(min=0), bottom=rest, color=CALIBRATION, width=0.7)
    for x, total in zip(position, rest + calibration, strict=True):
        ax.annotate(
            f"{total:.3f}",
            (x, total),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    ax.set_xticks(position, [str(width) for width in rows["width"]])
    ax.margins(y=0.15)
    ax.spines[["top", "right"]].set_visible(False)
