"""What needs torch; never imported by the tabular core at module level."""

from sklearn_learnability.torch import _installed  # noqa: F401  (first: the others import torch)
from sklearn_learnability.torch.compression._compression import CompressedLoss, CompressionScheme
from sklearn_learnability.torch.compression._compression_curve import (
    CompressionCurve,
    CriticalAmount,
)
from sklearn_learnability.torch.compression._critical_amount import critical_amount
from sklearn_learnability.torch.compression._factorization import Factorization
from sklearn_learnability.torch.compression._fold_norms import FoldedNorms, fold_norms
from sklearn_learnability.torch.compression._gaussian_noise import GaussianNoise
from sklearn_learnability.torch.compression._head_pruning import HeadPruning
from sklearn_learnability.torch.compression._quantization import Quantization
from sklearn_learnability.torch.compression._retraining import Retraining
from sklearn_learnability.torch.learning_coefficient._draw_losses import draw_losses
from sklearn_learnability.torch.learning_coefficient._estimate_llc import estimate_llc
from sklearn_learnability.torch.learning_coefficient._flag import Flag, FlagCode
from sklearn_learnability.torch.learning_coefficient._influence import Influence
from sklearn_learnability.torch.learning_coefficient._information_criteria import (
    InformationCriteria,
)
from sklearn_learnability.torch.learning_coefficient._known_models import (
    KnownModel,
    half_squared_error,
    make_linear_regression_model,
    make_normal_crossing_model,
)
from sklearn_learnability.torch.learning_coefficient._known_networks import (
    make_linear_network_model,
    make_rotated_linear_network_model,
    make_tanh_network_model,
)
from sklearn_learnability.torch.learning_coefficient._llc_by_part import LLCByPart, llc_by_part
from sklearn_learnability.torch.learning_coefficient._llc_checkpoints import LLCTrajectory
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate, LLCSettings
from sklearn_learnability.torch.learning_coefficient._llc_sensitivity import (
    LLCSensitivity,
    llc_sensitivity,
)
from sklearn_learnability.torch.learning_coefficient._local_learning_coefficient import (
    LocalLearningCoefficient,
)
from sklearn_learnability.torch.learning_coefficient._posterior_losses import (
    PosteriorLosses,
    RowLosses,
)
from sklearn_learnability.torch.learning_coefficient._row_contributions import RowContributions
from sklearn_learnability.torch.learning_coefficient._susceptibility import Susceptibility
from sklearn_learnability.torch.models._batch_loss import next_token_loss
from sklearn_learnability.torch.models._checkpoints import load_parameters
from sklearn_learnability.torch.models._head_parameters import attention_head_parameters
from sklearn_learnability.torch.models._language_models import load_language_model
from sklearn_learnability.torch.models._self_divergence import self_divergence_loss
from sklearn_learnability.torch.profile._complexity_against_compressibility import (
    complexity_against_compressibility,
)
from sklearn_learnability.torch.profile._complexity_callback import (
    ComplexityCallback,
    ComplexityStep,
    ComplexityTrajectory,
)
from sklearn_learnability.torch.profile._complexity_results import (
    CheckpointComplexity,
    ComplexityAgainstCompressibility,
    ComplexityPoint,
)
from sklearn_learnability.torch.profile._layer_points import LayerPoint
from sklearn_learnability.torch.profile._network_profile import (
    network_profile,
    profile_checkpoints,
)
from sklearn_learnability.torch.profile._profile_results import NetworkProfile, ProfileTrajectory
from sklearn_learnability.torch.representations._information_plane import measure_information_plane
from sklearn_learnability.torch.representations._information_plane_callback import (
    InformationPlaneCallback,
)
from sklearn_learnability.torch.representations._label_information import (
    LabelInformation,
    LabelPoint,
    label_information,
)
from sklearn_learnability.torch.representations._label_trajectory import (
    LabelTrajectory,
    measure_label_checkpoints,
    measure_preference_checkpoints,
)
from sklearn_learnability.torch.representations._plane_results import InformationPlane, PlanePoint
from sklearn_learnability.torch.representations._preference_information import (
    preference_information,
)
from sklearn_learnability.torch.representations._trajectory import Trajectory, measure_checkpoints
from sklearn_learnability.torch.soft_information._information_results import (
    InformationEstimate,
    InformationProfile,
)
from sklearn_learnability.torch.soft_information._ngrams import LabelTable, ngram_labels
from sklearn_learnability.torch.soft_information._soft_entropy import soft_entropy
from sklearn_learnability.torch.soft_information._soft_information import SoftInformation
from sklearn_learnability.torch.soft_information._soft_mutual_information import (
    soft_mutual_information,
)
from sklearn_learnability.torch.soft_information._temperature import calibrate_temperature

__all__ = [
    "CheckpointComplexity",
    "ComplexityAgainstCompressibility",
    "ComplexityCallback",
    "ComplexityPoint",
    "ComplexityStep",
    "ComplexityTrajectory",
    "CompressedLoss",
    "CompressionCurve",
    "CompressionScheme",
    "CriticalAmount",
    "Factorization",
    "Flag",
    "FlagCode",
    "FoldedNorms",
    "GaussianNoise",
    "HeadPruning",
    "Influence",
    "InformationCriteria",
    "InformationEstimate",
    "InformationPlane",
    "InformationPlaneCallback",
    "InformationProfile",
    "KnownModel",
    "LLCByPart",
    "LLCEstimate",
    "LLCSensitivity",
    "LLCSettings",
    "LLCTrajectory",
    "LabelInformation",
    "LabelPoint",
    "LabelTable",
    "LabelTrajectory",
    "LayerPoint",
    "LocalLearningCoefficient",
    "NetworkProfile",
    "PlanePoint",
    "PosteriorLosses",
    "ProfileTrajectory",
    "Quantization",
    "Retraining",
    "RowContributions",
    "RowLosses",
    "SoftInformation",
    "Susceptibility",
    "Trajectory",
    "attention_head_parameters",
    "calibrate_temperature",
    "complexity_against_compressibility",
    "critical_amount",
    "draw_losses",
    "estimate_llc",
    "fold_norms",
    "half_squared_error",
    "label_information",
    "llc_by_part",
    "llc_sensitivity",
    "load_language_model",
    "load_parameters",
    "make_linear_network_model",
    "make_linear_regression_model",
    "make_normal_crossing_model",
    "make_rotated_linear_network_model",
    "make_tanh_network_model",
    "measure_checkpoints",
    "measure_information_plane",
    "measure_label_checkpoints",
    "measure_preference_checkpoints",
    "network_profile",
    "next_token_loss",
    "ngram_labels",
    "preference_information",
    "profile_checkpoints",
    "self_divergence_loss",
    "soft_entropy",
    "soft_mutual_information",
]
