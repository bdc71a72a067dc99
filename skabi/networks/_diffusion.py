"""Diffusion models.

References
----------
.. [1] T. Karras, M. Aittala, T. Aila, S. Laine (2022). Elucidating the design space of diffusion-based generative
   models. arXiv 2206.00364.
"""

import itertools

import torch

from skabi.networks._noise import times_and_normals
from skabi.networks._noise_levels import levels, told
from skabi.networks._ode import OdeNetwork


class DiffusionNetwork(OdeNetwork):
    """Parameters with noise of standard deviation sigma, from which a network learns to tell the parameters [1]_.

    Time is sigma itself, and steps are between the levels of [1]_: paths are nearly straight lines in it.

    Parameters
    ----------
    n_parameters, field, n_repeats
        As in `OdeNetwork`.
    sigmas : tuple of two float
        Least and most noise.
    mean, spread : float
        Of the logarithm of the noise in training.
    """

    def __init__(self, n_parameters, field, *, n_repeats, sigmas, mean, spread):
        super().__init__(n_parameters, field, n_repeats=n_repeats)
        self.sigmas, self.mean, self.spread = sigmas, mean, spread
        self.churn = 0.0

    def training_loss(self, theta, context):
        """Return the weighted squared error of the denoised parameters, `(...,)`."""
        uniforms, z = times_and_normals(theta, self._repeats(), is_random=self.training)
        normals = torch.special.ndtri(uniforms.clamp(1e-6, 1 - 1e-6))
        sigma = (self.mean + self.spread * normals).exp().clamp(*self.sigmas)
        x = theta + sigma[..., None] * z
        skip, out = _shares(sigma[..., None])
        # Karras et al. (2022), eq. 8: the weight makes this the error of what the network itself returns.
        gap = told(self.field, x, sigma, self.field.read(context)) - (theta - skip * x) / out
        return gap.square().mean(dim=-1).mean(dim=0)

    def denoised(self, x, sigma, read):
        """Return the mean of the parameters given them with noise, `(..., d)`."""
        skip, out = _shares(sigma[..., None])
        return skip * x + out * told(self.field, x, sigma, read)

    def velocity(self, x, time, read):
        """Return dx/dsigma of the probability flow, `(..., d)`."""
        # Karras et al. (2022), eq. 3 with sigma for time.
        return (x - self.denoised(x, time, read)) / time[..., None]

    def times(self):
        """Return the times of the solver's steps, from most to least noise."""
        return levels(*self.sigmas, self.n_steps + 1).flip(0)

    def base_scale(self):
        """Return the standard deviation of parameters, of variance one, with the most noise."""
        return torch.tensor((1 + self.sigmas[1] ** 2) ** 0.5)

    def sample(self, context, n_draws, generator):
        """Return draws `(n, n_draws, d)`: ends of the probability flow, or of steps that renew some of the noise."""
        if not self.churn:
            return super().sample(context, n_draws, generator)
        shape = (len(context), n_draws, self.n_parameters)

        def normals():
            return torch.randn(shape, generator=generator, dtype=context.dtype, device=context.device)

        read, x = self._start(normals() * self.base_scale().to(context), context[:, None])
        times = self.times().to(context)
        # Karras et al. (2022), algorithm 2.
        share = min(self.churn / self.n_steps, 2**0.5 - 1)
        for start, end in itertools.pairwise(times):
            x = x + start * ((1 + share) ** 2 - 1) ** 0.5 * normals()
            ends = torch.stack([start * (1 + share), end])
            x = self.solver(lambda x, time: self.velocity(x, time, read), x, ends)
        return x


def _shares(sigma):
    """Return how much of the noisy parameters, and of the network, is in the denoised ones (data of variance one)."""
    return 1 / (1 + sigma.square()), sigma / torch.sqrt(1 + sigma.square())
