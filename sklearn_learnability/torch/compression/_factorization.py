"""Low-rank factorization of some of a model's matrices."""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from sklearn_learnability.torch.compression._compression import (
    CompressionScheme,
    check_model,
    float_parameters,
    memory_of,
    restored,
)
from sklearn_learnability.torch.compression._layers import (
    checked_layers,
    frozen_beside_trained,
    held_in,
    named_layers,
)
from sklearn_learnability.torch.models._devices import has_float64

CONVOLUTIONS = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)


@dataclass(frozen=True)
class Factorization(CompressionScheme):
    r"""Truncate the singular value decomposition of the matrices of some layers.

    .. math::

        W \leftarrow U_n S_n V_n^\top

    with the largest :math:`n` of the :math:`\min(d_1, d_2)` singular values. The amount is the
    share of the singular values that is kept, at least one of each matrix; the smaller, the more
    compressed. A matrix then takes :math:`d_1 n + n + n d_2` numbers, which is more than it has
    where :math:`n` is near the full rank: the size reported, the parameters after over those
    before, can exceed 1.

    The kernel of a convolution, transposed ones too, is a matrix with a row for each output channel
    and a column for each input channel of a group and each position in the kernel. Its :math:`n`
    right singular vectors are filters, which all groups share. A kernel that several convolutions
    share is the matrix of the first of them that is compressed. Matrices and kernels that are
    computed from other parameters, as by weight normalisation, are left alone, and so are those.

    Without `layers` the scheme applies to every second of the model's blocks (the longest list of
    modules with matrices), from the second on, without the last: so neither the first, the last nor
    two consecutive ones. Matrices of embeddings are never factorized, also where they are used as
    the output layer.

    Parameters
    ----------
    layers : sequence of str, default=None
        Names of the modules to compress, with all that is in them; shell patterns such as
        "blocks.*.mlp" are names too, and "*" is everything. Named layers are compressed whether
        frozen or not. None takes all that the scheme applies to and that is trained; frozen
        parameters (`requires_grad=False`) too where nothing is trained.

    Attributes
    ----------
    quantity : str
        "kept".
    amounts : tuple of float
        1 down to 0.02.

    Raises
    ------
    ValueError
        If there are not three blocks to choose from, none of those chosen has a matrix that factors
        make smaller and that is trained, or a name stands for no layer or for one without such a
        matrix.

    References
    ----------
    C. Moar, F. Tahmasebi, M. Pellauer and H. Kwon. Characterizing the accuracy-efficiency trade-off
    of low-rank decomposition in language models. 2024. https://doi.org/10.48550/arXiv.2405.06626

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import Factorization
    >>> model = torch.nn.Sequential(*(torch.nn.Linear(20, 20) for _ in range(3)))
    >>> scheme = Factorization()
    >>> with scheme(model, 0.25):
    ...     [int(torch.linalg.matrix_rank(layer.weight)) for layer in model]
    [20, 5, 20]
    >>> round(scheme.size(model, 0.25), 3)  # 400 of 1260 numbers became 205
    0.845
    """

    layers: Sequence[str] | None = None

    quantity: ClassVar[str] = "kept"
    amounts: ClassVar[tuple[float, ...]] = (
        *(1.0, 0.9, 0.8, 0.7, 0.6, 0.5),
        *(0.4, 0.3, 0.2, 0.1, 0.05, 0.02),
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", checked_layers(self.layers))

    def __call__(self, model: nn.Module, amount: float) -> AbstractContextManager[None]:
        """Truncate the matrices of a model inside the context.

        Parameters
        ----------
        model : Module
            The model, changed in place.
        amount : float
            The share of the singular values to keep.

        Returns
        -------
        context manager
            Gives the matrices back at its end.
        """
        self.check(amount)
        return self._truncated(self._matrices(model), amount)

    @contextmanager
    def _truncated(self, matrices: Sequence[Tensor], kept: float) -> Iterator[None]:
        with restored(matrices):
            for matrix in matrices:
                _truncate(matrix, _rank(matrix, kept))
            yield

    def check(self, amount: float) -> None:
        """Raise ValueError unless the amount is above 0 and at most 1.

        Parameters
        ----------
        amount : float
            The share of the singular values to keep.
        """
        if not 0 < amount <= 1:
            raise ValueError(f"Expected a share of singular values in (0, 1], got {amount}.")

    def between(self, tolerated: float, exceeding: float) -> float | None:
        """Return the middle, None if the two are within 0.01.

        Parameters
        ----------
        tolerated, exceeding : float
            Two shares.

        Returns
        -------
        float or None
            The middle.
        """
        near = abs(tolerated - exceeding) < 0.01
        return None if near else (tolerated + exceeding) / 2

    def size(self, model: nn.Module, amount: float) -> float:
        """Return the number of parameters after the factorization, as a share of that before.

        Parameters
        ----------
        model : Module
            The model, as it was trained.
        amount : float
            The share of the singular values to keep.

        Returns
        -------
        float
            The share; above 1 where the factors are larger than the matrices.
        """
        before = sum(p.numel() for p in float_parameters(model))
        after = before + sum(
            _rank(m, amount) * (sum(_shape(m)) + 1) - m.numel() for m in self._matrices(model)
        )
        return after / before

    def _matrices(self, model: nn.Module) -> list[Tensor]:
        """Return the matrices to factorize, each once."""
        check_model(model)
        spared = _of_embeddings(model) | _of_computed(model)

        def held(module: nn.Module) -> list[int]:
            found = {i: m for i, m in _matrices_of(module).items() if i not in spared}
            return [i for i, m in found.items() if m.numel() > sum(_shape(m)) + 1]

        if self.layers is not None:
            wanted = "a matrix, no embedding, that factors make smaller"
            chosen = held_in(model, self.layers, held, wanted)
            named = named_layers(model, self.layers).values()
            parts = [part for modules in named for part in modules]
        else:
            parts = _every_second(model)
            spared |= frozen_beside_trained(model)
            chosen = {i for block in parts for i in held(block)}
            if not chosen:
                shapes = [_shape(m) for block in parts for m in _matrices_of(block).values()]
                raise ValueError(
                    "Expected blocks with a matrix that is trained and that factors of rank 1 are "
                    f"smaller than, got {shapes}. Name the layers to factorize."
                )
        readers = {id(module) for part in parts for module in part.modules()}
        return [m for i, m in _matrices_of(model, readers).items() if i in chosen]


def _of_embeddings(model: nn.Module) -> set[int]:
    """Return the ids of the parameters of embeddings, and of others in the same memory."""
    embeddings = [m for m in model.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)]
    places = [memory_of(p) for m in embeddings for p in m.parameters()]

    def shared(p: Tensor) -> bool:
        device, start, end = memory_of(p)
        return any(at == device and start < last and first < end for at, first, last in places)

    return {id(p) for p in model.parameters() if shared(p)}


