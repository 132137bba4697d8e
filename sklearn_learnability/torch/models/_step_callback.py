"""What is measured of a model while it is trained, each step kept in a file as it is made."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from torch import nn

from sklearn_learnability._validation import check_count, missing_package, warn
from sklearn_learnability.exceptions import NotFiniteError, ReplacedPlaneWarning
from sklearn_learnability.torch.models._digest import digest
from sklearn_learnability.torch.models._named_checkpoints import skipping
from sklearn_learnability.torch.models._processes import by_first, together
from sklearn_learnability.torch.models._store import Store

T = TypeVar("T")


class StepCallback(ABC, Generic[T]):
    """A measurement at some steps of a training: a loop of one's own, a `Trainer`, or skorch.

    Parameters
    ----------
    store : Path
        A folder with a file for each step.
    at_steps : int or collection of int
        When to measure: at all multiples of a number of steps, or at these steps.
    """

    #: What makes a step skipped with a warning.
    faults: ClassVar[tuple[type[Exception], ...]] = (NotFiniteError,)

    def __init__(self, store: Path, at_steps: int | Collection[int]) -> None:
        self.at_steps = steps_to_measure(at_steps)
        self.store = store
        self.seconds_ = 0.0
        self._skipped: dict[str, str] = {}
        self._last: int | None = None  # step that was met

    @abstractmethod
    def _measure(self, model: nn.Module) -> T:
        """Return what is measured of a model."""

    @abstractmethod
    def _file(self, step: int) -> Store:
        """Return the file of a step."""

    @abstractmethod
    def _to_store(self, result: T) -> Any:
        """Return what a file is to hold of a result."""

    @abstractmethod
    def _from_store(self, stored: Any) -> T:
        """Return the result that a file holds."""

    def __call__(self, model: nn.Module, step: int) -> T | None:
        """Measure a model at a step of its training, if it is one of those to measure.

        Parameters
        ----------
        model : Module
            The model, without what wraps it for several devices.
        step : int
            Number of steps it was trained for.

        Returns
        -------
        object or None
            What was measured; None at other steps, and where it is not finite, with a warning.
        """
        step = check_count("step", step, 0)
        if not self._is_due(step):
            return None
        self._last = max(step, self._last or 0)
        self._skipped.pop(str(step), None)
        started = time.perf_counter()
        result = None
        with skipping(str(step), self._skipped, *self.faults):
            result = self._at(model, step)
        self.seconds_ += time.perf_counter() - started
        return result

    def for_skorch(self) -> Any:
        """Return a callback of skorch that measures its net at these steps: batches trained on.

        Returns
        -------
        skorch.callbacks.Callback
            For the `callbacks` of a net.

        Raises
        ------
        ImportError
            If skorch is not installed.
        """
        try:
            from sklearn_learnability.torch.models._skorch_steps import SkorchSteps
        except ImportError as error:
            raise missing_package("skorch", "torch", "for_skorch needs") from error
        return SkorchSteps(self)

    def _depends_on(self, model: nn.Module) -> dict[str, Any]:
        """Return what of a model a result depends on: its weights."""
        return {**dict(model.named_parameters()), **dict(model.named_buffers())}

    def _is_due(self, step: int) -> bool:
        """Return whether a step is one of those to measure."""
        at = self.at_steps
        return step % at == 0 if isinstance(at, int) else step in at

    def _at(self, model: nn.Module, step: int) -> T:
        """Return the result of a step, from its file if that is of the same weights."""
        weights = by_first(lambda: digest(self._depends_on(model), "model"))
        kept = self._file(step)
        stored = by_first(kept.read)
        if stored is not None and stored["weights"] == weights:
            return self._from_store(stored["result"])
        if stored is not None:
            warn(
                f"Step {step} in {self.store} was of other weights, and is measured again. Steps "
                "beyond it may be of the other training until they are reached.",
                ReplacedPlaneWarning,
            )
            self._last = step
        result = self._measure(model)
        by_first(lambda: kept.write({"weights": weights, "result": self._to_store(result)}))
        return result

    def _met(self) -> dict[int, T]:
        """Return the results in the store, in order.

        Where a model was measured here, they are those of its steps, up to the last one met.
        """
        last = self._last
        found = {
            step: result
            for step, result in self._stored()
            if last is None
            or (step <= last and self._is_due(step) and str(step) not in self._skipped)
        }
        if not found:
            raise ValueError(f"Expected at least one step in {self.store}, got none.")
        return found

    def _check_store(self) -> None:
        """Refuse another run's files, before any training."""
        together(lambda: list(self._stored()))

    def _stored(self) -> Iterator[tuple[int, T]]:
        """Yield the steps in the store, in order, with their results."""
        names = [path.stem for path in self.store.glob("*.pt")]
        for step in sorted(int(name) for name in names if name.isdecimal()):
            stored = self._file(step).read()
            if stored is not None:
                yield step, self._from_store(stored["result"])

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Answer the events of a `Trainer`, which asks for all of them."""
        if not name.startswith("on_"):
            raise AttributeError(f"Expected an attribute of {type(self).__name__}, got {name!r}.")
        return self._at_event if name in ("on_train_begin", "on_step_end") else do_nothing

    def _at_event(self, args: Any, state: Any, control: Any, *, model: Any, **others: Any) -> None:
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
