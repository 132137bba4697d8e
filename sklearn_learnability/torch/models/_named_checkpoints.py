"""Checkpoints by name: naming them, and loading them one after the other."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sklearn_learnability._validation import warn
from sklearn_learnability.exceptions import DamagedCheckpointWarning
from sklearn_learnability.torch.models._checkpoints import load_language_model

# What a wrong call raises, a damaged file does not.
MISTAKES = (ImportError, TypeError, NameError, AttributeError)


def name_checkpoints(checkpoints: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """Return the checkpoints by name."""
    if isinstance(checkpoints, Mapping):
        return {str(name): source for name, source in checkpoints.items()}
    names = [checkpoint_name(source) for source in checkpoints]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ValueError(
            f"Expected checkpoints of different names, got {repeated[0]!r} more than once. Pass a "
            "dict of names to checkpoints."
        )
    return dict(zip(names, checkpoints, strict=True))


def checkpoint_name(source: Any) -> str:
    """Return a name: of a file without its ending, or of a model and its revision."""
    if isinstance(source, tuple):
        return " ".join(str(part) for part in source)
    path = Path(source)
    return path.name if path.is_dir() else path.stem


def load_or_skip(
    name: str, source: Any, load: Callable[[Any], Any] | None, skipped: dict[str, str]
) -> tuple[Any, Any] | None:
    """Return the model of a checkpoint and its tokenizer; note a damaged one with a warning."""
    try:
        return load_model(source, load)
    except MISTAKES:
        raise
    except Exception as error:
        skipped[name] = f"{type(error).__name__}: {error}"
        text = f"Skipped the checkpoint {name}. {error}"
        warn(text, DamagedCheckpointWarning)
        return None


def load_model(source: Any, load: Callable[[Any], Any] | None) -> tuple[Any, Any]:
    """Return the model of a checkpoint and its tokenizer, None if it has none."""
    if load is not None:
        loaded = load(source)
        return loaded if isinstance(loaded, tuple) else (loaded, None)
    if isinstance(source, tuple):
        name, revision = source
        return load_language_model(name, revision=revision)
    return load_language_model(source)


def whole_checkpoints(
    named: Mapping[str, Any], load: Callable[[Any], Any] | None, skipped: dict[str, str]
) -> Iterator[tuple[str, Any]]:
    """Yield the name and model of every whole checkpoint; note the others with a warning."""
    for name, source in named.items():
        if name in skipped:
            continue
        loaded = load_or_skip(name, source, load, skipped)
        if loaded is None:
            continue
        model = loaded[0]
        del loaded
        yield name, model
        del model  # or two models would be held while the next is loaded


def first_middle_last(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return up to three checkpoints, spread over training."""
    names = list(named)
    chosen = dict.fromkeys((names[0], names[len(names) // 2], names[-1])) if names else {}
    return {name: named[name] for name in chosen}


def file_name(name: str) -> str:
    """Return a name fit for a file."""
    return name.replace(os.sep, "_")
