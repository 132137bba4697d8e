"""A store never answers for another run, and always for its own."""

import os
import sys
import threading
from copy import deepcopy
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from sklearn_learnability.exceptions import CheckpointError  # noqa: E402
from sklearn_learnability.torch import (  # noqa: E402
    GaussianNoise,
    LocalLearningCoefficient,
    complexity_against_compressibility,
    critical_amount,
    measure_checkpoints,
    measure_information_plane,
    self_divergence_loss,
)
from sklearn_learnability.torch.learning_coefficient.langevin import _chains  # noqa: E402
from sklearn_learnability.torch.models import _store  # noqa: E402
from sklearn_learnability.torch.models._store import Store  # noqa: E402

QUIET = pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.LearnabilityWarning")
GENERATOR = torch.Generator().manual_seed(0)
INPUTS = torch.randn(40, 3, generator=GENERATOR)
LABELS = (INPUTS[:, 0] + torch.randn(40, generator=GENERATOR) > 0).long()
TOKENS = torch.randint(0, 9, (12, 16), generator=GENERATOR).tolist()
FACTOR = 1.0


class Net(nn.Module):
    """A classifier with parameters, buffers and a number of its own."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)
        self.slope = 0.1

    def forward(self, inputs):
        return F.leaky_relu(self.norm(self.layer(inputs)), self.slope)


class Language(nn.Module):
    """A language model that knows the present token."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Embedding(9, 8)
        self.norm = nn.LayerNorm(8)
        self.output = nn.Linear(8, 9)
        self.slope = 0.1

    def forward(self, ids):
        return F.leaky_relu(self.output(self.norm(self.layer(ids))), self.slope)


class Weighted:
    """A loss with a state."""

    def __init__(self, weight):
        self.weight = weight

    def __call__(self, model, batch):
        return self.weight * F.cross_entropy(model(batch[0]), batch[1])

    def method(self, model, batch):
        return self(model, batch)


def scaled(model, batch, factor=1.0):
    return factor * F.cross_entropy(model(batch[0]), batch[1])


def by_global(model, batch):
    return FACTOR * F.cross_entropy(model(batch[0]), batch[1])


def by_closure(factor):
    return lambda model, batch: factor * F.cross_entropy(model(batch[0]), batch[1])


def by_default(factor):
    def loss(model, batch, factor=factor):
        return factor * F.cross_entropy(model(batch[0]), batch[1])

    return loss


# What a user runs: a model, a loss, data and settings in, one number out.


def langevin(model, loss, data, store, **settings):
    given = {"sampler": "leimkuhler-matthews", "inverse_temperature": 20.0, "localization": 5.0}
    given |= {"n_draws": 8, "random_state": 0, "progress": False} | settings
    return LocalLearningCoefficient(loss, **given).estimate(model, data, store=store).value


def hamiltonian(model, loss, data, store, **settings):
    given = {"sampler": "hamiltonian", "inverse_temperature": 20.0, "n_draws": 2, "n_chains": 2}
    return langevin(model, loss, data, store, **given | settings)


def coefficients(model, loss, data, store, **settings):
    given = {"sampler": "leimkuhler-matthews", "n_draws": 8, "random_state": 0, "progress": False}
    llc = LocalLearningCoefficient(loss, **given | settings)
    found = llc.estimate_checkpoints({"a": model}, data, load=lambda m: m, store=store)
    return found.estimates[0].value


def compression(model, loss, data, store, **settings):
    given = {"amounts": [0.01, 0.1, 1.0], "progress": False}
    scheme = GaussianNoise(n_draws=2, random_state=settings.pop("random_state", 0))
    found = critical_amount(model, loss, data, scheme, store=store, **given | settings)
    return found.curve.losses[-1]


