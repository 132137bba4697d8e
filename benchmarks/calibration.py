"""CPU time and test loss of calibration maps, ours and those of other packages.

    pip install -e ".[benchmark]"          # netcal, betacal, probmetrics
    python benchmarks/calibration.py

Every package gets the same 100,000 overconfident logits with wrong base rates (or the
probabilities they stand for, where that is what it takes), two classes and a hundred, on one
thread. CPU seconds are medians. The floor, timed just before every fit, is one pass of log-softmax
and taking out the true label; after some packages' fits it takes several times as long, so that
`times_floor` is the ratio to the lowest of these medians. Each map is then judged on 100,000 other
rows.
"""

import importlib
import json
import os
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from _results import cpu_seconds
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from threadpoolctl import threadpool_limits

from sklearn_learnability.exceptions import ZeroProbabilityWarning
from sklearn_learnability.metrics import fit_calibrator, negative_log_likelihood

N_SAMPLES = 100_000
REPETITIONS = {2: 15, 100: 5}
RESULTS = Path(__file__).parent / "results" / "calibration.json"


class LogitsAsGiven(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose decision function is its input."""

    def fit(self, X, y):
        """Learn the classes."""
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        """Return the logits, in scikit-learn's form."""
        return X[:, 1] - X[:, 0] if X.shape[1] == 2 else X

    def predict(self, X):
        """Return the class of the largest logit."""
        return self.classes_[X.argmax(axis=1)]


def draw(n_classes, rng):
    """Return labels and logits that are 2.5 times too large and miss the base rates."""
    logits = rng.normal(scale=1.5, size=(2 * N_SAMPLES, n_classes))
    truth = softmax(logits + rng.normal(scale=0.5, size=n_classes), axis=1)
    y = (truth.cumsum(axis=1) < rng.random((len(truth), 1))).sum(axis=1)
    return np.minimum(y, n_classes - 1), 2.5 * logits


def ours(method):
    def fit(logits, log_proba, proba, y):
        calibrator = fit_calibrator(y, proba, calibration=method)
        return lambda logits, log_proba, proba: calibrator.predict_proba(proba)

    return fit


def scikit_learn(method):
    def fit(logits, log_proba, proba, y):
        model = FrozenEstimator(LogitsAsGiven().fit(logits[:2], np.unique(y)))
        fitted = CalibratedClassifierCV(model, method=method, cv=2).fit(logits, y)
        return lambda logits, log_proba, proba: fitted.predict_proba(logits)

    return fit


def netcal(name):
    def fit(logits, log_proba, proba, y):
        scaling = importlib.import_module("netcal.scaling")
        two = proba.shape[1] == 2
        fitted = getattr(scaling, name)().fit(proba[:, 1] if two else proba, y)

        def predict(logits, log_proba, proba):
            found = np.asarray(fitted.transform(proba[:, 1] if two else proba), dtype=np.float64)
            return np.column_stack([1 - found, found]) if two else found

        return predict

    return fit


def betacal(logits, log_proba, proba, y):
    fitted = importlib.import_module("betacal").BetaCalibration("abm").fit(proba[:, [1]], y)

    def predict(logits, log_proba, proba):
        found = fitted.predict(proba[:, 1])
        return np.column_stack([1 - found, found])

    return predict


def probmetrics(name):
    def fit(logits, log_proba, proba, y):
        calibrators = importlib.import_module("probmetrics.calibrators")
        fitted = calibrators.get_calibrator(name).fit(proba, y)
        return lambda logits, log_proba, proba: fitted.predict_proba(proba)

    return fit


def fits_by_family(n_classes):
    families = {
        "temperature": {
            "scikit-learn": scikit_learn("temperature"),
            "netcal": netcal("TemperatureScaling"),
            "probmetrics": probmetrics("temp-scaling"),
        },
        "affine": {},
        "isotonic": {"scikit-learn": scikit_learn("isotonic")},
    }
    if n_classes == 2:
        families["affine"] = {
            "scikit-learn (sigmoid)": scikit_learn("sigmoid"),
            "netcal": netcal("LogisticCalibration"),
            "probmetrics": probmetrics("affine-scaling"),
        }
        families["beta"] = {"betacal": betacal, "netcal": netcal("BetaCalibration")}
    else:
        families["vector"] = {"probmetrics": probmetrics("svs")}
    return {
        family: {"sklearn-learnability": ours(family)} | peers for family, peers in families.items()
    }


def compare(n_classes, rng):
    """Return one row a fit: family, package, CPU seconds, ratio to the floor, test loss."""
    y, logits = draw(n_classes, rng)
    log_proba = log_softmax(logits, axis=1)
    inputs = (logits, log_proba, np.exp(log_proba))
    fitting = tuple(part[:N_SAMPLES] for part in inputs)
    testing = tuple(part[N_SAMPLES:] for part in inputs)
    known, unknown = y[:N_SAMPLES], y[N_SAMPLES:]
    positions = np.arange(N_SAMPLES)

    def floor():
        return log_softmax(fitting[0], axis=1)[positions, known]

    rows = []
    for family, fits in fits_by_family(n_classes).items():
        for package, fit in fits.items():
            try:
                fit(*fitting, known)  # compile, import
            except (ImportError, ValueError) as error:
                print(f"left out: {package}, {family}, {n_classes} classes ({error})")
                continue
            times, floors = [], []
            for _ in range(REPETITIONS[n_classes]):
                floors.append(cpu_seconds(floor)[0])
                seconds, predict = cpu_seconds(fit, *fitting, known)
                times.append(seconds)
            proba = predict(*testing)
            loss = negative_log_likelihood(unknown, proba / proba.sum(1)[:, None], units="nats")
            rows.append(
                {
                    "n_classes": n_classes,
                    "family": family,
                    "package": package,
                    "cpu_seconds": float(np.median(times)),
                    "floor_seconds": float(np.median(floors)),
                    "test_nll_nats": loss,
                }
            )
    lowest = min(row["floor_seconds"] for row in rows)
    rows = [row | {"times_floor": row["cpu_seconds"] / lowest} for row in rows]
    raw = negative_log_likelihood(unknown, testing[2], units="nats")
    print(f"{n_classes} classes: uncalibrated test loss {raw:.6f} nats")
    return rows


def tables(results):
    """Return the tables of the documentation."""
    return {
        "calibration_speed": speed(results["fits"]),
    }


def speed(rows):
    """Return CPU seconds, their ratio to the floor of the same run, and the loss on other rows."""
    return pd.DataFrame(
        {
            "family, classes": [f"{row['family']}, {row['n_classes']}" for row in rows],
            "package": [row["package"] for row in rows],
            "CPU seconds": [f"{row['cpu_seconds']:.3f}" for row in rows],
            "× floor": [f"{row['times_floor']:.1f}" for row in rows],
            "loss, nats": [f"{row['test_nll_nats']:.6f}" for row in rows],
        }
    )


def main():
    rng = np.random.default_rng(0)
    os.environ["NUMBA_NUM_THREADS"] = "1"  # before numba is imported
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", ZeroProbabilityWarning)
        importlib.import_module("torch").set_num_threads(1)
        rows = [row for n_classes in REPETITIONS for row in compare(n_classes, rng)]
    table = pd.DataFrame(rows)
    print(table.to_string(index=False, float_format=lambda number: f"{number:.6f}"))
    packages = ["scikit-learn", "netcal", "betacal", "probmetrics", "numpy", "scipy"]
    record = {"n_samples": N_SAMPLES, "versions": {p: version(p) for p in packages}, "fits": rows}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
