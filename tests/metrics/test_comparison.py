"""Comparison of models against one ceiling."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import accuracy_score, f1_score, log_loss

from sklearn_learnability.exceptions import UndefinedInformationWarning
from sklearn_learnability.metrics import compare_models, efficiency, log_loss_per_sample


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    score = 1.5 * rng.standard_normal(4000)
    y = (rng.random(4000) < expit(score)).astype(int)
    models = {
        "sharp": expit(4 * score),
        "blind": expit(score + 2 * rng.standard_normal(4000)),
    }
    return y, expit(score), models


def test_numbers_are_those_of_the_single_measures(rows):
    y, golden, models = rows
    reference = log_loss_per_sample(y, golden)
    compared = compare_models(y, models, reference_nll=reference)
    frame = compared.to_frame().set_index("model")
    for name, proba in models.items():
        row = frame.loc[name]
        assert row["nll"] == pytest.approx(log_loss(y, proba) / np.log(2))
        found = efficiency(y, proba, reference_nll=reference)
        assert row["efficiency"] == pytest.approx(found.value)
        assert (row["efficiency_lower"], row["efficiency_upper"]) == (found.lower, found.upper)
        assert row["f1"] == f1_score(y, proba > 0.5)
        assert row["accuracy"] == accuracy_score(y, proba > 0.5)
    assert compared.learnability == found.learnability
    assert compared.n_samples == 4000


def test_overconfidence_is_repairable_and_blindness_is_not(rows):
    y, golden, models = rows
    compared = compare_models(y, models, reference_nll=log_loss_per_sample(y, golden))
    frame = compared.to_frame().set_index("model")
    assert frame.loc["sharp", "calibrated_efficiency"] == pytest.approx(1, abs=0.02)
    assert frame.loc["sharp", "efficiency"] < 0.2
    assert frame.loc["blind", "calibrated_efficiency"] < 0.6
    loss = frame["nll"] - frame["calibrated_nll"]
    np.testing.assert_allclose(frame["calibration_loss"], loss)


def test_three_classes_in_another_order(rows):
    rng = np.random.default_rng(1)
    proba = rng.dirichlet(np.ones(3), 600)
    names = np.array(["c", "a", "b"])
    y = names[[rng.choice(3, p=p) for p in proba]]
    compared = compare_models(y, {"truth": proba}, learnability=0.3, labels=names)
    assert compared.models[0].accuracy == np.mean(y == names[proba.argmax(axis=1)])
    assert compared.models[0].nll == pytest.approx(
        np.mean(log_loss_per_sample(y, proba, labels=names))
    )


def test_undefined_efficiencies_warn_once(rows):
    y = np.random.default_rng(0).integers(0, 2, 300)
    with pytest.warns(UndefinedInformationWarning) as caught:
        compared = compare_models(
            y, {"a": np.full(300, 0.5), "b": np.full(300, 0.4)}, reference_nll=np.ones(300)
        )
    assert len(caught) == 1
    assert compared.to_frame()["efficiency"].isna().all()


def test_no_models_and_two_ceilings_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        compare_models([0, 1], {}, learnability=0.3)
    with pytest.raises(ValueError, match=r"Expected one of .*got neither"):
        compare_models([0, 1], {"a": [0.5, 0.5]})
