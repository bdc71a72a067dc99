"""Hyper-parameters whose prior implies what was stated: generalized Gauss-Newton steps with damping."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import special
from scipy.stats import qmc

from skabi.elicitation._smooth_draws import SmoothDraws

_FEWEST_PER_STEP, _MOST_TRIALS = 1e-9, 10
_FIRST_DAMPING = 1e-3
# Largest change of a logarithm in one step.
_FARTHEST = 1.0
# Columns of random numbers of an outcome that are quasi-random.
_N_QUASI_RANDOM = 32
# A loss of squared relative differences; and a fall that is none.
_MATCHED, _SMALLEST_FALL = 1e-8, 1e-3


class Matching:
    """Losses of all targets as a smooth function of the coordinates of a space of priors.

    Parameters
    ----------
    space : FamilySpace or FlowSpace
    predictions : Predictions
    stated : list of Stated
    losses : list of loss recipes
    n_simulations : int
    seed : SeedSequence
    """

    def __init__(self, space, predictions, stated, losses, *, n_simulations, seed):
        self.space, self.predictions, self.stated, self.losses = space, predictions, stated, losses
        scrambling, drawing = seed.spawn(2)
        # Parameters and outcomes from the same quasi-random points.
        points = uniform_points(n_simulations, space.n_base + _N_QUASI_RANDOM, np.random.default_rng(scrambling))
        self.base = points[:, : space.n_base]
        self.rng = SmoothDraws(n_simulations, drawing, points=points[:, space.n_base :])
        self._points = [torch.from_numpy(np.array(s.points)) / torch.from_numpy(np.array(s.scale)) for s in stated]

    def values(self, x):
        """Return the simulated quantity of each target at the vector `x`."""
        return self.predictions.values(self.space.draws(x, self.base), self.rng)

    def implied(self, x):
        """Return what is implied of each target, in the unit of the statements' spread."""
        targets = self.predictions.targets.values()
        return [
            target.statement.points(value, s) / torch.from_numpy(np.array(s.scale))
            for target, value, s in zip(targets, self.values(x), self.stated, strict=True)
        ]

    def each_loss(self, implied):
        """Return the loss of each target, `(n_targets,)`."""
        parts = zip(self.losses, implied, self._points, strict=True)
        return torch.stack([loss.loss(points, stated) for loss, points, stated in parts])

    def at(self, x):
        """Return the loss of each target at the vector `x`, an ndarray; NaN where simulations are not finite."""
        with torch.no_grad():
            return self.each_loss(self.implied(torch.from_numpy(x))).numpy()

    def slopes(self, x):
        """Return what is implied at `x`, detached, and its Jacobian `(n_points, n_coordinates)`."""
        x = torch.from_numpy(x).requires_grad_()
        implied = self.implied(x)
        return [part.detach() for part in implied], _jacobian(torch.cat([p.flatten() for p in implied]), x)

    def curvature(self, implied, weights):
        """Return gradient and positive part of the Hessian of the weighted loss in the implied numbers."""
        gradients, blocks = [], []
        for loss, points, stated, weight in zip(self.losses, implied, self._points, weights, strict=True):

            def of(flat, loss=loss, stated=stated, shape=points.shape):
                return loss.loss(flat.reshape(shape), stated)

            flat = points.flatten()
            gradients.append(weight * torch.autograd.functional.jacobian(of, flat).numpy())
            blocks.append(weight * torch.autograd.functional.hessian(of, flat).numpy())
        values, vectors = zip(*map(np.linalg.eigh, blocks), strict=True)
        # Rows R with R'R the positive part of the Hessian.
        roots = [np.sqrt(np.maximum(v, 0))[:, np.newaxis] * u.T for v, u in zip(values, vectors, strict=True)]
        return np.concatenate(gradients), roots


@dataclass(frozen=True)
class Search:
    """Where a search ended.

    Attributes
    ----------
    x : ndarray of shape (n_coordinates,)
    loss : float
        Weighted by the targets' own weights.
    curve : list of float
        The loss after each iteration.
    has_converged : bool
    """

    x: np.ndarray
    loss: float
    curve: list[float]
    has_converged: bool


