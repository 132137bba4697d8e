"""The local learning coefficient against critical amounts of compression, over training."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn
from tqdm import tqdm

from sklearn_learnability.exceptions import CheckpointError, NotFiniteError, SamplingError
from sklearn_learnability.torch.compression._compression_curve import CriticalAmount
from sklearn_learnability.torch.compression._critical_amount import Scheme, critical_amounts
from sklearn_learnability.torch.learning_coefficient._flag import Flag, FlagCode
from sklearn_learnability.torch.learning_coefficient._local_learning_coefficient import (
    LocalLearningCoefficient,
)
from sklearn_learnability.torch.models._batch_loss import Loss
from sklearn_learnability.torch.models._data_rows import data_rows
from sklearn_learnability.torch.models._named_checkpoints import (
    file_name,
    name_checkpoints,
    skipping,
    whole_checkpoints,
)
from sklearn_learnability.torch.models._store import Store
from sklearn_learnability.torch.profile._complexity_results import (
    CheckpointComplexity,
    ComplexityAgainstCompressibility,
)

#: What is kept of an estimate.
KEPT = ("value", "standard_error", "half_chain_drift", "excess_loss", "flags")


def complexity_against_compressibility(
    checkpoints: Sequence[Any] | Mapping[str, Any],
    data: Any,
    *,
    llc: LocalLearningCoefficient | Callable[[nn.Module], LocalLearningCoefficient],
    loss: Loss,
    schemes: Mapping[str, Scheme],
    tolerances: Sequence[float] = (0.5,),
    compression_data: Any = None,
    groups: Mapping[str, str] | None = None,
    steps: Mapping[str, float] | None = None,
    start_below: float | None = None,
    load: Callable[[Any], Any] | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> ComplexityAgainstCompressibility:
    r"""Measure whether the checkpoints that are harder to compress are the more complex ones.

    Theory says that the bits a parameter needs grow with the local learning coefficient,

    .. math:: b^* = \frac{\lambda}{d} \log_2 \frac{1}{\epsilon} + O\left(\frac{1}{d}\right),

    so that critical amounts of compression should follow estimates of it. Both also follow the
    loss, as training goes on. The result therefore has the line on the coefficient
    (:math:`R^2`, higher is better), the line on the loss alone, and the partial correlation given
    the loss. Over one run these are no evidence, as everything goes together over training: with
    `groups` and `steps` of several runs the result also has the correlation between runs at the
    same step, with an interval (:func:`~sklearn_learnability.metrics.linear_association`). No point
    is dropped silently: the table says of each why it is not used.

    Parameters
    ----------
    checkpoints : sequence, or dict of str to object
        What `load` takes, in the order of training. They are named after their files, or by the
        keys.
    data : Tensor, sequence or dict of tensors or arrays, Dataset, or DataLoader
        Rows of known number, in batches as `loss` takes them. The coefficient is estimated on them.
    llc : LocalLearningCoefficient or callable
        How it is estimated. What it leaves to be chosen is chosen for each checkpoint anew: on
        batches give it the inverse temperature and the localization, such as those that
        :meth:`LocalLearningCoefficient.estimate_checkpoints` chooses for all, or the numbers do not
        compare. A function of a checkpoint's model serves where the loss depends on it, as
        :func:`self_divergence_loss` does.
    loss : Module or callable
        A criterion of outputs and targets, or a function of the model and a batch. It is what
        compression raises.
    schemes : dict of str to CompressionScheme or callable
        Ways to compress.
    tolerances : sequence of float, default=(0.5,)
        Increases of the loss, in its units. All are read off one curve, refined at each.
    compression_data : object, default=None
        The rows that compression is measured on. None takes `data`.
    groups : dict of str to str, default=None
        The training run of each checkpoint, by its name. None: all are of one run.
    steps : dict of str to float, default=None
        The step of training of each checkpoint, by its name: runs are compared at the same step.
        None: they are not compared.
    start_below : float, default=None
        Points of a run count from its first checkpoint on whose loss is below this share of the
        loss of its first checkpoint. To be chosen before looking. None counts all.
    load : callable, default=None
        Takes a checkpoint and returns a model. None loads language models of transformers from the
        disk (:func:`load_language_model`).
    store : path-like, default=None
        Where to keep what is done: a folder of the coefficients and the curves. What it holds
        already is not measured again. See :ref:`stores`.
    progress : bool, default=True
        Whether to show a progress bar: over the checkpoints.

    Returns
    -------
    ComplexityAgainstCompressibility
        All points, the lines through those used, and what was skipped.

    Raises
    ------
    CheckpointError
        If no checkpoint could be measured, or a file of `store` is damaged.
    ValueError
        If there is no scheme or tolerance, `start_below` is outside (0, 1], or `groups` or `steps`
        lacks a checkpoint, or a run has two checkpoints of one step, or `store` holds something
        else.

    Warns
    -----
    DamagedCheckpointWarning
        If a checkpoint could not be loaded, or its loss is not finite; it is skipped.

    References
    ----------
    E. Urdshals, E. Lau, J. Hoogland, S. van Wingerden and D. Murfet. Compressibility measures
    complexity: minimum description length meets singular learning theory, 2025.
    https://doi.org/10.48550/arXiv.2510.12077

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import (
    ...     LocalLearningCoefficient,
    ...     Quantization,
    ...     complexity_against_compressibility,
    ... )
    >>> X = 8**0.5 * torch.eye(8)
    >>> model = torch.nn.Linear(8, 1, bias=False)
    >>> model.weight.data = torch.arange(1.0, 9.0)[None]
    >>> coefficient = LocalLearningCoefficient(
    ...     torch.nn.MSELoss(),
    ...     n_draws=500,
    ...     inverse_temperature=100.0,
    ...     random_state=0,
    ...     progress=False,
    ... )
    >>> study = complexity_against_compressibility(
    ...     {"trained": model},
    ...     (X, model(X).detach()),
    ...     llc=coefficient,
    ...     loss=torch.nn.MSELoss(),
    ...     schemes={"quantization": Quantization(clamp="max")},
    ...     load=lambda model: model,
    ...     progress=False,
    ... )
    >>> study.to_frame()[["checkpoint", "llc", "critical"]].round(0)  # a regular model: 8 / 2
      checkpoint  llc  critical
    0    trained  4.0      17.0
    """
    named = name_checkpoints(checkpoints)
    _check(llc, schemes, tolerances, start_below)
    _check_runs(named, groups, steps)
    measured: list[CheckpointComplexity] = []
    skipped: dict[str, str] = {}
    rows = data if compression_data is None else compression_data
    folder = None if store is None else Path(store)
    with tqdm(total=len(named), unit="checkpoint", disable=not progress) as bar:
        for name, model in whole_checkpoints(named, load, skipped):
            with skipping(name, skipped, NotFiniteError, SamplingError):
                of_model = llc if isinstance(llc, LocalLearningCoefficient) else llc(model)
                critical = {
                    label: critical_amounts(
                        model,
                        loss,
                        rows,
                        scheme,
                        tolerances,
                        store=folder and folder / f"{file_name(name)}@{file_name(label)}.pt",
                        progress=False,
                    )
                    for label, scheme in schemes.items()
                }
                path = folder and folder / f"{file_name(name)}.pt"
                estimate = _coefficient(model, data, of_model, path)
                group = "" if groups is None else str(groups[name])
                step = None if steps is None else float(steps[name])
                measured.append(_point(name, group, step, estimate, critical))
            bar.update()
            del model  # or two models would be held while the next is loaded
    if not measured:
        reason = next(iter(skipped.values()), "")
        raise CheckpointError(
            f"Expected at least one whole checkpoint, got none of {len(named)}. {reason}".rstrip()
        )
    return ComplexityAgainstCompressibility(tuple(measured), tuple(skipped.items()), start_below)


def _point(
    name: str,
    group: str,
    step: float | None,
    estimate: Mapping[str, Any],
    critical: Mapping[str, tuple[CriticalAmount, ...]],
) -> CheckpointComplexity:
    """Return what was measured of one checkpoint."""
    return CheckpointComplexity(
        name,
        group,
        step,
        next(iter(critical.values()))[0].curve.baseline,
        estimate["value"],
        estimate["standard_error"],
        estimate["half_chain_drift"],
        estimate["excess_loss"],
        tuple(Flag(FlagCode(flag["code"]), flag["message"]) for flag in estimate["flags"]),
        critical,
    )


def _check(
    llc: Any,
    schemes: Mapping[str, Scheme],
    tolerances: Sequence[float],
    start_below: float | None,
) -> None:
    """Refuse what would fail late or silently."""
    if not isinstance(schemes, Mapping):
        raise TypeError(f"Expected schemes as a dict of names, got {type(schemes).__name__}.")
    if not (isinstance(llc, LocalLearningCoefficient) or callable(llc)):
        raise TypeError(
            "Expected llc as a LocalLearningCoefficient, or a function of the model that returns "
            f"one, got {type(llc).__name__}."
        )
    if not schemes:
        raise ValueError("Expected at least one scheme, got none.")
    if not len(tolerances) or not all(tolerance > 0 for tolerance in tolerances):
        raise ValueError(f"Expected tolerances above 0, at least one, got {tolerances}.")
    if start_below is not None and not 0 < start_below <= 1:
        raise ValueError(f"Expected start_below in (0, 1], got {start_below}.")


def _check_runs(
    named: Mapping[str, Any],
    groups: Mapping[str, str] | None,
    steps: Mapping[str, float] | None,
) -> None:
    """Refuse checkpoints whose place in training is missing, or taken."""
    for what, given in (("group", groups), ("step", steps)):
        missing = [] if given is None else [name for name in named if name not in given]
        if missing:
            raise ValueError(f"Expected a {what} of every checkpoint, got none of {missing[0]!r}.")
    if steps is None:
        return
    places: dict[tuple[str, float], str] = {}
    for name in named:
        place = "" if groups is None else str(groups[name]), float(steps[name])
        if not np.isfinite(place[1]):
            raise ValueError(f"Expected finite steps, got {steps[name]} of {name!r}.")
        other = places.setdefault(place, name)
        if other != name:
            raise ValueError(
                f"Expected one checkpoint of a run at each step, got {other!r} and {name!r} of "
                f"step {place[1]:g}."
            )


def _coefficient(
    model: nn.Module, data: Any, llc: LocalLearningCoefficient, path: Path | None
) -> dict[str, Any]:
    """Return what is kept of the estimate, from the store if it is there."""
    settings = {
        name: value
        for name, value in llc.get_params(deep=False).items()
        if name not in ("loss", "device", "progress")
    }
    free = [name for name, p in model.named_parameters() if p.requires_grad]
    store = Store(
        path,
        "a coefficient",
        settings | {"free parameters": free},
        model=model,
        loss=llc.loss,
        data=data_rows(data),
    )
    kept = store.read()
    if kept is None:
        estimate = llc.estimate(model, data)
        kept = {name: getattr(estimate, name) for name in KEPT}
        kept["flags"] = [asdict(flag) for flag in estimate.flags]
        store.write(kept)
    return kept
