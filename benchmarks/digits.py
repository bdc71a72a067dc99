"""Print how well engines recover blurred digits, 64 pixels as parameters, and what a draw costs.

python benchmarks/digits.py                        # all engines: about an hour
python benchmarks/digits.py --engines spline flow  # some engines
python benchmarks/digits.py --max-iter 20          # fewer epochs

Handwritten digits of 8 x 8 pixels (scikit-learn's) are blurred and get noise; the posterior is of the digit before
that. Each training image is blurred anew five times. RMSE is that of the posterior mean, the calibration error the mean
over pixels and levels of the distance between coverage and level of central intervals, both on 297 digits that training
has not seen. Times are seconds of the processor, all threads together, those of draws with 100 for each of 20 images.
"""

import argparse
import time

import numpy as np
from scipy import ndimage
from sklearn.base import clone
from sklearn.datasets import load_digits

from skabi import AmortizedPosterior
from skabi.engines import ConsistencyModel, FlowMatching, SplineFlow, UNet
from skabi.summaries import IdentitySummary

BLUR, NOISE, N_COPIES, N_TEST = 0.7, 0.3, 5, 297
NETWORK = UNet((8, 8), n_channels=16, n_images=1)
ENGINES = {
    "spline": (SplineFlow(), [("one pass", {})]),
    "flow": (FlowMatching(NETWORK), [("16 Runge-Kutta steps of order 4", {})]),
    "consistency": (
        ConsistencyModel(NETWORK),
        [("2 steps", {"engine__n_steps": 2}), ("10 steps", {"engine__n_steps": 10})],
    ),
}


def blurred(images, rng):
    """Return images `(n, 8, 8)` with blur and noise."""
    return ndimage.gaussian_filter(images, (0, BLUR, BLUR)) + rng.normal(scale=NOISE, size=images.shape)


def digits():
    """Return data sets and parameters to train on, and to test on."""
    rng = np.random.default_rng(0)
    images = rng.permutation(load_digits().images / 8 - 1)
    # Some pixels are the same in all digits.
    images = images + rng.normal(scale=0.02, size=images.shape)
    test, train = images[:N_TEST], np.tile(images[N_TEST:], (N_COPIES, 1, 1))
    return blurred(train, rng), _flat(train), blurred(test, rng), _flat(test)


def _flat(images):
    return images.reshape(len(images), -1)


def calibration_error(draws, y):
    """Return the mean distance between coverage and level of central intervals."""
    ranks = (draws < y[:, np.newaxis]).mean(axis=1)
    levels = np.linspace(0.05, 0.95, 19)
    coverage = (np.abs(2 * ranks - 1)[..., np.newaxis] <= levels).mean(axis=0)
    return np.abs(coverage - levels).mean()


def measure(name, max_iter):
    """Fit one engine and print a line for each way to draw from it."""
    X, y, X_test, y_test = digits()
    engine, ways = ENGINES[name]
    posterior = AmortizedPosterior(
        clone(engine), summary=IdentitySummary(), max_iter=max_iter, learning_rate_init=2e-3, random_state=0
    )
    start = time.process_time()
    posterior.fit(X, y)
    fit_seconds = time.process_time() - start
    for way, parameters in ways:
        posterior.set_params(**parameters)
        posterior.sample(X_test[:1], 100, random_state=0)  # A first call takes longer.
        start = time.process_time()
        posterior.sample(X_test[:20], 100, random_state=0)
        milliseconds = (time.process_time() - start) / 2000 * 1000
        draws = posterior.sample(X_test, 50, random_state=0)
        rmse = np.sqrt(np.mean((draws.mean(axis=1) - y_test) ** 2))
        print(
            f"| {name} | {way} | {fit_seconds:.0f} | {rmse:.3f} | {calibration_error(draws, y_test):.3f} | "
            f"{milliseconds:.3f} |",
            flush=True,
        )


def main():
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), metavar="ENGINE")
    parser.add_argument("--max-iter", type=int, default=50, help="epochs")
    arguments = parser.parse_args()
    print("| engine | draws by | fit s | RMSE | calibration error | a draw ms |\n| --- | --- | --- | --- | --- | --- |")
    for name in arguments.engines:
        measure(name, arguments.max_iter)


if __name__ == "__main__":
    main()
