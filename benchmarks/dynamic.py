"""Measure posteriors of models whose parameters move.

python benchmarks/dynamic.py                              # all parts, more than an hour of one core
python benchmarks/dynamic.py state_space coal --seeds 0 1
python benchmarks/dynamic.py diffusion --simulations 2000 --epochs 20

Parts:

state_space  a level that walks at random: means against the Kalman smoother and filter, coverage at every time
             and, of levels that stand still, the coverage of the exact smoother: a bound for static truths
latency      on the same fit: one `filter_step` early and late in a series, and `sample` of one series 1,000 times
coal         the rate of coal-mining disasters, 1851 to 1962: its fall, and the time of 4,000 trajectories
diffusion    drift diffusion, 400 trials: a moving drift against a static fit, under static and moving truths
choice       four transitions of a level over 400 steps, told apart by `AmortizedModelComparator`
subjects     several series under shared hyper-parameters, against Kalman smoothers that know these
"""

import argparse
import time

import numpy as np
from scipy import stats

from skabi import AmortizedModelComparator
from skabi.datasets import LinearGaussianStateSpace, load_coal
from skabi.datasets._drift_diffusion import simulate_trials
from skabi.diagnostics import central_coverage, model_calibration
from skabi.dynamic import (
    DynamicPosterior,
    DynamicSimulator,
    GaussianProcess,
    RandomWalk,
    RegimeSwitching,
    Static,
)
from skabi.summaries import SeriesSummary


def noisy(level, rng):
    """Return a level seen with noise of standard deviation one."""
    return rng.normal(level)


def counts(rate, rng):
    """Return counts of a rate."""
    return rng.poisson(rate)


def trials(drift, boundary, non_decision_time, rng):
    """Return reaction times and choices `(n, n_trials, 2)`, each trial with parameters of its own."""
    shape = drift.shape
    flat = (np.ravel(p) for p in (drift, boundary, non_decision_time))
    return simulate_trials(*flat, rng, 1).reshape(*shape, 2)


def walk(n_times=100, n_subjects=None):
    """Return the model of `LinearGaussianStateSpace` as one whose level moves."""
    level = RandomWalk(stats.lognorm(0.5, scale=0.3))
    return DynamicSimulator({"level": level}, None, noisy, n_times=n_times, n_subjects=n_subjects)


def fitted(simulator, arguments, seed, **changes):
    """Return a fitted posterior, and print what it took."""
    posterior = DynamicPosterior(
        n_simulations=arguments.simulations,
        max_iter=arguments.epochs,
        fresh_simulations=True,
        random_state=seed,
        **changes,
    )
    start, cpu = time.perf_counter(), time.process_time()
    posterior.fit(simulator)
    print(
        f"  fit: {posterior.n_iter_} epochs of {arguments.simulations} series in {time.perf_counter() - start:.0f} s "
        f"({time.process_time() - cpu:.0f} s of processor), held-out score {max(posterior.validation_scores_):.3f}",
        flush=True,
    )
    return posterior


def distance(mean, moments, n_draws):
    """Return how far means are from exact ones in posterior standard deviations: mean and 95 % quantile, root mean."""
    gap = np.abs(mean - moments.mean) / moments.sd
    noise = 1 / np.sqrt(n_draws)
    return (
        f"mean |gap| {gap.mean():.3f} sd (Monte Carlo alone {0.8 * noise:.3f}), 95 % below "
        f"{np.quantile(gap, 0.95):.3f}, mean over series at most "
        f"{np.abs(((mean - moments.mean) / moments.sd).mean(axis=0)).max():.3f} at a time"
    )


def coverage_by_time(values, truth):
    """Return the coverage of 90 % intervals at each time; draws `(n, n_draws, n_times)`, truth `(n, n_times)`."""
    return central_coverage(values, truth, levels=[0.9]).coverage[0]


