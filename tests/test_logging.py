"""What the log is told of long work, and that nothing is shown unless it is asked for."""

import logging
import subprocess
import sys

import numpy as np
import pytest
from skorch.callbacks import Callback

import skabi
from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian
from skabi.exceptions import ApproximationWarning
from skabi.simulators import Simulator

SMALL = {"n_simulations": 200, "max_iter": 3, "random_state": 0}


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.INFO, logger="skabi")
    return lambda: [record.getMessage() for record in caplog.records if record.name.startswith("skabi.")]


def test_a_fit_tells_of_simulation_and_training(told):
    posterior = AmortizedPosterior(Gaussian((4,)), **SMALL).fit(ConjugateGaussian())
    simulated, begins, ended = told()
    assert simulated.startswith("simulated 200 data sets in ")
    assert begins == "training begins: 180 data sets, 3 epochs at most"
    assert ended.startswith("training ended after epoch 3 of 3 and")
    assert ended.endswith(f"the best was epoch {posterior.best_iter_}")


def test_a_checkpoint_that_is_gone_on_from_is_told(told, tmp_path):
    class Interrupt(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise KeyboardInterrupt

    X, y = ConjugateGaussian().sample(200, random_state=0)
    posterior = AmortizedPosterior(Gaussian((4,)), checkpoint=tmp_path, **SMALL)
    with pytest.warns(ApproximationWarning, match="interrupted"):
        posterior.set_params(callbacks=[Interrupt()]).fit(X, y)
    posterior.set_params(callbacks=None).fit(X, y)
    assert [text for text in told() if "goes on after epoch" in text]


def test_losses_that_are_not_finite_are_told(told):
    class Spoil(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 2:
                for weight in net.module_.parameters():
                    weight.data.fill_(np.nan)

    with pytest.warns(ApproximationWarning, match="the last good weights are back"):
        AmortizedPosterior(Gaussian((4,)), callbacks=[Spoil()], **SMALL).fit(ConjugateGaussian())
    assert "the loss or its gradient was not finite in epoch 2; the last good weights are back" in told()


def test_stores_and_files_are_told(told, tmp_path):
    simulator = Simulator(ConjugateGaussian().prior, lambda theta, rng: rng.normal(theta), block_size=10)
    simulator.sample(40, store=tmp_path / "sims.zarr")
    simulator.sample(60, store=tmp_path / "sims.zarr")
    posterior = AmortizedPosterior(Gaussian((4,)), **SMALL).fit(ConjugateGaussian())
    posterior.sample(np.zeros((3, 2)), 20, store=tmp_path / "draws.zarr")
    posterior.save(tmp_path / "posterior")
    skabi.load(tmp_path / "posterior")
    texts = "\n".join(told())
    for wanted in (
        f"simulated 40 data sets into {str(tmp_path / 'sims.zarr')!r} in",
        f"the store {str(tmp_path / 'sims.zarr')!r} has 40 of 60 data sets",
        f"simulated 20 data sets into {str(tmp_path / 'sims.zarr')!r} in",
        f"drew 3 data sets x 20 into {str(tmp_path / 'draws.zarr')!r} in",
        f"saved AmortizedPosterior to {tmp_path / 'posterior'}",
        f"loaded AmortizedPosterior from {tmp_path / 'posterior'}",
    ):
        assert wanted in texts


def test_nothing_is_shown_unless_asked_for(told, capfd):
    AmortizedPosterior(Gaussian((4,)), **SMALL).fit(ConjugateGaussian())
    assert capfd.readouterr() == ("", "")
    code = "import logging, skabi; logging.getLogger('skabi.simulators').warning('odd')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""
