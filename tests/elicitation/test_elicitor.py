import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import skabi
from skabi.elicitation import (
    BaseFamily,
    Beta,
    Correlation,
    DynamicWeights,
    EnergyDistance,
    FunctionOf,
    Gamma,
    HalfNormal,
    Histogram,
    JointFlow,
    Moments,
    Normal,
    Outcome,
    Parameter,
    PriorElicitor,
    Quantiles,
    SquaredError,
    Target,
    Unknown,
)
from skabi.exceptions import ApproximationWarning, ShapeError, SimulatorError, TrainingError
from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

P = (0.05, 0.25, 0.5, 0.75, 0.95)
SMALL = {"n_simulations": 1024, "n_candidates": 32, "n_starts": 2, "random_state": 0}
TARGET = Target(Outcome(), Quantiles(P))
LINE = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)


def line(level, slope, rng):
    return rng.normal(level[:, None] + slope[:, None] * LINE, 1.0)


def line_answers(level, slope):
    """Quantiles of a line's outcomes, exactly."""
    mean = level[0] + slope[0] * LINE.numpy()
    sd = np.sqrt(level[1] ** 2 + slope[1] ** 2 * LINE.numpy() ** 2 + 1)
    return stats.norm(mean[:, None], sd[:, None]).ppf(P)


def counts(rate, rng):
    return rng.poisson(rate)


def successes(share, rng):
    return rng.binomial(20, share)


def line_elicitor(**settings):
    targets = {"y": Target(Outcome(), Quantiles(P))}
    return PriorElicitor({"level": Normal(), "slope": Normal()}, line, targets=targets, **SMALL | settings)


def of_parameter(statement, family=None, **settings):
    return PriorElicitor(
        {"a": family or Normal()}, targets={"a": Target(Parameter("a"), statement)}, **SMALL | settings
    )


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_quantiles_of_a_parameter_give_its_prior_in_any_unit(size):
    elicitor = of_parameter(Quantiles(P)).fit({"a": size * stats.norm(3, 2).ppf(P)})
    assert_allclose(elicitor.hyperparameters_["value"], [3 * size, 2 * size], rtol=2e-3)
    assert elicitor.prior_ == IndependentPrior(elicitor.prior_.distributions)
    assert elicitor.residuals_["relative"].abs().max() < 2e-3


@pytest.mark.parametrize("loss", [SquaredError(), EnergyDistance()])
def test_outcomes_of_a_line_give_the_priors_of_its_parameters(loss):
    answers = line_answers((5.0, 2.0), (-3.0, 1.5))
    elicitor = line_elicitor(loss=loss, n_simulations=4096).fit({"y": answers})
    found = elicitor.hyperparameters_["value"]
    # A quantile of 4,096 draws has an error of some 0.03 standard deviations; fifteen of quasi-random ones much less.
    assert_allclose(found[["level.loc", "slope.loc"]], [5, -3], atol=0.05)
    assert_allclose(found[["level.scale", "slope.scale"]], [2, 1.5], rtol=0.05)
    assert_allclose(elicitor.residuals_["stated"], answers.ravel())
    assert_allclose(elicitor.residuals_["implied"], answers.ravel(), atol=0.15)
    assert elicitor.score({"y": answers}) > -1e-3 > elicitor.score({"y": answers + 5})


def test_moments_of_counts_give_the_prior_of_their_rate():
    # Negative binomial; spread counts have 1/12 more variance.
    a, scale = 4.0, 2.5
    sd = np.sqrt(a * scale + a * scale**2 + 1 / 12)
    targets = {"n": Target(Outcome(), Moments())}
    elicitor = PriorElicitor({"rate": Gamma()}, counts, targets=targets, **SMALL).fit({"n": [a * scale, sd]})
    assert_allclose(elicitor.hyperparameters_["value"], [a, scale], rtol=0.05)


