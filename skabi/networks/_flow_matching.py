"""Flow matching.

References
----------
.. [1] Y. Lipman, R. Chen, H. Ben-Hamu, M. Nickel, M. Le (2023). Flow matching for generative modeling.
   arXiv 2210.02747.
.. [2] J. Wildberger, M. Dax, S. Buchholz, S. Green, J. Macke, B. Schölkopf (2023). Flow matching for scalable
   simulation-based inference. arXiv 2305.17161.
.. [3] T. Karras, M. Aittala, T. Aila, S. Laine (2022). Elucidating the design space of diffusion-based generative
   models. arXiv 2206.00364.
"""

import torch

from skabi.networks._noise import times_and_normals
from skabi.networks._ode import OdeNetwork

# The network is told the logarithm of what is left of the noise, and no less than this: so it tells late times apart.
_LEAST = 1e-3


class FlowMatchingNetwork(OdeNetwork):
    """The velocity of straight paths from normal points to parameters.

    What it would be for standard normal parameters is given, and the network, whose arguments and values have unit
    variance, learns the rest, as in [3]_.

    Parameters
    ----------
    n_parameters, field, n_repeats
        As in `OdeNetwork`.
    time_exponent : float
        The density of times in training grows with this power.
    """

    def __init__(self, n_parameters, field, *, n_repeats, time_exponent):
        super().__init__(n_parameters, field, n_repeats=n_repeats)
        self.time_exponent = time_exponent

    def training_loss(self, theta, context):
        """Return the mean squared error of the velocity, `(...,)`."""
        uniforms, z = times_and_normals(theta, self._repeats(), is_random=self.training)
        time = uniforms ** (1 / (1 + self.time_exponent))
        # Lipman et al. (2023), eq. 22, with no spread at the end.
        x = torch.lerp(z, theta, time[..., None])
        gap = self.velocity(x, time, self.field.read(context)) - (theta - z)
        return gap.square().mean(dim=-1).mean(dim=0)

    def velocity(self, x, time, read):
        """Return dx/dt, `(..., d)`."""
        told = torch.log(1 - time + _LEAST) / 4
        time = time[..., None]
        size = torch.rsqrt((1 - time).square() + time.square())
        return size.square() * (2 * time - 1) * x + size * self.field(x * size, told, read)

    def times(self):
        """Return the times of the solver's steps, ever closer towards the parameters, where paths bend."""
        return 1 - torch.linspace(1, 0, self.n_steps + 1, dtype=torch.float64).square()

    def base_scale(self):
        """Return the standard deviation of the points where paths begin."""
        return torch.ones(())
