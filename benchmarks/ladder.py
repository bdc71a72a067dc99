"""Print what `skabi.refine` reaches: how far up the ladder data sets go, how exact draws are there, and what it costs.

python benchmarks/ladder.py                      # everything, one seed; an hour
python benchmarks/ladder.py glm --seeds 0 1 2    # some parts, some seeds

Parts: glm (10,000 data sets of the Bernoulli GLM, fit included; forced importance sampling of 50 against long NUTS),
gev (a generalised extreme value model, its prior twice as wide at test as in training; the weights of accepted answers
looked at afterwards), samplers (chains without gradients beside those with), warning (what the warning of `sample`
costs). NUTS needs NumPyro: pip install "skabi[nuts]".
"""

import argparse
import time
import warnings
from functools import partial

import numpy as np
from scipy import stats

from skabi import AmortizedPosterior
from skabi.datasets import BernoulliGLM, GaussianMeanScale, TwoMoons
from skabi.datasets._bernoulli_glm import DESIGN_MATRIX
from skabi.diagnostics import c2st, nested_r_hat
from skabi.estimators import KnownLikelihood
from skabi.exceptions import ApproximationWarning
from skabi.priors import IndependentPrior
from skabi.refine import NUTSSampler, SliceSampler, refine
from skabi.refine._target import Target
from skabi.simulators import Simulator

N_OBSERVATIONS = 65


def jax_log_likelihood(x, theta):
    """The likelihood of `BernoulliGLM` in JAX."""
    import jax.numpy as jnp

    return (x * theta).sum() - jnp.logaddexp(0.0, DESIGN_MATRIX @ theta).sum()


def long_nuts(X, *, n_warm_up=1000, n_kept=1000, n_chains=4, thinning=2, seed=0):
    """Return NUTS draws of the GLM `(n_datasets, n_chains * n_kept, 10)` and their largest R-hat; compiled once."""
    import jax
    import jax.numpy as jnp
    from numpyro.diagnostics import split_gelman_rubin
    from numpyro.infer import NUTS

    prior = BernoulliGLM().prior
    # The prior is N(0, F F').
    factor = jnp.asarray(prior.from_real(np.eye(10)).T, dtype=jnp.float32)

    def chain(key, x):
        def potential(u):
            return 0.5 * (u**2).sum() - jax_log_likelihood(x, factor @ u)

        kernel = NUTS(potential_fn=potential)
        state = kernel.init(key, n_warm_up, jnp.zeros(10), (), {})

        def update(_, state):
            return kernel.sample(state, (), {})

        def step(state, _):
            state = jax.lax.fori_loop(0, thinning, update, state)
            return state, factor @ state.z

        return jax.lax.scan(step, jax.lax.fori_loop(0, n_warm_up, update, state), None, length=n_kept)[1]

    run = jax.jit(jax.vmap(chain, in_axes=(0, None)))
    keys = jax.random.split(jax.random.key(seed), len(X))
    chains = np.stack(
        [
            np.asarray(run(jax.random.split(key, n_chains), jnp.asarray(x, jnp.float32)))
            for key, x in zip(keys, X, strict=True)
        ]
    )
    r_hat = max(float(np.max(split_gelman_rubin(each))) for each in chains)
    return chains.reshape(len(X), -1, 10).astype(float), r_hat


def print_rungs(refined, fit_seconds):
    """Print how many data sets each rung answered, and the time."""
    print("| rung | reached | answered | accepted | seconds |\n| --- | --- | --- | --- | --- |")
    for rung, row in refined.summary().iterrows():
        print(f"| {rung} | {row.reached:.0f} | {row.answered:.0f} | {row.accepted:.0f} | {row.seconds:.1f} |")
    total = fit_seconds + sum(refined.seconds.values())
    print(f"\nfit {fit_seconds:.1f} s, with it {total / 60:.1f} minutes in all\n")


