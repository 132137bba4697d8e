"""The networks of the capacity benchmarks: two hidden layers of one width, trained by skorch."""

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

torch.set_num_threads(1)


class TwoHiddenLayers(nn.Module):
    """Inputs, two hidden layers of one width, logits."""

    def __init__(self, n_features, n_classes, width):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, n_classes),
        )

    def forward(self, X):
        """Return logits (B, K) of inputs (B, F)."""
        return self.layers(X)


class IndexBatches(BatchSampler):
    """Batches of rows as arrays: lists are looked at element by element when they index."""

    def __iter__(self):
        return map(np.array, super().__iter__())


def whole_batches(dataset, batch_size, shuffle=False):
    """Return a loader that takes a batch by one indexing, not row by row."""
    order = (RandomSampler if shuffle else SequentialSampler)(dataset)
    return DataLoader(dataset, sampler=IndexBatches(order, batch_size, False), batch_size=None)


class MLP(ClassifierMixin, BaseEstimator):
    """Network of fixed depth, trained by Adam at a rate of 0.001.

    Parameters
    ----------
    width : int
        Units of each hidden layer.
    max_epochs : int
        Passes over the rows.
    batch_size : int
        Rows of a step.
    weight_decay : float
        L2 penalty in the gradient.
    early_stopping : bool
        Whether to hold out a fifth of the rows, stop after 5 epochs without a lower loss there, and
        return to the best epoch.
    random_state : int
        Seed of the weights, the order of the rows and the rows held out.
    """

    def __init__(
        self,
        width=32,
        *,
        max_epochs=60,
        batch_size=200,
        weight_decay=0.0,
        early_stopping=False,
        random_state=0,
    ):
        self.width = width
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.random_state = random_state

    def fit(self, X, y):
        """Train the network."""
        X, y = validate_data(self, X, y, dtype=np.float32)
        self.classes_, codes = np.unique(y, return_inverse=True)
        stopping = {
            "train_split": ValidSplit(0.2, stratified=True, random_state=self.random_state),
            "callbacks": [EarlyStopping(patience=5, load_best=True, sink=lambda _: None)],
        }
        self.network_ = NeuralNetClassifier(
            TwoHiddenLayers,
            module__n_features=X.shape[1],
            module__n_classes=len(self.classes_),
            module__width=self.width,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            optimizer__weight_decay=self.weight_decay,
            optimizer__fused=True,
            lr=1e-3,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            iterator_train=whole_batches,
            iterator_train__shuffle=True,
            iterator_valid=whole_batches,
            verbose=0,
            **(stopping if self.early_stopping else {"train_split": None}),
        )
        with torch.random.fork_rng():
            torch.manual_seed(self.random_state)
            self.network_.fit(X, codes.astype(np.int64))
        self.n_epochs_ = len(self.network_.history)
        return self

    def predict_proba(self, X):
        """Return probabilities, from the logits in double precision."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        with torch.inference_mode():
            logits = torch.cat(
                [self.network_.module_(part) for part in torch.tensor(X).split(2000)]
            )
        return torch.softmax(logits.double(), dim=1).numpy()

    def predict(self, X):
        """Return the likeliest classes."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
