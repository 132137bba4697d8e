"""Planes measured while a model is trained: kept as they are made, and no weight is another."""

import functools
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from sklearn_learnability.exceptions import (  # noqa: E402
    CheckpointError,
    DamagedCheckpointWarning,
    ReplacedPlaneWarning,
)
from sklearn_learnability.torch import (  # noqa: E402
    InformationPlaneCallback,
    measure_information_plane,
)
from sklearn_learnability.torch.representations import _information_plane_callback  # noqa: E402

VOCABULARY = 12
IDS = torch.randint(VOCABULARY, (24, 12), generator=torch.Generator().manual_seed(0))
HELD_OUT = np.random.RandomState(1).randint(VOCABULARY, size=(16, 12)).tolist()
GIVEN = {"widths": (1,), "layers": ["embedding", "linear"], "n_points": 20}


@functools.lru_cache
def kept_scale(length):
    """Make a tensor that the first call makes, as causal masks often are."""
    return torch.arange(1, length + 1)[:, None] / length


class Dropping(nn.Module):
    """A network with dropout, a buffer that training moves, and a tensor made once for all."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 16)
        self.norm = nn.BatchNorm1d(16)
        self.dropout = nn.Dropout(0.3)
        self.linear = nn.Linear(16, 16)
        self.logits = nn.Linear(16, VOCABULARY)

    def forward(self, ids):
        x = self.norm(self.embedding(ids).transpose(1, 2)).transpose(1, 2)
        return self.logits(self.linear(self.dropout(x) * kept_scale(ids.shape[1])))


def train(n_steps, callback=None, start=0, model=None, optimizer=None, seed=0):
    """Train with the gradients of two batches a step, measuring between the two."""
    torch.manual_seed(seed)
    model = Dropping() if model is None else model
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(start, n_steps):
        for part in (0, 1):
            half = IDS[12 * part : 12 * part + 12]
            logits = model(half[:, :-1]).transpose(1, 2)
            nn.functional.cross_entropy(logits, half[:, 1:]).backward()
            if callback is not None and part == 0:
                callback(model, step)
        optimizer.step()
        optimizer.zero_grad()
    return model


def same_bits(model, other):
    return all(
        torch.equal(a, b)
        for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True)
    )


@pytest.fixture
def callback(tmp_path):
    return InformationPlaneCallback(HELD_OUT, store=tmp_path / "planes", at_steps=2, **GIVEN)


@pytest.mark.filterwarnings("error")
def test_training_is_the_same_to_the_last_bit(callback):
    measured = train(7, callback)
    with_states = torch.get_rng_state()
    alone = train(7)
    assert torch.equal(with_states, torch.get_rng_state())
    assert same_bits(measured, alone)
    assert measured.training
    assert all(p.requires_grad for p in measured.parameters())
    assert callback.seconds_ > 0
    assert callback.trajectory().names == ("0", "2", "4", "6")


def test_what_measuring_makes_may_be_used_in_training(callback):
    kept_scale.cache_clear()
    model = Dropping()
    callback(model, 0)
    weights = nn.Parameter(kept_scale(12))  # made while measuring
    (weights * kept_scale(12)).sum().backward()
    assert torch.equal(weights.grad, kept_scale(12))


def test_each_point_is_the_plane_of_the_model_then(callback, tmp_path):
    model = Dropping()
    plane = callback(model, 4)
    assert callback(model, 5) is None
    expected = measure_information_plane(model, HELD_OUT, progress=False, **GIVEN)
    assert plane.to_frame().equals(expected.to_frame())
    (read,) = callback.trajectory().planes
    assert read.to_frame().equals(expected.to_frame())
    again = InformationPlaneCallback(HELD_OUT, store=tmp_path / "planes", at_steps=2, **GIVEN)
    assert again.trajectory().to_frame().equals(callback.trajectory().to_frame())


def test_steps_may_be_listed_and_are_read_in_their_order(tmp_path):
    callback = InformationPlaneCallback(
        HELD_OUT, store=tmp_path, at_steps=np.array([0, 1, 11, 100]), **GIVEN
    )
    model = Dropping()
    for step in (100, 11, 2, 0):
        callback(model, step)
    assert callback.trajectory().names == ("0", "11", "100")
    for at_steps in (range(0, 5, 2), {4, 0, 2}):
        listed = InformationPlaneCallback(
            HELD_OUT, store=tmp_path / str(type(at_steps)), at_steps=at_steps, **GIVEN
        )
        train(6, listed)
        assert listed.trajectory().names == ("0", "2", "4")


def test_what_is_kept_is_not_measured_again(callback, tmp_path, monkeypatch):
    measured = []

    def counting(*args, **kwargs):
        measured.append(1)
        return measure_information_plane(*args, **kwargs)

    monkeypatch.setattr(_information_plane_callback, "measure_information_plane", counting)
    train(5, callback)
    assert len(measured) == 3
    again = InformationPlaneCallback(HELD_OUT, store=tmp_path / "planes", at_steps=2, **GIVEN)
    train(7, again)  # killed, begun again, and gone on
    assert len(measured) == 4
    assert again.trajectory().names == ("0", "2", "4", "6")


def test_a_killed_training_keeps_its_points(callback, tmp_path):
    class Killed(Exception):
        pass

    def kill(model, step):
        callback(model, step)
        if step == 3:
            raise Killed

    with pytest.raises(Killed):
        train(9, kill)
    read = InformationPlaneCallback(HELD_OUT, store=tmp_path / "planes", at_steps=2, **GIVEN)
    assert read.trajectory().names == ("0", "2")


def test_another_training_is_measured_again_and_told_of(callback, tmp_path):
    train(5, callback)
    other = InformationPlaneCallback(HELD_OUT, store=tmp_path / "planes", at_steps=2, **GIVEN)
    torch.manual_seed(1)
    model = Dropping()
    with pytest.warns(ReplacedPlaneWarning, match="Step 2 in .* was of other weights"):
        plane = other(model, 2)
    expected = measure_information_plane(model, HELD_OUT, progress=False, **GIVEN)
    assert plane.to_frame().equals(expected.to_frame())
    assert other.trajectory().names == ("0", "2")  # not step 4 of the first
    third = InformationPlaneCallback(HELD_OUT, store=tmp_path / "planes", at_steps=[4], **GIVEN)
    with torch.no_grad():
        model.linear.bias[0] = float("nan")
    with pytest.warns(ReplacedPlaneWarning), pytest.warns(DamagedCheckpointWarning):
        third(model, 4)
    with pytest.raises(ValueError, match="Expected at least one step"):
        third.trajectory()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("widths", (1, 2)),
        ("layers", ["linear"]),
        ("excluded_tokens", [3]),
        ("n_sequences", 5),
        ("context", 6),
        ("batch_size", 3),
        ("n_points", 21),
        ("temperature", 0.3),
        ("reference_points", np.eye(16)),
        ("random_state", 1),
    ],
)
def test_a_folder_of_other_settings_is_refused_before_training(callback, tmp_path, name, value):
    callback(Dropping(), 0)
    with pytest.raises(ValueError, match=f"differs in {name}"):
        InformationPlaneCallback(HELD_OUT, store=tmp_path / "planes", **GIVEN | {name: value})
    with pytest.raises(ValueError, match="differs in tokens"):
        InformationPlaneCallback(HELD_OUT[1:], store=tmp_path / "planes", **GIVEN)


def test_a_training_begun_anew_by_one_callback_leaves_the_first_behind(callback):
    train(7, callback)
    with pytest.warns(ReplacedPlaneWarning):
        train(3, callback, seed=1)
    assert callback.trajectory().names == ("0", "2")  # not steps 4 and 6 of the first


def test_a_step_that_is_measured_after_all_is_not_skipped(callback):
    broken = Dropping()
    with torch.no_grad():
        broken.linear.bias[0] = float("nan")
    with pytest.warns(DamagedCheckpointWarning):
        callback(broken, 2)
    train(3, callback)
    assert callback.trajectory().names == ("0", "2")
    assert callback.trajectory().skipped == ()


def test_what_is_no_number_of_steps_is_refused(callback, tmp_path):
    """A step of another name would be measured, and never read."""
    for step in (2.0, -2, True, "2"):
        with pytest.raises(ValueError, match="Expected step as an integer >= 0"):
            callback(Dropping(), step)
    for name, value in (
        *(("at_steps", [1.5]), ("at_steps", [True]), ("at_steps", [-1]), ("at_steps", "12")),
        *(("at_steps", []), ("widths", (1.7,)), ("widths", ())),
        *(("random_state", np.random.RandomState(0)), ("random_state", None)),
    ):
        with pytest.raises(ValueError, match=f"Expected .*{name}"):
            InformationPlaneCallback(HELD_OUT, store=tmp_path, **GIVEN | {name: value})


def test_what_cannot_be_measured_is_skipped_or_refused(callback, tmp_path):
    model = Dropping()
    with pytest.raises(ValueError, match=r"at least one step in .*, got none"):
        callback.trajectory()
    callback(model, 0)
    with torch.no_grad():
        model.linear.bias[0] = float("nan")
    with pytest.warns(DamagedCheckpointWarning, match="Skipped the checkpoint 2"):
        assert callback(model, 2) is None
    assert [name for name, _ in callback.trajectory().skipped] == ["2"]
    for at_steps in (0, 2.5, True):
        with pytest.raises(ValueError, match=f"at_steps as an integer >= 1, got {at_steps}"):
            InformationPlaneCallback(HELD_OUT, store=tmp_path, at_steps=at_steps)
    (tmp_path / "planes" / "0.pt").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="Expected a whole store"):
        InformationPlaneCallback(HELD_OUT, store=tmp_path / "planes", **GIVEN)
    with pytest.raises(AttributeError, match="attribute of InformationPlaneCallback, got 'other'"):
        callback.other  # noqa: B018


def trainer(folder, callbacks, *, checkpointing, max_steps=6, save_steps=None):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=16,
        n_embd=16,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    arguments = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=max_steps,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=2,
        gradient_checkpointing=checkpointing,
        learning_rate=1e-2,
        lr_scheduler_type="constant",
        save_strategy="no" if save_steps is None else "steps",
        save_steps=save_steps or 500,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        logging_strategy="no",
        seed=0,
    )
    rows = [{"input_ids": row, "labels": row} for row in IDS]
    model = transformers.GPT2LMHeadModel(config)
    return transformers.Trainer(model, arguments, train_dataset=rows, callbacks=callbacks)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_trainer_measures_and_trains_as_without(tmp_path, checkpointing):
    given = {"widths": (1,), "n_points": 20, "at_steps": 3}
    callback = InformationPlaneCallback(HELD_OUT, store=tmp_path / "planes", **given)
    measured = trainer(tmp_path / "a", [callback], checkpointing=checkpointing)
    measured.train()
    alone = trainer(tmp_path / "b", [], checkpointing=checkpointing)
    alone.train()
    assert same_bits(measured.model, alone.model)
    assert measured.model.training
    trajectory = callback.trajectory()
    assert trajectory.names == ("0", "3", "6")
    expected = measure_information_plane(
        alone.model, HELD_OUT, widths=(1,), n_points=20, progress=False
    )
    assert trajectory.planes[-1].to_frame().equals(expected.to_frame())


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_a_trainer_that_goes_on_measures_what_is_left(tmp_path, monkeypatch):
    measured = []

    def counting(model, *args, **kwargs):
        measured.append(1)
        return measure_information_plane(model, *args, **kwargs)

    given = {"widths": (1,), "n_points": 20, "at_steps": 2}
    first = InformationPlaneCallback(HELD_OUT, store=tmp_path / "planes", **given)
    trainer(tmp_path / "a", [first], checkpointing=False, max_steps=4, save_steps=4).train()
    monkeypatch.setattr(_information_plane_callback, "measure_information_plane", counting)
    second = InformationPlaneCallback(HELD_OUT, store=tmp_path / "planes", **given)
    later = trainer(tmp_path / "a", [second], checkpointing=False, max_steps=6)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReplacedPlaneWarning)
        later.train(resume_from_checkpoint=str(tmp_path / "a" / "checkpoint-4"))
    assert len(measured) == 1
    assert second.trajectory().names == ("0", "2", "4", "6")
