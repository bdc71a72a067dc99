"""Training of a policy without a likelihood: designs are weighed by what a learned posterior makes of them."""

from functools import partial

import numpy as np
import torch
from sklearn.base import clone

from skabi._torch import to_array, to_tensor
from skabi.design._draws_after import as_data_sets
from skabi.design._histories import HistorySimulator
from skabi.design._learning import Learning
from skabi.design._rollouts import SimulatedExperiment, advantages, roll_out_in_torch
from skabi.estimators._members import seed_members

# Spread of what the network says of a design of a box, before a sigmoid takes it there, at first and at last.
_WIDEST, _NARROWEST = 1.0, 0.2


class PosteriorLearning(Learning):
    """Trains a network by the bound of Barber and Agakov, with neither a likelihood nor gradients of outcomes.

    The score function of designs that are drawn around the network's is weighed by the log posterior density of the
    parameters at the end. What the posterior knew before a step is no merit of the step, and taken off.

    Parameters
    ----------
    recipe : DeepAdaptiveDesign
    experiment : Experiment
    device : torch.device
    seed : SeedSequence
    posterior : AmortizedPosterior
        Fitted to histories of 1 to `n_steps` steps.
    """

    advice = "Look for histories and parameters at which the log density of posterior or prior is not finite."

    def __init__(self, recipe, experiment, device, *, seed, posterior):
        super().__init__(recipe, experiment, device, seed=seed)
        self._posterior = posterior
        self._simulated = SimulatedExperiment(experiment, device)

    def _objective(self, network, share):
        draw = network.head.draw
        if not network.head.is_choice:
            draw = partial(draw, spread=_WIDEST * (_NARROWEST / _WIDEST) ** share)
        rollout, y = self._histories(network, self._rng, self._generator, draw=draw)
        gains = self._gains(rollout, y, range(1, self.recipe.n_steps + 1))
        return (advantages(gains) * rollout.choices).sum(dim=1).mean(), gains[:, -1].mean()

    def _bound(self, network, rng, generator):
        rollout, y = self._histories(network, rng, generator, draw=None)
        return self._gains(rollout, y, [self.recipe.n_steps]).mean()

    def _histories(self, network, rng, generator, *, draw):
        """Return a `Rollout`, and the parameters that made it."""
        y = self.prior.sample(self.recipe.batch_size, random_state=rng).to_numpy()
        how = {"n_steps": self.recipe.n_steps, "generator": generator, "keeps_path": False, "draw": draw}
        return roll_out_in_torch(network, self._simulated, self._simulated.entries(y), **how), y

    def _gains(self, rollout, y, counts):
        """Return log posterior over prior densities of the true parameters after so many steps, `(n, len(counts))`."""
        histories = to_array(torch.cat([rollout.designs, rollout.outcomes], dim=2).detach())
        X = as_data_sets([history[:count] for history in histories for count in counts])
        densities = self._posterior.log_prob(X, y.repeat(len(counts), axis=0)).reshape(len(y), -1)
        return to_tensor(densities - self.prior.log_prob(y)[:, np.newaxis], device=self.device)


def fit_posterior(recipe, experiment, *, policy, seed):
    """Return a posterior of histories of 1 to `n_steps` steps, whose designs are random or, in part, a policy's.

    Parameters
    ----------
    recipe : DeepAdaptiveDesign
    experiment : Experiment
    policy : object with next_design, or None
    seed : SeedSequence
    """
    posterior = clone(recipe.posterior)
    seed_members([posterior], seed)
    n_steps = recipe.n_steps if recipe.n_steps == 1 else (1, recipe.n_steps)
    return posterior.fit(HistorySimulator(experiment, n_steps, policy=policy), None)
