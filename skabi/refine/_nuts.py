"""The no-U-turn sampler of NumPyro for many posteriors with many chains each."""

from functools import partial

import numpy as np

from skabi._optional import import_optional
from skabi._params import check_count, check_real
from skabi.exceptions import ShapeError
from skabi.refine._base import BaseSampler

# Of central differences of the prior's map, on the scale of a standard normal.
_STEP = 1e-4


class NUTSSampler(BaseSampler):
    """Hamiltonian Monte Carlo with gradients [1]_, by NumPyro [2]_, in one batch for all chains of all data sets.

    For many parameters, where a chain that knows the gradient goes farther. The likelihood is a function of JAX, which
    differentiates it. Chains move in coordinates in which the archive has unit covariance. All of it is in double
    precision, whatever JAX is set to.

    Parameters
    ----------
    log_likelihood : callable
        `log_likelihood(x, **parameters)` for ONE data set x and its parameters (scalars, or vectors `(k,)` of vector
        entries), written with `jax.numpy`; returns a scalar. It must be that of the likelihood that `refine` is given.
    n_superchains : int, default=16
        Starting points a data set.
    n_chains : int, default=16
        Chains from each of them.
    n_warm_up : int, default=100
        Updates in which the step size adapts, and which are thrown away.
    target_accept : float, default=0.8
        Mean acceptance that the step size is adapted to.
    max_tree_depth : int, default=6
        An update has at most two to this power steps.

    References
    ----------
    .. [1] M. Hoffman, A. Gelman (2014). The no-U-turn sampler. Journal of Machine Learning Research 15.
       arXiv 1111.4246.
    .. [2] D. Phan, N. Pradhan, M. Jankowiak (2019). Composable effects for flexible and accelerated probabilistic
       programming in NumPyro. arXiv 1912.11554.

    Examples
    --------
    >>> from skabi.refine import NUTSSampler
    >>> def log_likelihood(x, theta):
    ...     return -0.5 * ((x - theta) ** 2).sum()
    >>> NUTSSampler(log_likelihood, n_chains=8).n_warm_up
    100
    """

    def __init__(
        self,
        log_likelihood=None,
        *,
        n_superchains=16,
        n_chains=16,
        n_warm_up=100,
        target_accept=0.8,
        max_tree_depth=6,
    ):
        self.log_likelihood = log_likelihood
        self.n_superchains = n_superchains
        self.n_chains = n_chains
        self.n_warm_up = n_warm_up
        self.target_accept = target_accept
        self.max_tree_depth = max_tree_depth

    def run(self, target, starts, archive, *, n_draws, rng):
        """Return draws of each posterior, `(n_datasets, n_superchains, n_chains, n_kept, n_parameters)`."""
        jax = import_optional("jax", extra="nuts", purpose="NUTSSampler")
        if not callable(self.log_likelihood):
            raise TypeError(
                "NUTSSampler needs log_likelihood(x, **parameters), a function of JAX for one data set; got "
                f"{self.log_likelihood!r}. Without gradients use SliceSampler()."
            )
        X = np.asarray(target.X, dtype=object if isinstance(target.X, list) else float)
        if X.dtype == object:
            raise ShapeError("NUTSSampler needs data sets of one shape in an array; use SliceSampler().")
        n_datasets, n_superchains, n_parameters = starts.shape
        n_chains = check_count(self.n_chains, "n_chains")
        n_kept = self.n_kept(n_draws)
        factors = np.stack([np.linalg.cholesky(_covariance(points)) for points in archive])
        of_chain = np.repeat(np.arange(n_datasets), n_superchains * n_chains)
        u = np.repeat(starts, n_chains, axis=1).reshape(len(of_chain), n_parameters)
        one = partial(
            _one_chain,
            log_likelihood=self.log_likelihood,
            prior=target.prior,
            n_warm_up=check_count(self.n_warm_up, "n_warm_up"),
            n_kept=n_kept,
            target_accept=check_real(self.target_accept, "target_accept", low=0.0, high=1.0),
            max_tree_depth=check_count(self.max_tree_depth, "max_tree_depth"),
        )
        with _in_double_precision(jax):
            keys = jax.random.split(jax.random.key(int(rng.integers(2**31))), len(u))
            chains = np.asarray(jax.jit(jax.vmap(one))(keys, u, X[of_chain], factors[of_chain]))
        return chains.reshape(n_datasets, n_superchains, n_chains, n_kept, n_parameters)


