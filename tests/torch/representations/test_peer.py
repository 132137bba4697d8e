"""The numbers of a peer, soft-entropy 0.1.5, from a call with its points and its temperature."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from sklearn_learnability.torch import measure_information_plane  # noqa: E402

VOCABULARY, DIM, N_LAYERS, SEED = 11, 16, 2, 3

#: What the peer returns: entropy, informations about one token before and after, and about two.
PEER = {
    0: (0.774602, 0.466199, 0.024851, 0.466199, 0.224173),
    1: (0.841668, 0.263996, 0.057882, 0.403443, 0.309070),
    2: (0.770605, 0.152241, 0.040100, 0.296373, 0.245534),
    "mean without embedding": (0.806136, 0.208119, 0.048991, 0.349908, 0.277302),
}


@pytest.fixture(scope="module")
def model():
    """A small model whose parameters are the same under any version of torch."""
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=DIM,
        intermediate_size=24,
        num_hidden_layers=N_LAYERS,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    model = transformers.LlamaForCausalLM(config).eval()
    rng = np.random.RandomState(0)
    with torch.no_grad():
        for parameter in model.parameters():
            drawn = rng.normal(scale=0.5, size=tuple(parameter.shape))
            parameter.copy_(torch.from_numpy(drawn))
    return model


@pytest.fixture(scope="module")
def ids():
    rng = np.random.RandomState(1)
    return [rng.randint(VOCABULARY, size=20).tolist() for _ in range(24)]


def test_numbers_of_the_peer_follow_from_arguments(model, ids):
    points = torch.randn(100, DIM, generator=torch.Generator().manual_seed(SEED))
    plane = measure_information_plane(
        model, ids, widths=(1, 2), temperature="paper", reference_points=points, progress=False
    )
    frame = plane.to_frame().set_index(["layer", "width"])
    for layer, numbers in PEER.items():
        one, two = frame.loc[layer, 1], frame.loc[layer, 2]
        found = [one["entropy"], one["complexity"], one["expressivity"]]
        found += [two["complexity"], two["expressivity"]]
        np.testing.assert_allclose(found, numbers, atol=3e-6)


def test_numbers_are_what_the_peer_returns(model, ids):
    for layer, numbers in of_peer(model, ids).items():
        found = [numbers["H(Z)"]]
        for label in ("unigram", "bigram"):
            found += [numbers[f"I(X;Z)/{side}_{label}"] for side in ("input", "output")]
        np.testing.assert_allclose(found, PEER[layer], atol=1e-6)


def of_peer(model, ids):
    """Return what the peer makes of the model, without the texts and the network it asks for."""
    llm = pytest.importorskip("soft_entropy.llm")

    class Encoded(dict):
        def to(self, device):
            return self

    def tokenizer(texts, **settings):
        rows = torch.tensor([ids[i] for i in texts])
        return Encoded(input_ids=rows, attention_mask=torch.ones_like(rows))

    tokenizer.vocab_size = VOCABULARY
    peer = object.__new__(llm.LLMInferrer)
    peer.model = lambda **inputs: model(output_hidden_states=True, **inputs)
    peer.model.parameters = model.parameters
    peer.tokenizer, peer.max_length, peer.max_order = tokenizer, 512, 2
    peer.label_types = ["unigram", "bigram"]
    peer.accs = [
        llm.SoftEntropyAccumulator(d=DIM, seed=SEED, backend="torch") for _ in range(N_LAYERS + 1)
    ]
    peer._process_batch(list(range(len(ids))))
    results = peer._collect_results()
    return dict(enumerate(results["per_layer"])) | {"mean without embedding": results["mean"]}