def measure_glm(seed, *, n_datasets=10_000, n_reference=50, n_compared=1000):
    """The published setting of the workflow, and 50 data sets against NUTS."""
    simulator = BernoulliGLM()
    start = time.perf_counter()
    posterior = AmortizedPosterior(random_state=seed).fit(simulator)
    fit_seconds = time.perf_counter() - start
    X, _ = simulator.sample(n_datasets, random_state=1000 + seed)
    print(f"## Bernoulli GLM, {n_datasets:,} data sets, seed {seed}\n")
    print_rungs(refine(posterior, X, simulator, random_state=seed), fit_seconds)
    X = X[:n_reference]
    forced = refine(posterior, X, simulator, force_psis=True, random_state=seed)
    print_rungs(forced, 0.0)
    reference, r_hat = long_nuts(X, seed=seed)
    print(f"NUTS: {reference.shape[1]:,} draws a data set, largest R-hat {r_hat:.3f}\n")
    print("| draws | mean C2ST | largest C2ST | mean error of means | of sds |\n| --- | --- | --- | --- | --- |")
    for name, draws in [
        ("refined", forced.draws),
        ("amortized", posterior.sample(X, n_compared, random_state=seed)),
        ("NUTS, other half", reference[:, 1::2]),
    ]:
        other = reference[:, ::2]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ApproximationWarning)
            accuracy = c2st(thinned(other, n_compared), thinned(draws, n_compared), random_state=1, n_jobs=-1)
        std = other.std(axis=1)
        of_mean = np.abs(draws.mean(axis=1) - other.mean(axis=1)) / std
        of_std = np.abs(draws.std(axis=1) - std) / std
        print(f"| {name} | {accuracy.mean():.3f} | {accuracy.max():.3f} | {of_mean.mean():.3f} | {of_std.mean():.3f} |")
    print()


def thinned(draws, n):
    """Return `n` draws of each data set, evenly spread."""
    return draws[:, np.linspace(0, draws.shape[1] - 1, n).astype(int)]


def extremes(location, scale, shape, rng):
    """Return maxima, `(n_datasets, 65, 1)`."""
    level = -np.log(rng.random((len(location), N_OBSERVATIONS)))
    location, scale, shape = (values[:, np.newaxis] for values in (location, scale, shape))
    # Quantiles of the generalised extreme value distribution; those of Gumbel's where the shape is zero.
    return (location + scale * np.expm1(-shape * np.log(level)) / shape)[..., np.newaxis]


def extremes_log_likelihood(X, location, scale, shape):
    """Return the log density of maxima, `(n_datasets,)`."""
    location, scale, shape = (values[:, np.newaxis] for values in (location, scale, shape))
    with np.errstate(over="ignore"):
        distance = np.clip((X[..., 0] - location) / scale, -1e300, 1e300)
    # Gumbel's distribution where the shape is zero, and no number beyond what an exponential can hold.
    shape = np.where(shape == 0, 1e-300, shape)
    is_inside = 1 + shape * distance > 0
    level = np.log1p(np.where(is_inside, shape * distance, 0.0)) / shape
    terms = -np.log(scale) - (1 + shape) * level - np.exp(-np.maximum(level, -700.0))
    return np.where(is_inside.all(axis=1), terms.sum(axis=1), -np.inf)


def extremes_simulator(width):
    """Return the model with a prior so many times as wide."""
    prior = IndependentPrior(
        {
            "location": stats.norm(3.8, 0.2 * width),
            "scale": stats.halfnorm(scale=0.3 * width),
            "shape": stats.truncnorm(-0.6 / 0.2, 0.6 / 0.2, scale=0.2 * width),
        }
    )
    return Simulator(prior, extremes, vectorized=True, log_likelihood=extremes_log_likelihood)


