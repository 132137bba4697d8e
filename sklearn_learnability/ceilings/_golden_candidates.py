"""The families from which a golden model is built."""

from collections.abc import Callable
from importlib.util import find_spec
from inspect import signature

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from sklearn_learnability._validation import missing_package
from sklearn_learnability.ceilings._boosted_trees import BoostedTrees
from sklearn_learnability.ceilings._candidate_table import MOST_ONE_HOT_CATEGORIES, Table
from sklearn_learnability.ceilings._crosses import Crosses
from sklearn_learnability.ceilings._curves import Curves
from sklearn_learnability.ceilings._embedded_levels import factorization_machine, tab_transformer
from sklearn_learnability.ceilings._grouped_logistic import GroupedLogistic
from sklearn_learnability.ceilings._logistic_on_cells import LogisticOnCells
from sklearn_learnability.ceilings._thinned_rows import ThinnedRows
from sklearn_learnability.ceilings._varying_columns import VaryingColumns
from sklearn_learnability.ceilings._wide_columns import ScaledColumns, WideColumns

#: Up to this many numeric columns, all their products of degree two are formed.
MOST_COLUMNS_WITH_INTERACTIONS = 40

#: Categories of a column that are kept apart as whole numbers, and for scikit-learn's boosting,
#: whose bins are few.
MOST_ORDINAL_CATEGORIES, MOST_BINNED_CATEGORIES = 5000, 250

#: Up to this many categorical columns are crossed with each other, each pair with an indicator.
MOST_CROSSED_COLUMNS = 12

#: Up to this many pairs of a number and a crossed category get slopes.
MOST_SLOPES = 100

#: Rows that candidates of many columns, and networks, are fitted on at most.
MOST_ROWS_OF_SPLINES = 250_000
MOST_ROWS_OF_SPARSE_SPLINES = 250_000
MOST_ROWS_OF_NETWORKS = 250_000

#: Trees of CatBoost are counted at this many rows of two classes. Their number grows with the root
#: of the rows up to a factor, after which steps get larger instead, up to as much again; it falls
#: with the classes, each of which has trees of its own.
AT_ROWS, MOST_GROWTH = 10_000, 2.5


def named_candidate(name: str, table: Table) -> BaseEstimator:
    """Return the candidate of a name, a key of `FAMILY`, for the given table, unfitted."""
    if name not in FAMILY:
        raise ValueError(f"Expected a candidate of {list(FAMILY)}, got {name!r}.")
    build, needs = FAMILY[name]
    missing = [module for module in needs if not find_spec(module)]
    if missing:
        extra = "torch" if name in NETWORKS else "cpu"
        raise missing_package(" and ".join(missing), extra, f"the candidate {name!r} needs")
    return build(table)


def candidates_of(budget: str, table: Table) -> list[str]:
    """Return the names of a budget's family for a table, as far as their packages are installed.

    Cells need no more than scikit-learn's boosting beside the logistic regressions.
    """
    names = list(BUDGETS[budget])
    if table.is_cells or not is_installed("catboost"):
        names = ["hist_gradient_boosting" if name in BOOSTED else name for name in names]
    if table.is_cells:
        names = [name for name in names if name not in (*NETWORKS, "sparse_splines")]
    return [name for name in names if is_installed(name)]


def is_installed(name: str) -> bool:
    """Return whether all packages that a candidate needs are installed."""
    return all(map(find_spec, FAMILY[name][1]))


def prior(table: Table) -> DummyClassifier:
    """Return the class frequencies."""
    return DummyClassifier(strategy="prior")


def logistic(table: Table) -> Pipeline:
    """Return logistic regression on the numeric table."""
    return make_pipeline(numeric_table(table), linear_model(table, max_iter=1000))


def linear_model(table: Table, **options: float) -> LogisticRegression:
    """Return logistic regression, on cells where the table has few."""
    return LogisticOnCells(**options) if table.is_cells else LogisticRegression(**options)


def network(table: Table) -> ThinnedRows:
    """Return a small neural network on the numeric table, one a fold."""
    from sklearn_learnability.torch.candidates._network_classifier import NetworkClassifier

    model = make_pipeline(numeric_table(table), NetworkClassifier(n_members=1))
    return ThinnedRows(model, MOST_ROWS_OF_NETWORKS)


def large_network(table: Table) -> ThinnedRows:
    """Return a wider and deeper network that is trained for longer, one a fold."""
    from sklearn_learnability.torch.candidates._network_classifier import NetworkClassifier

    model = NetworkClassifier(n_members=1, width=512, depth=3, training=2.0)
    return ThinnedRows(make_pipeline(numeric_table(table), model), MOST_ROWS_OF_NETWORKS)


