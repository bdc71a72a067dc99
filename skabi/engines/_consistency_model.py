"""Consistency models."""

from skabi._params import check_count, check_real
from skabi.engines._base import BaseEngine
from skabi.engines._free_form import field_of
from skabi.engines._unet import UNet


class ConsistencyModel(BaseEngine):
    """A network that goes in one step from a normal point to parameters [1]_ [2]_.

    It learns to say, of any point on the path of a diffusion, where the path ends. Draws take one pass of the network,
    and a few more with noise in between make them better. There is no density: `log_prob` and `score` raise
    `skabi.exceptions.DensityError`; take `FlowMatching` or `SplineFlow` where one is needed, and
    `scoring=skabi.diagnostics.energy_scorer` in searches.

    Parameters
    ----------
    network : network recipe, optional
        By default `ResidualNetwork()`.
    n_steps : int, default=2
        Passes a draw takes: one or two are often enough, and 10 to 30 for the last bit. It may be changed after `fit`.
    noise : (float, float), default=(0.001, 10.0)
        Least and most standard deviation of the noise, beside parameters of standard deviation one.
    n_levels : (int, int), default=(10, 50)
        Levels of noise whose neighbours are compared, at the beginning and at the end of training; they double in
        between [3]_.
    n_repeats : int, default=4
        Noises that a data set meets in a step of training.

    Notes
    -----
    `loss_curve_` of an estimator holds minus the distance that training minimises, `validation_scores_` minus the
    energy score [4]_ of draws of the standardised parameters, which says when to stop.

    References
    ----------
    .. [1] Y. Song, P. Dhariwal, M. Chen, I. Sutskever (2023). Consistency models. arXiv 2303.01469.
    .. [2] M. Schmitt, V. Pratz, U. Köthe, P.-C. Bürkner, S. Radev (2024). Consistency models for scalable and fast
       simulation-based inference. arXiv 2312.05440.
    .. [3] Y. Song, P. Dhariwal (2024). Improved techniques for training consistency models. arXiv 2310.14189.
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

    def __init__(self, network=None, *, n_steps=2, noise=(0.001, 10.0), n_levels=(10, 50), n_repeats=4):
        self.network = network
        self.n_steps = n_steps
        self.noise = noise
        self.n_levels = n_levels
        self.n_repeats = n_repeats

    @property
    def has_linear_start(self):
        """Whether networks see what a linear regression leaves over; images are not mixed by one."""
        return not isinstance(self.network, UNet)

    def build(self, n_parameters, n_context):
        """Return an untrained `ConsistencyNetwork` for `n_parameters` given `n_context` numbers."""
        from skabi.networks._consistency import ConsistencyNetwork

        least, most = self.noise
        first, last = self.n_levels
        least, first = check_real(least, "noise[0]", low=0.0), check_count(first, "n_levels[0]", minimum=2)
        network = ConsistencyNetwork(
            n_parameters,
            field_of(self, n_parameters, n_context),
            n_repeats=check_count(self.n_repeats, "n_repeats"),
            times=(least, check_real(most, "noise[1]", low=least)),
            n_levels=(first, check_count(last, "n_levels[1]", minimum=first)),
        )
        return self.configure(network)

    def configure(self, network):
        """Set how many steps a draw of a network of this engine takes, and return it."""
        return network.configure(n_steps=check_count(self.n_steps, "n_steps"))
