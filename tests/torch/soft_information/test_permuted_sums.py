"""Information of permuted labels from sums alone: that of each permutation by itself."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn_learnability.torch import soft_mutual_information  # noqa: E402
from sklearn_learnability.torch.soft_information import _sums_of_columns  # noqa: E402
from sklearn_learnability.torch.soft_information._permuted_labels import (  # noqa: E402
    PermutedLabels,
)
from sklearn_learnability.torch.soft_information._permuted_sums import PermutedSums  # noqa: E402
from sklearn_learnability.torch.soft_information._soft_entropy import (  # noqa: E402
    assign_layers,
    draw_reference_points,
)
from sklearn_learnability.torch.soft_information._sums_of_columns import SumOnDevice  # noqa: E402

DIM, N_POINTS, N_PERMUTATIONS = 6, 20, 7
TEMPERATURE = 0.2
POINTS = draw_reference_points(DIM, N_POINTS, 0)


def draw(rng, n_places, n_labels, largest):
    """Return places of positions, in any order and some of none, and permutations of labels."""
    sizes = rng.integers(1, largest + 1, size=n_places)
    places = rng.permutation(np.append(np.repeat(np.arange(n_places), sizes), [-1] * 9))
    codes = rng.integers(n_labels, size=n_places)
    return places, np.array([rng.permutation(codes) for _ in range(N_PERMUTATIONS)])


def summed(labels, layers, parts):
    """Return the sums over parts of the positions."""
    sums = PermutedSums(labels, len(layers), N_POINTS)
    for part in parts:
        vectors = [z[part] for z in layers]
        norms = [torch.linalg.vector_norm(z, dim=1) for z in vectors]
        sums.add(assign_layers(vectors, norms, POINTS, TEMPERATURE), labels.places[part])
    return sums


# labels of single positions, most of them once; of single positions; of texts; of texts of any size
@pytest.mark.parametrize(
    ("n_places", "n_labels", "largest"), [(60, 60, 1), (90, 3, 1), (12, 2, 8), (20, 15, 3)]
)
@pytest.mark.parametrize("branch", ["host", "device"])
def test_each_permutation_has_the_information_of_its_labels(
    n_places, n_labels, largest, branch, monkeypatch
):
    if branch == "device":
        monkeypatch.setattr(_sums_of_columns, "SumOnHost", SumOnDevice)
    rng = np.random.default_rng(n_places)
    places, codes = draw(rng, n_places, n_labels, largest)
    layers = [torch.from_numpy(rng.normal(size=(len(places), DIM))) for _ in range(2)]
    for z in layers:
        z[np.flatnonzero(places == -1)[::2]] = torch.nan  # what has no label is not read
    labels = PermutedLabels(places, codes)
    found = summed(labels, layers, [slice(0, 11), slice(11, None)]).information()
    assert found.shape == (2, N_PERMUTATIONS)
    kept = places >= 0
    for layer, z in enumerate(layers):
        expected = [
            soft_mutual_information(
                z[kept],
                of_places[places[kept]],
                temperature=TEMPERATURE,
                reference_points=POINTS,
                sequences=np.arange(kept.sum()),
            ).information
            for of_places in codes
        ]
        np.testing.assert_allclose(found[layer], expected, rtol=1e-12, atol=1e-14)


def test_labels_of_one_position_have_no_row_of_their_own():
    codes = np.array([[0, 0, 1, 2], [1, 0, 2, 0]])
    labels = PermutedLabels(np.arange(4), codes)
    assert labels.counts.tolist() == [2, 2]
    assert labels.rows_of(np.array([0, 1, 3])).tolist() == [[0, 0, 2], [3, 1, 1]]
    assert labels.n_rows == 4


def test_parts_add_up_in_any_order():
    rng = np.random.default_rng(0)
    labels = PermutedLabels(*draw(rng, 40, 5, 2))
    layers = [torch.from_numpy(rng.normal(size=(len(labels.places), DIM)))]
    whole = summed(labels, layers, [slice(None)])
    at = rng.permutation(len(labels.places))
    parts = summed(labels, layers, [at[:20], at[20:]])
    np.testing.assert_allclose(parts.information(), whole.information(), rtol=1e-12)
