"""Models of many kinds: without a head, bidirectional, of two sides, with layers of many sizes."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from torch import nn  # noqa: E402

from sklearn_learnability.exceptions import NotCausalWarning  # noqa: E402
from sklearn_learnability.torch import (  # noqa: E402
    LabelTable,
    label_information,
    measure_information_plane,
    preference_information,
    soft_mutual_information,
)
from sklearn_learnability.torch.representations import _representation_pass  # noqa: E402
from sklearn_learnability.torch.representations._layer_information import (  # noqa: E402
    LayerInformation,
)
from sklearn_learnability.torch.soft_information._permuted_labels import (  # noqa: E402
    PermutedLabels,
)

VOCABULARY = 24
READS_AHEAD = pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.NotCausalWarning")
SMALL = {"vocab_size": VOCABULARY, "hidden_size": 16, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 64}
SIDES = {
    **{f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in (("layers", 2),)},
    **{f"{side}_attention_heads": 2 for side in ("encoder", "decoder")},
    **{f"{side}_ffn_dim": 24 for side in ("encoder", "decoder")},
    "vocab_size": VOCABULARY,
    "d_model": 16,
    "max_position_embeddings": 64,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
}

# Tokens of random texts say nothing of each other.
UNRELATED = pytest.mark.filterwarnings(
    "ignore::sklearn_learnability.exceptions.UndefinedInformationWarning"
)


def build(name):
    torch.manual_seed(0)
    kind, _, head = name.partition(" ")
    configs = {
        "GPT2": {
            **{"vocab_size": VOCABULARY, "n_positions": 64, "n_embd": 16, "n_layer": 2},
            **{"n_head": 2, "bos_token_id": 0, "eos_token_id": 0},
        },
        "Llama": SMALL | HEADS | {"pad_token_id": 0},
        "Bert": SMALL | HEADS,
        "Albert": SMALL | HEADS | {"embedding_size": 8},
        "OPT": {
            **{"word_embed_proj_dim": 8, "do_layer_norm_before": False, "ffn_dim": 24},
            **SMALL,
            **{"num_attention_heads": 2, "max_position_embeddings": 64},
        },
        "Mamba": SMALL | {"state_size": 4},
        "T5": {
            **{"vocab_size": VOCABULARY, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2},
            **{"num_heads": 2, "decoder_start_token_id": 0},
        },
        "Bart": SIDES,
        "Marian": SIDES,
    }
    config = getattr(transformers, f"{kind}Config")(**configs[kind])
    return getattr(transformers, kind + head)(config).eval()


@pytest.fixture(scope="module")
def ids():
    rng = np.random.RandomState(0)
    return [rng.randint(3, VOCABULARY, size=n).tolist() for n in rng.randint(8, 16, size=16)]


MEANS = ["mean", "mean without embedding"]
QUIET = {"n_points": 20, "progress": False}


def label(model, ids, layers="all", **given):
    given = {"labels": [0, 1] * 8, "n_permutations": 3} | QUIET | given
    return label_information(model, ids, layers=layers, **given)


def states_alone(states_of, ids):
    """Return the states of all tokens, a text at a time."""
    with torch.inference_mode():
        return np.concatenate([states_of(torch.tensor([row]))[0].double().numpy() for row in ids])


def truth(states, ids, points=20):
    labels = np.repeat([0, 1] * 8, list(map(len, ids)))
    sequences = np.repeat(np.arange(len(ids)), list(map(len, ids)))
    return soft_mutual_information(states, labels, points, sequences=sequences).information


@pytest.mark.parametrize("name", ["GPT2 LMHeadModel", "Llama ForCausalLM", "Mamba ForCausalLM"])
def test_causal_models_are_measured_with_and_without_their_head(name, ids):
    model = build(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error", NotCausalWarning)
        whole = measure_information_plane(model, ids, widths=(1,), **QUIET)
        base = measure_information_plane(model.base_model, ids, widths=(1,), **QUIET)
    assert np.isfinite(whole.loss)
    assert np.isnan(base.loss)
    numbers = ["complexity", "expressivity", "entropy"]
    np.testing.assert_allclose(base.to_frame()[numbers], whole.to_frame()[numbers], rtol=1e-9)


@pytest.mark.parametrize(
    "name",
    ["Llama ForSequenceClassification", "Llama ForTokenClassification", "Llama Model"],
)
def test_a_head_of_classes_gives_no_loss(name, ids):
    result = label(build(name), ids)
    assert np.isnan(result.loss)
    assert result.to_frame()["information"].between(0, 1).all()


@pytest.mark.parametrize(
    "name",
    ["Bert Model", "Bert ForMaskedLM", "Bert ForTokenClassification", "Albert Model"],
)
def test_models_that_read_both_ways_tell_of_labels_and_of_no_future(name, ids):
    model = build(name)
    result = label(model, ids)
    assert np.isnan(result.loss)
    states = states_alone(
        lambda row: model(input_ids=row, output_hidden_states=True).hidden_states[-1], ids
    )
    found = result.to_frame().query("layer == 2")["information"].iloc[0]
    assert found == pytest.approx(truth(states, ids), rel=1e-3, abs=1e-6)
    with pytest.warns(NotCausalWarning, match="2 of 3 layers, the first 1, depend on tokens to"):
        plane = measure_information_plane(model, ids, widths=(1,), **QUIET)
    assert np.isnan(plane.loss)


def test_a_loss_of_what_reads_ahead_is_none_whichever_layers_are_asked_for(ids):
    """The embedding of a masked model reads nothing ahead, its logits do."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", NotCausalWarning)
        plane = measure_information_plane(
            build("Bert ForMaskedLM"), ids, layers=[0], widths=(1,), **QUIET
        )
    assert np.isnan(plane.loss)


