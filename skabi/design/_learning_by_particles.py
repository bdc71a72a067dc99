"""Training of proposals: the information of one further outcome, from draws that follow simulated experiments."""

import numpy as np
import torch

from skabi._random import integer_seed, seed_sequence
from skabi._torch import seeded, to_array, to_tensor
from skabi.design._learning import LikelihoodLearning
from skabi.design._likelihood import LEAST, torch_log_likelihood
from skabi.design._particles import Particles
from skabi.design._spaces import DesignBox
from skabi.networks._proposals import BoxProposals, PoolProposals

# How much worse than the best, in nats, a design that simulated experiments take may be expected to be.
_TEMPERATURE = 0.1
# Designs among which simulated experiments choose.
_N_CHOICES = 32


def build_proposals(recipe, experiment, *, seed):
    """Return an untrained network that proposes designs of the experiment's space."""
    sizes = {"n_features": recipe.n_features, "hidden_layer_sizes": recipe.hidden_layer_sizes}
    space, n_parameters = experiment.space, experiment.prior.n_parameters
    with seeded(integer_seed(seed)):
        if isinstance(space, DesignBox):
            return BoxProposals(n_parameters, *(to_tensor(end) for end in space.ends), **sizes)
        return PoolProposals(n_parameters, to_tensor(space.members), **sizes)


def best_designs(network, u):
    """Return the designs `(n, n_designs)` of which most is expected, after draws `(n, n_draws, n_parameters)`."""
    designs, values = network(u, torch.arange(network.n_anchors(u), device=u.device))
    return designs[torch.arange(len(u)), values.argmax(dim=1)]


class ParticleLearning(LikelihoodLearning):
    """Trains a network by the expected information of the next outcome about which draw is true."""

    def _objective(self, network, share):
        u, anchors = self._roll_out(network, self._rng, self._generator, explores=True)
        rest = torch.rand(len(u), network.n_anchors(u), generator=self._generator, device=u.device).argsort(dim=1)
        anchors = torch.cat([anchors[:, None], rest], dim=1)[:, : self.recipe.n_proposals]
        designs, values = network(u, anchors)
        gains, terms = self._gains(network.judges(u, anchors), designs, self._generator)
        objective = terms.mean() - (values - gains).square().mean()
        return objective, gains[:, 0].mean() * self.recipe.n_steps

    @torch.no_grad()
    def _bound(self, network, rng, generator):
        u, anchors = self._roll_out(network, rng, generator, explores=False)
        designs, _ = network(u, anchors[:, None])
        gains, _ = self._gains(network.judges(u, anchors[:, None]), designs, generator)
        return gains.mean() * self.recipe.n_steps

    @torch.no_grad()
    def _roll_out(self, network, rng, generator, *, explores):
        """Return draws before each step `(n * n_steps, n_particles, n_parameters)`, and the anchors that were taken."""
        recipe, experiment = self.recipe, self.experiment
        y = self.prior.sample(recipe.batch_size, random_state=rng)
        entries = self.prior.split(y)
        particles = Particles(experiment, len(y), recipe.n_particles, seed=seed_sequence(rng))
        states, taken = [], []
        for _ in range(recipe.n_steps):
            u = to_tensor(particles.u, device=self.device)
            choices = torch.randperm(network.n_anchors(u), generator=generator, device=u.device)[:_N_CHOICES]
            designs, values = network(u, choices)
            if explores:
                chosen = torch.multinomial((values / _TEMPERATURE).softmax(dim=1), 1, generator=generator)[:, 0]
            else:
                chosen = values.argmax(dim=1)
            design = experiment.space.inside(to_array(designs[torch.arange(len(u)), chosen]))
            states.append(u)
            taken.append(choices[chosen])
            outcome = experiment.outcomes(design, entries, rng)
            particles = particles.told(np.concatenate([design, outcome], axis=1), strict=False)
        return torch.cat(states), torch.cat(taken)

    def _gains(self, u, designs, generator):
        """Return the information of designs `(n, n_anchors)` about draws, and terms that have its gradient."""
        n, n_anchors, _ = designs.shape
        n_draws = min(self.recipe.n_contrastive, u.shape[1])
        n_outcomes = min(self.recipe.n_outcomes, n_draws)
        order = torch.randperm(u.shape[1], generator=generator, device=u.device)[:n_draws]
        y = self.prior.from_real(to_array(u[:, order].flatten(0, 1)))
        entries = {name: part.unflatten(0, (n, n_draws)) for name, part in self._in_torch.entries(y).items()}
        flat = {
            name: part[:, None, :n_outcomes].expand(n, n_anchors, *part[:, :n_outcomes].shape[1:]).flatten(0, 2)
            for name, part in entries.items()
        }
        repeated = designs[:, :, None].expand(-1, -1, n_outcomes, -1)
        outcomes = self._in_torch.outcomes(repeated.flatten(0, 2), flat, generator).unflatten(0, repeated.shape[:3])
        if not self.keeps_path:
            outcomes = outcomes.detach()
        densities = torch_log_likelihood(
            self.experiment,
            outcomes[:, :, :, None],
            designs[:, :, None, None],
            {name: part[:, None, None] for name, part in entries.items()},
            (n, n_anchors, n_outcomes, n_draws),
        )
        own = densities.diagonal(dim1=2, dim2=3)
        terms = own - densities.clamp(min=LEAST).logsumexp(dim=3) + np.log(n_draws)
        gains = terms.detach().mean(dim=2)
        if not self.keeps_path:
            merit = (terms.detach() - gains[..., None]) * (n_outcomes / (n_outcomes - 1))
            terms = terms + merit * own
        return gains, terms.mean(dim=2)
