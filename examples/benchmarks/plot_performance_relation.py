"""
Does a measure of models predict their scores, or do large models have more of both?
====================================================================================

Of eighty models we know the size, the tokens they were trained on, and a benchmark. Four measures
were taken of each. All but one go with the benchmark; one goes with it beyond scale, another one
only because large models have more of it, and one hides what it says behind scale.

The models are made up, so that we know which is which: each has a skill of its own beyond its
scale, which decides part of its score.
"""

import numpy as np
import pandas as pd

from sklearn_learnability.displays import PerformanceRelationDisplay
from sklearn_learnability.metrics import relate_to_performance

rng = np.random.default_rng(0)
n_models = 80
log_parameters = rng.uniform(8, 11, n_models)
log_tokens = log_parameters + 1.5 + 0.7 * rng.normal(size=n_models)
family = pd.Series(rng.choice(["ash", "beech", "cedar", "elm"], n_models), name="family")
head_start = family.map({"ash": -0.4, "beech": 0.0, "cedar": 0.2, "elm": 0.5})

scale = (log_parameters + 0.5 * log_tokens - 15) / 1.5
skill = rng.normal(size=n_models)
score = 60 + 10 * np.tanh(scale + 0.5 * skill + head_start) + rng.normal(size=n_models)

measures = pd.DataFrame(
    {
        "optimality": scale + 0.5 * skill + 0.3 * rng.normal(size=n_models),
        "width": scale + head_start + 0.5 * rng.normal(size=n_models),
        "thrift": skill - 0.75 * scale + 0.2 * rng.normal(size=n_models),
        "seed": rng.normal(size=n_models),
    }
)
covariates = pd.DataFrame({"log_parameters": log_parameters, "log_tokens": log_tokens})

# %%
# Within families, given size and tokens
# --------------------------------------

relation = relate_to_performance(
    measures, pd.Series(score, name="score"), covariates, family, size=10**log_parameters
)
table = relation.to_frame().set_index("measure")
table[["raw", "controlled", "p_value", "detectable", "size_matched", "verdict"]].round(3)

# %%
# Each verdict comes with the numbers it rests on.

for part in relation.relations:
    print(part.reading, end="\n\n")

# %%
# Raw correlations are grey, those given size and tokens, within families, are blue. What lies in
# the pale bar is found in less than 8 of 10 cases.

display = PerformanceRelationDisplay.from_relation(relation)

# %%
# Checkpoints are no models
# -------------------------
#
# Two measures of one run of training that have nothing to do with each other: both wander. As
# points they are related, even given the step. As a run they are one case: no verdict.

step = np.arange(200)
one, other = np.random.default_rng(10).normal(size=(2, 200)).cumsum(axis=1)
for name, how in {"as points": {}, "as a run": {"steps": step}}.items():
    (part,) = relate_to_performance(one, other, step, **how).relations
    print(f"{name}: {part.verdict}. {part.reading}")
