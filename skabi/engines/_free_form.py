"""What free-form engines share."""

from sklearn.base import clone

from skabi._params import check_count, check_real
from skabi.engines._residual_network import ResidualNetwork
from skabi.engines._solvers import RungeKutta


def field_of(engine, n_parameters, n_context):
    """Return the untrained network inside that of an engine."""
    recipe = ResidualNetwork() if engine.network is None else engine.network
    _check_recipe(recipe, "network", "ResidualNetwork(width=64) or UNet((28, 28))")
    field = clone(recipe).build(n_parameters, n_context)
    if not callable(getattr(field, "read", None)) or not callable(field):
        raise TypeError(
            "network must be a recipe that builds a module with read(context) and forward(theta, time, read); "
            f"{recipe!r} built {type(field).__name__}, which lacks them. See skabi.engines.ResidualNetwork.build."
        )
    return field


def check_pair(value, name, example=(0.001, 20.0)):
    """Return the two numbers that a recipe's parameter consists of."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} must be a pair of numbers, such as {example}; got {value!r}.")
    return value


def check_noise(noise):
    """Return the least and the most standard deviation of the noise."""
    least, most = check_pair(noise, "noise")
    least = check_real(least, "noise[0]", low=0.0)
    return least, check_real(most, "noise[1]", low=least)


def configure_ode(engine, network):
    """Give an `OdeNetwork` solver, steps and probes of an engine, and return it."""
    solver = RungeKutta() if engine.solver is None else engine.solver
    _check_recipe(solver, "solver", "RungeKutta(order=1), which is Euler's method, or DormandPrince()")
    return network.configure(
        solver=solver.build(),
        n_steps=check_count(engine.n_steps, "n_steps"),
        n_probes=None if engine.n_probes is None else check_count(engine.n_probes, "n_probes"),
    )


def _check_recipe(recipe, name, examples):
    """Raise unless a parameter of an engine is a recipe, an instance and not its class."""
    if isinstance(recipe, type) or not callable(getattr(recipe, "build", None)):
        got = f"the class {recipe.__name__}: write {recipe.__name__}()" if isinstance(recipe, type) else repr(recipe)
        raise TypeError(f"{name} must be a {name} recipe, such as {examples}; got {got}.")
