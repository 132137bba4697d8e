"""Loading checkpoints: safetensors, GGUF, and files of tensors; nothing that runs code."""

import os
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_learnability._validation import missing_package
from sklearn_learnability.exceptions import CheckpointError

# Endings of the files that torch.save writes.
TORCH_ENDINGS = {".pt", ".pth", ".bin", ".ckpt"}
#: What shows that a tokenizer is stored, and which of a tokenizer's files hold its vocabulary.
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt"),
    *("spiece.model", "sentencepiece.bpe.model", "tekken.json"),
)
VOCABULARIES = ("vocab_file", "tokenizer_file")


def load_parameters(path: str | os.PathLike[str], *, allow_pickle: bool = False) -> dict[str, Any]:
    """Return the parameters in a file, by name, on the CPU.

    A file of torch is read with `weights_only=True`: it may hold tensors and plain containers.
    Anything else in it is a pickle, which can run any code when it is loaded, and is refused.

    Parameters
    ----------
    path : path-like
        A `.safetensors` file, or one that `torch.save` wrote (`.pt`, `.pth`, `.bin`, `.ckpt`).
    allow_pickle : bool, default=False
        Whether to load pickles too. Only for files from a source you trust.

    Returns
    -------
    dict of str to Tensor
        The parameters.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, a pickle, holds no parameters by name, or some that are not
        finite.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import torch
    >>> from sklearn_learnability.torch import load_parameters
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.pt"
    ...     torch.save(torch.nn.Linear(2, 1).state_dict(), path)
    ...     parameters = load_parameters(path)
    >>> sorted(parameters)
    ['bias', 'weight']
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"Expected a file of parameters, got {path}, which is not there.")
    if path.suffix == ".safetensors":
        return check_parameters(read_safetensors(path), path)
    if path.suffix in TORCH_ENDINGS:
        return check_parameters(read_torch_file(path, allow_pickle), path)
    raise CheckpointError(
        f"Expected a file ending in .safetensors, {', '.join(sorted(TORCH_ENDINGS))}, got "
        f"{path.name}."
    )


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file."""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise missing_package("safetensors", "llm", "reads .safetensors files") from error
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        if is_out_of_memory(error):
            raise
        raise damaged(path, error) from error


def read_torch_file(path: Path, allow_pickle: bool) -> Any:
    """Return what torch.save wrote, refusing code unless it is allowed."""
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=not allow_pickle)
        changed = changed_part(path)
    except pickle.UnpicklingError as error:
        raise damaged(path, error) if allow_pickle or is_cut_zip(path) else refused(path) from error
    except Exception as error:  # a damaged file shows itself in many ways
        if is_out_of_memory(error):
            raise
        raise damaged(path, error) from error
    if changed is not None:
        raise damaged(path, ValueError(f"the check sum of {changed} is wrong"))
    return loaded


def changed_part(path: Path) -> str | None:
    """Return the name of a part of an archive that is not as it was written, if there is one."""
    if not zipfile.is_zipfile(path):  # as older versions of torch wrote
        return None
    with zipfile.ZipFile(path) as archive:
        has_sums = any(part.CRC for part in archive.infolist())  # torch can be told to write none
        return archive.testzip() if has_sums else None


def is_cut_zip(path: Path) -> bool:
    """Return whether a file begins as the archives of torch do, and lacks its end."""
    with path.open("rb") as file:
        return file.read(2) == b"PK" and not zipfile.is_zipfile(path)


def check_parameters(parameters: Any, path: Path) -> dict[str, Tensor]:
    """Return the parameters, refusing what is not a mapping to finite tensors."""
    if not isinstance(parameters, Mapping) or not parameters:
        nothing = parameters is None or (isinstance(parameters, Mapping) and not parameters)
        got = "nothing" if nothing else type(parameters).__name__
        raise CheckpointError(f"Expected parameters by name in {path}, got {got}.")
    others = [name for name, value in parameters.items() if not isinstance(value, Tensor)]
    if others:
        raise CheckpointError(
            f"Expected parameters by name in {path}, got {type(parameters[others[0]]).__name__} "
            f"under {others[0]!r}. Save the model's state_dict() alone."
        )
    unnamed = [name for name in parameters if not isinstance(name, str)]
    if unnamed:
        raise CheckpointError(f"Expected parameters by name in {path}, got the key {unnamed[0]!r}.")
    check_finite(parameters, path)
    return dict(parameters)


