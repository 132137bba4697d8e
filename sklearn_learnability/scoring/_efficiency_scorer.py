"""EfficiencyScorer: a model's share of what can be learned, as a scikit-learn scorer."""

import copy
from dataclasses import replace
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import column_or_1d
from sklearn.utils.metadata_routing import UNCHANGED, MetadataRequest
from sklearn.utils.validation import check_is_fitted

from sklearn_learnability._probabilities import align_probabilities, widen_classes
from sklearn_learnability._validation import (
    Floats,
    Units,
    check_choice,
    check_classifier,
    check_weights,
    nats_per_unit,
    readable,
    warn,
)
from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
from sklearn_learnability.exceptions import UndefinedInformationWarning
from sklearn_learnability.metrics import cross_fit_calibration
from sklearn_learnability.metrics._calibrators import CalibrationMethod, check_method
from sklearn_learnability.metrics._efficiency import (
    efficiency_of_losses,
    warn_of_efficiency,
)
from sklearn_learnability.metrics._information import (
    log_loss_per_sample,
    prior_surprisal,
)
from sklearn_learnability.metrics._reference import check_learnability, reference_losses
from sklearn_learnability.metrics._resampling import mean_estimate
from sklearn_learnability.scoring._score_requests import ScoreRequests


class EfficiencyScorer(ScoreRequests):
    r"""Scorer of classifiers by efficiency: the share of the learnable information they extract.

    .. math:: \eta = \frac{1 - \mathrm{NLL}_F / H(Y)}{L}

    Higher is better; 1 is all that the ceiling finds, 0 no better than the class frequencies of
    the scored rows. Use it wherever scikit-learn takes ``scoring=``: GridSearchCV,
    cross_validate, halving and nested searches, alone or in a dict.

    The ceiling is known in one of three ways.

    - `ceiling` alone: :math:`L` is that number.
    - `reference_nll` alone, routed as metadata: the ceiling's out-of-fold loss of every scored
      row. Model and ceiling meet the same rows, so what makes a fold easy cancels.
    - both: :math:`\eta = 1 - (\mathrm{NLL}_F - \mathrm{NLL}_G) / (L\,H(Y))` with the difference
      taken over the scored rows and :math:`L\,H(Y)` of the ceiling as a whole. It is paired as
      well, and stays defined in folds too small to show any learnability; the mean over equal
      folds is the efficiency of the pooled rows. Best for selection.

    Parameters
    ----------
    ceiling : float or fitted GoldenModelCeiling, default=None
        Learnability of the data. A scorer keeps the ceiling's numbers, not the model.
    against : {"ceiling", "lower", "upper"}, default="ceiling"
        What the score is a share of: the ceiling, or an end of the learnability where the ceiling
        was fitted with ``bracket=True``. Of the upper end it is the least that the model extracts,
        of the lower end the most, up to the noise of the scored rows: a search ranks models the
        same by all three, and their scores say between what shares they lie.
    calibration : str, default=None
        Family of maps: "affine", "temperature", "vector", "matrix", "beta" or "isotonic". The
        model is calibrated first, cross-fitted within the scored rows: the efficiency that is left
        once what calibration repairs is repaired.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of `reference_nll`.

    Warns
    -----
    UndefinedInformationWarning
        If the score is NaN, because the learnability's lower limit, or the end, is not above 0.
    InSampleWarning
        If the score against the ceiling is above 1.2 by more than noise: the model has most likely
        seen the rows.

    See Also
    --------
    GoldenModelCeiling : Estimates the ceiling.
    select_capacity : Picks the smallest capacity that is as good as the best.

    Notes
    -----
    `ceiling` alone is the learnability of the rows it was fitted on. Where a model is scored on
    other rows, what differs between them enters the score. A ceiling that predicts those rows is
    paired with the model by :func:`sklearn_learnability.metrics.efficiency`, with
    ``reference_nll=ceiling`` and their ``X``.

    References
    ----------
    S. Roy. Measuring Learning Efficiency via a Practical Information-Theoretic Approximation,
    2026.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_learnability import EfficiencyScorer
    >>> from sklearn_learnability.datasets import make_learnability_classification
    >>> X, y = make_learnability_classification(2000, learnability=0.3, random_state=0)
    >>> scorer = EfficiencyScorer(ceiling=0.3)
    >>> scores = cross_val_score(LogisticRegression(), X, y, scoring=scorer)
    >>> bool((scores > 0.7).all())
    True
    """

    def __init__(
        self,
        ceiling: GoldenModelCeiling | float | None = None,
        *,
        against: Literal["ceiling", "lower", "upper"] = "ceiling",
        calibration: CalibrationMethod | None = None,
        units: Units = "bits",
    ) -> None:
        nats_per_unit(units)
        if calibration is not None:
            check_method(calibration, n_classes=2)
        check_choice("against", against, ("ceiling", "lower", "upper"))
        self.units = units
        self.calibration = calibration
        self.against = against
        self.learnability: float | None = None
        self.learnable_information: float | None = None
        self.label_entropy: float | None = None
        self.end: float | None = None
        self._lower_limit: float | None = None
        if isinstance(ceiling, GoldenModelCeiling):
            check_is_fitted(ceiling, msg="Expected a fitted GoldenModelCeiling: call fit first.")
            if ceiling.units_ != units:
                raise ValueError(
                    f"Expected a ceiling and a scorer in one unit, got a ceiling in "
                    f"{ceiling.units_} and units={units!r}."
                )
            self.learnability = ceiling.learnability_
            self.learnable_information = ceiling.label_entropy_ - ceiling.nll_
            self._lower_limit = ceiling.learnability_lower_limit_
            self.label_entropy = ceiling.label_entropy_
            if against != "ceiling":
                self.end = self._lower_limit = end_of(ceiling, against)
        elif against != "ceiling":
            raise TypeError(
                f"Expected a fitted GoldenModelCeiling as ceiling where against={against!r}, got "
                f"{type(ceiling).__name__}. Pass an end that is known as ceiling= instead."
            )
        elif isinstance(ceiling, Real):
            self.learnability = self._lower_limit = check_learnability(ceiling)
        elif ceiling is not None:
            raise TypeError(
                "Expected a number or a fitted GoldenModelCeiling as ceiling, got "
                f"{type(ceiling).__name__}. Pass losses of rows as reference_nll= to the scorer."
            )
        self._request = MetadataRequest(owner="EfficiencyScorer")
        self.set_score_request(sample_weight=None, reference_nll=None)

    def __repr__(self) -> str:
        """Return the settings."""
        ceiling = "None" if self.learnability is None else f"{self.learnability:.4g}"
        against = "" if self.against == "ceiling" else f"against={self.against!r}, "
        return f"EfficiencyScorer({ceiling}, {against}calibration={self.calibration!r})"

    def __call__(
        self,
        estimator: BaseEstimator,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        reference_nll: ArrayLike | None = None,
    ) -> float:
        """Return the efficiency of a fitted classifier on the given rows.

        Parameters
        ----------
        estimator : classifier
            Fitted, with predict_proba.
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.
        reference_nll : array-like of shape (n_samples,), optional
            The ceiling's losses of these rows.

        Returns
        -------
        float
            The efficiency, NaN where undefined.
        """
        if self.learnability is None and reference_nll is None:
            raise ValueError(
                "Expected a ceiling, got none: pass EfficiencyScorer(ceiling=...), or route "
                "reference_nll= as metadata (scorer.set_score_request(reference_nll=True))."
            )
        y = np.asarray(column_or_1d(readable("y", y)))
        weight = check_weights(sample_weight, len(y))
        loss = self._losses(estimator, X, y, weight)
        surprisal = prior_surprisal(y, sample_weight=weight, units=self.units)
        reference = self._reference(reference_nll, y)
        if self._lower_limit is not None and not self._lower_limit > 0:
            what = "the ceiling's learnability has the lower limit"
            if self.end is not None:
                what = f"the {self.against} end of the learnability is"
            warn(
                f"The efficiency is undefined (NaN): {what} {self._lower_limit:.4g}.",
                UndefinedInformationWarning,
            )
            return float("nan")
        if self.end is not None:
            return self._share_of_end(self.end, surprisal, loss, reference, weight)
        found = efficiency_of_losses(
            surprisal,
            loss,
            units=self.units,
            learnability=self.learnability if reference is None else None,
            reference_nll=reference,
            sample_weight=weight,
        )
        if self.learnability is not None and reference is not None:
            information = self.learnable_information
            if information is None:
                information = self.learnability * float(np.average(surprisal, weights=weight))
            if information > 0:  # one class has none
                lost = mean_estimate((loss - reference) / information, sample_weight=weight)
                lower, upper = 1 - lost.upper, 1 - lost.lower
                found = replace(found, value=1 - lost.value, lower=lower, upper=upper, reason="")
        warn_of_efficiency(found)
        return found.value

    def _share_of_end(
        self, end: float, surprisal: Floats, loss: Floats, reference: Floats | None, weight: Floats
    ) -> float:
        """Return the share of an end of the learnability; with `reference`, of the whole table."""
        entropy = self.label_entropy
        if reference is None or entropy is None or self.learnable_information is None:
            entropy = float(np.average(surprisal, weights=weight))
            explained = entropy - float(np.average(loss, weights=weight))
        else:
            lost = float(np.average(loss - reference, weights=weight))
            explained = self.learnable_information - lost
        if not entropy > 0:
            warn(
                "The efficiency is undefined (NaN): one class holds all the weight, so that "
                "H(Y) = 0.",
                UndefinedInformationWarning,
            )
            return float("nan")
        return explained / (end * entropy)

    def _reference(self, reference_nll: ArrayLike | None, y: NDArray[Any]) -> Floats | None:
        """Return the ceiling's losses; a ceiling itself cannot tell which rows of it are scored."""
        if reference_nll is None:
            return None
        if hasattr(reference_nll, "predict_proba"):
            raise TypeError(
                "Expected the ceiling's loss of every scored row as reference_nll, got "
                f"{type(reference_nll).__name__}. Route its oof_nll_ where the rows are those it "
                "was fitted on; for new rows use sklearn_learnability.metrics.efficiency(y, "
                "y_proba, reference_nll=ceiling, X=X)."
            )
        return reference_losses(reference_nll, y, units=self.units)

    def _losses(self, estimator: BaseEstimator, X: Any, y: NDArray[Any], weight: Floats) -> Floats:
        proba, classes = class_probabilities(estimator, X, y)
        if self.calibration is not None:
            proba = cross_fit_calibration(
                y,
                proba,
                calibration=self.calibration,
                labels=classes,
                sample_weight=weight,
                random_state=0,
            )
        return log_loss_per_sample(y, proba, labels=classes, units=self.units)

    def set_score_request(
        self,
        *,
        sample_weight: bool | str | None = UNCHANGED,
        reference_nll: bool | str | None = UNCHANGED,
    ) -> Self:
        """Say which metadata the scorer asks for, where metadata routing is enabled.

        Parameters
        ----------
        sample_weight : bool, None or str, default=UNCHANGED
            True to receive it, a name to receive it under that name.
        reference_nll : bool, None or str, default=UNCHANGED
            True to receive it, a name to receive it under that name.

        Returns
        -------
        EfficiencyScorer
            The scorer itself.
        """
        self._ask_for(sample_weight=sample_weight, reference_nll=reference_nll)
        return self


