"""The package's warnings and errors."""

from sklearn.exceptions import UndefinedMetricWarning


class LearnabilityWarning(UserWarning):
    """Base class of the package's warnings."""


class ZeroProbabilityWarning(LearnabilityWarning):
    """A model gave probability zero to a label that occurred; the probability was clipped."""


class HardLabelsWarning(ZeroProbabilityWarning):
    """Every probability is 0 or 1, and some are wrong: as if predicted labels had been given."""


class InSampleWarning(LearnabilityWarning):
    """A model beats the ceiling by more than noise: as if it had seen the labels of these rows."""


class LossUnitsWarning(LearnabilityWarning):
    """Losses are calibrated in the other unit, not in the one they were said to be in."""


class UndefinedInformationWarning(LearnabilityWarning, UndefinedMetricWarning):
    """An information measure is undefined on the given rows and is reported as NaN."""


class DuplicateRowsWarning(LearnabilityWarning):
    """Identical rows stand on both sides of a split, so that held-out losses may be memorised."""


class UnpredictedRowsWarning(LearnabilityWarning):
    """Some rows were never in a test fold and are left out of the estimate."""


class MissingClassWarning(LearnabilityWarning):
    """A class of the data was absent from the rows a model was trained on."""


class SingleLabelWarning(LearnabilityWarning):
    """Rows with fewer than two labels say nothing of how annotators differ and are left out."""


class DependentLabelsWarning(LearnabilityWarning):
    """The labels of a row are no independent draws from probabilities of its own."""


class ConvertedColumnsWarning(LearnabilityWarning):
    """Columns were read as another type than the one that holds them."""


class UnusedWeightsWarning(LearnabilityWarning):
    """A classifier takes no weights, so that it was fitted without them."""


class OrderedRowsWarning(LearnabilityWarning):
    """Rows that lie close together resemble each other, so that shuffled folds flatter a model."""


class DependentRowsWarning(LearnabilityWarning):
    """Rows resemble each other, and an interval that takes them as independent is too short."""


class OptimisticSplitWarning(LearnabilityWarning):
    """A random split of rows in order of time finds much more than a forward split does."""


class FewValuesWarning(LearnabilityWarning):
    """A number has so few distinct values that its learnability cannot come near 1."""


class ResolutionWarning(LearnabilityWarning):
    """The inputs all but fix a number, more closely than bins can tell."""


class CandidateFailedWarning(LearnabilityWarning):
    """A golden-model candidate could not be fitted and was left out."""


class TimeLimitWarning(LearnabilityWarning):
    """Candidates were left out, or chains stopped, for want of time within the limit."""


class CalibrationWarning(LearnabilityWarning):
    """A calibration map could not be fitted as asked."""


class SmallSegmentWarning(LearnabilityWarning):
    """Segments have too few rows for a test and are reported without a verdict."""


class DamagedCheckpointWarning(LearnabilityWarning):
    """A checkpoint could not be loaded or measured and was left out of a trajectory."""


class ReplacedPlaneWarning(LearnabilityWarning):
    """A step of a training was measured before, of other weights, and was measured again."""


class CheckpointError(ValueError):
    """A checkpoint or a store is missing, damaged, not whole, or a pickle nobody allowed."""


class NotFiniteError(ValueError):
    """A model gives hidden states or a loss that are not finite."""


class ZeroVectorWarning(LearnabilityWarning):
    """Hidden states are zero vectors, which have no direction."""


class NoPositionsWarning(LearnabilityWarning):
    """A batch had no position to count and was skipped."""


class SingleSequenceWarning(LearnabilityWarning):
    """Only one sequence was seen, so that what compares sequences is undefined: intervals too."""


class NotCausalWarning(LearnabilityWarning):
    """Hidden states depend on tokens to come, which they may have read instead of foretold."""


class AsymptoticFormulaWarning(LearnabilityWarning):
    """An asymptotic formula was asked for numbers too small for it."""


class UndefinedAssociationWarning(LearnabilityWarning, UndefinedMetricWarning):
    """A correlation is undefined, as a quantity is constant, and is reported as NaN."""


class DeterminedByCovariatesWarning(LearnabilityWarning, UndefinedMetricWarning):
    """Covariates leave nothing of a quantity to correlate, and the correlation is NaN."""


class UndefinedLossWarning(LearnabilityWarning):
    """A loss is not finite at some amounts of compression."""


class NotAMinimumWarning(LearnabilityWarning):
    """A learning coefficient was measured where the loss has a slope, which biases it."""


class NotLocalWarning(LearnabilityWarning):
    """Chains left the neighbourhood of w*, or the pull towards it decides the value."""


class UnconvergedChainsWarning(LearnabilityWarning):
    """Chains of a sampler had not converged, or their mean is too noisy."""


class LostChainsWarning(LearnabilityWarning):
    """Some chains met a loss that is not finite, stopped, and were left out."""


class BottleneckConvergenceWarning(LearnabilityWarning):
    """Points of an information-bottleneck curve still moved after the last step."""


class SamplingError(ArithmeticError):
    """Every chain of a sampler met a loss that is not finite."""
