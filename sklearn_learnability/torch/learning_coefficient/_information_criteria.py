"""What the losses of rows say of fresh ones: singular fluctuation, WAIC and WBIC."""

import math
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_learnability._results import Result
from sklearn_learnability.torch.learning_coefficient._posterior_moments import (
    Moment,
    mean_over_draws,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class InformationCriteria(Result):
    r"""What the losses of rows say of fresh ones, if they are negative log-likelihoods in nats.

    With n targets, the posterior at the chains' inverse temperature :math:`\beta` of a target, and
    :math:`\ell_i` the loss of row i:

    .. math::

       T = -\frac{1}{n} \sum_i \log E[e^{-\ell_i(w)}], \quad
       V = \sum_i \mathrm{Var}(\ell_i(w)), \quad
       \mathrm{WAIC} = T + \beta V / n, \quad \hat\nu = \beta V / 2

    WAIC estimates the loss on fresh rows of the predictions averaged over this posterior: lower is
    better. At :math:`\beta = 1` it and V are the classical ones, of Bayes' posterior; its prior is
    the pull towards w*. For a regular model that can be true, :math:`\nu` is half the number of
    parameters at any :math:`\beta`. Losses that classes weigh are no negative log-likelihoods: V
    and WAIC then depend on the scale of the weights.

    .. math:: \mathrm{WBIC} = n L(w^*) + \hat\lambda \log n

    estimates the negative log marginal likelihood: lower is better. At
    :math:`n\beta = n / \log n` it is :math:`n E[L(w)]`, the classical one; elsewhere it takes the
    coefficient as the same there.

    Attributes
    ----------
    waic, waic_error, waic_drift : float
        WAIC, nats a target; its standard error, and that of the second half of the chains less that
        of the first.
    training_loss, training_loss_error, training_loss_drift : float
        T, nats a target.
    functional_variance, functional_variance_error, functional_variance_drift : float
        V, in nats squared.
    singular_fluctuation, singular_fluctuation_error, singular_fluctuation_drift : float
        The singular fluctuation, without a unit.
    wbic, wbic_error, wbic_drift : float
        WBIC, in nats.
    inverse_temperature : float
        Inverse temperature of a target: 1 is that of Bayes' posterior.
    n_targets : float
        Number n of targets that the loss is a mean of: rows, or tokens.
    """

    waic: float
    waic_error: float
    waic_drift: float
    training_loss: float
    training_loss_error: float
    training_loss_drift: float
    functional_variance: float
    functional_variance_error: float
    functional_variance_drift: float
    singular_fluctuation: float
    singular_fluctuation_error: float
    singular_fluctuation_drift: float
    wbic: float
    wbic_error: float
    wbic_drift: float
    inverse_temperature: float
    n_targets: float

    def to_frame(self) -> pd.DataFrame:
        """Return a table of one row."""
        return pd.DataFrame([{part.name: getattr(self, part.name) for part in fields(self)}])


def information_criteria(
    losses: NDArray[np.floating], initial: Floats, weights: Floats, beta: float, n_targets: float
) -> InformationCriteria:
    """Return the criteria from draws (n_chains, n_draws, n_rows), at w* and how rows count.

    Losses are means over the targets of a row, as many as its weight. Where the rows are some of
    those the chains ran on, they stand for all.
    """
    scale = n_targets / weights.sum()
    excess = np.asarray(losses, dtype=np.float64) - initial
    mean = excess.mean(axis=(0, 1))
    variance = mean_over_draws(scale * ((weights * (excess - mean)) ** 2).sum(axis=2))
    gains = -weights * (excess - mean)
    most = gains.max(axis=(0, 1))  # taken out, so that nothing overflows
    likelihood = np.exp(gains - most)
    average = likelihood.mean(axis=(0, 1))
    at_start, total = initial @ weights, weights.sum()
    level = float(at_start + weights @ mean - (most + np.log(average)).sum()) / total
    # what each draw adds to T, to first order
    slopes = -(likelihood / average - 1).sum(axis=2) / total
    squares = scale * ((weights * (excess - mean)) ** 2).sum(axis=2) * beta / n_targets
    waic = mean_over_draws(level + slopes + squares)
    training = mean_over_draws(level + slopes)
    coefficient = mean_over_draws(beta * n_targets * (excess @ weights) / total)
    wbic = n_targets * at_start / total + math.log(n_targets) * np.array(coefficient)
    parts = {
        "waic": waic,
        "training_loss": training,
        "functional_variance": variance,
        "singular_fluctuation": Moment(*(beta / 2 * part for part in variance)),
        "wbic": Moment(wbic[0], *(math.log(n_targets) * part for part in coefficient[1:])),
    }
    named = {
        f"{name}{end}": float(part)
        for name, moment in parts.items()
        for end, part in zip(("", "_error", "_drift"), moment, strict=True)
    }
    return InformationCriteria(**named, inverse_temperature=beta, n_targets=n_targets)
