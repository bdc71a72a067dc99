"""The classical Runge-Kutta step, for many systems at once."""


def runge_kutta_step(derivative, state, step):
    """Advance `state` by `step` with error of fifth order in `step`.

    Parameters
    ----------
    derivative : callable
        Takes an array like `state` and returns its time derivative.
    state : ndarray
        State of the systems, in any layout that `derivative` knows.
    step : float or ndarray
        Time step, broadcast against `state`.

    Returns
    -------
    state : ndarray
        The state one step later.
    """
    first = derivative(state)
    second = derivative(state + 0.5 * step * first)
    third = derivative(state + 0.5 * step * second)
    fourth = derivative(state + step * third)
    return state + step / 6.0 * (first + 2.0 * (second + third) + fourth)
