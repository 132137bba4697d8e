import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import brentq
from scipy.special import entr

from sklearn_learnability.exceptions import BottleneckConvergenceWarning
from sklearn_learnability.metrics import (
    distance_to_bound,
    information_bottleneck,
    ngram_joint,
)


def binary_entropy(share):
    return entr(share) + entr(1 - share)


def a_joint(seed, shape=(7, 5), spread=1.5):
    joint = np.exp(spread * np.random.default_rng(seed).normal(size=shape))
    return joint / joint.sum()


def informations(joint, encoder):
    """Return I(X;T) and I(T;Y) in nats, from their definitions."""

    def information(p):
        product = np.outer(p.sum(axis=1), p.sum(axis=0))
        kept = p > 0
        return (p[kept] * np.log(p[kept] / product[kept])).sum()

    with_x = joint.sum(axis=1)[:, None] * encoder
    return information(with_x), information(encoder.T @ joint)


@pytest.mark.parametrize("flip", [0.02, 0.1, 0.3])
def test_binary_symmetric_source(flip):
    joint = np.array([[1 - flip, flip], [flip, 1 - flip]]) / 2
    transition = (1 - 2 * flip) ** -2
    betas = transition * np.array([0.5, 0.99, 1.01, 1.1, 1.5, 3, 10])
    curve = information_bottleneck(joint, betas, units="nats", tolerance=1e-12)
    for point, beta in enumerate(betas):

        def slope(a, beta=beta):
            b = a + flip - 2 * a * flip
            return np.log(a / (1 - a)) - beta * (1 - 2 * flip) * np.log(b / (1 - b))

        a = brentq(slope, 1e-300, 0.5 - 1e-7, xtol=1e-16) if beta > transition else 0.5
        b = a + flip - 2 * a * flip
        assert curve.complexity[point] == pytest.approx(np.log(2) - binary_entropy(a), abs=1e-9)
        assert curve.expressivity[point] == pytest.approx(np.log(2) - binary_entropy(b), abs=1e-9)
    assert curve.converged.all()


@pytest.mark.parametrize("erased", [0.1, 0.5, 0.9])
def test_erasure_source(erased):
    """What is kept of y is the same share of what is kept of x everywhere."""
    joint = np.array([[1 - erased, erased, 0], [0, erased, 1 - erased]]) / 2
    curve = information_bottleneck(joint, units="nats")
    np.testing.assert_allclose(curve.expressivity, (1 - erased) * curve.complexity, atol=1e-9)
    assert curve.complexity[-1] == pytest.approx(np.log(2))


@pytest.mark.parametrize("as_matrix", [np.array, sparse.csr_array])
def test_contraction_of_sources_whose_coefficient_is_known(as_matrix):
    for flip in (0.02, 0.1, 0.5):
        joint = as_matrix(np.array([[1 - flip, flip], [flip, 1 - flip]]) / 2)
        curve = information_bottleneck(joint, [2.0])
        assert curve.contraction == pytest.approx((1 - 2 * flip) ** 2, abs=1e-12)
    erasure = as_matrix(np.array([[0.7, 0.3, 0], [0, 0.3, 0.7]]) / 2)
    assert information_bottleneck(erasure, [2.0]).contraction == pytest.approx(0.7, abs=1e-12)
    assert information_bottleneck(as_matrix(np.eye(3) / 3), [2.0]).contraction == 1
    assert information_bottleneck(as_matrix(np.ones((1, 3)) / 3), [2.0]).contraction == 0


@pytest.mark.parametrize("seed", range(4))
def test_no_input_distribution_passes_a_larger_share_than_the_contraction(seed):
    """For two inputs the limit is reached, by a distribution that hardly differs from another."""
    channel = a_joint(seed, shape=(2, 6))
    channel /= channel.sum(axis=1, keepdims=True)
    shares = np.linspace(0, 1, 20_001)[:, None]
    mixed = shares * channel[0] + (1 - shares) * channel[1]
    difference = channel[0] - channel[1]
    passed = (shares * (1 - shares)).ravel() * (difference**2 / mixed).sum(axis=1)
    found = information_bottleneck(channel / 2, [2.0]).contraction
    assert passed.max() == pytest.approx(found, abs=1e-7)


