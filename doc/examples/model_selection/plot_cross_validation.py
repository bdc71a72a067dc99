"""
============================================================
Which sensors drift? Leave-one-out for 150 data sets at once
============================================================

Of 150 thermometers we know by how much each was off, at ten to forty temperatures. Some are off by the same amount at
any temperature, some drift as it gets warmer. Which ones? Leave-one-out cross-validation asks which of two models
predicts a reading better that it has not seen: one refit for each reading of each sensor, with each model. For a
sampler these are thousands of runs. For a posterior that was learned once they are thousands of questions, and one
call.

The sensors are simulated, so that the truth is known. At the end the exact answer is computed, and compared.
"""

# %%
# Two models
# ----------
# A reading is a pair: the temperature, as its distance from 20 °C in units of 5 °C, and how far the sensor is off, in
# tenths of a degree. Each model has a prior and a simulator. ``n_observations`` draws the number of readings at random.
# It begins at nine, since one of ten readings will be left out.

import numpy as np
from scipy import stats

from skabi.priors import IndependentPrior
from skabi.simulators import Simulator


def readings(offset, drift, noise, rng, n_observations):
    """Return temperatures and errors, (n_datasets, n_readings, 2)."""
    temperature, error = rng.standard_normal((2, len(noise), max(n_observations)))
    error = offset[:, np.newaxis] + drift[:, np.newaxis] * temperature + noise[:, np.newaxis] * error
    return np.stack([temperature, error], axis=-1)


def steady_sensor(offset, noise, rng, n_observations):
    return readings(offset, np.zeros_like(offset), noise, rng, n_observations)


offset, drift, noise = stats.norm(0.0, 1.0), stats.norm(0.0, 0.5), stats.lognorm(0.5, scale=0.5)
settings = {"vectorized": True, "n_observations": (9, 40)}
steady = Simulator(IndependentPrior({"offset": offset, "noise": noise}), steady_sensor, **settings)
drifting = Simulator(IndependentPrior({"offset": offset, "drift": drift, "noise": noise}), readings, **settings)

# %%
# One fit each
# ------------
# ``JointEstimator`` learns a posterior and a likelihood on the same simulations. The first tells the parameters from
# the readings that are left, the second how probable the reading is that was left out. Readings are normal given the
# parameters, and so, nearly, are the posteriors: a ``Gaussian`` engine is enough for both, and quick.

from time import perf_counter

from sklearn.base import clone

from skabi import JointEstimator
from skabi.engines import Gaussian

start = perf_counter()
untrained = JointEstimator(Gaussian(), Gaussian(), n_simulations=5000, max_iter=20, random_state=0)
fitted = {name: clone(untrained).fit(model) for name, model in (("steady", steady), ("drifting", drifting))}
print(f"two fits in {perf_counter() - start:.0f} s")

# %%
# Cross-validation of 150 sensors
# -------------------------------
# The first hundred sensors are steady, the last fifty drift, most of them by little.

from skabi.model_selection import cross_val_elpd

settings["n_observations"] = (10, 40)
X_steady, _ = Simulator(steady.prior, steady_sensor, **settings).sample(100, random_state=1)
X_drifting, _ = Simulator(drifting.prior, readings, **settings).sample(50, random_state=2)
X, drifts = X_steady + X_drifting, np.arange(150) >= 100

start = perf_counter()
results = {name: cross_val_elpd(model, X, n_draws=500, random_state=0) for name, model in fitted.items()}
n_refits = sum(result.n_refits for result in results.values())
print(f"{n_refits:,} refits in {perf_counter() - start:.0f} s")

# %%
# ``elpd`` is the sum of the log predictive densities of a sensor's readings. Differences between the models are in
# nats; a point above zero says that the drifting model predicts better.

from skabi.plotting import ElpdDifferenceDisplay

names = ("drifting", "steady")
display = ElpdDifferenceDisplay.from_results(*(results[name] for name in names), names=names)

# %%
# Sensors that drift by much are found out beyond doubt, and no steady one among them. In the other direction
# differences stay small however long one measures: the drifting model has steady sensors among its own, and predicts
# them nearly as well. There "clearly", by two standard errors, is to be read with care, because standard errors of
# small differences are themselves too small: a sensor that drifts by little may well be called steady.

import pandas as pd

verdicts = pd.Series(display.better_).map({1: "drifting clearly better", 0: "neither", -1: "steady clearly better"})
print(pd.crosstab(np.where(drifts, "drifts", "is steady"), verdicts, rownames=["sensor"], colnames=["verdict"]))

