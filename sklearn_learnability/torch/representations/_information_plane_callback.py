"""The information plane of a model while it is trained: each point kept as it is made."""

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from sklearn_learnability._validation import check_count, warn
from sklearn_learnability.exceptions import NotFiniteError, ReplacedPlaneWarning
from sklearn_learnability.torch.models._digest import digest
from sklearn_learnability.torch.models._named_checkpoints import skipping
from sklearn_learnability.torch.models._processes import by_first, together
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


class InformationPlaneCallback:
    """Measure the information plane of a model while it is trained, and keep each point.

    One of the callbacks of transformers' `Trainer`, or called in a loop of one's own. A model comes
    out of it as it went in: its mode, weights, gradients and buffers, and torch's random state.
    Training with it gives the weights that training without it gives, to the last bit, unless the
    forward pass counts its calls or draws from a generator of its own, of numpy or of Python.

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
        self.at_steps = steps_to_measure(at_steps)
        self.store = Path(store)
        self.seconds_ = 0.0
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
        self._skipped: dict[str, str] = {}
        self._last: int | None = None  # step that was met
        together(lambda: list(self._stored()))  # another run's is refused before any training

    def __call__(self, model: nn.Module, step: int) -> InformationPlane | None:
        """Measure a model at a step of its training, if it is one of those to measure.

        Parameters
        ----------
        model : Module
            The model, without what wraps it for several devices.
        step : int
            Number of steps it was trained for.

        Returns
        -------
        InformationPlane or None
            The plane; None at other steps, and where hidden states or the loss are not finite,
            with a warning.
        """
        step = check_count("step", step, 0)
        if not self._is_due(step):
            return None
        self._last = max(step, self._last or 0)
        self._skipped.pop(str(step), None)
        started = time.perf_counter()
        plane = None
        with skipping(str(step), self._skipped, NotFiniteError):
            plane = self._plane(model, step)
        self.seconds_ += time.perf_counter() - started
        return plane

    def _is_due(self, step: int) -> bool:
        """Return whether a step is one of those to measure."""
        at = self.at_steps
        return step % at == 0 if isinstance(at, int) else step in at

    def _plane(self, model: nn.Module, step: int) -> InformationPlane:
        """Return the plane of a step, from its file if that is of the same weights."""
        held = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        weights = by_first(lambda: digest(held, "model"))
        kept = self._file(step)
        stored = by_first(kept.read)
        if stored is not None and stored["weights"] == weights:
            return from_store(stored["plane"], InformationPlane, PlanePoint)
        if stored is not None:
            warn(
                f"Step {step} in {self.store} was of other weights, and is measured again. Steps "
                "beyond it may be of the other training until they are reached.",
                ReplacedPlaneWarning,
            )
            self._last = step
        plane = measure_information_plane(model, self._rows, **self._settings, progress=False)
        by_first(lambda: kept.write({"weights": weights, "plane": to_store(plane)}))
        return plane

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
        last = self._last
        planes = {
            step: plane
            for step, plane in self._stored()
            if last is None
            or (step <= last and self._is_due(step) and str(step) not in self._skipped)
        }
        if not planes:
            raise ValueError(f"Expected at least one step in {self.store}, got none.")
        return Trajectory(
            tuple(map(str, planes)), tuple(planes.values()), tuple(self._skipped.items())
        )

    def _stored(self) -> Iterator[tuple[int, InformationPlane]]:
        """Yield the steps in the store, in order, with their planes."""
        names = [path.stem for path in self.store.glob("*.pt")]
        for step in sorted(int(name) for name in names if name.isdecimal()):
            stored = self._file(step).read()
            if stored is not None:
                yield step, from_store(stored["plane"], InformationPlane, PlanePoint)

    def _file(self, step: int) -> Store:
        """Return the file of a step."""
        return Store(self.store / f"{step}.pt", "a plane", self._settings, tokens=self._rows)

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Answer the events of a `Trainer`, which asks for all of them."""
        if not name.startswith("on_"):
            raise AttributeError(f"Expected an attribute of {type(self).__name__}, got {name!r}.")
        return self._measure if name in ("on_train_begin", "on_step_end") else do_nothing

    def _measure(self, args: Any, state: Any, control: Any, *, model: Any, **others: Any) -> None:
        """Measure before the first step of a `Trainer`, also of one that goes on, or after one."""
        self(model, state.global_step)


def do_nothing(*args: Any, **kwargs: Any) -> None:
    """Do nothing at an event."""


def steps_to_measure(at_steps: int | Collection[int]) -> int | frozenset[int]:
    """Return the number of steps between two measurements, or the steps of all."""
    if not isinstance(at_steps, Iterable) or isinstance(at_steps, str):
        return check_count("at_steps", at_steps)
    steps = frozenset(check_count("at_steps", step, 0) for step in at_steps)
    if not steps:
        raise ValueError("Expected a step in at_steps at least, got none.")
    return steps
