"""The two ten-dimensional Gaussian tasks of the SBI benchmark."""

from skabi.datasets._gaussian import ConjugateGaussian, TruncatedGaussian


class GaussianLinear(ConjugateGaussian):
    """Gaussian linear task of the SBI benchmark [1]_: ten means under a conjugate prior.

    The model is ``theta ~ N(0, 0.1 * I)`` with ten parameters and ``X | theta ~ N(theta, 0.1 * I)``, both variances;
    `X` has shape `(n_datasets, 10)`. Posterior and evidence are exact, see `ConjugateGaussian`.

    Attributes
    ----------
    n_features : int
        Number of columns of `X`, 10.

    References
    ----------
    .. [1] Lueckmann, Boelts, Greenberg, Gonçalves, Macke (2021). Benchmarking simulation-based inference.
       arXiv 2101.04653.

    Examples
    --------
    >>> from skabi.datasets import GaussianLinear
    >>> simulator = GaussianLinear()
    >>> X, y = simulator.sample(5, random_state=0)
    >>> X.shape, y.shape, simulator.log_posterior(X, y).shape
    ((5, 10), (5, 10), (5,))
    """

    def __init__(self):
        super().__init__(10, noise_variance=0.1, prior_variance=0.1)


class GaussianLinearUniform(TruncatedGaussian):
    """Gaussian linear uniform task of the SBI benchmark [1]_: ten means under a box prior.

    The model is ``theta ~ Uniform(-1, 1)`` for each of ten parameters and ``X | theta ~ N(theta, 0.1 * I)`` (0.1 is the
    variance); `X` has shape `(n_datasets, 10)`. Posterior and evidence are exact, see `TruncatedGaussian`.

    Attributes
    ----------
    n_features : int
        Number of columns of `X`, 10.

    References
    ----------
    .. [1] Lueckmann, Boelts, Greenberg, Gonçalves, Macke (2021). Benchmarking simulation-based inference.
       arXiv 2101.04653.

    Examples
    --------
    >>> from skabi.datasets import GaussianLinearUniform
    >>> simulator = GaussianLinearUniform()
    >>> X, y = simulator.sample(5, random_state=0)
    >>> simulator.sample_posterior(X, n_draws=7, random_state=0).shape
    (5, 7, 10)
    """

    def __init__(self):
        super().__init__(10, low=-1.0, high=1.0, noise_variance=0.1)