def _in_double_precision(jax):
    """Return a context in which JAX has double precision; before version 0.8 it had another address."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    return import_optional("jax.experimental", extra="nuts", purpose="NUTSSampler").enable_x64(True)


def _covariance(points):
    """Return the covariance of points, regular even where they are few."""
    covariance = np.atleast_2d(np.cov(points, rowvar=False))
    return covariance + (1e-6 * np.trace(covariance) / len(covariance) + 1e-12) * np.eye(len(covariance))


def _one_chain(key, u, x, factor, *, log_likelihood, prior, n_warm_up, n_kept, target_accept, max_tree_depth):
    """Return `n_kept` draws of the chain that starts at `u`, `(n_kept, n_parameters)`, on the real line."""
    import jax
    from numpyro.infer import NUTS

    from_real = _differentiable(prior)

    def potential(z):
        # Coordinates in which the posterior is about as wide in all directions.
        point = factor @ z
        y = from_real(point)
        parameters = {name: y[columns] for name, columns in _entries(prior)}
        return 0.5 * (point**2).sum() - log_likelihood(x, **parameters)

    kernel = NUTS(
        potential_fn=potential, target_accept_prob=target_accept, max_tree_depth=max_tree_depth, adapt_mass_matrix=False
    )
    state = kernel.init(key, n_warm_up, jax.numpy.linalg.solve(factor, u), (), {})
    state = jax.lax.fori_loop(0, n_warm_up, lambda _, state: kernel.sample(state, (), {}), state)

    def step(state, _):
        state = kernel.sample(state, (), {})
        return state, factor @ state.z

    return jax.lax.scan(step, state, None, length=n_kept)[1]


def _entries(prior):
    """Return names of the prior's entries and the columns of each: an index, or a slice for a vector."""
    indices = prior.split(np.arange(len(prior.parameter_names), dtype=float)[np.newaxis])
    return [
        (name, int(index[0]) if index.ndim == 1 else slice(int(index[0, 0]), int(index[0, -1]) + 1))
        for name, index in indices.items()
    ]


def _differentiable(prior):
    """Return the prior's map from the real line as a function of JAX, differentiated by central differences."""
    import jax

    def to_parameters(u):
        # Where a trajectory diverges there are no numbers, and no density either.
        u = np.where(np.isfinite(u), u, 0.0)
        return prior.from_real(u.reshape(-1, u.shape[-1])).reshape(u.shape)

    def jacobian(u):
        steps = _STEP * np.eye(u.shape[-1])
        ends = [to_parameters(u[..., np.newaxis, :] + sign * steps) for sign in (1.0, -1.0)]
        return np.swapaxes(ends[0] - ends[1], -1, -2) / (2 * _STEP)

    def call(function, shape, u):
        # Bits of doubles, in pairs: the thread that calls back is outside the context of double precision.
        def on_host(bits):
            values = np.ascontiguousarray(bits).view(np.float64)[..., 0]
            return np.ascontiguousarray(function(values))[..., np.newaxis].view(np.uint32)

        bits = jax.lax.bitcast_convert_type(u, np.uint32)
        result = jax.ShapeDtypeStruct((*shape, 2), np.uint32)
        bits = jax.pure_callback(on_host, result, bits, vmap_method="broadcast_all")
        return jax.lax.bitcast_convert_type(bits, np.float64)

    @jax.custom_jvp
    def from_real(u):
        return call(to_parameters, u.shape, u)

    @from_real.defjvp
    def from_real_jvp(primals, tangents):
        (u,), (du,) = primals, tangents
        return from_real(u), call(jacobian, (*u.shape, *u.shape), u) @ du

    return from_real
