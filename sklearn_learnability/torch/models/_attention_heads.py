"""Where the weights of each attention head stand."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn


class HeadWeights(NamedTuple):
    """Rows or columns of a weight matrix that belong to one attention head.

    Attributes
    ----------
    parameter : str
        Name of the matrix among the model's parameters.
    dim : int
        0 for rows, 1 for columns.
    start, stop : int
        The first, and the one after the last.
    """

    parameter: str
    dim: int
    start: int
    stop: int


def attention_heads(model: nn.Module) -> list[list[HeadWeights]]:
    """Return the weights of every attention head of a model.

    Known are `torch.nn.MultiheadAttention`, and attention of transformers that has `q_proj` to
    `o_proj` (Llama and its kin), `c_attn` (GPT-2) or `query_key_value` (GPT-NeoX, BLOOM). Keys and
    values that several heads share belong to none of them, nor do queries and keys that are
    normalised over all heads together.
    """
    heads: list[list[HeadWeights]] = []
    for name, module in model.named_modules():
        prefix = f"{name}." if name else ""
        known: list[list[HeadWeights]] | None = []
        if isinstance(module, nn.MultiheadAttention):
            known = _multihead(prefix, module)
        elif all(hasattr(module, part) for part in ("q_proj", "k_proj", "v_proj")):
            known = _separate(prefix, module)
        elif hasattr(module, "c_attn") and hasattr(module, "c_proj"):
            known = _fused(prefix, module)
        elif hasattr(module, "query_key_value"):
            known = _interleaved(prefix, module)
        if known is None:
            raise ValueError(
                f"Expected attention of a known kind, got {type(module).__name__} in {name!r}. "
                "Give the weights of its heads: heads=a function of the model."
            )
        heads += known
    if not heads:
        raise ValueError(
            "Expected a model with attention of a known kind, got none. Give the weights of its "
            "heads: heads=a function of the model."
        )
    return heads


def _multihead(prefix: str, module: nn.MultiheadAttention) -> list[list[HeadWeights]]:
    size, dim = module.head_dim, module.embed_dim
    heads = []
    for h in range(module.num_heads):
        start, stop = h * size, (h + 1) * size
        if module.in_proj_weight is not None:
            rows = [
                HeadWeights(f"{prefix}in_proj_weight", 0, part * dim + start, part * dim + stop)
                for part in range(3)
            ]
        else:
            rows = [HeadWeights(f"{prefix}{part}_proj_weight", 0, start, stop) for part in "qkv"]
        heads.append([*rows, HeadWeights(f"{prefix}out_proj.weight", 1, start, stop)])
    return heads


def _separate(prefix: str, module: nn.Module) -> list[list[HeadWeights]] | None:
    """Return the heads of matrices for queries, keys and values; None if these do not fit."""
    outs = [name for name in ("o_proj", "out_proj", "dense") if hasattr(module, name)]
    size = getattr(module, "head_dim", None)
    queries: Tensor = module.q_proj.weight  # type: ignore[union-attr, assignment]
    keys: Tensor = module.k_proj.weight  # type: ignore[union-attr, assignment]
    if not outs or size is None or getattr(module, outs[0]).weight.shape[1] != len(queries):
        return None
    norm = getattr(getattr(module, "q_norm", None), "weight", None)
    shared = len(keys) != len(queries)
    inward = ["q_proj"] if shared else ["q_proj", "k_proj", "v_proj"]
    if isinstance(norm, Tensor) and norm.ndim == 1 and size < len(norm) == len(queries):
        inward = [part for part in inward if part == "v_proj"]
    return [
        [HeadWeights(f"{prefix}{part}.weight", 0, start, start + size) for part in inward]
        + [HeadWeights(f"{prefix}{outs[0]}.weight", 1, start, start + size)]
        for start in range(0, len(queries), size)
    ]


def _fused(prefix: str, module: nn.Module) -> list[list[HeadWeights]] | None:
    """Return the heads of matrices that are stored inputs by outputs, as in GPT-2."""
    weight: Tensor = module.c_attn.weight  # type: ignore[union-attr, assignment]
    dim = weight.shape[0]
    if type(module.c_attn).__name__ != "Conv1D" or weight.shape[1] != 3 * dim:
        return None
    size = dim // int(module.num_heads)  # type: ignore[arg-type]
    return [
        [
            *(
                HeadWeights(f"{prefix}c_attn.weight", 1, p * dim + start, p * dim + start + size)
                for p in range(3)
            ),
            HeadWeights(f"{prefix}c_proj.weight", 0, start, start + size),
        ]
        for start in range(0, dim, size)
    ]


def _interleaved(prefix: str, module: nn.Module) -> list[list[HeadWeights]] | None:
    """Return the heads of a matrix with query, key and value of a head beside each other."""
    size = getattr(module, "head_size", getattr(module, "head_dim", None))
    rows: Tensor = module.query_key_value.weight  # type: ignore[union-attr, assignment]
    out = getattr(module, "dense", None)
    if size is None or out is None or len(rows) != 3 * out.weight.shape[1]:
        return None
    return [
        [
            HeadWeights(f"{prefix}query_key_value.weight", 0, 3 * start, 3 * (start + size)),
            HeadWeights(f"{prefix}dense.weight", 1, start, start + size),
        ]
        for start in range(0, len(rows) // 3, size)
    ]


def part_of(weights: HeadWeights, parameters: dict[str, Tensor]) -> Tensor:
    """Return the rows or columns of a head, a view."""
    matrix = parameters[weights.parameter]
    return matrix.narrow(weights.dim, weights.start, weights.stop - weights.start)


def zero_heads(heads: Sequence[Sequence[HeadWeights]], tensors: dict[str, Tensor]) -> None:
    """Set the rows and columns of some heads to zero."""
    for head in heads:
        for weights in head:
            part_of(weights, tensors).zero_()


def n_weights(heads: Sequence[Sequence[HeadWeights]], parameters: dict[str, Tensor]) -> int:
    """Return the number of weights of some heads, those that heads share once."""
    return sum(part_of(w, parameters).numel() for w in {w for head in heads for w in head})
