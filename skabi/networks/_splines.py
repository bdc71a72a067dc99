"""Monotone rational-quadratic splines [1]_, elementwise: compiled on a CPU, else by operations on tensors.

Widths and heights of bins are what `numbers` `(..., 3 n_bins - 1)` say by a softmax, slopes at inner knots by a
softplus. Zeros make the identity, and so is every spline outside `(-bound, bound)`.

References
----------
.. [1] C. Durkan, A. Bekasov, I. Murray, G. Papamakarios (2019). Neural spline flows. arXiv 1906.04032.
"""

import ctypes
from importlib.util import find_spec

import torch
from torch.autograd import forward_ad

from skabi.networks._spline_steps import LARGEST, SMALLEST, UNIT, inverse_spline_steps, spline_steps


def n_spline_numbers(n_bins):
    """Return how many unconstrained numbers make one spline: widths, heights and inner slopes.

    Raises
    ------
    ValueError
        If there are so many bins that the smallest they can be, a thousandth, leaves too little to share out.
    """
    if n_bins > _MOST_BINS:
        raise ValueError(f"n_bins must be at most {_MOST_BINS}; got {n_bins}.")
    return 3 * n_bins - 1


def spline(x, numbers, *, bound):
    """Return `(y, log dy/dx)` of the splines that `numbers` make; shapes broadcast."""
    if not _is_compiled_for(x, numbers):
        return spline_steps(x, numbers, bound=bound)
    y, log_derivative, _ = _call(_Spline, *_together(x, numbers), bound)
    return y, log_derivative


def inverse_spline(y, numbers, *, bound):
    """Return x such that the spline of x is `y`; shapes broadcast."""
    if not _is_compiled_for(y, numbers):
        return inverse_spline_steps(y, numbers, bound=bound)
    x, _ = _call(_InverseSpline, *_together(y, numbers), bound)
    return x


def _load_kernels():
    """Return the library of kernels, or None where there is none for this machine and for the arguments passed here."""
    module = find_spec("skabi.networks._spline_kernels")
    try:
        library = None if module is None else ctypes.CDLL(module.origin)
        return library if library is not None and library.kernels_interface() == _INTERFACE else None
    except (OSError, AttributeError):
        return None


_MOST_BINS = 500
# To be raised, here and beside the kernels, whenever their arguments change: an older library must not be called.
_INTERFACE = 1
_KERNELS = _load_kernels()
_CLASSES = {torch.Tensor, torch.nn.Parameter}
_TYPES = {torch.float32: "float32", torch.float64: "float64"}


def _is_compiled_for(*tensors):
    if tensors[1].shape[-1] % 3 != 2:
        raise ValueError(f"splines of n_bins bins are made of 3 n_bins - 1 numbers each; got {tensors[1].shape[-1]}.")
    dtypes = {tensor.dtype for tensor in tensors}
    is_one_known = len(dtypes) == 1 and dtypes <= set(_TYPES)
    return _KERNELS is not None and is_one_known and all(map(_holds_numbers, tensors)) and not _is_watched()


def _holds_numbers(tensor):
    """Return whether the memory of a tensor holds its numbers as they are, and the CPU can read them."""
    return type(tensor) in _CLASSES and tensor.device.type == "cpu" and not tensor.is_neg()


def _is_watched():
    """Return whether operations are recorded here, or torch.func or forward mode differentiates.

    A vmap alone has a rule below.
    """
    transforms = torch._C._functorch.get_interpreter_stack() or []
    is_differentiated = any(t.key() != torch._C._functorch.TransformType.Vmap for t in transforms)
    is_recorded = torch._C._len_torch_dispatch_stack() or torch.compiler.is_compiling()
    return is_differentiated or is_recorded or forward_ad._current_level >= 0


class _Shape(ctypes.Structure):
    _fields_ = [
        ("n_bins", ctypes.c_int64),
        ("bound", ctypes.c_double),
        ("smallest", ctypes.c_double),
        ("largest", ctypes.c_double),
        ("unit", ctypes.c_double),
    ]


def _call(function, *arguments):
    """Apply an autograd function, without its machinery, which takes as long as a kernel, where nothing needs it."""
    if torch.is_grad_enabled() or torch._C._functorch.get_interpreter_stack():
        return function.apply(*arguments)
    return function.forward(*arguments)


def _run(name, bound, x, numbers, *others):
    """Let a kernel read and write contiguous tensors."""
    shape = _Shape((numbers.shape[-1] + 1) // 3, bound, SMALLEST, LARGEST, UNIT)
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (x, numbers, *others)]
    getattr(_KERNELS, f"{name}_{_TYPES[x.dtype]}")(shape, ctypes.c_int64(x.numel()), *pointers)


