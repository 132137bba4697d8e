"""Results of several checkpoints, one after the other, each kept in a file when it is done."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from torch import nn

from sklearn_learnability.exceptions import CheckpointError, NotFiniteError
from sklearn_learnability.torch.models._named_checkpoints import (
    file_name,
    load_model,
    name_checkpoints,
    skipping,
)
from sklearn_learnability.torch.models._processes import by_first, process_rank, together
from sklearn_learnability.torch.models._store import Store

T = TypeVar("T")


def measure_each(
    checkpoints: Sequence[Any] | Mapping[str, Any],
    load: Callable[[Any], Any] | None,
    store: str | os.PathLike[str] | None,
    measure: Callable[[nn.Module, Any, Path | None], T],
) -> tuple[dict[str, T], tuple[tuple[str, str], ...]]:
    """Return what is measured of each whole checkpoint, by name, and why others were skipped.

    `measure` takes a model, its tokenizer, and the file to keep the result in.
    """
    named = name_checkpoints(checkpoints)
    found: dict[str, T] = {}
    skipped: dict[str, str] = {}
    for name, source in named.items():
        with skipping(name, skipped):
            model, tokenizer = together(partial(load_model, source, load))
        if name in skipped:
            continue
        path = None if store is None else Path(store) / f"{file_name(name)}.pt"
        with skipping(name, skipped, NotFiniteError):
            found[name] = measure(model, tokenizer, path)
        del model, tokenizer  # or two models would be held while the next is loaded
    if not found:
        raise CheckpointError(
            f"Expected at least one whole checkpoint, got none of {len(named)}. "
            f"{next(iter(skipped.values()), '')}".rstrip()
        )
    return found, tuple(skipped.items())


def kept_result(
    path: Path | None,
    holds: str,
    settings: Mapping[str, Any],
    things: Mapping[str, Any],
    kinds: tuple[type, type],
    compute: Callable[[], Any],
) -> Any:
    """Return a result from its file if it is there; else compute it and keep it.

    The first process looks. The kinds are those of the result and of its points.
    """
    here = path if process_rank()[0] == 0 else None
    store = together(lambda: Store(here, holds, settings, **things))
    stored = by_first(store.read)
    if stored is not None:
        return from_store(stored, *kinds)
    result = compute()
    by_first(lambda: store.write(to_store(result)))
    return result


def to_store(result: Any) -> dict[str, Any]:
    """Return what a store is to hold of a result with points and a table of information."""
    stored: dict[str, Any] = {field.name: getattr(result, field.name) for field in fields(result)}
    stored["points"] = [asdict(point) for point in result.points]
    stored["information"] = result.information.to_dict("list")
    return stored


def from_store(stored: Mapping[str, Any], kind: type[T], kind_of_point: type) -> T:
    """Return the result that a store holds."""
    points = tuple(kind_of_point(**point) for point in stored["points"])
    information = pd.DataFrame(stored["information"])
    return kind(**{**stored, "points": points, "information": information})
