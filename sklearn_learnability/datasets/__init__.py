"""Data sets whose learnability is known exactly, and loaders of real ones."""

from sklearn_learnability.datasets._flights import load_flights
from sklearn_learnability.datasets._linear import make_learnability_classification
from sklearn_learnability.datasets._score_truth import ScoreTruth
from sklearn_learnability.datasets._truth import ClassificationTruth

__all__ = [
    "ClassificationTruth",
    "ScoreTruth",
    "load_flights",
    "make_learnability_classification",
]
