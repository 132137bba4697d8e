"""A profile says what each measure says alone, on the rows it belongs to."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from sklearn_learnability.datasets import make_learnability_classification  # noqa: E402
from sklearn_learnability.exceptions import (  # noqa: E402
    CheckpointError,
    DamagedCheckpointWarning,
    NotFiniteError,
)
from sklearn_learnability.metrics import (  # noqa: E402
    efficiency,
    log_loss_per_sample,
    nll_decomposition,
    two_part_code_length,
)
from sklearn_learnability.torch import (  # noqa: E402
    LocalLearningCoefficient,
    Quantization,
    critical_amount,
    network_profile,
    profile_checkpoints,
    soft_mutual_information,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn_learnability.exceptions.LearnabilityWarning"
)
N = 300  # training rows, of 600


def data():
    X, y, truth = make_learnability_classification(
        600, 6, learnability=0.5, random_state=0, return_truth=True
    )
    return X.astype("float32"), y, truth.predict_proba(X)


X, y, POSTERIOR = data()
ROWS = X[:N], y[:N], X[N:], y[N:]
LOSSES = log_loss_per_sample(y[N:], POSTERIOR[N:])


def trained(width=8, seed=0, n_steps=80):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(n_steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.tensor(X[:N])), torch.tensor(y[:N])).backward()
        optimizer.step()
    return model


MODEL = trained()


def estimator(**changes):
    settings = {
        "sampler": "leimkuhler-matthews",
        "inverse_temperature": 50.0,
        "localization": 1.0,
        "n_chains": 2,
        "n_draws": 40,
        "batch_size": 100,
        "random_state": 0,
        "progress": False,
    }
    return LocalLearningCoefficient(nn.CrossEntropyLoss(), **settings | changes)


def profile(model=MODEL, rows=ROWS, **options):
    return network_profile(model, *rows, **{"ceiling": LOSSES, "progress": False} | options)


def proba_of(model, rows):
    with torch.no_grad():
        return torch.softmax(model(torch.tensor(rows)).double(), 1).numpy()


def test_every_number_is_that_of_its_function():
    found = profile(llc=estimator(), layers=["1"])
    proba = proba_of(MODEL, X[N:])
    alone = efficiency(y[N:], proba, reference_nll=LOSSES)
    assert found.assessment.efficiency.value == pytest.approx(alone.value)
    assert found.assessment.efficiency.lower == pytest.approx(alone.lower)
    parts = nll_decomposition(y[N:], proba, random_state=0)
    for end in ("value", "lower", "upper"):
        alone = getattr(parts.calibration_loss, end)
        assert getattr(found.calibration_loss, end) == pytest.approx(alone)
    estimate = estimator().estimate(MODEL, (X[:N], y[:N]))
    assert found.llc.value == estimate.value
    critical = critical_amount(
        MODEL,
        nn.CrossEntropyLoss(),
        (X[:N], y[:N]),
        Quantization(),
        tolerance=0.01,
        batch_size=N,
        progress=False,
    )
    assert found.critical.size == pytest.approx(critical.size)
    nll = log_loss_per_sample(y[:N], proba_of(MODEL, X[:N])).sum()
    code = two_part_code_length(nll, estimate.value, N)
    assert found.description_length.total == pytest.approx(code.total, rel=1e-5)
    with torch.no_grad():
        state = MODEL[:2](torch.tensor(X[N:]))
    information = soft_mutual_information(state, y[N:])
    (layer,) = found.layers
    bits = np.log2(100)
    assert layer.expressivity == pytest.approx(bits * information.information)
    assert layer.expressivity_null == pytest.approx(bits * information.null)
    inputs = soft_mutual_information(state, np.arange(len(state)))
    assert layer.complexity == pytest.approx(bits * inputs.information)


def test_one_row_with_a_column_for_every_quantity():
    row = profile(llc=estimator()).to_frame().iloc[0]
    assert row["n_samples"] == N
    assert row["n_parameters"] == 6 * 8 + 8 + 8 * 2 + 2
    assert row["training_nll"] < row["nll"]
    assert row["efficiency_lower"] < row["efficiency"] < row["efficiency_upper"]
    assert np.isfinite(row[["llc", "llc_total_error", "description_length"]].astype(float)).all()


def test_the_posterior_itself_extracts_all():
    """A network that is the truth: efficiency 1, and nothing for calibration to take off."""
    log_odds = torch.tensor(np.log(POSTERIOR), dtype=torch.float64)

    class Truth(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1, dtype=torch.float64))

        def forward(self, batch):  # the first column is the number of the row
            return self.scale * log_odds[batch[:, 0].long()]

    numbered = np.column_stack([np.arange(len(y)), X]).astype("float64")
    rows = numbered[:N], y[:N], numbered[N:], y[N:]
    found = profile(Truth(), rows, layers=[])
    assert found.assessment.efficiency.value == pytest.approx(1.0)
    assert found.calibration_loss.lower == 0
    assert found.layers == ()


def test_a_network_that_knows_nothing_extracts_nothing():
    model = trained(n_steps=0)
    nn.init.zeros_(model[2].weight)
    nn.init.zeros_(model[2].bias)
    found = profile(model)
    assert found.assessment.efficiency.value == pytest.approx(0, abs=0.02)


def test_the_model_is_left_as_it_was_and_held_in_evaluation():
    model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 2)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, second = (profile(model, random_state=0) for _ in range(2))
    assert first == second
    assert model.training
    assert model[1].training
    assert not model[0]._forward_hooks
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_types_of_numbers_and_frozen_layers():
    double = trained().double()
    plain, precise = profile(MODEL), profile(double)
    assert precise.assessment.nll == pytest.approx(plain.assessment.nll, rel=1e-4)
    tensors = tuple(torch.tensor(part) for part in ROWS)
    assert profile(MODEL, tensors).to_frame().equals(plain.to_frame())
    frozen = trained()
    frozen[0].requires_grad_(False)
    found = profile(frozen, llc=estimator())
    assert found.n_parameters == found.llc.n_parameters == 18


class WithPenalty(nn.Module):
    """A classifier that has a layer of one number a batch."""

    def __init__(self):
        super().__init__()
        self.linear, self.penalty = nn.Linear(6, 2), nn.L1Loss()

    def forward(self, inputs):
        self.penalty(inputs, torch.zeros_like(inputs))
        return self.linear(inputs)


def test_a_layer_of_one_number_a_batch_has_no_state_of_a_row():
    assert list(profile(WithPenalty()).layers_to_frame()["layer"]) == ["linear"]
    with pytest.raises(ValueError, match=r"layer 'penalty' to return a state .* got \(\)"):
        profile(WithPenalty(), layers=["penalty"])


def test_a_network_of_skorch_is_its_module():
    skorch = pytest.importorskip("skorch")
    options = {"max_epochs": 3, "train_split": None, "verbose": 0, "lr": 0.1}
    logits = skorch.NeuralNetClassifier(trained(), criterion=nn.CrossEntropyLoss, **options)
    logits.fit(X[:N], y[:N])
    assert profile(logits).to_frame().equals(profile(logits.module_).to_frame())
    module = nn.Sequential(*trained(), nn.Softmax(dim=1))
    proba = skorch.NeuralNetClassifier(module, **options).fit(X[:N], y[:N])
    found = profile(proba, layers=["1"])
    alone = efficiency(y[N:], proba.predict_proba(X[N:]), reference_nll=LOSSES)
    assert found.assessment.efficiency.value == pytest.approx(alone.value, rel=1e-4)


def test_a_ceiling_is_a_number_losses_or_the_ceiling_itself():
    from sklearn_learnability import GoldenModelCeiling

    ceiling = GoldenModelCeiling(["logistic"], random_state=0).fit(X[:N], y[:N])
    itself = profile(ceiling=ceiling).assessment.efficiency
    losses = log_loss_per_sample(y[N:], ceiling.predict_proba(X[N:]))
    assert itself.value == pytest.approx(profile(ceiling=losses).assessment.efficiency.value)
    number = profile(ceiling=0.5).assessment.efficiency
    assert number.value == efficiency(y[N:], proba_of(MODEL, X[N:]), learnability=0.5).value


def test_several_networks_at_one_setting_and_a_store_that_resumes(tmp_path, monkeypatch):
    networks = {"narrow": trained(2), "wide": trained(16)}
    llc = estimator(inverse_temperature="auto")
    options = {"ceiling": LOSSES, "llc": llc, "progress": False, "layers": ["1"]}
    first = profile_checkpoints(networks, *ROWS, store=tmp_path, **options)
    assert list(first.to_frame()["checkpoint"]) == ["narrow", "wide"]
    assert list(first.layers_to_frame()["dim"]) == [2, 16]
    temperatures = {p.llc.settings.inverse_temperature for p in first.profiles}
    assert len(temperatures) == 1

    def measure_again(self, *_args):
        raise AssertionError("measured again")

    monkeypatch.setattr(Quantization, "measure", measure_again)
    assert profile_checkpoints(networks, *ROWS, store=tmp_path, **options) == first
    other = X[:N] + 1, *ROWS[1:]
    with pytest.raises(ValueError, match="differs in data"):
        profile_checkpoints(networks, *other, store=tmp_path, **options)


def test_state_dicts_over_training_and_a_damaged_one():
    states = {
        "start": trained(n_steps=0).state_dict(),
        "damaged": {"0.weight": torch.zeros(1)},
        "end": MODEL.state_dict(),
    }
    bad = {name: value.clone() for name, value in MODEL.state_dict().items()}
    bad["2.bias"][0] = float("nan")
    states["not finite"] = bad

    def load(state):
        model = trained(n_steps=0)
        model.load_state_dict(state)
        return model

    with pytest.warns(DamagedCheckpointWarning):
        found = profile_checkpoints(states, *ROWS, ceiling=LOSSES, load=load, progress=False)
    assert found.names == ("start", "end")
    assert [name for name, _ in found.skipped] == ["damaged", "not finite"]
    assert found.profiles[1].to_frame().equals(profile().to_frame())
    with (
        pytest.warns(DamagedCheckpointWarning),
        pytest.raises(CheckpointError, match="none of 1"),
    ):
        profile_checkpoints(
            {"a": states["damaged"]}, *ROWS, ceiling=LOSSES, load=load, progress=False
        )


def test_training_rows_are_no_held_out_rows():
    double = X[:N].astype("float64"), y[:N]
    for test in (ROWS[:2], (X[10:60], y[10:60]), double):
        with pytest.raises(ValueError, match="all in X"):
            profile(rows=(*ROWS[:2], *test), ceiling=0.5)


def test_cells_that_repeat_may_be_met_again():
    cells = (X > 0).astype("float32")
    rows = cells[:N], y[:N], cells[N:], y[N:]
    assert profile(rows=rows).n_test_samples == len(y) - N


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": (X[:N], y[: N - 1], *ROWS[2:])}, r"y of shape \(300,\)"),
        ({"rows": (X[:N, :5], y[:N], *ROWS[2:])}, r"rows of shape \(5,\)"),
        ({"rows": (X[:N], y[:N] + 1, *ROWS[2:])}, "labels below 2"),
        ({"rows": (X[:N], y[:N] - 1, *ROWS[2:])}, "labels from 0 in y, got -1"),
        ({"rows": (X[:N], y[:N] * 1.0, *ROWS[2:])}, "number of the column"),
        ({"rows": (X[:0], y[:0], *ROWS[2:])}, "no row"),
        ({"layers": ["9"]}, "layers among 0, 1, 2, got '9'"),
        ({"layers": "encoder"}, "layers='all'"),
        ({"model": nn.Linear(6, 1)}, "two classes at least"),
        ({"model": nn.Sequential(nn.Linear(6, 1), nn.Linear(1, 2)), "layers": ["0"]}, "two number"),
        ({"tolerance": 0}, "tolerance above 0"),
        ({"ceiling": LOSSES[1:]}, "reference_nll of shape"),
        ({"ceiling": 1.5}, "at most 1"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        profile(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "model.pt"}, "got str"),
        ({"llc": nn.CrossEntropyLoss()}, "llc as a LocalLearningCoefficient"),
        ({"llc": LocalLearningCoefficient(nn.CrossEntropyLoss(label_smoothing=0.1))}, "smoothing"),
        ({"rows": (X[:N].astype(str), *ROWS[1:])}, "X of numbers"),
    ],
)
def test_what_is_of_another_kind_is_refused(change, message):
    with pytest.raises(TypeError, match=message):
        profile(**change)


def test_logits_that_are_not_finite_are_refused():
    model = trained(n_steps=0)
    nn.init.constant_(model[2].bias, float("inf"))
    with pytest.raises(NotFiniteError, match="finite logits"):
        profile(model)


def test_without_a_coefficient_there_is_no_code():
    found = profile()
    assert found.llc is None
    assert found.description_length is None
    assert np.isnan(found.to_frame()["description_length"].iloc[0])
