r"""What theory says of rounding once the range of the weights is taken out.

A grid of :math:`n_q` intervals over [-m, m] has the spacing Delta = m / (n_q / 2 - 1), so that

    log2(n_q - 2) = log2(2 m) + log2(1 / Delta).

The formula b = (lambda / d) log2(1 / eps) comes from a cell that is as large as what the tolerance
eps leaves, Delta^d = V(eps) = c eps^lambda. It speaks of the second term alone:

    log2(1 / Delta) = (lambda / d) log2(1 / eps) - log2(c) / d.

Volume, at one eps, if c is the same everywhere: a line on lambda / d of slope log2(1 / eps), which
is 2, 1 and 0 at the tolerances of 0.25, 0.5 and 1. Whatever c is, each checkpoint's
log2(1 / Delta) rises by lambda / d where log2(1 / eps) rises by 1.

Curvature, another account without a free constant. Rounding errors that are uniform and independent
raise a quadratic loss of Hessian H by tr(H) Delta^2 / 24, so that

    log2(1 / Delta) = (1 / 2) log2(1 / eps) + (1 / 2) log2(tr(H) / 24).

Chains of inverse temperature n beta, held by a pull gamma above n beta times the curvature, find
lambda = n beta tr(H) / (2 gamma): a slope of 1/2 on log2(lambda), and of 1/2 on log2(1 / eps), and

    Delta = sqrt(12 n beta eps / (gamma lambda)).

All of this was written before a spacing was measured.
"""

import numpy as np
import pandas as pd
from _complexity_report import FIRST_ESTIMATOR, FIRST_SCHEME
from _small_lms import NETWORKS, folder_of

from sklearn_learnability.metrics import linear_association
from sklearn_learnability.torch import load_parameters

FEWEST_RUNS = 3  # that can be compared
PLACE = ["checkpoint", "scheme", "tolerance"]
# What a line predicts, what it goes along, and what it is given
FORMS = {
    "n_q": ("critical", "llc", ["loss"]),
    "log2 n_q": ("size", "llc", ["loss"]),
    "log2 n_q, given the range": ("size", "llc", ["loss", "log_range"]),
    "log2 1/Δ": ("fineness", "llc", ["loss"]),
    "log2 1/Δ on log2 λ": ("fineness", "log_llc", ["loss"]),
}


def spacings(study):
    """Return the norm of the weights and the critical spacing of the grid, one row a point.

    Interpolated between the amounts beside the crossing, as the critical amount is. No spacing
    where there is no crossing, or not one clamp. Nothing of a study without curves.
    """
    rows = []
    for checkpoint in study.checkpoints:
        if not next(iter(checkpoint.critical.values()))[0].curve.amounts.size:
            continue
        weights = weights_of(checkpoint.checkpoint)
        norm = sum(float(w.double().square().sum()) for w in weights) ** 0.5
        largest = max(float(w.abs().max()) for w in weights)
        for scheme, amounts in checkpoint.critical.items():
            for amount in amounts:
                spacing = np.nan
                if amount.status == "crossed" and scheme.startswith("one clamp"):
                    spacing = critical_spacing(amount, largest)
                place = checkpoint.checkpoint, scheme, amount.tolerance
                rows.append(dict(zip(PLACE, place, strict=True)) | {"norm": norm})
                rows[-1]["spacing"] = spacing
    table = pd.DataFrame(rows, columns=[*PLACE, "norm", "spacing"])
    return table.astype(dict.fromkeys(("tolerance", "norm", "spacing"), float))


def weights_of(checkpoint):
    """Return the tensors of a checkpoint, named as in '60k seed 0 step 70'."""
    run, _, step = checkpoint.rpartition(" step ")
    return load_parameters(folder_of(run) / f"step_{int(step):06d}.safetensors").values()


def critical_spacing(amount, largest):
    """Return the spacing where the loss crosses the tolerance."""
    curve = amount.curve
    beside = [int(np.flatnonzero(curve.amounts == end)[0]) for end in amount.bracket]
    shares = np.nan_to_num(curve.settings[beside], nan=1.0)  # no setting: the largest weight
    ends = largest * shares / (curve.amounts[beside] / 2 - 1)
    before, after = curve.increases[beside]
    return float(ends[0] + (amount.tolerance - before) / (after - before) * (ends[1] - ends[0]))


def with_forms(points):
    """Return the points that count and have a spacing, with what the forms are made of."""
    used = points[(points["left_out"] == "") & points["spacing"].notna() & (points["llc"] > 0)]
    return used.assign(
        fineness=-np.log2(used["spacing"]),
        log_llc=np.log2(used["llc"]),
        log_range=np.log2(used["spacing"] * (used["critical"] / 2 - 1)),
        llc_share=shares(used),
    )


def shares(points):
    """Return the coefficients over the numbers of parameters."""
    n_parameters = {name: network.n_parameters for name, network in NETWORKS.items()}
    return points["llc"] / points["parameters"].map(n_parameters).astype(float)


