"""Stopping early on a part of the training rows."""

from typing import Any

from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit

from sklearn_learnability.torch.candidates._periodic_network import EnoughEpochs

#: Share of the rows that is held out, and the fewest rows of which one is.
HELD_OUT, FEWEST_ROWS = 0.15, 20


class Patience(EarlyStopping):
    """skorch's early stopping, told apart from an interrupt by the user; goes back to the best."""

    def __init__(self, patience: int) -> None:
        super().__init__(patience=patience, load_best=True, sink=_say_nothing)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Stop where the loss has not fallen for too long."""
        try:
            super().on_epoch_end(net, **kwargs)
        except KeyboardInterrupt:
            if self.misses_ < self.patience:
                raise
            raise EnoughEpochs from None


def stopped_early(n_samples: int, seed: int, patience: int) -> dict[str, Any]:
    """Return skorch's options: stop after so many epochs without a lower loss on rows held out."""
    if n_samples < FEWEST_ROWS:
        return {"train_split": None}
    split = ValidSplit(HELD_OUT, random_state=seed)
    return {"train_split": split, "callbacks": [Patience(patience)]}


def _say_nothing(message: str) -> None:
    """Take what skorch would print."""
