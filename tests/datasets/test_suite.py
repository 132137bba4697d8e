import numpy as np
import pytest

from sklearn_learnability import datasets
from sklearn_learnability.datasets import learnability_suite

SUITE = learnability_suite()


@pytest.mark.parametrize("dataset", SUITE, ids=lambda dataset: dataset.name)
def test_a_configuration_is_reproducible_and_as_wished(dataset):
    X, y, truth = dataset.make(n_samples=300, random_state=1)
    again, labels, _ = dataset.make(n_samples=300, random_state=1)
    np.testing.assert_array_equal(X, again)
    np.testing.assert_array_equal(y, labels)
    assert len(X) == len(y) == 300
    if "learnability" in dataset.parameters:
        wish = dataset.parameters["learnability"]
        assert truth.learnability == pytest.approx(wish, abs=1e-6)
    if dataset.target == "classes":
        assert truth.predict_proba(X).shape == (300, len(truth.classes))
    else:
        assert truth.predict(X).shape == (300,)


def test_the_suite_spans_what_it_promises():
    assert len(SUITE) == len({dataset.name for dataset in SUITE}) == 26
    generators = {name for name in datasets.__all__ if name.startswith("make_")}
    generators -= {"make_identifier_classification"}  # thousands of levels: not for any classifier
    assert {dataset.generator.__name__ for dataset in SUITE} == generators
    wishes = [d.parameters["learnability"] for d in SUITE if "learnability" in d.parameters]
    assert min(wishes) == 0.005
    assert max(wishes) == 0.99


def test_parameters_are_read_only_and_tabulated():
    with pytest.raises(TypeError):
        SUITE[0].parameters["learnability"] = 0.1
    assert SUITE[2].to_frame()["parameters"].item() == "learnability=0.3"


def test_unknown_versions_are_refused():
    with pytest.raises(ValueError, match="Expected version=1, got 2"):
        learnability_suite(version=2)
