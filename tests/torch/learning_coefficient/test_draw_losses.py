"""Losses of rows at every draw: on linear models, whose posterior is Gaussian, all is known."""

import math
import shutil
import warnings
from functools import cache, partial

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_learnability.exceptions import (
    CheckpointError,
    NotFiniteError,
    NotLocalWarning,
    UnconvergedChainsWarning,
)
from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    draw_losses,
    half_squared_error,
    make_linear_regression_model,
    next_token_loss,
)

QUIET = pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")
SAMPLERS = ["hamiltonian", "leimkuhler-matthews"]
GIVEN = {"inverse_temperature": 20.0, "localization": 5.0, "step_size": 0.01, "batch_size": 16}


def estimator(loss=half_squared_error, **settings):
    defaults = {"sampler": "hamiltonian", "random_state": 0, "progress": False}
    return LocalLearningCoefficient(loss, **defaults | settings)


def few(sampler="hamiltonian", loss=half_squared_error, **settings):
    return estimator(loss, sampler=sampler, n_chains=2, n_draws=24, **GIVEN | settings)


def first_weight(model):
    return model.weight[0, 0]


@cache
def small_regression():
    """One model for all: fitted anew, it would differ in the last bits."""
    return make_linear_regression_model(3, n_samples=50, noise=1.0, random_state=0)


