"""The rows that a classifier is profiled on, and the classifier as a module that returns logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sklearn_learnability.metrics._reference import Reference, check_learnability, reference_losses

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Inputs, and labels that are numbers of columns."""

    X: NDArray[Any]
    y: NDArray[np.int64]


@dataclass(frozen=True)
class HeldOutRows(Rows):
    """Rows that no network was fitted on, with what can be learned of them."""

    learnability: float | None
    reference_nll: Floats | None  # bits
    groups: ArrayLike | None

    @property
    def ceiling(self) -> dict[str, Any]:
        """The arguments that tell the ceiling, and which rows depend on each other."""
        return {
            "learnability": self.learnability,
            "reference_nll": self.reference_nll,
            "groups": self.groups,
        }


class LogProbabilities(nn.Module):
    """A module that returns probabilities, as one that returns their logarithms, which are logits.

    As skorch takes them for its negative log-likelihood.
    """

    def __init__(self, of: nn.Module) -> None:
        super().__init__()
        self.of = of

    def forward(self, X: Tensor) -> Tensor:
        """Return the logarithms."""
        proba = self.of(X)
        return torch.log(proba + torch.finfo(proba.dtype).eps)


def logits_module(model: Any) -> nn.Module:
    """Return a classifier as a module that returns logits (n, n_classes)."""
    if isinstance(model, nn.Module):
        return model
    if not hasattr(model, "initialize_module"):
        raise TypeError(
            "Expected a module that returns logits, or a fitted NeuralNetClassifier of skorch, got "
            f"{type(model).__name__}."
        )
    check_is_fitted(model, "module_")
    if isinstance(model.criterion_, nn.CrossEntropyLoss):
        return model.module_
    if isinstance(model.criterion_, nn.NLLLoss):
        return LogProbabilities(model.module_)
    raise TypeError(
        "Expected a network of skorch whose criterion is CrossEntropyLoss or NLLLoss, got "
        f"{type(model.criterion_).__name__}."
    )


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """Return the modules of a classifier by the names its owner knows them by."""
    own = model.of if isinstance(model, LogProbabilities) else model
    return {name: module for name, module in own.named_modules() if name}


def training_rows(X: Any, y: Any) -> Rows:
    """Return the rows that networks were fitted on."""
    return Rows(*checked(X, y, "X", "y"))


def held_out_rows(
    X: Any, y: Any, train: Rows, ceiling: Reference | float, groups: ArrayLike | None
) -> HeldOutRows:
    """Return the rows that networks are scored on, refusing those they were fitted on."""
    own, codes = checked(X, y, "X_test", "y_test")
    if own.shape[1:] != train.X.shape[1:]:
        raise ValueError(
            f"Expected X_test with rows of shape {train.X.shape[1:]}, as those of X, got "
            f"{own.shape[1:]}."
        )
    check_apart(train, Rows(own, codes))
    if isinstance(ceiling, Real):
        return HeldOutRows(own, codes, check_learnability(ceiling), None, groups)
    inputs = X if hasattr(ceiling, "predict_proba") else None
    losses = reference_losses(ceiling, codes, inputs, units="bits")
    return HeldOutRows(own, codes, None, losses, groups)


def checked(X: Any, y: Any, name: str, labels: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return inputs and labels as arrays, refusing what no network takes."""
    values, codes = as_array(X), as_array(y)
    if values.dtype.kind not in "fiub" or values.ndim < 2:
        raise TypeError(
            f"Expected {name} of numbers, one row an input, got {type(X).__name__} of "
            f"{values.dtype} and shape {values.shape}."
        )
    if codes.dtype.kind not in "iub" or codes.shape != values.shape[:1]:
        raise ValueError(
            f"Expected {labels} of shape {values.shape[:1]} with the number of the column of each "
            f"label, from 0, got {codes.dtype} and shape {codes.shape}."
        )
    if len(codes) == 0 or codes.min() < 0:
        got = "no row" if len(codes) == 0 else f"{codes.min()}"
        raise ValueError(f"Expected labels from 0 in {labels}, got {got}.")
    return values, codes.astype(np.int64)


def as_array(values: Any) -> NDArray[Any]:
    """Return values as an array on the host."""
    if isinstance(values, Tensor):
        host = values.detach().cpu()
        return (host.float() if host.dtype is torch.bfloat16 else host).numpy()
    return np.asarray(values)


def check_apart(train: Rows, test: Rows) -> None:
    """Refuse held-out rows that are all among training rows that do not repeat."""
    flat, rows = (part.X.reshape(len(part.X), -1).astype(np.float32) for part in (train, test))
    seen = {row.tobytes() for row in flat}
    if len(seen) == len(flat) and all(row.tobytes() in seen for row in rows):
        raise ValueError(
            f"Expected rows in X_test that no network was fitted on, got {len(rows)} rows that are "
            "all in X."
        )


def check_outputs(logits: Any, rows: Sequence[Rows]) -> None:
    """Refuse outputs that are not a column a class."""
    shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[1] < 2:
        raise ValueError(
            f"Expected logits of shape (n_samples, n_classes), two classes at least, got {shape}."
        )
    highest = max(int(part.y.max()) for part in rows)
    if highest >= logits.shape[1]:
        raise ValueError(
            f"Expected labels below {logits.shape[1]}, the number of logits, got {highest}."
        )
