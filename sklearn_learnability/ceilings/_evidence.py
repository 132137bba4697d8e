"""Evidence of how far a ceiling falls short of the truth."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_learnability._folds import make_folds
from sklearn_learnability._probabilities import draw_labels, log_of_probabilities
from sklearn_learnability._results import Result
from sklearn_learnability._tables import comparable_rows, hash_rows
from sklearn_learnability._validation import Floats, Integers, check_groups, nats_per_unit
from sklearn_learnability.ceilings._out_of_fold import TrainingData
from sklearn_learnability.ceilings._refit import RefitError, refit, weights_of
from sklearn_learnability.metrics._blending import cross_fit_pool
from sklearn_learnability.metrics._replicates import replicate_learnability
from sklearn_learnability.metrics._resampling import mean_estimate

if TYPE_CHECKING:
    from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling

#: Two-sided level of the replicates' upper limit, which is tried beside the rule's.
REPLICATE_CONFIDENCE = 0.95

#: Folds within the predicted rows, for calibration and weights.
N_TUNING_FOLDS = 5


@dataclass(frozen=True, eq=False)
class ShortfallEvidence(Result):
    r"""What speaks for a ceiling that falls short; all but counts are shares of H(Y).

    Attributes
    ----------
    n_samples : int
        Rows that the ceiling was scored on.
    n_classes : int
        Classes of the labels.
    gain : float
        What the last two thirds of the training rows added to the information score, in one fold.
        Below 0 by the noise of the labels alone.
    gain_error : float
        Its standard error.
    movement : float
        Mean divergence :math:`\mathrm{KL}(q \| q_{1/3})` of the ceiling's out-of-fold probabilities
        from those of the family fitted on a third of the rows. It has no noise of labels.
    self_gap : float
        Mean divergence of the ceiling's probabilities from those of the family fitted on labels
        drawn from them: how well it finds again a truth of its own kind.
    pooling_gain : float
        Calibrated loss of the best candidate less that of the pool.
    replicate_share : float
        Share of the rows whose inputs another row has as well; NaN where rows are weighted or come
        in groups, or cannot be compared.
    replicate_learnability, replicate_limit : float
        What those rows allow at most, whatever the model, and the upper limit of that; NaN where
        the share is.
    """

    n_samples: int
    n_classes: int
    gain: float
    gain_error: float
    movement: float
    self_gap: float
    pooling_gain: float
    replicate_share: float
    replicate_learnability: float
    replicate_limit: float

    def to_frame(self) -> pd.DataFrame:
        """Return the evidence as a table of one row."""
        return pd.DataFrame([asdict(self)])


def measure_evidence(
    ceiling: "GoldenModelCeiling",
    data: TrainingData,
    groups: ArrayLike | None,
) -> tuple[ShortfallEvidence, str]:
    """Return the evidence about a ceiling, and why it lacks the part that rests on fits, if so."""
    try:
        fitted, reason = evidence_of_fits(ceiling, data, groups), ""
    except RefitError as error:
        names = ("gain", "gain_error", "movement", "self_gap")
        fitted, reason = dict.fromkeys(names, float("nan")), str(error)
    losses = ceiling.candidates_["calibrated_nll"]
    evidence = ShortfallEvidence(
        n_samples=int(np.isfinite(ceiling.oof_nll_).sum()),
        n_classes=len(data.classes),
        pooling_gain=float(losses.min() - ceiling.nll_) / ceiling.label_entropy_,
        **fitted,
        **replicates(ceiling, data, groups),
    )
    return evidence, reason


def evidence_of_fits(
    ceiling: "GoldenModelCeiling", data: TrainingData, groups: ArrayLike | None
) -> dict[str, float]:
    """Return the evidence for which the family is fitted again.

    On training rows of the last fold (of folds in order, the one with the most rows): on a third of
    them, and on all with labels drawn from the ceiling.
    """
    rng = np.random.RandomState(ceiling._record.seed)
    entropy = ceiling.label_entropy_ * nats_per_unit(ceiling.units_)
    train, test = ceiling._record.folds.splits[-1]
    if len(test) < N_TUNING_FOLDS:
        raise RefitError(
            f"Expected {N_TUNING_FOLDS} test rows in a fold, to calibrate on, got {len(test)}."
        )
    weight = weights_of(data)[test]
    log_proba = log_of_probabilities(ceiling.oof_proba_[test])

    third = train[nested_rows(data.codes[train], groups_of(groups, train), rng)]
    earlier = refitted_log_proba(ceiling, data, third[: -(-len(third) // 3)], test, rng)
    rows = np.arange(len(test))
    lost = (log_proba - earlier)[rows, data.codes[test]] / entropy
    gain = mean_estimate(lost, sample_weight=weight, groups=groups_of(groups, test))

    simulated, known = simulate(ceiling, data, rng)
    learned = refitted_log_proba(ceiling, simulated, np.intersect1d(train, known), test, rng)
    return {
        "gain": gain.value,
        "gain_error": gain.standard_error,
        "movement": mean_divergence(log_proba, earlier, weight) / entropy,
        "self_gap": mean_divergence(log_proba, learned, weight) / entropy,
    }


def simulate(
    ceiling: "GoldenModelCeiling", data: TrainingData, rng: np.random.RandomState
) -> tuple[TrainingData, Integers]:
    """Return the rows with labels drawn from the ceiling, and which rows it gives labels to."""
    known = np.flatnonzero(np.isfinite(ceiling.oof_nll_))
    codes = np.array(data.codes)
    codes[known] = draw_labels(ceiling.oof_proba_[known], rng)
    return replace(data, codes=codes), known


def replicates(
    ceiling: "GoldenModelCeiling", data: TrainingData, groups: ArrayLike | None
) -> dict[str, float]:
    """Return what rows of equal inputs say, where rows are independent and of equal weight."""
    unknown = dict.fromkeys(
        ("replicate_share", "replicate_learnability", "replicate_limit"), float("nan")
    )
    scored = np.flatnonzero(np.isfinite(ceiling.oof_nll_))
    frame = comparable_rows(data.X)
    hashes = None if frame is None else hash_rows(frame)
    is_even = data.weight is None or np.ptp(data.weight) == 0
    if hashes is None or groups is not None or ceiling._record.folds.along_rows or not is_even:
        return unknown
    cells, counts = np.unique(hashes[scored], return_inverse=True, return_counts=True)[1:]
    found = replicate_learnability(data.codes[scored], cells, REPLICATE_CONFIDENCE)
    share = float((counts[cells] > 1).mean())
    return dict(zip(unknown, (share, found.value, found.upper), strict=True))


def mean_divergence(log_p: Floats, log_q: Floats, weight: Floats) -> float:
    """Return the weighted mean of KL(p || q) over the rows, in nats."""
    divergence = (np.exp(log_p) * (log_p - log_q)).sum(axis=1)
    return float(np.average(divergence, weights=weight))


def groups_of(groups: ArrayLike | None, rows: Integers) -> Integers | None:
    """Return the numbers of the groups of some rows, None without groups."""
    return None if groups is None else check_groups(np.asarray(groups)[rows], len(rows))


def nested_rows(codes: Integers, groups: Integers | None, rng: np.random.RandomState) -> Integers:
    """Return positions in an order whose every beginning has about the same class frequencies.

    Groups stay whole, in random order.
    """
    if groups is not None:
        return np.argsort(rng.permutation(groups.max() + 1)[groups], kind="stable")
    shuffled = rng.permutation(len(codes))
    place = np.empty(len(codes))
    for code in np.unique(codes):
        own = shuffled[codes[shuffled] == code]
        place[own] = (np.arange(len(own)) + rng.random_sample()) / len(own)
    return np.argsort(place, kind="stable")


def refitted_log_proba(
    ceiling: "GoldenModelCeiling",
    data: TrainingData,
    train: Integers,
    test: Integers,
    rng: np.random.RandomState,
) -> Floats:
    """Return the log-probabilities (n_test, K) of the family fitted again, on other rows.

    Candidates are built for a table of 5/4 as many rows as they are fitted on, as in five folds.
    Their calibration and weights are cross-fitted within the test rows.
    """
    fits = refit(ceiling, data, [(np.sort(train), test)], len(train) * 5 // 4, rng)
    codes, weight = data.codes[test], weights_of(data)[test]
    return cross_fit_pool(
        codes,
        np.stack([own[0].log_proba for own in fits if own[0].log_proba is not None]),
        weight,
        make_folds(N_TUNING_FOLDS, None, codes, random_state=rng).tuning_rows(weight),
        calibration=ceiling._record.calibration,
        blend=ceiling._record.blend,
    )[1]
