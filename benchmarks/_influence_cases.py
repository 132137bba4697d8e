"""Rows whose influence is known: in closed form, or as models are trained without them."""

import warnings

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_digits
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    draw_losses,
    half_squared_error,
    make_linear_regression_model,
)

DECAY = 0.01  # of the weights
N_TRAIN = 200
N_LEFT_OUT, N_STEPS, WIDTH, PEAK = 40, 400, 12, 0.02  # of the network


def quiet_losses(llc, *arguments, **settings):
    """Return the losses of draws; what is flagged is in the estimate too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return draw_losses(llc, *arguments, **settings)


def regression(seed):
    """Yield the relative errors of what is known of a linear regression, and their z."""
    dim, n = 20, 400
    known = make_linear_regression_model(dim, n_samples=n, noise=1.0, random_state=seed)
    fresh = make_linear_regression_model(dim, n_samples=50, noise=1.0, random_state=seed + 1).data
    llc = LocalLearningCoefficient(
        half_squared_error, n_chains=128, n_draws=600, random_state=seed, progress=False
    )
    rows = {"train": known.data, "fresh": fresh}
    losses = quiet_losses(llc, known.model, known.data, rows=rows)
    t, pull = (
        getattr(losses.estimate.settings, s) for s in ("inverse_temperature", "localization")
    )
    X, slopes = inputs_and_slopes(known.model, known.data)
    fresh_X, fresh_slopes = inputs_and_slopes(known.model, fresh)
    spread = np.linalg.inv(t * X.T @ X / n + pull * np.eye(dim))
    on_fresh = slopes @ spread @ fresh_slopes.T + (X @ spread @ fresh_X.T) ** 2 / 2
    leverage = np.einsum("ij,jk,ik->i", X, spread, X)
    variances = np.einsum("ij,jk,ik->i", slopes, spread, slopes) + leverage**2 / 2
    squares = (slopes**2).sum(1) / (X**2).sum(1)
    training_loss = np.mean(squares / (1 + leverage) + np.log1p(leverage)) / 2
    found = losses.contributions(), losses.influence("fresh"), losses.information_criteria()
    waic = training_loss + losses.inverse_temperature * variances.sum() / n
    cases = {
        "contributions of rows": (found[0].value, found[0].standard_error, t / 2 * leverage),
        "influence": (found[1].value, found[1].standard_error, t / n * on_fresh),
    }
    singles = {
        "mean of contributions": (found[0].total, found[0].total_error, t / 2 * leverage.mean()),
        "functional variance": both(found[2], "functional_variance", variances.sum()),
        "WAIC": both(found[2], "waic", waic),
    }
    for name, (value, error, truth) in (cases | singles).items():
        away = np.linalg.norm(value - truth) / np.linalg.norm(truth)
        z = float(np.sqrt(np.mean(((value - truth) / error) ** 2)))
        yield {"seed": seed, "quantity": name, "relative error": float(away), "z": z}


def both(criteria, name, truth):
    """Return a criterion, its standard error, and what it should be."""
    return getattr(criteria, name), getattr(criteria, f"{name}_error"), truth


def inputs_and_slopes(model, data):
    """Return the inputs of rows, and the gradients of their losses."""
    inputs, targets = data
    return inputs.numpy(), ((model(inputs) - targets).detach() * inputs).numpy()


def penalised(model, batch):
    """Return the cross-entropy of every row, and the decay of the weights."""
    squares = sum(p.square().sum() for p in model.parameters())
    return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none") + (
        DECAY / 2 * squares
    )


def split_of(load, seed):
    """Return rows to train on and others, standardized, in float64."""
    X, y = load(return_X_y=True)
    order = np.random.RandomState(seed).permutation(len(X))
    X = (X - X.mean(0)) / np.maximum(X.std(0), 1e-6)
    X, y = torch.from_numpy(X[order]), torch.from_numpy(y[order])
    return (X[:N_TRAIN], y[:N_TRAIN]), (X[N_TRAIN : 2 * N_TRAIN], y[N_TRAIN : 2 * N_TRAIN])


def minimise(model, data):
    """Take a convex model to its minimum."""
    optimiser = torch.optim.LBFGS(
        model.parameters(), max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
    )

    def closure():
        optimiser.zero_grad()
        loss = penalised(model, data).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    return model


def without(data, row):
    """Return data without a row."""
    kept = torch.arange(len(data[0])) != row
    return data[0][kept], data[1][kept]


def test_losses(model, data):
    """Return the cross-entropy of every row."""
    with torch.no_grad():
        return nn.functional.cross_entropy(model(data[0]), data[1], reduction="none")


def logistic(seed):
    """Return how influence in a logistic regression ranks with training without each row."""
    train, test = split_of(load_breast_cancer, seed)
    model = minimise(nn.Linear(30, 2, dtype=torch.float64), train)
    start = test_losses(model, test)
    again = nn.Linear(30, 2, dtype=torch.float64)
    changes = []
    for row in range(N_TRAIN):
        again.load_state_dict(model.state_dict())
        changes.append(test_losses(minimise(again, without(train, row)), test) - start)
    changes = torch.stack(changes).numpy()  # (rows, test rows)
    llc = LocalLearningCoefficient(
        penalised, n_chains=64, n_draws=100, random_state=seed, progress=False
    )
    losses = quiet_losses(
        llc, model, train, rows={"train": train, "test": test}, row_loss=nn.CrossEntropyLoss()
    )
    found = losses.influence("test").value
    average = losses.influence("test", average=True)
    classical = classical_influence(model, train, test)
    of_rows = [spearmanr(found[:, j], changes[:, j])[0] for j in range(len(test[0]))]
    return {
        "seed": seed,
        "on the mean test loss": spearmanr(average.value[:, 0], changes.mean(1))[0],
        "on each test row": float(np.mean(of_rows)),
        "classical influence function": spearmanr(classical, changes.mean(1))[0],
        "slope": float(np.polyfit(average.value[:, 0], changes.mean(1), 1)[0]),
        "flags": ", ".join(flag.code for flag in losses.estimate.flags),
    }


def classical_influence(model, train, test):
    """Return the influence function on the mean test loss: products with the inverse Hessian."""
    names = dict(model.named_parameters())
    shapes = {name: p.shape for name, p in names.items()}
    flat = torch.cat([p.detach().flatten() for p in names.values()])

    def at(vector, of):
        parts = vector.split([shape.numel() for shape in shapes.values()])
        values = {n: part.view(s) for (n, s), part in zip(shapes.items(), parts, strict=True)}
        squares = DECAY / 2 * vector.square().sum()
        outputs = functional_call(model, values, (of[0],))
        return nn.functional.cross_entropy(outputs, of[1], reduction="none") + squares

    hessian = torch.func.hessian(lambda v: at(v, train).mean())(flat)
    of_rows = torch.func.jacrev(lambda v: at(v, train))(flat)
    of_test = grad(lambda v: at(v, test).mean() - DECAY / 2 * v.square().sum())(flat)
    return (of_rows @ torch.linalg.solve(hessian, of_test) / len(train[0])).numpy()


def network():
    """Return a small network for digits."""
    return nn.Sequential(nn.Linear(64, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 10)).double()


def train_all(models, weights, data, peak):
    """Train many networks at once, each with weights of its own for the rows (n_models, n)."""
    parameters, _ = stack_module_state(models)
    parameters = {name: p.detach() for name, p in parameters.items()}
    like = models[0]

    def loss(values, weight):
        outputs = functional_call(like, values, (data[0],))
        each = nn.functional.cross_entropy(outputs, data[1], reduction="none")
        squares = sum(v.square().sum() for v in values.values())
        return (each * weight).sum() / weight.sum() + DECAY / 2 * squares

    slopes = vmap(grad(loss))
    first, second = ({n: torch.zeros_like(p) for n, p in parameters.items()} for _ in range(2))
    for step in range(1, N_STEPS + 1):
        rate = peak * (1 + np.cos(np.pi * step / N_STEPS)) / 2
        for name, slope in slopes(parameters, weights).items():  # Adam
            first[name] = 0.9 * first[name] + 0.1 * slope
            second[name] = 0.999 * second[name] + 0.001 * slope**2
            size = (second[name] / (1 - 0.999**step)).sqrt() + 1e-8
            parameters[name] = parameters[name] - rate * first[name] / (1 - 0.9**step) / size
    return parameters


def changes_without(start, train, test, peak):
    """Return a network trained on all rows, and test losses without each of some, less its own."""
    weights = torch.ones(N_LEFT_OUT + 1, N_TRAIN, dtype=torch.float64)
    weights[torch.arange(1, N_LEFT_OUT + 1), torch.arange(N_LEFT_OUT)] = 0
    trained = train_all([start] * (N_LEFT_OUT + 1), weights, train, peak)
    outputs = vmap(lambda values: functional_call(start, values, (test[0],)))(trained)
    labels = test[1].expand(len(outputs), -1)
    each = nn.functional.cross_entropy(outputs.transpose(1, 2), labels, reduction="none").mean(1)
    model = network()
    model.load_state_dict({name: p[0] for name, p in trained.items()})
    return model, (each[1:] - each[0]).numpy()


def small_network(seeds):
    """Return how influence in networks ranks with training without rows, over seeds."""
    train, test = split_of(load_digits, 0)
    found = {"influence": [], "from scratch": [], "from w*": []}
    for seed in seeds:
        torch.manual_seed(seed)
        model, changes = changes_without(network(), train, test, PEAK)
        model, _ = changes_without(model, train, test, PEAK / 10)  # to its minimum
        found["from scratch"].append(changes)
        found["from w*"].append(changes_without(model, train, test, PEAK / 10)[1])
        llc = LocalLearningCoefficient(
            penalised,
            sampler="hamiltonian",
            n_chains=16,
            n_draws=100,
            inverse_temperature=float(N_TRAIN),
            random_state=seed,
            progress=False,
        )
        rows = {"train": train, "test": test}
        losses = quiet_losses(llc, model, train, rows=rows, row_loss=nn.CrossEntropyLoss())
        influence = losses.influence("test", average=True).value
        found["influence"].append(influence[:N_LEFT_OUT, 0])
    of = {name: np.stack(values) for name, values in found.items()}
    half = len(seeds) // 2
    return [
        {
            "retraining": name,
            "each seed's influence": of_pairs(of["influence"], of[name]),
            "retraining of two seeds": of_pairs(of[name]),
            "influence of two seeds": of_pairs(of["influence"]),
            "mean influence and mean retraining": rank(of["influence"].mean(0), of[name].mean(0)),
            "mean retraining of two halves of seeds": rank(
                of[name][:half].mean(0), of[name][half:].mean(0)
            ),
        }
        for name in ("from w*", "from scratch")
    ]


def rank(x, y):
    """Return the rank correlation."""
    return float(spearmanr(x, y)[0])


def of_pairs(x, y=None):
    """Return the mean rank correlation of each x with its y, or of every two x."""
    if y is not None:
        return float(np.mean([rank(*pair) for pair in zip(x, y, strict=True)]))
    return float(np.mean([rank(x[i], x[j]) for i in range(len(x)) for j in range(i)]))