# %%
# One sensor, reading by reading
# ------------------------------
# Take, of sensors with twenty readings and more, the one that is just about clear. Which readings decide?

import matplotlib.pyplot as plt

n_readings = np.array([len(x) for x in X])
candidates = np.flatnonzero((display.better_ == 1) & (n_readings >= 20))
sensor = candidates[np.argmin(display.difference_[candidates])]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
one = ElpdDifferenceDisplay.from_results(*(results[name] for name in names), dataset=sensor, names=names, ax=left)

temperature, error = X[sensor].T
deciding = np.argsort(-np.abs(one.pointwise[sensor]))[:5]
line = np.linspace(temperature.min(), temperature.max(), 2)
(offset_of_it, drift_of_it, _), (level, _) = (fitted[name].predict(X[sensor : sensor + 1])[0] for name in names)
right.plot(line, offset_of_it + drift_of_it * line, label="drifting: posterior mean")
right.plot(line, [level, level], label="steady: posterior mean")
right.plot(temperature, error, "o", color="0.6")
right.plot(temperature[deciding], error[deciding], "o", color="black", label="readings that decide")
for i in deciding:
    right.annotate(str(i), (temperature[i], error[i]), xytext=(6, 4), textcoords="offset points")
right.set(xlabel="temperature less 20 °C (in 5 °C)", ylabel="error (0.1 °C)", title=f"sensor {sensor}")
right.legend(frameon=False)

# %%
# Mostly those at the ends, where the two lines are far apart. ArviZ puts the same numbers into its table of models, of
# one data set at a time. Its weights are those of stacking: the mixture of the models that would have predicted best.

from skabi.model_selection import compare

table = compare(results, dataset=sensor)
print(table[["rank", "elpd", "elpd_diff", "weight", "se", "dse"]].round(2).to_string())

# %%
# Is it right?
# ------------
# There is a shortcut to leave-one-out that needs one posterior a sensor: importance sampling, smoothed (PSIS). It has a
# diagnostic of its own, ``pareto_k``: above 0.7 a reading moves the posterior too much for weights to follow.

from skabi.model_selection import psis_loo

psis = psis_loo(fitted["drifting"], X, n_draws=1000, random_state=0)
largest_k = np.array([k.max() for k in psis.pareto_k])
print(f"sensors with pareto_k above 0.7: {np.mean(largest_k > 0.7):.0%}")

# %%
# Who is right where the two differ? For these models the exact answer is at hand. Given the noise, a sensor's errors
# are jointly normal, so that its evidence is an average over the prior of the noise alone; and a reading that is left
# out has the log predictive density ``log p(all) - log p(all others)``.

from scipy.special import logsumexp

noises = noise.ppf((np.arange(400) + 0.5) / 400)[:, np.newaxis]


def log_evidence(x):
    """Return the exact log evidence of the drifting model for readings (n_readings, 2)."""
    temperature, error = x.T
    design = np.stack([np.full_like(temperature, offset.std()), drift.std() * temperature], axis=1)
    variance, axes = np.linalg.eigh(design @ design.T)
    variance = variance + noises**2
    log_density = -0.5 * np.sum(np.log(2 * np.pi * variance) + (error @ axes) ** 2 / variance, axis=1)
    return logsumexp(log_density) - np.log(len(noises)) + stats.norm.logpdf(temperature).sum()


def exact_elpd(x):
    return sum(log_evidence(x) - log_evidence(np.delete(x, i, axis=0)) for i in range(len(x)))


exact = np.array([exact_elpd(x) for x in X])
errors = {"refits": results["drifting"].elpd - exact, "PSIS": psis.elpd - exact}
for name, each in errors.items():
    print(f"{name}: mean error {each.mean():.2f}, root mean square {np.sqrt(np.mean(each**2)):.2f} nats a sensor")

figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for (name, each), marker in zip(errors.items(), "ox", strict=True):
    ax.plot(largest_k, each, marker, ms=4, label=name)
ax.axvline(0.7, color="0.6", linestyle=":")
ax.axhline(0, color="0.6", linewidth=1)
ax.set(xlabel="largest pareto_k of a sensor", ylabel="elpd less exact elpd (nats)")
ax.legend(frameon=False)

# %%
# Both are right to a fraction of a nat, far below the differences that decide. Refits take the learned posteriors as
# they are, PSIS corrects them by its weights. It needs the prior and a good likelihood for that, and says by
# ``pareto_k`` where the weights of a few draws decide alone.

# sphinx_gallery_thumbnail_number = 1
