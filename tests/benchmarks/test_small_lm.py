"""The small language model: causal, and trained to the same end when it was killed on the way."""

import importlib
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")
pytest.importorskip("tokenizers")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.fixture
def config(load):
    return load("_small_lm").SmallLMConfig(40, context=8, dim=8, n_layers=2, n_heads=2)


def test_hidden_states_do_not_see_the_future(load, config):
    model = load("_small_lm").SmallLM(config)
    ids = torch.arange(8)[None]
    changed = ids.clone()
    changed[0, 5] = 30
    logits, others = model(ids), model(changed)
    assert torch.equal(logits[0, :5], others[0, :5])
    assert not torch.allclose(logits[0, 5:], others[0, 5:])


def test_killed_training_ends_as_an_unbroken_one(load, config, tmp_path, monkeypatch):
    training = load("train_small_lm")
    tokens = np.random.RandomState(0).randint(40, size=400)
    folders = [tmp_path / name for name in ("unbroken", "killed")]
    for folder in folders:
        folder.mkdir()
        load("_small_lm").save_config(config, folder)
    training.train(tokens, tokens, config, folders[0], 12, 0)

    draw = training.draw_batch

    def killed_at_the_tenth(tokens, context, step, seed):
        if step == 10:
            raise KeyboardInterrupt
        return draw(tokens, context, step, seed)

    monkeypatch.setattr(training, "draw_batch", killed_at_the_tenth)
    with pytest.raises(KeyboardInterrupt):
        training.train(tokens, tokens, config, folders[1], 12, 0)
    monkeypatch.setattr(training, "draw_batch", draw)
    training.train(tokens, tokens, config, folders[1], 12, 0)

    names = sorted(path.name for path in folders[0].iterdir())
    assert names == sorted(path.name for path in folders[1].iterdir())
    assert len([name for name in names if name.endswith(".safetensors")]) == 10
    assert (folders[0] / "losses.csv").read_text() == (folders[1] / "losses.csv").read_text()
    last = "step_000012.safetensors"
    models = [load("_small_lm").load_small_lm(folder / last) for folder in folders]
    for one, other in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(one, other)


def test_checkpoints_are_evenly_spaced_on_a_log_scale(load):
    steps = load("train_small_lm").checkpoint_steps(4000)
    assert steps[0] == 0
    assert steps[-1] == 4000
    assert len(steps) >= 16
    ratios = np.array(steps[6:]) / np.array(steps[5:-1])
    assert ratios.max() < 1.2 * ratios.min()
