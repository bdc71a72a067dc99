"""
=====================================
One posterior by six kinds of engines
=====================================

The posterior of the two-moons problem is a pair of thin crescents. Every engine learns it from the same 3,000
simulations, in the few epochs that a page may take, and draws from it. Look at how thin the moons are, at what lies
between them, and at how long 10,000 draws took.
"""

# %%
# The problem, and engines
# ------------------------
# Free-form engines get a small network. In earnest they are worth the usual one, more epochs and more simulations.

import time

import matplotlib.pyplot as plt

from skabi import AmortizedPosterior
from skabi.datasets import TwoMoons
from skabi.engines import (
    AutoregressiveSplineFlow,
    ConsistencyModel,
    DiffusionModel,
    FlowMatching,
    Gaussian,
    ResidualNetwork,
    SplineFlow,
)

simulator = TwoMoons()
X, y = simulator.sample(3000, random_state=0)
network = ResidualNetwork(64, n_blocks=2, n_reading_blocks=1)
engines = [
    Gaussian(),
    SplineFlow(),
    AutoregressiveSplineFlow(2, hidden_layer_sizes=(64, 64)),
    FlowMatching(network, n_steps=8),
    DiffusionModel(network, n_steps=8),
    ConsistencyModel(network, n_steps=4),
]

# %%
# Fits and draws
# --------------
# One call of ``sample`` is for nothing, so that times are not those of a first call.

draws, seconds = [], []
for engine in engines:
    posterior = AmortizedPosterior(engine, prior=simulator.prior, max_iter=25, random_state=0).fit(X, y)
    posterior.sample([[0.0, 0.0]], 100, random_state=0)
    start = time.perf_counter()
    draws.append(posterior.sample([[0.0, 0.0]], 10_000, random_state=0)[0])
    seconds.append(time.perf_counter() - start)

# %%
# The normal posterior covers both moons and all that is between. Flows are made of maps without tears, and keep a
# bridge between the moons, thin as it may be. Free-form engines go many small ways, and pay for each when they draw;
# the consistency model goes four, and has no density.

figure, axes = plt.subplots(2, 3, figsize=(9, 6.4), sharex=True, sharey=True, layout="constrained")
for ax, engine, points, taken in zip(axes.flat, engines, draws, seconds, strict=True):
    ax.plot(*points[:3000].T, ".", markersize=1.5, alpha=0.5)
    ax.set_title(f"{type(engine).__name__}\n10,000 draws: {1000 * taken:.0f} ms", fontsize=10)
    ax.set(xlim=(-0.6, 0.6), ylim=(-0.6, 0.6), aspect="equal")
figure.supxlabel("first parameter")
figure.supylabel("second parameter")
plt.show()
