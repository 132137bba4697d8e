"""What a stored result depends on."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def fingerprint(text: str, arrays: Sequence[NDArray]) -> str:
    """Return a digest of settings and data."""
    digest = hashlib.sha256(text.encode())
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