def forms(points):
    """Return the line of every form, by network."""
    rows = []
    used = of_first_estimator(points)
    for (scheme, tolerance), of_networks in used.groupby(["scheme", "tolerance"], sort=False):
        for form, (of, on, given) in FORMS.items():
            setting = {"scheme": scheme, "tolerance": tolerance, "form": form}
            for network, part in of_networks.groupby("parameters", sort=False):
                line = line_within_steps(part, on, of, given)
                without = line_within_steps(part, on, of, None).within_steps
                row = setting | {"parameters": network, "without_loss": without}
                rows.append(row | line.to_frame().iloc[0].to_dict())
    return pd.DataFrame(rows)


def line_within_steps(part, on, of, given):
    """Return the line of one column on another, its runs compared at the same step."""
    others = None if given is None else part[given]
    steps = {"groups": part["group"], "steps": part["step"]}
    return linear_association(part[on], part[of], given=others, **steps)


def over_training(points, inverse_temperature, localization):
    """Return the means over runs of the range and the spacing, by network and step."""
    used = of_first_estimator(points).assign(range=lambda part: 2 ** part["log_range"])
    used["spacing_ratio"] = used["spacing"] / of_curvature(used, inverse_temperature, localization)
    keys = ["scheme", "parameters", "tolerance", "step"]
    names = ["llc", "critical", "range", "spacing", "spacing_ratio"]
    grouped = used.groupby(keys, sort=False)
    return grouped[names].mean().assign(runs=grouped.size()).reset_index()


def of_curvature(points, inverse_temperature, localization):
    """Return the spacings that the curvature says."""
    ratio = 12 * inverse_temperature / localization
    return (ratio * points["tolerance"] / points["llc"]) ** 0.5


def slopes(points, inverse_temperature, localization):
    """Return the slopes found beside those of the two accounts, by network and tolerance.

    And the spacings found over those of the curvature, which has no free constant.
    """
    rows = []
    for key, part in of_first_estimator(points).groupby(
        ["scheme", "parameters", "tolerance"], sort=False
    ):
        found = part["spacing"] / of_curvature(part, inverse_temperature, localization)
        row = dict(zip(("scheme", "parameters", "tolerance"), key, strict=True))
        rows.append(
            row
            | {
                "on_share": np.polyfit(part["llc_share"], part["fineness"], 1)[0],
                "volume": -np.log2(key[-1]),
                "on_log_llc": np.polyfit(part["log_llc"], part["fineness"], 1)[0],
                "curvature": 0.5,
                "spacing_ratio": found.median(),
                "spacing_ratio_lower": found.min(),
                "spacing_ratio_upper": found.max(),
                "n_points": len(part),
            }
        )
    return pd.DataFrame(rows)


def exponents(points):
    """Return by network how the fineness rises with log2(1 / eps), one slope a checkpoint.

    Beside the mean of lambda / d, and whether one follows the other between runs at one step.
    """
    rows = []
    used = in_intervals(points)
    for key, part in used.groupby(["scheme", "parameters"], sort=False):
        whole = part.groupby("checkpoint").filter(lambda one: one["tolerance"].nunique() > 2)
        each = whole.drop_duplicates("checkpoint").set_index("checkpoint")
        each["exponent"] = whole.groupby("checkpoint").apply(
            lambda one: np.polyfit(one["log_tolerance"], one["fineness"], 1)[0],
            include_groups=False,
        )
        line = line_within_steps(each, "llc_share", "exponent", ["loss"])
        rows.append(
            dict(zip(("scheme", "parameters"), key, strict=True))
            | {
                "exponent": each["exponent"].median(),
                "exponent_lower": each["exponent"].min(),
                "exponent_upper": each["exponent"].max(),
                "share": each["llc_share"].median(),
                "share_lower": each["llc_share"].min(),
                "share_upper": each["llc_share"].max(),
            }
            | line.to_frame().iloc[0].to_dict()
        )
    return pd.DataFrame(rows)


def in_intervals(points):
    """Return the points whose fineness is known up to a constant of each checkpoint.

    With the largest clamp it is the number of intervals, as the range is that of the weights.
    """
    first = (points["estimator"] == FIRST_ESTIMATOR) & (points["left_out"] == "")
    used = points[first & points["scheme"].str.startswith("one clamp")]
    searched = used["scheme"] == FIRST_SCHEME
    fineness = np.log2(used["critical"] / 2 - 1).where(~searched, -np.log2(used["spacing"]))
    log_tolerance = -np.log2(used["tolerance"])
    used = used.assign(fineness=fineness, log_tolerance=log_tolerance, llc_share=shares(used))
    return with_enough_runs(used[fineness.notna()])


def of_first_estimator(points):
    """Return the points of the first estimator that have forms, of networks with enough runs."""
    return with_enough_runs(with_forms(points[points["estimator"] == FIRST_ESTIMATOR]))


def with_enough_runs(used):
    """Return the points of networks whose runs can be compared."""
    n_runs = used.groupby(["scheme", "parameters"])["group"].transform("nunique")
    return used[n_runs >= FEWEST_RUNS]
