"""Images."""

from torch import nn

from skabi.networks._perceptrons import residual_perceptron


class ImageBlock(nn.Module):
    """What two convolutions add to an image [1]_.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun (2016). Identity mappings in deep residual networks. arXiv 1603.05027.
    """

    def __init__(self, width):
        super().__init__()
        self.change = nn.Sequential(
            nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x):
        """Return the image and what is added to it, `(n, n_channels, height, width)`."""
        return x + self.change(x)


class ResidualImage(nn.Module):
    """Residual convolutions, ever coarser, down to a grid of at most four by four whose places stay apart."""

    def __init__(self, shape, *, width, n_blocks, n_summaries):
        super().__init__()
        self.n_summaries, self.token_width = n_summaries, width
        self.has_channels = len(shape) == 3
        height, breadth = shape[:2]
        layers = [nn.Conv2d(shape[2] if self.has_channels else 1, width, 3, padding=1)]
        while True:
            layers += [ImageBlock(width) for _ in range(n_blocks)]
            if max(height, breadth) <= 4:
                break
            layers.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
            height, breadth = -(-height // 2), -(-breadth // 2)
        self.grid = nn.Sequential(*layers)
        self.of_all = residual_perceptron(width * height * breadth, 2 * width, 1, n_summaries)

    def forward(self, x, mask=None):
        """Return `(n, n_summaries)` of images `(n, height, width[, n_channels])`."""
        return self.of_all(self.tokens(x, mask)[0].flatten(1))

    def tokens(self, x, mask=None):
        """Return one token a place of the coarsest grid, `(n, n_tokens, width)`, and no mask."""
        x = x.movedim(-1, 1) if self.has_channels else x[:, None]
        return self.grid(x).flatten(2).mT, None
