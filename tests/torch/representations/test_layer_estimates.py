"""Errors of means of layers and of ratios, against leaving each sequence out by hand."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from sklearn_learnability.exceptions import UndefinedInformationWarning  # noqa: E402
from sklearn_learnability.torch import measure_information_plane  # noqa: E402

VOCABULARY, N_TEXTS = 8, 16


class Narrowing(nn.Module):
    """An embedding of 16 dimensions and a recurrent layer of 6."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(VOCABULARY, 16)
        self.recurrent = nn.GRU(16, 6, batch_first=True)
        self.logits = nn.Linear(6, VOCABULARY)

    def forward(self, ids):
        return self.logits(self.recurrent(self.embedding(ids))[0])


@pytest.fixture(scope="module")
def ids():
    rng = np.random.RandomState(0)
    own = rng.dirichlet(np.full(VOCABULARY, 0.7), size=N_TEXTS)
    return [rng.choice(VOCABULARY, size=20, p=p).tolist() for p in own]


def measure(ids):
    layers = ["embedding", "recurrent"]
    return measure_information_plane(
        Narrowing().eval(), ids, widths=(1,), layers=layers, batch_size=50, progress=False
    )


def of_mean(plane):
    """Return the estimates of the layers' mean by set of labels, and its point."""
    table = plane.information
    return table[table["layer"] == "mean"].set_index("labels"), plane.points[-1]


@pytest.fixture(scope="module")
def plane(ids):
    return measure(ids)


@pytest.fixture(scope="module")
def without_each(ids):
    return [of_mean(measure(ids[:i] + ids[i + 1 :])) for i in range(N_TEXTS)]


def jackknife(values):
    values = np.array(values)
    return np.sqrt((len(values) - 1) * values.var())


def half(lower, upper):
    return (upper - lower) / 2


@pytest.mark.parametrize("labels", ["past_1", "future_1"])
def test_error_of_the_mean_is_that_of_leaving_each_sequence_out(plane, without_each, labels):
    row = of_mean(plane)[0].loc[labels]
    left_out = [table.loc[labels] for table, _ in without_each]
    expected = jackknife([other["quadratic"] for other in left_out])
    assert row["quadratic_error"] == pytest.approx(expected, rel=1e-5)
    expected = jackknife([other["information"] for other in left_out])
    assert row["standard_error"] == pytest.approx(expected, rel=0.2)
    of_layers = plane.information.query("layer != 'mean' and labels == @labels")
    assert row["quadratic_error"] < of_layers["quadratic_error"].mean()
    assert row["lower"] == pytest.approx(of_layers["lower"].mean(), rel=1e-12)


def test_interval_of_the_optimality_is_that_of_leaving_each_sequence_out(plane, without_each):
    point = of_mean(plane)[1]
    for name in ("optimality", "optimality_quadratic"):
        expected = jackknife([getattr(other, name) for _, other in without_each])
        lower, upper = (getattr(point, f"{name}_{end}") for end in ("lower", "upper"))
        assert (lower + upper) / 2 == pytest.approx(getattr(point, name), rel=1e-12)
        assert 1.96 < half(lower, upper) / expected < 3.5  # quantiles of t, of few sequences


def test_ratio_to_what_may_be_nothing_is_undefined():
    """Tokens that say nothing of each other, read by a layer that forgets the present one."""
    ids = np.random.RandomState(5).randint(VOCABULARY, size=(10, 12)).tolist()

    class Forgetful(Narrowing):
        def forward(self, ids):
            other = torch.from_numpy(np.random.RandomState(ids.sum()).randint(8, size=ids.shape))
            return self.logits(self.recurrent(self.embedding(other))[0])

    model, options = Forgetful().eval(), {"batch_size": 50, "progress": False}
    with pytest.warns(UndefinedInformationWarning, match="cannot tell that about the past"):
        plane = measure_information_plane(model, ids, widths=(1,), layers=["recurrent"], **options)
    point = plane.points[0]
    assert point.complexity_quadratic > 0 > plane.information["quadratic_lower"].iloc[0]
    assert np.isnan([point.optimality_quadratic_lower, point.optimality_quadratic_upper]).all()
    assert np.isnan(point.optimality_quadratic)
    assert np.isfinite([point.optimality_lower, point.optimality_upper]).all()


def test_one_layer_is_its_own_mean(ids):
    plane = measure_information_plane(
        Narrowing().eval(), ids, widths=(1,), layers=["embedding"], progress=False
    )
    numbers = plane.information.columns.drop("layer")
    first, mean = plane.information.iloc[:2], plane.information.iloc[2:]
    assert list(mean["layer"]) == ["mean", "mean"]
    assert first[numbers].reset_index(drop=True).equals(mean[numbers].reset_index(drop=True))