def check_finite(parameters: Mapping[str, Tensor], path: Any) -> None:
    """Refuse parameters that hold NaN or infinities, or no numbers at all."""
    for name, value in parameters.items():
        if value.is_meta:
            raise CheckpointError(f"Expected numbers in {path}, got a shape alone in {name!r}.")
        if not is_finite(value):
            raise CheckpointError(f"Expected finite parameters in {path}, got others in {name!r}.")


def is_finite(value: Tensor) -> bool:
    """Return whether a tensor of any layout and type holds neither NaN nor infinities."""
    if not (value.is_floating_point() or value.is_complex()):
        return True
    if value.is_nested:
        return all(map(is_finite, value.unbind()))
    if value.layout != torch.strided:
        value = (value.coalesce() if value.layout == torch.sparse_coo else value).values()
    small = value.itemsize == 1  # floats of 8 bits know no isfinite
    return bool(torch.isfinite(value.float() if small else value).all())


def load_language_model(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
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
        If a revision is given of a folder or file, which has none.
    TypeError
        If `dtype` is no type of torch.

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
    found: dict[str, Any] = {"local_files_only": True, "trust_remote_code": trust_remote_code}
    name = str(source)
    if path.suffix == ".gguf":
        name, found["gguf_file"] = str(path.parent), path.name
    if revision is not None:
        found["revision"] = revision
    options = {"dtype": dtype or "auto", "weights_only": not allow_pickle}
    loaded: Any  # pairs, which the types of transformers do not know
    try:
        check_decoder(AutoConfig.from_pretrained(name, **found), path)
        loaded = AutoModelForCausalLM.from_pretrained(
            name, output_loading_info=True, ignore_mismatched_sizes=True, **options, **found
        )
    except pickle.UnpicklingError as error:
        raise refused(path) from error
    except (CheckpointError, ImportError):
        raise
    # A damaged file shows itself in many ways; the cause is kept and named.
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise own_code(path, error) or damaged(path, error) from error
    model, told = loaded
    check_whole([*told["missing_keys"], *(key for key, *_ in told["mismatched_keys"])], path)
    check_finite(dict(model.named_parameters()), path)
    check_causal(model.eval(), path)
    return model, load_tokenizer(name, found)


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


def check_decoder(config: Any, path: Path) -> None:
    """Refuse a model of which only the decoder would be loaded."""
    if getattr(config, "is_encoder_decoder", False):
        raise CheckpointError(
            f"Expected a causal language model in {path}, got an encoder and a decoder "
            f"({type(config).__name__}). Load it with transformers, and pass a module that takes "
            "tokens and returns the logits of the decoder."
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


def is_out_of_memory(error: Exception) -> bool:
    """Return whether memory was lacking, which is no fault of a file."""
    lacking = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return lacking or any(text in str(error) for text in ("allocate memory", "not enough memory"))


def refused(path: Path) -> CheckpointError:
    """Return the error for a pickle."""
    return CheckpointError(
        f"Expected tensors alone in {path}, got a pickle, which can run any code when it is "
        "loaded. If you trust where it comes from, pass allow_pickle=True; better, save it again "
        "as safetensors."
    )


def own_code(path: Path, error: Exception) -> CheckpointError | None:
    """Return the error for a model that cannot be loaded without code of its own."""
    if "trust_remote_code" not in str(error):
        return None
    return CheckpointError(
        f"Expected a model of transformers in {path}, got one that runs code of its own. If you "
        "trust where it comes from, pass trust_remote_code=True."
    )


def damaged(path: Path, error: Exception) -> CheckpointError:
    """Return the error for a file that cannot be read."""
    cause = str(error).strip().splitlines()
    return CheckpointError(
        f"Expected a whole checkpoint in {path}, got one that cannot be read: "
        f"{type(error).__name__}: {cause[0] if cause else 'no message'}"
    )
