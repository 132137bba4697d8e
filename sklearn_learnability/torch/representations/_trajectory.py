"""The information plane over training: one checkpoint after the other, each kept when done."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from sklearn_learnability._results import Result
from sklearn_learnability.exceptions import CheckpointError
from sklearn_learnability.torch.models._named_checkpoints import load_or_skip, name_checkpoints
from sklearn_learnability.torch.representations._information_plane import measure_information_plane
from sklearn_learnability.torch.representations._plane_results import InformationPlane, PlanePoint
from sklearn_learnability.torch.representations._representation_pass import (
    fingerprint,
    process_rank,
)
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
        Name of each checkpoint that could not be loaded, and why.
    """

    names: tuple[str, ...]
    planes: tuple[InformationPlane, ...]
    skipped: tuple[tuple[str, str], ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the points of all checkpoints, with the checkpoint in the first column."""
        tables = [plane.to_frame() for plane in self.planes]
        for name, table in zip(self.names, tables, strict=True):
            table.insert(0, "checkpoint", name)
        return pd.concat(tables, ignore_index=True)


def measure_checkpoints(
    checkpoints: Sequence[Any] | Mapping[str, Any],
    tokenizer_or_ids: Any = None,
    texts: Sequence[str] | None = None,
    *,
    load: Callable[[Any], Any] | None = None,
    store: str | os.PathLike[str] | None = None,
    widths: Sequence[int] = (1, 2, 3, 4),
    layers: Any = "all",
    n_sequences: int | None = None,
    context: int = 512,
    batch_size: int = 8,
    n_points: int = 100,
    device: Any = None,
    random_state: int = 0,
    progress: bool = True,
) -> Trajectory:
    """Measure the information plane of a model at several times of its training.

    All checkpoints see the same sequences. One that cannot be loaded is skipped with a warning.

    Parameters
    ----------
    checkpoints : sequence, or dict of str to object
        What `load` takes, in the order of training: paths, or pairs of a model's name and its
        revision. They are named after their files, or by the keys.
    tokenizer_or_ids : object, or sequence of sequence of int, default=None
        As in :func:`measure_information_plane`. None takes the tokenizer of each checkpoint.
    texts : sequence of str, default=None
        The texts.
    load : callable, default=None
        Takes a checkpoint and returns a model, or a model and its tokenizer. None loads language
        models of transformers from the disk (:func:`load_language_model`).
    store : path-like, default=None
        A folder to keep the plane of each checkpoint in as soon as it is done. What it holds
        already is not measured again.
    widths : sequence of int, default=(1, 2, 3, 4)
        Widths of the contexts.
    layers : "all", or sequence of int or of str, default="all"
        The layers.
    n_sequences : int, default=None
        Number of sequences to draw at random. None takes all.
    context : int, default=512
        Longest sequence.
    batch_size : int, default=8
        Number of sequences to a batch.
    n_points : int, default=100
        Number of reference points.
    device : torch.device or str, default=None
        Where to run the models; by default where they were loaded.
    random_state : int, default=0
        Seed of the reference points and of the sequences drawn.
    progress : bool, default=True
        Whether to show a progress bar for each checkpoint.

    Returns
    -------
    Trajectory
        The planes, and what was skipped.

    Raises
    ------
    CheckpointError
        If no checkpoint could be loaded.
    ValueError
        If names repeat, or `store` holds planes of other settings or tokens.

    Examples
    --------
    >>> from sklearn_learnability.torch import measure_checkpoints
    >>> trajectory = measure_checkpoints(
    ...     ["run/checkpoint-100", "run/checkpoint-1000"], None, ["A text."], store="run/planes"
    ... )  # doctest: +SKIP
    """
    named = name_checkpoints(checkpoints)
    settings: dict[str, Any] = {
        "widths": [int(width) for width in widths],
        "layers": layers if isinstance(layers, str) else list(layers),
        "n_sequences": n_sequences,
        "context": context,
        "batch_size": batch_size,
        "n_points": n_points,
        "random_state": random_state,
    }
    folder = None if store is None else Path(store)
    planes: dict[str, InformationPlane] = {}
    skipped: dict[str, str] = {}
    for name, source in named.items():
        key = describe(name, source, settings, tokenizer_or_ids, texts) if folder else ""
        plane = read_plane(folder, name, key)
        if plane is None:
            loaded = load_or_skip(name, source, load, skipped)
            if loaded is None:
                continue
            model, tokenizer = loaded
            del loaded
            plane = measure_information_plane(
                model,
                tokenizer if tokenizer_or_ids is None else tokenizer_or_ids,
                texts,
                **settings,
                device=device,
                progress=progress,
            )
            write_plane(folder, name, key, plane)
            del model, tokenizer  # or two models would be held while the next is loaded
        planes[name] = plane
    if not planes:
        raise CheckpointError(
            f"Expected at least one whole checkpoint, got none of {len(named)}. "
            f"{next(iter(skipped.values()), '')}".rstrip()
        )
    return Trajectory(tuple(planes), tuple(planes.values()), tuple(skipped.items()))


def describe(
    name: str, source: Any, settings: Mapping[str, Any], tokenizer_or_ids: Any, texts: Any
) -> str:
    """Return a digest of what a plane depends on."""
    rows = token_rows(tokenizer_or_ids, None) if texts is None else []
    text = json.dumps([name, str(source), settings, None if texts is None else list(texts)])
    return fingerprint(text, rows)


def read_plane(folder: Path | None, name: str, key: str) -> InformationPlane | None:
    """Return the plane stored for a checkpoint, None if there is none."""
    path = None if folder is None else plane_path(folder, name)
    if path is None or not path.exists():
        return None
    stored = json.loads(path.read_text())
    if stored.pop("key") != key:
        raise ValueError(
            f"Expected {path} to hold a plane of the same settings and texts, got another's. Name "
            "another folder, or remove it."
        )
    points = tuple(PlanePoint(**point) for point in stored["points"])
    information = pd.DataFrame(stored["information"])
    return InformationPlane(**stored | {"points": points, "information": information})


def write_plane(folder: Path | None, name: str, key: str, plane: InformationPlane) -> None:
    """Store the plane of a checkpoint, in place only when whole."""
    if folder is None or process_rank()[0] > 0:
        return
    folder.mkdir(parents=True, exist_ok=True)
    stored: dict[str, Any] = {field.name: getattr(plane, field.name) for field in fields(plane)}
    stored["points"] = [asdict(point) for point in plane.points]
    stored["information"] = plane.information.to_dict("list")
    path = plane_path(folder, name)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps({"key": key} | stored))
    os.replace(beside, path)


def plane_path(folder: Path, name: str) -> Path:
    """Return the file for the plane of a checkpoint."""
    return folder / f"{name.replace(os.sep, '_')}.json"