def end_of(ceiling: GoldenModelCeiling, against: str) -> float:
    """Return an end of the learnability of a ceiling that has measured it."""
    if not hasattr(ceiling, "shortfall_"):
        raise ValueError(
            "Expected a ceiling fitted with bracket=True where "
            f"against={against!r}, got one without a bracket."
        )
    return float(getattr(ceiling.shortfall_, against))


def class_probabilities(
    estimator: BaseEstimator, X: Any, y: ArrayLike
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a classifier's probabilities with its classes, widened by labels it never saw."""
    check_classifier("estimator", estimator)
    if not hasattr(estimator, "classes_"):  # a wrapper has those of what it wraps
        check_is_fitted(estimator)
    classes = widen_classes(estimator.classes_, y)
    return align_probabilities(estimator.predict_proba(X), estimator.classes_, classes), classes


#: Share of the label entropy explained, raw and after cross-fitted affine calibration.
SCORERS = {
    "information_score": EfficiencyScorer(ceiling=1.0),
    "calibrated_information_score": EfficiencyScorer(ceiling=1.0, calibration="affine"),
}


def get_scorer(name: str) -> EfficiencyScorer:
    """Return a ready-made scorer by its name.

    Parameters
    ----------
    name : {"information_score", "calibrated_information_score"}
        What to score: the share of the label entropy explained (higher is better), raw or after
        cross-fitted affine calibration. Unlike scikit-learn's ``d2_log_loss_score``, a class that
        is missing from a fold does not end the search.

    Returns
    -------
    EfficiencyScorer
        For ``scoring=``. scikit-learn's own list of names is closed, so pass the scorer.

    Raises
    ------
    ValueError
        If there is no such scorer.

    Examples
    --------
    >>> from sklearn_learnability import get_scorer
    >>> get_scorer("information_score")
    EfficiencyScorer(1, calibration=None)
    """
    if name not in SCORERS:
        raise ValueError(f"Expected the name of a scorer, one of {sorted(SCORERS)}, got {name!r}.")
    return copy.deepcopy(SCORERS[name])


def get_scorer_names() -> list[str]:
    """Return the names that :func:`~sklearn_learnability.get_scorer` knows.

    Returns
    -------
    list of str
        Sorted names.

    Examples
    --------
    >>> from sklearn_learnability import get_scorer_names
    >>> get_scorer_names()
    ['calibrated_information_score', 'information_score']
    """
    return sorted(SCORERS)
