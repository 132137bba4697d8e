"""Fits that are kept: found again for the same fit only, whatever stopped the first one."""

import contextlib
import functools
import logging
import os
import signal
import subprocess
import sys
import time
from importlib import import_module, invalidate_caches, reload
from pathlib import Path
from types import ModuleType

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import FunctionTransformer

from sklearn_learnability import GoldenModelCeiling, GoldenModelCeilingRegressor
from sklearn_learnability.ceilings._kept_fits import code_behind, hash_of, hash_of_rows
from sklearn_learnability.datasets import make_learnability_classification

N_FOLDS = 3


class Counted(GaussianNB):
    """Counts its fits in a file."""

    def __init__(self, file="", var_smoothing=1e-9, random_state=None):
        super().__init__(var_smoothing=var_smoothing)
        self.file, self.random_state = file, random_state

    def fit(self, X, y, sample_weight=None):
        with open(self.file, "a") as file:
            file.write("x")
        return super().fit(X, y, sample_weight)


@pytest.fixture(scope="module")
def data():
    X, y = make_learnability_classification(200, n_features=4, learnability=0.4, random_state=0)
    return pd.DataFrame(X, columns=list("abcd")), y


@pytest.fixture
def fit(tmp_path):
    """Return what fits a ceiling with kept fits, and tells how many it did not find."""
    counts = tmp_path / "counts"

    def fit(X, y, smoothing=1e-9, random_state=0, **rows):
        before = counts.stat().st_size if counts.exists() else 0
        family = [("counted", Counted(str(counts), smoothing))]
        ceiling = GoldenModelCeiling(
            family, cv=N_FOLDS, memory=str(tmp_path / "kept"), random_state=random_state
        )
        return ceiling.fit(X, y, **rows), counts.stat().st_size - before

    return fit


def test_the_same_fit_is_found_again(data, fit):
    X, y = data
    (first, n_first), (again, n_again) = fit(X, y), fit(X.copy(), list(y))
    assert (n_first, n_again) == (N_FOLDS, 0)
    np.testing.assert_array_equal(first.oof_proba_, again.oof_proba_)
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert first.candidates_.equals(again.candidates_)