def test_quantiles_of_successes_give_the_prior_of_their_share():
    truth = stats.betabinom(20, 2.0, 6.0)
    # Quantiles between counts, of the distribution function interpolated at halves.
    ends, below = np.arange(22) - 0.5, truth.cdf(np.arange(-1, 21))
    answers = np.interp(P, below, ends)
    targets = {"n": Target(Outcome(), Quantiles(P))}
    elicitor = PriorElicitor({"share": Beta()}, successes, targets=targets, **SMALL | {"n_simulations": 4096})
    prior = elicitor.fit({"n": answers}).prior_.distributions["share"]
    assert_allclose([prior.mean(), prior.std()], [stats.beta(2, 6).mean(), stats.beta(2, 6).std()], rtol=0.03)


def test_chips_in_bins_give_the_prior():
    edges = [0.0, 2.0, 4.0, 8.0, np.inf]
    chips = 200 * np.diff(stats.gamma(3, scale=1.5).cdf(edges))
    elicitor = of_parameter(Histogram(edges), Gamma()).fit({"a": chips})
    assert_allclose(elicitor.hyperparameters_["value"], [3, 1.5], rtol=0.02)
    assert_allclose(elicitor.residuals_["implied"], chips / chips.sum(), atol=0.005)
    assert elicitor.residuals_["statistic"].iloc[1] == "2 to 4"


def test_shared_and_fixed_hyperparameters():
    families = {"a": Normal(1.0, "spread"), "b": Normal(scale=Unknown("spread"))}
    targets = {"sum": Target(FunctionOf(lambda a, b: a + b), Moments())}
    elicitor = PriorElicitor(families, targets=targets, **SMALL).fit({"sum": [4.0, 2.0]})
    assert_allclose(elicitor.hyperparameters_["value"][["spread", "b.loc"]], [2**0.5, 3.0], rtol=5e-3)


def test_weights_decide_between_answers_that_contradict_each_other():
    def fitted(weight, **settings):
        targets = {n: Target(Parameter("a"), Moments(sd=False), weight=w) for n, w in (("one", 1.0), ("two", weight))}
        elicitor = PriorElicitor({"a": Normal(scale=1.0)}, targets=targets, **SMALL | settings)
        with pytest.warns(ApproximationWarning, match="No prior of this family comes near"):
            return elicitor.fit({"one": [1.0], "two": [-1.0]}).hyperparameters_["value"].item()

    assert_allclose([fitted(1.0), fitted(3.0)], [0.0, -0.5], atol=2e-3)
    assert -0.9 < fitted(3.0, weighting=DynamicWeights()) < 0.0


def test_loss_of_a_target_comes_before_that_of_the_elicitor():
    class Nothing(SquaredError):
        def loss(self, implied, stated):
            return 0 * super().loss(implied, stated)

    targets = {
        "kept": Target(Parameter("a"), Moments()),
        "ignored": Target(Parameter("a"), Quantiles((0.5,)), loss=Nothing()),
    }
    elicitor = PriorElicitor({"a": Normal()}, targets=targets, **SMALL)
    with pytest.warns(ApproximationWarning, match="target 'ignored'"):
        elicitor.fit({"kept": [1.0, 2.0], "ignored": [100.0]})
    assert_allclose(elicitor.hyperparameters_["value"], [1, 2], rtol=1e-3)


def test_directions_that_answers_leave_open_are_warned_of():
    targets = {"sum": Target(FunctionOf(lambda a, b: a + b), Quantiles(P))}
    elicitor = PriorElicitor({"a": Normal(scale=1.0), "b": Normal(scale=1.0)}, targets=targets, **SMALL)
    with pytest.warns(ApproximationWarning) as caught:
        elicitor.fit({"sum": stats.norm(3, 2**0.5).ppf(P)})
    messages = " ".join(str(warning.message) for warning in caught)
    assert "do not identify the prior" in messages and "a.loc" in messages and "b.loc" in messages
    assert np.isinf(elicitor.hyperparameters_["unsure"]).all()
    assert_allclose(elicitor.hyperparameters_["value"].sum(), 3, rtol=1e-3)


