"""
===========================================
Crisp images from blurry ones, with a doubt
===========================================

A camera out of focus turns each point into a blob, and adds noise. Many crisp images explain a blurry one about equally
well: the answer is a posterior over images, here over the 64 pixels of the handwritten digits that ship with
scikit-learn. Its mean is the best guess, its standard deviation a picture of where not to trust it, and its draws are
whole images that could have been.
"""

# %%
# Digits, and a camera that is out of focus
# -----------------------------------------
# There is no formula for the prior of handwriting, but there are 1,797 examples of it. Shifted by a pixel at random,
# and a little brighter or darker, they make as many as we like. Each is blurred by half a dozen neighbours and gets
# noise.

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

crisp_digits, test_digits = train_test_split(load_digits().images / 16, test_size=200, random_state=0)
rng = np.random.default_rng(0)


def photograph(images, rng):
    """Return blurred and noisy images `(n_datasets, 8, 8, 1)`."""
    blurred = gaussian_filter(images, sigma=(0, 1.0, 1.0))
    return (blurred + 0.05 * rng.standard_normal(images.shape))[..., np.newaxis]


def vary(images, rng):
    """Return images shifted by up to one pixel, a little brighter or darker."""
    shifted = np.stack([np.roll(image, rng.integers(-1, 2, size=2), axis=(0, 1)) for image in images])
    return shifted * rng.uniform(0.8, 1.2, size=(len(images), 1, 1))


crisp = vary(np.repeat(crisp_digits, 5, axis=0), rng)
blurry = photograph(crisp, rng)

# %%
# The fit
# -------
# ``X`` has four axes, images with one channel, so a network of residual convolutions summarises them by itself. Here it
# is named, to make it small. The 64 pixels are the parameters.

from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.summaries import ImageSummary

posterior = AmortizedPosterior(
    Gaussian((256,)),
    summary=ImageSummary(n_summaries=128, width=16),
    max_iter=15,
    learning_rate_init=3e-3,
    random_state=0,
)
posterior.fit(blurry, crisp.reshape(len(crisp), 64))

# %%
# Digits that were never seen
# ---------------------------

test_blurry = photograph(test_digits, rng)
mean, std = posterior.predict(test_blurry, return_std=True)
draws = posterior.sample(test_blurry[:6], 2, random_state=0)

import matplotlib.pyplot as plt

titles = ["crisp", "blurry", "mean", "a draw", "another", "std"]
figure, axes = plt.subplots(6, 6, figsize=(6.5, 6.8), layout="constrained")
for row, axs in enumerate(axes):
    pictures = [test_digits[row], test_blurry[row, ..., 0], mean[row], *draws[row], std[row]]
    for picture, title, ax in zip(pictures, titles, axs, strict=True):
        is_std = title == "std"
        ax.imshow(np.reshape(picture, (8, 8)), cmap="magma" if is_std else "gray", vmin=0, vmax=0.3 if is_std else 1)
        ax.set(xticks=[], yticks=[], title=title if row == 0 else "")

# %%
# Can it be believed?
# -------------------
# The mean is closer to the truth than the blurry image, and the spread says by how much it is off: nine tenths of the
# true pixels should lie inside 90 % intervals. Pixels that are always black, at the corners, have nearly none.

inked = test_digits.reshape(-1, 64).std(axis=0) > 0.1
low, high = np.moveaxis(posterior.predict(test_blurry, quantiles=[0.05, 0.95]), 1, 0)
truth = test_digits.reshape(-1, 64)
covered = ((low <= truth) & (truth <= high))[:, inked].mean()
error_blurry = np.sqrt(np.mean((test_blurry.reshape(-1, 64) - truth) ** 2))
error_mean = np.sqrt(np.mean((mean - truth) ** 2))
print(f"root mean square error: blurry {error_blurry:.3f}, posterior mean {error_mean:.3f}")
print(f"90 % intervals hold {covered:.0%} of the true pixels")
