"""What Langevin chains are asked for."""

from dataclasses import dataclass

from sklearn_learnability.torch.learning_coefficient._request import ChainRequest


@dataclass(frozen=True, kw_only=True)
class LangevinRequest(ChainRequest):
    """Settings as given, and what chains on batches need besides."""

    inverse_temperature: float | str
    sampler: str
    batch_size: int | None
    chance_loss: float

    @property
    def automatic(self) -> frozenset[str]:
        """Names of the settings that are chosen from the loss around w*."""
        names = ("inverse_temperature", "localization", "step_size")
        return frozenset(name for name in names if isinstance(getattr(self, name), str))

    def given(self, name: str) -> float:
        """Return a setting, 0 where it is still to be chosen."""
        value = getattr(self, name)
        return 0.0 if isinstance(value, str) else float(value)
