"""Measure what leaving one out costs with NUTS, for one data set of the model of `GaussianMeanScale`, in NumPyro.

`python run_numpyro.py FOLDER` reads `job.json` in the folder:

- `X`, the numbers of the data set
- `n_folds`, how many of them are left out, one after the other from the first on
- `n_warmup` and `n_draws` of the one chain, and `seed`, 0 unless given

and writes `figures.json`:

- `seconds_a_refit` and `compile_seconds`: warm-up and draws compiled as one function of key and data, once for all
  folds, which is as fast as NumPyro can be; the median over folds is without the compilation
- `seconds_a_refit_uncompiled`: the same from a second call of `MCMC.run` on, which compiles its loop anew in each call
- `posterior_seconds` and `posterior_compile_seconds`: the posterior of all numbers, compiled; the median of `n_folds`
- `elpd_i` and `elpd_i_se`: log mean density of each number left out, and its Monte Carlo standard error
- `versions`
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

try:
    import jax
    import jax.numpy as jnp
    import numpyro
    from numpyro import distributions
    from numpyro.diagnostics import effective_sample_size
    from numpyro.infer import MCMC, NUTS
except ImportError as error:
    raise SystemExit(f"{error}. NumPyro has an environment of its own, which `make benchmark` sets up.") from None

# What `GaussianMeanScale` has by default.
SHAPE, RATE, PRECISION = 3.0, 2.0, 0.1


def model(X):
    """Mean and variance of a Gaussian, and numbers that are known."""
    variance = numpyro.sample("variance", distributions.InverseGamma(SHAPE, RATE))
    scale = jnp.sqrt(variance)
    mean = numpyro.sample("mean", distributions.Normal(0.0, scale / jnp.sqrt(PRECISION)))
    numpyro.sample("X", distributions.Normal(mean, scale), obs=X)


def main():
    """Do the job of the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds job.json: X, n_folds, n_warmup, n_draws, seed")
    folder = parser.parse_args().folder
    job = json.loads((folder / "job.json").read_text())
    figures = measure_folds(job, np.asarray(job["X"], dtype=np.float32))
    packages = ("numpyro", "jax", "jaxlib")
    versions = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]
    if threads := os.environ.get("OMP_NUM_THREADS"):
        versions.append(f"OMP_NUM_THREADS {threads}")
    (folder / "figures.json").write_text(json.dumps(figures | {"versions": ", ".join(versions)}))


def measure_folds(job, X):
    """Return seconds of refits and of the posterior, and the log densities of what was left out."""

    def sampler(**options):
        return MCMC(NUTS(model), num_warmup=job["n_warmup"], num_samples=job["n_draws"], progress_bar=False, **options)

    def draw(key, X, mcmc=None):
        mcmc = mcmc or sampler()
        mcmc.run(key, X)
        return mcmc.get_samples()

    n_folds = job["n_folds"]
    keys = list(jax.random.split(jax.random.key(job.get("seed", 0)), n_folds))
    folds = [jnp.asarray(np.delete(X, i)) for i in range(n_folds)]
    refit, compile_seconds = compiled(draw, keys[0], folds[0])
    draws, seconds = timed(refit, keys, folds)
    fit, posterior_compile_seconds = compiled(draw, keys[0], jnp.asarray(X))
    _, posterior_seconds = timed(fit, keys, [jnp.asarray(X)] * n_folds)
    mcmc = sampler(jit_model_args=True)
    draw(keys[0], folds[0], mcmc)
    _, uncompiled_seconds = timed(lambda key, X: draw(key, X, mcmc), keys, folds)
    elpd, se = zip(*(log_mean_density(X[i], each) for i, each in enumerate(draws)), strict=True)
    return {
        "seconds_a_refit": float(np.median(seconds)),
        "compile_seconds": compile_seconds,
        "seconds_a_refit_uncompiled": float(np.median(uncompiled_seconds)),
        "posterior_seconds": float(np.median(posterior_seconds)),
        "posterior_compile_seconds": posterior_compile_seconds,
        "elpd_i": elpd,
        "elpd_i_se": se,
    }


def compiled(action, *arguments):
    """Return a function compiled for arguments of these shapes, and the seconds it took."""
    start = time.perf_counter()
    return jax.jit(action).lower(*arguments).compile(), time.perf_counter() - start


def timed(action, *arguments):
    """Return results and seconds of a call for each set of arguments."""
    results, seconds = [], []
    for each in zip(*arguments, strict=True):
        start = time.perf_counter()
        results.append(jax.block_until_ready(action(*each)))
        seconds.append(time.perf_counter() - start)
    return results, seconds


def log_mean_density(x, draws):
    """Return the log of the mean density of a number over draws, and its standard error."""
    mean, variance = (np.asarray(draws[name], dtype=float) for name in ("mean", "variance"))
    density = np.exp(-0.5 * (x - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
    average = density.mean()
    relative_variance = density.var() / average**2 / effective_sample_size(density[np.newaxis])
    return float(np.log(average)), float(np.sqrt(relative_variance))


if __name__ == "__main__":
    main()
