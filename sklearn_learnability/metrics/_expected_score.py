"""Expected scores: what a scorer gives on average over labels that are drawn from a posterior."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import check_scoring

from sklearn_learnability._validation import Floats, Integers

Scorer = Callable[..., float]

#: Names that the scorers of scikit-learn go by among those who ask for them.
SHORT_NAMES = {"brier": "neg_brier_score", "log_loss": "neg_log_loss"}
#: A scorer that takes no weights is given so many rows at least, each as often as its weight says,
#: and so many for each that has a weight.
FEWEST_WHOLE_ROWS, WHOLE_ROWS_PER_WEIGHT = 20_000, 2


class Answers(ClassifierMixin, BaseEstimator):
    """A classifier whose inputs are its answers, and that notes which of them are asked for."""

    def __init__(self, classes: NDArray[Any]) -> None:
        self.classes = classes
        self.classes_ = classes
        self.asked_: set[str] = set()

    def fit(self, X: Any, y: Any) -> Self:
        """Do nothing."""
        return self

    def predict_proba(self, X: Floats) -> Floats:
        """Return the inputs."""
        self.asked_.add("predict_proba")
        return X

    def predict(self, X: Floats) -> NDArray[Any]:
        """Return the class of the largest input."""
        self.asked_.add("predict")
        return self.classes_[X.argmax(axis=1)]


@dataclass(frozen=True, eq=False)
class ExpectedScore:
    r"""A scorer on rows whose labels are a distribution.

    .. math:: S(q, p) = S\big(\{(q_i, k) \text{ of weight } w_i p_{ik}\}\big)

    A row with the posterior p counts as one row for each class, of weight p. For a mean over rows
    that is the expectation over labels drawn from p; for what is a function of means, such as an
    area under a curve, it is the value at the expected means, from which the expectation differs by
    a share of order 1/n.

    Attributes
    ----------
    name : str
        The scorer's.
    scorer : callable
        With the signature (estimator, X, y); greater is better.
    labels : ndarray of shape (n_classes,)
        Class labels as the scorer is given them.
    takes_weights : bool
        Whether it takes `sample_weight`; one that does not is given whole rows.
    of_decisions : bool
        Whether it asks for classes alone and not for probabilities.
    """

    name: str
    scorer: Scorer
    labels: NDArray[Any]
    takes_weights: bool
    of_decisions: bool

    @classmethod
    def from_scoring(cls, scoring: Any, classes: NDArray[Any]) -> Self:
        """Return the expected score of a scorer, by its name or itself.

        Strings are no positive label that a scorer would know of: with a name, the classes are
        numbered, so that the second is the positive one.
        """
        name = SHORT_NAMES.get(scoring, scoring) if isinstance(scoring, str) else scoring
        is_numbered = isinstance(name, str) and classes.dtype.kind not in "biuf"
        labels = np.arange(len(classes)) if is_numbered else classes
        answers = Answers(labels)
        if not isinstance(name, str) and not callable(name):
            raise TypeError(
                "Expected scoring as the name of a scorer or as a scorer with the signature "
                f"(estimator, X, y), got {type(name).__name__}."
            )
        try:
            scorer = check_scoring(answers, scoring=name)
        except ValueError as error:
            raise ValueError(
                "Expected scoring as the name of a scorer of scikit-learn or as a scorer, got "
                f"{scoring!r}: {error}"
            ) from error
        takes_weights = try_scorer(scorer, answers)
        return cls(
            name=name if isinstance(name, str) else name_of(name),
            scorer=scorer,
            labels=labels,
            takes_weights=takes_weights,
            of_decisions=answers.asked_ == {"predict"},
        )

    def observed(self, answers: Floats, codes: Integers, weight: Floats) -> float:
        """Return the score of answers to rows with labels."""
        estimator, y = Answers(self.labels), self.labels[codes]
        if self.takes_weights:
            return float(self.scorer(estimator, answers, y, sample_weight=weight))
        rows = whole_rows(weight)
        return float(self.scorer(estimator, answers[rows], y[rows]))

    def expected(self, answers: Floats, posterior: Floats, weight: Floats) -> float:
        """Return the score of answers to rows whose labels have a posterior."""
        mass = weight[:, None] * posterior
        if self.of_decisions:
            return self.of_confusion(mass.T @ answers)
        counted = mass > 0
        if not counted.any(axis=0).all():  # a scorer is to know of all classes
            counted[:] = True
        rows, codes = np.nonzero(counted)
        return self.observed(answers[rows], codes, mass[counted])

    def of_confusion(self, confusion: Floats) -> float:
        """Return the score of decisions: weights of every class, in rows, and what it is called."""
        n_classes = len(self.labels)
        called = np.tile(np.eye(n_classes), (n_classes, 1))
        codes = np.repeat(np.arange(n_classes), n_classes)
        # of few rows that are known to be right, most of the time would go into checks
        quick = config_context(assume_finite=True, skip_parameter_validation=True)
        with quick, warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)  # no row is called some class
            return self.observed(called, codes, confusion.ravel())


def try_scorer(scorer: Scorer, answers: Answers) -> bool:
    """Return whether a scorer takes weights, noting what it asks for; refuse one that fails."""
    n_classes = len(answers.classes_)
    codes = np.tile(np.arange(n_classes), n_classes)
    proba = np.full((n_classes**2, n_classes), 0.4 / n_classes)
    proba[np.arange(n_classes**2), np.repeat(np.arange(n_classes), n_classes)] += 0.6
    y = answers.classes_[codes]
    try:
        float(scorer(answers, proba, y, sample_weight=np.linspace(1.0, 2.0, len(y))))
        return True
    except (TypeError, ValueError):
        pass
    try:
        float(scorer(answers, proba, y))
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"Expected a scorer of the probabilities or decisions of {n_classes} classes, got "
            f"{name_of(scorer)}, which raises: {error}"
        ) from error
    return False


def name_of(scorer: Any) -> str:
    """Return what a scorer is called by."""
    return str(getattr(scorer, "__name__", None) or repr(scorer))


def whole_rows(weight: Floats) -> Integers:
    """Return positions of rows, each as often as its weight says, by systematic sampling."""
    n_rows = max(FEWEST_WHOLE_ROWS, WHOLE_ROWS_PER_WEIGHT * len(weight))
    ends = np.cumsum(weight / weight.sum()) * n_rows
    counts = np.diff(np.floor(ends + 0.5), prepend=0.0).astype(int)
    return np.repeat(np.arange(len(weight)), counts)
