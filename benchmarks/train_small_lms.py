"""Train small language models of four sizes on two texts, several seeds of each, with checkpoints.

    python benchmarks/train_small_lms.py                  # all, 40 CPU-minutes
    python benchmarks/train_small_lms.py 30k "60k, code"  # some

Each is the network of train_small_lm.py at another size, on the same text and tokens or on code,
into output/small_lms/<network>_<seed>. A killed run goes on from its last checkpoint.
"""

import argparse

from _small_lms import N_CHECKPOINTS, N_STEPS, NETWORKS, folder_of
from train_small_lm import run


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="network", help="some, by name")
    for name in parser.parse_args().networks or NETWORKS:
        config, _, text, seeds = NETWORKS[name]
        for seed in seeds:
            print(f"{name}, seed {seed}", flush=True)
            folder = folder_of(f"{name} seed {seed}")
            run(folder, text, N_STEPS, seed, config, N_CHECKPOINTS)


if __name__ == "__main__":
    main()
