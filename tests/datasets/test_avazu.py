import gzip

import numpy as np
import pandas as pd
import pytest

from sklearn_learnability.datasets import _avazu, load_avazu

N_ROWS = 4000
#: How a file is damaged, and what the error says.
DAMAGED = {
    "empty": (lambda text: "", "got an empty file"),
    "header alone": (lambda text: text.split("\n")[0] + "\n", "at least one row"),
    "without labels": (lambda text: drop_second_field(text), r"without \['click'\]"),
    "renamed": (lambda text: text.replace("C14", "ad", 1), r"without \['C14'\], and with \['ad'\]"),
    "one more column": (lambda text: text.replace("C21", "C21,C22", 1), r"with \['C22'\]"),
    "another order": (lambda text: text.replace("id,click", "click,id", 1), "in order"),
    "semicolons": (lambda text: text.replace(",", ";"), "separated by commas, got 1"),
    "cut in a row": (lambda text: text[:-20], f"24 values in every row, got .* in row {N_ROWS}"),
    "cut in the last value": (lambda text: text[:-2], "a line end after the last row"),
    "an empty value": (lambda text: set_field(text, 7, 13, ""), "24 values in every row.* row 7"),
    "a longer row": (lambda text: set_field(text, 7, 23, "1,2"), "at most 24 values.* in row 7"),
    "a much longer row": (lambda text: set_field(text, 7, 23, "1,2,3"), "24 values"),
    "a much longer first row": (lambda text: set_field(text, 1, 23, "1,2,3"), "at most 24 values"),
    "another label": (
        lambda text: set_field(text, 9, 1, "2"),
        "click as 0 or 1, got '.*8,2,.* row 9",
    ),
    "a label with a point": (lambda text: set_field(text, 9, 1, "1.0"), "click as 0 or 1"),
    "a bad hour": (lambda text: set_field(text, 5, 2, "14102124"), "hour as YYMMDDHH.* in row 5"),
    "another hour": (lambda text: set_field(text, 5, 2, "2014-10-21"), "hour as YYMMDDHH"),
    "a short hour": (lambda text: set_field(text, 5, 2, "1410213"), "hour as YYMMDDHH"),
    "an open quote": (lambda text: set_field(text, 5, 6, '"a'), "24 values in every row, got"),
}


def set_field(text, row, column, value):
    lines = text.split("\n")
    fields = lines[row].split(",")
    fields[column] = value
    lines[row] = ",".join(fields)
    return "\n".join(lines)


def drop_second_field(text):
    rows = [line.split(",") for line in text.splitlines()]
    return "".join(",".join(row[:1] + row[2:]) + "\n" for row in rows)


def table(n_rows=N_ROWS):
    """Return rows as the competition has them, over ten days of unlike sizes."""
    rng = np.random.default_rng(0)
    day = np.sort(rng.choice(10, n_rows, p=np.arange(1, 11) / 55))
    hour = rng.integers(24, size=n_rows)
    order = np.lexsort([hour, day])
    columns = {
        "id": [str(10**19 + i) for i in range(n_rows)],
        "click": (rng.random(n_rows) < 0.17).astype(int),
        "hour": [f"1410{21 + d}{h:02d}" for d, h in zip(day[order], hour[order], strict=True)],
    }
    for name in _avazu.CATEGORIES:
        is_number = name.startswith("C") or name in ("banner_pos",) or name.endswith("type")
        levels = rng.zipf(1.3, n_rows) % (20 if is_number else 700)
        columns[name] = levels + 1000 if is_number else [f"{level:08x}" for level in levels]
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def clicks():
    return table()


@pytest.fixture(scope="module")
def path(clicks, tmp_path_factory):
    path = tmp_path_factory.mktemp("avazu") / "train.csv"
    clicks.to_csv(path, index=False)
    return path


def test_columns_are_those_of_the_competition(clicks):
    assert list(clicks.columns) == _avazu.COLUMNS
    assert len(_avazu.COLUMNS) == 24


def test_all_rows_as_they_are(path, clicks):
    read = load_avazu(path)
    np.testing.assert_array_equal(read.target, clicks["click"])
    assert read.time.dt.strftime("%y%m%d%H").tolist() == clicks["hour"].tolist()
    assert read.data["hour"].tolist() == clicks["hour"].str[-2:].astype(int).tolist()
    for name in _avazu.CATEGORIES:
        assert isinstance(read.data[name].dtype, pd.CategoricalDtype)
        assert read.data[name].astype(str).tolist() == clicks[name].astype(str).tolist()
        assert read.data[name].cat.categories.is_monotonic_increasing
    assert (read.data.shape, read.n_rows) == ((N_ROWS, 22), N_ROWS)
    X, y = load_avazu(path, return_X_y=True)
    pd.testing.assert_frame_equal(X, read.data)
    pd.testing.assert_series_equal(y, read.target)


