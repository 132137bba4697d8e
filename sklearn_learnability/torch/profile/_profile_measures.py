"""The measures of a profile: each by the function that takes it alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from sklearn_learnability.metrics import compare_models, nll_decomposition, two_part_code_length
from sklearn_learnability.metrics._code_length import CodeLength
from sklearn_learnability.metrics._comparison import ModelAssessment
from sklearn_learnability.metrics._resampling import Estimate
from sklearn_learnability.torch.compression._critical_amount import critical_amount
from sklearn_learnability.torch.compression._quantization import Quantization
from sklearn_learnability.torch.learning_coefficient._llc_estimate import LLCEstimate
from sklearn_learnability.torch.learning_coefficient._local_learning_coefficient import (
    LocalLearningCoefficient,
)
from sklearn_learnability.torch.profile._classifier_rows import HeldOutRows, Rows
from sklearn_learnability.torch.profile._layer_points import (
    AT_ONCE,
    LayerPoint,
    predict_and_look,
)
from sklearn_learnability.torch.profile._profile_results import NetworkProfile

HeldOut = tuple[ModelAssessment, Estimate, tuple[LayerPoint, ...]]


@dataclass(frozen=True)
class ProfileMeasures:
    """The measures of networks on some rows."""

    train: Rows
    test: HeldOutRows
    layers: Any
    tolerance: float
    random_state: int

    def held_out(self, network: nn.Module, name: str) -> HeldOut:
        """Return what a network extracts from held-out rows, and what its layers keep of them."""
        proba, points = predict_and_look(
            network, self.test, self.train, self.layers, self.random_state
        )
        options: dict[str, Any] = {
            "labels": np.arange(proba.shape[1]),
            "random_state": self.random_state,
        }
        compared = compare_models(self.test.y, {name: proba}, **self.test.ceiling, **options)
        parts = nll_decomposition(self.test.y, proba, groups=self.test.groups, **options)
        return compared.models[0], parts.calibration_loss, points

    def profile(
        self,
        network: nn.Module,
        held_out: HeldOut,
        llc: LLCEstimate | None,
        store: Path | None,
        progress: bool,
    ) -> NetworkProfile:
        """Return the profile of a network, of what was measured and of its bits and code."""
        critical = critical_amount(
            network,
            nn.CrossEntropyLoss(),
            (self.train.X, self.train.y),
            Quantization(),
            tolerance=self.tolerance,
            batch_size=AT_ONCE,
            store=store,
            progress=progress,
        )
        trained = [p for p in network.parameters() if p.requires_grad]
        return NetworkProfile(
            *held_out,
            llc=llc,
            critical=critical,
            description_length=code_length(critical.curve.baseline, llc, len(self.train.y)),
            n_parameters=sum(p.numel() for p in trained),
            n_samples=len(self.train.y),
            n_test_samples=len(self.test.y),
        )


def code_length(nll: float, llc: LLCEstimate | None, n: int) -> CodeLength | None:
    """Return the two-part code of n rows in bits, from a loss in nats a row, if there is one."""
    if llc is None or not 0 <= llc.value < np.inf:
        return None
    return two_part_code_length(n * nll / np.log(2), llc.value, n)


def check_options(llc: Any, tolerance: float) -> None:
    """Refuse an estimator of another loss, and a tolerance of nothing, before anything is done."""
    if not tolerance > 0:
        raise ValueError(f"Expected a tolerance above 0, got {tolerance}.")
    if llc is None:
        return
    if not isinstance(llc, LocalLearningCoefficient):
        raise TypeError(f"Expected llc as a LocalLearningCoefficient, got {type(llc).__name__}.")
    loss: Any = llc.loss
    plain = isinstance(loss, nn.CrossEntropyLoss) and loss.weight is None
    if not plain or loss.label_smoothing or loss.reduction != "mean":
        raise TypeError(
            "Expected llc with torch.nn.CrossEntropyLoss() as its loss, without weights and "
            f"smoothing, by which the code is counted, got {loss}."
        )
