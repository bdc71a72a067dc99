"""Measure networks of BayesFlow on the JAX backend: 100 epochs, batches of 64; see `measure`.

Parameters and data are both standardised, which is kinder than the package's default of parameters alone.
"""

import math
import os

import measure
import numpy as np

os.environ["KERAS_BACKEND"] = "jax"
try:
    import bayesflow
    import keras
except ImportError as error:
    raise SystemExit(f"{error}. BayesFlow has an environment of its own, which `make benchmark` sets up.") from None

EPOCHS, BATCH_SIZE = 100, 64


class Model:
    """The network that the method's name ends in, a transform of coupling flows or a free-form one."""

    packages = ("bayesflow", "keras", "jax")

    def __init__(self, method, prior, seed):
        keras.utils.set_random_seed(seed)
        self.name = method.removeprefix("bayesflow-")
        self.workflow = self.workflow_for(BATCH_SIZE)

    def workflow_for(self, n_simulations):
        return bayesflow.BasicWorkflow(
            inference_network=self.network(n_simulations),
            inference_variables=["theta"],
            inference_conditions=["x"],
            standardize="all",
        )

    def network(self, n_simulations):
        if self.name == "flow-matching":
            return bayesflow.networks.FlowMatching()
        if self.name == "consistency":
            return bayesflow.networks.ConsistencyModel(total_steps=EPOCHS * math.ceil(n_simulations / BATCH_SIZE))
        return bayesflow.networks.CouplingFlow(transform=self.name)

    def fit(self, X, y):
        self.workflow = self.workflow_for(len(X))
        self.workflow.fit_offline(self.named(X, y), epochs=EPOCHS, batch_size=BATCH_SIZE, verbose=0)

    def save(self, folder):
        self.estimator.save(folder / "model.keras")

    def load(self, folder):
        setattr(self.workflow, self.attribute, keras.saving.load_model(folder / "model.keras"))

    def sample(self, X, n_draws):
        return np.asarray(self.workflow.sample(conditions=self.named(X), num_samples=n_draws)["theta"])

    def log_prob(self, X, y):
        """Return log densities, NaN where there are none or where they take many minutes."""
        if self.name in ("flow-matching", "consistency"):
            return np.full(len(X), np.nan)
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
