"""From sums of soft assignments to information, its null, its bracket and its interval."""

import math
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_learnability.torch.soft_information._bracket import RepeatedTerms, find_bracket
from sklearn_learnability.torch.soft_information._influences import Influences
from sklearn_learnability.torch.soft_information._information_results import InformationEstimate
from sklearn_learnability.torch.soft_information._label_sums import LabelSums, SampledRows
from sklearn_learnability.torch.soft_information._ngrams import ONCE
from sklearn_learnability.torch.soft_information._quadratic_information import (
    PairExcess,
    pair_excess,
    quadratic_differences,
)
from sklearn_learnability.torch.soft_information._size_curve import SizeCurve
from sklearn_learnability.torch.soft_information._soft_entropy import entropy_of

Floats = NDArray[np.float64]

LINEAR_FROM = 100  # positions of a label


def estimate_information(
    layer: int,
    labels: str,
    sums: LabelSums,
    sample: SampledRows,
    size_curve: SizeCurve,
) -> tuple[InformationEstimate, Influences]:
    """Return all numbers of one layer and one set of labels, and what their errors are made of."""
    unit = math.log(len(sums.total))
    counts = sums.counts.double()
    n_once = sums.n_once
    n_labels = len(counts) + n_once
    n = float(counts.sum()) + n_once
    if n_labels < 2:
        nothing = np.full(len(sample.label), math.nan)
        influences = Influences(nothing, nothing, sample.sequence, n, sums.n_sequences)
        return undefined(layer, labels, sums, n_labels, int(n)), influences
    mean = sums.total / n
    entropy = float(entropy_of(mean))
    ceiling = max(entropy - sums.total_entropy / n, 0.0)
    by_label = label_entropies(sums)
    information = entropy - (float((counts * by_label).sum()) + sums.once_entropy) / n
    information_mean = entropy - (float(by_label.sum()) + sums.once_entropy) / n_labels
    null = size_curve.null(ceiling, sums.counts, n_once)
    pairs = pair_excess(sums, n)
    terms = position_terms(sums, sample, by_label, mean)
    bracket = find_bracket(sums, sample, by_label, terms.repeated)
    influences = influences_on(sums, sample, terms.information / unit, pairs)
    quadratic = pairs.within - pairs.overall
    value = information / unit
    interval = influences.interval("information", value)
    of_quadratic = influences.interval("quadratic", quadratic)
    estimate = InformationEstimate(
        layer=layer,
        labels=labels,
        entropy=entropy / unit,
        ceiling=ceiling / unit,
        information=value,
        information_mean=information_mean / unit,
        null=null / unit,
        lower=bracket.lower / unit,
        miller_madow=bracket.miller_madow / unit,
        upper=bracket.upper / unit,
        bracket_lower=bracket.interval_lower / unit,
        bracket_upper=bracket.interval_upper / unit,
        coverage=float(counts[counts > 1].sum()) / n,
        quadratic=quadratic,
        standard_error=interval.error,
        interval_lower=interval.lower,
        interval_upper=interval.upper,
        quadratic_error=of_quadratic.error,
        quadratic_lower=of_quadratic.lower,
        quadratic_upper=of_quadratic.upper,
        n_labels=n_labels,
        n_positions=int(n),
    )
    return estimate, influences


def influences_on(
    sums: LabelSums, sample: SampledRows, terms: Floats, pairs: PairExcess
) -> Influences:
    """Return the influences on an estimate; `terms` are those on the information."""
    rest = np.maximum(pairs.n - sample.own_counts[1], 1)
    shares = np.full(len(rest), math.nan)
    if pairs.n_repeated and sums.n_sequences > 2:
        shares = quadratic_differences(sums, sample, pairs)
    of_information = (terms - terms.mean()) / rest
    return Influences(of_information, shares, sample.sequence, pairs.n, sums.n_sequences)


def undefined(
    layer: int, labels: str, sums: LabelSums, n_labels: int, n: int
) -> InformationEstimate:
    """Return the estimate of fewer than two labels: entropy and ceiling alone are defined."""
    unit, nan = math.log(len(sums.total)), float("nan")
    values: dict[str, Any] = dict.fromkeys((f.name for f in fields(InformationEstimate)), nan)
    if n:
        values["entropy"] = float(entropy_of(sums.total / n)) / unit
        values["ceiling"] = max(values["entropy"] - sums.total_entropy / n / unit, 0.0)
    given = {"layer": layer, "labels": labels, "n_labels": n_labels, "n_positions": n}
    return InformationEstimate(**{**values, **given})


def label_entropies(sums: LabelSums, chunk: int = 1024) -> Tensor:
    """Return the entropy of the mean assignment of every label (K,), in nats."""
    result = torch.empty(len(sums.counts), dtype=torch.float64, device=sums.rows.device)
    for start in range(0, len(result), chunk):
        part = slice(start, start + chunk)
        result[part] = entropy_of(sums.rows[part] / sums.counts[part, None])
    return result


class PositionTerms(NamedTuple):
    """What sampled positions contribute, in nats."""

    information: Floats  # (R,), influence on the plug-in information
    repeated: RepeatedTerms


def position_terms(
    sums: LabelSums, sample: SampledRows, by_label: Tensor, mean: Tensor
) -> PositionTerms:
    """Return the terms of sampled positions.

    Influences are differences on leaving a position out, scaled so that the estimate varies as
    their mean over positions does.
    """
    device = sums.rows.device
    p, label = sample.proba.to(device), torch.from_numpy(sample.label).to(device)
    tiny = torch.finfo(p.dtype).tiny
    kept = (label != ONCE).nonzero()[:, 0]
    kept = kept[sums.counts[label[kept]] > 1]
    own_p, label = p[kept], label[kept]
    total, n_x = sums.rows[label], sums.counts[label].double()
    count = n_x.to(p.dtype)[:, None]
    rest = (total - own_p).clamp_min(0)
    own = (total / count).clamp_min(tiny)
    own_log = own.log()
    left_out = (own_p * (own_log - ((rest + mean.to(p)) / count).clamp_min(tiny).log())).sum(dim=1)
    spread = ((own_p**2 / own).sum(dim=1) - 1) / (2 * (count[:, 0] - 1))

    # how much n_x H(Z | x) falls; a label that occurs once goes with its position
    exact = n_x * by_label[label] - (n_x - 1) * entropy_of(rest / (count - 1)).double()
    linear = -(own_p * own_log).sum(dim=1).double()  # beyond, rounding is more than its error
    fall = entropy_of(p).double()
    fall[kept] = torch.where(n_x > LINEAR_FROM, linear, exact)
    surprise = -(p.double() @ mean.clamp_min(tiny).log())
    repeated = RepeatedTerms(kept.cpu().numpy(), left_out, spread, linear, fall[kept])
    return PositionTerms((surprise - fall).cpu().numpy(), repeated)
