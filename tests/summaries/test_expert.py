import traceback

import numpy as np
import pytest

from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.exceptions import ShapeError
from skabi.summaries import ExpertSummary, FusionSummary, IdentitySummary, ImageSummary, SeriesSummary, SetSummary


def extremes(X):
    return np.stack([X.min(axis=(1, 2)), X.max(axis=(1, 2))], axis=1)


def test_statistics_become_a_source():
    X = np.random.default_rng(0).normal(size=(5, 4, 2))
    sources = ExpertSummary(extremes).expand(X)
    assert list(sources) == ["data", "statistics"] and sources["data"] is X
    np.testing.assert_array_equal(sources["statistics"], extremes(X))


@pytest.mark.parametrize(
    ("summary", "kind"), [(None, SetSummary), (SeriesSummary(), SeriesSummary), (ImageSummary(), ImageSummary)]
)
def test_the_recipe_of_the_data(summary, kind):
    recipes = ExpertSummary(extremes, summary).source_summaries({"data": (4, 2), "statistics": (2,)})
    assert isinstance(recipes["data"], kind) and isinstance(recipes["statistics"], IdentitySummary)


def test_statistics_of_several_sources():
    X = {"a": np.ones((3, 4)), "b": np.ones((3, 5, 2))}
    summary = ExpertSummary(lambda X: X["a"][:, :1], FusionSummary({"b": SeriesSummary()}, fusion="early"))
    sources = summary.expand(X)
    assert list(sources) == ["a", "b", "statistics"]
    recipes = summary.source_summaries({"a": (4,), "b": (5, 2), "statistics": (1,)})
    assert isinstance(recipes["b"], SeriesSummary)
    network = summary.build({"a": (4,), "b": (5, 2), "statistics": (1,)}, 2)
    assert len(network.absent) == 0 and network.crossing is not None


def test_bad_statistics():
    X = np.ones((3, 4))
    with pytest.raises(TypeError, match="statistics must be a function of X"):
        ExpertSummary(3).expand(X)
    with pytest.raises(
        ShapeError, match=r"statistics must return \(n_datasets, n_statistics\) for 3 data sets; got \(3,\)"
    ):
        ExpertSummary(lambda X: X[:, 0]).expand(X)
    with pytest.raises(ValueError, match="what statistics returned must be finite"):
        ExpertSummary(lambda X: X * np.nan).expand(X)
    with pytest.raises(ValueError, match="a source named 'statistics'"):
        ExpertSummary(lambda X: X["a"]).expand({"a": X, "statistics": X})
    with pytest.raises(TypeError, match="summary must be a FusionSummary"):
        ExpertSummary(extremes, SetSummary()).build({"a": (2, 3), "b": (4,), "statistics": (1,)}, 2)


def first(X):
    return X["data"][:, 0]


@pytest.mark.parametrize("summary", [FusionSummary({"data": SetSummary()}), SetSummary(), None])
def test_a_source_may_be_named_as_data_without_a_name_are(summary):
    rng = np.random.default_rng(0)
    X, y = {"data": rng.normal(size=(40, 6, 2))}, rng.normal(size=(40, 1))
    posterior = AmortizedPosterior(Gaussian(), summary=ExpertSummary(first, summary), max_iter=1).fit(X, y)
    recipes = posterior.summary_.source_summaries({"data": (6, 2), "statistics": (2,)})
    assert {name: type(recipe) for name, recipe in recipes.items()} == {
        "data": SetSummary,
        "statistics": IdentitySummary,
    }
    assert posterior.predict(X).shape == (40, 1)


@pytest.mark.parametrize("name", ["data", "points", "width"])
def test_the_recipe_of_a_single_source_whatever_its_name(name):
    shape = {name: (6, 2), "statistics": (2,)}
    assert isinstance(ExpertSummary(first, SeriesSummary()).source_summaries(shape)[name], SeriesSummary)
    assert ExpertSummary(first, SetSummary()).build(shape, 2).names == [name, "statistics"]


def test_recipes_of_statistics_are_not_asked_for():
    with pytest.raises(ValueError, match=r"summaries names \['statistics'\], but X has the sources \['data'\]"):
        ExpertSummary(first, FusionSummary({"statistics": SetSummary()})).build({"data": (4,), "statistics": (2,)}, 1)


@pytest.mark.parametrize(
    ("summary", "error", "words"),
    [
        (ExpertSummary(extremes), ShapeError, "summary must be a recipe for one source: ExpertSummary"),
        (
            FusionSummary({"data": ExpertSummary(extremes)}),
            ShapeError,
            r"summaries\['data'\] must be a recipe",
        ),
        ("set", TypeError, "summary must be a recipe from skabi.summaries"),
    ],
)
def test_what_cannot_stand_within(summary, error, words):
    with pytest.raises(error, match=words):
        ExpertSummary(extremes, summary).build({"data": (6, 2), "statistics": (2,)}, 2)


def test_build_needs_the_number_of_statistics():
    for shape in ((6, 2), {"a": (6, 2)}):
        with pytest.raises(ShapeError, match="needs the number of statistics beside the shape of the data"):
            ExpertSummary(extremes).build(shape, 2)


def test_cost_of_the_shape_of_data_or_of_what_becomes_of_them():
    expanded = ExpertSummary(extremes, SetSummary(width=16)).cost({"data": (6, 2), "statistics": (2,)}, 2)
    assert ExpertSummary(extremes, SetSummary(width=16)).cost((6, 2), 2) == expanded
    assert ExpertSummary(first, FusionSummary({"data": SetSummary(width=16)})).cost({"data": (6, 2)}, 2) == expanded


def test_cost_says_what_it_tried():
    with pytest.raises(KeyError) as info:
        ExpertSummary(lambda X: X["a"]).cost({"b": (6, 2)}, 2)
    shown = "".join(traceback.format_exception(info.value))
    assert "say how many statistics there are, here 4: cost({'b': (6, 2), 'statistics': (4,)}, n_parameters)" in shown
