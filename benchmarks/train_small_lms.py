"""Train small language models of three sizes and three seeds, with checkpoints.

    python benchmarks/train_small_lms.py                 # about 20 CPU-minutes

Each is the network of train_small_lm.py at another size, on the same text and tokens, into
output/small_lms/<size>_<seed>. A killed run goes on from its last checkpoint.
"""

from _small_lm import FOLDER, SmallLMConfig
from train_small_lm import run

SIZES = {
    "60k": SmallLMConfig(dim=32, n_layers=2, n_heads=2),
    "130k": SmallLMConfig(dim=48, n_layers=3, n_heads=3),
    "400k": SmallLMConfig(dim=80, n_layers=4, n_heads=4),
}
SEEDS = (0, 1, 2)
N_STEPS, N_CHECKPOINTS = 2000, 15
FOLDERS = FOLDER.parent / "small_lms"


def main():
    for seed in SEEDS:
        for size, config in SIZES.items():
            print(f"size {size}, seed {seed}", flush=True)
            folder = FOLDERS / f"{size}_{seed}"
            run(folder, None, N_STEPS, seed, config, N_CHECKPOINTS)


if __name__ == "__main__":
    main()
