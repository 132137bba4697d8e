"""Two processes that measure one model: what one finds or fails at holds for both."""

import json
import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

from sklearn_learnability.torch.models._processes import (  # noqa: E402
    by_first,
    gathered,
    process_rank,
    together,
)


def test_alone_a_process_is_the_first_and_only_one():
    assert process_rank() == (0, 1)
    assert gathered("a") == ["a"]
    assert together(lambda: "b") == "b"
    assert by_first(lambda: "c") == "c"
    with pytest.raises(KeyError, match="missing"):
        together(lambda: {}["missing"])


TOLD = """
import datetime, json, sys, warnings
import torch, torch.distributed as dist
from torch import nn
from sklearn_learnability.exceptions import CheckpointError, NotFiniteError
from sklearn_learnability.torch import measure_checkpoints, measure_information_plane
from sklearn_learnability.torch.models._processes import by_first, gathered, host_group, together

torch.set_num_threads(1)
warnings.simplefilter("ignore")
dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=60))
rank = dist.get_rank()
folder = sys.argv[1]
told = {}


def raised(function):
    try:
        function()
    except Exception as error:
        return type(error).__name__, str(error), getattr(error, "__notes__", [])
    return None


def only(number, error):
    def function():
        if rank == number:
            raise error
    return function


class Unsendable(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} {b}")


told["gathered"] = gathered(rank)
backend, dist.get_backend = dist.get_backend, lambda *_: "nccl"  # which has no cards here
host_group.cache_clear()
told["beside cards"] = gathered(rank)
dist.get_backend = backend
host_group.cache_clear()
told["by first"] = by_first(lambda: rank)
told["together"] = [raised(lambda: together(only(n, KeyError("lost")))) for n in (0, 1)]
told["first fails"] = raised(lambda: by_first(only(0, CheckpointError("cut"))))
told["unsendable"] = raised(lambda: together(only(1, Unsendable(1, 2))))


class Model(nn.Module):
    calls = 0
    store_key = "model"  # or the count of calls would make it another one

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding, self.output = nn.Embedding(9, 8), nn.Linear(8, 9)

    def forward(self, ids):
        Model.calls += 1
        return self.output(self.embedding(ids))


ids = torch.randint(0, 9, (12, 16), generator=torch.Generator().manual_seed(0)).tolist()
given = {"layers": ["embedding"], "widths": (1,), "batch_size": 2, "progress": False}
stores = [f"{folder}/first", f"{folder}/second"]  # as on the disks of two machines


def follow(load=Model, names="ab"):
    return measure_checkpoints(
        {name: seed for seed, name in enumerate(names)}, ids, load=load, store=stores[rank], **given
    )


def load_here(seed):
    if seed == 1 and rank == 1:
        raise OSError("the file is not on this machine")
    return Model(seed)


trajectory = follow(load_here)
told["skipped by both"] = [trajectory.names, trajectory.skipped]
calls = Model.calls
trajectory = follow()
told["measured again"] = Model.calls - calls  # of b alone, in each process
told["losses"] = [plane.loss for plane in trajectory.planes]
calls = Model.calls
follow()
told["found by both"] = Model.calls - calls
dist.barrier()
if rank == 0:
    open(f"{folder}/first/a.pt", "wb").close()
told["damaged"] = raised(follow)


class Bad(Model):
    def forward(self, ids):
        states = self.embedding(ids)
        return self.output(states * float("inf") if rank == 1 else states)


told["not finite"] = raised(lambda: measure_information_plane(Bad(0), ids, **given))
told["out of memory"] = raised(
    lambda: follow(lambda seed: only(1, torch.OutOfMemoryError("no room"))() or Model(seed), "cd")
)
json.dump(told, open(f"{folder}/told.{rank}", "w"))
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_what_one_process_finds_or_fails_at_holds_for_both(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(TOLD)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += [f"--master-port={29500 + os.getpid() % 1000}", str(script), str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"told.{rank}").read_text()) for rank in (0, 1))
    assert first["gathered"] == second["gathered"] == [0, 1]
    assert first["beside cards"] == [0, 1]
    assert first["by first"] == second["by first"] == 0
    for told in (first, second):
        assert [name for name, *_ in told["together"]] == ["KeyError", "KeyError"]
        assert told["first fails"][:2] == ["CheckpointError", "cut"]
        assert "1 2" in told["unsendable"][1]
        assert told["skipped by both"][0] == ["a"]
        assert told["skipped by both"][1][0][0] == "b"
        assert "not on this machine" in told["skipped by both"][1][0][1]
        assert told["measured again"] == 3 + 2  # batches of a process, and a trial
        assert told["found by both"] == 0
        assert told["damaged"][0] == "CheckpointError"
        assert "first/a.pt" in told["damaged"][1]
        assert told["not finite"][0] == "NotFiniteError"
        assert told["out of memory"][0] == "OutOfMemoryError"
    assert first["losses"] == second["losses"]
    assert first["together"][1][2] == ["In process 1, and so raised in all."]
    assert not (tmp_path / "second").exists()
