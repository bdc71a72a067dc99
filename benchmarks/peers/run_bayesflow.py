"""Measure coupling flows of BayesFlow on the JAX backend: 100 epochs, batches of 64; see `measure`.

Parameters and data are both standardised, which is kinder than the package's default of parameters alone.
"""

import os

import measure
import numpy as np

os.environ["KERAS_BACKEND"] = "jax"
try:
    import bayesflow
    import keras
except ImportError as error:
    raise SystemExit(f"{error}. BayesFlow has an environment of its own, which `make benchmark` sets up.") from None


class Model:
    """The transform that the method's name ends in."""

    packages = ("bayesflow", "keras", "jax")

    def __init__(self, method, prior, seed):
        keras.utils.set_random_seed(seed)
        self.workflow = bayesflow.BasicWorkflow(
            inference_network=bayesflow.networks.CouplingFlow(transform=method.removeprefix("bayesflow-")),
            inference_variables=["theta"],
            inference_conditions=["x"],
            standardize="all",
        )

    def fit(self, X, y):
        self.workflow.fit_offline(self.named(X, y), epochs=100, batch_size=64, verbose=0)

    def save(self, folder):
        self.estimator.save(folder / "model.keras")

    def load(self, folder):
        setattr(self.workflow, self.attribute, keras.saving.load_model(folder / "model.keras"))

    def sample(self, X, n_draws):
        return np.asarray(self.workflow.sample(conditions=self.named(X), num_samples=n_draws)["theta"])

    def log_prob(self, X, y):
        return np.asarray(self.workflow.log_prob(self.named(X, y)))

    def named(self, X, y=None):
        data = {"x": np.asarray(X, dtype=np.float32)}
        return data if y is None else data | {"theta": np.asarray(y, dtype=np.float32)}

    @property
    def attribute(self):
        """What the version at hand calls its network with the adapter."""
        return "estimator" if hasattr(self.workflow, "estimator") else "approximator"

    @property
    def estimator(self):
        return getattr(self.workflow, self.attribute)


if __name__ == "__main__":
    measure.main(Model)
