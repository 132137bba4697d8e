"""What needs torch; never imported by the tabular core at module level."""

from sklearn_learnability.torch._checkpoints import load_language_model, load_parameters
from sklearn_learnability.torch._information_estimates import (
    InformationEstimate,
    InformationProfile,
)
from sklearn_learnability.torch._ngrams import LabelTable, ngram_labels
from sklearn_learnability.torch._soft_entropy import soft_entropy
from sklearn_learnability.torch._soft_information import SoftInformation
from sklearn_learnability.torch._soft_mutual_information import soft_mutual_information
from sklearn_learnability.torch._temperature import calibrate_temperature

__all__ = [
    "InformationEstimate",
    "InformationProfile",
    "LabelTable",
    "SoftInformation",
    "calibrate_temperature",
    "load_language_model",
    "load_parameters",
    "ngram_labels",
    "soft_entropy",
    "soft_mutual_information",
]
