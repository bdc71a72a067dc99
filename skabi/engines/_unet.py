"""A U-Net inside a free-form engine."""

import math

from sklearn.base import BaseEstimator

from skabi._params import check_count, check_sizes


class UNet(BaseEstimator):
    """Convolutions over an image whose pixels are the parameters [1]_, modulated by what is read of a data set [2]_.

    Engines with it see pixels as they are, standardised one by one, and not what a regression leaves over.

    Parameters
    ----------
    shape : (int, int) or (int, int, int)
        Height, width and, where there are several, number of channels. Parameters are the pixels in that order.
    n_channels : int, default=32
        Of the finest grid; each coarser one has twice as many, down to four by four pixels.
    n_blocks : int, default=1
        Pairs of convolutions on each grid, on the way down and on the way up.
    n_images : int, default=0
        Channels with which the summaries begin if they are images of the same size: X itself with
        `summary=IdentitySummary()`, where data sets are images with as many channels. They are seen beside the pixels.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer, T. Brox (2015). U-Net: convolutional networks for biomedical image segmentation.
       arXiv 1505.04597.
    .. [2] E. Perez, F. Strub, H. de Vries, V. Dumoulin, A. Courville (2018). FiLM: visual reasoning with a general
       conditioning layer. arXiv 1709.07871.

    Examples
    --------
    >>> from skabi.engines import FlowMatching, UNet
    >>> network = FlowMatching(UNet((8, 8), n_channels=4, n_images=1)).build(64, 64)
    >>> network.n_parameters
    64
    """

    def __init__(self, shape, *, n_channels=32, n_blocks=1, n_images=0):
        self.shape = shape
        self.n_channels = n_channels
        self.n_blocks = n_blocks
        self.n_images = n_images

    def build(self, n_parameters, n_context):
        """Return an untrained `UNetField`; see `ResidualNetwork.build`.

        Raises
        ------
        ValueError
            If there are not as many parameters as pixels, or the summaries are not images of `n_images` channels.
        """
        from skabi.networks._unet import UNetField

        shape = check_sizes(self.shape, "shape")
        if len(shape) not in (2, 3):
            raise ValueError(f"shape must be (height, width) or (height, width, n_channels); got {self.shape!r}.")
        shape = (*shape, 1)[:3]
        if math.prod(shape) != n_parameters:
            raise ValueError(
                f"shape={self.shape!r} has {math.prod(shape)} pixels, and there are {n_parameters} parameters."
            )
        n_images = check_count(self.n_images, "n_images", minimum=0)
        n_pixels = n_images * shape[0] * shape[1]
        n_others = n_context - n_pixels
        # Before data are seen, engines are tried with one number, and the network says what is wrong when it is used.
        if n_context > 1 and n_images and (n_others < 0 or (n_others and n_others % math.prod(shape[:2]) == 0)):
            raise ValueError(
                f"n_images={n_images} asks for {n_pixels} summaries, pixel by pixel; there are {n_context}. Use "
                "summary=IdentitySummary(), and data sets of that size."
            )
        return UNetField(
            shape,
            n_context,
            n_channels=check_count(self.n_channels, "n_channels"),
            n_blocks=check_count(self.n_blocks, "n_blocks"),
            n_images=n_images,
        )
