"""How much can be learned from a data set, and how much of it a model extracts."""

__version__ = "0.1.0.dev0"

from sklearn_learnability._golden_model_ceiling import GoldenModelCeiling

__all__ = ["GoldenModelCeiling", "__version__"]
