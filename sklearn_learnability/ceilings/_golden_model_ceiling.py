"""GoldenModelCeiling: how much of the labels' information the inputs hold."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from joblib import Memory, Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.utils import Tags, check_random_state, column_or_1d
from sklearn.utils.validation import check_consistent_length, check_is_fitted, check_memory

from sklearn_learnability._folds import (
    Folds,
    make_folds,
    warn_of_duplicates,
    warn_of_missing_classes,
)
from sklearn_learnability._probabilities import align_probabilities, widen_classes
from sklearn_learnability._validation import (
    Floats,
    Integers,
    RandomState,
    Units,
    check_several_classes,
    check_table,
    check_weights,
    encode_labels,
    nats_per_unit,
    relative_weights,
    warn,
)
from sklearn_learnability.ceilings._golden_candidates import (
    column_kinds,
    installed_candidates,
    named_candidate,
)
from sklearn_learnability.ceilings._out_of_fold import (
    fit_candidate,
    gather_log_proba,
    mean_log_proba,
)
from sklearn_learnability.exceptions import CandidateFailedWarning
from sklearn_learnability.metrics._blending import cross_fit_pool, fit_calibrated_pool
from sklearn_learnability.metrics._calibrators import CalibrationMethod, check_method
from sklearn_learnability.metrics._information import information_score, surprisal_of_frequencies
from sklearn_learnability.metrics._resampling import ratio_estimate

Candidate = tuple[str, BaseEstimator]


class GoldenModelCeiling(ClassifierMixin, BaseEstimator):
    r"""Ceiling on what the inputs say about the labels, by a strong and calibrated model.

    .. math:: L_G = 1 - \mathrm{NLL}_G / H(Y)

    A family of candidates is fitted out of fold, each is calibrated, and they are pooled
    log-linearly with non-negative weights. Calibration and weights are fitted on other rows than
    those they are scored on. Since no model beats the truth, :math:`L_G` is in expectation a lower
    bound of the learnability :math:`L = I(X;Y)/H(Y)`: 0 is nothing found, 1 is labels fully
    explained. On a finite sample it may lie above the truth by its standard error; the one-sided
    lower limit says what is safe to claim.

    Parameters
    ----------
    candidates : "default" or list of str and (str, classifier), default="default"
        The family. By default all that is installed of ``"prior"`` (class frequencies),
        ``"logistic"``, ``"splines"`` (logistic regression on splines and products),
        ``"hist_gradient_boosting"``, ``"catboost"``, ``"xgboost"`` and ``"network"`` (a bag of
        neural networks, needs torch). A list may name some of these and hold own classifiers in
        pairs with their names. Where one of these is in the family, data frames with categories,
        strings and gaps reach the candidates with numbers as float64 and all else as strings;
        otherwise X is passed as it is. A candidate that raises an error is left out.
    cv : int, splitter or iterable, default=5
        Folds. An int means that many folds, shuffled and stratified by class (by class and group
        where `groups` are given). Rows that no fold predicts are left out of the estimate. Where
        every fold is predicted from earlier rows only (TimeSeriesSplit), calibration and weights
        come from earlier folds too and the first fold serves calibration alone.
    calibration : str or None, default="affine"
        Calibration map of every candidate: "affine", "temperature", "vector", "matrix", "beta",
        "isotonic", or None.
    blend : {"log-linear", "best"}, default="log-linear"
        Pool the candidates, or take the one with the lowest calibrated loss on the other rows.
    units : {"bits", "nats"}, default="bits"
        Unit of entropies and losses.
    memory : str or joblib.Memory, default=None
        Where finished fits are kept, so that an interrupted `fit` resumes.
    n_jobs : int, default=None
        Fits to run side by side, each on one thread; any joblib backend.
    random_state : int, RandomState instance or None, default=None
        Seeds the candidates that have no seed of their own.
    verbose : int, default=0
        Progress of the fits, as joblib shows it.

    Attributes
    ----------
    learnability_ : float
        :math:`L_G`, over the predicted rows.
    learnability_interval_ : tuple of float
        Its two-sided 95 % interval, clustered by `groups` where given.
    learnability_lower_limit_, learnability_standard_error_ : float
        Its one-sided 95 % lower limit, and its standard error.
    label_entropy_ : float
        H(Y) of the predicted rows.
    nll_ : float
        Mean out-of-fold loss of the golden model.
    oof_nll_ : ndarray of shape (n_samples,)
        Loss of every row, aligned with X; NaN where a row was not predicted.
    oof_proba_ : ndarray of shape (n_samples, n_classes)
        Out-of-fold probabilities, aligned with X; NaN where a row was not predicted.
    n_unpredicted_ : int
        Number of rows left out of the estimate.
    duplicate_share_ : float
        Share of test rows that also stand in their training rows.
    candidates_ : DataFrame
        One row a candidate: `candidate`, `nll`, `calibrated_nll`, `information_score`, `weight`
        (what the weights lack of 1 is the weight of the class frequencies), `seconds`.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where all are strings.

    Raises
    ------
    ValueError
        If y has one class, a weight is negative, or every candidate fails.

    Warns
    -----
    DuplicateRowsWarning
        If copies of rows stand on both sides of the folds.
    CandidateFailedWarning
        If a candidate is left out.
    MissingClassWarning
        If a class is absent from the training rows of a fold.

    See Also
    --------
    EfficiencyScorer : Scores a model by its share of this ceiling.
    CalibratedNLL : Splits one model's loss into calibration and information.

    References
    ----------
    S. Roy. Measuring Learning Efficiency via a Practical Information-Theoretic Approximation,
    2026.
    D. H. Wolpert. Stacked generalization. Neural Networks, 1992.
    https://doi.org/10.1016/S0893-6080(05)80023-1

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_learnability import GoldenModelCeiling
    >>> from sklearn_learnability.datasets import make_learnability_classification
    >>> X, y, truth = make_learnability_classification(
    ...     4000, learnability=0.3, random_state=0, return_truth=True)
    >>> family = [("logistic", LogisticRegression()), ("bayes", GaussianNB())]
    >>> ceiling = GoldenModelCeiling(family, random_state=0).fit(X, y)
    >>> print(f"{ceiling.learnability_:.2f} of {truth.learnability:.2f}")
    0.29 of 0.30
    """

    def __init__(
        self,
        candidates: Literal["default"] | Sequence[str | Candidate] = "default",
        *,
        cv: Any = 5,
        calibration: CalibrationMethod | None = "affine",
        blend: Literal["log-linear", "best"] = "log-linear",
        units: Units = "bits",
        memory: str | Memory | None = None,
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.candidates = candidates
        self.cv = cv
        self.calibration = calibration
        self.blend = blend
        self.units = units
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the family out of fold, calibrate, pool and score it.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Inputs; the default family takes categories, strings and missing values.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights, for the fits that take them and for every mean. Their scale does
            not matter.
        groups : array-like of shape (n_samples,), optional
            Rows of one group stay in one fold and may depend on each other: the interval is
            clustered by group.

        Returns
        -------
        GoldenModelCeiling
            The fitted estimator.
        """
        self._check_options()
        table = self._check_table(X, reset=True)
        y = column_or_1d(y, warn=True)
        check_consistent_length(table, y, groups)
        self.classes_, codes = encode_labels(y)
        weight = None
        if sample_weight is not None:
            weight = relative_weights(check_weights(sample_weight, len(codes)))
        check_several_classes(self.classes_, codes, weight)
        if self.calibration is not None:
            check_method(self.calibration, len(self.classes_))
        rng = check_random_state(self.random_state)
        folds = make_folds(self.cv, table, codes, groups, rng)
        warn_of_missing_classes(codes, folds)
        self.duplicate_share_ = warn_of_duplicates(table, folds)
        names, log_probas, seconds = self._fit_family(table, codes, weight, folds, rng)
        weight = np.ones(len(codes)) if weight is None else weight
        losses = self._score_out_of_fold(codes, weight, folds, log_probas, groups)
        self.candidates_ = losses.assign(
            information_score=1 - losses["nll"] / self.label_entropy_,
            weight=self.pool_.weights,
            seconds=seconds,
        )
        self.candidates_.insert(0, "candidate", names)
        return self

    def predict_log_proba(self, X: Any) -> Floats:
        """Return the golden model's log-probabilities (natural logarithm).

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probabilities in the order of `classes_`. Where the folds partition the rows, each
            candidate is the logarithmic mean of its fold models; else it was refitted on all rows.
        """
        check_is_fitted(self)
        table = self._check_table(X, reset=False)
        members = np.stack([mean_log_proba(models, table) for models in self.models_])
        return self.pool_.log_proba(self.pool_.calibrate(members))

    def predict_proba(self, X: Any) -> Floats:
        """Return the golden model's probabilities.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`.
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        columns = self.predict_log_proba(X).argmax(axis=1)
        return self.classes_[columns]

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the information score 1 - NLL/H(Y) on new data; higher is better.

        A label never seen in `fit` has probability 0 and is charged 52 bits, with a warning.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        float
            Share of the label entropy explained.
        """
        classes = widen_classes(self.classes_, y)
        proba = align_probabilities(self.predict_proba(X), self.classes_, classes)
        return information_score(y, proba, sample_weight=sample_weight, labels=classes)

    def __sklearn_tags__(self) -> Tags:
        """Missing values are taken by the default family."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._has_named_candidates
        return tags

    @property
    def _has_named_candidates(self) -> bool:
        return any(isinstance(member, str) for member in self.candidates)

    def _check_options(self) -> None:
        nats_per_unit(self.units)
        if isinstance(self.candidates, str) and self.candidates != "default":
            raise ValueError(
                f"Got candidates={self.candidates!r}, but expected 'default' or a list of "
                "names and pairs (name, classifier)."
            )
        if self.blend not in ("log-linear", "best"):
            raise ValueError(f"Got blend={self.blend!r}, but expected 'log-linear' or 'best'.")

    def _check_table(self, X: Any, *, reset: bool) -> Any:
        return check_table(self, X, reset=reset, clean=self._has_named_candidates)

    def _family(self, table: Any) -> list[Candidate]:
        """Return the candidates as pairs of name and unfitted classifier."""
        members = self.candidates
        if isinstance(members, str):
            members = installed_candidates()
        columns = column_kinds(table) if self._has_named_candidates else ([], [], [])
        family = [
            (member, named_candidate(member, columns)) if isinstance(member, str) else member
            for member in members
        ]
        for name, estimator in family:
            if not (is_classifier(estimator) and hasattr(estimator, "predict_proba")):
                raise TypeError(
                    f"Got the candidate {name!r} ({type(estimator).__name__}), but expected a "
                    "classifier with predict_proba."
                )
        return family

    def _fit_family(
        self,
        table: Any,
        codes: Integers,
        weight: Floats | None,
        folds: Folds,
        rng: np.random.RandomState,
    ) -> tuple[list[str], Floats, list[float]]:
        """Fit every candidate on every fold; keep those without an error in `models_`."""
        family = self._family(table)
        splits = list(folds.splits)
        if not folds.is_partition:
            splits.append((np.arange(len(codes)), np.arange(0)))  # the fit that predicts
        n_classes = len(self.classes_)
        seeds = rng.randint(np.iinfo(np.int32).max, size=(len(family), len(splits)))
        fit = check_memory(self.memory).cache(fit_candidate)
        fits = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)(
            delayed(fit)(estimator, table, codes, weight, train, test, n_classes, seeds[m, f])
            for m, (_, estimator) in enumerate(family)
            for f, (train, test) in enumerate(splits)
        )
        names, members, seconds, self.models_ = [], [], [], []
        for m, (name, _) in enumerate(family):
            own = fits[m * len(splits) : (m + 1) * len(splits)]
            errors = [fold.error for fold in own if fold.error]
            if errors:
                warn(f"The candidate {name!r} is left out: {errors[0]}", CandidateFailedWarning)
                continue
            names.append(name)
            members.append(gather_log_proba(own, folds, n_classes))
            seconds.append(sum(fold.seconds for fold in own))
            models = [fold.model for fold in own]
            self.models_.append(models if folds.is_partition else models[-1:])
        if not names:
            raise ValueError(f"Every candidate failed; the last error was {errors[0]}")
        return names, np.stack(members), seconds

    def _score_out_of_fold(
        self,
        codes: Integers,
        weight: Floats,
        folds: Folds,
        log_probas: Floats,
        groups: ArrayLike | None,
    ) -> pd.DataFrame:
        """Calibrate and pool each fold on other folds, and all folds for prediction."""
        options: dict[str, Any] = {"calibration": self.calibration, "blend": self.blend}
        calibrated, pooled = cross_fit_pool(
            codes, log_probas, weight, folds.tuning_rows(), **options
        )
        predicted = folds.fold_of >= 0
        self.pool_ = fit_calibrated_pool(
            codes[predicted], log_probas[:, predicted], weight[predicted], **options
        )
        scored = np.flatnonzero(~np.isnan(pooled[:, 0]))
        codes, weight = codes[scored], weight[scored]
        self.n_unpredicted_ = len(pooled) - len(scored)
        self.oof_proba_ = np.exp(pooled)
        self.oof_nll_ = np.full(len(pooled), np.nan)
        per_unit = nats_per_unit(self.units)
        self.oof_nll_[scored] = -pooled[scored, codes] / per_unit
        surprisal = surprisal_of_frequencies(codes, weight, pooled.shape[1])[codes] / per_unit
        estimate = ratio_estimate(
            surprisal - self.oof_nll_[scored],
            surprisal,
            sample_weight=weight,
            groups=None if groups is None else np.asarray(groups)[scored],
        )
        self.label_entropy_ = float(np.average(surprisal, weights=weight))
        self.nll_ = float(np.average(self.oof_nll_[scored], weights=weight))
        self.learnability_ = estimate.value
        self.learnability_standard_error_ = estimate.standard_error
        self.learnability_interval_ = (estimate.lower, estimate.upper)
        self.learnability_lower_limit_ = estimate.lower_limit(0.95)
        losses = [
            -member[:, scored, codes] @ weight / (weight.sum() * per_unit)
            for member in (log_probas, calibrated)
        ]
        return pd.DataFrame({"nll": losses[0], "calibrated_nll": losses[1]})
