"""Critical amounts of deep linear networks, whose local learning coefficients are known."""

import json

import numpy as np
import pandas as pd
from _results import records
from tqdm import tqdm

from sklearn_learnability.metrics import linear_association, predicted_bits
from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    Quantization,
    critical_amount,
    half_squared_error,
    make_rotated_linear_network_model,
)

DIM = 10
RANKS, TEACHERS, SAMPLED_TEACHERS = range(1, 11), 8, 2
TOLERANCE = 0.1
SETTINGS = {
    "inverse_temperature": 1e5 / np.log(1e5),
    "localization": 1.0,
    "random_state": 0,
    "progress": False,
}


def measure(small, store):
    """Measure deep linear networks of known coefficient; return their points."""
    rows = []
    for rank in tqdm(RANKS, unit="rank"):
        for teacher in range(2 if small else TEACHERS):
            known = make_rotated_linear_network_model(
                DIM, rank, random_state=np.random.RandomState([rank, teacher])
            )
            found = critical_amount(
                known.model,
                half_squared_error,
                known.data,
                Quantization(),
                tolerance=TOLERANCE,
                progress=False,
            )
            llc = float("nan")
            if teacher < (0 if small else SAMPLED_TEACHERS):
                llc = estimate(known, rank, teacher, store)
            rows.append(
                {
                    "rank": rank,
                    "teacher": teacher,
                    "true_llc": known.truth.value,
                    "llc": llc,
                    "critical": found.value,
                    "bits": found.size,
                    "predicted_bits": predicted_bits(known.truth.value, 2 * DIM**2, TOLERANCE),
                    "squared_norm": sum(float(p.square().sum()) for p in known.model.parameters()),
                }
            )
    return pd.DataFrame(rows)


def estimate(known, rank, teacher, store):
    """Return the estimated coefficient of a deep linear network, kept once it is done."""
    path = store / f"deep_linear_{rank}_{teacher}.json"
    if not path.exists():
        llc = LocalLearningCoefficient(half_squared_error, **SETTINGS)
        path.write_text(json.dumps(llc.estimate(known.model, known.data).value))
    return json.loads(path.read_text())


def lines_of(points):
    """Return the lines through the deep linear networks that crossed, each one independent."""
    found = {}
    for name in ("true_llc", "llc"):
        part = points[points[name].notna() & points["critical"].notna()]
        for of in ("critical", "bits"):
            if len(part) > 4:
                line = linear_association(
                    part[name], part[of], given=part["squared_norm"], groups=np.arange(len(part))
                )
                found[f"{of} on {name}"] = records(line.to_frame(), 12)[0]
    return found
