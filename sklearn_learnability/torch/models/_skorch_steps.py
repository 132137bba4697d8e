"""The steps of a skorch net, told to a callback."""

from collections.abc import Iterable, Mapping
from typing import Any

from skorch.callbacks import Callback

from sklearn_learnability.torch.models._step_callback import StepCallback


class SkorchSteps(Callback):
    """Calls a callback after each batch that a skorch net is trained on.

    Parameters
    ----------
    callback : StepCallback
        What is called with the module and the number of batches so far.
    """

    def __init__(self, callback: StepCallback[Any]) -> None:
        self.callback = callback

    def on_train_begin(self, net: Any, **others: Any) -> None:
        """Measure before the first batch, also of a training that goes on."""
        self.callback(net.module_, n_batches(net.history))

    def on_batch_end(self, net: Any, *, training: bool = False, **others: Any) -> None:
        """Measure after a batch, unless it is one of validation."""
        if training:
            self.callback(net.module_, n_batches(net.history))


def n_batches(history: Iterable[Mapping[str, Any]]) -> int:
    """Return how many batches were trained on, without those of validation after them."""
    return sum(epoch.get("train_batch_count", len(epoch["batches"])) for epoch in history)
