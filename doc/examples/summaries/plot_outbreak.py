"""
================================================
An outbreak, day by day: what is known, and when
================================================

An infection spreads in a town of 10,000. Every evening the new cases are reported, and everybody asks the same: how
fast does it spread, and did the measures of day 30 work? The data grow by one number a day, and each day is a new
posterior. A sampler would start over every evening; an amortized posterior of series of any length has learned all
evenings at once.

The town and its outbreak are simulated, so that the truth is known. The last section does the same with a real
outbreak: influenza in a boarding school, 1978.
"""

# %%
# The model
# ---------
# Among people who are all susceptible, each infected one infects ``reproduction`` others on average, and is infectious
# for ``infectious_days`` on average. From day 30 on contacts are fewer by the share ``reduction``. Of all infections a
# share ``reported`` comes to be known on the same day. Every step is random, person by person.

import numpy as np
from scipy import stats

from skabi.priors import IndependentPrior
from skabi.simulators import Simulator

TOWN, DAY_OF_MEASURES = 10_000, 30

prior = IndependentPrior(
    {
        "reproduction": stats.lognorm(0.3, scale=2.5),
        "infectious_days": stats.lognorm(0.2, scale=6.0),
        "reduction": stats.uniform(0.0, 1.0),
        "reported": stats.beta(4.0, 8.0),
    }
)


def outbreak(reproduction, infectious_days, reduction, reported, rng, n_observations):
    """Return daily reported cases, (n_datasets, n_days, 1)."""
    susceptible = np.full(len(reproduction), TOWN - 10)
    infected = np.full(len(reproduction), 10)
    cases = []
    for day in range(max(n_observations)):
        contacts = np.where(day < DAY_OF_MEASURES, 1.0, 1.0 - reduction) * reproduction / infectious_days
        newly = rng.binomial(susceptible, 1.0 - np.exp(-contacts * infected / TOWN))
        infected += newly - rng.binomial(infected, 1.0 - np.exp(-1.0 / infectious_days))
        susceptible -= newly
        cases.append(rng.binomial(newly, reported))
    return np.stack(cases, axis=1)[..., np.newaxis]


# %%
# One fit for all evenings
# ------------------------
# ``n_observations`` lets the simulator draw the number of days at random, from 10 to 80, so that ``X`` is a list of
# series. ``SeriesSummary`` says that their order matters; a list without a word would be taken for sets. The measures
# act on a certain day, so that it pays to look at means over many short segments of time.

from skabi import AmortizedPosterior
from skabi.summaries import SeriesSummary

simulator = Simulator(prior, outbreak, vectorized=True, n_observations=(10, 80))
posterior = AmortizedPosterior(summary=SeriesSummary(n_segments=40), n_simulations=8000, max_iter=24, random_state=0)
posterior.fit(simulator)

# %%
# One town, seventy evenings
# --------------------------
# All evenings are one call.

truth = {"reproduction": 2.6, "infectious_days": 6.0, "reduction": 0.7, "reported": 0.3}
series = simulator.simulate_from([list(truth.values())], n_observations=80, random_state=3)[0]
days = np.arange(10, 81)
draws = posterior.sample([series[:day] for day in days], 2000, random_state=0)
print(draws.shape)

# %%
# Before the measures nobody can know what they will do: the posterior of the reproduction number after them is wide,
# and narrows within days of day 30. The number before them is known earlier.

import matplotlib.pyplot as plt

before = draws[..., 0]
after = before * (1.0 - draws[..., 2])
true_after = truth["reproduction"] * (1.0 - truth["reduction"])

figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(7, 7), sharex=True, layout="constrained")
top.bar(np.arange(1, 81), series[:, 0], color="0.6")
top.set(ylabel="reported cases")
for ax, values, true, name in (
    (middle, before, truth["reproduction"], "reproduction\nbefore the measures"),
    (bottom, after, true_after, "reproduction\nafter the measures"),
):
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95], axis=1)
    ax.fill_between(days, low, high, alpha=0.3, linewidth=0, label="90 % of the posterior")
    ax.plot(days, median, label="median")
    ax.axhline(true, color="black", linewidth=1, label="truth")
    ax.set(ylabel=name, ylim=(0, 5))
