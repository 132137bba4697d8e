"""What complexity and compressibility were at each checkpoint, and the lines through them."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from sklearn_learnability.exceptions import UndefinedAssociationWarning
from sklearn_learnability.metrics import LinearAssociation, linear_association
from sklearn_learnability.torch.compression._compression_curve import CriticalAmount


@dataclass(frozen=True)
class CheckpointComplexity:
    """The local learning coefficient of one checkpoint, and how far it can be compressed.

    Attributes
    ----------
    checkpoint : str
        Its name.
    group : str
        The run it belongs to.
    loss : float
        Loss of the model as it is, on the rows that compression is measured on.
    llc, llc_standard_error : float
        The coefficient and its standard error.
    half_chain_drift, excess_loss : float
        Of its chains: how far they had not settled, and how far above the checkpoint they went.
    flags : tuple of str
        Why the coefficient should not be trusted.
    critical : dict of str to tuple of CriticalAmount
        By scheme, the critical amount at every tolerance.
    """

    checkpoint: str
    group: str
    loss: float
    llc: float
    llc_standard_error: float
    half_chain_drift: float
    excess_loss: float
    flags: tuple[str, ...]
    critical: Mapping[str, tuple[CriticalAmount, ...]]


@dataclass(frozen=True)
class ComplexityAgainstCompressibility:
    """Complexity against compressibility over training, every point accounted for.

    Attributes
    ----------
    checkpoints : tuple of CheckpointComplexity
        What was measured, in the order given.
    skipped : tuple of (str, str)
        Name of each checkpoint that could not be loaded, and why.
    start_below : float or None
        Points of a run count from its first checkpoint on whose loss is below this share of the
        loss of its first; None counts all.
    """

    checkpoints: tuple[CheckpointComplexity, ...]
    skipped: tuple[tuple[str, str], ...]
    start_below: float | None

    def to_frame(self) -> pd.DataFrame:
        """Return one row a checkpoint, scheme and tolerance; `left_out` says why one is not used.

        `critical` is the amount, `size` what the model takes there (bits of a quantization).
        """
        before = self._before_start()
        rows = []
        for point, scheme, found in self._critical_amounts():
            left_out = "before the start" if (point.group, point.checkpoint) in before else ""
            if found.status != "crossed":
                left_out = found.status
            if not np.isfinite(point.llc):
                left_out = "no coefficient"
            rows.append(
                {
                    "checkpoint": point.checkpoint,
                    "group": point.group,
                    "loss": point.loss,
                    "llc": point.llc,
                    "llc_standard_error": point.llc_standard_error,
                    "half_chain_drift": point.half_chain_drift,
                    "excess_loss": point.excess_loss,
                    "flags": "; ".join(point.flags),
                    "scheme": scheme,
                    "tolerance": found.tolerance,
                    "critical": found.value,
                    "size": found.size,
                    "left_out": left_out,
                }
            )
        return pd.DataFrame(rows)

    def curves_to_frame(self) -> pd.DataFrame:
        """Return the loss at every amount measured, of all schemes and checkpoints."""
        tables = []
        for point in self.checkpoints:
            for scheme, found in point.critical.items():
                curve = found[-1].curve
                table = curve.to_frame().rename(columns={curve.quantity: "amount"})
                table.insert(0, "scheme", scheme)
                table.insert(0, "group", point.group)
                table.insert(0, "checkpoint", point.checkpoint)
                tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def fits(
        self, *, of: Literal["critical", "size"] = "critical"
    ) -> dict[tuple[str, float], LinearAssociation]:
        """Return the line of the critical amount on the coefficient, by scheme and tolerance.

        Given the loss, as the loss alone may say as much. The intervals resample the runs if there
        are several, otherwise the checkpoints. Fewer than four points have no line, nor has the
        size of a scheme without one.

        Parameters
        ----------
        of : {"critical", "size"}, default="critical"
            What the line predicts: the amount, or what the model takes there.
        """
        table = self.to_frame()
        used = table[table["left_out"] == ""]
        lines = {}
        for _, points in used.groupby(["scheme", "tolerance"], sort=False):
            if len(points) < 4 or points[of].isna().any():
                continue
            several = points["group"].nunique() > 1
            key = str(points["scheme"].iloc[0]), float(points["tolerance"].iloc[0])
            with warnings.catch_warnings():  # NaN in the table says so
                warnings.simplefilter("ignore", UndefinedAssociationWarning)
                lines[key] = linear_association(
                    points["llc"],
                    points[of],
                    given=points["loss"],
                    groups=points["group"] if several else None,
                )
        return lines

    def fits_to_frame(self, *, of: Literal["critical", "size"] = "critical") -> pd.DataFrame:
        """Return one row a line, with the numbers of points used and left out.

        Parameters
        ----------
        of : {"critical", "size"}, default="critical"
            What the line predicts: the amount, or what the model takes there.
        """
        table = self.to_frame()
        tables = []
        for (scheme, tolerance), line in self.fits(of=of).items():
            row = line.to_frame()
            points = table[(table["scheme"] == scheme) & (table["tolerance"] == tolerance)]
            row.insert(0, "tolerance", tolerance)
            row.insert(0, "scheme", scheme)
            row["n_left_out"] = int((points["left_out"] != "").sum())
            tables.append(row)
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    def _critical_amounts(self) -> Iterator[tuple[CheckpointComplexity, str, CriticalAmount]]:
        for point in self.checkpoints:
            for scheme, amounts in point.critical.items():
                for found in amounts:
                    yield point, scheme, found

    def _before_start(self) -> set[tuple[str, str]]:
        """Return the checkpoints before their run's loss first fell below the share asked for."""
        if self.start_below is None:
            return set()
        first: dict[str, float] = {}
        started: set[str] = set()
        before = set()
        for point in self.checkpoints:
            if point.loss < self.start_below * first.setdefault(point.group, point.loss):
                started.add(point.group)
            if point.group not in started:
                before.add((point.group, point.checkpoint))
        return before
