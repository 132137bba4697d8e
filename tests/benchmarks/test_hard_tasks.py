"""Tasks of the benchmark of budgets: their truth on rows they were not solved on."""

import numpy as np
import pytest
from scipy.stats import entropy

NAMES = ["sums", "mixture", "network", "categories", "rare", "forest", "shells"]


@pytest.fixture
def hard_tasks(monkeypatch):
    monkeypatch.syspath_prepend("benchmarks")
    return pytest.importorskip("_hard_tasks")


@pytest.mark.parametrize("name", NAMES)
def test_fresh_rows_have_the_learnability_asked_for(hard_tasks, name):
    task = hard_tasks.HardTask(name, 5)
    X, proba = task.draw(50_000, np.random.default_rng(0))
    assert len(X) == 50_000
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    prior = proba.mean(axis=0)
    found = 1 - entropy(proba, axis=1).mean() / entropy(prior)
    assert found == pytest.approx(hard_tasks.FAMILIES[name][1], abs=0.02)
    assert task.gap(proba, proba) == pytest.approx(0, abs=1e-12)
    # the frequencies alone leave all that can be learned
    assert task.gap(proba, np.tile(prior, (len(X), 1))) == pytest.approx(found, abs=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_labels_follow_the_probabilities(hard_tasks, name):
    task = hard_tasks.HardTask(name, 5)
    rng = np.random.default_rng(1)
    _, proba = task.draw(20_000, rng)
    labels = hard_tasks.draw_labels(proba, rng)
    observed = np.eye(proba.shape[1])[labels]
    error = np.sqrt((proba * (1 - proba)).sum(axis=0))
    assert (np.abs((observed - proba).sum(axis=0)) < 4 * error).all()
