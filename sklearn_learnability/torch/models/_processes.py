"""Several processes that measure one model together: what one finds or fails at, all know."""

import pickle
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from torch import distributed

T = TypeVar("T")


def process_rank() -> tuple[int, int]:
    """Return the number of this process and how many there are, 0 and 1 outside torchrun."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def gathered(value: T) -> list[T]:
    """Return what each process gives, in the order of their numbers."""
    _, world = process_rank()
    if world == 1:
        return [value]
    values: list[Any] = [None] * world
    distributed.all_gather_object(values, value, group=host_group(distributed.group.WORLD))
    return values


@cache
def host_group(world: Any) -> Any:
    """Return a group of all processes that talks through the host's memory.

    Through cards, every process would have to call `torch.cuda.set_device` first.
    """
    return (
        None if distributed.get_backend(world) == "gloo" else distributed.new_group(backend="gloo")
    )


def together(function: Callable[[], T]) -> T:
    """Call a function in every process; when one fails, all raise its error and none waits."""
    result: Any = None
    error: Exception | None = None
    try:
        result = function()
    except Exception as raised:
        error = raised
    for rank, other in enumerate(gathered(portable(error))):
        if other is not None and error is None:
            other.add_note(f"In process {rank}, and so raised in all.")
            raise other
    if error is not None:
        raise error
    return result


def by_first(function: Callable[[], T]) -> T:
    """Call a function in the first process; all return what it returned, or raise its error."""
    rank, _ = process_rank()
    return gathered(together(lambda: function() if rank == 0 else None))[0]  # type: ignore[return-value]


def portable(error: Exception | None) -> Exception | None:
    """Return an error that can be sent to another process."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:  # whatever an error holds that cannot be copied
        return RuntimeError(f"{type(error).__name__}: {error}")
