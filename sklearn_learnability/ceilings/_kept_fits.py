"""Finished fits that are kept, and what tells one from another."""

import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import is_dataclass
from functools import cache, cached_property, partial, partialmethod
from importlib import import_module
from io import BytesIO
from os import PathLike
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import pandas as pd
from joblib import Memory
from joblib.hashing import NumpyHasher
from sklearn.base import BaseEstimator

from sklearn_learnability._validation import PACKAGE, Integers, check_store

#: Packages that every fit rests on.
GROUND = ("joblib", "numpy", "pandas", "scipy", "sklearn")

#: Packages whose version, or whole code, is in every key, so that theirs is not looked at again.
TOLD = {*sys.stdlib_module_names, *GROUND, __name__.partition(".")[0]}

#: What a class says of itself, and not of what it does, or is told when it is first copied.
NOT_CODE = {
    "__annotate_func__",
    "__annotations__",
    "__annotations_cache__",
    "__doc__",
    "__firstlineno__",
    "__module__",
    "__slotnames__",
    "__static_attributes__",
}


class KeptFits:
    """A store of fits of one table.

    A fit is found again by a key of all that it follows from: rows with their labels and weights,
    the estimator with its settings, the split, the seed, and versions and code of what its classes
    are made of. The table is hashed once. Keys are made and files are written in the process that
    calls: workers need no disk in common, and no classes of its script under their names.
    """

    def __init__(
        self, memory: str | PathLike[str] | Memory | None, fit_one: Callable[..., Any], data: Any
    ) -> None:
        store = check_store(memory)
        self.location = getattr(store, "location", None)
        self._store = store.cache(kept_fit, ignore=["fit"], verbose=0)
        self._keys: dict[str, str] = {}
        if self.location is not None:
            name = f"{fit_one.__module__}.{fit_one.__qualname__}"
            versions = [version_of(package) for package in GROUND]
            told = name, hash_of_rows(data), versions, sys.version_info[:2], own_code()
            self._keys[""] = hash_of(told)

    def key(self, candidate: Any, split: Sequence[Integers], seed: int) -> str:
        """Return what names the fit of a candidate on a split; nothing where none are kept."""
        if self.location is None:
            return ""
        if candidate.name not in self._keys:
            self._keys[candidate.name] = self._key_of(candidate)
        return hash_of((self._keys[candidate.name], split, seed))

    def _key_of(self, candidate: Any) -> str:
        needs = [version_of(import_module(module).__name__) for module in candidate.needs]
        try:
            code = code_behind(candidate.estimator)
            told = (self._keys[""], candidate.estimator, code, needs, candidate.how)
            return hash_of(told)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise cannot_be_kept(candidate.name, error) from None

    def find(self, key: str) -> Any:
        """Return a kept fit, or None where there is none that can be read."""
        if not self.has(key):
            return None
        try:
            return self._store.call_and_shelve(key, None).get()
        except Exception:  # whatever a damaged file makes of its reader
            return None

    def has(self, key: str) -> bool:
        """Return whether a fit is kept."""
        return self.location is not None and self._store.check_call_in_cache(key, None)

    def keep(self, key: str, name: str, fit: Any) -> None:
        """Write a fit of the candidate of a name, in the place of what is there."""
        if self.location is None:
            return
        try:  # joblib would warn, and leave the beginning of a file
            pickle.Pickler(Nowhere()).dump(fit)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise cannot_be_kept(name, error) from None
        self._store.call(key, fit)


def kept_fit(key: str, fit: Any) -> Any:
    """Return a fit as it is; its key alone tells it from others."""
    return fit


class Nowhere:
    """A file that takes everything and keeps nothing."""

    def write(self, part: Any) -> int:
        """Return the length of what is written."""
        return len(part)


def cannot_be_kept(name: str, error: Exception) -> ValueError:
    """Return the error of a candidate that cannot be written."""
    return ValueError(
        f"Expected candidates that can be pickled, where their fits are kept in memory, got "
        f"{name!r}: {error}"
    )


class Hasher(NumpyHasher):
    """Hashes as joblib does, and frozen sets whatever the order that a process has them in."""

    dispatch = NumpyHasher.dispatch | {frozenset: NumpyHasher.save_set}


def hash_of(value: Any) -> str:
    """Return a hash of a value, the same in every process."""
    return str(Hasher().hash(value))


def hash_of_rows(data: Any) -> str:
    """Return a hash of what holds rows, whatever their layout in memory, which no fit sees."""
    parts = vars(data).items() if is_dataclass(data) else enumerate(data)
    return hash_of([(type(data).__name__, name, laid_out(part)) for name, part in parts])


