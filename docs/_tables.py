"""Tables of the pages, written from the JSON of benchmarks/results when the pages are built."""

import json
from functools import partial
from pathlib import Path

import pandas as pd
from _complexity_tables import (
    MAIN,
    OF_SIZES,
    complexity_baselines,
    complexity_bits,
    complexity_by_run,
    complexity_chains,
    complexity_deep_linear,
    complexity_lines,
)
from _llc_known_truth_tables import llc_known_truth, llc_known_truth_targets
from _llc_tables import (
    llc_checkpoints,
    llc_digits,
    llc_memory,
    llc_published,
    llc_settings,
    llc_speed,
)

HERE = Path(__file__).parent
RESULTS = HERE.parent / "benchmarks" / "results"
GENERATED = HERE / "_generated"


def ceiling_coverage(results):
    """Return coverage by signal strength."""
    table = pd.DataFrame(results["table"])
    return pd.DataFrame(
        {
            "strength": table["strength"].map("{:g}".format),
            "sets": table["sets"].astype(int),
            "true learnability": table["true learnability"].map("{:.3f}".format),
            "mean estimate": table["estimate"].map("{:.3f}".format),
            "standard deviation of the error": table["sd of error"].map("{:.4f}".format),
            "mean standard error": table["mean standard error"].map("{:.4f}".format),
            "coverage": table["coverage"].map("{:.1%}".format),
            "lower limit ≤ truth": table["lower limit <= truth"].map("{:.1%}".format),
        }
    )


def ceiling_gap(results):
    """Return the gap by model and task."""
    table = pd.DataFrame(results["table"])
    wide = table.pivot_table(index="model", columns="task", values="gap", sort=False)
    return wide.map("{:.4f}".format).reset_index()


def flights_ceilings(results):
    """Return the ceiling by way of setting test rows apart."""
    table = pd.DataFrame(results["ceilings"])
    interval = [f"{row.lower:.3f} to {row.upper:.3f}" for row in table.itertuples()]
    return pd.DataFrame(
        {
            "test rows": table["test rows"],
            "H(Y), bits": table["H(Y) bits"].map("{:.3f}".format),
            "learnability": table["learnability"].map("{:.3f}".format),
            "95 % interval": interval,
            "a logistic regression": table["logistic"].map("{:.3f}".format),
        }
    )


def segments(results):
    """Return what the report by segment finds, by number of rows."""
    table = pd.DataFrame(results["table"])
    short = {
        "false findings": "false findings",
        "coverage, excess loss": "covers Δ",
        "coverage, learnability": "covers L",
        "power at 0.05": "found at 0.05",
        "power at 0.2": "found at 0.2",
        "0.2 called nothing": "0.2 called nothing",
    }
    shares = table[list(short)].rename(columns=short).map("{:.1%}".format)
    return pd.concat([table["rows a segment"].astype(int).rename("rows"), shares], axis=1)


def suite(results, value, decimals):
    """Return one row a data set and one column a model, under short names."""
    table = pd.DataFrame(results["table"])
    learnability = table.groupby("dataset", sort=False)["learnability"].first()
    wide = table.pivot_table(index="dataset", columns="model", values=value, sort=False)
    wide.columns = [name.rpartition(" ")[2] for name in wide.columns]
    short = {"regression": "logistic", "boosting": "boosted", "network": "net"}
    wide = wide.rename(columns=short).map(f"{{:.{decimals}f}}".format)
    wide.insert(0, "L", learnability.map("{:.3g}".format))
    return wide.reset_index()


def suite_ceiling(results):
    """Return the ceiling's estimate beside the truth, by data set."""
    table = pd.DataFrame(results["table"]).query("model == 'ceiling'")
    shown = ["learnability", "estimate", "standard_error", "gap"]
    numbers = table[shown].map("{:.3f}".format)
    numbers.columns = ["learnability", "estimate", "standard error", "gap of its predictions"]
    return pd.concat([table["dataset"], numbers], axis=1)


