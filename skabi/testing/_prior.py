"""The contract of priors."""

import pickle

import numpy as np
import pandas as pd
from scipy import stats

from skabi.testing._global_state import numpy_state


def check_prior(prior):
    """Check that draws, density, support and the map to standard normals of a prior belong together.

    Parameters
    ----------
    prior : BasePrior

    Raises
    ------
    AssertionError
        If a contract is broken; the message says which.

    Examples
    --------
    >>> from scipy import stats
    >>> from skabi.priors import IndependentPrior
    >>> from skabi.testing import check_prior
    >>> check_prior(IndependentPrior({"rate": stats.gamma(3.0), "effect": stats.norm([0.0, 1.0])}))
    """
    y = _check_sample(prior)
    _check_density(prior, y)
    _check_map(prior, y)
    _check_jacobian(prior, y[:20])
    copied = pickle.loads(pickle.dumps(prior))
    assert copied.sample(5, random_state=0).equals(prior.sample(5, random_state=0)), "pickle must bring a prior back."


def _check_sample(prior):
    names = prior.parameter_names
    assert len(names) and all(isinstance(name, str) for name in names) and len(set(names)) == len(names), (
        f"parameter_names must be distinct strings; got {names!r}."
    )
    state = numpy_state()
    frame = prior.sample(2000, random_state=0)
    assert isinstance(frame, pd.DataFrame) and list(frame) == list(names) and len(frame) == 2000, (
        f"sample(2000) must be a DataFrame of 2000 rows with the columns {names}; got {type(frame).__name__} of shape "
        f"{frame.shape}."
    )
    assert prior.sample(2000, random_state=0).equals(frame), "sample must repeat for the same random_state."
    assert not prior.sample(2000, random_state=1).equals(frame), "sample must draw anew for another random_state."
    again = numpy_state()
    assert again == state, "sample must leave NumPy's global generator alone."
    y = frame.to_numpy()
    assert y.dtype == np.float64 and np.isfinite(y).all(), "draws must be finite float64."
    return y


def _check_density(prior, y):
    log_prob = prior.log_prob(y)
    assert np.shape(log_prob) == (len(y),), f"log_prob must have shape (n,) = ({len(y)},); got {np.shape(log_prob)}."
    assert np.isfinite(log_prob).all(), "log_prob of the prior's own draws must be finite."
    support = np.asarray(prior.support)
    assert support.shape == (y.shape[1], 2), f"support must have shape (n_parameters, 2); got {support.shape}."
    for column, ends in enumerate(support):
        for end, sign in zip(ends, (-1, 1), strict=True):
            if np.isfinite(end):
                outside = y[:1].copy()
                outside[0, column] = end + sign
                name = prior.parameter_names[column]
                assert prior.log_prob(outside)[0] == -np.inf, f"log_prob must be -inf outside the support of {name!r}."
                assert prior.to_real(outside)[1][0] == -np.inf, (
                    f"log_det of to_real must be -inf outside the support of {name!r}."
                )
    entries = prior.split(y)
    joined = np.column_stack(list(entries.values()))
    assert np.array_equal(joined, y), "the entries of split, side by side, must be the columns of y."


def _check_map(prior, y):
    u, log_det = prior.to_real(y)
    assert u.shape == y.shape and np.shape(log_det) == (len(y),), (
        f"to_real must return shapes {y.shape} and ({len(y)},); got {u.shape} and {np.shape(log_det)}."
    )
    gap = np.abs(prior.from_real(u) - y) / (y.std(axis=0) + np.abs(y))
    assert gap.max() < 1e-7, f"from_real must invert to_real; they differ by {gap.max():.2g} of a parameter's spread."
    gap = np.abs(stats.norm.logpdf(u).sum(axis=1) + log_det - prior.log_prob(y))
    assert gap.max() < 1e-6, f"log_prob must be that of standard normals under to_real; they differ by {gap.max():.2g}."
    for name, column in zip(prior.parameter_names, u.T, strict=True):
        assert stats.kstest(column, "norm").pvalue > 1e-6, f"to_real must make draws of {name!r} standard normal."
    far = prior.from_real(np.full((2, y.shape[1]), [[-30.0], [30.0]]))
    assert np.isfinite(prior.log_prob(far)).all(), f"from_real must stay in the support far out; got {far.tolist()}."


def _check_jacobian(prior, y):
    u, log_det = prior.to_real(y)
    step = 1e-5
    shifts = step * np.eye(y.shape[1])
    columns = [(prior.from_real(u + shift) - prior.from_real(u - shift)) / (2 * step) for shift in shifts]
    sign, slogdet = np.linalg.slogdet(np.stack(columns, axis=-1))
    gap = np.abs(slogdet + log_det)
    assert (sign != 0).all() and gap.max() < 1e-4, (
        f"log_det of to_real must be that of the numerical Jacobian; they differ by {gap.max():.2g}."
    )
