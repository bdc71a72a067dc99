"""Between NumPy and torch: values and not memory cross, and global randomness stays as it was."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from skabi._torch import resolve_device, seeded, single_thread, to_array, to_tensor, torch_generator


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-7), (torch.float64, 0.0)])
def test_there_and_back(dtype, tolerance):
    array = np.random.default_rng(0).normal(size=(3, 2))
    array.flags.writeable = False
    tensor = to_tensor(array, dtype=dtype)
    assert tensor.dtype == dtype and tensor.shape == (3, 2)
    back = to_array(tensor)
    assert back.dtype == np.float64
    np.testing.assert_allclose(back, array, rtol=tolerance, atol=0)


def test_numbers_are_single_precision_unless_asked_otherwise():
    assert to_tensor([1, 2]).dtype == torch.float32


def test_a_tensor_shares_no_memory_with_its_array():
    array = np.zeros(3)
    tensor = to_tensor(array, dtype=torch.float64)
    tensor += 1
    assert array.tolist() == [0, 0, 0]
    array -= 1
    assert tensor.tolist() == [1, 1, 1]


def test_gradients_do_not_come_along():
    assert to_array(torch.ones(2, requires_grad=True)).tolist() == [1, 1]


def test_auto_is_a_gpu_where_there_is_one(monkeypatch):
    assert resolve_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "mps:7", None.__class__, 1.5])
def test_devices_that_are_not_there_are_named(device):
    with pytest.raises(ValueError, match='device must be "auto", "cpu" or a device that torch finds here; got'):
        resolve_device(device)


def test_a_generator_repeats():
    draws = [torch.randn(4, generator=torch_generator(seed)).tolist() for seed in (5, 5, 6)]
    assert draws[0] == draws[1] != draws[2]


def test_seeded_repeats_and_puts_the_global_state_back():
    state = torch.random.get_rng_state()
    draws = []
    for seed in (1, 1, 2):
        with seeded(seed):
            draws.append(torch.randn(4).tolist())
        assert torch.equal(torch.random.get_rng_state(), state)
    assert draws[0] == draws[1] != draws[2]


def test_seeded_puts_the_global_state_back_after_an_error():
    state = torch.random.get_rng_state()
    with pytest.raises(ZeroDivisionError), seeded(1):
        torch.randn(4)
        1 / 0  # noqa: B018
    assert torch.equal(torch.random.get_rng_state(), state)


def test_threads_do_not_draw_from_what_another_one_has_seeded():
    def drawn(seed):
        with seeded(seed):
            first = torch.randn(1000)
            time.sleep(1e-3)
            return torch.cat([first, torch.randn(1000)])

    expected = [drawn(seed) for seed in range(8)]
    state = torch.random.get_rng_state()
    with ThreadPoolExecutor(4) as threads:
        for found, wanted in zip(threads.map(drawn, range(8)), expected, strict=True):
            assert torch.equal(found, wanted)
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_gpu_is_not_touched_where_none_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_rng_state", pytest.fail)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with seeded(0, torch.device("cpu")):
        torch.randn(1)


FORKING = """
import os, signal, threading
from skabi._torch import seeded

holds, ends = threading.Event(), threading.Event()

def hold():
    with seeded(0):
        holds.set()
        ends.wait()

threading.Thread(target=hold).start()
holds.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    with seeded(1):
        os._exit(0)
ends.set()
raise SystemExit(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_does_not_wait_for_a_thread_that_it_has_not():
    # In a process of its own: others among the tests have threads that must not be forked.
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKING], check=True, timeout=60)


@pytest.fixture
def three_threads():
    usual = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(usual)


@pytest.mark.usefixtures("three_threads")
def test_threads_that_overlap_leave_the_number_of_threads_as_it_was():
    entered, leave = threading.Event(), threading.Event()

    def work():
        with single_thread(), single_thread():
            entered.set()
            leave.wait()

    with ThreadPoolExecutor(1) as pool:
        with single_thread():
            assert torch.get_num_threads() == 1
            later = pool.submit(work)
            entered.wait()
        leave.set()
        later.result()
        assert pool.submit(torch.get_num_threads).result() == 3
    assert torch.get_num_threads() == 3
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 3


@pytest.mark.usefixtures("three_threads")
def test_torch_has_one_thread_until_the_outermost_is_left():
    with single_thread():
        with single_thread():
            pass
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3
