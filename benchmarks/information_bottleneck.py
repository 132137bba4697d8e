"""Information-bottleneck curves against closed forms, and beside embo.

    pip install -e ".[benchmark]" dit      # embo, dit
    python benchmarks/information_bottleneck.py        # all parts: some 1,100 CPU-seconds, 2.2 GB
    python benchmarks/information_bottleneck.py --parts closed peers

Parts: "closed" compares with sources whose curve is known; "peers" gives random joint
distributions to ours and to embo at the same trade-offs; "dit" gives three to dit as well, the
largest with one start of its 250; "wide" takes 1,000 x 1,000; "sparse" counts of a synthetic text
with 40 topics, over 50,000 and 150,000 words, at 32 clusters and ten trade-offs. Each part replaces
its own rows in the JSON.
"""

import argparse
import json
import os
import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from _results import cpu_seconds, peak_megabytes, records
from scipy import sparse
from scipy.optimize import brentq
from scipy.special import entr

from sklearn_learnability.exceptions import BottleneckConvergenceWarning
from sklearn_learnability.metrics import information_bottleneck

RESULTS = Path(__file__).parent / "results" / "information_bottleneck.json"
BETAS = [5.0, 10.0, 20.0, 50.0]


def closed():
    """Return the largest errors against the binary symmetric, erasure and Gaussian sources."""
    rows = []
    for flip in (0.02, 0.1, 0.3):
        joint = np.array([[1 - flip, flip], [flip, 1 - flip]]) / 2
        betas = (1 - 2 * flip) ** -2 * np.array([0.5, 0.9, 1.02, 1.1, 1.5, 3, 10])
        curve = information_bottleneck(joint, betas, units="nats", tolerance=1e-12)
        truth = np.array([symmetric(flip, beta) for beta in betas])
        rows.append(errors(f"binary symmetric, {flip}", curve, *truth.T))
    for erased in (0.1, 0.5, 0.9):
        joint = np.array([[1 - erased, erased, 0], [0, erased, 1 - erased]]) / 2
        curve = information_bottleneck(joint, units="nats")
        kept = (1 - erased) * curve.complexity
        rows.append(errors(f"erasure, {erased}", curve, curve.complexity, kept))
    for correlation in (0.5, 0.8):
        grid = np.linspace(-5.5, 5.5, 120)
        x, y = np.meshgrid(grid, grid, indexing="ij")
        shape = x**2 - 2 * correlation * x * y + y**2
        joint = np.exp(-shape / (2 * (1 - correlation**2)))
        betas = np.array([1.2, 2, 5, 20]) / correlation**2
        curve = quietly(joint / joint.sum(), betas, tolerance=1e-8, max_iter=1000)
        rest = 1 - correlation**2
        rate = 0.5 * np.log((betas - 1) * (1 - rest) / rest)
        kept = -0.5 * np.log(1 - correlation**2 * (1 - np.exp(-2 * curve.complexity)))
        rows.append(errors(f"Gaussian, correlation {correlation}", curve, rate, kept))
    return rows


def symmetric(flip, beta):
    """Return both informations of the best encoder of a binary symmetric source, in nats."""

    def slope(a):
        b = a + flip - 2 * a * flip
        return np.log(a / (1 - a)) - beta * (1 - 2 * flip) * np.log(b / (1 - b))

    a = 0.5 if beta <= (1 - 2 * flip) ** -2 else brentq(slope, 1e-300, 0.5 - 1e-7, xtol=1e-16)
    b = a + flip - 2 * a * flip
    return [np.log(2) - entr(a) - entr(1 - a), np.log(2) - entr(b) - entr(1 - b)]


def errors(source, curve, complexity, expressivity):
    return {
        "source": source,
        "complexity": float(np.abs(curve.complexity - complexity).max()),
        "expressivity": float(np.abs(curve.expressivity - expressivity).max()),
    }


def quietly(joint, betas, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BottleneckConvergenceWarning)
        return information_bottleneck(joint, betas, units="nats", **options)


def random_joint(kind, seed, size=100):
    """Return a joint distribution whose entries are drawn on their own."""
    rng = np.random.default_rng(seed)
    draw = {
        "exponential": lambda: rng.exponential(size=(size, size)),
        "lognormal": lambda: np.exp(rng.normal(size=(size, size))),
        "heavy lognormal": lambda: np.exp(1.5 * rng.normal(size=(size, size))),
    }[kind]()
    return draw / draw.sum()


