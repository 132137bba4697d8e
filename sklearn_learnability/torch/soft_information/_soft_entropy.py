"""Soft assignment of representations to reference points, and the entropy of its mean."""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from sklearn_learnability._validation import check_random_state
from sklearn_learnability.torch.soft_information._temperature import resolve_temperature


def draw_reference_points(
    dim: int, n_points: int, random_state: int | np.random.RandomState | None
) -> Tensor:
    """Return points uniform on the unit sphere (m, d), in float64, the same for every device."""
    points = check_random_state(random_state).normal(size=(n_points, dim))
    return torch.from_numpy(points / np.linalg.norm(points, axis=1, keepdims=True))


def check_reference_points(points: ArrayLike | Tensor, dim: int) -> Tensor:
    """Return given points (m, d) in float64, scaled to unit length."""
    points = torch.as_tensor(points, dtype=torch.float64, device="cpu")
    if points.ndim != 2 or len(points) < 2 or points.shape[1] != dim:
        raise ValueError(
            f"Expected reference_points of shape (n_points, {dim}), got {tuple(points.shape)}."
        )
    points, norm = in_range(points, vector_lengths(points))
    wrong = ~(torch.isfinite(norm) & (norm > 0))
    if wrong.any():
        raise ValueError(
            "Expected reference_points that are finite and not zero, got others, the first at row "
            f"{int(wrong.nonzero()[0])}."
        )
    return points / norm[:, None]