def plane_course(results):
    """Return complexity and expressivity of the narrowest and widest context over training."""
    course = pd.DataFrame(results["course"])
    steps = course["step"].unique()
    wide = course[course["step"].isin([*steps[:-1:3], *steps[-7:]])].pivot(
        index="step", columns="width", values=list(course.columns.drop(["step", "width"]))
    )
    shown = {"step": wide.index.astype(int), "loss": wide["loss", 1].map("{:.2f}".format)}
    for width in (1, 4):
        for short, name in [("X", "complexity"), ("Y", "expressivity")]:
            shown[f"I({short}{width})"] = wide[name, width].map("{:.3f}".format)
        shown[f"null {width}"] = wide["complexity_null", width].map("{:.3f}".format)
        for short, name in [("X", "complexity"), ("Y", "expressivity")]:
            if width == 1:
                shown[f"Q({short}1)"] = wide[f"{name}_quadratic", 1].map("{:.3f}".format)
    return pd.DataFrame(shown)


def plane_positions(results):
    """Return the plug-in and the unbiased numbers of two widths by number of positions."""
    wide = pd.DataFrame(results["positions"]).pivot(index="n_positions", columns="width")
    shown = {"positions": [f"{n:,}" for n in wide.index]}
    for width in (1, 4):
        shown[f"Y/X {width}"] = wide["optimality", width].map("{:.2f}".format).tolist()
        shown[f"I(Y{width})"] = wide["expressivity", width].map("{:.3f}".format).tolist()
        shown[f"null {width}"] = wide["expressivity_null", width].map("{:.3f}".format).tolist()
        quadratic = wide["expressivity_quadratic", width].map("{:.3f}".format)
        shown[f"Q(Y{width})"] = quadratic.tolist()
    return pd.DataFrame(shown)


def plane_smollm2(results):
    """Return some layers of SmolLM2: one token, four tokens, and language."""
    plane = pd.DataFrame(results["plane"])
    plane["layer"] = plane["layer"].astype(str)
    wide = plane.pivot(index="layer", columns="width")
    language = pd.DataFrame(results["language"])
    language = language.set_index(language["layer"].astype(str))
    layers = ["0", "5", "10", "15", "20", "23", "24", "27", "30", "mean"]
    shown = {"layer": layers}
    for width in (1, 4):
        for short, name in [("X", "complexity"), ("Y", "expressivity")]:
            column = wide[name, width].loc[layers]
            shown[f"I({short}{width})"] = column.map("{:.3f}".format).tolist()
        null = wide["expressivity_null", width].loc[layers]
        shown[f"null {width}"] = null.map("{:.3f}".format).tolist()
    for name, column in [("language", "information"), ("permuted", "null_upper")]:
        shown[name] = language[column].loc[layers].map("{:.3f}".format).tolist()
    return pd.DataFrame(shown)


def soft_share(results):
    """Return CPU time beside the forward pass of a language model."""
    measured = results["model"]
    seconds = measured["CPU seconds"]
    rows = [
        ("the forward pass", "forward"),
        ("counting labels", "count labels"),
        ("ours, taking in all batches", "update"),
        ("ours, computing the results, once", "compute"),
        ("soft-entropy, taking in all batches", "peer"),
        ("soft-entropy, computing the results, once", "peer compute"),
    ]
    return pd.DataFrame(
        {
            "step": [name for name, _ in rows],
            "CPU seconds": [f"{seconds[key]:.2f}" for _, key in rows],
            "of the forward pass": [f"{seconds[key] / seconds['forward']:.1%}" for _, key in rows],
        }
    )


def soft_memory(results):
    """Return rows and memory of the statistics as text grows."""
    table = pd.DataFrame(results["memory"])
    shown = {name: table[name].map("{:,}".format) for name in ("positions", "labels", "rows")}
    shown["MB with tables"] = table["MB with the tables"].map("{:.0f}".format)
    shown["MB without"] = table["MB without"].map("{:.0f}".format)
    return pd.DataFrame(shown)


