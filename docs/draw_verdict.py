"""Draw _static/verdict.png, the picture of the front page and of the README.

``python docs/draw_verdict.py`` takes some seconds.
"""

from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_learnability import GoldenModelCeiling
from sklearn_learnability.datasets import load_titanic
from sklearn_learnability.metrics import compare_models

PATH = Path(__file__).parent / "_static" / "verdict.png"
GREY, BLUE, GREEN, ORANGE = "#c8ccd1", "#4c72b0", "#55a868", "#dd8452"
#: What the verdict on a model asks for.
ADVICE = {
    "at the ceiling": "get other data, not another model",
    "room for a better model": "calibrate it, or take another model",
}


def measure():
    """Return the ceiling and the comparison of the tutorial's two models, with their verdicts."""
    X, y = load_titanic(3000, random_state=0)
    family = ["prior", "logistic", "hist_gradient_boosting"]
    ceiling = GoldenModelCeiling(family, bracket=True, random_state=0).fit(X, y)
    encoder = OneHotEncoder(sparse_output=False)
    models = {
        "a random forest": RandomForestClassifier(50, random_state=0),
        "naive Bayes": BernoulliNB(),
    }
    probas = {
        name: cross_val_predict(make_pipeline(encoder, model), X, y, method="predict_proba")
        for name, model in models.items()
    }
    verdicts = {
        name: ceiling.shortfall_.verdict(y, proba, reference_nll=ceiling).answer
        for name, proba in probas.items()
    }
    return ceiling, compare_models(y, probas, reference_nll=ceiling).to_frame(), verdicts


def draw(ceiling, models, verdicts):
    """Draw what the labels hold, what the inputs explain and what each model extracts."""
    figure, ax = plt.subplots(figsize=(8.4, 3.5), layout="constrained")
    lower, upper = ceiling.learnability_bracket_
    found = ceiling.learnability_
    rows = ["the labels hold", "the inputs explain", *models["model"] + " extracts"]
    ax.barh(0, 1, color=GREY)
    ax.text(0.99, 0, f"{ceiling.label_entropy_:.2f} bits a row", ha="right", va="center")
    ax.barh(1, found, color=BLUE, xerr=[[found - lower], [upper - found]], capsize=4)
    bracket = f"{100 * lower:.0f} to {100 * upper:.0f} %"
    ax.text(upper + 0.02, 1, f"{100 * found:.0f} % of them, in a bracket of {bracket}", va="center")
    ax.axvspan(lower, upper, color=BLUE, alpha=0.12, zorder=0)
    for place, (_, row) in enumerate(models.iterrows(), 2):
        answer = verdicts[row["model"]]
        share = row["efficiency"] * found
        ax.barh(place, share, color=GREEN if answer == "at the ceiling" else ORANGE)
        told = f"efficiency {row['efficiency']:.2f}: {answer}\n{ADVICE[answer]}"
        ax.text(upper + 0.02, place, told, va="center")
    ax.set_yticks(range(len(rows)), rows)
    ax.invert_yaxis()
    ax.set(xlim=(0, 1), xlabel="share of what the labels hold")
    ax.set_title("Who survived the Titanic? Class, sex and age of 3,000 passengers", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    draw(*measure()).savefig(PATH, dpi=150)
