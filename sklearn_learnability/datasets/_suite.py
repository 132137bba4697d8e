"""A named, versioned suite of data sets that spans all families and learnabilities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from sklearn_learnability._validation import RandomState
from sklearn_learnability.datasets._drift import make_drifting_classification
from sklearn_learnability.datasets._hidden_markov import make_hidden_markov_chain
from sklearn_learnability.datasets._linear import make_learnability_classification
from sklearn_learnability.datasets._markov import make_markov_chain
from sklearn_learnability.datasets._mixture import make_mixture_classification
from sklearn_learnability.datasets._network import make_network_classification
from sklearn_learnability.datasets._nonlinear import (
    make_interaction_classification,
    make_parity_classification,
)
from sklearn_learnability.datasets._regression import RegressionTruth, make_learnability_regression
from sklearn_learnability.datasets._segments import make_segmented_classification
from sklearn_learnability.datasets._truth import ClassificationTruth


@dataclass(frozen=True)
class SuiteDataset:
    """One configuration of the suite.

    Attributes
    ----------
    name : str
        Its name, unique in the suite.
    family : str
        The family it belongs to, such as "linear" or "markov".
    target : {"classes", "continuous"}
        Kind of target.
    generator : callable
        The function that draws it.
    parameters : mapping
        Arguments of that function.
    """

    name: str
    family: str
    target: str
    generator: Callable[..., Any]
    parameters: Mapping[str, Any]

    def make(
        self, n_samples: int = 10_000, random_state: RandomState = 0
    ) -> tuple[NDArray[Any], NDArray[Any], ClassificationTruth | RegressionTruth]:
        """Draw rows X, targets y and the truth; the same for the same `random_state`."""
        return self.generator(
            n_samples=n_samples, **self.parameters, random_state=random_state, return_truth=True
        )

    def to_frame(self) -> pd.DataFrame:
        """Return name, family, target and parameters as a table of one row."""
        return pd.DataFrame(
            {
                "name": [self.name],
                "family": [self.family],
                "target": [self.target],
                "parameters": [", ".join(f"{k}={v!r}" for k, v in self.parameters.items())],
            }
        )


def configuration(
    name: str, family: str, generator: Callable[..., Any], **parameters: Any
) -> SuiteDataset:
    """Return one configuration; its target follows from the generator."""
    continuous = generator is make_learnability_regression
    target = "continuous" if continuous else "classes"
    return SuiteDataset(name, family, target, generator, MappingProxyType(parameters))


linear = make_learnability_classification
regression = make_learnability_regression
VERSION_1 = (
    configuration("linear-faint", "linear", linear, learnability=0.005),
    configuration("linear-low", "linear", linear, learnability=0.05, n_active="low"),
    configuration("linear-medium", "linear", linear, learnability=0.3),
    configuration("linear-high", "linear", linear, learnability=0.9, n_active="high"),
    configuration("linear-near-certain", "linear", linear, learnability=0.99),
    configuration(
        "linear-bounded",
        "linear",
        linear,
        learnability=0.2,
        structure="bounded",
        signal_location="structured",
    ),
    configuration(
        "linear-low-variance",
        "linear",
        linear,
        structure="low-variance",
        signal_location="structured",
        signal_strength=4.0,
    ),
    configuration("probit", "link", linear, learnability=0.6, link="probit"),
    configuration("noisy-labels", "label noise", linear, learnability=0.4, label_noise=0.05),
    configuration(
        "one-sided-noise", "label noise", linear, learnability=0.3, label_noise=(0.02, 0.3)
    ),
    configuration("one-in-a-hundred", "imbalance", linear, learnability=0.3, positive_rate=0.01),
    configuration("one-in-a-thousand", "imbalance", linear, learnability=0.1, positive_rate=0.001),
    configuration(
        "interactions-medium", "interactions", make_interaction_classification, learnability=0.4
    ),
    configuration(
        "interactions-high",
        "interactions",
        make_interaction_classification,
        learnability=0.8,
        n_blocks=4,
    ),
    configuration("exclusive-or", "parity", make_parity_classification, learnability=0.5),
    configuration(
        "parity-of-four", "parity", make_parity_classification, learnability=0.7, order=4
    ),
    configuration("network-five-classes", "network", make_network_classification, learnability=0.5),
    configuration(
        "network-unequal-classes",
        "network",
        make_network_classification,
        learnability=0.15,
        n_classes=3,
        class_frequencies=(0.9, 0.08, 0.02),
    ),
    configuration("mixture-two-classes", "mixture", make_mixture_classification, learnability=0.6),
    configuration(
        "mixture-ten-classes",
        "mixture",
        make_mixture_classification,
        learnability=0.95,
        n_classes=10,
        n_clusters=2,
    ),
    configuration("markov-order-three", "markov", make_markov_chain, learnability=0.25, order=3),
    configuration("hidden-markov", "hidden markov", make_hidden_markov_chain, learnability=0.35),
    configuration("drift", "drift", make_drifting_classification, learnability=0.3),
    configuration("segments", "segments", make_segmented_classification),
    configuration("regression-low", "regression", make_learnability_regression, learnability=0.1),
    configuration(
        "regression-changing-noise",
        "regression",
        make_learnability_regression,
        learnability=0.7,
        heteroscedasticity=0.7,
    ),
)


def learnability_suite(version: int = 1) -> tuple[SuiteDataset, ...]:
    """Return the suite of 26 named configurations, of learnability 0.005 to 0.99.

    Every family of generators is in it. A published version never changes; what must change
    becomes a new version, so that a result is compared under the suite's version and the version of
    this package.

    Parameters
    ----------
    version : int, default=1
        Version of the suite.

    Returns
    -------
    tuple of SuiteDataset
        Configurations; ``make`` of each draws rows, targets and truth.

    Raises
    ------
    ValueError
        If there is no such version.

    Examples
    --------
    >>> from sklearn_learnability.datasets import learnability_suite
    >>> suite = learnability_suite()
    >>> len(suite), suite[2].name
    (26, 'linear-medium')
    >>> X, y, truth = suite[2].make(n_samples=100)
    >>> X.shape, round(truth.learnability, 6)
    ((100, 20), 0.3)
    """
    if not isinstance(version, int) or version != 1:
        raise ValueError(f"Expected version=1, got {version!r}.")
    return VERSION_1
