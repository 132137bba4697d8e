"""Measures of models against scores: verdicts where the truth is known, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from sklearn_learnability.exceptions import (
    DeterminedByCovariatesWarning,
    UndefinedAssociationWarning,
)
from sklearn_learnability.metrics import (
    RankAssociation,
    partial_spearman,
    relate_to_performance,
    spearman,
)
from sklearn_learnability.metrics._relation_verdict import verdict


def open_models(n=60, seed=0, effect=0.6):
    """Return measures, a score, scale and families: of one measure scale is the whole story."""
    rng = np.random.default_rng(seed)
    parameters, tokens, skill = rng.normal(size=(3, n))
    scale = pd.DataFrame({"log_parameters": parameters, "log_tokens": parameters + tokens})
    level = parameters + 0.5 * scale["log_tokens"]
    measures = pd.DataFrame(
        {
            "beyond": level + 0.5 * skill,
            "scale alone": level + 0.5 * rng.normal(size=n),
            "unrelated": rng.normal(size=n),
        }
    )
    score = (level + effect * skill + 0.3 * rng.normal(size=n)).rename("benchmark")
    return measures, score, scale, rng.permutation(np.arange(n) % 4)


def verdicts(relation):
    return relation.to_frame().set_index("measure")["verdict"].to_dict()


@pytest.mark.parametrize("seed", range(3))
def test_the_raw_correlation_misleads_and_the_verdict_does_not(seed):
    measures, score, scale, _ = open_models(90, seed)
    relation = relate_to_performance(measures, score, scale)
    table = relation.to_frame().set_index("measure")
    assert (table.loc[["beyond", "scale alone"], "raw_p_value"] < 0.001).all()
    assert verdicts(relation) == {
        "beyond": "related beyond scale",
        "scale alone": "explained by scale alone",
        "unrelated": "no relation found",
    }


def test_a_dozen_models_cannot_tell():
    measures, score, scale, _ = open_models(12)
    relation = relate_to_performance(measures[["scale alone"]], score, scale)
    (part,) = relation.relations
    assert (part.verdict, part.raw_p_value < 0.05) == ("cannot tell", True)
    assert f"12 models show an association of {part.controlled.detectable:.2f}" in part.reading
    assert part.controlled.detectable > 0.7


def test_numbers_are_those_of_the_single_functions():
    measures, score, scale, family = open_models()
    relation = relate_to_performance(
        measures,
        pd.DataFrame({"a": score, "b": -score}),
        scale,
        family,
        size=np.exp(scale.iloc[:, 0]),
    )
    assert len(relation.relations) == 6
    assert relation.degree == 3
    part = relation.relations[2]
    assert (part.measure, part.score) == ("scale alone", "a")
    x = measures["scale alone"]
    single = partial_spearman(x, score, scale, family, degree=3)
    assert_allclose(part.raw.rho, spearman(x, score).rho)
    for name in ("rho", "lower", "upper", "n_points", "n_controls"):
        assert_allclose(getattr(part.controlled, name), getattr(single, name))
    for one, other in zip(part.controlled.without_groups, single.without_groups, strict=True):
        assert (one.group, one.n_points) == (other.group, other.n_points)
        assert_allclose(one.rho, other.rho)
    assert abs(part.controlled.p_value - single.p_value) < 0.03  # other orders
    assert part.p_value >= part.controlled.p_value
    assert part.controlled.detectable > single.detectable  # one of six tests
    assert part.size_matched.n_groups > 3
    assert_allclose(relation.relations[3].controlled.rho, -single.rho)
    assert np.isclose(relation.to_frame().loc[2, "size_matched"], part.size_matched.rho)


def test_the_same_measure_twice_needs_no_more_correction():
    measures, score, scale, _ = open_models()
    one = measures[["beyond"]]
    alone = relate_to_performance(one, score, scale).relations[0].p_value
    twice = relate_to_performance(pd.concat([one, np.exp(one)], axis=1), score, scale)
    assert {part.p_value for part in twice.relations} == {alone}


def test_one_family_that_carries_the_association_is_named():
    rng = np.random.default_rng(0)
    family = pd.Series(np.repeat(["ant", "bee", "bee", "cat"], 15), name="maker")
    size, x, y = rng.normal(size=(3, 60))
    y[family == "bee"] = 1.2 * x[family == "bee"] + 0.05 * y[family == "bee"]
    (part,) = relate_to_performance(x, y, size, family).relations
    assert part.verdict == "hangs on one family"
    assert "only with bee among the families" in part.reading
    assert "Without bee it is" in part.reading


def test_what_scale_nearly_determines_is_left_open():
    """A measure and a score that are functions of scale but for a little noise of their own."""
    rng = np.random.default_rng(1)
    parameters, tokens, *noise = rng.normal(size=(4, 80))
    tokens = 0.6 * parameters + 0.8 * tokens
    x, y = parameters + tokens + 0.15 * np.array(noise)
    (part,) = relate_to_performance(x, y, np.column_stack([parameters, tokens])).relations
    assert part.p_value <= 0.05  # of the ranks, which do not add up
    assert part.verdict == "not surely beyond scale"
    assert part.controlled.x_left < 0.05
    assert f"leave {part.controlled.x_left:.0%} of its ranks" in part.reading


def test_masked_and_turned_round():
    rng = np.random.default_rng(0)
    size, skill, noise = rng.normal(size=(3, 80))
    score = size + skill
    measures = pd.DataFrame({"masked": skill - 1.05 * size, "turned": size - 0.5 * skill})
    measures += 0.2 * noise[:, None]
    found = verdicts(relate_to_performance(measures, score, size))
    assert found == {"masked": "masked by scale", "turned": "turned round by scale"}


def test_checkpoints_of_one_run_and_of_few_have_no_verdict():
    rng = np.random.default_rng(0)
    run, step = (a.ravel() for a in np.indices((3, 20)))
    x, y = np.sqrt(step) + rng.normal(size=(2, 3, 20)).cumsum(-1).reshape(2, -1) / 5
    (one,) = relate_to_performance(x[:20], y[:20], step[:20], steps=step[:20]).relations
    assert one.verdict == "no verdict"
    assert one.reading.startswith("No verdict on measure and score. All points are of one run")
    (three,) = relate_to_performance(x, y, step, runs=run, steps=step).relations
    assert three.verdict == "no verdict"
    assert "6 orders" in three.reading


def test_runs_that_differ_alike_are_related_beyond_their_course():
    rng = np.random.default_rng(0)
    run, step = (a.ravel() for a in np.indices((8, 20)))
    quality = rng.normal(size=8)[run]
    loss = -np.sqrt(step) + 0.1 * rng.normal(size=160)
    x, y = np.sqrt(step) + quality + 0.1 * rng.normal(size=(2, 160))
    (part,) = relate_to_performance(x, y, loss, runs=run, steps=step).relations
    assert part.verdict == "related beyond scale"
    assert part.controlled.n_runs == 8


def an_association(rho, lower, upper, left=0.21, *, n_groups=1, reason=""):
    tail = (n_groups, 40, 1, 2, left, left, (), reason)
    return RankAssociation(*(rho, lower, upper, 0.95, np.nan, 0.0, 0.4, 100, 40), *tail)


@pytest.mark.parametrize(
    ("raw", "given", "raw_p", "p", "said"),
    [
        ((0.8, 0.6, 0.9), (0.0, -0.3, 0.39), 0.01, 0.5, "explained by scale alone"),
        ((0.8, 0.6, 0.9), (0.0, -0.3, 0.41), 0.01, 0.5, "cannot tell"),
        ((-0.8, -0.9, -0.6), (0.0, -0.39, 0.9), 0.01, 0.5, "explained by scale alone"),
        ((0.8, 0.6, 0.9), (0.3, 0.1, 0.5), 0.01, 0.05, "related beyond scale"),
        ((0.8, 0.6, 0.9), (0.3, 0.1, 0.5, 0.19), 0.01, 0.05, "not surely beyond scale"),
        ((0.8, 0.6, 0.9), (-0.3, -0.5, -0.1, 0.19), 0.01, 0.05, "not surely beyond scale"),
        ((0.8, 0.6, 0.9), (0.3, 0.1, 0.5), 0.01, 0.051, "cannot tell"),
        ((0.8, 0.6, 0.9), (-0.3, -0.5, -0.1), 0.01, 0.01, "turned round by scale"),
        ((0.1, -0.2, 0.4), (0.5, 0.2, 0.7), 0.5, 0.01, "masked by scale"),
        ((0.1, -0.2, 0.4), (0.1, -0.3, 0.49), 0.5, 0.5, "no relation found"),
        ((0.1, -0.2, 0.4), (0.1, -0.3, 0.51), 0.5, 0.5, "cannot tell"),
        ((0.1, -0.2, 0.4), (0.1, np.nan, np.nan), 0.5, 0.5, "cannot tell"),
        ((0.8, np.nan, np.nan), (0.5, 0.2, 0.7), np.nan, 0.01, "masked by scale"),
    ],
)
def test_verdicts_follow_their_rules(raw, given, raw_p, p, said):
    assert verdict(an_association(*raw), an_association(*given), raw_p, p) == said
    of_groups = an_association(*given, n_groups=3)
    with_family = said.replace("scale alone", "scale and family")
    assert verdict(an_association(*raw), of_groups, raw_p, p) == with_family
    nothing = an_association(*given, reason="One run.")
    assert verdict(an_association(*raw), nothing, raw_p, p) == "no verdict"


def test_names_of_tables_and_series_are_kept():
    measures, score, scale, family = open_models(30)
    relation = relate_to_performance(measures, score, scale, family)
    assert relation.covariates == ("log_parameters", "log_tokens")
    assert {part.score for part in relation.relations} == {"benchmark"}
    arrays = relate_to_performance(measures.to_numpy(), score.to_numpy(), scale.to_numpy(), family)
    assert [part.measure for part in arrays.relations] == ["measure 0", "measure 1", "measure 2"]
    assert {part.score for part in arrays.relations} == {"score"}
    assert arrays.covariates == ("covariate 0", "covariate 1")
    ours, theirs = relation.to_frame(), arrays.to_frame()
    pd.testing.assert_series_equal(ours["p_value"], theirs["p_value"])


def test_models_in_another_order_are_refused():
    measures, score, scale, _ = open_models(20)
    names = [f"model {i}" for i in range(20)]
    measures.index = scale.index = names
    score.index = names[::-1]
    with pytest.raises(ValueError, match="Expected scores with the index of measures, got another"):
        relate_to_performance(measures, score, scale)
    relate_to_performance(measures, score.loc[names], scale)
    relate_to_performance(measures, score.to_numpy(), scale.reset_index(drop=True))
    numbered = score.reset_index(drop=True).sort_values()
    with pytest.raises(ValueError, match="Expected measures with the index of scores, got another"):
        relate_to_performance(measures.reset_index(drop=True), numbered, scale.to_numpy())


def test_undefined_measures_leave_the_others_alone():
    measures, score, scale, _ = open_models(40)
    alone = relate_to_performance(measures[["beyond"]], score, scale).relations[0]
    measures["constant"], measures["size"] = 1.0, scale["log_parameters"]
    with (
        pytest.warns(UndefinedAssociationWarning, match="constant has the same value"),
        pytest.warns(DeterminedByCovariatesWarning, match="determine size"),
    ):
        relation = relate_to_performance(measures[["beyond", "constant", "size"]], score, scale)
    said = verdicts(relation)
    assert (said["constant"], said["size"]) == ("no verdict", "no verdict")
    assert relation.relations[0].p_value == alone.p_value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": [1.0, 2.0]}, "measures, scores, covariates of one length"),
        ({"covariates": np.empty((20, 0))}, "a measure, a score and a covariate"),
        ({"measures": np.full((20, 1), np.nan)}, "finite measures, got NaN or infinity at 20"),
        ({"family": ["a"] * 3}, "family of shape"),
        ({"size": -np.ones(20)}, "finite sizes above 0"),
        ({"measures": np.zeros((20, 1, 1))}, "measures as a vector or a table"),
    ],
)
def test_wrong_input_is_named(change, message):
    measures, score, scale, _ = open_models(20)
    arguments = {"measures": measures, "scores": score, "covariates": scale} | change
    with pytest.raises(ValueError, match=f"Expected .*{message}"):
        relate_to_performance(**arguments)
