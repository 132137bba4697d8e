"""Loading language models of transformers from the disk, whole or not at all."""

import json
import os
import pickle
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sklearn_learnability._validation import missing_package
from sklearn_learnability.exceptions import CheckpointError
from sklearn_learnability.torch.models._checkpoints import (
    check_finite,
    damaged,
    is_out_of_memory,
    refused,
)
from sklearn_learnability.torch.models._devices import device_of, weights_in_memory

#: What shows that a tokenizer is stored, and which of a tokenizer's files hold its vocabulary.
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt"),
    *("spiece.model", "sentencepiece.bpe.model", "tekken.json"),
)
VOCABULARIES = ("vocab_file", "tokenizer_file")
ADAPTER = "adapter_config.json"
#: Options of `from_pretrained` that are not passed on, with what to do instead.
DECIDED = {
    **dict.fromkeys(
        ("local_files_only", "force_download", "proxies", "token"), "Nothing is downloaded."
    ),
    **dict.fromkeys(
        ("cache_dir", "subfolder", "gguf_file", "config", "state_dict"), "Pass a folder or a file."
    ),
    **dict.fromkeys(
        ("output_loading_info", "ignore_mismatched_sizes"), "What a file lacks is an error."
    ),
    "weights_only": "Pass allow_pickle.",
    "torch_dtype": "Pass dtype.",
}


def load_language_model(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
    **options: Any,
) -> tuple[nn.Module, Any]:
    """Return a causal language model of transformers and its tokenizer, loaded from the disk alone.

    Nothing is downloaded, and no code that comes with a model is run unless `trust_remote_code`.
    What is not a whole causal model is refused: no parameter and no tokenizer is made up.

    Parameters
    ----------
    source : path-like
        A folder that `save_pretrained` wrote, a `.gguf` file, or the name of a model in the local
        cache.
    revision : str, default=None
        The revision of a model in the local cache; by default the main one.
    dtype : torch.dtype, default=None
        The type of the parameters; by default the one they were stored in.
    allow_pickle : bool, default=False
        Whether to load pickles too. Only for files from a source you trust.
    trust_remote_code : bool, default=False
        Whether to run code that comes with the model or the tokenizer.
    **options : object
        What else `from_pretrained` of transformers takes: `device_map` and `offload_folder` for
        models that do not fit one device, `quantization_config`, `attn_implementation`.

    Returns
    -------
    model : torch.nn.Module
        The model, for evaluation.
    tokenizer : object
        Its tokenizer; None where none is stored with it.

    Raises
    ------
    CheckpointError
        If the model or its tokenizer is missing, damaged or a pickle, parameters lack or are not
        finite, or the model has an encoder beside the decoder or sees tokens to come.
    ValueError
        If a revision is given of a folder or file, which has none, or an option that this function
        decides itself, that transformers refuses, or that leaves out parameters.
    TypeError
        If `dtype` is no type of torch, or an option is unknown.

    Examples
    --------
    >>> from sklearn_learnability.torch import load_language_model
    >>> model, tokenizer = load_language_model("output/checkpoint-1000")  # doctest: +SKIP
    """
    try:
        from transformers import AutoConfig, AutoModelForCausalLM
    except ImportError as error:
        raise missing_package("transformers", "llm", "loads language models") from error
    path = Path(source)
    check_source(path, revision, dtype)
    check_options(options)
    found: dict[str, Any] = {"local_files_only": True, "trust_remote_code": trust_remote_code}
    name = str(source)
    if path.suffix == ".gguf":
        if find_spec("gguf") is None:
            raise missing_package("gguf", "llm", "reads .gguf files")
        name, found["gguf_file"] = str(path.parent), path.name
    if revision is not None:
        found["revision"] = revision
    how = {"dtype": dtype or "auto", "weights_only": not allow_pickle, **options}
    loaded: Any  # pairs, which the types of transformers do not know
    try:
        base = base_of_adapter(name, found)
        of_base = found if base is None else found | {"revision": None}
        config = AutoConfig.from_pretrained(base or name, **of_base)
        check_decoder(config, path)
        loaded = AutoModelForCausalLM.from_pretrained(
            name, output_loading_info=True, ignore_mismatched_sizes=True, **how, **found
        )
    except pickle.UnpicklingError as error:
        raise refused(path) from error
    except (CheckpointError, ImportError):
        raise
    # A damaged file shows itself in many ways; the cause is kept and named.
    except Exception as error:
        if is_out_of_memory(error) or is_of_options(error, options):
            raise
        raise own_code(path, error) or damaged(path, error) from error
    model, told = loaded
    check_not_cut(told["unexpected_keys"], options, config)
    check_whole([*told["missing_keys"], *(key for key, *_ in told["mismatched_keys"])], path)
    check_weights(model, path)
    check_causal(model.eval(), path)
    tokenizer = load_tokenizer(name, found)
    if tokenizer is None and base is not None:
        tokenizer = load_tokenizer(base, of_base)
    return model, tokenizer


