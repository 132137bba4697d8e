"""Self-consistent encoders of the information bottleneck, by descent in the trade-off."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.special import entr, softmax

from sklearn_learnability._tables import is_sparse
from sklearn_learnability._validation import Floats

#: Smallest probability whose logarithm is taken.
SMALLEST = 1e-300
#: Clusters whose conditional distributions differ by no more than this anywhere are one.
SAME = 1e-6
#: An encoder is better than another where its objective is lower by more than this.
BETTER = 1e-10
#: Informations that differ by less, in nats, are told apart by rounding alone.
ROUNDING = 1e-12
#: Clusters of less than this probability are left out.
EMPTY = 1e-14
#: Longest extrapolation, in steps.
LONGEST_STEP = 1e4


#: A dense or a sparse matrix.
Matrix = Any


@dataclass(frozen=True, eq=False)
class Joint:
    """A joint distribution of x, with p(x) > 0, and y, dense or sparse by rows.

    Attributes
    ----------
    joint : ndarray or csr_array of shape (n_x, n_y)
        p(x, y).
    conditional : ndarray or csr_array of shape (n_x, n_y)
        p(y|x).
    p_x, p_y : ndarray
        Margins.
    """

    joint: Matrix
    conditional: Matrix
    p_x: Floats
    p_y: Floats

    @classmethod
    def of(cls, joint: Matrix) -> Self:
        """Return the margins and conditionals of a joint distribution without empty rows."""
        p_x = np.asarray(joint.sum(axis=1)).ravel()
        p_y = np.asarray(joint.sum(axis=0)).ravel()
        if is_sparse(joint):
            values = joint.data / np.repeat(p_x, np.diff(joint.indptr))
            conditional = sparse.csr_array((values, joint.indices, joint.indptr), joint.shape)
            return cls(joint, conditional, p_x, p_y)
        return cls(joint, joint / p_x[:, None], p_x, p_y)

    @property
    def information(self) -> float:
        """I(X;Y) in nats."""
        values = self.joint.data if is_sparse(self.joint) else self.joint
        nats = entr(self.p_x).sum() + entr(self.p_y).sum() - entr(values).sum()
        return max(float(nats), 0.0)

    @property
    def input_entropy(self) -> float:
        """H(X) in nats."""
        return float(entr(self.p_x).sum())


class Encoder(NamedTuple):
    """An encoder p(t|x), the joint p(t, y) it makes, and its informations in nats."""

    proba: Floats
    joint: Floats
    complexity: float
    expressivity: float

    def objective(self, beta: float) -> float:
        """I(X;T) - beta I(T;Y)."""
        return self.complexity - beta * self.expressivity


def evaluate(joint: Joint, proba: Floats) -> Encoder:
    """Return an encoder with what it makes of a joint distribution, empty clusters left out."""
    p_t = joint.p_x @ proba
    kept = p_t > 0
    if not kept.all():
        proba, p_t = proba[:, kept], p_t[kept]
    made = np.asarray((joint.joint.T @ proba).T)
    rate = joint.p_x @ (-entr(proba).sum(axis=1)) + entr(p_t).sum()
    kept_of_y = entr(p_t).sum() + entr(joint.p_y).sum() - entr(made).sum()
    return Encoder(proba, made, max(float(rate), 0.0), max(float(kept_of_y), 0.0))


def encode(joint: Joint, made: Floats, beta: float) -> Floats:
    """Return the encoder that is best for the joint p(t, y) of shape (n_clusters, n_y)."""
    p_t = made.sum(axis=1)
    log_p = np.log(np.maximum(made / p_t[:, None], SMALLEST))
    logits = np.asarray(joint.conditional @ log_p.T)
    logits -= logits.max(axis=1, keepdims=True)  # so that a large beta leaves the digits of log p_t
    with np.errstate(over="ignore"):  # to -inf, which is as good
        logits *= beta
    logits += np.log(p_t)
    return np.asarray(softmax(logits, axis=1))


def merge(joint: Joint, encoder: Encoder, beta: float) -> Encoder:
    """Return the encoder with clusters that say the same of y made one, unless that is worse.

    It is where many are each near the next, or all of I(X;Y) is about a rare y.
    """
    given_t = encoder.joint / encoder.joint.sum(axis=1, keepdims=True)
    products = given_t @ given_t.T
    squares = np.diag(products)
    distance = squares[:, None] + squares - 2 * products
    n_groups, group = connected_components(distance <= SAME**2, directed=False)
    if n_groups == len(group):
        return encoder
    members = np.zeros((len(group), n_groups))
    members[np.arange(len(group)), group] = 1
    merged = evaluate(joint, encoder.proba @ members)
    is_as_good = merged.objective(beta) <= encoder.objective(beta) + BETTER
    is_the_same = merged.expressivity >= encoder.expressivity - ROUNDING
    return merged if is_as_good or is_the_same else encoder


def settle(
    joint: Joint,
    encoder: Encoder,
    beta: float,
    *,
    deterministic: bool,
    tolerance: float,
    max_iter: int,
) -> tuple[Encoder, float]:
    """Return the encoder that steps from a given one lead to, and how far it is from its own step.

    Steps are extrapolated (SQUAREM) as long as the objective falls; those of a deterministic
    encoder lead to its end by themselves.
    """
    point, change = encoder, np.inf
    for _ in range(max_iter):
        first = _step(joint, point.joint, beta, deterministic)
        if len(first.joint) != len(point.joint):
            point = first
            continue
        change = float(np.abs(first.joint - point.joint).sum())
        if change <= tolerance:
            return first, change
        second = _step(joint, first.joint, beta, deterministic)
        if deterministic or len(second.joint) != len(first.joint):
            point = second
            continue
        point = _extrapolated(joint, point.joint, first.joint, second, beta)
    return point, change


def _step(joint: Joint, made: Floats, beta: float, deterministic: bool) -> Encoder:
    """Return the best encoder for p(t, y), without clusters that are as good as empty."""
    proba = encode(joint, made, beta)
    if deterministic:
        hard = np.zeros_like(proba)
        hard[np.arange(len(proba)), proba.argmax(axis=1)] = 1
        return evaluate(joint, hard)
    kept = joint.p_x @ proba > EMPTY
    return evaluate(joint, proba if kept.all() else encode(joint, made[kept], beta))


def _extrapolated(
    joint: Joint, start: Floats, first: Floats, second: Encoder, beta: float
) -> Encoder:
    """Return the step from where three successive p(t, y) lead, or the last if it is worse."""
    change = first - start
    bend = (second.joint - first) - change
    ratio = float(np.linalg.norm(change)) / max(float(np.linalg.norm(bend)), SMALLEST)
    size = min(max(ratio, 1.0), LONGEST_STEP)
    made = start + 2 * size * change + size**2 * bend
    if size == 1.0 or (made < 0).any() or made.sum(axis=1).min() <= EMPTY:
        return second
    found = _step(joint, made, beta, False)
    return found if found.objective(beta) <= second.objective(beta) else second


def trace(
    joint: Joint,
    start: Encoder,
    betas: Floats,
    *,
    deterministic: bool,
    tolerance: float,
    max_iter: int,
) -> list[tuple[Encoder, float]]:
    """Return the encoders of ascending betas and how far they settled.

    Each is found from that of the next larger beta, and then from the best of all the others, until
    none is worse than another would be at its beta.
    """

    def settled(encoder: Encoder, beta: float) -> tuple[Encoder, float]:
        encoder, change = settle(
            joint,
            encoder,
            beta,
            deterministic=deterministic,
            tolerance=tolerance,
            max_iter=max_iter,
        )
        return merge(joint, encoder, beta), change

    found: list[tuple[Encoder, float]] = []
    for beta in betas[::-1]:
        found.insert(0, settled(found[0][0] if found else start, beta))
    trivial = evaluate(joint, np.ones((len(joint.p_x), 1)))
    has_changed = True
    while has_changed:
        has_changed = False
        known = [trivial, *(encoder for encoder, _ in found)]
        for i, beta in enumerate(betas):
            best = min(known, key=lambda encoder: encoder.objective(beta))
            worse = found[i][0].objective(beta) - BETTER * (1 + beta)  # beta magnifies rounding
            if best.objective(beta) >= worse:
                continue
            tried = (best, 0.0) if best is trivial else settled(best, beta)
            if tried[0].objective(beta) < worse:
                found[i], has_changed = tried, True
    return found
