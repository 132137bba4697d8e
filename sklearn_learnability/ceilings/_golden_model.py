"""The golden model behind a ceiling: what it predicts, and what it reaches."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_learnability._probabilities import align_probabilities, widen_classes
from sklearn_learnability._tables import row_blocks
from sklearn_learnability._validation import Floats
from sklearn_learnability.ceilings._family import Member
from sklearn_learnability.ceilings._out_of_fold import CandidateModel, mean_log_proba
from sklearn_learnability.ceilings._refit import FitRecord
from sklearn_learnability.ceilings._score_ceiling import (
    ScoreCeiling,
    check_shortfall,
    measure_score_ceiling,
)
from sklearn_learnability.ceilings._shortfall import Shortfall
from sklearn_learnability.ceilings._table_reader import TableReader
from sklearn_learnability.metrics._blending import CalibratedPool
from sklearn_learnability.metrics._information import information_score

#: Rows predicted at once.
ROWS_OF_A_BLOCK = 65_536


class GoldenModel(ClassifierMixin, TableReader, BaseEstimator):
    """A pool of fitted candidates as one classifier, and the tables it reads."""

    candidates: Literal["fast", "default"] | Sequence[Member]
    classes_: NDArray[Any]
    models_: list[list[CandidateModel]]
    pool_: CalibratedPool
    oof_proba_: Floats
    oof_nll_: Floats
    learnability_: float
    _record: FitRecord

    def predict_log_proba(self, X: Any) -> Floats:
        """Return the golden model's log-probabilities (natural logarithm).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probabilities in the order of `classes_`. Where the folds partition the rows, each
            candidate is the logarithmic mean of its fold models; else it was refitted on all rows.
        """
        check_is_fitted(self)
        table = self._check_table(X, reset=False)
        blocks = []
        for _, rows in row_blocks(table, ROWS_OF_A_BLOCK):
            members = np.stack([mean_log_proba(models, rows) for models in self.models_])
            blocks.append(self.pool_.log_proba(self.pool_.calibrate(members)))
        return np.concatenate(blocks)

    def predict_proba(self, X: Any) -> Floats:
        """Return the golden model's probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
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
        X : array-like of shape (n_samples, n_features)
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
        X : array-like of shape (n_samples, n_features)
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

    def score_ceiling(self, scoring: Any, *, shortfall: Shortfall | None = None) -> ScoreCeiling:
        """Return the best value of a metric that the inputs allow, between two ends.

        The lower end is what the golden model reaches out of fold; the upper end what a truth of
        the largest learnability in the bracket would reach, by a model of what is missed.

        Parameters
        ----------
        scoring : str or callable
            Name of a scorer of scikit-learn, such as "roc_auc", "accuracy", "average_precision" or
            "f1", or a scorer with the signature (estimator, X, y). "brier" and "log_loss" are short
            for "neg_brier_score" and "neg_log_loss". Greater is better. With a name and labels that
            are strings, the second of `classes_` is the positive one.
        shortfall : Shortfall, optional
            What gives the upper end; by default that of `fit`, where `bracket` is true. Without one
            the upper end is NaN.

        Returns
        -------
        ScoreCeiling
            Both ends with their intervals, `verdict` on a wanted value and `points_left` of a
            model.

        Raises
        ------
        ValueError
            If the scorer is unknown, or fails on so many classes, or `shortfall` is that of another
            ceiling.
        TypeError
            If `scoring` is neither a name nor callable, or `shortfall` no Shortfall.

        Examples
        --------
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn_learnability import GoldenModelCeiling
        >>> from sklearn_learnability.datasets import make_learnability_classification
        >>> X, y = make_learnability_classification(4000, learnability=0.1, random_state=0)
        >>> family = [("logistic", LogisticRegression())]
        >>> ceiling = GoldenModelCeiling(family, random_state=0, bracket=True).fit(X, y)
        >>> ceiling.score_ceiling("roc_auc").verdict(0.9)
        'out of reach'
        """
        check_is_fitted(self)
        if shortfall is None:
            shortfall = getattr(self, "shortfall_", None)
        else:
            check_shortfall(shortfall, self.learnability_)
        return measure_score_ceiling(self, scoring, shortfall)
