"""Policies without training: random designs, and a fixed sequence of them."""

import numpy as np
from numpy.typing import ArrayLike

from skabi._random import generators
from skabi.design._spaces import check_space
from skabi.exceptions import ShapeError


class RandomDesign:
    """Chooses designs at random: the policy that others must beat.

    Parameters
    ----------
    space : DesignBox or DesignPool

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.design import DesignBox, RandomDesign
    >>> RandomDesign(DesignBox(0.0, 1.0)).next_design(np.empty((5, 0, 2)), random_state=0).shape
    (5, 1)
    """

    def __init__(self, space):
        self.space = check_space(space)

    def __repr__(self):
        return f"RandomDesign({self.space!r})"

    def next_design(self, histories: ArrayLike, *, random_state=None) -> np.ndarray:
        """Return a design for each history.

        Parameters
        ----------
        histories : array-like of shape (n, n_steps, n_designs + n_outcomes), or list of arrays
        random_state : int, numpy.random.Generator, SeedSequence, RandomState or None

        Returns
        -------
        designs : ndarray of shape (n, n_designs)
        """
        return self.space.sample(_n_histories(histories), random_state=generators(random_state, 1)[0])


class FixedDesign:
    """Chooses the same sequence of designs, whatever the outcomes.

    Parameters
    ----------
    designs : array-like of shape (n_steps, n_designs) or (n_steps,)
        In order.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.design import FixedDesign
    >>> policy = FixedDesign([0.0, 0.5, 1.0])
    >>> policy.next_design(np.zeros((2, 1, 2)))
    array([[0.5],
           [0.5]])
    """

    def __init__(self, designs: ArrayLike):
        self.designs = np.asarray(designs, dtype=float)
        if self.designs.ndim == 1:
            self.designs = self.designs[:, np.newaxis]
        if self.designs.ndim != 2 or not self.designs.size:
            raise ShapeError(f"designs must have shape (n_steps, n_designs); got {np.shape(designs)}.")

    def __repr__(self):
        return f"FixedDesign({self.designs.tolist()!r})"

    def next_design(self, histories: ArrayLike, *, random_state=None) -> np.ndarray:
        """Return a design for each history.

        Parameters
        ----------
        histories : array-like of shape (n, n_steps, n_designs + n_outcomes), or list of arrays
        random_state : object
            Not used.

        Returns
        -------
        designs : ndarray of shape (n, n_designs)

        Raises
        ------
        ValueError
            If a history has all steps that there are.
        """
        n = _n_histories(histories)
        steps = _lengths(histories)
        if (steps >= len(self.designs)).any():
            raise ValueError(
                f"a fixed sequence of {len(self.designs)} designs has none for step {steps.max() + 1}; give more "
                "of them."
            )
        return self.designs[steps].reshape(n, -1)


def _lengths(histories):
    return np.array([len(history) for history in histories])


def _n_histories(histories):
    if not len(histories):
        raise ShapeError("there must be at least one history; got none.")
    return len(histories)
