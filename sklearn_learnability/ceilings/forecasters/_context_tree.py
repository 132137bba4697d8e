"""Context trees: the next symbol from as many symbols before it as pay."""

from dataclasses import dataclass, field

import numpy as np

from sklearn_learnability._validation import Floats, Integers

#: What every symbol counts before it was seen: Krichevsky and Trofimov's half.
PRIOR = 0.5
#: What a symbol counts at least when it fades: its chance must not come to 0.
LEAST = 1e-3


@dataclass(slots=True)
class _Node:
    """A context: how often each symbol followed it, and how much longer contexts are trusted."""

    counts: list[float]
    total: float
    children: dict[int, "_Node"] = field(default_factory=dict)
    stop: float = 0.5
    age: int = 0


def forecast_marginal(codes: Integers, n_classes: int) -> Floats:
    """Return the probabilities of every label from the frequencies of those before it."""
    seen = np.zeros((len(codes), n_classes))
    seen[np.arange(len(codes)), codes] = 1.0
    before = np.cumsum(seen, axis=0) - seen + PRIOR
    return before / before.sum(axis=1, keepdims=True)


def forecast_context_tree(
    codes: Integers, n_classes: int, depth: int, memory: float = np.inf
) -> Floats:
    r"""Return the probabilities of every symbol by switching between contexts of all lengths.

    .. math:: p_c(y) = a_c\, \frac{n_{cy} + 1/2}{n_c + K/2} + (1 - a_c)\, p_{c'}(y)

    with c' the context one symbol longer and the weight :math:`a_c` that of the better of the two
    so far; after the n-th visit 1/n of the weight changes sides, so that a context may come to be
    trusted late. Of all trees of contexts up to the depth the loss is at most a logarithm per
    context above the best one's. With a finite memory counts above it are halved: old symbols fade.

    References
    ----------
    F. M. J. Willems, Y. M. Shtarkov, T. J. Tjalkens. The context-tree weighting method: basic
    properties. IEEE Transactions on Information Theory, 1995. https://doi.org/10.1109/18.382012
    J. Veness, K. S. Ng, M. Hutter, M. Bowling. Context tree switching. Data Compression Conference,
    2012. https://doi.org/10.1109/DCC.2012.39
    """
    symbols = codes.tolist()
    root = _new_node(n_classes)
    proba = np.empty((len(symbols), n_classes))
    for step, symbol in enumerate(symbols):
        path = [root]
        for lag in range(1, min(depth, step) + 1):
            path.append(_child(path[-1], symbols[step - lag], n_classes))
        proba[step] = _predict_then_learn(path, symbol, memory)
    return proba


def _new_node(n_classes: int) -> _Node:
    return _Node([PRIOR] * n_classes, PRIOR * n_classes)


def _child(node: _Node, symbol: int, n_classes: int) -> _Node:
    found = node.children.get(symbol)
    if found is None:
        found = node.children[symbol] = _new_node(n_classes)
    return found


def _predict_then_learn(path: list[_Node], symbol: int, memory: float) -> list[float]:
    """Return the probabilities at the root of a path of contexts, then tell it the symbol."""
    leaf = path[-1]
    proba = [count / leaf.total for count in leaf.counts]
    for node in reversed(path[:-1]):
        stop, go = node.stop, 1 - node.stop
        total, below = node.total, proba
        proba = [stop * n / total + go * p for n, p in zip(node.counts, below, strict=True)]
        node.age += 1
        posterior = stop * node.counts[symbol] / (total * proba[symbol])
        share = 1 / (node.age + 1)
        node.stop = share + (1 - 2 * share) * posterior if node.age > 1 else posterior
    for node in path:
        node.counts[symbol] += 1
        node.total += 1
        if node.total > memory:
            node.counts = [max(0.5 * count, LEAST) for count in node.counts]
            node.total = sum(node.counts)
    return proba
