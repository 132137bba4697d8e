"""
Which probabilities cost the most bits
======================================

A reliability diagram shows how far the probabilities of a model are from what happens. How much
that matters it does not show: the same distance costs little near one half and much near 0 and 1.

Naive Bayes counts what correlated inputs say again and again, and is far too sure.
"""

import matplotlib.pyplot as plt
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.displays import ReliabilityDisplay

X, y = make_learnability_classification(12000, learnability=0.3, random_state=0)
X = X.repeat(3, axis=1)  # each input three times
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

model = GaussianNB().fit(X_train, y_train)
display = ReliabilityDisplay.from_estimator(model, X_test, y_test, random_state=0)

# %%
# The points at 0.76 and at 0.03 are about as far from the diagonal, and the second costs more than
# four times as much. The costs add up to what calibration takes off, but for a remainder: what
# cancels within the bins, whose rows are not all as sure as their mean.
#
# The same model, calibrated by a sigmoid of its probabilities:

calibrated = CalibratedClassifierCV(GaussianNB(), method="sigmoid").fit(X_train, y_train)
display = ReliabilityDisplay.from_estimator(calibrated, X_test, y_test, random_state=0)
plt.show()

# %%
# Nearly all of the loss is gone. What is left is at both ends: such a sigmoid says neither less
# than 0.15 nor more than 0.85. A straight map of the log-odds cannot repair that, so that the
# calibration loss is near 0 and the remainder below it.
