"""Files that results are kept in and runs go on from: one key, one way to write, one to read."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from torch import nn

from sklearn_learnability.exceptions import CheckpointError
from sklearn_learnability.torch.models._digest import digest

#: Of the files' content and of what their keys cover; a file of another one is refused.
VERSION = 1


class Store:
    """A file that holds what was computed from certain things; without a path it does nothing.

    Parameters
    ----------
    path : path-like or None
        The file. It and its folder need not be there.
    holds : str
        What it holds, for messages.
    settings : dict
        The settings that the content depends on, by name.
    **things : object
        What else the content depends on: model, data, loss, scheme.

    Raises
    ------
    ValueError
        If something that the content depends on cannot be told from others of its kind.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        holds: str,
        settings: Mapping[str, Any],
        **things: Any,
    ) -> None:
        self.path = None if path is None else Path(path)
        self.holds = holds
        self.key: dict[str, str] = {}
        if self.path is not None:
            parts = things | {name: as_number(setting) for name, setting in settings.items()}
            modules = [thing for thing in things.values() if isinstance(thing, nn.Module)]
            still = {id(part) for module in modules for part in module.modules()}
            self.key = {name: digest(part, name, still) for name, part in parts.items()}

    def read(self) -> dict[str, Any] | None:
        """Return the content on the CPU, None if there is none.

        Raises
        ------
        CheckpointError
            If the file is damaged, or of another version of the package.
        ValueError
            If it holds what was computed from other things, or is a folder.
        """
        if self.path is None or not self.path.exists():
            return None
        if self.path.is_dir():
            raise ValueError(
                f"Expected a file to keep {self.holds} in, got the folder {self.path}."
            )
        try:
            stored = read_whole(self.path)
            version = stored.get("version", 0)
        except (MemoryError, PermissionError):
            raise
        except Exception as error:  # a damaged file shows itself in many ways
            raise CheckpointError(
                f"Expected a whole store in {self.path}, got a file that cannot be read as one "
                f"({type(error).__name__}). Remove it, and what it held is computed again."
            ) from error
        if version != VERSION:
            raise CheckpointError(
                f"Expected a store of version {VERSION} in {self.path}, got one of version "
                f"{version}, which another version of the package wrote. Name another file, or "
                "remove it."
            )
        key = stored["key"]
        names = [name for name in {**self.key, **key} if self.key.get(name) != key.get(name)]
        if names:
            raise ValueError(
                f"Expected {self.path} to hold {self.holds} of this run, got another's: it differs "
                f"in {', '.join(names)}. Name another file, or remove it."
            )
        return stored["content"]

    def write(self, content: Mapping[str, Any]) -> None:
        """Put the content in place, whole or not at all, whatever other processes do.

        Raises
        ------
        ValueError
            If the folder is a file.
        """
        if self.path is None:
            return
        folder = self.path.parent
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"Expected a folder to keep {self.holds} in, got the file {folder}.")
        folder.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{self.path.name}.{uuid4().hex}.part")
        try:
            torch.save({"version": VERSION, "key": self.key, "content": plain(content)}, beside)
            os.replace(beside, self.path)
        finally:
            beside.unlink(missing_ok=True)


def as_number(setting: Any) -> Any:
    """Return a number as a float, so that 20 and 20.0 are one setting; all else as it is."""
    number = setting.item() if isinstance(setting, np.generic) else setting
    return float(number) if type(number) is int and abs(number) <= 2**53 else number


def read_whole(path: Path) -> dict[str, Any]:
    """Return what a file holds, tensors and plain containers, on the CPU; refuse a changed one."""
    with zipfile.ZipFile(path) as archive:
        changed = archive.testzip()
    if changed is not None:
        raise zipfile.BadZipFile(changed)
    return torch.load(path, map_location="cpu", weights_only=True)


def plain(value: Any) -> Any:
    """Return what can be read again: arrays as tensors, NumPy's numbers as Python's."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {plain(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    if isinstance(value, str):  # also that of an enumeration
        return str.__str__(value)
    if value is None or isinstance(value, bool | int | float | torch.Tensor):
        return value
    raise TypeError(f"Expected tensors, numbers and texts, got {type(value).__name__}.")