def test_gzip_is_told_by_its_bytes_and_pieces_do_not_matter(path, tmp_path, monkeypatch):
    expected = load_avazu(path, n_samples=300, random_state=3).frame
    other = tmp_path / "clicks.dat"
    other.write_bytes(gzip.compress(path.read_bytes()))
    for rows in (299, 1001, N_ROWS - 1):
        monkeypatch.setattr(_avazu, "CHUNK_ROWS", rows)
        found = load_avazu(other, n_samples=300, random_state=3).frame
        pd.testing.assert_frame_equal(found, expected)


def test_a_sample_is_rows_of_the_file_in_time_order(path, clicks):
    sample = load_avazu(path, n_samples=500, random_state=1)
    assert len(sample.frame) == 500
    assert sample.time.is_monotonic_increasing
    assert sample.data.index.equals(sample.time.index)
    whole = clicks.astype(str).drop(columns="id").agg(",".join, axis=1)
    rows = sample.data.drop(columns="hour").astype(str)
    rows.insert(0, "click", sample.target.astype(str))
    rows.insert(1, "hour", sample.time.dt.strftime("%y%m%d%H"))
    found = rows.agg(",".join, axis=1)
    drawn = found.value_counts()
    assert (drawn <= whole.value_counts().reindex(drawn.index)).all()


def test_every_row_is_as_likely_and_days_keep_their_shares(path, clicks):
    day = clicks["hour"].str[:6]
    counts = np.zeros(10)
    for seed in range(20):
        date = load_avazu(path, n_samples=400, random_state=seed).date
        assert date.nunique() == 10
        counts += date.value_counts().sort_index().to_numpy()
    expected = 20 * 400 * day.value_counts(normalize=True).sort_index().to_numpy()
    # of a sample without replacement, in standard deviations
    spread = np.sqrt(expected * (1 - expected / 8000) * (1 - 400 / N_ROWS))
    assert np.abs((counts - expected) / spread).max() < 3.5


def test_more_rows_than_there_are_is_all(path):
    pd.testing.assert_frame_equal(load_avazu(path, n_samples=10**6).frame, load_avazu(path).frame)


def test_rows_out_of_order_are_put_in_order(tmp_path, clicks):
    path = tmp_path / "shuffled.csv"
    clicks.iloc[::-1].to_csv(path, index=False)
    read = load_avazu(path)
    assert read.time.is_monotonic_increasing
    assert read.target.sum() == clicks["click"].sum()


@pytest.mark.parametrize("how", DAMAGED)
def test_a_wrong_file_is_said_to_be_one(how, path, tmp_path):
    damage, message = DAMAGED[how]
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match=message):
        load_avazu(wrong, n_samples=10)


def test_a_damaged_gzip_is_said_to_be_one(path, tmp_path):
    whole = gzip.compress(path.read_bytes())
    wrong = tmp_path / "train.gz"
    for damaged in (whole[:-9], whole[: len(whole) // 2], whole[:5000] + b"x" * 50 + whole[5050:]):
        wrong.write_bytes(damaged)
        with pytest.raises(ValueError, match="Expected a whole gzip file, got one that is damaged"):
            load_avazu(wrong)


def test_other_bytes_are_no_text(path, tmp_path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_bytes(path.read_bytes().replace(b"0000001", b"\xff00001", 1))
    with pytest.raises(ValueError, match="Expected text in UTF-8"):
        load_avazu(wrong)


def test_line_ends_and_marks_of_other_systems(path, tmp_path):
    other = tmp_path / "other.csv"
    other.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    pd.testing.assert_frame_equal(load_avazu(other).frame, load_avazu(path).frame)


def test_names_that_look_like_gaps_are_names(path, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(set_field(path.read_text(), 3, 5, "NA"))
    assert load_avazu(other).data["site_id"].isna().sum() == 0
    assert load_avazu(other).data["site_id"][2] == "NA"


@pytest.mark.parametrize("n_samples", [0, -1, 2.5, "all", True])
def test_no_number_of_rows_is_refused(path, n_samples):
    with pytest.raises(ValueError, match="Expected n_samples as an integer >= 1"):
        load_avazu(path, n_samples=n_samples)


def test_no_file_is_said_to_be_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_avazu(tmp_path / "train.gz")
