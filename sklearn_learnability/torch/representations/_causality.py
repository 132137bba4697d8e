"""Which hidden states of a model depend on tokens to come."""

from typing import Any

import numpy as np
import torch

from sklearn_learnability.torch.representations._hidden_states import HiddenStates
from sklearn_learnability.torch.representations._token_sequences import TokenSequences

LONGEST = 32  # tokens
RELATIVE = 3e-6  # of the largest coordinate; float32 rounds to 6e-8 of it
LOGITS = None  # their name beside those of layers


def reading_ahead(
    states: HiddenStates, sequences: TokenSequences, device: torch.device
) -> list[Any]:
    """Return the layers whose states change with a later token, by two passes over one sequence.

    `LOGITS` stands for the logits among them. The sequence stands in a batch with itself, then with
    its last token changed. Some models, such as those that find a scale for a whole batch, change
    with any other sequence there: the one that stays the same tells how much.
    """
    known = np.unique(sequences.input_ids[sequences.mask])
    row = sequences.input_ids[sequences.lengths.argmax()][: sequences.lengths.max()][:LONGEST]
    if len(known) < 2 or len(row) < 2:
        return []  # no other token to put in the place of the last, or none before it
    other = row.copy()
    other[-1] = known[0] if row[-1] != known[0] else known[1]
    try:
        (first, logits), (second, others) = (
            states(TokenSequences.from_rows([row, last]), device) for last in (row, other)
        )
    except Exception:  # what is wrong with the model or the tokens, the pass itself says
        return []
    if logits is not None and others is not None:
        first, second = first | {LOGITS: logits}, second | {LOGITS: others}
    found = []
    for name in first:
        if name in second:
            before, after = (z[name].double() for z in (first, second))
            there, here = (after - before)[:, :-1].abs().amax(dim=(1, 2)).tolist()
            if here > RELATIVE * before.abs().max() + 10 * there:
                found.append(name)
    return found