def check_source(path: Path, revision: str | None, dtype: Any) -> None:
    """Refuse what would be blamed on the checkpoint, or passed over."""
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise TypeError(f"Expected dtype such as torch.float32, got {dtype!r}.")
    if path.is_file() and path.suffix != ".gguf":
        raise CheckpointError(
            "Expected a folder that save_pretrained wrote, a .gguf file or a model's name, got the "
            f"file {path}. Pass its folder, or read it with load_parameters."
        )
    if revision is not None and path.exists():
        raise ValueError(
            f"Expected a revision of a model in the local cache alone, got {revision!r} of {path}, "
            "which has no revisions. Pass the folder of each."
        )


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that are decided here."""
    decided = [name for name in options if name in DECIDED]
    if decided:
        raise ValueError(
            "Expected options of from_pretrained that are not decided here, got "
            f"{decided[0]!r}. {DECIDED[decided[0]]}"
        )


def is_of_options(error: Exception, options: Mapping[str, Any]) -> bool:
    """Return whether an error is about an option, and not about a checkpoint."""
    if isinstance(error, ValueError):
        return any(name in str(error) for name in options)
    return bool(options) and isinstance(error, TypeError)


def check_not_cut(left_out: Sequence[str], options: Mapping[str, Any], config: Any) -> None:
    """Refuse changes of a model's architecture that leave out some of its parameters."""
    changed = [name for name in options if name in config.to_dict()]
    if changed and left_out:
        raise ValueError(
            f"Expected options that leave the model whole, got {', '.join(changed)}, with which "
            f"{len(left_out)} of the stored parameters are left out."
        )


def base_of_adapter(name: str, found: Mapping[str, Any]) -> str | None:
    """Return the name of the model that a stored adapter of peft changes, None if it is none."""
    if "gguf_file" in found or is_stored(name, "config.json", found):
        return None
    if not is_stored(name, ADAPTER, found):
        return None
    if find_spec("peft") is None:
        raise ImportError(
            f"Expected peft to be installed, which loads the adapter in {name}; got none. Install "
            "it: pip install peft"
        )
    from transformers.utils import cached_file

    options = {"local_files_only": True, "revision": found.get("revision")}
    file: Any = cached_file(name, ADAPTER, **options)
    return json.loads(Path(file).read_text())["base_model_name_or_path"]


def check_weights(model: nn.Module, path: Path) -> None:
    """Refuse weights that are not finite, of offloaded modules one at a time."""
    for name, module in model.named_modules():
        with weights_in_memory(module):
            own = module.named_parameters(prefix=name, recurse=False)
            check_finite(dict(own), path)


def check_decoder(config: Any, path: Path) -> None:
    """Refuse a model of which only the decoder would be loaded."""
    if getattr(config, "is_encoder_decoder", False):
        raise CheckpointError(
            f"Expected a causal language model in {path}, got an encoder and a decoder "
            f"({type(config).__name__}). Load it with transformers, and pass layers='encoder' or "
            "layers='decoder', or a module that takes tokens and returns the logits of the decoder."
        )


def check_whole(missing: Sequence[str], path: Path) -> None:
    """Refuse a model with parameters that its file lacks, which would be random."""
    if missing:
        listed = ", ".join(sorted(missing)[:5]) + (", ..." if len(missing) > 5 else "")
        raise CheckpointError(
            f"Expected all parameters of the model in {path}, got a file that lacks {len(missing)} "
            f"of them or has them in another shape: {listed}. Save the whole model again."
        )


def check_causal(model: Any, path: Path) -> None:
    """Refuse a model whose predictions change with a token that comes later."""
    try:
        tokens = torch.arange(1, 5)[None] % model.get_input_embeddings().num_embeddings
        tokens = tokens.to(device_of(model))
        others = tokens.clone()
        others[0, -1] = 0
        with torch.no_grad():
            first, second = (model(input_ids=ids).logits[0, :-1] for ids in (tokens, others))
    except Exception:  # it takes more than tokens, and says so when it is used
        return
    if (first - second).abs().max() > 1e-4 * first.abs().max():
        raise CheckpointError(
            f"Expected a causal language model in {path}, got a {type(model).__name__} whose "
            "predictions depend on tokens to come."
        )


def load_tokenizer(name: str, found: dict[str, Any]) -> Any:
    """Return the tokenizer stored with a model, None if none is stored."""
    from transformers import AutoTokenizer

    if "gguf_file" not in found and not any(is_stored(name, f, found) for f in TOKENIZER_FILES):
        return None
    path = Path(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **found)
    except ImportError:
        raise
    except Exception as error:
        if "gguf_file" in found and isinstance(error, OSError | ValueError):
            return None
        raise own_code(path, error) or damaged(path / "tokenizer", error) from error
    files = [f for key, f in tokenizer.vocab_files_names.items() if key in VOCABULARIES]
    if files and "gguf_file" not in found and not any(is_stored(name, f, found) for f in files):
        raise CheckpointError(
            f"Expected the vocabulary of the tokenizer in {path}, got no {' or '.join(files)}. "
            "Save the tokenizer again, or remove what is left of it."
        )
    return tokenizer


def is_stored(name: str, file: str, found: Mapping[str, Any]) -> bool:
    """Return whether a file is in a model's folder, or in the local cache under its name."""
    from transformers.utils import cached_file

    options = {"local_files_only": True, "revision": found.get("revision")}
    missing = {"_raise_exceptions_for_missing_entries": False}
    return cached_file(name, file, **options, **missing) is not None


def own_code(path: Path, error: Exception) -> CheckpointError | None:
    """Return the error for a model that cannot be loaded without code of its own."""
    if "trust_remote_code" not in str(error):
        return None
    return CheckpointError(
        f"Expected a model of transformers in {path}, got one that runs code of its own. If you "
        "trust where it comes from, pass trust_remote_code=True."
    )
