"""What is known of labels and of preference over training, checkpoint by checkpoint."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from sklearn_learnability._results import Result, table_of_named
from sklearn_learnability.torch.representations._excluded_tokens import (
    ExcludedTokens,
    excluded_ids,
    read_excluded,
)
from sklearn_learnability.torch.representations._kept_results import (
    kept_result,
    measure_each,
)
from sklearn_learnability.torch.representations._label_information import (
    LabelInformation,
    LabelPoint,
    label_information,
)
from sklearn_learnability.torch.representations._pass_settings import listed_layers, points_by_size
from sklearn_learnability.torch.representations._preference_information import (
    pair_rows,
    parts_of,
    preference_information,
)
from sklearn_learnability.torch.representations._token_sequences import token_rows
from sklearn_learnability.torch.soft_information._ngrams import label_array

KINDS = (LabelInformation, LabelPoint)


@dataclass(frozen=True, eq=False)
class LabelTrajectory(Result):
    """What the layers of one model tell of labels at several times of its training.

    Attributes
    ----------
    names : tuple of str
        Names of the checkpoints that were measured, in the order given.
    results : tuple of LabelInformation
        What each tells.
    skipped : tuple of (str, str)
        Name of each checkpoint that could not be measured, and why.
    """

    names: tuple[str, ...]
    results: tuple[LabelInformation, ...]
    skipped: tuple[tuple[str, str], ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the points of all checkpoints, with the checkpoint in the first column."""
        return table_of_named("checkpoint", self.names, self.results)


def measure_label_checkpoints(
    checkpoints: Sequence[Any] | Mapping[str, Any],
    tokenizer_or_ids: Any = None,
    texts: Sequence[str] | None = None,
    *,
    labels: Sequence[Any],
    load: Callable[[Any], Any] | None = None,
    store: str | os.PathLike[str] | None = None,
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
) -> LabelTrajectory:
    """Measure what a model tells of labels at several times of its training.

    Each checkpoint is measured as by :func:`label_information`, on the same texts and with the same
    permutations. One that cannot be loaded, or whose hidden states are not finite, is skipped with
    a warning.

    Parameters
    ----------
    checkpoints : sequence, or dict of str to object
        What `load` takes, in the order of training: paths, or pairs of a model's name and its
        revision. They are named after their files, or by the keys.
    tokenizer_or_ids : object, or sequence of sequence of int, default=None
        A tokenizer, or the token ids of each text: as in :func:`measure_information_plane`. None
        takes the tokenizer of each checkpoint.
    texts : sequence of str, default=None
        The texts.
    labels : sequence
        One integer or string for each text, or for each text a sequence of one for each of its
        tokens, padding left out. -1, -100 and None mark what has no label.
    load : callable, default=None
        Takes a checkpoint and returns a model: alone, or with its tokenizer. None loads language
        models of transformers from the disk (:func:`load_language_model`).
    store : path-like, default=None
        Where to keep what is done: a folder of the results of the checkpoints. What it holds
        already is not measured again: each checkpoint is loaded, and recognised by its parameters.
        See :ref:`stores`.
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
        Where to compute; by default where they were loaded.
    random_state : int, default=0
        Source of randomness: of the reference points and of the permutations.
    progress : bool, default=True
        Whether to show a progress bar: one for each checkpoint.

    Returns
    -------
    LabelTrajectory
        The result of each checkpoint, and what was skipped.

    Raises
    ------
    CheckpointError
        If no checkpoint could be measured, or a file of `store` is damaged.
    ValueError
        If names repeat, or `store` holds results of other models, settings or tokens.

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import measure_label_checkpoints
    >>> even = torch.randint(0, 10, (30, 16), generator=torch.Generator().manual_seed(0)) * 2
    >>> ids = (even + torch.arange(30)[:, None] % 2).tolist()
    >>> def load(seed):
    ...     _ = torch.manual_seed(seed)
    ...     return torch.nn.Sequential(torch.nn.Embedding(20, 16), torch.nn.Linear(16, 20))
    >>> trajectory = measure_label_checkpoints(
    ...     {"one": 0, "another": 1},
    ...     ids,
    ...     labels=["even", "odd"] * 15,
    ...     load=load,
    ...     layers=["0"],
    ...     progress=False,
    ... )
    >>> frame = trajectory.to_frame().query("layer == '0'")
    >>> frame[["checkpoint", "information", "null_upper"]].round(3)
      checkpoint  information  null_upper
    0        one        0.065       0.010
    2    another        0.104       0.012
    """
    settings: dict[str, Any] = {
        "layers": listed_layers(layers),
        "n_permutations": n_permutations,
        "context": context,
        "batch_size": batch_size,
        "n_points": n_points,
        "temperature": temperature,
        "reference_points": points_by_size(reference_points),
        "random_state": random_state,
    }
    rows = None if tokenizer_or_ids is None else token_rows(tokenizer_or_ids, texts)
    given = [label_array(label).tolist() for label in labels]

    def measure(model: nn.Module, tokenizer: Any, path: Path | None) -> LabelInformation:
        seen = token_rows(tokenizer, texts) if rows is None else rows
        source = tokenizer if rows is None else tokenizer_or_ids
        own = settings | {"excluded_tokens": list(read_excluded(excluded_tokens, source))}
        here = {"device": device, "progress": progress}
        return kept_result(
            path,
            "information about labels",
            own,
            {"model": model, "tokens": seen, "labels": given},
            KINDS,
            lambda: label_information(model, seen, labels=labels, **own, **here),
        )

    results, skipped = measure_each(checkpoints, load, store, measure)
    return LabelTrajectory(tuple(results), tuple(results.values()), skipped)


