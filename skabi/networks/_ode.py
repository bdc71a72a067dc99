"""Densities whose draws are the end of a path from a normal point, along a velocity."""

import torch

from skabi.networks._base import DensityNetwork
from skabi.networks._divergence import signs, velocity_and_divergence


class OdeNetwork(DensityNetwork):
    """A density given by an ordinary differential equation that carries normal points to parameters [1]_.

    A subclass has `velocity(x, time, read)`, `times()` and `base_scale()`.

    Parameters
    ----------
    n_parameters : int
    field : module
        `read(context)`, and `field(x, time, read)` with values `(..., n_parameters)`.
    n_repeats : int
        Times, and noises, of each row in a training step.

    Attributes
    ----------
    solver : module
    n_steps : int
        Of solvers that do not choose it themselves.
    n_probes : int or None
        Random directions in which the divergence is estimated; None for the exact one.

    References
    ----------
    .. [1] R. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud (2018). Neural ordinary differential equations.
       arXiv 1806.07366.
    """

    has_density_loss = False
    # Of densities and inverses, with usual solvers.
    tolerance = 5e-3
    # Repeats of held-out rows, whose loss costs little and decides what is kept.
    _N_HELD_OUT = 8

    def __init__(self, n_parameters, field, *, n_repeats):
        super().__init__(n_parameters)
        self.field, self.n_repeats = field, n_repeats

    def configure(self, *, solver, n_steps, n_probes):
        """Set how equations are solved, and return the network."""
        self.solver, self.n_steps, self.n_probes = solver, n_steps, n_probes
        return self

    def from_base(self, z, context):
        """Return theta `(..., d)`."""
        read, x = self._start(z * self.base_scale().to(z), context)
        return self.solver(lambda x, time: self.velocity(x, time, read), x, self.times().to(z))

    def to_base(self, theta, context):
        """Return `(z, log |det dz/dtheta|)`, which the solver finds to its own accuracy."""
        read, theta = self._start(theta, context)
        # As many directions as parameters cost as much as the exact divergence.
        is_exact = self.n_probes is None or self.n_probes >= self.n_parameters
        probes = None if is_exact else signs(self.n_probes, self.n_parameters).to(theta)

        def velocity(state, time):
            both = velocity_and_divergence(lambda x: self.velocity(x, time, read), state[..., :-1], probes)
            return torch.cat([both[0], both[1][..., None]], dim=-1)

        start = torch.cat([theta, torch.zeros_like(theta[..., :1])], dim=-1)
        end = self.solver(velocity, start, self.times().to(theta).flip(0))
        scale = self.base_scale().to(theta).expand(self.n_parameters)
        return end[..., :-1] / scale, end[..., -1] - scale.log().sum()

    def _start(self, x, context):
        """Return what is read of the data sets, and x with all leading axes."""
        read = self.field.read(context)
        return read, x.expand(*torch.broadcast_shapes(x.shape[:-1], context.shape[:-1]), -1)

    def _repeats(self):
        return self.n_repeats if self.training else self._N_HELD_OUT
