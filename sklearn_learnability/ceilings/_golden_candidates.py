"""The families from which a golden model is built."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from inspect import signature

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
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

#: Up to this many numeric columns, all their products of degree two are formed.
MOST_COLUMNS_WITH_INTERACTIONS = 40

#: Categories kept apart by one-hot encoding; rarer ones share a column.
MOST_ONE_HOT_CATEGORIES = 30

#: Categories the boosters keep apart.
MOST_ORDINAL_CATEGORIES = 250

Columns = Sequence[str] | Sequence[int]


def column_kinds(table: np.ndarray | pd.DataFrame) -> tuple[Columns, Columns, Columns]:
    """Return the numeric columns and the categorical ones with few and with many categories."""
    if isinstance(table, np.ndarray):
        return range(table.shape[1]), [], []
    numeric = [name for name in table.columns if is_numeric_dtype(table[name].dtype)]
    categorical = [name for name in table.columns if name not in numeric]
    few = [name for name in categorical if table[name].nunique() <= MOST_ONE_HOT_CATEGORIES]
    return numeric, few, [name for name in categorical if name not in few]


def named_candidate(name: str, columns: tuple[Columns, Columns, Columns]) -> BaseEstimator:
    """Return a member of the default family for the given columns, unfitted.

    Parameters
    ----------
    name : str
        A key of `FAMILY`.
    columns : tuple of three sequences of column names or positions
        The numeric columns, which may have missing values, and the categorical columns with few
        and with many categories.
    """
    if name not in FAMILY:
        raise ValueError(f"Expected a candidate of {list(FAMILY)}, got {name!r}.")
    build, needs = FAMILY[name]
    missing = [module for module in needs if not find_spec(module)]
    if missing:
        extra = "torch" if name == "network" else "cpu"
        raise missing_package(" and ".join(missing), extra, f"the candidate {name!r} needs")
    return build(*columns)


def installed_candidates() -> list[str]:
    """Return the names of the default family whose packages are installed."""
    return [name for name, (_, needs) in FAMILY.items() if all(map(find_spec, needs))]


def prior(numeric: Columns, few: Columns, many: Columns) -> DummyClassifier:
    """Return the class frequencies."""
    return DummyClassifier(strategy="prior")


def logistic(numeric: Columns, few: Columns, many: Columns) -> Pipeline:
    """Return logistic regression on the numeric table."""
    return make_pipeline(numeric_table(numeric, few, many), LogisticRegression(max_iter=1000))


def network(numeric: Columns, few: Columns, many: Columns) -> Pipeline:
    """Return a bag of small neural networks on the numeric table."""
    from sklearn_learnability.torch.candidates._network_classifier import NetworkClassifier

    return make_pipeline(numeric_table(numeric, few, many), NetworkClassifier())


def numeric_table(numeric: Columns, few: Columns, many: Columns) -> Pipeline:
    """Return a step that turns the columns into scaled numbers without gaps."""
    encode_few = OneHotEncoder(
        max_categories=MOST_ONE_HOT_CATEGORIES,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
    )
    fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    parts = [
        ("numeric", make_pipeline(fill, StandardScaler()), list(numeric)),
        ("few", encode_few, list(few)),
        ("many", make_pipeline(seeded_target_encoder(), StandardScaler()), list(many)),
    ]
    return make_pipeline(
        ColumnTransformer([part for part in parts if part[2]]), VarianceThreshold()
    )


def seeded_target_encoder() -> TargetEncoder:
    """Return a target encoder with a seed, which scikit-learn takes in two ways."""
    if signature(TargetEncoder).parameters["random_state"].default is None:
        return TargetEncoder(random_state=0)
    return TargetEncoder(cv=StratifiedKFold(5, shuffle=True, random_state=0))


def spline_logistic(numeric: Columns, few: Columns, many: Columns) -> Pipeline:
    """Return logistic regression on splines and products of degree two of the numeric columns."""
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    smooth = [SplineTransformer(n_knots=6, knots="quantile", include_bias=False)]
    if len(numeric) <= MOST_COLUMNS_WITH_INTERACTIONS:
        products = PolynomialFeatures(degree=2, interaction_only=True, include_bias=False)
        smooth.append(make_pipeline(StandardScaler(), products))
    parts = [("linear", numeric_table(numeric, few, many), [*numeric, *few, *many])]
    if numeric:
        parts.append(("smooth", make_pipeline(fill, make_union(*smooth)), list(numeric)))
    return make_pipeline(
        ColumnTransformer(parts),
        VarianceThreshold(1e-8),
        StandardScaler(),
        LogisticRegression(C=0.02, max_iter=300),
    )


def hist_gradient_boosting(numeric: Columns, few: Columns, many: Columns) -> Pipeline:
    """Return scikit-learn's gradient boosting: small trees, many of them, stopped early."""
    model = HistGradientBoostingClassifier(
        learning_rate=0.06,
        max_iter=500,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        early_stopping=True,
        n_iter_no_change=20,
        categorical_features=list(range(len(numeric), len(numeric) + len(few) + len(many))),
    )
    return make_pipeline(ordinal_table(numeric, few, many), BoostedTrees(model))


def catboost(numeric: Columns, few: Columns, many: Columns) -> Pipeline:
    """Return CatBoost with shallow trees; it orders its own category statistics."""
    from catboost import CatBoostClassifier

    first = len(numeric)
    model = CatBoostClassifier(
        iterations=400,
        learning_rate=0.08,
        depth=5,
        l2_leaf_reg=5,
        max_ctr_complexity=1,
        one_hot_max_size=MOST_ONE_HOT_CATEGORIES,
        cat_features=tuple(range(first, first + len(few) + len(many))) or None,
        thread_count=1,
        allow_writing_files=False,
        verbose=False,
        random_seed=0,
    )
    table = ordinal_table(numeric, few, many)
    if few or many:
        # categories must reach it as whole numbers beside floats
        table.set_output(transform="pandas")
    return make_pipeline(table, model)


def xgboost(numeric: Columns, few: Columns, many: Columns) -> Pipeline:
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
    return make_pipeline(numeric_table(numeric, few, many), model)


def ordinal_table(numeric: Columns, few: Columns, many: Columns) -> ColumnTransformer:
    """Return a step that leaves numbers as they are and turns categories into whole numbers."""
    encode = OrdinalEncoder(
        max_categories=MOST_ORDINAL_CATEGORIES,
        handle_unknown="use_encoded_value",
        unknown_value=MOST_ORDINAL_CATEGORIES,
        encoded_missing_value=MOST_ORDINAL_CATEGORIES + 1,
        dtype=np.int64,
    )
    parts = [
        ("numeric", "passthrough", list(numeric)),
        ("categories", encode, [*few, *many]),
    ]
    return ColumnTransformer([part for part in parts if part[2]], verbose_feature_names_out=False)


#: The default family: how a candidate is built, and the packages it needs. It spans what is cheap
#: and cannot be far off (class frequencies, logistic regression), smooth additive and pairwise
#: structure (splines with products), structure along the axes (boosted trees) and smooth structure
#: in many dimensions (the network).
FAMILY: dict[str, tuple[Callable[..., BaseEstimator], tuple[str, ...]]] = {
    "prior": (prior, ()),
    "logistic": (logistic, ()),
    "splines": (spline_logistic, ()),
    "hist_gradient_boosting": (hist_gradient_boosting, ()),
    "catboost": (catboost, ("catboost",)),
    "xgboost": (xgboost, ("xgboost",)),
    "network": (network, ("torch", "tqdm", "skorch")),
}
