"""
=============================================
Two hundred simulations, and what is known
=============================================

A simulator that takes an hour leaves a few hundred simulations. From so few a network learns the rough place of a
posterior, and not its shape. If the likelihood is known, or was learned, there is more to learn from: by Bayes' rule
``log prior + log likelihood - log posterior`` is the same number, the log evidence, at every parameter.
:class:`~skabi.losses.SelfConsistency` trains the posterior to obey that rule where it draws, and costs no simulation.

Here both posteriors, learned from the same two hundred simulations, stand on the exact one.
"""

# %%
# A bent posterior
# ----------------
# One number is measured, of which two parameters are the causes, one of them by its square.

import numpy as np
from scipy import stats

from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

noise = 0.3
prior = IndependentPrior({"bend": stats.norm(), "level": stats.norm()})


def measure(bend, level, rng):
    return level + bend**2 + noise * rng.normal(size=len(bend))


def log_likelihood(X, bend, level):
    return stats.norm.logpdf(X[:, 0], level + bend**2, noise)


simulator = Simulator(prior, measure, vectorized=True, log_likelihood=log_likelihood)

# %%
# The same fit, once by simulations alone and once with Bayes' rule on top
# ------------------------------------------------------------------------
# Losses add. Each goes by the name of its class, so that a search could try weights:
# ``{"loss__selfconsistency__weight": [0.1, 1.0]}``.

from skabi import AmortizedPosterior
from skabi.engines import SplineFlow
from skabi.losses import ForwardKL, SelfConsistency

losses = {
    "simulations alone": ForwardKL(),
    "with self-consistency": ForwardKL() + SelfConsistency(weight=1.0, n_draws=16),
}
engine = SplineFlow(4, hidden_layer_sizes=(32, 32), n_blocks=1, block_width=32)
X, y = simulator.sample(1000, random_state=1)
posteriors = {}
for name, loss in losses.items():
    posterior = AmortizedPosterior(engine, loss=loss, n_simulations=200, max_iter=60, random_state=0)
    posteriors[name] = posterior.fit(simulator)
    print(f"{name}: log density of the true parameters of 1,000 new data sets {posterior.score(X, y):.2f}")

# %%
# Both beside the exact posterior
# -------------------------------
# Of one measurement, 1.5, the exact density is on a grid: prior times likelihood. Its contours hold 50 and 95 percent.

import matplotlib.pyplot as plt

bend, level = np.meshgrid(np.linspace(-2.5, 2.5, 201), np.linspace(-3.0, 3.0, 201))
grid = np.column_stack([bend.ravel(), level.ravel()])
observed = np.array([[1.5]])
density = np.exp(prior.log_prob(grid) + log_likelihood(np.repeat(observed, len(grid), axis=0), *grid.T))
ordered = np.sort(density)[::-1]
heights = [ordered[np.searchsorted(np.cumsum(ordered) / ordered.sum(), share)] for share in (0.95, 0.5)]

figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, sharey=True, layout="constrained")
for ax, (name, posterior) in zip(axes, posteriors.items(), strict=True):
    draws = posterior.sample(observed, n_draws=1000, random_state=0)[0]
    ax.plot(*draws.T, ".", markersize=3, alpha=0.5)
    ax.contour(bend, level, density.reshape(bend.shape), levels=heights, colors="black", linewidths=1)
    ax.set(title=name, xlabel="bend", ylabel="level")

# %%
# Where real data are at hand, they can be given as ``SelfConsistency(X_unlabelled=...)``: Bayes' rule holds for them,
# too, whatever their parameters are.

plt.show()