@pytest.mark.parametrize("share", [1e-3, 1e-6, 1e-8])
def test_the_contraction_of_a_channel_that_hardly_passes_anything(share):
    """A bit flipped in nearly half of all cases passes the square of what is missing to half."""
    joint = np.array([[1 + share, 1 - share], [1 - share, 1 + share]]) / 4
    found = information_bottleneck(joint, [2.0]).contraction
    assert found == pytest.approx(share**2, rel=1e-6, abs=0)
    for rare in ([[1, 0], [1 - share, share]], [[1 - share, share], [1, 0]]):
        found = information_bottleneck(np.array(rare) / 2, [2.0]).contraction
        assert found == pytest.approx(share, rel=1e-6, abs=0)


def test_gaussian_source():
    grid, correlation = np.linspace(-5.5, 5.5, 45), 0.7
    x, y = np.meshgrid(grid, grid, indexing="ij")
    shape = (x**2 - 2 * correlation * x * y + y**2) / (2 * (1 - correlation**2))
    joint = np.exp(-shape)
    curve = information_bottleneck(
        joint / joint.sum(), [2.5, 4, 8], units="nats", tolerance=1e-7, max_iter=500
    )
    rest = 1 - correlation**2
    expected = 0.5 * np.log((curve.betas - 1) * (1 - rest) / rest)
    np.testing.assert_allclose(curve.complexity, expected, atol=2e-3)
    kept = -0.5 * np.log(1 - correlation**2 * (1 - np.exp(-2 * curve.complexity)))
    np.testing.assert_allclose(curve.expressivity, kept, atol=1e-4)


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.BottleneckConvergenceWarning")
@given(seed=st.integers(0, 10**6), deterministic=st.booleans(), spread=st.sampled_from([0, 1, 3]))
@settings(max_examples=15)
def test_points_are_those_of_their_encoders_and_within_the_bounds(seed, deterministic, spread):
    joint = a_joint(seed, spread=spread)
    curve = information_bottleneck(joint, deterministic=deterministic, units="nats")
    for beta, rate, kept, encoder in zip(
        curve.betas, curve.complexity, curve.expressivity, curve.encoders, strict=True
    ):
        np.testing.assert_allclose(encoder.sum(axis=1), 1)
        assert (rate, kept) == pytest.approx(informations(joint, encoder), abs=1e-9)
        assert rate - beta * kept <= 1e-9  # that of the constant encoder is 0
        everything = curve.input_entropy - beta * curve.information
        assert rate - beta * kept <= everything + 1e-8  # that of T = X
    assert (curve.complexity >= 0).all()
    assert (curve.gap >= -1e-9).all()
    if not deterministic:
        assert (np.diff(curve.complexity) >= -1e-6).all()


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.BottleneckConvergenceWarning")
@pytest.mark.parametrize("options", [{"deterministic": True}, {}])
def test_no_point_is_worse_than_another_would_be(options):
    """Also where descents end in many places, and one betters another that was tried before it."""
    for seed in (2, 5, 11, 17, 20, 23):
        joint = a_joint(seed, shape=(20, 10), spread=1 + seed % 3)
        betas = np.geomspace(1.2, 60, 15)
        curve = information_bottleneck(
            joint, betas, units="nats", n_clusters=5, max_iter=100, random_state=0, **options
        )
        objective = curve.complexity - betas[:, None] * curve.expressivity
        assert (np.diag(objective) <= objective.min(axis=1) + 1e-8).all()


