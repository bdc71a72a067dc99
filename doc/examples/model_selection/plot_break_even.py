"""
===========================================================
What it costs: from how many persons on does a network pay?
===========================================================

A network is trained once and then answers at once. A sampler needs no training and starts anew for every answer. Which
is cheaper depends on the number of answers, and that can be counted: here for leave-one-out cross-validation of a model
of forgetting, person by person and word by word, with both methods timed on the spot.

The figures are those of the machine that ran this page, and of a sampler of a few lines. They show how to do the sum,
not how it ends for your model.
"""

# %%
# A model of forgetting
# ---------------------
# A person learns words, and is asked for each of them once, some days later. What was learned fades with a power of
# time: a word is recalled with probability ``learned * (1 + days) ** -decay``. A row is the number of days and whether
# the word was recalled. The likelihood is known and comes with the simulator.

import numpy as np
from scipy import stats

from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

prior = IndependentPrior({"learned": stats.uniform(0.0, 1.0), "decay": stats.expon(scale=0.5)})


def ask(learned, decay, rng, n_observations):
    """Return days and answers, (n_datasets, n_words, 2)."""
    days = rng.exponential(10.0, size=(len(learned), max(n_observations)))
    recalled = rng.random(days.shape) < learned[:, np.newaxis] * (1 + days) ** -decay[:, np.newaxis]
    return np.stack([days, recalled], axis=-1)


def log_likelihood(X, learned, decay, pointwise=False):
    """Return the log probability of the answers of each data set, or of each answer."""
    sizes = [len(x) for x in X]
    days, recalled = np.concatenate(X).T
    probability = np.repeat(learned, sizes) * (1 + days) ** -np.repeat(decay, sizes)
    terms = np.split(np.log(np.where(recalled == 1, probability, 1 - probability)), np.cumsum(sizes)[:-1])
    return terms if pointwise else np.array([each.sum() for each in terms])


def forgetting(low, high):
    return Simulator(prior, ask, vectorized=True, n_observations=(low, high), log_likelihood=log_likelihood)


# %%
# Trained once
# ------------
# ``JointEstimator`` takes the likelihood that it is given, and learns the posterior alone. Persons were asked for 20 to
# 60 words; leave-one-out needs posteriors of one less.

from time import perf_counter

from skabi import JointEstimator
from skabi.engines import Gaussian

start = perf_counter()
joint = JointEstimator(Gaussian(), n_simulations=6000, max_iter=20, random_state=0).fit(forgetting(19, 60))
training_seconds = perf_counter() - start
print(f"simulations and training: {training_seconds:.1f} s")

# %%
# After that, 200 persons are one call. Each refit has 400 draws.

from skabi.model_selection import cross_val_elpd

X, y = forgetting(20, 60).sample(200, random_state=1)
start = perf_counter()
result = cross_val_elpd(joint, X, n_draws=400, random_state=0)
seconds = (perf_counter() - start) / len(X)
print(f"{result.n_refits:,} refits, {1000 * seconds:.0f} ms a person")

# %%
# The other method
# ----------------
# Random-walk Metropolis in NumPy, for one chain or for many side by side, each with data of its own. It walks on
# ``logit(learned)`` and ``log(decay)``. While it warms up, its steps are fitted to the covariance of the draws so far,
# and scaled as theory has it for two parameters.


def log_posterior(data_sets, theta):
    """Return the log posterior density of each chain, up to a constant, (n_chains,)."""
    (days, recalled), (logit, log_decay) = np.moveaxis(data_sets, -1, 0), theta.T
    learned, decay = 1 / (1 + np.exp(-logit)), np.exp(log_decay)
    probability = learned[:, np.newaxis] * (1 + days) ** -decay[:, np.newaxis]
    with np.errstate(divide="ignore"):  # where a chain proposes what cannot be
        log_density = np.log(np.where(recalled == 1, probability, 1 - probability)).sum(axis=1)
    # The priors, and the derivatives of both maps.
    return log_density - decay / 0.5 + np.log(learned * (1 - learned)) + log_decay


