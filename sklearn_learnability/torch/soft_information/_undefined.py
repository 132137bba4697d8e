"""Which numbers of an accumulator are undefined, and why."""

from collections.abc import Sequence

from sklearn_learnability._validation import warn
from sklearn_learnability.exceptions import SingleSequenceWarning, UndefinedInformationWarning
from sklearn_learnability.torch.soft_information._label_rows import SetCounts


def warn_of_undefined(names: Sequence[str], counts: Sequence[SetCounts], n_sequences: int) -> None:
    """Say which numbers are NaN for too few sequences, or labels, or labels that recur."""
    if n_sequences == 1:
        warn(
            "Only one sequence was seen: intervals and quadratic information are NaN.",
            SingleSequenceWarning,
        )
    n_labels = [len(of_set.counts) + of_set.n_once for of_set in counts]
    few = [name for name, n in zip(names, n_labels, strict=True) if n < 2]
    if few:
        warn(
            f"Fewer than two different labels in {few}: their information is NaN.",
            UndefinedInformationWarning,
        )
    found = list(zip(names, counts, n_labels, strict=True))
    alone = [name for name, c, n in found if n > 1 and not (c.counts > 1).any()]
    apart = [name for name, c, n in found if n > 1 and not (c.pairs > 0).any()]
    if alone:
        warn(
            f"No label occurs twice in {alone[0]!r} ({len(alone)} of {len(names)} sets of "
            "labels): any labels so rare reach this information, and what needs repeated "
            "labels is NaN.",
            UndefinedInformationWarning,
        )
    apart = [name for name in apart if name not in alone]
    if apart and n_sequences > 1:
        warn(
            f"No label occurs in two sequences in {apart[0]!r} ({len(apart)} of {len(names)} "
            "sets of labels): the quadratic information is NaN.",
            UndefinedInformationWarning,
        )
