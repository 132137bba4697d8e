"""What chains say of single rows: closed forms, training without rows, and devinterp.

    python benchmarks/posterior_influence.py           # about 4 CPU-minutes
    python benchmarks/posterior_influence.py --peer    # and devinterp, with datasets, xarray, zarr

Four parts: a linear regression, of which all is known; a logistic regression and a small network of
digits, trained anew without single rows; and a small language model, trained in half a minute,
beside devinterp at the same sampler and settings.
"""

import argparse
import json
from pathlib import Path

import pandas as pd
import torch
from _influence_cases import logistic, regression, small_network
from _results import records

RESULTS = Path(__file__).parent / "results" / "posterior_influence.json"
SEEDS, NETWORK_SEEDS = (0, 1), (0, 1, 2, 3)


def parts(peer):
    """Yield the name and the table of every part."""
    yield "closed_forms", pd.DataFrame([row for seed in SEEDS for row in regression(seed)])
    yield "logistic", pd.DataFrame([logistic(seed) for seed in SEEDS])
    yield "network", pd.DataFrame(small_network(NETWORK_SEEDS))
    if peer:
        from _influence_peer import compare

        rows, definitions, seconds = compare()
        yield "peer", pd.DataFrame(rows)
        yield "peer_seconds", pd.DataFrame([seconds | definitions])


def tables(results):
    """Return the tables that the pages show."""
    closed = pd.DataFrame(results["closed_forms"])
    by_quantity = closed.groupby("quantity", sort=False)
    shown = {
        "posterior_closed_forms": pd.DataFrame(
            {
                "relative error": by_quantity["relative error"].mean().map("{:.2%}".format),
                "rms z": by_quantity["z"].apply(lambda z: f"{(z**2).mean() ** 0.5:.2f}"),
            }
        ).reset_index(),
        "posterior_logistic": pd.DataFrame(results["logistic"]).drop(columns=["flags"]).round(2),
    }
    network = pd.DataFrame(results["network"]).set_index("retraining").round(2).T
    shown["posterior_network"] = network.rename_axis("rank correlation of").reset_index()
    shown["posterior_peer"] = pd.DataFrame(results["peer"]).round(2)
    return shown


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", action="store_true", help="compare with devinterp too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name, table in parts(arguments.peer):
        print(f"\n{name}\n{table.to_string(index=False)}", flush=True)
        results[name] = records(table)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
