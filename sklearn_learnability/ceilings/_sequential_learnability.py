"""SequentialLearnability: how much the past says of the next label, step after step."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from joblib import Memory
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_learnability._tables import clean_table
from sklearn_learnability._validation import (
    Floats,
    Integers,
    RandomState,
    Units,
    check_count,
    check_random_state,
    check_several_classes,
    encode_labels,
    nats_per_unit,
    readable,
    warn,
)
from sklearn_learnability.ceilings._family import Member, check_members
from sklearn_learnability.ceilings._sequential_results import (
    N_BLOCKS,
    SequenceCodeLength,
    SequentialTrajectory,
    code_length_of,
    entropy_rate_of,
    explained,
    trajectory_of,
)
from sklearn_learnability.ceilings.forecasters._by_name import Forecasting, LabelSequence
from sklearn_learnability.ceilings.forecasters._context_tree import forecast_marginal
from sklearn_learnability.exceptions import UndefinedInformationWarning
from sklearn_learnability.metrics._fixed_share import fixed_share

#: The default family, of a series alone and of one with inputs.
SERIES = ("context_tree", "recent_context_tree")
INPUTS = ("prior", "logistic", "hist_gradient_boosting")
#: Labels that are looked back at where there are no inputs, and the fewest steps.
LAGS_OF_SERIES, FEWEST_STEPS = 8, 40


class SequentialLearnability(BaseEstimator):
    r"""Learnability of a sequence: each label is predicted from what came before it, then learned.

    .. math:: L = 1 - \frac{\sum_t -\log p_t(y_t \mid y_{<t}, x_{\le t})}
                           {\sum_t -\log m_t(y_t)}

    m are the frequencies of the labels so far. A family of forecasters is pooled online: the
    weights follow the one that does best. No label is used before it is predicted, so nothing is
    to be held out. Higher is more to learn. Forecasters learn on the way, so that L lies below the
    learnability of who knows the law; the loss of the second half is nearer to it.

    Parameters
    ----------
    candidates : "default" or list of str and (str, classifier), default="default"
        The family. "context_tree" predicts from as many labels before as pay, and
        "recent_context_tree" does so and forgets; they are the default of a series alone.
        "recurrent" is a small network that remembers labels and inputs for longer (needs torch).
        With inputs the default is "prior", "logistic" and "hist_gradient_boosting"; all names of
        :class:`~sklearn_learnability.GoldenModelCeiling` may be given, and own classifiers in pairs
        with their names. These are fitted before every block, once on all rows before it and once
        on the last `window`. An own classifier with `partial_fit` learns row after row.
    n_lags : int, default=None
        How many labels before the next one are looked at. By default 8, or none where there are
        inputs: whether earlier labels are known in time is for you to say. Classifiers see them as
        strings: own ones need an encoder.
    n_blocks : int, default=50
        Blocks between fits. The first are shorter.
    window : int, default=None
        Rows that the fits on recent rows see; by default a tenth of all.
    units : {"bits", "nats"}, default="bits"
        Unit of information; that of entropies and losses.
    memory : str, path-like or joblib.Memory, default=None
        Where finished fits are kept. An interrupted `fit` resumes, with a `random_state`.
    n_jobs : int, default=None
        Fits to run side by side. Each on one thread; any joblib backend.
    random_state : int, RandomState instance or None, default=None
        Source of randomness. It seeds the candidates that have no seed of their own.
    verbose : int, default=0
        Whether progress is shown. By joblib, in as much detail.

    Attributes
    ----------
    learnability_ : float
        L over all steps.
    learnability_interval_ : tuple of float
        Its two-sided 95 % interval by 20 blocks of neighbouring steps, which holds under dependence
        that is short beside a block.
    late_learnability_, late_learnability_interval_ : float, tuple of float
        The same over the second half, when most is learned.
    entropy_rate_, entropy_rate_interval_ : float, tuple of float
        Mean loss of the second half and its 95 % interval: what is left of a label when its past is
        known. In expectation an upper bound, for a sequence whose law stays the same.
    code_length_ : SequenceCodeLength
        All losses together, in their irreducible part and the bits learned on the way.
    nll_, marginal_nll_ : ndarray of shape (n_samples,)
        Losses of the pooled forecast and of the frequencies so far, step by step.
    proba_ : ndarray of shape (n_samples, n_classes)
        The pooled forecasts.
    weights_ : DataFrame of shape (n_samples, n_forecasters)
        Weights before each step.
    forecasters_ : DataFrame
        One row a forecaster: `forecaster`, mean `nll`, that of the second half `late_nll`, mean
        `weight`.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    units_ : str
        Unit of the losses.

    Raises
    ------
    ValueError
        If there are fewer than 40 steps, y has one class, or every candidate fails.
    TypeError
        If a candidate is no classifier.

    Warns
    -----
    CandidateFailedWarning
        If a candidate is left out.
    UndefinedInformationWarning
        If labels vary too little for an interval: its limits are NaN.

    See Also
    --------
    GoldenModelCeiling : For rows that do not depend on each other.

    References
    ----------
    A. P. Dawid. Statistical theory: the prequential approach. Journal of the Royal Statistical
    Society A, 1984. https://doi.org/10.2307/2981683
    M. Herbster, M. K. Warmuth. Tracking the best expert. Machine Learning, 1998.
    https://doi.org/10.1023/A:1007424614876
    M. Finzi, S. Qiu, Y. Jiang, P. Izmailov, J. Z. Kolter, A. G. Wilson. From entropy to epiplexity.
    2026. https://doi.org/10.48550/arXiv.2601.03220

    Examples
    --------
    >>> from sklearn_learnability import SequentialLearnability
    >>> from sklearn_learnability.datasets import make_markov_chain
    >>> _, y, truth = make_markov_chain(
    ...     5000, n_states=4, learnability=0.3, random_state=0, return_truth=True)
    >>> found = SequentialLearnability().fit(y)
    >>> print(f"{found.entropy_rate_:.1f} for {truth.conditional_entropy():.1f} bits a step")
    1.4 for 1.4 bits a step
    """

    def __init__(
        self,
        candidates: Literal["default"] | Sequence[Member] = "default",
        *,
        n_lags: int | None = None,
        n_blocks: int = 50,
        window: int | None = None,
        units: Units = "bits",
        memory: str | PathLike[str] | Memory | None = None,
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.candidates = candidates
        self.n_lags = n_lags
        self.n_blocks = n_blocks
        self.window = window
        self.units = units
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, y: ArrayLike, X: Any = None) -> Self:
        """Predict every label from what came before it, then learn it.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Class labels. In the order of time.
        X : array-like of shape (n_samples, n_features), optional
            Inputs. What is known of each step before its label is.

        Returns
        -------
        SequentialLearnability
            The fitted estimator.
        """
        nats = nats_per_unit(self.units)
        check_count("n_blocks", self.n_blocks, 2)
        if self.window is not None:
            check_count("window", self.window, 2)
        y = column_or_1d(readable("y", y), warn=True)
        self.classes_, codes = encode_labels(y)
        check_several_classes(self.classes_, codes, None)
        if len(codes) < FEWEST_STEPS:
            raise ValueError(f"Expected {FEWEST_STEPS} steps or more, got {len(codes)}.")
        sequence = self._sequence(codes, X)
        window = max(FEWEST_STEPS, len(codes) // 10) if self.window is None else self.window
        rng = check_random_state(self.random_state)
        names, forecasts = Forecasting(
            self.n_blocks, window, rng, self.memory, self.n_jobs, self.verbose
        ).forecast(self._members(X is not None), sequence)
        marginal = forecast_marginal(codes, len(self.classes_))
        names.insert(0, "marginal")
        log_probas = np.stack([np.log(marginal), *forecasts])
        pooled, weights = fixed_share(log_probas, codes)
        steps = np.arange(len(codes))
        losses = -log_probas[:, steps, codes] / nats
        self._keep(names, losses, -pooled[steps, codes] / nats, weights)
        self.proba_ = np.exp(pooled)
        return self

    def trajectory(self, width: int | None = None, n_points: int = 50) -> SequentialTrajectory:
        """Return the learnability over time.

        Parameters
        ----------
        width : int, optional
            Steps of a window. By default a tenth of all.
        n_points : int, default=50
            Number of windows; they overlap where they must.

        Returns
        -------
        SequentialTrajectory
            Learnability, losses and intervals in windows of neighbouring steps.

        Raises
        ------
        ValueError
            If the width is below 20 or above the number of steps.
        """
        check_is_fitted(self)
        n_steps = len(self.nll_)
        width = max(20, n_steps // 10) if width is None else width
        check_count("width", width, 20, n_steps)
        check_count("n_points", n_points)
        return trajectory_of(self.nll_, self.marginal_nll_, width, n_points, self.units_)

    def _looks_back(self, has_inputs: bool) -> int:
        if self.n_lags is None:
            return 0 if has_inputs else LAGS_OF_SERIES
        return check_count("n_lags", self.n_lags, 0)

    def _members(self, has_inputs: bool) -> list[Member]:
        members = check_members(self.candidates, budgets=("default",))
        if isinstance(members, str):
            if not has_inputs:
                return list(SERIES)
            return [*INPUTS, *(SERIES if self._looks_back(has_inputs) else ())]
        names = [one if isinstance(one, str) else one[0] for one in members]
        taken = {"marginal", *(f"recent {name}" for name in names)}.intersection(names)
        if taken:
            raise ValueError(f"Expected candidates of names not taken, got {sorted(taken)}.")
        return members

    def _sequence(self, codes: Integers, X: Any) -> LabelSequence:
        """Return the labels with their inputs, and forget those of an earlier fit."""
        n_lags = self._looks_back(X is not None)
        if X is None:
            for name in ("n_features_in_", "feature_names_in_"):
                if hasattr(self, name):
                    delattr(self, name)
            return LabelSequence(codes, self.classes_, None, n_lags)
        table = clean_table(self, X, reset=True)
        check_consistent_length(table, codes)
        return LabelSequence(codes, self.classes_, table, n_lags)

    def _keep(self, names: list[str], losses: Floats, pooled: Floats, weights: Floats) -> None:
        """Set what was found."""
        half = losses.shape[1] // 2
        self.units_, self.nll_, self.marginal_nll_ = self.units, pooled, losses[0]
        self.weights_ = pd.DataFrame(weights, columns=names)
        whole = explained(losses[0], pooled, self.units, N_BLOCKS)
        late = explained(losses[0, half:], pooled[half:], self.units, N_BLOCKS)
        rate = entropy_rate_of(pooled)
        if not np.isfinite([whole.lower, late.lower, rate.lower]).all():
            warn("An interval has no limits: they are NaN.", UndefinedInformationWarning)
        self.learnability_, self.learnability_interval_ = whole.value, (whole.lower, whole.upper)
        self.late_learnability_ = late.value
        self.late_learnability_interval_ = (late.lower, late.upper)
        self.entropy_rate_, self.entropy_rate_interval_ = rate.value, (rate.lower, rate.upper)
        self.code_length_: SequenceCodeLength = code_length_of(
            pooled, losses[0], rate.value, self.units
        )
        self.forecasters_ = pd.DataFrame(
            {
                "forecaster": names,
                "nll": losses.mean(axis=1),
                "late_nll": losses[:, half:].mean(axis=1),
                "weight": weights.mean(axis=0),
            }
        )
