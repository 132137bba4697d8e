"""The local learning coefficient of small networks: minima and early stops, checkpoints, settings.

    python benchmarks/train_small_lm.py       # once: the language model and its checkpoints
    python benchmarks/train_small_lms.py      # once: smaller ones
    python benchmarks/llc_networks.py         # minutes on one core

Networks with one hidden layer on the digits, at several widths and one setting, trained to a
minimum of the loss with weight decay, and stopped early. Checkpoints of a language model of 0.4
million parameters, at one automatic setting, for the loss of the next token and for the divergence
from the checkpoint's own predictions. How far the value of a smaller model depends on n beta,
localization and seed. And the settings that values of language models were published with, on a
model of this size.
"""

import argparse
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _llc_data import digits, digits_mlp, held_out_rows, small_lm, train_digits
from _small_lm import FOLDER, load_small_lm
from torch import nn

from sklearn_learnability.torch import (
    LocalLearningCoefficient,
    llc_sensitivity,
    next_token_loss,
    self_divergence_loss,
)

RESULTS = Path(__file__).parent / "results" / "llc_networks.json"
SMALLEST = FOLDER.parent / "small_lms" / "60k_0" / "step_002000.safetensors"
DECAY = 1e-3
CHECKPOINTS = (0, 105, 314, 934, 1933, 4000)
SHORT = {"n_chains": 2, "n_draws": 90, "batch_size": 8, "random_state": 0, "progress": False}
SHOWN = ["value", "standard_error", "excess_loss", "initial_loss", "gradient_norm"]
SHOWN += ["half_chain_drift", "r_hat", "inverse_temperature", "localization", "trusted"]


def penalised(model, batch):
    """Return the cross-entropy with the weight decay that the network was trained with."""
    penalty = sum(p.square().sum() for p in model.parameters())
    return nn.functional.cross_entropy(model(batch[0]), batch[1]) + DECAY / 2 * penalty


def row_of(estimate):
    """Return the numbers shown of an estimate, and its flags."""
    return estimate.to_frame()[SHOWN].iloc[0].to_dict() | {
        "flags": [str(flag) for flag in estimate.flags]
    }


def of_digits():
    """Return the coefficient by width: at a minimum, by the loss trained and without the decay."""
    rows = []
    settings = {"sampler": "leimkuhler-matthews", "random_state": 0, "progress": False}
    settings |= {
        "n_draws": 600,
        "batch_size": 256,
        "inverse_temperature": 500.0,
        "localization": 50.0,
    }
    for width in (8, 32, 128):
        trained = train_digits(digits_mlp(width), decay=DECAY)
        stopped = train_digits(digits_mlp(width), n_steps=20, decay=DECAY)
        for name, model, loss in (
            ("minimum", trained, penalised),
            ("minimum, loss without the decay", trained, nn.CrossEntropyLoss()),
            ("stopped early", stopped, penalised),
        ):
            found = LocalLearningCoefficient(loss, **settings).estimate(model, digits())
            rows.append(
                {"width": width, "network": name, "parameters": found.n_parameters, **row_of(found)}
            )
            print(pd.DataFrame(rows[-1:])[["width", "network", *SHOWN[:5]]].to_string(header=False))
    return rows


def of_checkpoints(data):
    """Return the coefficient over training, for the labels and for the model's own predictions."""
    paths = [FOLDER / f"step_{step:06d}.safetensors" for step in CHECKPOINTS]
    llc = LocalLearningCoefficient(next_token_loss, **SHORT)
    found = llc.estimate_checkpoints(paths, data, load=load_small_lm)
    rows = []
    for step, path, estimate in zip(CHECKPOINTS, paths, found.estimates, strict=True):
        model = load_small_lm(path)
        itself = LocalLearningCoefficient(
            self_divergence_loss(model),
            **SHORT,
            inverse_temperature=estimate.settings.inverse_temperature,
            localization=estimate.settings.localization,
        ).estimate(model, data)
        rows.append(
            {"step": step, "chance_loss": estimate.chance_loss, **row_of(estimate)}
            | {"divergence, value": itself.value}
            | {"divergence, standard_error": itself.standard_error}
            | {"divergence, half_chain_drift": itself.half_chain_drift}
        )
        print(pd.DataFrame(rows[-1:]).drop(columns="flags").T.to_string(header=False))
    return rows


def of_settings(model, data):
    """Return the coefficient of the divergence at several settings and seeds."""
    llc = LocalLearningCoefficient(self_divergence_loss(model), **SHORT)
    found = llc_sensitivity(
        llc,
        model,
        data,
        inverse_temperatures=(300, 3000, 30000),
        localizations=(1e4, 1e5),
        seeds=(0, 1),
    )
    table = found.to_frame()[["seed", *SHOWN]]
    print(table.round(3).to_string())
    return table.to_dict("records")