def numeric_table(table: Table, encoder: TargetEncoder | None = None) -> Pipeline:
    """Return a step that turns the columns into scaled numbers without gaps.

    Columns of many categories are encoded by `encoder`, by default one for class labels.
    """
    encoder = encoder or seeded_target_encoder()
    encode_few = OneHotEncoder(
        max_categories=MOST_ONE_HOT_CATEGORIES,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
    )
    fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    parts = [
        ("numeric", make_pipeline(fill, StandardScaler()), list(table.numeric)),
        ("few", encode_few, list(table.few)),
        ("many", make_pipeline(encoder, StandardScaler()), list(table.many)),
    ]
    return make_pipeline(ColumnTransformer([part for part in parts if part[2]]), VaryingColumns())


def seeded_target_encoder(kind: type = StratifiedKFold) -> TargetEncoder:
    """Return a target encoder with a seed, which scikit-learn takes in two ways."""
    if signature(TargetEncoder).parameters["random_state"].default is None:
        return TargetEncoder(random_state=0)
    return TargetEncoder(cv=kind(5, shuffle=True, random_state=0))


def spline_logistic(table: Table) -> ThinnedRows:
    """Return logistic regression on splines and products of numbers, and crosses of categories."""
    parts: list[BaseEstimator] = []
    if table.numeric:
        parts.append(ScaledColumns(make_union(numeric_table(table.numbers), smooth_terms(table))))
    if table.few or table.many:
        parts.append(crosses_of(table))
    model = linear_model(table, C=0.02, max_iter=300)
    return ThinnedRows(make_pipeline(WideColumns(make_union(*parts)), model), MOST_ROWS_OF_SPLINES)


def smooth_terms(table: Table) -> Pipeline:
    """Return a step that makes splines of the numbers and, where these are few, their products."""
    smooth = [SplineTransformer(n_knots=6, knots="quantile", include_bias=False)]
    if len(table.numeric) <= MOST_COLUMNS_WITH_INTERACTIONS:
        products = PolynomialFeatures(degree=2, interaction_only=True, include_bias=False)
        smooth.append(make_pipeline(StandardScaler(), products))
    return make_pipeline(filled_numbers(table), make_union(*smooth))


def filled_numbers(table: Table) -> ColumnTransformer:
    """Return a step that takes the numbers, with medians for gaps."""
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    return ColumnTransformer([("numbers", fill, list(table.numeric))])


def crosses_of(table: Table) -> Pipeline:
    """Return a step that crosses categories with each other and with numbers."""
    numeric, few, many = table.numeric, table.few, table.many
    n_crossed = min(len(few), MOST_CROSSED_COLUMNS)
    sloped = numeric if len(numeric) * n_crossed <= MOST_SLOPES else []
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    own = [
        ("numbers", make_pipeline(fill, StandardScaler()), list(sloped)),
        ("categories", whole_numbers(), [*few, *many]),
    ]
    return make_pipeline(
        ColumnTransformer([part for part in own if part[2]]),
        Crosses(len(sloped), n_crossed),
    )


def sparse_splines(table: Table) -> ThinnedRows:
    """Return logistic regression on curves, products and crosses that leaves most of them out."""
    parts: list[BaseEstimator] = []
    if table.numeric:
        has_products = len(table.numeric) <= MOST_COLUMNS_WITH_INTERACTIONS
        gaps = ColumnTransformer([("gaps", MissingIndicator(features="all"), list(table.numeric))])
        parts = [make_pipeline(filled_numbers(table), Curves(has_products=has_products)), gaps]
    if table.few or table.many:
        parts.append(crosses_of(table))
    model = GroupedLogistic(WideColumns(make_union(*parts)))
    return ThinnedRows(model, MOST_ROWS_OF_SPARSE_SPLINES)


def hist_gradient_boosting(table: Table) -> Pipeline:
    """Return scikit-learn's gradient boosting: small trees, many of them, stopped early."""
    model = HistGradientBoostingClassifier(
        learning_rate=0.06,
        max_iter=500,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        early_stopping=True,
        n_iter_no_change=20,
        categorical_features=list(table.positions_of_categories),
    )
    return make_pipeline(ordinal_table(table, MOST_BINNED_CATEGORIES), BoostedTrees(model))


