"""What layers tell of which of two continuations is preferred."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from sklearn_learnability._validation import check_count, check_random_state
from sklearn_learnability.torch.representations._excluded_tokens import (
    counted_positions,
    excluded_ids,
)
from sklearn_learnability.torch.representations._label_information import (
    LabelInformation,
    measure_labels,
)
from sklearn_learnability.torch.representations._pass_settings import PassSettings
from sklearn_learnability.torch.representations._token_sequences import (
    Tokens,
    TokenSequences,
    check_ids,
    encode_texts,
)
from sklearn_learnability.torch.soft_information._ngrams import IGNORED
from sklearn_learnability.torch.soft_information._permuted_labels import PermutedLabels

PARTS = ("prompt", "chosen", "rejected")


def preference_information(
    model: nn.Module,
    tokenizer: Any,
    pairs: Sequence[tuple[Any, Any, Any] | Mapping[str, Any]],
    *,
    positions: str = "continuation",
    layers: Any = "all",
    excluded_tokens: str | Sequence[int] | None = None,
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
    """Measure what each layer tells of which of two continuations of a prompt is preferred.

    Higher information means that representations of chosen and rejected continuations differ more.
    It stands beside that of continuations swapped within pairs at random, so that what the two of
    a pair have in common counts for nothing. The quadratic information compares continuations of
    different pairs alone, and its interval, in `information` of the result, is over pairs.

    Parameters
    ----------
    model : Module
        The model: as in :func:`measure_information_plane`. It may read tokens to come.
    tokenizer : object
        A tokenizer; None where the pairs are of token ids.
    pairs : sequence of (prompt, chosen, rejected), or of dict with these keys
        Texts, or sequences of token ids. Other keys of a dict are passed over.
    positions : {"continuation", "all"}, default="continuation"
        Which positions count.
    layers : "all", "encoder", "decoder", or sequence of int or of str, default="all"
        The layers.
    excluded_tokens : "special", or sequence of int, default=None
        Tokens that are read and do not count, by their ids; "special" are those that the tokenizer
        calls so, such as the one that begins a text. None counts all.
    n_permutations : int, default=99
        How often to permute the labels: to swap a pair at random.
    context : int, default=512
        Longest sequence. Of a longer one the beginning of the prompt is left out, and then the end
        of the continuation.
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
        Source of randomness: of the reference points and of the swaps.
    progress : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    LabelInformation
        A point for each layer and for the mean of the layers.

    Raises
    ------
    ValueError
        If a pair has other parts or keys, a continuation has no tokens, or `positions` is unknown.

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import preference_information
    >>> pairs = [([1, 2], [3, 4 + i % 3], [7, 8 + i % 2]) for i in range(20)]
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Embedding(12, 16), torch.nn.Linear(16, 12))
    >>> result = preference_information(model, None, pairs, layers=["0"], progress=False)
    >>> result.to_frame()[["layer", "information", "null", "null_upper", "p_value"]].round(3)
      layer  information   null  null_upper  p_value
    0     0        0.137  0.009        0.02     0.01
    1  mean        0.137  0.009        0.02     0.01
    """
    if positions not in ("continuation", "all"):
        raise ValueError(f"Expected positions 'continuation' or 'all', got {positions!r}.")
    check_count("context", context)
    check_count("n_permutations", n_permutations)
    rows, starts = pair_rows(tokenizer, pairs, context)
    sequences = TokenSequences.from_rows(rows, np.arange(len(rows)) // 2)
    counted = sequences.mask
    if positions == "continuation":
        counted = counted & (np.arange(counted.shape[1]) >= np.array(starts)[:, None])
    excluded = np.isin(sequences.input_ids, excluded_ids(excluded_tokens, tokenizer))
    counted = counted_positions(counted, excluded & sequences.mask)
    chosen = np.tile([1, 0], len(pairs))
    rng = check_random_state(random_state)
    swaps = np.array([rng.randint(2, size=len(pairs)) for _ in range(n_permutations)])
    codes = np.where(counted, chosen[:, None], IGNORED)
    places = np.where(counted, np.arange(len(rows))[:, None], IGNORED)
    permuted = PermutedLabels(places, chosen ^ np.repeat(swaps, 2, axis=1))
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
    return measure_labels(model, sequences, codes, permuted, settings)


def pair_rows(
    tokenizer: Any, pairs: Sequence[tuple[Any, Any, Any] | Mapping[str, Any]], context: int
) -> tuple[list[Tokens], list[int]]:
    """Return the tokens of each prompt with each continuation, and where the latter begins."""
    if isinstance(pairs, Mapping | pd.DataFrame) or not hasattr(pairs, "__len__"):
        raise TypeError(f"Expected pairs as a sequence of them, got {type(pairs).__name__}.")
    if not len(pairs):
        raise ValueError("Expected at least one pair, got none.")
    rows: list[Tokens] = []
    starts: list[int] = []
    for index, pair in enumerate(pairs):
        prompt, *continuations = parts_of(pair, index)
        if tokenizer is None:
            of_prompt, *others = (
                check_ids(part, f"the {name} of pair {index}")
                for part, name in zip((prompt, *continuations), PARTS, strict=True)
            )
            whole = [np.concatenate([of_prompt, row]) for row in others]
        else:
            for part, name in zip((prompt, *continuations), PARTS, strict=True):
                if not isinstance(part, str):
                    raise TypeError(
                        f"Expected texts as strings, got {type(part).__name__} as the {name} of "
                        f"pair {index}."
                    )
            of_prompt, *whole = encode_texts(
                tokenizer, [prompt, *(prompt + text for text in continuations)]
            )
        for row in whole:
            start = common_length(of_prompt, row)
            cut = max(0, min(start, len(row) - context))
            if start == len(row):
                raise ValueError(f"Expected continuations with tokens, got none in pair {index}.")
            rows.append(row[cut : cut + context])
            starts.append(start - cut)
    return rows, starts


def parts_of(pair: Any, index: int) -> tuple[Any, Any, Any]:
    """Return the prompt and the two continuations of a pair."""
    if isinstance(pair, Mapping):
        if missing := [name for name in PARTS if name not in pair]:
            raise ValueError(f"Expected the keys {PARTS}, got pair {index} without {missing}.")
        return pair["prompt"], pair["chosen"], pair["rejected"]
    whole = isinstance(pair, str) or not hasattr(pair, "__len__")
    if whole or len(pair) != len(PARTS):
        text = "the text " if isinstance(pair, str) else ""
        got = f"{text}{pair!r}" if whole else f"{len(pair)} parts"
        raise ValueError(f"Expected (prompt, chosen, rejected), got {got} in pair {index}.")
    return tuple(pair)


def common_length(first: Tokens, second: Tokens) -> int:
    """Return how many tokens two rows begin with alike."""
    n = min(len(first), len(second))
    different = np.flatnonzero(first[:n] != second[:n])
    return int(different[0]) if len(different) else n
