"""The loss of models against how far they are compressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._display import Display
from sklearn_learnability.displays._drawing import (
    BLUE,
    MUTED,
    ORANGE,
    SKY,
    VERMILION,
    import_pyplot,
    mark_cut,
)
from sklearn_learnability.displays._information_plane import plain_axes
from sklearn_learnability.displays._layout import key_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.torch.compression._compression_curve import CriticalAmount


COLORS = (BLUE, VERMILION, SKY, ORANGE, "#009E73", "#CC79A7")


class CompressionCurveDisplay(Display):
    """Increase of the loss against the amount of compression, one line for each curve.

    The dashed line is the tolerance, the rings are where the curves cross it for good. Crosses at
    the top stand for losses that are not finite, arrows for those above it; curves are cut off
    there.

    Parameters
    ----------
    names : array-like of shape (n_points,)
        The curve of each point.
    amounts : array-like of shape (n_points,)
        The amount of compression.
    increases : array-like of shape (n_points,)
        The increase of the loss; not finite where the loss is not.
    standard_errors : array-like of shape (n_points,), default=None
        Of the increases, drawn as bands of two to each side.
    critical : dict of str to float, default=None
        Where each curve crosses the tolerance; NaN or left out if it does not.
    tolerance : float, default=None
        The increase that is tolerated.
    quantity : str, default="amount"
        What the amounts are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    Examples
    --------
    >>> from sklearn_learnability.displays import CompressionCurveDisplay
    >>> display = CompressionCurveDisplay(
    ...     ["model"] * 4,
    ...     [64, 32, 16, 8],
    ...     [0.0, 0.1, 0.9, 3.0],
    ...     critical={"model": 24},
    ...     tolerance=0.5,
    ...     quantity="n_q",
    ... )
    >>> display.plot().ax_.get_xlabel()
    'n_q'
    """

    def __init__(
        self,
        names: Sequence[str],
        amounts: ArrayLike,
        increases: ArrayLike,
        *,
        standard_errors: ArrayLike | None = None,
        critical: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        quantity: str = "amount",
    ) -> None:
        self.names = names
        self.amounts = amounts
        self.increases = increases
        self.standard_errors = standard_errors
        self.critical = critical
        self.tolerance = tolerance
        self.quantity = quantity

    @classmethod
    def from_critical(
        cls, found: CriticalAmount | Mapping[str, CriticalAmount], *, ax: Axes | None = None
    ) -> Self:
        """Draw the curves behind critical amounts.

        Parameters
        ----------
        found : CriticalAmount, or dict of str to CriticalAmount
            What :func:`~sklearn_learnability.torch.critical_amount` returns; several by name, of
            one quantity.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        CompressionCurveDisplay
            The display, drawn.
        """
        named = dict(found) if isinstance(found, Mapping) else {"model": found}
        quantities = sorted({one.curve.quantity for one in named.values()})
        tolerances = sorted({one.tolerance for one in named.values()})
        if len(quantities) != 1:
            raise ValueError(f"Expected critical amounts of one quantity, got {quantities}.")
        curves = {name: one.curve for name, one in named.items()}
        return cls(
            [name for name, curve in curves.items() for _ in curve.amounts],
            np.concatenate([curve.amounts for curve in curves.values()]),
            np.concatenate([curve.increases for curve in curves.values()]),
            standard_errors=np.concatenate([curve.standard_errors for curve in curves.values()]),
            critical={name: one.value for name, one in named.items()},
            tolerance=tolerances[0] if len(tolerances) == 1 else None,
            quantity=quantities[0],
        ).plot(ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the lines."""
        check_consistent_length(self.names, self.amounts, self.increases)
        names = np.asarray(self.names)
        amounts = np.asarray(self.amounts, dtype=float)
        increases = np.asarray(self.increases, dtype=float)
        errors = np.zeros(len(names))
        if self.standard_errors is not None:
            errors = np.asarray(self.standard_errors, dtype=float)
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(6.4, 4), layout="constrained")
        if amounts.min() > 0 and amounts.max() > 10 * amounts.min():
            ax.set_xscale("log", base=2 if np.all(amounts % 1 == 0) else 10)
            ax.xaxis.set_major_formatter("{x:g}")
        for i, name in enumerate(dict.fromkeys(self.names)):
            rows = names == name
            self._draw_curve(
                ax, name, COLORS[i % len(COLORS)], amounts[rows], increases[rows], errors[rows]
            )
        self._draw_tolerance(ax, increases)
        for i, name in enumerate(dict.fromkeys(self.names)):
            mark_cut(ax, amounts[names == name], increases[names == name], COLORS[i % len(COLORS)])
        ax.set_xlabel(self.quantity)
        ax.set_ylabel("increase of the loss")
        if len(set(self.names)) > 1 or self.tolerance is not None:
            ax.legend(edgecolor="none", framealpha=0.85, fontsize=9)
        plain_axes(ax)
        return ax

    def _draw_curve(
        self,
        ax: Axes,
        name: str,
        color: str,
        amounts: NDArray[np.floating],
        increases: NDArray[np.floating],
        errors: NDArray[np.floating],
    ) -> None:
        """Draw one curve, its band and its critical amount."""
        critical = (self.critical or {}).get(name, np.nan)
        level = np.nan if self.tolerance is None else self.tolerance
        crosses = bool(np.isfinite([critical, level]).all())
        finite = np.isfinite(increases)
        shown = np.where(finite, increases, np.nan)
        label = f"{key_name(name)}: {critical:.3g}" if crosses else key_name(name)
        ax.plot(amounts, shown, "-o", color=color, linewidth=1.6, markersize=3.5, label=label)
        if np.any(errors[finite] > 0):
            low, high = shown - 2 * errors, shown + 2 * errors
            ax.fill_between(amounts, low, high, color=color, alpha=0.2, linewidth=0)
        ax.plot(
            amounts[~finite],
            np.full((~finite).sum(), 0.98),
            "x",
            color=color,
            transform=ax.get_xaxis_transform(),
        )
        if crosses:
            ring: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": color}
            ring |= {"markersize": 9, "markeredgewidth": 2, "zorder": 5}
            ax.plot([critical], [level], "o", **ring)

    def _draw_tolerance(self, ax: Axes, increases: NDArray[np.floating]) -> None:
        """Draw the tolerance, and cut the axis off where curves no longer matter."""
        finite = increases[np.isfinite(increases)]
        lowest, highest = min(finite.min(initial=0), 0), finite.max(initial=0)
        if self.tolerance is not None:
            highest = min(max(highest, 1.2 * self.tolerance), 6 * self.tolerance)
            ax.axhline(
                self.tolerance,
                color=MUTED,
                linestyle=(0, (4, 3)),
                linewidth=1,
                label=f"tolerance {self.tolerance:g}",
            )
        if highest > lowest:
            ax.set_ylim(lowest - 0.04 * (highest - lowest), 1.04 * highest)
