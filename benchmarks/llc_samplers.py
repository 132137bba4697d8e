"""Samplers of the learning coefficient on batches, at equal numbers of gradients.

    python benchmarks/llc_samplers.py          # 9 CPU-minutes; a killed run goes on

Plain and preconditioned Langevin dynamics, those of Leimkuhler and Matthews, the same with a
momentum (BAOAB), stochastic-gradient Hamiltonian Monte Carlo (Chen, Fox and Guestrin 2014), the
Nosé-Hoover thermostat (Ding et al. 2014), and trajectories on batches without a Metropolis test,
all in one loop: the same posterior, batches, chains and number of gradients, each at several step
sizes, of which the best is shown with hindsight. The value is that of all rows along the chains;
the truth that of the posterior itself, in closed form where the loss is quadratic, else the
coefficient. Gradients are those of the batch alone, or paired with those at w*, where the gradients
there are counted too.

Then the estimator itself, with all settings automatic: the two samplers that it can pair.
"""

import json
import math
import time
import warnings
from pathlib import Path

import pandas as pd
import torch
from torch.func import functional_call, grad, vmap
from tqdm import tqdm

from sklearn_learnability.exceptions import LearnabilityWarning
from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    half_squared_error,
    make_linear_network_model,
    make_linear_regression_model,
)

RESULTS = Path(__file__).parent / "results" / "llc_samplers.json"
N_CHAINS, N_GRADIENTS, BURN_IN, EVERY = 8, 3000, 0.4, 10
SEEDS = range(7000, 7002)
STEPS = (0.5, 0.2, 0.05)  # times the top curvature of the potential
GAMMA, FRICTION = 1.0, 0.3
KEPT, LEAPFROGS = 0.5, 16  # of a momentum in BAOAB; to a trajectory
PAIRED = ", paired gradients"  # of a case's name
AUTOMATIC = {"leimkuhler-matthews": "Leimkuhler-Matthews", "baoab": "BAOAB"}
AUTOMATIC_SEEDS = range(7400, 7405)
DECAY, STABILISER = 0.99, 0.1


