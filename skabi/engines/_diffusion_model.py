"""Diffusion models."""

from skabi._params import check_count, check_real
from skabi.engines._base import BaseEngine
from skabi.engines._free_form import check_noise, check_pair, configure_ode, field_of
from skabi.engines._unet import UNet


class DiffusionModel(BaseEngine):
    """Parameters under more and more noise, and a network that learns to take it away [1]_ [2]_.

    Noise and network are scaled as in [3]_. Draws follow the probability flow, an ordinary differential equation, from
    normal points to parameters, or, with `churn`, renew some of the noise on the way; the density is found by solving
    the equation backwards. The network may be of any form. A draw costs `n_steps` times as much as one of `SplineFlow`,
    and more.

    Parameters
    ----------
    network : network recipe, optional
        By default `ResidualNetwork()`.
    n_steps : int, default=16
        Steps of a solver that does not choose them itself. It may be changed after `fit`.
    solver : solver recipe, optional
        By default `RungeKutta()`; or `DormandPrince()`, which chooses its steps. It may be changed after `fit`.
    n_probes : int, optional
        Random directions [4]_ in which the density is estimated where there are many parameters. By default, and if
        there are not fewer than parameters, it is computed exactly, as many times as slow as there are parameters. The
        directions are the same for all data sets, so that the error does not average out in `score`. It may be changed
        after `fit`.
    churn : float, default=0.0
        Zero for the probability flow. Else noise is renewed in each step: over all of them `churn` times as much as
        there was, but at most 0.41 in a step. What the solver or the network did wrong before is forgotten. It concerns
        `sample` alone, and may be changed after `fit`; `log_prob` is that of the probability flow, which such draws
        follow as far as the network is right.
    noise : (float, float), default=(0.001, 20.0)
        Least and most standard deviation of the noise, beside parameters of standard deviation one.
    log_noise : (float, float), default=(-1.2, 1.6)
        Mean and standard deviation of the logarithm of that of the noise in training.
    n_repeats : int, default=4
        Noises that a data set meets in a step of training.

    Notes
    -----
    `loss_curve_` and `validation_scores_` of an estimator hold minus the weighted squared error of the denoised
    parameters, which is no log density; `score` is one.

    References
    ----------
    .. [1] J. Ho, A. Jain, P. Abbeel (2020). Denoising diffusion probabilistic models. arXiv 2006.11239.
    .. [2] Y. Song, J. Sohl-Dickstein, D. Kingma, A. Kumar, S. Ermon, B. Poole (2021). Score-based generative modeling
       through stochastic differential equations. arXiv 2011.13456.
    .. [3] T. Karras, M. Aittala, T. Aila, S. Laine (2022). Elucidating the design space of diffusion-based generative
       models. arXiv 2206.00364.
    .. [4] M. Hutchinson (1989). A stochastic estimator of the trace of the influence matrix for Laplacian smoothing
       splines. Communications in Statistics 18(3), 1059-1076.

    Examples
    --------
    >>> import torch
    >>> from skabi.engines import DiffusionModel, ResidualNetwork
    >>> network = DiffusionModel(ResidualNetwork(8, n_blocks=1), n_steps=4).build(3, 2)
    >>> network.sample(torch.zeros(4, 2), 5, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 5, 3])
    """

    def __init__(
        self,
        network=None,
        *,
        n_steps=16,
        solver=None,
        n_probes=None,
        churn=0.0,
        noise=(0.001, 20.0),
        log_noise=(-1.2, 1.6),
        n_repeats=4,
    ):
        self.network = network
        self.n_steps = n_steps
        self.solver = solver
        self.n_probes = n_probes
        self.churn = churn
        self.noise = noise
        self.log_noise = log_noise
        self.n_repeats = n_repeats

    @property
    def has_linear_start(self):
        """Whether networks see what a linear regression leaves over; images are not mixed by one."""
        return not isinstance(self.network, UNet)

    def build(self, n_parameters, n_context):
        """Return an untrained `DiffusionNetwork` for `n_parameters` given `n_context` numbers."""
        from skabi.networks._diffusion import DiffusionNetwork

        mean, spread = check_pair(self.log_noise, "log_noise")
        network = DiffusionNetwork(
            n_parameters,
            field_of(self, n_parameters, n_context),
            n_repeats=check_count(self.n_repeats, "n_repeats"),
            sigmas=check_noise(self.noise),
            mean=check_real(mean, "log_noise[0]"),
            spread=check_real(spread, "log_noise[1]", low=0.0),
        )
        return self.configure(network)

    def configure(self, network):
        """Set how a network of this engine draws, and return it."""
        network.churn = 0.0 if self.churn == 0 else check_real(self.churn, "churn", low=0.0)
        return configure_ode(self, network)
