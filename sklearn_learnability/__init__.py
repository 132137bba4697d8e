"""How much can be learned from a data set, and how much of it a model extracts."""

from sklearn_learnability._purged_k_fold import PurgedKFold
from sklearn_learnability.ceilings._conditional_contribution import (
    ConditionalContribution,
    conditional_contribution,
)
from sklearn_learnability.ceilings._evidence import ShortfallEvidence
from sklearn_learnability.ceilings._extrapolation import Extrapolation
from sklearn_learnability.ceilings._feature_groups import (
    FeatureGroupAssessment,
    FeatureGroupReport,
    learnability_by_feature_group,
)
from sklearn_learnability.ceilings._golden_model_ceiling import GoldenModelCeiling
from sklearn_learnability.ceilings._golden_model_ceiling_regressor import (
    GoldenModelCeilingRegressor,
)
from sklearn_learnability.ceilings._learnability_curve import LearnabilityCurve, learnability_curve
from sklearn_learnability.ceilings._output_learnability import (
    OutputLearnability,
    learnability_by_output,
)
from sklearn_learnability.ceilings._points_left import PointsLeft
from sklearn_learnability.ceilings._random_versus_forward import (
    RandomVersusForward,
    random_versus_forward,
)
from sklearn_learnability.ceilings._score_ceiling import ScoreCeiling
from sklearn_learnability.ceilings._sequential_learnability import SequentialLearnability
from sklearn_learnability.ceilings._sequential_results import (
    SequenceCodeLength,
    SequentialTrajectory,
)
from sklearn_learnability.ceilings._shortfall import Shortfall
from sklearn_learnability.ceilings._verdict import Verdict
from sklearn_learnability.scoring._calibrated_nll import CalibratedNLL
from sklearn_learnability.scoring._capacity import select_capacity
from sklearn_learnability.scoring._efficiency_scorer import (
    EfficiencyScorer,
    get_scorer,
    get_scorer_names,
)
from sklearn_learnability.scoring._regression_efficiency_scorer import RegressionEfficiencyScorer

__version__ = "0.1.0.dev0"

__all__ = [
    "CalibratedNLL",
    "ConditionalContribution",
    "EfficiencyScorer",
    "Extrapolation",
    "FeatureGroupAssessment",
    "FeatureGroupReport",
    "GoldenModelCeiling",
    "GoldenModelCeilingRegressor",
    "LearnabilityCurve",
    "OutputLearnability",
    "PointsLeft",
    "PurgedKFold",
    "RandomVersusForward",
    "RegressionEfficiencyScorer",
    "ScoreCeiling",
    "SequenceCodeLength",
    "SequentialLearnability",
    "SequentialTrajectory",
    "Shortfall",
    "ShortfallEvidence",
    "Verdict",
    "__version__",
    "conditional_contribution",
    "get_scorer",
    "get_scorer_names",
    "learnability_by_feature_group",
    "learnability_by_output",
    "learnability_curve",
    "random_versus_forward",
    "select_capacity",
]