def measure_preference_checkpoints(
    checkpoints: Sequence[Any] | Mapping[str, Any],
    tokenizer: Any,
    pairs: Sequence[tuple[Any, Any, Any] | Mapping[str, Any]],
    *,
    load: Callable[[Any], Any] | None = None,
    store: str | os.PathLike[str] | None = None,
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
) -> LabelTrajectory:
    """Measure what a model tells of preference at several times of its training.

    Each checkpoint is measured as by :func:`preference_information`, on the same pairs and with the
    same swaps. One that cannot be loaded, or whose hidden states are not finite, is skipped with a
    warning.

    Parameters
    ----------
    checkpoints : sequence, or dict of str to object
        What `load` takes, in the order of training: paths, or pairs of a model's name and its
        revision. They are named after their files, or by the keys.
    tokenizer : object
        A tokenizer; None where the pairs are of token ids. For texts None takes that of each
        checkpoint.
    pairs : sequence of (prompt, chosen, rejected), or of dict with these keys
        Texts, or sequences of token ids. Other keys of a dict are passed over.
    load : callable, default=None
        Takes a checkpoint and returns a model: alone, or with its tokenizer. None loads language
        models of transformers from the disk (:func:`load_language_model`).
    store : path-like, default=None
        Where to keep what is done: a folder of the results of the checkpoints. What it holds
        already is not measured again: each checkpoint is loaded, and recognised by its parameters.
        See :ref:`stores`.
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
        Where to compute; by default where they were loaded.
    random_state : int, default=0
        Source of randomness: of the reference points and of the swaps.
    progress : bool, default=True
        Whether to show a progress bar: one for each checkpoint.

    Returns
    -------
    LabelTrajectory
        The result of each checkpoint, and what was skipped.

    Raises
    ------
    CheckpointError
        If no checkpoint could be measured, or a file of `store` is damaged.
    ValueError
        If names repeat, or `store` holds results of other models, settings or tokens.

    Examples
    --------
    >>> from sklearn_learnability.torch import measure_preference_checkpoints
    >>> trajectory = measure_preference_checkpoints(
    ...     ["run/checkpoint-100", "run/checkpoint-1000"],
    ...     None,
    ...     [("What is 2 + 2?", " 4.", " 5.")],
    ...     store="run/preference",
    ... )  # doctest: +SKIP
    """
    settings: dict[str, Any] = {
        "positions": positions,
        "layers": listed_layers(layers),
        "n_permutations": n_permutations,
        "context": context,
        "batch_size": batch_size,
        "n_points": n_points,
        "temperature": temperature,
        "reference_points": points_by_size(reference_points),
        "random_state": random_state,
    }
    of_texts = any(isinstance(part, str) for part in parts_of(pairs[0], 0)) if len(pairs) else False

    def measure(model: nn.Module, found: Any, path: Path | None) -> LabelInformation:
        encoder = found if of_texts and tokenizer is None else tokenizer
        own = settings | {"excluded_tokens": excluded_ids(excluded_tokens, encoder).tolist()}
        here = {"device": device, "progress": progress}
        return kept_result(
            path,
            "information about preference",
            own,
            {"model": model, "pairs": pair_rows(encoder, pairs, context)},
            KINDS,
            lambda: preference_information(model, encoder, pairs, **own, **here),
        )

    results, skipped = measure_each(checkpoints, load, store, measure)
    return LabelTrajectory(tuple(results), tuple(results.values()), skipped)
