"""Consistency models."""

from skabi._params import check_count
from skabi.engines._base import BaseEngine
from skabi.engines._diffusion_model import DiffusionModel
from skabi.engines._free_form import field_of
from skabi.engines._solvers import RungeKutta
from skabi.engines._unet import UNet


class ConsistencyModel(BaseEngine):
    """A network that goes in one step from a normal point to parameters [1]_ [2]_.

    It learns to say, of any point on the path of a diffusion, where the path ends. A diffusion model, with a network of
    the same form, learns beside it and shows it such paths [3]_: training takes a few times as long as that of
    `DiffusionModel`. Draws take one pass of the network, and a few more with noise in between make them better. There
    is no density: `log_prob` and `score` raise `skabi.exceptions.DensityError`; take `FlowMatching` or `SplineFlow`
    where one is needed, and `scoring=skabi.diagnostics.energy_scorer` in searches.

    Parameters
    ----------
    network : network recipe, optional
        By default `ResidualNetwork()`; without its dropout, since paths are new in each step of training.
    n_steps : int, default=2
        Passes a draw takes: one or two are often enough. It may be changed after `fit`.
    noise : (float, float), default=(0.001, 10.0)
        Least and most standard deviation of the noise, beside parameters of standard deviation one.
    n_path_steps : int, default=12
        Steps of the midpoint method along a path in training.
    n_repeats : int, default=4
        Noises that a data set meets in a step of training of the diffusion model.

    Notes
    -----
    `loss_curve_` of an estimator holds minus the squared errors that training minimises, of the denoised parameters and
    of the paths' ends; `validation_scores_` minus the sum of the first and of the energy score [4]_ of draws of the
    standardised parameters, which say when to stop.

    References
    ----------
    .. [1] Y. Song, P. Dhariwal, M. Chen, I. Sutskever (2023). Consistency models. arXiv 2303.01469.
    .. [2] M. Schmitt, V. Pratz, U. Köthe, P.-C. Bürkner, S. Radev (2024). Consistency models for scalable and fast
       simulation-based inference. arXiv 2312.05440.
    .. [3] E. Luhman, T. Luhman (2021). Knowledge distillation in iterative generative models for improved sampling
       speed. arXiv 2101.02388.
    .. [4] T. Gneiting, A. Raftery (2007). Strictly proper scoring rules, prediction, and estimation. Journal of the
       American Statistical Association 102(477), 359-378.

    Examples
    --------
    >>> import torch
    >>> from skabi.engines import ConsistencyModel, ResidualNetwork
    >>> network = ConsistencyModel(ResidualNetwork(8, n_blocks=1)).build(3, 2)
    >>> network.sample(torch.zeros(4, 2), 5, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 5, 3])
    """

    def __init__(self, network=None, *, n_steps=2, noise=(0.001, 10.0), n_path_steps=12, n_repeats=4):
        self.network = network
        self.n_steps = n_steps
        self.noise = noise
        self.n_path_steps = n_path_steps
        self.n_repeats = n_repeats

    @property
    def has_linear_start(self):
        """Whether networks see what a linear regression leaves over; images are not mixed by one."""
        return not isinstance(self.network, UNet)

    def build(self, n_parameters, n_context):
        """Return an untrained `ConsistencyNetwork` for `n_parameters` given `n_context` numbers."""
        from skabi.networks._consistency import ConsistencyNetwork

        diffusion = DiffusionModel(
            self.network,
            n_steps=check_count(self.n_path_steps, "n_path_steps", minimum=2),
            solver=RungeKutta(order=2),
            noise=self.noise,
            n_repeats=self.n_repeats,
        )
        network = ConsistencyNetwork(field_of(self, n_parameters, n_context), diffusion.build(n_parameters, n_context))
        return self.configure(network)

    def configure(self, network):
        """Set how many steps a draw of a network of this engine takes, and return it."""
        return network.configure(n_steps=check_count(self.n_steps, "n_steps"))
