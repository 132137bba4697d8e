"""What each wider context adds to what networks keep of the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from sklearn_learnability.displays._display import Display
from sklearn_learnability.displays._drawing import MUTED, PALE, row_axes
from sklearn_learnability.displays._information_plane import colored, of_layer, width_name
from sklearn_learnability.displays._layout import (
    as_floats,
    highest_of,
    key_columns,
    name_width,
    say_if_nothing,
    short_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sklearn_learnability.torch.representations._plane_results import InformationPlane
    from sklearn_learnability.torch.representations._trajectory import Trajectory


class ContextInformationDisplay(Display):
    """What each wider context adds, one bar a network or checkpoint.

    A bar is the entropy of the representations. Its parts are the conditional informations: what
    the narrowest context tells of it, what each wider one adds, and the residual that no context
    measured tells. The thin bar below is the same for labels without any meaning, as frequent as
    these: as much of each part may be nothing.

    Parameters
    ----------
    names : sequence of str of length n_bars
        Names of the networks or checkpoints, the first on top.
    widths : array-like of shape (n_widths,)
        Widths of the contexts, the narrowest first.
    conditional, conditional_null : array-like of shape (n_bars, n_widths)
        What each width adds to the next narrower one, and the same for labels without meaning.
    entropy : array-like of shape (n_bars,)
        Entropy of the representations.
    shares : bool, default=True
        Whether to draw shares of the entropy, or the informations themselves.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure they belong to.

    See Also
    --------
    InformationPlaneDisplay : What networks tell of the future against what they keep.

    Examples
    --------
    >>> from sklearn_learnability.displays import ContextInformationDisplay
    >>> display = ContextInformationDisplay(
    ...     ["step 0", "step 100"],
    ...     [1, 2],
    ...     conditional=[[0.20, 0.05], [0.15, 0.10]],
    ...     conditional_null=[[0.01, 0.03], [0.01, 0.03]],
    ...     entropy=[0.80, 0.75],
    ... )
    >>> display.plot().ax_.get_xlabel()
    'share of the entropy H(Z)'
    """

    def __init__(
        self,
        names: Sequence[str],
        widths: ArrayLike,
        *,
        conditional: ArrayLike,
        conditional_null: ArrayLike,
        entropy: ArrayLike,
        shares: bool = True,
    ) -> None:
        self.names = names
        self.widths = widths
        self.conditional = conditional
        self.conditional_null = conditional_null
        self.entropy = entropy
        self.shares = shares

    @classmethod
    def from_planes(
        cls,
        planes: Mapping[str, InformationPlane],
        *,
        layer: int | str = "mean",
        shares: bool = True,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a bar for each network.

        Parameters
        ----------
        planes : dict of str to InformationPlane
            What :func:`~sklearn_learnability.torch.measure_information_plane` returns, by the name
            of the network; all of the same widths.
        layer : int or str, default="mean"
            The layer to draw, or a mean of layers; by default that of all.
        shares : bool, default=True
            Whether to draw shares of the entropy, or the informations themselves.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        ContextInformationDisplay
            The display, drawn.
        """
        chosen = [of_layer(list(plane.points), layer) for plane in planes.values()]
        widths = {tuple(point.width for point in points) for points in chosen}
        if len(widths) != 1:
            raise ValueError(f"Expected planes of the same widths, got {sorted(widths)}.")
        return cls(
            list(planes),
            *widths,
            conditional=[[point.conditional for point in points] for points in chosen],
            conditional_null=[[point.conditional_null for point in points] for points in chosen],
            entropy=[points[0].entropy for points in chosen],
            shares=shares,
        ).plot(ax)

    @classmethod
    def from_trajectory(
        cls,
        trajectory: Trajectory,
        *,
        layer: int | str = "mean",
        shares: bool = True,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a bar for each checkpoint of a network.

        Parameters
        ----------
        trajectory : Trajectory
            What :func:`~sklearn_learnability.torch.measure_checkpoints` returns.
        layer : int or str, default="mean"
            The layer to draw, or a mean of layers; by default that of all.
        shares : bool, default=True
            Whether to draw shares of the entropy, or the informations themselves.
        ax : matplotlib Axes, default=None
            Axes to draw on; a new figure by default.

        Returns
        -------
        ContextInformationDisplay
            The display, drawn.
        """
        planes = dict(zip(trajectory.names, trajectory.planes, strict=True))
        return cls.from_planes(planes, layer=layer, shares=shares, ax=ax)

    def _draw(self, ax: Axes | None) -> Axes:
        """Draw the bars."""
        check_consistent_length(self.names, self.conditional, self.conditional_null, self.entropy)
        entropy = as_floats(self.entropy)
        whole = np.where(entropy > 0, entropy, np.nan) if self.shares else np.ones(len(entropy))
        parts = as_floats(self.conditional) / whole[:, None]
        null = as_floats(self.conditional_null) / whole[:, None]
        names = [short_name(name, name_width(ax), lines=2) for name in self.names]
        ax = row_axes(ax, names)
        say_if_nothing(ax, parts)
        rows = np.arange(len(names))
        draw_parts(ax, rows - 0.08, parts, np.asarray(self.widths), height=0.5, named=True)
        told = parts.sum(axis=1)
        style: dict[str, Any] = {"color": PALE, "height": 0.5, "label": "residual"}
        ax.barh(rows - 0.08, entropy / whole - told, left=told, **style)
        draw_parts(ax, rows + 0.27, null, np.asarray(self.widths), height=0.12, named=False)
        ax.barh([0], [0], color=MUTED, label="thin: labels without meaning")
        ax.set_xlim(0, 1 if self.shares else 1.05 * highest_of(entropy, least=1e-3))
        ax.set_xlabel("share of the entropy H(Z)" if self.shares else "information")
        place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1)}
        ax.legend(frameon=False, fontsize=9, ncol=key_columns(ax, 1.8), **place)
        return ax


def draw_parts(
    ax: Axes,
    rows: NDArray[np.floating],
    parts: NDArray[np.floating],
    widths: NDArray[np.integer],
    *,
    height: float,
    named: bool,
) -> None:
    """Draw parts (n_bars, n_widths) end to end, and name them in the key or not."""
    left = np.zeros(len(rows))
    for part, (color, width) in zip(parts.T, colored(widths), strict=True):
        label = width_name(width) if width == widths[0] else f"up to {width_name(width)}"
        ax.barh(rows, part, left=left, height=height, color=color, label=label if named else None)
        left = left + part