for ax in (top, middle, bottom):
    ax.axvline(DAY_OF_MEASURES, color="black", linestyle=":", linewidth=1)
bottom.axhline(1.0, color="0.6", linewidth=1)
bottom.set(xlabel="day")
middle.legend(loc="upper right")

# %%
# Can the intervals be believed?
# ------------------------------
# Simulation-based calibration, for early and for late evenings: the ranks of the true parameters among the draws are
# uniform if the posterior is right, and their distribution function stays in the band. A fit this short is not exact,
# and a line may leave its band by a little.

from skabi.plotting import SBCDisplay

_, y = simulator.sample(500, random_state=1)
for day in (20, 70):
    X = simulator.simulate_from(y, n_observations=day, random_state=2)
    display = SBCDisplay.from_draws(posterior.sample(X, 300, random_state=3), y)
    display.figure_.suptitle(f"after {day} days")

# %%
# A real outbreak
# ---------------
# These data are real: the boys in bed on fourteen evenings from 22 January 1978 on, in a boarding school of 763. Only
# what the network learns from is simulated, by an SIR model of the school in which infection and recovery are random,
# boy by boy. The boys in bed are taken for the boys infected.

from skabi.datasets import load_influenza

influenza = load_influenza()
school_prior = IndependentPrior(
    {
        "R0": stats.lognorm(0.5, scale=2.6),
        "recovery_days": stats.lognorm(0.4, scale=3.0),
        "first_cases": stats.lognorm(0.7, scale=2.0),
    }
)


def school(R0, recovery_days, first_cases, rng, n_observations):
    """Return the boys in bed each evening, (n_datasets, n_days, 1)."""
    infected = np.maximum(1, np.rint(first_cases)).astype(int)
    susceptible = influenza.n_pupils - infected
    in_bed, step = [], 0.25  # of a day
    for _ in range(max(n_observations)):
        for _ in range(4):
            force = R0 / recovery_days * infected / influenza.n_pupils
            newly = rng.binomial(susceptible, 1.0 - np.exp(-step * force))
            infected = infected + newly - rng.binomial(infected, 1.0 - np.exp(-step / recovery_days))
            susceptible = susceptible - newly
        in_bed.append(infected)
    return np.stack(in_bed, axis=1)[..., np.newaxis]


school_simulator = Simulator(school_prior, school, vectorized=True, n_observations=(3, 14))
school_posterior = AmortizedPosterior(summary=SeriesSummary(), n_simulations=6000, max_iter=15, random_state=0)
school_posterior.fit(school_simulator)

boys = influenza.data[0][:, np.newaxis]
evenings = np.arange(3, 15)
R0 = school_posterior.sample([boys[:evening] for evening in evenings], 2000, random_state=0)[..., 0]
low, median, high = np.quantile(R0, [0.05, 0.5, 0.95], axis=1)

figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 5), sharex=True, layout="constrained")
top.bar(np.arange(1, 15), boys[:, 0], color="0.6")
top.set(ylabel="boys in bed", title="Influenza in a boarding school, 1978")
bottom.fill_between(evenings, low, high, alpha=0.3, linewidth=0, label="90 % of the posterior")
bottom.plot(evenings, median, label="median")
bottom.set(xlabel="evening", ylabel="reproduction number", ylim=(0, 8))
bottom.legend(loc="lower right")
print(f"after 14 evenings: {median[-1]:.1f}, 90 % between {low[-1]:.1f} and {high[-1]:.1f}")

# %%
# Before the peak the interval reaches from under four to over seven; once the peak has passed, an infected boy infected
# between three and four and a half others, which agrees with published fits. Here nobody knows the truth, and the
# interval is only as good as the model: boys were put to bed, and infected hardly anybody from there.
