"""Several models against one ceiling: what each extracts, raw and calibrated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score, f1_score

from sklearn_learnability._probabilities import check_labels_and_probabilities
from sklearn_learnability._results import Result
from sklearn_learnability._validation import (
    Floats,
    Units,
    check_random_state,
    check_weights,
    encode_labels,
    nats_per_unit,
)
from sklearn_learnability.metrics._best_model import (
    SMALLEST_DIFFERENCE,
    BestModel,
    best_of_models,
)
from sklearn_learnability.metrics._calibration import cross_fit_calibration
from sklearn_learnability.metrics._calibrators import CalibrationMethod
from sklearn_learnability.metrics._efficiency import (
    Efficiency,
    efficiency_of_losses,
    warn_of_efficiency,
    warn_of_ends,
)
from sklearn_learnability.metrics._efficiency_ends import Bracket, check_bracket
from sklearn_learnability.metrics._information import log_loss_per_sample, prior_surprisal
from sklearn_learnability.metrics._reference import Reference, check_ceiling, groups_beside
from sklearn_learnability.metrics._resampling import Estimate


@dataclass(frozen=True, eq=False)
class ModelAssessment(Result):
    """What one model extracts, raw and after cross-fitted calibration.

    Attributes
    ----------
    model : str
        Name of the model.
    nll, calibrated_nll : float
        Mean loss of the probabilities as given, and after calibration.
    efficiency, calibrated_efficiency : Efficiency
        The share of the ceiling, raw and calibrated, and with a bracket also against both its ends.
        The intervals are right for a model that was named before the comparison.
    accuracy, f1 : float
        Accuracy, and F1 of the second class (of all classes, averaged, for more than two).
    """

    model: str
    nll: float
    calibrated_nll: float
    efficiency: Efficiency
    calibrated_efficiency: Efficiency
    accuracy: float
    f1: float

    def to_frame(self) -> pd.DataFrame:
        """Return the assessment as a table of one row."""
        row: dict[str, object] = {
            "model": self.model,
            "nll": self.nll,
            "calibrated_nll": self.calibrated_nll,
            "calibration_loss": self.nll - self.calibrated_nll,
            "information_score": self.efficiency.information_score.value,
            "calibrated_information_score": self.calibrated_efficiency.information_score.value,
        }
        for prefix in ("efficiency", "calibrated_efficiency"):
            part: Efficiency = getattr(self, prefix)
            row |= {
                prefix: part.value,
                f"{prefix}_lower": part.lower,
                f"{prefix}_upper": part.upper,
            }
            if part.bracket_reason is not None:
                row |= {
                    f"{prefix}_of_lower": part.efficiency_of_lower,
                    f"{prefix}_of_upper": part.efficiency_of_upper,
                }
        return pd.DataFrame([row | {"accuracy": self.accuracy, "f1": self.f1}])


@dataclass(frozen=True, eq=False)
class ModelComparison(Result):
    """Models assessed on the same rows against the same ceiling.

    Attributes
    ----------
    label_entropy : float
        H(Y) of the rows.
    learnability : Estimate
        The ceiling on these rows.
    models : tuple of ModelAssessment
        The models, in the order given.
    best, calibrated_best : BestModel
        The model of the lowest loss, as given and after calibration, with an efficiency corrected
        for having been picked, and all models that may be the best.
    units : str
        Unit of information; that of entropies and losses.
    n_samples : int
        Number of rows.
    """

    label_entropy: float
    learnability: Estimate
    models: tuple[ModelAssessment, ...]
    best: BestModel
    calibrated_best: BestModel
    units: str
    n_samples: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row a model."""
        table = pd.concat([model.to_frame() for model in self.models], ignore_index=True)
        return table.assign(
            may_be_best=table["model"].isin(self.best.may_be_best),
            calibrated_may_be_best=table["model"].isin(self.calibrated_best.may_be_best),
        )


