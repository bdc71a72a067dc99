"""
Disease surveillance in real time
=================================

An outbreak is reported day by day. How many people does a case infect, and did that change when measures were taken?
The reproduction number moves, and its posterior moves with it as reports come in. The outbreak is simulated.
"""

# %%
# The model: each day's reports are new infections, caused by those of the days before with the weights of a serial
# interval of about four days. Their number varies more than Poisson counts do. Observations depend on those before, so
# `simulate` takes `past` and is called for one day after the other.

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from skabi.dynamic import DynamicPosterior, DynamicSimulator, RandomWalk

interval = np.diff(stats.gamma(4.0, scale=1.0).cdf(np.arange(11)))
interval /= interval.sum()
SPREAD = 10.0  # of a negative binomial: its variance is mean + mean ** 2 / SPREAD


def reports(reproduction, rng, past):
    n_before = min(past.shape[1], len(interval))
    pressure = 5.0 * (1 - interval[:n_before].sum())  # the outbreak was seeded before the first day
    if n_before:
        pressure = pressure + past[:, ::-1, 0][:, :n_before] @ interval[:n_before]
    mean = np.minimum(reproduction * pressure, 1e6) + 0.1
    return rng.negative_binomial(SPREAD, SPREAD / (SPREAD + mean))


number = RandomWalk(stats.halfnorm(scale=0.1), mean=np.log(1.3), sd=0.3, bounds=(0.0, None))
simulator = DynamicSimulator({"reproduction": number}, None, reports, n_times=60)
posterior = DynamicPosterior(width=32, n_simulations=1500, max_iter=12, random_state=0).fit(simulator)

# %%
# An outbreak whose reproduction number falls from 1.6 to 0.7 between days 25 and 32.

truth = np.interp(np.arange(60), [0, 25, 32, 60], [1.6, 1.6, 0.7, 0.7])
outbreak = simulator.observe(truth[np.newaxis, :, np.newaxis], random_state=4)

# %%
# What was known on each day, from the reports until then.

filtered = posterior.sample(outbreak, 1000, kind="filtering", random_state=0)
low, middle, high = filtered.quantiles([0.05, 0.5, 0.95])[:, 0, :, 0]
below_one = (filtered.values[0, :, :, 0] < 1).mean(axis=0)
first = int(np.argmax((below_one > 0.95) & (np.arange(60) > 25)))
print(f"below 1 with a probability of 95 % from day {first} on; truly from {int(np.argmax(truth < 1))} on")
figure, axes = plt.subplots(2, 1, sharex=True, layout="constrained")
axes[0].bar(np.arange(60), outbreak[0, :, 0], color="0.7")
axes[0].set_ylabel("reports a day")
axes[1].fill_between(np.arange(60), low, high, alpha=0.3, label="90 % band on that day")
axes[1].plot(middle, label="median")
axes[1].plot(truth, "k--", lw=1, label="truth")
axes[1].axhline(1.0, color="0.5", lw=1)
axes[1].set(xlabel="day", ylabel="reproduction number", ylim=(0, 3))
axes[1].legend(frameon=False)
plt.show()

# %%
# On day 30, a forecast of the ten days to come: trajectories of the reproduction number, and reports made from them.

known = outbreak[:, :30]
ahead = posterior.forecast(known, 10, 500, random_state=0)
future = simulator.observe(ahead.values, past=known, random_state=0)[0]
print(
    "reports of day 40, 90 % interval:",
    np.quantile(future[:, -1, 0], [0.05, 0.95]),
    "and what came:",
    outbreak[0, 39, 0],
)
