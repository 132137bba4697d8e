"""How much can be learned from a data set, and how much of it a model extracts."""

from sklearn_learnability._calibrated_nll import CalibratedNLL
from sklearn_learnability._capacity import select_capacity
from sklearn_learnability._efficiency_scorer import EfficiencyScorer, get_scorer, get_scorer_names
from sklearn_learnability._golden_model_ceiling import GoldenModelCeiling

__version__ = "0.1.0.dev0"

__all__ = [
    "CalibratedNLL",
    "EfficiencyScorer",
    "GoldenModelCeiling",
    "__version__",
    "get_scorer",
    "get_scorer_names",
    "select_capacity",
]
