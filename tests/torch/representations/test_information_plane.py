"""Planes of models whose answer is known, and of the same model measured in several ways."""

import json
import math
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from sklearn_learnability.exceptions import (  # noqa: E402
    CheckpointError,
    DamagedCheckpointWarning,
    SingleSequenceWarning,
)
from sklearn_learnability.torch import (  # noqa: E402
    label_information,
    load_parameters,
    measure_checkpoints,
    measure_information_plane,
)

VOCABULARY = 12


class Recurrent(nn.Module):
    """A causal network on tokens: an embedding, then a recurrent layer."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = nn.Embedding(VOCABULARY, 16)
        self.recurrent = nn.GRU(16, 16, batch_first=True)
        self.logits = nn.Linear(16, VOCABULARY)

    def forward(self, ids):
        return self.logits(self.recurrent(self.embedding(ids))[0])


LAYERS = ["embedding", "recurrent"]
MEANS = ["mean", "mean without embedding"]


@pytest.fixture(scope="module")
def model():
    return Recurrent().eval()


@pytest.fixture(scope="module")
def ids():
    """Sequences of different lengths from a Markov chain."""
    rng = np.random.RandomState(0)
    transition = rng.dirichlet(np.full(VOCABULARY, 0.4), size=VOCABULARY)
    rows = []
    for length in rng.randint(12, 30, size=40):
        row = [rng.randint(VOCABULARY)]
        while len(row) < length:
            row.append(rng.choice(VOCABULARY, p=transition[row[-1]]))
        rows.append(row)
    return rows


def measure(model, ids, **settings):
    settings = {"layers": LAYERS, "widths": (1, 2, 3), "progress": False} | settings
    return measure_information_plane(model, ids, **settings)


def measure_labels(model, ids, batch_size):
    """Return what layers tell of the tokens, beside permutations of them."""
    return label_information(
        model,
        ids,
        labels=ids,
        layers=LAYERS,
        n_permutations=9,
        batch_size=batch_size,
        progress=False,
    )


@pytest.fixture(scope="module")
def plane(model, ids):
    return measure(model, ids)


def assert_same(plane, other, tolerance=1e-9):
    frame, others = plane.to_frame(), other.to_frame()
    assert list(frame["layer"]) == list(others["layer"])
    numbers = frame.columns.drop("layer")
    np.testing.assert_allclose(frame[numbers], others[numbers], rtol=tolerance, atol=tolerance)


def positions(ids, widest):
    """Yield the sequence and place of each position with a whole past and future."""
    for row in ids:
        for t in range(widest - 1, len(row) - widest):
            yield row, t


def test_plane_equals_a_double_loop_over_positions_and_labels(model, ids, plane):
    """The plug-in information from its definition, a sequence and a label at a time."""
    from sklearn_learnability.torch import calibrate_temperature
    from sklearn_learnability.torch.soft_information._soft_entropy import draw_reference_points

    points = draw_reference_points(16, 100, 0).numpy()
    temperature = calibrate_temperature(16, 100)
    with torch.inference_mode():
        states = {
            tuple(row): model.recurrent(model.embedding(torch.tensor([row])))[0][0] for row in ids
        }
    proba, labels = [], {name: [] for name in ("past", "future")}
    for row, t in positions(ids, 3):
        z = states[tuple(row)][t].double().numpy()
        weight = np.exp(points @ z / np.linalg.norm(z) / temperature)
        proba.append(weight / weight.sum())
        labels["past"].append(tuple(row[t - 1 : t + 1]))
        labels["future"].append(tuple(row[t + 1 : t + 3]))
    proba = np.array(proba)

    def entropy(rows):
        mean = rows.mean(axis=0)
        return -(mean * np.log(mean)).sum() / math.log(100)

    frame = plane.to_frame().set_index(["layer", "width"]).loc["recurrent", 2]
    np.testing.assert_allclose(frame["entropy"], entropy(proba), rtol=1e-5)
    for name, column in [("past", "complexity"), ("future", "expressivity")]:
        conditional = 0.0
        for label in set(labels[name]):
            rows = proba[[other == label for other in labels[name]]]
            conditional += len(rows) / len(proba) * entropy(rows)
        np.testing.assert_allclose(frame[column], entropy(proba) - conditional, rtol=1e-4)
    assert plane.n_positions == len(proba)


def test_embedding_holds_all_of_the_present_token(plane):
    """Where Z is a function of the label, the information is the most possible."""
    embedding = plane.to_frame().query("layer == 'embedding'")
    np.testing.assert_allclose(embedding["complexity"], embedding["ceiling"], rtol=1e-5)
    np.testing.assert_allclose(embedding["conditional"].iloc[1:], 0, atol=1e-6)


def test_wider_contexts_have_no_less_information(plane):
    for _, of_layer in plane.to_frame().groupby("layer"):
        assert (of_layer["complexity"].diff().dropna() >= -1e-7).all()
        assert (of_layer["expressivity"].diff().dropna() >= -1e-7).all()
        assert (of_layer["complexity"] <= of_layer["ceiling"] + 1e-7).all()


def test_ratios_and_differences_follow_from_the_informations(plane):
    frame = plane.to_frame().set_index(["layer", "width"])
    for layer in [*LAYERS, "mean"]:
        rows = frame.loc[layer]
        np.testing.assert_allclose(rows["optimality"], rows["expressivity"] / rows["complexity"])
        np.testing.assert_allclose(rows["conditional"].cumsum(), rows["complexity"])
        np.testing.assert_allclose(
            rows["proportion"].sum() + rows["residual"], np.ones(3), rtol=1e-12
        )
    mean = frame.loc[LAYERS].groupby("width")[["complexity", "expressivity", "entropy"]].mean()
    np.testing.assert_allclose(frame.loc["mean"][mean.columns], mean)


def test_tokens_without_order_look_optimal_and_have_a_null_that_says_so(model):
    ids = np.random.RandomState(1).randint(VOCABULARY, size=(60, 24)).tolist()
    row = measure(model, ids).to_frame().set_index(["layer", "width"]).loc["embedding", 3]
    assert row["expressivity"] > 0.5 * row["complexity"]
    np.testing.assert_allclose(row["expressivity"], row["expressivity_null"], atol=0.02)
    assert abs(row["expressivity_quadratic"]) < 0.02 * row["complexity_quadratic"]


def test_loss_is_the_models(model, ids, plane):
    losses = []
    with torch.inference_mode():
        for row in ids:
            logits = model(torch.tensor([row[:-1]]))[0].double()
            losses += nn.functional.cross_entropy(
                logits, torch.tensor(row[1:]), reduction="none"
            ).tolist()
    np.testing.assert_allclose(plane.loss, np.mean(losses), rtol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 40])
def test_batches_and_their_padding_change_nothing(model, ids, plane, batch_size):
    assert_same(measure(model, ids, batch_size=batch_size), plane, 1e-5)


def test_texts_are_encoded_by_a_tokenizer_or_a_function(model, ids, plane):
    texts = ["".join(chr(97 + token) for token in row) for row in ids]

    def encode(text):
        return [ord(character) - 97 for character in text]

    result = measure_information_plane(
        model, encode, texts, layers=LAYERS, widths=(1, 2, 3), progress=False
    )
    assert_same(result, plane)


def test_long_rows_are_cut_and_sequences_drawn(model):
    row = np.random.RandomState(0).randint(VOCABULARY, size=100).tolist()
    cut = [row[i : i + 24] for i in range(0, 96, 24)]
    assert_same(measure(model, [row], context=24, widths=(1, 2, 3)), measure(model, cut))
    few = measure(model, [row], context=24, n_sequences=2, random_state=3)
    assert few.n_sequences == 2
    assert_same(few, measure(model, [row], context=24, n_sequences=2, random_state=3))


def test_killed_run_goes_on_where_it_was(ids, plane, tmp_path, monkeypatch):
    from sklearn_learnability.torch.representations import _representation_pass

    monkeypatch.setattr(_representation_pass, "SECONDS_BETWEEN_SAVES", 0)

    class Killed(Recurrent):
        calls = 0
        store_key = "recurrent"  # or the count of calls would make it another model

        def forward(self, ids):
            self.calls += 1
            if self.calls == 6:  # the first two ask whether it reads ahead
                raise KeyboardInterrupt
            return super().forward(ids)

    path = tmp_path / "run.pt"
    model = Killed().eval()
    with pytest.raises(KeyboardInterrupt):
        measure(model, ids, batch_size=8, store=path)
    calls = model.calls
    result = measure(model, ids, batch_size=8, store=path)
    lengths = Counter(map(len, ids))  # a batch holds sequences of one length
    assert model.calls - calls == sum(math.ceil(n / 8) for n in lengths.values()) - 3
    assert_same(result, measure(Recurrent().eval(), ids, batch_size=8))
    with pytest.raises(ValueError, match="differs in tokens, labels"):
        measure(model, ids[:20], batch_size=8, store=path)


PARALLEL = """
import json, sys
import torch, torch.distributed as dist
torch.set_num_threads(1)
sys.path.insert(0, {tests!r})
from test_information_plane import Recurrent, measure, measure_labels
ids = json.load(open({ids!r}))
dist.init_process_group("gloo")
for measured in (measure, measure_labels):
    found = measured(Recurrent().eval(), ids, batch_size=8).to_frame()
    output = {output!r} + measured.__name__ + str(dist.get_rank())
    found.to_json(output, orient="columns", double_precision=15)
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_give_what_one_gives(model, ids, tmp_path):
    import pandas as pd

    (tmp_path / "ids.json").write_text(json.dumps(ids))
    script = tmp_path / "parallel.py"
    output = str(tmp_path / "frame")
    script.write_text(
        PARALLEL.format(
            tests=os.path.dirname(__file__), ids=str(tmp_path / "ids.json"), output=output
        )
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += [f"--master-port={29500 + os.getpid() % 1000}", str(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for measured in (measure, measure_labels):
        alone = measured(model, ids, batch_size=8).to_frame()
        for rank in "01":
            together = pd.read_json(output + measured.__name__ + rank)
            assert list(together["layer"]) == list(alone["layer"])
            numbers = alone.columns.drop("layer")
            np.testing.assert_allclose(together[numbers], alone[numbers], rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def llama():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    return transformers.LlamaForCausalLM(config).eval()


def test_mean_is_told_with_and_without_the_embedding(llama, ids):
    frame = measure(llama, ids, layers="all").to_frame()
    for name, layers in [("mean", [0, 1, 2]), ("mean without embedding", [1, 2])]:
        mean = frame[frame["layer"] == name].set_index("width")
        of_layers = frame[frame["layer"].isin(layers)].groupby("width")
        for column in ("entropy", "complexity", "expressivity_null", "complexity_quadratic"):
            np.testing.assert_allclose(mean[column], of_layers[column].mean(), rtol=1e-12)
        np.testing.assert_allclose(mean["optimality"], mean["expressivity"] / mean["complexity"])
    for layers in ([1, 2], [0], ["model.embed_tokens", "model.norm"]):
        names = measure(llama, ids, layers=layers).to_frame()["layer"]
        assert list(dict.fromkeys(names)) == [*layers, "mean"]


def test_contexts_can_count_alike_however_often_they_occur(model, ids, plane):
    """Equation 16 of the paper, from the estimates of single labels."""
    from sklearn_learnability.torch import soft_entropy

    with torch.inference_mode():
        states = {
            tuple(row): model.recurrent(model.embedding(torch.tensor([row])))[0][0] for row in ids
        }
    for name, shift in [("complexity_mean", 0), ("expressivity_mean", 1)]:
        by_label = {}
        for row, t in positions(ids, 3):
            by_label.setdefault(row[t + shift], []).append(states[tuple(row)][t])
        every = soft_entropy(torch.stack([z for of_label in by_label.values() for z in of_label]))
        mean = np.mean([float(soft_entropy(torch.stack(z))) for z in by_label.values()])
        frame = plane.to_frame().set_index(["layer", "width"])
        assert frame.loc[("recurrent", 1), name] == pytest.approx(float(every) - mean, rel=1e-4)


def test_hooks_catch_the_states_that_transformers_returns(llama, ids):
    returned = measure(llama, ids, layers="all")
    assert list(dict.fromkeys(returned.to_frame()["layer"])) == [0, 1, 2, *MEANS]
    names = ["model.embed_tokens", "model.layers.0", "model.norm"]
    hooked = measure(llama, ids, layers=names)
    numbers = ["entropy", "complexity", "expressivity", "complexity_quadratic", "loss"]
    everything = returned.to_frame().query("layer != 'mean without embedding'")
    np.testing.assert_allclose(everything[numbers], hooked.to_frame()[numbers], rtol=1e-9)
    chosen = measure(llama, ids, layers=[2]).to_frame().query("layer == 2")
    np.testing.assert_allclose(
        chosen[numbers], returned.to_frame().query("layer == 2")[numbers], rtol=1e-9
    )


def test_smaller_floats_give_nearly_the_same(model, ids, plane):
    import copy

    half = measure(copy.deepcopy(model).to(torch.bfloat16), ids).to_frame()
    columns = ["entropy", "complexity", "expressivity"]
    np.testing.assert_allclose(half[columns], plane.to_frame()[columns], atol=5e-3)


def test_bad_input_is_named(model, llama, ids):
    with pytest.raises(ValueError, match="Does the tokenizer belong to the model"):
        measure(model, [[*row, VOCABULARY] for row in ids])
    with pytest.raises(ValueError, match=r"list of module names.*embedding, recurrent, logits"):
        measure(model, ids, layers="all")
    with pytest.raises(ValueError, match="names of modules of the model, got 'block'"):
        measure(model, ids, layers=["block"])
    with pytest.raises(ValueError, match="among 0 to 2"):
        measure(llama, ids, layers=[3])
    with pytest.raises(ValueError, match=r"at least one sequence of 6 tokens"):
        measure(model, [row[:5] for row in ids])
    with pytest.raises(TypeError, match="got one string"):
        measure_information_plane(model, str.split, "one text", layers=LAYERS)
    with pytest.raises(ValueError, match=r"widths.*got \(0,\)"):
        measure(model, ids, widths=(0,))


def test_states_that_are_not_finite_are_named(ids):
    broken = Recurrent().eval()
    with torch.no_grad():
        broken.recurrent.bias_ih_l0[3] = float("nan")
    with pytest.raises(ValueError, match="NaN or infinity in layer 1") as caught:
        measure(broken, ids)
    assert "['embedding', 'recurrent']" in caught.value.__notes__[0]


def test_one_sequence_has_no_interval_and_says_so(model, ids):
    with pytest.warns(SingleSequenceWarning):
        plane = measure(model, ids[:1])
    assert plane.information["standard_error"].isna().all()
    assert plane.to_frame()["complexity"].notna().all()


@pytest.fixture
def checkpoints(tmp_path):
    paths = []
    for seed in range(3):
        path = tmp_path / f"step_{seed}.pt"
        torch.save(Recurrent(seed).state_dict(), path)
        paths.append(path)
    return paths


def load(path):
    model = Recurrent()
    model.load_state_dict(load_parameters(path))
    return model.eval()


def follow(paths, ids, **settings):
    settings = {"load": load, "layers": LAYERS, "widths": (1, 2), "progress": False} | settings
    return measure_checkpoints(paths, ids, **settings)


def test_trajectory_is_the_planes_of_its_checkpoints(checkpoints, ids):
    trajectory = follow(checkpoints, ids)
    assert trajectory.names == ("step_0", "step_1", "step_2")
    for seed, plane in enumerate(trajectory.planes):
        assert_same(plane, measure(Recurrent(seed).eval(), ids, widths=(1, 2)))
    frame = trajectory.to_frame()
    assert list(frame["checkpoint"].unique()) == ["step_0", "step_1", "step_2"]


def test_damaged_checkpoint_is_reported_and_skipped(checkpoints, ids):
    checkpoints[1].write_bytes(checkpoints[1].read_bytes()[:500])
    with pytest.warns(DamagedCheckpointWarning, match="step_1"):
        trajectory = follow(checkpoints, ids)
    assert trajectory.names == ("step_0", "step_2")
    (skipped,) = trajectory.skipped
    assert skipped[0] == "step_1"
    assert "cannot be read" in skipped[1]


@pytest.mark.parametrize("part", ["recurrent.weight_hh_l0", "logits.weight"])
def test_a_checkpoint_that_overflows_is_skipped(checkpoints, ids, part):
    def load_large(path):
        model = load(path)
        if path.stem == "step_1":
            model.get_parameter(part).data.fill_(float("inf"))
        return model

    with pytest.warns(DamagedCheckpointWarning, match="Skipped the checkpoint step_1. Expected"):
        trajectory = follow(checkpoints, ids, load=load_large)
    assert trajectory.names == ("step_0", "step_2")
    assert "Expected" in dict(trajectory.skipped)["step_1"]


def test_nothing_but_damaged_checkpoints_is_an_error(checkpoints, ids):
    checkpoints[0].write_bytes(b"")
    with pytest.warns(DamagedCheckpointWarning), pytest.raises(CheckpointError, match="none of 1"):
        follow(checkpoints[:1], ids)


def test_killed_trajectory_goes_on_from_what_is_stored(checkpoints, ids, tmp_path):
    loaded = []

    def killed_at_the_third(path):
        loaded.append(path.stem)
        if len(loaded) == 3:
            raise KeyboardInterrupt
        return load(path)

    store = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        follow(checkpoints, ids, load=killed_at_the_third, store=store)
    trajectory = follow(checkpoints, ids, load=killed_at_the_third, store=store)
    assert loaded == ["step_0", "step_1", "step_2"] * 2
    for plane, fresh in zip(trajectory.planes, follow(checkpoints, ids).planes, strict=True):
        assert_same(plane, fresh, 1e-12)
    with pytest.raises(ValueError, match="differs in tokens"):
        follow(checkpoints, ids[:20], store=store)


def test_folders_of_transformers_are_loaded_and_cut_ones_skipped(llama, ids, tmp_path):
    folders = [tmp_path / f"checkpoint-{step}" for step in (100, 200)]
    for folder in folders:
        llama.save_pretrained(folder)
    weights = folders[1] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:3000])
    with pytest.warns(DamagedCheckpointWarning, match="checkpoint-200"):
        trajectory = measure_checkpoints(folders, ids, widths=(1, 2), progress=False)
    assert trajectory.names == ("checkpoint-100",)
    assert_same(trajectory.planes[0], measure(llama, ids, widths=(1, 2), layers="all"))


def test_names_of_checkpoints_must_differ(checkpoints, ids):
    with pytest.raises(ValueError, match="'step_0' more than once"):
        follow([checkpoints[0], checkpoints[0]], ids)
    named = follow({"first": checkpoints[0], "again": checkpoints[0]}, ids)
    assert named.names == ("first", "again")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widths": 2}, "widths of 1 token or more, got 2"),
        ({"widths": "12"}, "widths of 1 token or more, got '12'"),
        ({"widths": None}, "widths of 1 token or more, got None"),
        ({"widths": [[1]]}, r"widths of 1 token or more, got \[\[1\]\]"),
        ({"widths": (1.5,)}, r"widths of 1 token or more, got \(1.5,\)"),
        ({"widths": (float("nan"),)}, "widths of 1 token or more"),
        ({"context": 7.5}, "context as an integer >= 1, got 7.5"),
        ({"n_sequences": 2.5}, "n_sequences as an integer >= 1, got 2.5"),
    ],
)
def test_counts_that_are_none_are_refused_in_words(ids, settings, message):
    settings = {"widths": (1,), "layers": ["embedding"], "progress": False} | settings
    with pytest.raises(ValueError, match=f"Expected {message}"):
        measure_information_plane(Recurrent(), ids, **settings)
    with pytest.raises(ValueError, match=f"Expected {message}"):
        measure_checkpoints({"a": 0}, ids, load=Recurrent, **settings)
