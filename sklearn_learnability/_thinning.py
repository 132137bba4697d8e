"""Fewer rows that stand for many."""

import numpy as np

from sklearn_learnability._validation import Floats, Integers

#: What every class is given first, in parts of an equal share, so that a rare one is kept.
PARTS_OF_AN_EQUAL_SHARE = 10


def thin_rows(
    codes: Integers, weight: Floats, most_rows: int, rng: np.random.RandomState
) -> tuple[Integers, Floats]:
    r"""Return the positions of at most `most_rows` rows, in order, and the weights to give them.

    Every class gets a tenth of an equal share, as far as it has rows, and of the rest its part. Of
    its rows, in random order, those are taken in which m evenly spaced points of the running sum of
    their weights fall. A row counts

    .. math:: w'_i \propto h_i W_c / m_c

    with h points in it, so that sums over rows are unbiased, heavy rows are always among those
    taken, and rows without weight never. The mean weight stays as it is.
    """
    counted = np.flatnonzero(weight > 0)
    if len(counted) <= most_rows:
        return counted, weight[counted]
    counts = np.bincount(codes[counted])
    n_first = most_rows // (PARTS_OF_AN_EQUAL_SHARE * int(np.count_nonzero(counts)))
    first = np.minimum(counts, max(n_first, 1))
    share = max(most_rows - first.sum(), 0) / max((counts - first).sum(), 1)
    kept = first + np.floor(share * (counts - first)).astype(np.int64)
    shuffled = rng.permutation(counted)
    by_class = shuffled[np.argsort(codes[shuffled], kind="stable")]
    starts = rng.uniform(size=len(counts))
    parts = [
        _points_on(rows, weight[rows], n_points, start)
        for rows, n_points, start in zip(
            np.split(by_class, np.cumsum(counts)[:-1]), kept, starts, strict=True
        )
        if n_points
    ]
    rows, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(rows)
    return rows[order], weights[order] * (len(rows) / len(counted))


def _points_on(
    rows: Integers, weight: Floats, n_points: int, start: float
) -> tuple[Integers, Floats]:
    """Return the rows in which evenly spaced points of the sum of weights fall, and new weights."""
    if n_points == len(rows):
        return rows, weight
    total = np.cumsum(weight)
    step = total[-1] / n_points
    points = (np.arange(n_points) + start) * step
    found = np.minimum(np.searchsorted(total, points, side="right"), len(rows) - 1)
    hit, hits = np.unique(found, return_counts=True)
    return rows[hit], hits * step
