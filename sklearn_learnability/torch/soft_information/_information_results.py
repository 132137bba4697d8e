"""What layers keep of sets of labels: the numbers of one, and the table of all."""

from dataclasses import asdict, dataclass, field

import pandas as pd

from sklearn_learnability._results import Result
from sklearn_learnability.torch.soft_information._influences import Influences


@dataclass(frozen=True, eq=False)
class InformationEstimate(Result):
    """What one layer keeps of one set of labels, with what meaningless labels would have given.

    All but `quadratic` are in units of ln(n_points) nats, so between 0 and 1.

    Attributes
    ----------
    layer : int
        Index of the layer.
    labels : str
        Name of the set of labels.
    entropy : float
        H(Z), of the mean assignment of the labelled positions.
    ceiling : float
        H(Z) less the mean entropy of single assignments: the information about any labels that
        all differ, and the most that any labels can reach.
    information : float
        The plug-in mutual information of labels and assignments. Biased upwards.
    information_mean : float
        The variant that counts every label alike; not a mutual information.
    null : float
        What `information` is on average if labels of the same sizes are dealt out at random.
    lower, miller_madow, upper : float
        Information about the labels that occur at least twice, over their positions alone:
        leave-one-out cross-entropy, Miller-Madow correction, plug-in.
    bracket_lower, bracket_upper : float
        95 % interval, over sequences, of the information about these labels among all positions
        that have one of them, those not seen included. From `lower`, but with whole sequences left
        out, to `upper`, widened by the sampling error at both ends. NaN for one sequence.
    coverage : float
        Share of the positions whose label occurs at least twice.
    quadratic : float
        Mean inner product of two assignments with a common label, less that of any two; the two
        are of different sequences. Unbiased over sequences drawn independently: 0 on average for
        labels that say nothing of the assignments. At most 1, in units of its own. NaN where no
        label occurs in two sequences.
    standard_error : float
        Of `information`, over sequences.
    interval_lower, interval_upper : float
        95 % interval of `information` over sequences; it does not hold the bias.
    quadratic_error : float
        Standard error of `quadratic`, by the jackknife over sequences; NaN for fewer than three.
    quadratic_lower, quadratic_upper : float
        95 % interval of `quadratic` over sequences.
    n_labels : int
        Number of different labels.
    n_positions : int
        Number of labelled positions.
    """

    layer: int
    labels: str
    entropy: float
    ceiling: float
    information: float
    information_mean: float
    null: float
    lower: float
    miller_madow: float
    upper: float
    bracket_lower: float
    bracket_upper: float
    coverage: float
    quadratic: float
    standard_error: float
    interval_lower: float
    interval_upper: float
    quadratic_error: float
    quadratic_lower: float
    quadratic_upper: float
    n_labels: int
    n_positions: int

    def to_frame(self) -> pd.DataFrame:
        """Return the estimate as a table of one row."""
        return pd.DataFrame([asdict(self)])


@dataclass(frozen=True, eq=False)
class InformationProfile(Result):
    """Estimates of all layers and sets of labels.

    Attributes
    ----------
    estimates : tuple of InformationEstimate
        Ordered by layer, then by set of labels.
    influences : tuple of Influences
        Of each estimate, what its errors are made of: from several follow those of their means and
        ratios.
    n_sequences : int
        Number of sequences that the intervals are over.
    """

    estimates: tuple[InformationEstimate, ...]
    influences: tuple[Influences, ...] = field(repr=False)
    n_sequences: int

    def to_frame(self) -> pd.DataFrame:
        """Return a table of one row a layer and set of labels."""
        return pd.DataFrame([asdict(estimate) for estimate in self.estimates])
