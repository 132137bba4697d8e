"""The candidates that embed the levels of categories, for columns of many."""

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from sklearn_learnability.ceilings._candidate_table import Table
from sklearn_learnability.ceilings._thinned_rows import ThinnedRows

#: Rows that they are fitted on at most.
MOST_ROWS = 250_000


def factorization_machine(table: Table) -> ThinnedRows:
    """Return factorization machines: levels and numbers, alone and in pairs."""
    from sklearn_learnability.torch.candidates._factorization_machine import FactorizationMachine

    model = make_pipeline(numbered_levels(table), FactorizationMachine(table.n_categorical))
    return ThinnedRows(model, MOST_ROWS)


def tab_transformer(table: Table) -> ThinnedRows:
    """Return TabTransformers: levels that attend to each other, beside numbers."""
    from sklearn_learnability.torch.candidates._tab_transformer import TabTransformer

    model = make_pipeline(numbered_levels(table), TabTransformer(table.n_categorical))
    return ThinnedRows(model, MOST_ROWS)


def numbered_levels(table: Table) -> ColumnTransformer:
    """Return a step that scales numbers, then numbers the levels of categories, all of them."""
    fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    number = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    )
    parts = [
        ("numbers", make_pipeline(fill, StandardScaler()), list(table.numeric)),
        ("levels", number, [*table.few, *table.many]),
    ]
    return ColumnTransformer([part for part in parts if part[2]])