def test_starts_that_end_elsewhere_are_warned_of():
    # Of the square of a parameter the sign of its mean is unknown.
    targets = {"square": Target(FunctionOf(lambda a: a.square()), Quantiles(P))}
    elicitor = PriorElicitor({"a": Normal()}, targets=targets, **SMALL | {"n_starts": 6})
    with pytest.warns(
        ApproximationWarning, match=r"Several priors fit the answers as well, a\.loc from -3\S* to (2|3)"
    ):
        elicitor.fit({"square": stats.ncx2(1, 9).ppf(P)})
    assert_allclose(elicitor.starts_["a.loc"].abs()[:2], 3.0, rtol=0.02)
    assert elicitor.hyperparameters_.loc["a.loc", "lowest"] < 0 < elicitor.hyperparameters_.loc["a.loc", "highest"]


def test_unsure_is_the_error_that_one_per_cent_makes():
    elicitor = of_parameter(Moments(), Normal()).fit({"a": [0.0, 2.0]})
    # One per cent of the spread, which of moments is the standard deviation.
    assert_allclose(elicitor.hyperparameters_["unsure"], 0.01, rtol=1e-2)


def test_answers_of_no_prior_are_warned_of():
    with pytest.warns(ApproximationWarning, match="target 'a', 50 %, 1 was stated"):
        of_parameter(Quantiles((0.25, 0.5, 0.75))).fit({"a": [0.0, 1.0, 10.0]})


def test_searches_that_did_not_end_are_warned_of():
    with pytest.warns(ConvergenceWarning, match="max_iter=1"), pytest.warns(ApproximationWarning):
        line_elicitor(max_iter=1).fit({"y": line_answers((50.0, 2.0), (-3.0, 1.5))})


def test_ideal_answers_bring_back_the_prior():
    truth = IndependentPrior({"level": stats.norm(1.0, 0.5), "slope": stats.norm(2.0, 1.0)})
    elicitor = line_elicitor()
    answers = elicitor.ideal_answers(truth, random_state=1)
    assert_allclose(answers["y"], line_answers((1.0, 0.5), (2.0, 1.0)), atol=0.02)
    found = elicitor.fit(answers).prior_.distributions
    assert_allclose([found["slope"].mean(), found["slope"].std()], [2, 1], rtol=0.05)
    with pytest.raises(ValueError, match=r"parameters \['level', 'slope'\]; got \['level'\]"):
        elicitor.ideal_answers(IndependentPrior({"level": stats.norm()}))


def test_prior_goes_into_a_simulator_and_repeats():
    answers = {"y": line_answers((5.0, 2.0), (-3.0, 1.5))}
    elicitor = line_elicitor().fit(answers)
    again = clone(elicitor).fit(answers)
    assert again.prior_ == elicitor.prior_
    simulator = Simulator(elicitor.prior_, lambda level, slope, rng: level + slope * rng.normal(size=3))
    assert simulator.sample(4, random_state=0)[0].shape == (4, 3)
    text = elicitor.describe()
    assert "you said" in text and "0, 5 %" in text and "IndependentPrior" in text


def test_a_fitted_elicitor_comes_back_from_a_file(tmp_path):
    elicitor = of_parameter(Moments(), HalfNormal()).fit({"a": [2 * (2 / np.pi) ** 0.5, 2 * (1 - 2 / np.pi) ** 0.5]})
    elicitor.save(tmp_path / "model")
    loaded = skabi.load(tmp_path / "model")
    assert loaded.prior_ == elicitor.prior_
    assert loaded.hyperparameters_.equals(elicitor.hyperparameters_)


