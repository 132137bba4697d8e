"""What the paper's grid shows: each claim a rule on numbers, decided on every data set by itself.

A claim is a statistic of the networks trained on one data set (features, sparsity, strength) and a
bar. The statistic is computed in each draw of data and weights, and has a 95 % interval over the
draws. The claim holds where the interval lies on its side of the bar, fails where it lies on the
other, and is open where the bar lies within.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

F1_BAR = 0.03  # F1
EFFICIENCY_BAR = 0.05  # of the learnable information
SHARE_BAR = 0.5  # of the excess loss
THIRDS = {"low": (0.0, 1 / 3), "medium": (1 / 3, 2 / 3), "high": (2 / 3, 1.0)}
DATA_SET = ["features", "sparsity", "strength"]
FIXED, OTHERS = "fixed epochs", ("early stopping", "weight decay")
HOLDS, OPEN, FAILS = "yes", "open", "no"


@dataclass(frozen=True)
class Claim:
    """A statement, the third of learnability that the paper makes it for, and its rule.

    Attributes
    ----------
    name, text : str
        Short name, and the statement.
    third : str
        Third of the learnability for which the paper claims it, "all", or "not claimed".
    statistic : callable
        Takes the rows of one data set and a way of training, and returns one value a draw.
    bar : float
        What the statistic is held against.
    below : bool
        Whether the claim asks for less than the bar; otherwise for more.
    arm : str
        The way of training.
    """

    name: str
    text: str
    third: str
    statistic: Callable[[pd.DataFrame, str], pd.Series]
    bar: float
    below: bool = False
    arm: str = FIXED


def by_draw(rows, measure, arm):
    """Return a measure as a table of draws by widths, of the draws with every width."""
    trained = rows[rows["arm"] == arm]
    return trained.pivot(index="seed", columns="width", values=measure).dropna()


def farthest(measure):
    """Return the statistic: the difference of the two widths whose means differ most.

    The pair is chosen on the same networks, so that chance makes it larger, never smaller.
    """

    def statistic(rows, arm):
        values = by_draw(rows, measure, arm)
        means = values.mean()
        return values[means.idxmax()] - values[means.idxmin()]

    return statistic


def fall(measure):
    """Return the statistic: the narrowest network's measure less the widest's."""

    def statistic(rows, arm):
        values = by_draw(rows, measure, arm)
        return values.iloc[:, 0] - values.iloc[:, -1]

    return statistic


def last_change(measure):
    """Return the statistic: the change between the two widest, in the direction of its mean."""

    def statistic(rows, arm):
        values = by_draw(rows, measure, arm)
        change = values.iloc[:, -2] - values.iloc[:, -1]
        return -change if change.mean() < 0 else change

    return statistic


def shortfall(measure):
    """Return the statistic: the share of the information that the widest network lacks."""

    def statistic(rows, arm):
        return 1 - by_draw(rows, measure, arm).iloc[:, -1]

    return statistic


def share_removed(measure):
    """Return the statistic: the share of the widest network's excess loss that is taken away."""
    before, after = shortfall("efficiency"), shortfall(measure)

    def statistic(rows, arm):
        return (1 - after(rows, arm) / before(rows, FIXED)).dropna()

    return statistic


