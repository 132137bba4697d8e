"""Docstrings: complete, in numpydoc's shape, and in agreement with the signatures."""

import ast
import dataclasses
import importlib
import inspect
import re
from enum import Enum
from importlib.util import find_spec

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import validate
from sklearn.utils.metadata_routing import UNCHANGED

PUBLIC_MODULES = [
    "sklearn_learnability",
    "sklearn_learnability.metrics",
    "sklearn_learnability.metrics.theoretical_llc",
    "sklearn_learnability.datasets",
    "sklearn_learnability.displays",
    "sklearn_learnability.report",
    *(["sklearn_learnability.torch"] if find_spec("torch") else []),
]

# RT02: the type alone in Returns; GL01, GL02: where the quotes stand; SA01: See Also; ES01: a
# one-sentence summary is enough.
IGNORED = {"RT02", "GL01", "GL02", "SA01", "ES01"}
# Methods need no example of their own.
IGNORED_IN_METHODS = IGNORED | {"EX01"}
# A result shows itself in the example of the function that returns it; its fields are Attributes.
IGNORED_IN_RESULTS = IGNORED | {"EX01", "PR01"}
# The methods of a result are typed and small: one sentence each.
IGNORED_IN_METHODS_OF_RESULTS = IGNORED_IN_RESULTS | {"RT01"}


def public_objects():
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            value = getattr(module, name)
            if callable(value):
                yield f"{module_name}.{name}", value


def module_of(member):
    """Return the module of a member of a class, "" for one of a built-in type."""
    return getattr(inspect.unwrap(member), "__module__", None) or ""


def is_result(value):
    """Return whether an object is made by the package rather than by a user."""
    return dataclasses.is_dataclass(value) or (inspect.isclass(value) and issubclass(value, Enum))


OBJECTS = dict(public_objects())
CLASSES = {path: value for path, value in OBJECTS.items() if inspect.isclass(value)}
METHODS = {
    f"{path}.{name}": getattr(cls, name)
    for path, cls in CLASSES.items()
    for name, member in inspect.getmembers_static(cls)
    if not name.startswith("_")
    and module_of(getattr(cls, name)).startswith("sklearn_learnability")
    and (inspect.isfunction(member) or isinstance(member, classmethod | staticmethod))
}


def found_errors(path, ignored):
    return [f"{code}: {text}" for code, text in validate(path)["errors"] if code not in ignored]


@pytest.mark.parametrize("path", OBJECTS)
def test_docstring_is_complete(path):
    ignored = IGNORED_IN_RESULTS if is_result(OBJECTS[path]) else IGNORED
    assert found_errors(path, ignored) == []


@pytest.mark.parametrize("path", METHODS)
def test_method_docstring_is_complete(path):
    of_result = is_result(CLASSES[path.rpartition(".")[0]])
    ignored = IGNORED_IN_METHODS_OF_RESULTS if of_result else IGNORED_IN_METHODS
    assert found_errors(path, ignored) == []


def documented_defaults(value):
    """Return what the docstring says of each parameter's default, as written; None if nothing."""
    doc = ClassDoc(value) if inspect.isclass(value) else FunctionDoc(value)
    for parameter in doc["Parameters"] + doc["Other Parameters"]:
        match = re.search(r"\bdefault=(.+)$", parameter.type)
        said = match.group(1) if match else None
        if said is None and re.search(r"\boptional\b", parameter.type):
            said = "None"
        for name in parameter.name.split(","):
            yield name.strip().lstrip("*"), said


@pytest.mark.parametrize("path", [*OBJECTS, *METHODS])
def test_documented_default_is_the_default(path):
    value = OBJECTS.get(path) or METHODS[path]
    signature = inspect.signature(value).parameters
    for name, said in documented_defaults(value):
        default = signature[name].default
        if default is inspect.Parameter.empty:
            assert said is None, f"{name} has no default, but the docstring says {said}"
        else:
            assert said is not None, f"the docstring does not say that {name}={default!r}"
            agrees = said == "UNCHANGED" if default == UNCHANGED else literal(said) == default
            agrees = agrees or said == repr(default)  # torch.float32
            assert agrees, f"{name}={default!r}, documented as {said}"