def test_scales_found_for_a_whole_batch_are_no_reading_ahead(ids):
    """As in dynamic quantization: any other sequence of the batch changes the states as well."""

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, 16)
            self.linear = nn.Linear(16, VOCABULARY)

        def forward(self, ids):
            x = self.embedding(ids) * (1 + torch.arange(ids.shape[1])[:, None])
            scale = x.abs().max() / 127
            return self.linear((x / scale).round() * scale)

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", NotCausalWarning)
        measure_information_plane(Scaled().eval(), ids, layers=["linear"], widths=(1,), **QUIET)


@pytest.mark.parametrize("name", ["T5 ForConditionalGeneration", "T5 Model", "Bart Model"])
def test_the_encoder_reads_the_text_alone(name, ids):
    model = build(name)
    encoder = model.get_encoder()
    found = label(model, ids, "encoder")
    assert np.isnan(found.loss)
    assert found.to_frame().equals(label(encoder, ids).to_frame())
    states = states_alone(lambda row: encoder(input_ids=row).last_hidden_state, ids)
    last = found.to_frame().query("layer == 2")["information"].iloc[0]
    assert last == pytest.approx(truth(states, ids), rel=1e-3, abs=1e-6)


@READS_AHEAD
@pytest.mark.parametrize(
    ("name", "start", "block"),
    [
        ("T5 ForConditionalGeneration", 0, "decoder.block.1"),
        ("Bart ForConditionalGeneration", 2, "model.decoder.layers.1"),
        ("Marian MTModel", 2, "model.decoder.layers.1"),
    ],
)
def test_the_decoder_reads_its_start_and_the_text_beside_the_encoder(name, start, block, ids):
    model = build(name)

    def decoded(row):
        read = torch.cat([torch.tensor([[start]]), row], dim=1)
        output = model(input_ids=row, decoder_input_ids=read, output_hidden_states=True)
        return output.decoder_hidden_states[1][:, 1:]

    result = label(model, ids, "decoder")
    assert np.isnan(result.loss)  # the decoder sees the text through the encoder
    assert list(result.to_frame()["layer"]) == [0, 1, 2, *MEANS]
    found = result.to_frame().query("layer == 1")["information"].iloc[0]
    assert found == pytest.approx(truth(states_alone(decoded, ids), ids), rel=1e-3, abs=1e-6)
    assert list(result.information["layer"]) == [0, 1, 2, *MEANS]
    assert (result.information["quadratic_error"] > 0).all()
    named = label(model, ids, [block]).to_frame()["information"].iloc[0]
    if not name.startswith("T5"):  # T5 norms its last state
        last = result.to_frame().query("layer == 2")["information"].iloc[0]
        assert named == pytest.approx(last, rel=1e-9)
    pairs = [(row[:4], row[4:6], row[6:]) for row in ids]
    assert preference_information(
        model, None, pairs, layers="decoder", n_permutations=3, **QUIET
    ).n_positions == sum(len(row) - 4 for row in ids)


