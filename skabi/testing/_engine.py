"""The contract of engines."""

import torch

from skabi._torch import seeded
from skabi.testing._recipe import build, build_random, check_build, check_close, check_recipe, normals

_N_CONTEXT = 2


def check_engine(engine):
    """Check that an engine's networks are densities that know their own draws, in double precision too.

    Networks for one and for three parameters, with random weights, must have a `log_prob` that integrates to one and
    whose leading axes broadcast, draws that depend on their data set and on the generator alone, and weights that
    carry all that `build` drew. Where there are `to_base` and `from_base`, which `AmortizedPosterior.predict` needs,
    they must be inverse, give `log_prob` and `sample`, and have the log-determinant that autograd gives; a network
    that solves equations states its `tolerance`. Of a network without a density, which says so by `has_density`,
    `log_prob` must raise, and all else must hold.

    Parameters
    ----------
    engine : BaseEngine
        A small instance, since networks are integrated over a grid.

    Raises
    ------
    AssertionError
        If a contract is broken; the message says which.

    Examples
    --------
    >>> from skabi.engines import Gaussian
    >>> from skabi.testing import check_engine
    >>> check_engine(Gaussian(hidden_layer_sizes=(8,)))
    """
    check_recipe(engine)
    for n_parameters in (1, 3):
        check_build(engine, n_parameters, _N_CONTEXT)
        network = build_random(engine, n_parameters, _N_CONTEXT)
        has_density = getattr(network, "has_density", True)
        (_check_log_prob if has_density else _check_no_density)(network, n_parameters)
        _check_sample(network, n_parameters)
        _check_training_loss(network, n_parameters)
        _check_state(engine, network, n_parameters)
        if has_density and hasattr(network, "to_base"):
            _check_base(network, n_parameters)
        elif hasattr(network, "from_base"):
            _check_from_base(network, n_parameters, tolerance=_tolerance_of(network))
    if has_density:
        _check_normalisation(build_random(engine, 1, _N_CONTEXT))


def _tolerance_of(network):
    """Return how far a network says that it is from the exact inverse, and the exact log-determinant."""
    return getattr(network, "tolerance", 1e-8)


def _check_no_density(network, n_parameters):
    theta, context = normals(5, n_parameters), normals(5, _N_CONTEXT, seed=3)
    try:
        network.log_prob(theta, context)
    except NotImplementedError:
        return
    raise AssertionError("log_prob must raise NotImplementedError where has_density is False.")


def _check_log_prob(network, n_parameters):
    theta, context = normals(5, 4, n_parameters), normals(5, _N_CONTEXT, seed=3)
    log_prob = network.log_prob(theta[:, 0], context)
    assert log_prob.shape == (5,), f"log_prob must have shape (5,) for theta (5, {n_parameters}); got {log_prob.shape}."
    assert log_prob.dtype == torch.float64, f"a double network must compute in float64; got {log_prob.dtype}."
    assert log_prob.isfinite().all(), f"log_prob must be finite; got {log_prob.tolist()}."
    broadcast = network.log_prob(theta, context[:, None])
    each = torch.stack([network.log_prob(theta[:, i], context) for i in range(4)], dim=1)
    check_close(broadcast, each, "leading axes of log_prob must broadcast: many draws at once, and each by itself")
    check_close(network.log_prob(theta[:1, 0], context[:1]), log_prob[:1], "rows of log_prob must not interact")
    far = network.log_prob(torch.full((2, n_parameters), 40.0, dtype=torch.float64), context[:2])
    assert far.isfinite().all(), f"log_prob must be finite far out; got {far.tolist()} at 40."


