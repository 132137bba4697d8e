"""Estimators of the Bayes error from the literature, each with the bounds that its paper gives.

Each takes standardised features `(n, d)`, codes of the classes `(n,)` and the number of classes C,
and returns an upper and a lower estimate for each of its settings. The bounds hold in the limit of
many rows; of few, "upper" and "lower" are names. Two Gaussians of standard deviation 1, two apart,
have a Bayes error of .159:

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> codes = np.repeat([0, 1], 1000)
>>> X = rng.standard_normal((2000, 1)) + 2 * codes[:, None]
>>> for peer in (nearest_neighbours, spanning_tree, kernel_density, logistic):
...     for setting, (upper, lower) in peer(X, codes, 2).items():
...         if setting in ("k=1", "k=21", "-", "x 1", "x 0.8"):
...             print(f"{peer.__name__} {setting}: {lower:.2f} to {upper:.2f}")
nearest_neighbours k=1: 0.12 to 0.21
nearest_neighbours k=21: 0.13 to 0.16
spanning_tree -: 0.12 to 0.21
kernel_density x 1: 0.17 to 0.17
logistic x 0.8: 0.13 to 0.16
"""

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors

#: Neighbours of the estimators by neighbours.
NEIGHBOURS = (1, 5, 11, 21, 51, 101)
#: Multiples of Scott's bandwidth.
BANDWIDTHS = (0.5, 1.0, 2.0)
#: What the error of a logistic regression is multiplied by for a lower estimate.
SHARES = (0.95, 0.8)


def cover_hart(error, n_classes):
    """Return the least Bayes error for which the nearest neighbour errs so often, of many rows.

    T. Cover and P. Hart. Nearest neighbor pattern classification. IEEE Transactions on Information
    Theory, 1967. https://doi.org/10.1109/TIT.1967.1053964

    >>> round(cover_hart(0.5, 2), 3), round(cover_hart(2 * 0.1 * 0.9, 2), 3)
    (0.5, 0.1)
    """
    largest = 1 - 1 / n_classes
    return float(largest * (1 - np.sqrt(max(0.0, 1 - error / largest))))


def neighbours_bound(error, k, n_classes):
    """Return a lower bound of the Bayes error from the error of the vote of k neighbours.

    For two classes and k > 2 that of L. Devroye, On the asymptotic probability of error in
    nonparametric discrimination. Annals of Statistics 9, 1981, as the protocol takes it.
    """
    if k > 2 and n_classes == 2:
        return float(error / (1 + 1 / np.sqrt(k)))
    return cover_hart(error, n_classes)


def counts_of_neighbours(X, codes, n_classes, k):
    """Return how many of the first 1, ..., k neighbours are of each class: (n, k, C)."""
    near = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(X).kneighbors()[1]
    return np.cumsum(np.eye(n_classes)[codes[near]], axis=1)


def without_ties(X):
    """Return features moved by so little that only rows at equal distances change their order.

    Else the first of all equal rows is the neighbour of each, and a single label decides for all.
    """
    return X + 1e-6 * np.random.default_rng(0).standard_normal(X.shape)


def usable(n_samples):
    return [k for k in NEIGHBOURS if k < n_samples]


def nearest_neighbours(X, codes, n_classes):
    """Return the leave-one-out error of the vote of k neighbours, and the bound from it."""
    ks = usable(len(X))
    votes = counts_of_neighbours(X, codes, n_classes, ks[-1])
    found = {}
    for k in ks:
        error = float(np.mean(votes[:, k - 1].argmax(axis=1) != codes))
        found[f"k={k}"] = (error, neighbours_bound(error, k, n_classes))
    return found


