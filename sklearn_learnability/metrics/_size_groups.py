"""Models of about equal size, to compare among each other."""

import numpy as np
from numpy.typing import ArrayLike

from sklearn_learnability._validation import Integers, as_numbers, check_number


def size_groups(size: ArrayLike, *, ratio: float = 1.25) -> Integers:
    r"""Group models whose sizes are equal up to a ratio.

    From the smallest model up, a group takes in all models of at most `ratio` times the size of its
    smallest. Give it as `groups` to :func:`~sklearn_learnability.metrics.spearman`: models are then
    compared with models of their size alone.

    Parameters
    ----------
    size : array-like of shape (n_points,)
        Size of each model, such as its number of parameters; above 0. No logarithm.
    ratio : float, default=1.25
        Largest size over smallest size within a group; at least 1.

    Returns
    -------
    array of shape (n_points,)
        Number of the group of each model, 0 for the smallest.

    Raises
    ------
    ValueError
        If a size is not finite or not above 0, or `ratio` below 1.

    Examples
    --------
    >>> from sklearn_learnability.metrics import size_groups
    >>> size_groups([7e9, 1e9, 8e9, 70e9, 1.1e9]).tolist()
    [1, 0, 1, 2, 0]
    """
    check_number("ratio", ratio, 1, 1e300)
    sizes = as_numbers("size", size)
    if sizes.ndim != 1 or not len(sizes):
        raise ValueError(f"Expected size as a vector, got shape {sizes.shape}.")
    if not (np.isfinite(sizes) & (sizes > 0)).all():
        raise ValueError(f"Expected finite sizes above 0, got {sizes.min():g} to {sizes.max():g}.")
    order = np.argsort(sizes, kind="stable")
    groups = np.empty(len(sizes), dtype=int)
    group, smallest = -1, 0.0
    for model in order:
        if group < 0 or sizes[model] / ratio > smallest:  # a product could be infinite
            group, smallest = group + 1, sizes[model]
        groups[model] = group
    return groups