def complexity(model, loss, data, store, **settings):
    llc = LocalLearningCoefficient(
        loss, sampler="leimkuhler-matthews", n_draws=8, random_state=0, progress=False
    )
    found = complexity_against_compressibility(
        {"a": model},
        data,
        llc=llc.set_params(**settings),
        loss=loss,
        schemes={"noise": GaussianNoise(n_draws=2)},
        load=lambda m: m,
        store=store,
        progress=False,
    )
    return found.to_frame()["llc"][0]


def plane(model, _loss, ids, store, **settings):
    given = {"layers": ["layer"], "widths": (1,), "batch_size": 4, "progress": False}
    return measure_information_plane(model, ids, store=store, **given | settings).loss


def planes(model, _loss, ids, store, **settings):
    given = {"layers": ["layer"], "widths": (1,), "batch_size": 4, "progress": False}
    given |= {"load": lambda model: model, "store": store} | settings
    found = measure_checkpoints({"a": model}, ids, **given)
    return found.planes[0].loss


OF_ROWS = [langevin, hamiltonian, coefficients, compression, complexity]
OF_TOKENS = [plane, planes]


def a_run(user):
    """Return the model, the loss and the data that a user begins with."""
    if user in OF_TOKENS:
        return Language().eval(), None, deepcopy(TOKENS)
    return Net().eval(), nn.CrossEntropyLoss(), (INPUTS.clone(), LABELS.clone())


def change_parameter(run):
    run[0].layer.weight.data[-1, -1] += 1e-6


def change_attribute(run):
    run[0].slope = 0.2


def change_buffer(run):
    run[0].norm.running_mean[-1] += 1e-6


def change_row(run):
    run[2][0][-1, -1] += 1e-6


def permute_labels(run):
    run[2][1][8:] = run[2][1][8:].flip(0)


def permute_rows(run):
    run[2] = tuple(part.flip(0) for part in run[2])


def change_token(run):
    run[2][-1][-1] = (run[2][-1][-1] + 1) % 9


def loss_of(value):
    def change(run):
        run[1] = value

    return change


MODEL = [change_parameter, change_attribute]
ROWS = [change_buffer, change_row, permute_labels, permute_rows]
LOSS = [
    loss_of(nn.CrossEntropyLoss(label_smoothing=0.1)),
    loss_of(self_divergence_loss(Net())),
]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """The store of each user's first run, and what that returned; each is run once."""
    found = {}

    def of(user):
        if user not in found:
            path = tmp_path_factory.mktemp("stores") / "deep" / "store"
            found[user] = path, user(*a_run(user), path)
        return found[user]

    return of


@QUIET
@pytest.mark.parametrize(
    ("user", "change"),
    [(user, change) for user in OF_ROWS for change in MODEL + ROWS + LOSS]
    + [(user, change) for user in OF_TOKENS for change in [*MODEL, change_token]],
)
def test_what_differs_is_refused(user, change, stored):
    store, _ = stored(user)
    run = list(a_run(user))
    change(run)
    with pytest.raises(ValueError, match=r"got another's: it differs in (model|data|loss|tokens)"):
        user(*run, store)


@QUIET
@pytest.mark.parametrize("user", OF_ROWS + OF_TOKENS)
def test_another_seed_is_refused_by_name(user, stored):
    store, _ = stored(user)
    with pytest.raises(ValueError, match=r"it differs in (random_state|scheme)"):
        user(*a_run(user), store, random_state=1)


@QUIET
@pytest.mark.parametrize("user", OF_ROWS + OF_TOKENS)
def test_what_has_no_bearing_is_not_refused(user, stored, monkeypatch):
    """Another folder to work in, modes, where the work is done, numbers of NumPy's."""
    store, first = stored(user)
    model, loss, data = a_run(user)
    monkeypatch.chdir(store.parent)
    settings = {} if user is compression else {"device": "cpu"}
    settings["random_state"] = np.int64(0)
    assert user(model.train(), loss, data, store.name, **settings) == first


@QUIET
@pytest.mark.parametrize("number", [20, 20.0, np.float32(20), np.int64(20)])
def test_a_number_is_one_setting_whatever_its_type(number, stored):
    store, first = stored(langevin)
    assert langevin(*a_run(langevin), store, inverse_temperature=number) == first