OTHERS = {
    "a cell": lambda X, y: {"X": X.assign(a=np.where(X.index == 3, 0.0, X["a"]))},
    "columns in another order": lambda X, y: {"X": X[list("bacd")]},
    "columns of other names": lambda X, y: {"X": X.rename(columns={"a": "A"})},
    "another dtype": lambda X, y: {"X": X.astype(np.float32)},
    "no names": lambda X, y: {"X": X.to_numpy()},
    "a label": lambda X, y: {"y": np.where(np.arange(len(y)) == 3, 1 - y, y)},
    "other classes": lambda X, y: {"y": np.array(["no", "yes"])[y]},
    "weights": lambda X, y: {"sample_weight": np.arange(len(y)) + 1.0},
    "another setting": lambda X, y: {"smoothing": 1e-3},
    "another seed": lambda X, y: {"random_state": 1},
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_another_fit_is_not_answered(data, fit, change):
    X, y = data
    fit(X, y)
    assert fit(**({"X": X, "y": y} | change(X, y)))[1] == N_FOLDS


def test_groups_that_change_no_fold_change_no_fit(data, fit):
    X, y = data
    ceiling, _ = fit(X, y, groups=np.arange(len(y)))
    assert fit(X, y, groups=[f"house {row}" for row in range(len(y))])[1] == 0
    assert ceiling.n_independent_ == len(y)


def test_another_version_of_a_package_fits_again(data, fit, monkeypatch):
    fit(*data)
    monkeypatch.setattr(sklearn, "__version__", "another")
    assert fit(*data)[1] == N_FOLDS


SOURCE = """
from sklearn.naive_bayes import GaussianNB

class Edited(GaussianNB):
    def fit(self, X, y):
        return super().fit(X * {scale}, y)
"""


def test_another_code_of_an_own_class_fits_again(data, tmp_path, monkeypatch):
    """As where a class is edited between two fits in one notebook, or one script."""
    X, y = data
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    found = []
    for scale in ("1", "(X > 0)", "1"):
        (tmp_path / "edited_candidate.py").write_text(SOURCE.format(scale=scale))
        invalidate_caches()
        module = reload(import_module("edited_candidate"))
        family = [("edited", module.Edited())]
        options = {"memory": str(tmp_path / "kept"), "random_state": 0}
        found.append(GoldenModelCeiling(family, **options).fit(X, y).nll_)
        assert len(list((tmp_path / "kept").rglob("output.pkl"))) == 5 * len(set(found))
    assert found[0] == found[2] != found[1]


CHANGES = {
    "a list of the class": "class Own(GaussianNB):\n    scales = [VALUE, 5]",
    "an array of the class": "class Own(GaussianNB):\n    scales = np.array([VALUE, 5])",
    "an estimator of the class": "class Own(GaussianNB):\n    other = GaussianNB(priors=VALUE)",
    "a default by name": "class Own(GaussianNB):\n    def scale(self, *, by=VALUE): ...",
    "a default list": "class Own(GaussianNB):\n    def scale(self, by=[VALUE]): ...",
    "a cached property": """
class Own(GaussianNB):
    @functools.cached_property
    def scale(self):
        return VALUE""",
    "a decorated method": """
def told(method):
    def inner(*args):
        return method(*args)
    return inner
class Own(GaussianNB):
    @told
    def fit(self, X, y):
        return super().fit(VALUE * X, y)""",
    "a closure": """
def times(by):
    return lambda self, X: X * by
class Own(GaussianNB):
    scale = times(VALUE)""",
    "a function that remembers": """
@functools.lru_cache
def times(X):
    return VALUE * X
def Own():
    return FunctionTransformer(times)""",
    "a class that knows itself": """
class Own(GaussianNB):
    def scale(self):
        return VALUE
Own.first = Own""",
}


@pytest.mark.parametrize("source", CHANGES.values(), ids=CHANGES)
def test_what_a_class_is_made_of_is_its_code(source, monkeypatch):
    module = ModuleType("own_candidate")
    monkeypatch.setitem(sys.modules, "own_candidate", module)
    found = []
    for value in "221":
        vars(module).update(functools=functools, np=np, GaussianNB=GaussianNB)
        vars(module).update(FunctionTransformer=FunctionTransformer)
        exec(source.replace("VALUE", value), vars(module))
        clone(module.Own())  # a first copy leaves its mark on a class
        found.append(joblib.hash(code_behind(module.Own())))
    assert found[0] == found[1] != found[2]


def test_a_table_is_the_same_however_it_lies_in_memory(data, fit, tmp_path):
    X, y = data
    frame = X.assign(d=np.array(["u", "v"])[y]).astype({"d": "category"})
    assert fit(X.to_numpy(), y, random_state=None)[1] == N_FOLDS
    np.save(tmp_path / "X.npy", X)
    for other in (
        np.asfortranarray(X),
        np.repeat(X.to_numpy(), 2, axis=0)[::2],
        np.load(tmp_path / "X.npy", mmap_mode="r"),
    ):
        assert fit(other, y, random_state=None)[1] == 0
    fit(X, y)
    assert fit(pd.DataFrame({name: X[name] for name in X}), y)[1] == 0
    columns = pd.DataFrame({name: frame[name] for name in frame})
    assert hash_of_rows((frame,)) == hash_of_rows((columns,)) == hash_of_rows((frame.copy(),))
    other = frame.assign(d=frame["d"].cat.reorder_categories(["v", "u"]))
    assert hash_of_rows((frame,)) != hash_of_rows((other,))


def test_a_path_is_a_folder_and_a_number_is_none(data, tmp_path):
    X, y = data
    family = [("bayes", GaussianNB())]
    for memory in (tmp_path, str(tmp_path)):
        GoldenModelCeiling(family, memory=memory, random_state=0).fit(X, y)
        assert len(list(tmp_path.rglob("output.pkl"))) == 5
    with pytest.raises(ValueError, match=r"Expected memory as a folder, .* got 3\."):
        GoldenModelCeiling(family, memory=3).fit(X, y)


def test_a_store_of_the_user_prints_nothing(data, tmp_path, capsys):
    GoldenModelCeiling([("bayes", GaussianNB())], memory=joblib.Memory(tmp_path)).fit(*data)
    assert capsys.readouterr().out == ""


class Unwritten(GaussianNB):
    """Cannot be pickled once it is fitted."""

    def fit(self, X, y):
        self.function_ = lambda: X
        return super().fit(X, y)


@pytest.mark.filterwarnings("error")
def test_a_fit_that_cannot_be_written_is_refused(data, tmp_path):
    family = [("unwritten", Unwritten())]
    with pytest.raises(ValueError, match=r"Expected candidates that can be pickled.*'unwritten'"):
        GoldenModelCeiling(family, random_state=0, memory=tmp_path).fit(*data)
    assert not list(tmp_path.rglob("output.pkl*"))


def test_the_order_that_a_process_has_a_set_in_makes_no_difference():
    one, other = frozenset([0, 8]), frozenset([8, 0])
    assert list(one) != list(other)  # of equal sets, as of strings in two processes
    assert hash_of({"a": [one]}) == hash_of({"a": [other]}) != hash_of({"a": [frozenset([0])]})


def test_what_cannot_be_told_from_others_is_refused(data, tmp_path):
    family = [("local", FunctionTransformer(lambda X: X)), ("plain", GaussianNB())]
    family[0] = ("local", sklearn.pipeline.make_pipeline(family[0][1], GaussianNB()))
    assert GoldenModelCeiling(family, random_state=0).fit(*data).learnability_ > 0
    with pytest.raises(ValueError, match=r"Expected candidates that can be pickled.*'local'"):
        GoldenModelCeiling(family, random_state=0, memory=str(tmp_path)).fit(*data)


DAMAGES = {
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-40]),
    "cut early": lambda file: file.write_bytes(file.read_bytes()[:30]),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "gone": lambda file: file.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_fitted_again(data, fit, tmp_path, damage, caplog):
    X, y = data
    first, _ = fit(X, y)
    damage(sorted((tmp_path / "kept").rglob("output.pkl"))[0])
    with caplog.at_level(logging.DEBUG):
        again, n_again = fit(X, y)
    assert n_again == 1
    assert not caplog.records
    np.testing.assert_array_equal(first.oof_proba_, again.oof_proba_)
    assert fit(X, y)[1] == 0


