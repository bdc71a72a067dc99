"""How the differential equations of free-form engines are solved."""

from sklearn.base import BaseEstimator

from skabi._params import check_choice, check_count, check_real

# Euler; midpoint; the classical method of Kutta (1901).
_METHODS = {
    1: ([], [1.0]),
    2: ([[0.5]], [0.0, 1.0]),
    4: ([[0.5], [0.0, 0.5], [0.0, 0.0, 1.0]], [1 / 6, 1 / 3, 1 / 3, 1 / 6]),
}


class RungeKutta(BaseEstimator):
    """Solver with as many steps as its engine says.

    Parameters
    ----------
    order : {1, 2, 4}, default=4
        Velocities that a step asks for: those of Euler's method, the midpoint method or the classical Runge-Kutta
        method. Four times as many Euler steps take the same time as steps of order four.

    Examples
    --------
    >>> from skabi.engines import FlowMatching, RungeKutta
    >>> FlowMatching(n_steps=100, solver=RungeKutta(order=1))
    FlowMatching(n_steps=100, solver=RungeKutta(order=1))
    """

    def __init__(self, order=4):
        self.order = order

    def build(self):
        """Return the solver, a module without weights."""
        from skabi.networks._solvers import RungeKutta

        return RungeKutta(*_METHODS[check_choice(self.order, "order", tuple(_METHODS))])


class DormandPrince(BaseEstimator):
    """Solver that chooses its steps by their error, for each draw by itself [1]_.

    Parameters
    ----------
    tolerance : float, default=1e-5
        Error of a step, in standard deviations of the parameters.
    max_steps : int, default=1000
        Steps after which the solver has failed.

    References
    ----------
    .. [1] J. Dormand, P. Prince (1980). A family of embedded Runge-Kutta formulae. Journal of Computational and Applied
       Mathematics 6(1), 19-26.

    Examples
    --------
    >>> from skabi.engines import DormandPrince, FlowMatching
    >>> FlowMatching(solver=DormandPrince(tolerance=1e-6))
    FlowMatching(solver=DormandPrince(tolerance=1e-06))
    """

    def __init__(self, tolerance=1e-5, *, max_steps=1000):
        self.tolerance = tolerance
        self.max_steps = max_steps

    def build(self):
        """Return the solver, a module without weights."""
        from skabi.networks._solvers import DormandPrince

        return DormandPrince(
            check_real(self.tolerance, "tolerance", low=0.0, high=1.0),
            check_count(self.max_steps, "max_steps"),
        )
