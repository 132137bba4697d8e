"""Everything about one classifier in one table, and about several."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from torch import nn
from tqdm import tqdm

from sklearn_learnability.exceptions import CheckpointError, NotFiniteError
from sklearn_learnability.metrics._reference import Reference
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient._local_learning_coefficient import (
    LocalLearningCoefficient,
)
from sklearn_learnability.torch.models._named_checkpoints import (
    file_name,
    name_checkpoints,
    skipping,
    whole_checkpoints,
)
from sklearn_learnability.torch.profile._classifier_rows import (
    held_out_rows,
    logits_module,
    training_rows,
)
from sklearn_learnability.torch.profile._profile_measures import ProfileMeasures, check_options
from sklearn_learnability.torch.profile._profile_results import NetworkProfile, ProfileTrajectory


def network_profile(
    model: Any,
    X: Any,
    y: ArrayLike,
    X_test: Any,
    y_test: ArrayLike,
    *,
    ceiling: Reference | float,
    groups_test: ArrayLike | None = None,
    layers: Any = "all",
    llc: LocalLearningCoefficient | None = None,
    tolerance: float = 0.01,
    random_state: int = 0,
    store: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> NetworkProfile:
    r"""Measure a classifier by all that is measured here: on held-out rows, and on training rows.

    On held-out rows: the efficiency, which is the share of what can be learned, higher is better;
    the loss that calibration would take off, lower is better; and for every layer the information
    of its states with the inputs and with the labels. On training rows: the local learning
    coefficient, the bits a parameter needs before the loss rises, and the two-part code
    :math:`n L + \lambda \log n`, of all of which lower is simpler. Each is what :func:`efficiency`,
    :func:`nll_decomposition`, :class:`SoftInformation`, :class:`LocalLearningCoefficient`,
    :func:`critical_amount` and :func:`two_part_code_length` say alone.

    Parameters
    ----------
    model : Module or skorch.NeuralNetClassifier
        A module that takes a batch of inputs and returns logits (n, n_classes), or a fitted network
        of skorch whose criterion is a cross-entropy or a negative log-likelihood.
    X : array-like
        Inputs, as the network takes them: numbers, of the rows it was fitted on.
    y : array-like of int of shape (n_samples,)
        Their labels: the number of the column of each, from 0.
    X_test : array-like of shape (n_test_samples, ...)
        Inputs of held-out rows. Rows that are all in `X` are refused.
    y_test : array-like of int of shape (n_test_samples,)
        Labels of the held-out rows.
    ceiling : fitted GoldenModelCeiling, array-like of shape (n_test_samples,), or float
        What can be learned: a ceiling that predicts `X_test`, its losses of the held-out rows in
        bits, or a learnability.
    groups_test : array-like of shape (n_test_samples,), default=None
        Held-out rows of one group may depend on each other; intervals are clustered by group.
    layers : "all" or sequence of str, default="all"
        Names of modules whose outputs are looked at. "all" takes those that hold no modules.
    llc : LocalLearningCoefficient, default=None
        How the coefficient is estimated, with `torch.nn.CrossEntropyLoss()` as its loss. It takes
        most of the time, up to its `max_seconds`. None leaves it and the code out.
    tolerance : float, default=0.01
        The increase of the loss that is tolerated, in the units of the loss: nats, of rounding the
        parameters.
    random_state : int, default=0
        Source of randomness: of the reference points, and of the folds of the calibration.
    store : path-like, default=None
        Where to keep what is done: a folder of the chains and the curve. A killed run goes on from
        it. See :ref:`stores`.
    progress : bool, default=True
        Whether to show a progress bar: of the rounding, and of `llc` as it is set.

    Returns
    -------
    NetworkProfile
        With `to_frame()`, one row, and `layers_to_frame()`, one row a layer.

    Raises
    ------
    ValueError
        If rows, labels and outputs do not fit each other, held-out rows are training rows, a layer
        is unknown, the tolerance is not positive, or `store` holds something else.
    TypeError
        If the model is no classifier of these kinds, inputs are no numbers, or `llc` has another
        loss.
    NotFiniteError
        If the logits are not finite.
    CheckpointError
        If a file of `store` is damaged.

    Warns
    -----
    InSampleWarning
        If the efficiency is too high for held-out rows.
    UndefinedInformationWarning
        If the learnability cannot be told from 0.

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.datasets import make_learnability_classification
    >>> from sklearn_learnability.torch import network_profile
    >>> X, y = make_learnability_classification(1200, 8, learnability=0.4, random_state=0)
    >>> X = torch.tensor(X, dtype=torch.float32)
    >>> y = torch.tensor(y)
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    >>> for _ in range(100):
    ...     optimizer.zero_grad()
    ...     torch.nn.functional.cross_entropy(model(X[:800]), y[:800]).backward()
    ...     optimizer.step()
    >>> profile = network_profile(
    ...     model, X[:800], y[:800], X[800:], y[800:], ceiling=0.4, progress=False
    ... )
    >>> columns = ["n_parameters", "efficiency", "calibration_loss", "critical_bits"]
    >>> profile.to_frame()[columns].round(1)
       n_parameters  efficiency  calibration_loss  critical_bits
    0           178         0.8               0.0            3.1
    """
    train = training_rows(X, y)
    test = held_out_rows(X_test, y_test, train, ceiling, groups_test)
    check_options(llc, tolerance)
    network = logits_module(model)
    folder = None if store is None else Path(store)
    measure = ProfileMeasures(train, test, layers, tolerance, random_state)
    looked = measure.held_out(network, "model")
    path = folder and folder / "llc.pt"
    found = None if llc is None else llc.estimate(network, (train.X, train.y), store=path)
    return measure.profile(network, looked, found, folder and folder / "bits.pt", progress)


def profile_checkpoints(
    checkpoints: Sequence[Any] | Mapping[str, Any],
    X: Any,
    y: ArrayLike,
    X_test: Any,
    y_test: ArrayLike,
    *,
    ceiling: Reference | float,
    groups_test: ArrayLike | None = None,
    layers: Any = "all",
    llc: LocalLearningCoefficient | None = None,
    tolerance: float = 0.01,
    random_state: int = 0,
    load: Callable[[Any], Any] | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> ProfileTrajectory:
    """Measure several classifiers, or one at several times of its training, on the same rows.

    Each is measured as by :func:`network_profile`. The coefficients are estimated at one setting,
    so that they can be compared (:meth:`LocalLearningCoefficient.estimate_checkpoints`). For
    networks of very different sizes give `llc` its `localization`: the pull that suits the largest
    holds the small ones still. One that cannot be loaded, or whose loss is not finite, is skipped
    with a warning.

    Parameters
    ----------
    checkpoints : sequence, or dict of str to object
        What `load` takes, in the order of training. They are named after their files, or by the
        keys.
    X : array-like
        Inputs, as the network takes them: numbers, of the rows that all were fitted on.
    y : array-like of int of shape (n_samples,)
        Their labels: the number of the column of each, from 0.
    X_test : array-like of shape (n_test_samples, ...)
        Inputs of held-out rows. Rows that are all in `X` are refused.
    y_test : array-like of int of shape (n_test_samples,)
        Labels of the held-out rows.
    ceiling : fitted GoldenModelCeiling, array-like of shape (n_test_samples,), or float
        What can be learned: a ceiling that predicts `X_test`, its losses of the held-out rows in
        bits, or a learnability.
    groups_test : array-like of shape (n_test_samples,), default=None
        Held-out rows of one group may depend on each other; intervals are clustered by group.
    layers : "all" or sequence of str, default="all"
        Names of modules whose outputs are looked at. "all" takes those that hold no modules.
    llc : LocalLearningCoefficient, default=None
        How the coefficient is estimated, with `torch.nn.CrossEntropyLoss()` as its loss. It takes
        most of the time, up to its `max_seconds` for each. None leaves it and the code out.
    tolerance : float, default=0.01
        The increase of the loss that is tolerated, in the units of the loss: nats, of rounding the
        parameters.
    random_state : int, default=0
        Source of randomness: of the reference points, and of the folds of the calibration.
    load : callable, default=None
        Takes a checkpoint and returns a model: one that :func:`network_profile` takes.
        None takes the checkpoints for the models.
    store : path-like, default=None
        Where to keep what is done: a folder of the chains and the curves. A killed run goes on from
        it. See :ref:`stores`.
    progress : bool, default=True
        Whether to show a progress bar: over the checkpoints; that of `llc` as it is set.

    Returns
    -------
    ProfileTrajectory
        The profile of each, and what was skipped.

    Raises
    ------
    CheckpointError
        If no checkpoint could be measured, or a file of `store` is damaged.
    ValueError
        If names repeat, or as in :func:`network_profile`.

    Warns
    -----
    DamagedCheckpointWarning
        If a checkpoint was skipped.

    Examples
    --------
    >>> from sklearn_learnability.torch import profile_checkpoints
    >>> trajectory = profile_checkpoints(
    ...     {"width 32": narrow, "width 1024": wide},
    ...     X,
    ...     y,
    ...     X_test,
    ...     y_test,
    ...     ceiling=fitted_ceiling,
    ...     store="profiles",
    ... )  # doctest: +SKIP
    >>> trajectory.to_frame()[["checkpoint", "efficiency", "critical_bits"]]  # doctest: +SKIP
    """
    named = name_checkpoints(checkpoints)
    train = training_rows(X, y)
    test = held_out_rows(X_test, y_test, train, ceiling, groups_test)
    check_options(llc, tolerance)
    folder = None if store is None else Path(store)
    measure = ProfileMeasures(train, test, layers, tolerance, random_state)

    def network(source: Any) -> nn.Module:
        return logits_module(source if load is None else load(source))

    profiles: dict[str, NetworkProfile] = {}
    skipped: dict[str, str] = {}
    estimates: dict[str, LLCEstimate] = {}
    if llc is not None:
        found = llc.estimate_checkpoints(
            named, (train.X, train.y), load=network, store=folder and folder / "llc"
        )
        estimates = dict(zip(found.names, found.estimates, strict=True))
        skipped |= dict(found.skipped)
    with tqdm(total=len(named), unit="checkpoint", disable=not progress) as bar:
        for name, model in whole_checkpoints(named, network, skipped):
            with skipping(name, skipped, NotFiniteError):
                path = folder and folder / "bits" / f"{file_name(name)}.pt"
                looked = measure.held_out(model, name)
                profiles[name] = measure.profile(model, looked, estimates.get(name), path, False)
            bar.update()
            del model  # or two models would be held while the next is loaded
    if not profiles:
        raise CheckpointError(
            f"Expected at least one whole checkpoint, got none of {len(named)}. "
            f"{next(iter(skipped.values()), '')}".rstrip()
        )
    return ProfileTrajectory(tuple(profiles), tuple(profiles.values()), tuple(skipped.items()))
