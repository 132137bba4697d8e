"""Models by name, imported where a dotted path is given."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from sklearn_learnability.metrics._forecasts import check_regressor


def models_beside(
    models: Any,
    predictions: Mapping[str, ArrayLike] | None,
    default: Callable[[], dict[str, BaseEstimator]],
    check: Callable[[str, Any], Any],
) -> dict[str, Any]:
    """Return the models by name, those by default where there is nothing to assess."""
    if predictions is not None and not isinstance(predictions, Mapping):
        raise TypeError(
            f"Expected predictions by name of a model, got {type(predictions).__name__}."
        )
    if models is None:
        return {} if predictions else default()
    named = named_models(models, check)
    both = sorted(set(named) & set(predictions or {}))
    if both:
        raise ValueError(f"Expected models and predictions of different names, got {both} in both.")
    return named


def named_models(models: Any, check: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Return the models by name, after their classes or paths where none is given."""
    if isinstance(models, Mapping):
        pairs = list(models.items())
    elif isinstance(models, Sequence) and not isinstance(models, str | Pipeline):
        pairs = [(name_of(model), model) for model in models]
    else:
        pairs = [(name_of(models), models)]
    names = [str(name) for name, _ in pairs]
    if not names or len(set(names)) < len(names):
        raise ValueError(
            f"Expected models of different names, got {names}. Give a dict of name to model."
        )
    return {str(name): check(str(name), model) for name, model in pairs}


def name_of(model: Any) -> str:
    """Return a path as it is, and of an estimator its class; a pipeline is named by its end."""
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    return model if isinstance(model, str) else type(model).__name__


def as_classifier(name: str, model: Any) -> Any:
    """Return a classifier, imported where its path is given, refusing what predicts no classes."""
    found = model_of_path(model) if isinstance(model, str) else model
    if isinstance(found, type) or not (hasattr(found, "fit") and hasattr(found, "predict_proba")):
        raise TypeError(f"Expected a classifier with fit and predict_proba, got {model!r}.")
    return found


def as_regressor(name: str, model: Any) -> Any:
    """Return a regressor, imported where its path is given, refusing what forecasts no numbers."""
    found = model_of_path(model) if isinstance(model, str) else model
    check_regressor(name, found)
    return found


def model_of_path(path: str) -> Any:
    """Return what a dotted path leads to, called without arguments where it makes a classifier."""
    module, _, name = path.rpartition(".")
    if not module:
        raise ImportError(f"Expected a dotted path such as 'package.MyClassifier', got {path!r}.")
    try:
        found = getattr(import_module(module), name)
    except AttributeError as error:
        raise ImportError(f"Expected {name!r} in {module!r}, got a module without it.") from error
    return found() if callable(found) else found
