"""A streaming estimator of what representations keep of labels."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sklearn_learnability._validation import check_random_state, warn
from sklearn_learnability.exceptions import NoPositionsWarning
from sklearn_learnability.torch.models._digest import digest
from sklearn_learnability.torch.soft_information._assignment_sums import AssignmentSums
from sklearn_learnability.torch.soft_information._batch import (
    check_hidden,
    finite_lengths,
    positions,
)
from sklearn_learnability.torch.soft_information._influences import Influences
from sklearn_learnability.torch.soft_information._information_estimates import estimate_information
from sklearn_learnability.torch.soft_information._information_results import (
    InformationEstimate,
    InformationProfile,
)
from sklearn_learnability.torch.soft_information._label_rows import LabelRows
from sklearn_learnability.torch.soft_information._label_sums import SampledRows
from sklearn_learnability.torch.soft_information._ngrams import IGNORED, ONCE, LabelTable, as_array
from sklearn_learnability.torch.soft_information._row_sample import (
    PositionSample,
    RowSample,
    position_keys,
)
from sklearn_learnability.torch.soft_information._sequence_groups import SequenceGroups
from sklearn_learnability.torch.soft_information._size_curve import SizeCurve
from sklearn_learnability.torch.soft_information._soft_entropy import (
    Assignment,
    assign_layers,
    check_reference_points,
    draw_reference_points,
)
from sklearn_learnability.torch.soft_information._temperature import resolve_temperature
from sklearn_learnability.torch.soft_information._undefined import warn_of_undefined

Ints = NDArray[np.int64]
Labels = ArrayLike | Tensor | Mapping[str, ArrayLike | Tensor]

#: What a state holds.
STATE = ("settings", "labels", "sums", "sample", "next_sequence", "ids_given")


class SoftInformation:
    r"""Mutual information of labels and hidden states, in one stream, for all layers at once.

    .. math:: I(X; Z) = H(Z) - \sum_x \frac{n_x}{N} H(Z \mid X = x)

    with the soft entropies of :func:`soft_entropy`, of all positions and of those with a label.
    Beside this plug-in estimate stands what labels of the same sizes would give if they meant
    nothing, a bracket, an unbiased measure and an interval over sequences; see
    :class:`InformationEstimate`.

    Statistics are sums by label and a uniform sample of positions, so that accumulators of parts
    of the data merge into that of the whole. Entropies and information are computed from the sums;
    the null, the bracket and the interval use the sample, which is everything until `n_sampled`
    positions were seen.

    Parameters
    ----------
    dim : int
        Dimension of the representations.
    n_points : int, default=100
        Number of reference points.
    labels : str, sequence of str, or dict of str to LabelTable or None, default="labels"
        Names of the sets of labels. With a :class:`LabelTable`, labels that occur once take no
        memory, and all rows are laid out at the start; without one, every label gets a row when it
        is first seen.
    n_layers : int, default=1
        Number of layers. They share reference points and labels.
    temperature : {"exact", "paper", "leading"} or float, default="exact"
        The temperature, or the method of :func:`calibrate_temperature`.
    reference_points : array-like of shape (n_points, dim), default=None
        The points. None draws `n_points` of them.
    dtype : torch.dtype, default=torch.float64
        Of the sums by label, torch.float32 or torch.float64. Totals are always float64. float32
        halves the memory, and moves informations by about 1e-7 for half a million positions.
    n_sampled : int, default=2048
        Number of positions to keep for the null, the bracket and the interval.
    random_state : int, RandomState instance or None, default=0
        Source of randomness: of the points and of the sample. Accumulators merge only under the
        same points.

    Attributes
    ----------
    reference_points_ : torch.Tensor of shape (n_points, dim)
        The points, float64.
    temperature_ : float
        The temperature.
    n_sequences_ : int
        Number of sequences seen; where `sequences` was given, of those with a label.

    References
    ----------
    H. Conklin et al. Learning is forgetting: LLM training as lossy compression. ICLR, 2026.
    G. A. Miller. Note on the bias of information estimates. Information Theory in Psychology, 1955.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_learnability.torch import SoftInformation
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(4, size=(20, 100))  # 20 sequences of 100 positions
    >>> hidden = np.eye(16)[labels] + rng.normal(scale=0.2, size=(20, 100, 16))
    >>> information = SoftInformation(16, labels="token")
    >>> for batch in range(0, 20, 5):
    ...     information.update(hidden[batch : batch + 5], labels[batch : batch + 5])
    >>> table = information.compute().to_frame()
    >>> table[["layer", "labels", "information", "null", "ceiling"]].round(3)
       layer labels  information   null  ceiling
    0      0  token        0.216  0.004    0.529
    """

    def __init__(
        self,
        dim: int,
        n_points: int = 100,
        *,
        labels: str | Sequence[str] | Mapping[str, LabelTable | None] = "labels",
        n_layers: int = 1,
        temperature: str | float = "exact",
        reference_points: ArrayLike | Tensor | None = None,
        dtype: torch.dtype = torch.float64,
        n_sampled: int = 2048,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        if dim < 2 or n_layers < 1 or n_sampled < 2:
            raise ValueError(
                "Expected dim and n_sampled of at least 2 and n_layers of at least 1, got "
                f"dim={dim}, n_sampled={n_sampled}, n_layers={n_layers}."
            )
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"Expected dtype torch.float32 or torch.float64, got {dtype}.")
        rng = check_random_state(random_state)
        seed = int(deepcopy(rng).randint(2**31 - 1))  # vectors of all sizes have one sample
        if reference_points is None:
            self.reference_points_ = draw_reference_points(dim, n_points, rng)
        else:
            self.reference_points_ = check_reference_points(reference_points, dim)
        n_points = len(self.reference_points_)
        self.dim, self.n_points, self.n_layers, self.dtype = dim, n_points, n_layers, dtype
        self.temperature_ = resolve_temperature(temperature, dim, n_points)
        self._labels = LabelRows(labels)
        n_sets = len(self._labels.names)
        self._sums = AssignmentSums(n_layers, n_sets, self._labels.n_rows, n_points, dtype)
        self._sample = PositionSample(seed, RowSample(n_sampled, n_layers, n_points, n_sets, dtype))
        self._next_sequence = 0
        self._ids_given: bool | None = None
        self._seen = np.zeros(0, dtype=np.int64)  # ids given

    @property
    def n_sequences_(self) -> int:
        """Number of sequences seen."""
        if self._ids_given:
            return len(self._seen)
        return self._next_sequence

    def update(
        self,
        hidden: ArrayLike | Tensor | Sequence[Tensor],
        labels: Labels,
        mask: ArrayLike | Tensor | None = None,
        sequences: ArrayLike | None = None,
    ) -> None:
        """Take in a batch of hidden states; on an error, nothing of it.

        Parameters
        ----------
        hidden : tensor or array of shape (..., dim), or sequence of such
            Hidden states. With more than one layer: a sequence of one tensor a layer (what
            transformers return as `hidden_states`), or one of shape (n_layers, ..., dim). In
            shape (batch, length, dim) each entry of the batch is a sequence; in shape (n, dim)
            each row is.
        labels : array-like of the leading shape of `hidden`, or dict of such
            Integers or strings; -1, -100 and None are ignored. A dict has one array a set.
        mask : array-like of bool of the same leading shape, default=None
            False where a position is not to be counted, such as padding.
        sequences : array-like of int of shape (batch,), default=None
            Ids of the sequences, unique over all accumulators to be merged. Entries of one id,
            such as two answers to one prompt, are one sequence, whole in one batch. They make the
            sample independent of the order of batches. None numbers entries as they come.

        Raises
        ------
        ValueError
            If shapes do not agree, hidden states are not finite, a table lacks a label, or a
            sequence was in an earlier batch.
        """
        self._take_in(hidden, labels, mask, sequences)

    def _take_in(self, hidden: Any, labels: Labels, mask: Any, sequences: Any) -> list[Assignment]:
        """Take in a batch, and return the assignments of each layer; none if nothing counted."""
        layers, shape = check_hidden(hidden, self.n_layers, self.dim)
        valid = np.ones(shape, dtype=bool)
        if mask is not None:
            valid = as_array(mask).astype(bool)
            if valid.shape != shape:
                raise ValueError(f"Expected mask of shape {shape}, got {valid.shape}.")
        pending = self._labels.look_up(labels, valid)
        if self._ids_given not in (None, sequences is not None):
            raise ValueError(
                "Expected ids of sequences in all updates or in none, got them in some."
            )
        ids, within = positions(valid, sequences, self._next_sequence)
        used = (pending.rows != IGNORED).any(axis=0)
        seen = self._seen if sequences is None else self._with_ids(ids[used])
        if not used.any():
            warn("A batch had no position to count and was skipped.", NoPositionsWarning)
            return []
        assigned = assign_layers(
            *finite_lengths(layers, used, shape), self.reference_points_, self.temperature_
        )
        groups = SequenceGroups(pending, ids, self._labels.n_rows + len(pending.new))
        keys = position_keys(self._sample.seed, ids, within)
        drawn = self._sample.drawn(assigned, groups, keys)
        self._sums.add(assigned, pending, groups)
        self._sample.kept.replace(*drawn)
        self._labels.commit(pending, groups.counts())
        self._seen = seen
        self._next_sequence += shape[0]
        self._ids_given = sequences is not None
        return assigned

    def _with_ids(self, ids: Ints) -> Ints:
        """Return the ids seen with new ones among them, which were in no earlier batch."""
        new = np.unique(ids)
        again = np.intersect1d(new, self._seen, assume_unique=True)
        if len(again):
            raise ValueError(
                f"Expected each sequence whole in one batch, got {again[0]} and {len(again) - 1} "
                "other(s) that were seen before."
            )
        return np.union1d(self._seen, new)

    def merge(self, other: "SoftInformation") -> "SoftInformation":
        """Take in what another accumulator has seen, as if all had been seen here.

        Parameters
        ----------
        other : SoftInformation
            An accumulator of the same settings, over other sequences. It stays as it is.

        Returns
        -------
        self : SoftInformation
            This accumulator.

        Raises
        ------
        ValueError
            If the settings, points or label tables differ, or both have seen a sequence.
        """
        self._check_alike(other)
        seen = self._with_ids(other._seen)
        of_other = self._labels.merge(other._labels)  # row there -> row here
        self._sums.merge(other._sums, of_other, self._labels.n_rows)
        shift = 0 if other._ids_given else self._next_sequence
        self._sample.merge(other._sample, of_other, shift)
        self._seen = seen
        self._next_sequence += other._next_sequence
        self._ids_given = other._ids_given if self._ids_given is None else self._ids_given
        return self

    def _check_alike(self, other: "SoftInformation") -> None:
        """Refuse an accumulator of other settings."""
        mine, theirs = self._settings(), other._settings()
        for name, value in mine.items():
            if theirs[name] != value:
                raise ValueError(f"Expected {name}={value} to merge, got {theirs[name]}.")
        if None not in (self._ids_given, other._ids_given) and self._ids_given != other._ids_given:
            raise ValueError(
                "Expected ids of sequences in both accumulators or in none, got them in one."
            )

    def compute(self) -> InformationProfile:
        """Return the estimates of everything seen so far.

        Returns
        -------
        profile : InformationProfile
            One estimate a layer and set of labels.

        Raises
        ------
        ValueError
            If nothing has been seen.
        """
        if self.n_sequences_ == 0:
            raise ValueError("Expected at least one update before compute, got none.")
        names = self._labels.names
        counts = [self._labels.of_set(index) for index in range(len(names))]
        warn_of_undefined(names, counts, self.n_sequences_)
        sample = self._sample.kept.in_order()
        found = []
        for layer in range(self.n_layers):
            curve = SizeCurve(sample.proba[layer], np.random.RandomState(self._sample.seed))
            for index in range(len(names)):
                found.append(self._estimate(layer, index, sample, curve))
        estimates, influences = zip(*found, strict=True)
        return InformationProfile(estimates, influences, self.n_sequences_)

    def _estimate(
        self, layer: int, index: int, sample: RowSample, curve: SizeCurve
    ) -> tuple[InformationEstimate, Influences]:
        """Return the estimate of one layer and one set of labels, and what its errors are of."""
        chosen = self._labels.rows_of_set(index)
        local = np.full(self._labels.n_rows - ONCE, ONCE)  # what occurs once stands at its end
        local[chosen] = np.arange(len(chosen))
        kept = sample.labelled(index)
        of_sample = sample.rows[index, kept]
        return estimate_information(
            layer,
            self._labels.names[index],
            self._sums.of_set(layer, index, chosen, self._labels.of_set(index)),
            SampledRows(
                sample.proba[layer, torch.from_numpy(kept)],
                local[of_sample],
                sample.sequences[kept],
                sample.own_products[layer][:, index, kept],
                sample.own_counts[:, index, kept],
            ),
            curve,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what was seen as tensors and plain values, for `torch.save`.

        Returns
        -------
        state : dict
            It can be loaded with `weights_only=True`, into an accumulator of the same settings.
        """
        return {
            "settings": self._settings(),
            "sums": self._sums.state_dict(self._labels.n_rows),
            "labels": self._labels.state_dict(),
            "sample": self._sample.state_dict(),
            "next_sequence": self._next_sequence,
            "ids_given": self._ids_given,
            "seen": torch.from_numpy(self._seen.copy()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Replace what was seen by what another accumulator of the same settings had seen.

        Parameters
        ----------
        state : dict
            What `state_dict` returned.

        Raises
        ------
        ValueError
            If it is no such state, or the settings or label tables differ; nothing is changed then.
        """
        held = state if isinstance(state, Mapping) else {}
        if lacking := [part for part in STATE if part not in held]:
            raise ValueError(
                f"Expected what state_dict returned, got a {type(state).__name__} without "
                f"{lacking[0]!r}."
            )
        if state["settings"] != self._settings():
            raise ValueError(
                f"Expected the state of settings {self._settings()}, got {state['settings']}."
            )
        self._labels.load_state_dict(state["labels"])
        self._sums.load_state_dict(state["sums"])
        self._sample.load_state_dict(state["sample"])
        self._next_sequence, self._ids_given = state["next_sequence"], state["ids_given"]
        self._seen = state["seen"].numpy().copy()

    def _settings(self) -> dict[str, Any]:
        """Return what two accumulators must share."""
        return {
            "dim": self.dim,
            "n_points": self.n_points,
            "n_layers": self.n_layers,
            "dtype": str(self.dtype),
            "temperature": self.temperature_,
            "points": digest(self.reference_points_.float(), "set of points"),
            "n_sampled": self._sample.kept.size,
            "seed": self._sample.seed,
            "labels": self._labels.names,
            "tables": self._labels.fingerprints(),
        }
