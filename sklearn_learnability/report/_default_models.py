"""The classifiers that a report takes where none is given."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

#: Levels of a column that are kept apart.
MOST_LEVELS = 50


def default_models(random_state: int) -> dict[str, BaseEstimator]:
    """Return a logistic regression and boosted trees for tables of numbers and strings."""
    numbers = make_column_selector(dtype_include=np.number)
    texts = make_column_selector(dtype_exclude=np.number)
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_LEVELS)
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_LEVELS,
    )
    scaled = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    return {
        "logistic regression": make_pipeline(
            make_column_transformer((scaled, numbers), (one_hot, texts)),
            LogisticRegression(max_iter=1000),
        ),
        "boosted trees": make_pipeline(
            make_column_transformer((codes, texts), remainder="passthrough"),
            HistGradientBoostingClassifier(random_state=random_state),
        ),
    }


def as_frame(X: Any) -> pd.DataFrame:
    """Return a table of pandas, its columns named by number where they have no name."""
    if isinstance(X, pd.DataFrame):
        return X
    if hasattr(X, "to_pandas"):
        converted: pd.DataFrame = X.to_pandas()
        return converted
    frame = pd.DataFrame(X)
    return frame.rename(columns=str)
