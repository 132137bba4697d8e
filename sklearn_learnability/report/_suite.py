"""Distance of classifiers from the exact truth, over all data sets of the suite."""

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any, Literal

import numpy as np
import pandas as pd
from joblib import Memory
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_learnability._probabilities import align_probabilities
from sklearn_learnability._results import Result
from sklearn_learnability._validation import check_count, check_store, warn
from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
from sklearn_learnability.datasets._suite import learnability_suite
from sklearn_learnability.datasets._truth import ClassificationTruth
from sklearn_learnability.exceptions import LearnabilityWarning
from sklearn_learnability.metrics._calibration import cross_fit_calibration
from sklearn_learnability.report._named_models import as_classifier, named_models

#: Rows that every fitted model is measured on.
FRESH_ROWS = 20_000
CHEAP_FAMILY = ("prior", "logistic", "splines", "hist_gradient_boosting")
SUITE_VERSION = 1

Value = Literal["gap", "efficiency", "calibration_loss", "calibrated_efficiency"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SuiteMeasurement(Result):
    r"""One model on one data set, measured with the exact posterior on 20,000 fresh rows.

    Attributes
    ----------
    dataset, model : str
        Their names.
    learnability : float
        The true learnability of the data set.
    gap : float
        :math:`E_x\, \mathrm{KL}(p^* \| q) / H(Y)`, the loss beyond what cannot be avoided; lower is
        better. A probability of 0 where the class can occur is charged 52 bits.
    efficiency : float
        1 - gap / gap of the true class frequencies on the same rows; 1 is the truth, 0 the class
        frequencies; higher is better.
    calibration_loss : float
        What of the gap an affine calibration takes away, cross-fitted on labels of the fresh rows.
    calibrated_efficiency : float
        The efficiency after it.
    zeros : float
        Share of the rows on which the model gives probability 0 to some class.
    estimate, standard_error : float
        What a ceiling itself reports of the learnability; NaN for other models.
    cpu_seconds : float
        Processor time of the fit, in this process.
    error : str
        Why the fit failed, which leaves every number of the model NaN; empty if it did not.
    """

    dataset: str
    model: str
    learnability: float
    gap: float = math.nan
    efficiency: float = math.nan
    calibration_loss: float = math.nan
    calibrated_efficiency: float = math.nan
    zeros: float = math.nan
    estimate: float = math.nan
    standard_error: float = math.nan
    cpu_seconds: float = math.nan
    error: str = ""


@dataclass(frozen=True, eq=False)
class SuiteReport(Result):
    """Models measured on the data sets of the suite.

    Attributes
    ----------
    measurements : tuple of SuiteMeasurement
        One a data set and model, data set by data set.
    n_samples : int
        Rows that each model was fitted on.
    random_state : int
        Seed of the data.
    suite_version : int
        Version of the suite.
    """

    measurements: tuple[SuiteMeasurement, ...]
    n_samples: int
    random_state: int
    suite_version: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row a data set and model."""
        return pd.DataFrame([asdict(found) for found in self.measurements])

    def compare(self, value: Value = "efficiency") -> pd.DataFrame:
        """Return one number of every model: a row a data set, the true learnability first.

        Parameters
        ----------
        value : str, default="efficiency"
            "gap", "efficiency", "calibration_loss" or "calibrated_efficiency".
        """
        rows = self.to_frame()
        table = rows.pivot(index="dataset", columns="model", values=value)
        table = table.loc[rows["dataset"].unique(), rows["model"].unique()]
        table.insert(0, "learnability", rows.groupby("dataset")["learnability"].first())
        return table


def suite_models(random_state: int = 0) -> dict[str, BaseEstimator]:
    """Return a ceiling of the cheapest family, and ordinary classifiers as they come.

    What a model of one's own is compared with; none is fitted.

    Parameters
    ----------
    random_state : int, default=0
        Seed of those that draw.

    Returns
    -------
    dict of str to estimator
        By name: "ceiling", "logistic regression", "naive Bayes", "boosting", "random forest",
        "neural network".

    Examples
    --------
    >>> from sklearn_learnability.report import suite_models
    >>> list(suite_models())[:3]
    ['ceiling', 'logistic regression', 'naive Bayes']
    """
    network = MLPClassifier(random_state=random_state)
    return {
        "ceiling": GoldenModelCeiling(CHEAP_FAMILY, random_state=random_state),
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "naive Bayes": GaussianNB(),
        "boosting": HistGradientBoostingClassifier(random_state=random_state),
        "random forest": RandomForestClassifier(n_jobs=1, random_state=random_state),
        "neural network": make_pipeline(StandardScaler(), network),
    }


def run_suite(
    models: Any = None,
    *,
    datasets: Sequence[str] | None = None,
    n_samples: int = 2000,
    random_state: int = 0,
    memory: str | PathLike[str] | Memory | None = None,
    verbose: int = 0,
) -> SuiteReport:
    r"""Measure classifiers against the exact truth of the suite's data sets.

    .. math:: \mathrm{gap}(q) = \frac{E_x\, \mathrm{KL}(p^* \| q)}{H(Y)}, \qquad
              \eta(q) = 1 - \frac{\mathrm{gap}(q)}{\mathrm{gap}(\pi)}

    with the exact posterior :math:`p^*` and the true class frequencies :math:`\pi`. Gap: lower is
    better; efficiency :math:`\eta`: higher is better, 1 is the truth. Only the calibration sees
    drawn labels, so that nothing else holds their noise. Warnings of convergence are not shown:
    the numbers say what that costs.

    Parameters
    ----------
    models : estimator, str, sequence or dict of str to estimator, default=None
        Classifiers with ``predict_proba``: one, several, or several by name. A string is the
        dotted path of a classifier, or of a class or function that makes one without arguments.
        None takes those of :func:`suite_models`.
    datasets : sequence of str, default=None
        Names of data sets. None takes the 24 that have class labels.
    n_samples : int, default=2000
        Number of rows. To fit on.
    random_state : int, default=0
        Source of randomness. Each data set has a seed of its own that follows from it.
    memory : str, path-like or joblib.Memory, default=None
        Where finished fits are kept. A change of a model's settings is noticed, one of its code is
        not.
    verbose : int, default=0
        Whether progress is shown. 1 prints a line a fit.

    Returns
    -------
    SuiteReport
        One measurement a data set and model. A fit that fails is one with its error, and a
        warning.

    Raises
    ------
    TypeError
        If a model has no ``predict_proba``.
    ValueError
        If two models have one name, or a data set is none of the suite's.
    ImportError
        If a path leads nowhere.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_learnability.report import run_suite
    >>> names = ["linear-medium", "mixture-two-classes"]
    >>> report = run_suite(GaussianNB(), datasets=names)
    >>> for found in report.measurements:
    ...     print(found.dataset, round(found.efficiency, 1))
    linear-medium 0.5
    mixture-two-classes 0.6
    """
    check_count("n_samples", n_samples)
    check_count("random_state", random_state, smallest=0)
    named = suite_models(random_state) if models is None else named_models(models, as_classifier)
    known = [found.name for found in learnability_suite(SUITE_VERSION) if found.target == "classes"]
    names = known if datasets is None else list(datasets)
    unknown = [name for name in names if name not in known]
    if isinstance(datasets, str) or unknown or not names or len(set(names)) < len(names):
        raise ValueError(
            f"Expected a list of different names of data sets among {known}, got {datasets!r}."
        )
    measure = check_store(memory).cache(measure_model)
    measurements = []
    for name in names:
        for model in named:
            try:
                numbers = measure(name, named[model], n_samples, random_state)
            except Exception as error:
                numbers = failed(name, model, error)
            measurements.append(SuiteMeasurement(dataset=name, model=model, **numbers))
            if verbose:
                print(f"{name}, {model}: efficiency {numbers.get('efficiency', math.nan):.3f}")
    return SuiteReport(tuple(measurements), n_samples, random_state, SUITE_VERSION)


def failed(name: str, model: str, error: Exception) -> dict[str, Any]:
    """Warn of a fit that failed, and return what is known without it."""
    text = f"{type(error).__name__}: {error}"
    warn(f"{model} failed on {name}, and its numbers there are NaN: {text}", FitFailedWarning)
    (dataset,) = (found for found in learnability_suite(SUITE_VERSION) if found.name == name)
    *_, truth = dataset.make(1000)
    return {"learnability": truth.learnability, "error": text}


def measure_model(name: str, model: Any, n_samples: int, seed: int) -> dict[str, float]:
    """Fit a model to one data set of the suite and measure its distance from the truth."""
    suite = learnability_suite(SUITE_VERSION)
    position = [dataset.name for dataset in suite].index(name)
    # a seed of its own for each data set, so that they do not share the luck of a draw
    seed = 100 * seed + position
    X, y, truth = suite[position].make(n_samples, random_state=seed)
    assert isinstance(truth, ClassificationTruth)
    fresh, labels = truth.sample(FRESH_ROWS, random_state=100_000 + seed)
    with warnings.catch_warnings(), threadpool_limits(1):
        # models are shown as they come; the numbers say what that costs
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LearnabilityWarning)
        started = time.process_time()
        fitted = clone(model).fit(X, y)
        seconds = time.process_time() - started
        proba = align_probabilities(fitted.predict_proba(fresh), fitted.classes_, truth.classes)
        gap = truth.gap(proba, fresh)
        nothing = truth.gap(np.tile(truth.class_frequencies, (FRESH_ROWS, 1)), fresh)
        calibrated = cross_fit_calibration(labels, proba, labels=truth.classes, random_state=seed)
        calibrated_gap = truth.gap(calibrated, fresh)
    return {
        "learnability": truth.learnability,
        "gap": gap,
        "efficiency": 1 - gap / nothing,
        "calibration_loss": gap - calibrated_gap,
        "calibrated_efficiency": 1 - calibrated_gap / nothing,
        "zeros": float((proba == 0).any(axis=1).mean()),
        "estimate": getattr(fitted, "learnability_", math.nan),
        "standard_error": getattr(fitted, "learnability_standard_error_", math.nan),
        "cpu_seconds": seconds,
    }
