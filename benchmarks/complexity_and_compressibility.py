"""Whether models that are harder to compress are the more complex ones.

    python benchmarks/train_small_lms.py                         # first, 30 CPU-minutes
    python benchmarks/complexity_and_compressibility.py          # what is not yet measured
    python benchmarks/complexity_and_compressibility.py 30k      # a network, beside what is written
    python benchmarks/complexity_and_compressibility.py --small  # one run, three checkpoints
    python benchmarks/complexity_and_compressibility.py --from-points  # the lines again, seconds

Two parts. Deep linear networks, whose local learning coefficients are known. Small language models
of four sizes on two texts over training, three or five seeds of each, whose coefficients are
estimated by several settings, all of them listed here and reported. Coefficients and curves are
kept in output/complexity_and_compressibility as they are done; a killed run continues. From the
points of an earlier run only the lines are drawn again, and what needs the weights stays. Writes
benchmarks/results/complexity_and_compressibility.json, the points beside it as CSV, and figures.
"""

import argparse
import json
import warnings
from dataclasses import replace
from pathlib import Path

import _complexity_deep_linear as deep_linear
import _complexity_range as of_range
import _complexity_tables as shown
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
    other_baselines,
    read_of_weights,
    read_studies,
    step_of,
    tests,
)
from _results import records
from _small_lm import load_small_lm, pack
from _small_lms import NETWORKS, NEW, folder_of

from sklearn_learnability.exceptions import LearnabilityWarning
from sklearn_learnability.metrics import predicted_bits
from sklearn_learnability.torch import (
    GaussianNoise,
    LocalLearningCoefficient,
    Quantization,
    complexity_against_compressibility,
    next_token_loss,
    self_divergence_loss,
)

ROOT = Path(__file__).parents[1]
STORE = ROOT / "output" / "complexity_and_compressibility"
FIGURES = ROOT / "docs" / "_static"
RESULTS = ROOT / "benchmarks" / "results" / "complexity_and_compressibility.json"

# Language models: the first checkpoint, and the last eight of those evenly spaced on a log scale
STEPS = (0, 70, 114, 183, 296, 477, 769, 1240, 2000)
SMALL_STEPS = (0, 114, 477, 1240, 2000)
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


# Two schemes where every evaluation is dear, and for the networks that were added later
FEW_SCHEMES = (FIRST_SCHEME, "one clamp, the largest")
WITH_FEW = ("400k", *NEW)

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
    *((network, FIRST_ESTIMATOR) for network in NEW),
)
# Runs of an earlier network that were added later, for the first estimator and two schemes
LATER_SEEDS = (3, 4)


