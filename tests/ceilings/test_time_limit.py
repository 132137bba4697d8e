"""A limit on the seconds of a fit: what is left out, and what is not changed."""

import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from sklearn_learnability import GoldenModelCeiling, GoldenModelCeilingRegressor
from sklearn_learnability.ceilings import _time_limit
from sklearn_learnability.ceilings._time_limit import (
    ALWAYS,
    PARTS,
    Schedule,
    TimeLimit,
    expected_seconds,
)
from sklearn_learnability.datasets import (
    make_learnability_classification,
    make_learnability_regression,
)
from sklearn_learnability.exceptions import CandidateFailedWarning, TimeLimitWarning

N_FOLDS = 5


@pytest.fixture(scope="module")
def data():
    return make_learnability_classification(200, n_features=4, learnability=0.4, random_state=0)


class Workshop:
    """Workers whose fits take what they are said to take, on a clock of their own."""

    def __init__(self, monkeypatch, costs, n_jobs=1, power=1.0):
        self.now, self.log = 0.0, []
        self.costs, self.n_jobs, self.power = costs, n_jobs, power
        monkeypatch.setattr(_time_limit, "time", SimpleNamespace(monotonic=lambda: self.now))

    def run(self, jobs):
        seconds = {job: list(self.costs.values())[job[0]] for job in jobs}
        self.log += jobs
        for start in range(0, len(jobs), self.n_jobs):
            self.now += max(seconds[job] for job in jobs[start : start + self.n_jobs])
        return seconds

    def time_part(self, members, part):
        seconds = [list(self.costs.values())[m] / part**self.power for m in members]
        self.now += max(seconds)
        return seconds

    def fit(self, limit, is_kept=False, fits_to_come=0, done=(), packages=(), failing=()):
        jobs = [[(m, f) for f in range(N_FOLDS)] for m in range(len(self.costs))]
        schedule = Schedule(
            TimeLimit(limit, fits_to_come, began=self.now),
            [name in ALWAYS for name in self.costs],
            [name in packages for name in self.costs],
            [[job for job in own if job not in done] for own in jobs],
            self.run,
            self.time_part,
            lambda m: list(self.costs)[m] in failing,
            self.n_jobs,
            is_kept,
            PARTS,
        )
        late = schedule.fit()
        return [name for m, name in enumerate(self.costs) if m not in late]


COSTS = {"prior": 0.01, "cheap": 1.0, "logistic": 0.1, "middling": 6.0, "dear": 20.0}


@pytest.mark.parametrize("power", [0.8, 1.0, 2.0])
@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        (0.001, {"prior", "logistic"}),
        (10, {"prior", "logistic", "cheap"}),
        (60, {"prior", "logistic", "cheap", "middling"}),
        (1000, set(COSTS)),
    ],
)
def test_the_first_are_fitted_whole_and_within_the_time(monkeypatch, limit, kept, power):
    workshop = Workshop(monkeypatch, COSTS, power=power)
    assert set(workshop.fit(limit)) == kept
    assert workshop.now <= max(limit, 0.6)
    assert len(workshop.log) == N_FOLDS * len(kept)


def test_workers_side_by_side_count(monkeypatch):
    """Five folds of 20 s on three workers take 40 s, not 100."""
    workshop = Workshop(monkeypatch, {"prior": 0.01, "dear": 20.0}, n_jobs=3)
    assert workshop.fit(55) == ["prior", "dear"]
    assert workshop.now < 55


def test_fits_of_the_shortfall_are_counted(monkeypatch):
    costs = {"prior": 0.01, "one": 1.0, "two": 1.1}
    assert Workshop(monkeypatch, costs).fit(15) == ["prior", "one", "two"]
    assert Workshop(monkeypatch, costs).fit(15, fits_to_come=2) == ["prior", "one"]


def test_a_package_is_not_imported_in_the_last_seconds(monkeypatch):
    costs = {"prior": 0.01, "network": 0.1}
    for limit, kept in ((9, ["prior"]), (11, ["prior", "network"])):
        assert Workshop(monkeypatch, costs).fit(limit, packages=["network"]) == kept


def test_where_the_first_fail_the_next_is_fitted(monkeypatch):
    workshop = Workshop(monkeypatch, COSTS)
    workshop.fit(0.001, failing=["prior", "logistic"])
    assert {m for m, _ in workshop.log} == {0, 1, 2}


def test_of_one_that_fails_no_other_fit_is_begun(monkeypatch):
    workshop = Workshop(monkeypatch, COSTS)
    kept = workshop.fit(1000, failing=["middling"])
    assert kept == list(COSTS)  # not late
    assert [job for job in workshop.log if job[0] == 3] == [(3, 0)]


def test_a_fold_that_takes_longer_than_it_seemed_ends_a_candidate(monkeypatch):
    """A first fit tells what parts of the rows did not."""
    workshop = Workshop(monkeypatch, {"prior": 0.01, "late": 10.0}, power=2.0)
    workshop.time_part = lambda members, part: [0.01 * part**-0.5 for _ in members]
    assert workshop.fit(30) == ["prior"]
    assert workshop.now < 30
    assert len(workshop.log) == N_FOLDS + 1


def test_kept_fits_lead_to_the_whole_family_in_the_end(monkeypatch):
    workshop = Workshop(monkeypatch, COSTS)
    names: list[list[str]] = []
    while not names or names[-1] != list(COSTS):
        began = workshop.now
        names.append(workshop.fit(40, is_kept=True, done=workshop.log))
        assert workshop.now - began <= 40
    assert 4 <= len(names) <= 7  # 135 s of fits, and what is timed
    assert len(workshop.log) == len(set(workshop.log)) == N_FOLDS * len(COSTS)


