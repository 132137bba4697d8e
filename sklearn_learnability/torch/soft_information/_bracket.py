"""The information about labels that repeat: between which numbers it lies."""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_learnability.torch.soft_information._label_sums import LabelSums, SampledRows
from sklearn_learnability.torch.soft_information._quadratic_information import jackknife
from sklearn_learnability.torch.soft_information._soft_entropy import entropy_of


class RepeatedTerms(NamedTuple):
    """What the sampled positions of repeated labels contribute, in nats."""

    kept: NDArray[np.int64]  # (k,), which of the sample they are
    left_out: Tensor  # (k,), sum_j p_ij ln(P_j|x / q_j), q = (S_x - p_i + P) / n_x
    miller_madow: Tensor  # (k,), (sum_j p_ij^2 / P_j|x - 1) / (2 (n_x - 1))
    cross: Tensor  # (k,), -sum_j p_ij ln P_j|x
    fall: Tensor  # (k,), of n_x H(Z | x) where the position is left out


class Bracket(NamedTuple):
    """Information about repeated labels, in nats: three estimates, and an interval."""

    lower: float
    miller_madow: float
    upper: float
    interval_lower: float
    interval_upper: float


def find_bracket(
    sums: LabelSums, sample: SampledRows, by_label: Tensor, terms: RepeatedTerms
) -> Bracket:
    """Return the bracket over the positions of labels that occur at least twice.

    Its interval goes from a lower end that leaves out whole sequences to the plug-in, both widened
    by the sampling error of the plug-in over sequences.
    """
    repeated = sums.counts > 1
    counts = sums.counts[repeated].double()
    n_repeated, n = float(counts.sum()), float(sums.counts.sum()) + sums.n_once
    if not n_repeated:
        return Bracket(*[math.nan] * 5)
    marginal = sums.rows[repeated].sum(dim=0, dtype=torch.float64) / n_repeated
    upper = float(entropy_of(marginal) - (counts @ by_label[repeated]) / n_repeated)
    if not len(terms.kept):
        return Bracket(math.nan, math.nan, upper, math.nan, math.nan)
    proba = sample.proba[torch.from_numpy(terms.kept)].to(marginal)
    surprise = -(proba @ marginal.clamp_min(torch.finfo(marginal.dtype).tiny).log())
    influence = (surprise - terms.fall).cpu().numpy()
    shares = np.zeros(len(sample.label))
    shares[terms.kept] = (influence - influence.mean()) / n_repeated
    shares *= n / np.maximum(n - sample.own_counts[1], 1)
    error, quantile = jackknife(shares, sample.sequence, n, sums.n_sequences)
    fall = left_out_sequences(sums, sample, terms, proba, surprise)
    return Bracket(
        upper - float(terms.left_out.double().mean()),
        upper - float(terms.miller_madow.double().mean()),
        upper,
        upper - fall - quantile * error,
        upper + quantile * error,
    )


def left_out_sequences(
    sums: LabelSums, sample: SampledRows, terms: RepeatedTerms, proba: Tensor, surprise: Tensor
) -> float:
    """Return how far the information falls where sequences are left out, not positions.

    It falls by as much more as sums over sequences vary more than those of as many independent
    positions. What a label of one sequence tells is lost with it.
    """
    device = surprise.device
    label = torch.from_numpy(sample.label[terms.kept]).to(device)
    own_counts = torch.from_numpy(sample.own_counts[0, terms.kept]).to(device).double()
    own_products = torch.from_numpy(sample.own_products[0, terms.kept]).to(device)
    n_x = sums.counts[label].double()
    mean = sums.rows[label].double() / n_x[:, None]
    product, square = (proba * mean).sum(dim=1), (mean * mean).sum(dim=1)
    own_square = (proba * proba).sum(dim=1)
    of_position = own_square - 2 * product + square
    of_sequence = own_products + own_counts * (square - 2 * product)
    several = own_counts < n_x
    varied = float((of_sequence / (n_x - own_counts))[several].sum())
    expected = float((of_position / (n_x - 1))[several].sum())
    # states of one token differ in their last digits from batch to batch, in float32 at best
    rounding = torch.finfo(torch.float32).eps * float((own_square / (n_x - 1))[several].sum())
    ratio = max(varied / expected, 1.0) if expected > rounding else 1.0
    left_out = torch.where(several, ratio * terms.left_out.double(), surprise - terms.cross)
    return float(left_out.mean())
