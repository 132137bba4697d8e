"""Files that results are kept in and runs go on from: one key, one way to write, one to read."""

import os
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from torch import nn

from sklearn_learnability.exceptions import CheckpointError
from sklearn_learnability.torch.models._checkpoints import changed_part
from sklearn_learnability.torch.models._digest import digest

#: Of the files' content and of what their keys cover; a file of another one is refused.
VERSION = 2


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
        if self.path is None:
            return None
        self._check_place(self.path)
        if not self.path.exists():
            return None
        try:
            stored = read_whole(self.path)
            version, key = stored.get("version", 0), stored.get("key")
        except (MemoryError, PermissionError):
            raise
        except Exception as error:  # a damaged file shows itself in many ways
            raise CheckpointError(
                f"Expected a whole store in {self.path}, got a file that cannot be read as one "
                f"({type(error).__name__}). Remove it, and what it held is computed again."
            ) from error
        if not isinstance(version, int) or not isinstance(key, dict):
            raise CheckpointError(
                f"Expected a store in {self.path}, got a file that holds something else. Name "
                "another file."
            )
        if version != VERSION:
            raise CheckpointError(
                f"Expected a store of version {VERSION} in {self.path}, got one of version "
                f"{version}, which another version of the package wrote. Name another file, or "
                "remove it."
            )
        names = [name for name in {**self.key, **key} if self.key.get(name) != key.get(name)]
        if names:
            raise ValueError(
                f"Expected {self.path} to hold {self.holds} of this run, got another's: it differs "
                f"in {', '.join(names)}. Name another file, or remove it."
            )
        return stored["content"]

    def write(self, content: Mapping[str, Any], keep: bool = False) -> None:
        """Put the content in place, whole or not at all, whatever other processes do.

        With `keep` what another process has put there meanwhile stays.

        Raises
        ------
        ValueError
            If the folder is a file.
        OSError
            If the disk is full or cannot be written to.
        """
        if self.path is None:
            return
        self._check_place(self.path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f".{uuid4().hex}.part")
        kept = {"version": VERSION, "key": self.key, "content": plain(content)}
        try:
            torch.save(kept, beside)
            put(beside, self.path, keep)
        except (OSError, RuntimeError) as error:  # the latter of torch, on a full disk
            raise OSError(
                f"Expected to write {self.holds} to {self.path}, got {type(error).__name__}: "
                f"{error}. Make room, or name another file; what was stored before is still there."
            ) from error
        finally:
            beside.unlink(missing_ok=True)

    def _check_place(self, path: Path) -> None:
        """Refuse, before anything is computed, a place that nothing can be written to."""
        if path.exists() and not path.is_file():
            kind = "folder" if path.is_dir() else "device"
            raise ValueError(f"Expected a file to keep {self.holds} in, got the {kind} {path}.")
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if not above.is_dir():
            raise ValueError(f"Expected a folder to keep {self.holds} in, got the file {above}.")
        if not path.exists() and not os.access(above, os.W_OK):
            raise ValueError(
                f"Expected a folder to keep {self.holds} in, got {above}, which may not be written "
                "to."
            )


def put(beside: Path, path: Path, keep: bool) -> None:
    """Put a file in another's place; with `keep`, only if there is none."""
    if keep:
        with suppress(OSError):  # also where disks know no links
            os.link(beside, path)
        if path.exists():
            return
    os.replace(beside, path)


def as_number(setting: Any) -> Any:
    """Return a number as a float, so that 20 and 20.0 are one setting; all else as it is."""
    number = setting.item() if isinstance(setting, np.generic) else setting
    return float(number) if type(number) is int and abs(number) <= 2**53 else number


def read_whole(path: Path) -> dict[str, Any]:
    """Return what a file holds, tensors and plain containers, on the CPU; refuse a changed one."""
    changed = changed_part(path)
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
