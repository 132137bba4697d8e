"""Imported before all else here: says how to install what this wing stands on."""

from importlib.util import find_spec

from sklearn_learnability._validation import missing_package

MISSING = [name for name in ("torch", "tqdm") if find_spec(name) is None]
if MISSING:
    raise missing_package(" and ".join(MISSING), "torch", "sklearn_learnability.torch needs")
