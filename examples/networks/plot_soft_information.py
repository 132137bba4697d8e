"""
Wider contexts are not remembered better, they are rarer
========================================================

How much do hidden states keep of the last one, two, three or four tokens? The usual estimate rises
with the width, whatever the hidden states hold: most wide contexts occur once, and a label that
occurs once looks fully remembered. What meaningless labels of the same sizes would have given shows
this, and an unbiased measure sees through it.

The hidden states here know the last token and nothing else, so the information is the same at every
width, and we know it.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_learnability.torch import LabelTable, SoftInformation, ngram_labels

DIM, VOCABULARY, WIDTHS = 64, 60, (1, 2, 3, 4)
rng = np.random.default_rng(0)
embedding = rng.normal(size=(VOCABULARY, DIM))
frequency = 1 / np.arange(1, VOCABULARY + 1)


def draw(n_sequences, length=128):
    """Return tokens, and hidden states that are their embeddings and noise."""
    tokens = rng.choice(VOCABULARY, size=(n_sequences, length), p=frequency / frequency.sum())
    return tokens, embedding[tokens] + 0.7 * rng.normal(size=(n_sequences, length, DIM))


def measure(tokens, hidden, labels):
    """Return the table of estimates of all sets of labels, streamed in batches."""
    tables = {name: LabelTable.from_labels(codes) for name, codes in labels.items()}
    stream = SoftInformation(DIM, labels=tables)
    for start in range(0, len(tokens), 16):
        batch = slice(start, start + 16)
        stream.update(hidden[batch], {name: codes[batch] for name, codes in labels.items()})
    return stream.compute().to_frame().set_index("labels")


tokens, hidden = draw(64)
contexts = {f"{width} wide": ngram_labels(tokens, width) for width in WIDTHS}
shuffled = {
    name: rng.permutation(codes.ravel()).reshape(codes.shape) for name, codes in contexts.items()
}
found, meaningless = measure(tokens, hidden, contexts), measure(tokens, hidden, shuffled)
truth = measure(*(large := draw(1500)), {"1 wide": large[0]})["information"].iloc[0]

shown = ["information", "null", "lower", "upper", "coverage", "quadratic"]
print(f"information of the last token, from 23 times as many positions: {truth:.3f}")
print(found[shown].round(3).to_string())

# %%
# The estimate climbs from the truth to the ceiling. So does that of shuffled labels, and the null
# says so without shuffling: one curve from a sample of positions serves all sets of labels. The
# distance between estimate and null is not the information either; it shrinks as both meet the
# ceiling. On contexts that occur at least twice, the leave-one-out and the plug-in estimate enclose
# the truth. The unbiased quadratic information does not climb, and is 0 for shuffled labels.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
left.fill_between(WIDTHS, found["lower"], found["upper"], color="#56B4E9", alpha=0.35, linewidth=0)
left.plot(WIDTHS, found["information"], "o-", color="#0072B2")
left.plot(WIDTHS, found["null"], "s--", color="#D55E00")
left.plot(WIDTHS, meaningless["information"], "x", color="#222222")
left.axhline(truth, color="#222222", linewidth=1)
left.axhline(found["ceiling"].iloc[0], color="#999999", linewidth=1, linestyle=":")
left.set_ylabel("information, in units of ln 100 nats")
end = {"va": "center", "xytext": (8, 0), "textcoords": "offset points", "annotation_clip": False}
left.annotate("ceiling", (4, found["ceiling"].iloc[0]), color="#777777", **end)
left.annotate("truth", (4, truth), color="#222222", **{**end, "xytext": (8, 8)})
left.annotate("bracket", (4, found["lower"].iloc[-1]), color="#56B4E9", **end)
above = {**end, "xytext": (-8, 10), "ha": "right"}
left.annotate("estimate", (3, found["information"].iloc[2]), color="#0072B2", **above)
left.annotate("null; x: shuffled", (1, found["null"].iloc[0]), color="#D55E00", **end)
for table, color in ((found, "#0072B2"), (meaningless, "#D55E00")):
    margin = table["quadratic_upper"] - table["quadratic"]
    right.errorbar(WIDTHS, table["quadratic"], margin, fmt="o-", color=color, capsize=3)
right.axhline(0, color="#222222", linewidth=1)
right.set_ylabel("quadratic information")
above = {**end, "xytext": (8, 12)}
right.annotate("contexts", (1, found["quadratic"].iloc[0]), color="#0072B2", **above)
right.annotate("shuffled", (1, meaningless["quadratic"].iloc[0]), color="#D55E00", **above)
for ax in (left, right):
    ax.set_xticks(WIDTHS)
    ax.set_xlabel("width of the context, tokens")
    ax.set_ylim(bottom=min(0, ax.get_ylim()[0]))
    ax.spines[["top", "right"]].set_visible(False)

# %%
# **What to do with it.** Read an information beside its null. Where the two are close, the labels
# are too rare for the number of positions, and the ratio of two such estimates is near 1 for any
# hidden states. Take the bracket with its coverage, or the quadratic information with its interval,
# or narrower contexts, or more text.