def test_no_encoder_of_a_fine_grid_is_better():
    """Two inputs and two clusters: all encoders can be tried."""
    joint = np.array([[0.3, 0.1, 0.05], [0.05, 0.1, 0.4]])
    shares = np.linspace(0, 1, 301)
    tried = np.array(
        [
            informations(joint, np.array([[a, 1 - a], [b, 1 - b]]))
            for a, b in itertools.product(shares, shares[::3])
        ]
    )
    curve = information_bottleneck(joint, [1.5, 2, 4], units="nats")
    for beta, rate, kept in zip(curve.betas, curve.complexity, curve.expressivity, strict=True):
        best = (tried[:, 0] - beta * tried[:, 1]).min()
        assert rate - beta * kept <= best + 1e-9
        assert rate - beta * kept >= best - 1e-3


def partitions(n):
    """Return all ways to put n things into groups."""
    if n == 0:
        return [[]]
    return [
        [*rest, group] for rest in partitions(n - 1) for group in range(max(rest, default=-1) + 2)
    ]


def test_deterministic_encoders_are_near_the_best_of_all_partitions():
    shortfalls = []
    for seed in range(12):
        joint = a_joint(seed, shape=(6, 4))
        every = [informations(joint, np.eye(6)[groups]) for groups in partitions(6)]
        curve = information_bottleneck(joint, [2, 4, 8], deterministic=True, units="nats")
        for beta, rate, kept in zip(curve.betas, curve.complexity, curve.expressivity, strict=True):
            best = min(i_x - beta * i_y for i_x, i_y in every)
            shortfalls.append(rate - beta * kept - best)
    assert min(shortfalls) > -1e-9
    assert np.mean(np.array(shortfalls) < 1e-9) > 0.5


def test_sparse_and_dense_say_the_same():
    joint = a_joint(1, shape=(20, 15))
    joint[joint < np.median(joint)] = 0
    joint /= joint.sum()
    dense = information_bottleneck(joint, [2, 3, 6])
    for kind in (sparse.csr_array, sparse.coo_array, sparse.csc_matrix):
        found = information_bottleneck(kind(joint), [6, 3, 2])
        np.testing.assert_allclose(found.complexity, dense.complexity, atol=1e-7)
        np.testing.assert_allclose(found.expressivity, dense.expressivity, atol=1e-7)


def test_order_names_and_units_do_not_matter():
    joint = a_joint(4)
    rng = np.random.default_rng(0)
    curve = information_bottleneck(joint, [2, 5])
    shuffled = joint[rng.permutation(7)][:, rng.permutation(5)]
    for other in (pd.DataFrame(joint), joint.tolist(), shuffled):
        found = information_bottleneck(other, [5, 2])
        np.testing.assert_allclose(found.complexity, curve.complexity, atol=1e-8)
    nats = information_bottleneck(joint, [2, 5], units="nats")
    np.testing.assert_allclose(nats.expressivity, curve.expressivity * np.log(2), atol=1e-9)


def test_inputs_that_say_the_same_are_one():
    """An input split in two changes H(X), and nothing that matters for y."""
    joint = a_joint(5)
    split = np.vstack([joint[:-1], joint[-1:] * 0.3, joint[-1:] * 0.7])
    curve, other = (information_bottleneck(p, [1.5, 3, 10]) for p in (joint, split))
    np.testing.assert_allclose(other.complexity, curve.complexity, atol=1e-7)
    np.testing.assert_allclose(other.expressivity, curve.expressivity, atol=1e-7)
    assert other.input_entropy > curve.input_entropy


def test_clusters_bound_the_complexity():
    joint = a_joint(6, shape=(200, 40), spread=2)
    free = information_bottleneck(joint, [2, 4, 8], max_iter=300, tolerance=1e-6)
    few = information_bottleneck(joint, [2, 4, 8], n_clusters=8, random_state=0)
    assert (few.complexity <= 3 + 1e-9).all()
    assert (few.n_clusters <= 8).all()
    objective = few.complexity - few.betas * few.expressivity
    assert (objective >= free.complexity - free.betas * free.expressivity - 1e-6).all()
    again = information_bottleneck(joint, [2, 4, 8], n_clusters=8, random_state=0)
    np.testing.assert_array_equal(few.complexity, again.complexity)