def neighbours_posterior(X, codes, n_classes):
    """Return the error expected from the shares of the classes among k neighbours.

    Above, the row itself is left out; below, it is one of the k. K. Fukunaga and L. Hostetler.
    k-nearest-neighbor Bayes-risk estimation. IEEE Transactions on Information Theory 21, 1975.
    """
    ks = [k for k in usable(len(X)) if k > 1]
    votes = counts_of_neighbours(X, codes, n_classes, ks[-1])
    own = np.eye(n_classes)[codes]
    found = {}
    for k in ks:
        left_out = 1 - votes[:, k - 1].max(axis=1).mean() / k
        counted = 1 - (votes[:, k - 2] + own).max(axis=1).mean() / k
        found[f"k={k}"] = (float(max(left_out, counted)), float(min(left_out, counted)))
    return found


def nearest_of_neighbours(X, codes, n_classes):
    """Return the error of one neighbour, from all pairs among k rows, and the bound from it.

    F. Devijver. A multiclass, k-NN approach to Bayes risk estimation. Pattern Recognition Letters
    3, 1985.
    """
    ks = [k for k in usable(len(X)) if k > 1]
    votes = counts_of_neighbours(X, codes, n_classes, ks[-1])
    own = np.eye(n_classes)[codes]
    found = {}
    for k in ks:
        counts = votes[:, k - 2] + own
        error = float((counts * (k - counts)).sum(axis=1).mean() / (k * (k - 1)))
        found[f"k={k}"] = (error, cover_hart(error, n_classes))
    return found


def spanning_tree(X, codes, n_classes):
    """Return the bounds from the edges of a minimum spanning tree that join two classes.

    The generalised Henze-Penrose divergence. S. Y. Sekeh, B. Oselio and A. O. Hero. Learning to
    bound the multi-class Bayes error. 2018. https://doi.org/10.48550/arXiv.1811.06419
    """
    # one more for all edges: the tree stays, and a distance of 0 stays an edge
    tree = minimum_spanning_tree(squareform(pdist(X) + 1)).tocoo()
    upper = float(np.sum(codes[tree.row] != codes[tree.col]) / len(X))
    return {"-": (upper, cover_hart(upper, n_classes))}


def kernel_density(X, codes, n_classes):
    """Return the error expected under Gaussian kernel densities of the classes, each row left out.

    One number is both estimates. K. Fukunaga and D. Kessell. Nonparametric Bayes error estimation
    using unclassified samples. IEEE Transactions on Information Theory 19, 1973.
    """
    squared = squareform(pdist(X, "sqeuclidean"))
    np.fill_diagonal(squared, np.inf)
    n, d = X.shape
    found = {}
    for factor in BANDWIDTHS:
        log_joint = np.full((n, n_classes), -np.inf)
        for code in range(n_classes):
            of_class = codes == code
            n_others = of_class.sum() - of_class  # without the row itself
            width = factor * max(of_class.sum(), 1) ** (-1 / (d + 4))
            kernels = -squared[:, of_class] / (2 * width**2)
            with np.errstate(divide="ignore"):
                log_mean = logsumexp(kernels, axis=1) - np.log(n_others)
            log_mean[n_others == 0] = -np.inf
            log_joint[:, code] = log_mean - d * np.log(width) + np.log(of_class.mean())
        log_joint[~np.isfinite(log_joint).any(axis=1)] = 0.0  # far from all rows: all alike
        sure = np.exp(log_joint.max(axis=1) - logsumexp(log_joint, axis=1))
        found[f"x {factor:g}"] = (float(1 - sure.mean()),) * 2
    return found


def logistic(X, codes, n_classes):
    """Return the error of a logistic regression on left-out folds, and shares of it."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    answers = cross_val_predict(LogisticRegression(max_iter=2000), X, codes, cv=folds)
    error = float(np.mean(answers != codes))
    return {f"x {share:g}": (error, share * error) for share in SHARES}


PEERS = {
    "nearest neighbours": nearest_neighbours,
    "posterior of neighbours": neighbours_posterior,
    "nearest of k": nearest_of_neighbours,
    "spanning tree (GHP)": spanning_tree,
    "kernel density": kernel_density,
    "logistic regression": logistic,
}
