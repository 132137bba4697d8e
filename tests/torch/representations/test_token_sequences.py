"""Tokens as they are given: padded anywhere, on another device, of another kind."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import nn  # noqa: E402

from sklearn_learnability.exceptions import NoPositionsWarning  # noqa: E402
from sklearn_learnability.torch import (  # noqa: E402
    label_information,
    measure_information_plane,
    preference_information,
)
from sklearn_learnability.torch.representations._token_sequences import (  # noqa: E402
    TokenSequences,
    token_rows,
)

VOCABULARY = 12
ROWS = [np.random.RandomState(i).randint(VOCABULARY, size=6 + i % 5).tolist() for i in range(12)]

# Tokens of random texts say nothing of each other.
UNRELATED = pytest.mark.filterwarnings(
    "ignore::sklearn_learnability.exceptions.UndefinedInformationWarning"
)
READS_AHEAD = pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.NotCausalWarning")


class BothWays(nn.Module):
    """A recurrent network that reads in both directions, so padding too if it is given any."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(VOCABULARY, 16)
        self.recurrent = nn.GRU(16, 8, batch_first=True, bidirectional=True)
        self.logits = nn.Linear(16, VOCABULARY)

    def forward(self, ids):
        return self.logits(self.recurrent(self.embedding(ids))[0])


@pytest.fixture(scope="module")
def both_ways():
    return BothWays().eval()


@pytest.fixture(scope="module")
def bert():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    return transformers.BertForMaskedLM(config).eval()


def frame(model, rows, layers, **given):
    plane = measure_information_plane(
        model, rows, layers=layers, widths=(1, 2), progress=False, **given
    )
    return plane.to_frame().drop(columns=["layer"])


@READS_AHEAD
@UNRELATED
@pytest.mark.parametrize("batch_size", [5, 12])
def test_networks_that_read_both_ways_never_read_padding(both_ways, bert, batch_size):
    for model, layers in ((both_ways, ["recurrent"]), (bert, "all")):
        alone = frame(model, ROWS, layers, batch_size=1)
        np.testing.assert_allclose(
            frame(model, ROWS, layers, batch_size=batch_size), alone, rtol=1e-4, atol=1e-6
        )


@given(data=st.data())
@settings(max_examples=20)
def test_padding_is_left_out_wherever_it_stands(both_ways, data):
    """Left, right, or within: the mask decides, and what stands under it does not matter."""
    length = 14
    ids = np.array(
        data.draw(st.lists(st.integers(-100, 10**6), min_size=168, max_size=168))
    ).reshape(12, length)
    mask = np.zeros((12, length), dtype=int)
    for i, row in enumerate(ROWS):
        places = data.draw(st.permutations(range(length)))[: len(row)]
        mask[i, places] = 1
        ids[i, np.sort(places)] = row
    padded = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    for found, row in zip(token_rows(padded, None), ROWS, strict=True):
        assert found.tolist() == row
    by_row = [{"input_ids": ids[i], "attention_mask": mask[i]} for i in range(12)]
    assert [row.tolist() for row in token_rows(by_row, None)] == ROWS


@READS_AHEAD
def test_a_mask_gives_the_numbers_of_no_padding(both_ways):
    ids = np.full((12, 14), 3)
    mask = np.zeros((12, 14), dtype=bool)
    for i, row in enumerate(ROWS):
        ids[i, 14 - len(row) :], mask[i, 14 - len(row) :] = row, True
    padded = frame(both_ways, {"input_ids": ids, "attention_mask": mask}, ["recurrent"])
    np.testing.assert_allclose(padded, frame(both_ways, ROWS, ["recurrent"]), rtol=1e-12)


