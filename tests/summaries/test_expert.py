import numpy as np
import pytest

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
