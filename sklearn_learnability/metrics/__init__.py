"""Information measures: arrays in, numbers or frozen results out."""

from sklearn_learnability.metrics._information import (
    information_score,
    label_entropy,
    log_loss_per_sample,
    negative_log_likelihood,
    pointwise_information,
)
from sklearn_learnability.metrics._resampling import Estimate

__all__ = [
    "Estimate",
    "information_score",
    "label_entropy",
    "log_loss_per_sample",
    "negative_log_likelihood",
    "pointwise_information",
]