def soft_costs(results):
    """Return the CPU time of an update of 1,024 positions by what is varied."""
    names = {"dim": "hidden size", "n_points": "points", "n_labels": "labels"}
    table = pd.DataFrame(results["costs, ms"])
    return pd.DataFrame(
        {
            "varied": table["varied"].map(names),
            "value": table["value"].map("{:,}".format),
            "update, ms": table["update"].map("{:.1f}".format),
            "results, ms": table["compute"].map("{:.0f}".format),
        }
    )


def soft_layers(results):
    """Return information about n-grams, means over the layers of the language model."""
    table = pd.DataFrame(results["model"]["mean of layers"])
    shown = {"n-gram": table["labels"]}
    names = ("information", "null", "lower", "upper", "coverage", "quadratic")
    for name in names:
        shown[name] = table[name].map("{:.3f}".format)
    return pd.DataFrame(shown)


def calibration_speed(results):
    """Return CPU seconds, their ratio to the floor of the same run, and the loss on other rows."""
    rows = [row for runs in results.values() if isinstance(runs, list) for row in runs]
    return pd.DataFrame(
        {
            "family, classes": [f"{row['family']}, {row['n_classes']}" for row in rows],
            "package": [row["package"] for row in rows],
            "CPU seconds": [f"{row['cpu_seconds']:.3f}" for row in rows],
            "× floor": [f"{row['times_floor']:.1f}" for row in rows],
            "loss, nats": [f"{row['test_nll_nats']:.6f}" for row in rows],
        }
    )


def generator_seconds(results):
    """Return seconds a generator, and how far drawn labels are from the stated entropy."""
    table = pd.DataFrame(results["runs"])
    errors = table["standard_errors_off"].map("{:.1f}".format).replace("nan", "")
    return pd.DataFrame(
        {
            "generator": table["generator"].str.replace("sklearn.datasets.", "scikit-learn's "),
            "parameters": table["parameters"],
            "seconds": table["seconds"].map("{:.1f}".format),
            "standard errors off": errors,
        }
    )


def compression_search(results):
    """Return the critical n_q and the evaluations of three ways to find it."""
    table = pd.DataFrame(results["search"])
    ways = {"": "ours", ", every n_q": "every n_q", ", every clamp": "every clamp"}
    shown = {"model": table["model"], "clamp by": table["scope"]}
    for key, name in ways.items():
        counts = table[f"evaluations{key}"].map("{:,}".format)
        shown[name] = [
            f"{found:g} ({n})" if pd.notna(found) else f"never ({n})"
            for found, n in zip(table[f"critical{key}"], counts, strict=True)
        ]
    shown["missed"] = table["most missed, nats"].map("{:.3f}".format)
    shown["× loss"] = table["times its evaluations"].map("{:.2f}".format)
    return pd.DataFrame(shown)


def compression_smollm2(results):
    """Return the critical amounts of SmolLM2 by scheme."""
    table = pd.DataFrame(results["smollm2"]["critical"])
    shown = {
        "scheme": table["scheme"],
        "critical": table["value"].map("{:.3g}".format).replace("nan", "")
        + table["status"].map(lambda status: "" if status == "crossed" else status),
        "size": table["size"].map("{:.2f}".format).replace("nan", ""),
        "knee, nats": table["knee"].map("{:.2f}".format).replace("nan", ""),
        "evaluations": table["n_evaluations"],
        "CPU seconds": table["CPU seconds"].map("{:.0f}".format),
    }
    return pd.DataFrame(shown)


def description_rules(results):
    """Return how good the widths picked by each rule are."""
    table = pd.DataFrame(results["rules"])
    errors = zip(table["regret"], table["regret_error"], strict=True)
    return pd.DataFrame(
        {
            "rows": table["rows"],
            "width picked by": table["rule"],
            "best picked": table["best"].map("{:.0%}".format),
            "near": table["near"].map("{:.0%}".format),
            "regret": [f"{regret:.3f} ± {error:.3f}" for regret, error in errors],
            "mean width": table["mean_width"].map("{:.1f}".format),
        }
    )