def test_unfitted_elicitor_has_no_score():
    with pytest.raises(NotFittedError):
        line_elicitor().score({"y": line_answers((0, 1), (0, 1))})


@pytest.mark.parametrize(
    ("answers", "error", "message"),
    [
        ([1, 2], TypeError, "answers must be a dict"),
        ({}, ValueError, r"lacks the targets \['y'\]"),
        ({"y": np.zeros((3, 5)), "z": 1}, ValueError, r"targets \['z'\] that are not asked"),
        ({"y": np.zeros((3, 5))}, ValueError, "target 'y': quantiles must increase"),
        ({"y": np.zeros((2, 5))}, ShapeError, r"target 'y': answers must have shape \(3, 5\)"),
    ],
)
def test_answers_that_do_not_fit_the_targets_are_refused(answers, error, message):
    with pytest.raises(error, match=message):
        line_elicitor().fit(answers)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"prior_family": Normal()}, TypeError, "prior_family must be a dict"),
        ({"targets": {}}, TypeError, "non-empty dict"),
        ({"targets": {"y": Quantiles()}}, TypeError, "must be a Target"),
        ({"targets": {"y": Target("level", Quantiles())}}, TypeError, "quantity of target 'y'"),
        ({"targets": {"y": Target(Outcome(), 0.5)}}, TypeError, "statement of target 'y'"),
        ({"targets": {"y": Target(Outcome(), Quantiles(), weight=0.0)}}, ValueError, "weight of target 'y'"),
        ({"targets": {"y": Target(Outcome(), Quantiles(), loss=1)}}, TypeError, "loss of target 'y'"),
        ({"targets": {"y": Target(Parameter("x"), Quantiles())}}, ValueError, r"parameters \['x'\]"),
        ({"simulator": None}, ValueError, "no simulator"),
        ({"simulator": None, "targets": {"y": Target(FunctionOf(lambda z: z), Moments())}}, ValueError, "no simulator"),
        ({"simulator": 3}, TypeError, "must be a function"),
        ({"simulator": lambda level, other: level}, TypeError, "asks for other"),
        ({"simulator": lambda level: level.numpy()}, SimulatorError, "torch.exp, not np.exp"),
        ({"simulator": lambda level: np.exp(level)[:, None]}, SimulatorError, "torch.exp, not np.exp"),
        ({"targets": {"y": Target(FunctionOf(lambda y: np.exp(y)), Moments())}}, ValueError, "target 'y' must return"),
        (
            {"simulator": lambda level, rng: rng.gamma(level)},
            SimulatorError,
            "binomial, categorical; it has no 'gamma'",
        ),
        (
            {"simulator": lambda level: torch.bernoulli(level.sigmoid())[:, None].expand(-1, 3)},
            ValueError,
            "target 'y' has no gradient",
        ),
        ({"simulator": lambda level: (level > 0)[:, None].expand(-1, 3)}, ValueError, "target 'y' has no gradient"),
        ({"simulator": lambda level: level[:3]}, SimulatorError, "n_simulations, ..."),
        ({"simulator": lambda level: level / {}}, SimulatorError, "raised TypeError"),
        ({"targets": {"y": Target(FunctionOf(lambda y: y[:2]), Moments())}}, ShapeError, "target 'y'"),
        ({"targets": {"y": Target(FunctionOf(lambda y: 1), Moments())}}, TypeError, "computed as a tensor"),
        (
            {"simulator": lambda level: level[:, None] * torch.tensor([1, np.nan, 1])},
            TrainingError,
            "none of 32.*target 'y' 1 of",
        ),
        ({"loss": "mmd"}, TypeError, "loss must be"),
        ({"weighting": "dynamic"}, TypeError, "weighting must be"),
        ({"n_simulations": 10}, ValueError, "n_simulations must be at least 64"),
        ({"n_starts": 0}, ValueError, "n_starts"),
        ({"max_iter": 1.5}, TypeError, "max_iter"),
    ],
)
def test_what_cannot_be_elicited_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        line_elicitor().set_params(**settings).fit({"y": line_answers((5.0, 2.0), (-3.0, 1.5))})


