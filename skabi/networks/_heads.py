"""From summaries to model probabilities."""

import torch
from torch import nn

from skabi.networks._perceptrons import residual_perceptron

# Evidence beyond exp of this is not told apart.
_LARGEST_LOG_EVIDENCE = 20.0


class Head(nn.Module):
    """Numbers, one a model, that a residual perceptron adds to the log-odds of a logistic regression."""

    def __init__(self, n_models, n_context, *, n_blocks, block_width):
        super().__init__()
        self.n_models = n_models
        self.embedding = residual_perceptron(n_context, block_width, n_blocks, block_width)
        self.out = nn.Linear(block_width, n_models)
        # Starts as the logistic regression.
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def numbers(self, context, offset):
        """Return `(n, n_models)`."""
        return offset + self.out(self.embedding(context))


class SoftmaxHead(Head):
    """Probabilities by softmax."""

    def log_proba(self, context, offset):
        """Return log probabilities, `(n, n_models)`."""
        return self.numbers(context, offset).log_softmax(dim=-1)

    def training_loss(self, label, context, offset):
        """Return the cross-entropy, `(n,)`."""
        return -_of_label(self.log_proba(context, offset), label)


class DirichletHead(Head):
    """A Dirichlet distribution of probabilities, whose concentration is one and the evidence for each model.

    Radev et al. (2021), and Sensoy et al. (2018), Evidential deep learning to quantify classification uncertainty,
    arXiv 1806.01768, eq. 4 and 5.
    """

    def __init__(self, n_models, n_context, *, regularization, **sizes):
        super().__init__(n_models, n_context, **sizes)
        self.regularization = regularization

    def concentration(self, context, offset):
        """Return alpha, `(n, n_models)`."""
        return 1 + self.numbers(context, offset).clamp(max=_LARGEST_LOG_EVIDENCE).exp()

    def log_proba(self, context, offset):
        """Return the log of the mean of the Dirichlet distribution, `(n, n_models)`."""
        alpha = self.concentration(context, offset)
        return alpha.log() - alpha.sum(dim=-1, keepdim=True).log()

    def training_loss(self, label, context, offset):
        """Return the expected cross-entropy and the weighted divergence, `(n,)`."""
        alpha = self.concentration(context, offset)
        expected = alpha.sum(dim=-1).digamma() - _of_label(alpha, label).digamma()
        wrong = alpha.scatter(-1, label[..., None], 1.0)
        return expected + self.regularization * _divergence_from_uniform(wrong)


def _of_label(values, label):
    return values.gather(-1, label[..., None])[..., 0]


def _divergence_from_uniform(alpha):
    """Return the KL divergence of Dirichlet(alpha) from Dirichlet(1, ..., 1), `(n,)`."""
    total = alpha.sum(dim=-1)
    excess = (alpha - 1) * (alpha.digamma() - total[..., None].digamma())
    n_models = torch.tensor(float(alpha.shape[-1]), dtype=alpha.dtype, device=alpha.device)
    return total.lgamma() - n_models.lgamma() - alpha.lgamma().sum(dim=-1) + excess.sum(dim=-1)
