"""When two priors say the same."""

import numpy as np
from scipy import stats

from skabi.priors._powers import PowerScaledDistribution


def same(a, b):
    """Return whether two values are known to be equal; a doubt counts as a difference.

    Frozen distributions are equal if their families and parameters are, arrays if all their numbers are, functions if
    they are the same object.
    """
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, float):
        return a == b or (a != a and b != b)
    if isinstance(a, stats._multivariate.multivariate_normal_frozen):
        return same((a.mean, a.cov), (b.mean, b.cov))
    if isinstance(a, PowerScaledDistribution):
        return same((a.base, a.alpha), (b.base, b.alpha))
    if hasattr(a, "dist") and hasattr(a, "kwds"):
        return same(_family(a.dist), _family(b.dist)) and same(_parameters(a), _parameters(b))
    equal = a == b
    return isinstance(equal, (bool, np.bool_)) and bool(equal)


def _family(dist):
    # What pickle keeps of a family, without the random numbers that a prior does not use.
    state = {key: value for key, value in dist.__getstate__().items() if key != "_random_state"}
    if "_ctor_param" in state:
        state["_ctor_param"] = {key: value for key, value in state["_ctor_param"].items() if key != "seed"}
    return type(dist), state


def _parameters(frozen):
    names = [*(frozen.dist.shapes or "").replace(",", " ").split(), "loc", "scale"]
    given = {"loc": 0.0, "scale": 1.0, **dict(zip(names, frozen.args, strict=False)), **frozen.kwds}
    return {name: np.asarray(given[name], dtype=np.float64) for name in names}