def literal(text):
    try:
        return ast.literal_eval(text)
    except ValueError:
        return text


#: An argument of one name is documented in one way in each wing. Displays take values to draw.
TORCH = [module for module in PUBLIC_MODULES if module.endswith(".torch")]
TABULAR = [m for m in PUBLIC_MODULES if m not in TORCH and not m.endswith(".displays")]
#: Where one name has to mean another thing, and why.
EXPLAINED = {
    ("ComplexityCallback", "llc"): "an estimator alone, of one setting for all steps",
    ("network_profile", "model"): "a module, or a network of skorch",
    ("network_profile", "y"): "numbers of columns",
    ("profile_checkpoints", "y"): "numbers of columns",
    ("network_profile", "random_state"): "a number only",
    ("profile_checkpoints", "random_state"): "a number only",
    ("network_profile", "layers"): "modules of any network, not hidden states",
    ("profile_checkpoints", "layers"): "modules of any network, not hidden states",
    ("network_profile", "llc"): "an estimator alone, which may be left out",
    ("profile_checkpoints", "llc"): "an estimator alone, which may be left out",
    ("linear_association", "groups"): "of points, not of rows",
    ("linear_association", "y"): "a quantity, not labels",
    ("spearman", "y"): "a quantity, not labels",
    ("partial_spearman", "y"): "a quantity, not labels",
    ("spearman", "groups"): "of points, not of rows",
    ("partial_spearman", "groups"): "of points, not of rows",
    ("learnability_report", "models"): "classifiers to fit, as of run_suite",
    ("learnability_report", "random_state"): "an int alone, as it is written in the report",
    ("learnability_report", "time"): "in any order, which it puts right",
    ("regression_report", "candidates"): "regressors",
    ("regression_report", "models"): "regressors to fit",
    ("regression_report", "predictions"): "forecasts, not probabilities",
    ("regression_report", "random_state"): "an int alone, as it is written in the report",
    ("regression_report", "time"): "in any order, which it puts right",
    ("regression_report", "y"): "numbers",
    ("skore_checks", "time"): "in any order, which it puts right",
    ("skore_checks", "random_state"): "an int alone, as it is written in the report",
    ("information_bottleneck", "n_clusters"): "of inputs, not of rows",
    ("information_bottleneck", "tolerance"): "of steps, not of a loss",
    ("ngram_joint", "width"): "of contexts, not of layers",
    ("set_score_request", "sample_weight"): "whether it is asked for",
    ("set_score_request", "reference_nll"): "whether it is asked for",
    ("GoldenModelCeiling", "bracket"): "whether it is measured, not the ends themselves",
    ("GoldenModelCeilingRegressor", "candidates"): "regressors",
    ("RegressionEfficiencyScorer", "ceiling"): "of numbers",
    ("regression_efficiency", "learnability"): "known, where generators are told what is wanted",
    ("regression_efficiency", "y_true"): "numbers",
    ("information", "y"): "numbers",
    ("log_density", "y"): "numbers",
    ("fit", "y"): "labels of a classifier, numbers of a regressor",
    ("score", "y"): "labels of a classifier, numbers of a regressor",
    ("compare_models", "learnability"): "known, where generators are told what is wanted",
    ("efficiency", "learnability"): "known, where generators are told what is wanted",
    ("efficiency_score", "learnability"): "known, where generators are told what is wanted",
    ("make_drifting_classification", "label_noise"): "one rate only",
    ("make_segmented_classification", "n_active"): "a number only",
    ("make_parity_classification", "order"): "of an interaction, not of a chain",
    ("run_suite", "models"): "to be fitted, not minima of a loss",
    ("suite_models", "random_state"): "a number only",
    ("run_suite", "random_state"): "a number, from which one for each data set follows",
    ("label_information", "random_state"): "a number only",
    ("InformationPlaneCallback", "random_state"): "a number only",
    ("preference_information", "excluded_tokens"): "of no texts, but of pairs",
    ("measure_preference_checkpoints", "excluded_tokens"): "of no texts, but of pairs",
    ("measure_checkpoints", "random_state"): "a number only",
    ("measure_information_plane", "random_state"): "a number only",
    ("preference_information", "random_state"): "a number only",
    ("random_versus_forward", "ceiling"): "unfitted, with the settings of all splits",
    ("random_versus_forward", "cv"): "forward folds only",
    ("learnability_by_output", "ceiling"): "unfitted, with the settings of all outputs",
    ("SequentialLearnability", "candidates"): "another default family",
    ("SequentialLearnability", "n_lags"): "looked at, not drawn",
    ("get_n_splits", "X"): "ignored",
    ("get_n_splits", "y"): "ignored",
    ("get_n_splits", "groups"): "ignored",
    ("split", "y"): "ignored",
    ("split", "groups"): "ignored",
    ("SequentialLearnability", "n_blocks"): "of steps",
    ("label_information", "reference_points"): "of one size of states, or of each",
    ("InformationPlaneCallback", "reference_points"): "of one size of states, or of each",
    ("measure_checkpoints", "reference_points"): "of one size of states, or of each",
    ("measure_label_checkpoints", "random_state"): "a number only",
    ("measure_label_checkpoints", "reference_points"): "of one size of states, or of each",
    ("measure_preference_checkpoints", "random_state"): "a number only",
    ("measure_preference_checkpoints", "reference_points"): "of one size of states, or of each",
    ("measure_information_plane", "reference_points"): "of one size of states, or of each",
    ("preference_information", "reference_points"): "of one size of states, or of each",
    ("label_information", "labels"): "of texts or of their tokens",
    ("measure_label_checkpoints", "labels"): "of texts or of their tokens",
    ("soft_mutual_information", "labels"): "of positions, where an accumulator takes their names",
    ("SoftInformation", "dtype"): "of sums, not of parameters",
    ("half_squared_error", "batch"): "of numbers, not of tokens",
    ("make_linear_network_model", "widths"): "of layers, not of contexts",
    ("ngram_labels", "mask"): "of tokens, which are passed over",
}


