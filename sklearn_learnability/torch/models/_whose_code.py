"""Whose code something is, and what code reads."""

import dis
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from sklearn_learnability._validation import PACKAGE

INSTALLED = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]
LIBRARIES = (PACKAGE, *(f"{path}{os.sep}" for at in INSTALLED for path in (at, at.resolve())))
READS_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
#: Of a class: without bearing on what its instances do.
NOT_BEHAVIOUR = {
    *("__dict__", "__weakref__", "__module__", "__doc__", "__annotations__", "__qualname__"),
    *("__firstlineno__", "__static_attributes__", "__slots__", "__match_args__", "_abc_impl"),
    *("__dataclass_fields__", "__dataclass_params__", "__abstractmethods__", "__parameters__"),
    *(
        "__slotnames__",
        "__orig_bases__",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
    ),
}


def codes_in(code: CodeType) -> list[CodeType]:
    """Return code and all that is defined within it."""
    codes = [code]
    for inner in codes:
        codes += [constant for constant in inner.co_consts if isinstance(constant, CodeType)]
    return codes


def globals_read(code: CodeType, held: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what code reads from its module, and the user's own modules that it imports."""
    for inner in codes_in(code):
        steps = list(dis.get_instructions(inner))
        read = {step.argval for step in steps if step.opname in READS_GLOBAL} - {"__name__"}
        yield from ((name, held[name]) for name in sorted(read & held.keys()))
        for number, step in enumerate(steps):
            if step.opname == "IMPORT_NAME":
                level = steps[number - 2].argval
                yield from imported(step.argval, level, held.get("__package__") or "")


def imported(name: str, level: int, package: str) -> Iterator[tuple[str, ModuleType]]:
    """Yield the user's own modules that an import within a function means; it may be yet to run."""
    try:
        name = importlib.util.resolve_name("." * level + name, package) if level else name
        spec = importlib.util.find_spec(name)
        if spec is not None and not is_library_file(spec.origin or ""):
            importlib.import_module(name)
    except Exception:  # an import that fails when it is run too
        return
    parts = name.split(".")
    for path in (".".join(parts[:end]) for end in range(1, len(parts) + 1)):
        if path in sys.modules:
            yield path, sys.modules[path]


def attribute(value: Any, name: str, otherwise: Any = None) -> Any:
    """Return an attribute, whatever an object raises that has none of this name."""
    try:
        return getattr(value, name, otherwise)
    except Exception:
        return otherwise


def is_behaviour(name: str, part: Any) -> bool:
    """Return whether a part of a class bears on what its instances do."""
    of_dataclass = "__create_fn__.<locals>"
    generated = isinstance(part, FunctionType) and part.__code__.co_qualname.startswith(
        of_dataclass
    )
    descriptor = type(part).__name__ in ("member_descriptor", "getset_descriptor")
    return name not in NOT_BEHAVIOUR and not generated and not descriptor


def full_name(value: Any) -> str:
    """Return the module and name of a function, class or module."""
    name = attribute(value, "__qualname__") or attribute(value, "__name__", "")
    return f"{attribute(value, '__module__')}.{name}"


def is_library(module: ModuleType) -> bool:
    """Return whether a module is installed, or built into Python, and not the user's own."""
    name, file = module.__name__, attribute(module, "__file__")
    if name == "__main__":
        return False
    if file is not None:
        return is_library_file(file)
    folders = attribute(module, "__path__")
    if folders is not None:  # a package without an __init__.py
        return any(is_library_file(f"{folder}{os.sep}") for folder in folders)
    package = sys.modules.get(name.partition(".")[0])
    if package not in (None, module):  # part of a compiled module
        return is_library(package)
    origin = attribute(attribute(module, "__spec__"), "origin")
    return name in sys.builtin_module_names or origin in ("built-in", "frozen")


def is_library_file(name: str) -> bool:
    """Return whether a file is of a package that is installed, not of the user's own code."""
    return name.startswith(LIBRARIES) or name.startswith("<frozen")


def is_of_library(value: Any) -> bool:
    """Return whether a library holds a function or class under its name."""
    named = (attribute(value, "__module__"), attribute(value, "__qualname__"))
    if not all(isinstance(name, str) for name in named):
        return False
    module = sys.modules.get(named[0])
    found: Any = module
    for name in named[1].split("."):
        found = attribute(found, name)
    return module is not None and found is value and is_library(module)
