"""Measure neural posterior estimation of the sbi package with its defaults; see `measure`.

Draws outside the prior's support are rejected, as the package does by default. The density is the network's own, what
its training maximises: without the correction for the share that leaks out, which takes a rejection run a data set.
"""

import pickle

import measure
import numpy as np

try:
    import torch
    from sbi.inference import NPE
    from sbi.utils import BoxUniform
except ImportError as error:
    raise SystemExit(f"{error}. sbi has an environment of its own, which `make benchmark` sets up.") from None


def make_prior(family, first, second):
    """Return the prior that the peers are told of as a word and two arrays."""
    first, second = to_tensor(first), to_tensor(second)
    if family == "uniform":
        return BoxUniform(first, second)
    if family == "normal":
        return torch.distributions.MultivariateNormal(first, second)
    return torch.distributions.Independent(torch.distributions.LogNormal(first, second), 1)


def to_tensor(values):
    return torch.as_tensor(np.asarray(values), dtype=torch.float32)


class Model:
    """The network that the method's name ends in."""

    packages = ("sbi", "torch")

    def __init__(self, method, prior, seed):
        torch.manual_seed(seed)
        self.network, self.prior = method.removeprefix("sbi-"), make_prior(*prior)

    def fit(self, X, y):
        inference = NPE(self.prior, density_estimator=self.network, show_progress_bars=False)
        inference.append_simulations(to_tensor(y), to_tensor(X)).train()
        self.posterior = inference.build_posterior()

    def save(self, folder):
        with open(folder / "model.pickle", "wb") as file:
            pickle.dump(self.posterior, file)

    def load(self, folder):
        with open(folder / "model.pickle", "rb") as file:
            self.posterior = pickle.load(file)

    def sample(self, X, n_draws):
        if len(X) == 1:
            return self.posterior.sample((n_draws,), x=to_tensor(X), show_progress_bars=False).numpy()[np.newaxis]
        draws = self.posterior.sample_batched((n_draws,), x=to_tensor(X), show_progress_bars=False)
        return draws.numpy().swapaxes(0, 1)

    def log_prob(self, X, y):
        with torch.no_grad():
            return self.posterior.posterior_estimator.log_prob(to_tensor(y)[None], condition=to_tensor(X))[0].numpy()


if __name__ == "__main__":
    measure.main(Model)
