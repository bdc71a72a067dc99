"""Learn the prior of a parametric case of `benchmarks/elicitation.py` with elicito, by the settings that it documents.

`python run_elicito.py FOLDER` reads `job.json` in the folder:

- `case`, `regression`, `binomial`, `poisson` or `two_level`, and `seed`
- `design`, a row for each point that is asked about: what coefficients are multiplied by
- `answers`, a list of rows for each target, and `probabilities` of those that are quantiles

and writes `figures.json`: `seconds` of the fit and `cpu_seconds`, `hyperparameters` of each parameter after the last
epoch, `loss`, `n_epochs` and `versions`.

Batches of 128 times 200 draws, the energy distance between quantiles and, for shares of variance and moments, the
Euclidean one, and the best of 32 points as a start are what the package has by default or in its examples. Rate, epochs
and the box that starts are drawn from are those of its tutorial on parametric priors (`regression`, which is its very
model) and of its guide to discrete outcomes (`binomial`, and `poisson`, of which it has no example), as is the
temperature of the Gumbel-softmax relaxation; Poisson counts end at 80, as in the published study. `two_level`, of which
it has no example either, has the tutorial's rate and epochs. Its numbers are far outside the tutorial's box, so that
locations start within the stated range around the stated median, and scales between zero and the stated range. There it
is a Latin hypercube: Sobol points lie on the diagonal where each hyper-parameter has a range of its own.
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow does not heed what the others do.
if "OMP_NUM_THREADS" in os.environ:
    for kind in ("INTRAOP", "INTEROP"):
        os.environ.setdefault(f"TF_NUM_{kind}_THREADS", os.environ["OMP_NUM_THREADS"])

try:
    import elicito as el
    import tensorflow as tf
    import tensorflow_probability as tfp
except ImportError as error:
    raise SystemExit(
        f"{error}. elicito has an environment of its own, which `make benchmark-elicitation` sets up."
    ) from None

tfd = tfp.distributions
TUTORIAL = {"epochs": 600, "learning_rate": 0.1, "radius": 2.0}
DISCRETE_GUIDE = {"epochs": 300, "learning_rate": 0.05, "radius": 1.0}
SETTINGS = {"regression": TUTORIAL, "binomial": DISCRETE_GUIDE, "poisson": DISCRETE_GUIDE, "two_level": TUTORIAL}
NORMAL, HALF_NORMAL = (tfd.Normal, ["loc", "scale"]), (tfd.HalfNormal, ["scale"])
GAMMA = tfd.Gamma, ["concentration", "rate"]
FAMILIES = {
    "regression": {"b0": NORMAL, "b1": NORMAL, "sigma": HALF_NORMAL},
    "binomial": {"b0": NORMAL, "b1": NORMAL},
    "poisson": {"b0": NORMAL, "b1": NORMAL, "b2": NORMAL},
    "two_level": {"b0": NORMAL, "b1": NORMAL, "spread0": HALF_NORMAL, "spread1": HALF_NORMAL, "sigma": GAMMA},
}
# As `benchmarks/elicitation.py` weighs it.
R2_WEIGHT = {"regression": 0.5, "two_level": 1.0}
# Whose answers say how large a scale can be.
SPREADS = {"b0_scale": "b0", "b1_scale": "b1", "spread0_scale": "level", "spread1_scale": "slope"}


class Regression:
    """Normal outcomes, and the share of their variance that is explained."""

    def __call__(self, prior_samples, design):
        mean = tf.matmul(prior_samples[..., :2], design, transpose_b=True)
        y = tfd.Normal(mean, prior_samples[..., 2:]).sample()
        return by_column(y) | {"r2": r_squared(mean, y)}


class Binomial:
    """Relaxed counts of 30 trials."""

    def __call__(self, prior_samples, design):
        logits = tf.matmul(prior_samples, design, transpose_b=True)
        likelihood = tfd.Binomial(30, logits=logits[..., tf.newaxis])
        return by_column(el.utils.gumbel_softmax_trick(likelihood, 30, 1.6))


class Poisson:
    """Relaxed counts."""

    def __call__(self, prior_samples, design):
        log_rate = tf.matmul(prior_samples, design, transpose_b=True)
        likelihood = tfd.Poisson(log_rate=log_rate[..., tf.newaxis])
        return by_column(el.utils.gumbel_softmax_trick(likelihood, 80, 1.6))


class TwoLevel:
    """Normal outcomes of somebody with a level and a slope of their own."""

    def __call__(self, prior_samples, design):
        b0, b1, spread0, spread1, sigma = tf.unstack(prior_samples, axis=-1)
        # One tensor: the package seeds draws of the prior and of the model alike, and those of a shape would be equal.
        noise = tf.random.normal((*b0.shape, 2 + len(design)))
        level, slope = b0 + spread0 * noise[..., 0], b1 + spread1 * noise[..., 1]
        mean = tf.matmul(tf.stack([level, slope], axis=-1), design, transpose_b=True)
        y = mean + sigma[..., tf.newaxis] * noise[..., 2:]
        named = {"sigma": sigma, "b0": b0, "b1": b1, "level": level, "slope": slope}
        return by_column(y) | {"r2": r_squared(mean, y)} | named


MODELS = {"regression": Regression, "binomial": Binomial, "poisson": Poisson, "two_level": TwoLevel}


def by_column(y):
    return {f"y{i}": column for i, column in enumerate(tf.unstack(y, axis=-1))}


def r_squared(mean, y):
    explained = tf.math.reduce_variance(mean, -1)
    return explained / (explained + tf.math.reduce_variance(y - mean, -1))


def moments(sigma):
    return tf.stack([tf.reduce_mean(sigma, -1), tf.math.reduce_std(sigma, -1)], -1)


def main():
    """Do the job of the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="holds job.json")
    folder = parser.parse_args().folder
    job = json.loads((folder / "job.json").read_text())
    learner = elicit(**job)
    began, cpu_began = time.perf_counter(), time.process_time()
    learner.fit()
    figures = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu_began}
    figures |= what_was_learned(learner, job["case"])
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {version(name)}" for name in ("elicito", "tensorflow", "tensorflow-probability")]
    if threads := os.environ.get("OMP_NUM_THREADS"):
        versions.append(f"OMP_NUM_THREADS {threads}")
    (folder / "figures.json").write_text(json.dumps(figures | {"versions": ", ".join(versions)}))