class Target:
    """The posterior of a known model: its potential's gradient on a batch, and its energy."""

    def __init__(self, known, inverse_temperature, batch_size, generator, paired=False):
        self.model, (self.X, self.y) = known.model, known.data
        self.t, self.size, self.generator = inverse_temperature, batch_size, generator
        named = dict(known.model.named_parameters())
        self.shapes = {name: p.shape for name, p in named.items()}
        self.start = torch.cat([p.detach().flatten() for p in named.values()])
        self.at_start = float(self._loss(self.start, self.X, self.y))
        self.gradients = vmap(grad(self._loss), in_dims=(0, None, None))
        self.losses = vmap(self._loss, in_dims=(0, None, None))
        self.paired = paired
        self.whole = self.gradients(self.start[None], self.X, self.y)

    def _loss(self, w, X, y):
        parts = w.split([math.prod(shape) for shape in self.shapes.values()])
        named = {
            name: part.view(shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }
        return (functional_call(self.model, named, (X,)) - y).square().sum(1).mean() / 2

    def slope(self, w):
        """Return the raw gradient of a batch, and the drift of the potential."""
        rows = torch.randint(len(self.X), (self.size,), generator=self.generator)
        if self.paired:
            both = self.gradients(torch.cat([w, self.start[None]]), self.X[rows], self.y[rows])
            raw = both[:-1] - both[-1] + self.whole
        else:
            raw = self.gradients(w, self.X[rows], self.y[rows])
        return raw, self.t * raw + GAMMA * (w - self.start)

    def energy(self, w):
        """Return t K of all rows, (n_chains,)."""
        return self.t * (self.losses(w, self.X, self.y) - self.at_start)


def noise(target, w):
    return torch.randn(w.shape, generator=target.generator, dtype=w.dtype)


def sgld(target, w, step):
    while True:
        w = w - step / 2 * target.slope(w)[1] + step**0.5 * noise(target, w)
        yield w


def leimkuhler_matthews(target, w, step):
    last = noise(target, w)
    while True:
        fresh = noise(target, w)
        w = w - step / 2 * target.slope(w)[1] + step**0.5 * (last + fresh) / 2
        last = fresh
        yield w


def baoab(target, w, step):
    momentum, h = noise(target, w), step**0.5
    while True:
        momentum = momentum - h * target.slope(w)[1]
        w = w + h / 2 * momentum
        momentum = KEPT * momentum + (1 - KEPT**2) ** 0.5 * noise(target, w)
        w = w + h / 2 * momentum
        yield w


def hmc(target, w, step):
    h = step**0.5
    while True:
        momentum = noise(target, w)
        for _ in range(LEAPFROGS):
            momentum = momentum - h * target.slope(w)[1]
            w = w + h * momentum
            yield w


def rmsprop_sgld(target, w, step):
    moment = torch.zeros_like(w)
    while True:
        raw, drift = target.slope(w)
        moment = DECAY * moment + (1 - DECAY) * raw**2
        scale = STABILISER / (moment.sqrt() + STABILISER)
        w = w - step / 2 * scale * drift + (step * scale) ** 0.5 * noise(target, w)
        yield w


def sghmc(target, w, step):
    velocity = step**0.5 * noise(target, w)
    while True:
        drift = target.slope(w)[1]
        kick = (2 * FRICTION * step) ** 0.5 * noise(target, w)
        velocity = (1 - FRICTION) * velocity - step * drift + kick
        w = w + velocity
        yield w


def sgnht(target, w, step):
    h = step**0.5
    momentum = noise(target, w)
    friction = torch.full((len(w), 1), FRICTION / h, dtype=w.dtype)
    while True:
        kick = (2 * FRICTION) ** 0.5 * noise(target, w)
        momentum = momentum - h * (friction * momentum + target.slope(w)[1]) + kick
        w = w + h * momentum
        friction = friction + h * (momentum.square().mean(1, keepdim=True) - 1)
        yield w


SAMPLERS = {
    "SGLD": sgld,
    "Leimkuhler-Matthews": leimkuhler_matthews,
    "BAOAB": baoab,
    "RMSprop-SGLD": rmsprop_sgld,
    "SGHMC": sghmc,
    "SGNHT": sgnht,
    "HMC, no test": hmc,
}


PUBLISHED = ("SGLD", "RMSprop-SGLD")  # which are not paired


def cases(seed):
    """Yield a name, a known model, its inverse temperature, batch size and the truth."""
    known = make_linear_regression_model(20, n_samples=2000, condition=100.0, random_state=seed)
    yield "regression, condition 100", known, 1000.0, 100, quadratic(known, 1000.0)
    known = make_linear_regression_model(20, n_samples=2000, noise=1.0, random_state=seed)
    for pairing in ("", PAIRED):
        name = f"regression, noisy labels{pairing}"
        yield name, known, 200.0, 100, quadratic(known, 200.0)
    known = make_linear_network_model([5, 3, 5], 1, n_samples=500, random_state=seed)
    yield "[5, 3, 5] rank 1", known, 1000.0, 100, known.truth.value
    known = make_linear_network_model([10, 10, 10], 3, n_samples=500, random_state=seed)
    yield "[10, 10, 10] rank 3", known, 1000.0, 100, known.truth.value


def quadratic(known, t, pull=GAMMA):
    """Return E[t K] of the posterior of a linear regression."""
    X = known.data[0]
    h = t * torch.linalg.eigvalsh(X.T @ X / len(X))
    return float((h / (h + pull)).sum() / 2)


def top_curvature(known):
    """Return the top curvature of the loss at w*, by power iteration on differences."""
    target = Target(known, 1.0, 1, torch.Generator().manual_seed(0))
    direction, size = torch.ones_like(target.start), 0.0
    for _ in range(30):
        direction = direction / direction.norm()
        ends = torch.stack([target.start + 1e-4 * direction, target.start - 1e-4 * direction])
        slopes = target.gradients(ends, target.X, target.y)
        direction = (slopes[0] - slopes[1]) / 2e-4
        size = float(direction.norm())
    return size


def run(name, sampler, known, t, batch_size, truth, seed, share):
    """Return the value of one sampler at one step size, and its effective draws."""
    from arviz_stats.base import array_stats

    generator = torch.Generator().manual_seed(seed)
    paired = name.endswith(PAIRED)
    target = Target(known, t, batch_size, generator, paired)
    n_steps = N_GRADIENTS
    if paired:  # one more chain, and all rows once
        n_steps = round((N_CHAINS * N_GRADIENTS - len(target.X) / batch_size) / (N_CHAINS + 1))
    step = share / (t * top_curvature(known) + GAMMA)
    start, trace = target.start.repeat(N_CHAINS, 1), []
    started = time.process_time()
    with torch.no_grad():
        for number, w in enumerate(SAMPLERS[sampler](target, start, step)):
            if number >= BURN_IN * n_steps and number % EVERY == 0:
                trace.append(target.energy(w))
            if number + 1 == n_steps:
                break
    draws = torch.stack(trace, 1).numpy()
    finite = bool(math.isfinite(draws.mean()) and abs(draws.mean()) < 100 * truth)
    effective = array_stats.ess(draws, chain_axis=0, draw_axis=1, method="mean") if finite else 0.0
    return {
        "case": name,
        "sampler": sampler,
        "step": share,
        "seed": seed,
        "truth": truth,
        "value": float(draws.mean()) if finite else None,
        "effective per 1,000 gradients": float(effective) / (N_CHAINS * N_GRADIENTS) * 1000,
        "seconds": time.process_time() - started,
    }


def automatic(sampler, seed):
    """Return the estimator's values of one sampler, all of its settings automatic."""
    rows = []
    for name, known, _, batch_size, _ in cases(seed):
        if name.endswith(PAIRED):
            continue  # the estimator pairs where it has to
        data = tuple(part.float() for part in known.data)
        llc = LocalLearningCoefficient(
            half_squared_error,
            sampler=sampler,
            n_draws=900,
            batch_size=batch_size,
            random_state=seed,
            progress=False,
        )
        started = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LearnabilityWarning)
            found = llc.estimate(known.model.float(), data)
        known.model.double()
        t, pull = found.settings.inverse_temperature, found.settings.localization
        rows.append(
            {
                "case": name,
                "sampler": AUTOMATIC[sampler],
                "seed": seed,
                "coefficient": known.truth.value,
                "value": found.value,
                "standard error": found.standard_error,
                "posterior": quadratic(known, t, pull) if "regression" in name else None,
                "pull": pull,
                "effective draws": found.effective_sample_size,
                "flags": [flag.code.value for flag in found.flags],
                "seconds": time.process_time() - started,
            }
        )
    return rows


