"""Code lengths of several models against the number of rows, the winners shaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._display import Display
from sklearn_learnability.displays._drawing import (
    BLUE,
    MUTED,
    ORANGE,
    SKY,
    VERMILION,
    import_pyplot,
)
from sklearn_learnability.displays._layout import key_name, say_if_nothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.metrics._description_length import DescriptionLengthSelection


COLORS = (BLUE, VERMILION, "#009E73", ORANGE, SKY, "#CC79A7")


class DescriptionLengthDisplay(Display):
    """Phase transitions in description length: which model is the shortest at how many rows.

    One line a model: its code length a row, above the lowest loss of all. A line falls while the
    model is being paid for, and levels off at what its loss is above the lowest. The lowest line
    wins, and the background has its colour. A dashed line marks the number of rows at hand.

    Parameters
    ----------
    names : sequence of str
        Names of the models.
    n_samples : array-like of shape (n_points,)
        Numbers of rows.
    code_lengths : array-like of shape (n_models, n_points)
        Code length a row above the lowest loss.
    phase_models : sequence of str
        The winners, from few rows to many.
    phase_starts, phase_ends : array-like of shape (n_phases,)
        From which number of rows on each wins, and up to which.
    at : float
        Number of rows at hand.
    units : str
        Unit of the lengths.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    Examples
    --------
    >>> from sklearn_learnability.displays import DescriptionLengthDisplay
    >>> from sklearn_learnability.metrics import Minimum, select_by_description_length
    >>> chosen = select_by_description_length(
    ...     {"simple": Minimum(nll=0.9, llc=2), "rich": Minimum(nll=0.6, llc=20)}, n=200
    ... )
    >>> DescriptionLengthDisplay.from_selection(chosen).ax_.get_xlabel()
    'number of rows n'
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        n_samples: ArrayLike,
        code_lengths: ArrayLike,
        phase_models: Sequence[str],
        phase_starts: Sequence[float],
        phase_ends: Sequence[float],
        at: float,
        units: str,
    ) -> None:
        self.names = names
        self.n_samples = n_samples
        self.code_lengths = code_lengths
        self.phase_models = phase_models
        self.phase_starts = phase_starts
        self.phase_ends = phase_ends
        self.at = at
        self.units = units

    @classmethod
    def from_selection(
        cls, selection: DescriptionLengthSelection, *, ax: Axes | None = None
    ) -> Self:
        """Draw the phases of a selection, two decades beyond its last transition at most.

        Parameters
        ----------
        selection : DescriptionLengthSelection
            What :func:`~sklearn_learnability.metrics.select_by_description_length` returns.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        DescriptionLengthDisplay
            The display, drawn.
        """
        phases = selection.phases
        last = max([selection.n_samples, *(phase.start for phase in phases)])
        n = np.geomspace(phases[0].start, min(100 * last, phases[-1].end), 300)
        return cls(
            list(selection.models),
            n_samples=n,
            code_lengths=selection.lengths_per_row(n),
            phase_models=[phase.model for phase in phases],
            phase_starts=[phase.start for phase in phases],
            phase_ends=[min(phase.end, n[-1]) for phase in phases],
            at=selection.n_samples,
            units=selection.units,
        ).plot(ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the lines."""
        check_consistent_length(self.names, self.code_lengths)
        check_consistent_length(self.phase_models, self.phase_starts, self.phase_ends)
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(6.8, 4.4), layout="constrained")
        colors = {name: COLORS[i % len(COLORS)] for i, name in enumerate(self.names)}
        for name, start, end in zip(
            self.phase_models, self.phase_starts, self.phase_ends, strict=True
        ):
            ax.axvspan(start, end, color=colors[name], alpha=0.13, linewidth=0)
        lengths = np.asarray(self.code_lengths, dtype=float)
        shown = np.where(lengths > 0, lengths, np.nan)  # the axis is logarithmic
        for name, line in zip(self.names, shown, strict=True):
            ax.plot(self.n_samples, line, color=colors[name], label=key_name(name), linewidth=1.8)
        ax.axvline(self.at, color=MUTED, linestyle="--", linewidth=1)
        ax.set_xscale("log")
        if not say_if_nothing(ax, shown):
            ax.set_yscale("log")
        ax.set_xlim(np.min(self.n_samples), np.max(self.n_samples))
        ax.set_xlabel("number of rows n")
        ax.set_ylabel(f"code length a row above\nthe lowest loss ({self.units})")
        ax.legend(frameon=False, fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
        return ax
