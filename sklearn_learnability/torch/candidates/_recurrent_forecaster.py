"""A small recurrent network that predicts a block of labels, learns it, and goes on, by skorch."""

from copy import deepcopy
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback, GradientNormClipping
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sklearn_learnability.torch.candidates._network_bag import ONE_THREAD
from sklearn_learnability.torch.candidates._periodic_network import Interrupted

#: Units, rate of learning, decay of the weights, and memory of their average, which predicts.
WIDTH, LEARNING_RATE, WEIGHT_DECAY, AVERAGED = 32, 5e-3, 0.1, 0.99
#: Rows of a stretch to train on, and those at its beginning that are not scored.
STRETCH, WARM_UP = 64, 8
#: Stretches for a new row, and of a training step: the fewer, the fewer rows there are.
STRETCHES_PER_ROW, SMALLEST_BATCH, LARGEST_BATCH = 2, 4, 32
#: Rows before a block from which the network takes its state.
ROWS_OF_STATE = 256
IGNORED = -100


class RecurrentNetwork(nn.Module):
    """Gated recurrent units and a linear layer; inputs are bent softly at three deviations."""

    def __init__(self, n_inputs: int, n_classes: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(n_inputs, WIDTH, batch_first=True)
        self.out = nn.Linear(WIDTH, n_classes)

    def forward(self, X: Tensor) -> Tensor:
        """Return logits (B, K, T) of the labels of stretches of inputs (B, T, F)."""
        states, _ = self.recurrent(X / torch.sqrt(1 + (X / 3) ** 2))  # (B, T, width)
        logits: Tensor = self.out(states).transpose(1, 2)
        return logits


class AverageWeights(Callback):
    """Keeps an average of the weights over the last steps, which predicts better than they do."""

    def __init__(self) -> None:
        self.averaged: AveragedModel | None = None

    def on_batch_end(self, net: NeuralNet, *, training: bool, **kwargs: Any) -> None:
        """Take the weights of a step into the average."""
        if not training:
            return
        if self.averaged is None:
            self.averaged = AveragedModel(net.module_, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED))
        self.averaged.update_parameters(net.module_)


class SequenceNet(NeuralNet):
    """skorch's network that lets an interrupt through."""

    def fit_loop(self, *args: Any, **kwargs: Any) -> Self:
        """Train on stretches of a sequence."""
        try:
            return super().fit_loop(*args, **kwargs)
        except KeyboardInterrupt as interrupt:
            raise Interrupted from interrupt


class RecurrentForecaster:
    """A network that is trained on, never from anew: each block is predicted, then learned.

    Training steps take stretches drawn at random from all rows so far.
    """

    def __init__(self, n_inputs: int, n_classes: int, seed: int) -> None:
        self.rng = np.random.RandomState(seed)
        self.average = AverageWeights()
        self.net = SequenceNet(
            RecurrentNetwork,
            module__n_inputs=n_inputs,
            module__n_classes=n_classes,
            criterion=nn.CrossEntropyLoss,
            criterion__ignore_index=IGNORED,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=WEIGHT_DECAY,
            lr=LEARNING_RATE,
            max_epochs=1,
            train_split=None,
            callbacks=[("clip", GradientNormClipping(1.0)), ("average", self.average)],
            verbose=0,
        )
        self.seed = seed

    def forecast(
        self,
        inputs: NDArray[np.float32],
        codes: NDArray[np.integer],
        blocks: list[NDArray[np.integer]],
    ) -> list[NDArray[np.float64]]:
        """Return log-probabilities of each block, from its inputs and all rows before it.

        The caller's random state and threads of torch are left alone.
        """
        found = []
        try:
            with ONE_THREAD, torch.random.fork_rng(devices=[]):
                torch.set_num_threads(1)
                torch.manual_seed(self.seed)
                self.net.initialize()
                self.learn(inputs, codes, int(blocks[0][0]), int(blocks[0][0]))
                for block in blocks:
                    found.append(self.predict(inputs, block))
                    self.learn(inputs, codes, int(block[-1]) + 1, len(block))
        except Interrupted:
            raise KeyboardInterrupt from None
        return found

    def learn(
        self, inputs: NDArray[np.float32], codes: NDArray[np.integer], n_past: int, n_new: int
    ) -> None:
        """Train on stretches drawn from the past, as many as there are new rows to learn."""
        length = min(STRETCH, n_past)
        starts = self.rng.randint(n_past - length + 1, size=STRETCHES_PER_ROW * n_new)
        batch_size = int(np.clip(n_past // STRETCH, SMALLEST_BATCH, LARGEST_BATCH))
        self.net.set_params(batch_size=batch_size)
        rows = starts[:, None] + np.arange(length)
        targets = codes[rows].astype(np.int64)
        targets[:, : min(WARM_UP, length // 2)] = IGNORED
        self.net.partial_fit(inputs[rows], targets)

    def predict(
        self, inputs: NDArray[np.float32], block: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Return the log-probabilities of a block's labels, (n_rows, K)."""
        assert self.average.averaged is not None
        network = deepcopy(self.average.averaged.module).double()
        rows = inputs[max(0, block[0] - ROWS_OF_STATE) : block[-1] + 1]
        with torch.inference_mode():
            logits = network(torch.from_numpy(rows[None]).double())[0, :, -len(block) :]
            log_proba: NDArray[np.float64] = torch.log_softmax(logits.T, dim=1).numpy()
        return log_proba
