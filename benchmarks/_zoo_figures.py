"""Figures of the study of compression and performance."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from sklearn_learnability.displays import PerformanceRelationDisplay

FOLDER = Path(__file__).parents[1] / "docs" / "_static"
MARKERS = {"32x2": "o", "48x3": "s", "64x2": "D", "64x6": "^", "96x3": "v", "128x4": "P"}
RULES = ["lowest loss", "last", *(f"optimality {n}" for n in (1, 2, 3, 4))]


def draw(models, results):
    """Write the figures."""
    for name, figure in {
        "zoo_plane": plane(models),
        "zoo_relations": relations(pd.DataFrame(results["overall"])),
        "zoo_regret": regret(pd.DataFrame(results["regrets"])),
    }.items():
        figure.savefig(FOLDER / f"{name}.png", dpi=90)
        plt.close(figure)


def plane(models):
    """Return models on the plane at two widths, by size and loss on the test text."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    loss = -models["test"]
    for ax, width in zip(axes, (1, 2), strict=True):
        for size, marker in MARKERS.items():
            chosen = models["size"] == size
            dots = ax.scatter(
                models.loc[chosen, f"complexity_{width}"],
                models.loc[chosen, f"expressivity_{width}"],
                c=loss[chosen],
                vmin=loss.min(),
                vmax=loss.max(),
                cmap="viridis",
                marker=marker,
                s=42,
            )
            axes[0].scatter([], [], marker=marker, s=42, color="#555555", label=size)
        ax.set_xlabel(f"complexity I(X{width};Z)")
        ax.set_ylabel(f"expressivity I(Y{width};Z)")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].legend(title="width x depth", frameon=False, fontsize=8)
    figure.colorbar(dots, ax=axes, label="loss on the test text, nats a token")
    return figure


def relations(table):
    """Return raw and controlled associations with the mean rank over the tasks."""
    ends = ["raw", "raw_lower", "raw_upper", "controlled", "controlled_lower", "controlled_upper"]
    names = [name.replace("_", " ") for name in table["measure"]]
    columns = {name: table[name] for name in [*ends, "detectable"]}
    display = PerformanceRelationDisplay(names, **columns, verdicts=table["verdict"].tolist())
    return display.plot().figure_


def regret(table):
    """Return what rules for choosing a checkpoint lose on the test text."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
    colors = {"best": "#0072B2", "stop": "#E69F00"}
    names = {"best": "the best of the run", "stop": "stop at the first fall"}
    for ax, group in zip(axes, ("little text", "much text"), strict=True):
        for offset, kind in ((-0.18, "best"), (0.18, "stop")):
            chosen = table[
                (table["models"] == group) & (table["kind"] == kind) & (table["score"] == "test")
            ]
            chosen = chosen.set_index("rule").loc[RULES]
            places = np.arange(len(RULES)) + offset
            ends = [chosen["regret"] - chosen["lower"], chosen["upper"] - chosen["regret"]]
            ax.errorbar(
                chosen["regret"], places, xerr=np.abs(ends), fmt="o", color=colors[kind],
                label=names[kind], capsize=2,
            )  # fmt: skip
        ax.set_title(f"{group}: {int(chosen['n'].iloc[0])} runs", fontsize=10)
        ax.set_xlabel("regret, nats a token")
        ax.set_xlim(left=-0.03)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(RULES)), RULES)
    axes[0].invert_yaxis()
    axes[0].legend(frameon=False, fontsize=8, loc="upper right")
    return figure