@torch.no_grad()
def _check_sample(network, n_parameters):
    context = normals(3, _N_CONTEXT)
    state = torch.random.get_rng_state()
    draws, again, other = (network.sample(context, 6, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert draws.shape == (3, 6, n_parameters), (
        f"sample must have shape (n, n_draws, n_parameters) = (3, 6, {n_parameters}); got {tuple(draws.shape)}."
    )
    assert draws.dtype == torch.float64 and draws.isfinite().all(), "a double network must draw finite float64."
    assert torch.equal(draws, again), "sample must repeat for the same state of its generator."
    assert not torch.isclose(draws, other).any(), "sample must draw anew for another state of its generator."
    assert torch.equal(state, torch.random.get_rng_state()), "sample must leave torch's global generator alone."
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert not any(torch.isclose(draws[i], draws[j]).any() for i, j in pairs), "data sets must not share their draws."


def _check_training_loss(network, n_parameters):
    rows = normals(50, n_parameters), normals(50, _N_CONTEXT, seed=3)
    _check_gradients(network, network.training_loss(*rows))
    with torch.no_grad(), seeded(0):
        state = torch.random.get_rng_state()
        held_out = [network.training_loss(*rows) for _ in range(2)]
        assert torch.equal(*held_out) and torch.equal(state, torch.random.get_rng_state()), (
            "training_loss of held-out rows, in evaluation mode, must not be random."
        )
    network.train()
    with seeded(0):
        _check_gradients(network, network.training_loss(*rows))
    with torch.no_grad():
        trained = []
        for _ in range(2):
            with seeded(1):
                trained.append(network.training_loss(*rows))
    network.eval()
    assert torch.equal(*trained), "training_loss must draw from torch's global generator alone."


def _check_gradients(network, loss):
    assert loss.shape == (50,) and loss.isfinite().all(), "training_loss must be one finite number a row."
    gradients = torch.autograd.grad(loss.mean(), list(network.parameters()), allow_unused=True)
    for (name, _), gradient in zip(network.named_parameters(), gradients, strict=True):
        assert gradient is not None and gradient.abs().max() > 0, f"training_loss must reach every weight; not {name}."
        assert gradient.isfinite().all(), f"gradients of training_loss must be finite; those of {name} are not."


@torch.no_grad()
def _check_state(engine, network, n_parameters):
    other = build(engine, n_parameters, _N_CONTEXT, seed=7).double().eval()
    other.load_state_dict(network.state_dict())
    theta, context = normals(5, n_parameters), normals(5, _N_CONTEXT, seed=3)
    name = "log_prob" if getattr(network, "has_density", True) else "from_base"
    found, expected = (getattr(each, name)(theta, context) for each in (other, network))
    check_close(found, expected, "state_dict must bring a network back", tolerance=0)


def _check_base(network, n_parameters):
    theta, context = normals(5, n_parameters), normals(5, _N_CONTEXT, seed=3)
    tolerance = _tolerance_of(network)
    z, log_det = network.to_base(theta, context)
    check_close(network.from_base(z, context), theta, "from_base must invert to_base", tolerance=tolerance)
    back = network.to_base(network.from_base(theta, context), context)[0]
    check_close(back, theta, "to_base must invert from_base", tolerance=tolerance)
    _check_from_base(network, n_parameters)
    for i in range(len(theta)):
        jacobian = torch.autograd.functional.jacobian(lambda t, i=i: network.to_base(t, context[i])[0], theta[i])
        expected = torch.linalg.slogdet(jacobian)[1]
        check_close(log_det[i], expected, "the log-determinant of to_base must be autograd's", tolerance=tolerance)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    check_close(network.log_prob(theta, context), log_det + normal, "log_prob must be that of normals under to_base")
    draws = network.sample(context, 6, torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    z = torch.randn(draws.shape, generator=generator, dtype=torch.float64)
    if not getattr(network, "churn", 0.0):
        message = "sample must be from_base of the generator's normals"
        check_close(network.to_base(draws, context[:, None])[0], z, message, tolerance=tolerance)


@torch.no_grad()
def _check_from_base(network, n_parameters, tolerance=1e-8):
    z, context = normals(5, n_parameters), normals(5, _N_CONTEXT, seed=3)
    each = torch.stack([network.from_base(z, row.expand(len(z), -1)) for row in context])
    assert each.isfinite().all(), "from_base must be finite."
    again = [network.from_base(z, context) for _ in range(2)]
    assert torch.equal(*again), "from_base must not be random."
    found = network.from_base(z, context[:, None])
    check_close(found, each, "leading axes of from_base must broadcast", tolerance=tolerance)


@torch.no_grad()
def _check_normalisation(network):
    """Integrate over a grid, and compare the distribution function with that of draws."""
    n_draws = 4000
    context = normals(1, _N_CONTEXT)
    draws = network.sample(context, n_draws, torch.Generator().manual_seed(0))[0, :, 0].sort().values
    margin = 0.5 * (draws[-1] - draws[0])
    grid = torch.linspace(draws[0] - margin, draws[-1] + margin, 20_001, dtype=torch.float64)
    cdf = torch.cumulative_trapezoid(network.log_prob(grid[:, None], context).exp(), grid)
    assert abs(cdf[-1] - 1.0) < 1e-3, f"the density must integrate to one; got {cdf[-1].item():.5f} for one parameter."
    ranks = (torch.arange(n_draws) + 0.5) / n_draws
    gap = (cdf[torch.searchsorted(grid, draws).clamp(1, len(cdf)) - 1] - ranks).abs().max()
    # Kolmogorov's statistic exceeds 2.4 / sqrt(n) once in 50,000 times; 1e-3 for the grid.
    assert gap < 2.4 / n_draws**0.5 + 1e-3, (
        f"draws must follow the density; their distribution function is off by {gap.item():.3f} for one parameter."
    )
