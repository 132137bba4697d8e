"""Whatever is passed, a function answers with usable numbers, or says what it expected."""

import dataclasses
import inspect
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, ShuffleSplit

from sklearn_learnability import datasets, metrics
from sklearn_learnability.exceptions import LearnabilityWarning
from sklearn_learnability.metrics import Minimum, theoretical_llc

N_EXAMPLES = 400
#: New examples in every run; a failure prints what rebuilds it.
FUZZ = settings(
    max_examples=N_EXAMPLES,
    derandomize=False,
    print_blob=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
#: Numbers at the edge of what a float holds, and beyond what an argument means.
EXTREMES = (
    np.nan,
    np.inf,
    -np.inf,
    -1.0,
    -0.0,
    0.0,
    0.5,
    1.0,
    2,
    3,
    5e-324,
    1e-300,
    1e300,
    1.8e308,
)
#: What may be passed by mistake in place of anything.
WRONG = st.sampled_from(
    [
        *(None, True, "bits", "", b"bits", {}, {"a": 1}, set(), [], [[]], [None], (), 10**400, 1j),
        *(object(), LogisticRegression(), LogisticRegression, len, pd.NaT, pd.NA, Decimal("0.5")),
        *(np.zeros((2, 2, 2)), np.array(1.0), np.array(["a", "b"]), np.array([0, 1j])),
        *([1, [2, 3]], [1, "a"], [0, 1, None], pd.Series([0.0, 1.0]), pd.DataFrame({"a": [0, 1]})),
        *(np.array(["2020-01-01"], dtype="datetime64[D]"), csr_array(np.eye(2)), range(3)),
        *(
            pl.Series([0, 1]),
            np.ma.masked_array([0.5, 0.5], [True, False]),
            iter([1, 2]),
            *EXTREMES,
        ),
    ]
)
NUMBER = st.one_of(st.sampled_from(EXTREMES), st.floats(-2, 1e6), st.integers(-2, 100))
SEED = st.sampled_from([0, 1, 2**32 - 1, None, np.random.RandomState(0)])


def draw_labels(draw, rng, n):
    """Draw labels of any type, their classes in order, and the position of each label."""
    classes = draw(
        st.sampled_from(
            [
                [0, 1],
                [0, 1, 2],
                [-1.0, 0.0, 2.0],
                ["", "1", "a", "ä"],
                np.array(["x", "y", "z"], dtype=object),
                [-(2**63), -1, 2**62, 2**63 - 1],
                [False, True],
            ]
        )
    )
    classes = np.asarray(classes)
    codes = rng.integers(draw(st.integers(1, len(classes))), size=n)
    wrap = draw(st.sampled_from([np.asarray, list, pd.Series, pd.Categorical, pl.Series]))
    return wrap(classes[codes]), classes, codes


def draw_probabilities(draw, rng, codes, classes):
    """Draw probabilities, from flat ones to certainty, of any type."""
    n, k = len(codes), len(classes)
    concentration = draw(st.sampled_from([1e-3, 0.05, 1.0, 20.0, 1e6]))
    proba = rng.dirichlet(np.full(k, concentration), size=n)
    proba = np.where(np.isnan(proba).any(axis=1, keepdims=True), 1 / k, proba)
    kind = draw(st.sampled_from(["soft"] * 8 + ["hard", "true", "tiny", "vector"]))
    if kind == "hard":
        proba = np.eye(k)[proba.argmax(axis=1)]
    elif kind == "true":
        proba = np.eye(k)[codes]
    elif kind == "tiny":
        proba = np.eye(k)[proba.argmax(axis=1)] + 1e-300
    elif kind == "vector" and k == 2:
        return proba[:, 1]
    wraps = [np.asarray] * 4 + [list, np.float32, pd.DataFrame, pl.DataFrame, np.asfortranarray]
    return draw(st.sampled_from([*wraps, lambda p: pd.DataFrame(p, columns=classes)]))(proba)


def damaged(draw, rng, proba):
    """Return probabilities that are none."""
    proba = np.array(proba, dtype=float)
    kind = draw(st.sampled_from(["cell", "scale", "row", "column", "names"]))
    if kind == "cell":
        proba.flat[rng.integers(proba.size)] = draw(st.sampled_from(EXTREMES))
    elif kind == "scale":
        proba = proba * draw(st.sampled_from([0.5, 1 + 1e-9, -1, 1e300]))
    elif kind == "row":
        proba = proba[1:]
    elif kind == "column":
        proba = proba[..., :1]
    else:
        proba = proba.astype(str)
    return proba


def about_rows(rng, n, classes):
    """Return how the arguments about n rows are drawn."""
    weights = [rng.integers(3, size=n), 10.0 ** rng.integers(-300, 300, n), np.eye(n)[0]]
    for scale in (1.0, 1e-300, 1e160, 5e-324, 1e308):
        weights += [rng.random(n) * scale, np.full(n, scale), np.where(weights[0], scale, 0.0)]
    losses = [rng.exponential(size=n), np.zeros(n), np.full(n, 52.0), np.full(n, 5e-324)]
    losses += [rng.random(n) * 1e300, rng.exponential(size=n) / 10, np.arange(n) * 1e-9]
    groups = [np.arange(n), np.arange(n) % 3, rng.integers(3, size=n), list("ab" * n)[:n]]
    return {
        "sample_weight": st.sampled_from([*weights, *map(list, weights)]),
        "reference_nll": st.sampled_from([*losses, *map(pd.Series, losses)]),
        "learnability": st.one_of(st.floats(0, 1), st.sampled_from([5e-324, 1, 1 - 1e-16])),
        "groups": st.sampled_from([*groups, pd.Series(groups[1]).astype("category")]),
        "segments": st.sampled_from([*groups, np.zeros(n), pd.cut(pd.Series(rng.random(n)), 3)]),
        "labels": st.sampled_from([classes, [*classes], pd.Series(classes)]),
        "units": st.sampled_from(["bits", "nats"]),
        "calibration": st.sampled_from(
            ["affine", "temperature", "vector", "matrix", "beta", "isotonic"]
        ),
        "cv": st.sampled_from(
            [2, min(5, n), n, KFold(2), LeaveOneOut(), [(np.arange(n) > 0, np.arange(n) == 0)]]
        ),
        "confidence": st.sampled_from([0.95, 0.5, 1e-300, 1 - 1e-16]),
        "negligible": st.sampled_from([0.05, 0.0, 5e-324, 1 - 1e-16]),
        "min_samples": st.integers(2, 60),
        "random_state": SEED,
        "X": st.none(),
        "bracket": st.sampled_from([None, (0.0, 0.5), (0.2, 1.0), (0.0, 0.0)]),
    }


def odd_about_rows(rng, n):
    """Return how arguments about rows go wrong that are of the right kind."""
    several = st.sampled_from([rng.random(n + 1), rng.normal(size=n), np.full(n, np.nan)])
    holes = np.array(["a", "b", None])[np.arange(n) % 3]
    return {
        "sample_weight": several,
        "reference_nll": several,
        "learnability": NUMBER,
        "bracket": st.tuples(NUMBER, NUMBER),
        "groups": st.sampled_from([holes, np.zeros(n), [*holes], [[1]] * n, np.arange(n + 1)]),
        "segments": st.sampled_from([holes, ["(all rows)"] * n, [1, "1"] * n, [[1]] * n]),
        "labels": st.sampled_from([[0], [1, 0], [0, 0], [2, 1, 0], ["b", "a"], [0, 1, np.nan]]),
        "cv": st.sampled_from(
            [
                *(-1, 1, 1000, KFold(50), GroupKFold(2), ShuffleSplit(2), [([], [])], [(0, 1)]),
                *([1, 2], [([0], [10**6])], [([0.5], [1.5])]),
            ]
        ),
        "confidence": NUMBER,
        "negligible": NUMBER,
        "min_samples": NUMBER,
    }


@st.composite
def calls_on_rows(draw, function):
    """Draw arguments of a function of labels and probabilities."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.one_of(st.integers(1, 40), st.sampled_from([1, 2, 3, 200])))
    y, classes, codes = draw_labels(draw, rng, n)
    proba = draw_probabilities(draw, rng, codes, classes)
    drawn = about_rows(rng, n, classes)
    drawn |= dict.fromkeys(("y", "y_true"), st.just(y)) | {"y_proba": st.just(proba)}
    drawn["y_probas"] = st.just({"a": proba, "b": proba})
    parameters = inspect.signature(function).parameters
    ceilings = [name for name in ("learnability", "reference_nll") if name in parameters]
    optional = set(parameters) - set(ceilings)
    names = [name for name in optional if parameters[name].default is inspect.Parameter.empty]
    names += [name for name in sorted(optional - set(names)) if draw(st.integers(0, 3)) == 0]
    names += [draw(st.sampled_from(ceilings))] if ceilings else []
    names += ["labels"] if "labels" in parameters else []
    arguments = {name: draw(drawn[name]) for name in sorted(set(names))}
    if draw(st.integers(0, 3)) == 0:
        name = draw(st.sampled_from(sorted(parameters)))
        odd = odd_about_rows(rng, n)
        if name in odd:
            arguments[name] = draw(odd[name])
        elif name == "y_proba":
            arguments[name] = damaged(draw, rng, proba)
    return arguments


@st.composite
def calls_on_points(draw, function):
    """Draw two quantities, and others."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.one_of(st.integers(1, 20), st.integers(5, 20)))
    scale = draw(st.sampled_from([1.0, 1.0, 1e-300, 1e-160, 1e160, 1e300, 5e-324]))
    shift = draw(st.sampled_from([0.0, 0.0, 1.0, 1e12, -1e300]))
    columns = [rng.normal(size=n) * scale + shift, rng.integers(3, size=n) * 1.0, np.full(n, shift)]
    columns += [
        np.where(rng.random(n) < 0.1, 1e308, -1e308),
        np.arange(n),
        list(rng.normal(size=n)),
    ]
    column = st.sampled_from(columns)
    others = st.sampled_from([None, *columns, rng.normal(size=(n, 2)), np.zeros((n, 0))])
    drawn = about_rows(rng, n, np.arange(2))
    drawn |= dict.fromkeys(("x", "y"), column)
    drawn |= dict.fromkeys(("given", "measures", "scores", "covariates"), others)
    steps = [np.arange(n), np.arange(n) // 3, np.zeros(n), list("ab" * n)[:n], list("ab" * n)]
    drawn |= dict.fromkeys(("steps", "runs"), st.sampled_from(steps))
    drawn["family"] = drawn["groups"]
    drawn["size"] = st.sampled_from([np.abs(columns[0]), np.arange(1, n + 1), columns[2]])
    drawn |= {"ratio": NUMBER, "degree": st.integers(0, 6), "n_permutations": st.sampled_from([49])}
    parameters = inspect.signature(function).parameters
    needed = [n for n in parameters if parameters[n].default is inspect.Parameter.empty]
    chosen = [name for name in parameters if name in needed or draw(st.booleans())]
    return {name: draw(drawn[name]) for name in chosen}


#: Functions of quantities measured at points.
ON_POINTS = {
    *("linear_association", "spearman", "partial_spearman"),
    *("relate_to_performance", "size_groups"),
}


MINIMUM = st.builds(
    Minimum,
    nll=NUMBER,
    llc=NUMBER,
    multiplicity=st.one_of(st.integers(1, 3), NUMBER),
    n_parameters=st.one_of(st.none(), NUMBER),
    tempered_nll=st.one_of(st.none(), NUMBER),
)
GOOD_MINIMUM = st.builds(Minimum, nll=st.floats(0, 10), llc=st.floats(0, 1e6))
WIDTH = st.one_of(*[st.integers(2, 12)] * 6, st.integers(-1, 12), NUMBER)
RANK = st.one_of(*[st.integers(0, 2)] * 4, WIDTH)
POSITIVE = st.one_of(*[st.floats(3, 1e6)] * 5, NUMBER)
MODELS = st.dictionaries(st.sampled_from("abc"), st.one_of(GOOD_MINIMUM, MINIMUM, WRONG))
#: How the arguments of functions of a few numbers are drawn.
NUMBERS = {
    "two_part_code_length": {
        "nll_sum": POSITIVE,
        "llc": POSITIVE,
        "n": POSITIVE,
        "multiplicity": st.one_of(st.integers(1, 3), NUMBER),
        "units": st.sampled_from(["bits", "nats"]),
    },
    "best_expected_score": {
        "y_proba": st.one_of(
            st.lists(st.floats(0, 1), min_size=1, max_size=9),
            st.lists(st.floats(0, 1).map(lambda p: [p, 1 - p]), min_size=1, max_size=9),
            st.lists(st.lists(NUMBER, min_size=2, max_size=3), max_size=3),
        ),
        "scoring": st.sampled_from(["accuracy", "f1", "roc_auc", "log_loss", "no such", None]),
    },
    "information_bottleneck": {
        "joint": st.one_of(
            st.lists(st.floats(1e-3, 1), min_size=4, max_size=4).map(
                lambda p: (np.reshape(p, (2, 2)) / np.sum(p)).tolist()
            ),
            st.lists(st.lists(st.one_of(st.floats(0, 1), NUMBER), min_size=2, max_size=2)),
            WRONG,
        ),
        "betas": st.one_of(
            st.lists(st.floats(0.1, 1e6), min_size=1, max_size=3),
            st.sampled_from(["auto", "all", None, [np.nan], [-1.0], [1e308], [1e-300]]),
        ),
        "n_clusters": st.sampled_from([None, None, 1, 2, 0, 3, "two"]),
        "deterministic": st.sampled_from([False, True, 2]),
        "units": st.sampled_from(["bits", "nats", "hartleys"]),
        "max_iter": st.sampled_from([1, 50]),
        "random_state": st.just(0),
    },
    "distance_to_bound": {
        "bottleneck": st.just(metrics.information_bottleneck([[0.3, 0.1], [0.2, 0.4]], [2, 40])),
        "complexity": st.one_of(st.floats(0, 2), NUMBER, st.lists(st.floats(0, 2), max_size=3)),
        "expressivity": st.one_of(st.floats(0, 2), NUMBER, st.lists(st.floats(0, 2), max_size=3)),
    },
    "ngram_joint": {
        "ids": st.one_of(
            st.lists(st.integers(0, 5), max_size=20),
            st.lists(st.lists(st.integers(0, 2**40), max_size=6), max_size=4),
            st.lists(NUMBER, max_size=4),
            WRONG,
        ),
        "width": st.one_of(st.integers(1, 3), NUMBER),
    },
    "annotator_learnability": {
        "counts": st.one_of(
            st.lists(st.lists(st.integers(0, 60), min_size=3, max_size=3), min_size=1, max_size=20),
            st.lists(st.lists(st.one_of(st.integers(0, 3), NUMBER), min_size=2, max_size=3)),
            WRONG,
        ),
        "units": st.sampled_from(["bits", "nats", "hartleys"]),
        "confidence": st.one_of(st.floats(0.01, 0.999), NUMBER),
    },
    "predicted_bits": {
        "llc": POSITIVE,
        "n_parameters": POSITIVE,
        "tolerance": st.one_of(st.floats(1e-300, 0.99), st.floats(-0.5, 1.5)),
    },
    "select_by_description_length": {
        "models": st.one_of(
            *[st.dictionaries(st.sampled_from("abc"), GOOD_MINIMUM, min_size=1)] * 3, MODELS
        ),
        "n": POSITIVE,
        "n_range": st.sampled_from(
            [*[(3.0, 1e12)] * 4, (3, 1e300), (1, 2), (3, np.inf), (10, 3), (3,), "3", (3, None)]
        ),
        "units": st.sampled_from(["bits", "nats"]),
    },
    "reduced_rank_regression": {
        **dict.fromkeys(("n_inputs", "n_hidden", "n_outputs"), WIDTH),
        "rank": RANK,
    },
    "deep_linear_network": {
        "widths": st.one_of(
            st.lists(st.integers(1, 9), min_size=2, max_size=6), st.lists(WIDTH, max_size=6)
        ),
        "rank": RANK,
    },
    "tanh": {"n_hidden": st.one_of(st.integers(-1, 10**30), WIDTH)},
    "normal_crossing": {
        "terms": st.lists(
            st.one_of(st.lists(st.floats(0.5, 8), min_size=1), st.lists(NUMBER), WRONG), max_size=3
        )
    },
}
STRENGTH = st.one_of(st.sampled_from(["low", "medium", "high", "none"]), st.floats(0, 8), NUMBER)
RATE = st.one_of(st.floats(0, 1), st.sampled_from([1e-12, 1 - 1e-12, *EXTREMES]))
SIZE = st.one_of(st.integers(1, 12), st.integers(-1, 3), st.sampled_from([2.5, np.int64(4), "low"]))
#: How the arguments of generators are drawn.
DRAWN = {
    "n_samples": st.one_of(st.integers(1, 60), SIZE),
    "signal_strength": STRENGTH,
    "turns": NUMBER,
    "swing": RATE,
    "persistence": RATE,
    "heteroscedasticity": st.one_of(st.floats(0, 3), NUMBER),
    "learnability": st.one_of(st.none(), RATE),
    "label_noise": st.one_of(st.floats(0, 0.5), RATE, st.tuples(RATE, RATE)),
    "positive_rate": st.one_of(st.none(), RATE),
    "class_frequencies": st.one_of(
        st.none(), st.lists(RATE, max_size=5), st.sampled_from([[0.5, 0.5], [1 / 3] * 3, [1, 1e-9]])
    ),
    "learnabilities": st.one_of(
        st.lists(st.floats(0, 0.9), max_size=4), st.lists(RATE, max_size=4)
    ),
    "structure": st.sampled_from(["heavy-tailed", "bounded", "low-variance", "flat"]),
    "signal_location": st.sampled_from(["gaussian", "both", "structured", "nowhere"]),
    "link": st.sampled_from(["logistic", "probit", "log"]),
    "n_levels": st.one_of(st.lists(st.integers(2, 30), min_size=2, max_size=4), SIZE),
    "zipf_exponent": st.one_of(st.floats(0, 5), NUMBER),
    "interaction": RATE,
    "random_state": SEED,
    "return_truth": st.booleans(),
    "version": st.integers(0, 2),
    "n_lags": st.integers(-1, 5),
    "states_per_symbol": st.integers(-1, 3),
    "n_symbols": st.integers(-1, 3),
    "n_states": st.integers(-1, 4),
    "order": st.integers(-1, 3),
    "n_clusters": st.integers(-1, 4),
    "n_classes": st.integers(-1, 4),
    "n_hidden": st.integers(-1, 6),
}


@st.composite
def calls_on_numbers(draw, function):
    return {name: draw(values) for name, values in NUMBERS[function.__name__].items()}


@st.composite
def calls_of_generators(draw, function):
    names = list(inspect.signature(function).parameters)
    chosen = {name for name in names if draw(st.integers(0, 2)) == 0} | {names[0]}
    return {name: draw(DRAWN.get(name, SIZE)) for name in names if name in chosen}


@st.composite
def calls_on_forecasts(draw, function):
    """Draw targets, forecasts of them, and others."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.one_of(st.integers(1, 40), st.sampled_from([4, 200])))
    scale = draw(st.sampled_from([1.0, 1.0, 1e-300, 1e-160, 1e140, 5e-324]))
    y = draw(st.sampled_from([rng.normal(size=n), rng.integers(3, size=n), np.zeros(n)])) * scale
    columns = [y, y + scale * rng.normal(size=n), np.zeros(n), np.full(n, 1e150), np.ones(n)]
    numbers = st.sampled_from([*columns, list(y)])
    drawn = about_rows(rng, n, np.arange(2))
    drawn |= {"y_true": st.sampled_from([y, list(y)]), "y_pred": numbers}
    drawn["y_std"] = st.sampled_from([np.abs(y) + scale, np.full(n, 1e-300), np.full(n, 1e100), y])
    drawn["reference"] = st.sampled_from([rng.normal(1, 1, n), np.full(n, 1e50), np.ones(n)])
    names = {"y_true", "y_pred", draw(st.sampled_from(["learnability", "reference"]))}
    for name in ("y_std", "sample_weight", "groups", "units", "confidence"):
        if draw(st.integers(0, 3)) == 0:
            names.add(name)
    return {name: draw(drawn[name]) for name in sorted(names)}


def how_to_call(function):
    if function.__name__ == "regression_efficiency":
        return calls_on_forecasts(function)
    if function.__name__ in NUMBERS:
        return calls_on_numbers(function)
    if function.__name__ in ON_POINTS:
        return calls_on_points(function)
    rows = {"y", "y_true"} & inspect.signature(function).parameters.keys()
    return calls_on_rows(function) if rows else calls_of_generators(function)


def call(function, arguments):
    """Call with keywords, or with positional arguments where there is nothing else."""
    if function is theoretical_llc.normal_crossing:
        return function(*arguments["terms"])
    return function(**arguments)


#: Ends of intervals and tests that one row or group has none of, and what was not asked for.
MAY_BE_NAN = (
    *("standard_error", "lower", "upper", "p_excess_loss", "p_learnability"),
    *("optimality", "excess_complexity"),  # of nothing, and of more than can be
    *("raw_p_value", "detectable"),
    *("p_value", "within_steps", "within_steps_lower", "within_steps_upper"),  # with a reason
)


def numbers_in(value, where=""):
    """Return the numbers of a result by their names, without what gives a reason for being NaN."""
    with_reason = metrics.Efficiency | metrics.RegressionEfficiency | metrics.RankAssociation
    if isinstance(value, with_reason) and value.reason:
        return []
    if isinstance(value, metrics.GroupLeftOut):  # the others may be too few, or constant
        return []
    if dataclasses.is_dataclass(value):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif isinstance(value, tuple | list | dict):
        parts = value if isinstance(value, dict) else dict(enumerate(value))
    else:
        is_number = isinstance(value, int | float | np.number | np.ndarray)
        return [(where, value)] if is_number else []
    return [pair for name, part in parts.items() for pair in numbers_in(part, f"{where}.{name}")]


def unusable(result, arguments):
    """Return the numbers of a result that nobody can use, by their names."""
    found = {}
    for name, value in numbers_in(result):
        values = np.asarray(value)
        if values.dtype.kind != "f" or np.isfinite(values).all():
            continue
        unasked = "given" in name or "gain" in name or "partial" in name
        explained = name.endswith(MAY_BE_NAN) or (unasked and arguments.get("given") is None)
        if np.isinf(values).any() or not explained:
            found[name] = value
    return found


def functions():
    """Return every public function of metrics and generator of data sets, by name."""
    modules = (metrics, theoretical_llc, datasets)
    named = {name: getattr(module, name) for module in modules for name in module.__all__}
    return {
        name: value
        for name, value in named.items()
        # these read tables, and draw nothing or rows of a file
        if inspect.isfunction(value) and name not in ("load_flights", "load_avazu")
    }


FUNCTIONS = functions()


def check_answer(function, arguments):
    """Call, and return whether numbers came back; an error has to say what was expected."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(function, arguments)
        except (TypeError, ValueError) as error:
            if not str(error).startswith("Expected "):
                raise
            return False
    own = [w for w in caught if issubclass(w.category, LearnabilityWarning)]
    others = [w for w in caught if w not in own and "groups parameter is ignored" not in str(w)]
    assert not others, [f"{w.filename}:{w.lineno} {w.message}" for w in others]
    assert own or not unusable(result, arguments), unusable(result, arguments)
    return True


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_answers_or_says_what_it_expected(name):
    function = FUNCTIONS[name]
    answered = []

    @FUZZ
    @given(data=st.data())
    def fuzz(data):
        arguments = data.draw(how_to_call(function))
        if "terms" not in arguments and data.draw(st.integers(0, 3)) == 0:
            name = data.draw(st.sampled_from(sorted(arguments.keys() - {"return_truth"})))
            arguments[name] = data.draw(WRONG)
        answered.append(check_answer(function, arguments))

    fuzz()
    assert len(answered) >= N_EXAMPLES
    assert sum(answered) > N_EXAMPLES / 100  # not errors alone


def test_ten_thousand_examples_are_promised():
    assert N_EXAMPLES * len(FUNCTIONS) >= 10_000
