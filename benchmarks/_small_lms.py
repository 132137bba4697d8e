"""The small language models that the study of complexity compares: sizes, texts and seeds."""

from typing import NamedTuple

from _small_lm import CODE, FOLDER, SmallLMConfig

FOLDERS = FOLDER.parent / "small_lms"
N_STEPS, N_CHECKPOINTS = 2000, 15


class Network(NamedTuple):
    """The sizes of a network and its number of parameters, its text, and a seed for each run."""

    config: SmallLMConfig
    n_parameters: int
    text: str | None  # None: English
    seeds: tuple[int, ...]


SMALL = SmallLMConfig(dim=32, n_layers=2, n_heads=2)
# A seed is also the order of the batches: what was added later has seeds of its own
NETWORKS = {
    "60k": Network(SMALL, 59_520, None, (0, 1, 2, 3, 4)),
    "130k": Network(SmallLMConfig(dim=48, n_layers=3, n_heads=3), 135_984, None, (0, 1, 2)),
    "400k": Network(SmallLMConfig(dim=80, n_layers=4, n_heads=4), 396_640, None, (0, 1, 2)),
    "30k": Network(SmallLMConfig(dim=20, n_layers=2, n_heads=2), 31_440, None, (5, 6, 7, 8, 9)),
    "60k, code": Network(SMALL, 59_520, CODE, (10, 11, 12, 13, 14)),
}
NEW = ("30k", "60k, code")  # measured once everything was fixed on the others


def folder_of(run):
    """Return the folder of a run, named as in '60k, code seed 10'."""
    name, _, seed = run.partition(" seed ")
    return FOLDERS / f"{name.replace(', ', '_')}_{seed}"
