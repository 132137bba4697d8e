"""What the samplers sample from."""

from typing import NamedTuple

from torch import Tensor


class GibbsPosterior(NamedTuple):
    """What is sampled from: inverse temperature n beta, localization gamma, and w* (d,)."""

    inverse_temperature: float
    localization: float
    start: Tensor
