"""Loss and gradient of all rows, at many positions."""

from sklearn_learnability.torch._flat_loss import FlatLoss
from sklearn_learnability.torch._hamiltonian import LossAndGradient


def full_batch_loss(flat: FlatLoss) -> LossAndGradient:
    """Return a function of positions (n_chains, d): losses (n_chains,), gradients (n_chains, d).

    A model that torch.func cannot vectorise is called for one chain after the other.
    """
    batch = flat.everything_at_once()
    if flat.vectorised:
        try:
            flat.values_and_gradients(flat.start.repeat(2, 1), batch)
        except Exception:  # whatever a model does that cannot be vectorised
            flat.vectorised = False
    return lambda positions: flat.values_and_gradients(positions, batch)
