"""Fits on dask and ray: bit by bit those of one process."""

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from sklearn_learnability import (
    GoldenModelCeiling,
    GoldenModelCeilingRegressor,
    SequentialLearnability,
    learnability_curve,
)
from sklearn_learnability.ceilings._out_of_fold import TrainingData
from sklearn_learnability.datasets import make_learnability_classification

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),
]

FAMILY = ["prior", "logistic", "splines"]


@pytest.fixture(scope="module")
def data():
    return make_learnability_classification(600, n_features=6, learnability=0.4, random_state=0)


@pytest.fixture(scope="module", params=["dask, processes", "dask, threads", "ray"])
def workers(request):
    """Start workers, and return the name of the backend that reaches them."""
    if request.param == "ray":
        ray = pytest.importorskip("ray")
        from ray.util.joblib import register_ray

        register_ray()
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield "ray"
        ray.shutdown()
        return
    distributed = pytest.importorskip("distributed")
    n_workers, n_threads = (2, 1) if request.param == "dask, processes" else (1, 3)
    with (
        distributed.LocalCluster(
            n_workers=n_workers, threads_per_worker=n_threads, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield "dask"


def mixed(X):
    """Return a table with a column of categories and one with gaps."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(X).add_prefix("x")
    frame["few"] = pd.Categorical(rng.choice(list("abc"), len(X)))
    return frame.assign(x0=frame["x0"].where(rng.random(len(X)) > 0.2))


#: What is fitted, and the rest of what `fit` is given.
CASES = {
    "array": lambda X: (FAMILY, X, {}),
    "table": lambda X: (FAMILY, mixed(X), {}),
    "sparse": lambda X: ([("logistic", LogisticRegression())], csr_matrix(X * (X > 0)), {}),
    "weights": lambda X: (FAMILY, X, {"sample_weight": np.arange(len(X)) % 3 + 0.5}),
    "groups": lambda X: (FAMILY, X, {"groups": np.arange(len(X)) // 4}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_ceiling_is_that_of_one_process(data, workers, case):
    X, y = data
    family, table, rows = case(X)
    serial = GoldenModelCeiling(family, random_state=0, cv=3).fit(table, y, **rows)
    with joblib.parallel_config(backend=workers):
        remote = GoldenModelCeiling(family, random_state=0, cv=3, n_jobs=2).fit(table, y, **rows)
    np.testing.assert_array_equal(serial.oof_proba_, remote.oof_proba_)
    np.testing.assert_array_equal(serial.predict_proba(table), remote.predict_proba(table))
    assert serial.learnability_interval_ == remote.learnability_interval_


def test_the_default_family_is_that_of_one_process(data, workers):
    X, y = data
    serial = GoldenModelCeiling(random_state=0, cv=2).fit(mixed(X), y)
    with joblib.parallel_config(backend=workers):
        remote = GoldenModelCeiling(random_state=0, cv=2, n_jobs=2).fit(mixed(X), y)
    np.testing.assert_array_equal(serial.oof_proba_, remote.oof_proba_)


def test_fits_are_kept_where_fit_is_called(data, workers, tmp_path):
    X, y = data
    options = {"random_state": 0, "cv": 3, "memory": str(tmp_path), "max_seconds": 1e4}
    with joblib.parallel_config(backend=workers):
        remote = GoldenModelCeiling(FAMILY, n_jobs=2, **options).fit(X, y)
    n_kept = len(list(tmp_path.rglob("output.pkl")))
    assert n_kept >= 9
    again = GoldenModelCeiling(FAMILY, **options).fit(X, y)
    assert len(list(tmp_path.rglob("output.pkl"))) == n_kept
    np.testing.assert_array_equal(remote.oof_proba_, again.oof_proba_)


def test_numbers_sequences_and_curves_are_those_of_one_process(data, workers):
    X, y = data
    found = []
    for backend, n_jobs in (("sequential", 1), (workers, 2)):
        with joblib.parallel_config(backend=backend):
            number = GoldenModelCeilingRegressor(
                ["marginal", "linear"], random_state=0, cv=3, n_jobs=n_jobs
            ).fit(X, X[:, 0] + y)
            sequence = SequentialLearnability(
                ["logistic"], n_lags=2, random_state=0, n_jobs=n_jobs
            ).fit(y, X)
            ceiling = GoldenModelCeiling(FAMILY, random_state=0, n_jobs=n_jobs).fit(X, y)
            curve = learnability_curve(ceiling, X, y).to_frame()
        found.append((number.oof_nll_, sequence.nll_, curve.to_numpy(dtype=float)))
    for serial, remote in zip(*found, strict=True):
        np.testing.assert_array_equal(serial, remote)


@pytest.mark.parametrize("kind", [np.asarray, mixed, csr_matrix])
def test_dask_sends_the_table_once(data, kind):
    """It sends what is larger than a thousand bytes apart from the fits, and once."""
    sizeof = pytest.importorskip("dask.sizeof").sizeof
    X, y = data
    assert sizeof(TrainingData(kind(X), y, np.arange(2), None)) >= y.nbytes > 1e3
