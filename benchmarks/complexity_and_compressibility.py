"""Whether models that are harder to compress are the more complex ones.

    python benchmarks/train_small_lms.py                         # first, 20 CPU-minutes
    python benchmarks/complexity_and_compressibility.py          # what is not yet measured
    python benchmarks/complexity_and_compressibility.py --small  # one run, three checkpoints
    python benchmarks/complexity_and_compressibility.py --from-points  # the lines again, seconds

Two parts. Deep linear networks, whose local learning coefficients are known. Small language models
of three sizes and three seeds over training, whose coefficients are estimated by several settings,
all of them listed here and reported. Coefficients and curves are kept in
output/complexity_and_compressibility as they are done; a killed run continues. From the points
of an earlier run only the lines are drawn again, and what needs the weights stays. Writes
benchmarks/results/complexity_and_compressibility.json, the points beside it as CSV, and figures.
"""

import argparse
import json
import warnings
from dataclasses import replace
from pathlib import Path

import _complexity_tables as shown
import numpy as np
import pandas as pd
import torch
from _complexity_report import (
    FIRST_ESTIMATOR,
    FIRST_SCHEME,
    MIDDLE_TOLERANCE,
    PAPER_ESTIMATOR,
    TENSOR_SCHEME,
    by_run,
    chains,
    draw_sizes_and_settings,
    norms_of,
    other_baselines,
    read_studies,
    step_of,
    tests,
)
from _results import records
from _small_lm import load_small_lm, pack
from tqdm import tqdm

from sklearn_learnability.exceptions import LearnabilityWarning
from sklearn_learnability.metrics import linear_association, predicted_bits
from sklearn_learnability.torch import (
    GaussianNoise,
    LocalLearningCoefficient,
    Quantization,
    complexity_against_compressibility,
    critical_amount,
    half_squared_error,
    make_rotated_linear_network_model,
    next_token_loss,
    self_divergence_loss,
)

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "output" / "small_lms"
STORE = ROOT / "output" / "complexity_and_compressibility"
FIGURES = ROOT / "docs" / "_static"
RESULTS = ROOT / "benchmarks" / "results" / "complexity_and_compressibility.json"

# Deep linear networks
DIM = 10
RANKS, TEACHERS, SAMPLED_TEACHERS = range(1, 11), 8, 2
DEEP_TOLERANCE = 0.1

# Language models: the first checkpoint, and the last eight of those evenly spaced on a log scale
N_PARAMETERS = {"60k": 59_520, "130k": 135_984, "400k": 396_640}
SEEDS = (0, 1, 2)
STEPS = (0, 70, 114, 183, 296, 477, 769, 1240, 2000)
SAMPLED, COMPRESSED = 2048, 32  # held-out sequences for the coefficient, others for compression
TOLERANCES = (0.25, 1.0, 0.5)
START_BELOW, LATE_BELOW = 0.9, 0.65  # shares of the first loss; chosen before measuring
# Chosen from the chains' own diagnostics at three checkpoints, before any line was fitted: no more
# than about 0.1 nats above w*, and halves that agree
LOCAL = {
    "sampler": "rmsprop-sgld",
    "inverse_temperature": 3000.0,
    "localization": 1e4,
    "step_size": 2e-6,
    "n_chains": 2,
    "n_draws": 90,
    "batch_size": 8,
}
PAPER = LOCAL | {"inverse_temperature": 30.0, "localization": 300.0, "step_size": 1e-3}
DEEP = {
    "inverse_temperature": 1e5 / np.log(1e5),
    "localization": 1.0,
    "random_state": 0,
    "progress": False,
}
SCHEMES = {
    FIRST_SCHEME: Quantization(),
    TENSOR_SCHEME: Quantization(scope="tensor"),
    "one clamp, the largest": Quantization(clamp="max"),
    "relative noise": GaussianNoise(relative=True),
    "absolute noise": GaussianNoise(relative=False),
}


def coefficient(loss=next_token_loss, seed=0, **settings):
    """Return an estimator with some settings other than the local ones."""
    return LocalLearningCoefficient(loss, **(LOCAL | settings), random_state=seed, progress=False)


def of_self_divergence(**settings):
    """Return a function of a model that returns an estimator of its divergence from itself."""
    return lambda model: coefficient(self_divergence_loss(model), **settings)


# At the size where every evaluation is dear: two schemes
DEAR = "400k"
DEAR_SCHEMES = (FIRST_SCHEME, "one clamp, the largest")