def minimize(matching, x, *, weights, weighting, max_iter):
    """Return the `Search` from the vector `x` (Levenberg, 1944; Marquardt, 1963; Schraudolph, 2002)."""
    each = matching.at(x)
    curve, history, damping = [float(weights @ each)], [torch.from_numpy(each)], _FIRST_DAMPING
    spread, n_still = np.zeros(len(x)), 0
    factor = np.ones_like(each)
    for i in range(max_iter):
        if weighting is not None:
            # Means over iterations, which settle.
            factor = factor + (weighting.weights(history).numpy() - factor) / (i + 1)
        now = weights * factor
        implied, slopes = matching.slopes(x)
        gradient, roots = matching.curvature(implied, now)
        rows = _times(roots, slopes)
        if matching.space.is_scaled_by_slope:
            spread = np.maximum(spread, np.linalg.norm(rows, axis=0))
        else:
            spread = np.ones(len(x))
        step = _Step(rows, slopes.T @ gradient, np.where(spread > 0, spread, 1.0), matching.space.is_positive)
        found = None
        for _ in range(_MOST_TRIALS):
            trial = x + step(damping)
            trial_each = matching.at(trial)
            # Written so that NaN is no fall.
            if now @ trial_each < now @ each:
                found = trial, trial_each
                damping = max(damping / 5, 1e-12)
                break
            damping = 4 * max(damping, _FEWEST_PER_STEP)
        if found is None:
            return Search(x, curve[-1], curve, True)
        fall = 1 - (now @ found[1]) / (now @ each)
        x, each = found
        history = [*history[-1:], torch.from_numpy(each)]
        curve.append(float(weights @ each))
        n_still = n_still + 1 if fall < _SMALLEST_FALL else 0
        if curve[-1] < _MATCHED or n_still == 3:
            return Search(x, curve[-1], curve, True)
    return Search(x, curve[-1], curve, False)


class _Step:
    """Solve (R'R + damping D^2) step = -gradient, in the space of the fewer of rows and coordinates."""

    def __init__(self, rows, gradient, spread, is_positive):
        self.rows, self.gradient, self.spread = rows / spread, gradient / spread, spread
        self.is_positive = is_positive

    def __call__(self, damping):
        n_rows, n_coordinates = self.rows.shape
        if n_coordinates <= n_rows:
            step = np.linalg.solve(self.rows.T @ self.rows + damping * np.eye(n_coordinates), self.gradient)
        else:
            inner = self.rows @ self.rows.T + damping * np.eye(n_rows)
            step = (self.gradient - self.rows.T @ np.linalg.solve(inner, self.rows @ self.gradient)) / damping
        step = -step / self.spread
        farthest = np.abs(step[self.is_positive]).max(initial=0.0)
        return step * min(1.0, _FARTHEST / max(farthest, 1e-300))


def _times(roots, slopes):
    """Return the product of a block-diagonal matrix and `slopes`."""
    ends = np.cumsum([0, *(len(root) for root in roots)])
    return np.concatenate([root @ slopes[low:high] for root, low, high in zip(roots, ends[:-1], ends[1:], strict=True)])


def _jacobian(implied, x):
    """Return the Jacobian of a vector, by as many passes as the fewer of rows and columns."""
    if len(implied) <= len(x):
        rows = [torch.autograd.grad(part, x, retain_graph=True)[0] for part in implied]
        return torch.stack(rows).numpy()
    # The gradient is linear in what it is multiplied with; its own gradient there is a column.
    factor = torch.zeros_like(implied, requires_grad=True)
    (product,) = torch.autograd.grad(implied, x, factor, create_graph=True)
    columns = [torch.autograd.grad(part, factor, retain_graph=True)[0] for part in product]
    return torch.stack(columns, dim=1).numpy()


def uniform_points(n, n_columns, rng):
    """Return scrambled Sobol points, `(n, n_columns)`, strictly inside the unit cube."""
    points = qmc.Sobol(n_columns, rng=rng).random_base2(int(np.ceil(np.log2(n))))[:n]
    return np.clip(points, 1e-12, 1 - 1e-12)


def normal_points(base):
    """Return standard normals at uniform numbers, a tensor."""
    return torch.from_numpy(special.ndtri(base))
