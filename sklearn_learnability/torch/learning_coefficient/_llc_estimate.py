"""What an estimate of the local learning coefficient comes with."""

from dataclasses import asdict, dataclass, field
from math import hypot, isnan

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_learnability._results import Result
from sklearn_learnability.torch.learning_coefficient._flag import Flag

Floats = NDArray[np.float64]
NUMBERS = (
    "value",
    "standard_error",
    "standard_error_between",
    "standard_error_within",
    "bias",
    "total_error",
    "variance_based",
    "variance_based_error",
    "multiplicity_corrected",
    "r_hat",
    "effective_sample_size",
    "half_chain_drift",
    "acceptance",
    "initial_loss",
    "excess_loss",
    "chance_loss",
    "gradient_norm",
    "n_samples",
    "n_parameters",
)


@dataclass(frozen=True, eq=False)
class LLCSettings(Result):
    """The settings a chain ran with.

    Attributes
    ----------
    sampler : str
        Name of the sampler.
    inverse_temperature : float
        Inverse temperature n beta.
    localization : float
        Strength gamma of the pull towards w*.
    step_size : float
        Step size; its mean over chains where they adapt their own.
    n_chains, n_draws, n_discarded : int
        Chains, draws kept of each, and draws discarded before them.
    batch_size : int
        Rows to a batch: those of one gradient; the number of rows where every gradient takes all.
    reasons : tuple of str
        Why the automatic ones were chosen.
    weight_decay : float
        That of the loss that was sampled.
    """

    sampler: str
    inverse_temperature: float
    localization: float
    step_size: float
    n_chains: int
    n_draws: int
    n_discarded: int
    batch_size: int
    reasons: tuple[str, ...] = ()
    weight_decay: float = 0.0


