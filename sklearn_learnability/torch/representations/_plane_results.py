"""The results of measuring a model: points in the information plane, one a layer and width."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from sklearn_learnability._results import Result
from sklearn_learnability._validation import warn
from sklearn_learnability.exceptions import UndefinedInformationWarning
from sklearn_learnability.torch.representations._layer_estimates import LayerEstimates


@dataclass(frozen=True, eq=False)
class PlanePoint(Result):
    r"""One layer at one width of context, or a mean of layers.

    Attributes
    ----------
    layer : int or str
        The layer; "mean" for the mean of all, "mean without embedding" for that of all but hidden
        state 0 of a transformers model.
    width : int
        Width n of the contexts X (the n tokens up to a position) and Y (the n tokens after it).
    entropy : float
        :math:`H(Z)`, as a share of the logarithm of the number of points.
    ceiling : float
        The information that labels all different would have given; no labels give more.
    complexity, expressivity : float
        The plug-in informations :math:`I(X_n; Z)` and :math:`I(Y_n; Z)`.
    optimality : float
        Expressivity over complexity; NaN where the complexity is 0.
    optimality_lower, optimality_upper : float
        95 % interval of the optimality over sequences; it does not hold the bias. NaN where that of
        the complexity reaches 0. Those of the informations are in `information` of the plane.
    complexity_null, expressivity_null, optimality_null : float
        What labels without meaning, as frequent as these, would have given. To compare with, not
        to subtract.
    complexity_mean, expressivity_mean : float
        The variants that count every context alike, however often it occurs; no mutual
        informations.
    complexity_quadratic, expressivity_quadratic, optimality_quadratic : float
        The unbiased quadratic informations, 0 on average for labels without meaning, on a scale of
        their own; and their ratio, NaN where that of the past is not positive, or its interval
        reaches 0.
    optimality_quadratic_lower, optimality_quadratic_upper : float
        95 % interval of that ratio.
    conditional, conditional_null : float
        What this width adds to the complexity of the next narrower one, :math:`I(X_n; Z) -
        I(X_{n-1}; Z)`; for the narrowest its complexity. And the same for labels without meaning.
    proportion : float
        The conditional information as a share of the entropy.
    residual : float
        What the widest context leaves of the entropy, as a share of it.
    """

    layer: int | str
    width: int
    entropy: float
    ceiling: float
    complexity: float
    complexity_null: float
    complexity_mean: float
    complexity_quadratic: float
    expressivity: float
    expressivity_null: float
    expressivity_mean: float
    expressivity_quadratic: float
    optimality: float
    optimality_lower: float
    optimality_upper: float
    optimality_null: float
    optimality_quadratic: float
    optimality_quadratic_lower: float
    optimality_quadratic_upper: float
    conditional: float
    conditional_null: float
    proportion: float
    residual: float


@dataclass(frozen=True, eq=False)
class InformationPlane(Result):
    """What the layers of a model keep about past tokens and tell of those to come.

    Attributes
    ----------
    points : tuple of PlanePoint
        One for each layer and width; those of means of layers come last.
    information : pandas.DataFrame
        Everything estimated, for each layer, mean of layers and label set (`past_n`, `future_n`):
        the brackets on repeated labels with their coverage, and the intervals. An error of a mean
        is its own: the layers have the same sequences. Its bracket is the mean of the layers'
        brackets, with an interval that is no narrower than its own.
    loss : float
        Loss of the model at predicting the next token on the same sequences, in nats a token; NaN
        of a model without logits of tokens, or that reads tokens to come.
    n_sequences : int
        Number of sequences.
    n_positions : int
        Number of positions with a whole past and future of the widest context; the informations
        are over these.
    """

    points: tuple[PlanePoint, ...]
    information: pd.DataFrame
    loss: float
    n_sequences: int
    n_positions: int

    def to_frame(self) -> pd.DataFrame:
        """Return the points as a table, one row for each layer and width."""
        table = pd.DataFrame([asdict(point) for point in self.points])
        return table.assign(
            loss=self.loss, n_sequences=self.n_sequences, n_positions=self.n_positions
        )


def plane_points(estimates: LayerEstimates, widths: Sequence[int]) -> tuple[PlanePoint, ...]:
    """Return the points of every layer, and of means of layers."""
    rows = estimates.rows()
    points = [
        point
        for layer in dict.fromkeys(estimates.table["layer"])
        for point in layer_points(estimates, rows, layer, sorted(widths))
    ]
    nothing = [p for p in points if math.isnan(p.optimality)]
    doubtful = [p for p in points if is_doubtful(p) and p not in nothing]
    for undefined, reason in (
        (nothing, "The representations hold no information about the past"),
        (doubtful, "The quadratic information cannot tell that about the past from chance"),
    ):
        if undefined:
            warn(
                f"{reason} in {len(undefined)} of {len(points)} layers and widths, the first at "
                f"layer {undefined[0].layer}, width {undefined[0].width}; a ratio to it is "
                "undefined and reported as NaN.",
                UndefinedInformationWarning,
            )
    return tuple(points)


def is_doubtful(point: PlanePoint) -> bool:
    """Return whether the quadratic information of the past is known, and may be 0."""
    return math.isnan(point.optimality_quadratic) and not math.isnan(point.complexity_quadratic)


def layer_points(
    estimates: LayerEstimates, rows: Mapping[Any, Any], layer: Any, widths: Sequence[int]
) -> Iterator[PlanePoint]:
    """Yield the points of a layer, the narrowest width first."""
    before = before_null = 0.0
    entropy = rows[layer, past(widths[0])].entropy
    residual = 1 - share(rows[layer, past(widths[-1])].information, entropy)
    for width in widths:
        X, Y = rows[layer, past(width)], rows[layer, future(width)]
        conditional = X.information - before
        chance = X.quadratic_lower <= 0  # a ratio to what may be 0 can be of any size
        optimality = estimates.ratio("information", Y, X)
        quadratic = estimates.ratio("quadratic", Y, X)
        yield PlanePoint(
            layer=layer,
            width=width,
            entropy=X.entropy,
            ceiling=X.ceiling,
            complexity=X.information,
            complexity_null=X.null,
            complexity_mean=X.information_mean,
            complexity_quadratic=X.quadratic,
            expressivity=Y.information,
            expressivity_null=Y.null,
            expressivity_mean=Y.information_mean,
            expressivity_quadratic=Y.quadratic,
            optimality=share(Y.information, X.information),
            optimality_lower=optimality.lower,
            optimality_upper=optimality.upper,
            optimality_null=share(Y.null, X.null),
            optimality_quadratic=math.nan if chance else share(Y.quadratic, X.quadratic),
            optimality_quadratic_lower=quadratic.lower,
            optimality_quadratic_upper=quadratic.upper,
            conditional=conditional,
            conditional_null=X.null - before_null,
            proportion=share(conditional, entropy),
            residual=residual,
        )
        before, before_null = X.information, X.null


def share(part: float, whole: float) -> float:
    """Return a ratio, NaN unless the whole is positive."""
    return part / whole if whole > 1e-12 else float("nan")


def past(width: int) -> str:
    """Return the name of the labels of past contexts."""
    return f"past_{width}"


def future(width: int) -> str:
    """Return the name of the labels of future contexts."""
    return f"future_{width}"
