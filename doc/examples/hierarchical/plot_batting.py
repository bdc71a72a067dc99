"""
===============================================
Batting averages: what groups say of each other
===============================================

Early in the season of 1970, eighteen baseball players had been at bat 45 times each. How good will they be in the rest
of the season? The obvious prediction, their averages so far, is a bad one: forty-five times are few, and whoever was
best so far was lucky as well. A model with levels draws players towards what they have in common, each as far as the
data say [1]_.
"""

# %%
# The data
# --------
# Each player is a group, and his data are one number: hits in 45 times at bat. The names stay with the groups.

from skabi.datasets import load_batting
from skabi.hierarchical import GroupedData

batting = load_batting().frame
X = GroupedData.from_frame(batting, group="player", features="hits", covariates="at_bats")
print(batting.head().to_string(index=False))
print(X)

# %%
# The model
# ---------
# A player hits with a probability of his own. Over players, probabilities follow a beta distribution with an unknown
# mean and an unknown size: the larger that is, the more alike are players. How often a player was at bat is known, a
# covariate of the group. On the day of a data set all have been at bat as often; between 20 and 200 times, and the
# number of players is drawn, too, so that one fit serves other days of the season.

import numpy as np
from scipy import stats

from skabi.hierarchical import HierarchicalPosterior, HierarchicalSimulator
from skabi.priors import IndependentPrior


def probabilities(mean, size):
    """Return what is believed of the probabilities of players."""
    return stats.beta(mean * size, (1 - mean) * size)


def times_at_bat(n_players, rng):
    """Return how often the players have been at bat, (n_players,)."""
    return np.full(n_players, rng.integers(20, 201))


def bat(probability, at_bats, rng):
    """Return the hits of players, (n_players,)."""
    return rng.binomial(at_bats.astype(int), probability)


simulator = HierarchicalSimulator(
    IndependentPrior({"mean": stats.beta(3, 8), "size": stats.lognorm(1.0, scale=60.0)}),
    {"probability": probabilities},
    bat,
    n_groups=(10, 30),
    covariates={"at_bats": times_at_bat},
    vectorized=True,
)

# %%
# One fit
# -------
# ``HierarchicalPosterior`` learns two things: ``mean`` and ``size`` given all players, and the probability of one
# player given these and his hits. Both are an ``AmortizedPosterior``, and may be given as one to say how.

from skabi import AmortizedPosterior

level = AmortizedPosterior(max_iter=15)
posterior = HierarchicalPosterior(level, level, n_simulations=4000, max_groups=3, random_state=0).fit(simulator)
draws = posterior.sample(X, n_draws=2000, random_state=0)
print(draws)
print(draws.to_frame("hyper").describe().loc[["mean", "std"]].round(3).to_string())

# %%
# Shrinkage
# ---------
# Rings are averages of the first 45 times at bat, dots what the model makes of them, crosses the averages of the rest
# of the season, which the model does not know.

from skabi.plotting import LevelsDisplay

early = batting["hits"] / batting["at_bats"]
later = batting["later_average"]
display = LevelsDisplay.from_draws(draws, estimates=early, truth=later, center=draws.hyper[0, :, 0].mean())

# %%
# Who is right? The mean squared error of three predictions of the later averages:

predicted = draws.mean().groups[0]["probability"].to_numpy()
for name, values in {"own average": early, "common average": early.mean(), "levels": predicted}.items():
    print(f"{name:15} {((values - later) ** 2).mean():.5f}")

# %%
# Is it calibrated?
# -----------------
# Ranks of true parameters among draws, over simulated seasons, are uniform at both levels if the posterior is.

from skabi.diagnostics import uniformity_test
from skabi.hierarchical import level_ranks

X_new, y_new = simulator.sample(300, random_state=1)
ranks = level_ranks(posterior.sample(X_new, n_draws=100, random_state=1), y_new, random_state=1)
print("p-values, hyper-parameters:", uniformity_test(ranks.hyper, n_draws=100).round(3))
print("p-values, players:", uniformity_test(ranks.groups, n_draws=100).round(3))

# %%
# Without one of them, and a new one
# ----------------------------------
# Nothing is trained again to leave out a player, or to ask about one who has not been at bat.

left_out = posterior.leave_one_group_out(X, n_draws=2000, random_state=0)
gap = left_out.hyper[0][:, :, 0].mean(axis=1) - draws.hyper[0, :, 0].mean()
most = abs(gap).argmax()
print(f"the common mean moves most without {left_out.labels[0][most]}: by {gap[most]:+.4f}")

new = posterior.sample_new_group(X, n_draws=2000, covariates={"at_bats": 45}, random_state=0)
print(f"a new player hits with a probability of {new.groups[0].mean():.3f}, give or take {new.groups[0].std():.3f}")

# %%
# .. [1] B. Efron, C. Morris (1975). Data analysis using Stein's estimator and its generalizations. Journal of the
#    American Statistical Association 70, 311-319.