def measure_gev(seed, *, n_datasets=1000):
    """A model with heavy tails, asked about data from a prior twice as wide."""
    simulator = extremes_simulator(1.0)
    start = time.perf_counter()
    posterior = AmortizedPosterior(random_state=seed).fit(simulator)
    fit_seconds = time.perf_counter() - start
    X, _ = extremes_simulator(2.0).sample(n_datasets, random_state=1000 + seed)
    print(f"## Extreme values, prior twice as wide, {n_datasets:,} data sets, seed {seed}\n")
    refined = refine(posterior, X, simulator, random_state=seed)
    print_rungs(refined, fit_seconds)
    accepted = X[refined.rung == "amortized"]
    checked = refine(posterior, accepted, simulator, force_psis=True, sampler=SliceSampler(n_chains=8), max_rounds=1)
    share = (checked.pareto_k > 0.7).mean()
    print(f"{len(accepted)} accepted amortized answers, checked afterwards: {share:.1%} with k above 0.7\n")


def measure_samplers(seed, *, n_datasets=20):
    """Effective draws a second of chains without and with gradients, from the same starting points."""
    simulator = BernoulliGLM()
    X, _ = simulator.sample(n_datasets, random_state=seed)
    target = Target(KnownLikelihood(simulator), simulator.prior, X, rows=np.arange(n_datasets))
    rng = np.random.default_rng(seed)
    starts = 0.3 * rng.normal(size=(n_datasets, 16, 10))
    archive = 0.3 * rng.normal(size=(n_datasets, 256, 10))
    print(f"## Chains for {n_datasets} data sets of the Bernoulli GLM, seed {seed}\n")
    print("| sampler | draws | largest nested R-hat | effective draws | seconds |\n| --- | --- | --- | --- | --- |")
    for sampler in (SliceSampler(), NUTSSampler(jax_log_likelihood), NUTSSampler(jax_log_likelihood, n_warm_up=30)):
        start = time.perf_counter()
        chains = sampler.run(target, starts, archive, n_draws=2000, rng=rng)
        seconds = time.perf_counter() - start
        r_hat = nested_r_hat(chains)
        # Superchains are independent: the variance of draws over that of their means.
        shares = chains.mean(axis=(2, 3)).var(axis=1, ddof=1) / chains.var(axis=(1, 2, 3), ddof=1)
        n_effective = chains.shape[1] / shares.mean()
        n_draws = int(np.prod(chains.shape[1:4]))
        print(f"| {sampler!r:.40} | {n_draws:,} | {r_hat.max():.3f} | {n_effective:,.0f} | {seconds:.1f} |")
    print()


def measure_warning(seed, *, n_repeats=301):
    """What the warning adds to the time of `sample`, calls with and without it in random order."""
    rng = np.random.default_rng(seed)
    print(f"## Cost of the warning in sample, seed {seed}\n")
    print("| model | data sets | draws | seconds without | ratio |\n| --- | --- | --- | --- | --- |")
    for simulator in (TwoMoons(), BernoulliGLM(), GaussianMeanScale(n_observations=(1, 100))):
        posterior = AmortizedPosterior(n_simulations=2000, max_iter=2, random_state=seed).fit(simulator)
        X, _ = simulator.sample(1000, random_state=seed)
        for part, n_draws in ((X[:1], 1000), (X[:10], 1000), (X, 10)):
            seconds = {True: [], False: []}
            for _ in range(n_repeats):
                for is_warning in rng.permutation([False, True]).tolist():
                    posterior.set_params(warn_outside=is_warning)
                    start = time.perf_counter()
                    posterior.sample(part, n_draws, random_state=0)
                    seconds[is_warning].append(time.perf_counter() - start)
            without = np.median(seconds[False])
            ratio = np.median(seconds[True]) / without
            print(f"| {type(simulator).__name__} | {len(part)} | {n_draws} | {without:.4f} | {ratio:.3f} |", flush=True)
    print()


PARTS = {"glm": measure_glm, "gev": measure_gev, "samplers": measure_samplers, "warning": measure_warning}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; by default all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--n-datasets", type=int, help="of glm and gev; by default 10,000 and 1,000")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for name in arguments.parts or PARTS:
        measure = PARTS[name]
        if arguments.n_datasets and name in ("glm", "gev"):
            measure = partial(measure, n_datasets=arguments.n_datasets)
        for seed in arguments.seeds:
            measure(seed)


if __name__ == "__main__":
    main()
