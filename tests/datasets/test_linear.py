import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import entr, expit, ndtr
from sklearn.linear_model import LogisticRegression

from sklearn_learnability.datasets import make_learnability_classification


def make_truth(**parameters):
    parameters = {"n_samples": 2, "random_state": 0} | parameters
    return make_learnability_classification(**parameters, return_truth=True)[2]


def entropy_by_quadrature(density, reach, inverse_link=expit, intercept=0.0, noise=(0.0, 0.0)):
    def integrand(t):
        clean = inverse_link(intercept + t)
        p = noise[0] * (1 - clean) + (1 - noise[1]) * clean
        return (entr(p) + entr(1 - p)) * density(t)

    points = [-intercept, 0.0]
    return integrate.quad(integrand, -reach, reach, points=points, limit=2000, epsabs=1e-12)[0]


@pytest.mark.parametrize("strength", [0.1, 0.5, 4.0, 30.0])
def test_gaussian_score_against_quadrature(strength):
    truth = make_truth(n_features=6, n_structured=0, n_active=4, signal_strength=strength)
    density = stats.norm(scale=2 * strength).pdf
    expected = entropy_by_quadrature(density, reach=60)
    assert truth.conditional_entropy("nats") == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("strength", [0.1, 0.5, 4.0, 30.0])
@pytest.mark.parametrize(
    ("structure", "density", "reach"),
    [
        ("heavy-tailed", stats.t(3), 600),
        ("bounded", stats.uniform(-1, 2), 1),
        ("low-variance", stats.norm(scale=0.1), 1),
    ],
)
def test_structured_score_against_quadrature(strength, structure, density, reach):
    truth = make_truth(
        n_features=4,
        structure=structure,
        signal_location="structured",
        n_active=1,
        signal_strength=strength,
    )
    expected = entropy_by_quadrature(
        lambda t: density.pdf(t / strength) / strength, min(60, reach * strength)
    )
    assert truth.conditional_entropy("nats") == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    ("link", "inverse_link"), [("logistic", expit), ("probit", ndtr)], ids=["logistic", "probit"]
)
@pytest.mark.parametrize("noise", [(0.0, 0.0), (0.1, 0.1), (0.02, 0.3)])
def test_link_noise_and_imbalance_against_quadrature(link, inverse_link, noise):
    truth = make_truth(
        n_features=4,
        n_structured=0,
        n_active=4,
        signal_strength=0.8,
        link=link,
        label_noise=noise,
        positive_rate=0.25,
    )
    density = stats.norm(scale=1.6).pdf

    def rate(t):
        clean = inverse_link(truth.intercept + t)
        return (noise[0] * (1 - clean) + (1 - noise[1]) * clean) * density(t)

    assert integrate.quad(rate, -20, 20, epsabs=1e-12)[0] == pytest.approx(0.25, abs=1e-9)
    expected = entropy_by_quadrature(density, 20, inverse_link, truth.intercept, noise)
    assert truth.conditional_entropy("nats") == pytest.approx(expected, abs=1e-9)


def test_mixed_parts_against_many_rows():
    X, _, truth = make_learnability_classification(400_000, random_state=0, return_truth=True)
    entropies = entr(truth.predict_proba(X)).sum(axis=1)
    error = entropies.std() / np.sqrt(len(X))
    assert truth.conditional_entropy("nats") == pytest.approx(entropies.mean(), abs=3.5 * error)


def test_one_in_a_thousand_positives():
    X, y, truth = make_learnability_classification(
        200_000, learnability=0.3, positive_rate=0.001, random_state=0, return_truth=True
    )
    assert truth.learnability == pytest.approx(0.3, abs=1e-9)
    assert y.mean() == pytest.approx(0.001, abs=3e-4)
    assert truth.predict_proba(X)[:, 1].mean() == pytest.approx(0.001, rel=0.1)


@pytest.mark.parametrize("wish", [0.0, 0.005, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("structure", ["heavy-tailed", "bounded", "low-variance"])
def test_a_wished_learnability_is_hit(wish, structure):
    assert make_truth(learnability=wish, structure=structure).learnability == pytest.approx(
        wish, abs=1e-9
    )


def test_an_unreachable_learnability_names_the_range():
    with pytest.raises(ValueError, match=r"Expected learnability in \[0.000, 0.5290\]"):
        make_truth(learnability=0.9, label_noise=0.1)
    with pytest.raises(ValueError, match=r"inside \(0.1, 0.8\)"):
        make_truth(positive_rate=0.05, label_noise=(0.1, 0.2))


def test_presets_are_ordered():
    for parameter, levels in {
        "signal_strength": ["low", "medium", "high"],
        "n_active": ["low", "medium", "high"],
        "signal_location": ["structured", "both", "gaussian"],
    }.items():
        values = [
            make_truth(structure="low-variance", **{parameter: level}).learnability
            for level in levels
        ]
        assert values == sorted(values), parameter
        assert values[0] < values[2] - 0.1


@pytest.mark.parametrize(
    ("location", "n_active", "expected"),
    [("gaussian", 4, 4), ("structured", 4, 0), ("both", 5, 3), ("gaussian", 9, 6), ("both", 1, 1)],
)
def test_active_features_sit_where_asked(location, n_active, expected):
    truth = make_truth(n_features=10, n_structured=4, signal_location=location, n_active=n_active)
    assert len(truth.law.active) == n_active
    assert (truth.law.active < 6).sum() == expected


def test_same_seed_same_data_and_other_seed_other_data():
    first, second, third = (
        make_learnability_classification(50, random_state=seed) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert not np.array_equal(first[0], third[0])


def test_gap_of_a_fitted_model_shrinks_with_rows_and_ignores_label_noise():
    X, y, truth = make_learnability_classification(20_000, random_state=0, return_truth=True)
    rows, _ = truth.sample(20_000, random_state=1)
    few = LogisticRegression(C=100).fit(X[:300], y[:300])
    many = LogisticRegression(C=100).fit(X, y)
    assert truth.gap(many, rows) < 0.005 < truth.gap(few, rows)
    assert truth.gap(truth, rows) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_samples": 0},
        {"n_features": 2.5},
        {"n_structured": 30},
        {"structure": "gamma"},
        {"signal_location": "nowhere"},
        {"signal_strength": -1},
        {"signal_strength": 1000},
        {"signal_strength": "huge"},
        {"n_active": 0},
        {"n_active": 21},
        {"link": "cauchit"},
        {"label_noise": 0.5},
        {"label_noise": (0.1, 0.2, 0.3)},
        {"label_noise": -0.1},
        {"positive_rate": 0.0},
        {"positive_rate": 1.0},
        {"learnability": 1.2},
    ],
    ids=str,
)
def test_bad_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match=r"Expected .*got"):
        make_truth(**parameters)
