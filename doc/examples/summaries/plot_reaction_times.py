"""
=================================================
Reaction times: how fast, how careful, how biased
=================================================

In a two-choice task a person says on each trial which of two answers is right, and it takes some time. The drift
diffusion model explains choices and times together: evidence drifts towards one of two boundaries, noisily. A high
*drift* makes answers fast and right, a wide *boundary* makes them slow and right, and the *non-decision time* is what
seeing and pressing a key take.

The data here are simulated. The model's likelihood is an infinite series; this example needs a simulator alone, and
checks the answer against the exact likelihood at the end.
"""

# %%
# One fit for everybody
# ---------------------
# Persons differ in how many trials they did. The simulator draws the number of trials at random, from 50 to 300, and
# ``X`` becomes a list of arrays, one a person, with a row of reaction time (s) and choice (1 is the upper boundary) for
# each trial. Trials are exchangeable, so the default summary of such a list, a deep set, is the right one.

from skabi import AmortizedPosterior
from skabi.datasets import DriftDiffusion

simulator = DriftDiffusion(n_trials=(50, 300))
posterior = AmortizedPosterior(n_simulations=4000, max_iter=25, random_state=0).fit(simulator)

# %%
# Two hundred persons at once
# ---------------------------
# MCMC would answer one after the other. How well are the parameters found, and can the intervals be believed?

from skabi.diagnostics import recovery
from skabi.plotting import RecoveryDisplay, SBCDisplay

X, y = simulator.sample(200, random_state=1)
draws = posterior.sample(X, 500, random_state=2)
print(recovery(draws, y).round(3))
display = RecoveryDisplay.from_draws(draws, y)

# %%

display = SBCDisplay.from_draws(draws, y)

# %%
# More trials, narrower posteriors
# --------------------------------

import matplotlib.pyplot as plt
import numpy as np

n_trials = np.array([len(x) for x in X])
_, std = posterior.predict(X, return_std=True)
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.scatter(n_trials, std[:, 2], s=12)
ax.set(xlabel="trials", ylabel="posterior sd of the\nnon-decision time (s)", xscale="log", yscale="log")

# %%
# Against the exact likelihood
# ----------------------------
# Weighting the draws by the ratio of exact and amortized density makes them exact; the share of draws that are then
# worth something, the effective sample size, says how good they were to begin with.

person = np.argmin(np.abs(n_trials - 150))
many = posterior.sample([X[person]], 1000, random_state=3)[0]
repeated = [X[person]] * len(many)
exact = simulator.prior.log_prob(many) + simulator.log_likelihood(repeated, **simulator.prior.split(many))
log_weight = exact - posterior.log_prob([X[person]], many[np.newaxis])[0]
weight = np.exp(log_weight - log_weight.max())
print(f"effective sample size: {weight.sum() ** 2 / (weight**2).sum() / len(weight):.0%} of the draws")
print(f"amortized mean {many.mean(axis=0).round(3)}, exact mean {np.average(many, axis=0, weights=weight).round(3)}")
