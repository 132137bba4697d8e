"""What is measured of every model of the zoo: its plane and its scores, at checkpoints."""

import pandas as pd
from _small_lm import layer_names, load_small_lm
from _zoo_tasks import make_tasks, read_held_out, text_rows
from tokenizers import Tokenizer
from train_zoo import ZOO

from sklearn_learnability.torch import measure_checkpoints

FIRST_STEP = 100  # before, nothing is learned
N_ROWS = 512
DRAWS = (0, 1, 2)  # of reference points, at the last checkpoint
MEASURES = [
    *("complexity", "expressivity", "optimality", "proportion"),
    *("complexity_quadratic", "expressivity_quadratic", "optimality_quadratic"),
]


class ZooMeasures:
    """The text and the tasks, made once; and the measures of a member of the zoo."""

    def __init__(self):
        self.tokenizer = Tokenizer.from_file(str(ZOO / "tokenizer.json"))
        held_out = read_held_out(ZOO)
        self.rows = text_rows(self.tokenizer, held_out[: len(held_out) // 2], N_ROWS).tolist()
        self.tasks = make_tasks(self.tokenizer, held_out)

    def of_member(self, member):
        """Return a table of one row a checkpoint: measures, scores and losses."""
        kept = ZOO / "measures" / f"{member.name}.csv"
        if kept.exists():
            return pd.read_csv(kept)
        paths = sorted((ZOO / member.name).glob("step_*.safetensors"))
        paths = [path for path in paths if step_of(path) >= FIRST_STEP]
        planes = [self._planes(member, paths, seed=0)]
        planes += [self._planes(member, paths[-1:], seed) for seed in DRAWS[1:]]
        scores = pd.DataFrame(
            [{"step": step_of(p), **self.tasks.scores(load_small_lm(p))} for p in paths]
        )
        table = pd.concat(planes).merge(scores, on="step")
        table = table.assign(model=member.name, size=member.size, share=member.share)
        table = table.assign(seed=member.seed, n_parameters=member.n_parameters)
        kept.parent.mkdir(exist_ok=True)
        table.to_csv(kept, index=False, float_format="%.7g")
        return table

    def _planes(self, member, paths, seed):
        """Return the mean of the blocks at every checkpoint, a column a measure and width."""
        layers = layer_names(load_small_lm(paths[0]))[1:]  # without the embedding, as the paper
        trajectory = measure_checkpoints(
            paths,
            self.rows,
            load=load_small_lm,
            layers=layers,
            batch_size=64,
            random_state=seed,
            store=ZOO / "planes" / f"{member.name}_{seed}",
            progress=False,
        )
        frame = trajectory.to_frame().query("layer == 'mean'")
        wide = frame.pivot(index="checkpoint", columns="width", values=MEASURES)
        wide.columns = [f"{measure}_{width}" for measure, width in wide.columns]
        first = frame.groupby("checkpoint").first()[["residual", "entropy", "loss"]]
        wide = wide.join(first).reset_index()
        wide.insert(0, "draw", seed)
        wide.insert(0, "step", [step_of(name) for name in wide.pop("checkpoint")])
        return wide


def step_of(path):
    """Return the step in the name of a checkpoint."""
    return int(str(getattr(path, "stem", path)).split("_")[1])