def test_pads_of_a_tokenizer_are_no_tokens():
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({"[PAD]": 0, "a": 1, "b": 2}, unk_token="[PAD]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.enable_padding(direction="left")
    rows = token_rows(tokenizer, ["a b a", "b"])
    assert [row.tolist() for row in rows] == [[1, 2, 1], [2]]


class OnCard(torch.Tensor):
    """A tensor that reaches numpy through .cpu() alone, as those of a graphics card do."""

    def cpu(self):
        return self.as_subclass(torch.Tensor)

    def __array__(self, dtype=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def numpy(self):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


def on_card(values):
    return torch.tensor(values).as_subclass(OnCard)


def test_tokens_and_labels_of_a_card_are_taken(both_ways):
    ids = np.random.RandomState(0).randint(VOCABULARY, size=(12, 9))
    given = {"layers": ["recurrent"], "n_permutations": 5, "progress": False}
    for labels in (ids[:, 0] % 2, ids % 2):
        expected = label_information(both_ways, ids, labels=labels, **given)
        for there in (on_card(labels), [on_card(row) for row in labels]):
            found = label_information(both_ways, on_card(ids), labels=there, **given)
            assert found.to_frame().equals(expected.to_frame())
    pairs = [(ids[i, :3], ids[i, 3:6], ids[i, 6:]) for i in range(12)]
    expected = preference_information(both_ways, None, pairs, **given)
    cards = [tuple(map(on_card, pair)) for pair in pairs]
    found = preference_information(both_ways, None, cards, **given)
    assert found.to_frame().equals(expected.to_frame())


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([[1.0, 2.5]], "float64 in sequence 0"),
        ([[1, 2], [3, -100]], "0 or more, got -100 in sequence 1"),
        ([[True, False]], "bool in sequence 0"),
        ([[[1, 2]]], r"shape \(1, 2\)"),
        ({"ids": [[1, 2]]}, r"Expected input_ids, got \['ids'\]"),
        ({"input_ids": [[1, 2]], "attention_mask": [[1]]}, r"attention_mask of shape \(2,\)"),
    ],
)
def test_ids_that_are_none_are_refused(ids, said):
    with pytest.raises(ValueError, match=said):
        token_rows(ids, None)


def test_texts_that_are_none_are_refused():
    with pytest.raises(ValueError, match="float64 in text 0"):
        token_rows(lambda text: [1.7, 2.2], ["a"])
    with pytest.raises(TypeError, match="got float in text 1"):
        token_rows(str.split, ["a", float("nan")])


def test_texts_without_tokens_are_left_out_with_their_labels(both_ways):
    labels = [i % 2 for i in range(12)]
    given = {"layers": ["recurrent"], "n_permutations": 5, "progress": False}
    expected = label_information(both_ways, ROWS, labels=labels, **given)
    with pytest.warns(NoPositionsWarning, match="2 of 14 texts have no tokens"):
        found = label_information(both_ways, [[], *ROWS, []], labels=[0, *labels, 1], **given)
    assert found.to_frame().equals(expected.to_frame())
    with pytest.raises(ValueError, match="one text with tokens, got none in 2"):
        label_information(both_ways, [[], []], labels=[0, 1], **given)


def test_batches_without_padding_hold_one_length():
    sequences = TokenSequences.from_rows([np.arange(n) for n in (3, 5, 3, 5, 5)])
    rows = [sorted(batch.tolist()) for batch in sequences.batches(2, padded=False)]
    assert rows == [[1, 3], [4], [0, 2]]
    assert [len(batch) for batch in sequences.batches(2, padded=True)] == [2, 2, 1]


@pytest.mark.parametrize("padded", [True, False])
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=20),
    st.integers(1, 6),
)
@settings(max_examples=30)
def test_clusters_stand_whole_in_one_batch(padded, drawn, batch_size):
    clusters, lengths = np.array(drawn).T
    sequences = TokenSequences.from_rows([np.arange(n) for n in lengths], clusters)
    batches = sequences.batches(batch_size, padded=padded)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    for rows in batches:
        inside = np.unique(clusters[rows])
        assert len(rows) == np.isin(clusters, inside).sum()
        assert len(rows) <= batch_size or len(inside) == 1
        parts = sequences.of_one_length(rows)
        assert sorted(np.concatenate(parts)) == sorted(rows)
        assert all(len(set(lengths[part])) == 1 for part in parts)
