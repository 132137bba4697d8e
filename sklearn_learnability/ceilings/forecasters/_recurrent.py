"""Forecasts by a recurrent network: the labels before, and inputs, as numbers."""

import warnings
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_learnability._tables import take_rows
from sklearn_learnability._validation import Floats, Integers, missing_package
from sklearn_learnability.ceilings._candidate_table import Table
from sklearn_learnability.ceilings._golden_candidates import numeric_table
from sklearn_learnability.ceilings.forecasters._context_tree import forecast_marginal

#: The packages it needs.
NEEDS = ("torch", "skorch")
#: Deviations from the mean beyond which inputs are taken for so many: single precision ends.
LARGEST = 1e6
#: With inputs the network begins anew when rows are so many times those it was built for.
GROWTH = 2


def check_installed(name: str) -> None:
    """Refuse the network where a package is missing."""
    missing = [module for module in NEEDS if not find_spec(module)]
    if missing:
        raise missing_package(" and ".join(missing), "torch", f"the candidate {name!r} needs")


def forecast_recurrent(
    codes: Integers,
    n_classes: int,
    inputs: Any,
    blocks: list[Integers],
    seed: int,
    *,
    sees_labels: bool,
) -> Floats:
    """Return the log-probabilities of all labels by a network that learns block after block.

    It is given the label before and the inputs of a step, and remembers what it was given earlier.
    Inputs are turned into numbers as those before the block have them; the network is built anew
    whenever these have doubled. Rows before the first block get their frequencies.
    """
    from sklearn_learnability.torch.candidates._recurrent_forecaster import RecurrentForecaster

    found = np.log(forecast_marginal(codes, n_classes))
    for stage in stages(blocks) if inputs is not None else [blocks]:
        columns = [labels_before(codes, n_classes)] if sees_labels else []
        if inputs is not None:
            columns.append(as_numbers(inputs, int(stage[0][0]), n_classes))
        numbers = np.column_stack(columns)
        network = RecurrentForecaster(numbers.shape[1], n_classes, seed)
        for block, log_proba in zip(stage, network.forecast(numbers, codes, stage), strict=True):
            spread = 1 / (block[0] + 1)
            found[block] = np.logaddexp(np.log1p(-spread) + log_proba, np.log(spread / n_classes))
    return found


def stages(blocks: list[Integers]) -> list[list[Integers]]:
    """Return the blocks in stretches, each of which begins with twice the rows of the last."""
    found: list[list[Integers]] = []
    for block in blocks:
        if not found or block[0] >= GROWTH * found[-1][0][0]:
            found.append([])
        found[-1].append(block)
    return found


def labels_before(codes: Integers, n_classes: int) -> NDArray[np.float32]:
    """Return an indicator of the label before every row; zeros at the first."""
    before = np.zeros((len(codes), n_classes), dtype=np.float32)
    before[np.arange(1, len(codes)), codes[:-1]] = 1
    return before


def as_numbers(inputs: Any, n_past: int, n_classes: int) -> NDArray[np.float32]:
    """Return inputs as scaled numbers and indicators, as the first rows have them."""
    past = take_rows(inputs, np.arange(n_past))
    table = Table.of(past, n_classes)
    encoder = numeric_table(replace(table, few=[*table.few, *table.many], many=[]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of squares that no float holds
        numbers = encoder.fit(past).transform(inputs)
    if np.isnan(numbers).any():
        raise ValueError("Expected inputs whose squares a float holds, got larger ones.")
    return np.clip(numbers, -LARGEST, LARGEST).astype(np.float32)
