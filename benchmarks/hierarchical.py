"""Print how exact posteriors of models with levels are, of a Gaussian whose posterior is known and of eight schools.

python benchmarks/hierarchical.py                             # both parts
python benchmarks/hierarchical.py --parts levels --seeds 0
python benchmarks/hierarchical.py --parts schools

levels: a common mean, the spread of groups and that of observations, all three unknown (`TwoLevelGaussian`); the exact
posterior of both spreads is by quadrature, the rest in closed form. One fit for 5 to 50 groups of 5 to 50
observations, trained on 4 to 64 of both, whose logarithms are evenly spread, so that the sizes asked about are not at
the edge. At three sizes: the C2ST of learned against exact draws of the upper level, of the effect of a group, and of a
group together with the upper level, means over data sets; and the coverage of 90 % intervals, of the upper level (the
lowest and the highest of its three) and of groups, whose Monte Carlo error over 1,000 data sets is 0.01.

schools: eight schools with the usual priors, mu ~ N(0, 5), tau ~ HalfCauchy(5), and the standard errors of the study.
Differences of means from those of a long NUTS run, in its standard deviations, and ratios of standard deviations; the
largest over all ten parameters. The ratio of tau, whose tail is a long one, is that of what is left up to its 99 %
quantile, too.

Seconds of a fit are those of processor time.
"""

import argparse
import time
import warnings

import numpy as np
from scipy import stats

from skabi import AmortizedPosterior
from skabi.datasets import TwoLevelGaussian
from skabi.datasets._log_uniform import log_uniform
from skabi.diagnostics import c2st, central_coverage
from skabi.hierarchical import GroupedData, HierarchicalPosterior, HierarchicalSimulator
from skabi.priors import IndependentPrior
from skabi.summaries import NestedSummary, SetSummary

SIZES = (5, 5), (20, 20), (50, 50)
# Draws of which coverage is computed: it is right on average for any number of them.
N_COVERING = 200
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
STANDARD_ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def levels_simulator(problem, n_groups, n_observations):
    return HierarchicalSimulator(
        problem.prior,
        problem.group_prior,
        problem.simulate_groups,
        vectorized=True,
        n_groups=n_groups,
        n_observations=n_observations,
    )


def fit_levels(seed, *, n_simulations, max_iter):
    problem = TwoLevelGaussian()
    size = log_uniform(4, 64)
    posterior = HierarchicalPosterior(
        AmortizedPosterior(summary=NestedSummary(SetSummary(width=8)), max_iter=max_iter),
        AmortizedPosterior(max_iter=max_iter),
        n_simulations=n_simulations,
        max_groups=2,
        random_state=seed,
    )
    start = time.process_time()
    posterior.fit(levels_simulator(problem, size, size))
    return posterior, time.process_time() - start


