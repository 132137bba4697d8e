"""Where the efficiency of wider networks saturates, and whether their complexity says so too.

    python benchmarks/network_profile.py            # six widths, two seeds: up to 15 minutes
    python benchmarks/network_profile.py --small    # two widths, one seed, fewer rows: a minute

Which of New York's flights of 2013 arrive late. Networks of two hidden layers are trained on 12,000
flights and scored on 8,000 of other days, drawn at random, against a ceiling fitted to the same
training rows. Each is profiled: efficiency, calibration, information of its layers, local learning
coefficient, critical bits and length of its code. What is finished is kept in
output/network_profile; a run that is killed goes on. Prints the profiles and writes them as JSON,
with the figure of the documentation.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import records
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_flights
from sklearn_learnability.displays import NetworkProfileDisplay
from sklearn_learnability.metrics import log_loss_per_sample
from sklearn_learnability.torch import LocalLearningCoefficient, profile_checkpoints

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "network_profile.json"
FIGURE = ROOT / "docs" / "_static" / "network_profile.png"
WIDTHS = (32, 64, 128, 256, 512, 1024)
N_ROWS = (12_000, 8_000)  # to train on, and held out
TEST_SHARE = 0.2  # of the days
EPOCHS = 6
SECONDS = 60.0  # for the coefficient of a network
PULL = 100.0  # of its chains, for all widths; what suits the widest alone would hold all still
TOLERANCE = 0.005  # nats, about a tenth of what can be learned


def rows_of_flights(n_rows):
    """Return features, labels and days of training flights and of those of other days."""
    flights = load_flights()
    days = np.unique(flights.date)
    drawn = np.random.RandomState(0).choice(days, round(TEST_SHARE * len(days)), replace=False)
    apart = np.isin(flights.date, drawn)
    table, y = flights.data, flights.target.to_numpy()
    parts = []
    for chosen, n in zip((~apart, apart), n_rows, strict=True):
        rows = np.flatnonzero(chosen)
        rows = rows[np.linspace(0, len(rows) - 1, n).astype(int)]
        parts.append((table.iloc[rows].reset_index(drop=True), y[rows], flights.date.iloc[rows]))
    return parts


def as_numbers(train, test):
    """Return both tables as a network takes them: categories one-hot, gaps filled, scaled."""
    categories = make_column_selector(dtype_include="category")
    numbers = make_column_selector(dtype_exclude="category")
    encode = OneHotEncoder(min_frequency=30, handle_unknown="infrequent_if_exist")
    fill = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    table = make_column_transformer((encode, categories), (fill, numbers), sparse_threshold=0.0)
    return table.fit_transform(train).astype("float32"), table.transform(test).astype("float32")


def train_network(X, y, width, seed):
    """Return a network of two hidden layers, its steps ever smaller so that it comes to rest."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        *(nn.Linear(X.shape[1], width), nn.ReLU()),
        *(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2)),
    )
    X, y = torch.tensor(X), torch.tensor(y)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    n_steps = EPOCHS * (len(y) // 100)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(y)).split(100)[: len(y) // 100]:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    return model


def profile(widths, seed, rows, losses, groups, seconds, store):
    """Return the profiles of networks of one seed."""
    networks = {f"{w}": train_network(rows[0], rows[1], w, seed) for w in widths}
    llc = LocalLearningCoefficient(
        nn.CrossEntropyLoss(),
        inverse_temperature=len(rows[1]) / np.log(len(rows[1])),
        localization=PULL,
        max_seconds=seconds,
        random_state=seed,
        progress=False,
    )
    return profile_checkpoints(
        networks,
        *rows,
        ceiling=losses,
        groups_test=groups,
        layers=["1", "3"],
        llc=llc,
        tolerance=TOLERANCE,
        store=store,
    )


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["profiles"])
    mean = table.groupby("width").mean(numeric_only=True)
    spread = table.groupby("width")
    flags = table.groupby("width")["llc_flags"].agg(lambda f: sum(bool(text) for text in f))
    shown = pd.DataFrame(
        {
            "Width": mean.index,
            "Parameters": mean["n_parameters"].map("{:,.0f}".format),
            "Training loss, bits": mean["training_nll"].map("{:.3f}".format),
            "Held-out loss, bits": mean["nll"].map("{:.3f}".format),
            "Efficiency": both(spread, "efficiency", 2),
            "Calibrated": both(spread, "calibrated_efficiency", 2),
            "Coefficient": both(spread, "llc", 0),
            "Its total error": both(spread, "llc_total_error", 0),
            "Flagged": flags.astype(str),
            "Critical bits": both(spread, "critical_bits", 1),
            "Code, kbit": both(spread, "kilobits", 1),
        }
    )
    layers = pd.DataFrame(results["layers"]).groupby(["layer", "width"]).mean(numeric_only=True)
    return {
        "network_profile": shown,
        "network_profile_layers": pd.DataFrame(
            {
                "Layer": ["first" if layer == "1" else "second" for layer, _ in layers.index],
                "Width": [width for _, width in layers.index],
                "Kept of the input, bits": layers["complexity"].map("{:.2f}".format).to_numpy(),
                "Told of the label, bits": layers["expressivity"].map("{:.4f}".format).to_numpy(),
                "By chance": layers["expressivity_null"].map("{:.4f}".format).to_numpy(),
            }
        ),
    }


