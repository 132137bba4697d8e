"""Settings of the whole process that threads share."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock


class SharedContext:
    """A context that the first thread to enter sets up and the last to leave undoes.

    Filters of warnings and numbers of threads belong to the process: threads that saved and
    restored them each on its own would leave behind what another one had set.

    Parameters
    ----------
    make : callable
        Returns the context manager to enter.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[object]]) -> None:
        self._make = make
        self._lock = Lock()
        self._n_inside = 0
        self._context: AbstractContextManager[object] | None = None

    def __enter__(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._context = self._make()
                self._context.__enter__()
            self._n_inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0 and self._context is not None:
                self._context.__exit__(None, None, None)
