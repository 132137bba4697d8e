"""The local learning coefficient of a model around its parameters."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator, clone
from torch import nn

from sklearn_learnability.exceptions import CheckpointError, NotFiniteError, SamplingError
from sklearn_learnability.torch.learning_coefficient._llc_checkpoints import (
    LLCTrajectory,
    strongest,
)
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient._llc_options import published_settings
from sklearn_learnability.torch.learning_coefficient._posed import Run, draw_seed, posed
from sklearn_learnability.torch.learning_coefficient._price import Plan, strictest
from sklearn_learnability.torch.learning_coefficient.langevin._settings import ChainSettings
from sklearn_learnability.torch.models._batch_loss import Loss
from sklearn_learnability.torch.models._empirical_loss import Selection
from sklearn_learnability.torch.models._named_checkpoints import (
    file_name,
    first_middle_last,
    name_checkpoints,
    skipping,
    whole_checkpoints,
)
from sklearn_learnability.torch.models._store import Store

#: What a checkpoint is skipped for: its loss is not finite, at w* or along every chain.
FAULTS = (NotFiniteError, SamplingError)


class LocalLearningCoefficient(BaseEstimator):
    r"""Estimate the local learning coefficient of a model around its parameters.

    .. math::

       \hat\lambda = n\beta \, (E[L_n(w)] - L_n(w^*)), \qquad
       p(w) \propto \exp(-n\beta L_n(w) - \tfrac{\gamma}{2} \lVert w - w^* \rVert^2)

    with :math:`L_n` the mean loss in nats. It is half the number of parameters for a regular model
    at its minimum, and less the more directions leave the loss as it is: lower is simpler. What is
    left on "auto" is chosen from the curvature, the noise of the gradients and a pilot chain, and
    the reasons are told. The model is left exactly as it was.

    Parameters
    ----------
    loss : Module or callable
        A criterion of outputs and targets, or a function of the model and a batch. A criterion
        such as `torch.nn.CrossEntropyLoss()` takes batches of inputs and targets, or dicts with
        "labels". A function returns the mean loss, the loss of every row, or a pair: the sum of the
        losses and the number of targets they are of. Targets that a criterion ignores, and the
        padding of :func:`next_token_loss`, count for nothing.
    sampler : str, default="auto"
        "hamiltonian" takes all rows at every step, and a Metropolis test leaves no error of the
        step size; "auto" takes it where `max_seconds` allow, for models of at most 100,000
        parameters on data in memory that compute in float64, and otherwise "leimkuhler-matthews",
        on batches. "baoab" is the latter with a momentum: up to three times as fast along slow
        directions, so that the automatic pull is weaker, but as much more open to the noise of
        gradients, for which steps become shorter. "sgld" and "rmsprop-sgld" are for comparison with
        published values.
    n_chains : int or "auto", default="auto"
        Number of chains: 4 on batches, otherwise more the fewer parameters there are.
    n_draws : int or "auto", default="auto"
        Draws kept of each chain; as many again as 40 % of all are discarded before.
    inverse_temperature : float or "auto", default="auto"
        Inverse temperature :math:`n\beta`.
    localization : float or "auto", default="auto"
        Pull :math:`\gamma` towards :math:`w^*`.
    step_size : float or "auto", default="auto"
        Step size.
    batch_size : int, default=None
        Rows to a batch: those of one gradient. None takes that of the data loader, or one that
        suits the model's size.
    micro_batch_size : int, default=None
        Rows that go through the model at once: the loss and the gradient of a batch, or of all
        rows, are summed over pieces of so many, so that memory is that of one piece. Results are
        the same but for rounding, by which long Hamiltonian chains come to other draws. None takes
        a batch at once.
    weight_decay : float, default=0.0
        Adds :math:`\tfrac{1}{2}` `weight_decay` :math:`\lVert w \rVert^2` to :math:`L_n`, over what
        may vary, as `torch.optim.SGD` does by its gradient: give what the model was trained with.
        Everything is of the sum then: chains, value, and whether w* is a minimum. The posterior has
        a Gaussian prior of variance :math:`1 / (n\beta` `weight_decay`:math:`)` around 0; the pull
        stands beside it, and is no part of the value. The losses that :func:`draw_losses` keeps of
        rows have no penalty in them.
    parameters : sequence of str, or dict of str to Tensor, default=None
        What may vary: names of parameters or modules, or boolean masks by parameter name. None
        takes every floating parameter that requires a gradient.
    random_state : int, RandomState instance or None, default=None
        Source of randomness: of batches and noise.
    device : torch.device or str, default=None
        Where to compute; by default where the model is.
    progress : bool, default=True
        Whether to show a progress bar.
    max_seconds : float or None, default="auto"
        Wall-clock seconds that an estimate may take, about; "auto" is 300, and None no limit. What
        is expected is measured before, and told in `settings.reasons`. Where gradients of all rows
        take longer, and w* is a minimum of every row, rows are left out, down to five to a
        parameter: the coefficient is the same. Otherwise "auto" is on batches, with fewer draws if
        need be, and "hamiltonian" stops at the limit, with a flag.

    References
    ----------
    .. [1] Lau, E., Furman, Z., Wang, G., Murfet, D., & Wei, S. (2023). The local learning
       coefficient: a singularity-aware complexity measure. arXiv:2308.12108.
    .. [2] Leimkuhler, B., & Matthews, C. (2013). Rational construction of stochastic numerical
       methods for molecular sampling. Applied Mathematics Research eXpress, 2013(1), 34-56.
       https://doi.org/10.1093/amrx/abs010

    Examples
    --------
    A linear regression at its minimum has half as many as it has parameters.

    >>> import torch
    >>> from sklearn_learnability.torch import LocalLearningCoefficient
    >>> _ = torch.manual_seed(0)
    >>> X = torch.randn(500, 4)
    >>> y = X @ torch.ones(4, 1) + torch.randn(500, 1)
    >>> model = torch.nn.Linear(4, 1, bias=False)
    >>> model.weight.data = torch.linalg.lstsq(X, y).solution.T
    >>> def half_squared_error(model, batch):
    ...     return (model(batch[0]) - batch[1]).square().mean() / 2
    >>> llc = LocalLearningCoefficient(
    ...     half_squared_error,
    ...     sampler="leimkuhler-matthews",
    ...     n_draws=1000,
    ...     random_state=0,
    ...     progress=False,
    ... )
    >>> print(f"{llc.estimate(model, (X, y)).value:.0f}")
    2
    """

    def __init__(
        self,
        loss: Loss,
        *,
        sampler: str = "auto",
        n_chains: int | str = "auto",
        n_draws: int | str = "auto",
        inverse_temperature: float | str = "auto",
        localization: float | str = "auto",
        step_size: float | str = "auto",
        batch_size: int | None = None,
        micro_batch_size: int | None = None,
        weight_decay: float = 0.0,
        parameters: Selection | None = None,
        random_state: Any = None,
        device: Any = None,
        progress: bool = True,
        max_seconds: float | str | None = "auto",
    ) -> None:
        self.loss = loss
        self.sampler = sampler
        self.n_chains = n_chains
        self.n_draws = n_draws
        self.inverse_temperature = inverse_temperature
        self.localization = localization
        self.step_size = step_size
        self.batch_size = batch_size
        self.micro_batch_size = micro_batch_size
        self.weight_decay = weight_decay
        self.parameters = parameters
        self.random_state = random_state
        self.device = device
        self.progress = progress
        self.max_seconds = max_seconds

    @classmethod
    def paper(
        cls, loss: Loss, *, n_parameters: float, **settings: Any
    ) -> "LocalLearningCoefficient":
        r"""Return the settings that values of language models were published with.

        RMSprop-preconditioned SGLD with :math:`\gamma = 300`, :math:`n\beta = 30`, 4 chains of 200
        steps (100 from a billion parameters), 32 rows a step, and a step size by size. Small models
        leave the neighbourhood at these settings: look at the flags. Other than in print, 40 % of
        the steps are discarded and losses at w* are those of the same batches.

        Parameters
        ----------
        loss : Module or callable
            As of the class.
        n_parameters : float
            Number of parameters of the model, from 14 million to 6.9 billion in the paper.
        **settings : object
            Other parameters of the class.

        Returns
        -------
        LocalLearningCoefficient
            The estimator.
        """
        return cls(loss, **published_settings(n_parameters) | settings)

    def estimate(
        self,
        model: nn.Module,
        data: Any,
        *,
        chance_loss: float | None = None,
        store: str | os.PathLike[str] | None = None,
    ) -> LLCEstimate:
        """Estimate the coefficient of a model on data.

        Parameters
        ----------
        model : Module
            The model. Its parameters are at w*.
        data : Tensor, sequence or dict of tensors or arrays, Dataset, or DataLoader
            Rows of known number, in batches as `loss` takes them.
        chance_loss : float, default=None
            Loss of a prediction that ignores its input. None takes the entropy of the targets for a
            cross-entropy, that of the tokens for :func:`next_token_loss`, the targets' variance for
            `torch.nn.MSELoss()`, and NaN otherwise.
        store : path-like, default=None
            Where to keep what is done: a file of the chains. A run that was killed goes on from it,
            without a `random_state` at its seed. See :ref:`stores`.

        Returns
        -------
        LLCEstimate
            The value, its standard error, and what is needed to judge it.

        Raises
        ------
        ValueError
            If a setting is out of range, no parameter may vary, the loss is not a mean over rows,
            is not finite at w* or is random, or `store` holds something else.
        TypeError
            If the data is of unknown length.
        SamplingError
            If every chain met a loss that is not finite.
        CheckpointError
            If `store` is damaged.
        """
        any_seed = self.random_state is None and store is not None  # also that of a killed run
        seed = None if any_seed else draw_seed(self.random_state)
        return self._estimate(model, data, Run(seed, chance_loss, store))

    def estimate_checkpoints(
        self,
        checkpoints: Sequence[Any] | Mapping[str, Any],
        data: Any,
        *,
        load: Callable[[Any], Any] | None = None,
        chance_loss: float | None = None,
        store: str | os.PathLike[str] | None = None,
    ) -> LLCTrajectory:
        """Estimate the coefficient of several checkpoints at one inverse temperature and pull.

        On batches, what is automatic of the two is chosen for the first, the middle and the last
        checkpoint, and the strongest is taken for all; the step size suits each. So is what
        `max_seconds` leave: the sampler, the rows and the draws. All see the same batches and
        noise. One that cannot be loaded, or whose loss is not finite, is skipped with a
        warning.

        Parameters
        ----------
        checkpoints : sequence, or dict of str to object
            What `load` takes, in the order of training. They are named after their files, or by the
            keys.
        data : object
            As in :meth:`estimate`.
        load : callable, default=None
            Takes a checkpoint and returns a model. None loads language models of transformers from
            the disk (:func:`load_language_model`).
        chance_loss : float, default=None
            As in :meth:`estimate`.
        store : path-like, default=None
            Where to keep what is done: a folder of the chains of each checkpoint. A killed run goes
            on from it, as in :meth:`estimate`.

        Returns
        -------
        LLCTrajectory
            The estimates, and what was skipped.

        Raises
        ------
        CheckpointError
            If no checkpoint could be measured, or a file of `store` is damaged.
        ValueError
            If names repeat, or as in :meth:`estimate`.
        """
        seed = draw_seed(self.random_state) if store is None else self._seed_of(Path(store))
        named = name_checkpoints(checkpoints)
        skipped: dict[str, str] = {}

        def runs(of: Mapping[str, Any], end: str) -> Iterator[tuple[str, nn.Module, Run]]:
            for name, model in whole_checkpoints(of, load, skipped):
                path = None if store is None else Path(store) / f"{file_name(name)}{end}.pt"
                yield name, model, Run(seed, chance_loss, path)

        plans: list[Plan] = []
        chosen: list[ChainSettings] = []
        asked = (self.n_draws, self.inverse_temperature, self.localization)
        on_batches = self.sampler not in ("auto", "hamiltonian")
        first = {} if on_batches and "auto" not in asked else first_middle_last(named)
        for name, model, run in runs(first, "@settings"):
            with (
                skipping(name, skipped, *FAULTS),
                posed(self.get_params(deep=False), model, data) as loss,
            ):
                begun = loss.begin(run)
                plans.append(begun.plan)
                if "auto" in (self.inverse_temperature, self.localization):
                    chosen += loss.chain_settings(begun)
        shared, plan = clone(self).set_params(**strongest(chosen)), strictest(plans)
        found: dict[str, LLCEstimate] = {}
        for name, model, run in runs(named, ""):
            with skipping(name, skipped, *FAULTS):
                found[name] = shared._estimate(model, data, run._replace(plan=plan))
        if not found:
            raise CheckpointError(
                f"Expected at least one whole checkpoint, got none of {len(named)}. "
                f"{next(iter(skipped.values()), '')}".rstrip()
            )
        return LLCTrajectory(tuple(found), tuple(found.values()), tuple(skipped.items()))

    def _seed_of(self, folder: Path) -> int:
        """Return the seed of a study, without a random state that of a killed one."""
        if self.random_state is not None:
            return draw_seed(self.random_state)
        store = Store(folder / "@seed.pt", "a seed", {})
        content = store.read()
        if content is None:
            store.write({"seed": draw_seed(None)}, keep=True)
            content = store.read() or {}
        return content["seed"]

    def _estimate(self, model: nn.Module, data: Any, run: Run) -> LLCEstimate:
        """Return the estimate of one run."""
        with posed(self.get_params(deep=False), model, data) as loss:
            return loss.estimate(loss.begin(run))