@dataclass(frozen=True, eq=False)
class LLCEstimate(Result):
    """An estimate of the local learning coefficient, with what is needed to judge it.

    Attributes
    ----------
    value : float
        The coefficient at the inverse temperature of the settings.
    standard_error : float
        Of the value, from the chains' autocorrelation and their spread: of sampling alone.
    standard_error_between, standard_error_within : float
        From the spread of the chains' means, and from the draws within them.
    bias : float
        What the finite inverse temperature and the pull add to the value of a regular model, by a
        line in 1 / n beta through the two highest inverse temperatures, or a power of it where
        three show one; on batches what the pull adds, to first order. Below 0 it takes. NaN where
        it is not known.
    variance_based, variance_based_error : float
        A second opinion from the same draws, the variance of t K, t the inverse temperature and K
        the excess loss, and its standard error. It takes no L(w*), and holds where w* is no minimum
        [1]_. NaN where it was not measured.
    bracket : tuple of float
        Lowest and highest value over extrapolations to infinite n beta, for multiplicities up to
        3, widened by two standard errors.
    multiplicity_corrected : float
        The value extrapolated for multiplicity 2; NaN where there is one inverse temperature only.
    per_chain : ndarray of shape (n_chains,)
        The value of each chain; NaN where a chain stopped.
    used : ndarray of bool of shape (n_chains,)
        Which chains the value is of.
    r_hat, effective_sample_size : float
        Split R-hat (between starts where there are two kinds) and effective draws, of the loss.
    half_chain_drift : float
        Difference of the means of the halves of the chains, relative to the value.
    acceptance : float
        Share of proposals accepted; NaN for a sampler without.
    initial_loss, excess_loss, chance_loss : float
        L(w*), the mean of the chain's loss above it, and the loss without inputs (NaN unknown). The
        first two have the penalty of a weight decay in them, the last has none.
    gradient_norm : float
        Norm of the gradient at w*, that of the penalty included.
    n_samples, n_parameters : int
        Rows of data, and parameters that vary.
    settings : LLCSettings
        What the chains ran with.
    flags : tuple of Flag
        Why the value should not be trusted: a code and a sentence each; empty if nothing speaks
        against it.
    loss_trace : ndarray of shape (n_chains, n_draws)
        Excess loss of the draws kept. `arviz.from_dict({"posterior": {"excess_loss": loss_trace}})`
        takes it as it is.
    by_inverse_temperature : DataFrame
        Value and its standard error at every inverse temperature that was sampled.

    References
    ----------
    .. [1] Bypassing minimization bias: a shift-invariant variance estimator for off-equilibrium
       local learning coefficients. 2026. https://doi.org/10.48550/arXiv.2606.22389
    """

    value: float
    standard_error: float
    standard_error_between: float
    standard_error_within: float
    bias: float
    variance_based: float
    variance_based_error: float
    bracket: tuple[float, float]
    multiplicity_corrected: float
    per_chain: Floats
    used: NDArray[np.bool_]
    r_hat: float
    effective_sample_size: float
    half_chain_drift: float
    acceptance: float
    initial_loss: float
    excess_loss: float
    chance_loss: float
    gradient_norm: float
    n_samples: int
    n_parameters: int
    settings: LLCSettings
    flags: tuple[Flag, ...]
    loss_trace: Floats = field(repr=False)
    by_inverse_temperature: pd.DataFrame = field(repr=False)

    @property
    def total_error(self) -> float:
        """The size of the error: that of sampling and the bias, as far as it is known."""
        return self.standard_error if isnan(self.bias) else hypot(self.standard_error, self.bias)

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against the value."""
        return not self.flags

    def to_frame(self) -> pd.DataFrame:
        """Return a table of one row: the numbers, the settings, and the codes of the flags."""
        row = {name: getattr(self, name) for name in NUMBERS}
        row |= {"lower": self.bracket[0], "upper": self.bracket[1]}
        settings = asdict(self.settings)
        del settings["reasons"]
        doubts = {"trusted": self.trusted, "flags": ", ".join(flag.code for flag in self.flags)}
        return pd.DataFrame([row | settings | doubts])

    def summary(self) -> str:
        """Return the estimate in words: value, chains, neighbourhood, settings, and doubts."""
        s = self.settings
        convergence = {
            "R-hat {:.3f}": self.r_hat,
            "{:.0f} effective draws": self.effective_sample_size,
            "halves differ by {:.1%}": self.half_chain_drift,
            "acceptance {:.2f}": self.acceptance,
        }
        loss = {
            "{:.4g} at w*": self.initial_loss,
            "{:+.3g} along the chains": self.excess_loss,
            "{:.4g} by chance": self.chance_loss,
        }
        lines = [
            f"local learning coefficient  {self.value:.4g} ± {self.standard_error:.2g} "
            f"(standard error), of {self.n_parameters} parameters",
            *_second_lines(self),
            f"bracket                     {self.bracket[0]:.4g} to {self.bracket[1]:.4g}",
            f"chains                      {s.n_chains} x {s.n_draws} draws of {s.sampler}, "
            f"{s.n_discarded} discarded before",
            f"convergence                 {_known(convergence)}",
            f"loss                        {_known(loss)}",
            f"gradient at w*              norm {self.gradient_norm:.3g}",
            f"settings                    n beta {s.inverse_temperature:.4g}, "
            f"gamma {s.localization:.4g}, step {s.step_size:.3g}, "
            f"{s.batch_size} of {self.n_samples} rows a step"
            + (f", weight decay {s.weight_decay:.4g}" if s.weight_decay else ""),
            *(f"  because                   {reason}" for reason in s.reasons),
            "trusted                     " + ("yes" if self.trusted else "no"),
            *(f"  {flag}" for flag in self.flags),
        ]
        return "\n".join(lines)


def _second_lines(found: LLCEstimate) -> list[str]:
    """Return the bias and the second opinion, where they are known."""
    lines = []
    if not isnan(found.bias):
        lines.append(
            f"finite n beta and pull add  {found.bias:+.2g}, total error {found.total_error:.2g}"
        )
    if not isnan(found.variance_based):
        second = f"{found.variance_based:.4g} ± {found.variance_based_error:.2g}"
        lines.append(f"by the variance             {second}")
    return lines


def _known(parts: dict[str, float]) -> str:
    """Return the parts of a line whose number is known; one chain has no R-hat, for one."""
    return ", ".join(part.format(number) for part, number in parts.items() if not isnan(number))