def _of_computed(model: nn.Module) -> set[int]:
    """Return the ids of the parameters from which weights are computed, by either way of torch."""
    found = {
        id(p) for m in model.modules() if isinstance(m, ParametrizationList) for p in m.parameters()
    }
    for m in model.modules():
        for name, p in m._parameters.items():  # weight_v of an attribute weight
            if isinstance(vars(m).get(name.rpartition("_")[0]), Tensor):
                found.add(id(p))
    return found


def _matrices_of(module: nn.Module, readers: set[int] | None = None) -> dict[int, Tensor]:
    """Return matrices by the ids of their parameters: views, whose first two axes are the rows.

    A kernel is what it is to the first convolution, of those with the ids if they are given.
    """
    found = {id(p): p.data[None] for p in module.parameters() if p.ndim == 2}
    for part in module.modules():
        weight = part._parameters.get("weight") if isinstance(part, CONVOLUTIONS) else None
        read = readers is None or id(part) in readers
        if weight is not None and read and id(weight) not in found:
            found[id(weight)] = (
                weight.data.unflatten(0, (int(part.groups), -1)).transpose(1, 2)  # type: ignore[arg-type]
                if part.transposed
                else weight.data[None]
            )
    return {i: m for i, m in found.items() if m.is_floating_point()}


def _shape(matrix: Tensor) -> tuple[int, int]:
    return math.prod(matrix.shape[:2]), math.prod(matrix.shape[2:])


def _every_second(model: nn.Module) -> list[nn.Module]:
    """Return every second block, from the second on, without the last."""
    lists = [m for m in model.modules() if isinstance(m, nn.ModuleList | nn.Sequential)]
    blocks = max(([c for c in m if _matrices_of(c)] for m in lists), key=len, default=[])
    if len(blocks) < 3:
        raise ValueError(
            f"Expected a model with a list of at least three blocks, got {len(blocks)}. Name the "
            "layers to factorize."
        )
    return blocks[1:-1:2]


def _rank(matrix: Tensor, kept: float) -> int:
    return max(1, round(kept * min(_shape(matrix))))


def _truncate(view: Tensor, rank: int) -> None:
    """Replace a matrix by its best approximation of a rank, in place."""
    shape = _shape(view)
    if rank == min(shape):
        return
    wide = shape[0] < shape[1]
    matrix = view.reshape(shape)
    host = matrix if has_float64(matrix.device) else matrix.cpu()
    tall = (host.T if wide else host).double()
    # The right singular vectors, from the eigenvectors of the smaller Gram matrix.
    _, vectors = torch.linalg.eigh(tall.T @ tall)
    top = vectors[:, -rank:]
    truncated = tall @ top @ top.T
    view.copy_((truncated.T if wide else truncated).reshape(view.shape))
