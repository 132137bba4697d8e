"""What is known of one layer and one set of labels: sums over all positions, and a sample."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class LabelSums(NamedTuple):
    """Sums of assignments of one layer and one set of labels."""

    total: Tensor  # (m,) float64
    total_square: float  # sum over sequences of |sum of p|^2
    total_entropy: float  # sum of H(p), nats
    once_entropy: float  # the same over labels that occur once
    rows: Tensor  # (K, m), sums by label
    row_squares: Tensor  # (K,), sums over sequences of |sum of p|^2, by label
    counts: Tensor  # (K,) int64, at least 1
    pairs: Tensor  # (K,) int64, ordered pairs of positions of a label in different sequences
    n_once: int
    n_pairs: int  # ordered pairs of any positions in different sequences
    n_sequences: int


class SampledRows(NamedTuple):
    """Sampled positions of one layer and one set of labels.

    What their sequences hold of their label comes first, then what these hold of any.
    """

    proba: Tensor  # (R, m)
    label: Ints  # (R,), index into the rows of LabelSums, or ONCE
    sequence: Ints  # (R,)
    own_products: Floats  # (2, R), inner products with the sums over the own sequence
    own_counts: Ints  # (2, R), positions there
