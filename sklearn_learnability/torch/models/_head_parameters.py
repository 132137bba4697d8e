"""The parameters of each attention head, as masks by name."""

import torch
from torch import Tensor, nn

from sklearn_learnability.torch.models._attention_heads import attention_heads, part_of


def attention_head_parameters(model: nn.Module) -> dict[str, dict[str, Tensor]]:
    """Return where the parameters of each attention head stand.

    Known are `torch.nn.MultiheadAttention`, and attention of transformers that has `q_proj` to
    `o_proj` (Llama and its kin), `c_attn` (GPT-2) or `query_key_value` (GPT-NeoX, BLOOM). Weights
    that several heads share, and biases, belong to none.

    Parameters
    ----------
    model : Module
        The model.

    Returns
    -------
    dict of str to dict of str to Tensor
        For each head, named after its module and its number there, boolean masks by parameter name:
        what `parameters` of :class:`LocalLearningCoefficient` takes.

    Raises
    ------
    ValueError
        If the model has no attention of a known kind.

    Examples
    --------
    >>> import torch
    >>> from sklearn_learnability.torch import attention_head_parameters
    >>> model = torch.nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=4)
    >>> heads = attention_head_parameters(model)
    >>> list(heads)
    ['self_attn head 0', 'self_attn head 1']
    >>> [int(mask.sum()) for mask in heads["self_attn head 0"].values()]
    [96, 32]
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    masks: dict[str, dict[str, Tensor]] = {}
    numbers: dict[str, int] = {}
    for head in attention_heads(model):
        module = ".".join(head[-1].parameter.split(".")[:-2])  # that has the matrix of outputs
        number = numbers.setdefault(module, 0)
        of_head: dict[str, Tensor] = {}
        for weights in head:
            name = weights.parameter
            of_head.setdefault(name, torch.zeros_like(parameters[name], dtype=torch.bool))
            part_of(weights, of_head).fill_(True)
        masks[f"{module} head {number}".strip()] = of_head
        numbers[module] += 1
    return masks
