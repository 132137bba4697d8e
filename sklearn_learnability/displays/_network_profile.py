"""What networks extract, what their layers keep, how complex they are and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from sklearn_learnability.displays._display import PanelsDisplay
from sklearn_learnability.displays._drawing import (
    BLUE,
    MUTED,
    ORANGE,
    PALE,
    check_result,
    import_pyplot,
    mark_cut,
)
from sklearn_learnability.displays._layer_profile import name_layers
from sklearn_learnability.displays._layout import highest_of, say_if_nothing, short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from sklearn_learnability.torch.profile._profile_results import (
        NetworkProfile,
        ProfileTrajectory,
    )


class NetworkProfileDisplay(PanelsDisplay):
    """Networks side by side: what they extract, what layers keep and tell, complexity and cost.

    Six panels. Above: the efficiency on held-out rows with its interval, filled as it is and open
    after calibration; what each layer keeps of the inputs; what it tells of the labels, dashed what
    labels without meaning would have given. Below: the local learning coefficient with its total
    error, open where something speaks against it, with an arrow where its error
    is larger than it is; the bits of a parameter at which the loss rises;
    and the length of the code, above that of the shortest.

    Parameters
    ----------
    table : DataFrame
        One row a network: `to_frame()` of what
        :func:`~sklearn_learnability.torch.profile_checkpoints` returns.
    layers : DataFrame
        One row a network and layer: its `layers_to_frame()`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (6,)
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    Examples
    --------
    >>> from sklearn_learnability.displays import NetworkProfileDisplay
    >>> NetworkProfileDisplay.from_result(trajectory)  # doctest: +SKIP
    """

    _n_panels = 6

    def __init__(self, table: pd.DataFrame, layers: pd.DataFrame) -> None:
        self.table = table
        self.layers = layers

    @classmethod
    def from_result(
        cls, result: ProfileTrajectory | NetworkProfile, *, axes: Sequence[Axes] | None = None
    ) -> Self:
        """Draw the profile of a network, or of several.

        Parameters
        ----------
        result : ProfileTrajectory or NetworkProfile
            What :func:`~sklearn_learnability.torch.profile_checkpoints` or
            :func:`~sklearn_learnability.torch.network_profile` returns.
        axes : sequence of matplotlib Axes, default=None
            Six axes to draw on; a new figure by default.

        Returns
        -------
        NetworkProfileDisplay
            The display, drawn.
        """
        check_result(result, "layers_to_frame", "profile_checkpoints or network_profile")
        table, layers = result.to_frame(), result.layers_to_frame()
        if "checkpoint" not in table:
            table, layers = (part.assign(checkpoint="network") for part in (table, layers))
        return cls(table, layers).plot(axes)

    def _draw(self, axes: Sequence[Axes] | None) -> Sequence[Axes]:
        """Draw the panels."""
        if axes is None:
            _, grid = import_pyplot().subplots(2, 3, figsize=(12, 6.4), layout="constrained")
            axes = list(grid.ravel())
        table = self.table
        length = table["description_length"] - table["description_length"].min()
        self._draw_efficiency(axes[0])
        self._draw_layers(axes[1], "complexity", "kept of the input, bits")
        self._draw_layers(axes[2], "expressivity", "told of the label, bits")
        trusted = (table["llc_flags"] == "").to_numpy()
        self._draw_numbers(axes[3], table["llc"], table["llc_total_error"], trusted)
        self._draw_numbers(axes[4], table["critical_bits"])
        self._draw_numbers(axes[5], length)
        labels = (
            "local learning coefficient",
            "critical bits a parameter",
            "code above shortest, bits",
        )
        for ax, label in zip(axes[3:], labels, strict=True):
            ax.set_ylabel(label)
        for ax in axes:
            ax.spines[["top", "right"]].set_visible(False)
            ax.tick_params(colors=MUTED)
        return axes

    def _draw_efficiency(self, ax: Axes) -> None:
        """Draw the share of the ceiling, as it is and calibrated, with its intervals."""
        table = self.table
        ax.axhline(1, color=PALE, linewidth=1)
        for name, color, shift, fill in (
            ("efficiency", BLUE, -0.08, "full"),
            ("calibrated_efficiency", ORANGE, 0.08, "none"),
        ):
            x = np.arange(len(table)) + shift
            label = "calibrated" if name.startswith("calibrated") else "as it is"
            style: dict[str, Any] = {"color": color, "marker": "o", "markersize": 5}
            ax.plot(
                x, table[name].astype(float), linestyle="", fillstyle=fill, label=label, **style
            )
            ax.vlines(x, table[f"{name}_lower"], table[f"{name}_upper"], color=color, linewidth=1.2)
        if not say_if_nothing(ax, table["efficiency"]):
            ax.legend(frameon=False, fontsize=9)
        ax.set_ylabel("efficiency")
        self._name_networks(ax)

    def _draw_layers(self, ax: Axes, name: str, label: str) -> None:
        """Draw a line over the layers for each network, dark for the first."""
        table, shades = self.layers, import_pyplot().get_cmap("viridis")
        names = list(dict.fromkeys(table["layer"])) if len(table) else []
        networks = list(dict.fromkeys(self.table["checkpoint"]))
        for place, network in enumerate(networks):
            rows = table[table["checkpoint"] == network] if len(table) else table
            x = [names.index(layer) for layer in rows["layer"]] if len(rows) else []
            color = shades(0.92 * place / max(len(networks) - 1, 1))
            style: dict[str, Any] = {"color": color, "marker": "o", "markersize": 3}
            ax.plot(x, rows[name] if len(rows) else [], label=short_name(network, 16), **style)
            if len(rows) and f"{name}_null" in rows:
                ax.plot(x, rows[f"{name}_null"], color=color, linestyle=(0, (2, 2)), alpha=0.7)
        say_if_nothing(ax, table[name] if len(table) else [])
        if names:
            name_layers(ax, names)
            ax.legend(frameon=False, fontsize=8)
        ax.set_ylabel(label)

    def _draw_numbers(
        self,
        ax: Axes,
        values: pd.Series,
        errors: ArrayLike | None = None,
        filled: ArrayLike | None = None,
    ) -> None:
        """Draw a number of each network, with its error, open where it is not trusted."""
        x, numbers = np.arange(len(values)), np.asarray(values, dtype=float)
        full = np.ones(len(values), dtype=bool) if filled is None else np.asarray(filled)
        ax.plot(x, numbers, color=PALE, linewidth=1, zorder=0)
        for which, fill in ((full, "full"), (~full, "none")):
            ax.plot(x[which], numbers[which], "o", color=BLUE, fillstyle=fill)
        if errors is not None:
            error = np.asarray(errors, dtype=float)
            ax.set_ylim(min(0, 1.1 * np.nanmin([0, *numbers])), 2 * highest_of(numbers, least=0.5))
            ax.vlines(x, numbers - error, numbers + error, color=BLUE, linewidth=1.2)
            mark_cut(ax, x, numbers + error, BLUE)
        say_if_nothing(ax, numbers)
        self._name_networks(ax)

    def _name_networks(self, ax: Axes) -> None:
        """Write the names of the networks under the axes."""
        name_layers(ax, list(self.table["checkpoint"]))
        ax.set_xlabel("")
