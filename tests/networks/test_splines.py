"""Splines rise, have the slope and the gradient they say, and are undone by their inverse."""

import _ctypes
from types import SimpleNamespace

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import hessian, jacfwd, jacrev, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from skabi.networks import _splines
from skabi.networks._spline_steps import inverse_spline_steps, spline_knots, spline_steps
from skabi.networks._splines import inverse_spline, n_spline_numbers, spline


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(autouse=True, params=["compiled", "by steps"])
def _way(request, monkeypatch):
    if request.param == "by steps":
        monkeypatch.setattr(_splines, "_KERNELS", None)
    elif _splines._KERNELS is None:
        pytest.skip("skabi was installed without a compiler")


@pytest.fixture
def numbers():
    return _random(n_spline_numbers(6))


def test_slope_and_inverse(numbers):
    x = torch.linspace(-4, 4, 801, dtype=torch.float64, requires_grad=True)
    y, log_derivative = spline(x, numbers, bound=3.0)
    (slope,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(slope.log(), log_derivative)
    assert (y.diff() > 0).all()
    torch.testing.assert_close(inverse_spline(y, numbers, bound=3.0), x)


def test_the_spline_goes_through_its_knots_with_their_slopes(numbers):
    positions, values, slopes = spline_knots(numbers, bound=3.0)
    y, log_derivative = spline(positions, numbers, bound=3.0)
    torch.testing.assert_close(y, values)
    torch.testing.assert_close(log_derivative[1:-1].exp(), slopes[1:-1])
    torch.testing.assert_close(positions[[0, -1]], torch.tensor([-3.0, 3.0], dtype=torch.float64))
    torch.testing.assert_close(values[[0, -1]], torch.tensor([-3.0, 3.0], dtype=torch.float64))


def test_zero_numbers_make_the_identity():
    x = torch.linspace(-4, 4, 81, dtype=torch.float64)
    y, log_derivative = spline(x, torch.zeros(17, dtype=torch.float64), bound=3.0)
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(log_derivative, torch.zeros_like(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("x_shape, numbers_shape", [((7, 2), (7, 2)), ((7, 2), (2,)), ((2,), (7, 2)), ((7, 1), (3,))])
def test_the_gradient_is_that_of_finite_differences(x_shape, numbers_shape):
    # Some of x lie outside, some numbers beyond what is told apart.
    x = (2 * _random(*x_shape)).requires_grad_()
    numbers = _random(*numbers_shape, n_spline_numbers(4), seed=1)
    numbers[..., 1] = 40.0
    assert gradcheck(lambda x, numbers: spline(x, numbers, bound=3.0), (x, numbers.requires_grad_()))


def test_the_second_derivative_is_that_of_finite_differences(numbers):
    x = _random(3, seed=1).requires_grad_()
    assert gradgradcheck(lambda x, numbers: spline(x, numbers, bound=3.0), (x, numbers.requires_grad_()))
    assert gradgradcheck(lambda x: spline(x, numbers.detach(), bound=3.0), x)


@pytest.mark.parametrize("in_dims", [(0, 0), (None, 0), (0, None), (1, 1)])
def test_vmap_is_one_spline_after_the_other(in_dims):
    n_stacked, (x_dim, numbers_dim) = 3, in_dims
    x, numbers = 2 * _random(n_stacked, 5, 2), _random(n_stacked, 2, n_spline_numbers(4), seed=1)
    each = [
        spline(x[0 if x_dim is None else i], numbers[0 if numbers_dim is None else i], bound=3.0)
        for i in range(n_stacked)
    ]
    x, numbers = (
        tensor[0] if dim is None else tensor.movedim(0, dim) for tensor, dim in zip((x, numbers), in_dims, strict=True)
    )
    together = vmap(lambda x, numbers: spline(x, numbers, bound=3.0), in_dims)(x, numbers)
    for one, all_of_them in zip(zip(*each, strict=True), together, strict=True):
        torch.testing.assert_close(all_of_them, torch.stack(one))


def test_the_inverse_of_steep_splines_is_never_nan_in_single_precision():
    numbers = (10 * _random(20_000, 1, n_spline_numbers(8))).float()
    knots = spline_knots(numbers, bound=5.0)
    # Just below a knot the root of the quadratic equation is of a small difference, which rounds to below zero.
    y = torch.nextafter(knots[:, 0, 1, 1:-1], torch.tensor(-5.0))
    x = inverse_spline(y, numbers, bound=5.0)
    assert x.isfinite().all() and (x.abs() <= 5.0 + 1e-5).all()


def test_both_ways_say_the_same():
    x, numbers = 2 * _random(50, 3), 3 * _random(50, 3, n_spline_numbers(12), seed=1)
    y, log_derivative = spline(x, numbers, bound=3.0)
    expected_y, expected_log_derivative = spline_steps(x, numbers, bound=3.0)
    torch.testing.assert_close(y, expected_y)
    torch.testing.assert_close(log_derivative, expected_log_derivative)
    torch.testing.assert_close(inverse_spline(y, numbers, bound=3.0), inverse_spline_steps(y, numbers, bound=3.0))


def test_the_gradient_of_the_inverse_is_that_of_finite_differences():
    y, numbers = (2 * _random(7, 2)).requires_grad_(), _random(7, 2, n_spline_numbers(4), seed=1).requires_grad_()
    assert gradcheck(lambda y, numbers: inverse_spline(y, numbers, bound=3.0), (y, numbers))
    assert gradgradcheck(lambda y, numbers: inverse_spline(y, numbers, bound=3.0), (y, numbers))


def test_nan_stays_nan(numbers):
    x = torch.tensor([torch.nan, 0.0], dtype=torch.float64)
    assert spline(x, numbers, bound=3.0)[0].isnan().tolist() == [True, False]
    assert spline(x, numbers * torch.nan, bound=3.0)[0].isnan().all()
    assert inverse_spline(x, numbers, bound=3.0).isnan().tolist() == [True, False]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # of torch's own forward mode
def test_transforms_of_torch_agree():
    x, numbers = _random(3), _random(3, n_spline_numbers(4), seed=1)

    def total(x):
        y, log_derivative = spline(x, numbers, bound=3.0)
        return (y * log_derivative).sum() + inverse_spline(x, numbers, bound=3.0).square().sum()

    expected = torch.autograd.functional.hessian(total, x)
    torch.testing.assert_close(hessian(total)(x), expected)
    torch.testing.assert_close(jacrev(jacrev(total))(x), expected)
    torch.testing.assert_close(jacfwd(total)(x), torch.autograd.functional.jacobian(total, x))
    many = torch.autograd.functional.jacobian(lambda x: spline(x, numbers, bound=3.0)[0], x, vectorize=True)
    torch.testing.assert_close(many, torch.autograd.functional.jacobian(lambda x: spline(x, numbers, bound=3.0)[0], x))


def test_numbers_that_make_no_spline_are_refused(numbers):
    with pytest.raises(ValueError, match=r"3 n_bins - 1 numbers each; got 16"):
        spline(torch.zeros(1, dtype=torch.float64), numbers[:-1], bound=3.0)


def test_a_library_of_another_machine_is_none(monkeypatch, tmp_path):
    (tmp_path / "broken.so").write_bytes(b"nothing")
    monkeypatch.setattr(_splines, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "broken.so")))
    assert _splines._load_kernels() is None
    monkeypatch.setattr(_splines, "find_spec", lambda name: None)
    assert _splines._load_kernels() is None


@pytest.mark.skipif(_splines._KERNELS is None, reason="nothing is compiled")
def test_a_library_that_takes_other_arguments_is_none(monkeypatch):
    assert _splines._load_kernels() is not None
    monkeypatch.setattr(_splines, "_INTERFACE", _splines._INTERFACE + 1)
    assert _splines._load_kernels() is None


def test_a_library_that_says_nothing_of_its_arguments_is_none(monkeypatch):
    monkeypatch.setattr(_splines, "find_spec", lambda name: SimpleNamespace(origin=_ctypes.__file__))
    assert _splines._load_kernels() is None


def test_views_that_negate_when_they_are_read(numbers):
    x = _random(40)
    torch.testing.assert_close(spline(torch._neg_view(x), numbers, bound=3.0), spline(-x, numbers, bound=3.0))


def test_operations_that_are_recorded_can_be_repeated_with_other_numbers(numbers):
    x, others = _random(40), _random(40, seed=1)
    recorded = make_fx(lambda x: spline(x, numbers, bound=3.0))(x)
    torch.testing.assert_close(recorded(others), spline(others, numbers, bound=3.0))


def test_bins_leave_something_to_share_out():
    assert n_spline_numbers(500) == 1499
    with pytest.raises(ValueError, match="n_bins must be at most 500; got 501"):
        n_spline_numbers(501)


@pytest.mark.parametrize("shape", [(0, 2), (0,)])
def test_nothing_comes_of_nothing(shape):
    y, log_derivative = spline(torch.zeros(shape), torch.zeros(*shape, 17), bound=3.0)
    assert y.shape == log_derivative.shape == inverse_spline(y, torch.zeros(*shape, 17), bound=3.0).shape == shape


def test_tensors_that_are_not_contiguous():
    x, numbers = 2 * _random(5, 40).T, _random(n_spline_numbers(6), 5).T
    expected = spline(x.contiguous(), numbers.contiguous(), bound=3.0)
    torch.testing.assert_close(spline(x, numbers, bound=3.0), expected)


def test_single_precision(numbers):
    x = torch.linspace(-3.5, 3.5, 501, dtype=torch.float64)
    y, log_derivative = spline(x.float(), numbers.float(), bound=3.0)
    exact, exact_log = spline_steps(x, numbers, bound=3.0)
    torch.testing.assert_close(y.double(), exact, rtol=0, atol=1e-5)
    torch.testing.assert_close(log_derivative.double(), exact_log, rtol=0, atol=1e-4)