def state_space(arguments, seed):
    """Compare with the Kalman smoother and filter."""
    exact, simulator = LinearGaussianStateSpace(), walk()
    posterior = fitted(simulator, arguments, seed)
    X, y = simulator.sample(arguments.series, random_state=1000 + seed)
    for kind, moments in (("smoothing", exact.smooth(X[:100])), ("filtering", exact.filter(X[:100]))):
        mean = posterior.sample(X[:100], 1000, kind=kind, random_state=0).mean()[..., 0]
        print(f"  {kind}, 100 series: {distance(mean, moments, 1000)}", flush=True)
        values = posterior.sample(X, 100, kind=kind, random_state=1).values[..., 0]
        coverage = coverage_by_time(values, y.values[..., 0])
        print(
            f"  {kind}, {len(X)} series: 90 % coverage {coverage.mean():.3f}, by time {coverage.min():.3f} to "
            f"{coverage.max():.3f}",
            flush=True,
        )
    # Bound of what can be asked of static truths: a model whose level may move is not sure that it does not.
    rng = np.random.default_rng(seed)
    level = rng.standard_normal((200, 1))
    moments = exact.smooth(level[..., np.newaxis] + rng.standard_normal((200, 100, 1)))
    covered = np.abs(moments.mean - level) < stats.norm.ppf(0.95) * moments.sd
    print(f"  levels that stand still: the exact smoother's 90 % coverage {covered.mean():.3f}", flush=True)
    return posterior, X


def latency(arguments, seed, fit=None):
    """Time single steps of the filter, and single calls of `sample`."""
    posterior, X = fit if fit is not None else (fitted(walk(), arguments, seed), walk().sample(1, random_state=0)[0])
    long = np.tile(X[:1], (1, 20, 1))
    step, took = None, []
    for x in np.swapaxes(long, 0, 1):
        start = time.perf_counter()
        step = posterior.filter_step(x, step, random_state=0)
        took.append(1000 * (time.perf_counter() - start))
    early, late = np.array(took[10:110]), np.array(took[-100:])
    print(
        f"  filter_step, 500 draws: median {np.median(early):.2f} ms at times 10 to 110, {np.median(late):.2f} ms at "
        f"times 1,900 to 2,000; 95 % below {np.quantile(took, 0.95):.2f} ms"
    )
    took = []
    posterior.sample(X[:1], 100, random_state=0)
    for i in range(arguments.calls):
        start = time.perf_counter()
        posterior.sample(X[:1], 100, random_state=i)
        took.append(1000 * (time.perf_counter() - start))
    print(
        f"  sample of one series, 100 trajectories, {arguments.calls} calls: median {np.median(took):.0f} ms, 99 % "
        f"below {np.quantile(took, 0.99):.0f} ms, ratio {np.quantile(took, 0.99) / np.median(took):.2f}",
        flush=True,
    )


def coal(arguments, seed):
    """Look for the fall of the rate of disasters, and time trajectories."""
    data = load_coal()
    rate = RandomWalk(stats.halfnorm(scale=0.15), mean=0.5, sd=0.7, bounds=(0.0, None))
    simulator = DynamicSimulator({"rate": rate}, None, counts, n_times=len(data.years))
    posterior = fitted(simulator, arguments, seed)
    X, y = simulator.sample(500, random_state=1000 + seed)
    coverage = coverage_by_time(posterior.sample(X, 100, random_state=0).values[..., 0], y.values[..., 0])
    print(
        f"  500 simulated series: 90 % coverage {coverage.mean():.3f}, by time {coverage.min():.3f} to "
        f"{coverage.max():.3f}"
    )
    took = []
    for i in range(5):
        start, cpu = time.perf_counter(), time.process_time()
        draws = posterior.sample(data.data, 4000, random_state=i)
        took.append((time.perf_counter() - start, time.process_time() - cpu))
    wall, cpu = np.min(took, axis=0)
    print(f"  4,000 trajectories of 112 years: {wall:.2f} s, {cpu:.2f} s of processor (best of 5)")
    low, middle, high = draws.quantiles([0.05, 0.5, 0.95])[:, 0, :, 0]
    year = dict(zip(data.years.tolist(), range(len(data.years)), strict=True))
    for label in (1870, 1887, 1891, 1895, 1910):
        i = year[label]
        print(f"  {label}: rate {middle[i]:.2f}, 90 % band {low[i]:.2f} to {high[i]:.2f}")
    before, after = slice(year[1877], year[1887]), slice(year[1896], year[1906])
    values, numbers = draws.values[0, ..., 0], data.data[0, :, 0]
    falls = values[:, before].mean(axis=1) - values[:, after].mean(axis=1)
    made = np.random.default_rng(seed).poisson(values)
    low, high = np.quantile(made, [0.05, 0.95], axis=0)
    inside = (numbers >= low) & (numbers <= high)
    print(
        f"  fall from 1877-1886 to 1896-1905: counts {numbers[before].mean() - numbers[after].mean():.2f} a year, rate "
        f"{np.median(falls):.2f}, 90 % band {np.quantile(falls, 0.05):.2f} to {np.quantile(falls, 0.95):.2f}; counts "
        f"of 1887-1895 inside the 90 % predictive band: {inside[year[1887] : year[1896]].sum()} of 9, of all years "
        f"{inside.mean():.0%}",
        flush=True,
    )


