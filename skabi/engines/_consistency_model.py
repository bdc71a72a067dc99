"""Consistency models."""

from skabi._params import check_count
from skabi.engines._base import BaseEngine
from skabi.engines._diffusion_model import DiffusionModel
from skabi.engines._free_form import check_noise, check_pair, field_of
from skabi.engines._solvers import RungeKutta
from skabi.engines._unet import UNet


class ConsistencyModel(BaseEngine):
    """A network that goes in one step from a normal point to parameters [1]_ [2]_.

    It learns to say, of any point on the path of a diffusion, where the path ends. By default a diffusion model, with a
    network of the same form, learns beside it and shows it such paths [3]_: training takes a few times as long as that
    of `DiffusionModel`. With `distil=False` it is consistency training as published [2]_ [4]_: of two neighbouring
    points of a path the network takes the one with more noise to where it takes the other. That takes about a third of
    the time, and draws are less exact. Draws take one pass of the network, and a few more with noise in between make
    them better. There is no density: `log_prob` and `score` raise `skabi.exceptions.DensityError`; take `FlowMatching`
    or `SplineFlow` where one is needed, and `scoring=skabi.diagnostics.energy_scorer` in searches.

    Parameters
    ----------
    network : network recipe, optional
        By default `ResidualNetwork()`; without its dropout where a diffusion model shows paths, since these are new in
        each step of training.
    n_steps : int, default=2
        Passes a draw takes: one or two are often enough. It may be changed after `fit`.
    noise : (float, float), default=(0.001, 10.0)
        Least and most standard deviation of the noise, beside parameters of standard deviation one.
    distil : bool, default=True
        Whether a diffusion model teaches the network, or the network itself.
    n_path_steps : int, default=12
        Steps of the midpoint method along a path in training, with `distil=True`.
    n_levels : (int, int), default=(10, 50)
        Intervals between levels of noise, whose ends are compared, at the beginning and at the end of training, with
        `distil=False`; they double in between.
    n_repeats : int, default=4
        Noises that a data set meets in a step of training, of the diffusion model where that teaches.

    Notes
    -----
    `loss_curve_` of an estimator holds minus the squared errors that training minimises, of the denoised parameters and
    of the paths' ends; `validation_scores_` minus the sum of the first and of the energy score [5]_ of draws of the
    standardised parameters, which say when to stop. With `distil=False` these are minus the distance that training
    minimises, which grows as levels get closer, and minus the energy score alone.

    References
    ----------
    .. [1] Y. Song, P. Dhariwal, M. Chen, I. Sutskever (2023). Consistency models. arXiv 2303.01469.
    .. [2] M. Schmitt, V. Pratz, U. Köthe, P.-C. Bürkner, S. Radev (2024). Consistency models for scalable and fast
       simulation-based inference. arXiv 2312.05440.
    .. [3] E. Luhman, T. Luhman (2021). Knowledge distillation in iterative generative models for improved sampling
       speed. arXiv 2101.02388.
    .. [4] Y. Song, P. Dhariwal (2024). Improved techniques for training consistency models. arXiv 2310.14189.
    .. [5] T. Gneiting, A. Raftery (2007). Strictly proper scoring rules, prediction, and estimation. Journal of the
       American Statistical Association 102(477), 359-378.

    Examples
    --------
    >>> import torch
    >>> from skabi.engines import ConsistencyModel, ResidualNetwork
    >>> network = ConsistencyModel(ResidualNetwork(8, n_blocks=1)).build(3, 2)
    >>> network.sample(torch.zeros(4, 2), 5, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 5, 3])
    """

    def __init__(
        self,
        network=None,
        *,
        n_steps=2,
        noise=(0.001, 10.0),
        distil=True,
        n_path_steps=12,
        n_levels=(10, 50),
        n_repeats=4,
    ):
        self.network = network
        self.n_steps = n_steps
        self.noise = noise
        self.distil = distil
        self.n_path_steps = n_path_steps
        self.n_levels = n_levels
        self.n_repeats = n_repeats

    @property
    def has_linear_start(self):
        """Whether networks see what a linear regression leaves over; images are not mixed by one."""
        return not isinstance(self.network, UNet)

    def build(self, n_parameters, n_context):
        """Return an untrained `ConsistencyNetwork` for `n_parameters` given `n_context` numbers."""
        build = self._build_distilled if self.distil else self._build_trained
        return self.configure(build(field_of(self, n_parameters, n_context), n_parameters, n_context))

    def configure(self, network):
        """Set how many steps a draw of a network of this engine takes, and return it."""
        return network.configure(n_steps=check_count(self.n_steps, "n_steps"))

    def _build_distilled(self, field, n_parameters, n_context):
        from skabi.networks._distilled_consistency import DistilledConsistencyNetwork

        diffusion = DiffusionModel(
            self.network,
            n_steps=check_count(self.n_path_steps, "n_path_steps", minimum=2),
            solver=RungeKutta(order=2),
            noise=self.noise,
            n_repeats=self.n_repeats,
        )
        return DistilledConsistencyNetwork(field, diffusion.build(n_parameters, n_context))

    def _build_trained(self, field, n_parameters, n_context):
        from skabi.networks._trained_consistency import TrainedConsistencyNetwork

        first, last = check_pair(self.n_levels, "n_levels", example=(10, 50))
        first = check_count(first, "n_levels[0]", minimum=2)
        return TrainedConsistencyNetwork(
            n_parameters,
            field,
            times=check_noise(self.noise),
            n_repeats=check_count(self.n_repeats, "n_repeats"),
            n_levels=(first, check_count(last, "n_levels[1]", minimum=first)),
        )