def working_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return float64 for float64, float32 for all smaller floats."""
    if not dtype.is_floating_point:
        raise ValueError(f"Expected hidden states of a floating-point dtype, got {dtype}.")
    return torch.float64 if dtype == torch.float64 else torch.float32


def vector_lengths(z: Tensor) -> Tensor:
    """Return the lengths (n,) of vectors (n, d), in their working type."""
    return torch.linalg.vector_norm(z, dim=1, dtype=working_dtype(z.dtype))


def out_of_range(norm: Tensor) -> Tensor:
    """Return where the squares of a length over- or underflow, or the vector is 0 or not finite."""
    limits = torch.finfo(norm.dtype)
    return ~((norm > 1e6 * math.sqrt(limits.tiny)) & (norm < 1e-6 * math.sqrt(limits.max)))


def in_range(z: Tensor, norm: Tensor) -> tuple[Tensor, Tensor]:
    """Return vectors (n, d) and lengths (n,), those out of range divided by their largest entry.

    Directions stay as they are; what is 0 or not finite stays as it is.
    """
    far = out_of_range(norm)
    if not far.any():
        return z, norm
    z = z.to(norm.dtype)
    largest = torch.linalg.vector_norm(z.detach(), math.inf, dim=1)
    far &= torch.isfinite(largest) & (largest > 0)
    z = z / torch.where(far, largest, 1)[:, None]
    return z, vector_lengths(z)


class Assignment(NamedTuple):
    """Soft assignments of n vectors to m points, with the entropy of each in nats."""

    proba: Tensor  # (n, m)
    entropy: Tensor  # (n,)


def assign(z: Tensor, norm: Tensor, points: Tensor, temperature: float) -> Assignment:
    """Return the softmax over points of cosine / temperature; equal shares for zero vectors.

    `z` (n, d) and its lengths `norm` (n,) have the dtype of `points` (m, d). The vectors are
    scaled after the product, so that no copy of them is made.
    """
    scale = 1 / (torch.where(norm > 0, norm, 1) * temperature)
    logits = (z @ points.T) * scale[:, None]
    proba = torch.softmax(logits, dim=1)
    # ln of the partition function from the largest share, which cannot underflow
    top, at = logits.max(dim=1)
    log_partition = top - proba.gather(1, at[:, None])[:, 0].log()
    return Assignment(proba, log_partition - (proba * logits).sum(dim=1))


def assign_layers(
    layers: list[Tensor], norms: list[Tensor], points: Tensor, temperature: float
) -> list[Assignment]:
    """Return the assignments of each layer, from its vectors (n, d) and their lengths (n,)."""
    points = points.to(working_dtype(layers[0].dtype)).to(layers[0].device)
    with torch.no_grad(), torch.autocast(layers[0].device.type, enabled=False):
        return [
            assign(z.to(points.dtype), norm, points.to(z.device), temperature)
            for z, norm in zip(layers, norms, strict=True)
        ]


def entropy_of(proba: Tensor) -> Tensor:
    """Return the Shannon entropy of distributions along the last axis, in nats."""
    tiny = torch.finfo(proba.dtype).tiny
    return -(proba * proba.clamp_min(tiny).log()).sum(dim=-1)


def soft_entropy(
    z: ArrayLike | Tensor,
    n_points: int = 100,
    *,
    temperature: str | float = "exact",
    reference_points: ArrayLike | Tensor | None = None,
    random_state: int | np.random.RandomState | None = 0,
) -> float | Tensor:
    r"""Return how evenly directions of vectors are spread over the sphere, from 0 to 1.

    .. math:: p_{ij} = \frac{\exp(w_j^T z_i / (\varepsilon \lVert z_i \rVert))}
                            {\sum_k \exp(w_k^T z_i / (\varepsilon \lVert z_i \rVert))}, \qquad
              P_j = \frac{1}{n} \sum_i p_{ij}, \qquad
              H(Z) = -\frac{1}{\ln m} \sum_j P_j \ln P_j

    with reference points :math:`w_j` drawn uniformly on the unit sphere. Equal to 1 where the mean
    assignment is uniform. It is differentiable, and may stand in a loss.

    Parameters
    ----------
    z : array-like or torch.Tensor of shape (..., dim)
        The vectors; their lengths do not matter. A zero vector is assigned equally to all points.
    n_points : int, default=100
        Number of reference points: m of the formula.
    temperature : {"exact", "paper", "leading"} or float, default="exact"
        The temperature, or the method of :func:`calibrate_temperature`.
    reference_points : array-like of shape (n_points, dim), default=None
        The points. None draws `n_points` of them.
    random_state : int, RandomState instance or None, default=0
        Source of randomness: of the points. Entropies are comparable under the same points.

    Returns
    -------
    entropy : float or torch.Tensor of shape ()
        The entropy in units of ln(n_points) nats. A tensor if `z` is one.

    Raises
    ------
    ValueError
        If `z` is empty, not of floating point, or holds values that are not finite.

    References
    ----------
    H. Conklin. Information structure in mappings: an approach to learning, representation and
    generalisation. The University of Edinburgh, 2025. https://doi.org/10.48550/arXiv.2505.23960

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_learnability.torch import soft_entropy
    >>> rng = np.random.default_rng(0)
    >>> spread, narrow = rng.normal(size=(2000, 16)), rng.normal(loc=3, size=(2000, 16))
    >>> round(soft_entropy(spread), 3), round(soft_entropy(narrow), 3)
    (0.995, 0.351)
    """
    vectors = z if isinstance(z, Tensor) else torch.as_tensor(np.asarray(z, dtype=np.float64))
    if vectors.ndim < 1 or vectors.numel() == 0:
        raise ValueError(f"Expected vectors of shape (..., dim), got {tuple(vectors.shape)}.")
    vectors = vectors.reshape(-1, vectors.shape[-1]).to(working_dtype(vectors.dtype))
    dim = vectors.shape[1]
    if reference_points is None:
        points = draw_reference_points(dim, n_points, random_state)
    else:
        points = check_reference_points(reference_points, dim)
    vectors, norm = in_range(vectors, vector_lengths(vectors))
    if not torch.isfinite(norm).all():
        position = int((~torch.isfinite(norm)).nonzero()[0])
        raise ValueError(f"Expected finite vectors, got NaN or infinity in vector {position}.")
    value = resolve_temperature(temperature, dim, len(points))
    proba = assign(vectors, norm, points.to(vectors), value).proba
    entropy = entropy_of(proba.mean(dim=0)) / math.log(len(points))
    return entropy if isinstance(z, Tensor) else float(entropy)
