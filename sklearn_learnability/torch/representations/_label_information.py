"""What layers tell of any labels, of texts or of tokens."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor, nn

from sklearn_learnability._results import Result
from sklearn_learnability._validation import check_count, check_random_state, warn
from sklearn_learnability.exceptions import NoPositionsWarning
from sklearn_learnability.torch.representations._excluded_tokens import (
    ExcludedTokens,
    counted_positions,
    excluded_rows,
)
from sklearn_learnability.torch.representations._layer_estimates import layer_means
from sklearn_learnability.torch.representations._pass_settings import PassSettings
from sklearn_learnability.torch.representations._representation_pass import RepresentationPass
from sklearn_learnability.torch.representations._token_sequences import (
    Tokens,
    TokenSequences,
    token_rows,
)
from sklearn_learnability.torch.soft_information._ngrams import (
    IGNORED,
    as_array,
    check_labels,
    dense_codes,
)
from sklearn_learnability.torch.soft_information._permuted_labels import PermutedLabels

LABELS = "labels"


@dataclass(frozen=True, eq=False)
class LabelPoint(Result):
    """What one layer tells of the labels, or a mean of layers.

    Attributes
    ----------
    layer : int or str
        The layer; "mean" for the mean of all, "mean without embedding" for that of all but hidden
        state 0 of a transformers model.
    entropy : float
        H(Z), as a share of the logarithm of the number of points.
    ceiling : float
        The information that labels all different would have given.
    information : float
        The plug-in information of labels and representations.
    quadratic : float
        The unbiased quadratic information, on a scale of its own; compare it with 0. Its interval
        is in `information` of the result.
    null : float
        Mean information of the permuted labels.
    null_upper : float
        The information that 5 % of the permuted labels exceed.
    p_value : float
        Share of the labels, permuted and as given, with at least this information.
    """

    layer: int | str
    entropy: float
    ceiling: float
    information: float
    quadratic: float
    null: float
    null_upper: float
    p_value: float


@dataclass(frozen=True, eq=False)
class LabelInformation(Result):
    """What the layers of a model tell of labels.

    Attributes
    ----------
    points : tuple of LabelPoint
        One for each layer, those of means of layers last.
    information : pandas.DataFrame
        Everything estimated of the labels as given, for each layer and mean of layers.
    loss : float
        Loss of the model at predicting the next token on the same sequences, in nats a token; NaN
        of a model without logits of tokens or that reads tokens to come, and where no text has two.
    n_sequences, n_positions : int
        Number of sequences, and of their positions with a label.
    n_permutations : int
        Number of times the labels were permuted.
    """

    points: tuple[LabelPoint, ...]
    information: pd.DataFrame
    loss: float
    n_sequences: int
    n_positions: int
    n_permutations: int

    def to_frame(self) -> pd.DataFrame:
        """Return the points as a table, one row for each layer."""
        table = pd.DataFrame([asdict(point) for point in self.points])
        return table.assign(n_sequences=self.n_sequences, n_positions=self.n_positions)


def label_information(
    model: nn.Module,
    tokenizer_or_ids: Any,
    texts: Sequence[str] | None = None,
    *,
    labels: Sequence[Any],
    layers: Any = "all",
    excluded_tokens: ExcludedTokens = None,
    n_permutations: int = 99,
    context: int = 512,
    batch_size: int = 8,
    n_points: int = 100,
    temperature: str | float = "exact",
    reference_points: Any = None,
    device: Any = None,
    random_state: int = 0,
    progress: bool = True,
) -> LabelInformation:
    """Measure what each layer of a model tells of labels of texts or of tokens.

    The labels are languages, domains, parts of speech, or any other. Higher information means that
    representations differ more between labels. It stands beside that of permuted labels: labels of
    texts are permuted between texts, since positions of one text are alike for other reasons, and
    labels of tokens between all tokens, unless they are the same all over each text. Where they go
    by text in part, the null is too low. The quadratic information pairs tokens of different texts
    alone, and stands then too.

    Parameters
    ----------
    model : Module
        The model: as in :func:`measure_information_plane`. It may read tokens to come.
    tokenizer_or_ids : object, or sequence of sequence of int
        A tokenizer, or the token ids of each text.
    texts : sequence of str, default=None
        The texts.
    labels : sequence
        One integer or string for each text, or for each text a sequence of one for each of its
        tokens, padding left out. -1, -100 and None mark what has no label.
    layers : "all", "encoder", "decoder", or sequence of int or of str, default="all"
        The layers.
    excluded_tokens : "special", sequence of int, or sequence of sequence of bool, default=None
        Tokens that are read and do not count, by their ids; "special" are those that the tokenizer
        calls so, such as the one that begins a text. Or, for every token of each text, whether
        it is left out. None counts all.
    n_permutations : int, default=99
        How often to permute the labels.
    context : int, default=512
        Longest sequence. Of a longer text the beginning is read.
    batch_size : int, default=8
        Rows to a batch: a row is a sequence.
    n_points : int, default=100
        Number of reference points.
    temperature : {"exact", "paper", "leading"} or float, default="exact"
        The temperature, or the method of :func:`calibrate_temperature`.
    reference_points : array-like of shape (n_points, dim), or dict of int to such, default=None
        The points. A dict has those of each size of states. None draws `n_points` of them.
    device : torch.device or str, default=None
        Where to compute; by default where its parameters are.
    random_state : int, default=0
        Source of randomness: of the reference points and of the permutations.
    progress : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    LabelInformation
        A point for each layer and for the mean of the layers.

    Raises
    ------
    ValueError
        If labels and texts do not fit each other, no text has tokens, or there are fewer than two
        labels.

    Examples
    --------
    An embedding tells texts of even tokens from texts of odd ones:

    >>> import torch
    >>> from sklearn_learnability.torch import label_information
    >>> even = torch.randint(0, 10, (30, 16), generator=torch.Generator().manual_seed(0)) * 2
    >>> ids = (even + torch.arange(30)[:, None] % 2).tolist()
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Embedding(20, 16), torch.nn.Linear(16, 20))
    >>> result = label_information(
    ...     model, ids, labels=["even", "odd"] * 15, layers=["0"], progress=False
    ... )
    >>> result.to_frame()[["layer", "information", "null", "null_upper", "p_value"]].round(3)
      layer  information   null  null_upper  p_value
    0     0        0.065  0.005        0.01     0.01
    1  mean        0.065  0.005        0.01     0.01
    """
    check_count("context", context)
    check_count("n_permutations", n_permutations)
    rows = token_rows(tokenizer_or_ids, texts)
    excluded = [row for row in excluded_rows(excluded_tokens, tokenizer_or_ids, rows) if len(row)]
    rows, given = with_tokens(rows, labels)
    settings = PassSettings(
        layers=layers,
        batch_size=batch_size,
        n_points=n_points,
        temperature=temperature,
        reference_points=reference_points,
        device=device,
        random_state=random_state,
        progress=progress,
    )
    sequences = TokenSequences.from_rows([row[:context] for row in rows])
    left_out = TokenSequences.from_rows([row[:context] for row in excluded]).input_ids == 1
    counted = counted_positions(sequences.mask, left_out)
    if all(np.ndim(label) == 0 for label in given):
        codes = dense_codes(*check_labels("labels", given))
        codes[~counted.any(axis=1)] = IGNORED
    else:
        lengths = [min(len(row), context) for row in rows]
        flat = [value for label, n in zip(given, lengths, strict=True) for value in list(label)[:n]]
        codes = np.full(sequences.mask.shape, IGNORED, dtype=np.int64)
        codes[sequences.mask] = dense_codes(*check_labels("labels", flat))
        codes[~counted] = IGNORED
        counted, of_texts = codes != IGNORED, codes.max(axis=1)
        if (~counted | (codes == of_texts[:, None])).all():  # labels of texts, after all
            codes = of_texts
    labelled = codes != IGNORED
    places = np.where(labelled, labelled.cumsum().reshape(labelled.shape) - 1, IGNORED)
    rng = check_random_state(random_state)
    drawn = np.array([rng.permutation(codes[labelled]) for _ in range(n_permutations)])
    if codes.ndim == 1:  # a text's label is that of its tokens
        codes, places = (
            np.where(counted, of_text[:, None], IGNORED) for of_text in (codes, places)
        )
    return measure_labels(model, sequences, codes, PermutedLabels(places, drawn), settings)


def with_tokens(rows: Sequence[Tokens], labels: Sequence[Any]) -> tuple[list[Tokens], list[Any]]:
    """Return the rows that have tokens, and their labels on the host."""
    if isinstance(labels, Mapping | Set | pd.DataFrame) or not hasattr(labels, "__len__"):
        raise TypeError(
            f"Expected labels as a sequence with those of each text, got {type(labels).__name__}."
        )
    if len(labels) != len(rows):
        raise ValueError(f"Expected labels of {len(rows)} texts, got {len(labels)}.")
    given = [as_array(label) if isinstance(label, Tensor) else label for label in labels]
    of_tokens = any(np.ndim(label) > 0 for label in given)
    for i, (label, row) in enumerate(zip(given, rows, strict=True)):
        if of_tokens and np.shape(label) != (len(row),):
            raise ValueError(
                f"Expected labels of {len(row)} tokens of text {i}, got shape {np.shape(label)}."
            )
    kept = [i for i, row in enumerate(rows) if len(row)]
    if not kept:
        raise ValueError(f"Expected at least one text with tokens, got none in {len(rows)}.")
    if len(kept) < len(rows):
        warn(
            f"{len(rows) - len(kept)} of {len(rows)} texts have no tokens and were left out.",
            NoPositionsWarning,
        )
    return [rows[i] for i in kept], [given[i] for i in kept]


def measure_labels(
    model: nn.Module,
    sequences: TokenSequences,
    codes: NDArray[np.int64],
    permuted: PermutedLabels,
    settings: PassSettings,
) -> LabelInformation:
    """Return the information of labels of positions (N, T), beside that of their permutations."""
    n_labels = len(np.unique(codes[codes != IGNORED]))
    if n_labels < 2:
        raise ValueError(f"Expected at least two different labels, got {n_labels}.")
    result = RepresentationPass(model, sequences, {LABELS: codes}, settings, permuted).run(None)
    given, layers = result.information.compute().with_means().table, result.information.layers
    null = dict(zip(layers, result.information.permuted(), strict=True))
    for name, chosen in layer_means(layers).items():
        null[name] = np.mean([null[layer] for layer in chosen], axis=0)
    numbers = ["entropy", "ceiling", "information", "quadratic"]
    points = [
        label_point(row["layer"], row[numbers].to_dict(), null[row["layer"]])
        for _, row in given.iterrows()
    ]
    return LabelInformation(
        points=tuple(points),
        information=given,
        loss=float(result.loss),
        n_sequences=len(sequences.input_ids),
        n_positions=permuted.n_positions,
        n_permutations=permuted.n_permutations,
    )


def label_point(layer: Any, numbers: dict[Any, Any], null: NDArray[np.float64]) -> LabelPoint:
    """Return the point of a layer."""
    reached = int((null >= numbers["information"] - 1e-12).sum())
    return LabelPoint(
        layer=layer,
        **numbers,
        null=float(null.mean()),
        null_upper=float(np.quantile(null, 0.95)),
        p_value=(1 + reached) / (1 + len(null)),
    )
