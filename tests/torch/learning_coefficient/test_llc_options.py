"""Settings in print, and which sampler is taken."""

import torch
from torch import nn

from sklearn_learnability.torch import LocalLearningCoefficient
from sklearn_learnability.torch.learning_coefficient._llc_options import sampler_for
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


def test_the_hamiltonian_sampler_is_taken_where_it_is_affordable():
    wide = nn.Linear(4, 2000)
    few = torch.zeros(200, 4), torch.zeros(200, dtype=torch.long)
    many = torch.zeros(5000, 4), torch.zeros(5000, dtype=torch.long)
    rows = torch.utils.data.TensorDataset(*few)
    listed = [rows[i] for i in range(len(rows))]  # rows that are not tensors of all
    for model, data, expected in (
        (nn.Linear(4, 2), few, "hamiltonian"),
        (nn.Linear(4, 2), listed, "leimkuhler-matthews"),
        (wide, many, "leimkuhler-matthews"),
    ):
        with held_still(model):
            assert sampler_for(EmpiricalLoss(model, nn.CrossEntropyLoss(), data)) == expected