def drift_model(drift):
    """Return drift diffusion of 400 trials whose drift follows a transition."""
    others = {
        "boundary": Static(mean=0.0, sd=0.5, bounds=(0.5, 2.5)),
        "non_decision_time": Static(mean=0.0, sd=0.1, bounds=(0.1, 0.6)),
    }
    return DynamicSimulator({"drift": drift, **others}, None, trials, n_times=400)


def true_drifts(kind, n, rng):
    """Return trajectories of the drift, `(n, 400)`."""
    start = np.clip(1.5 * rng.standard_normal((n, 1)), -4, 4)
    if kind == "static":
        return np.repeat(start, 400, axis=1)
    if kind == "random walk":
        return np.clip(start + np.cumsum(0.1 * rng.standard_normal((n, 400)), axis=1), -5.5, 5.5)
    levels = np.clip(1.5 * rng.standard_normal((n, 4)), -4, 4)
    return levels.repeat(100, axis=1)


def diffusion(arguments, seed):
    """Compare a drift that walks at random with one that is static, under three kinds of truth."""
    moving = drift_model(RandomWalk(stats.gamma(2.0, scale=0.05), sd=2.0, bounds=(-6.0, 6.0)))
    static = drift_model(Static(sd=2.0, bounds=(-6.0, 6.0)))
    fits = {
        "moving": fitted(moving, arguments, seed, n_looks=24),
        "static": fitted(static, arguments, seed, n_looks=8),
    }
    rng = np.random.default_rng(1000 + seed)
    for kind in ("static", "random walk", "regime switch"):
        n = arguments.sets
        drift = true_drifts(kind, n, rng)
        others = np.broadcast_to(rng.uniform([0.8, 0.2], [2.2, 0.5], size=(n, 1, 2)), (n, 400, 2))
        X = moving.observe(np.concatenate([drift[..., np.newaxis], others], axis=2), random_state=rng)
        rmse, coverage = {}, {}
        for name, posterior in fits.items():
            values = posterior.sample(X, 100, random_state=0).values[..., 0]
            rmse[name] = np.sqrt(np.mean((values.mean(axis=1) - drift) ** 2))
            coverage[name] = coverage_by_time(values, drift).mean()
        print(
            f"  {kind}, {n} sets: RMSE {rmse['moving']:.3f}, static fit {rmse['static']:.3f} "
            f"({1 - rmse['moving'] / rmse['static']:.0%} less); 90 % coverage {coverage['moving']:.3f}, static fit "
            f"{coverage['static']:.3f}",
            flush=True,
        )


