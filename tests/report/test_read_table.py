import numpy as np
import pandas as pd
import pytest

from sklearn_learnability.report._read_table import is_quantity, read_table, split_table

N = 200


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "row": np.arange(N),
            "customer_id": rng.permutation(10 * N)[:N],
            "name": [f"person {i}" for i in range(N)],
            "day": pd.date_range("2024-01-01", periods=N).strftime("%Y-%m-%d"),
            "population": rng.permutation(100_000)[:N],
            "height": rng.normal(size=N),
            "colour": rng.choice(["red", "blue"], N),
            "nothing": np.nan,
            "label": rng.choice(["yes", "no"], N),
        }
    )


def test_columns_that_are_no_inputs_are_named_and_left_out(table):
    parts = split_table(table, "label")
    assert list(parts.X.columns) == ["population", "height", "colour"]
    told = "; ".join(parts.left_out)
    for name in ("row", "customer_id", "name", "day", "nothing"):
        assert name in told
    assert parts.y.name == "label"
    assert not parts.is_quantity


def test_what_is_kept_is_an_input_and_what_is_given_as_an_id_is_not(table):
    parts = split_table(table, "label", ids=["height"], keep=["customer_id"])
    assert list(parts.X.columns) == ["customer_id", "population", "colour"]


def test_time_and_groups_are_read_and_no_inputs(table):
    parts = split_table(table, "label", time="day", group="colour")
    assert parts.time.is_monotonic_increasing
    assert parts.time.dtype.kind == "M"
    assert set(parts.groups) == {"red", "blue"}
    assert "colour" not in parts.X


def test_a_column_that_is_not_there_suggests_the_nearest(table):
    with pytest.raises(ValueError, match=r"got 'Lable'. Did you mean 'label'\?"):
        split_table(table, "Lable")
    with pytest.raises(ValueError, match=r"got 'zzz'. There are row"):
        split_table(table, "label", time="zzz")


def test_a_time_that_is_no_time_is_refused(table):
    with pytest.raises(ValueError, match="Expected dates or numbers in 'name', got 'person 0'"):
        split_table(table, "label", time="name")


def test_rows_without_a_label_are_left_out_and_told(table):
    table.loc[:4, "label"] = None
    parts = split_table(table, "label")
    assert len(parts.X) == len(parts.y) == N - 5
    assert parts.left_out[0] == "5 rows without label"


@pytest.mark.parametrize(
    ("values", "quantity"),
    [
        ([0.5, 1.5, 2.5], True),
        (np.arange(100), True),
        ([0, 1, 2], False),
        ([0.0, 1.0], False),
        (["1.5", "2.5"], False),
        ([True, False], False),
    ],
)
def test_numbers_of_many_values_are_quantities(values, quantity):
    assert is_quantity(pd.Series(values)) is quantity


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "feather"])
def test_every_kind_of_file_gives_the_same_table(table, tmp_path, ending):
    path = tmp_path / f"table.{ending}"
    writers = {
        "csv": lambda: table.to_csv(path, index=False),
        "tsv": lambda: table.to_csv(path, sep="\t", index=False),
        "parquet": lambda: table.to_parquet(path),
        "feather": lambda: table.to_feather(path),
    }
    writers[ending]()
    pd.testing.assert_frame_equal(read_table(path), table, check_dtype=False)


def test_files_that_are_no_tables_are_refused_in_words(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"got '.*gone.csv': not there"):
        read_table(tmp_path / "gone.csv")
    (tmp_path / "table.xlsx").write_text("")
    with pytest.raises(ValueError, match=r"ends in one of .csv, .*got 'table.xlsx'"):
        read_table(tmp_path / "table.xlsx")
    (tmp_path / "empty.csv").write_text("a,b\n")
    with pytest.raises(ValueError, match=r"Expected rows in 'empty.csv', got none"):
        read_table(tmp_path / "empty.csv")


@pytest.mark.parametrize(("mark", "name"), [("\t", "tabs"), ("|", "bars")])
def test_columns_separated_by_another_mark_are_told(tmp_path, mark, name):
    (tmp_path / "marks.csv").write_text(f"a{mark}y\n1{mark}0\n2{mark}1\n")
    with pytest.raises(ValueError, match=f"separated by commas in .*, got {name}"):
        read_table(tmp_path / "marks.csv")


def test_semicolons_a_folder_and_no_target_at_all_are_told(tmp_path):
    (tmp_path / "semicolons.csv").write_text("a;y\n1;0\n2;1\n")
    with pytest.raises(ValueError, match=r"separated by commas in .*, got semicolons"):
        read_table(tmp_path / "semicolons.csv")
    with pytest.raises(FileNotFoundError, match="a folder"):
        read_table(tmp_path)
    with pytest.raises(ValueError, match="Expected values in the target 'y', got 2 missing ones"):
        split_table(pd.DataFrame({"a": [1, 2], "y": [np.nan, np.nan]}), "y")
