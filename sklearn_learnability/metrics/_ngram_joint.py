"""The joint distribution of contexts and next tokens, counted from text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.special import entr

from sklearn_learnability._results import Result
from sklearn_learnability._validation import (
    Integers,
    Units,
    check_count,
    nats_per_unit,
    readable,
)


@dataclass(frozen=True, eq=False)
class NgramJoint(Result):
    """Counts of contexts and the tokens that followed, as a joint distribution.

    Attributes
    ----------
    joint : csr_array of shape (n_contexts, n_tokens)
        Share of the positions with that context and that next token; it sums to 1.
    contexts : ndarray of shape (n_contexts, width)
        Tokens of every context.
    tokens : ndarray of shape (n_tokens,)
        The next tokens.
    n_positions : int
        Positions counted.
    """

    joint: sparse.csr_array
    contexts: Integers
    tokens: Integers
    n_positions: int

    def information(self, units: Units = "bits") -> float:
        """Return the information of contexts about next tokens in these counts.

        It is that of the positions counted. As an estimate for the text they come from it is too
        high: a context seen once seems to say all about what follows.
        """
        p_x = np.asarray(self.joint.sum(axis=1)).ravel()
        p_y = np.asarray(self.joint.sum(axis=0)).ravel()
        nats = entr(p_x).sum() + entr(p_y).sum() - entr(self.joint.data).sum()
        return max(float(nats), 0.0) / nats_per_unit(units)

    def bias(self, units: Units = "bits") -> float:
        r"""Return by how much the information is too high, to first order (Miller and Madow).

        .. math:: (m_{xy} - m_x - m_y + 1) / 2N

        with m the numbers of pairs, contexts and tokens that were seen. It is too small where many
        pairs are seen once: then no correction of counts is of use.
        """
        n_x, n_y = self.joint.shape
        return (self.joint.nnz - n_x - n_y + 1) / (2 * self.n_positions) / nats_per_unit(units)

    @property
    def share_seen_once(self) -> float:
        """Share of the positions whose context and next token were seen nowhere else."""
        return float((self.joint.data * self.n_positions < 1.5).sum() / self.n_positions)


def ngram_joint(ids: ArrayLike | Sequence[ArrayLike], width: int) -> NgramJoint:
    r"""Count which tokens follow which contexts of `width` tokens.

    .. math:: p(x, y) = \frac 1N \#\{i : (t_{i-w}, \dots, t_{i-1}) = x,\ t_i = y\}

    Parameters
    ----------
    ids : array-like of shape (n_tokens,) or (n_texts, n_tokens), or list of texts
        Token ids of a text, or of several texts, which contexts do not reach across. Texts of a
        list may differ in length and type, and be empty.
    width : int
        Tokens of a context, at least 1.

    Returns
    -------
    NgramJoint
        The joint distribution, sparse, with its contexts and the bias of its information.

    Raises
    ------
    ValueError
        If ids are no whole numbers >= 0, or no text is longer than a context.

    References
    ----------
    G. A. Miller. Note on the bias of information estimates. Information Theory in Psychology,
    1955.

    Examples
    --------
    >>> from sklearn_learnability.metrics import ngram_joint
    >>> counted = ngram_joint([0, 1, 0, 1, 0, 1, 1], width=1)
    >>> counted.joint.toarray() * counted.n_positions
    array([[0., 3.],
           [2., 1.]])
    """
    check_count("width", width)
    windows = [_windows(text, width) for text in _texts(ids)]
    rows = np.concatenate(windows, dtype=_common_type(windows), casting="unsafe")
    if not len(rows):
        raise ValueError(f"Expected a text of more than width={width} tokens, got none.")
    contexts, x = np.unique(rows[:, :-1], axis=0, return_inverse=True)
    tokens, y = np.unique(rows[:, -1], return_inverse=True)
    shape = (len(contexts), len(tokens))
    ones = np.full(len(rows), 1 / len(rows))
    joint = sparse.csr_array((ones, (x.ravel(), y.ravel())), shape=shape)
    joint.sum_duplicates()
    return NgramJoint(joint, contexts, tokens, len(rows))


def _texts(ids: ArrayLike | Sequence[ArrayLike]) -> list[Integers]:
    """Return the token ids of every text."""
    several: Any = ids
    if not isinstance(ids, list | tuple):
        table = _integers(ids, (1, 2))
        several = table if table.ndim == 2 else [table]
    elif not ids or not (isinstance(ids[0], list | tuple) or np.ndim(ids[0])):
        several = [ids]
    return [_integers(text, (1,)) for text in several]


def _integers(ids: Any, dimensions: tuple[int, ...]) -> Integers:
    """Return ids as an array, refusing what are no whole numbers >= 0."""
    ids = readable("ids", ids)
    try:
        array = np.asarray(ids)
    except ValueError:
        raise ValueError(
            "Expected ids as whole numbers >= 0 of one text or of several, got nested lists."
        ) from None
    if array.size == 0 and array.ndim == 1:
        return np.empty(0, dtype=np.int64)
    if array.ndim not in dimensions or array.dtype.kind not in "iu" or (array < 0).any():
        raise ValueError(
            f"Expected ids as whole numbers >= 0 of one text or of several, got {array.dtype} of "
            f"shape {array.shape}."
        )
    return array


def _common_type(arrays: list[Integers]) -> np.dtype[Any]:
    """Return the type of integers that holds all arrays of integers >= 0."""
    kind = np.result_type(*arrays)
    return kind if kind.kind in "iu" else np.dtype(np.uint64)


def _windows(text: Integers, width: int) -> Integers:
    """Return every context with the token that follows."""
    if len(text) <= width:
        return np.empty((0, width + 1), dtype=text.dtype)
    return np.lib.stride_tricks.sliding_window_view(text, width + 1)
