"""From any number of tokens to a fixed number of statistics, whatever their order."""

import torch

# Standard deviations below this are not told apart.
_SMALLEST = 1e-3


def moments(tokens, mask):
    """Return mean and log standard deviation of each data set's tokens, `(n, 2 * width)`.

    Parameters
    ----------
    tokens : Tensor of shape (n, n_tokens, width)
    mask : Tensor of bool of shape (n, n_tokens), or None
        Which tokens count; a data set without any gets those of a token of zeros.
    """
    if mask is not None:
        return weighted_moments(tokens, mask.to(tokens.dtype))
    mean = tokens.mean(dim=1)
    return _as_statistics(mean, (tokens - mean[:, None]).square().mean(dim=1))


def moments_of_rows(rows, owners, n):
    """Return what `moments` returns, of tokens in one row after the other.

    Parameters
    ----------
    rows : Tensor of shape (n_rows, width)
    owners : Tensor of int of shape (n_rows,)
        The data set that each row belongs to.
    n : int
        Number of data sets.
    """
    counts = torch.bincount(owners, minlength=n).clamp(min=1).to(rows.dtype)[:, None]
    mean = rows.new_zeros(n, rows.shape[-1]).index_add(0, owners, rows) / counts
    squares = (rows - mean[owners]).square()
    variance = rows.new_zeros(n, rows.shape[-1]).index_add(0, owners, squares) / counts
    return _as_statistics(mean, variance)


def weighted_moments(tokens, weights):
    """Return mean and log standard deviation of each data set's tokens, `(n, 2 * width)`, by `weights` `(n, n_tokens)`.

    A data set without any weight gets those of a token of zeros.
    """
    share = _shares(weights)
    mean = (share @ tokens)[:, 0]
    return _as_statistics(mean, (share @ (tokens - mean[:, None]).square())[:, 0])


def pooled_deviations(log_deviations, weights):
    """Return the logarithm of the root mean square of standard deviations `(n, n_tokens, width)`, `(n, width)`.

    Parameters
    ----------
    log_deviations : Tensor of shape (n, n_tokens, width)
    weights : Tensor of shape (n, n_tokens)
    """
    return 0.5 * (_shares(weights) @ (2 * log_deviations).exp())[:, 0].clamp(min=_SMALLEST**2).log()


def extremes(rows, owners, n):
    """Return the smallest and the largest value of each column of each data set, `(n, 2 * width)`.

    Parameters
    ----------
    rows, owners, n
        As in `moments_of_rows`; a data set without any has zeros.
    """
    zeros, index = rows.new_zeros(n, rows.shape[-1]), owners[:, None].expand_as(rows)
    ends = [zeros.scatter_reduce(0, index, rows, reduce, include_self=False) for reduce in ("amin", "amax")]
    return torch.cat(ends, dim=-1)


def associations(rows, owners, n):
    """Return Fisher's z of the correlation of each pair of columns of each data set, `(n, width * (width - 1) / 2)`.

    Parameters
    ----------
    rows, owners, n
        As in `moments_of_rows`.
    """
    width = rows.shape[-1]
    first, second = torch.triu_indices(width, width, offset=1, device=rows.device)
    counts = torch.bincount(owners, minlength=n).clamp(min=1).to(rows.dtype)[:, None]
    gaps = rows - (rows.new_zeros(n, width).index_add(0, owners, rows) / counts)[owners]

    def mean(values):
        return rows.new_zeros(n, values.shape[-1]).index_add(0, owners, values) / counts

    spread = (mean(gaps.square()) + _SMALLEST**2).sqrt()
    correlation = mean(gaps[:, first] * gaps[:, second]) / (spread[:, first] * spread[:, second])
    # Sums of many rows in single precision make more than one of it.
    return torch.atanh(correlation.clamp(-1, 1) * (1 - _SMALLEST**2))


def _shares(weights):
    return (weights / weights.sum(dim=1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny))[:, None]


def _as_statistics(mean, variance):
    return torch.cat([mean, 0.5 * (variance + _SMALLEST**2).log()], dim=-1)