# Every setting of the estimator that is tried
ESTIMATORS = {
    FIRST_ESTIMATOR: of_self_divergence(),
    "local": coefficient(),
    PAPER_ESTIMATOR: coefficient(**PAPER),
    "local, self-KL, a quarter of the draws": of_self_divergence(n_draws=LOCAL["n_draws"] // 4),
    "local, self-KL, another seed": of_self_divergence(seed=1),
}


# What runs, in this order
STUDIES = (
    ("60k", FIRST_ESTIMATOR),
    ("130k", FIRST_ESTIMATOR),
    ("60k", PAPER_ESTIMATOR),
    ("60k", "local"),
    ("400k", FIRST_ESTIMATOR),
    ("60k", "local, self-KL, a quarter of the draws"),
    ("60k", "local, self-KL, another seed"),
)


def held_out_sequences(folder, n):
    """Return the first held-out sequences (n, T + 1)."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    length = json.loads((folder / "config.json").read_text())["context"] + 1
    texts = json.loads((folder / "held_out.json").read_text())
    tokens = pack(tokenizer, texts)[: n * length]
    return torch.from_numpy(tokens).view(n, length)


def study(size, name, llc, seeds=SEEDS, steps=STEPS, schemes=SCHEMES):
    """Return the study of one size under one setting of the estimator."""
    sequences = held_out_sequences(MODELS / f"{size}_{seeds[0]}", SAMPLED + COMPRESSED)
    paths = {
        f"{size} seed {seed} step {step}": MODELS
        / f"{size}_{seed}"
        / f"step_{step:06d}.safetensors"
        for seed in seeds
        for step in steps
    }

    print(f"{size}, {name}", flush=True)
    return complexity_against_compressibility(
        paths,
        sequences[:SAMPLED],
        llc=llc,
        loss=next_token_loss,
        schemes=schemes,
        tolerances=TOLERANCES,
        compression_data=sequences[SAMPLED:],
        groups={path: path.rpartition(" step ")[0] for path in paths},
        steps={path: step_of(path) for path in paths},
        start_below=START_BELOW,
        load=load_small_lm,
        store=STORE,
    )


def measured_studies(small):
    """Measure one study after the other, and draw it."""
    for size, name in STUDIES[:1] if small else STUDIES:
        options = {"seeds": (0,), "steps": (0, 114, 477, 1240, 2000)} if small else {}
        if size == DEAR:
            options["schemes"] = {label: SCHEMES[label] for label in DEAR_SCHEMES}
        found = study(size, name, ESTIMATORS[name], **options)
        draw(found, size, name)
        yield (size, name), found


def language_models(studies):
    """Yield the points and lines of the studies that are done, after each."""
    points, lines = [], []
    for (size, name), found in studies:
        points.append(found.to_frame().assign(parameters=size, estimator=name))
        for start in (None, START_BELOW, LATE_BELOW):
            part = replace(found, start_below=start)
            for of in ("critical", "size"):
                table = part.fits_to_frame(of=of)
                lines.append(table.assign(of=of, start=start, parameters=size, estimator=name))
        yield pd.concat(points, ignore_index=True), pd.concat(lines, ignore_index=True)


def draw(found, size, name):
    """Save the figures of one study."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from sklearn_learnability.displays import ComplexityAgainstCompressibilityDisplay

    for scheme in found.checkpoints[0].critical:
        display = ComplexityAgainstCompressibilityDisplay.from_result(found, scheme=scheme)
        display.figure_.suptitle(f"{size} parameters, {name}: {scheme}")
        label = f"{size} {name} {scheme}".replace(",", "").replace(" ", "_")
        display.figure_.savefig(STORE / f"{label}.png", dpi=90)
        if (size, name, scheme) == ("130k", FIRST_ESTIMATOR, FIRST_SCHEME):
            display.figure_.savefig(FIGURES / "complexity_curves.png", dpi=90)
        pyplot.close(display.figure_)


def deep_linear(small):
    """Measure deep linear networks of known coefficient; return their points."""
    rows = []
    for rank in tqdm(RANKS, unit="rank"):
        for teacher in range(2 if small else TEACHERS):
            known = make_rotated_linear_network_model(
                DIM, rank, random_state=np.random.RandomState([rank, teacher])
            )
            found = critical_amount(
                known.model,
                half_squared_error,
                known.data,
                Quantization(),
                tolerance=DEEP_TOLERANCE,
                progress=False,
            )
            llc = float("nan")
            if teacher < (0 if small else SAMPLED_TEACHERS):
                llc = deep_estimate(known, rank, teacher)
            rows.append(
                {
                    "rank": rank,
                    "teacher": teacher,
                    "true_llc": known.truth.value,
                    "llc": llc,
                    "critical": found.value,
                    "bits": found.size,
                    "predicted_bits": predicted_bits(known.truth.value, 2 * DIM**2, DEEP_TOLERANCE),
                    "squared_norm": sum(float(p.square().sum()) for p in known.model.parameters()),
                }
            )
    return pd.DataFrame(rows)


def deep_estimate(known, rank, teacher):
    """Return the estimated coefficient of a deep linear network, kept once it is done."""
    path = STORE / f"deep_linear_{rank}_{teacher}.json"
    if not path.exists():
        llc = LocalLearningCoefficient(half_squared_error, **DEEP)
        estimate = llc.estimate(known.model, known.data)
        path.write_text(json.dumps(estimate.value))
    return json.loads(path.read_text())


def deep_lines(points):
    """Return the lines through the deep linear networks that crossed, each one independent."""
    lines = {}
    for name in ("true_llc", "llc"):
        part = points[points[name].notna() & points["critical"].notna()]
        for of in ("critical", "bits"):
            if len(part) > 4:
                line = linear_association(
                    part[name], part[of], given=part["squared_norm"], groups=np.arange(len(part))
                )
                lines[f"{of} on {name}"] = records(line.to_frame(), 12)[0]
    return lines


def write(results, deep, points, lines, baselines):
    """Write what is done."""
    errors = (deep["llc"] / deep["true_llc"] - 1).abs()
    unsampled = errors.isna().all()
    summary = {
        "settings": {"local": LOCAL, PAPER_ESTIMATOR: PAPER, "deep linear": DEEP},
        "deep_linear": {
            "points": records(deep),
            "lines": deep_lines(deep),
            "largest_relative_error": None if unsampled else float(errors.max()),
        },
        "lines": records(lines),
        "predicted_slopes": {
            size: predicted_bits(1.0, n, MIDDLE_TOLERANCE) for size, n in N_PARAMETERS.items()
        },
        "by_run": records(by_run(points)),
        "tests": records(tests(points)),
        "other_baselines": baselines,
        "chains": records(chains(points)),
    }
    (results / RESULTS.name).write_text(json.dumps(summary, indent=1) + "\n")
    points.to_csv(results / RESULTS.with_suffix(".csv").name, index=False, float_format="%.6g")


def lines_again():
    """Write the lines through the points of an earlier run; what needs the weights stays."""
    earlier = json.loads(RESULTS.read_text())
    studies = read_studies(RESULTS.with_suffix(".csv"), START_BELOW)
    *_, (points, lines) = language_models(studies.items())
    baselines = records(other_baselines(points))
    keys = ("parameters", "estimator", "scheme", "baseline")
    again = {tuple(row[key] for key in keys): row for row in baselines}
    kept = [again.get(tuple(row[key] for key in keys), row) for row in earlier["other_baselines"]]
    write(RESULTS.parent, pd.DataFrame(earlier["deep_linear"]["points"]), points, lines, kept)


def tables(results):
    """Return the tables of the documentation."""
    main_lines = {"scheme": FIRST_SCHEME, "tolerance": MIDDLE_TOLERANCE, "of": "critical"}
    by_size = {"parameters": "parameters", "estimator": "estimator"}
    by_scheme = {"parameters": "parameters", "scheme": "scheme", "tolerance": "ε"}
    one_setting = {"estimator": FIRST_ESTIMATOR, "of": "critical"}
    return {
        "complexity_main": shown.lines(results, by_size, **main_lines, start=START_BELOW),
        "complexity_late": shown.lines(results, by_size, **main_lines, start=LATE_BELOW),
        "complexity_schemes": shown.lines(results, by_scheme, **one_setting, start=START_BELOW),
        "complexity_bits": shown.bits(
            results, by_size, **main_lines | {"of": "size"}, start=START_BELOW
        ),
        "complexity_baselines": shown.baselines(results),
        "complexity_tests": shown.tests(results),
        "complexity_by_run": shown.single_runs(results),
        "complexity_chains": shown.chains(results),
        "complexity_deep_linear": shown.deep_linear(results),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="one run, a few checkpoints")
    parser.add_argument("--from-points", action="store_true", help="only the lines, from the CSV")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", LearnabilityWarning)  # flags are in the tables
    STORE.mkdir(parents=True, exist_ok=True)
    results = STORE if options.small else RESULTS.parent
    if options.from_points:
        lines_again()
        return
    deep = deep_linear(options.small)
    for points, lines in language_models(measured_studies(options.small)):
        norms = norms_of(points["checkpoint"].unique())
        write(results, deep, points, lines, records(other_baselines(points, norms)))
        if not options.small:
            draw_sizes_and_settings(points, FIGURES)
        latest = (lines["estimator"] == lines["estimator"].iloc[-1]) & (lines["tolerance"] == 0.5)
        latest &= (lines["parameters"] == lines["parameters"].iloc[-1]) & (
            lines["of"] == "critical"
        )
        columns = ["scheme", "start", "r_squared", "given_r_squared", "partial_correlation"]
        columns += ["n_points", "n_left_out"]
        print(lines[latest][columns].round(3).to_string(index=False), flush=True)
    print(chains(points).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
