"""Draws of the members of an ensemble, one by one."""

from skabi.sensitivity._posterior import ContextPosterior


def member_draws(estimator, X, n_draws, seed):
    """Yield names and draws `(n_datasets, n_draws, n_parameters)` of members.

    Raises
    ------
    ValueError
        If there are none.
    """
    if isinstance(estimator, ContextPosterior):
        yield from estimator._at(X, None, lambda told: _of_networks(estimator.posterior_, told, n_draws, seed))
        return
    if hasattr(estimator, "named_estimators_"):
        for (name, member), child in zip(
            estimator.named_estimators_.items(), seed.spawn(len(estimator.named_estimators_)), strict=True
        ):
            yield name, member.sample(X, n_draws, random_state=child)
        return
    yield from _of_networks(getattr(estimator, "posterior_", estimator), X, n_draws, seed)


def _of_networks(posterior, X, n_draws, seed):
    """Return pairs of number and draws of the networks of one estimator."""
    if not hasattr(getattr(posterior, "network_", None), "members"):
        raise ValueError(
            f"{type(posterior).__name__} has one member alone; fit with n_estimators=5, say, or an EnsemblePosterior."
        )
    return enumerate(posterior._sample_members(X, n_draws, seed))
