"""What free-form engines share."""

from sklearn.base import clone

from skabi._params import check_count
from skabi.engines._residual_network import ResidualNetwork
from skabi.engines._solvers import RungeKutta


def field_of(engine, n_parameters, n_context):
    """Return the untrained network inside that of an engine."""
    recipe = ResidualNetwork() if engine.network is None else engine.network
    if not hasattr(recipe, "build"):
        raise TypeError(f"network must be a network recipe, such as ResidualNetwork(64) or UNet(); got {recipe!r}.")
    return clone(recipe).build(n_parameters, n_context)


def configure_ode(engine, network):
    """Give an `OdeNetwork` solver, steps and probes of an engine, and return it."""
    solver = RungeKutta() if engine.solver is None else engine.solver
    return network.configure(
        solver=solver.build(),
        n_steps=check_count(engine.n_steps, "n_steps"),
        n_probes=None if engine.n_probes is None else check_count(engine.n_probes, "n_probes"),
    )