def metropolis(data_sets, rng, n_warmup=600, n_draws=7000):
    """Return draws of each chain, (n_chains, n_draws, 2)."""
    theta = np.tile([0.0, -1.0], (len(data_sets), 1))
    log_density, chain, step = log_posterior(data_sets, theta), [], np.diag([0.5, 0.3])
    for i in range(n_warmup + n_draws):
        if 0 < i <= n_warmup and i % 200 == 0:
            step = 2.38 / np.sqrt(2) * np.linalg.cholesky(np.cov(np.concatenate(chain[i // 2 :]).T))
        proposal = theta + rng.standard_normal(theta.shape) @ step.T
        proposed = log_posterior(data_sets, proposal)
        accepted = np.log(rng.random(len(theta))) < proposed - log_density
        theta = np.where(accepted[:, np.newaxis], proposal, theta)
        log_density = np.where(accepted, proposed, log_density)
        chain.append(theta)
    return np.stack(chain[n_warmup:], axis=1)


# %%
# Two ways to use it. First one chain after the other, of which we measure a few and multiply. Then all refits of a
# person side by side, which NumPy does in little more time than one. The length is such that an ordinary chain has 400
# effective draws, as many as there are independent ones of the network.

from arviz_stats.base import array_stats

rng = np.random.default_rng(0)
n_words = np.array([len(x) for x in X])
persons = np.flatnonzero(np.abs(n_words - n_words.mean()) < 3)[:5]
folds = {person: np.stack([np.delete(X[person], i, axis=0) for i in range(n_words[person])]) for person in persons}


def effective_draws(draws):
    """Return the effective sample size of each chain, of the parameter that has the smaller one."""
    return [min(array_stats.ess(chain[np.newaxis, :, k]) for k in range(2)) for chain in draws]


start = perf_counter()
one_by_one = [metropolis(folds[person][:1], rng) for person in persons]
seconds_a_chain = (perf_counter() - start) / len(persons)

start = perf_counter()
side_by_side = {person: metropolis(folds[person], rng) for person in persons}
seconds_side_by_side = (perf_counter() - start) / len(persons)

for name, groups in (("one by one", one_by_one), ("side by side", side_by_side.values())):
    ess = np.concatenate([effective_draws(draws) for draws in groups])
    print(f"{name}: {np.median(ess):.0f} effective draws in the median chain, {ess.min():.0f} in the worst")

# %%
# Do they agree?
# --------------
# Times can be compared where answers agree. The log predictive density of a word is the log of its mean probability
# over the draws of its refit.

from scipy.special import logsumexp


def elpd(x, draws):
    """Return the expected log predictive density of a person from draws of each refit."""
    learned, decay = 1 / (1 + np.exp(-draws[..., 0])), np.exp(draws[..., 1])
    terms = [log_likelihood([word[np.newaxis]] * len(a), a, b) for word, a, b in zip(x, learned, decay, strict=True)]
    return (logsumexp(terms, axis=1) - np.log(draws.shape[1])).sum()


for person in persons:
    print(
        f"person {person}: MCMC {elpd(X[person], side_by_side[person]):.2f}, amortized {result.elpd[person]:.2f} "
        f"(standard error over words {result.se[person]:.1f})"
    )

# %%
# When does it pay?
# -----------------
# For each person the other method costs a chain for each word, or all chains of the person side by side. Or a single
# chain, whose draws are weighted where there would be refits (PSIS): that is the cheapest, if its diagnostic
# ``pareto_k`` allows it, and the weights are not even counted here.

import pandas as pd

from skabi.diagnostics import break_even

other_seconds = {
    "MCMC, chain by chain": seconds_a_chain * n_words.mean(),
    "MCMC, side by side": seconds_side_by_side,
    "MCMC once, and PSIS": seconds_a_chain,
}
bills = {name: break_even(training_seconds, seconds, other) for name, other in other_seconds.items()}
rows = [(bill.other_seconds, bill.n_datasets, *bill.speedup([10, 200, 10_000])) for bill in bills.values()]
columns = ["seconds a person", "pays from", "times faster for 10", "for 200", "for 10,000"]
print(pd.DataFrame(rows, index=list(bills), columns=columns).round(2).to_string())

# %%

import matplotlib.pyplot as plt

n_persons = np.geomspace(1, 10_000, 100)
figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ax.plot(n_persons, training_seconds + n_persons * seconds, color="black", lw=2, label="amortized, training included")
for i, (name, bill) in enumerate(bills.items()):
    ax.plot(n_persons, n_persons * bill.other_seconds, color=f"C{i}", label=f"{name}: pays from {bill.n_datasets}")
    ax.plot(bill.n_datasets, training_seconds + bill.n_datasets * seconds, "o", color=f"C{i}")
for height, text in ((60, "a minute"), (3600, "an hour"), (86_400, "a day")):
    ax.axhline(height, color="0.85", lw=1, zorder=0)
    ax.text(1, height, text, va="bottom", color="0.5")
ax.set(xscale="log", yscale="log", xlabel="persons", ylabel="total time (s)")
ax.legend(frameon=False)

# %%
# Against refits one by one the training is paid for by the first person or two. Against a sampler that is used cleverly
# it takes tens of persons; for one person the sampler wins, and its answer is exact in the limit.
#
# Three things are not in this bill. A compiled sampler with gradients, such as NUTS, needs fewer and quicker steps than
# these lines of NumPy: the project's benchmarks time one. A likelihood that takes long, or that is not known, makes the
# sampler dearer or impossible, and the network hardly. And training pays off more than once: for calibration on
# thousands of simulated persons, say, which with a sampler hardly anybody can afford.