def judge_levels(posterior, size, *, n_datasets, n_judged, n_draws):
    """Return the C2ST of the upper level, of an effect and of both, and coverages."""
    problem = TwoLevelGaussian()
    X, y = levels_simulator(problem, *size).sample(n_datasets, random_state=1000)
    judged = posterior.sample(X[:n_judged], n_draws, random_state=0)
    exact = problem.sample_posterior(X.data[:n_judged], n_draws, random_state=0)
    effects = [own[:, 0] for own in problem.sample_groups(X.data[:n_judged], exact, random_state=0)]
    learned, learned_effects = judged.hyper, [own[:, 0] for own in judged.groups]
    pairs = {
        "upper": (exact, learned),
        "effect": (np.stack(effects), np.stack(learned_effects)),
        "both": (np.dstack([exact, np.stack(effects)]), np.dstack([learned, np.stack(learned_effects)])),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = {name: float(np.mean(c2st(*pair))) for name, pair in pairs.items()}
    draws = posterior.sample(X, N_COVERING, random_state=1)
    upper = central_coverage(draws.hyper, y.hyper, levels=[0.9]).coverage[0]
    groups = np.concatenate([own.swapaxes(0, 1) for own in draws.groups])
    truth = np.concatenate([own.to_numpy() for own in y.groups])
    return scores, (upper.min(), upper.max()), central_coverage(groups, truth, levels=[0.9]).coverage[0, 0]


def print_levels(arguments):
    print("two levels of a Gaussian: C2ST of the upper level, of an effect, of both; coverage of 90 % intervals")
    for seed in arguments.seeds:
        how = {"n_simulations": arguments.n_simulations[0], "max_iter": arguments.max_iter[0]}
        posterior, seconds = fit_levels(seed, **how)
        print(f"seed {seed}: fit in {seconds:.0f} s")
        for size in SIZES:
            scores, upper, groups = judge_levels(
                posterior, size, n_datasets=arguments.n_datasets, n_judged=arguments.n_judged, n_draws=arguments.n_draws
            )
            text = ", ".join(f"{name} {score:.3f}" for name, score in scores.items())
            print(
                f"  {size[0]} groups of {size[1]}: C2ST {text}; coverage {upper[0]:.3f} to {upper[1]:.3f}, groups "
                f"{groups:.3f}",
                flush=True,
            )


def fit_schools(seed, *, n_simulations, max_iter):
    simulator = HierarchicalSimulator(
        IndependentPrior({"mu": stats.norm(0.0, 5.0), "tau": stats.halfcauchy(scale=5.0)}),
        {"theta": lambda mu, tau: stats.norm(mu, tau)},
        lambda theta, sigma, rng: rng.normal(theta, sigma),
        n_groups=len(EFFECTS),
        covariates={"sigma": STANDARD_ERRORS},
        vectorized=True,
    )
    posterior = HierarchicalPosterior(
        AmortizedPosterior(max_iter=max_iter),
        AmortizedPosterior(max_iter=max_iter),
        n_simulations=n_simulations,
        max_groups=1,
        random_state=seed,
    )
    start = time.process_time()
    posterior.fit(simulator)
    return posterior, time.process_time() - start


def nuts(n_draws):
    """Return draws of mu, tau and theta by the no-U-turn sampler, `(n, 10)`, and the least effective number of them."""
    import jax
    import numpyro
    from numpyro import distributions
    from numpyro.diagnostics import effective_sample_size
    from numpyro.infer import MCMC, NUTS

    def model():
        mu = numpyro.sample("mu", distributions.Normal(0.0, 5.0))
        tau = numpyro.sample("tau", distributions.HalfCauchy(5.0))
        z = numpyro.sample("z", distributions.Normal().expand([len(EFFECTS)]))
        theta = numpyro.deterministic("theta", mu + tau * z)
        numpyro.sample("effects", distributions.Normal(theta, STANDARD_ERRORS), obs=EFFECTS)

    sizes = {"num_warmup": 1000, "num_samples": n_draws // 4, "num_chains": 4, "chain_method": "vectorized"}
    mcmc = MCMC(NUTS(model, target_accept_prob=0.95), **sizes, progress_bar=False)
    mcmc.run(jax.random.key(0))
    each = mcmc.get_samples(group_by_chain=True)
    chains = np.concatenate([np.stack([each["mu"], each["tau"]], axis=-1), each["theta"]], axis=-1).astype(float)
    return chains.reshape(-1, chains.shape[-1]), float(effective_sample_size(chains).min())


def print_schools(arguments):
    print("eight schools: largest differences from NUTS, in its standard deviations")
    reference, n_effective = nuts(40_000)
    mean, std = reference.mean(axis=0), reference.std(axis=0)
    print(f"NUTS: {n_effective:,.0f} effective draws; standard deviations {np.round(std, 2)}")
    X = GroupedData([EFFECTS[:, np.newaxis]], covariates={"sigma": [STANDARD_ERRORS]})
    for seed in arguments.seeds:
        how = {"n_simulations": arguments.n_simulations[1], "max_iter": arguments.max_iter[1]}
        posterior, seconds = fit_schools(seed, **how)
        draws = posterior.sample(X, 40_000, random_state=0)
        joint = np.concatenate([draws.hyper[0], draws.groups[0][..., 0]], axis=1)
        gap, ratio = (joint.mean(axis=0) - mean) / std, joint.std(axis=0) / std
        cut = [values[values < np.quantile(reference[:, 1], 0.99)].std() for values in (joint[:, 1], reference[:, 1])]
        print(
            f"seed {seed}: fit {seconds:.0f} s; means {np.abs(gap).max():.3f} (mu {gap[0]:+.3f}, tau {gap[1]:+.3f}); "
            f"sds {np.abs(ratio - 1).max():.3f} (mu {ratio[0]:.3f}, tau {ratio[1]:.3f}, to its 99 % quantile "
            f"{cut[0] / cut[1]:.3f}, theta {np.round(ratio[2:], 3)})",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=("levels", "schools"), default=["levels", "schools"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--n-simulations", type=int, nargs=2, default=[30_000, 100_000], help="of each part")
    parser.add_argument("--max-iter", type=int, nargs=2, default=[9, 8], help="of each part")
    parser.add_argument("--n-datasets", type=int, default=1000)
    parser.add_argument("--n-judged", type=int, default=10)
    parser.add_argument("--n-draws", type=int, default=1000)
    arguments = parser.parse_args()
    if "levels" in arguments.parts:
        print_levels(arguments)
    if "schools" in arguments.parts:
        print_schools(arguments)


if __name__ == "__main__":
    main()
