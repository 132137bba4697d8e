"""What the functions that measure a model have in common."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sklearn_learnability._validation import check_count
from sklearn_learnability.torch.soft_information._soft_entropy import check_reference_points
from sklearn_learnability.torch.soft_information._temperature import resolve_temperature


@dataclass(frozen=True, eq=False, kw_only=True)
class PassSettings:
    """How a model is read, and how its states are assigned to points."""

    layers: Any
    batch_size: int
    n_points: int
    temperature: str | float
    reference_points: Any
    device: Any
    random_state: int
    progress: bool

    def __post_init__(self) -> None:
        """Refuse batches of no sequence, and layers, points or a temperature that none can be."""
        check_count("batch_size", self.batch_size)
        resolve_temperature(self.temperature, dim=3, n_points=2)
        object.__setattr__(self, "layers", listed_layers(self.layers))
        object.__setattr__(self, "reference_points", points_by_size(self.reference_points))

    def of_states(self, dim: int) -> dict[str, Any]:
        """Return the settings of an accumulator of states of a size."""
        points = self.reference_points
        if points is not None and dim not in points:
            raise ValueError(
                f"Expected reference_points of {dim} dimensions, as the states have, got those of "
                f"{', '.join(map(str, points))}."
            )
        return {
            "n_points": self.n_points,
            "temperature": self.temperature,
            "reference_points": None if points is None else points[dim],
            "random_state": self.random_state,
        }

    def key(self) -> dict[str, Any]:
        """Return what the sums of a pass depend on."""
        return {
            "layers": self.layers,
            "batch_size": self.batch_size,
            "n_points": self.n_points,
            "temperature": self.temperature,
            "reference_points": self.reference_points,
            "random_state": self.random_state,
        }


def listed_layers(layers: Any) -> str | list[Any]:
    """Return layers as "all", one side, or a list of numbers or names."""
    if isinstance(layers, str):
        return layers
    if not isinstance(layers, Iterable):
        raise TypeError(
            "Expected layers as 'all', 'encoder', 'decoder', or a list of numbers or names, got "
            f"{layers!r}."
        )
    return list(layers)


def points_by_size(reference_points: Any) -> dict[int, Tensor] | None:
    """Return given points by their dimension, scaled to unit length."""
    if reference_points is None:
        return None
    if not isinstance(reference_points, Mapping):
        points = torch.as_tensor(reference_points, dtype=torch.float64)
        reference_points = {points.shape[-1] if points.ndim else 0: points}
    found = {
        int(dim): check_reference_points(reference_points[dim], dim)
        for dim in sorted(reference_points)
    }
    if len({len(points) for points in found.values()}) != 1:
        raise ValueError(
            "Expected reference_points of one number for all sizes, got "
            f"{[tuple(points.shape) for points in found.values()]}."
        )
    return found
