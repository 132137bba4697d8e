"""An array that grows item by item, in memory or as a file that is whole after every item."""

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_learnability.exceptions import CheckpointError

HEADER = 128  # bytes of an .npy header of up to three dimensions, whatever their sizes


class GrowingArray:
    """An array (n, ...) that items are added to, or written over, one after the other.

    Parameters
    ----------
    path : path-like or None
        The .npy file; it need not be there. None keeps the items in memory.
    shape : tuple of int
        The shape of an item.
    dtype : dtype-like
        The type of the numbers.

    Raises
    ------
    CheckpointError
        If the file holds something else.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None, shape: tuple[int, ...], dtype: Any
    ) -> None:
        self.path = None if path is None else Path(path)
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.items: list[NDArray[Any]] = []
        self.n = 0
        if self.path is None:
            return
        if self.path.exists():
            self.n = len(self._mapped(self.path))
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(self._header(0))

    def write(self, index: int, item: NDArray[Any]) -> None:
        """Write an item over an earlier one, or after the last.

        Raises
        ------
        CheckpointError
            If items before it are missing.
        """
        if index > self.n:
            raise CheckpointError(
                f"Expected {index} items before this one in {self.path}, got {self.n}: files of "
                "the store were removed. Remove all of it, or name another one."
            )
        value = np.ascontiguousarray(item, self.dtype)
        if self.path is None:
            self.items[index : index + 1] = [value.copy()]
        else:
            with self.path.open("r+b") as file:
                file.seek(HEADER + index * value.nbytes)
                file.write(value.tobytes())
                file.flush()  # before it is counted
                file.seek(0)
                file.write(self._header(max(self.n, index + 1)))
        self.n = max(self.n, index + 1)

    def read(self, n: int) -> NDArray[Any]:
        """Return the first items, (n, ...), mapped into memory where they are in a file.

        Raises
        ------
        CheckpointError
            If there are fewer.
        """
        if n > self.n:
            raise CheckpointError(
                f"Expected {n} items in {self.path}, got {self.n}: files of the store were "
                "removed. Remove all of it, or name another one."
            )
        if self.path is None:
            return np.stack(self.items[:n]) if n else np.empty((0, *self.shape), self.dtype)
        return np.asarray(self._mapped(self.path)[:n])  # a plain array, of the same memory

    def _mapped(self, path: Path) -> NDArray[Any]:
        try:
            mapped = np.load(path, mmap_mode="r" if path.stat().st_size > HEADER else None)
            whole = mapped.shape[1:] == self.shape and mapped.dtype == self.dtype
        except (ValueError, OSError, EOFError) as error:
            raise CheckpointError(
                f"Expected a whole array in {path}, got one that cannot be read: {error}. Remove "
                "the store it is of, and what it held is computed again."
            ) from error
        if not whole:
            raise CheckpointError(
                f"Expected items {self.shape} of {self.dtype} in {path}, got {mapped.shape[1:]} of "
                f"{mapped.dtype}. Remove the store it is of, or name another one."
            )
        return mapped

    def _header(self, n: int) -> bytes:
        written = BytesIO()
        described = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (n, *self.shape),
        }
        np.lib.format.write_array_header_1_0(written, described)
        return written.getvalue()
