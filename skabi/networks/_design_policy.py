"""Policies: from what has been done and seen to what is done next."""

import torch
from torch import nn

from skabi.networks._perceptrons import perceptron

# Standard deviations beyond which outcomes look alike.
_FARTHEST = 10.0


class AdaptivePolicy(nn.Module):
    """What a network makes of each step, summed, and of that sum the next design [1]_.

    Steps may come in any order, as the posterior does not depend on it either.

    References
    ----------
    .. [1] A. Foster, D. Ivanova, I. Malik, T. Rainforth (2021). Deep adaptive design: amortizing sequential Bayesian
       experimental design. arXiv 2103.02438.
    """

    def __init__(self, center, scale, *, n_steps, n_features, hidden_layer_sizes, n_out):
        super().__init__()
        self.n_steps, self.n_features = n_steps, n_features
        self.register_buffer("center", center)
        self.register_buffer("scale", scale)
        self.encoder = perceptron([len(center), *hidden_layer_sizes, n_features])
        self.emitter = perceptron([n_features + 1, *hidden_layer_sizes, n_out])

    def encode(self, steps):
        """Return `(..., n_features)` of steps `(..., n_designs + n_outcomes)`."""
        steps = ((steps - self.center) / self.scale).clamp(-_FARTHEST, _FARTHEST)
        return self.encoder(steps) / self.n_steps**0.5

    def emit(self, total, step):
        """Return `(n, n_out)` of summed features `(n, n_features)` and how many steps they are of, `(n,)`."""
        share = (step / self.n_steps).to(total.dtype)
        return self.emitter(torch.cat([total, share[:, None]], dim=1))


class SequencePolicy(nn.Module):
    """A sequence that is learned, whatever the outcomes."""

    def __init__(self, *, n_steps, n_out):
        super().__init__()
        self.n_steps, self.n_features = n_steps, 1
        self.sequence = nn.Parameter(torch.randn(n_steps, n_out))

    def encode(self, steps):
        """Return zeros `(..., 1)`."""
        return torch.zeros_like(steps[..., :1])

    def emit(self, total, step):
        """Return `(n, n_out)`, whatever the features; steps beyond the sequence begin it anew."""
        return self.sequence[step.long() % self.n_steps] + 0 * total[:, :1]


class BoxHead(nn.Module):
    """Numbers between two ends."""

    is_choice = False

    def __init__(self, low, high):
        super().__init__()
        self.n_out = len(low)
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def best(self, raw):
        """Return designs `(n, n_designs)` of any numbers of that shape."""
        return self.low + (self.high - self.low) * raw.sigmoid()

    def draw(self, raw, generator, *, spread):
        """Return designs of normal numbers around these, and log densities of the numbers, less a constant, `(n,)`."""
        drawn = raw.detach() + spread * torch.randn(raw.shape, generator=generator, device=raw.device)
        return self.best(drawn), -0.5 * ((drawn - raw) / spread).square().sum(dim=1)


class PoolHead(nn.Module):
    """A choice of one of many designs, which are known by their numbers."""

    is_choice = True

    def __init__(self, members, *, n_features, hidden_layer_sizes):
        super().__init__()
        self.n_out = n_features
        self.register_buffer("members", members)
        scale = members.std(dim=0)
        self.register_buffer("standard", (members - members.mean(dim=0)) / torch.where(scale > 0, scale, 1.0))
        self.reader = perceptron([members.shape[1], *hidden_layer_sizes, n_features])

    def logits(self, raw):
        """Return `(n, n_pool)` of `(n, n_features)`."""
        return raw @ self.reader(self.standard).T

    def best(self, raw):
        """Return the design that is most probable, `(n, n_designs)`."""
        return self.members[self.logits(raw).argmax(dim=1)]

    def draw(self, raw, generator):
        """Return designs that are drawn, and their log probabilities `(n,)`."""
        log_prob = self.logits(raw).log_softmax(dim=1)
        chosen = torch.multinomial(log_prob.detach().exp(), 1, generator=generator)
        return self.members[chosen[:, 0]], log_prob.gather(1, chosen)[:, 0]


class DesignPolicy(nn.Module):
    """A policy and its head."""

    def __init__(self, policy, head):
        super().__init__()
        self.policy, self.head = policy, head

    def forward(self, steps, counts):
        """Return the best designs `(n, n_designs)` after histories that lie one after the other.

        Parameters
        ----------
        steps : tensor of shape (n_all_steps, n_designs + n_outcomes)
        counts : tensor of shape (n,)
            Steps of each history.
        """
        owners = torch.arange(len(counts), device=steps.device).repeat_interleave(counts)
        total = steps.new_zeros(len(counts), self.policy.n_features)
        if len(steps):
            total = total.index_add(0, owners, self.policy.encode(steps))
        return self.head.best(self.policy.emit(total, counts))
