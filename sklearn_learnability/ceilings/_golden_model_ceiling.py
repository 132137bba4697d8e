"""GoldenModelCeiling: how much of the labels' information the inputs hold."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
from joblib import Memory
from numpy.typing import ArrayLike
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length

from sklearn_learnability._dependence import units_of_all_rows, warn_of_dependence
from sklearn_learnability._folds import make_folds, warn_of_duplicates, warn_of_missing_classes
from sklearn_learnability._row_order import warn_of_order
from sklearn_learnability._validation import (
    RandomState,
    Units,
    check_choice,
    check_several_classes,
    check_weights,
    encode_labels,
    nats_per_unit,
    readable,
    relative_weights,
)
from sklearn_learnability.ceilings._family import (
    FittedFamily,
    Member,
    Members,
    check_members,
    fit_on_folds,
)
from sklearn_learnability.ceilings._golden_model import GoldenModel
from sklearn_learnability.ceilings._golden_score import GoldenScore, score_out_of_fold
from sklearn_learnability.ceilings._out_of_fold import TrainingData
from sklearn_learnability.ceilings._refit import (
    FitRecord,
    check_refittable,
    data_of_fit,
    weights_of,
)
from sklearn_learnability.ceilings._shortfall import Shortfall, measure_shortfall
from sklearn_learnability.ceilings._time_limit import start_clock, table_of
from sklearn_learnability.metrics._calibrators import CalibrationMethod, check_method


class GoldenModelCeiling(GoldenModel):
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
    candidates : {"fast", "default", "best"} or list of str and (str, classifier), default="default"
        The family. "fast" is ``"prior"`` (class frequencies), ``"logistic"``, ``"splines"``
        (logistic regression on splines, products and crosses) and ``"small_catboost"`` (else
        ``"hist_gradient_boosting"``); "default" has ``"sparse_splines"`` (the same regression, most
        of it left out), ``"catboost"`` and ``"network"`` (neural networks, needs torch); "best" has
        ``"large_network"`` as well. There are ``"xgboost"`` too and, for columns of many levels,
        ``"factorization_machine"`` and ``"tab_transformer"``. A list may name these, and hold your
        own classifiers in pairs with their names; put the most expensive last, since fits begin
        there. Your own get the labels of y. One in a :class:`sklearn.frozen.FrozenEstimator` is
        used as it is, and must not have seen the rows. If any candidate is given by name, X is a
        table: all get numbers, also those in columns of objects, as float64 with NaN for gaps, and
        everything else as strings, except dates, which are refused. Otherwise X is passed as it is,
        whatever it is: texts, images, sparse matrices. A candidate that raises an error is left
        out. Splines and networks are fitted on 250,000 rows at most, with weights that make up for
        the others.
    cv : int, cross-validation splitter or iterable, default=5
        Folds. An int means that many folds, shuffled and stratified by class (by class and group
        where `groups` are given). Shuffled folds assume independent rows; a warning comes if their
        order speaks against it. Rows that no fold predicts are left out of the estimate. If every
        fold is predicted from earlier rows only (TimeSeriesSplit), so are calibration and weights,
        and the first fold only serves to calibrate. Then, and if each fold tests neighbouring rows
        (PurgedKFold), the interval counts blocks of neighbouring rows.
    calibration : str or None, default="affine"
        Family of maps: that of every candidate, "affine", "temperature", "vector", "matrix",
        "beta", "isotonic", or None.
    blend : {"log-linear", "best"}, default="log-linear"
        Pool the candidates, or take the one with the lowest calibrated loss on the other rows.
    bracket : bool, default=False
        Whether `fit` measures how far the truth may lie above the ceiling, as
        :meth:`~sklearn_learnability.GoldenModelCeiling.shortfall` does. It costs about half as
        much again.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of entropies and losses.
    memory : str, path-like or joblib.Memory, default=None
        Where finished fits are kept. An interrupted `fit` resumes. With
        `random_state=None` the seeds are then drawn from the data, so that it resumes as well.
    max_seconds : float or None, default=None
        Wall-clock seconds that `fit` may take, about. Candidates that there is no time for are left
        out whole, the last of the family first. None is no limit.
    n_jobs : int, default=None
        Fits to run side by side. Each on one thread; any joblib backend.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. Shuffles the rows into folds, and seeds the candidates that have no
        seed of their own.
    verbose : int, default=0
        Whether progress is shown. By joblib, in as much detail.

    Attributes
    ----------
    learnability_ : float
        :math:`L_G`, over the predicted rows.
    learnability_interval_ : tuple of float
        Two-sided 95 % interval of its expectation on fresh rows, clustered by `groups` where given,
        by 20 blocks of neighbouring rows where the folds follow the order of the rows; NaN if a
        class has fewer than about five rows.
    learnability_lower_limit_, learnability_standard_error_ : float
        Its one-sided 95 % lower limit, and its standard error.
    learnability_bracket_ : tuple of float
        Lower and upper end of the learnability itself, where `bracket` is true.
    shortfall_ : Shortfall
        Both ends with their evidence, where `bracket` is true.
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
    n_independent_ : int
        Number of units with weight that the interval takes as independent: groups where given,
        blocks of neighbouring rows where the folds follow their order, else rows.
    independent_units_ : ndarray of shape (n_samples,) or None
        Number of the group, or of the block of neighbouring rows, that each row belongs to; -1
        where it was not predicted. None if rows are counted. Functions of `metrics` count these
        units if you give them this ceiling. If you give them losses, pass this as `groups`.
    duplicate_share_ : float
        Share of test rows that also stand in their training rows; NaN where rows cannot be
        compared.
    candidates_ : DataFrame
        One row a candidate: `candidate`, `nll`, `calibrated_nll`, `information_score`, `weight`
        (the class frequencies have the rest of 1), `n_train` (rows that a model of it was fitted
        on, at most), `seconds` (CPU time of the threads that fitted it).
    left_out_ : DataFrame
        One row a candidate that was not fitted: `candidate`, `reason` ("time" or an error) and
        `expected_seconds` of its fits, NaN where they are not known.
    units_ : str
        Unit of the entropies and losses.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where all are strings.

    Raises
    ------
    ValueError
        If y has one class, a weight is negative, a row has no group, the cv trains on rows it
        tests, or every candidate fails.
    TypeError
        If a candidate is no classifier, or a table for named candidates holds dates or times.

    Warns
    -----
    DuplicateRowsWarning
        If copies of rows stand on both sides of the folds.
    CandidateFailedWarning
        If a candidate fails and is left out.
    TimeLimitWarning
        If a candidate is left out for want of time.
    UndefinedInformationWarning
        If the predicted rows are of one class: the learnability is NaN.
    MissingClassWarning
        If a class is absent from the training rows of a fold.
    OrderedRowsWarning
        If `cv` is an int and rows that stand close together resemble each other.
    DependentRowsWarning
        If there are no groups, folds are not in order, and losses of neighbouring rows, or
        residuals of rows that share a value of a column, resemble each other.
    UnusedWeightsWarning
        If there are weights and a candidate takes none.
    ConvertedColumnsWarning
        If columns of objects are read as numbers, or texts with fractions as categories.

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
        candidates: Literal["fast", "default", "best"] | Sequence[Member] = "default",
        *,
        cv: Any = 5,
        calibration: CalibrationMethod | None = "affine",
        blend: Literal["log-linear", "best"] = "log-linear",
        bracket: bool = False,
        units: Units = "bits",
        memory: str | PathLike[str] | Memory | None = None,
        max_seconds: float | None = None,
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.candidates = candidates
        self.cv = cv
        self.calibration = calibration
        self.blend = blend
        self.bracket = bracket
        self.units = units
        self.memory = memory
        self.max_seconds = max_seconds
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
        X : array-like of shape (n_samples, n_features)
            Inputs. The default family takes categories and strings in the columns of a table of
            pandas, polars or pyarrow, and missing values. With own candidates alone anything with
            rows.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. For the fits that take them and for every mean. Their scale does
            not matter.
        groups : array-like of shape (n_samples,), optional
            Rows of one group may depend on each other. They stay in one fold, and the interval is
            clustered by group.

        Returns
        -------
        GoldenModelCeiling
            The fitted estimator.
        """
        members = self._check_options()
        limit = start_clock(self.max_seconds, has_bracket=bool(self.bracket))
        for name in ("shortfall_", "learnability_bracket_"):  # of another fit
            self.__dict__.pop(name, None)
        data = self._check_rows(X, y, sample_weight, groups)
        table, codes, weight = data.X, data.codes, weights_of(data)
        rng = self._seeds(data)
        folds = make_folds(self.cv, table, codes, groups, rng)
        folds.check_weight(weight)
        warn_of_missing_classes(codes, folds)
        self.duplicate_share_, has_copies = warn_of_duplicates(table, folds)
        is_ordered = warn_of_order(table, codes, self.cv, groups)
        family = fit_on_folds(
            members,
            data,
            folds,
            rng,
            memory=self.memory,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            limit=limit,
        )
        self._record = FitRecord.of_fit(self, data, folds, groups, rng)
        score = score_out_of_fold(
            codes,
            family.log_probas,
            weight,
            folds,
            groups,
            units=self.units,
            calibration=self.calibration,
            blend=self.blend,
        )
        self._keep(family, score)
        self.independent_units_ = units_of_all_rows(groups, folds, self.oof_nll_)
        warn_of_dependence(
            table,
            codes,
            self.oof_proba_,
            weight,
            folds,
            groups,
            along_rows=not is_ordered,
            along_columns=not has_copies,
        )
        if self.bracket:
            self.shortfall_ = measure_shortfall(self, data, groups)
            self.learnability_bracket_ = (self.shortfall_.lower, self.shortfall_.upper)
        return self

    def shortfall(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Shortfall:
        r"""Measure how far the truth may lie above the ceiling, on the rows of `fit`.

        .. math:: L \le L_G + (1 - L_G)\, f \Big(\frac{r}{\sqrt n} + \sum_j c_j \max(e_j, 0)\Big)
                  + z\, \mathrm{se}(L_G)

        The evidence e is what more rows still gained, how well the family finds again a truth of
        its own kind, and more, :class:`~sklearn_learnability.ShortfallEvidence`. The coefficients
        are those of a rule that was fitted on generated tasks of known truth and tested on families
        left out. Rows of equal inputs give another bound, without any rule. The family is fitted
        again on the training rows of one fold, twice.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs. Those of `fit`.
        y : array-like of shape (n_samples,)
            Class labels. Those of `fit`.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. Those of `fit`.
        groups : array-like of shape (n_samples,), optional
            Rows of one group may depend on each other. The groups of `fit`.

        Returns
        -------
        Shortfall
            Both ends of the learnability, and what they rest on.

        Raises
        ------
        ValueError
            If rows, weights or groups are others than those of `fit`, a candidate is frozen, or
            the predicted rows are of one class.
        """
        return measure_shortfall(self, data_of_fit(self, X, y, sample_weight, groups), groups)

    def _check_options(self) -> Members:
        nats_per_unit(self.units)
        if not isinstance(self.bracket, bool | np.bool_):
            raise ValueError(f"Expected bracket as True or False, got {self.bracket!r}.")
        if self.bracket:
            check_refittable(self.candidates)
        check_choice("blend", self.blend, ("log-linear", "best"))
        return check_members(self.candidates)

    def _check_rows(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None, groups: ArrayLike | None
    ) -> TrainingData:
        """Return the rows to fit on, and set the classes."""
        table = self._check_table(X, reset=True)
        y = column_or_1d(readable("y", y), warn=True)
        check_consistent_length(table, y, groups)
        self.classes_, codes = encode_labels(y)
        weight = None
        if sample_weight is not None:
            weight = relative_weights(check_weights(sample_weight, len(codes)))
        check_several_classes(self.classes_, codes, weight)
        if self.calibration is not None:
            check_method(self.calibration, len(self.classes_))
        return TrainingData(table, codes, self.classes_, weight)

    def _keep(self, family: FittedFamily, score: GoldenScore) -> None:
        """Set what was fitted and found."""
        self.units_ = self.units
        self.models_, self.pool_ = family.models, score.pool
        self.oof_proba_, self.oof_nll_ = score.oof_proba, score.oof_nll
        self.n_unpredicted_, self.n_independent_ = score.n_unpredicted, score.n_independent
        self.label_entropy_, self.nll_ = score.label_entropy, score.nll
        found = score.learnability
        self.learnability_, self.learnability_standard_error_ = found.value, found.standard_error
        self.learnability_interval_ = (found.lower, found.upper)
        self.learnability_lower_limit_ = score.lower_limit
        self.candidates_ = family.to_frame(score.losses, score.label_entropy, score.pool.weights)
        self.left_out_ = table_of(family.left_out)
