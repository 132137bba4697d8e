"""
How far from the information-bottleneck bound are three clusterings of words?
=============================================================================

Ten words come in three kinds, and what follows a word depends mostly on its kind. A representation
of the word is a good compression if it keeps what tells of the next word, and drops the rest. The
information bottleneck says how much can be told at every level of what is kept.
"""

import numpy as np

from sklearn_learnability.displays import InformationBottleneckDisplay
from sklearn_learnability.metrics import distance_to_bound, information_bottleneck

rng = np.random.default_rng(0)
kinds = np.repeat([0, 1, 2], [4, 3, 3])
following = rng.dirichlet(np.full(8, 0.4), size=3)[kinds] + 0.1 * rng.dirichlet(np.ones(8), size=10)
joint = rng.dirichlet(np.full(10, 5.0))[:, None] * following
joint /= joint.sum()

curve = information_bottleneck(joint)
print(f"the word says {curve.information:.2f} of its {curve.input_entropy:.2f} bits about the next")
print(curve.to_frame()[["beta", "complexity", "expressivity", "gap"]][::5].round(3))

# %%
# Three representations: the kind, the word's parity, and the word itself. Each is an encoder, and
# its two informations follow from the joint distribution.


def informations(labels):
    """Return what clusters of words keep of the word, and what they tell of the next, in bits."""
    made = np.array([joint[labels == t].sum(axis=0) for t in np.unique(labels)])
    share = made.sum(axis=1)
    independent = np.outer(share, joint.sum(axis=0))
    return -(share * np.log2(share)).sum(), (made * np.log2(made / independent)).sum()


models = {"kind": kinds, "parity": np.arange(10) % 2, "word": np.arange(10)}
measured = np.array([informations(labels) for labels in models.values()])
distance = distance_to_bound(curve, measured[:, 0], measured[:, 1])
print(distance.to_frame()[["complexity", "expressivity", "shortfall", "optimality"]].round(3))

# %%
# The kind lies on the frontier: nothing that keeps as little tells more. The word itself tells all
# there is, and keeps twice what is needed for nearly as much.

InformationBottleneckDisplay.from_bottleneck(curve, distance, list(models))