CLAIMS = (
    Claim(
        "F1 flat",
        f"No two widths differ by {F1_BAR} of F1",
        "all",
        farthest("f1"),
        F1_BAR,
        below=True,
    ),
    Claim(
        "NLL worsens",
        f"As trained, the widest extracts at least {EFFICIENCY_BAR} less than the narrowest",
        "low",
        fall("efficiency"),
        EFFICIENCY_BAR,
    ),
    Claim(
        "Calibration helps",
        "Calibration takes away more than half of the widest network's excess NLL",
        "low",
        share_removed("calibrated_efficiency"),
        SHARE_BAR,
    ),
    Claim(
        "Gap remains",
        f"Calibrated, the widest still lacks at least {EFFICIENCY_BAR} of the information",
        "low",
        shortfall("calibrated_efficiency"),
        EFFICIENCY_BAR,
    ),
    Claim(
        "Calibrated falls",
        f"Calibrated, the widest extracts at least {EFFICIENCY_BAR} less than the narrowest",
        "low",
        fall("calibrated_efficiency"),
        EFFICIENCY_BAR,
    ),
    Claim(
        "Plateau",
        f"Calibrated, the last doubling of the width changes less than {EFFICIENCY_BAR}",
        "low",
        last_change("calibrated_efficiency"),
        EFFICIENCY_BAR,
        below=True,
    ),
    Claim(
        "Converged",
        f"As trained, no two widths differ by {EFFICIENCY_BAR} of efficiency",
        "high",
        farthest("efficiency"),
        EFFICIENCY_BAR,
        below=True,
    ),
    Claim(
        "Calibrated converged",
        f"Calibrated, no two widths differ by {EFFICIENCY_BAR} of efficiency",
        "high",
        farthest("calibrated_efficiency"),
        EFFICIENCY_BAR,
        below=True,
    ),
    *(
        Claim(
            f"{arm.capitalize()}: flat",
            f"With {arm}, no two widths differ by {EFFICIENCY_BAR} of efficiency",
            "not claimed",
            farthest("efficiency"),
            EFFICIENCY_BAR,
            below=True,
            arm=arm,
        )
        for arm in OTHERS
    ),
    *(
        Claim(
            f"{arm.capitalize()}: helps",
            f"{arm.capitalize()} takes away more than half of the widest network's excess NLL",
            "not claimed",
            share_removed("efficiency"),
            SHARE_BAR,
            arm=arm,
        )
        for arm in OTHERS
    ),
)


def interval(values):
    """Return the mean of the draws and half its 95 % interval by Student's t."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return float(values.mean()), float("inf")
    error = values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(student.ppf(0.975, len(values) - 1) * error)


def decide(mean, half, bar, below):
    """Return whether a claim holds, fails or is open, from an interval and a bar."""
    if below:
        mean, bar = -mean, -bar
    if mean - half > bar:
        return HOLDS
    return FAILS if mean + half < bar else OPEN


def third_of(learnability):
    """Return the name of the third in which a learnability lies."""
    return next(name for name, (_, upper) in THIRDS.items() if learnability < upper)


def outcomes(table):
    """Return a row for each data set and claim: the statistic, half its interval, the outcome."""
    rows = []
    for key, part in table.groupby(DATA_SET, sort=False):
        learnability = float(part["learnability"].iloc[0])
        for claim in CLAIMS:
            if by_draw(part, "efficiency", claim.arm).empty:
                continue
            mean, half = interval(claim.statistic(part, claim.arm))
            outcome = decide(mean, half, claim.bar, claim.below)
            rows.append(
                dict(zip(DATA_SET, key, strict=True))
                | {
                    "learnability": learnability,
                    "third": third_of(learnability),
                    "claim": claim.name,
                    "value": mean,
                    "half": half,
                    "outcome": outcome,
                }
            )
    return pd.DataFrame(rows)


def judge(table):
    """Return every claim with its verdict, and what was found in each third of learnability."""
    found = outcomes(table)
    rows = []
    for claim in CLAIMS:
        of_claim = found[found["claim"] == claim.name]
        claimed = of_claim if claim.third not in THIRDS else of_claim[of_claim.third == claim.third]
        rows.append(
            {
                "claim": claim.text,
                "third": claim.third,
                "holds": verdict(claimed["outcome"]),
                **{name: count(of_claim[of_claim["third"] == name]) for name in THIRDS},
            }
        )
    return pd.DataFrame(rows)


def verdict(outcomes):
    """Return "yes" if every data set agrees, "no" if none does, otherwise in how many."""
    holding = int((outcomes == HOLDS).sum())
    if holding == len(outcomes):
        return "yes"
    if (outcomes == FAILS).all():
        return "no"
    return f"in {holding} of {len(outcomes)}"


def count(found):
    """Return how many data sets agree, are open and disagree, and the range of the statistic."""
    if found.empty:
        return "none"
    numbers = [int((found["outcome"] == outcome).sum()) for outcome in (HOLDS, OPEN, FAILS)]
    lowest, highest = found["value"].min(), found["value"].max()
    return f"{' / '.join(map(str, numbers))} ({lowest:.2f} to {highest:.2f})"
