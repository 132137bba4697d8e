"""What complexity and compressibility were at each checkpoint, and the lines through them."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from sklearn_learnability._results import Result
from sklearn_learnability.exceptions import UndefinedAssociationWarning
from sklearn_learnability.metrics import LinearAssociation, linear_association
from sklearn_learnability.torch.compression._compression_curve import CriticalAmount
from sklearn_learnability.torch.learning_coefficient._flag import Flag

LeftOut = Literal["", "before the start", "never crossed", "crossed at once", "no coefficient"]


@dataclass(frozen=True, eq=False)
class CheckpointComplexity(Result):
    """The local learning coefficient of one checkpoint, and how far it can be compressed.

    Attributes
    ----------
    checkpoint : str
        Its name.
    group : str
        The run it belongs to.
    step : float or None
        The step of training it was saved at; None if it was not told.
    loss : float
        Loss of the model as it is, on the rows that compression is measured on.
    llc, llc_standard_error : float
        The coefficient and its standard error.
    half_chain_drift, excess_loss : float
        Of its chains: how far they had not settled, and how far above the checkpoint they went.
    flags : tuple of Flag
        Why the coefficient should not be trusted.
    critical : dict of str to tuple of CriticalAmount
        By scheme, the critical amount at every tolerance.
    """

    checkpoint: str
    group: str
    step: float | None
    loss: float
    llc: float
    llc_standard_error: float
    half_chain_drift: float
    excess_loss: float
    flags: tuple[Flag, ...]
    critical: Mapping[str, tuple[CriticalAmount, ...]]


@dataclass(frozen=True, eq=False)
class ComplexityPoint(Result):
    """One checkpoint under one scheme at one tolerance.

    Attributes
    ----------
    checkpoint : CheckpointComplexity
        The checkpoint.
    scheme : str
        How it was compressed.
    amount : CriticalAmount
        How far, at this tolerance.
    left_out : {"", "before the start", "never crossed", "crossed at once", "no coefficient"}
        Why no line goes through the point; empty where one does.
    """

    checkpoint: CheckpointComplexity
    scheme: str
    amount: CriticalAmount
    left_out: LeftOut


@dataclass(frozen=True, eq=False)
class ComplexityAgainstCompressibility(Result):
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

    @property
    def points(self) -> tuple[ComplexityPoint, ...]:
        """One point a checkpoint, scheme and tolerance; `left_out` says why one is not used."""
        before = self._before_start()
        points = []
        for checkpoint in self.checkpoints:
            for scheme, amounts in checkpoint.critical.items():
                for amount in amounts:
                    place = checkpoint.group, checkpoint.checkpoint
                    left_out: LeftOut = "before the start" if place in before else ""
                    if amount.status != "crossed":
                        left_out = amount.status
                    if not np.isfinite(checkpoint.llc):
                        left_out = "no coefficient"
                    points.append(ComplexityPoint(checkpoint, scheme, amount, left_out))
        return tuple(points)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a point.

        `critical` is the amount, `size` what the model takes there (bits of a quantization), and
        `flags` are the codes of the coefficient's.
        """
        return pd.DataFrame(
            {
                "checkpoint": point.checkpoint.checkpoint,
                "group": point.checkpoint.group,
                "step": point.checkpoint.step,
                "loss": point.checkpoint.loss,
                "llc": point.checkpoint.llc,
                "llc_standard_error": point.checkpoint.llc_standard_error,
                "half_chain_drift": point.checkpoint.half_chain_drift,
                "excess_loss": point.checkpoint.excess_loss,
                "flags": ", ".join(flag.code for flag in point.checkpoint.flags),
                "scheme": point.scheme,
                "tolerance": point.amount.tolerance,
                "critical": point.amount.value,
                "size": point.amount.size,
                "left_out": point.left_out,
            }
            for point in self.points
        )

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

        Given the loss, as the loss alone may say as much. What tells an association from what goes
        together over training is `within_steps`: it compares the runs at the same step, and is
        missing, with the reason, for fewer than three runs or without steps. Fewer than four points
        have no line, nor has the size of a scheme without one.

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
            steps = None if points["step"].isna().any() else points["step"]
            key = str(points["scheme"].iloc[0]), float(points["tolerance"].iloc[0])
            with warnings.catch_warnings():  # NaN in the table says so
                warnings.simplefilter("ignore", UndefinedAssociationWarning)
                lines[key] = linear_association(
                    points["llc"],
                    points[of],
                    given=points["loss"],
                    groups=points["group"] if points["group"].nunique() > 1 else None,
                    steps=steps,
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
