"""Data sets as rows of observations, and back."""

from dataclasses import dataclass

import numpy as np

from skabi.estimators._sources import is_ragged, is_several, n_axes
from skabi.exceptions import ShapeError
from skabi.summaries import ExpertSummary, summary_by_shape


def of_data(summary):
    """Return the recipe that says what the data are, without an expert's statistics."""
    return summary.summary if isinstance(summary, ExpertSummary) else summary


def observations_of(summary, shape):
    """Return what data sets of `shape` are to a fitted summary: one observation, a set, a series, or None."""
    summary = of_data(summary)
    if summary is None and set(shape) == {"data", "statistics"}:
        # An expert's statistics, and data of which nothing was said.
        summary = summary_by_shape(shape["data"])
    return getattr(summary, "observations", None)


def check_can_be_learned(X, summary):
    """Raise unless the recipe `summary`, or None, says of data sets X of one source what their observations are."""
    if is_several(X):
        raise ShapeError(
            f"a likelihood is learned of one source; X has several, {list(X)}. Join them into one array, or use "
            "AmortizedPosterior."
        )
    if summary is None or summary.observations is not None:
        return
    if isinstance(summary, ExpertSummary) or is_ragged(X) or n_axes(X) > 2:
        raise TypeError(
            f"{summary!r} does not say whether observations are exchangeable or a series. Use SetSummary(), "
            "SeriesSummary() or IdentitySummary(), or set the attribute observations of your own recipe."
        )


@dataclass(frozen=True)
class DataLayout:
    """What the axes of data sets are, and which sizes they had in `fit`.

    Attributes
    ----------
    structure : {"one", "exchangeable", "ordered"}
        Whether a data set is one observation, a set or a series.
    shape : tuple of int
        Of one data set, the longest.
    lengths : ndarray of int of shape (n_datasets,), or None
        Numbers of observations in `fit`, where they differed.
    """

    structure: str
    shape: tuple[int, ...]
    lengths: np.ndarray | None

    @classmethod
    def of(cls, source, structure):
        """Return the layout of a `Source`."""
        return cls(structure, source.shape, source.lengths if source.is_ragged and structure != "one" else None)

    @property
    def shape_of_observation(self):
        """Shape of one observation."""
        return self.shape if self.structure == "one" else self.shape[1:]

    def observations(self, source):
        """Return values `(n, n_observations, n_columns)` of a `Source`, and the mask of observations or None."""
        n_observations = 1 if self.structure == "one" else source.shape[0]
        values = source.values.reshape(len(source), n_observations, -1)
        return values, source.mask if source.is_ragged and self.structure != "one" else None

    def sizes(self, n_observations, n, rng):
        """Return numbers of observations of `n` data sets, and whether they are to come as a list."""
        if self.structure == "one":
            if n_observations is not None:
                raise ValueError("n_observations is for data sets of several observations; here each is one.")
            return np.ones(n, dtype=int), False
        if n_observations is None:
            if self.lengths is None:
                return np.full(n, self.shape[0]), False
            return rng.choice(self.lengths, size=n), True
        sizes = np.asarray(n_observations)
        if sizes.dtype.kind not in "iu" or (sizes < 1).any() or sizes.shape not in {(), (n,)}:
            raise ShapeError(
                f"n_observations must be one int of at least 1, or one for each of {n} data sets; got "
                f"{n_observations!r}."
            )
        return np.broadcast_to(sizes, n), sizes.ndim > 0

    def data_sets(self, rows, sizes, *, n_draws, is_list):
        """Return observations `(n_rows, n_columns)`, those of one data set after the other, as users see data sets.

        `sizes` are those of each data set, of which there are `n_draws` in a row; None is one without an axis of its
        own.
        """
        leading = () if n_draws is None else (n_draws,)
        if self.structure == "one":
            return rows.reshape(len(sizes), *leading, *self.shape)
        if not is_list:
            return rows.reshape(len(sizes), *leading, sizes[0], *self.shape_of_observation)
        ends = np.cumsum(sizes * (n_draws or 1))[:-1]
        return [
            part.reshape(*leading, size, *self.shape_of_observation)
            for part, size in zip(np.split(rows, ends), sizes, strict=True)
        ]