def test_numbers_are_kept_by_the_same_rules(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X[:, 0] + rng.normal(size=200)
    options = {"memory": str(tmp_path), "random_state": 0}
    found = []
    for target in (y, y, y + X[:, 1]):
        ceiling = GoldenModelCeilingRegressor(["marginal", "linear"], **options).fit(X, target)
        found.append((ceiling.learnability_, len(list(tmp_path.rglob("output.pkl")))))
    assert found[0] == found[1]
    assert found[0][1] * 2 == found[2][1] == 20


#: A script whose fourth fit and those after it wait, until a file says that there is no more need.
SCRIPT = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from sklearn.naive_bayes import GaussianNB
from sklearn_learnability import GoldenModelCeiling

signal.signal(signal.SIGINT, signal.default_int_handler)
here, kept, n_jobs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

class Waits(GaussianNB):
    def __init__(self, folder="", random_state=None):
        super().__init__()
        self.folder, self.random_state = folder, random_state

    def fit(self, X, y):
        fits = Path(self.folder) / "fits"
        with open(fits, "a") as file:
            file.write(f"{os.getpid()}\\n")
        rng = np.random.default_rng(self.random_state)
        if len(fits.read_text().split()) > 3 and not (fits.parent / "go on").exists():
            time.sleep(120)
        return super().fit(X + 0.1 * rng.normal(size=X.shape), y)

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
    ceiling = GoldenModelCeiling([("waits", Waits(str(here)))], memory=kept, n_jobs=n_jobs)
    np.save(sys.argv[4], ceiling.fit(X, y).oof_proba_)
"""


@pytest.fixture
def start(tmp_path):
    """Return what starts the script in a process of its own, and ends it where a test fails."""
    (tmp_path / "script.py").write_text(SCRIPT)
    started = []

    def start(n_jobs, kept="kept", result="result.npy"):
        files = [tmp_path / "script.py", tmp_path, tmp_path / kept, str(n_jobs), tmp_path / result]
        with open(tmp_path / "told", "w") as told:  # a pipe would be held by the workers too
            started.append(subprocess.Popen([sys.executable, *map(str, files)], stderr=told))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    kill(pids_of_fits(tmp_path))


def pids_of_fits(folder):
    file = folder / "fits"
    return file.read_text().split() if file.exists() else []


def kill(pids):
    """End the workers of a process that was killed, which else wait for minutes."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def wait_until(condition):
    while not condition():  # pytest's own timeout ends what never comes
        time.sleep(0.05)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
def test_a_fit_goes_on_where_it_was_stopped(tmp_path, start, blow, n_jobs):
    process = start(n_jobs)
    wait_until(
        lambda: (
            len(list(tmp_path.rglob("output.pkl"))) == 3
            and len(pids_of_fits(tmp_path)) == 3 + n_jobs
        )
    )
    os.kill(process.pid, blow)
    assert process.wait() == -blow
    before = pids_of_fits(tmp_path)
    if blow == signal.SIGINT:
        told = (tmp_path / "told").read_text()
        assert f"3 of 5 fits are kept in '{tmp_path / 'kept'}': the same call goes" in told
        wait_until(lambda: not any(map(is_running, before)))
    kill(before)
    (tmp_path / "go on").touch()
    assert start(n_jobs).wait() == 0
    assert len(pids_of_fits(tmp_path)) == len(before) + 2
    assert start(1, kept="other", result="whole.npy").wait() == 0
    np.testing.assert_array_equal(np.load(tmp_path / "result.npy"), np.load(tmp_path / "whole.npy"))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_two_processes_share_a_store(tmp_path, start):
    (tmp_path / "go on").touch()
    both = [start(1, result=f"{name}.npy") for name in "ab"]
    assert [process.wait() for process in both] == [0, 0]
    assert 5 <= len(pids_of_fits(tmp_path)) <= 10
    assert len(list(tmp_path.rglob("output.pkl"))) == 5
    np.testing.assert_array_equal(*(np.load(tmp_path / f"{name}.npy") for name in "ab"))
    assert start(1).wait() == 0
    assert len(pids_of_fits(tmp_path)) <= 10
    assert not list(tmp_path.rglob("output.pkl.*"))


def test_an_interrupt_says_what_would_have_kept_the_fits(data):
    class Stopped(GaussianNB):
        def fit(self, X, y):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        GoldenModelCeiling([("stopped", Stopped())]).fit(*data)
    assert stopped.value.__notes__ == [
        "Nothing of this fit is kept: with memory= set, the next one would go on from here."
    ]