def test_layers_are_one_setting_in_a_list_or_a_tuple(stored):
    store, first = stored(plane)
    assert plane(*a_run(plane), store, layers=("layer",), widths=np.array([1])) == first


@QUIET
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (nn.CrossEntropyLoss(), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]))),
        (partial(scaled, factor=1.0), partial(scaled, factor=2.0)),
        (by_closure(1.0), by_closure(2.0)),
        (by_default(1.0), by_default(2.0)),
        (Weighted(1.0), Weighted(torch.tensor(2.0))),
        (Weighted(1.0).method, Weighted(2.0).method),
        (lambda *both: scaled(*both), lambda *both: 2 + scaled(*both)),
        (lambda *both: scaled(*both, 1), lambda *both: scaled(*both, 2)),
    ],
    ids=["weights", "partial", "closure", "default", "attribute", "method", "code", "constant"],
)
def test_a_loss_is_told_by_all_it_holds(one, other, tmp_path):
    model, _, data = a_run(compression)
    first = compression(model, one, data, tmp_path / "store")
    assert compression(model, one, data, tmp_path / "store") == first
    with pytest.raises(ValueError, match="differs in loss"):
        compression(model, other, data, tmp_path / "store")


def test_a_loss_is_told_by_the_globals_it_reads(tmp_path, monkeypatch):
    model, _, data = a_run(compression)
    compression(model, by_global, data, tmp_path / "store")
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    with pytest.raises(ValueError, match="differs in loss"):
        compression(model, by_global, data, tmp_path / "store")


@QUIET
@pytest.mark.parametrize("user", [langevin, hamiltonian, compression])
def test_a_divergence_is_told_by_its_teacher_whatever_it_was_cast_to(user, tmp_path):
    model, _, data = a_run(user)
    loss = self_divergence_loss(model)
    first = user(model, loss, data, tmp_path / "store")
    assert user(model, loss, data, tmp_path / "store") == first
    assert user(model, self_divergence_loss(model), data, tmp_path / "store") == first
    with torch.no_grad():
        model.layer.bias[0] += 1e-3
    teacher = self_divergence_loss(model)
    with torch.no_grad():
        model.layer.bias[0] -= 1e-3
    with pytest.raises(ValueError, match="differs in loss"):
        user(model, teacher, data, tmp_path / "store")


def test_an_opaque_loss_is_refused_unless_it_has_a_key(tmp_path):
    model, _, data = a_run(compression)
    lock = threading.Lock()

    def opaque(model, batch):
        with lock:
            return scaled(model, batch)

    with pytest.raises(ValueError, match="can tell from others, got one whose lock is a lock"):
        compression(model, opaque, data, tmp_path / "store")
    opaque.store_key = "cross-entropy"
    first = compression(model, opaque, data, tmp_path / "store")
    assert compression(model, opaque, data, tmp_path / "store") == first
    opaque.store_key = "cross-entropy, another version"
    with pytest.raises(ValueError, match="differs in loss"):
        compression(model, opaque, data, tmp_path / "store")


def test_a_key_stands_for_all_of_a_module_but_its_tensors(tmp_path):
    model, loss, data = a_run(compression)
    model.lock, model.store_key = threading.Lock(), "net"
    compression(model, loss, data, tmp_path / "store")
    change_attribute([model])  # what the key answers for
    compression(model, loss, data, tmp_path / "store")
    change_parameter([model])
    with pytest.raises(ValueError, match="differs in model"):
        compression(model, loss, data, tmp_path / "store")


def test_loaders_and_data_sets_are_told_by_their_rows(tmp_path):
    model, loss, (inputs, labels) = a_run(compression)
    run = partial(compression, store=tmp_path / "store")
    loader = DataLoader(TensorDataset(inputs, labels), batch_size=64, shuffle=True)
    first = run(model, loss, loader)
    assert run(model, loss, (inputs, labels)) == first
    assert run(model, loss, (inputs.numpy(), labels.numpy())) == first
    with pytest.raises(ValueError, match="differs in data"):
        run(model, loss, DataLoader(TensorDataset(inputs.flip(0), labels.flip(0)), batch_size=64))