@pytest.fixture(scope="module")
def regression():
    """Losses of a linear regression, and of fresh rows; and what is known of its posterior."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotLocalWarning)
        return regression_losses()


def regression_losses():
    known = make_linear_regression_model(5, n_samples=200, noise=1.0, random_state=0)
    fresh = make_linear_regression_model(5, n_samples=40, noise=1.0, random_state=1).data
    losses = draw_losses(
        estimator(n_draws=80, n_chains=192),
        known.model,
        known.data,
        rows={"train": known.data, "fresh": fresh},
    )
    settings = losses.estimate.settings
    X = known.data[0]
    precision = settings.inverse_temperature * X.T @ X / len(X)
    spread = torch.linalg.inv(precision + settings.localization * torch.eye(5).to(X))

    def parts(data):
        slopes = -(data[1] - known.model(data[0]).detach()) * data[0]
        return data[0].numpy(), slopes.numpy()

    return losses, spread.numpy(), parts(known.data), parts(fresh)


def distance(found, truth):
    return np.linalg.norm(found - truth) / np.linalg.norm(truth)


def scores(moment, truth):
    return (moment.value - truth) / moment.standard_error


def test_rows_share_out_the_coefficient_as_known(regression):
    losses, spread, (X, _), _ = regression
    t = losses.estimate.settings.inverse_temperature
    found = losses.contributions("train")
    truth = t / 2 * np.einsum("ij,jk,ik->i", X, spread, X)
    assert distance(found.value, truth) < 0.15  # as their standard errors say
    assert 0.3 < np.sqrt(np.mean(scores(found, truth) ** 2)) < 2  # of five means, in effect
    assert found.total == pytest.approx(truth.mean(), rel=0.05)
    assert found.total == pytest.approx(losses.estimate.value, rel=0.05)
    assert found.total == pytest.approx(found.value.mean())
    assert abs(found.total_drift) < 5 * found.total_error


def covariances(X, slopes, of_X, of_slopes, spread):
    return slopes @ spread @ of_slopes.T + (X @ spread @ of_X.T) ** 2 / 2


def test_influence_is_the_known_covariance(regression):
    losses, spread, train, fresh = regression
    found = losses.influence("fresh")
    truth = losses.inverse_temperature * covariances(*train, *fresh, spread)
    assert found.value.shape == (200, 40)
    assert distance(found.value, truth) < 0.05
    assert 0.5 < np.sqrt(np.mean(scores(found, truth) ** 2)) < 1.3
    average = losses.influence("fresh", average=True)
    assert np.allclose(average.value[:, 0], found.value.mean(axis=1))
    assert np.allclose(
        losses.influence("train", of="fresh").value.T, losses.influence("fresh").value
    )
    frame = found.to_frame()
    assert frame.query("of_row == 7 and on_row == 3")["value"].item() == found.value[7, 3]


@QUIET
def test_influence_and_susceptibility_of_an_observable_are_its_covariances():
    known = small_regression()
    losses = draw_losses(few(), known.model, known.data, observables={"weight": first_weight})
    weight = losses.observables["weight"].ravel()
    draws = losses.rows["data"].losses.reshape(48, 50)
    found = losses.influence("weight")
    expected = [np.cov(weight, row, bias=True)[0, 1] for row in draws.T]
    assert np.allclose(found.value[:, 0], 20 / 50 * np.array(expected))
    assert found.on_row.tolist() == [-1]
    answer = losses.susceptibility("data", "weight")
    expected = [np.cov(weight, row - draws.mean(axis=1), bias=True)[0, 1] for row in draws.T]
    assert np.allclose(answer.value, -20 * np.array(expected))
    assert answer.total == pytest.approx(0, abs=1e-12)


@QUIET
def test_an_observable_that_is_not_finite_is_refused_where_it_is_used():
    known = small_regression()
    log_weight = {"log weight": lambda model: model.weight[0, 0].abs().sub(1e6).log()}
    losses = draw_losses(few(SAMPLERS[1]), known.model, known.data, observables=log_weight)
    assert losses.to_frame()["log weight"].isna().all()
    assert np.isfinite(losses.influence("data").value).all()
    for use in (losses.influence, partial(losses.susceptibility, "data")):
        with pytest.raises(NotFiniteError, match=r"at every draw, got others at (\d+) of \1"):
            use("log weight")


def test_susceptibility_is_known(regression):
    losses, spread, train, fresh = regression
    t = losses.estimate.settings.inverse_temperature
    truth = -t * covariances(*train, *fresh, spread).mean(axis=0)
    truth += t * covariances(*train, *train, spread).mean()
    found = losses.susceptibility("fresh")
    assert np.abs(scores(found, truth)).max() < 5
    assert found.total == pytest.approx(truth.mean(), abs=5 * found.total_error)
    assert found.total == pytest.approx(found.value.mean())
    assert len(found.to_frame()) == 40


def test_the_functional_variance_is_known(regression):
    losses, spread, train, _ = regression
    found = losses.information_criteria()
    truth = np.diagonal(covariances(*train, *train, spread)).sum()
    assert found.functional_variance == pytest.approx(truth, rel=0.05)
    assert abs(scores_of(found, "functional_variance", truth)) < 4
    beta = losses.inverse_temperature
    assert found.singular_fluctuation == pytest.approx(beta * found.functional_variance / 2)
    # of the log of a mean of Gaussian quadratics: e^2 / 2 with the variance of the mean added
    X, slopes = train
    leverage = np.einsum("ij,jk,ik->i", X, spread, X)
    squared_errors = (slopes**2).sum(axis=1) / (X**2).sum(axis=1)
    truth = np.mean(squared_errors / (1 + leverage) + np.log1p(leverage)) / 2
    assert found.training_loss == pytest.approx(truth, rel=1e-3)
    assert abs(scores_of(found, "training_loss", truth)) < 4
    assert found.waic == pytest.approx(found.training_loss + 2 * found.singular_fluctuation / 200)


def scores_of(result, name, truth):
    return (getattr(result, name) - truth) / getattr(result, f"{name}_error")


@QUIET
def test_at_its_own_temperature_wbic_is_the_mean_of_all_losses():
    known = make_linear_regression_model(3, n_samples=100, noise=1.0, random_state=0)
    llc = estimator(n_draws=40, n_chains=8, inverse_temperature=100 / math.log(100))
    losses = draw_losses(llc, known.model, known.data)
    found = losses.information_criteria()
    whole = losses.rows["data"].losses.sum(axis=2)
    assert found.wbic == pytest.approx(whole.mean())
    assert found.inverse_temperature == pytest.approx(1 / math.log(100))


@QUIET
def test_some_rows_stand_for_all_in_criteria():
    known = make_linear_regression_model(3, n_samples=100, noise=1.0, random_state=0)
    X, y = known.data
    twice = (torch.cat([X, X]), torch.cat([y, y]))
    losses = draw_losses(
        few(SAMPLERS[1]), known.model, twice, rows={"half": known.data, "all": twice}
    )
    half, whole = losses.information_criteria(), losses.information_criteria("all")
    assert half.to_frame().to_numpy() == pytest.approx(whole.to_frame().to_numpy())
    assert half.n_targets == 200


# What is kept, and how.


class Stop(Exception):
    pass


def is_mapped(array):
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


class Switch:
    """An observable that stops the run at a draw; the same in every process."""

    store_key = "switch"

    def __init__(self, stop=math.inf):
        self.stop, self.calls = stop, 0

    def __call__(self, model):
        self.calls += 1
        if self.calls > self.stop:
            raise Stop
        return 0.0


def kept_by(path, stop=math.inf, sampler="hamiltonian", data=None):
    known = small_regression()
    return draw_losses(
        few(sampler),
        known.model,
        known.data,
        rows={"train": data or known.data, "test": (known.data[0][:7], known.data[1][:7])},
        observables={"switch": Switch(stop), "weight": first_weight},
        store=path,
    )


@QUIET
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path, sampler):
    whole = kept_by(None, sampler=sampler)
    with pytest.raises(Stop):
        kept_by(tmp_path / "a", 11, sampler)
    written = np.load(tmp_path / "a" / "train.npy")
    assert (written.swapaxes(0, 1) == whole.rows["train"].losses[:, : len(written)]).all()
    assert len(written) >= 5
    shutil.copy(tmp_path / "a" / "chains.pt", tmp_path / "chains.pt")
    with pytest.raises(Stop):
        kept_by(tmp_path / "a", 20, sampler)
    shutil.copy(tmp_path / "chains.pt", tmp_path / "a" / "chains.pt")  # killed before it was kept
    assert kept_by(tmp_path / "a", sampler=sampler) == whole
    again = kept_by(tmp_path / "a", 0, sampler)  # nothing is drawn again
    assert again == whole
    assert is_mapped(again.rows["train"].losses)


@QUIET
def test_a_store_answers_its_own_run_alone_and_whole(tmp_path):
    kept_by(tmp_path)
    other = make_linear_regression_model(3, n_samples=50, noise=1.0, random_state=1).data
    with pytest.raises(ValueError, match="differs in rows"):
        kept_by(tmp_path, data=other)
    (tmp_path / "test.npy").unlink()
    with pytest.raises(CheckpointError, match=r"Expected 24 items in .*test.npy, got 0"):
        kept_by(tmp_path)


@QUIET
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_losses_are_those_of_the_draws_of_the_chain(sampler):
    known = small_regression()
    llc = few(sampler, batch_size=50)
    losses = draw_losses(llc, known.model, known.data, observables={"weight": first_weight})
    rows = losses.rows["data"]
    if sampler == "hamiltonian":
        excess = (rows.losses - rows.initial).mean(axis=2)
        assert np.allclose(excess, losses.estimate.loss_trace, atol=1e-12)
    thinned = draw_losses(llc, known.model, known.data, every=5)
    assert (thinned.rows["data"].losses == rows.losses[:, ::5]).all()
    assert losses.observables["weight"].std() > 0
    frame = losses.to_frame()
    assert list(frame) == ["chain", "draw", "data", "weight"]
    assert len(frame) == 48
    assert thinned.to_frame()["draw"].unique().tolist() == [0, 5, 10, 15, 20]


@QUIET
def test_several_outputs_of_a_row_share_its_influence():
    torch.manual_seed(0)
    X = torch.randn(30, 3)
    model, data = nn.Linear(3, 4, bias=False), (X, X @ torch.randn(3, 4) + torch.randn(30, 4))
    llc = few(SAMPLERS[1], nn.MSELoss())
    of_rows = draw_losses(llc, model, data)
    of_outputs = draw_losses(llc, model, data, per_token=True)
    assert (of_rows.n_targets, of_outputs.n_targets) == (30, 120)
    shares = of_outputs.influence("data", average=True).value.reshape(30, 4).sum(1)
    assert shares == pytest.approx(of_rows.influence("data", average=True).value[:, 0], rel=1e-3)


@QUIET
def test_a_row_weighs_the_same_where_its_loss_counts_tokens_and_that_of_the_chains_rows():
    torch.manual_seed(0)
    model, words = Language(), torch.randint(5, (20, 8))

    def mean_of_rows(model, batch):
        return next_token_loss(model, batch).mean()

    by_rows = draw_losses(few(SAMPLERS[1], mean_of_rows), model, words)
    by_tokens = draw_losses(few(SAMPLERS[1], mean_of_rows), model, words, row_loss=next_token_loss)
    assert (by_rows.n_targets, by_tokens.n_targets) == (20, 140)
    assert by_tokens.influence("data").value == pytest.approx(
        by_rows.influence("data").value, rel=1e-3, abs=1e-9
    )


class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(5, 3), nn.Linear(3, 5)

    def forward(self, ids):
        return self.out(self.embed(ids))


@QUIET
def test_tokens_share_out_what_their_rows_do():
    torch.manual_seed(0)
    model, words = Language(), torch.randint(5, (20, 8))
    lengths = torch.randint(1, 9, (20, 1))
    data = {"input_ids": words, "attention_mask": (torch.arange(8) < lengths).long()}
    llc = few(SAMPLERS[1], next_token_loss)
    by_row = draw_losses(llc, model, data).contributions()
    losses = draw_losses(llc, model, data, per_token=True)
    by_token = losses.contributions()
    counts = (lengths[:, 0] - 1).numpy()
    assert len(by_token.value) == counts.sum() == losses.n_targets
    assert (np.bincount(by_token.row, minlength=20) == counts).all()
    assert by_token.position.max() == counts.max() - 1
    for row, value in zip(by_row.row, by_row.value, strict=True):
        assert by_token.value[by_token.row == row].mean() == pytest.approx(
            value, rel=1e-3, abs=1e-4
        )
    assert set(by_row.row) == set(np.flatnonzero(counts))  # a row without targets adds nothing
    assert by_token.total == pytest.approx(by_row.total, rel=1e-4)


@QUIET
def test_long_rows_have_more_influence_than_short_ones_of_the_same_mean_loss():
    torch.manual_seed(0)
    words = torch.randint(5, (1, 5)).repeat(2, 1)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    losses = draw_losses(
        few(SAMPLERS[1], next_token_loss), Language(), {"input_ids": words, "attention_mask": mask}
    )
    draws = losses.rows["data"].losses.reshape(-1, 2)
    expected = 20 / 6 * np.array([4, 2])[:, None] * np.cov(draws.T, bias=True)
    assert np.allclose(losses.influence("data").value, expected)


@QUIET
def test_chains_that_the_estimate_leaves_out_are_left_out():
    known = small_regression()
    losses = draw_losses(few(SAMPLERS[1]), known.model, known.data)
    one = type(losses)(
        **vars(losses)
        | {
            "estimate": type(losses.estimate)(
                **vars(losses.estimate) | {"used": np.array([False, True])}
            )
        }
    )
    expected = 20 * (losses.rows["data"].losses[1].mean(axis=0) - losses.rows["data"].initial)
    assert np.allclose(one.contributions().value, expected)
    assert one.to_frame()["chain"].unique().tolist() == [1]


@QUIET
def test_too_few_draws_are_told():
    known = small_regression()
    losses = draw_losses(few(SAMPLERS[1]), known.model, known.data)
    with pytest.warns(UnconvergedChainsWarning, match="independent ones, fewer than 50"):
        losses.influence("data")


@QUIET
def test_a_model_without_a_vectorised_form_is_taken_one_chain_at_a_time():
    class Awkward(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x) if float(x.sum()) or self.model.weight.sum().item() else x

    known = small_regression()
    expected = draw_losses(few(SAMPLERS[1]), known.model, known.data).rows["data"]
    found = draw_losses(few(SAMPLERS[1]), Awkward(known.model), known.data).rows["data"]
    assert np.allclose(found.losses, expected.losses, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": {}}, "Expected rows by name"),
        ({"rows": [0]}, "Expected rows by name"),
        ({"observables": {"data": first_weight}}, "got 'data' of both"),
        ({"every": 0}, "Expected every as an integer >= 1"),
        ({"per_token": True}, "Expected next_token_loss, or a criterion"),
        ({"observables": {"w": lambda model: model.weight}}, "Expected a number from .* 'w'"),
    ],
)
@QUIET
def test_what_cannot_be_kept_is_refused(wrong, message):
    known = small_regression()
    with pytest.raises(ValueError, match=message):
        draw_losses(few(), known.model, known.data, **wrong)


@QUIET
def test_names_that_are_not_there_are_refused():
    known = small_regression()
    losses = draw_losses(few(SAMPLERS[1]), known.model, known.data)
    with pytest.raises(ValueError, match=r"Expected rows named one of \['data'\], got 'test'"):
        losses.influence("test")


@QUIET
def test_rows_may_have_another_loss_than_the_chains(tmp_path):
    known = small_regression()

    def penalised(model, batch):
        return half_squared_error(model, batch) + model.weight.square().sum()

    llc = few(SAMPLERS[1], penalised)
    weight = {"squared": lambda model: model.weight.square().sum()}
    with_it = draw_losses(llc, known.model, known.data, observables=weight)
    settings = {"row_loss": half_squared_error, "store": tmp_path}
    without = draw_losses(llc, known.model, known.data, **settings)
    assert without.estimate == with_it.estimate
    penalty = with_it.rows["data"].losses - without.rows["data"].losses
    assert np.allclose(penalty, with_it.observables["squared"][:, :, None], atol=1e-5)
    with pytest.raises(ValueError, match="differs in loss"):
        draw_losses(llc, known.model, known.data, store=tmp_path)


@QUIET
def test_few_rows_do_not_stand_for_all():
    known = make_linear_regression_model(3, n_samples=4000, noise=0.0, random_state=0)
    llc = estimator(sampler="auto", max_seconds=1e-9, n_draws=4, n_chains=2)
    losses = draw_losses(llc, known.model, known.data)
    assert losses.estimate.settings.sampler == "leimkuhler-matthews"
    assert losses.rows["data"].losses.shape == (2, 4, 4000)


@QUIET
def test_criteria_are_finite_where_losses_vary_by_thousands():
    known = small_regression()

    def steep(model, batch):
        return 3000 * (model(batch[0]) - batch[1]).square().sum(1)

    losses = draw_losses(
        few(loss=steep, inverse_temperature=0.01, localization=1e-3), known.model, known.data
    )
    found = losses.information_criteria()
    kept = losses.rows["data"].losses.reshape(-1, 50)
    training = -(np.logaddexp.reduce(-kept, axis=0) - math.log(len(kept))).mean()
    assert found.training_loss == pytest.approx(training)
    assert found.functional_variance > 1e6
    assert math.isfinite(found.waic)


def test_rows_without_a_target_that_counts_are_refused():
    X, y = torch.randn(20, 3), torch.randint(2, (20,))
    rows = {"train": (X, y), "none": (X[:4], torch.full((4,), -100))}
    with pytest.raises(ValueError, match="targets that count in 'none'"):
        draw_losses(few(loss=nn.CrossEntropyLoss()), nn.Linear(3, 2), (X, y), rows=rows)


@QUIET
def test_a_bracket_without_a_known_end_is_flagged():
    known = small_regression()
    found = estimator(n_chains=2, n_draws=2).estimate(known.model, known.data)
    assert math.isnan(found.bracket[1])
    assert "wide_bracket" in [flag.code for flag in found.flags]
