"""Finished fits that are kept, and what tells one from another."""

import pickle
import sys
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import joblib
from joblib import Memory
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_memory

from sklearn_learnability._validation import PACKAGE, Integers

#: Packages that every fit rests on.
GROUND = ("joblib", "numpy", "pandas", "scipy", "sklearn")

#: What a class says of itself, and not of what it does.
NOT_CODE = ("__doc__", "__firstlineno__", "__module__", "__static_attributes__")


class KeptFits:
    """A store of fits of one table.

    A fit is found again by a key of all that it follows from: rows with their labels and weights,
    the estimator with its settings, the split, the seed, and versions and code of what its classes
    are made of. The table is hashed once. Keys are made and files are written in the process that
    calls: workers need no disk in common, and no classes of its script under their names.
    """

    def __init__(self, memory: str | Memory | None, fit_one: Callable[..., Any], data: Any) -> None:
        store: Any = check_memory(memory)
        self.location = getattr(store, "location", None)
        self._store = store.cache(kept_fit, ignore=["fit"])
        self._keys: dict[str, str] = {}
        if self.location is not None:
            name = f"{fit_one.__module__}.{fit_one.__qualname__}"
            versions = [version_of(package) for package in GROUND]
            self._keys[""] = joblib.hash((name, data, versions, sys.version_info[:2], own_code()))

    def key(self, candidate: Any, split: tuple[Integers, Integers], seed: int) -> str:
        """Return what names the fit of a candidate on a split; nothing where none are kept."""
        if self.location is None:
            return ""
        if candidate.name not in self._keys:
            self._keys[candidate.name] = self._key_of(candidate)
        return str(joblib.hash((self._keys[candidate.name], split, seed)))

    def _key_of(self, candidate: Any) -> str:
        needs = [version_of(module) for module in candidate.needs]
        try:
            code = code_behind(candidate.estimator)
            told = (self._keys[""], candidate.estimator, code, needs, candidate.how)
            return str(joblib.hash(told))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ValueError(
                f"Expected candidates that can be pickled, where their fits are kept in memory, "
                f"got {candidate.name!r}: {error}"
            ) from None

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

    def keep(self, key: str, fit: Any) -> None:
        """Write a fit, in the place of what is there."""
        if self.location is not None:
            self._store.call(key, fit)


def kept_fit(key: str, fit: Any) -> Any:
    """Return a fit as it is; its key alone tells it from others."""
    return fit


@cache
def own_code() -> str:
    """Return what tells the code of this package from that of another version."""
    return str(joblib.hash([path.read_bytes() for path in sorted(Path(PACKAGE).rglob("*.py"))]))


def version_of(module: str) -> str:
    """Return the version of the package that a module belongs to, where it says one."""
    top = module.partition(".")[0]
    return f"{top} {getattr(sys.modules.get(top), '__version__', '')}"


class Names(pickle.Pickler):
    """Lists the classes and functions that a pickle would name."""

    def __init__(self) -> None:
        super().__init__(BytesIO())
        self.found: list[type | FunctionType] = []

    def reducer_override(self, obj: Any) -> Any:
        """Take note of classes and functions on the way."""
        if isinstance(obj, type | FunctionType):
            self.found.append(obj)
        return NotImplemented


def code_behind(estimator: BaseEstimator) -> list[Any]:
    """Return the classes and functions that an estimator is made of, with versions and code."""
    names = Names()
    names.dump(estimator)
    found = {}
    for one in names.found:
        for kin in one.__mro__ if isinstance(one, type) else [one]:
            if kin.__module__.partition(".")[0] not in sys.stdlib_module_names:
                place = f"{kin.__module__}.{kin.__qualname__}"
                found[place] = (version_of(kin.__module__), code_of(kin))
    return sorted(found.items())


def code_of(value: Any) -> Any:
    """Return what a function or a class does, without names of files and numbers of lines."""
    if isinstance(value, type):
        members = sorted(vars(value).items())
        return [(name, code_of(member)) for name, member in members if name not in NOT_CODE]
    if isinstance(value, property):
        return [code_of(part) for part in (value.fget, value.fset)]
    value = getattr(value, "__func__", value)
    if isinstance(value, FunctionType):
        return [code_of(part) for part in (value.__code__, value.__defaults__)]
    if isinstance(value, CodeType):
        return (value.co_code, value.co_names, code_of(value.co_consts))
    if isinstance(value, tuple):
        return [code_of(part) for part in value]
    if isinstance(value, frozenset):
        return sorted(map(repr, value))
    return repr(value) if isinstance(value, str | bytes | int | float) else None
