"""Information measures: arrays in, numbers or frozen results out."""

from sklearn_learnability.metrics._annotator_learnability import (
    AnnotatorLearnability,
    annotator_learnability,
)
from sklearn_learnability.metrics._best_expected_score import best_expected_score
from sklearn_learnability.metrics._best_model import BestModel
from sklearn_learnability.metrics._calibration import (
    Calibrator,
    cross_fit_calibration,
    fit_calibrator,
)
from sklearn_learnability.metrics._code_length import CodeLength, two_part_code_length
from sklearn_learnability.metrics._comparison import (
    ModelAssessment,
    ModelComparison,
    compare_models,
)
from sklearn_learnability.metrics._description_length import (
    DescriptionLengthSelection,
    Minimum,
    predicted_bits,
    select_by_description_length,
)
from sklearn_learnability.metrics._distance_to_bound import DistanceToBound, distance_to_bound
from sklearn_learnability.metrics._efficiency import Efficiency, efficiency, efficiency_score
from sklearn_learnability.metrics._information import (
    information_score,
    label_entropy,
    log_loss_per_sample,
    negative_log_likelihood,
    pointwise_information,
)
from sklearn_learnability.metrics._information_bottleneck import (
    InformationBottleneck,
    information_bottleneck,
)
from sklearn_learnability.metrics._linear_association import (
    LinearAssociation,
    linear_association,
)
from sklearn_learnability.metrics._ngram_joint import NgramJoint, ngram_joint
from sklearn_learnability.metrics._nll_decomposition import (
    NLLDecomposition,
    calibrated_nll,
    nll_decomposition,
)
from sklearn_learnability.metrics._performance_relation import (
    MeasureRelation,
    PerformanceRelation,
    relate_to_performance,
)
from sklearn_learnability.metrics._phases import Phase
from sklearn_learnability.metrics._rank_association import GroupLeftOut, RankAssociation
from sklearn_learnability.metrics._regression_efficiency import (
    RegressionEfficiency,
    regression_efficiency,
)
from sklearn_learnability.metrics._reliability import Reliability, ReliabilityBin, reliability
from sklearn_learnability.metrics._resampling import Estimate
from sklearn_learnability.metrics._segment_status import SegmentAssessment
from sklearn_learnability.metrics._segments import SegmentReport, information_by_segment
from sklearn_learnability.metrics._size_groups import size_groups
from sklearn_learnability.metrics._spearman import partial_spearman, spearman

__all__ = [
    "AnnotatorLearnability",
    "BestModel",
    "Calibrator",
    "CodeLength",
    "DescriptionLengthSelection",
    "DistanceToBound",
    "Efficiency",
    "Estimate",
    "GroupLeftOut",
    "InformationBottleneck",
    "LinearAssociation",
    "MeasureRelation",
    "Minimum",
    "ModelAssessment",
    "ModelComparison",
    "NLLDecomposition",
    "NgramJoint",
    "PerformanceRelation",
    "Phase",
    "RankAssociation",
    "RegressionEfficiency",
    "Reliability",
    "ReliabilityBin",
    "SegmentAssessment",
    "SegmentReport",
    "annotator_learnability",
    "best_expected_score",
    "calibrated_nll",
    "compare_models",
    "cross_fit_calibration",
    "distance_to_bound",
    "efficiency",
    "efficiency_score",
    "fit_calibrator",
    "information_bottleneck",
    "information_by_segment",
    "information_score",
    "label_entropy",
    "linear_association",
    "log_loss_per_sample",
    "negative_log_likelihood",
    "ngram_joint",
    "nll_decomposition",
    "partial_spearman",
    "pointwise_information",
    "predicted_bits",
    "regression_efficiency",
    "relate_to_performance",
    "reliability",
    "select_by_description_length",
    "size_groups",
    "spearman",
    "two_part_code_length",
]
