import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.helper import SliceDict

from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.exceptions import ShapeError
from skabi.summaries import BaseSummary, ExpertSummary, FusionSummary, IdentitySummary, SeriesSummary, SetSummary
from skabi.testing._recipe import build_random, normals

SHAPES = {"answers": (6, 2), "scores": (3,), "signal": (10, 1)}
MODES = ["late", "early", "hybrid"]


def sources(n=4):
    return {name: normals(n, *shape, seed=i) for i, (name, shape) in enumerate(SHAPES.items())}


def masks(n=4, **absent):
    """All there, but for some rows of some sources."""
    result = {"answers": torch.ones(n, 6, dtype=torch.bool), "scores": torch.ones(n, dtype=torch.bool), "signal": None}
    for name, row in absent.items():
        result[name][row] = False
    return result


@pytest.mark.parametrize("fusion", MODES)
def test_every_source_matters(fusion):
    network, x = build_random(FusionSummary(fusion=fusion, width=8), SHAPES, 2), sources()
    for name in SHAPES:
        other = x | {name: x[name].flip(0)}
        assert (network(other, masks()) - network(x, masks())).abs().amax(1).min() > 1e-4


@pytest.mark.parametrize("fusion", MODES)
@pytest.mark.parametrize("name", ["answers", "scores"])
def test_a_source_that_is_not_there_says_nothing(fusion, name):
    network, x = build_random(FusionSummary(fusion=fusion, width=8), SHAPES, 2), sources()
    full, partial = network(x, masks()), network(x, masks(**{name: 1}))
    assert (partial[1] - full[1]).abs().max() > 1e-4
    torch.testing.assert_close(partial[[0, 2, 3]], full[[0, 2, 3]])
    # The estimator puts zeros there, but nothing depends on it.
    other = x | {name: x[name] * 0 + 7.0}
    torch.testing.assert_close(network(other, masks(**{name: 1}))[1], partial[1])


def test_sources_are_read_in_the_light_of_each_other_in_early_fusion_alone():
    def interaction(fusion):
        """What two sources say together beyond what each adds."""
        network, x = build_random(FusionSummary(fusion=fusion, width=8), SHAPES, 2), sources()
        a, b = x | {"answers": x["answers"] + 1.0}, x | {"scores": x["scores"] + 1.0}
        both = a | {"scores": b["scores"]}
        return (network(both, None) - network(a, None) - network(b, None) + network(x, None)).abs().max()

    assert interaction("late") < 1e-12
    assert interaction("early") > 1e-3


def test_recipes_of_sources_are_chosen_by_shape_or_given():
    recipes = FusionSummary({"signal": SeriesSummary(width=8)}).source_summaries(SHAPES)
    assert {name: type(recipe) for name, recipe in recipes.items()} == {
        "answers": SetSummary,
        "scores": IdentitySummary,
        "signal": SeriesSummary,
    }


def test_late_and_early_add_up_to_hybrid():
    sizes = [FusionSummary(fusion=fusion).build(SHAPES, 2).n_summaries for fusion in MODES]
    assert sizes[0] == (9 + 8 + 1) + (3 + 1) + (4 + 8 + 1) and sizes[1] == 8 and sizes[2] == sizes[0] + sizes[1]


def test_names_with_dots_and_spaces():
    shapes = {"a.b": (3,), "weights of": (2,)}
    network = FusionSummary().build(shapes, 2)
    assert network({name: torch.zeros(2, *shape) for name, shape in shapes.items()}, None).shape == (2, 7)