def compare_models(
    y_true: ArrayLike,
    y_probas: Mapping[str, ArrayLike],
    *,
    learnability: float | None = None,
    reference_nll: Reference | None = None,
    X: Any = None,
    bracket: Bracket | None = None,
    calibration: CalibrationMethod = "affine",
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    units: Units = "bits",
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
) -> ModelComparison:
    r"""Compare models by the share of the learnable information they extract.

    .. math:: \mathrm{NLL}_F = \underbrace{\mathrm{NLL}_G}_{\text{not explained by the ceiling}}
              + \underbrace{(\mathrm{NLL}_F - \mathrm{NLL}_F^{cal})}_{\text{calibration loss}}
              + \underbrace{(\mathrm{NLL}_F^{cal} - \mathrm{NLL}_G)}_{\text{lost information}}

    Efficiency: higher is better, 1 is all that the ceiling finds. Calibration is cross-fitted
    within the given rows, so that it repairs only what can be repaired.

    The interval of each model is right for one that was named beforehand. The one that comes out
    first is partly lucky. `best` has its efficiency, corrected for the choice, and all models whose
    losses, paired row by row, cannot be told from those of the best.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Class labels. Of rows that no model was fitted on.
    y_probas : mapping of str to array-like of shape (n_samples, n_classes) or (n_samples,)
        Predicted probabilities by name of the model.
    learnability : float, optional
        The ceiling as a number, taken as exact. Give this or `reference_nll`.
    reference_nll : array-like of shape (n_samples,) or fitted GoldenModelCeiling, optional
        The ceiling's held-out losses of the same rows, in `units`; it pairs models and ceiling row
        by row. A ceiling itself is taken as by :func:`efficiency`.
    X : array-like of shape (n_samples, n_features), optional
        Inputs. Only for a ceiling that is to predict rows new to it.
    bracket : Shortfall or tuple of float, optional
        Lower and upper end of the learnability, for the efficiency against both. By default those
        of a ceiling in `reference_nll` that was fitted with ``bracket=True``.
    calibration : str, default="affine"
        Family of maps: "affine", "temperature", "vector", "matrix", "beta" or "isotonic".
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weights.
    groups : array-like of shape (n_samples,), optional
        Rows of one group may depend on each other: intervals are clustered by group and
        calibration keeps groups together. By default those of a ceiling in `reference_nll`, where X
        is not given.
    labels : array-like of shape (n_classes,), optional
        Classes in the order of the columns; by default the sorted distinct labels of `y_true`.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of entropies and losses.
    confidence : float, default=0.95
        Level of the intervals.
    random_state : int, RandomState instance or None, default=0
        Source of randomness. Shuffles the rows into the folds of the calibration, the same for
        every model, and draws the noise that corrects the best one.

    Returns
    -------
    ModelComparison
        With `to_frame()`, one row a model, and `best` and `calibrated_best`.

    Raises
    ------
    ValueError
        If not exactly one ceiling is given, or for the reasons of :func:`efficiency`.
    TypeError
        If `y_probas` is no mapping, or `reference_nll` neither losses nor a fitted ceiling.

    Warns
    -----
    UndefinedInformationWarning
        If the efficiencies are NaN because the learnability's interval reaches 0, or those against
        a bracket because an end is 0.
    InSampleWarning
        If a model's interval lies above 1.2: it was most likely fitted on these rows.

    References
    ----------
    S. Roy. Measuring Learning Efficiency via a Practical Information-Theoretic Approximation,
    2026.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_learnability.datasets import make_learnability_classification
    >>> from sklearn_learnability.metrics import compare_models
    >>> X, y = make_learnability_classification(4000, learnability=0.3, random_state=0)
    >>> probas = {
    ...     model.__class__.__name__: model.fit(X[:2000], y[:2000]).predict_proba(X[2000:])
    ...     for model in (LogisticRegression(), GaussianNB())
    ... }
    >>> compared = compare_models(y[2000:], probas, learnability=0.3)
    >>> compared.to_frame()[["model", "efficiency", "calibrated_efficiency"]].shape
    (2, 3)
    >>> print(compared.best.model, compared.best.may_be_best)
    LogisticRegression ('LogisticRegression',)
    """
    check_models(y_probas)
    weight = check_weights(sample_weight, len(encode_labels(y_true)[1]))
    surprisal = prior_surprisal(y_true, sample_weight=weight, units=units)
    reference = check_ceiling(learnability, reference_nll, y_true, X, units)
    groups = groups_beside(reference_nll, X, groups)
    seed = seed_of(random_state)
    rows: dict[str, Any] = {"sample_weight": weight, "groups": groups}
    folds: dict[str, Any] = {"calibration": calibration, "random_state": seed}
    ceiling: dict[str, Any] = {"learnability": learnability, "reference_nll": reference}
    options: dict[str, Any] = {"units": units, "confidence": confidence, **ceiling, **rows}
    options["ends"] = check_bracket(bracket, reference_nll)
    assess = partial(
        assess_model,
        weight=weight,
        losses_of=partial(log_loss_per_sample, y_true, units=units),
        calibrate=partial(cross_fit_calibration, y_true, **folds, **rows),
        efficiency_of=partial(efficiency_of_losses, surprisal, **options),
    )
    assessed = [
        assess(name, check_labels_and_probabilities(y_true, y_proba, labels))
        for name, y_proba in y_probas.items()
    ]
    models, *losses = zip(*assessed, strict=True)
    warn_of_models(models)
    learnable = surprisal - (0 if reference is None else reference)
    pick = partial(
        best_of_models,
        list(y_probas),
        surprisal=surprisal,
        learnable=learnable if learnability is None else learnability * surprisal,
        rounding=SMALLEST_DIFFERENCE / nats_per_unit(units),
        random_state=seed,
        **rows,
    )
    raw, calibrated = (np.column_stack(columns) for columns in losses)
    return ModelComparison(
        float(np.average(surprisal, weights=weight)),
        models[0].efficiency.learnability,
        models,
        pick(losses=raw, efficiencies=[part.efficiency for part in models]),
        pick(losses=calibrated, efficiencies=[part.calibrated_efficiency for part in models]),
        units,
        len(weight),
    )


