"""Description length, against closed forms, a grid of integers, and data coded by known models."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sklearn_learnability.exceptions import AsymptoticFormulaWarning
from sklearn_learnability.metrics import (
    Minimum,
    predicted_bits,
    select_by_description_length,
    two_part_code_length,
)

TWO = {"simple": Minimum(nll=0.9, llc=2.0), "rich": Minimum(nll=0.6, llc=20.0)}


def length(model, n):
    """The formula in nats, written a second time."""
    return n * model.nll + model.llc * np.log(n) - (model.multiplicity - 1) * np.log(np.log(n))


class TestTwoPartCode:
    def test_a_regular_model_is_the_bic(self):
        n, d = 500, 7
        code = two_part_code_length(300.0, d / 2, n, units="nats")
        assert_allclose(code.total, 300 + d / 2 * np.log(n))

    def test_multiplicity_shortens_by_log_log_n(self):
        plain = two_part_code_length(10.0, 1.5, 1000, units="nats")
        double = two_part_code_length(10.0, 1.5, 1000, 3, units="nats")
        assert_allclose(plain.total - double.total, 2 * np.log(np.log(1000)))

    @pytest.mark.parametrize("multiplicity", [1, 2])
    def test_bits_are_nats_by_log_two(self, multiplicity):
        nats = two_part_code_length(300.0, 4.5, 1234, multiplicity, units="nats")
        bits = two_part_code_length(300.0 / np.log(2), 4.5, 1234, multiplicity)
        assert_allclose(bits.total * np.log(2), nats.total)
        assert_allclose(bits.redundancy * np.log(2), nats.redundancy)

    def test_parts_add_up_in_the_frame(self):
        row = two_part_code_length(100.0, 3.0, 50).to_frame().iloc[0]
        assert_allclose(row["data"] + row["redundancy"], row["total"])

    def test_redundancy_of_a_coin_is_that_of_the_exact_mixture(self):
        """The uniform mixture over a coin's bias codes k of n heads in log((n + 1) C(n, k))."""
        from scipy.special import betaln

        excess = []
        for n in (10**3, 10**5, 10**7):
            k = n // 4
            mixture = -betaln(k + 1, n - k + 1)
            best = -(k * np.log(k / n) + (n - k) * np.log(1 - k / n))
            excess.append(mixture - two_part_code_length(best, 0.5, n, units="nats").total)
        assert_allclose(excess, excess[-1], atol=2e-3)  # a constant remains, nothing that grows

    def test_redundancy_of_a_double_zero_is_the_volume_of_its_neighbourhood(self):
        """K = (w1 w2)^2 on the unit square: V(eps) = sqrt(eps) (1 - log(eps) / 2) exactly."""
        ns = np.array([1e4, 1e8, 1e16, 1e32])
        volume = np.sqrt(1 / ns) * (1 + np.log(ns) / 2)
        ours = [two_part_code_length(0.0, 0.5, n, 2, units="nats").total for n in ns]
        assert_allclose(-np.log(volume) - ours, np.log(2), atol=0.25)
        assert abs(-np.log(volume[-1]) - ours[-1] - np.log(2)) < 0.03
        single = [two_part_code_length(0.0, 0.5, n, units="nats").total for n in ns]
        assert np.ptp(-np.log(volume) - single) > 1.5

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((np.nan, 1.0, 10), "nll_sum"),
            ((1.0, -0.5, 10), "llc of at least 0, got -0.5"),
            ((1.0, np.inf, 10), "llc"),
            ((1.0, 1.0, 0), "n of at least 1"),
            ((1.0, 1.0, 2, 2), "n of at least 3"),
            ((1.0, 1.0, 10, 0), "multiplicity"),
            ((1.0, 1.0, 10, 1.5), "multiplicity"),
            ((1.0, 1.0, np.inf), "n of at least"),
        ],
    )
    def test_refuses_what_has_no_code(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            two_part_code_length(*arguments)

    def test_refuses_unknown_units(self):
        with pytest.raises(ValueError, match="got 'bytes'"):
            two_part_code_length(1.0, 1.0, 10, units="bytes")

    def test_warns_where_the_formula_does_not_hold(self):
        with pytest.warns(AsymptoticFormulaWarning, match="negative"):
            two_part_code_length(1.0, 0.1, 20, 2)


@st.composite
def several_models(draw):
    n_models = draw(st.integers(1, 5))
    rng = np.random.RandomState(draw(st.integers(0, 2**31)))
    scale = 10.0 ** draw(st.integers(-6, 0))
    return {
        f"model {i}": Minimum(
            nll=1 + scale * rng.rand(),
            llc=float(rng.choice([0.5, 1, 3, 10, 40]) * rng.rand()),
            multiplicity=int(rng.randint(1, 4)),
        )
        for i in range(n_models)
    }


@pytest.mark.filterwarnings("ignore::sklearn_learnability.exceptions.AsymptoticFormulaWarning")
class TestSelection:
    @settings(deadline=None, max_examples=60)
    @given(several_models())
    def test_phases_agree_with_a_fine_grid(self, models):
        found = select_by_description_length(models, 100, units="nats", n_range=(3, 1e9)).phases
        assert found[0].start == 3
        assert found[-1].end == 1e9
        assert all(a.end == b.start for a, b in itertools.pairwise(found))
        for n in np.geomspace(3, 1e9, 800):
            lengths = {name: length(model, n) for name, model in models.items()}
            (winner,) = {p.model for p in found if p.start <= n < p.end} or {found[-1].model}
            assert lengths[winner] <= min(lengths.values()) + 1e-9 * n

    def test_transition_is_where_the_codes_are_equal(self):
        chosen = select_by_description_length(TWO, 200, units="nats")
        first, second = chosen.phases
        assert (first.model, second.model) == ("simple", "rich")
        assert_allclose(
            length(TWO["simple"], first.end), length(TWO["rich"], first.end), rtol=1e-12
        )
        whole = np.arange(3, 10_000)
        wins = length(TWO["rich"], whole) < length(TWO["simple"], whole)
        assert whole[wins].min() == int(np.ceil(second.start))

    def test_two_transitions_of_one_pair(self):
        """With a multiplicity a model can win, lose and win again."""
        models = {
            "double": Minimum(nll=0.501, llc=1.5, multiplicity=4),
            "single": Minimum(nll=0.5, llc=0.5),
        }
        phases = select_by_description_length(models, 100, units="nats").phases
        whole = np.geomspace(3, 1e6, 200_000)
        wins = length(models["double"], whole) < length(models["single"], whole)
        changes = whole[1:][np.diff(wins.astype(int)) != 0]
        assert len(phases) == len(changes) + 1 >= 3
        assert_allclose([p.start for p in phases[1:]], changes, rtol=1e-3)

    def test_best_agrees_with_the_phases(self):
        for n in (100, 10_000):
            chosen = select_by_description_length(TWO, n)
            (phase,) = [p for p in chosen.phases if p.start <= n < p.end]
            assert chosen.best == phase.model

    def test_units_scale_and_do_not_choose(self):
        nats = select_by_description_length(TWO, 300, units="nats")
        in_bits = {
            name: Minimum(nll=model.nll / np.log(2), llc=model.llc) for name, model in TWO.items()
        }
        bits = select_by_description_length(in_bits, 300, units="bits")
        assert_allclose([p.start for p in nats.phases], [p.start for p in bits.phases])
        assert_allclose(nats.to_frame()["code_length"], bits.to_frame()["code_length"] * np.log(2))

    def test_bic_and_wbic_stand_beside(self):
        models = {
            "a": Minimum(nll=0.5, llc=1.0, n_parameters=10, tempered_nll=0.55),
            "b": Minimum(nll=0.6, llc=1.0),
        }
        table = (
            select_by_description_length(models, 400, units="nats").to_frame().set_index("model")
        )
        assert_allclose(table.loc["a", "bic"], 200 + 5 * np.log(400))
        assert_allclose(table.loc["a", "wbic"], 220)
        assert table.loc["b", ["bic", "wbic"]].isna().all()
        assert table["best"].tolist() == [True, False]

    def test_a_regular_model_has_the_same_length_as_its_bic(self):
        table = select_by_description_length(
            {"regular": Minimum(nll=0.5, llc=3.5, n_parameters=7)}, 1000
        ).to_frame()
        assert_allclose(table["code_length"], table["bic"])

    def test_of_equal_models_the_first_wins(self):
        models = {name: Minimum(nll=0.5, llc=1.0) for name in ("z", "a")}
        chosen = select_by_description_length(models, 10)
        assert chosen.best == "z"
        assert [p.model for p in chosen.phases] == ["z"]

    @pytest.mark.parametrize(
        ("models", "options", "message"),
        [
            ({}, {}, "at least one model"),
            (TWO, {"n": 2}, "inside n_range"),
            (TWO, {"n_range": (1, 10)}, "3 <= low"),
            (TWO, {"n_range": (3, np.inf)}, "3 <= low"),
            ({"a": Minimum(np.nan, 1.0)}, {}, "nll of 'a'"),
            ({"a": Minimum(0.5, -1.0)}, {}, "llc of at least 0 of 'a'"),
            ({"a": Minimum(0.5, 1.0, 0)}, {}, "multiplicity"),
        ],
    )
    def test_refuses_bad_input(self, models, options, message):
        with pytest.raises(ValueError, match=message):
            select_by_description_length(models, **{"n": 100} | options)

    def test_warns_of_a_negative_redundancy(self):
        with pytest.warns(AsymptoticFormulaWarning, match="of odd at n=20"):
            select_by_description_length({"odd": Minimum(0.5, 0.1, 2)}, 20)


class TestPredictedBits:
    def test_is_the_exponent_of_the_volume(self):
        assert predicted_bits(3.0, 12, 1 / 16) == 1.0

    def test_halving_the_tolerance_adds_the_coefficient_a_parameter(self):
        more = predicted_bits(7.0, 20, 0.25) - predicted_bits(7.0, 20, 0.5)
        assert_allclose(more, 7 / 20)

    @pytest.mark.parametrize("bad", [(-1.0, 2, 0.5), (1.0, 0, 0.5), (1.0, 2, 1.0), (1.0, 2, 0.0)])
    def test_refuses_bad_input(self, bad):
        with pytest.raises(ValueError, match="Expected"):
            predicted_bits(*bad)