def test_one_target_without_a_gradient_is_named():
    def both(level, slope, rng):
        y = line(level, slope, rng)
        return {"y": y, "is_positive": (y > 0).double()}

    targets = {
        "y": Target(Outcome(name="y"), Quantiles(P)),
        "sign": Target(Outcome(name="is_positive"), Moments(sd=False)),
    }
    with pytest.raises(ValueError, match=r"target 'sign' has no gradient.*rng.binomial"):
        line_elicitor().set_params(simulator=both, targets=targets).fit(
            {"y": line_answers((5.0, 2.0), (-3.0, 1.5)), "sign": [[0.5], [0.5], [0.5]]}
        )


def test_outcomes_that_are_no_numbers_are_no_large_ones():
    def root(level, slope, rng):
        # NaN with probability 1/2 where level has mean 0: as if large, the upper half would be above all.
        return torch.sqrt(level)[:, None] + slope[:, None]

    elicitor = PriorElicitor(
        {"level": Normal(scale=1.0), "slope": Normal(0.0, 1.0)}, root, targets={"y": TARGET}, **SMALL
    )
    known = IndependentPrior({"level": stats.norm(2.0, 1.0), "slope": stats.norm()})
    share = stats.norm.cdf(-2.0)
    with pytest.warns(ApproximationWarning, match=f"of target 'y' {share:.2g} of the simulations are NaN"):
        answers = elicitor.ideal_answers(known, random_state=0)
    y = known.sample(100_000, random_state=1).to_numpy()
    y = (np.sqrt(np.where(y[:, 0] > 0, y[:, 0], np.nan)) + y[:, 1])[y[:, 0] > 0]
    # Of 100,000 draws, and 65,536 quasi-random ones: four standard errors of a quantile are below 0.05.
    assert_allclose(answers["y"][0], np.quantile(y, P), atol=0.05)


@pytest.mark.parametrize(
    ("family", "statement", "answer", "message"),
    [
        (HalfNormal(), Quantiles((0.25, 0.5, 0.75)), [-3, -2, -1], "between 0 and inf"),
        (HalfNormal(), Moments(), [-1.0, 1.0], "between 0 and inf"),
        (Beta(), Quantiles((0.25, 0.5, 0.75)), [30, 50, 70], "between 0 and 1 .*another unit"),
        (Beta(), Histogram([-2, -1, 0.5, 1]), [1, 1, 1], r"\[-1.0\] was stated"),
        (JointFlow({"a": (0.0, 1.0)}), Quantiles((0.5,)), [1.0], "between 0 and 1"),
    ],
)
def test_answers_outside_the_support_of_a_family_are_refused(family, statement, answer, message):
    families = family if isinstance(family, JointFlow) else {"a": family}
    elicitor = PriorElicitor(families, targets={"a": Target(Parameter("a"), statement)}, **SMALL)
    with pytest.raises(ValueError, match=message):
        elicitor.fit({"a": answer})


def test_ends_that_are_learned_are_no_limit():
    class Uniform(BaseFamily):
        distribution = stats.uniform

        def __init__(self, loc=None, scale=None):
            self.loc = loc
            self.scale = scale

    fitted = of_parameter(Quantiles((0.25, 0.75)), Uniform()).fit({"a": [30.0, 70.0]})
    assert_allclose(fitted.hyperparameters_["value"], [10.0, 80.0], rtol=0.02)


def test_independent_families_have_no_correlation():
    target = Target(Parameter(["a", "b"]), Correlation())
    elicitor = PriorElicitor({"a": Normal(), "b": Normal()}, targets={"both": target}, **SMALL)
    with pytest.raises(ValueError, match=r"independent.*JointFlow"):
        elicitor.fit({"both": [0.5]})
