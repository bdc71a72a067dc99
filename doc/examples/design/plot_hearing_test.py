"""
An adaptive hearing test against a fixed one
============================================

How loud must a tone be for a subject to hear it? A clinic plays ten tones and asks each time. A fixed test plays the
same ten to everybody; an adaptive one chooses each tone after the last answer. How much more does it tell? The subject
here is simulated, so that the truth is known.
"""

# %%
# The experiment: a threshold and how sharp it is, both unknown, and a tone between 0 and 80 decibel. The likelihood is
# known, so that nothing needs to be learned to choose the next tone.

import matplotlib.pyplot as plt
import numpy as np
from scipy import special, stats

from skabi.design import (
    AdaptiveDesigner,
    DesignBox,
    ExpectedInformationGain,
    Experiment,
    FixedDesign,
    GreedyDesign,
    RandomDesign,
    evaluate_policy,
)
from skabi.plotting import InformationGainDisplay, PolicyGainDisplay
from skabi.priors import IndependentPrior


def answer(threshold, sharpness, design, rng):
    return rng.random(len(design)) < special.expit(sharpness * (design[:, 0] - threshold))


def log_likelihood(outcome, design, threshold, sharpness):
    return special.log_expit(sharpness * (design[:, 0] - threshold) * (2 * outcome[:, 0] - 1))


prior = IndependentPrior({"threshold": stats.norm(35, 12), "sharpness": stats.lognorm(0.4, scale=0.5)})
experiment = Experiment(
    prior, answer, space=DesignBox(0.0, 80.0, names=["loudness, in decibel"]), log_likelihood=log_likelihood
)

# %%
# What does the first tone tell? Most where the answer is least certain; and even the best tells half a nat, which is
# less than the log of two, a single bit.

gain = ExpectedInformationGain(experiment, n_draws=500, n_contrastive=200, random_state=0)
InformationGainDisplay.from_estimator(gain, np.linspace(0, 80, 33)[:, np.newaxis])
plt.show()

# %%
# One subject, whose threshold is 52. Tones close in on it, and the posterior with them.

subject = np.random.default_rng(1)
designer = AdaptiveDesigner(experiment, random_state=0)
intervals = []
for _ in range(10):
    tone = designer.next_design()
    designer.tell(tone, answer(52.0, 0.6, tone[np.newaxis], subject))
    intervals.append(designer.posterior_so_far(2000)["threshold"].quantile([0.05, 0.95]))
low, high = np.transpose(intervals)
steps = np.arange(1, 11)
heard = designer.history[:, 1] == 1
_, ax = plt.subplots(layout="constrained")
ax.fill_between(steps, low, high, alpha=0.3, label="threshold, 90 % interval")
ax.plot(steps[heard], designer.history[heard, 0], "o", label="tone, heard")
ax.plot(steps[~heard], designer.history[~heard, 0], "o", mfc="none", color="C0", label="tone, not heard")
ax.axhline(52, color="0.5", ls="--", label="truth")
ax.set(xlabel="tone", ylabel="decibel")
ax.legend(frameon=False)
plt.show()
print(f"after ten tones: {low[-1]:.1f} to {high[-1]:.1f} decibel")

# %%
# Is that luck? Simulated tests of many subjects, by three policies and one measure. The fixed test plays ten tones at
# quantiles of the prior, from the middle outwards.

shares = [0.5, 0.3, 0.7, 0.15, 0.85, 0.4, 0.6, 0.22, 0.78, 0.5]
policies = {
    "adaptive": GreedyDesign(experiment, n_candidates=16, n_draws=64, n_outcomes=32),
    "fixed": FixedDesign(stats.norm(35, 12).ppf(shares)),
    "random": RandomDesign(experiment.space),
}
gains = {
    name: evaluate_policy(experiment, policy, n_steps=10, n_rollouts=100, n_contrastive=2000, random_state=0)
    for name, policy in policies.items()
}
PolicyGainDisplay.from_gains(gains)
plt.show()
for name, each in gains.items():
    print(f"{name}: {each.lower:.2f} ± {each.lower_error:.2f} nats")

# %%
# The adaptive test tells more after six tones than the fixed one after ten. A
# :class:`~skabi.design.AmortizedGreedyDesign` decides without any search, once it is trained.
