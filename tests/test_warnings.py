"""Each warning of the package is provoked once, and points at the line that called it."""

import inspect
import warnings
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import KFold, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB

from sklearn_learnability import (
    CalibratedNLL,
    GoldenModelCeiling,
    GoldenModelCeilingRegressor,
    exceptions,
    random_versus_forward,
)
from sklearn_learnability.metrics import (
    annotator_learnability,
    cross_fit_calibration,
    efficiency,
    information_bottleneck,
    information_by_segment,
    information_score,
    linear_association,
    log_loss_per_sample,
    partial_spearman,
    two_part_code_length,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3))
Y = (X[:, 0] + rng.normal(size=120) > 0).astype(int)
PROBA = 1 / (1 + np.exp(-X[:, 0]))


class Fails(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise RuntimeError("never fits")

    def predict_proba(self, X):
        raise RuntimeError("never predicts")


def bottleneck_convergence():
    information_bottleneck([[0.4, 0.1], [0.1, 0.4]], [3.0], max_iter=1)


def zero_probability():
    log_loss_per_sample([0, 1, 1], [0.5, 0.5, 0.0])


def hard_labels():
    log_loss_per_sample([0, 1, 1], [0.0, 1.0, 0.0])


def in_sample():
    efficiency(Y, np.where(Y == 1, 0.95, 0.05), learnability=0.3)


def loss_units():
    proba = np.random.default_rng(0).uniform(size=3000)
    y = (np.random.default_rng(1).uniform(size=3000) < proba).astype(int)
    losses = log_loss_per_sample(y, proba, units="nats")
    efficiency(y, proba, reference_nll=losses)


def undefined_information():
    information_score([1, 1, 1], [0.5, 0.6, 0.7], labels=[0, 1])


def duplicate_rows():
    CalibratedNLL(GaussianNB(), random_state=0).fit(X.repeat(2, axis=0), Y.repeat(2))


def unpredicted_rows():
    CalibratedNLL(GaussianNB(), cv=TimeSeriesSplit(4)).fit(X, Y)


def missing_class():
    y = np.where(np.arange(120) == 7, 2, Y)
    cross_fit_calibration(y, np.full((120, 3), 1 / 3), random_state=0)


def candidate_failed():
    GoldenModelCeiling(["prior", ("fails", Fails())], random_state=0).fit(X, Y)


def time_limit():
    GoldenModelCeiling(["prior", "splines"], random_state=0, max_seconds=1e-3).fit(X, Y)


def converted_columns():
    table = pd.DataFrame({"number": X[:, 0].astype(object)})
    GoldenModelCeiling(["prior", "logistic"], random_state=0).fit(table, Y)


def ordered_rows():
    rng = np.random.default_rng(0)
    inputs, turn = rng.standard_normal((1000, 2)), np.linspace(0, np.pi / 2, 1000)
    score = inputs[:, 0] * np.cos(turn) + inputs[:, 1] * np.sin(turn)
    CalibratedNLL(GaussianNB(), random_state=0).fit(inputs, (score > 0).astype(int))


def dependent_rows():
    rng = np.random.default_rng(0)
    inputs = np.repeat(rng.standard_normal((100, 1)), 10, axis=0)
    inputs += 1e-3 * rng.standard_normal(inputs.shape)
    label = rng.random(1000) < 1 / (1 + np.exp(-3 * inputs[:, 0]))
    folds = KFold(5, shuffle=True, random_state=0)
    CalibratedNLL(GaussianNB(), cv=folds).fit(inputs, label.astype(int))


def optimistic_split():
    rng = np.random.default_rng(0)
    inputs, turn = rng.standard_normal((1000, 2)), np.linspace(0, np.pi, 1000)
    score = inputs[:, 0] * np.cos(turn) + inputs[:, 1] * np.sin(turn)
    y = np.where(np.arange(1000) > 600, score > 0, inputs[:, 0] < 0).astype(int)
    random_versus_forward(GoldenModelCeiling([("bayes", GaussianNB())], random_state=0), inputs, y)


def unused_weights():
    CalibratedNLL(LinearDiscriminantAnalysis()).fit(X, Y, sample_weight=np.ones(120))


def calibration():
    with patch("sklearn_learnability.metrics._newton.MOST_STEPS", 1):
        cross_fit_calibration(Y, PROBA**3, random_state=0)


def small_segment():
    information_by_segment(Y, PROBA, X[:, 1] > 2, reference_nll=log_loss_per_sample(Y, PROBA))


def asymptotic_formula():
    two_part_code_length(10.0, llc=0.01, n=3, multiplicity=9)


def undefined_association():
    linear_association([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0])


def determined_by_covariates():
    partial_spearman(X[:9, 0], X[:9, 1], X[:9, 1])


def hidden_states():
    return np.random.default_rng(0).normal(size=(2, 5, 4)), np.arange(10).reshape(2, 5) % 3


def zero_vector():
    from sklearn_learnability.torch import SoftInformation

    hidden, labels = hidden_states()
    hidden[0, 0] = 0
    SoftInformation(4).update(hidden, labels)


def no_positions():
    from sklearn_learnability.torch import SoftInformation

    hidden, labels = hidden_states()
    SoftInformation(4).update(hidden, labels, np.zeros((2, 5)))


def not_causal():
    import torch

    from sklearn_learnability.torch import measure_information_plane

    class Backwards(torch.nn.Module):
        def forward(self, ids):
            return torch.nn.functional.one_hot(ids.flip(1), 6).float()

    ids = np.random.RandomState(0).randint(6, size=(20, 9)).tolist()
    model = torch.nn.Sequential(Backwards())
    measure_information_plane(model, ids, layers=["0"], widths=(1,), progress=False)


def replaced_plane():
    import tempfile

    import torch

    from sklearn_learnability.torch import InformationPlaneCallback

    ids = np.random.RandomState(0).randint(6, size=(20, 9)).tolist()
    callback = InformationPlaneCallback(
        ids, store=tempfile.mkdtemp(), layers=["0"], widths=(1,), n_points=10
    )
    for _ in range(2):
        callback(torch.nn.Sequential(torch.nn.Embedding(6, 4), torch.nn.Linear(4, 6)), 0)


def single_sequence():
    from sklearn_learnability.torch import SoftInformation

    hidden, labels = hidden_states()
    stream = SoftInformation(4)
    stream.update(hidden[:1], labels[:1])
    stream.compute()


def undefined_loss():
    import torch

    from sklearn_learnability.torch import GaussianNoise, critical_amount

    class Halts(torch.nn.Linear):
        def forward(self, x):
            return super().forward(x) + (torch.nan if self.weight.abs().max() > 3 else 0)

    torch.manual_seed(0)
    rows = torch.ones(20, 1), torch.zeros(20, 1)
    scheme, amounts = GaussianNoise(), [1e-3, 1.0, 100.0, 1000.0]
    critical_amount(Halts(1, 1), half_squared_error, rows, scheme, tolerance=0.1, amounts=amounts)


def half_squared_error(model, batch):
    return (model(batch[0]) - batch[1]).square().mean(1) / 2


def estimate(weight=0.0, checkpoints=None, loss=half_squared_error, **settings):
    """Return a call that samples a regression whose minimum is at 0."""
    import torch

    from sklearn_learnability.torch import LocalLearningCoefficient

    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(500, 2, generator=generator)
    data = inputs, torch.randn(500, 1, generator=generator)
    model = torch.nn.Linear(2, 1, bias=False)
    model.weight.data = torch.linalg.lstsq(*data).solution.T.contiguous() + weight
    defaults = {"n_draws": 200, "n_chains": 2, "batch_size": 500, "step_size": 1e-3}
    defaults |= {"inverse_temperature": 50.0, "localization": 1.0, "progress": False}
    llc = LocalLearningCoefficient(
        loss, sampler="leimkuhler-matthews", random_state=0, **defaults | settings
    )
    return llc, model, data


def not_a_minimum():
    llc, model, data = estimate(weight=0.3)
    llc.estimate(model, data)


def not_local():
    llc, model, data = estimate(inverse_temperature=10.0, localization=1000.0)
    llc.estimate(model, data)


def unconverged_chains():
    llc, model, data = estimate(n_draws=12, step_size=1e-5)
    llc.estimate(model, data)


def lost_chains():
    import torch

    def breaks(model, batch):
        far = model.weight.abs().max() > 0.3
        return half_squared_error(model, batch) + torch.where(far, torch.nan, 0.0)

    llc, model, data = estimate(loss=breaks, n_chains=8, n_draws=40, step_size=3e-3)
    llc.estimate(model, data)


def damaged_checkpoint():
    def load(source):
        if source == "b":
            raise OSError("the file ends too early")
        return model

    llc, model, data = estimate(n_draws=20)
    llc.estimate_checkpoints({"a": "a", "b": "b"}, data, load=load)


#: What provokes each warning; those of the second table need torch.
def single_label():
    annotator_learnability([[1, 1, 0], [0, 2, 1], [1, 0, 1], [1, 0, 0]] * 20)


def dependent_labels():
    annotator_learnability([[5, 5]] * 200)


def few_values():
    GoldenModelCeilingRegressor(["linear"], random_state=0).fit(X, Y)


def resolution():
    GoldenModelCeilingRegressor(["linear"], random_state=0).fit(X, X[:, 0])


PROVOKED = {
    "BottleneckConvergenceWarning": bottleneck_convergence,
    "ZeroProbabilityWarning": zero_probability,
    "HardLabelsWarning": hard_labels,
    "InSampleWarning": in_sample,
    "LossUnitsWarning": loss_units,
    "UndefinedInformationWarning": undefined_information,
    "DuplicateRowsWarning": duplicate_rows,
    "UnpredictedRowsWarning": unpredicted_rows,
    "MissingClassWarning": missing_class,
    "ConvertedColumnsWarning": converted_columns,
    "OrderedRowsWarning": ordered_rows,
    "DependentRowsWarning": dependent_rows,
    "OptimisticSplitWarning": optimistic_split,
    "UnusedWeightsWarning": unused_weights,
    "CandidateFailedWarning": candidate_failed,
    "TimeLimitWarning": time_limit,
    "SingleLabelWarning": single_label,
    "DependentLabelsWarning": dependent_labels,
    "FewValuesWarning": few_values,
    "ResolutionWarning": resolution,
    "CalibrationWarning": calibration,
    "SmallSegmentWarning": small_segment,
    "AsymptoticFormulaWarning": asymptotic_formula,
    "UndefinedAssociationWarning": undefined_association,
    "DeterminedByCovariatesWarning": determined_by_covariates,
}
PROVOKED_WITH_TORCH = {
    "DamagedCheckpointWarning": damaged_checkpoint,
    "ZeroVectorWarning": zero_vector,
    "NoPositionsWarning": no_positions,
    "SingleSequenceWarning": single_sequence,
    "NotCausalWarning": not_causal,
    "ReplacedPlaneWarning": replaced_plane,
    "UndefinedLossWarning": undefined_loss,
    "NotAMinimumWarning": not_a_minimum,
    "NotLocalWarning": not_local,
    "UnconvergedChainsWarning": unconverged_chains,
    "LostChainsWarning": lost_chains,
}


def test_every_warning_is_provoked_below():
    of_package = {
        name
        for name, value in vars(exceptions).items()
        if inspect.isclass(value)
        and issubclass(value, exceptions.LearnabilityWarning)
        and value is not exceptions.LearnabilityWarning
    }
    assert of_package == PROVOKED.keys() | PROVOKED_WITH_TORCH.keys()


@pytest.mark.parametrize("name", [*PROVOKED, *PROVOKED_WITH_TORCH])
def test_a_warning_points_at_the_line_that_called_the_package(name):
    if name in PROVOKED_WITH_TORCH:
        pytest.importorskip("torch")
    provoke = (PROVOKED | PROVOKED_WITH_TORCH)[name]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        provoke()
    told = [warning for warning in caught if warning.category is getattr(exceptions, name)]
    assert told, [str(warning.message) for warning in caught]
    lines, start = inspect.getsourcelines(provoke)
    for warning in told:
        assert warning.filename == __file__
        assert start < warning.lineno < start + len(lines)
