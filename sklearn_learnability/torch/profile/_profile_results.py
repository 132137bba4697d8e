"""What is known of one classifier, and of several: one row each, and one row a layer."""

from dataclasses import asdict, dataclass
from math import nan

import numpy as np
import pandas as pd

from sklearn_learnability._results import Result, table_of_named
from sklearn_learnability.metrics._code_length import CodeLength
from sklearn_learnability.metrics._comparison import ModelAssessment
from sklearn_learnability.metrics._resampling import Estimate
from sklearn_learnability.torch.compression._compression_curve import CriticalAmount
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.profile._layer_points import LayerPoint


@dataclass(frozen=True, eq=False)
class NetworkProfile(Result):
    """What a classifier extracts, what its layers keep, how complex it is, and what it costs.

    Attributes
    ----------
    assessment : ModelAssessment
        Loss and efficiency on held-out rows, raw and after calibration, in bits.
    calibration_loss : Estimate
        What calibration takes off the loss of a held-out row, in bits: the part of what the
        network misses that can be repaired.
    layers : tuple of LayerPoint
        What every layer keeps of held-out inputs and tells of their labels.
    llc : LLCEstimate or None
        The local learning coefficient on training rows; None where it was not asked for.
    critical : CriticalAmount
        How coarsely the parameters can be rounded before the loss of training rows, in nats, rises
        by the tolerance.
    description_length : CodeLength or None
        The network and the labels of the training rows as a two-part code, in bits; None without a
        coefficient, or where that is below 0.
    n_parameters : int
        Parameters that were trained.
    n_samples, n_test_samples : int
        Numbers of training rows, and of held-out rows.
    """

    assessment: ModelAssessment
    calibration_loss: Estimate
    layers: tuple[LayerPoint, ...]
    llc: LLCEstimate | None
    critical: CriticalAmount
    description_length: CodeLength | None
    n_parameters: int
    n_samples: int
    n_test_samples: int

    def to_frame(self) -> pd.DataFrame:
        """Return a table of one row.

        `training_nll` is in bits a training row. `complexity` and `expressivity` are means over
        layers. `critical_bits` are bits a parameter; NaN, with a `critical_status`, where the loss
        does not cross the tolerance. `llc_flags` are the codes of what speaks against the
        coefficient.
        """
        extracted, lost, length = self.assessment, self.calibration_loss, self.description_length
        row: dict[str, object] = {
            "n_parameters": self.n_parameters,
            "n_samples": self.n_samples,
            "n_test_samples": self.n_test_samples,
            "training_nll": self.critical.curve.baseline / np.log(2),
            "nll": extracted.nll,
            "learnability": extracted.efficiency.learnability.value,
        }
        for name in ("efficiency", "calibrated_efficiency"):
            found = getattr(extracted, name)
            row |= {name: found.value, f"{name}_lower": found.lower, f"{name}_upper": found.upper}
        row |= {
            "calibration_loss": lost.value,
            "calibration_loss_lower": lost.lower,
            "calibration_loss_upper": lost.upper,
        }
        for name in ("complexity", "expressivity", "expressivity_null"):
            values = [getattr(layer, name) for layer in self.layers]
            row[name] = float(np.mean(values)) if values else nan
        flags = () if self.llc is None else self.llc.flags
        return pd.DataFrame(
            [
                row
                | {
                    "llc": nan if self.llc is None else self.llc.value,
                    "llc_total_error": nan if self.llc is None else self.llc.total_error,
                    "llc_flags": ", ".join(flag.code for flag in flags),
                    "critical_bits": self.critical.size,
                    "critical_status": self.critical.status,
                    "description_length": nan if length is None else length.total,
                    "redundancy": nan if length is None else length.redundancy,
                }
            ]
        )

    def layers_to_frame(self) -> pd.DataFrame:
        """Return one row a layer."""
        return pd.DataFrame([asdict(layer) for layer in self.layers])


@dataclass(frozen=True, eq=False)
class ProfileTrajectory(Result):
    """The profiles of several classifiers, or of one at several times of its training.

    Attributes
    ----------
    names : tuple of str
        Names of the checkpoints that were measured, in the order given.
    profiles : tuple of NetworkProfile
        The profile of each.
    skipped : tuple of (str, str)
        Name of each checkpoint that could not be measured, and why.
    """

    names: tuple[str, ...]
    profiles: tuple[NetworkProfile, ...]
    skipped: tuple[tuple[str, str], ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a checkpoint, its name in the first column."""
        return table_of_named("checkpoint", self.names, self.profiles)

    def layers_to_frame(self) -> pd.DataFrame:
        """Return one row a checkpoint and layer, the checkpoint in the first column."""
        tables = [profile.layers_to_frame() for profile in self.profiles]
        for name, table in zip(self.names, tables, strict=True):
            table.insert(0, "checkpoint", name)
        return pd.concat(tables, ignore_index=True)