def elicit(case, seed, design, answers, probabilities):
    """Return what is to be fitted."""
    settings = SETTINGS[case]
    targets, data = asked(case, answers, probabilities)
    return el.Elicit(
        model=el.model(obj=MODELS[case], design=tf.constant(design, tf.float32)),
        parameters=[
            el.parameter(name=name, family=family, hyperparams={each: hyper(name, each) for each in hyper_names})
            for name, (family, hyper_names) in FAMILIES[case].items()
        ],
        targets=targets,
        expert=el.expert.data(data),
        optimizer=el.optimizer(
            optimizer=tf.keras.optimizers.Adam, learning_rate=settings["learning_rate"], clipnorm=1.0
        ),
        trainer=el.trainer(method="parametric_prior", seed=seed, epochs=settings["epochs"], progress=0),
        initializer=start(case, answers),
    )


def hyper(name, each):
    return el.hyper(f"{name}_{each}", lower=float("-inf") if each == "loc" else 0.0)


def start(case, answers):
    """Return how starts are drawn."""
    if case != "two_level":
        distribution = el.initialization.uniform(radius=SETTINGS[case]["radius"], mean=0.0)
        return el.initializer(method="sobol", iterations=32, distribution=distribution)
    (mean, sd), ranges = answers["sigma"][0], {}
    for name in ("b0", "b1"):
        low, _, median, _, high = answers[name][0]
        ranges[f"{name}_loc"] = median - (high - low), median + (high - low)
    highest = {name: answers[of][0][-1] - answers[of][0][0] for name, of in SPREADS.items()}
    highest |= {"sigma_concentration": 2 * (mean / sd) ** 2, "sigma_rate": 2 * mean / sd**2}
    ranges |= {name: (unconstrained(high / 100), unconstrained(high)) for name, high in highest.items()}
    distribution = el.initialization.uniform(
        mean=[(low + high) / 2 for low, high in ranges.values()],
        radius=[(high - low) / 2 for low, high in ranges.values()],
        hyper=list(ranges),
    )
    return el.initializer(method="lhs", iterations=32, distribution=distribution)


def unconstrained(positive):
    return float(el.utils.LowerBound(0.0).forward(positive))


def asked(case, answers, probabilities):
    """Return targets, one for each row of the answers, and the rows by the names that the package gives them."""
    energy, targets, data = el.losses.MMD2(kernel="energy"), [], {}
    for name, rows in answers.items():
        if name == "sigma":
            targets.append(el.target(name=name, query=el.queries.custom(moments), loss=el.losses.L2))
            data["moments_sigma"] = rows[0]
            continue
        loss = {"loss": el.losses.L2, "weight": R2_WEIGHT[case]} if name == "r2" else {"loss": energy}
        names = [f"{name}{i}" for i in range(len(rows))] if len(rows) > 1 else [name]
        for each, row in zip(names, rows, strict=True):
            targets.append(el.target(name=each, query=el.queries.quantiles(tuple(probabilities)), **loss))
            data[f"quantiles_{each}"] = row
    return targets, data


def what_was_learned(learner, case):
    """Return hyper-parameters and loss after the last epoch."""
    history = learner.results["history_stats"]
    values = history["hyperparameter"]
    return {
        "hyperparameters": {
            name: {each: float(values[f"{name}_{each}"].to_numpy().ravel()[-1]) for each in hyper_names}
            for name, (_, hyper_names) in FAMILIES[case].items()
        },
        "loss": float(history["loss"]["total_loss"].to_numpy().ravel()[-1]),
        "n_epochs": int(values.sizes["epoch"]),
    }


if __name__ == "__main__":
    main()