def as_published(model, data):
    """Return what the published settings give here, with fewer chains."""
    rows = []
    for name, settings in (
        ("published", {}),
        ("published, automatic pull and inverse temperature", {"inverse_temperature": "auto"}),
    ):
        if settings:
            settings |= {"localization": "auto", "step_size": "auto"}
        llc = LocalLearningCoefficient.paper(
            next_token_loss,
            n_parameters=14e6,
            **{"n_chains": 2, "batch_size": 8, "random_state": 0, "progress": False} | settings,
        )
        found = llc.estimate(model, data)
        rows.append({"settings": name, "chance_loss": found.chance_loss, **row_of(found)})
        print(found.summary())
    return rows


def tables(results):
    """Return the tables of the documentation."""
    return {
        "llc_checkpoints": llc_checkpoints(results),
        "llc_digits": llc_digits(results),
        "llc_published": llc_published(results),
        "llc_settings": llc_settings(results),
    }


def llc_digits(results):
    """Return the coefficient of networks on the digits, by width and by how they were trained."""
    table = pd.DataFrame(results["digits"])
    return pd.DataFrame(
        {
            "width": table["width"],
            "parameters": table["parameters"].map("{:,}".format),
            "network": table["network"],
            "coefficient": with_error(table, "value", "standard_error"),
            "slope at w*": table["gradient_norm"].map("{:.3f}".format),
            "excess loss": table["excess_loss"].map("{:+.3f}".format),
            "trusted": table["trusted"].map({True: "yes", False: "no"}),
        }
    )


def llc_checkpoints(results):
    """Return the coefficient over training, of the loss and of the divergence."""
    table = pd.DataFrame(results["checkpoints"])
    return pd.DataFrame(
        {
            "step": table["step"].map("{:,}".format),
            "loss": table["initial_loss"].map("{:.2f}".format),
            "excess loss": table["excess_loss"].map("{:+.3f}".format),
            "coefficient": with_error(table, "value", "standard_error"),
            "from the slope": [f"{added_by_slope(flags):.0f}" for flags in table["flags"]],
            "of the divergence": with_error(
                table, "divergence, value", "divergence, standard_error"
            ),
            "its halves differ by": table["divergence, half_chain_drift"].map("{:.1%}".format),
        }
    )


def added_by_slope(flags):
    """Return what the slope at w* adds to the value, by the flag that says so."""
    told = [re.search(r"which adds about (\S+) to the value", flag) for flag in flags]
    return next((float(found[1]) for found in told if found), 0.0)


def llc_settings(results):
    """Return the coefficient by inverse temperature and pull, with the seeds' difference."""
    table = pd.DataFrame(results["settings"])
    wide = table.pivot_table(index="inverse_temperature", columns="localization", values="value")
    spread = table.groupby(["inverse_temperature", "localization"])["value"].agg(np.ptp).unstack()
    shown = {"nβ": [f"{t:,.0f}" for t in wide.index]}
    for pull in wide.columns:
        pairs = zip(wide[pull], spread[pull], strict=True)
        shown[f"γ = {pull:,.0f}"] = [f"{value:.4g} (seeds {gap:.2g} apart)" for value, gap in pairs]
    return pd.DataFrame(shown)


def llc_published(results):
    """Return what published settings give, and whether the chain stayed."""
    table = pd.DataFrame(results["published"])
    return pd.DataFrame(
        {
            "settings": table["settings"],
            "nβ": table["inverse_temperature"].map("{:,.0f}".format),
            "γ": table["localization"].map("{:,.0f}".format),
            "loss at w*": table["initial_loss"].map("{:.2f}".format),
            "along the chains": (table["initial_loss"] + table["excess_loss"]).map("{:.2f}".format),
            "by chance": table["chance_loss"].map("{:.2f}".format),
            "coefficient": with_error(table, "value", "standard_error"),
        }
    )


def with_error(table, value, error):
    """Return numbers with their standard errors."""
    pairs = zip(table[value], table[error], strict=True)
    return [f"{number:.4g} ± {spread:.2g}" for number, spread in pairs]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="digits, checkpoints, settings, published")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["torch"] = torch.__version__
    data = held_out_rows()
    parts = {
        "digits": of_digits,
        "checkpoints": lambda: of_checkpoints(data),
        "settings": lambda: of_settings(load_small_lm(SMALLEST), data),
        "published": lambda: as_published(small_lm(), data),
    }
    for name in arguments.parts or parts:
        results[name] = parts[name]()
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
