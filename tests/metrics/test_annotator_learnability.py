"""Several labels a row: against closed forms, a published kappa, brute force and known odds."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import entr
from scipy.stats import binom

from sklearn_learnability.exceptions import (
    DependentLabelsWarning,
    SingleLabelWarning,
    UndefinedInformationWarning,
)
from sklearn_learnability.metrics import annotator_learnability, efficiency
from sklearn_learnability.metrics._entropy_bounds import cheapest_values, degree_of, hypergeometric

#: Ten subjects, fourteen raters, five categories.
FLEISS = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)


def simulate(odds, n_labels, seed):
    return np.random.default_rng(seed).multinomial(n_labels, odds)


@pytest.fixture(scope="module")
def counts():
    odds = np.random.default_rng(0).dirichlet([0.3, 0.3, 0.6], 400)
    return simulate(odds, 4, 1)


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.DependentLabelsWarning")
def test_the_quadratic_one_is_the_published_kappa():
    assert annotator_learnability(np.tile(FLEISS, (300, 1))).quadratic.value == pytest.approx(
        0.210, abs=5e-4
    )


def test_the_quadratic_one_counts_pairs(counts):
    rows = [np.repeat(range(3), row) for row in counts[:40]]
    within = [np.mean(a[:, None] == a) * 4 / 3 - 1 / 3 for a in rows]
    between = [
        np.mean(a[:, None] == b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j
    ]
    kappa = (np.mean(within) - np.mean(between)) / (1 - np.mean(between))
    assert annotator_learnability(counts[:40]).quadratic.value == pytest.approx(kappa)


@pytest.mark.parametrize("mixed", [0.1, 0.4])
def test_two_labels_of_two_classes_have_closed_ends(mixed):
    # of E p(1 - p) = u the entropy is at most that of one p, and at least that of p in {0, 1/2, 1}
    n = 20_000
    table = np.repeat(
        [[2, 0], [1, 1], [0, 2]],
        np.round(np.array([1 - mixed, 2 * mixed, 1 - mixed]) * n / 2).astype(int),
        axis=0,
    )
    found = annotator_learnability(table)
    p = (1 - np.sqrt(1 - 2 * mixed)) / 2
    assert found.most.value == pytest.approx(1 - 2 * mixed, abs=2e-3)
    assert found.least.value == pytest.approx(1 - (entr(p) + entr(1 - p)) / np.log(2), abs=2e-3)


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("degree", [2, 3, 4, 5, 8])
def test_polynomials_stay_on_their_side(degree, both):
    frequency = np.random.default_rng(degree).dirichlet(np.ones(degree + 1))
    p = np.concatenate([np.linspace(0, 1, 3001), np.geomspace(1e-14, 1e-3, 500)])
    entropy = entr(p) + entr(1 - p) if both else entr(p)
    for side, sign in (("upper", 1), ("lower", -1)):
        values = cheapest_values(frequency, 1e4, side, both=both)
        polynomial = binom.pmf(np.arange(degree + 1), degree, p[:, None]) @ values
        assert (sign * (polynomial - entropy)).min() > -1e-6


def test_counts_of_fewer_labels_are_those_of_a_draw_without_replacement():
    chances = hypergeometric(np.array([3]), np.array([5]), 2)[0]
    labels = np.array([1, 1, 1, 0, 0])
    pairs = [labels[i] + labels[j] for i in range(5) for j in range(5) if i != j]
    np.testing.assert_allclose(chances, np.bincount(pairs) / len(pairs), atol=1e-12)


def test_degrees():
    assert degree_of(np.array([2, 3, 4, 5, 6, 51]), 5000).tolist() == [2, 3, 3, 4, 5, 8]


@pytest.mark.parametrize("n_labels", [2, 3, 5])
def test_the_bracket_holds_known_odds(n_labels):
    alpha = [0.1, 0.3, 0.6]
    many = np.random.default_rng(0).dirichlet(alpha, 200_000)
    truth = 1 - entr(many).sum(axis=1).mean() / entr(many.mean(axis=0)).sum()
    held = []
    for seed in range(20):
        odds = np.random.default_rng(seed).dirichlet(alpha, 300)
        found = annotator_learnability(simulate(odds, n_labels, 100 + seed))
        held.append(found.lower <= truth <= found.upper)
        assert found.plug_in > truth
    assert sum(held) >= 17


def test_more_labels_narrow_the_bracket():
    odds = np.random.default_rng(0).dirichlet([0.3, 0.5], 3000)
    widths = []
    for n_labels in (2, 5, 40):
        found = annotator_learnability(simulate(odds, n_labels, 1))
        widths.append(found.upper - found.lower)
    assert widths[0] > 1.3 * widths[1] > 1.3 * 1.3 * widths[2]


def test_order_of_rows_and_classes_and_scale_of_weights_do_not_matter(counts):
    weight = np.random.default_rng(2).uniform(0.5, 2, len(counts))
    order = np.random.default_rng(3).permutation(len(counts))
    plain = annotator_learnability(counts, sample_weight=weight)
    other = annotator_learnability(counts[order][:, [2, 0, 1]], sample_weight=1e6 * weight[order])
    for name in ("lower", "upper", "plug_in", "label_entropy"):
        assert getattr(other, name) == pytest.approx(getattr(plain, name), abs=1e-7)
    assert other.quadratic.value == pytest.approx(plain.quadratic.value)


def test_a_class_without_labels_does_not_count(counts):
    two = np.column_stack([counts[:, 0], counts[:, 1:].sum(axis=1)])
    with_third = np.column_stack([two, np.zeros(len(two), dtype=int)])
    assert annotator_learnability(with_third) == annotator_learnability(two)


def test_rows_without_weight_do_not_count(counts):
    weight = np.r_[np.ones(300), np.zeros(100)]
    some = annotator_learnability(counts, sample_weight=weight)
    few = annotator_learnability(counts[:300])
    assert some.lower == pytest.approx(few.lower, abs=1e-9)
    assert some.quadratic.value == pytest.approx(few.quadratic.value)


def test_units_and_names_of_columns_do_not_matter(counts):
    bits = annotator_learnability(pd.DataFrame(counts, columns=["c", "a", "b"]))
    nats = annotator_learnability(counts, units="nats")
    assert bits.bracket == nats.bracket
    assert nats.label_entropy == pytest.approx(bits.label_entropy * np.log(2))


def test_copies_of_rows_in_groups_say_no_more(counts):
    copies = annotator_learnability(
        np.repeat(counts, 4, axis=0), groups=np.repeat(np.arange(len(counts)), 4)
    )
    once = annotator_learnability(counts)
    assert copies.most.standard_error == pytest.approx(once.most.standard_error, rel=0.05)


def test_single_labels_are_left_out(counts):
    more = np.vstack([counts, np.eye(3, dtype=int), np.zeros((2, 3), dtype=int)])
    with pytest.warns(SingleLabelWarning, match="5 of 405 rows"):
        found = annotator_learnability(more)
    assert (found.n_rows, found.n_left_out) == (400, 5)
    assert found.bracket == annotator_learnability(counts).bracket


def test_labels_that_repel_each_other_are_told():
    half = np.tile([[5, 5]], (200, 1))
    with pytest.warns(DependentLabelsWarning, match="vary less"):
        annotator_learnability(half)


def test_annotators_who_agree_leave_nothing():
    found = annotator_learnability([[3, 0], [0, 3]] * 100)
    assert found.quadratic.value == found.plug_in == 1
    assert found.upper == 1
    assert found.lower > 0.8


def test_one_class_is_undefined():
    with pytest.warns(UndefinedInformationWarning, match="one class"):
        found = annotator_learnability([[2, 0]] * 10)
    assert np.isnan([*found.bracket, found.quadratic.value, found.plug_in]).all()


def test_the_bracket_is_one_for_the_efficiency():
    odds = np.random.default_rng(0).dirichlet([0.3, 0.5], 2000)
    found = annotator_learnability(simulate(odds, 3, 1))
    y = (np.random.default_rng(5).uniform(size=2000) < odds[:, 1]).astype(int)
    share = efficiency(y, odds, learnability=found.most.value, bracket=found.bracket)
    assert share.efficiency_of_upper <= 1 <= share.efficiency_of_lower


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([1, 2], r"shape \(n_samples, n_classes\)"),
        ([[1], [2]], r"shape \(2, 1\)"),
        ([[1.5, 1]], "got 1.5"),
        ([[-1, 3]], "got -1"),
        ([[np.nan, 3]], "counts"),
        ([[1, 0], [0, 1]], r"at most 1 label"),
    ],
)
def test_wrong_counts_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        annotator_learnability(wrong)


def test_counts_may_be_huge(counts):
    """Of so many labels the ends no longer depend on how many there are."""
    many = 1000 * counts[counts.sum(axis=1) > 1]
    few, most = (annotator_learnability(scale * many) for scale in (10**3, 10**11))
    for name in ("least", "most", "quadratic"):
        assert getattr(most, name).value == pytest.approx(getattr(few, name).value, abs=1e-5)


def test_an_interval_that_is_unbounded_is_undefined_and_told():
    with pytest.warns(UndefinedInformationWarning, match="3 rows, or their groups, are too few"):
        found = annotator_learnability([[900, 100], [0, 1000], [30, 970]])
    assert np.isfinite(found.quadratic.value)
    assert np.isnan([found.quadratic.lower, found.quadratic.upper]).all()
