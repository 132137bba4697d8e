"""The real tables of the Bayes-error benchmark, and the least error that is known of each."""

import tarfile
from importlib.metadata import distribution

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from sklearn_learnability.datasets import load_flights

#: Rows that the estimators see at most, and those that the least known error is from.
MOST_ROWS, MOST_ROWS_KNOWN, MOST_ROWS_SVC = 2000, 20_000, 5000

OF_SKLEARN = {
    "iris": load_iris,
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
    "digits": load_digits,
}
#: Tables of R packages as pydataset ships them: file, target, and columns that are no inputs.
OF_R = {
    "biopsy": ("MASS/biopsy", "class", ["ID"]),
    "mortgages": ("Ecdat/Hdma", "deny", []),
    "chile": ("car/Chile", "vote", []),
    "computers": ("Ecdat/Computers", "cd", []),
    "diamonds": ("ggplot2/diamonds", "cut", []),
    "benefits": ("Ecdat/Benefits", "ui", []),
    "turnout": ("Zelig/turnout", "vote", []),
}
NAMES = (*OF_SKLEARN, *OF_R, "flights")


def read_r(name):
    """Return inputs and labels of a table, rows without a label left out."""
    file, target, left_out = OF_R[name]
    # importing pydataset would unpack all of it into the home directory
    archive = distribution("pydataset").locate_file("pydataset/resources.tar.gz")
    with tarfile.open(archive) as held:
        frame = pd.read_csv(held.extractfile(f"resources/rdata/csv/{file}.csv"), index_col=0)
    frame = frame.drop(columns=left_out).dropna(subset=[target])
    texts = frame.select_dtypes(exclude="number").columns.drop(target, errors="ignore")
    frame = frame.astype(dict.fromkeys(texts, "category"))
    return frame.drop(columns=target), frame[target]


def load(name, most_rows=MOST_ROWS):
    """Return inputs, and codes of the classes, of rows drawn by a fixed seed, in random order."""
    if name in OF_SKLEARN:
        X, y = OF_SKLEARN[name](return_X_y=True, as_frame=True)
    else:
        X, y = load_flights(return_X_y=True) if name == "flights" else read_r(name)
    codes = np.unique(np.asarray(y), return_inverse=True)[1]
    rows = np.random.default_rng(0).permutation(len(codes))[:most_rows]
    return X.iloc[rows].reset_index(drop=True), codes[rows]


def encode(X):
    """Return standardised numbers: medians for gaps, a column for each category."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = make_pipeline(OneHotEncoder(sparse_output=False), StandardScaler())
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include=["number", "bool"])),
        (categories, make_column_selector(dtype_exclude=["number", "bool"])),
    )
    return np.asarray(columns.fit_transform(pd.DataFrame(X)), dtype=float)


def models():
    """Return the models of which the best gives the least known error."""
    return {
        "logistic regression": LogisticRegression(max_iter=2000),
        "logistic regression, C=0.05": LogisticRegression(C=0.05, max_iter=2000),
        "linear discriminant": LinearDiscriminantAnalysis(),
        "forest": RandomForestClassifier(200, min_samples_leaf=2, random_state=0),
        "boosting": HistGradientBoostingClassifier(random_state=0),
        "boosting, slow": HistGradientBoostingClassifier(
            learning_rate=0.03, max_iter=200, max_leaf_nodes=8, random_state=0
        ),
        "support vectors": SVC(C=3.0),
        "neighbours": KNeighborsClassifier(15),
    }


def least_error(table):
    """Return the least error on left-out folds of several models, and the model that has it."""
    X, codes = load(table, MOST_ROWS_KNOWN)
    features = encode(X)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    errors = {}
    for name, model in models().items():
        if name == "support vectors" and len(codes) > MOST_ROWS_SVC:
            continue
        errors[name] = float(np.mean(cross_val_predict(model, features, codes, cv=folds) != codes))
    best = min(errors, key=errors.get)
    return {
        "n_total": len(codes),
        "n_features": X.shape[1],
        "n_classes": len(np.unique(codes)),
        "least error": errors[best],
        "model": best,
    }
