"""Training of a policy: stochastic gradients of the contrastive bound."""

import copy
import math

import numpy as np
import torch
from torch import nn

from skabi._progress import progress
from skabi._random import generators, integer_seed
from skabi._torch import seeded, single_thread, to_tensor, torch_generator
from skabi._warnings import warn
from skabi.design._rollouts import TorchExperiment, contrastive_bound, roll_out_in_torch, surrogate
from skabi.design._spaces import DesignBox
from skabi.exceptions import ApproximationWarning, TrainingError
from skabi.networks._design_policy import AdaptivePolicy, BoxHead, DesignPolicy, PoolHead, SequencePolicy

# Simulated outcomes from which their usual size is known.
_N_MEASURED = 2000
_LARGEST_GRADIENT = 5.0
# Share of the steps in which the rate rises.
_RISE = 0.05
# Batches of histories that are held out, and by how many nats a score must be better to count.
_N_HELD_OUT = 8


def build_network(recipe, experiment, *, seed):
    """Return an untrained `DesignPolicy` that knows the usual size of designs and outcomes.

    Parameters
    ----------
    recipe : DeepAdaptiveDesign
    experiment : Experiment
    seed : SeedSequence
    """
    measuring, drawing = seed.spawn(2)
    space = experiment.space
    y = experiment.prior.sample(_N_MEASURED, random_state=measuring)
    rng = generators(measuring, 1)[0]
    designs = space.sample(_N_MEASURED, random_state=rng)
    outcomes = experiment.outcomes(designs, experiment.prior.split(y), rng)
    steps = np.concatenate([designs, outcomes], axis=1)
    scale = steps.std(axis=0)
    center, scale = (to_tensor(part) for part in (steps.mean(axis=0), np.where(scale > 0, scale, 1.0)))
    sizes = {"n_features": recipe.n_features, "hidden_layer_sizes": recipe.hidden_layer_sizes}
    with seeded(integer_seed(drawing)):
        if isinstance(space, DesignBox):
            head: nn.Module = BoxHead(*(to_tensor(end) for end in space.ends))
        else:
            head = PoolHead(to_tensor(space.members), **sizes)
        if recipe.adaptive:
            policy: nn.Module = AdaptivePolicy(center, scale, n_steps=recipe.n_steps, n_out=head.n_out, **sizes)
        else:
            policy = SequencePolicy(n_steps=recipe.n_steps, n_out=head.n_out)
        return DesignPolicy(policy, head)


class Learning:
    """Trains a network on fresh simulated experiments.

    Parameters
    ----------
    recipe : DeepAdaptiveDesign
    experiment : Experiment
    device : torch.device
    seed : SeedSequence
    """

    def __init__(self, recipe, experiment, device, *, seed):
        self.recipe, self.experiment, self.device = recipe, experiment, device
        self.prior = experiment.prior
        self._held_out, self._held_out_noise, parameters, noise, checking = seed.spawn(5)
        self._rng = generators(parameters, 1)[0]
        self._generator = torch_generator(integer_seed(noise), device)
        self._in_torch = TorchExperiment(experiment, device)
        checker = torch_generator(integer_seed(checking), device)
        self._in_torch.check(checker)
        y = self.prior.sample(_N_MEASURED, random_state=checking).to_numpy()
        designs = experiment.space.sample(_N_MEASURED, random_state=checking)
        self.keeps_path = self._in_torch.has_gradients(y, designs, checker)
        self.losses: list[float] = []
        self.scores: list[float] = []
        self.best_iter = 0

    def run(self, network):
        """Train a network, and give it the weights whose held-out score was best.

        Parameters
        ----------
        network : DesignPolicy
        """
        recipe = self.recipe
        network.to(self.device)
        optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate_init)
        n_steps = recipe.max_iter * recipe.n_batches
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate((step + 1) / n_steps))
        best, best_score = copy.deepcopy(network.state_dict()), -math.inf
        with (
            single_thread(),
            progress(recipe.max_iter, "training", verbose=recipe.verbose, unit=" epochs") as advance,
        ):
            for epoch in range(1, recipe.max_iter + 1):
                try:
                    loss, score = self._epoch(network, optimizer, schedule)
                except KeyboardInterrupt:
                    if not self.scores:
                        raise
                    warn(f"training was interrupted in epoch {epoch}; the best weights are kept.", ApproximationWarning)
                    break
                self.losses.append(loss)
                self.scores.append(score)
                advance(1)
                if score > best_score:
                    best, best_score, self.best_iter = copy.deepcopy(network.state_dict()), score, epoch
                elif epoch - self.best_iter >= recipe.n_iter_no_change:
                    break
        network.load_state_dict(best)

    def _epoch(self, network, optimizer, schedule):
        """Return the mean loss of an epoch's steps, and the held-out score after it."""
        total = 0.0
        for _ in range(self.recipe.n_batches):
            y, others = self._parameters(self._rng)
            objective, bound = self._objective(network, y, others)
            if not math.isfinite(bound.item()):
                raise TrainingError(
                    "the bound of the information is NaN or infinite. Look for designs at which torch_log_likelihood "
                    "is not finite, and lower learning_rate_init."
                )
            optimizer.zero_grad()
            (-objective).backward()
            norm = nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
            if torch.isfinite(norm):
                optimizer.step()
            schedule.step()
            total -= bound.item()
        return total / self.recipe.n_batches, self._score(network)

    def _objective(self, network, y, others):
        """Return what is maximised, and the bound, of a batch of histories."""
        how = {"n_steps": self.recipe.n_steps, "generator": self._generator, "keeps_path": self.keeps_path}
        entries = self._in_torch.entries(y)
        rollout = roll_out_in_torch(network, self._in_torch, entries, **how)
        densities = self._in_torch.densities(rollout, entries, self._in_torch.entries(others))
        if self.keeps_path and rollout.choices is None:
            bound = contrastive_bound(*densities).mean()
            return bound, bound.detach()
        # Where designs are chosen from a pool, outcomes have no path back to the network.
        scores_outcomes = not self.keeps_path and rollout.choices is None
        true, contrastive = densities
        objective, bounds = surrogate(true, contrastive, choices=rollout.choices, scores_outcomes=scores_outcomes)
        return objective.mean(), bounds.mean()

    @torch.no_grad()
    def _score(self, network):
        """Return the bound of held-out experiments, the same ones after each epoch."""
        rng = np.random.default_rng(self._held_out)
        generator = torch_generator(integer_seed(self._held_out_noise), self.device)
        how = {"n_steps": self.recipe.n_steps, "generator": generator, "keeps_path": True, "is_training": False}
        values = []
        for _ in range(_N_HELD_OUT):
            y, others = self._parameters(rng)
            entries = self._in_torch.entries(y)
            rollout = roll_out_in_torch(network, self._in_torch, entries, **how)
            densities = self._in_torch.densities(rollout, entries, self._in_torch.entries(others))
            values.append(contrastive_bound(*densities).mean().item())
        return float(np.mean(values))

    def _parameters(self, rng):
        """Return parameters of a batch, and those to contrast them with."""
        n = self.recipe.batch_size
        y = self.prior.sample(n + self.recipe.n_contrastive, random_state=rng).to_numpy()
        return y[:n], y[n:]


def _rate(share):
    """Return the rate of a step, of the highest one: it rises at first, then falls to zero as a cosine."""
    return min(share / _RISE, 0.5 * (1 + math.cos(math.pi * min(share, 1.0))) + 1e-3)