def held_out_sequences(folder, n):
    """Return the first held-out sequences (n, T + 1)."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    length = json.loads((folder / "config.json").read_text())["context"] + 1
    texts = json.loads((folder / "held_out.json").read_text())
    tokens = pack(tokenizer, texts)[: n * length]
    return torch.from_numpy(tokens).view(n, length)


def study(network, name, seeds=None, steps=STEPS):
    """Return the study of one network under one setting of the estimator."""
    seeds = NETWORKS[network].seeds if seeds is None else seeds
    first = [seed for seed in seeds if seed not in LATER_SEEDS]
    later = [seed for seed in seeds if seed in LATER_SEEDS and name == FIRST_ESTIMATOR]
    few = network in WITH_FEW
    parts = [
        study_of_runs(network, name, chosen, steps, FEW_SCHEMES if only_few else SCHEMES)
        for chosen, only_few in ((first, few), (later, True))
        if chosen
    ]
    return joined(*parts)


def study_of_runs(network, name, seeds, steps, labels):
    """Return the study of some runs by some schemes."""
    runs = [f"{network} seed {seed}" for seed in seeds]
    sequences = held_out_sequences(folder_of(runs[0]), SAMPLED + COMPRESSED)
    paths = {
        f"{run} step {step}": folder_of(run) / f"step_{step:06d}.safetensors"
        for run in runs
        for step in steps
    }
    print(f"{network}, {name}", flush=True)
    return complexity_against_compressibility(
        paths,
        sequences[:SAMPLED],
        llc=ESTIMATORS[name],
        loss=next_token_loss,
        schemes={label: SCHEMES[label] for label in labels},
        tolerances=TOLERANCES,
        compression_data=sequences[SAMPLED:],
        groups={path: path.rpartition(" step ")[0] for path in paths},
        steps={path: step_of(path) for path in paths},
        start_below=START_BELOW,
        load=load_small_lm,
        store=STORE,
    )


def joined(first, *others):
    """Return studies as one; a checkpoint that several have is that of the last."""
    checkpoints = {}
    for part in (first, *others):
        checkpoints |= {checkpoint.checkpoint: checkpoint for checkpoint in part.checkpoints}
    return replace(first, checkpoints=tuple(checkpoints.values()))


def measured_studies(studies, **options):
    """Measure one study after the other, and draw it."""
    for network, name in studies:
        found = study(network, name, **options)
        draw(found, network, name)
        yield (network, name), found


def language_models(studies, of_weights):
    """Yield the points and lines of the studies that are done, after each.

    What is known of the weights already is a table beside.
    """
    points, lines = [], []
    for (network, name), found in studies:
        names = {"parameters": network, "estimator": name}
        points.append(found.to_frame().assign(**names))
        of_weights = pd.concat([of_weights, of_range.spacings(found)])
        of_weights = of_weights.drop_duplicates(of_range.PLACE, keep="last")
        for start in (None, START_BELOW, LATE_BELOW):
            part = replace(found, start_below=start)
            for of in ("critical", "size"):
                table = part.fits_to_frame(of=of)
                lines.append(table.assign(of=of, start=start, **names))
        all_points = pd.concat(points, ignore_index=True)
        all_points = all_points.merge(of_weights, on=of_range.PLACE, how="left")
        yield all_points, pd.concat(lines, ignore_index=True)


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


def write(results, deep, points, lines, baselines):
    """Write what is done."""
    errors = (deep["llc"] / deep["true_llc"] - 1).abs()
    unsampled = errors.isna().all()
    pull = LOCAL["inverse_temperature"], LOCAL["localization"]
    summary = {
        "settings": {
            **{"local": LOCAL, PAPER_ESTIMATOR: PAPER},
            "deep linear": deep_linear.SETTINGS,
        },
        "deep_linear": {
            "points": records(deep),
            "lines": deep_linear.lines_of(deep),
            "largest_relative_error": None if unsampled else float(errors.max()),
        },
        "lines": records(lines),
        "predicted_slopes": {
            name: predicted_bits(1.0, network.n_parameters, MIDDLE_TOLERANCE)
            for name, network in NETWORKS.items()
        },
        "by_run": records(by_run(points)),
        "tests": records(tests(points)),
        "other_baselines": baselines,
        "chains": records(chains(points)),
        "range": {
            "forms": records(of_range.forms(points)),
            "slopes": records(of_range.slopes(points, *pull)),
            "exponents": records(of_range.exponents(points)),
            "over_training": records(of_range.over_training(points, *pull)),
        },
    }
    (results / RESULTS.name).write_text(json.dumps(summary, indent=1) + "\n")
    points.to_csv(results / RESULTS.with_suffix(".csv").name, index=False, float_format="%.6g")


def add_to_earlier(measured):
    """Write studies beside those of an earlier run: only the checkpoints that they have are new.

    Baselines that need weights stay where the points are the same and lack them.
    """
    path = RESULTS.with_suffix(".csv")
    earlier = json.loads(RESULTS.read_text())
    deep = pd.DataFrame(earlier["deep_linear"]["points"])
    of_weights = read_of_weights(path)
    studies = read_studies(path, START_BELOW)
    keys = ("parameters", "estimator", "scheme", "baseline")
    kept = {tuple(row[key] for key in keys): row for row in earlier["other_baselines"]}
    for key, found in measured:
        studies[key] = joined(studies.get(key, found), found)
    *_, (points, lines) = language_models(studies.items(), of_weights)
    again = {tuple(row[key] for key in keys): row for row in records(other_baselines(points))}
    n_points = {key[:3]: row["n_points"] for key, row in again.items()}
    kept = {key: row for key, row in kept.items() if row["n_points"] == n_points[key[:3]]} | again
    write(RESULTS.parent, deep, points, lines, list(kept.values()))
    return points


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
        "complexity_range_forms": shown.range_forms(results),
        "complexity_range_slopes": shown.range_slopes(results),
        "complexity_range_exponents": shown.range_exponents(results),
        "complexity_range_over_training": shown.range_over_training(results),
        "complexity_deep_linear": shown.deep_linear(results),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="network", help="some, by name")
    parser.add_argument("--small", action="store_true", help="one run, a few checkpoints")
    parser.add_argument("--from-points", action="store_true", help="only the lines, from the CSV")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", LearnabilityWarning)  # flags are in the tables
    STORE.mkdir(parents=True, exist_ok=True)
    if options.from_points or options.networks:
        points = add_to_earlier(trained_runs(options.networks))
        if options.networks:
            draw_sizes_and_settings(points, FIGURES)
        return
    measure_all(options.small)


def trained_runs(networks):
    """Measure, by the first estimator, the runs of some networks whose last model is there."""
    last = f"step_{STEPS[-1]:06d}.safetensors"
    for network in networks:
        seeds = [
            seed
            for seed in NETWORKS[network].seeds
            if (folder_of(f"{network} seed {seed}") / last).exists()
        ]
        yield from measured_studies([(network, FIRST_ESTIMATOR)], seeds=seeds)


def measure_all(small):
    """Measure everything, and write after each study."""
    deep = deep_linear.measure(small, STORE)
    if small:
        measured = measured_studies(STUDIES[:1], seeds=(0,), steps=SMALL_STEPS)
    else:
        measured = measured_studies(STUDIES)
    for points, lines in language_models(measured, None):
        baselines = records(other_baselines(points))
        write(STORE if small else RESULTS.parent, deep, points, lines, baselines)
        if not small:
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
