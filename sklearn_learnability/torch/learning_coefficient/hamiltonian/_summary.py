"""From the draws of Hamiltonian chains to the estimate."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_learnability.torch.learning_coefficient._chain_diagnostics import (
    effective_sample_size,
    half_chain_drift,
    split_r_hat,
    standard_error_between,
    standard_error_within,
)
from sklearn_learnability.torch.learning_coefficient._flag import warn_of
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate, LLCSettings
from sklearn_learnability.torch.learning_coefficient.hamiltonian._extrapolation import (
    Extrapolation,
    extrapolate,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian._flags import (
    Evidence,
    difference_of_starts,
    flags_of,
)
from sklearn_learnability.torch.learning_coefficient.hamiltonian._settings import (
    HamiltonianSettings,
)

Floats = NDArray[np.float64]
LEAST_SHARE_EXPLAINED, LARGEST_PULL = 0.9, 0.08
SMALLEST_FLAT = 0.05  # share of the coordinates that the pull alone holds, where any are flat


@dataclass
class DrawsOfChains:
    """Draws at one inverse temperature, (n_chains, n_draws) each.

    `excess` is L(w) - L(w*). The virials are (w - w*) grad U - d, whose mean is 0, over the d
    directions that are steep at w* and over the others. `pull` is gamma |w - w*|^2 / d, near 1 if
    nothing but the localization holds the chain, over all directions and over the steep ones. Then
    the mean chance of acceptance and the share of divergences of every draw.
    """

    inverse_temperature: float
    step_size: float
    excess: Floats
    steep_virial: Floats
    other_virial: Floats
    steep_pull: Floats
    pull: Floats
    acceptance: Floats
    divergences: Floats


class MeanOfDraws(NamedTuple):
    """The value at an inverse temperature, its standard errors, and the value of every chain."""

    value: float
    between: float
    within: float
    per_chain: Floats

    @property
    def error(self) -> float:
        """The larger of the two standard errors."""
        return float(np.fmax(self.between, self.within))


def mean_of(drawn: DrawsOfChains) -> MeanOfDraws:
    """Return the mean of t K, less noise that is known.

    Where nearly all of t K is a sum of multiples of the virials, as for quadratic and quartic
    forms, these are subtracted: control variates, whose mean is known to be 0. Not those of flat
    directions, which mix slowly. Chains that accepted nothing are left out.
    """
    whole = moved(drawn)
    energy = drawn.inverse_temperature * drawn.excess
    x = energy[whole]
    known = [virial for virial in virials_of(drawn, whole) if virial[whole].var() > 0]
    if known and x.var() > 0:
        centred = np.stack([(v[whole] - v[whole].mean()).ravel() for v in known], axis=1)
        slopes = np.linalg.lstsq(centred, x.ravel() - x.mean(), rcond=None)[0]
        rest = energy - sum(slope * v for slope, v in zip(slopes, known, strict=True))
        if rest[whole].var() < (1 - LEAST_SHARE_EXPLAINED) * x.var():
            x, energy = rest[whole], rest
    per_chain = np.where(whole, energy.mean(axis=1), np.nan)
    return MeanOfDraws(
        float(x.mean()), standard_error_between(x), standard_error_within(x), per_chain
    )


def virials_of(drawn: DrawsOfChains, whole: NDArray[np.bool_]) -> list[Floats]:
    """Return the virials of directions that the loss holds, and not the pull."""
    virials = [drawn.steep_virial] if drawn.steep_pull[whole].mean() < LARGEST_PULL else []
    if drawn.pull[whole].mean() < LARGEST_PULL:
        virials.append(drawn.other_virial)
    return virials


def variance_of(drawn: DrawsOfChains) -> MeanOfDraws:
    """Return the variance of t K around its mean over all chains, with its error."""
    energy = drawn.inverse_temperature * drawn.excess
    squares = (energy - energy.mean()) ** 2 * energy.size / max(energy.size - 1, 1)
    return MeanOfDraws(
        float(squares.mean()),
        standard_error_between(squares),
        standard_error_within(squares),
        squares.mean(axis=1),
    )


def pull_takes(drawn: DrawsOfChains, n_parameters: int) -> MeanOfDraws:
    r"""Return what the pull takes from t E[K], to first order.

    .. math:: -\frac{d \, t E[K]}{d \log \gamma}
              = \operatorname{Cov}(t K, \tfrac{\gamma}{2} |w - w^*|^2)
    """
    energy = drawn.inverse_temperature * drawn.excess
    held = n_parameters / 2 * drawn.pull
    products = (energy - energy.mean()) * (held - held.mean())
    return MeanOfDraws(
        float(products.mean()),
        standard_error_between(products),
        standard_error_within(products),
        products.mean(axis=1),
    )


def moved(drawn: DrawsOfChains) -> NDArray[np.bool_]:
    """Return which chains are finite and ever moved: their distance to w* changes if they do."""
    return np.isfinite(drawn.excess).all(axis=1) & (np.ptp(drawn.pull, axis=1) > 0)


class StartsCompared(NamedTuple):
    """The value from the chains that count at the highest inverse temperature.

    `apart` is how far chains from a hot start lie from those from w*, 0 if they agree; where it is
    not, those from w* do not count. `used` says which chains do, `cold` which started at w*.
    """

    mean: MeanOfDraws
    everyone: MeanOfDraws
    used: NDArray[np.bool_]
    cold: NDArray[np.bool_]
    apart: float


def compare_starts(top: DrawsOfChains, n_cold: int) -> StartsCompared:
    """Return the value, of the chains from a hot start alone where the others lie apart."""
    whole = moved(top)
    cold = np.arange(len(whole)) < n_cold
    everyone = mean_of(top)
    apart = difference_of_starts(everyone.per_chain[whole], cold[whole])
    if not apart:
        return StartsCompared(everyone, everyone, whole, cold, apart)
    used = whole & ~cold
    return StartsCompared(mean_of(only(top, used)), everyone, used, cold, apart)


def summarise(
    drawn: list[DrawsOfChains],
    settings: HamiltonianSettings,
    initial_loss: float,
    n_samples: int,
    n_parameters: int,
) -> LLCEstimate:
    """Return the estimate, with a warning for everything that speaks against it.

    `drawn` holds the draws at falling inverse temperatures; the chains started at w* come first
    among those at the highest, and are not there at the others.
    """
    top = drawn[0]
    starts = compare_starts(top, settings.n_cold)
    mean = starts.mean
    means = [mean, *(mean_of(part) for part in drawn[1:])]
    limit = extrapolate(
        np.array([part.inverse_temperature for part in drawn]),
        np.array([m.value for m in means]),
        np.array([m.error for m in means]),
        has_flats=float(top.pull[starts.used].mean()) >= SMALLEST_FLAT,
    )
    limit = limit._replace(bracket=bracket_of(limit, top, settings, starts))
    kept = top.excess[starts.used]
    second = variance_of(only(top, starts.used))
    taken = pull_takes(only(top, starts.used), n_parameters)
    flags = flags_of(evidence_of(top, settings, starts, second, taken, limit))
    warn_of(flags)
    return LLCEstimate(
        value=mean.value,
        standard_error=mean.error,
        standard_error_between=mean.between,
        standard_error_within=mean.within,
        bias=limit.bias,
        variance_based=second.value,
        variance_based_error=second.error,
        bracket=limit.bracket,
        multiplicity_corrected=limit.multiplicity_corrected,
        per_chain=starts.everyone.per_chain,
        used=starts.used,
        r_hat=split_r_hat(kept),
        effective_sample_size=effective_sample_size(kept),
        half_chain_drift=half_chain_drift(kept),
        acceptance=float(top.acceptance.mean()),
        initial_loss=initial_loss,
        excess_loss=float(kept.mean()),
        chance_loss=float("nan"),
        gradient_norm=settings.gradient_norm,
        n_samples=n_samples,
        n_parameters=n_parameters,
        settings=public_settings(settings, top, n_samples),
        flags=flags,
        loss_trace=top.excess,
        by_inverse_temperature=table_of(drawn, means),
    )


def evidence_of(
    top: DrawsOfChains,
    settings: HamiltonianSettings,
    starts: StartsCompared,
    second: MeanOfDraws,
    taken: MeanOfDraws,
    limit: Extrapolation,
) -> Evidence:
    """Return what flags are decided from."""
    t = top.inverse_temperature
    return Evidence(
        draws=np.where(moved(top)[:, None], t * top.excess, np.nan),
        used=starts.used,
        apart=starts.apart,
        value=starts.mean.value,
        error=starts.mean.error,
        variance=second.value,
        variance_error=second.error,
        r_hat=split_r_hat(top.excess[starts.used]),
        divergences=float(top.divergences.mean()),
        inverse_temperature=t,
        highest_inverse_temperature=settings.highest_inverse_temperature,
        loss_below=settings.loss_below,
        gradient_norm=settings.gradient_norm,
        limit=limit,
        pull_takes=taken.value,
        pull_takes_error=taken.error,
    )


def bracket_of(
    limit: Extrapolation, top: DrawsOfChains, settings: HamiltonianSettings, starts: StartsCompared
) -> tuple[float, float]:
    """Return the bracket, with a line of noisy labels and the values of both starts in it."""
    near = top.inverse_temperature > settings.highest_inverse_temperature / 2
    bracket = with_line(limit) if near else limit.bracket
    return widened(bracket, starts.everyone, starts.cold) if starts.apart else bracket


def table_of(drawn: list[DrawsOfChains], means: list[MeanOfDraws]) -> pd.DataFrame:
    """Return one row an inverse temperature."""
    return pd.DataFrame(
        {
            "inverse_temperature": [part.inverse_temperature for part in drawn],
            "value": [m.value for m in means],
            "standard_error": [m.error for m in means],
            "step_size": [part.step_size for part in drawn],
            "n_draws": [part.excess.shape[1] for part in drawn],
            "acceptance": [float(part.acceptance.mean()) for part in drawn],
            "divergences": [float(part.divergences.mean()) for part in drawn],
        }
    )


def only(drawn: DrawsOfChains, chains: NDArray[np.bool_]) -> DrawsOfChains:
    """Return the draws of some chains."""
    names = ("excess", "steep_virial", "other_virial", "steep_pull", "pull")
    return replace(drawn, **{name: getattr(drawn, name)[chains] for name in names})


def with_line(limit: Extrapolation) -> tuple[float, float]:
    """Return the bracket, with the limit of a line in it where noise in the labels draws one."""
    if not limit.convex:
        return limit.bracket
    ends = (limit.line_limit - 2 * limit.line_error, limit.line_limit + 2 * limit.line_error)
    return min(limit.bracket[0], ends[0]), max(limit.bracket[1], ends[1])


def widened(
    bracket: tuple[float, float], mean: MeanOfDraws, cold: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return the bracket with the values of both starts in it."""
    groups = (mean.per_chain[cold], mean.per_chain[~cold])
    starts = [float(np.nanmean(group)) for group in groups if np.isfinite(group).any()]
    return min(bracket[0], *starts), max(bracket[1], *starts)


def public_settings(
    settings: HamiltonianSettings, top: DrawsOfChains, n_samples: int
) -> LLCSettings:
    """Return what a user is told of the settings."""
    return LLCSettings(
        sampler="hamiltonian",
        inverse_temperature=top.inverse_temperature,
        localization=settings.localization,
        step_size=top.step_size,
        n_chains=settings.n_chains,
        n_draws=top.excess.shape[1],
        n_discarded=0,
        batch_size=n_samples,
        reasons=settings.reasons,
    )
