"""Tokens that are read and do not count: in contexts, texts and continuations, by id or by name."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from sklearn_learnability.exceptions import NoPositionsWarning  # noqa: E402
from sklearn_learnability.torch import (  # noqa: E402
    label_information,
    measure_checkpoints,
    measure_information_plane,
    preference_information,
    soft_mutual_information,
)
from sklearn_learnability.torch.representations._excluded_tokens import (  # noqa: E402
    counted_positions,
    excluded_ids,
)
from sklearn_learnability.torch.representations._token_sequences import (  # noqa: E402
    TokenSequences,
)

VOCABULARY, START, END = 14, 12, 13


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(VOCABULARY, 16)
        self.recurrent = nn.GRU(16, 16, batch_first=True)
        self.logits = nn.Linear(16, VOCABULARY)

    def forward(self, ids):
        return self.logits(self.recurrent(self.embedding(ids))[0])


@pytest.fixture(scope="module")
def model():
    return Recurrent().eval()


@pytest.fixture(scope="module")
def ids():
    """Texts that begin with START, of which some hold END in their middle."""
    rng = np.random.RandomState(0)
    rows = [[START, *rng.randint(12, size=n).tolist()] for n in rng.randint(10, 20, size=30)]
    for row in rows[::2]:
        row[len(row) // 2] = END
    return rows


QUIET = {"layers": ["recurrent"], "progress": False}


def test_contexts_with_an_excluded_token_do_not_count_and_are_read(model, ids):
    """Against a loop over positions: the states are those of whole texts."""
    plane = measure_information_plane(
        model, ids, widths=(1, 2), excluded_tokens=[END, START], **QUIET
    )
    states, labels = [], []
    for row in ids:
        with torch.inference_mode():
            of_row = model.recurrent(model.embedding(torch.tensor([row])))[0][0].numpy()
        for t in range(1, len(row) - 2):
            if not {START, END} & set(row[t - 1 : t + 3]):
                states.append(of_row[t])
                labels.append(str(row[t + 1 : t + 3]))
    assert plane.n_positions == len(states)
    expected = soft_mutual_information(np.array(states), np.array(labels))
    row = plane.to_frame().query("layer == 'recurrent' and width == 2").iloc[0]
    assert row["expressivity"] == pytest.approx(expected.information, rel=1e-4)
    everything = measure_information_plane(model, ids, widths=(1, 2), **QUIET)
    assert everything.loss == plane.loss  # the loss is that of all tokens
    assert everything.n_positions > plane.n_positions


@pytest.mark.parametrize("seed", range(5))
def test_positions_near_excluded_tokens_by_a_loop(seed):
    rng = np.random.RandomState(seed)
    rows = [rng.randint(6, size=n) for n in rng.randint(1, 12, size=8)]
    sequences = TokenSequences.from_rows(rows)
    excluded = np.isin(sequences.input_ids, [2, 5]) & sequences.mask
    past, future = rng.randint(1, 4), rng.randint(0, 4)
    found = counted_positions(sequences.mask, excluded, past, future)
    for row, counted in zip(rows, found, strict=True):
        for t in range(len(row)):
            near = row[max(t - past + 1, 0) : t + future + 1]
            assert counted[t] == (not np.isin(near, [2, 5]).any())
        assert not counted[len(row) :].any()


def test_labels_of_excluded_tokens_do_not_count(model, ids):
    of_tokens = [[token % 3 for token in row] for row in ids]
    unlabelled = [[-1 if token in (START, END) else token % 3 for token in row] for row in ids]
    given = {"n_permutations": 5, **QUIET}
    expected = label_information(model, ids, labels=unlabelled, **given).to_frame()
    found = label_information(
        model, ids, labels=of_tokens, excluded_tokens=(START, END), **given
    ).to_frame()
    assert found.equals(expected)
    of_texts = [i % 2 for i in range(30)]
    found = label_information(model, ids, labels=of_texts, excluded_tokens=[START], **given)
    assert found.n_positions == sum(len(row) - 1 for row in ids)


def test_a_text_of_excluded_tokens_alone_has_no_part_in_the_null(model, ids):
    given = {"n_permutations": 5, "excluded_tokens": [START], **QUIET}
    expected = label_information(model, ids, labels=[0, 1, 1] * 10, **given).to_frame()
    found = label_information(model, [*ids, [START]], labels=[0, 1, 1] * 10 + [1], **given)
    numbers = ["information", "null", "null_upper", "p_value"]
    np.testing.assert_allclose(found.to_frame()[numbers], expected[numbers], rtol=1e-9)


def test_continuations_without_their_excluded_tokens(model):
    rng = np.random.RandomState(0)
    pairs = [
        ([START, 1], [*rng.randint(6, size=3), END], [*rng.randint(6, 12, size=2), END])
        for _ in range(20)
    ]
    found = preference_information(
        model, None, pairs, excluded_tokens=[END], n_permutations=5, **QUIET
    )
    assert found.n_positions == 20 * 5


def test_checkpoints_and_their_store_know_what_is_excluded(model, ids, tmp_path):
    def follow(excluded):
        return measure_checkpoints(
            {"a": 0},
            ids,
            load=lambda _: model,
            store=tmp_path,
            widths=(1,),
            excluded_tokens=excluded,
            **QUIET,
        ).planes[0]

    found = follow([START])
    alone = measure_information_plane(model, ids, widths=(1,), excluded_tokens=[START], **QUIET)
    assert found.to_frame().equals(alone.to_frame())
    assert follow((START, START)).to_frame().equals(alone.to_frame())
    with pytest.raises(ValueError, match="differs in excluded_tokens"):
        follow([END])
    with pytest.raises(ValueError, match="differs in excluded_tokens"):
        follow(None)


def test_a_store_of_a_plane_knows_what_is_excluded(model, ids, tmp_path):
    def measure(**given):
        return measure_information_plane(
            model, ids, widths=(1,), store=tmp_path / "a.pt", **given, **QUIET
        )

    measure(excluded_tokens=[START])
    with pytest.raises(ValueError, match="differs in labels"):
        measure(excluded_tokens=[END])


def test_special_are_the_tokens_that_a_tokenizer_names():
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer.add_special_tokens(["<s>", "</s>"])
    tokenizer.add_tokens(["word"])
    assert excluded_ids("special", tokenizer).tolist() == [2, 3]
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>"
    )
    assert excluded_ids("special", fast).tolist() == [2, 3]


def test_what_names_no_tokens_is_refused(model, ids):
    def measure(excluded):
        measure_information_plane(model, ids, widths=(1,), excluded_tokens=excluded, **QUIET)

    with pytest.raises(ValueError, match=r"a tokenizer of transformers or tokenizers .* got list"):
        measure("special")
    for excluded in ("bos", [0.5], [-1], [[[1]]], 3, ["a"]):
        with pytest.raises(ValueError, match="Expected excluded_tokens as 'special' or token ids"):
            measure(excluded)
    with pytest.raises(ValueError, match="none of the excluded_tokens, got none among"):
        measure(range(VOCABULARY))
    with pytest.raises(ValueError, match=r"mark each token of 30 texts.* got marks of 29 texts"):
        measure([[True] * len(row) for row in ids[1:]])
    with pytest.raises(ValueError, match="got marks of 30 texts"):
        measure([[1, 0]] * 30)
    with pytest.raises(ValueError, match="mark tokens by true or false, got others"):
        measure([[2, 0]] * 30)


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_marked_tokens_are_those_named_by_their_ids(model, ids, tmp_path, kind):
    marks = [kind([token in (START, END) for token in row]) for row in ids]
    given = {"widths": (1, 2), "context": 8, "n_sequences": 20, **QUIET}
    named = measure_information_plane(model, ids, excluded_tokens=[START, END], **given)
    marked = measure_information_plane(model, ids, excluded_tokens=marks, **given)
    assert marked.to_frame().equals(named.to_frame())

    def follow(marks):
        return measure_checkpoints(
            {"a": 0},
            ids,
            load=lambda _: model,
            store=tmp_path,
            excluded_tokens=marks,
            **given,
        ).planes[0]

    assert follow(marks).to_frame().equals(named.to_frame())
    with pytest.raises(ValueError, match="differs in excluded_tokens"):
        follow([*marks[:-1], kind([False] * len(ids[-1]))])


def test_a_place_is_left_out_of_each_text(model, ids):
    """The first, say, of texts without a token that begins them."""
    texts = [[], *(row[1:] for row in ids)]
    marks = [[], *([1] + [0] * (len(row) - 2) for row in ids)]
    given = {"labels": [0, 1] * 15 + [0], "n_permutations": 3, **QUIET}
    with pytest.warns(NoPositionsWarning):
        result = label_information(model, texts, excluded_tokens=marks, **given)
    assert result.n_positions == sum(len(row) - 2 for row in ids)


@pytest.mark.parametrize("convert", [list, np.array, torch.tensor])
def test_marks_of_a_tokenizer_are_those_of_its_padded_ids(model, ids, convert):
    """What transformers gives with return_special_tokens_mask, padding marked as special too."""
    length = max(map(len, ids))
    padded = [(row, length - len(row)) for row in ids]
    encoded = {
        "input_ids": convert([[0] * n + row for row, n in padded]),
        "attention_mask": convert([[0] * n + [1] * len(row) for row, n in padded]),
    }
    special = convert([[1] * n + [int(token == START) for token in row] for row, n in padded])
    plane = measure_information_plane(model, encoded, excluded_tokens=special, widths=(1,), **QUIET)
    named = measure_information_plane(model, ids, excluded_tokens=[START], widths=(1,), **QUIET)
    assert plane.to_frame().equals(named.to_frame())