def peers():
    """Return the objective I(X;T) - beta I(T;Y), in nats, and CPU seconds, by package."""
    import embo

    rows = []
    for kind in ("exponential", "lognormal", "heavy lognormal"):
        for seed in range(3):
            joint = random_joint(kind, seed)
            seconds, curve = cpu_seconds(quietly, joint, BETAS)
            ours = curve.complexity - curve.betas * curve.expressivity
            rows.append(peer_row(kind, seed, "sklearn-learnability", ours, seconds))
            theirs, seconds = [], 0.0
            for beta in BETAS:
                options = {"minbeta": beta, "maxbeta": beta, "numbeta": 1}
                before = os.times()
                theirs.append(embo_at(embo, joint, options))
                after = os.times()  # it works in a process of its own
                seconds += sum(after[:4]) - sum(before[:4])
            rows.append(peer_row(kind, seed, "embo", theirs, seconds))
            print(pd.DataFrame(rows[-2:]).to_string(index=False, header=False), flush=True)
    return rows


def dit_part():
    """Return objectives in nats at one trade-off, each from the encoder that a package returns."""
    import embo
    from dit.rate_distortion.blahut_arimoto import blahut_arimoto_ib

    flip = np.array([[0.9, 0.1], [0.1, 0.9]]) / 2
    cases = [("binary symmetric, 0.1", flip, 3.0, 250)]
    for n, restarts in ((20, 250), (100, 1)):
        joint = random_joint("heavy lognormal", 0, n)
        cases.append((f"heavy lognormal, {n} x {n}", joint, 5.0, restarts))
    rows = []
    for name, joint, beta, restarts in cases:
        seconds, curve = cpu_seconds(quietly, joint, [beta])
        ours = float((curve.complexity - beta * curve.expressivity)[0])
        rows.append([name, beta, "sklearn-learnability", ours, seconds])
        before = os.times()
        theirs = embo_at(embo, joint, {"minbeta": beta, "maxbeta": beta, "numbeta": 1})
        after = os.times()
        rows.append([name, beta, "embo", theirs, sum(after[:4]) - sum(before[:4])])
        options = {"beta": beta, "restarts": restarts}
        seconds, (_, found) = cpu_seconds(partial(blahut_arimoto_ib, joint, **options))
        rate, kept = (mutual_information(found.sum(axis=axis)) for axis in (1, 0))
        rows.append([name, beta, f"dit, starts: {restarts}", rate - beta * kept, seconds])
        print(pd.DataFrame(rows[-3:]).to_string(index=False, header=False), flush=True)
    columns = ["joint", "beta", "package", "objective", "cpu_seconds"]
    return pd.DataFrame(rows, columns=columns).to_dict("records")


def mutual_information(joint):
    """Return the information of a joint distribution in nats."""
    return float(entr(joint.sum(0)).sum() + entr(joint.sum(1)).sum() - entr(joint).sum())


def embo_at(embo, joint, options):
    """Return the objective that embo reaches at one trade-off, in nats."""
    found = embo.InformationBottleneck(pxy=joint.copy(), ensure_monotonic_bound=False, **options)
    rate, kept, _, beta = (np.asarray(part, dtype=np.float64) for part in found.get_bottleneck())
    return float(((rate - beta * kept) * np.log(2))[-1])


def peer_row(kind, seed, package, objective, seconds):
    values = {f"beta {beta:g}": float(v) for beta, v in zip(BETAS, objective, strict=True)}
    return {"joint": kind, "seed": seed, "package": package, **values, "cpu_seconds": seconds}


def wide():
    """Return CPU seconds and points of a joint distribution of 1,000 x 1,000."""
    joint = random_joint("heavy lognormal", 0, 1000)
    seconds, curve = cpu_seconds(quietly, joint, [2.0, 3.0, 4.0, 5.0, 10.0, 20.0])
    return [size_row("random", joint, curve, seconds, None)]


