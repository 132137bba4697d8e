"""What needs torch; never imported by the tabular core at module level."""

from sklearn_learnability.torch._checkpoints import load_language_model, load_parameters

__all__ = ["load_language_model", "load_parameters"]
