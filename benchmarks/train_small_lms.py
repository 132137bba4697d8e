"""Train small language models of four sizes on two texts, several seeds of each, with checkpoints.

    python benchmarks/train_small_lms.py                  # all, 30 CPU-minutes
    python benchmarks/train_small_lms.py "60k, code"      # those of a network
    python benchmarks/train_small_lms.py "60k seed 3"     # one

Each is the network of train_small_lm.py at another size, on the same text and tokens or on code,
into output/small_lms/<network>_<seed>. A killed run goes on from its last checkpoint.
"""

import argparse

from _small_lms import N_CHECKPOINTS, N_STEPS, NETWORKS, folder_of
from train_small_lm import run


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="name", help="networks or runs; default all")
    names = parser.parse_args().names or NETWORKS
    for network, (config, _, text, seeds) in NETWORKS.items():
        for name in (f"{network} seed {seed}" for seed in seeds):
            if network in names or name in names:
                print(name, flush=True)
                seed = int(name.rpartition(" ")[2])
                run(folder_of(name), text, N_STEPS, seed, config, N_CHECKPOINTS)


if __name__ == "__main__":
    main()
