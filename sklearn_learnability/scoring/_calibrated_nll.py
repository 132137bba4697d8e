"""CalibratedNLL: a classifier with its calibration and the decomposition of its log-loss."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils import Tags, column_or_1d, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from sklearn_learnability._dependence import independent_units, warn_of_dependence
from sklearn_learnability._folds import (
    make_folds,
    warn_of_duplicates,
    warn_of_missing_classes,
)
from sklearn_learnability._probabilities import (
    align_probabilities,
    widen_classes,
)
from sklearn_learnability._row_order import warn_of_order
from sklearn_learnability._validation import (
    Floats,
    Integers,
    RandomState,
    Units,
    check_classifier,
    check_several_classes,
    check_weights,
    encode_labels,
    nats_per_unit,
    readable,
    warn,
)
from sklearn_learnability.ceilings._out_of_fold import weight_parameter
from sklearn_learnability.exceptions import (
    UnusedWeightsWarning,
)
from sklearn_learnability.metrics._calibrators import (
    CalibrationMethod,
    check_method,
)
from sklearn_learnability.metrics._information import negative_log_likelihood
from sklearn_learnability.metrics._nll_decomposition import decompose_nll
from sklearn_learnability.scoring._out_of_fold_probabilities import (
    aligned_proba,
    calibrate_out_of_fold,
    check_tests_once,
    out_of_fold_probabilities,
    scored_rows,
)


class CalibratedNLL(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    r"""Calibrate a classifier, and split its log-loss into information and calibration.

    .. math:: \mathrm{NLL} = \mathrm{NLL}_{\mathrm{calibrated}} + \text{calibration loss}

    The estimator is fitted out of fold. Each fold is calibrated by a map fitted on the
    out-of-fold probabilities of the other folds (in time-ordered folds, of the earlier ones). So
    neither the model nor its calibration has seen the rows it is scored on. Then the estimator is
    refitted on all rows, and its probabilities are calibrated by a map fitted on all out-of-fold
    probabilities. Lower losses and higher information scores are better.

    Parameters
    ----------
    estimator : classifier
        A classifier with `predict_proba`. One that is fitted already, in a
        :class:`sklearn.frozen.FrozenEstimator`, is used as it is: the rows given to `fit`
        must then be new to it, and only its calibration is cross-fitted.
    calibration : str, default="affine"
        Family of maps: "affine", "temperature", "vector", "matrix", "beta" or "isotonic".
        See :func:`sklearn_learnability.metrics.fit_calibrator`.
    cv : int, cross-validation splitter or iterable, default=5
        Folds. A number of them is shuffled and stratified by class (by class and group where
        `groups` are given to `fit`); or a splitter that tests no row twice.
    units : {"bits", "nats"}, default="bits"
        Unit of information: bits are logarithms of base 2, nats of base e.
    n_jobs : int or None, optional
        Fits to run side by side.
    random_state : int, RandomState instance or None, optional
        Source of randomness. Shuffles the rows into folds.

    Attributes
    ----------
    nll_ : float
        Out-of-fold log-loss of the estimator.
    calibrated_nll_ : float
        The same after cross-fitted calibration.
    calibration_loss_ : float
        `nll_` - `calibrated_nll_`.
    label_entropy_ : float
        Entropy of the labels of the scored rows, H(Y).
    information_score_ : float
        1 - `nll_` / H(Y).
    calibrated_information_score_ : float
        1 - `calibrated_nll_` / H(Y).
    decomposition_ : NLLDecomposition
        All of these with their intervals.
    oof_proba_ : ndarray of shape (n_samples, n_classes)
        Out-of-fold probabilities; NaN in rows that no fold tests.
    oof_calibrated_proba_ : ndarray of shape (n_samples, n_classes)
        Cross-fitted calibrated probabilities; NaN in rows that are not scored.
    calibrator_ : Calibrator
        The map fitted on all out-of-fold probabilities.
    estimator_ : classifier
        The estimator fitted on all rows.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of features, where the estimator tells it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where the estimator tells them.

    See Also
    --------
    sklearn_learnability.metrics.nll_decomposition : The same for given probabilities.

    References
    ----------
    J. Bröcker. Reliability, sufficiency, and the decomposition of proper scores. Quarterly Journal
    of the Royal Meteorological Society, 2009. https://doi.org/10.1002/qj.456

    Examples
    --------
    Naive Bayes counts what correlated features say again and again, and is far too sure.

    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_learnability import CalibratedNLL
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = CalibratedNLL(GaussianNB(), random_state=0).fit(X[:, :10], y)
    >>> print(f"{model.nll_:.2f} = {model.calibrated_nll_:.2f} "
    ...       f"+ {model.calibration_loss_:.2f} bits")
    0.64 = 0.30 + 0.34 bits
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        calibration: CalibrationMethod = "affine",
        cv: Any = 5,
        units: Units = "bits",
        n_jobs: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.calibration = calibration
        self.cv = cv
        self.units = units
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: Any
    ) -> Self:
        """Fit the estimator out of fold, cross-fit its calibration and score it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs. Whatever the estimator takes: images, texts, lists.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights. For the estimator (where it takes them), the calibration and
            every mean.
        **fit_params : dict
            Metadata for the estimator's `fit`, and `groups` for the splitter. What holds a value
            for every row is cut with the rows; anything else, such as an ``eval_set``, is passed
            as it is. Rows of one group stay in one fold, and intervals are clustered by group.

        Returns
        -------
        CalibratedNLL
            The fitted estimator.
        """
        check_classifier("estimator", self.estimator)
        nats_per_unit(self.units)
        if X is None:
            raise TypeError("Expected X as rows of inputs, got None.")
        X, y = indexable(X, column_or_1d(readable("y", y), warn=True))
        encode_labels(y)
        weight = check_weights(sample_weight, np.shape(y)[0])
        params, groups = self._route(None if sample_weight is None else weight, fit_params)
        self.classes_, codes = self._encode(y, weight)
        check_method(self.calibration, len(self.classes_))
        scored, units = self._predict_out_of_fold(X, y, codes, weight, params, groups)
        self.decomposition_ = decompose_nll(
            codes[scored],
            self.oof_proba_[scored],
            self.oof_calibrated_proba_[scored],
            self.calibrator_,
            weight[scored],
            units,
            self.units,
        )
        parts = self.decomposition_
        self.label_entropy_ = parts.label_entropy.value
        self.nll_ = parts.nll.value
        self.calibrated_nll_ = parts.calibrated_nll.value
        self.calibration_loss_ = parts.calibration_loss.value
        self.information_score_ = parts.information_score.value
        self.calibrated_information_score_ = parts.calibrated_information_score.value
        self.estimator_ = clone(self.estimator).fit(X, y, **params)
        return self

    @property
    def n_features_in_(self) -> int:
        """Number of features, as the fitted estimator tells it."""
        return int(self._fitted_estimator("n_features_in_").n_features_in_)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the features, as the fitted estimator tells them."""
        return np.asarray(self._fitted_estimator("feature_names_in_").feature_names_in_)

    def _fitted_estimator(self, name: str) -> BaseEstimator:
        """Return the fitted estimator, for an attribute that only it has."""
        if not hasattr(self, "estimator_"):
            raise AttributeError(
                f"Expected a fitted CalibratedNLL to have {name}, got an unfitted one."
            )
        return self.estimator_

    def predict_proba(self, X: Any) -> Floats:
        """Return calibrated probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`.
        """
        check_is_fitted(self)
        return self.calibrator_.predict_proba(aligned_proba(self.estimator_, X, self.classes_))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class that is most probable after calibration.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return minus the log-loss of the calibrated model; higher is better.

        A label never seen in `fit` has probability 0 and is charged 52 bits, with a warning.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        float
            Minus the mean loss in `units`.
        """
        proba = self.predict_proba(X)
        classes = widen_classes(self.classes_, y)
        return -negative_log_likelihood(
            y,
            align_probabilities(proba, self.classes_, classes),
            sample_weight=sample_weight,
            labels=classes,
            units=self.units,
        )

    def get_metadata_routing(self) -> MetadataRouter:
        """Return how metadata is routed: to the estimator's fit and the splitter's split.

        Returns
        -------
        MetadataRouter
            The routing.
        """
        splitter = StratifiedGroupKFold() if isinstance(self.cv, Integral) else self.cv
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                estimator=self.estimator,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
            .add(
                splitter=splitter,
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
        )

    def __sklearn_tags__(self) -> Tags:
        """Input is what the estimator takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    @property
    def _is_frozen(self) -> bool:
        return isinstance(self.estimator, FrozenEstimator)

    def _route(
        self, sample_weight: Floats | None, fit_params: dict[str, Any]
    ) -> tuple[dict[str, Any], ArrayLike | None]:
        """Return the estimator's fit parameters and the groups."""
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", sample_weight=sample_weight, **fit_params)
            return dict(routed.estimator.fit), routed.splitter.split.get("groups")
        params = dict(fit_params)
        groups = params.pop("groups", None)
        if sample_weight is not None and not self._is_frozen:
            weights = weight_parameter(self.estimator, sample_weight)
            if not weights:
                warn(
                    f"{type(self.estimator).__name__} takes no sample_weight: it is fitted without "
                    "it, and the weights are used for its calibration and the scores.",
                    UnusedWeightsWarning,
                )
            params |= weights
        return params, groups

    def _encode(self, y: ArrayLike, weight: Floats) -> tuple[NDArray[Any], Integers]:
        classes, _ = encode_labels(y)
        if self._is_frozen:
            classes = np.sort(widen_classes(self.estimator.classes_, y))
        classes, codes = encode_labels(y, classes)
        check_several_classes(classes, codes, weight)
        return classes, codes

    def _predict_out_of_fold(
        self,
        X: Any,
        y: Any,
        codes: Integers,
        weight: Floats,
        params: dict[str, Any],
        groups: ArrayLike | None,
    ) -> tuple[Integers, NDArray[Any] | None]:
        """Set the out-of-fold probabilities and the calibrator.

        Return the rows to score and, where that is not each row, what is independent of them.
        """
        folds = make_folds(self.cv, X, codes, groups, self.random_state)
        check_tests_once(folds)
        folds.check_weight(weight)
        is_ordered = has_copies = False
        if self._is_frozen:
            self.oof_proba_ = aligned_proba(self.estimator, X, self.classes_)
        else:
            is_ordered = warn_of_order(X, codes, self.cv, groups)
            warn_of_missing_classes(codes, folds)
            self.oof_proba_ = out_of_fold_probabilities(
                self.estimator, X, y, params, folds, self.classes_, n_jobs=self.n_jobs
            )
            _, has_copies = warn_of_duplicates(X, folds)
        self.oof_calibrated_proba_, self.calibrator_ = calibrate_out_of_fold(
            codes, self.oof_proba_, weight, folds, self.calibration, self.classes_
        )
        rows = scored_rows(self.oof_calibrated_proba_)
        warn_of_dependence(
            X,
            codes,
            self.oof_calibrated_proba_,
            weight,
            folds,
            groups,
            along_rows=not is_ordered,
            along_columns=not has_copies,
        )
        return rows, independent_units(groups, folds, rows)
