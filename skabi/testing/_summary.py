"""The contract of summaries."""

import torch
from torch.func import functional_call, vmap

from skabi.networks._data_sets import masked, take
from skabi.testing._recipe import build, build_random, check_build, check_close, check_recipe, normals


def check_summary(summary, *, shapes=((4,), (5, 2))):
    """Check that a summary's networks turn each data set, by itself, into a fixed number of statistics.

    Parameters
    ----------
    summary : BaseSummary
    shapes : sequence of tuple of int, or of dict of str to tuple of int, default=((4,), (5, 2))
        Shapes of one data set, or of one data set of each source, that the summary is made for.

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
        x = _data_sets(shape)
        with torch.no_grad():
            _check_forward(network, x)
            other = build(summary, shape, 3, seed=7).double().eval()
            _check_fixed(network, other, x)
            _check_tokens(network, x)
            other.load_state_dict(network.state_dict())
            check_close(other(x, None), network(x, None), "state_dict must bring a network back", tolerance=0)
            if summary.takes_any_length:
                _check_padding(network, x, n_free_axes=summary.n_free_axes)
        if network.state_dict():
            _check_ensemble(network, x)


def _data_sets(shape):
    """Return six data sets, one seed a source."""
    if isinstance(shape, dict):
        return {name: normals(6, *part, seed=i) for i, (name, part) in enumerate(shape.items())}
    return normals(6, *shape)


def _check_forward(network, x):
    n_summaries = getattr(network, "n_summaries", None)
    assert isinstance(n_summaries, int) and n_summaries > 0, (
        f"the network must say its number of summaries in n_summaries; got {n_summaries!r}."
    )
    summaries = network(x, None)
    assert summaries.shape == (6, n_summaries), (
        f"network(x, None) must have shape (n, n_summaries) = (6, {n_summaries}); got {tuple(summaries.shape)}."
    )
    assert summaries.dtype == torch.float64, f"a double network must compute in float64; got {summaries.dtype}."
    assert summaries.isfinite().all(), "summaries must be finite."
    assert torch.equal(network(x, None), summaries), "the same data sets must have the same summaries."
    first = take(x, slice(1))
    check_close(network(first, None), summaries[:1], "summaries of a data set must not depend on the others")
    assert (summaries - summaries[:1]).abs()[1:].amax(1).min() > 0, "different data sets must have different summaries."


def _check_fixed(network, other, x):
    """Raise unless what is not learned comes first: networks with other weights agree on it."""
    n_fixed = getattr(network, "n_fixed", 0)
    assert isinstance(n_fixed, int) and 0 <= n_fixed <= network.n_summaries, (
        f"n_fixed must be an int from 0 to n_summaries={network.n_summaries}; got {n_fixed!r}."
    )
    fixed, again = (each(x, None)[:, :n_fixed] for each in (network, other))
    check_close(fixed, again, f"the first n_fixed={n_fixed} summaries must not depend on weights")


def _check_tokens(network, x):
    """Raise unless the tokens that early fusion needs, where a network has them, have the shape that it says."""
    if not hasattr(network, "tokens"):
        return
    tokens, mask = network.tokens(x, None)
    width = getattr(network, "token_width", None)
    assert tokens.ndim == 3 and (len(tokens), tokens.shape[2]) == (6, width), (
        f"tokens must have shape (n, n_tokens, token_width) = (6, n_tokens, {width}); got {tuple(tokens.shape)}."
    )
    assert mask is None or mask.shape == tokens.shape[:2], (
        f"the mask of tokens must have shape (n, n_tokens) = {tuple(tokens.shape[:2])}; got {tuple(mask.shape)}."
    )


def _check_padding(network, x, *, n_free_axes):
    """Raise unless what is beyond the end of a data set changes nothing."""
    lengths = [[i % size + 1 for size in x.shape[1 : 1 + n_free_axes]] for i in range(len(x))]
    mask = torch.zeros(x.shape[: 1 + n_free_axes], dtype=torch.bool)
    for i, extent in enumerate(lengths):
        mask[i][tuple(map(slice, extent))] = True
    padded = network(masked(x, mask), mask)
    for i, extent in enumerate(lengths):
        alone = network(x[i : i + 1][(slice(None), *map(slice, extent))], None)
        # Summaries may magnify rounding: the logarithm of a spread that is zero does.
        check_close(padded[i : i + 1], alone, "padding must not change the summaries of a data set", tolerance=1e-6)


def _check_ensemble(network, x):
    """Raise unless networks with stacked weights work as one alone does: ensembles are trained so."""
    stacked = {name: torch.stack([value, value]) for name, value in network.state_dict().items()}
    summaries = vmap(lambda state: functional_call(network, state, (x, None)), randomness="different")(stacked)
    check_close(summaries[1], network(x, None), "torch.func.vmap over weights must give the summaries of each network")
