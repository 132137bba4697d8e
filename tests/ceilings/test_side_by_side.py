"""Fits side by side: threads, processes, interrupts and kept fits change no number."""

import os
import signal
import sys
import threading
import time
import warnings

import joblib
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.ceilings._out_of_fold import one_thread
from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.exceptions import CandidateFailedWarning


@pytest.fixture(scope="module")
def data():
    return make_learnability_classification(300, n_features=6, learnability=0.4, random_state=0)


def test_threads_leave_the_process_as_it_was():
    """Whoever leaves last undoes what whoever came first has set, in any order."""
    before = list(warnings.filters)
    entered, leave = threading.Barrier(2), threading.Event()

    def first():
        with one_thread():
            entered.wait()
            leave.wait(10)
        warnings.warn("not converged", ConvergenceWarning, stacklevel=1)

    def second():
        entered.wait()
        with one_thread():
            leave.set()
            time.sleep(0.2)
            warnings.warn("not converged", ConvergenceWarning, stacklevel=1)

    threads = [threading.Thread(target=run) for run in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before
    with pytest.warns(ConvergenceWarning):
        warnings.warn("not converged", ConvergenceWarning, stacklevel=1)


def test_a_threaded_family_is_the_serial_one(data):
    torch = pytest.importorskip("torch")
    pytest.importorskip("skorch")
    X, y = data[0][:80], data[1][:80]
    before, n_threads = torch.get_rng_state(), torch.get_num_threads()
    filters = list(warnings.filters)
    found = []
    for backend, n_jobs in (("sequential", 1), ("threading", 2)):
        with joblib.parallel_config(backend=backend):
            ceiling = GoldenModelCeiling(["network"], cv=2, random_state=0, n_jobs=n_jobs)
            found.append(ceiling.fit(X, y).oof_nll_)
    np.testing.assert_array_equal(*found)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == n_threads
    assert list(warnings.filters) == filters


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot interrupt itself")
def test_an_interrupt_ends_the_training_of_a_network(data):
    pytest.importorskip("skorch")
    from sklearn_learnability.torch.candidates._network_classifier import NetworkClassifier

    # a shell has its background jobs ignore interrupts
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            NetworkClassifier(max_epochs=10**6, n_members=50, random_state=0).fit(*data)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)


class Unlucky(GaussianNB):
    """Runs out of memory until a file says that there is more."""

    def __init__(self, file=""):
        super().__init__()
        self.file = file

    def fit(self, X, y):
        if not os.path.exists(self.file):
            raise MemoryError
        return super().fit(X, y)


def test_failures_are_not_kept(data, tmp_path):
    family = [("logistic", LogisticRegression()), ("unlucky", Unlucky(str(tmp_path / "luck")))]
    ceiling = GoldenModelCeiling(family, cv=2, memory=str(tmp_path / "memory"), random_state=0)
    with pytest.warns(CandidateFailedWarning, match="'unlucky'.*MemoryError"):
        ceiling.fit(*data)
    (tmp_path / "luck").touch()
    assert ceiling.fit(*data).candidates_["candidate"].tolist() == ["logistic", "unlucky"]


class Counted(GaussianNB):
    """Counts its fits in a file."""

    def __init__(self, file="", random_state=None):
        super().__init__()
        self.file, self.random_state = file, random_state

    def fit(self, X, y):
        with open(self.file, "a") as file:
            file.write("x")
        return super().fit(X, y)


def test_kept_fits_are_found_again_without_a_seed(data, tmp_path):
    X, y = data
    counts = tmp_path / "counts"
    options = {"cv": 2, "memory": str(tmp_path / "memory")}
    first = GoldenModelCeiling([("counted", Counted(str(counts)))], **options).fit(X, y)
    again = GoldenModelCeiling([("counted", Counted(str(counts)))], **options).fit(X, y)
    assert counts.read_text() == "xx"
    np.testing.assert_array_equal(first.oof_nll_, again.oof_nll_)
    # other rows are folded and seeded anew
    GoldenModelCeiling([("counted", Counted(str(counts)))], **options).fit(X[1:], y[1:])
    assert counts.read_text() == "xxxx"


class Sleeper(GaussianNB):
    """Waits without work."""

    def fit(self, X, y):
        time.sleep(0.3)
        return super().fit(X, y)


def test_seconds_are_of_work_not_of_waiting(data):
    ceiling = GoldenModelCeiling([("sleeper", Sleeper())], cv=2, random_state=0).fit(*data)
    assert 0 < ceiling.candidates_["seconds"].item() < 0.3


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_processes_with_warnings_as_errors_finish(data):
    """Workers that import torch and boosters do not look as if they leaked memory."""
    pytest.importorskip("skorch")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel = GoldenModelCeiling(cv=3, random_state=0, n_jobs=2).fit(*data)
    serial = GoldenModelCeiling(cv=3, random_state=0).fit(*data)
    np.testing.assert_array_equal(parallel.oof_nll_, serial.oof_nll_)