@pytest.mark.parametrize("beta", [1e-6, 1e6, 1e12, 1e16, 1e20, 1e300, 1e308])
def test_encoders_are_distributions_at_any_trade_off(beta):
    """Equal inputs share a cluster half and half, whatever beta leaves of the digits."""
    joint = np.repeat(a_joint(5), 5, axis=0) / 5
    curve = information_bottleneck(joint, [beta], units="nats")
    np.testing.assert_allclose(curve.encoders[0].sum(axis=1), 1)
    everything = informations(a_joint(5), np.eye(7))
    expected = everything if beta > 1 else (0, 0)
    assert (curve.complexity[0], curve.expressivity[0]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("rare", [1e-12, 1e-16, 1e-300, 1e-310, 5e-324])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_array])
def test_an_input_that_hardly_ever_comes_changes_nothing(rare, kind):
    joint = np.pad(a_joint(6), ((0, 2), (0, 1)))
    curve = information_bottleneck(joint[:7, :5], [2, 4, 1e6])
    joint[7:, 5] = rare  # its y is seen with no other
    found = information_bottleneck(kind(joint), [2, 4, 1e6])
    np.testing.assert_allclose(found.complexity, curve.complexity, atol=1e-9)
    np.testing.assert_allclose(found.expressivity, curve.expressivity, atol=1e-9)
    for encoder in found.encoders:
        np.testing.assert_allclose(encoder.sum(axis=1), 1)


def test_merging_loses_nothing_that_counts():
    """All that X says may be of a rare y, or spread over many inputs, each like the next."""
    rare = information_bottleneck([[0.5, 0], [0.5 - 1e-7, 1e-7]], [1e9])
    assert rare.expressivity[0] == pytest.approx(rare.information)
    share = np.linspace(0, 5e-5, 60)
    chain = np.column_stack([1 - share, share]) / 60
    curve = information_bottleneck(chain, [1e9], tolerance=1e-6)
    assert curve.expressivity[0] == pytest.approx(curve.information, rel=1e-3)


def test_a_loose_tolerance_is_no_worse_than_saying_nothing():
    curve = information_bottleneck(a_joint(4), [1.5, 2, 3], tolerance=1)
    assert (curve.complexity - curve.betas * curve.expressivity <= 1e-9).all()


def test_independent_and_constant():
    for joint in (np.outer([0.2, 0.8], [0.5, 0.3, 0.2]), [[0.4, 0.6]], [[1.0]], [[0.5], [0.5]]):
        curve = information_bottleneck(joint)
        np.testing.assert_allclose(curve.complexity, 0, atol=1e-9)
        np.testing.assert_allclose(curve.expressivity, 0, atol=1e-9)


def test_frontier_is_concave_and_reaches_everything():
    curve = information_bottleneck(a_joint(7))
    rates = np.linspace(0, curve.input_entropy, 50)
    frontier = curve.frontier(rates)
    assert (np.diff(frontier, 2) <= 1e-9).all()
    assert frontier[[0, -1]] == pytest.approx([0, curve.information])
    assert (curve.frontier(curve.complexity) >= curve.expressivity - 1e-12).all()
    inner = rates[1:20]
    np.testing.assert_allclose(curve.complexity_needed(curve.frontier(inner)), inner, atol=1e-6)
    assert np.isnan(curve.complexity_needed(curve.information + 0.1))
    np.testing.assert_array_equal(np.isnan(curve.complexity_needed([np.nan, 0.1])), [True, False])
    assert curve.frontier(curve.input_entropy + 1) == pytest.approx(curve.information)
    with pytest.raises(ValueError, match="Expected numbers as complexity, got str"):
        curve.frontier("all")