def choice(arguments, seed):
    """Tell four transitions apart."""
    transitions = {
        "static": Static(),
        "random walk": RandomWalk(stats.lognorm(0.3, scale=0.15)),
        "regime switching": RegimeSwitching(stats.uniform(0.01, 0.02), sd=1.5),
        "Gaussian process": GaussianProcess(stats.uniform(15.0, 20.0)),
    }
    models = {
        name: DynamicSimulator({"level": transition}, None, noisy, n_times=400)
        for name, transition in transitions.items()
    }
    comparator = AmortizedModelComparator(
        summary=SeriesSummary(width=32),
        n_simulations=arguments.simulations,
        max_iter=arguments.epochs,
        random_state=seed,
    )
    start = time.perf_counter()
    comparator.fit(models)
    print(f"  fit of {4 * arguments.simulations} series in {time.perf_counter() - start:.0f} s")
    X, labels = [], []
    for i, (name, model) in enumerate(models.items()):
        X.append(model.sample(250, random_state=1000 * (1 + seed) + i)[0])
        labels += [name] * 250
    X, labels = np.concatenate(X), np.array(labels)
    proba = comparator.predict_proba(X)
    predicted = comparator.classes_[proba.argmax(axis=1)]
    print(f"  accuracy {np.mean(predicted == labels):.3f} over 1,000 series; of each model:")
    print("  " + ", ".join(f"{name} {np.mean(predicted[labels == name] == name):.3f}" for name in models))
    result = model_calibration(proba, labels, classes=comparator.classes_)
    print(
        f"  expected calibration error {result.average.ece:.3f} (p = {result.average.p_value:.2f}); of each model "
        f"{np.round(result.per_model.ece, 3).tolist()}",
        flush=True,
    )


def subjects(arguments, seed):
    """Compare trajectories of several subjects with Kalman smoothers that know the hyper-parameter."""
    exact, simulator = LinearGaussianStateSpace(50), walk(50, n_subjects=8)
    posterior = fitted(simulator, arguments, seed, n_looks=8)
    X, y = simulator.sample(100, random_state=1000 + seed)
    draws = posterior.sample(X, 500, hyper=y.hyper, random_state=0)
    scale = y.hyper[:, 0].repeat(8)
    moments = exact.smooth(X.reshape(-1, 50, 1), scale=scale)
    mean = draws.mean()[..., 0].reshape(-1, 50)
    print(f"  smoothing given the scale of steps, 800 series: {distance(mean, moments, 500)}")
    draws = posterior.sample(X, 200, random_state=0)
    coverage = central_coverage(draws.hyper, y.hyper, levels=[0.9]).coverage[0, 0]
    values = np.swapaxes(draws.values[..., 0], 1, 2).reshape(-1, 200, 50)
    by_time = coverage_by_time(values, y.values[..., 0].reshape(-1, 50))
    alone = np.log(draws.hyper[..., 0]).std(axis=1).mean()
    first = posterior.sample(X[:, :1], 200, random_state=0)
    print(
        f"  90 % coverage of the scale over 100 data sets {coverage:.3f}, of levels {by_time.mean():.3f} (by time "
        f"{by_time.min():.3f} to {by_time.max():.3f}); sd of its logarithm given 8 subjects {alone:.3f}, given one "
        f"{np.log(first.hyper[..., 0]).std(axis=1).mean():.3f}",
        flush=True,
    )


PARTS = {
    "state_space": state_space,
    "latency": latency,
    "coal": coal,
    "diffusion": diffusion,
    "choice": choice,
    "subjects": subjects,
}


def main():
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; by default all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--simulations", type=int, default=5000, help="series of a fit, of each model in `choice`")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--series", type=int, default=2000, help="series for coverage in `state_space`")
    parser.add_argument("--sets", type=int, default=100, help="data sets of each kind of truth in `diffusion`")
    parser.add_argument("--calls", type=int, default=1000, help="calls of `sample` in `latency`")
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        fit = None
        for part in arguments.parts or PARTS:
            print(f"{part}, seed {seed}", flush=True)
            if part == "latency":
                latency(arguments, seed, fit)
            else:
                fit = PARTS[part](arguments, seed) or fit


if __name__ == "__main__":
    main()