def tables(results):
    """Return the tables of the documentation."""
    return {
        "llc_samplers": best_steps(results["runs"]),
        "llc_samplers_automatic": automatic_table(results["automatic"]),
    }


def automatic_table(rows):
    """Return means over seeds of what the estimator gives."""
    in_order = list(dict.fromkeys(row["case"] for row in rows))
    table = pd.DataFrame(sorted(rows, key=lambda row: in_order.index(row["case"])))
    table["error"] = table["value"] / table["coefficient"] - 1
    table["of posterior"] = table["value"] / table["posterior"].astype(float) - 1
    table["in errors"] = (table["value"] - table["posterior"].astype(float)) / table[
        "standard error"
    ]
    means = table.groupby(["case", "sampler"], sort=False).agg(
        {
            "error": "mean",
            "of posterior": "mean",
            "in errors": "mean",
            "pull": "mean",
            "effective draws": "mean",
        }
    )
    shown = means.reset_index()
    for name in ("error", "of posterior"):
        shown[name] = [f"{value:+.1%}" if value == value else "" for value in shown[name]]
    shown["in errors"] = [f"{v:+.1f}" if v == v else "" for v in shown["in errors"]]
    shown["pull"] = [f"{value:.2g}" for value in shown["pull"]]
    shown["effective draws"] = [f"{value:.0f}" for value in shown["effective draws"]]
    return shown.rename(
        columns={
            "error": "error of the coefficient",
            "of posterior": "error of E[tK] at its pull",
            "in errors": "in standard errors",
        }
    )


def best_steps(found):
    """Return each sampler at the step that is nearest the truth."""
    runs = pd.DataFrame(found)
    runs["error"] = runs["value"].astype(float) / runs["truth"] - 1
    means = runs.groupby(["case", "sampler", "step"], sort=False).agg(
        error=("error", lambda part: part.mean(skipna=False)),
        effective=("effective per 1,000 gradients", "mean"),
    )
    rows = []
    for case, part in means.groupby("case", sort=False):
        row = {"case": case}
        for sampler in SAMPLERS:
            tried = part[part.index.get_level_values("sampler") == sampler]
            if tried.empty:
                row[sampler] = ""
                continue
            tried = tried.dropna()
            if tried.empty:
                row[sampler] = "diverged"
                continue
            best = tried.loc[tried["error"].abs().idxmin()]
            row[sampler] = f"{best['error']:+.1%}, {best['effective']:.1f}"
        rows.append(row)
    return pd.DataFrame(rows)


def main():
    torch.set_num_threads(1)
    todo = [
        (name, sampler, known, t, size, truth, seed, share)
        for seed in SEEDS
        for name, known, t, size, truth in cases(seed)
        for sampler in SAMPLERS
        if not (name.endswith(PAIRED) and sampler in PUBLISHED)
        for share in STEPS
    ]
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results = {"runs": [], "automatic": []} | results
    known = {(one["sampler"], one["seed"]) for one in results["automatic"]}
    for sampler in AUTOMATIC:
        for seed in AUTOMATIC_SEEDS:
            if (AUTOMATIC[sampler], seed) not in known:
                results["automatic"] += automatic(sampler, seed)
                write(results)
    done = {(one["case"], one["sampler"], one["seed"], one["step"]) for one in results["runs"]}
    for one in tqdm(todo):
        name, sampler, *_, seed, share = one
        if (name, sampler, seed, share) not in done:
            results["runs"].append(run(*one))
            write(results)
    for table in tables(results).values():
        print(table.to_string(index=False))


def write(results):
    """Keep what is done."""
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