def test_an_encoder_made_of_the_same_configuration_changes_no_model(ids):
    """It notes there, for all that hold the configuration, that there is no decoder."""
    model = build("T5 ForConditionalGeneration")
    expected = label(model, ids, "encoder").to_frame()
    transformers.T5EncoderModel(model.config)
    assert label(model, ids, "encoder").to_frame().equals(expected)


def test_models_of_two_sides_ask_which(ids):
    model = build("T5 ForConditionalGeneration")
    for layers in ("all", [0], [1, 2]):
        with pytest.raises(ValueError, match="Expected layers='encoder', layers='decoder' or nam"):
            label(model, ids, layers)
    with pytest.raises(ValueError, match="list of module names, got 'encoder'"):
        label(build("Bert Model"), ids, "encoder")
    model.config.decoder_start_token_id = model.generation_config.decoder_start_token_id = None
    with pytest.raises(ValueError, match=r"Expected config\.decoder_start_token_id of the"):
        label(model, ids, "decoder")
    with pytest.warns(NotCausalWarning):
        measure_information_plane(model, ids, layers="encoder", widths=(1,), **QUIET)
    bart = build("Bart Model")
    with pytest.raises(ValueError, match=r"at most 63 tokens.*got 64. Pass context=63"):
        label(bart, [[3] * 64] * 16, "decoder")


def test_pooled_states_are_refused_by_layer(ids):
    config = transformers.FunnelConfig(
        vocab_size=VOCABULARY, block_sizes=[1, 1], d_model=16, n_head=2, d_head=8, d_inner=24
    )
    with pytest.raises(ValueError, match=r"layer 2 to return states .* got \(8, 8, 16\)"):
        label(transformers.FunnelModel(config).eval(), ids)


@UNRELATED
@pytest.mark.parametrize("batch_size", [3, 16])
def test_layers_of_many_sizes_are_those_measured_by_themselves(ids, batch_size):
    model = build("OPT ForCausalLM")
    together = measure_information_plane(model, ids, widths=(1, 2), batch_size=batch_size, **QUIET)
    frame = together.to_frame()
    assert list(dict.fromkeys(frame["layer"])) == [0, 1, 2, *MEANS]
    for layer in range(3):  # of 16, 16 and 8
        alone = measure_information_plane(model, ids, widths=(1, 2), layers=[layer], **QUIET)
        found = frame[frame["layer"] == layer].drop(columns="layer")
        expected = alone.to_frame().query("layer == @layer").drop(columns="layer")
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    of_layers = frame[~frame["layer"].isin(MEANS)].groupby("width")["complexity"].mean()
    mean = frame[frame["layer"] == "mean"].set_index("width")["complexity"]
    np.testing.assert_allclose(mean, of_layers, rtol=1e-12)


def test_layers_of_many_sizes_merge():
    rng = np.random.RandomState(0)
    labels = {"a": rng.randint(3, size=(8, 5)), "b": rng.randint(4, size=(8, 5))}
    tables = {name: LabelTable.from_labels(values) for name, values in labels.items()}
    states = [torch.from_numpy(rng.normal(size=(8, 5, size))) for size in (6, 3, 6)]
    drawn = np.array([rng.permutation(labels["a"].ravel()) for _ in range(3)])
    permuted = PermutedLabels(np.arange(40).reshape(8, 5), drawn)

    def start():
        return LayerInformation(
            ["x", "y", "z"], [6, 3, 6], tables, permuted, lambda size: {"n_points": 10}
        )

    def seen(rows):
        information = start()
        of_rows = {name: of[rows] for name, of in labels.items()}
        information.update([z[rows] for z in states], of_rows, permuted.places[rows], rows)
        return information

    whole, part, rest = map(seen, (np.arange(8), np.arange(3), np.arange(3, 8)))
    part.merge(rest)
    expected = whole.compute().table
    assert list(expected["layer"]) == ["x", "x", "y", "y", "z", "z"]
    assert list(expected["labels"]) == ["a", "b"] * 3
    np.testing.assert_allclose(
        part.compute().table.select_dtypes("number"), expected.select_dtypes("number"), rtol=1e-9
    )
    assert whole.permuted().shape == (3, 3)
    np.testing.assert_allclose(part.permuted(), whole.permuted(), rtol=1e-9)
    again = start()
    again.load_state_dict(whole.state_dict())
    assert again.compute().table.equals(expected)
    assert (again.permuted() == whole.permuted()).all()


