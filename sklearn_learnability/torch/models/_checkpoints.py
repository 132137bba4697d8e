"""Loading checkpoints: safetensors, GGUF, and files of tensors; nothing that runs code."""

import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_learnability._validation import missing_package
from sklearn_learnability.exceptions import CheckpointError

# Endings of the files that torch.save writes.
TORCH_ENDINGS = {".pt", ".pth", ".bin", ".ckpt"}


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
        If the file is missing, damaged, a pickle, holds no parameters or holds some that are not
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
    except SafetensorError as error:
        raise damaged(path, error) from error


def read_torch_file(path: Path, allow_pickle: bool) -> Any:
    """Return what torch.save wrote, refusing code unless it is allowed."""
    try:
        return torch.load(path, map_location="cpu", weights_only=not allow_pickle)
    except pickle.UnpicklingError as error:
        raise damaged(path, error) if allow_pickle or is_cut_zip(path) else refused(path) from error
    except (EOFError, OSError, RuntimeError, ValueError) as error:
        raise damaged(path, error) from error


def is_cut_zip(path: Path) -> bool:
    """Return whether a file begins as the archives of torch do, and lacks its end."""
    with path.open("rb") as file:
        return file.read(2) == b"PK" and not zipfile.is_zipfile(path)


def check_parameters(parameters: Any, path: Path) -> dict[str, Tensor]:
    """Return the parameters, refusing what is not a mapping to finite tensors."""
    if not isinstance(parameters, Mapping) or not parameters:
        got = type(parameters).__name__ if parameters else "nothing"
        raise CheckpointError(f"Expected parameters by name in {path}, got {got}.")
    others = [name for name, value in parameters.items() if not isinstance(value, Tensor)]
    if others:
        raise CheckpointError(
            f"Expected parameters by name in {path}, got {type(parameters[others[0]]).__name__} "
            f"under {others[0]!r}. Save the model's state_dict() alone."
        )
    check_finite(parameters, path)
    return dict(parameters)


def check_finite(parameters: Mapping[str, Tensor], path: Any) -> None:
    """Refuse parameters that hold NaN or infinities."""
    for name, value in parameters.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(f"Expected finite parameters in {path}, got others in {name!r}.")


def load_language_model(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    dtype: torch.dtype | None = None,
    allow_pickle: bool = False,
) -> tuple[nn.Module, Any]:
    """Return a causal language model of transformers and its tokenizer, loaded from the disk alone.

    Nothing is downloaded, and no code that comes with a model is run.

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

    Returns
    -------
    model : torch.nn.Module
        The model, for evaluation.
    tokenizer : object
        Its tokenizer; None where none is stored with it.

    Raises
    ------
    CheckpointError
        If the model is missing, damaged, a pickle, or holds parameters that are not finite.

    Examples
    --------
    >>> from sklearn_learnability.torch import load_language_model
    >>> model, tokenizer = load_language_model("output/checkpoint-1000")  # doctest: +SKIP
    """
    try:
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        raise missing_package("transformers", "llm", "loads language models") from error
    path = Path(source)
    found: dict[str, Any] = {"local_files_only": True}
    name = str(source)
    if path.suffix == ".gguf":
        name, found["gguf_file"] = str(path.parent), path.name
    if revision is not None:
        found["revision"] = revision
    try:
        model = AutoModelForCausalLM.from_pretrained(
            name, dtype=dtype or "auto", weights_only=not allow_pickle, **found
        )
    except pickle.UnpicklingError as error:
        raise refused(path) from error
    except ImportError:
        raise
    # A damaged file shows itself in many ways; the cause is kept and named.
    except Exception as error:
        raise damaged(path, error) from error
    check_finite(dict(model.named_parameters()), path)
    return model.eval(), load_tokenizer(name, found)


def load_tokenizer(name: str, found: dict[str, Any]) -> Any:
    """Return the tokenizer stored with a model, None if there is none."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name, **found)
    except (OSError, ValueError):
        return None


def refused(path: Path) -> CheckpointError:
    """Return the error for a pickle."""
    return CheckpointError(
        f"Expected tensors alone in {path}, got a pickle, which can run any code when it is "
        "loaded. If you trust where it comes from, pass allow_pickle=True; better, save it again "
        "as safetensors."
    )


def damaged(path: Path, error: Exception) -> CheckpointError:
    """Return the error for a file that cannot be read."""
    cause = str(error).strip().splitlines()
    return CheckpointError(
        f"Expected a whole checkpoint in {path}, got one that cannot be read: "
        f"{type(error).__name__}: {cause[0] if cause else 'no message'}"
    )
