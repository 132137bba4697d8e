"""Checkpoints by name: naming them, and loading them one after the other."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from torch import nn

from sklearn_learnability._validation import warn
from sklearn_learnability.exceptions import DamagedCheckpointWarning
from sklearn_learnability.torch.models._checkpoints import (
    TORCH_ENDINGS,
    is_out_of_memory,
)
from sklearn_learnability.torch.models._language_models import load_language_model

ENDINGS = TORCH_ENDINGS | {".safetensors", ".gguf"}
LONGEST_NAME = 200  # in bytes, of files; disks take 255
# What a wrong call raises, a damaged file does not.
MISTAKES = (ImportError, TypeError, NameError, AttributeError)


def name_checkpoints(checkpoints: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """Return the checkpoints by name."""
    if isinstance(checkpoints, Mapping):
        names, checkpoints = [str(name) for name in checkpoints], list(checkpoints.values())
    else:
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
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "Expected paths, or pairs of a model's name and its revision, got "
            f"{type(source).__name__}. Pass a dict of names to checkpoints."
        )
    path = Path(source)
    is_file = path.is_file() or path.suffix in ENDINGS  # a repository may have dots in its name
    return path.stem if is_file else path.name


@contextmanager
def skipping(name: str, skipped: dict[str, str], *kinds: type[Exception]) -> Iterator[None]:
    """Note errors of some kinds, by default all that a damaged checkpoint raises, with a warning.

    What a wrong call raises is no fault of the checkpoint, and a lack of memory is none.
    """
    try:
        yield
    except MISTAKES:
        raise
    except Exception as error:
        if is_out_of_memory(error) or not isinstance(error, kinds or Exception):
            raise
        skipped[name] = f"{type(error).__name__}: {error}"
        warn(f"Skipped the checkpoint {name}. {error}", DamagedCheckpointWarning)


def load_model(source: Any, load: Callable[[Any], Any] | None) -> tuple[Any, Any]:
    """Return the model of a checkpoint and its tokenizer, None if it has none."""
    if load is not None:
        loaded = load(source)
        parts = loaded if isinstance(loaded, tuple) else (loaded,)
        if not 1 <= len(parts) <= 2 or not isinstance(parts[0], nn.Module):
            got = ", ".join(type(part).__name__ for part in parts)
            raise TypeError(
                f"Expected load to return a model, or a model and its tokenizer, got {got}."
            )
        return parts[0], parts[1] if len(parts) == 2 else None
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
        with skipping(name, skipped):
            model = load_model(source, load)[0]
        if name not in skipped:
            yield name, model
            del model  # or two models would be held while the next is loaded


def first_middle_last(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return up to three checkpoints, spread over training."""
    names = list(named)
    chosen = dict.fromkeys((names[0], names[len(names) // 2], names[-1])) if names else {}
    return {name: named[name] for name in chosen}


def file_name(name: str) -> str:
    """Return a name fit for a file, another one for every name."""
    quoted = quote(name, safe=" ")
    if len(quoted) <= LONGEST_NAME:
        return quoted
    return f"{quoted[:LONGEST_NAME]}~~{sha256(name.encode()).hexdigest()[:16]}"
