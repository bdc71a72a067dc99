"""The data set itself as its summary."""

from skabi.summaries._base import BaseSummary


class IdentitySummary(BaseSummary):
    """Every number of a data set is a summary; nothing is learned.

    The default for X of shape `(n_datasets, n_features)`. Data sets with more axes are flattened.

    Examples
    --------
    >>> from skabi.summaries import IdentitySummary
    >>> IdentitySummary().build((4, 2), n_parameters=3).n_summaries
    8
    """

    observations = "one"

    def build(self, shape, n_parameters):
        """Return a network that flattens data sets of `shape`."""
        from skabi.networks._flatten import Flatten

        return Flatten(shape)