def catboost(table: Table) -> Pipeline:
    """Return CatBoost with shallow trees."""
    return shallow_trees(table, trees=400, fewest=100, learning_rate=0.08, border_count=128)


def small_catboost(table: Table) -> Pipeline:
    """Return CatBoost with fewer trees and coarser columns."""
    return shallow_trees(table, trees=160, fewest=60, learning_rate=0.18, border_count=32)


def shallow_trees(
    table: Table, *, trees: int, fewest: int, learning_rate: float, **options: float
) -> Pipeline:
    """Return CatBoost, which orders its own category statistics."""
    from catboost import CatBoostClassifier

    growth = (table.n_rows / AT_ROWS) ** 0.5
    model = CatBoostClassifier(
        iterations=max(fewest, round(trees * min(growth, MOST_GROWTH) * 2 / table.n_classes)),
        learning_rate=learning_rate * min(max(growth / MOST_GROWTH, 1), 2),
        depth=5,
        l2_leaf_reg=5,
        leaf_estimation_iterations=1,
        max_ctr_complexity=2,
        one_hot_max_size=2,
        cat_features=tuple(table.positions_of_categories) or None,
        thread_count=1,
        allow_writing_files=False,
        verbose=False,
        random_seed=0,
        **options,
    )
    columns = ordinal_table(table)
    if table.few or table.many:
        # categories must reach it as whole numbers beside floats
        columns.set_output(transform="pandas")
    return make_pipeline(columns, model)


def xgboost(table: Table) -> Pipeline:
    """Return XGBoost with shallow trees on the numeric table."""
    from xgboost import XGBClassifier

    model = XGBClassifier(
        n_estimators=300,
        learning_rate=0.08,
        max_depth=5,
        min_child_weight=5,
        subsample=0.8,
        colsample_bytree=0.8,
        reg_lambda=5.0,
        tree_method="hist",
        n_jobs=1,
    )
    return make_pipeline(numeric_table(table), model)


def ordinal_table(table: Table, most: int = MOST_ORDINAL_CATEGORIES) -> ColumnTransformer:
    """Return a step that leaves numbers as they are and turns categories into whole numbers."""
    parts = [
        ("numeric", "passthrough", list(table.numeric)),
        ("categories", whole_numbers(most), [*table.few, *table.many]),
    ]
    return ColumnTransformer([part for part in parts if part[2]], verbose_feature_names_out=False)


def whole_numbers(most: int = MOST_ORDINAL_CATEGORIES) -> OrdinalEncoder:
    """Return an encoder of categories that keeps so many common ones apart."""
    return OrdinalEncoder(
        max_categories=most,
        handle_unknown="use_encoded_value",
        unknown_value=most,
        encoded_missing_value=most + 1,
        dtype=np.int64,
    )


#: How a candidate is built, and the packages it needs.
FAMILY: dict[str, tuple[Callable[[Table], BaseEstimator], tuple[str, ...]]] = {
    "prior": (prior, ()),
    "logistic": (logistic, ()),
    "splines": (spline_logistic, ()),
    "sparse_splines": (sparse_splines, ()),
    "hist_gradient_boosting": (hist_gradient_boosting, ()),
    "small_catboost": (small_catboost, ("catboost",)),
    "catboost": (catboost, ("catboost",)),
    "xgboost": (xgboost, ("xgboost",)),
    "network": (network, ("torch", "tqdm", "skorch")),
    "large_network": (large_network, ("torch", "tqdm", "skorch")),
    "factorization_machine": (factorization_machine, ("torch", "tqdm", "skorch")),
    "tab_transformer": (tab_transformer, ("torch", "tqdm", "skorch")),
}

#: What scikit-learn's boosting stands in for on cells, and where CatBoost is not installed.
BOOSTED = ("small_catboost", "catboost")

#: Those that torch is needed for. Cells need none.
NETWORKS = ("network", "large_network", "factorization_machine", "tab_transformer")

#: Families by what they cost. They span what is cheap and cannot be far off (class frequencies,
#: logistic regression), smooth additive and pairwise structure (splines, products and crosses: much
#: of it, or little), structure along the axes (boosted trees) and smooth structure in many
#: dimensions (the networks).
BUDGETS: dict[str, tuple[str, ...]] = {
    "fast": ("prior", "logistic", "splines", "small_catboost"),
    "default": ("prior", "logistic", "splines", "sparse_splines", "catboost", "network"),
    "best": (
        "prior",
        "logistic",
        "splines",
        "sparse_splines",
        "catboost",
        "network",
        "large_network",
    ),
}
