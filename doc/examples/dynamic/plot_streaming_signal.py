"""
A neural signal monitored as it streams in
==========================================

The rate at which a neuron fires is watched while spikes are counted, ten times a second. The signal here is simulated,
so that the truth is known: the neuron rests, is excited for three seconds, and comes back.
"""

# %%
# The model: a firing rate that drifts, and now and then jumps. How fast it drifts, and how often it jumps, is unknown.
# Counts of 100 ms are Poisson.

import time

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from skabi.dynamic import DynamicPosterior, DynamicSimulator, Jumps


def spikes(rate, rng):
    return rng.poisson(0.1 * rate)


rate = Jumps(
    stats.halfnorm(scale=0.1),
    rate=stats.beta(1.0, 40.0),
    mean=np.log(10.0),
    sd=0.7,
    bounds=(0.0, None),
)
simulator = DynamicSimulator({"rate": rate}, None, spikes, n_times=100)
posterior = DynamicPosterior(width=32, n_simulations=1500, max_iter=10, fresh_simulations=True, random_state=0).fit(
    simulator
)

# %%
# A signal that is not one of the model's own: two steps, at 3 s and at 6 s. It comes in bin by bin, and each bin costs
# the same few milliseconds.

truth = np.repeat([8.0, 40.0, 8.0], [30, 30, 40])
signal = spikes(truth, np.random.default_rng(1))
bands, took, step = [], [], None
for count in signal:
    start = time.perf_counter()
    step = posterior.filter_step([[count]], step, n_draws=500, random_state=0)
    took.append(1000 * (time.perf_counter() - start))
    bands.append(np.quantile(step.values[0, :, 0], [0.05, 0.5, 0.95]))
print(f"a bin takes {np.median(took):.1f} ms (median)")

# %%
# What was known at each time, and what is known when all is over.

seconds = 0.1 * np.arange(len(signal))
low, middle, high = np.transpose(bands)
smoothed = posterior.sample(signal[np.newaxis], 1000, random_state=0).quantiles([0.05, 0.5, 0.95])[:, 0, :, 0]
figure, axes = plt.subplots(2, 1, sharex=True, sharey=True, layout="constrained")
for ax, (lower, median, upper), name in zip(
    axes, ((low, middle, high), smoothed), ("as it streams in", "looking back"), strict=True
):
    ax.fill_between(seconds, lower, upper, alpha=0.3, label="90 % band")
    ax.plot(seconds, median, label="median")
    ax.plot(seconds, truth, "k--", lw=1, label="truth")
    ax.set(title=name, ylabel="spikes per second", ylim=(0, 90))
axes[0].legend(frameon=False)
axes[1].set_xlabel("seconds")
plt.show()
