"""The directions in which the loss is steep at w*, whose share of the energy is known."""

import torch
from torch import Tensor

from sklearn_learnability.torch.models._flat_loss import FlatLoss, LossAndGradient

MOST_DIMENSIONS = 500  # of a Hessian
AT_A_TIME = 64  # positions
LEAST_STEEPNESS = 10.0  # n beta h over the localization


def steep_directions(
    flat: FlatLoss,
    loss_and_gradient: LossAndGradient,
    inverse_temperature: float,
    localization: float,
) -> Tensor | None:
    """Return an orthonormal basis (d, k) of the directions that the loss holds, not the pull.

    They are eigenvectors of the Hessian at w*, by differences of gradients. None is returned where
    there are too many directions for that.
    """
    start = flat.start
    if len(start) > MOST_DIMENSIONS:
        return None
    unit = torch.eye(len(start), dtype=start.dtype, device=start.device)
    size = flat.difference_step(start)
    sides = [
        torch.cat([loss_and_gradient(start + side * size * p)[1] for p in unit.split(AT_A_TIME)])
        for side in (1, -1)
    ]
    hessian = (sides[0] - sides[1]).cpu().double() / (2 * size)
    if not hessian.isfinite().all():
        return unit[:, :0]
    curvatures, vectors = torch.linalg.eigh((hessian + hessian.T) / 2)
    steep = inverse_temperature * curvatures > LEAST_STEEPNESS * localization
    return vectors[:, steep].to(start)