@pytest.mark.parametrize("power", [0.5, 0.9, 1.0, 1.7, 2.5])
def test_seconds_are_expected_from_parts(power):
    timed = [3.0 + part**-power for part in PARTS] if power < 1 else [p**-power for p in PARTS]
    truth = 3.0 + 1.0 if power < 1 else 1.0
    expected = expected_seconds(timed, PARTS[-1])
    assert truth * 0.9 < expected < truth * 2


def test_a_limit_that_does_not_bind_changes_no_number(data):
    X, y = data
    family = ["prior", "logistic", ("bayes", GaussianNB()), ("other", LogisticRegression())]
    free = GoldenModelCeiling(family, random_state=0, bracket=True).fit(X, y)
    bound = GoldenModelCeiling(family, random_state=0, bracket=True, max_seconds=1e4).fit(X, y)
    np.testing.assert_array_equal(bound.oof_proba_, free.oof_proba_)
    assert bound.learnability_bracket_ == free.learnability_bracket_
    assert bound.left_out_.empty


def test_who_is_left_out_changes_no_other(data):
    X, y = data
    options = {"random_state": 0, "cv": 3}
    with pytest.warns(TimeLimitWarning, match="no time for hist_gradient_boosting"):
        bound = GoldenModelCeiling(
            ["prior", "hist_gradient_boosting", "logistic"], max_seconds=1e-3, **options
        ).fit(X, y)
    free = GoldenModelCeiling(["prior", "hist_gradient_boosting", "logistic"], **options).fit(X, y)
    assert bound.candidates_["candidate"].tolist() == ["prior", "logistic"]
    assert bound.left_out_["candidate"].tolist() == ["hist_gradient_boosting"]
    assert bound.left_out_["reason"].tolist() == ["time"]
    for name in ("prior", "logistic"):
        one, other = (table.candidates_.set_index("candidate").loc[name] for table in (bound, free))
        assert one["nll"] == other["nll"]
    assert np.isfinite(bound.predict_proba(X)).all()


def test_numbers_have_a_limit_too():
    X, y = make_learnability_regression(300, learnability=0.5, random_state=0)
    family = ["marginal", "linear", "splines"]
    with pytest.warns(TimeLimitWarning, match="no time for splines"):
        bound = GoldenModelCeilingRegressor(family, random_state=0, max_seconds=1e-3).fit(X, y)
    assert bound.left_out_["candidate"].tolist() == ["splines"]
    plain = GoldenModelCeilingRegressor(["marginal", "linear"], random_state=0).fit(X, y)
    assert bound.learnability_ == plain.learnability_


class Failing(GaussianNB):
    """Takes its time, and fails."""

    def fit(self, X, y):
        time.sleep(0.02)
        raise RuntimeError("no such thing")


def test_an_error_is_no_want_of_time(data, tmp_path):
    """Else calls with memory would go on for ever."""
    X, y = data
    family = [("failing", Failing()), ("bayes", GaussianNB())]
    with pytest.warns(CandidateFailedWarning) as seen:
        ceiling = GoldenModelCeiling(family, max_seconds=0.03, memory=tmp_path).fit(X, y)
    assert [one.category for one in seen] == [CandidateFailedWarning]
    assert ceiling.left_out_["reason"].tolist() == ["RuntimeError: no such thing"]
    assert ceiling.candidates_["candidate"].tolist() == ["bayes"]


def test_an_own_candidate_of_a_known_name_is_an_own_one(data):
    X, y = data
    family = [("bayes", GaussianNB()), ("linear", LogisticRegression())]
    with pytest.warns(TimeLimitWarning, match="no time for linear"):
        ceiling = GoldenModelCeiling(family, max_seconds=1e-3).fit(X, y)
    assert ceiling.candidates_["candidate"].tolist() == ["bayes"]


class Sleeper(GaussianNB):
    """Waits, and counts its fits in a file."""

    def __init__(self, file="", seconds=0.25):
        super().__init__()
        self.file, self.seconds = file, seconds

    def fit(self, X, y):
        with open(self.file, "a") as file:
            file.write("x")
        time.sleep(self.seconds)
        return super().fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_calls_with_memory_reach_the_whole_family(data, tmp_path, n_jobs):
    X, y = data
    family = ["prior", *((name, Sleeper(str(tmp_path / name))) for name in "ab")]
    options = {"max_seconds": 1.0, "memory": str(tmp_path / "kept"), "random_state": 0}
    found = []
    while not found or len(found[-1].left_out_):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TimeLimitWarning)
            found.append(GoldenModelCeiling(family, n_jobs=n_jobs, **options).fit(X, y))
        assert len(found) < 20
    assert len(found) > 1
    assert [(tmp_path / name).read_text() for name in "ab"] == ["xxxxx"] * 2
    whole = GoldenModelCeiling(family, random_state=0).fit(X, y)
    np.testing.assert_array_equal(found[-1].oof_proba_, whole.oof_proba_)


@pytest.mark.parametrize("wrong", [0, -1.0, "10", True, np.nan, np.inf, 10**400])
def test_a_limit_is_a_time(data, wrong):
    with pytest.raises(ValueError, match="Expected max_seconds above 0, or None, got"):
        GoldenModelCeiling(["prior"], max_seconds=wrong).fit(*data)
