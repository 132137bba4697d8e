"""The information plane over training: one checkpoint after the other, each kept when done."""

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
    read_excluded,
)
from sklearn_learnability.torch.representations._information_plane import (
    check_widths,
    measure_information_plane,
)
from sklearn_learnability.torch.representations._kept_results import (
    kept_result,
    measure_each,
)
from sklearn_learnability.torch.representations._pass_settings import listed_layers, points_by_size
from sklearn_learnability.torch.representations._plane_results import InformationPlane, PlanePoint
from sklearn_learnability.torch.representations._token_sequences import token_rows


@dataclass(frozen=True, eq=False)
class Trajectory(Result):
    """The information plane of one model at several times of its training.

    Attributes
    ----------
    names : tuple of str
        Names of the checkpoints that were measured, in the order given.
    planes : tuple of InformationPlane
        The plane of each.
    skipped : tuple of (str, str)
        Name of each checkpoint that could not be measured, and why.
    """

    names: tuple[str, ...]
    planes: tuple[InformationPlane, ...]
    skipped: tuple[tuple[str, str], ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the points of all checkpoints, with the checkpoint in the first column."""
        return table_of_named("checkpoint", self.names, self.planes)


def measure_checkpoints(
    checkpoints: Sequence[Any] | Mapping[str, Any],
    tokenizer_or_ids: Any = None,
    texts: Sequence[str] | None = None,
    *,
    load: Callable[[Any], Any] | None = None,
    store: str | os.PathLike[str] | None = None,
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
    progress: bool = True,
) -> Trajectory:
    """Measure the information plane of a model at several times of its training.

    All checkpoints see the same sequences. One that cannot be loaded, or whose hidden states are
    not finite, is skipped with a warning. Processes of torchrun share the work; what one of them
    cannot load or finds in the store holds for all.

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
    load : callable, default=None
        Takes a checkpoint and returns a model: alone, or with its tokenizer. None loads language
        models of transformers from the disk (:func:`load_language_model`).
    store : path-like, default=None
        Where to keep what is done: a folder of the planes of the checkpoints. What it
        holds already is not measured again: each checkpoint is loaded, and recognised by its
        parameters. See :ref:`stores`.
    widths : sequence of int, default=(1, 2, 3, 4)
        Widths of the contexts.
    layers : "all", "encoder", "decoder", or sequence of int or of str, default="all"
        The layers.
    excluded_tokens : "special", sequence of int, or sequence of sequence of bool, default=None
        Tokens that are read and do not count, by their ids; "special" are those that the tokenizer
        calls so, such as the one that begins a text. Or, for every token of each text, whether
        it is left out. None counts all.
    n_sequences : int, default=None
        Number of sequences to draw at random. None takes all.
    context : int, default=512
        Longest sequence.
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
        Source of randomness: of the reference points and of the sequences drawn.
    progress : bool, default=True
        Whether to show a progress bar: one for each checkpoint.

    Returns
    -------
    Trajectory
        The planes, and what was skipped.

    Raises
    ------
    CheckpointError
        If no checkpoint could be measured, or a file of `store` is damaged.
    ValueError
        If names repeat, or `store` holds planes of other models, settings or tokens.

    Examples
    --------
    >>> from sklearn_learnability.torch import measure_checkpoints
    >>> trajectory = measure_checkpoints(
    ...     ["run/checkpoint-100", "run/checkpoint-1000"], None, ["A text."], store="run/planes"
    ... )  # doctest: +SKIP
    """
    settings: dict[str, Any] = {
        "widths": check_widths(widths),
        "layers": listed_layers(layers),
        "n_sequences": n_sequences,
        "context": context,
        "batch_size": batch_size,
        "n_points": n_points,
        "temperature": temperature,
        "reference_points": points_by_size(reference_points),
        "random_state": random_state,
    }
    rows = None if tokenizer_or_ids is None else token_rows(tokenizer_or_ids, texts)

    def measure(model: nn.Module, tokenizer: Any, path: Path | None) -> InformationPlane:
        seen = token_rows(tokenizer, texts) if rows is None else rows
        given = tokenizer if rows is None else tokenizer_or_ids
        own = settings | {"excluded_tokens": list(read_excluded(excluded_tokens, given))}
        here = {"device": device, "progress": progress}
        return kept_result(
            path,
            "a plane",
            own,
            {"model": model, "tokens": seen},
            (InformationPlane, PlanePoint),
            lambda: measure_information_plane(model, seen, **own, **here),
        )

    planes, skipped = measure_each(checkpoints, load, store, measure)
    return Trajectory(tuple(planes), tuple(planes.values()), skipped)