def description_widths(results):
    """Return the coefficient of every width beside half its parameters."""
    table = pd.DataFrame(results["widths"])
    ranges = zip(table["llc"], table["llc_lowest"], table["llc_highest"], strict=True)
    return pd.DataFrame(
        {
            "rows": table["rows"],
            "width": table["width"],
            "half the parameters": table["half_the_parameters"].map("{:.1f}".format),
            "coefficient (lowest to highest)": [
                f"{mean:.1f} ({low:.1f} to {high:.1f})" for mean, low, high in ranges
            ],
            "training loss, nats": table["training_nll"].map("{:.3f}".format),
            "efficiency": table["efficiency"].map("{:.2f}".format),
        }
    )


#: Name of the table: the results it is made of, and how.
TABLES = {
    "calibration_speed": ("calibration.json", calibration_speed),
    "ceiling_coverage": ("ceiling_coverage.json", ceiling_coverage),
    "ceiling_gap": ("ceiling_default.json", ceiling_gap),
    "complexity_baselines": ("complexity_and_compressibility.json", complexity_baselines),
    "complexity_bits": ("complexity_and_compressibility.json", complexity_bits),
    "complexity_by_run": ("complexity_and_compressibility.json", complexity_by_run),
    "complexity_chains": ("complexity_and_compressibility.json", complexity_chains),
    "complexity_deep_linear": ("complexity_and_compressibility.json", complexity_deep_linear),
    "complexity_late": (
        "complexity_and_compressibility.json",
        partial(complexity_lines, column=OF_SIZES, **MAIN | {"start": 0.65}),
    ),
    "complexity_main": (
        "complexity_and_compressibility.json",
        partial(complexity_lines, column=OF_SIZES, **MAIN),
    ),
    "complexity_schemes": (
        "complexity_and_compressibility.json",
        partial(
            complexity_lines,
            column={"parameters": "parameters", "scheme": "scheme", "tolerance": "ε"},
            estimator="local, self-KL",
            of="critical",
            start=0.9,
        ),
    ),
    "compression_search": ("compression.json", compression_search),
    "compression_smollm2": ("compression.json", compression_smollm2),
    "description_rules": ("description_length.json", description_rules),
    "description_widths": ("description_length.json", description_widths),
    "generator_seconds": ("generators.json", generator_seconds),
    "flights_ceilings": ("flights.json", flights_ceilings),
    "llc_checkpoints": ("llc_networks.json", llc_checkpoints),
    "llc_digits": ("llc_networks.json", llc_digits),
    "llc_known_truth": ("llc_known_truth.json", llc_known_truth),
    "llc_known_truth_targets": ("llc_known_truth.json", llc_known_truth_targets),
    "llc_memory": ("llc.json", llc_memory),
    "llc_published": ("llc_networks.json", llc_published),
    "llc_settings": ("llc_networks.json", llc_settings),
    "llc_speed": ("llc.json", llc_speed),
    "plane_course": ("information_plane.json", plane_course),
    "plane_smollm2": ("information_plane_smollm2.json", plane_smollm2),
    "plane_positions": ("information_plane.json", plane_positions),
    "segments": ("segments.json", segments),
    "soft_share": ("soft_information.json", soft_share),
    "soft_memory": ("soft_information.json", soft_memory),
    "soft_costs": ("soft_information.json", soft_costs),
    "soft_layers": ("soft_information.json", soft_layers),
    "suite_ceiling": ("suite.json", suite_ceiling),
    "suite_gap": ("suite.json", partial(suite, value="gap", decimals=3)),
    "suite_efficiency": ("suite.json", partial(suite, value="efficiency", decimals=2)),
    "suite_calibrated_efficiency": (
        "suite.json",
        partial(suite, value="calibrated_efficiency", decimals=2),
    ),
}


def write_tables():
    """Write every table as CSV for the csv-table directive."""
    GENERATED.mkdir(exist_ok=True)
    for name, (source, make) in TABLES.items():
        results = json.loads((RESULTS / source).read_text())
        make(results).to_csv(GENERATED / f"{name}.csv", index=False)
