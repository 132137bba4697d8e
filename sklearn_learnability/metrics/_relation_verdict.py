"""What two associations, raw and given scale, say together: a verdict and a sentence."""

from collections.abc import Sequence

import numpy as np

from sklearn_learnability.metrics._rank_association import GroupLeftOut, RankAssociation

#: An interval that reaches as far leaves room for a strong association.
STRONG = 0.5
#: Share of an association below which it counts as gone.
GONE = 0.5
#: Share of the variance of ranks that covariates taken out by powers of their ranks may miss.
MISSED = 0.02
EXPLAINED = "goes with {score} as {given} do; less than half of that is left beyond them, if any"
SAID = {
    "related beyond scale": "goes with {score} beyond {given}",
    "turned round by scale": "goes with {score} the other way round once {given} are given",
    "masked by scale": "goes with {score} only once {given} are given",
    "hangs on one family": "goes with {score} beyond {given} only with {group} among the families",
    "not surely beyond scale": (
        "may go with {score} beyond {given}, or as they do: these leave {x_left:.0%} of its ranks "
        "and {y_left:.0%} of those of the score, and 2 % that they miss of both make a correlation "
        "of {missed:.2f}"
    ),
    "explained by scale alone": EXPLAINED,
    "explained by scale and family": EXPLAINED,
    "no relation found": "shows no relation to {score}, and no strong one is likely",
    "cannot tell": "may or may not go with {score} beyond {given}: too few {units} to tell",
}


def verdict(
    raw: RankAssociation, controlled: RankAssociation, raw_p_value: float, p_value: float
) -> str:
    """Return the verdict; p-values are corrected for the number of tests."""
    level = 1 - controlled.confidence
    if controlled.reason:
        return "no verdict"
    seen_raw = raw_p_value <= level
    if p_value <= level:
        if surely_beyond(controlled) <= missed(controlled):
            return "not surely beyond scale"
        if decisive_group(controlled) is not None:
            return "hangs on one family"
        if not seen_raw:
            return "masked by scale"
        same = np.sign(raw.rho) == np.sign(controlled.rho)
        return "related beyond scale" if same else "turned round by scale"
    if np.isnan(controlled.lower):
        return "cannot tell"
    if seen_raw:
        left = controlled.upper if raw.rho > 0 else -controlled.lower
        if left >= GONE * abs(raw.rho):
            return "cannot tell"
        return f"explained by scale {'and family' if controlled.n_groups > 1 else 'alone'}"
    wide = max(controlled.upper, -controlled.lower) >= STRONG
    return "cannot tell" if wide else "no relation found"


def surely_beyond(controlled: RankAssociation) -> float:
    """Return how large an association is at least, by its interval; infinite without one."""
    if np.isnan(controlled.lower):
        return float("inf")
    return controlled.lower if controlled.rho > 0 else -controlled.upper


def missed(controlled: RankAssociation) -> float:
    """Return the correlation that comes of what the covariates miss of both ranks."""
    return float(MISSED / np.sqrt(controlled.x_left * controlled.y_left))


def decisive_group(controlled: RankAssociation) -> GroupLeftOut | None:
    """Return the group without which less than half of an association is left, if there is one."""
    sign = np.sign(controlled.rho)
    parts = [part for part in controlled.without_groups if not np.isnan(part.rho)]
    least = min(parts, key=lambda part: sign * part.rho, default=None)
    if least is None or sign * least.rho >= GONE * abs(controlled.rho):
        return None
    return least


def reading(
    said: str,
    measure: object,
    score: object,
    given: Sequence[object],
    raw: RankAssociation,
    controlled: RankAssociation,
    p_value: float,
) -> str:
    """Return the verdict as sentences, with the numbers it rests on."""
    if said == "no verdict":
        return f"No verdict on {measure} and {score}. {controlled.reason}"
    units = "runs" if controlled.n_steps > 1 else "models"
    group = decisive_group(controlled)
    sentence = SAID[said].format(
        score=score,
        given=listed(given),
        units=units,
        group=None if group is None else group.group,
        x_left=controlled.x_left,
        y_left=controlled.y_left,
        missed=missed(controlled),
    )
    numbers = f"Raw {with_interval(raw)}, given these {with_interval(controlled)}"
    parts = [f"{measure} {sentence}.", f"{numbers}, corrected p = {p_value:.2g}."]
    if said == "hangs on one family" and group is not None:
        parts.append(f"Without {group.group} it is {group.rho:.2f}.")
    if said in ("cannot tell", "no relation found") or said.startswith("explained"):
        parts.append(what_would_show(controlled, units))
    return " ".join(parts)


def what_would_show(controlled: RankAssociation, units: str) -> str:
    """Return which size the points would have shown."""
    number = controlled.n_runs
    if np.isnan(controlled.detectable):
        return f"What {number} {units} would show is unknown."
    return (
        f"{number} {units} show an association of {controlled.detectable:.2f} in 8 of 10 cases, "
        "smaller ones less often."
    )


def with_interval(association: RankAssociation) -> str:
    """Return a correlation with its interval."""
    if np.isnan(association.rho):
        return "undefined"
    if np.isnan(association.lower):
        return f"{association.rho:.2f} (no interval)"
    return f"{association.rho:.2f} [{association.lower:.2f}, {association.upper:.2f}]"


def listed(names: Sequence[object]) -> str:
    """Return names as in a sentence."""
    *first, last = map(str, names)
    return f"{', '.join(first)} and {last}" if first else last
