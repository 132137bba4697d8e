"""The grid of networks continues where it was killed; its cells agree with the truth."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CELLS = [{"width": width, "strength": strength} for width in (8, 16) for strength in (0.1, 1.5)]


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


def test_killed_grid_continues_from_its_finished_cells(load, tmp_path):
    grid, path = load("_grid"), tmp_path / "grid.csv"
    measured = []

    def killed_in_the_third(width, strength):
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append((width, strength))
        return {"score": width * strength / 3}

    def measure(width, strength):
        measured.append((width, strength))
        return {"score": width * strength / 3}

    with pytest.raises(KeyboardInterrupt):
        grid.finish_grid(CELLS, killed_in_the_third, path)
    before = path.read_text().splitlines()
    assert len(before) == 3
    table = grid.finish_grid(CELLS, measure, path)
    assert measured == [(8, 0.1), (8, 1.5), (16, 0.1), (16, 1.5)]
    assert path.read_text().splitlines()[:3] == before
    np.testing.assert_allclose(table["score"], table["width"] * table["strength"] / 3, rtol=1e-5)


def test_rows_of_other_cells_are_kept_but_not_returned(load, tmp_path):
    grid, path = load("_grid"), tmp_path / "grid.csv"
    grid.finish_grid(CELLS, lambda **cell: {"score": 1.0}, path)
    table = grid.finish_grid(CELLS[:1], lambda **cell: {"score": 2.0}, path)
    assert table["score"].tolist() == [1.0]
    assert len(pd.read_csv(path)) == len(CELLS)


def test_a_cell_agrees_with_the_truth(load, monkeypatch):
    pytest.importorskip("skorch")
    paper = load("paper_learnability")
    monkeypatch.setattr(paper, "EPOCHS", 8)
    cell = {"arm": "weight decay", "width": 16, "strength": 1.5, "sparsity": 0.1, "seed": 0}
    cell["features"] = "gaussian"
    row = paper.measure(**cell)
    # one standard Gaussian feature, logit 1.5 x, by plain quadrature
    x = np.linspace(-12, 12, 200_001)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    p = 1 / (1 + np.exp(-1.5 * x))
    entropy = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    conditional = float((density * entropy).sum() * (x[1] - x[0]))
    assert row["conditional_entropy"] == pytest.approx(conditional, abs=1e-6)
    explained = 1 - row["nll"]
    assert row["efficiency"] == pytest.approx(explained / (1 - conditional), abs=1e-6)
    assert 0.3 < row["calibrated_efficiency"] < 1
    assert 0.6 < row["accuracy"] < 0.8


def test_width_rules_see_what_a_search_of_the_same_folds_sees(load):
    pytest.importorskip("xgboost")
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    from sklearn_learnability import CalibratedNLL, get_scorer

    selection = load("width_selection")
    X, y = selection.PROBLEMS["linear"](300, random_state=3)
    folds = StratifiedKFold(5, shuffle=True, random_state=3)
    models = selection.candidates("boosting", 3)
    fitted = {leaves: CalibratedNLL(model, cv=folds).fit(X, y) for leaves, model in models.items()}
    found = selection.results_of(fitted, X, y, folds, np.zeros(300))
    scoring = {
        "accuracy": "accuracy",
        "neg_log_loss": "neg_log_loss",
        "calibrated": get_scorer("calibrated_information_score"),
    }
    model, name, settings = selection.LEARNERS["boosting"]
    model = model.set_params(random_state=3)
    grid = {name: list(settings.values())}
    search = GridSearchCV(model, grid, cv=folds, scoring=scoring, refit=False).fit(X, y)
    seen = search.cv_results_
    for metric, scale in (("accuracy", 1), ("neg_log_loss", 1 / np.log(2))):
        expected = scale * seen[f"split2_test_{metric}"]
        np.testing.assert_allclose(found[f"split2_test_{metric}"], expected, rtol=1e-5)
    by_fold = found["mean_test_calibrated_by_fold"]
    assert (by_fold.argsort() == seen["mean_test_calibrated"].argsort()).all()
