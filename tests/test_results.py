"""Every public result compares with another, whatever its fields hold, and says what differs."""

import copy
import dataclasses
import enum
import importlib
import inspect
import math
import types
import typing
from collections.abc import Mapping
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from sklearn_learnability._results import Result

PUBLIC_MODULES = [
    "sklearn_learnability.metrics",
    "sklearn_learnability.metrics.theoretical_llc",
    "sklearn_learnability.report",
    *(["sklearn_learnability.torch"] if find_spec("torch") else []),
]


def public_results():
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) and dataclasses.is_dataclass(value):
                yield f"{module_name}.{name}", value


RESULTS = dict(public_results())


def made(cls, changed=None):
    """Return an instance of a result, one field of it other than usual."""
    types_of = typing.get_type_hints(cls)
    result = object.__new__(cls)
    for field in dataclasses.fields(cls):
        value = value_of(types_of[field.name], 1 if field.name == changed else 0)
        object.__setattr__(result, field.name, value)
    return result


def value_of(kind, variant):
    """Return a value of a type, made anew at each call; another one for another variant."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return value_of(arguments[0], variant)
    if origin is typing.Literal:
        return arguments[variant]
    if kind is np.ndarray or origin is np.ndarray:
        return np.array([math.nan, variant])
    if origin is tuple:
        of_items = [part for part in arguments if part is not Ellipsis]
        return tuple(value_of(part, variant) for part in of_items)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"a": value_of(arguments[1], variant)}
    if inspect.isclass(kind) and dataclasses.is_dataclass(kind):
        return made(kind, dataclasses.fields(kind)[0].name if variant else None)
    if inspect.isclass(kind) and issubclass(kind, enum.Enum):
        return list(kind)[variant]
    return plain_value(kind, variant)


def plain_value(kind, variant):
    if kind is pd.DataFrame:
        return pd.DataFrame({"a": [math.nan, variant]})
    if kind is float:
        return float(variant) if variant else float("nan")
    if kind in (int, bool, str):
        return kind(variant)
    return [variant]  # whatever else: settings of a compression


@pytest.mark.parametrize("name", RESULTS)
def test_results_with_the_same_fields_are_equal(name):
    cls = RESULTS[name]
    one, other = made(cls), made(cls)
    if issubclass(cls, Result):
        assert one == other
        assert copy.deepcopy(one) == one
        with pytest.raises(TypeError, match="unhashable"):
            hash(one)
    assert one == one
    assert one != "something else"


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field.name)
        for name, cls in RESULTS.items()
        for field in dataclasses.fields(cls)
        if field.compare
    ],
)
def test_results_that_differ_in_a_field_are_not_equal(name, field):
    cls = RESULTS[name]
    assert made(cls) != made(cls, changed=field)


@pytest.mark.parametrize("name", RESULTS)
def test_results_that_hold_arrays_or_floats_compare_by_fields(name):
    """Their own comparison would raise, or take NaN for another NaN."""
    cls = RESULTS[name]
    held = {str(kind) for kind in typing.get_type_hints(cls).values()}
    arrays = any("ndarray" in kind or "DataFrame" in kind for kind in held)
    assert not arrays or issubclass(cls, Result)
    assert (cls.__eq__ is Result.__eq__) == issubclass(cls, Result)  # eq=False was not forgotten


def test_tensors_are_compared_too():
    torch = pytest.importorskip("torch")

    @dataclasses.dataclass(frozen=True, eq=False)
    class Holder(Result):
        tensor: object

    one = Holder(torch.tensor([1.0, math.nan], dtype=torch.bfloat16))
    assert one == Holder(torch.tensor([1.0, math.nan], dtype=torch.bfloat16))
    assert one != Holder(torch.tensor([1.0, 2.0], dtype=torch.bfloat16))
    assert one != Holder(torch.ones(3))
    assert one != Holder(np.array([1.0, math.nan]))
