"""Data sets whose learnability is known exactly, and loaders of real ones."""

from sklearn_learnability.datasets._avazu import load_avazu
from sklearn_learnability.datasets._berkeley import load_berkeley
from sklearn_learnability.datasets._cell_truth import CellTruth
from sklearn_learnability.datasets._drift import make_drifting_classification
from sklearn_learnability.datasets._flights import load_flights
from sklearn_learnability.datasets._hidden_markov import HiddenMarkovTruth, make_hidden_markov_chain
from sklearn_learnability.datasets._identifiers import (
    IdentifierTruth,
    make_identifier_classification,
)
from sklearn_learnability.datasets._linear import make_learnability_classification
from sklearn_learnability.datasets._local_truth import LocalScoreTruth
from sklearn_learnability.datasets._markov import MarkovTruth, make_markov_chain
from sklearn_learnability.datasets._military import load_military
from sklearn_learnability.datasets._mixture import MixtureTruth, make_mixture_classification
from sklearn_learnability.datasets._network import NetworkTruth, make_network_classification
from sklearn_learnability.datasets._nonlinear import (
    make_interaction_classification,
    make_parity_classification,
)
from sklearn_learnability.datasets._regression import RegressionTruth, make_learnability_regression
from sklearn_learnability.datasets._score_truth import ScoreTruth
from sklearn_learnability.datasets._segments import make_segmented_classification
from sklearn_learnability.datasets._suite import SuiteDataset, learnability_suite
from sklearn_learnability.datasets._titanic import load_titanic
from sklearn_learnability.datasets._truth import ClassificationTruth

__all__ = [
    "CellTruth",
    "ClassificationTruth",
    "HiddenMarkovTruth",
    "IdentifierTruth",
    "LocalScoreTruth",
    "MarkovTruth",
    "MixtureTruth",
    "NetworkTruth",
    "RegressionTruth",
    "ScoreTruth",
    "SuiteDataset",
    "learnability_suite",
    "load_avazu",
    "load_berkeley",
    "load_flights",
    "load_military",
    "load_titanic",
    "make_drifting_classification",
    "make_hidden_markov_chain",
    "make_identifier_classification",
    "make_interaction_classification",
    "make_learnability_classification",
    "make_learnability_regression",
    "make_markov_chain",
    "make_mixture_classification",
    "make_network_classification",
    "make_parity_classification",
    "make_segmented_classification",
]
