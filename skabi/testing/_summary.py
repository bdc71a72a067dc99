"""The contract of summaries."""

import torch

from skabi.testing._recipe import build, build_random, check_build, check_close, check_recipe, normals


def check_summary(summary, *, shapes=((4,), (5, 2))):
    """Check that a summary's networks turn each data set, by itself, into a fixed number of statistics.

    Parameters
    ----------
    summary : BaseSummary
    shapes : sequence of tuple of int, default=((4,), (5, 2))
        Shapes of one data set that the summary is made for.

    Raises
    ------
    AssertionError
        If a contract is broken; the message says which.

    Examples
    --------
    >>> from skabi.summaries import IdentitySummary
    >>> from skabi.testing import check_summary
    >>> check_summary(IdentitySummary())
    """
    check_recipe(summary)
    for shape in shapes:
        check_build(summary, shape, 3)
        network = build_random(summary, shape, 3)
        with torch.no_grad():
            _check_forward(network, normals(6, *shape))
            other = build(summary, shape, 3, seed=7).double().eval()
            other.load_state_dict(network.state_dict())
            x = normals(6, *shape)
            check_close(other(x, None), network(x, None), "state_dict must bring a network back", tolerance=0)


def _check_forward(network, x):
    n_summaries = getattr(network, "n_summaries", None)
    assert isinstance(n_summaries, int) and n_summaries > 0, (
        f"the network must say its number of summaries in n_summaries; got {n_summaries!r}."
    )
    summaries = network(x, None)
    assert summaries.shape == (len(x), n_summaries), (
        f"network(x, None) must have shape (n, n_summaries) = ({len(x)}, {n_summaries}) for x of shape "
        f"{tuple(x.shape)}; got {tuple(summaries.shape)}."
    )
    assert summaries.dtype == torch.float64, f"a double network must compute in float64; got {summaries.dtype}."
    assert summaries.isfinite().all(), "summaries must be finite."
    assert torch.equal(network(x, None), summaries), "the same data sets must have the same summaries."
    check_close(network(x[:1], None), summaries[:1], "summaries of a data set must not depend on the others")
    assert (summaries - summaries[:1]).abs()[1:].amax(1).min() > 0, "different data sets must have different summaries."