@QUIET
def test_chains_without_a_seed_go_on_at_the_one_they_began_with(tmp_path):
    model, loss, data = a_run(langevin)
    for user in (langevin, hamiltonian, coefficients):
        store = tmp_path / user.__name__
        first = user(model, loss, data, store, random_state=None)
        assert user(model, loss, data, store, random_state=None) == first
        assert user(model, loss, data, tmp_path / "other", random_state=None) != first
        (tmp_path / "other").rename(tmp_path / f"other {user.__name__}")


@QUIET
@pytest.mark.parametrize("at", range(40, 54))
def test_chains_interrupted_at_any_line_go_on_as_if_they_had_not_been(at, stored, tmp_path):
    passed = iter(range(at + 1))

    def interrupt(frame, event, _):
        if event == "line" and next(passed) == at:
            raise KeyboardInterrupt
        return interrupt

    def of_chains(frame, event, _):
        return interrupt if frame.f_code is _chains.run_chains.__code__ else None

    before = sys.gettrace()
    sys.settrace(of_chains)
    try:
        with pytest.raises(KeyboardInterrupt):
            langevin(*a_run(langevin), tmp_path / "store")
    finally:
        sys.settrace(before)
    assert langevin(*a_run(langevin), tmp_path / "store") == stored(langevin)[1]


@QUIET
def test_chains_of_which_one_is_left_are_judged_without_a_warning_of_numpy(tmp_path):
    assert np.isfinite(hamiltonian(*a_run(hamiltonian), None, random_state=17))


# The file.


def filled(path, **key):
    store = Store(path, "numbers", key)
    store.write({"numbers": [1, 2.5], "array": np.arange(3.0), "large": torch.zeros(5000)})
    return store


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.99])
def test_a_cut_store_is_refused_with_its_name_and_the_remedy(tmp_path, kept):
    path = tmp_path / "store.pt"
    filled(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(CheckpointError, match=r"store\.pt, got a file that cannot .* Remove it"):
        Store(path, "numbers", {}).read()


def test_a_changed_byte_is_found(tmp_path):
    path = tmp_path / "store.pt"
    filled(path)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    with pytest.raises(CheckpointError, match="cannot be read"):
        Store(path, "numbers", {}).read()


def test_a_store_of_another_version_is_refused(tmp_path, monkeypatch):
    filled(tmp_path / "store.pt")
    monkeypatch.setattr(_store, "VERSION", _store.VERSION + 1)
    with pytest.raises(CheckpointError, match=r"got one of version \d+, which another version"):
        Store(tmp_path / "store.pt", "numbers", {}).read()


def test_a_store_from_before_there_were_versions_is_refused(tmp_path):
    torch.save({"key": {"sum": "of what"}, "done": 3}, tmp_path / "store.pt")
    with pytest.raises(CheckpointError, match="got one of version 0, which another version"):
        Store(tmp_path / "store.pt", "numbers", {}).read()


def test_a_folder_for_a_file_and_a_file_for_a_folder_are_refused_without_damage(tmp_path):
    with pytest.raises(ValueError, match="Expected a file to keep numbers in, got the folder"):
        Store(tmp_path, "numbers", {}).read()
    (tmp_path / "file").write_text("notes")
    with pytest.raises(ValueError, match="Expected a folder to keep numbers in, got the file"):
        Store(tmp_path / "file" / "store.pt", "numbers", {}).write({})
    assert (tmp_path / "file").read_text() == "notes"


@QUIET
@pytest.mark.parametrize("user", OF_ROWS + OF_TOKENS)
def test_a_place_that_nothing_can_be_kept_in_is_refused_at_once(user, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("notes")
    with pytest.raises(ValueError, match=r"Expected a folder to keep .* in, got the file"):
        user(*a_run(user), tmp_path / "file" / "store.pt")
    monkeypatch.setattr(os, "access", lambda *asked: False)
    with pytest.raises(ValueError, match="which may not be written to"):
        user(*a_run(user), tmp_path / "new" / "store.pt")


@pytest.mark.parametrize("content", [{"weight": torch.ones(2)}, {"version": 1}, {"version": 1.5}])
def test_a_file_of_something_else_is_refused_and_nobody_is_told_to_remove_it(content, tmp_path):
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match=r"holds something else\. Name another file\.$"):
        Store(tmp_path / "model.pt", "numbers", {}).read()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("enforce")])
