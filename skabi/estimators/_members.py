"""What an ensemble of estimators that differ knows of its members."""

from contextlib import nullcontext

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skabi._progress import silent
from skabi._random import seed_sequence
from skabi._shapes import as_float_array
from skabi._warnings import collected
from skabi.estimators._parameters import column_names
from skabi.exceptions import ShapeError

DROPPED = "drop"
_LARGEST_SEED = 2**32


class SharedSimulations:
    """Simulations that were made once, in the place of what made them.

    Everything but `sample` is the simulator's own: its prior, its `log_likelihood` and what else it may have.

    Parameters
    ----------
    X : data sets
    y : array-like of shape (n_datasets, n_parameters)
    prior : prior
    simulator : Simulator or None
        None for simulations that came as arrays.
    """

    def __init__(self, X, y, prior, simulator):
        self.prior, self._X, self._y, self._simulator = prior, X, y, simulator

    def sample(self, n, **options):
        """Return all that there are."""
        return self._X, self._y

    def __getattr__(self, name):
        if name.startswith("_") or self._simulator is None:
            raise AttributeError(name)
        return getattr(self._simulator, name)


def check_members(estimators, taken):
    """Return a dict of name to clone of the estimators that are not dropped, or raise.

    Parameters
    ----------
    estimators : list of (str, estimator) tuples
    taken : iterable of str
        Names that members cannot have.
    """
    is_pairs = isinstance(estimators, (list, tuple)) and all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str) for pair in estimators
    )
    if not is_pairs or not estimators:
        raise ValueError(
            'estimators must be a list of pairs of name and estimator, such as [("one", AmortizedPosterior()), ("two", '
            f"AmortizedPosterior(n_estimators=4))]; got {estimators!r:.200}."
        )
    names = [name for name, _ in estimators]
    if len(set(names)) < len(names):
        raise ValueError(f"members must have different names; got {names}.")
    wrong = [name for name in names if "__" in name or name in taken]
    if wrong:
        raise ValueError(f"members cannot have the names {wrong}: two underscores, or a parameter of the ensemble.")
    members = {name: _checked(name, member) for name, member in estimators if not _is_dropped(member)}
    if not members:
        raise ValueError("all members are dropped; an ensemble needs at least one.")
    return members


def _is_dropped(member):
    return isinstance(member, str) and member == DROPPED


def _checked(name, member):
    """Return a clone of a member that can be fitted and asked."""
    missing = [method for method in ("fit", "sample", "predict") if not hasattr(member, method)]
    if isinstance(member, type) or missing:
        raise TypeError(
            f"member {name!r} must be an estimator such as AmortizedPosterior(), with fit, sample and predict; of "
            f"pipelines, that of skabi.pipeline has them. Got {member!r:.200}."
        )
    params = member.get_params() if hasattr(member, "get_params") else {}
    if any(value is True and key.rpartition("__")[2] == "fresh_simulations" for key, value in params.items()):
        raise ValueError(
            f"member {name!r} has fresh_simulations=True, and members share their simulations. Set it to False, and "
            "n_simulations of the ensemble to more."
        )
    return clone(member)


def member_weights(weights, estimators):
    """Return weights of the members that are not dropped, which sum to one; equal ones for None."""
    is_kept = np.array([not _is_dropped(member) for _, member in estimators])
    if weights is None:
        return np.full(is_kept.sum(), 1 / is_kept.sum())
    weights = as_float_array(weights, name="weights")
    if weights.shape != is_kept.shape:
        raise ShapeError(
            f"weights must have shape ({len(is_kept)},), one number for each of estimators; got {weights.shape}."
        )
    weights = weights[is_kept]
    if (weights < 0).any() or not weights.sum() > 0:
        raise ValueError(f"weights must not be negative, and some must be positive; got {weights.tolist()}.")
    return weights / weights.sum()


def seed_members(members, seed):
    """Give members whose random_state is None one of their own each, and so what they are made of."""
    for member, own in zip(members, seed_sequence(seed).spawn(len(members)), strict=True):
        if isinstance(member, FrozenEstimator) or not hasattr(member, "get_params"):
            continue
        params = member.get_params()
        names = [name for name in sorted(params) if name.rpartition("__")[2] == "random_state" and params[name] is None]
        seeds = own.generate_state(len(names), np.uint32).tolist()
        member.set_params(**dict(zip(names, seeds, strict=True)))


def fit_member(name, member, X, y, *, is_silent):
    """Return a member that is fitted, and what it warned of; without bars of its own if the ensemble has one."""
    try:
        with collected() as messages, silent() if is_silent else nullcontext():
            member.fit(X, y)
    except Exception as error:
        error.add_note(f"Raised by member {name!r} of an ensemble.")
        raise
    likelihood = getattr(member, "likelihood_", member)
    simulator = getattr(likelihood, "simulator", None)
    if isinstance(simulator, SharedSimulations):
        # Simulations are not kept, neither here nor in files.
        likelihood.simulator = simulator._simulator
    return member, messages


def trained_part(member, X=None):
    """Return the part of a member that was trained, and data sets as it sees them."""
    if isinstance(member, FrozenEstimator):
        return trained_part(member.estimator, X)
    if hasattr(member, "steps"):
        for _, step in member.steps[:-1]:
            if X is not None and step is not None and step != "passthrough":
                X = step.transform(X)
        return trained_part(member.steps[-1][1], X)
    return getattr(member, "posterior_", member), X


def check_one_prior(members, prior):
    """Raise if members would learn, or have learned, with different priors; `prior` is that of the ensemble or None."""
    priors = {} if prior is None else {"the ensemble": prior}
    for name, member in members.items():
        part, whose = trained_part(member)[0], f"member {name!r}"
        if is_trained(member):
            priors[whose] = getattr(part, "prior_", None)
        elif prior is None:
            priors[whose] = getattr(part, "prior", None)
        elif getattr(part, "prior", None) is not None:
            raise ValueError(
                f"{whose} has a prior of its own, {part.prior!r}, and so has the simulator or the ensemble, for all "
                "members. Leave that of the member at None."
            )
    first, *others = priors
    for whose in others:
        if priors[whose] != priors[first]:
            raise ValueError(
                f"members must have one prior; that of {first} is {priors[first]!r} and that of {whose} "
                f"{priors[whose]!r}. Leave those of members out, and pass prior=... to the ensemble; a member that is "
                "fitted already must have been fitted with the same."
            )


def is_trained(member):
    """Return whether a member, or the last step of it, came fitted."""
    return isinstance(member, FrozenEstimator) or (hasattr(member, "steps") and is_trained(member.steps[-1][1]))


def check_one_target(members, y):
    """Return the parameter names of members, or None if none knows any; raise if they differ, or from columns of y."""
    known = {"y": column_names(y)}
    known |= {
        f"member {name!r}": getattr(trained_part(member)[0], "parameter_names_", None)
        for name, member in members.items()
    }
    known = {whose: list(names) for whose, names in known.items() if names is not None}
    if not known:
        return None
    first, *others = known
    for whose in others:
        if known[whose] != known[first]:
            raise ValueError(
                f"members must have the same parameters; those of {first} are {known[first]} and those of {whose} "
                f"{known[whose]}."
            )
    return known[first]


def is_countable(X):
    """Return whether data sets can be told their number, and taken a part at a time."""
    if isinstance(X, dict):
        return bool(X.keys()) and all(map(is_countable, X.values()))
    return isinstance(X, list) or hasattr(X, "iloc") or (getattr(X, "ndim", 0) > 0 and not sparse.issparse(X))