@pytest.mark.parametrize(
    ("summary", "shape", "error", "words"),
    [
        (FusionSummary(), (3,), ShapeError, "needs X with several sources"),
        (FusionSummary({"eeg": SetSummary()}), SHAPES, ValueError, r"summaries names \['eeg'\], but X has the sources"),
        (FusionSummary([SetSummary()]), SHAPES, TypeError, "summaries must be a dict of source name to summary recipe"),
        (
            FusionSummary({"answers": "set"}),
            SHAPES,
            TypeError,
            r"summaries\['answers'\] must be a recipe from skabi.summaries, such as SetSummary\(\); got 'set'",
        ),
        (FusionSummary({"answers": SetSummary}), SHAPES, TypeError, r"summaries\['answers'\] must be a recipe"),
        (
            FusionSummary({"width": SetSummary()}),
            {"width": (4, 2)},
            ValueError,
            "source 'width' needs another name",
        ),
        (FusionSummary({"a__b": SetSummary()}), {"a__b": (4, 2)}, ValueError, "the source 'a__b' needs another name"),
        (FusionSummary({3: SetSummary()}), {3: (4, 2)}, ValueError, "the source 3 needs another name"),
        (
            FusionSummary({"answers": ExpertSummary(len)}),
            SHAPES,
            ShapeError,
            r"summaries\['answers'\] must be a recipe for one source: ExpertSummary takes X as a whole",
        ),
        (
            FusionSummary({"answers": FusionSummary()}),
            SHAPES,
            ShapeError,
            r"summaries\['answers'\] must be a recipe for one source: FusionSummary needs X with several sources",
        ),
        (FusionSummary(fusion="middle"), SHAPES, ValueError, "fusion must be one of 'late', 'early', 'hybrid'"),
        (FusionSummary(fusion="early", width=9), SHAPES, ValueError, "n_heads must divide width"),
    ],
)
def test_bad_parameters(summary, shape, error, words):
    with pytest.raises(error, match=words):
        summary.build(shape, 2)


def test_parameters_of_sources():
    summary = FusionSummary({"signal": SeriesSummary(), "answers": SetSummary()})
    params = summary.get_params()
    assert params["signal"] is summary.summaries["signal"] and params["signal__width"] is None
    assert "signal" not in summary.get_params(deep=False)
    given = summary.summaries
    assert summary.set_params(answers=IdentitySummary(), signal__width=16, fusion="early") is summary
    assert isinstance(summary.summaries["answers"], IdentitySummary) and isinstance(given["answers"], SetSummary)
    assert summary.summaries["signal"].width == 16 and summary.fusion == "early"
    summary.set_params(signal__width=8, summaries={"signal": SetSummary()})
    assert list(summary.summaries) == ["signal"] and summary.summaries["signal"].width == 8
    with pytest.raises(ValueError, match="Invalid parameter 'eeg'"):
        summary.set_params(eeg__width=16)


def test_clones_share_no_recipes():
    summary = FusionSummary({"signal": SeriesSummary()})
    copied = clone(summary).set_params(signal__width=16)
    assert copied.summaries["signal"].width == 16 and summary.summaries["signal"].width is None


@pytest.mark.parametrize("summaries", [None, [SetSummary()], {"width": SetSummary()}, {"signal": "series"}])
def test_parameters_where_there_is_nothing_to_name(summaries):
    summary = FusionSummary(summaries)
    assert summary.get_params() == summary.get_params(deep=False)
    assert summary.set_params(width=16).width == 16


def test_searches_reach_recipes_of_sources():
    X = {name: values.numpy() for name, values in sources(40).items()}
    posterior = AmortizedPosterior(Gaussian(), summary=FusionSummary({"signal": SeriesSummary()}), max_iter=1)
    search = GridSearchCV(posterior, {"summary__signal__n_summaries": [2, 3]}, cv=2)
    search.fit(SliceDict(**X), X["scores"])
    best = search.best_estimator_
    assert best.summary_.summaries["signal"].n_summaries == search.best_params_["summary__signal__n_summaries"]


class Bare(BaseSummary):
    """A summary whose network has no tokens."""

    def build(self, shape, n_parameters):
        network = torch.nn.Flatten()
        network.n_summaries = shape[0]
        return network


@pytest.mark.parametrize("fusion", ["early", "hybrid"])
def test_networks_without_tokens(fusion):
    summary = FusionSummary({"scores": Bare()}, fusion=fusion)
    with pytest.raises(TypeError, match=r"network of source 'scores', Flatten, lacks tokens and token_width"):
        summary.build(SHAPES, 2)
