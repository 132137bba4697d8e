"""Soft mutual information of arrays."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from sklearn_learnability.torch.soft_information._information_results import InformationEstimate
from sklearn_learnability.torch.soft_information._soft_information import SoftInformation


def soft_mutual_information(
    z: ArrayLike | Tensor,
    labels: ArrayLike | Tensor,
    n_points: int = 100,
    *,
    mask: ArrayLike | Tensor | None = None,
    sequences: ArrayLike | None = None,
    temperature: str | float = "exact",
    reference_points: ArrayLike | Tensor | None = None,
    n_sampled: int = 2048,
    random_state: int | np.random.RandomState | None = 0,
) -> InformationEstimate:
    r"""Return what vectors keep of their labels, beside what meaningless labels would have given.

    .. math:: I(X; Z) = H(Z) - \sum_x \frac{n_x}{N} H(Z \mid X = x)

    with the entropies of :func:`soft_entropy`. More is more information; compare `information`
    with `null` before anything else. For data that come in batches, or for many layers, use
    :class:`SoftInformation`.

    Parameters
    ----------
    z : array-like or torch.Tensor of shape (..., dim)
        The vectors; their lengths do not matter. Computed in float64.
    labels : array-like of the leading shape of `z`
        Integers or strings; -1, -100 and None are ignored.
    n_points : int, default=100
        Number of reference points.
    mask : array-like of bool of the leading shape of `z`, default=None
        False where a position is not to be counted.
    sequences : array-like of int of shape (len(z),), default=None
        Which entries of the first axis belong together: the interval is over them, and
        `quadratic` leaves pairs of one sequence out. None: every entry is a sequence of its own.
    temperature : {"exact", "paper", "leading"} or float, default="exact"
        The temperature, or the method of :func:`calibrate_temperature`.
    reference_points : array-like of shape (n_points, dim), default=None
        The points. None draws `n_points` of them.
    n_sampled : int, default=2048
        Number of positions to keep for the null, the bracket and the interval.
    random_state : int, RandomState instance or None, default=0
        Source of randomness: of the points and of the sample.

    Returns
    -------
    estimate : InformationEstimate
        The information with its null, bracket and interval.

    Raises
    ------
    ValueError
        If shapes do not agree, there is no position, or vectors are not finite.

    References
    ----------
    H. Conklin et al. Learning is forgetting: LLM training as lossy compression. ICLR, 2026.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_learnability.torch import soft_mutual_information
    >>> rng = np.random.default_rng(0)
    >>> z, meaningless = rng.normal(size=(600, 16)), rng.integers(300, size=600)
    >>> found = soft_mutual_information(z, meaningless)
    >>> print(f"{found.information:.2f}, and {found.null:.2f} by chance")
    0.48, and 0.48 by chance
    """
    vectors = z.detach() if isinstance(z, Tensor) else torch.as_tensor(np.asarray(z))
    accumulator = SoftInformation(
        vectors.shape[-1],
        n_points,
        temperature=temperature,
        reference_points=reference_points,
        dtype=torch.float64,
        n_sampled=n_sampled,
        random_state=random_state,
    )
    accumulator.update(vectors.double(), labels, mask, sequences)
    return accumulator.compute().estimates[0]
