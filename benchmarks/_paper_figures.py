"""Figures of the paper's grid."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
from _paper_claims import interval
from matplotlib import pyplot as plt
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

STRENGTHS = {0.5: "#D55E00", 1.5: "#0072B2", 4.0: "#009E73"}
PARTS = {"gaussian": "Gaussian", "heavy-tailed": "Gaussian and heavy-tailed"}
CALIBRATION, REST = "#E69F00", "#0072B2"


def dense(table, features, strength, arm="fixed epochs"):
    """Return the rows of one data set with every feature active, trained in one way."""
    chosen = (table["features"] == features) & (table["sparsity"] == 1)
    return table[chosen & (table["strength"] == strength) & (table["arm"] == arm)]


def draw(table, folder):
    """Write the figures."""
    for name, function in {
        "paper_efficiency_by_learnability": draw_learnability,
        "paper_capacity": draw_capacity,
        "paper_training": draw_training,
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
    """Draw means over the draws with their intervals, and return the line."""
    groups = rows.groupby(x)[measure].agg(lambda part: interval(part)[0])
    halves = rows.groupby(x)[measure].agg(lambda part: interval(part)[1])
    return ax.errorbar(
        groups.index, groups, yerr=halves, marker="o", markersize=4, capsize=2, **style
    )


def scale_widths(ax, table):
    """Give the axis one tick a width."""
    widths = sorted(table["width"].unique())
    ax.set_xscale("log", base=2)
    ax.set_xticks(widths, [str(width) for width in widths])
    ax.minorticks_off()
    ax.spines[["top", "right"]].set_visible(False)


def scale_efficiency(ax, low):
    """Draw efficiencies that fall far below 0: linear near 0, logarithmic beyond."""
    ax.set_yscale("symlog", linthresh=1)
    ax.set_ylim(low, 1.6)
    ax.set_yticks([-100, -10, -1, 0, 1], ["−100", "−10", "−1", "0", "1"])
    ax.set_ylim(low, 1.6)


def draw_learnability(table):
    """Efficiency against learnability by width, a row for each feature part; F1 in the inset."""
    fixed = table[table["arm"] == "fixed epochs"]
    figure, grid = plt.subplots(2, 2, figsize=(9.5, 8), layout="constrained")
    low = 1.5 * min(-1.0, fixed.groupby(["width", "learnability"])["efficiency"].mean().min())
    for across, (part, name) in zip(grid, PARTS.items(), strict=True):
        rows = fixed[fixed["features"] == part]
        inset = across[1].inset_axes([0.5, 0.1, 0.46, 0.4])
        for width, color in width_colors(rows).items():
            of_width = rows[rows["width"] == width]
            style = {"color": color, "linewidth": 1.4, "label": f"{width}"}
            plot_means(across[0], of_width, "efficiency", "learnability", **style)
            plot_means(across[1], of_width, "calibrated_efficiency", "learnability", **style)
            f1 = of_width.groupby("learnability")["f1"].mean()
            inset.plot(f1.index, f1, color=color, marker="o", markersize=2.5, linewidth=1.2)
        scale_efficiency(across[0], low)
        across[0].set(title=f"{name}: as trained", ylabel="efficiency")
        across[1].set(title=f"{name}: calibrated", ylabel="efficiency", ylim=(-0.1, 1.05))
        inset.set_title("F1", fontsize=9)
        inset.tick_params(labelsize=8)
        for ax in across:
            ax.axhline(1, color="0.5", linewidth=0.8, linestyle=":")
            ax.axhline(0, color="0.5", linewidth=0.8)
            ax.set(xlabel="learnability", xlim=(0, 1))
            ax.spines[["top", "right"]].set_visible(False)
    grid[0, 0].legend(title="width", frameon=False, loc="lower right")
    return figure


def draw_capacity(table):
    """F1, NLL and efficiency against width, at three strengths; dashed where calibrated."""
    panels = {"f1": "F1", "nll": "NLL (bits)", "efficiency": "efficiency"}
    figure, grid = plt.subplots(2, 3, figsize=(10.5, 6.6), layout="constrained", sharey="col")
    for across, (part, name) in zip(grid, PARTS.items(), strict=True):
        for strength, color in STRENGTHS.items():
            rows = dense(table, part, strength)
            if rows.empty:
                continue
            label = f"{rows['learnability'].iloc[0]:.2f}"
            for ax, measure in zip(across, panels, strict=True):
                style = {"color": color, "linewidth": 1.4}
                plot_means(ax, rows, measure, "width", label=label, **style)
                if measure != "f1":
                    calibrated = f"calibrated_{measure}"
                    plot_means(ax, rows, calibrated, "width", linestyle="--", **style)
            floor = rows["conditional_entropy"].iloc[0]
            across[1].axhline(floor, color=color, linewidth=0.9, linestyle=":")
        for ax, title in zip(across, panels.values(), strict=True):
            scale_widths(ax, table)
            ax.set(title=title, xlabel="width")
        across[0].set(ylim=(0.5, 1), ylabel=name)
        across[0].legend(title="learnability", frameon=False, loc="lower left", fontsize=9)
    grid[0, 1].set_ylim(bottom=0)
    lines = [Line2D([], [], color="0.3", linestyle=style) for style in ("-", "--", ":")]
    names = ["as trained", "calibrated", "H(Y|X)"]
    grid[0, 1].legend(lines, names, frameon=False, loc="upper left", fontsize=9)
    return figure


def draw_training(table):
    """Efficiency as trained against width, one line a data set, for each way of training."""
    arms = table["arm"].unique()
    figure, axes = plt.subplots(1, len(arms), figsize=(11, 4.2), layout="constrained")
    scale = Normalize(0, 1)
    colors = plt.get_cmap("plasma_r")
    for ax, arm in zip(axes, arms, strict=True):
        rows = table[table["arm"] == arm]
        for _, data in rows.groupby(["features", "sparsity", "strength"]):
            means = data.groupby("width")["efficiency"].mean()
            dashed = data["features"].iloc[0] != "gaussian"
            ax.plot(
                means.index,
                means,
                color=colors(scale(data["learnability"].iloc[0])),
                linewidth=1.2,
                linestyle="--" if dashed else "-",
            )
        scale_widths(ax, table)
        ax.set(title=arm, xlabel="width")
    scale_efficiency(axes[0], -130)
    for ax in axes[1:]:
        ax.set_ylim(0, 1.02)
    axes[0].set_ylabel("efficiency as trained")
    mappable = plt.cm.ScalarMappable(scale, colors)
    figure.colorbar(mappable, ax=axes, label="learnability", shrink=0.9)
    return figure


def draw_excess(table):
    """Excess NLL of every width and arm, split into calibration loss and the rest."""
    arms = table["arm"].unique()
    figure, axes = plt.subplots(3, len(arms), figsize=(10, 6.8), sharex=True, layout="constrained")
    for across, strength in zip(axes, STRENGTHS, strict=True):
        for ax, arm in zip(across, arms, strict=True):
            draw_stack(ax, dense(table, "gaussian", strength, arm))
        of_level = dense(table, "gaussian", strength)
        if not of_level.empty:
            learnability = of_level["learnability"].iloc[0]
            across[0].set_ylabel(f"learnability {learnability:.2f}\nexcess NLL (bits)")
        top = max(ax.get_ylim()[1] for ax in across)
        for ax in across:
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
    means = rows.groupby("width")[["nll", "calibrated_nll", "conditional_entropy"]].mean()
    rest = (means["calibrated_nll"] - means["conditional_entropy"]).to_numpy()
    calibration = (means["nll"] - means["calibrated_nll"]).to_numpy()
    position = np.arange(len(means))
    ax.bar(position, rest, color=REST, width=0.7)
    ax.bar(position, calibration.clip(min=0), bottom=rest, color=CALIBRATION, width=0.7)
    for x, total in zip(position, rest + calibration, strict=True):
        ax.annotate(
            f"{total:.3f}",
            (x, total),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
    ax.set_xticks(position, [str(width) for width in means.index])
    ax.margins(y=0.15)
    ax.spines[["top", "right"]].set_visible(False)
