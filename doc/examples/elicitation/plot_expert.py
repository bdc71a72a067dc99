"""
=======================================
An expert's answers turned into a prior
=======================================

A nurse has seen many patients with a wound that heals slowly. A trial will count how many of 20 patients are healed
after two, four and eight weeks. The model of it is a logistic growth, whose parameters nobody has a feeling for. What
the nurse expects to see in the trial is another matter.
"""

# %%
# The model
# ---------
# Healing has a middle, the week at which half of those who heal have healed, and a pace. Some wounds never heal. The
# model is written with operations of torch, and draws with ``rng``.

import numpy as np
import torch

from skabi.elicitation import (
    Beta,
    LogNormal,
    Outcome,
    Parameter,
    PriorElicitor,
    Quantiles,
    Target,
)

N_PATIENTS = 20
WEEKS = torch.tensor([2.0, 4.0, 8.0], dtype=torch.float64)


def healed(middle, pace, curable, rng):
    """Return numbers of healed patients, (n_simulations, 3)."""
    share = (pace[:, None] * (WEEKS.log() - middle[:, None].log())).sigmoid()
    return rng.binomial(N_PATIENTS, curable[:, None] * share)


# %%
# Questions and answers
# ---------------------
# "After two weeks, below which number do you think the count lies with 5, 25, 50, 75 and 95 per cent?" And the same for
# four and eight weeks. One question is about a parameter that has a meaning: the share of patients whose wounds heal
# at all.

ASKED = (0.05, 0.25, 0.5, 0.75, 0.95)
targets = {
    "healed": Target(Outcome(), Quantiles(ASKED)),
    "curable": Target(Parameter("curable"), Quantiles((0.25, 0.5, 0.75))),
}
answers = {
    "healed": [[0.0, 1.5, 3.5, 6.0, 9.5], [2.5, 6.0, 9.0, 11.5, 15.5], [8.0, 11.5, 14.0, 16.5, 19.0]],
    "curable": [0.85, 0.90, 0.94],
}
families = {"middle": LogNormal(), "pace": LogNormal(), "curable": Beta()}
elicitor = PriorElicitor(families, healed, targets=targets, n_simulations=4096, random_state=0).fit(answers)
elicitor.hyperparameters_.round(2)

# %%
# The column ``unsure`` says how far a hyper-parameter moves if answers are off by one per cent of their spread. What
# the prior implies goes back to the nurse, who may correct it. Halves of patients are quantiles between two counts.

print(elicitor.describe())

# %%
# Open circles are the nurse's, dots are the prior's.

import matplotlib.pyplot as plt

from skabi.plotting import ElicitationDisplay

ElicitationDisplay.from_estimator(elicitor)
plt.show()

# %%
# The prior at work
# -----------------
# The prior is one like any other. With it and the model, now in numpy, a posterior is learned, for whichever counts the
# trial will bring.

from skabi import AmortizedPosterior
from skabi.simulators import Simulator


def trial(middle, pace, curable, rng):
    """Return numbers of healed patients, (n_datasets, 3)."""
    share = 1 / (1 + (WEEKS.numpy() / middle[:, None]) ** -pace[:, None])
    return rng.binomial(N_PATIENTS, curable[:, None] * share).astype(float)


simulator = Simulator(elicitor.prior_, trial, vectorized=True)
posterior = AmortizedPosterior(n_simulations=3000, max_iter=30, random_state=0).fit(simulator)
draws = posterior.sample([[1.0, 5.0, 16.0]], n_draws=2000, random_state=0)[0]

# %%
# The trial began slower than the nurse thought and then went faster: the middle is later, and the pace is higher.

before = elicitor.prior_.sample(2000, random_state=0)
figure, axes = plt.subplots(1, 3, figsize=(9, 2.6), layout="constrained")
for ax, name, after in zip(axes, before, draws.T, strict=True):
    bins = np.linspace(*np.quantile(before[name], [0.005, 0.995]), 40)
    ax.hist(before[name], bins, density=True, color="lightgrey", label="prior")
    ax.hist(after, bins, density=True, histtype="step", color="tab:blue", label="posterior")
    ax.set(xlabel=name, yticks=[])
axes[0].legend(frameon=False)
plt.show()