def laid_out(value: Any) -> Any:
    """Return an array, or the columns of a data frame, as new ones of the same values would be."""
    if type(value) in (np.ndarray, np.memmap):
        return np.ascontiguousarray(value)
    if type(value) is pd.DataFrame:
        columns = [value.iloc[:, j] for j in range(value.shape[1])]
        # each by itself: whether two have one type, or equal ones, makes no difference
        hashes = [hash_of((str(one.dtype), laid_out(one.values))) for one in columns]
        return value.index, value.columns, value.attrs, hashes
    return value


@cache
def own_code() -> str:
    """Return what tells the code of this package from that of another version."""
    return hash_of([path.read_bytes() for path in sorted(Path(PACKAGE).rglob("*.py"))])


def version_of(module: str) -> str:
    """Return the version of the package that a module belongs to, where it says one."""
    top = module.partition(".")[0]
    return f"{top} {getattr(sys.modules.get(top), '__version__', '')}"


class Names(pickle.Pickler):
    """Lists the classes and functions that a pickle would name."""

    def __init__(self) -> None:
        super().__init__(BytesIO())
        self.found: list[Any] = []

    def reducer_override(self, obj: Any) -> Any:
        """Take note of classes and functions on the way."""
        if isinstance(obj, type | FunctionType) or (callable(obj) and hasattr(obj, "__wrapped__")):
            self.found.append(obj)
        return NotImplemented


def code_behind(estimator: BaseEstimator) -> list[Any]:
    """Return the classes and functions that an estimator is made of, with versions and code."""
    names = Names()
    names.dump(estimator)
    found = {name_of(one): one for one in names.found}
    seen: dict[int, Any] = {}
    return [code_of(one, seen) for _, one in sorted(found.items())]


def name_of(value: Any) -> str:
    """Return where a class, a function or a module is from, and the version of its package."""
    module = str(getattr(value, "__module__", None) or getattr(value, "__name__", ""))
    return f"{module}.{getattr(value, '__qualname__', '')} of {version_of(module)}"


def code_of(value: Any, seen: dict[int, Any]) -> Any:
    """Return what a value does, without names of files and numbers of lines; what is seen once."""
    is_named = isinstance(value, type | FunctionType | ModuleType)
    name = name_of(value) if is_named else type(value).__name__
    is_told = is_named and name.partition(".")[0] in TOLD
    if id(value) in seen or is_told or isinstance(value, ModuleType):
        return name
    parts = parts_of(value)
    if parts is None:
        return name, hash_of_value(value, seen)
    seen[id(value)] = value
    told = [code_of(part, seen) for part in parts]
    if isinstance(value, tuple | list | dict):  # equal ones may be one or several
        del seen[id(value)]
    return name, told


def parts_of(value: Any) -> Sequence[Any] | None:
    """Return what code and containers consist of, or None of other values."""
    if isinstance(value, type):
        names = sorted(vars(value).keys() - NOT_CODE)
        return [type(value), *value.__mro__[1:], *names, *(vars(value)[name] for name in names)]
    if isinstance(value, FunctionType):
        cells = [list(cell_contents(cell)) for cell in value.__closure__ or ()]
        return [value.__code__, value.__defaults__, value.__kwdefaults__, cells, vars(value)]
    if isinstance(value, CodeType):
        return [value.co_code, value.co_names, value.co_exceptiontable, value.co_consts]
    if isinstance(value, property):
        return [value.fget, value.fset, value.fdel]
    if isinstance(value, partial | partialmethod):
        return [value.func, value.args, value.keywords]
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, tuple | list):
        return value
    wrapped = [getattr(value, name, None) for name in ("__func__", "__self__", "__wrapped__")]
    if isinstance(value, cached_property):
        wrapped.append(value.func)
    return wrapped if any(isinstance(one, FunctionType) for one in wrapped) else None


def hash_of_value(value: Any, seen: dict[int, Any]) -> Any:
    """Return a hash of a value with the code behind it; of one that has none, of what it holds."""
    try:
        names = Names()
        names.dump(value)
        code = [code_of(one, seen) for one in names.found if one is not value]
        return hash_of(value), code
    except Exception:  # whatever an object makes of being pickled
        return [code_of(part, seen) for part in (type(value), getattr(value, "__dict__", {}))]


def cell_contents(cell: CellType) -> Iterator[Any]:
    """Yield what a cell of a closure holds, nothing where it is empty yet."""
    with suppress(ValueError):
        yield cell.cell_contents