def test_a_full_disk_is_named_and_leaves_what_was_there(error, tmp_path, monkeypatch):
    store = filled(tmp_path / "store.pt")

    def fails(content, path):
        path.write_text("half")
        raise error

    monkeypatch.setattr(torch, "save", fails)
    with pytest.raises(OSError, match=r"Expected to write numbers to .*store\.pt.* Make room"):
        store.write({"numbers": []})
    assert store.read()["numbers"] == [1, 2.5]
    assert [path.name for path in tmp_path.iterdir()] == ["store.pt"]


@pytest.mark.parametrize("links", [True, False])
def test_of_two_that_begin_a_file_the_first_is_kept(links, tmp_path, monkeypatch):
    if not links:
        monkeypatch.setattr(os, "link", lambda *paths: os.stat(tmp_path / "no links here"))
    for number in (1, 2):
        Store(tmp_path / "store.pt", "a seed", {}).write({"seed": number}, keep=True)
    assert Store(tmp_path / "store.pt", "a seed", {}).read() == {"seed": 1}


@QUIET
@pytest.mark.parametrize("user", [langevin, hamiltonian, coefficients, complexity, plane, planes])
def test_what_is_finished_is_read_and_not_written_again(user, tmp_path, monkeypatch):
    first = user(*a_run(user), tmp_path / "store")
    monkeypatch.setattr(torch, "save", lambda *given: pytest.fail("written again"))
    assert user(*a_run(user), tmp_path / "store") == first


@QUIET
def test_the_size_of_batches_and_the_loss_by_chance_are_nothing_to_chains_on_all_rows(stored):
    store, first = stored(hamiltonian)
    model, loss, data = a_run(hamiltonian)
    loader = DataLoader(TensorDataset(*data), batch_size=7)
    assert hamiltonian(model, loss, loader, store, batch_size=3) == first


def test_content_comes_back_and_a_difference_is_named(tmp_path):
    path = tmp_path / "deep" / "store.pt"
    content = filled(path, seed=np.int64(3), scale=np.array([1.0, 2.0])).read()
    assert content["numbers"] == [1, 2.5]
    assert content["array"].tolist() == [0.0, 1.0, 2.0]
    assert Store(path, "numbers", {"seed": 3, "scale": np.array([1.0, 2.0])}).read() is not None
    with pytest.raises(ValueError, match="numbers of this run, got another's: it differs in scale"):
        Store(path, "numbers", {"seed": 3, "scale": np.array([1.0, 3.0])}).read()
    assert Store(None, "numbers", {}).read() is None


def test_two_runs_that_share_a_store_both_finish(tmp_path):
    path = tmp_path / "store.pt"
    failed = []

    def write_often(store):
        try:
            for number in range(20):
                store.write({"number": number, "tensor": torch.full((1000,), float(number))})
                content = store.read()
                assert (content["tensor"] == content["number"]).all()
        except Exception as error:
            failed.append(error)

    runs = [threading.Thread(target=write_often, args=(Store(path, "x", {}),)) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert not failed
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "store.pt"
    store = filled(path)
    with pytest.raises(TypeError, match="Expected tensors, numbers and texts, got object"):
        store.write({"thing": object()})
    assert store.read()["numbers"] == [1, 2.5]
    assert list(tmp_path.iterdir()) == [path]
