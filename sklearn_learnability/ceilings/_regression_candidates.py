"""The families from which a golden model of numbers is built."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_learnability._validation import missing_package
from sklearn_learnability.ceilings._candidate_table import Table
from sklearn_learnability.ceilings._curves import Curves
from sklearn_learnability.ceilings._golden_candidates import (
    AT_ROWS,
    MOST_BINNED_CATEGORIES,
    MOST_COLUMNS_WITH_INTERACTIONS,
    numeric_table,
    ordinal_table,
    seeded_target_encoder,
    small_catboost,
)
from sklearn_learnability.ceilings._golden_candidates import (
    hist_gradient_boosting as boosted_classes,
)
from sklearn_learnability.ceilings._mean_and_scale import (
    BoostedMeanAndScale,
    RawCatBoost,
    RidgeMeanAndScale,
)
from sklearn_learnability.ceilings._varying_columns import VaryingColumns

#: Classes of the candidate that is a classifier of binned targets.
N_CLASSES = 8


def linear(table: Table) -> Pipeline:
    """Return ridge regression of mean and log-scale."""
    return make_pipeline(plain_columns(table), RidgeMeanAndScale())


def plain_columns(table: Table) -> Pipeline:
    """Return a step that turns the columns into scaled numbers without gaps."""
    return numeric_table(table, seeded_target_encoder(KFold))


def splines(table: Table) -> Pipeline:
    """Return the same regression on curves and products of the numbers."""
    if not table.numeric:
        return linear(table)
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    has_products = len(table.numeric) <= MOST_COLUMNS_WITH_INTERACTIONS
    curves = make_pipeline(fill, Curves(n_knots=6, has_products=has_products))
    everything = [*table.numeric, *table.few, *table.many]
    columns = ColumnTransformer(
        [("curves", curves, list(table.numeric)), ("plain", plain_columns(table), everything)],
        sparse_threshold=0.0,
    )
    scaled = make_pipeline(columns, VaryingColumns(1e-8), StandardScaler())
    return make_pipeline(scaled, RidgeMeanAndScale())


def hist_gradient_boosting(table: Table) -> Pipeline:
    """Return scikit-learn's boosted trees for mean and log-scale."""
    trees = HistGradientBoostingRegressor(
        learning_rate=0.06,
        max_iter=250,
        max_leaf_nodes=12,
        l2_regularization=1.0,
        early_stopping=table.n_rows > 200,
        n_iter_no_change=15,
        categorical_features=list(table.positions_of_categories),
    )
    return make_pipeline(ordinal_table(table, MOST_BINNED_CATEGORIES), BoostedMeanAndScale(trees))


def catboost(table: Table) -> Pipeline:
    """Return CatBoost's Gaussian regression with uncertainty."""
    from catboost import CatBoostRegressor

    growth = (table.n_rows / AT_ROWS) ** 0.5
    model = CatBoostRegressor(
        loss_function="RMSEWithUncertainty",
        iterations=max(150, round(600 * min(growth, 4))),
        learning_rate=0.08,
        depth=5,
        l2_leaf_reg=5,
        border_count=64,
        max_ctr_complexity=2,
        one_hot_max_size=2,
        cat_features=tuple(table.positions_of_categories) or None,
        thread_count=1,
        allow_writing_files=False,
        verbose=False,
        random_seed=0,
    )
    columns = ordinal_table(table)
    if table.few or table.many:
        # categories must reach it as whole numbers beside floats
        columns.set_output(transform="pandas")
    return make_pipeline(columns, RawCatBoost(model))


def classes(table: Table) -> BaseEstimator:
    """Return boosted trees as a classifier of the binned target."""
    some = replace(table, n_classes=N_CLASSES)
    return small_catboost(some) if find_spec("catboost") else boosted_classes(some)


def marginal(table: Table) -> DummyClassifier:
    """Return what is known without inputs."""
    return DummyClassifier(strategy="prior")


Build = Callable[[Table], Any]

#: How a candidate is built, what it is fitted to, and the packages it needs.
FAMILY: dict[str, tuple[Build, str, tuple[str, ...]]] = {
    "marginal": (marginal, "classes", ()),
    "linear": (linear, "target", ()),
    "linear_ranks": (linear, "ranks", ()),
    "splines": (splines, "target", ()),
    "splines_ranks": (splines, "ranks", ()),
    "classes": (classes, "classes", ()),
    "hist_gradient_boosting": (hist_gradient_boosting, "target", ()),
    "hist_gradient_boosting_ranks": (hist_gradient_boosting, "ranks", ()),
    "catboost": (catboost, "target", ("catboost",)),
    "catboost_ranks": (catboost, "ranks", ("catboost",)),
}

#: Families by what they cost.
BUDGETS: dict[str, tuple[str, ...]] = {
    "fast": ("marginal", "linear", "linear_ranks", "splines", "splines_ranks", "classes"),
    "default": (
        "marginal",
        "linear",
        "linear_ranks",
        "splines",
        "splines_ranks",
        "classes",
        "catboost",
        "catboost_ranks",
    ),
}


def candidates_of(budget: str) -> list[str]:
    """Return the names of a budget's family; scikit-learn's trees where CatBoost is missing."""
    names = list(BUDGETS[budget])
    if not find_spec("catboost"):
        names = [name.replace("catboost", "hist_gradient_boosting") for name in names]
    return names


def named_candidate(name: str, table: Table) -> BaseEstimator:
    """Return the candidate of a name, a key of `FAMILY`, for the given table, unfitted."""
    if name not in FAMILY:
        raise ValueError(f"Expected a candidate of {list(FAMILY)}, got {name!r}.")
    build, _, needs = FAMILY[name]
    missing = [module for module in needs if not find_spec(module)]
    if missing:
        raise missing_package(" and ".join(missing), "cpu", f"the candidate {name!r} needs")
    return build(table)
