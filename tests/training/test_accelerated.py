"""One training by several processes: the steps are those of one process."""

import os
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian
from skabi.training import accelerated

SETTINGS = {"max_iter": 3, "n_simulations": 300, "random_state": 0}


class Share:
    """What accelerate's Accelerator does, for one process of several that all have the same gradients."""

    device, device_placement, sync_gradients = torch.device("cpu"), True, True

    def __init__(self, num_processes=1, process_index=0):
        self.num_processes, self.process_index = num_processes, process_index
        self.n_backward, self.sizes = 0, []

    def prepare(self, part):
        return part

    unwrap_model = staticmethod(lambda module, keep_fp32_wrapper: module)
    accumulate = staticmethod(lambda module: nullcontext())
    autocast = staticmethod(nullcontext)
    clip_grad_norm_ = staticmethod(torch.nn.utils.clip_grad_norm_)
    gather = staticmethod(lambda tensor: tensor)
    wait_for_everyone = staticmethod(lambda: None)

    def backward(self, loss):
        self.n_backward += 1
        loss.backward()

    def reduce(self, tensor, how):
        assert how == "mean"
        return tensor


def posterior(**settings):
    return AmortizedPosterior(Gaussian((8,)), **SETTINGS | settings)


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_one_process_trains_as_without(n_estimators):
    accelerator = Share()
    alone = posterior(n_estimators=n_estimators).fit(ConjugateGaussian())
    with accelerated(accelerator) as same:
        together = posterior(n_estimators=n_estimators).fit(ConjugateGaussian())
    assert same is accelerator and accelerator.n_backward == 3 * 8
    np.testing.assert_allclose(together.loss_curve_, alone.loss_curve_, rtol=1e-4)
    np.testing.assert_allclose(together.validation_scores_, alone.validation_scores_, rtol=1e-4)
    before = accelerator.n_backward
    posterior().fit(ConjugateGaussian())
    assert accelerator.n_backward == before


def test_processes_have_shares_of_each_batch(monkeypatch):
    """Losses of the shares have those of all rows for their mean."""
    rng, seen = np.random.default_rng(0), []
    X, y = rng.normal(size=(101, 2)), rng.normal(size=(101, 2))
    settings = {"max_iter": 1, "batch_size": 101, "early_stopping": False, "n_simulations": 101}
    for share in (Share(), *(Share(3, i) for i in range(3))):
        with accelerated(share):
            seen.append(posterior(**settings).fit(X, y).loss_curve_[0])
    whole, *shares = seen
    assert np.mean(shares) == pytest.approx(whole, rel=1e-5) and len(set(shares)) == 3


def test_what_cannot_be_shared_is_refused(tmp_path):
    with accelerated(Share()), pytest.raises(ValueError, match="keeps no checkpoint"):
        posterior(checkpoint=tmp_path).fit(ConjugateGaussian())
    differs = Share()
    differs.gather = lambda tensor: torch.cat([tensor, tensor + 1])
    with accelerated(differs), pytest.raises(ValueError, match="must train on the same simulations"):
        posterior().fit(ConjugateGaussian())


SCRIPT = """
import sys
from accelerate import Accelerator
from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian
from skabi.training import accelerated

accelerator = Accelerator(cpu=True)
posterior = AmortizedPosterior(Gaussian((8,)), max_iter=3, n_simulations=300, random_state=0)
with accelerated(accelerator):
    posterior.fit(ConjugateGaussian())
assert accelerator.num_processes == 2
posterior.save(f"{sys.argv[1]}/{accelerator.process_index}")
"""


@pytest.mark.slow
def test_two_processes_of_accelerate_train_one_network(tmp_path):
    pytest.importorskip("accelerate")
    import skabi

    (tmp_path / "script.py").write_text(SCRIPT)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, *launch, str(tmp_path / "script.py"), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    both = [skabi.load(tmp_path / str(i)) for i in range(2)]
    for one, other in zip(*(model.network_.parameters() for model in both), strict=True):
        assert torch.equal(one, other)
    alone = posterior().fit(ConjugateGaussian())
    np.testing.assert_allclose(both[0].loss_curve_, alone.loss_curve_, rtol=1e-4)
