import numpy as np
import torch

from sklearn_learnability.torch.candidates._level_index import LARGEST_CODE, LevelIndex


def test_common_levels_have_a_number_each_and_the_others_of_a_column_share_one():
    codes = np.array([[0, 5], [0, 5], [1, 5], [7, 6], [7, 6], [0, 8]], dtype=np.float32)
    index = LevelIndex(codes, fewest_rows=2)
    # of the first column 0 and 7 are common, of the second 5 and 6
    assert index.n_levels == 6
    found = index(torch.tensor([[0.0, 5], [7, 6], [1, 8], [-1, 0], [5, 7]]))
    assert found.tolist() == [[0, 2], [1, 3], [4, 5], [4, 5], [4, 5]]
    assert index.shared.tolist() == [4, 5]


def test_codes_at_the_ends_stay_in_their_columns():
    ends = np.array([[-LARGEST_CODE, LARGEST_CODE]] * 2 + [[LARGEST_CODE, -LARGEST_CODE]] * 2)
    index = LevelIndex(ends.astype(np.float32), fewest_rows=2)
    found = index(torch.from_numpy(ends))
    assert found.tolist() == [[0, 3], [0, 3], [1, 2], [1, 2]]
    wild = torch.tensor([[0.5, 1.5], [np.inf, 0.0]])
    assert index(wild).tolist() == [[4, 5], [1, 5]]


def test_no_columns_have_no_levels():
    index = LevelIndex(np.empty((3, 0), dtype=np.float32), fewest_rows=2)
    assert index.n_levels == 0
    assert index(torch.empty(3, 0)).shape == (3, 0)
