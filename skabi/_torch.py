"""The only meeting point of NumPy and torch: arrays to tensors and back, devices, seeds of what networks draw."""

import os
import threading
from contextlib import contextmanager

import numpy as np
import torch


def to_tensor(array, *, device="cpu", dtype=torch.float32):
    """Return a tensor that shares no memory with `array`."""
    return torch.tensor(np.asarray(array), dtype=dtype, device=device)


def to_array(tensor):
    """Return a float64 array."""
    return tensor.detach().to("cpu", torch.float64).numpy()


def resolve_device(device):
    """Return the `torch.device` that `device` stands for; "auto" is a GPU where there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        tensor = torch.empty(0, device=device)
        tensor.cpu()
        return tensor.device
    except (AssertionError, RuntimeError, TypeError) as error:
        raise ValueError(
            f'device must be "auto", "cpu" or a device that torch finds here; got {device!r}: {error}'
        ) from error


def torch_generator(seed, device="cpu"):
    """Return a `torch.Generator` on `device`, seeded by an int."""
    return torch.Generator(device=device).manual_seed(seed)


_seeding = threading.RLock()


def _renew():
    """Let a forked process seed, whatever a thread did that it has not taken along."""
    global _seeding
    _seeding = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextmanager
def seeded(seed, device=None):
    """Seed torch's global generators, from which modules draw, and put them back afterwards.

    One thread at a time: another would draw from them, too. The generator of a GPU is seeded where `device` is one.
    """
    device = torch.device(device or "cpu")
    with _seeding, torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.random.default_generator.manual_seed(seed)
        if device.type == "cuda":
            torch.cuda.default_generators[device.index or 0].manual_seed(seed)
        yield


class _SingleThreads:
    """Which threads let torch use one thread, and how many it uses otherwise."""

    def __init__(self):
        self.lock, self.own = threading.Lock(), threading.local()
        self.n_inside, self.usual = 0, 1

    def enter(self):
        """Let torch use one thread in this one."""
        with self.lock:
            # A thread that starts while another is inside begins with one, which is not the usual number.
            self.usual = self.usual if self.n_inside else torch.get_num_threads()
            self.n_inside += 1
        self.own.is_inside = True
        torch.set_num_threads(1)

    def leave(self):
        """Let torch use as many as it did before any thread entered."""
        self.own.is_inside = False
        with self.lock:
            self.n_inside -= 1
            torch.set_num_threads(self.usual)


_single_threads = _SingleThreads()


@contextmanager
def single_thread():
    """Let torch use one thread: small matrices gain nothing from more, and lose much on a busy machine."""
    if getattr(_single_threads.own, "is_inside", False):
        yield
        return
    _single_threads.enter()
    try:
        yield
    finally:
        _single_threads.leave()
