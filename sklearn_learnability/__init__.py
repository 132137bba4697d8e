"""How much can be learned from a data set, and how much of it a model extracts."""

__version__ = "0.1.0.dev0"

__all__ = ["__version__"]
