"""The models that a report takes where none is given."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

#: Levels of a column that are kept apart.
MOST_LEVELS = 50


def default_models(random_state: int) -> dict[str, BaseEstimator]:
    """Return a logistic regression and boosted trees for tables of numbers and strings."""
    boosting = HistGradientBoostingClassifier(random_state=random_state)
    return {
        "logistic regression": on_scaled_numbers(LogisticRegression(max_iter=1000)),
        "boosted trees": on_codes(boosting),
    }


def default_regressors(random_state: int) -> dict[str, BaseEstimator]:
    """Return a ridge regression and boosted trees for tables of numbers and strings."""
    boosting = HistGradientBoostingRegressor(random_state=random_state)
    return {"ridge regression": on_scaled_numbers(Ridge()), "boosted trees": on_codes(boosting)}


def on_scaled_numbers(model: BaseEstimator) -> BaseEstimator:
    """Return a model on numbers of one scale, with a column for each level of a text."""
    numbers = make_column_selector(dtype_include=np.number)
    texts = make_column_selector(dtype_exclude=np.number)
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_LEVELS)
    scaled = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    return make_pipeline(make_column_transformer((scaled, numbers), (one_hot, texts)), model)


def on_codes(model: BaseEstimator) -> BaseEstimator:
    """Return a model on numbers as they are, with texts as codes."""
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_LEVELS,
    )
    texts = make_column_selector(dtype_exclude=np.number)
    return make_pipeline(make_column_transformer((codes, texts), remainder="passthrough"), model)


def as_frame(X: Any) -> pd.DataFrame:
    """Return a table of pandas, its columns named by number where they have no name."""
    if isinstance(X, pd.DataFrame):
        return X
    if hasattr(X, "to_pandas"):
        converted: pd.DataFrame = X.to_pandas()
        return converted
    frame = pd.DataFrame(X)
    return frame.rename(columns=str)
