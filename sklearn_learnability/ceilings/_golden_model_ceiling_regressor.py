"""GoldenModelCeilingRegressor: how much the inputs tell of a number."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
from joblib import Memory
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_consistent_length

from sklearn_learnability._dependence import units_of_all_rows, warn_of_dependence
from sklearn_learnability._folds import make_folds, warn_of_duplicates
from sklearn_learnability._row_order import warn_of_order
from sklearn_learnability._validation import (
    Floats,
    RandomState,
    Units,
    check_weights,
    nats_per_unit,
    relative_weights,
)
from sklearn_learnability.ceilings._family import Member, Members, check_members
from sklearn_learnability.ceilings._forecasts import NumberData
from sklearn_learnability.ceilings._golden_density import DensityScore, score_forecasts
from sklearn_learnability.ceilings._golden_density_model import GoldenDensityModel
from sklearn_learnability.ceilings._regression_candidates import BUDGETS
from sklearn_learnability.ceilings._regression_family import fit_forecasts
from sklearn_learnability.ceilings._time_limit import start_clock, table_of
from sklearn_learnability.metrics._forecasts import check_regressor
from sklearn_learnability.metrics._mutual_information import share_of_nats
from sklearn_learnability.metrics._regression_efficiency import hash_targets
from sklearn_learnability.metrics._target_bins import (
    TargetBins,
    check_target,
    warn_of_resolution,
)

#: Parts of the target that folds are stratified by, and whose order and dependence are tested.
N_STRATA = 5


class GoldenModelCeilingRegressor(GoldenDensityModel):
    r"""Ceiling on what the inputs tell of a number, by a strong and calibrated density.

    .. math:: I_G = \mathrm{NLL}_\text{marginal} - \mathrm{NLL}_G, \qquad
              L_G = 1 - e^{-2 I_G}

    with I in nats. Higher is more that can be learned: 0 is nothing found, 1 a number that the
    inputs fix. Where everything is Gaussian, :math:`L_G` is the R² of the best model; else it also
    counts what the inputs tell of spread and shape. It has no unit, and no increasing map of y
    changes what is to be found: the logarithm of a price is as learnable as the price.

    Candidates forecast densities out of fold. Each is calibrated by the distribution of its
    residuals, and they are pooled log-linearly; both on other rows than those scored. The marginal
    density is the mean of the pooled one over the rows, so that both sides are of one making:
    :math:`I_G` is then in expectation a lower bound of I(X; Y), whatever the densities, and y that
    the inputs say nothing about reads as 0.

    Parameters
    ----------
    candidates : {"fast", "default"} or list of str and (str, regressor), default="default"
        The family. "fast" is ``"marginal"`` (no inputs), ``"linear"`` (ridge regression of mean and
        log-scale), ``"splines"`` (the same on curves and products), both of these also fitted to
        ranks (``"linear_ranks"``, ``"splines_ranks"``), and ``"classes"`` (boosted trees on the
        binned target); "default" has ``"catboost"`` and ``"catboost_ranks"`` (mean and scale; else
        ``"hist_gradient_boosting"`` and ``"hist_gradient_boosting_ranks"``). A list may name these
        and hold own regressors in pairs with their names, best the dearest last. Those with
        ``pred_dist`` or ``predict_dist``, which answer with an object that has a ``cdf``, or with
        ``predict(X, return_std=True)``, are taken as densities; others as a location with one
        distribution of residuals. Tables are read as by :class:`GoldenModelCeiling`. A candidate
        that raises an error is left out.
    cv : int, cross-validation splitter or iterable, default=5
        Folds. An int means that many folds, shuffled and stratified by fifths of y. Where every
        fold is predicted from earlier rows only (TimeSeriesSplit), calibration and weights come
        from earlier folds too and the first fold serves calibration alone. There, and where each
        fold tests rows that are neighbours (PurgedKFold), the interval counts blocks of
        neighbouring rows.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of losses.
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
        Two-sided 95 % interval, clustered by `groups` where given, by 20 blocks of neighbouring
        rows where every fold is predicted from earlier rows.
    learnability_lower_limit_, learnability_standard_error_ : float
        Its one-sided 95 % lower limit, and its standard error.
    mutual_information_ : float
        :math:`I_G`, in `units`.
    mutual_information_interval_ : tuple of float
        Its two-sided 95 % interval.
    marginal_nll_, nll_ : float
        Mean out-of-fold losses :math:`-\log p(y)` and :math:`-\log p(y \mid x)`. These depend on
        the unit of y, their difference does not.
    oof_nll_ : ndarray of shape (n_samples,)
        Loss of every row; NaN where a row was not predicted.
    oof_information_ : ndarray of shape (n_samples,)
        :math:`\log p(y \mid x) - \log p(y)` of every row; its mean is :math:`I_G`.
    oof_prediction_ : ndarray of shape (n_samples,)
        Out-of-fold mean of y given x; NaN where a row was not predicted.
    n_unpredicted_ : int
        Number of rows left out of the estimate.
    n_independent_ : int
        Number of units with weight that the interval takes as independent.
    independent_units_ : ndarray of shape (n_samples,) or None
        What each row is counted in, a group or a block of neighbouring rows, by number; -1 where it
        was not predicted. None where rows are. Functions of `metrics` that are given this ceiling
        count the same, and otherwise take it as `groups`.
    duplicate_share_ : float
        Share of test rows that also stand in their training rows; NaN where rows cannot be
        compared.
    most_learnability_ : float
        The largest :math:`L_G` that can be read from y: few distinct values hold little.
    candidates_ : DataFrame
        One row a candidate: `candidate`, `mutual_information` (calibrated), `learnability`,
        `weight` in the pool, `seconds` (CPU time of the threads that fitted it).
    left_out_ : DataFrame
        One row a candidate that was not fitted: `candidate`, `reason` ("time" or an error) and
        `expected_seconds` of its fits, NaN where they are not known.
    units_ : str
        Unit of information and losses.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where all are strings.

    Raises
    ------
    ValueError
        If y is constant, not finite or not of numbers, a weight is negative, a row has no group,
        the cv trains on rows it tests, or every candidate fails.
    TypeError
        If a candidate is no regressor, or a table for named candidates holds dates or times.

    Warns
    -----
    FewValuesWarning
        If y has so few distinct values that :math:`L_G` cannot come near 1.
    ResolutionWarning
        If the inputs all but fix y: :math:`L_G` is what bins can tell.
    DuplicateRowsWarning
        If copies of rows stand on both sides of the folds.
    CandidateFailedWarning
        If a candidate fails and is left out.
    TimeLimitWarning
        If a candidate is left out for want of time.
    OrderedRowsWarning
        If `cv` is an int and rows that stand close together resemble each other.
    DependentRowsWarning
        If there are no groups, folds are not in order, and rows resemble each other.
    UnusedWeightsWarning
        If there are weights and a candidate takes none.
    ConvertedColumnsWarning
        If columns of objects are read as numbers, or texts with fractions as categories.

    See Also
    --------
    GoldenModelCeiling : The ceiling of class labels.

    Notes
    -----
    Densities are compared on 100 bins of y. That loses at most .0004 of :math:`L` between
    Gaussians, and never adds to it.

    References
    ----------
    H. Linfoot. An informational measure of correlation. Information and Control, 1957.
    https://doi.org/10.1016/S0019-9958(57)90116-X
    B. Poole et al. On variational bounds of mutual information. ICML, 2019.
    https://proceedings.mlr.press/v97/poole19a.html

    Examples
    --------
    >>> from sklearn_learnability import GoldenModelCeilingRegressor
    >>> from sklearn_learnability.datasets import make_learnability_regression
    >>> X, y, truth = make_learnability_regression(
    ...     2000, learnability=0.5, random_state=0, return_truth=True)
    >>> ceiling = GoldenModelCeilingRegressor(["marginal", "linear"], random_state=0).fit(X, y)
    >>> bool(abs(ceiling.learnability_ - truth.learnability) < 0.05)
    True
    """

    def __init__(
        self,
        candidates: Literal["fast", "default"] | Sequence[Member] = "default",
        *,
        cv: Any = 5,
        units: Units = "bits",
        memory: str | PathLike[str] | Memory | None = None,
        max_seconds: float | None = None,
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.candidates = candidates
        self.cv = cv
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
            Numbers to predict.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. For the fits that take them and for every mean. Their scale does
            not matter.
        groups : array-like of shape (n_samples,), optional
            Rows of one group may depend on each other. They stay in one fold, and the interval is
            clustered by group.

        Returns
        -------
        GoldenModelCeilingRegressor
            The fitted estimator.
        """
        members = self._check_options()
        limit = start_clock(self.max_seconds)
        data = self._check_rows(X, y, sample_weight, groups)
        weight = np.ones(len(data.y)) if data.weight is None else data.weight
        rng = self._seeds(data)
        codes = data.bins.codes(data.y)
        strata = data.bins.merged(N_STRATA)[codes]
        folds = make_folds(self.cv, data.X, strata, groups, rng)
        folds.check_weight(weight)
        self.duplicate_share_, has_copies = warn_of_duplicates(data.X, folds)
        is_ordered = warn_of_order(data.X, strata, self.cv, groups)
        family = fit_forecasts(
            members,
            data,
            folds,
            rng,
            memory=self.memory,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            limit=limit,
        )
        score = score_forecasts(codes, family, data.bins, weight, folds, groups)
        self.bins_, self.models_ = data.bins, family.models
        self._targets = hash_targets(data.y)
        self._keep(data.y, codes, weight, score)
        self.independent_units_ = units_of_all_rows(groups, folds, self.oof_nll_)
        self.candidates_ = score.members.assign(
            learnability=[share_of_nats(nats) for nats in score.members["mutual_information"]],
            weight=score.pool.weights,
            seconds=family.seconds,
        )
        self.candidates_["mutual_information"] /= nats_per_unit(self.units)
        self.candidates_.insert(0, "candidate", family.names)
        self.left_out_ = table_of(family.left_out)
        warn_of_resolution(data.bins, score.information.value)
        coarse = np.eye(strata.max() + 1)[data.bins.merged(N_STRATA)]
        warn_of_dependence(
            data.X,
            strata,
            np.exp(score.oof_log_proba) @ coarse,
            weight,
            folds,
            groups,
            along_rows=not is_ordered,
            along_columns=not has_copies,
        )
        return self

    def _check_options(self) -> Members:
        nats_per_unit(self.units)
        return check_members(
            self.candidates, budgets=list(BUDGETS), kind="regressor", check=check_regressor
        )

    def _check_rows(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None, groups: ArrayLike | None
    ) -> NumberData:
        table = self._check_table(X, reset=True)
        target = check_target(y)
        check_consistent_length(table, target, groups)
        weight = None
        if sample_weight is not None:
            weight = relative_weights(check_weights(sample_weight, len(target)))
        bins = TargetBins.of(target, np.ones(len(target)) if weight is None else weight)
        if len(bins.mass) < 2:
            raise ValueError(
                f"Expected at least 2 distinct targets, got n_samples={len(target)} with "
                f"{bins.values[0]:g} wherever there is weight: a constant holds nothing."
            )
        return NumberData(table, target, bins, weight)

    def _keep(self, y: Floats, codes: Any, weight: Floats, score: DensityScore) -> None:
        """Set what was found."""
        per_unit = nats_per_unit(self.units)
        scored, found = score.scored, score.information
        self.units_, self.pool_, self.log_margin_ = self.units, score.pool, score.rows.log_margin
        self.n_unpredicted_, self.n_independent_ = len(y) - len(scored), score.n_independent
        self.mutual_information_ = found.value / per_unit
        self.mutual_information_interval_ = (found.lower / per_unit, found.upper / per_unit)
        self.learnability_ = share_of_nats(found.value)
        self.learnability_interval_ = (share_of_nats(found.lower), share_of_nats(found.upper))
        slope = 2 * (1 - self.learnability_)  # of the share, by the information
        self.learnability_standard_error_ = slope * found.standard_error
        self.learnability_lower_limit_ = share_of_nats(score.lower_limit)
        self.most_learnability_ = share_of_nats(self.bins_.entropy)
        self.oof_information_, self.oof_nll_, self.oof_prediction_ = np.full((3, len(y)), np.nan)
        self.oof_information_[scored] = score.rows.information / per_unit
        marginal = -score.rows.log_margin[codes] - self.bins_.log_density_within(y)
        self.oof_nll_[scored] = marginal[scored] / per_unit - self.oof_information_[scored]
        self.marginal_nll_ = float(np.average(marginal[scored], weights=weight[scored])) / per_unit
        self.nll_ = float(np.average(self.oof_nll_[scored], weights=weight[scored]))
        self.oof_prediction_[scored] = np.exp(score.oof_log_proba[scored]) @ self.bins_.means
