"""What needs torch; never imported by the tabular core at module level."""

from sklearn_learnability.torch._checkpoints import load_language_model, load_parameters
from sklearn_learnability.torch._complexity_against_compressibility import (
    complexity_against_compressibility,
)
from sklearn_learnability.torch._complexity_results import (
    CheckpointComplexity,
    ComplexityAgainstCompressibility,
)
from sklearn_learnability.torch._compression import CompressedLoss, CompressionScheme
from sklearn_learnability.torch._compression_curve import CompressionCurve, CriticalAmount
from sklearn_learnability.torch._critical_amount import critical_amount
from sklearn_learnability.torch._empirical_loss import next_token_loss
from sklearn_learnability.torch._estimate_llc import estimate_llc
from sklearn_learnability.torch._factorization import Factorization
from sklearn_learnability.torch._fold_norms import FoldedNorms, fold_norms
from sklearn_learnability.torch._gaussian_noise import GaussianNoise
from sklearn_learnability.torch._head_pruning import HeadPruning
from sklearn_learnability.torch._information_estimates import (
    InformationEstimate,
    InformationProfile,
)
from sklearn_learnability.torch._information_plane import measure_information_plane
from sklearn_learnability.torch._label_information import (
    LabelInformation,
    LabelPoint,
    label_information,
)
from sklearn_learnability.torch._llc_checkpoints import LLCTrajectory
from sklearn_learnability.torch._llc_estimate import LLCEstimate, LLCSettings
from sklearn_learnability.torch._llc_sensitivity import LLCSensitivity, llc_sensitivity
from sklearn_learnability.torch._local_learning_coefficient import LocalLearningCoefficient
from sklearn_learnability.torch._ngrams import LabelTable, ngram_labels
from sklearn_learnability.torch._plane_results import InformationPlane, PlanePoint
from sklearn_learnability.torch._preference_information import preference_information
from sklearn_learnability.torch._quantization import Quantization
from sklearn_learnability.torch._retraining import Retraining
from sklearn_learnability.torch._self_divergence import self_divergence_loss
from sklearn_learnability.torch._soft_entropy import soft_entropy
from sklearn_learnability.torch._soft_information import SoftInformation
from sklearn_learnability.torch._soft_mutual_information import soft_mutual_information
from sklearn_learnability.torch._temperature import calibrate_temperature
from sklearn_learnability.torch._trajectory import Trajectory, measure_checkpoints

__all__ = [
    "CheckpointComplexity",
    "ComplexityAgainstCompressibility",
    "CompressedLoss",
    "CompressionCurve",
    "CompressionScheme",
    "CriticalAmount",
    "Factorization",
    "FoldedNorms",
    "GaussianNoise",
    "HeadPruning",
    "InformationEstimate",
    "InformationPlane",
    "InformationProfile",
    "LLCEstimate",
    "LLCSensitivity",
    "LLCSettings",
    "LLCTrajectory",
    "LabelInformation",
    "LabelPoint",
    "LabelTable",
    "LocalLearningCoefficient",
    "PlanePoint",
    "Quantization",
    "Retraining",
    "SoftInformation",
    "Trajectory",
    "calibrate_temperature",
    "complexity_against_compressibility",
    "critical_amount",
    "estimate_llc",
    "fold_norms",
    "label_information",
    "llc_sensitivity",
    "load_language_model",
    "load_parameters",
    "measure_checkpoints",
    "measure_information_plane",
    "next_token_loss",
    "ngram_labels",
    "preference_information",
    "self_divergence_loss",
    "soft_entropy",
    "soft_mutual_information",
]
