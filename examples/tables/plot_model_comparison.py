"""
A few points of accuracy, most of the information
=================================================

Models whose accuracies lie a few points apart can differ widely in how much of the learnable
information they extract, and calibration gives back only what overconfidence took.

We draw data whose inputs explain exactly 30 % of the label entropy, so that the right answer is
known, estimate the ceiling, and compare three models with it on held-out rows.
"""

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import GaussianNB

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import make_learnability_classification
from sklearn_learnability.displays import EfficiencyDisplay, LearnabilityDisplay
from sklearn_learnability.metrics import compare_models

X, y, truth = make_learnability_classification(
    4000, n_features=10, learnability=0.3, random_state=0, return_truth=True
)
family = [
    ("logistic", LogisticRegression()),
    ("boosting", HistGradientBoostingClassifier(learning_rate=0.05, max_leaf_nodes=8)),
]
ceiling = GoldenModelCeiling(family, random_state=0).fit(X, y)
lower, upper = ceiling.learnability_interval_
print(f"learnability: {ceiling.learnability_:.3f} [{lower:.3f}, {upper:.3f}]")
print(f"the truth:    {truth.learnability:.3f}")

# %%
# The models are scored on rows they were not fitted on, paired row by row with the ceiling.

models = {
    "logistic regression": LogisticRegression(),
    "boosting, as it comes": HistGradientBoostingClassifier(random_state=0),
    "naive Bayes": GaussianNB(),
}
probas = {
    name: cross_val_predict(model, X, y, cv=5, method="predict_proba")
    for name, model in models.items()
}
compared = compare_models(y, probas, reference_nll=ceiling.oof_nll_)
_ = EfficiencyDisplay.from_comparison(compared, score="accuracy")

# %%
# Between the first and the last model lie eight points of accuracy and three quarters of the
# learnable bits. Open circles are the models as they are, filled ones are calibrated, with 95 %
# intervals. The thin lines belong to the best model: intervals that allow for its having been
# picked among three, and hold whichever is the best in truth.

for best in (compared.best, compared.calibrated_best):
    print(f"{best.model}: {best.value:.2f} [{best.lower:.2f}, {best.upper:.2f}]")
    print("may be the best:", ", ".join(best.may_be_best))

# %%
# The same in bits. What the ceiling does not explain, on the right, is noise as far as is known.

_ = LearnabilityDisplay.from_comparison(compared)
