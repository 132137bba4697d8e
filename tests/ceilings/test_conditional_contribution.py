"""Does a data source earn its price: laws of known conditional information, proxies, dependence."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from sklearn_learnability import GoldenModelCeiling, conditional_contribution
from sklearn_learnability._folds import make_folds
from sklearn_learnability.ceilings._predicted_columns import as_frame, predict_columns

LOGISTIC = [("logistic", LogisticRegression())]


def proxies(n=800, seed=0):
    """The labels follow sin(2a) and c: its sine, a copy, noise and bins of a say nothing new."""
    rng = np.random.RandomState(seed)
    X = pd.DataFrame(rng.standard_normal((n, 3)), columns=["a", "b", "c"])
    y = (rng.uniform(size=n) < expit(3 * np.sin(2 * X["a"]) + X["c"])).astype(int).to_numpy()
    noise = rng.standard_normal(n)
    bins = np.digitize(X["a"], np.arange(-2, 2.1, 0.4)).astype(str)
    return X.assign(sine=np.sin(2 * X["a"]), copy=X["c"], noise=noise, bins=bins), y


def contribution(X, y, columns, family=LOGISTIC, **rows):
    ceiling = GoldenModelCeiling(family, random_state=0).fit(X, y, **rows)
    return conditional_contribution(ceiling, X, y, columns=columns, **rows)


@pytest.mark.parametrize(
    ("column", "answer"),
    [
        ("sine", "says the same more simply"),
        ("bins", "says the same more simply"),
        ("copy", "nothing found"),
        ("noise", "nothing found"),
        ("c", "says more"),
    ],
)
def test_proxies_are_told_from_what_is_new(column, answer):
    table, y = proxies()
    X = table[["a", "b", "c"]].assign(**{column: table[column]})
    found = contribution(X, y, column, family=["logistic"])
    assert found.answer == answer
    assert (found.p_value <= 0.05) == (answer == "says more")
    assert found.on_top.value - found.new.value == pytest.approx(found.restated.value)
    if column in ("sine", "copy"):
        assert found.predictable > 0.95
    if column in ("noise", "c"):
        assert found.predictable < 0.05


def test_a_proxy_whose_source_is_absent_says_more():
    table, y = proxies()
    found = contribution(table[["b", "c", "sine"]], y, "sine")
    assert found.answer == "says more"
    assert found.restated.lower < 0 < found.restated.upper
    assert found.new.value == pytest.approx(found.on_top.value, abs=0.02)


@pytest.mark.filterwarnings("ignore")  # of dependence: the point of it
def test_what_is_constant_in_clusters_is_tested_by_cluster():
    """Taken as rows, a group that is the same in all rows of a cluster seems to say more."""
    found = {"rows": [], "clusters": []}
    for seed in range(6):
        rng = np.random.RandomState(seed)
        cluster = np.repeat(np.arange(12), 60)
        X = np.column_stack([rng.standard_normal(720), rng.standard_normal(12)[cluster]])
        score = X[:, 0] + 2 * rng.standard_normal(12)[cluster]
        y = (rng.uniform(size=720) < expit(score)).astype(int)
        found["rows"].append(contribution(X, y, 1).p_value)
        found["clusters"].append(contribution(X, y, 1, groups=cluster).p_value)
    assert sum(p <= 0.05 for p in found["rows"]) >= 2
    assert sum(p <= 0.05 for p in found["clusters"]) <= 1


def test_names_positions_kinds_of_tables_weights_and_units():
    polars = pytest.importorskip("polars")
    table, y = proxies(400)
    X = table[["a", "b", "c", "noise"]]
    expected = contribution(X, y, ["c", "noise"])
    assert expected.columns == ("c", "noise")
    read_only = X.to_numpy(copy=True)
    read_only.flags.writeable = False
    others = [
        contribution(read_only, y, [3, 2]),
        contribution(X, y, np.array([-1, 2])),
        contribution(polars.from_pandas(X), y, ["c", "noise"]),
        contribution(X, np.array(["no", "yes"])[y], ["noise", "c"]),
        contribution(X, y, ["c", "noise"], sample_weight=np.full(400, 1e9)),
    ]
    for found in others:
        assert found.p_value == pytest.approx(expected.p_value, rel=1e-3)
        assert found.new.value == pytest.approx(expected.new.value, rel=1e-4)
        assert found.answer == expected.answer
    assert expected == contribution(X, y, ["c", "noise"])


def test_gaps_categories_and_constants():
    table, y = proxies(200)
    rng = np.random.RandomState(0)
    X = table[["a", "c", "bins"]].assign(
        many=rng.randint(40, size=200).astype(str), constant=1.0, gaps=table["noise"], empty=np.nan
    )
    X.loc[rng.uniform(size=200) < 0.3, ["gaps", "bins"]] = np.nan
    for columns in (["gaps", "many"], "constant", ["empty"], "bins"):
        found = contribution(X, y, columns, family=["logistic"])
        assert 0 <= found.p_value <= 1
        assert 0 <= found.predictable <= 1
        assert np.isfinite(found.new.value)
    assert contribution(X, y, "constant", family=["logistic"]).new.value == pytest.approx(
        0, abs=1e-3
    )


def test_predictions_are_out_of_fold_and_find_curves_products_and_many_categories():
    rng = np.random.RandomState(0)
    X = pd.DataFrame(rng.standard_normal((500, 4)), columns=list("abcd"))
    city = rng.randint(40, size=500)
    X = X.assign(sine=np.sin(2 * X["a"]), product=X["a"] * X["b"], noise=rng.standard_normal(500))
    X = X.assign(city=city.astype(str), region=(city % 4).astype(str))
    folds = make_folds(5, X, rng.randint(2, size=500), None, np.random.RandomState(0))
    found = {
        name: predict_columns(as_frame(X), [X.columns.get_loc(name)], folds, 0)[1]
        for name in ("sine", "product", "noise", "region")
    }
    assert found["sine"] > 0.97
    assert found["product"] > 0.97
    assert found["region"] > 0.9
    assert found["noise"] == 0  # in-sample trees would find much


@pytest.mark.parametrize(
    "names", [range(3), [1, 5, 3], pd.MultiIndex.from_product([["p"], ["a", "b", "c"]])]
)
def test_names_that_are_no_strings(names):
    table, y = proxies(200)
    X = table[["a", "b", "c"]]
    expected = contribution(X, y, "c")
    named = X.set_axis(names, axis=1).set_axis(np.arange(200)[::-1])
    found = contribution(named, y, [named.columns[2]])
    assert found.columns == (named.columns[2],)
    assert found.new.value == pytest.approx(expected.new.value, rel=1e-6)


@pytest.mark.parametrize("n_groups", [2, 3])
def test_few_groups(n_groups):
    table, y = proxies(300)
    rows = {"groups": np.arange(300) % n_groups}
    X = table[["a", "b", "c"]]
    ceiling = GoldenModelCeiling(LOGISTIC, cv=2, random_state=0).fit(X, y, **rows)
    found = conditional_contribution(ceiling, X, y, columns="c", **rows)
    assert 0 < found.p_value < 1
    assert found.new.value == pytest.approx(found.on_top.value, abs=0.1)


def test_what_is_new_but_not_sure_enough_is_not_called_the_same():
    """At a strict level nothing is found: the family gains nothing by simpler words."""
    table, y = proxies(600)
    X = table[["a", "b", "c"]]
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0).fit(X, y)
    found = conditional_contribution(ceiling, X, y, columns="c")
    assert found.answer == "says more"
    assert found.restated.lower < 0 < found.restated.upper
    strict = conditional_contribution(ceiling, X, y, columns="c", level=found.p_value / 2)
    assert strict.on_top.lower > 0
    assert strict.answer == "nothing found"


def test_errors():
    table, y = proxies(200)
    X = table[["a", "b", "c"]]
    ceiling = GoldenModelCeiling(LOGISTIC, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="beside those to test, got all 3"):
        conditional_contribution(ceiling, X, y, columns=["a", "b", "c"])
    with pytest.raises(ValueError, match="one of the columns"):
        conditional_contribution(ceiling, X, y, columns="z")
    with pytest.raises(ValueError, match="at least one column"):
        conditional_contribution(ceiling, X, y, columns=[])
    with pytest.raises(ValueError, match="level"):
        conditional_contribution(ceiling, X, y, columns="a", level=2)
    with pytest.raises(TypeError, match="fitted GoldenModelCeiling"):
        conditional_contribution(LogisticRegression(), X, y, columns="a")
    sparse = csr_array(X.to_numpy())
    ceiling.fit(sparse, y)
    with pytest.raises(TypeError, match="dense table"):
        conditional_contribution(ceiling, sparse, y, columns=0)