def seed_of(random_state: int | np.random.RandomState | None) -> int:
    """Return one seed, so that every model meets the same folds and the same draws."""
    if isinstance(random_state, int | np.integer):
        check_random_state(random_state)
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def check_models(y_probas: Any) -> None:
    """Refuse what is no mapping, and none without a model."""
    if not isinstance(y_probas, Mapping):
        raise TypeError(
            "Expected y_probas as a mapping of names to probabilities, such as "
            f'{{"model": y_proba}}, got {type(y_probas).__name__}.'
        )
    if not y_probas:
        raise ValueError("Expected at least one model in y_probas, got none.")


def assess_model(
    name: str,
    rows: tuple[NDArray[Any], NDArray[np.integer], Floats],
    *,
    weight: Floats,
    losses_of: Callable[..., Floats],
    calibrate: Callable[..., Floats],
    efficiency_of: Callable[[Floats], Efficiency],
) -> tuple[ModelAssessment, Floats, Floats]:
    """Return what a model of given classes, codes and probabilities extracts, and its losses."""
    classes, codes, proba = rows
    loss = losses_of(proba, labels=classes)
    calibrated_loss = losses_of(calibrate(proba, labels=classes), labels=classes)
    assessment = ModelAssessment(
        name,
        float(np.average(loss, weights=weight)),
        float(np.average(calibrated_loss, weights=weight)),
        efficiency_of(loss),
        efficiency_of(calibrated_loss),
        *decision_scores(codes, proba, weight),
    )
    return assessment, loss, calibrated_loss


def warn_of_models(models: tuple[ModelAssessment, ...]) -> None:
    """Warn of what is undefined, once, and of every model that has most likely seen the rows."""
    for model in models[:1] if models[0].efficiency.reason else models:
        warn_of_efficiency(model.efficiency, name=f"The model {model.model!r}")
    warn_of_ends(models[0].efficiency)


def decision_scores(
    codes: NDArray[np.integer], proba: Floats, weight: Floats
) -> tuple[float, float]:
    """Return accuracy and F1 of the most probable classes; F1 of the second class if of two."""
    predicted = proba.argmax(axis=1)
    average = "binary" if proba.shape[1] == 2 else "macro"
    f1 = f1_score(codes, predicted, average=average, sample_weight=weight, zero_division=0.0)
    return float(accuracy_score(codes, predicted, sample_weight=weight)), float(f1)
