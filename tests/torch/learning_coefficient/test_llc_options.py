"""Settings in print, and which sampler is taken."""

import pytest
import torch
from torch import nn

from sklearn_learnability.torch import LocalLearningCoefficient
from sklearn_learnability.torch.learning_coefficient._llc_options import may_take_all_rows
from sklearn_learnability.torch.models._empirical_loss import EmpiricalLoss
from sklearn_learnability.torch.models._held_still import held_still


def test_settings_of_the_paper_by_size():
    small = LocalLearningCoefficient.paper(nn.CrossEntropyLoss(), n_parameters=14e6)
    assert (small.inverse_temperature, small.localization, small.step_size) == (30.0, 300.0, 1e-3)
    assert (small.sampler, small.n_chains, small.batch_size) == ("rmsprop-sgld", 4, 32)
    published = {31e6: 3e-4, 70e6: 3e-4, 160e6: 1e-4, 410e6: 1e-4, 1e9: 3e-5, 1.4e9: 3e-5}
    for size, step in (published | {2.8e9: 1e-5, 6.9e9: 3e-6}).items():
        llc = LocalLearningCoefficient.paper(nn.CrossEntropyLoss(), n_parameters=size)
        assert llc.step_size == step
        assert llc.n_draws == (120 if size < 1e9 else 60)  # 200 or 100 steps in all


def test_gradients_of_all_rows_are_for_small_models_with_their_rows_in_memory():
    data = torch.zeros(200, 4), torch.zeros(200, dtype=torch.long)
    rows = torch.utils.data.TensorDataset(*data)
    listed = [rows[i] for i in range(len(rows))]  # rows that are not tensors of all
    for model, given, expected in (
        (nn.Linear(4, 2), data, True),
        (nn.Linear(4, 2), listed, False),
        (nn.Linear(4, 30_000), data, False),
    ):
        with held_still(model):
            assert may_take_all_rows(EmpiricalLoss(model, nn.CrossEntropyLoss(), given)) == expected


@pytest.mark.parametrize("limit", [0, -1.0, float("inf"), float("nan"), "long", True])
def test_a_limit_that_is_none_is_refused(limit):
    llc = LocalLearningCoefficient(nn.MSELoss(), max_seconds=limit)
    with pytest.raises(ValueError, match='Expected max_seconds to be a positive number, "auto" or'):
        llc.estimate(nn.Linear(2, 1), (torch.zeros(9, 2), torch.zeros(9, 1)))
