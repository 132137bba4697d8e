"""Loading files of parameters, of safetensors and of torch; nothing that runs code."""

import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sklearn_learnability._validation import missing_package
from sklearn_learnability.exceptions import CheckpointError
from sklearn_learnability.torch.models._devices import inner_tensors

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
    if inner := inner_tensors(value):
        return all(map(is_finite, inner))
    if not (value.is_floating_point() or value.is_complex()):
        return True
    if value.is_nested:
        return all(map(is_finite, value.unbind()))
    if value.layout != torch.strided:
        value = (value.coalesce() if value.layout == torch.sparse_coo else value).values()
    small = value.itemsize == 1  # floats of 8 bits know no isfinite
    return bool(torch.isfinite(value.float() if small else value).all())


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


def damaged(path: Path, error: Exception) -> CheckpointError:
    """Return the error for a file that cannot be read."""
    cause = str(error).strip().splitlines()
    return CheckpointError(
        f"Expected a whole checkpoint in {path}, got one that cannot be read: "
        f"{type(error).__name__}: {cause[0] if cause else 'no message'}"
    )