def text_joint(n_words, n_positions, seed=0):
    """Return shares of pairs of neighbouring words: Zipf's law, and 40 topics that last."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, n_words + 1)
    share /= share.sum()
    topic = rng.integers(40, size=n_words)
    x = rng.choice(n_words, size=n_positions, p=share)
    y = rng.choice(n_words, size=n_positions, p=share)
    same = rng.random(n_positions) < 0.6
    of_topic = (y // 40) * 40 + topic[x]
    y = np.where(same, np.minimum(of_topic, n_words - 1), y)
    counts = sparse.csr_array((np.ones(n_positions), (x, y)), shape=(n_words, n_words))
    counts = counts[np.asarray(counts.sum(axis=1)).ravel() > 0]
    return counts / counts.sum()


def sparse_part():
    rows = []
    for n_words, n_positions in ((50_000, 5_000_000), (150_000, 15_000_000)):
        joint = text_joint(n_words, n_positions)

        def trace(joint=joint):
            return cpu_seconds(trace_text, joint)

        megabytes, (seconds, curve) = peak_megabytes(trace)
        rows.append(size_row("text", joint, curve, seconds, megabytes))
        print(rows[-1], flush=True)
    return rows


def trace_text(joint):
    betas = np.geomspace(1.5, 20, 10)
    return quietly(joint, betas, n_clusters=32, tolerance=1e-6, max_iter=60, random_state=0)


def size_row(kind, joint, curve, seconds, megabytes):
    n_entries = joint.nnz if sparse.issparse(joint) else joint.size
    return {
        "joint": kind,
        "n_x": joint.shape[0],
        "n_y": joint.shape[1],
        "entries": int(n_entries),
        "betas": len(curve.betas),
        "clusters": int(curve.n_clusters.max()),
        "cpu_seconds": seconds,
        "megabytes": megabytes,
        "converged": float(curve.converged.mean()),
        "change": float(curve.change.max()),
        "information": curve.information,
        "complexity": curve.complexity.tolist(),
        "expressivity": curve.expressivity.tolist(),
        "beta": curve.betas.tolist(),
    }


PARTS = {"closed": closed, "peers": peers, "dit": dit_part, "wide": wide, "sparse": sparse_part}


def tables(results):
    """Return the tables of the documentation."""
    closed_forms = pd.DataFrame(results["closed"])
    peer = pd.DataFrame(results["peers"])
    objectives = [f"beta {beta:g}" for beta in BETAS]
    mean = peer.groupby(["joint", "package"], sort=False)[[*objectives, "cpu_seconds"]].mean()
    sizes = pd.DataFrame([*results.get("wide", []), *results.get("sparse", [])])
    memory = sizes["megabytes"].map(lambda m: "" if pd.isna(m) else f"{m:,.0f}")
    return {
        "bottleneck_closed_forms": pd.DataFrame(
            {
                "source": closed_forms["source"],
                "largest error of complexity": closed_forms["complexity"].map("{:.0e}".format),
                "of expressivity": closed_forms["expressivity"].map("{:.0e}".format),
            }
        ),
        "bottleneck_peers": pd.DataFrame(
            {
                "joint, 3 draws": [kind for kind, _ in mean.index],
                "package": [package for _, package in mean.index],
                **{name: mean[name].map("{:.3f}".format).to_list() for name in objectives},
                "CPU seconds": mean["cpu_seconds"].map("{:.2f}".format).to_list(),
            }
        ),
        "bottleneck_dit": pd.DataFrame(results["dit"]).assign(
            objective=lambda table: table["objective"].map("{:.3f}".format),
            cpu_seconds=lambda table: table["cpu_seconds"].map("{:.2f}".format),
        ),
        "bottleneck_sizes": pd.DataFrame(
            {
                "joint": sizes["joint"],
                "n_x": sizes["n_x"].map("{:,}".format),
                "entries": sizes["entries"].map("{:,}".format),
                "clusters": sizes["clusters"],
                "betas": sizes["betas"],
                "CPU seconds": sizes["cpu_seconds"].map("{:.0f}".format),
                "peak, MB": memory,
                "largest change left": sizes["change"].map("{:.0e}".format),
            }
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parts = parser.parse_args().parts
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for part in parts:
        rows = PARTS[part]()
        print(pd.DataFrame(rows).to_string(index=False))
        results[part] = records(pd.DataFrame(rows), 12 if part == "closed" else 6)
        results["versions"] = {name: version(name) for name in ("numpy", "scipy", "embo")}
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
