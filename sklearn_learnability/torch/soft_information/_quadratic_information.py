"""The unbiased quadratic information: products of assignments of different sequences."""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student_t
from torch import Tensor

from sklearn_learnability.torch.soft_information._label_sums import LabelSums, SampledRows
from sklearn_learnability.torch.soft_information._ngrams import ONCE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONFIDENCE = 0.95


class PairExcess(NamedTuple):
    """Parts of the quadratic information: pairs within labels, and of all positions.

    The two of a pair are of different sequences.
    """

    inner: Tensor  # (K,), sum over ordered pairs of a label of <p, p'>
    within: float  # its mean over positions of the labels that have pairs
    overall: float  # mean of <p, p'> over all pairs
    n_repeated: float
    n: float


def pair_excess(sums: LabelSums, n: float) -> PairExcess:
    """Return the parts of the quadratic information."""
    counts, pairs = sums.counts.double(), sums.pairs.double()
    inner = ((sums.rows**2).sum(dim=1) - sums.row_squares).double()
    repeated = pairs > 0
    n_repeated = float(counts[repeated].sum())
    within = overall = float("nan")
    if n_repeated:
        within = float((counts * inner / pairs)[repeated].sum()) / n_repeated
    if sums.n_pairs:
        overall = float((sums.total**2).sum() - sums.total_square) / sums.n_pairs
    return PairExcess(inner, within, overall, n_repeated, n)


def quadratic_differences(sums: LabelSums, sample: SampledRows, pairs: PairExcess) -> Floats:
    """Return shares (R,) of sampled positions in what leaving their sequence out changes.

    Summed over the positions of a sequence they are the quadratic information less that of the
    other sequences.
    """
    device = sums.rows.device
    p, label = sample.proba.to(device).double(), torch.from_numpy(sample.label).to(device)
    own_products = torch.from_numpy(sample.own_products).to(device)
    own_counts = torch.from_numpy(sample.own_counts).to(device).double()
    kept = (label != ONCE).nonzero()[:, 0]
    kept = kept[sums.pairs[label[kept]] > 0]
    label, own = label[kept], own_counts[0, kept]
    n_x, n_pairs, inner = (
        sums.counts[label].double(),
        sums.pairs[label].double(),
        pairs.inner[label],
    )
    products = (p[kept] * sums.rows[label].double()).sum(dim=1) - own_products[0, kept]
    rest, left = n_x - own, n_pairs - 2 * own * (n_x - own)
    gone = left <= 0  # a label of two sequences goes with either
    fewer = rest * (inner / own - 2 * products) / left.clamp_min(1)
    change = n_x * inner / n_pairs / own - torch.where(gone, 0.0, fewer)
    change = change - pairs.within * torch.where(gone, n_x / own, 1.0)
    shares = torch.zeros(len(p), dtype=torch.float64, device=device)
    shares[kept] = change / max(pairs.n_repeated, 1.0)

    own = own_counts[1]
    rest = pairs.n - own
    left = (sums.n_pairs - 2 * own * rest).clamp_min(1)
    products = p @ sums.total - own_products[1]
    total = pairs.overall * sums.n_pairs
    overall = (pairs.overall - total / left) / own + 2 * products / left
    return (shares * pairs.n / rest.clamp_min(1) - overall).cpu().numpy()


class Jackknife(NamedTuple):
    """Standard error over sequences, and the quantile of t that makes it half an interval."""

    error: float
    quantile: float


def jackknife(shares: Floats, sequence: Ints, n: float, n_sequences: int) -> Jackknife:
    """Return the jackknife over sequences, from the shares of sampled positions.

    The sum over sequences of squared changes is estimated from the sampled positions, and from
    pairs of them in one sequence; these are not counted where they would lower it, but if all `n`
    positions are in the sample. The degrees of freedom are fewer than the sequences where a few of
    them, such as those of a rare label, carry the variance (Satterthwaite, by the kurtosis).
    """
    n_sampled = len(shares)
    if n_sequences < 2 or n_sampled < 2:
        return Jackknife(math.nan, math.nan)
    shares = shares - shares.mean()
    _, code = np.unique(sequence, return_inverse=True)
    single = float(shares @ shares)
    squares = np.bincount(code, weights=shares) ** 2
    in_pairs = float(squares.sum()) - single
    tail = float(squares @ squares) / max(float(squares.sum()) ** 2, np.finfo(float).tiny)
    freedom = min(2 / max(tail - 1 / n_sequences, 1 / n_sequences), n_sequences - 1)
    if n > n_sampled:
        in_pairs = max(in_pairs, 0.0) * n * (n - 1) / (n_sampled * (n_sampled - 1))
        single *= n / n_sampled
    error = math.sqrt(max(single + in_pairs, 0.0) * (n_sequences - 1) / n_sequences)
    return Jackknife(error, float(student_t.ppf(0.5 + CONFIDENCE / 2, freedom)))
