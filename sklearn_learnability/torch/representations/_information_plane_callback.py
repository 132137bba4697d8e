"""The information plane of a model while it is trained: each point kept as it is made."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from sklearn_learnability._validation import check_count
from sklearn_learnability.torch.models._step_callback import StepCallback
from sklearn_learnability.torch.models._store import Store
from sklearn_learnability.torch.representations._excluded_tokens import (
    ExcludedTokens,
    read_excluded,
)
from sklearn_learnability.torch.representations._information_plane import (
    check_widths,
    measure_information_plane,
)
from sklearn_learnability.torch.representations._kept_results import from_store, to_store
from sklearn_learnability.torch.representations._pass_settings import listed_layers, points_by_size
from sklearn_learnability.torch.representations._plane_results import InformationPlane, PlanePoint
from sklearn_learnability.torch.representations._token_sequences import token_rows
from sklearn_learnability.torch.representations._trajectory import Trajectory


class InformationPlaneCallback(StepCallback[InformationPlane]):
    """Measure the information plane of a model while it is trained, and keep each point.

    One of the callbacks of transformers' `Trainer`, or called in a loop of one's own; a skorch net
    takes what `for_skorch()` returns. A model comes out of it as it went in: its mode, weights,
    gradients and buffers, and torch's random state. Training with it gives the weights that
    training without it gives, to the last bit, unless the forward pass counts its calls or draws
    from a generator of its own, of numpy or of Python.

    Parameters
    ----------
    tokenizer_or_ids : object, or sequence of sequence of int
        A tokenizer, or the token ids of each text.
    texts : sequence of str, default=None
        The texts.
    store : path-like
        Where to keep what is done: a folder of the planes of the steps. A step that it holds of the
        same weights is not measured again.
    at_steps : int or collection of int, default=100
        When to measure: at all multiples of a number of steps, or at these steps.
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
    random_state : int, default=0
        Source of randomness: of the reference points and of the sequences drawn.

    Attributes
    ----------
    seconds_ : float
        What measuring has taken so far, in this process.

    Raises
    ------
    ValueError
        If `store` holds planes of other settings or tokens, or a step, width or seed is not a whole
        number.
    CheckpointError
        If a file of `store` is damaged.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> from sklearn_learnability.torch import InformationPlaneCallback
    >>> ids = torch.randint(0, 20, (40, 32), generator=torch.Generator().manual_seed(0))
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Embedding(20, 16), torch.nn.Linear(16, 20))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    >>> callback = InformationPlaneCallback(
    ...     ids.tolist(), store=tempfile.mkdtemp(), at_steps=10, widths=(1,), layers=["0"]
    ... )
    >>> for step in range(21):
    ...     _ = callback(model, step)
    ...     logits = model(ids[:, :-1]).transpose(1, 2)
    ...     optimizer.zero_grad()
    ...     torch.nn.functional.cross_entropy(logits, ids[:, 1:]).backward()
    ...     optimizer.step()
    >>> frame = callback.trajectory().to_frame().query("layer == '0'")
    >>> frame[["checkpoint", "loss", "complexity"]].round(2)
      checkpoint  loss  complexity
    0          0  3.15        0.50
    2         10  2.98        0.51
    4         20  2.94        0.51
    """

    def __init__(
        self,
        tokenizer_or_ids: Any,
        texts: Sequence[str] | None = None,
        *,
        store: str | os.PathLike[str],
        at_steps: int | Collection[int] = 100,
        widths: Sequence[int] = (1, 2, 3, 4),
        layers: Any = "all",
        excluded_tokens: ExcludedTokens = None,
        n_sequences: int | None = None,
        context: int = 512,
        batch_size: int = 8,
        n_points: int = 100,
        temperature: str | float = "exact",
        reference_points: Any = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(Path(store), at_steps)
        self._rows = token_rows(tokenizer_or_ids, texts)
        self._settings: dict[str, Any] = {
            "widths": check_widths(widths),
            "layers": listed_layers(layers),
            "excluded_tokens": list(read_excluded(excluded_tokens, tokenizer_or_ids)),
            "n_sequences": n_sequences,
            "context": context,
            "batch_size": batch_size,
            "n_points": n_points,
            "temperature": temperature,
            "reference_points": points_by_size(reference_points),
            "random_state": check_count("random_state", random_state, 0, 2**32 - 1),
        }
        self._check_store()

    def _measure(self, model: nn.Module) -> InformationPlane:
        return measure_information_plane(model, self._rows, **self._settings, progress=False)

    def _to_store(self, result: InformationPlane) -> dict[str, Any]:
        return to_store(result)

    def _from_store(self, stored: Mapping[str, Any]) -> InformationPlane:
        return from_store(stored, InformationPlane, PlanePoint)

    def _file(self, step: int) -> Store:
        return Store(self.store / f"{step}.pt", "a plane", self._settings, tokens=self._rows)

    def trajectory(self) -> Trajectory:
        """Return the planes in the store.

        Where a model was measured here, they are those of its steps, up to the last one met.

        Returns
        -------
        Trajectory
            The planes, named by their steps.

        Raises
        ------
        ValueError
            If there is none.
        """
        planes = self._met()
        return Trajectory(
            tuple(map(str, planes)), tuple(planes.values()), tuple(self._skipped.items())
        )
