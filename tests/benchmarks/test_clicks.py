"""The clicks: later rows test, and the smallest width that is as good as the best is found."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def clicks(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("clicks")


@pytest.fixture
def logs(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("_click_logs")


def test_a_log_is_split_between_groups_in_time(logs):
    groups = np.repeat(np.arange(10), [5, 1, 7, 3, 9, 2, 8, 4, 6, 5])
    log = logs.split_in_time(pd.DataFrame({"row": np.arange(50)}), np.arange(50) % 2, groups)
    (X, y, before), (later, _, after) = log.train, log.test
    assert set(after) == {8, 9}
    assert before.max() < after.min()
    assert len(X) == len(y) == 39
    assert later["row"].tolist() == list(range(39, 50))


@pytest.mark.parametrize("name", ["flights", "open bandit"])
def test_what_stands_in_is_in_order_and_whole(logs, name):
    try:
        log = logs.click_log(name)
    except importlib.metadata.PackageNotFoundError as missing:
        pytest.skip(str(missing))
    assert pd.Series(log.groups).is_monotonic_increasing
    assert len(log.X) == len(log.y) in (logs.N_FLIGHTS, 60_000)
    assert log.X.notna().all().all()
    assert 0 < log.y.mean() < 0.3
    assert not {"arr_delay", "dep_delay", "click"} & set(log.X.columns)


def test_the_smallest_width_that_is_as_good_is_found(clicks):
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.02, 0.3, 4000)
    y = (rng.random(4000) < truth).astype(int)

    def near(distance):
        positive = np.clip(truth + distance * rng.standard_normal(4000), 0.001, 0.999)
        return np.column_stack([1 - positive, positive])

    distance = dict(zip(clicks.WIDTHS, (0.2, 0.1, 0.0, 0.03, 0.1), strict=True))
    probas = {f"{how} {w}": near(d) for how in clicks.TRAINING for w, d in distance.items()}
    chosen = clicks.sufficient_widths(y, probas, None)
    assert [row["raw"] for row in chosen] == [clicks.WIDTHS[2]] * 2
