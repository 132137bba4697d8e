"""Pool of calibrated predicted distributions: log-linear, with non-negative weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp

from sklearn_learnability._tables import row_blocks
from sklearn_learnability._thinning import thin_rows
from sklearn_learnability._validation import Floats
from sklearn_learnability.metrics._calibrators import CalibrationMap, fit_calibration_map

#: Rows times classes that calibration and weights are fitted on at most, and pooled at once.
MOST_ENTRIES, ENTRIES_OF_A_BLOCK = 8_000_000, 2_000_000

#: A member whose evidence varies less than this over all rows says nothing about any of them.
TELLING_SPREAD = 0.01


@dataclass(frozen=True)
class CalibratedPool:
    r"""Calibrated members, pooled in the logarithm around the class frequencies.

    .. math:: \log q(k) = \log \pi_k + \sum_m v_m (\log p_m(k) - \log \pi_k) - \log Z

    Weights are non-negative. One minus their sum is the weight of the frequencies :math:`\pi`:
    weights of 0 give the frequencies themselves, so that a pool of useless members costs nothing.
    """

    calibrations: tuple[CalibrationMap | None, ...]
    weights: Floats
    log_prior: Floats

    def calibrate(self, log_probas: Floats) -> Floats:
        """Return every member's calibrated log-probabilities, (M, n, K) in and out."""
        pairs = zip(self.calibrations, log_probas, strict=True)
        return np.stack([c.log_proba(member) if c else member for c, member in pairs])

    def log_proba(self, calibrated: Floats) -> Floats:
        """Return the pooled log-probabilities (n, K) of calibrated members (M, n, K)."""
        pooled = np.tensordot(self.weights, calibrated, axes=1)
        return log_softmax(pooled + (1 - self.weights.sum()) * self.log_prior, axis=1)


def fit_calibrated_pool(
    codes: NDArray[np.integer],
    log_probas: Floats,
    sample_weight: Floats,
    *,
    calibration: str | None,
    blend: str,
) -> CalibratedPool:
    """Calibrate every member, then weigh them.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Column of every row's label.
    log_probas : ndarray of shape (M, n, K)
        Log-probabilities of the members, on rows they were not fitted on.
    sample_weight : ndarray of shape (n,)
        Non-negative weights.
    calibration : str or None
        Family of maps: "affine", "temperature", "vector", "matrix", "beta" or "isotonic".
    blend : {"log-linear", "best"}
        Weights that minimise the loss, or all weight on the member with the lowest loss.
    """
    n_members, n_samples, n_classes = log_probas.shape
    calibrations: tuple[CalibrationMap | None, ...] = (None,) * n_members
    if calibration is not None:
        calibrations = tuple(
            fit_calibration_map(codes, member, sample_weight, calibration) for member in log_probas
        )
    share = sample_weight / sample_weight.sum()
    # half a row a class keeps the logarithm finite where a class is absent
    mass = np.bincount(codes, weights=share, minlength=n_classes) + 0.5 / n_samples
    log_prior = np.log(mass / mass.sum())
    unweighted = CalibratedPool(calibrations, np.zeros(n_members), log_prior)
    calibrated = unweighted.calibrate(log_probas)
    if blend == "best":
        loss = -(calibrated[:, np.arange(n_samples), codes] @ share)
        weights = (np.arange(n_members) == loss.argmin()).astype(np.float64)
    else:
        weights = log_linear_weights(codes, calibrated - log_prior, share, log_prior)
    return CalibratedPool(calibrations, weights, log_prior)


def fit_pool_of_rows(
    codes: NDArray[np.integer],
    log_probas: NDArray[np.floating],
    sample_weight: Floats,
    rows: NDArray[np.integer],
    **options: Any,
) -> CalibratedPool:
    """Return :func:`fit_calibrated_pool` of some rows, thinned where they are too many to hold.

    So few numbers are fitted that `MOST_ENTRIES`, rows times classes, tell them.
    """
    weight, most_rows = sample_weight[rows], MOST_ENTRIES // log_probas.shape[2]
    if len(rows) > most_rows:
        some, weight = thin_rows(codes[rows], weight, most_rows, np.random.RandomState(0))
        rows = rows[some]
    members = log_probas[:, rows].astype(np.float64, copy=False)
    return fit_calibrated_pool(codes[rows], members, weight, **options)


def cross_fit_pool(
    codes: NDArray[np.integer],
    log_probas: NDArray[np.floating],
    sample_weight: Floats,
    tuning_rows: list[tuple[NDArray[np.integer], NDArray[np.integer]]],
    *,
    calibration: str | None,
    blend: str,
) -> tuple[Floats, Floats]:
    """Calibrate and pool rows by what was fitted on other rows.

    Parameters
    ----------
    codes, log_probas, sample_weight, calibration, blend
        As for :func:`fit_calibrated_pool`.
    tuning_rows : list of pairs of ndarray
        Rows to fit on and rows to apply to, in turn.

    Returns
    -------
    of_labels : ndarray of shape (M, n)
        The members' calibrated log-probabilities of the labels, NaN in rows applied to by none.
    pooled : ndarray of shape (n, K)
        The pool's log-probabilities, NaN in rows applied to by none.
    """
    n_members, n_samples, n_classes = log_probas.shape
    of_labels = np.full((n_members, n_samples), np.nan)
    pooled = np.full((n_samples, n_classes), np.nan)
    for others, rows in tuning_rows:
        pool = fit_pool_of_rows(
            codes, log_probas, sample_weight, others, calibration=calibration, blend=blend
        )
        for _, block in row_blocks(rows, max(1, ENTRIES_OF_A_BLOCK // n_classes)):
            calibrated = pool.calibrate(log_probas[:, block].astype(np.float64, copy=False))
            of_labels[:, block] = calibrated[:, np.arange(len(block)), codes[block]]
            pooled[block] = pool.log_proba(calibrated)
    return of_labels, pooled


def log_linear_weights(
    codes: NDArray[np.integer], evidence: Floats, share: Floats, log_prior: Floats
) -> Floats:
    """Return the non-negative weights of the evidence (M, n, K) with the lowest mean log-loss.

    Convex, hence one minimum. A ridge worth one row pulls to the plain average and so decides
    between members that say the same; a member without evidence gets the weight 0.
    """
    n_members, n_samples, _ = evidence.shape
    rows = np.arange(n_samples)
    true_evidence = evidence[:, rows, codes]  # (M, n)
    average = 1 / n_members

    def loss_and_gradient(weights: Floats) -> tuple[float, Floats]:
        logits = np.tensordot(weights, evidence, axes=1) + log_prior
        normaliser = logsumexp(logits, axis=1)
        proba = np.exp(logits - normaliser[:, None])
        loss = share @ (normaliser - logits[rows, codes])
        expected = np.einsum("mnk,nk->mn", evidence, proba)
        gradient = (expected - true_evidence) @ share
        pull = weights - average
        return loss + pull @ pull / (2 * n_samples), gradient + pull / n_samples

    spread = np.ptp(evidence, axis=1).max(axis=1)
    solution = minimize(
        loss_and_gradient,
        np.where(spread > TELLING_SPREAD, average, 0.0),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None if s > TELLING_SPREAD else 0) for s in spread],
        options={"ftol": 1e-12, "gtol": 1e-8},
    )
    return np.asarray(solution.x, dtype=np.float64)
