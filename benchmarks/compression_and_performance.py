"""Relate the compression of small language models to what they can do, beyond scale.

    python benchmarks/train_zoo.py                       # first; about 60 CPU-minutes
    python benchmarks/compression_and_performance.py     # about 30 CPU-minutes
    python benchmarks/compression_and_performance.py --again     # from the committed table

48 models (train_zoo.py) are measured on text that none of them saw, and scored on five tasks: the
loss on English prose and on code, last words of sentences, closing brackets, and the gain from
reading a piece of code twice. Four questions: does optimality predict the scores beyond parameters,
tokens and loss; how reliable is it under other reference points; which checkpoint do rules choose,
and which model, and what is lost against the best choice (regret). With --outside, SmolLM2-135M is
measured on the same text, in its own tokens.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import records

from sklearn_learnability.metrics import relate_to_performance, spearman

RESULTS = Path(__file__).parent / "results" / "compression_and_performance.json"
TABLE = RESULTS.with_suffix(".csv")
WIDTHS = (1, 2, 3, 4)
TASKS = ["prose", "code", "last_word", "bracket", "copy"]
KINDS = ("optimality", "optimality_quadratic", "proportion")
MEASURES = [f"{kind}_{width}" for kind in KINDS for width in WIDTHS]
LAST = 1000
RULES = {
    "lowest loss": ("validation", 1),
    "last": ("step", 1),
    **{f"optimality {n}": (f"optimality_{n}", 1) for n in WIDTHS},
    **{f"quadratic optimality {n}": (f"optimality_quadratic_{n}", 1) for n in WIDTHS},
    "lowest complexity 1": ("complexity_1", -1),
}


COLUMNS = {
    "overall": "given scale and loss",
    "given_scale": "given scale",
    "given_depth": "given scale, loss and depth",
}
KIND_NAMES = {"best": "best", "stop": "first fall"}


def collect():
    """Measure every model of the zoo, or read what is kept of it."""
    from _zoo_measures import ZooMeasures
    from train_zoo import members

    torch.set_num_threads(1)
    zoo = ZooMeasures()
    tables = []
    for member in members():
        tables.append(zoo.of_member(member))
        print(member.name, flush=True)
    table = pd.concat(tables, ignore_index=True)
    table.to_csv(TABLE, index=False, float_format="%.6g")


def last_checkpoints(table):
    """Return one row a model: its last checkpoint, measures averaged over reference points."""
    last = table[table["step"] == LAST]
    numbers = last.select_dtypes("number").columns
    frame = last.groupby("model", sort=False)[numbers].mean()
    frame = frame.rename(columns={"n_parameters": "parameters", "share": "tokens"})
    frame["loss"] = -frame["validation"]
    frame["depth"] = [int(name.split("_")[0].split("x")[1]) for name in frame.index]
    frame["size"] = [name.split("_")[0] for name in frame.index]
    frame["overall"] = frame[TASKS].rank().mean(axis=1)
    return frame


def seeds_averaged(models):
    """Return one row for each size and amount of text: two seeds of one kind are alike."""
    cells = [name.rsplit("_", 1)[0] for name in models.index]
    return models.select_dtypes("number").groupby(cells, sort=False).mean()


def associations(models, covariates, scores):
    """Return the relation of every measure to every score; one kind of measure is one family."""
    return [
        relate_to_performance(
            models[[f"{kind}_{width}" for width in WIDTHS]],
            models[scores],
            models[covariates],
            size=models["parameters"],
            random_state=0,
        )
        for kind in KINDS
    ]


def reliability(table):
    """Return the rank correlation of each measure between two draws of reference points."""
    last = table[table["step"] == LAST].pivot(index="model", columns="draw", values=MEASURES)
    rows = []
    for measure in MEASURES:
        draws = last[measure]
        pairs = [(0, 1), (0, 2), (1, 2)]
        rho = [spearman(draws[a], draws[b], n_permutations=1).rho for a, b in pairs]
        rows.append({"measure": measure, "between draws": float(np.mean(rho))})
    return pd.DataFrame(rows)


def regrets(table):
    """Return the regret of each rule for choosing a checkpoint, a row a model and rule.

    In nats of the test text's loss, and in nats of prose and of code.
    """
    rows = []
    for model, run in table[table["draw"] == 0].groupby("model", sort=False):
        run = run.sort_values("step")
        for rule, (column, sign) in RULES.items():
            values = sign * run[column].to_numpy()
            for kind, at in (("best", int(values.argmax())), ("stop", first_fall(values))):
                chosen = run.iloc[at]
                lost = {f"{s} regret": run[s].max() - chosen[s] for s in ("test", "prose", "code")}
                rows.append({"model": model, "share": run["share"].iloc[0], "rule": rule,
                             "kind": kind, "step": int(chosen["step"]), **lost})  # fmt: skip
    return pd.DataFrame(rows)


def first_fall(values):
    """Return the place after which values first fall, the last if they never do."""
    falls = np.flatnonzero(np.diff(values) < 0)
    return int(falls[0]) if len(falls) else len(values) - 1


def regret_summary(regret, n_draws=2000):
    """Return the mean regret of each rule, with an interval over models."""
    rng = np.random.default_rng(0)
    rows = []
    for (kind, rule), part in regret.groupby(["kind", "rule"], sort=False):
        for name, shares in (("little text", (0.01, 0.03)), ("much text", (0.2, 1.0))):
            chosen = part[part["share"].isin(shares)]
            for score in ("test", "prose", "code"):
                values = chosen[f"{score} regret"].to_numpy()
                means = rng.choice(values, (n_draws, len(values))).mean(axis=1)
                low, high = np.quantile(means, [0.025, 0.975])
                rows.append({"kind": kind, "rule": rule, "models": name, "score": score,
                             "regret": values.mean(), "lower": low, "upper": high,
                             "n": len(values)})  # fmt: skip
    return pd.DataFrame(rows)


def model_choice(models):
    """Return what choosing one of the models by a rule loses on each task, in ranks of 48."""
    rows = []
    for rule, (column, sign) in RULES.items():
        if column == "step":
            continue
        chosen = (sign * models[column]).idxmax()
        ranks = models[["test", *TASKS]].rank(ascending=False).loc[chosen]
        rows.append({"rule": rule, "model": chosen, **ranks.to_dict()})
    return pd.DataFrame(rows)


def outside():
    """Return SmolLM2-135M on the same text, the mean of its layers without the embedding."""
    from _smollm2 import load_model
    from _zoo_tasks import read_held_out
    from train_zoo import ZOO

    from sklearn_learnability.torch import measure_information_plane

    torch.set_num_threads(1)
    model, tokenizer = load_model()
    held_out = read_held_out(ZOO)
    plane = measure_information_plane(
        model, tokenizer, held_out[: len(held_out) // 2], context=64, n_sequences=512
    )
    return plane.to_frame().query("layer == 'mean without embedding'")


def table_of(relations):
    """Return the rows of several relations."""
    return pd.concat([relation.to_frame() for relation in relations], ignore_index=True)


def analyse():
    """Return every table of the study."""
    table = pd.read_csv(TABLE)
    models = last_checkpoints(table)
    loss = ["parameters", "tokens", "loss"]
    results = {
        "n_models": len(models),
        "overall": table_of(associations(models, loss, ["overall"])),
        "tasks": table_of(associations(models, loss, TASKS)),
        "seeds_averaged": table_of(associations(seeds_averaged(models), loss, TASKS)),
        "given_scale": table_of(associations(models, loss[:2], ["overall"])),
        "given_depth": table_of(associations(models, [*loss, "depth"], ["overall"])),
        "reliability": reliability(table),
        "regrets": regret_summary(regrets(table)),
        "model_choice": model_choice(models),
    }
    return {
        name: records(value) if isinstance(value, pd.DataFrame) else value
        for name, value in results.items()
    }


def tables(results):
    """Return the tables of the documentation."""
    signed, plain = "{:+.2f}".format, "{:.2f}".format
    overall = pd.DataFrame(results["overall"])
    shown = pd.DataFrame({"measure": overall["measure"].str.replace("_", " ")})
    shown["raw"] = overall["raw"].map(signed)
    for name in ("overall", "given_scale", "given_depth"):
        part = pd.DataFrame(results[name])
        column = COLUMNS[name]
        shown[column] = part["controlled"].map(signed)
        if name == "overall":
            ends = zip(part["controlled_lower"], part["controlled_upper"], strict=True)
            shown["interval"] = [f"{low:+.2f} to {high:+.2f}" for low, high in ends]
            shown["p"] = part["p_value"].map(plain)
    shown["verdict"] = overall["verdict"]
    repeated = pd.DataFrame(results["reliability"]).set_index("measure")["between draws"]
    shown["between draws"] = repeated.loc[overall["measure"]].map(plain).to_list()
    regret = pd.DataFrame(results["regrets"])
    regret["shown"] = [
        f"{mean:.3f} ({low:.3f} to {high:.3f})"
        for mean, low, high in regret[["regret", "lower", "upper"]].to_numpy()
    ]
    test = regret[regret["score"] == "test"]
    wide = test.pivot(index="rule", columns=["models", "kind"], values="shown").loc[list(RULES)]
    wide.columns = [f"{models}, {KIND_NAMES[kind]}" for models, kind in wide.columns]
    return {
        "zoo_overall": shown,
        "zoo_tasks": by_task(results["tasks"]),
        "zoo_seeds_averaged": by_task(results["seeds_averaged"]),
        "zoo_regrets": wide.reset_index(),
        "zoo_model_choice": pd.DataFrame(results["model_choice"]),
    }


def by_task(rows):
    """Return raw and controlled correlations, a row a measure and a column a task."""
    tasks = pd.DataFrame(rows)
    cells = [
        f"{raw:+.2f} / {given:+.2f}{' *' if p <= 0.05 else ''}"
        for raw, given, p in tasks[["raw", "controlled", "p_value"]].to_numpy()
    ]
    wide = tasks.assign(cell=cells).pivot(index="measure", columns="score", values="cell")
    wide = wide.loc[MEASURES, TASKS].reset_index()
    return wide.assign(measure=wide["measure"].str.replace("_", " "))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--again", action="store_true", help="from the committed table")
    parser.add_argument("--outside", action="store_true", help="measure SmolLM2-135M too")
    arguments = parser.parse_args()
    if not arguments.again:
        collect()
    old = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results = analyse() | {"outside": old.get("outside", [])}
    if arguments.outside:
        results["outside"] = records(outside())
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    from _zoo_figures import draw  # matplotlib, which the documentation's tables do without

    draw(last_checkpoints(pd.read_csv(TABLE)), results)
    for name in ("overall", "tasks", "reliability", "regrets", "model_choice"):
        frame = pd.DataFrame(results[name])
        print(f"\n{name}\n{frame.drop(columns='reading', errors='ignore').to_string()}")


if __name__ == "__main__":
    main()
