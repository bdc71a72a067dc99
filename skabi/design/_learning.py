"""Training of a policy: stochastic gradients of a lower bound of the information."""

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
# Batches of histories that are held out.
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
    """Base class of what trains a network on fresh simulated experiments.

    Parameters
    ----------
    recipe : DeepAdaptiveDesign or AmortizedGreedyDesign
    experiment : Experiment
    device : torch.device
    seed : SeedSequence
    """

    # What to try where a bound is not finite.
    advice: str

    def __init__(self, recipe, experiment, device, *, seed):
        self.recipe, self.experiment, self.device = recipe, experiment, device
        self.prior = experiment.prior
        self._held_out, self._held_out_noise, parameters, noise, self._checking = seed.spawn(5)
        self._rng = generators(parameters, 1)[0]
        self._generator = torch_generator(integer_seed(noise), device)
        self.losses: list[float] = []
        self.scores: list[float] = []
        self.best_iter = 0
        self._n_done = self._n_left_out = 0

    def _objective(self, network, share):
        """Return what is maximised, and the bound, of a batch of histories, after a share of all steps."""
        raise NotImplementedError

    def _bound(self, network, rng, generator):
        """Return the bound of a batch of histories whose designs are the best ones."""
        raise NotImplementedError

    def run(self, network):
        """Train a network, and give it the weights whose held-out score was best.

        Parameters
        ----------
        network : DesignPolicy
        """
        recipe = self.recipe
        network.to(self.device, torch.float32)
        optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate_init)
        best, best_score = copy.deepcopy(network.state_dict()), -math.inf
        with (
            single_thread(),
            progress(recipe.max_iter, "training", verbose=recipe.verbose, unit=" epochs") as advance,
        ):
            for epoch in range(1, recipe.max_iter + 1):
                try:
                    loss, score = self._epoch(network, optimizer)
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
        self._check_course()

    def _check_course(self):
        """Raise if no epoch had a score, and warn of steps that were left out."""
        left_out = f"{self._n_left_out} of {self._n_done} steps of training had gradients that are not finite"
        if not self.best_iter:
            raise TrainingError(
                f"held-out experiments have a bound that is NaN or infinite after each of {len(self.scores)} epochs; "
                f"{left_out}. {self.advice}"
            )
        if self._n_left_out:
            warn(f"{left_out}, and were left out. {self.advice}", ApproximationWarning)

    def _epoch(self, network, optimizer):
        """Return the mean loss of an epoch's steps, and the held-out score after it."""
        total = 0.0
        for _ in range(self.recipe.n_batches):
            n_batches = self.recipe.max_iter * self.recipe.n_batches
            objective, bound = self._objective(network, self._n_done / n_batches)
            if not math.isfinite(bound.item()):
                raise TrainingError(f"the bound of the information is NaN or infinite. {self.advice}")
            self._n_done += 1
            optimizer.param_groups[0]["lr"] = self.recipe.learning_rate_init * _rate(self._n_done / n_batches)
            optimizer.zero_grad()
            (-objective).backward()
            norm = nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
            if torch.isfinite(norm):
                optimizer.step()
            else:
                self._n_left_out += 1
            total -= bound.item()
        return total / self.recipe.n_batches, self._score(network)

    @torch.no_grad()
    def _score(self, network):
        """Return the bound of held-out experiments, the same ones after each epoch."""
        rng = np.random.default_rng(self._held_out)
        generator = torch_generator(integer_seed(self._held_out_noise), self.device)
        return float(np.mean([self._bound(network, rng, generator).item() for _ in range(_N_HELD_OUT)]))


class LikelihoodLearning(Learning):
    """Trains a network by the contrastive bound, for which the likelihood is known in torch."""

    advice = "Look for designs at which torch_log_likelihood is not finite, and lower learning_rate_init."

    def __init__(self, recipe, experiment, device, *, seed):
        super().__init__(recipe, experiment, device, seed=seed)
        self._in_torch = TorchExperiment(experiment, device)
        checker = torch_generator(integer_seed(self._checking), device)
        self._in_torch.check(checker)
        y = self.prior.sample(_N_MEASURED, random_state=self._checking).to_numpy()
        designs = experiment.space.sample(_N_MEASURED, random_state=self._checking)
        self.keeps_path = self._in_torch.has_gradients(y, designs, checker)

    def _objective(self, network, share):
        draw = network.head.draw if network.head.is_choice else None
        rollout, densities = self._histories(network, self._rng, self._generator, keeps_path=self.keeps_path, draw=draw)
        if self.keeps_path and draw is None:
            bound = contrastive_bound(*densities).mean()
            return bound, bound.detach()
        objective, bounds = surrogate(*densities, choices=rollout.choices, scores_outcomes=not self.keeps_path)
        return objective.mean(), bounds.mean()

    def _bound(self, network, rng, generator):
        _, densities = self._histories(network, rng, generator, keeps_path=True)
        return contrastive_bound(*densities).mean()

    def _histories(self, network, rng, generator, **how):
        """Return a `Rollout`, and log densities under the true parameters and others."""
        n = self.recipe.batch_size
        y = self.prior.sample(n + self.recipe.n_contrastive, random_state=rng).to_numpy()
        entries, others = self._in_torch.entries(y[:n]), self._in_torch.entries(y[n:])
        how |= {"n_steps": self.recipe.n_steps, "generator": generator}
        rollout = roll_out_in_torch(network, self._in_torch, entries, **how)
        return rollout, self._in_torch.densities(rollout, entries, others)


def _rate(share):
    """Return the rate of a step, of the highest one: it rises at first, then falls to zero as a cosine."""
    return min(share / _RISE, 0.5 * (1 + math.cos(math.pi * min(share, 1.0))) + 1e-3)
