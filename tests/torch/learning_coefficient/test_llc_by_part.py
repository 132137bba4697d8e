import pytest
import torch
from torch import nn

from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    attention_head_parameters,
    half_squared_error,
    llc_by_part,
    make_linear_regression_model,
)


def estimator(**settings):
    given = {"sampler": "hamiltonian", "random_state": 0, "progress": False, "n_draws": 40}
    return LocalLearningCoefficient(half_squared_error, **given | settings)


def test_parts_of_a_regression_have_half_their_parameters_each():
    known = make_linear_regression_model(6, n_samples=300, noise=1.0, random_state=0)
    masks = {"two": torch.arange(6)[None] < 2, "four": torch.arange(6)[None] >= 2}
    parts = {name: {"weight": mask} for name, mask in masks.items()}
    found = llc_by_part(estimator(), known.model, known.data, parts)
    assert found.names == ("all", "two", "four")
    values = [estimate.value for estimate in found.estimates]
    assert values == pytest.approx([3, 1, 2], rel=0.1)
    whole, *of_parts = [estimate.settings for estimate in found.estimates]
    for settings in of_parts:
        assert settings.inverse_temperature == whole.inverse_temperature
        assert settings.localization == whole.localization
    assert list(found.to_frame()["part"]) == ["all", "two", "four"]


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3, bias=False))
        self.body[2].weight = self.body[0].weight
        self.frozen = nn.Linear(3, 3).requires_grad_(False)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.scale * self.frozen(self.body(x))


@pytest.mark.filterwarnings("error")
def test_by_default_every_module_with_parameters_that_vary_is_a_part(tmp_path):
    torch.manual_seed(0)
    llc = estimator(sampler="sgld", n_chains=2, n_draws=10, step_size=1e-4, batch_size=8)
    data = (torch.randn(20, 3), torch.randn(20, 3))
    model = Tied()
    found = llc_by_part(llc, model, data, store=tmp_path)
    assert found.names == ("all", "scale", "body.0")
    assert [estimate.n_parameters for estimate in found.estimates] == [13, 1, 12]
    assert llc_by_part(llc, model, data, store=tmp_path) == found
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["all", "body.0", "scale"]


@pytest.mark.parametrize("parts", [[], {}, {"all": ["weight"]}])
def test_no_part_is_refused(parts):
    known = make_linear_regression_model(2, n_samples=20, noise=1.0, random_state=0)
    with pytest.raises(ValueError, match="Expected at least one part of a model"):
        llc_by_part(estimator(), known.model, known.data, parts)


def test_heads_share_out_their_matrices():
    layer = nn.TransformerEncoderLayer(8, nhead=4, dim_feedforward=4)
    model = nn.Sequential(layer, nn.MultiheadAttention(6, 2))
    heads = attention_head_parameters(model)
    names = [f"0.self_attn head {h}" for h in range(4)] + ["1 head 0", "1 head 1"]
    assert list(heads) == names
    for prefix in ("0.self_attn", "1"):
        for matrix in ("in_proj_weight", "out_proj.weight"):
            masks = [
                head[f"{prefix}.{matrix}"]
                for name, head in heads.items()
                if name.startswith(prefix)
            ]
            assert (torch.stack(masks).sum(0) == 1).all()
    assert list(attention_head_parameters(model[1])) == ["head 0", "head 1"]
    with pytest.raises(ValueError, match="Expected a model with attention of a known kind"):
        attention_head_parameters(nn.Linear(2, 2))
