"""Experiments in torch: histories with gradients, and the contrastive bound of them."""

from dataclasses import dataclass

import numpy as np
import torch

from skabi._torch import to_array, to_tensor
from skabi.design._likelihood import LEAST, torch_log_likelihood
from skabi.exceptions import ShapeError

# Rows with which the twins of a simulator are compared, and standard errors by which they may differ.
_N_TRIED, _DOUBT = 2000, 6.0


@dataclass(frozen=True)
class Rollout:
    """Histories of one policy: `designs` `(n, n_steps, n_designs)`, `outcomes`, and log probabilities of choices."""

    designs: torch.Tensor
    outcomes: torch.Tensor
    choices: torch.Tensor | None


class TorchExperiment:
    """An experiment's functions in torch, in single precision on a device.

    Parameters
    ----------
    experiment : Experiment
        With `torch_outcome` and `torch_log_likelihood`.
    device : torch.device
    """

    def __init__(self, experiment, device):
        self.experiment, self.device = experiment, device

    def entries(self, y):
        """Return parameters `(n, n_parameters)` as tensors by entry."""
        split = self.experiment.prior.split(y)
        return {name: to_tensor(values, device=self.device) for name, values in split.items()}

    def outcomes(self, designs, entries, generator):
        """Return outcomes `(n, n_outcomes)` of designs `(n, n_designs)`."""
        outcomes = self.experiment.torch_outcome(designs, generator, **entries)
        expected = (len(designs), self.experiment.n_outcomes)
        if not isinstance(outcomes, torch.Tensor) or outcomes.shape != expected:
            raise ShapeError(
                f"torch_outcome must return outcomes {expected} as a tensor for designs {tuple(designs.shape)}; got "
                f"{tuple(np.shape(outcomes))} as {type(outcomes).__name__}. Keep the last axis, as in design[..., :1]."
            )
        return outcomes.to(designs.dtype)

    def densities(self, rollout, entries, others):
        """Return log densities under the true parameters `(n, n_steps)`, and under others `(n, n_steps, L)`.

        Parameters
        ----------
        rollout : Rollout
        entries : dict of str to tensor
            True parameters.
        others : dict of str to tensor
            L other ones, which all histories share.
        """
        designs, outcomes = rollout.designs, rollout.outcomes
        n, n_steps, _ = designs.shape
        own = {name: values[:, None] for name, values in entries.items()}
        true = torch_log_likelihood(self.experiment, outcomes, designs, own, (n, n_steps))
        n_others = len(next(iter(others.values())))
        contrastive = torch_log_likelihood(
            self.experiment,
            outcomes[:, :, None],
            designs[:, :, None],
            {name: values[None, None] for name, values in others.items()},
            (n, n_steps, n_others),
        )
        return true, contrastive

    def has_gradients(self, y, designs, generator):
        """Return whether each outcome moves with the design, so that gradients go through outcomes."""
        designs = to_tensor(designs, device=self.device).requires_grad_()
        outcomes = self.outcomes(designs, self.entries(y), generator)
        if not outcomes.requires_grad:
            return False
        for column in outcomes.T:
            (gradient,) = torch.autograd.grad(column.sum(), designs, retain_graph=True, allow_unused=True)
            if gradient is None or not gradient.any():
                return False
        return True

    def check(self, generator):
        """Raise if `torch_outcome` and `simulate` are not of one model, as the likelihood sees it."""
        experiment = self.experiment
        y = experiment.prior.sample(_N_TRIED, random_state=1).to_numpy()
        designs = experiment.space.sample(_N_TRIED, random_state=1)
        in_numpy = experiment.outcomes(designs, experiment.prior.split(y), np.random.default_rng(1))
        entries = self.entries(y)
        there = to_tensor(designs, device=self.device)
        with torch.no_grad():
            pair = [
                torch_log_likelihood(experiment, outcomes, there, entries, (_N_TRIED,)).cpu().double().numpy()
                for outcomes in (
                    to_tensor(in_numpy, device=self.device),
                    self.outcomes(there, entries, generator),
                )
            ]
        difference = pair[0] - pair[1]
        error = difference.std() / np.sqrt(_N_TRIED) + 1e-9
        if not abs(difference.mean()) < _DOUBT * error:
            raise ValueError(
                "simulate and torch_outcome are not of one model: the mean log likelihood of their outcomes, at the "
                f"same parameters and designs, is {pair[0].mean():.4g} and {pair[1].mean():.4g} "
                f"(± {error:.2g} between them)."
            )