def documented_arguments(objects):
    """Return for each argument the ways it is documented in: type and first clause."""
    ways = {}
    for path, value in objects.items():
        if dataclasses.is_dataclass(value):
            continue
        doc = ClassDoc(value) if inspect.isclass(value) else FunctionDoc(value)
        for parameter in doc["Parameters"]:
            clause = re.split(r"[.;:](?=\s|$)", " ".join(parameter.desc))[0]
            kind = re.sub(r"( or None)?(, optional|, default=.*)?$", "", parameter.type)
            for name in parameter.name.split(","):
                name = name.strip().lstrip("*")
                if (path.rpartition(".")[2], name) not in EXPLAINED:
                    ways.setdefault(name, {}).setdefault((kind, clause), []).append(path)
    return ways


def of_wing(objects, wing):
    """Return the objects that users import from the modules of a wing."""
    return {path: value for path, value in objects.items() if module_of(path) in wing}


def module_of(path):
    return max((m for m in PUBLIC_MODULES if path.startswith(f"{m}.")), key=len)


@pytest.mark.parametrize(
    "objects",
    [of_wing({**OBJECTS, **METHODS}, TABULAR), of_wing(OBJECTS, TORCH)],
    ids=["tables", "networks"],
)
def test_an_argument_is_documented_in_one_way(objects):
    several = {name: ways for name, ways in documented_arguments(objects).items() if len(ways) > 1}
    assert several == {}


def test_every_explained_exception_exists():
    used = {
        (path.rpartition(".")[2], name)
        for path, value in {**OBJECTS, **METHODS}.items()
        for name in inspect.signature(value).parameters
    }
    if TORCH:
        assert EXPLAINED.keys() <= used