def test_inner_layers_stand_beside_the_residual_in_the_order_asked_for(ids):
    model = build("GPT2 LMHeadModel")
    names = ["transformer.h.0.mlp.c_fc", "transformer.h.0", "transformer.h.1.mlp.c_fc"]
    found = label(model, ids, names).to_frame()
    assert list(found["layer"]) == [*names, "mean"]
    for name in names:
        alone = label(model, ids, [name]).to_frame()["information"].iloc[0]
        assert found.set_index("layer")["information"][name] == pytest.approx(alone, rel=1e-12)


@UNRELATED
def test_a_killed_run_of_many_sizes_goes_on(ids, tmp_path, monkeypatch):
    monkeypatch.setattr(_representation_pass, "SECONDS_BETWEEN_SAVES", 0)
    model, calls = build("OPT ForCausalLM"), []
    given = {"widths": (1,), "batch_size": 4, **QUIET}
    expected = measure_information_plane(model, ids, **given).to_frame()
    forward = type(model).forward

    def killed(*args, **kwargs):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return forward(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(type(model), "forward", killed)
        with pytest.raises(KeyboardInterrupt):
            measure_information_plane(model, ids, store=tmp_path / "run.pt", **given)
        found = measure_information_plane(model, ids, store=tmp_path / "run.pt", **given)
    assert len(calls) == 5 + 2
    np.testing.assert_allclose(
        found.to_frame().drop(columns="layer"), expected.drop(columns="layer"), rtol=1e-12
    )


@READS_AHEAD
def test_reading_ahead_is_known_to_a_run_that_goes_on(ids, tmp_path):
    model = build("Bert ForMaskedLM")
    for _ in range(2):
        plane = measure_information_plane(
            model, ids, widths=(1,), store=tmp_path / "run.pt", **QUIET
        )
        assert np.isnan(plane.loss)


def test_states_of_a_size_that_are_not_finite_are_named(ids):
    model = build("GPT2 LMHeadModel")
    with torch.no_grad():
        model.transformer.h[1].mlp.c_fc.bias[0] = float("nan")
    names = ["transformer.h.0", "transformer.h.0.mlp.c_fc", "transformer.h.1.mlp.c_fc"]
    with pytest.raises(ValueError, match="NaN or infinity in layer 1") as caught:
        label(model, ids, names)
    assert f"{names[1:]}" in caught.value.__notes__[0]


def test_padding_on_the_left_is_what_a_model_is_given_without(ids):
    """The states that transformers gives of padding on the left, positions counted by the mask."""
    model = build("GPT2 Model")
    length = max(map(len, ids))
    padded = np.array([[0] * (length - len(row)) + row for row in ids])
    mask = np.array([[0] * (length - len(row)) + [1] * len(row) for row in ids])
    tokens, seen = torch.from_numpy(padded), torch.from_numpy(mask)
    with torch.inference_mode():
        states = model(
            tokens, attention_mask=seen, position_ids=(seen.cumsum(1) - 1).clamp(min=0)
        ).last_hidden_state
    given = {"input_ids": padded, "attention_mask": mask}
    found = label(model, given, labels=[0, 1] * 8).to_frame()
    expected = truth(states[seen.bool()].double().numpy(), ids)
    assert found.query("layer == 2")["information"].iloc[0] == pytest.approx(expected, rel=1e-4)
