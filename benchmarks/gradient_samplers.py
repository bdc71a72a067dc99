"""Print effective draws a second of no-U-turn samplers: NumPyro, BlackJAX and Pyro on the Bernoulli GLM.

python benchmarks/gradient_samplers.py --seeds 0 1 2       # a few minutes

`skabi.refine` asks for many short chains for many data sets at once. NumPyro and BlackJAX run all of them in one batch,
Pyro one chain after the other, for two data sets. Each has its own adaptation at its defaults, 200 updates of it, and
200 draws. Effective draws are those of the parameter that has fewest; time is given with and without compilation.
BlackJAX and Pyro are not among skabi's dependencies: pip install blackjax pyro-ppl.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np
import torch
from numpyro.diagnostics import effective_sample_size
from numpyro.infer import NUTS

from skabi.datasets import BernoulliGLM
from skabi.datasets._bernoulli_glm import DESIGN_MATRIX

N_DATASETS, N_CHAINS, N_WARM_UP, N_DRAWS, N_FOR_PYRO = 20, 4, 200, 200, 2
# The prior is N(0, F F').
FACTOR = BernoulliGLM().prior.from_real(np.eye(10)).T


def log_density(u, x):
    """Return the log posterior of coordinates in which the prior is N(0, I), in JAX."""
    theta = jnp.asarray(FACTOR) @ u
    return (x * theta).sum() - jnp.logaddexp(0.0, jnp.asarray(DESIGN_MATRIX) @ theta).sum() - 0.5 * (u**2).sum()


def numpyro_chain(key, x):
    """Return draws of one chain, `(n_draws, 10)`."""
    kernel = NUTS(potential_fn=lambda u: -log_density(u, x))
    state = kernel.init(key, N_WARM_UP, jnp.zeros(10), (), {})
    state = jax.lax.fori_loop(0, N_WARM_UP, lambda _, state: kernel.sample(state, (), {}), state)

    def step(state, _):
        state = kernel.sample(state, (), {})
        return state, state.z

    return jax.lax.scan(step, state, None, length=N_DRAWS)[1]


def blackjax_chain(key, x):
    """Return draws of one chain, `(n_draws, 10)`."""
    import blackjax

    def target(u):
        return log_density(u, x)

    warm_up_key, key = jax.random.split(key)
    adaptation = blackjax.window_adaptation(blackjax.nuts, target)
    (state, parameters), _ = adaptation.run(warm_up_key, jnp.zeros(10), num_steps=N_WARM_UP)
    kernel = blackjax.nuts(target, **parameters)

    def step(state, key):
        state, _ = kernel.step(key, state)
        return state, state.position

    return jax.lax.scan(step, state, jax.random.split(key, N_DRAWS))[1]


def in_one_batch(chain, X, seed):
    """Return draws `(n_datasets, n_chains, n_draws, 10)`, and seconds with and without compilation."""
    run = jax.jit(jax.vmap(jax.vmap(chain, in_axes=(0, None))))
    seconds = []
    for repeat in range(2):
        keys = jax.random.split(jax.random.key(seed + 1000 * repeat), (len(X), N_CHAINS))
        start = time.perf_counter()
        draws = np.asarray(run(keys, jnp.asarray(X)))
        seconds.append(time.perf_counter() - start)
    return draws, *seconds


def one_by_one(X, seed):
    """Return the draws of Pyro, and seconds twice: nothing is compiled."""
    import pyro
    from pyro.infer import MCMC
    from pyro.infer import NUTS as PyroNUTS

    factor, design = torch.tensor(FACTOR.copy()), torch.tensor(DESIGN_MATRIX)

    def chain(x):
        def potential(z):
            theta = factor @ z["u"]
            log_likelihood = (x * theta).sum() - torch.nn.functional.softplus(design @ theta).sum()
            return 0.5 * (z["u"] ** 2).sum() - log_likelihood

        mcmc = MCMC(
            PyroNUTS(potential_fn=potential),
            num_samples=N_DRAWS,
            warmup_steps=N_WARM_UP,
            initial_params={"u": torch.zeros(10, dtype=torch.double)},
            disable_progbar=True,
        )
        mcmc.run()
        return mcmc.get_samples()["u"].numpy()

    pyro.set_rng_seed(seed)
    start = time.perf_counter()
    draws = np.array([[chain(torch.tensor(x)) for _ in range(N_CHAINS)] for x in X])
    seconds = time.perf_counter() - start
    return draws, seconds, seconds


def main():
    jax.config.update("jax_enable_x64", True)
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    print("| sampler | seed | data sets | effective draws of all | a second | with compilation |")
    print("| --- | --- | --- | --- | --- | --- |")
    for seed in parser.parse_args().seeds:
        X, _ = BernoulliGLM().sample(N_DATASETS, random_state=seed)
        for name, n, run in (
            ("NumPyro", N_DATASETS, lambda X, seed: in_one_batch(numpyro_chain, X, seed)),
            ("BlackJAX", N_DATASETS, lambda X, seed: in_one_batch(blackjax_chain, X, seed)),
            ("Pyro", N_FOR_PYRO, one_by_one),
        ):
            draws, first, again = run(X[:n], seed)
            effective = sum(effective_sample_size(each).min() for each in draws)
            print(f"| {name} | {seed} | {n} | {effective:,.0f} | {effective / again:,.0f} | {effective / first:,.0f} |")


if __name__ == "__main__":
    main()
