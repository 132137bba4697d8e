"""What layers of any sizes tell of labels: one accumulator for the layers of each size."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from sklearn_learnability.torch.soft_information._ngrams import LabelTable
from sklearn_learnability.torch.soft_information._soft_information import SoftInformation


class LayerInformation:
    """Soft informations of layers by name, each size with points and a temperature of its own.

    Parameters
    ----------
    layers : list
        Names of the layers.
    sizes : list of int
        Dimension of the states of each.
    tables : dict of str to LabelTable
        Sets of labels.
    settings_of : callable
        Returns the settings of :class:`SoftInformation` for a dimension.
    """

    def __init__(
        self,
        layers: Sequence[Any],
        sizes: Sequence[int],
        tables: Mapping[str, LabelTable],
        settings_of: Callable[[int], dict[str, Any]],
    ) -> None:
        self.layers, self.sizes = list(layers), list(sizes)
        self._of_size = {
            size: SoftInformation(
                size,
                labels=tables,
                n_layers=self.sizes.count(size),
                **settings_of(size),
            )
            for size in dict.fromkeys(self.sizes)
        }

    def update(
        self,
        states: Sequence[Tensor],
        labels: Mapping[str, NDArray[np.int64]],
        sequences: NDArray[np.int64],
    ) -> None:
        """Take in a batch: the states of each layer, and the ids of the sequences."""
        for size, information in self._of_size.items():
            of_size = [z for z, own in zip(states, self.sizes, strict=True) if own == size]
            try:
                information.update(of_size, labels, sequences=sequences)
            except ValueError as error:
                error.add_note(f"The layers, from 0: {self._named(size)}.")
                raise

    def _named(self, size: int) -> list[Any]:
        """Return the layers of a size."""
        return [name for name, own in zip(self.layers, self.sizes, strict=True) if own == size]

    def merge(self, other: "LayerInformation") -> None:
        """Take in what another has seen of the same layers."""
        for size, information in self._of_size.items():
            information.merge(other._of_size[size])

    def compute(self) -> pd.DataFrame:
        """Return all estimates, one row for each layer, by its name, and set of labels."""
        tables = []
        for size, information in self._of_size.items():
            table = information.compute().to_frame()
            at = [i for i, own in enumerate(self.sizes) if own == size]
            tables.append(table.set_index(np.array(at)[table["layer"]]))
        table = pd.concat(tables).sort_index(kind="stable")
        table["layer"] = [self.layers[layer] for layer in table.index]
        return table.reset_index(drop=True)

    def state_dict(self) -> dict[str, Any]:
        """Return what was seen, as tensors and plain values."""
        return {
            "layers": self.layers,
            "sizes": self.sizes,
            "of_size": [information.state_dict() for information in self._of_size.values()],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace what was seen by what another had seen of the same layers."""
        for information, stored in zip(self._of_size.values(), state["of_size"], strict=True):
            information.load_state_dict(stored)
