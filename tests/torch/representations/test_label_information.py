"""Labels of texts, of tokens and of preference: found where they are, not where they are not."""

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from sklearn_learnability.torch import (  # noqa: E402
    label_information,
    preference_information,
    soft_mutual_information,
)

VOCABULARY = 24


@pytest.fixture(scope="module")
def model():
    """An embedding: its states are functions of the tokens."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(VOCABULARY, 16), nn.Linear(16, VOCABULARY)).eval()


@pytest.fixture(scope="module")
def ids():
    rng = np.random.RandomState(0)
    return [rng.randint(VOCABULARY, size=length).tolist() for length in rng.randint(8, 20, 40)]


def measure(model, ids, labels, **settings):
    settings = {"layers": ["0"], "n_permutations": 39, "progress": False} | settings
    return label_information(model, ids, labels=labels, **settings)


def layer_row(result):
    return result.to_frame().iloc[0]


def test_labels_of_tokens_agree_with_the_plain_function(model, ids):
    labels = [[token % 3 for token in row] for row in ids]
    row = layer_row(measure(model, ids, labels))
    with torch.inference_mode():
        states = model[0](torch.tensor(np.concatenate(ids))).double().numpy()
    expected = soft_mutual_information(states, np.concatenate(labels))
    np.testing.assert_allclose(row["information"], expected.information, rtol=1e-5)
    assert row["p_value"] == 1 / 40


def test_labels_of_texts_are_those_of_all_their_tokens(model, ids):
    labels = ["a" if i % 3 else "b" for i in range(len(ids))]
    of_texts = layer_row(measure(model, ids, labels))
    of_tokens = layer_row(
        measure(model, ids, [[label] * len(row) for label, row in zip(labels, ids, strict=True)])
    )
    assert of_texts["information"] == pytest.approx(of_tokens["information"], rel=1e-12)


def test_labels_of_tokens_that_are_the_same_all_over_texts_are_permuted_as_those_of_texts(model):
    rng = np.random.RandomState(0)
    ids = [rng.choice(rng.randint(VOCABULARY, size=2), size=n).tolist() for n in [1, 9, 12, 15] * 5]
    of_texts = rng.permutation([0, 1] * 10).tolist()
    of_tokens = [[label] * len(row) for label, row in zip(of_texts, ids, strict=True)]
    expected, found = (layer_row(measure(model, ids, given)) for given in (of_texts, of_tokens))
    assert expected["p_value"] > 0.05
    assert found.equals(expected)
    of_tokens[1][:4] = [None] * 4
    some = measure(model, ids, of_tokens)
    assert some.n_positions == sum(map(len, ids)) - 4
    assert some.points[0].p_value > 0.05


@pytest.mark.parametrize("missing", [None, -1, -100, np.int64(-100)])
def test_what_marks_no_label_is_none_among_strings_too(model, ids, missing):
    given = [["odd" if token % 2 else "even" for token in row] for row in ids]
    marked = [[missing, *row[1:]] for row in given]
    marked[3] = [missing] * len(ids[3])
    numbers = [[-1 if label == missing else len(label) for label in row] for row in marked]
    expected = measure(model, ids, numbers)
    found = measure(model, ids, marked)
    assert found.n_positions == expected.n_positions
    assert found.to_frame().equals(expected.to_frame())
    of_texts = [missing if i < 9 else "ab"[i % 2] for i in range(len(ids))]
    assert measure(model, ids, of_texts).information["n_labels"].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (["a", "b", float("nan")], ValueError, "got nan beside strings"),
        (["a", "b", 1], ValueError, "got 1 beside strings"),
        ([0, 1, 2**70], ValueError, "64-bit integers"),
        (np.array([0, 1, 2**64 - 1], dtype=np.uint64), ValueError, "64-bit integers"),
        ({0: "a", 1: "b", 2: "a"}, TypeError, "got dict"),
        ((label for label in "aba"), TypeError, "got generator"),
        (pd.DataFrame({"a": [0], "b": [1], "c": [0]}), TypeError, "got DataFrame"),
    ],
)
def test_labels_that_are_none_are_refused_and_made_into_none(model, labels, error, message):
    with pytest.raises(error, match=f"Expected labels .*{message}"):
        measure(model, [[1, 2], [3], [4]], labels)


def test_labels_of_texts_are_permuted_between_texts(model):
    """Texts of one token each: any labels of few texts look informative but to such a null."""
    ids = [[token] * 30 for token in range(VOCABULARY)]
    labels = np.random.RandomState(0).randint(2, size=VOCABULARY)
    of_texts = layer_row(measure(model, ids, labels))
    assert of_texts["p_value"] > 0.05
    of_tokens = [[label] * 30 for label in labels]
    of_tokens[0][0] = 1 - labels[0]  # so that they are of tokens
    assert layer_row(measure(model, ids, of_tokens))["p_value"] == 1 / 40


@pytest.mark.parametrize("of", ["texts", "tokens"])
def test_the_null_is_that_of_each_permutation_by_itself(model, ids, of):
    """The same draws through the plain function, which knows nothing of sums by permutation."""
    lengths = [len(row) for row in ids]
    if of == "texts":
        labels = [None, *np.arange(39) % 4]
        codes = np.arange(39) % 4
    else:
        labels = [[token // 2 if token > 1 else -1 for token in row] for row in ids]
        codes = np.concatenate(labels)
    labelled = codes != -1
    result = measure(model, ids, labels, n_permutations=9, random_state=5)
    states = model[0](torch.tensor(np.concatenate(ids))).detach()
    given = layer_row(result)["information"]
    points = np.random.RandomState(5).normal(size=(100, 16))
    rng, informations = np.random.RandomState(5), []
    for _ in range(9):
        shuffled = codes.copy()
        shuffled[labelled] = rng.permutation(codes[labelled])
        if of == "texts":
            shuffled = np.repeat(np.append(-1, shuffled), lengths)
        found = soft_mutual_information(states.double(), shuffled, reference_points=points)
        informations.append(found.information)
    row = layer_row(result)
    assert row["null"] == pytest.approx(np.mean(informations), rel=1e-5)
    assert row["null_upper"] == pytest.approx(np.quantile(informations, 0.95), rel=1e-5)
    assert row["p_value"] == (1 + np.sum(np.array(informations) >= given)) / 10


def test_preference_is_compared_with_pairs_swapped_at_random(model):
    pairs = make_pairs(0.3, n=12)
    result = prefer(model, pairs, n_permutations=9, random_state=3)
    tokens = np.concatenate([row for _, *rows in pairs for row in rows])
    states = model[0](torch.tensor(tokens)).detach().double()
    points = np.random.RandomState(3).normal(size=(100, 16))
    rng, informations = np.random.RandomState(3), []
    for _ in range(9):
        swap = rng.randint(2, size=12)
        labels = np.stack([1 - swap, swap], axis=1).ravel().repeat(6)
        found = soft_mutual_information(states, labels, reference_points=points)
        informations.append(found.information)
    assert layer_row(result)["null"] == pytest.approx(np.mean(informations), rel=1e-5)


def test_layers_of_other_sizes_have_the_null_they_have_alone(ids):
    torch.manual_seed(0)
    sizes = [nn.Embedding(VOCABULARY, 16), nn.Linear(16, 8), nn.Linear(8, 16)]
    model = nn.Sequential(*sizes, nn.Linear(16, VOCABULARY)).eval()
    labels = [[token % 3 for token in row] for row in ids]
    together = measure(model, ids, labels, layers=["0", "1", "2"]).to_frame()
    for at, layer in enumerate(["0", "1", "2"]):
        alone = measure(model, ids, labels, layers=[layer]).to_frame()
        np.testing.assert_allclose(
            alone.iloc[0, 1:].astype(float), together.iloc[at, 1:].astype(float), rtol=1e-9
        )


def test_places_without_a_label_are_left_out(model, ids):
    labels = [[token % 2 if token < 12 else -1 for token in row] for row in ids]
    result = measure(model, ids, labels)
    assert result.n_positions == sum(token < 12 for row in ids for token in row)
    named = [["even", "odd"][i % 2] if i < 30 else None for i in range(len(ids))]
    assert measure(model, ids, named).n_positions == sum(map(len, ids[:30]))


def test_long_texts_are_read_to_the_context(model, ids):
    labels = [[token % 2 for token in row] for row in ids]
    cut = [row[:8] for row in ids]
    assert layer_row(measure(model, ids, labels, context=8))["information"] == pytest.approx(
        layer_row(measure(model, cut, [row[:8] for row in labels]))["information"], rel=1e-12
    )


def test_labels_that_do_not_fit_are_named(model, ids):
    with pytest.raises(ValueError, match="labels of 40 texts, got 39"):
        measure(model, ids, [0, 1, 1] * 13)
    with pytest.raises(ValueError, match=r"of text 2, got shape \(3,\)"):
        measure(model, ids, [*([0] * len(row) for row in ids[:2]), [0, 1, 0], *ids[3:]])
    with pytest.raises(ValueError, match="at least two different labels, got 1"):
        measure(model, ids, ["one"] * 40)
    with pytest.raises(ValueError, match="n_permutations as an integer >= 1, got 0"):
        measure(model, ids, [0, 1] * 20, n_permutations=0)


def make_pairs(difference, n=30):
    """Return pairs whose chosen continuations have tokens of their own in some of the places."""
    rng = np.random.RandomState(1)
    pairs = []
    for _ in range(n):
        prompt = rng.randint(12, size=rng.randint(3, 9)).tolist()
        chosen, rejected = rng.randint(12, 18, size=(2, 6)).tolist()
        if difference:
            rejected = [token + 6 if rng.rand() < difference else token for token in rejected]
        pairs.append((prompt, chosen, rejected))
    return pairs


def prefer(model, pairs, **settings):
    settings = {"layers": ["0"], "n_permutations": 39, "progress": False} | settings
    return preference_information(model, None, pairs, **settings)


def test_preference_is_found_where_continuations_differ(model):
    different, alike = (layer_row(prefer(model, make_pairs(share))) for share in (0.5, 0.0))
    assert different["p_value"] == 1 / 40
    assert different["information"] > 2 * different["null_upper"]
    assert alike["p_value"] > 0.05


def test_quadratic_information_pairs_continuations_of_different_prompts_alone(model):
    """Continuations of a prompt have different lengths, so that they are read one by one."""
    rng = np.random.RandomState(2)
    pairs = [
        ([1], *(rng.choice([i % 12, 12 + i % 12], size=n).tolist() for n in rng.randint(1, 9, 2)))
        for i in range(30)
    ]
    result = prefer(model, pairs, batch_size=3)
    continuations = [
        (row, 1 - at, i) for i, pair in enumerate(pairs) for at, row in enumerate(pair[1:])
    ]
    tokens, labels, ids = (
        np.concatenate([np.broadcast_to(part[k], len(part[0])) for part in continuations])
        for k in range(3)
    )
    states = model[0](torch.tensor(tokens)).detach().double().numpy()
    expected = soft_mutual_information(states, labels, sequences=ids)
    found = result.information.iloc[0]
    for name in ("information", "quadratic", "quadratic_error"):
        assert found[name] == pytest.approx(getattr(expected, name), rel=1e-4), name


def test_only_the_continuation_counts(model):
    pairs = make_pairs(0.5)
    result = prefer(model, pairs)
    assert result.n_positions == 12 * len(pairs)
    everything = prefer(model, pairs, positions="all")
    assert everything.n_positions == 12 * len(pairs) + 2 * sum(len(prompt) for prompt, *_ in pairs)
    assert layer_row(everything)["information"] < layer_row(result)["information"]


def test_equal_continuations_tell_nothing(model):
    pairs = [(prompt, chosen, chosen) for prompt, chosen, _ in make_pairs(0.5)]
    row = layer_row(prefer(model, pairs))
    assert row["information"] == pytest.approx(0, abs=1e-6)


def test_long_prompts_lose_their_beginning(model):
    pairs = make_pairs(0.5)
    long = [([1] * 40 + prompt, chosen, rejected) for prompt, chosen, rejected in pairs]
    short = layer_row(prefer(model, pairs, context=10))
    assert layer_row(prefer(model, long, context=10))["information"] == pytest.approx(
        short["information"], rel=1e-6
    )


def test_texts_are_encoded_with_their_prompt(model):
    pairs = make_pairs(0.5)

    def write(tokens):
        return "".join(chr(97 + token) for token in tokens)

    def encode(text):
        return [ord(character) - 97 for character in text]

    texts = [tuple(map(write, pair)) for pair in pairs]
    result = preference_information(
        model, encode, texts, layers=["0"], n_permutations=39, progress=False
    )
    assert layer_row(result)["information"] == layer_row(prefer(model, pairs))["information"]


def test_pairs_that_are_none_are_named(model):
    with pytest.raises(ValueError, match="got none in pair 1"):
        prefer(model, [([1], [2], [3]), ([1], [], [3])])
    with pytest.raises(ValueError, match="got 2 parts in pair 0"):
        prefer(model, [([1], [2])])
    with pytest.raises(ValueError, match="'continuation' or 'all', got 'prompt'"):
        prefer(model, make_pairs(0.5), positions="prompt")


def test_rows_of_a_data_set_are_pairs(model):
    pairs = make_pairs(0.5)
    names = ("prompt", "chosen", "rejected")
    rows = [dict(zip(names, pair, strict=True)) | {"source": "a"} for pair in pairs]
    assert prefer(model, rows).to_frame().equals(prefer(model, pairs).to_frame())
    with pytest.raises(ValueError, match=r"pair 0 without \['prompt'\]"):
        prefer(model, [{"chosen": [1], "rejected": [2]}])
    with pytest.raises(ValueError, match="got the text 'abc' in pair 0"):
        preference_information(model, list, ["abc"], layers=["0"])
    with pytest.raises(TypeError, match="got list as the chosen of pair 0"):
        preference_information(model, list, [("a", [{"role": "user"}], "b")], layers=["0"])


def test_what_losses_of_torch_ignore_has_no_label(model, ids):
    kept = [[token % 3 - 1 for token in row] for row in ids]  # -1: no label
    ignored = [[-100 if label == -1 else label for label in row] for row in kept]
    nothing = [[None if label == -1 else label for label in row] for row in kept]
    expected = measure(model, ids, kept).to_frame()
    for labels in (ignored, nothing):
        assert measure(model, ids, labels).to_frame().equals(expected)


def test_texts_of_one_token_have_labels_but_no_loss(model):
    ids = [[i % VOCABULARY] for i in range(60)]
    result = measure(model, ids, [row[0] % 2 for row in ids])
    assert np.isnan(result.loss)
    states = model[0](torch.tensor(ids)[:, 0]).detach().double().numpy()
    expected = soft_mutual_information(states, np.array(ids)[:, 0] % 2).information
    assert layer_row(result)["information"] == pytest.approx(expected, rel=1e-5)


def test_sizes_below_one_are_named(model, ids):
    for size in ("context", "batch_size"):
        with pytest.raises(ValueError, match=f"{size} .*1.*, got 0"):
            measure(model, ids, [0, 1] * 20, **{size: 0})
        with pytest.raises(ValueError, match=f"{size} .*1.*, got 0"):
            prefer(model, make_pairs(0.5), **{size: 0})


@pytest.mark.parametrize(
    ("pairs", "settings", "error", "message"),
    [
        ([], {}, ValueError, "at least one pair, got none"),
        (None, {}, TypeError, "pairs as a sequence of them, got NoneType"),
        ((pair for pair in [([1], [2], [3])]), {}, TypeError, "pairs as a sequence .* generator"),
        (pd.DataFrame([["a"] * 3]), {}, TypeError, "pairs as a sequence of them, got DataFrame"),
        ({"prompt": [[1]]}, {}, TypeError, "pairs as a sequence of them, got dict"),
        ([1, 2], {}, ValueError, r"\(prompt, chosen, rejected\), got 1 in pair 0"),
        ([([1], [2], [3])], {"context": 1.5}, ValueError, "context as an integer >= 1, got 1.5"),
    ],
)
def test_pairs_that_are_none_are_refused_in_words(model, pairs, settings, error, message):
    with pytest.raises(error, match=f"Expected {message}"):
        preference_information(model, None, pairs, layers=["0"], progress=False, **settings)
