"""The information plane: what layers keep about past tokens and tell of those to come."""

import os
from collections.abc import Iterable, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sklearn_learnability._validation import check_count, check_random_state, warn
from sklearn_learnability.exceptions import NotCausalWarning
from sklearn_learnability.torch.representations._excluded_tokens import (
    ExcludedTokens,
    counted_positions,
    excluded_rows,
)
from sklearn_learnability.torch.representations._pass_settings import PassSettings
from sklearn_learnability.torch.representations._plane_results import (
    InformationPlane,
    future,
    past,
    plane_points,
)
from sklearn_learnability.torch.representations._representation_pass import RepresentationPass
from sklearn_learnability.torch.representations._token_sequences import (
    TokenSequences,
    cut_rows,
    token_rows,
)
from sklearn_learnability.torch.soft_information._ngrams import IGNORED, ngram_labels


def measure_information_plane(
    model: nn.Module,
    tokenizer_or_ids: Any,
    texts: Sequence[str] | None = None,
    *,
    widths: Sequence[int] = (1, 2, 3, 4),
    layers: Any = "all",
    excluded_tokens: ExcludedTokens = None,
    n_sequences: int | None = None,
    context: int = 512,
    batch_size: int = 8,
    n_points: int = 100,
    temperature: str | float = "exact",
    reference_points: Any = None,
    device: Any = None,
    random_state: int = 0,
    store: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> InformationPlane:
    r"""Measure what each layer of a model keeps about past tokens and tells of those to come.

    .. math:: \mathrm{complexity}_n = I(X_n; Z), \qquad \mathrm{expressivity}_n = I(Y_n; Z), \qquad
              \mathrm{optimality}_n = I(Y_n; Z) / I(X_n; Z)

    with :math:`X_n` the n tokens up to a position, :math:`Y_n` the n tokens after it, and :math:`Z`
    the hidden state there. The informations are those of :class:`SoftInformation`. Higher
    expressivity is better; complexity is what it costs. Each number stands beside what labels
    without meaning would have given. One pass over the tokens, after they are counted.

    Parameters
    ----------
    model : Module
        The model: a causal language model of transformers, or any module that takes token ids
        (B, T) and returns logits (B, T, V). It may lack a head. It is put on `device`.
    tokenizer_or_ids : object, or sequence of sequence of int
        A tokenizer, or the token ids of each text. A tokenizer is one of transformers or of
        tokenizers, or a function from a text to token ids. Token ids come without `texts`, also as
        a mapping with `input_ids` and `attention_mask`. Padding that a mask marks is left out,
        wherever it stands.
    texts : sequence of str, default=None
        The texts.
    widths : sequence of int, default=(1, 2, 3, 4)
        Widths of the contexts: n of the formula.
    layers : "all", "encoder", "decoder", or sequence of int or of str, default="all"
        The layers: hidden states of a transformers model by number, 0 the embedding; or modules by
        name, whose outputs (B, T, C) are the states, as they leave the module. A module that is
        called more than once gives a layer for each call, `name#1`, `name#2`, .... "all" is every
        hidden state of a transformers model, "encoder" and "decoder" every one of that side of a
        model that has both. Each layer may have a size of its own.
    excluded_tokens : "special", sequence of int, or sequence of sequence of bool, default=None
        Tokens that are read and do not count, by their ids; "special" are those that the tokenizer
        calls so, such as the one that begins a text. Or, for every token of each text, whether
        it is left out. A context that holds one does not count either. None counts all.
    n_sequences : int, default=None
        Number of sequences to draw at random. None takes all.
    context : int, default=512
        Longest sequence. Longer texts are cut into pieces.
    batch_size : int, default=8
        Rows to a batch: a row is a sequence. A model that takes no attention mask is given
        sequences of one length at a time, so that it never reads padding.
    n_points : int, default=100
        Number of reference points.
    temperature : {"exact", "paper", "leading"} or float, default="exact"
        The temperature, or the method of :func:`calibrate_temperature`.
    reference_points : array-like of shape (n_points, dim), or dict of int to such, default=None
        The points. A dict has those of each size of states. None draws `n_points` of them.
    device : torch.device or str, default=None
        Where to compute; by default where its parameters are.
    random_state : int, default=0
        Source of randomness: of the reference points and of the sequences drawn.
    store : path-like, default=None
        Where to keep what is done: a file, written about once a minute. A run that was killed goes
        on from it. Of several processes each has its own, with its number at the end. See
        :ref:`stores`.
    progress : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    InformationPlane
        A point for each layer and width and for the mean of the layers, and the model's loss,
        which is NaN of a model that returns no logits of next tokens.

    Raises
    ------
    ValueError
        If layers are unknown, token ids do not fit the model, hidden states are not finite, no
        sequence is long enough, or `store` holds another run.
    CheckpointError
        If `store` is damaged.

    References
    ----------
    H. Conklin et al. Learning is forgetting: LLM training as lossy compression. ICLR, 2026.
    N. Tishby and N. Zaslavsky. Deep learning and the information bottleneck principle. IEEE
    Information Theory Workshop, 2015. https://doi.org/10.1109/ITW.2015.7133169

    Examples
    --------
    The tokens follow each other at random: an embedding holds all of the present token, and
    nothing of the next.

    >>> import torch
    >>> from sklearn_learnability.torch import measure_information_plane
    >>> ids = torch.randint(0, 20, (40, 32), generator=torch.Generator().manual_seed(0)).tolist()
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Embedding(20, 16), torch.nn.Linear(16, 20))
    >>> plane = measure_information_plane(model, ids, layers=["0"], widths=(1,), progress=False)
    >>> frame = plane.to_frame().iloc[:1]
    >>> frame[["layer", "complexity", "ceiling", "expressivity", "expressivity_null"]].round(2)
      layer  complexity  ceiling  expressivity  expressivity_null
    0     0         0.5      0.5          0.02               0.02
    """
    widths = check_widths(widths)
    rows = token_rows(tokenizer_or_ids, texts)
    drawn: dict[str, Any] = {
        "context": context,
        "n_sequences": n_sequences,
        "shortest": 2 * widths[-1],
        "random_state": random_state,
    }
    sequences = draw_sequences(rows, **drawn)
    excluded = draw_sequences(excluded_rows(excluded_tokens, tokenizer_or_ids, rows), **drawn)
    labels = context_labels(sequences, widths, excluded.input_ids == 1)
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
    path = None if store is None else Path(store)
    result = RepresentationPass(model, sequences, labels, settings).run(path)
    if result.ahead:
        warn(
            f"The states of {len(result.ahead)} of {len(result.information.layers)} layers, the "
            f"first {result.ahead[0]!r}, depend on tokens to come: what they tell of the future "
            "they may have read.",
            NotCausalWarning,
        )
    estimates = result.information.compute().with_means()
    return InformationPlane(
        points=plane_points(estimates, widths),
        information=estimates.table,
        loss=float(result.loss),
        n_sequences=len(sequences.input_ids),
        n_positions=int((labels[past(widths[0])] != IGNORED).sum()),
    )


def check_widths(widths: Sequence[int]) -> list[int]:
    """Return the widths in order."""
    given = list(widths) if isinstance(widths, Iterable) else []
    whole = all(isinstance(width, Real) and width >= 1 and width % 1 == 0 for width in given)
    if not given or not whole:
        raise ValueError(f"Expected widths of 1 token or more, got {widths!r}.")
    return sorted({int(width) for width in given})


def draw_sequences(
    rows: Sequence[NDArray[np.int64]],
    *,
    context: int,
    n_sequences: int | None,
    shortest: int,
    random_state: int,
) -> TokenSequences:
    """Return sequences cut from rows of tokens, as many as asked for at random, in their order."""
    if check_count("context", context) < shortest:
        raise ValueError(f"Expected a context of at least {shortest} tokens, got {context}.")
    pieces = cut_rows(rows, context, shortest)
    if not pieces:
        raise ValueError(
            f"Expected at least one sequence of {shortest} tokens, twice the widest context, got "
            f"{len(rows)} shorter ones."
        )
    if n_sequences is not None:
        check_count("n_sequences", n_sequences)
        order = check_random_state(random_state).permutation(len(pieces))
        pieces = [pieces[i] for i in np.sort(order[:n_sequences])]
    return TokenSequences.from_rows(pieces)


def context_labels(
    sequences: TokenSequences, widths: Sequence[int], excluded: NDArray[np.bool_]
) -> dict[str, NDArray[np.int64]]:
    """Return the labels of past and future contexts, at positions that have all of them.

    A position counts if none of its contexts holds an excluded token.
    """
    ids, mask = sequences.input_ids, sequences.mask
    labels = {}
    for width in widths:
        labels[past(width)] = ngram_labels(ids, width, "past", mask)
        labels[future(width)] = ngram_labels(ids, width, "future", mask)
    whole = (labels[past(widths[-1])] != IGNORED) & (labels[future(widths[-1])] != IGNORED)
    whole = counted_positions(whole, excluded, past=widths[-1], future=widths[-1])
    return {name: np.where(whole, values, IGNORED) for name, values in labels.items()}
