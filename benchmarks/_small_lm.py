"""A small decoder transformer in plain torch, its tokenizer, and the texts it reads."""

import ast
import json
import sysconfig
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_learnability.torch import load_parameters

FOLDER = Path(__file__).parents[1] / "output" / "small_lm"
END_OF_TEXT = "<|endoftext|>"
SHORTEST_TEXT = 200  # characters
CODE = "code"  # the second text
NOT_READ = {"site-packages", "dist-packages", "test", "tests", "lib2to3"}


@dataclass(frozen=True)
class SmallLMConfig:
    """Sizes of the network."""

    n_vocabulary: int = 1000
    context: int = 64
    dim: int = 80
    n_layers: int = 4
    n_heads: int = 4


class Block(nn.Module):
    """Causal self-attention and a feed-forward network, each added to its normalised input."""

    def __init__(self, config):
        super().__init__()
        self.n_heads = config.n_heads
        self.norm_1 = nn.LayerNorm(config.dim)
        self.attention_in = nn.Linear(config.dim, 3 * config.dim)
        self.attention_out = nn.Linear(config.dim, config.dim)
        self.norm_2 = nn.LayerNorm(config.dim)
        self.feed_forward = nn.Sequential(
            nn.Linear(config.dim, 4 * config.dim),
            nn.GELU(),
            nn.Linear(4 * config.dim, config.dim),
        )

    def forward(self, x):
        """Return the next hidden states (B, T, C)."""
        B, T, C = x.shape
        heads = self.attention_in(self.norm_1(x)).view(B, T, 3 * self.n_heads, -1).transpose(1, 2)
        query, key, value = heads.chunk(3, dim=1)  # (B, heads, T, C / heads)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.attention_out(mixed.transpose(1, 2).reshape(B, T, C))
        return x + self.feed_forward(self.norm_2(x))


class SmallLM(nn.Module):
    """A decoder transformer with tied embeddings.

    The layers whose outputs are its hidden states: `embedding`, `blocks.0` ... `blocks.L-1`.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.n_vocabulary, config.dim)
        self.positions = nn.Embedding(config.context, config.dim)
        self.embedding = nn.Identity()
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.dim)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                depth = (2 * config.n_layers) ** -0.5 if name.endswith("_out.weight") else 1.0
                nn.init.normal_(parameter, std=0.02 * depth)

    def forward(self, input_ids):
        """Return logits (B, T, V) of the next tokens of (B, T)."""
        where = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.embedding(self.tokens(input_ids) + self.positions(where))
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.tokens.weight.T


def layer_names(model):
    """Return the names of the modules whose outputs are the hidden states."""
    return ["embedding", *(f"blocks.{i}" for i in range(model.config.n_layers))]


def load_small_lm(path):
    """Return the network of a `.safetensors` file, its sizes read from config.json beside it."""
    path = Path(path)
    config = SmallLMConfig(**json.loads((path.parent / "config.json").read_text()))
    model = SmallLM(config)
    model.load_state_dict(load_parameters(path))
    return model.eval()


def save_config(config, folder):
    """Write config.json."""
    (folder / "config.json").write_text(json.dumps(asdict(config), indent=1) + "\n")


def read_texts(text=None):
    """Return texts: of a file, blank lines between them, or the CODE that every install carries.

    By default the English that every install carries.
    """
    if text == CODE:
        texts = texts_of_code()
    elif text is not None:
        texts = Path(text).read_text().split("\n\n")
    else:
        texts = [text for texts in texts_by_source().values() for text in texts]
    return list(dict.fromkeys(text.strip() for text in texts if len(text) >= SHORTEST_TEXT))


def texts_by_source():
    """Return Python's topics, and the docstrings of the standard library and three packages."""
    folders = {"standard library": Path(sysconfig.get_path("stdlib"))}
    folders |= {name: Path(find_spec(name).origin).parent for name in ("numpy", "scipy", "sklearn")}
    return {"topics": [*topics.values()]} | {
        name: [
            text
            for path in sorted(folder.rglob("*.py"))
            if not NOT_READ & set(path.relative_to(folder).parts)
            for text in docstrings_of(path)
        ]
        for name, folder in folders.items()
    }


def docstrings_of(path):
    """Return the docstrings in a file of Python source, cleaned of indentation."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return []
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = (ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds))
    return [text for text in found if text]


def texts_of_code():
    """Return the functions and classes of the standard library, without docstrings or comments."""
    folder = Path(sysconfig.get_path("stdlib"))
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = []
    for path in sorted(folder.rglob("*.py")):
        if NOT_READ & set(path.relative_to(folder).parts):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        texts += [ast.unparse(node) for node in tree.body if isinstance(node, kinds)]
    return texts


def train_tokenizer(texts, n_vocabulary):
    """Return a byte-level BPE tokenizer trained on the texts."""
    from tokenizers import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(
        texts,
        vocab_size=n_vocabulary,
        special_tokens=[END_OF_TEXT],
        show_progress=False,
    )
    return tokenizer


def split_texts(texts, seed=0, held_out=0.1):
    """Return the texts to train on and those held out, in a random order."""
    order = np.random.RandomState(seed).permutation(len(texts))
    n_held_out = round(held_out * len(texts))
    shuffled = [texts[i] for i in order]
    return shuffled[n_held_out:], shuffled[:n_held_out]


def pack(tokenizer, texts):
    """Return the tokens of all texts in one row, an end-of-text token after each."""
    end = tokenizer.token_to_id(END_OF_TEXT)
    encoded = tokenizer.encode_batch(list(texts))
    return np.concatenate([np.array([*text.ids, end], dtype=np.int64) for text in encoded])
