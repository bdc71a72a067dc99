"""Flow matching."""

from skabi._params import check_count, check_real
from skabi.engines._base import BaseEngine
from skabi.engines._free_form import configure_ode, field_of
from skabi.engines._unet import UNet


class FlowMatching(BaseEngine):
    """Straight paths from normal points to parameters, whose mean velocity a network learns [1]_ [2]_.

    Draws are the ends of solutions of an ordinary differential equation; the density is found by solving it backwards.
    The network may be of any form, and training asks for no solution: for many parameters, pixels among them, where
    flows are slow to learn. A draw costs `n_steps` times as much as one of `SplineFlow`, and more.

    Parameters
    ----------
    network : network recipe, optional
        By default `ResidualNetwork()`.
    n_steps : int, default=16
        Steps of a solver that does not choose them itself. It may be changed after `fit`.
    solver : solver recipe, optional
        By default `RungeKutta()`; or `DormandPrince()`, which chooses its steps. It may be changed after `fit`.
    n_probes : int, optional
        Random directions [3]_ in which the density is estimated where there are many parameters. By default, and if
        there are not fewer than parameters, it is computed exactly, as many times as slow as there are parameters. The
        directions are the same for all data sets, so that the error does not average out in `score`. It may be changed
        after `fit`.
    time_exponent : float, default=2.0
        Times in training have a density proportional to this power of them, above -1: positive ones lay weight on
        times near the parameters.
    n_repeats : int, default=4
        Times and normal points that a data set meets in a step of training.

    Notes
    -----
    `loss_curve_` and `validation_scores_` of an estimator hold minus the squared error of the velocity, which is no log
    density; `score` is one.

    References
    ----------
    .. [1] Y. Lipman, R. Chen, H. Ben-Hamu, M. Nickel, M. Le (2023). Flow matching for generative modeling.
       arXiv 2210.02747.
    .. [2] J. Wildberger, M. Dax, S. Buchholz, S. Green, J. Macke, B. Schölkopf (2023). Flow matching for scalable
       simulation-based inference. arXiv 2305.17161.
    .. [3] M. Hutchinson (1989). A stochastic estimator of the trace of the influence matrix for Laplacian smoothing
       splines. Communications in Statistics 18(3), 1059-1076.

    Examples
    --------
    >>> import torch
    >>> from skabi.engines import FlowMatching, ResidualNetwork
    >>> network = FlowMatching(ResidualNetwork(8, n_blocks=1), n_steps=4).build(3, 2)
    >>> network.sample(torch.zeros(4, 2), 5, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 5, 3])
    """

    def __init__(self, network=None, *, n_steps=16, solver=None, n_probes=None, time_exponent=2.0, n_repeats=4):
        self.network = network
        self.n_steps = n_steps
        self.solver = solver
        self.n_probes = n_probes
        self.time_exponent = time_exponent
        self.n_repeats = n_repeats

    @property
    def has_linear_start(self):
        """Whether networks see what a linear regression leaves over; images are not mixed by one."""
        return not isinstance(self.network, UNet)

    def build(self, n_parameters, n_context):
        """Return an untrained `FlowMatchingNetwork` for `n_parameters` given `n_context` numbers."""
        from skabi.networks._flow_matching import FlowMatchingNetwork

        network = FlowMatchingNetwork(
            n_parameters,
            field_of(self, n_parameters, n_context),
            n_repeats=check_count(self.n_repeats, "n_repeats"),
            time_exponent=check_real(self.time_exponent, "time_exponent", low=-1.0),
        )
        return self.configure(network)

    def configure(self, network):
        """Set how a network of this engine solves its equation, and return it."""
        return configure_ode(self, network)