@pytest.mark.parametrize("seed", range(5))
def test_all_that_is_said_of_y_may_need_less_than_x(seed):
    """Where y is a function of x, knowing y is enough, whatever rounding does to the last digit."""
    rng = np.random.default_rng(seed)
    joint = np.eye(3)[np.arange(12) // 4] * rng.dirichlet(np.ones(12))[:, None]
    curve = information_bottleneck(joint)
    everything = curve.information + np.array([-1e-15, 0, 1e-15, 1e-10])
    np.testing.assert_allclose(curve.complexity_needed(everything), curve.information)
    told = distance_to_bound(curve, np.full(4, curve.input_entropy), everything)
    assert told.is_possible.all()
    np.testing.assert_allclose(told.excess_complexity, curve.input_entropy - curve.information)


@pytest.mark.parametrize(
    ("joint", "options", "message"),
    [
        ([[0.5, -0.1], [0.3, 0.3]], {}, "Expected probabilities >= 0, got -0.1"),
        ([[3, 1], [2, 4]], {}, "sums to 1, got a sum of 10. Divide counts"),
        ([[0.5, 0.5], [0, 0]], {}, "got 1 empty rows of 2, such as row 1"),
        ([[0.5, np.nan], [0.3, 0.2]], {}, "Expected finite probabilities, got NaN"),
        ([0.5, 0.5], {}, r"Expected joint of shape \(n_x, n_y\), got shape \(2,\)"),
        ([[0.5, 0.5]], {"betas": [0, 1]}, "Expected betas as 'auto' or numbers above 0"),
        ([[0.5, 0.5]], {"betas": []}, "Expected betas as 'auto' or numbers above 0"),
        ([[0.5, 0.5]], {"betas": "many"}, "Expected numbers as betas"),
        ([[0.5, 0.5]], {"n_clusters": 0}, "Expected n_clusters as an integer >= 1"),
        ([[0.5, 0.5]], {"random_state": "a"}, "Expected random_state as an integer"),
        ([[0.5, 0.5]], {"units": "bans"}, "Expected units as 'bits' or 'nats'"),
        ([[0.5, 0.5]], {"deterministic": "yes"}, "Expected deterministic as True or False"),
    ],
)
def test_bad_input(joint, options, message):
    with pytest.raises(ValueError, match=message):
        information_bottleneck(joint, **options)


def test_many_inputs_need_a_number_of_clusters():
    with pytest.raises(ValueError, match="Expected n_clusters where X has more than 2000 values"):
        information_bottleneck(sparse.eye_array(3000) / 3000)


def test_a_point_that_still_moves_is_told():
    with pytest.warns(BottleneckConvergenceWarning, match="had not converged after 1 steps"):
        curve = information_bottleneck(a_joint(8), [2, 3], max_iter=1)
    assert not curve.converged.all()


def test_distance_of_models():
    curve = information_bottleneck([[0.45, 0.05], [0.05, 0.45]])
    found = distance_to_bound(curve, [0, 0.5, 0.5, 1.0], [0, 0.1, 0.6, curve.information])
    np.testing.assert_allclose(found.shortfall[[0, 3]], 0, atol=1e-9)
    np.testing.assert_allclose(found.excess_complexity[[0, 3]], 0, atol=1e-6)
    assert found.shortfall[1] > 0 > found.shortfall[2]
    assert found.is_possible.tolist() == [True, True, False, True]
    assert np.isnan(found.optimality[0])
    assert len(found.to_frame()) == 4
    with pytest.raises(TypeError, match="Expected bottleneck as what information_bottleneck"):
        distance_to_bound([0.1, 0.2], 0.1, 0.1)
    with pytest.raises(ValueError, match="Expected one expressivity for each of 2 complexities"):
        distance_to_bound(curve, [0.1, 0.2], 0.1)
    with pytest.raises(ValueError, match="Expected complexity as finite informations >= 0"):
        distance_to_bound(curve, -0.1, 0.1)


def test_ngrams_are_counted_within_texts():
    counted = ngram_joint([[1, 2, 1, 2, 3], [2, 2], [5]], width=1)
    expected = pd.crosstab(np.array([1, 2, 1, 2, 2]), np.array([2, 1, 2, 3, 2])).to_numpy()
    np.testing.assert_allclose(counted.joint.toarray() * counted.n_positions, expected)
    assert counted.contexts.ravel().tolist() == [1, 2]
    assert counted.tokens.tolist() == [1, 2, 3]
    assert counted.share_seen_once == pytest.approx(3 / 5)
    wide = ngram_joint(np.array([[1, 2, 3, 4], [1, 2, 4, 4]]), width=2)
    assert wide.contexts.tolist() == [[1, 2], [2, 3], [2, 4]]


@pytest.mark.parametrize(
    "ids",
    [
        [[], [1, 2, 1, 2, 3], [2, 2]],
        [[1, 2, 1, 2, 3], [], [2, 2]],
        [np.array([1, 2, 1, 2, 3], np.uint64), np.array([2, 2], np.int64)],
        (pd.Series([1, 2, 1, 2, 3]), (2, 2)),
    ],
)
def test_texts_of_any_kind(ids):
    counted = ngram_joint(ids, 1)
    np.testing.assert_allclose(counted.joint.toarray() * 5, [[0, 2, 0], [1, 1, 1]])
    assert counted.contexts.dtype.kind in "iu"


def test_a_table_of_texts_has_one_in_every_row():
    table = np.array([[1, 2, 3, 4], [1, 2, 4, 4]])
    for other in (pd.DataFrame(table), table.tolist(), list(table), table.astype(np.uint8)):
        assert (ngram_joint(other, 2).joint != ngram_joint(table, 2).joint).nnz == 0


def test_ids_above_2_to_the_53_are_kept_apart():
    high = np.array([2**63 + 1, 2**63 + 3, 2**63 + 1], dtype=np.uint64)
    counted = ngram_joint([high, [2, 2]], 1)
    assert counted.tokens.tolist() == [2, 2**63 + 1, 2**63 + 3]


def test_one_token_says_nothing():
    assert ngram_joint([3] * 10, 1).information() == 0


def test_bias_of_counted_information():
    """Tokens that do not depend on their contexts: all that is found is bias."""
    ids = np.random.default_rng(0).integers(20, size=50_000)
    counted = ngram_joint(ids, 1)
    assert counted.information() == pytest.approx(counted.bias(), rel=0.15)
    assert counted.information("nats") == pytest.approx(counted.information() * np.log(2))
    assert information_bottleneck(counted.joint, [2.0]).information == pytest.approx(
        counted.information()
    )


@pytest.mark.parametrize(
    ("ids", "width", "message"),
    [
        ([0.5, 1.5], 1, "Expected ids as whole numbers >= 0"),
        ([-1, 2], 1, "Expected ids as whole numbers >= 0"),
        ([1, [2, 3]], 1, "Expected ids as whole numbers >= 0 .* got nested lists"),
        (np.ma.masked_equal([1, 2, 3], 2), 1, "Expected ids without masked entries"),
        ([], 1, "Expected a text of more than width=1 tokens, got none"),
        ([1, 2], 2, "Expected a text of more than width=2 tokens"),
        ([1, 2], 0, "Expected width as an integer >= 1"),
    ],
)
def test_bad_ids(ids, width, message):
    with pytest.raises(ValueError, match=message):
        ngram_joint(ids, width)


@pytest.mark.parametrize("joint", [[[0.25, 0.25], [0.25, 0.25]], [[0.4, 0.1], [0.1, 0.4]]])
def test_the_limit_of_any_complexity_is_the_information(joint):
    curve = information_bottleneck(joint, [2.0])
    np.testing.assert_allclose(curve.limit([0.0, np.inf]), [0, curve.information], atol=1e-12)
