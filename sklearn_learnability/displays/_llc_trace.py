"""Chains of the local learning coefficient: where they went, and whether they stayed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_learnability.displays._display import Display
from sklearn_learnability.displays._drawing import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    SKY,
    VERMILION,
    import_pyplot,
)
from sklearn_learnability.displays._layout import say_if_nothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate


CHAIN_COLORS = (BLUE, SKY, ORANGE, VERMILION)


class LLCTraceDisplay(Display):
    r"""The loss of each chain above that at w*, draw by draw.

    Their mean, times the inverse temperature, is the local learning coefficient. Chains that have
    converged move about one level; a slope says that they had not. The dotted line is chance: a
    chain near it is no longer near w*.

    Parameters
    ----------
    excess_loss : array-like of shape (n_chains, n_draws)
        Loss above that at w*; NaN from where a chain stopped.
    inverse_temperature : float
        Inverse temperature :math:`n\beta`, the scale on the right.
    n_discarded : int, default=0
        Draws discarded before the first.
    distance_to_chance : float, default=nan
        Chance loss above the loss at w*; drawn where it is near enough to matter.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    Examples
    --------
    >>> from sklearn_learnability.displays import LLCTraceDisplay
    >>> display = LLCTraceDisplay([[0.02, 0.03, 0.025]], inverse_temperature=100)
    >>> display.plot().ax_.get_ylabel()
    'loss above that at w*'
    """

    def __init__(
        self,
        excess_loss: ArrayLike,
        *,
        inverse_temperature: float,
        n_discarded: int = 0,
        distance_to_chance: float = math.nan,
    ) -> None:
        self.excess_loss = excess_loss
        self.inverse_temperature = inverse_temperature
        self.n_discarded = n_discarded
        self.distance_to_chance = distance_to_chance

    @classmethod
    def from_estimate(cls, estimate: LLCEstimate, *, ax: Axes | None = None) -> Self:
        """Draw the chains of an estimate.

        Parameters
        ----------
        estimate : LLCEstimate
            What :class:`~sklearn_learnability.torch.LocalLearningCoefficient` returns.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        LLCTraceDisplay
            The display, drawn.
        """
        return cls(
            estimate.loss_trace,
            inverse_temperature=estimate.settings.inverse_temperature,
            n_discarded=estimate.settings.n_discarded,
            distance_to_chance=estimate.chance_loss - estimate.initial_loss,
        ).plot(ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the chains."""
        traces = np.atleast_2d(np.asarray(self.excess_loss, dtype=float))
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(7, 3.8), layout="constrained")
        steps = self.n_discarded + np.arange(1, traces.shape[1] + 1)
        for chain, trace in enumerate(traces):
            color = CHAIN_COLORS[chain % len(CHAIN_COLORS)]
            ax.plot(steps, trace, color=color, linewidth=0.8, alpha=0.6, zorder=2)
        whole = traces[np.isfinite(traces).all(axis=1)]
        if len(whole):
            running = np.cumsum(whole.mean(axis=0)) / np.arange(1, traces.shape[1] + 1)
            ax.plot(steps, running, color=INK, linewidth=1.8, zorder=3, label="mean so far")
        ax.axhline(0, color=MUTED, linewidth=0.8, zorder=1)
        highest = np.nanmax(traces, initial=0.0)
        if math.isfinite(self.distance_to_chance) and self.distance_to_chance < 3 * highest:
            ax.axhline(
                self.distance_to_chance, color=VERMILION, linestyle=":", zorder=1, label="chance"
            )
        ax.set_xlabel("step")
        ax.set_ylabel("loss above that at w*")
        say_if_nothing(ax, traces)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        ax.spines["top"].set_visible(False)
        ax.tick_params(colors=MUTED)
        scale = self.inverse_temperature
        both_ways = (lambda y: np.asarray(y) * scale, lambda y: np.asarray(y) / scale)
        right = ax.secondary_yaxis("right", functions=both_ways)
        right.set_ylabel("coefficient")
        right.tick_params(colors=MUTED)
        return ax