def both(groups, name, decimals):
    """Return the values of the seeds as text."""
    return groups[name].agg(
        lambda values: ", ".join("none" if v != v else f"{v:.{decimals}f}" for v in values)
    )


def draw(results, path):
    """Write the figure of the first seed."""
    table, layers = (pd.DataFrame(results[name]) for name in ("profiles", "layers"))
    layers["layer"] = layers["layer"].replace({"1": "first", "3": "second"})
    shown = [
        part[part["seed"] == 0].rename(columns={"width": "checkpoint"}) for part in (table, layers)
    ]
    NetworkProfileDisplay(*shown).plot().figure_.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="two widths, one seed, fewer rows")
    options = parser.parse_args()
    torch.set_num_threads(1)
    widths, seeds, n_rows = (
        ((32, 128), (0,), (2_000, 2_000)) if options.small else (WIDTHS, (0, 1), N_ROWS)
    )
    seconds = 5.0 if options.small else SECONDS
    started = time.process_time()
    store = ROOT / "output" / ("network_profile_small" if options.small else "network_profile")

    (table, y, _), (apart, y_apart, day) = rows_of_flights(n_rows)
    ceiling = GoldenModelCeiling("fast", memory=str(ROOT / "output" / "fits"), random_state=0)
    ceiling.fit(table, y)
    losses = log_loss_per_sample(y_apart, ceiling.predict_proba(apart))
    print(f"ceiling: {time.process_time() - started:.0f} CPU-s", flush=True)
    X, X_apart = as_numbers(table, apart)
    rows = X, y, X_apart, y_apart

    profiles, layers = [], []
    for seed in seeds:
        found = profile(widths, seed, rows, losses, day, seconds, store / f"seed {seed}")
        own, of_layers = found.to_frame(), found.layers_to_frame()
        for part, kept in ((own, profiles), (of_layers, layers)):
            part.insert(0, "width", part.pop("checkpoint").astype(int))
            kept.append(part.assign(seed=seed))
        print(own.T.to_string(), flush=True)
    whole = pd.concat(profiles, ignore_index=True)
    whole["kilobits"] = whole["description_length"] / 1000
    results = {
        "n_rows": n_rows,
        "seeds": len(seeds),
        "tolerance": TOLERANCE,
        "cpu_seconds": round(time.process_time() - started),
        "profiles": records(whole, 4),
        "layers": records(pd.concat(layers, ignore_index=True), 4),
    }
    for name, shown in tables(results).items():
        print(f"\n{name}\n{shown.to_string(index=False)}")
    path = ROOT / "output" / RESULTS.name if options.small else RESULTS
    draw(results, path.with_suffix(".png") if options.small else FIGURE)
    path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
