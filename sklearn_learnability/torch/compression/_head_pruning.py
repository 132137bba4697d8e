"""Attention heads pruned at random."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sklearn_learnability._validation import check_random_state
from sklearn_learnability.torch.compression._compression import (
    CompressedLoss,
    CompressionScheme,
    LossNow,
    check_model,
    float_parameters,
    restored,
)
from sklearn_learnability.torch.compression._layers import (
    checked_layers,
    frozen_beside_trained,
    named_layers,
)
from sklearn_learnability.torch.compression._retraining import Retraining, retrain
from sklearn_learnability.torch.models._attention_heads import (
    HeadWeights,
    attention_heads,
    n_weights,
    zero_heads,
)
from sklearn_learnability.torch.models._held_still import held_still

Heads = Sequence[Sequence[tuple[str, int, int, int]]]


@dataclass(frozen=True)
class HeadPruning(CompressionScheme):
    r"""Set the weight matrices of randomly chosen attention heads to zero.

    Of the :math:`N_h` heads whose weights are all among those to compress,
    :math:`\lfloor (1 - p) N_h \rfloor` are pruned, where the amount :math:`p` is the share that is
    kept; those of a larger share are among those of a smaller. Biases stay. With `retraining`, the
    loss is the least of those before, during and after it.

    Parameters
    ----------
    heads : callable, default=None
        Takes a model and returns its heads, each a list of the weights that are its own: name of
        the parameter, 0 for rows or 1 for columns, the first and the one after the last. None knows
        `torch.nn.MultiheadAttention` and the attention of Llama, GPT-2 and GPT-NeoX in
        transformers; keys and values that several heads share are left there.
    retraining : Retraining, default=None
        How to train the pruned model on; None does not.
    random_state : int, RandomState instance or None, default=0
        Source of randomness: of the order in which heads are pruned.
    layers : sequence of str, default=None
        Names of the modules to compress, with all that is in them; shell patterns such as
        "blocks.*.mlp" are names too, and "*" is everything. Named layers are compressed whether
        frozen or not. None takes all that the scheme applies to and that is trained; frozen
        parameters (`requires_grad=False`) too where nothing is trained.

    Attributes
    ----------
    seed : int
        The seed of the order.
    quantity : str
        "heads kept".
    amounts : tuple of float
        1 down to 0.

    Raises
    ------
    ValueError
        If the share is not in [0, 1], the model's attention is not of a known kind, all heads are
        frozen beside parameters that are trained, nothing is left to train on, or a name stands for
        no layer or for one without a whole head.

    References
    ----------
    S. Han, J. Pool, J. Tran and W. J. Dally. Learning both weights and connections for efficient
    neural networks. 2015. https://doi.org/10.48550/arXiv.1506.02626

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import HeadPruning
    >>> attention = torch.nn.MultiheadAttention(8, 4, batch_first=True)
    >>> with HeadPruning()(attention, 0.5):  # 2 of 4 heads of size 2
    ...     int((attention.out_proj.weight == 0).all(0).sum())
    4
    """

    heads: Callable[[nn.Module], Heads] | None = field(default=None, repr=False)
    retraining: Retraining | None = None
    random_state: Any = field(default=0, repr=False)
    layers: Sequence[str] | None = None
    seed: int = field(init=False)

    quantity: ClassVar[str] = "heads kept"
    amounts: ClassVar[tuple[float, ...]] = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", checked_layers(self.layers))
        drawn = check_random_state(self.random_state).randint(2**31 - 1)
        object.__setattr__(self, "seed", int(drawn))

    def __call__(self, model: nn.Module, amount: float) -> AbstractContextManager[None]:
        """Prune heads of a model inside the context, without retraining.

        Parameters
        ----------
        model : Module
            The model, changed in place.
        amount : float
            The share of heads to keep.

        Returns
        -------
        context manager
            Gives the weights back at its end.
        """
        self.check(amount)
        return self._pruned(*self._chosen(model, amount))

    @contextmanager
    def _pruned(
        self, heads: Sequence[Sequence[HeadWeights]], parameters: dict[str, Tensor]
    ) -> Iterator[None]:
        touched = {w.parameter: parameters[w.parameter] for head in heads for w in head}
        with restored(list(touched.values())):
            zero_heads(heads, parameters)
            yield

    def check(self, amount: float) -> None:
        """Raise ValueError unless the amount is a share.

        Parameters
        ----------
        amount : float
            The share of heads to keep.
        """
        if not 0 <= amount <= 1:
            raise ValueError(f"Expected a share of heads in [0, 1], got {amount}.")

    def between(self, tolerated: float, exceeding: float) -> float | None:
        """Return the middle, None if the two are within 0.03.

        Parameters
        ----------
        tolerated, exceeding : float
            Two shares.

        Returns
        -------
        float or None
            The middle.
        """
        near = abs(tolerated - exceeding) < 0.03
        return None if near else (tolerated + exceeding) / 2

    def size(self, model: nn.Module, amount: float) -> float:
        """Return the number of parameters that are not pruned, as a share of all.

        Parameters
        ----------
        model : Module
            The model.
        amount : float
            The share of heads to keep.

        Returns
        -------
        float
            The share.
        """
        n_parameters = sum(p.numel() for p in float_parameters(model))
        return 1 - n_weights(*self._chosen(model, amount)) / n_parameters

    def measure(
        self,
        model: nn.Module,
        amount: float,
        loss: LossNow,
        near: CompressedLoss | None = None,
    ) -> CompressedLoss:
        """Return the loss of the pruned model, the least on the way if it is retrained.

        Parameters
        ----------
        model : Module
            The model, as it was trained.
        amount : float
            The share of heads to keep.
        loss : callable
            Returns the loss of the model as it is at the time of the call.
        near : CompressedLoss, default=None
            Not used.

        Returns
        -------
        CompressedLoss
            The loss; its setting is the step of the retraining at which it was reached.
        """
        self.check(amount)
        if self.retraining is None:
            return super().measure(model, amount, loss)
        heads, parameters = self._chosen(model, amount)
        with held_still(model), restored(float_parameters(model)):
            zero_heads(heads, parameters)
            losses = {0: loss()} | dict(retrain(model, heads, self.retraining, loss))
        best = min(losses, key=lambda step: math.inf if math.isnan(losses[step]) else losses[step])
        return CompressedLoss(losses[best], 0.0, float(best), len(losses))

    def _chosen(
        self, model: nn.Module, kept: float
    ) -> tuple[list[list[HeadWeights]], dict[str, Tensor]]:
        """Return the heads to prune, and the model's parameters by name."""
        check_model(model)
        given = attention_heads(model) if self.heads is None else self.heads(model)
        first = {id(p): name for name, p in model.named_parameters()}
        every = model.named_parameters(remove_duplicate=False)
        names = {name: first[id(p)] for name, p in every}  # of shared ones, the first
        heads = [
            [w._replace(parameter=names.get(w.parameter, w.parameter)) for w in head]
            for head in ([HeadWeights(*weights) for weights in head] for head in given)
        ]
        heads = [list(head) for head in dict.fromkeys(map(tuple, heads))]
        parameters = {name: p.data for name, p in model.named_parameters()}
        unknown = [w.parameter for head in heads for w in head if w.parameter not in parameters]
        if unknown:
            raise ValueError(f"Expected the name of a parameter of the model, got {unknown[0]!r}.")
        heads = self._among_layers(model, heads)
        n_pruned = math.floor((1 - kept) * len(heads) + 1e-9)
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(heads), generator=generator)[:n_pruned]
        return [heads[i] for i in order], parameters

    def _among_layers(
        self, model: nn.Module, heads: list[list[HeadWeights]]
    ) -> list[list[HeadWeights]]:
        """Return the heads whose weights are all in the layers to compress."""
        ids = {name: id(p) for name, p in model.named_parameters()}

        def within(parameters: set[int]) -> list[list[HeadWeights]]:
            return [head for head in heads if all(ids[w.parameter] in parameters for w in head)]

        if self.layers is None:
            found = within(set(ids.values()) - frozen_beside_trained(model))
            if heads and not found:
                raise ValueError(
                    "Expected heads that are trained, got a model where all are frozen and other "
                    "parameters are not. Name the layers to prune."
                )
            return found
        chosen: list[list[HeadWeights]] = []
        for name, modules in named_layers(model, self.layers).items():
            held = [head for m in modules for head in within({id(p) for p in m.parameters()})]
            if not held:
                raise ValueError(
                    f"Expected layers with whole attention heads, got {name!r}, which has none."
                )
            chosen += held
        return [head for head in heads if head in chosen]
