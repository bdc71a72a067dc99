"""What of the parameters a linear regression on the context leaves over."""

import torch
from torch import nn


class LinearResidual(nn.Module):
    """The affine map from parameters theta to `scale^-1 (theta - weight context - bias)`; it is not trained.

    Parameters
    ----------
    weight : Tensor of shape (n_parameters, n_context)
    bias : Tensor of shape (n_parameters,)
    scale : Tensor of shape (n_parameters, n_parameters)
        Lower triangular with a positive diagonal.
    """

    def __init__(self, weight, bias, scale):
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.register_buffer("scale", scale)

    @classmethod
    def identity(cls, n_parameters, n_context):
        """Return the map that leaves theta as it is."""
        return cls(torch.zeros(n_parameters, n_context), torch.zeros(n_parameters), torch.eye(n_parameters))

    @property
    def log_det(self):
        """The constant `log |det dresidual/dtheta|`."""
        return -self.scale.diagonal().log().sum()

    def forward(self, theta, context):
        """Return the residual, `(..., n_parameters)`."""
        gap = theta - nn.functional.linear(context, self.weight, self.bias)
        return torch.linalg.solve_triangular(self.scale.mT, gap, upper=True, left=False)

    def inverse(self, residual, context):
        """Return theta, the inverse of `forward`, on the CPU in double precision: a narrow posterior needs it."""
        tensors = (residual, context, self.weight, self.bias, self.scale)
        residual, context, weight, bias, scale = (tensor.to("cpu", torch.float64) for tensor in tensors)
        return residual @ scale.mT + nn.functional.linear(context, weight, bias)
