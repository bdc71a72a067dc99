"""What every summary recipe can do."""

from dataclasses import dataclass

from sklearn.base import BaseEstimator

from skabi._params import check_count
from skabi.exceptions import ShapeError


@dataclass(frozen=True)
class SummaryCost:
    """What a summary network takes.

    Attributes
    ----------
    n_weights : int
        Numbers that are learned.
    n_multiplications : int
        Multiplications of matrices and convolutions for one data set; what is done number by number comes on top.
    """

    n_weights: int
    n_multiplications: int


class BaseSummary(BaseEstimator):
    """A recipe that builds a network from a data set to a fixed number of statistics.

    A summary of your own needs `build`, and `n_feature_axes` where some axes have no scales of their own.
    `skabi.testing.check_summary` checks it.

    Attributes
    ----------
    takes_any_length : bool, default=False
        Whether data sets may have any number of observations, along their first axis.
    n_free_axes : int, default=1
        Along how many first axes, where they may: 2 where groups of observations may be any number, too.
    observations : {"one", "exchangeable", "ordered"} or None
        What that says of the likelihood: a data set is one observation, a set of observations that are independent
        given the parameters, or a series. None if it says nothing.

    Notes
    -----
    The network that `build` returns has

    - `network(x, mask)`, which returns `(n, n_summaries)`. `mask` is None if everything is there. Where the recipe
      takes any length it is `(n, n_observations)`, true where an observation is there, or `(n, n_groups,
      n_observations)` where `n_free_axes` is 2. Else it is `(n,)`, true where the source is there at all; a network may
      pass over it. What is not there comes as zeros.
    - `n_summaries`, the number of its summaries.
    - `n_fixed`, the number of its first summaries that do not depend on weights, such as moments of the data. The
      posterior starts from a linear regression on them. Without the attribute there are none.
    - `tokens(x, mask)`, which returns tokens `(n, n_tokens, token_width)` of the parts of a data set, and their mask
      `(n, n_tokens)` or None; and `token_width`. Early and hybrid fusion (see `FusionSummary`) need both.
    """

    takes_any_length = False
    n_free_axes = 1
    observations: str | None = None

    def build(self, shape, n_parameters):
        """Return an untrained summary network.

        Parameters
        ----------
        shape : tuple of int, or dict of str to tuple of int
            Shape of one data set, the longest where lengths differ; of one data set of each source where there are
            several.
        n_parameters : int
            Number of parameters that the summaries are to inform of.

        Returns
        -------
        network : torch.nn.Module
            `network(x, mask)` returns `(n, n_summaries)`. See the notes of `BaseSummary`.

        Raises
        ------
        ShapeError
            If data sets of this shape are not what the summary is made for.
        TypeError, ValueError
            If a parameter of the recipe does not make sense.
        """
        raise NotImplementedError

    def n_feature_axes(self, shape):
        """Return how many of the last axes of a data set of `shape` hold features: what has a scale of its own."""
        return len(shape)

    def source_summaries(self, shape):
        """Return the recipe of each source of `shape`, a dict of str to tuple of int, where there are several."""
        raise ShapeError(
            f"{type(self).__name__} takes one source; got X with the sources {list(shape)}. Use FusionSummary, which "
            "takes a recipe for each source."
        )

    def check_sources(self, shape):
        """Raise if the recipe is for several sources, where data sets of `shape` have one."""

    def expand(self, X):
        """Return what the network is to see of the data sets X: X itself, or sources made of it.

        Parameters
        ----------
        X : ndarray, list of ndarray, or dict of these
            Data sets in their own units.
        """
        return X

    def cost(self, shape, n_parameters):
        """Return what the network for data sets of one shape takes.

        Parameters
        ----------
        shape : tuple of int, or dict of str to tuple of int
        n_parameters : int

        Returns
        -------
        cost : SummaryCost
        """
        from skabi.networks._cost import count

        return SummaryCost(*count(self.build(shape, n_parameters), shape))


def check_source_recipe(recipe, shape, name):
    """Raise unless `recipe` is a summary recipe for data sets of `shape`, one source."""
    if not isinstance(recipe, BaseSummary):
        raise TypeError(f"{name} must be a recipe from skabi.summaries, such as SetSummary(); got {recipe!r}.")
    try:
        recipe.check_sources(shape)
    except ShapeError as error:
        raise ShapeError(f"{name} must be a recipe for one source: {error}") from error


def n_summaries_or_default(n_summaries, n_parameters):
    """Return `n_summaries`, or where it is None as many as describe a posterior of several modes."""
    return max(8, 4 * n_parameters) if n_summaries is None else check_count(n_summaries, "n_summaries")


def width_or_default(width, n_parameters, *, n_heads=1):
    """Return `width`, or where it is None one that grows with the number of parameters; heads must divide it."""
    if width is None:
        width = min(128, max(32, 8 * n_parameters))
        return -(-width // n_heads) * n_heads
    width = check_count(width, "width")
    if width % n_heads:
        raise ValueError(f"n_heads must divide width; got n_heads={n_heads} and width={width}.")
    return width
