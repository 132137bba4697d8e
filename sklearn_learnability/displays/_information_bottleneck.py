"""The information-bottleneck curve, the band it lies in, and models against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_learnability.displays._drawing import (
    BLUE,
    INK,
    MUTED,
    SKY,
    VERMILION,
    check_result,
    import_pyplot,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.metrics._distance_to_bound import DistanceToBound
    from sklearn_learnability.metrics._information_bottleneck import InformationBottleneck


class InformationBottleneckDisplay:
    """What can be said of y against what is kept of x, and how near to it models come.

    The line is the frontier that is known to be achievable, with a point for each trade-off, and
    the band reaches from it to the upper bound, which nothing exceeds: the true curve lies in it.
    Models are crosses with their names.

    Parameters
    ----------
    complexity, expressivity : array-like of shape (n_points,)
        Corners of the frontier, by ascending complexity.
    information : float
        I(X;Y), where the upper bound ends.
    contraction : float, default=1.0
        Largest share of the information about X that Y can keep.
    points : pair of array-like, default=None
        Complexity and expressivity of the encoders that were found.
    models : pair of array-like, default=None
        Complexity and expressivity of measured models.
    names : sequence of str, default=None
        Names of the models.
    units : {"bits", "nats"}, default="bits"
        Unit of all informations.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    See Also
    --------
    InformationPlaneDisplay : Layers of a network by what they keep and what they tell.

    Examples
    --------
    >>> from sklearn_learnability.displays import InformationBottleneckDisplay
    >>> from sklearn_learnability.metrics import information_bottleneck
    >>> curve = information_bottleneck([[0.45, 0.05], [0.05, 0.45]])
    >>> display = InformationBottleneckDisplay.from_bottleneck(curve)
    >>> display.ax_.get_xlabel()
    'complexity I(X;T), bits'
    """

    def __init__(
        self,
        complexity: ArrayLike,
        expressivity: ArrayLike,
        *,
        information: float,
        contraction: float = 1.0,
        points: tuple[ArrayLike, ArrayLike] | None = None,
        models: tuple[ArrayLike, ArrayLike] | None = None,
        names: Sequence[str] | None = None,
        units: str = "bits",
    ) -> None:
        self.complexity = complexity
        self.expressivity = expressivity
        self.information = information
        self.contraction = contraction
        self.points = points
        self.models = models
        self.names = names
        self.units = units

    @classmethod
    def from_bottleneck(
        cls,
        bottleneck: InformationBottleneck,
        models: DistanceToBound | None = None,
        names: Sequence[str] | None = None,
        *,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a curve, with models that were measured.

        Parameters
        ----------
        bottleneck : InformationBottleneck
            The curve.
        models : DistanceToBound, default=None
            Models whose distance to it was taken.
        names : sequence of str, default=None
            Names of the models.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        InformationBottleneckDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If models and curve are in different units, or there are not as many names as models.
        """
        check_result(bottleneck, "input_entropy", "information_bottleneck")
        if models is not None:
            check_result(models, "excess_complexity", "distance_to_bound")
            if models.units != bottleneck.units:
                raise ValueError(
                    f"Expected models in {bottleneck.units}, as the curve, got {models.units}."
                )
        rates, kept = bottleneck.hull()
        display = cls(
            rates,
            kept,
            information=bottleneck.information,
            contraction=bottleneck.contraction,
            points=(bottleneck.complexity, bottleneck.expressivity),
            models=None if models is None else (models.complexity, models.expressivity),
            names=names,
            units=bottleneck.units,
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        InformationBottleneckDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there are not as many names as models.
        """
        n_models = 0 if self.models is None else len(np.atleast_1d(self.models[0]))
        if self.names is not None and len(self.names) != n_models:
            raise ValueError(f"Expected a name for each of {n_models} models, got {self.names}.")
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(6.4, 4.2), layout="constrained")
        self._draw_curve(ax)
        if self.models is not None:
            self._draw_models(ax, *self.models)
        ax.set_xlabel(f"complexity I(X;T), {self.units}")
        ax.set_ylabel(f"expressivity I(T;Y), {self.units}")
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_xlim(left=0)
        ax.set_ylim(bottom=0)
        ax.legend(loc="lower right", frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_curve(self, ax: Axes) -> None:
        rates = np.asarray(self.complexity, dtype=np.float64)
        kept = np.asarray(self.expressivity, dtype=np.float64)
        corner = self.information / self.contraction if self.contraction > 0 else 0.0
        every = np.unique(np.r_[rates, corner])
        frontier = np.interp(every, rates, kept)
        upper = np.minimum(self.contraction * every, self.information)
        band: dict[str, Any] = {"color": SKY, "alpha": 0.25, "linewidth": 0}
        ax.fill_between(every, frontier, upper, label="the true curve lies here", **band)
        ax.plot(every, upper, "--", color=MUTED, linewidth=1, label="upper bound")
        ax.plot(rates, kept, color=BLUE, label="frontier")
        if self.points is not None:
            ax.plot(*self.points, "o", color=BLUE, markersize=3.5)

    def _draw_models(self, ax: Axes, complexity: ArrayLike, expressivity: ArrayLike) -> None:
        rates, kept = np.atleast_1d(complexity), np.atleast_1d(expressivity)
        ax.plot(rates, kept, "X", color=VERMILION, markersize=8, label="models")
        names = [] if self.names is None else self.names
        for name, x, y in zip(names, rates, kept, strict=False):
            ax.annotate(name, (x, y), (6, -4), textcoords="offset points", va="top", color=INK)
