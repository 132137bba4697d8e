"""How much information labels without meaning seem to carry, by how often each occurs."""

import numpy as np
import torch
from torch import Tensor

from sklearn_learnability.torch.soft_information._soft_entropy import entropy_of


class SizeCurve:
    r"""Bias of the entropy of n random assignments: c(n) = n (H(Z) - h(n)) / (1 - (n-1)/(N-1)).

    The curve is nearly flat, from the ceiling at n = 1 to half the sum of relative variances at
    infinity, and is interpolated in 1/n.
    """

    def __init__(self, proba: Tensor, rng: np.random.RandomState, n_sizes: int = 24):
        n_rows = len(proba)
        self.inverse, self.bias = np.array([0.0, 1.0]), np.zeros(2)
        if n_rows < 2:
            return
        mean = proba.mean(dim=0, dtype=torch.float64)
        entropy = float(entropy_of(mean))
        first = entropy - float(entropy_of(proba).double().mean())
        tiny = torch.finfo(torch.float64).tiny
        last = float((proba.double().var(dim=0) / mean.clamp_min(tiny)).sum()) / 2
        largest = max(n_rows // 16, min(n_rows // 2, 64))
        sizes = np.unique(np.geomspace(2, max(largest, 2), n_sizes).astype(int))
        sizes = sizes[sizes <= n_rows // 2]
        n_orders = max(1, round(2048 / n_rows))
        orders = np.stack([rng.permutation(n_rows) for _ in range(n_orders)])
        shuffled = proba[torch.from_numpy(orders)]
        bias = [self._bias(shuffled, int(n), entropy) for n in sizes]
        self.inverse = np.concatenate([[0.0], 1 / sizes[::-1], [1.0]])
        self.bias = np.concatenate([[last], bias[::-1], [first]])

    @staticmethod
    def _bias(shuffled: Tensor, n: int, entropy: float) -> float:
        """Return c(n) from disjoint groups of n rows, of rows in several orders (o, R, m)."""
        n_orders, n_rows, n_points = shuffled.shape
        groups = shuffled[:, : n_rows // n * n].reshape(n_orders, -1, n, n_points).mean(dim=2)
        expected = float(entropy_of(groups).double().mean())
        return n * (entropy - expected) / (1 - (n - 1) / (n_rows - 1))

    def null(self, ceiling: float, counts: Tensor, n_once: int) -> float:
        """Return the mean information, in nats, of random labels of these sizes."""
        sizes = counts.cpu().numpy().astype(np.float64)
        n = sizes.sum() + n_once
        if n < 2:
            return 0.0
        bias = np.interp(1 / sizes, self.inverse, self.bias)
        scale = ceiling / self.bias[-1] if self.bias[-1] > 1e-12 else 1.0
        total = float(bias @ ((n - sizes) / (n - 1))) * scale + n_once * ceiling
        return float(total / n)
