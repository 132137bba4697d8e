"""How far checkpoints can be compressed, against how complex they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._display import PanelsDisplay
from sklearn_learnability.displays._drawing import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    VERMILION,
    import_pyplot,
    mark_cut,
)
from sklearn_learnability.displays._layout import say_if_nothing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.metrics import LinearAssociation
    from sklearn_learnability.torch.profile._complexity_results import (
        ComplexityAgainstCompressibility,
    )

TOLERANCE_COLORS = (BLUE, VERMILION, ORANGE, "#009E73")
MARKERS = "osD^vP"


class ComplexityAgainstCompressibilityDisplay(PanelsDisplay):
    """Loss against compression on the left, critical amounts against complexity on the right.

    Left: one line a checkpoint, dark early in training and light late; dashed lines are the
    tolerances. Right: one point a checkpoint and tolerance, another marker for each run, with the
    line through the points that are used. Points that are not used are open. The key gives the
    share of variance explained by the coefficient and, after it, by the loss alone; below them the
    correlation of the runs at the same step with its interval, or that there is no test.

    Parameters
    ----------
    curves : sequence of tuple
        For each checkpoint its amounts, the increases of the loss there, and its place in its run,
        from 0 for the first to 1 for the last.
    groups : array-like of shape (n_points,)
        The run of each point.
    llc, critical, tolerances : array-like of shape (n_points,)
        Its coefficient, its critical amount, and the increase of the loss that was tolerated.
    used : array-like of bool of shape (n_points,)
        Whether the line goes through it.
    lines : dict of float to LinearAssociation
        By tolerance, the line through the points used.
    quantity : str
        What the amounts are.
    highest : float, default=2.0
        Upper end of the axis of the increase.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (2,)
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    Examples
    --------
    >>> from sklearn_learnability.displays import ComplexityAgainstCompressibilityDisplay
    >>> from sklearn_learnability.metrics import linear_association
    >>> display = ComplexityAgainstCompressibilityDisplay(
    ...     [([16, 8, 4], [0.0, 0.2, 0.9], 1.0)],
    ...     groups=["run"] * 3,
    ...     llc=[1.0, 2.0, 4.0],
    ...     critical=[5.0, 6.0, 9.0],
    ...     tolerances=[0.5] * 3,
    ...     used=[True] * 3,
    ...     lines={0.5: linear_association([1.0, 2.0, 4.0], [5.0, 6.0, 9.0])},
    ...     quantity="n_q",
    ... )
    >>> display.plot().axes_[1].get_ylabel()
    'critical n_q'
    """

    def __init__(
        self,
        curves: Sequence[tuple[ArrayLike, ArrayLike, float]],
        *,
        groups: Sequence[str],
        llc: ArrayLike,
        critical: ArrayLike,
        tolerances: ArrayLike,
        used: ArrayLike,
        lines: Mapping[float, LinearAssociation],
        quantity: str,
        highest: float = 2.0,
    ) -> None:
        self.curves = curves
        self.groups = groups
        self.llc = llc
        self.critical = critical
        self.tolerances = tolerances
        self.used = used
        self.lines = lines
        self.quantity = quantity
        self.highest = highest

    @classmethod
    def from_result(
        cls,
        result: ComplexityAgainstCompressibility,
        *,
        scheme: str | None = None,
        tolerances: Sequence[float] | None = None,
        axes: Sequence[Axes] | None = None,
    ) -> Self:
        """Draw one scheme of a study.

        Parameters
        ----------
        result : ComplexityAgainstCompressibility
            What :func:`~sklearn_learnability.torch.complexity_against_compressibility` returns.
        scheme : str, default=None
            The scheme; by default the first.
        tolerances : sequence of float, default=None
            The tolerances; by default all.
        axes : sequence of matplotlib Axes, default=None
            Two axes to draw on; a new figure by default.

        Returns
        -------
        ComplexityAgainstCompressibilityDisplay
            The display, drawn.
        """
        schemes = list(dict.fromkeys(point.scheme for point in result.points))
        scheme = schemes[0] if scheme is None else scheme
        if scheme not in schemes:
            raise ValueError(f"Expected a scheme among {schemes}, got {scheme!r}.")
        points = [
            point
            for point in result.points
            if point.scheme == scheme
            and (tolerances is None or point.amount.tolerance in tolerances)
        ]
        drawn = {point.amount.tolerance for point in points}
        curves = [point.critical[scheme][-1].curve for point in result.checkpoints]
        places = places_in_runs([point.group for point in result.checkpoints])
        tallest = max(c.increases[np.isfinite(c.increases)].max(initial=0) for c in curves)
        lines = {
            tolerance: line
            for (of, tolerance), line in result.fits().items()
            if of == scheme and tolerance in drawn
        }
        return cls(
            [(c.amounts, c.increases, place) for c, place in zip(curves, places, strict=True)],
            groups=[point.checkpoint.group for point in points],
            llc=[point.checkpoint.llc for point in points],
            critical=[point.amount.value for point in points],
            tolerances=[point.amount.tolerance for point in points],
            used=[not point.left_out for point in points],
            lines=lines,
            quantity=curves[0].quantity,
            highest=min(4 * max(drawn), 1.05 * tallest),
        ).plot(axes)

    def _draw(self, axes: Sequence[Axes] | None) -> Sequence[Axes]:
        """Draw both panels."""
        for amounts, increases, _ in self.curves:
            check_consistent_length(amounts, increases)
        check_consistent_length(self.groups, self.llc, self.critical, self.tolerances, self.used)
        if axes is None:
            _, axes = import_pyplot().subplots(1, 2, figsize=(9.6, 4.2), layout="constrained")
        left, right = axes
        tolerances = np.unique(self.tolerances)
        colors = dict(zip(tolerances, TOLERANCE_COLORS * len(tolerances), strict=False))
        self._draw_curves(left, colors)
        self._draw_points(right, colors)
        for ax in (left, right):
            ax.spines[["top", "right"]].set_visible(False)
            ax.tick_params(colors=MUTED)
        return [left, right]

    def _draw_curves(self, ax: Axes, colors: Mapping[float, str]) -> None:
        """Draw the loss against the amount, and the tolerances."""
        shades = import_pyplot().get_cmap("viridis")
        for amounts, increases, place in self.curves:
            shown = np.where(np.isfinite(increases), increases, np.nan)
            style: dict[str, Any] = {"linewidth": 1.2, "marker": ".", "markersize": 3}
            ax.plot(amounts, shown, color=shades(0.92 * place), **style)
        for tolerance, color in colors.items():
            ax.axhline(tolerance, color=color, linestyle="--", linewidth=1)
        amounts = np.concatenate([np.asarray(a, dtype=float) for a, _, _ in self.curves])
        if amounts.min() > 0 and amounts.max() > 10 * amounts.min():
            ax.set_xscale("log")
        ax.set_ylim(-0.05 * self.highest, self.highest)
        for amounts_of, increases, place in self.curves:
            mark_cut(ax, amounts_of, increases, shades(0.92 * place))
        say_if_nothing(ax, *(increases for _, increases, _ in self.curves))
        ax.set_xlabel(self.quantity)
        ax.set_ylabel("increase of the loss")

    def _draw_points(self, ax: Axes, colors: Mapping[float, str]) -> None:
        """Draw critical amounts against coefficients, and the lines through those used."""
        groups = np.asarray(self.groups)
        llc, critical = np.asarray([self.llc, self.critical], dtype=float)
        used = np.asarray(self.used, dtype=bool)
        markers = dict(zip(dict.fromkeys(self.groups), MARKERS * len(groups), strict=False))
        for tolerance, color in colors.items():
            here = np.asarray(self.tolerances) == tolerance
            for group, marker in markers.items():
                dots: dict[str, Any] = {"marker": marker, "color": color, "linestyle": ""}
                full, hollow = (here & (groups == group) & which for which in (used, ~used))
                ax.plot(llc[full], critical[full], alpha=0.75, **dots)
                ax.plot(llc[hollow], critical[hollow], fillstyle="none", **dots)
            self._draw_line(ax, llc[here & used], tolerance, color)
        say_if_nothing(ax, llc * critical)
        ax.set_xlabel("local learning coefficient")
        ax.set_ylabel(f"critical {self.quantity}")
        if self.lines:
            ax.legend(frameon=False, fontsize=9, labelcolor=INK)

    def _draw_line(self, ax: Axes, llc: NDArray[np.floating], tolerance: float, color: str) -> None:
        """Draw the line of one tolerance over the range of the points it goes through."""
        if tolerance not in self.lines:
            return
        line = self.lines[tolerance]
        ends = np.array([llc.min(), llc.max()])
        label = f"ε = {tolerance:g}: R² {line.r_squared:.2f}"
        if np.isfinite(line.given_r_squared):
            label += f", loss alone {line.given_r_squared:.2f}"
        ends_within = f"({line.within_steps_lower:.2f} to {line.within_steps_upper:.2f})"
        tested = "no test" if line.reason else f"{line.within_steps:.2f} {ends_within}"
        label += f"\nruns at the same step: {tested}"
        ax.plot(ends, line.intercept + line.slope * ends, color=color, linewidth=1.5, label=label)


def places_in_runs(groups: list[str]) -> list[float]:
    """Return the place of every checkpoint in its run, from 0 to 1."""
    sizes = {group: groups.count(group) for group in groups}
    seen = dict.fromkeys(groups, 0)
    places = []
    for group in groups:
        places.append(seen[group] / max(sizes[group] - 1, 1))
        seen[group] += 1
    return places
