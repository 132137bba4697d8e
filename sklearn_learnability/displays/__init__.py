"""Pictures of results: arrays in, matplotlib axes out, nothing computed."""

from sklearn_learnability.displays._complexity_against_compressibility import (
    ComplexityAgainstCompressibilityDisplay,
)
from sklearn_learnability.displays._compression_curve import CompressionCurveDisplay
from sklearn_learnability.displays._context_information import ContextInformationDisplay
from sklearn_learnability.displays._description_length import DescriptionLengthDisplay
from sklearn_learnability.displays._efficiency import EfficiencyDisplay
from sklearn_learnability.displays._feature_groups import FeatureGroupDisplay
from sklearn_learnability.displays._influence import InfluenceDisplay
from sklearn_learnability.displays._information_bottleneck import InformationBottleneckDisplay
from sklearn_learnability.displays._information_plane import InformationPlaneDisplay
from sklearn_learnability.displays._layer_profile import LayerProfileDisplay
from sklearn_learnability.displays._learnability import LearnabilityDisplay
from sklearn_learnability.displays._learnability_curve import LearnabilityCurveDisplay
from sklearn_learnability.displays._llc_sensitivity import LLCSensitivityDisplay
from sklearn_learnability.displays._llc_trace import LLCTraceDisplay
from sklearn_learnability.displays._network_profile import NetworkProfileDisplay
from sklearn_learnability.displays._performance_relation import PerformanceRelationDisplay
from sklearn_learnability.displays._reliability import ReliabilityDisplay
from sklearn_learnability.displays._segments import SegmentDisplay
from sklearn_learnability.displays._sequential_learnability import SequentialLearnabilityDisplay
from sklearn_learnability.displays._shortfall import ShortfallDisplay

__all__ = [
    "ComplexityAgainstCompressibilityDisplay",
    "CompressionCurveDisplay",
    "ContextInformationDisplay",
    "DescriptionLengthDisplay",
    "EfficiencyDisplay",
    "FeatureGroupDisplay",
    "InfluenceDisplay",
    "InformationBottleneckDisplay",
    "InformationPlaneDisplay",
    "LLCSensitivityDisplay",
    "LLCTraceDisplay",
    "LayerProfileDisplay",
    "LearnabilityCurveDisplay",
    "LearnabilityDisplay",
    "NetworkProfileDisplay",
    "PerformanceRelationDisplay",
    "ReliabilityDisplay",
    "SegmentDisplay",
    "SequentialLearnabilityDisplay",
    "ShortfallDisplay",
]