def _together(x, numbers):
    """Return both with the same leading axes."""
    if x.shape != numbers.shape[:-1]:
        axes = torch.broadcast_shapes(x.shape, numbers.shape[:-1])
        x, numbers = x.expand(axes), numbers.expand(*axes, -1)
    return x, numbers


def _sizes(numbers):
    """Return the relative widths and heights of bins; exponentials are quicker many at a time than in a kernel."""
    return numbers[..., : 2 * (numbers.shape[-1] + 1) // 3].clamp(-LARGEST, LARGEST).exp_()


class _Spline(torch.autograd.Function):
    """A spline and its log derivative, then the sizes of its bins, which the gradient needs."""

    @staticmethod
    def forward(x, numbers, bound):
        x, numbers = x.contiguous(), numbers.contiguous()
        y, log_derivative, sizes = torch.empty_like(x), torch.empty_like(x), _sizes(numbers)
        _run("forward", bound, x, numbers, sizes, y, log_derivative)
        return y, log_derivative, sizes

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, numbers, ctx.bound = inputs
        *_, sizes = output
        ctx.mark_non_differentiable(sizes)
        ctx.save_for_backward(x, numbers, sizes)

    @staticmethod
    def backward(ctx, of_y, of_log, _):
        x, numbers, sizes = ctx.saved_tensors
        if _is_gradient_transformed(of_y):
            return *_gradient_by_steps(spline_steps, x, numbers, ctx.bound, (of_y, of_log)), None
        return *_gradient(ctx.bound, x, numbers, sizes, of_y, of_log), None

    @staticmethod
    def vmap(info, in_dims, x, numbers, bound):
        return _Spline.apply(*_stacked(info, in_dims, x, numbers), bound), (0, 0, 0)


class _InverseSpline(torch.autograd.Function):
    """What a spline maps to y, then the sizes of its bins, which the gradient needs."""

    @staticmethod
    def forward(y, numbers, bound):
        y, numbers = y.contiguous(), numbers.contiguous()
        x, sizes = torch.empty_like(y), _sizes(numbers)
        _run("inverse", bound, y, numbers, sizes, x)
        return x, sizes

    @staticmethod
    def setup_context(ctx, inputs, output):
        y, numbers, ctx.bound = inputs
        x, sizes = output
        ctx.mark_non_differentiable(sizes)
        ctx.save_for_backward(y, numbers, x, sizes)

    @staticmethod
    def backward(ctx, of_x, _):
        y, numbers, x, sizes = ctx.saved_tensors
        if _is_gradient_transformed(of_x):
            return *_gradient_by_steps(inverse_spline_steps, y, numbers, ctx.bound, of_x), None
        # The theorem of implicit functions: with y held, x moves against what numbers do to y.
        ignored, log_derivative = torch.empty_like(x), torch.empty_like(x)
        _run("forward", ctx.bound, x, numbers.contiguous(), sizes, ignored, log_derivative)
        of_y = of_x * torch.exp(-log_derivative)
        _, of_numbers = _gradient(ctx.bound, x, numbers, sizes, -of_y, torch.zeros_like(of_y))
        return of_y, of_numbers, None

    @staticmethod
    def vmap(info, in_dims, y, numbers, bound):
        return _InverseSpline.apply(*_stacked(info, in_dims, y, numbers), bound), (0, 0)


def _gradient(bound, x, numbers, sizes, of_y, of_log):
    """Return the gradient by x and by numbers, from that by y and by its log derivative."""
    x, numbers, of_y, of_log = (tensor.contiguous() for tensor in (x, numbers, of_y, of_log))
    of_x, of_numbers = torch.empty_like(x), torch.empty_like(numbers)
    _run("backward", bound, x, numbers, sizes, of_y, of_log, of_x, of_numbers)
    return of_x, of_numbers


def _is_gradient_transformed(of_output):
    """Return whether the gradient is to be differentiated itself, or is asked for many times in a batch."""
    is_batched = torch._C._functorch.get_interpreter_stack() or torch._C._functorch.is_legacy_batchedtensor(of_output)
    return torch.is_grad_enabled() or bool(is_batched)


def _gradient_by_steps(function, x, numbers, bound, of_outputs):
    """Return a gradient that can be differentiated itself; None by what has none."""
    wanted = [tensor for tensor in (x, numbers) if tensor.requires_grad]
    with torch.enable_grad():
        outputs = function(x, numbers, bound=bound)
    found = iter(torch.autograd.grad(outputs, wanted, of_outputs, create_graph=torch.is_grad_enabled()))
    return [next(found) if tensor.requires_grad else None for tensor in (x, numbers)]


def _stacked(info, in_dims, *tensors):
    """Return tensors with the axis of a stack first; what comes after them has none."""
    return [
        tensor.expand(info.batch_size, *tensor.shape) if axis is None else tensor.movedim(axis, 0)
        for tensor, axis in zip(tensors, in_dims[: len(tensors)], strict=True)
    ]
