"""Where a model is."""

import torch
from torch import nn


def device_of(model: nn.Module) -> torch.device:
    """Return the device of a model's parameters."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))