class SimulatedExperiment:
    """An experiment of which there is only `simulate`, for networks in torch: outcomes have no gradients.

    Parameters
    ----------
    experiment : Experiment
    device : torch.device
    """

    def __init__(self, experiment, device):
        self.experiment, self.device = experiment, device

    def entries(self, y):
        """Return parameters `(n, n_parameters)` as arrays by entry."""
        return self.experiment.prior.split(y)

    def outcomes(self, designs, entries, generator):
        """Return outcomes `(n, n_outcomes)` of designs `(n, n_designs)`."""
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        checked = self.experiment.space.inside(to_array(designs))
        outcomes = self.experiment.outcomes(checked, entries, np.random.default_rng(seed))
        return to_tensor(outcomes, device=self.device)


def roll_out_in_torch(network, experiment, entries, *, n_steps, generator, keeps_path, draw=None):
    """Return a `Rollout` of a network, one history for each row of the parameters.

    Parameters
    ----------
    network : DesignPolicy
    experiment : TorchExperiment or SimulatedExperiment
    entries : dict of str to tensor or ndarray
    n_steps : int
    generator : torch.Generator
    keeps_path : bool
        Whether gradients go through outcomes.
    draw : callable, optional
        `draw(raw, generator)` returns designs and their log probabilities; by default the best is taken.
    """
    policy, head = network.policy, network.head
    n = len(next(iter(entries.values())))
    like = next(network.parameters())
    total = like.new_zeros(n, policy.n_features)
    parts: list[tuple] = []
    for step in range(n_steps):
        raw = policy.emit(total, torch.full((n,), step, device=like.device))
        choice = None
        if draw is None:
            design = head.best(raw)
        else:
            design, choice = draw(raw, generator)
        outcome = experiment.outcomes(design, entries, generator)
        outcome = outcome if keeps_path else outcome.detach()
        total = total + policy.encode(torch.cat([design, outcome], dim=1))
        parts.append((design, outcome, choice))
    designs, outcomes, choices = zip(*parts, strict=True)
    log_probs = torch.stack(choices, dim=1) if choices[0] is not None else None
    return Rollout(torch.stack(designs, dim=1), torch.stack(outcomes, dim=1), log_probs)


def contrastive_bound(true, contrastive):
    """Return the lower bound `(n,)` of whole histories (Foster et al., 2021, eq. 9).

    Parameters
    ----------
    true : tensor of shape (n, n_steps)
        Log densities of outcomes under the parameters that made them.
    contrastive : tensor of shape (n, n_steps, L)
        Under others.
    """
    return _bound(true.sum(dim=1), contrastive.sum(dim=1))


def surrogate(true, contrastive, *, choices, scores_outcomes):
    """Return what has the gradient of the bound where outcomes or choices have none, and the bound, `(n,)` both.

    The score of what happened in a step is weighed by its advantage.
    """
    gains = _bound(true.cumsum(dim=1), contrastive.cumsum(dim=1))
    score = true if scores_outcomes else 0.0
    score = score if choices is None else score + choices
    return gains[:, -1] + (advantages(gains.detach()) * score).sum(dim=1), gains[:, -1].detach()


def advantages(gains):
    """Return by how much more each step and those after it brought than in the other histories, `(n, n_steps)`.

    Parameters
    ----------
    gains : tensor of shape (n, n_steps)
        What is known after each step.
    """
    to_come = gains[:, -1:] - torch.nn.functional.pad(gains[:, :-1], (1, 0))
    n = len(to_come)
    return (to_come - to_come.mean(dim=0)) * (n / max(n - 1, 1))


def _bound(own, others):
    # Parameters that outcomes rule out count for nothing, and have no gradient.
    others = others.clamp(min=LEAST)
    total = torch.logaddexp(own, others.logsumexp(dim=-1))
    return own - total + np.log(others.shape[-1] + 1)
