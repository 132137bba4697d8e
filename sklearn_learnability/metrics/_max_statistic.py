"""P-values of several tests at once, from statistics in the same orders."""

import numpy as np

from sklearn_learnability._validation import Floats
from sklearn_learnability.metrics._rank_comparison import SAME


def adjusted_p_values(found: Floats) -> Floats:
    """Return p-values corrected for the number of tests, by Westfall and Young's step-down maximum.

    They are right however the tests depend on each other, and nearly those of one test where all
    tests say the same. `found` has a row an order, the one seen first, and a column a test; a
    column without numbers has no p-value.

    References
    ----------
    P. H. Westfall and S. S. Young. Resampling-Based Multiple Testing. Wiley, 1993.
    """
    adjusted = np.full(found.shape[1], np.nan)
    tests = np.flatnonzero(np.isfinite(found[0]))
    highest, largest = np.zeros(len(found)), 0.0
    found_of = tests[np.argsort(found[0, tests], kind="stable")]
    for test in found_of:  # from the weakest on: each competes with the weaker ones
        highest = np.maximum(highest, found[:, test])
        adjusted[test] = (highest >= SAME * found[0, test]).mean()
    for test in found_of[::-1]:
        largest = max(largest, adjusted[test])
        adjusted[test] = largest
    return adjusted
