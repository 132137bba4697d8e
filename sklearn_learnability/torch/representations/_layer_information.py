"""What layers of any sizes tell of labels: one accumulator for the layers of each size."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from sklearn_learnability.torch.representations._layer_estimates import LayerEstimates
from sklearn_learnability.torch.soft_information._ngrams import LabelTable
from sklearn_learnability.torch.soft_information._permuted_labels import PermutedLabels
from sklearn_learnability.torch.soft_information._permuted_sums import PermutedSums
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
    permuted : PermutedLabels
        Labels whose plug-in information alone is wanted.
    settings_of : callable
        Returns the settings of :class:`SoftInformation` for a dimension.
    """

    def __init__(
        self,
        layers: Sequence[Any],
        sizes: Sequence[int],
        tables: Mapping[str, LabelTable],
        permuted: PermutedLabels,
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
        self._permuted = [
            PermutedSums(permuted, information.n_layers, information.n_points)
            for information in self._of_size.values()
        ]

    def update(
        self,
        states: Sequence[Tensor],
        labels: Mapping[str, NDArray[np.int64]],
        places: NDArray[np.int64],
        sequences: NDArray[np.int64],
    ) -> None:
        """Take in a batch: the states of each layer, and the ids of the sequences."""
        for (size, information), permuted in zip(
            self._of_size.items(), self._permuted, strict=True
        ):
            of_size = [z for z, own in zip(states, self.sizes, strict=True) if own == size]
            try:
                assigned = information._take_in(of_size, labels, None, sequences)
            except ValueError as error:
                error.add_note(f"The layers, from 0: {self._named(size)}.")
                raise
            permuted.add(assigned, places)

    def _named(self, size: int) -> list[Any]:
        """Return the layers of a size."""
        return [name for name, own in zip(self.layers, self.sizes, strict=True) if own == size]

    def merge(self, other: "LayerInformation") -> None:
        """Take in what another has seen of the same layers."""
        for size, information in self._of_size.items():
            information.merge(other._of_size[size])
        for permuted, theirs in zip(self._permuted, other._permuted, strict=True):
            permuted.sums += theirs.sums

    def compute(self) -> LayerEstimates:
        """Return all estimates of the layers, in their order."""
        tables, influences = [], {}
        for size, information in self._of_size.items():
            profile = information.compute()
            table, at = profile.to_frame(), self._places(size)
            tables.append(table.set_index(at[table["layer"]]))
            for estimate, shares in zip(profile.estimates, profile.influences, strict=True):
                influences[self.layers[at[estimate.layer]], estimate.labels] = shares
        table = pd.concat(tables).sort_index(kind="stable")
        table["layer"] = [self.layers[layer] for layer in table.index]
        return LayerEstimates(table.reset_index(drop=True), influences)

    def permuted(self) -> NDArray[np.float64]:
        """Return the plug-in information of permuted labels (n_layers, n_permutations)."""
        found = [permuted.information() for permuted in self._permuted]
        order = np.concatenate([self._places(size) for size in self._of_size])
        return np.concatenate(found)[np.argsort(order)]

    def _places(self, size: int) -> NDArray[np.int64]:
        """Return where the layers of a size stand among all."""
        return np.flatnonzero(np.array(self.sizes) == size)

    def state_dict(self) -> dict[str, Any]:
        """Return what was seen, as tensors and plain values."""
        return {
            "layers": self.layers,
            "sizes": self.sizes,
            "of_size": [information.state_dict() for information in self._of_size.values()],
            "permuted": [permuted.sums.cpu().clone() for permuted in self._permuted],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace what was seen by what another had seen of the same layers."""
        for information, stored in zip(self._of_size.values(), state["of_size"], strict=True):
            information.load_state_dict(stored)
        for permuted, sums in zip(self._permuted, state["permuted"], strict=True):
            permuted.sums = sums.clone()
