"""What results of diagnostics look like when they are printed."""

from dataclasses import dataclass, fields

import numpy as np

# Longer arrays are shown by their shape.
_LONGEST = 6


@dataclass(frozen=True, repr=False)
class Result:
    """Base class of results, dataclasses without a `repr` of their own: long arrays are shown by their shape.

    Examples
    --------
    >>> import numpy as np
    >>> from skabi.diagnostics import sbc_ecdf
    >>> sbc_ecdf(np.arange(100) % 10, 9)
    RankECDF(z=<array of shape (11,)>, ecdf=<array of shape (11, 1)>, ..., inside=array([ True]), p_value=array([1.]))
    """

    def __repr__(self):
        shown = [f"{field.name}={_shown(getattr(self, field.name))}" for field in fields(self) if field.repr]
        return f"{type(self).__name__}({', '.join(shown)})"


def _shown(value):
    if isinstance(value, np.ndarray) and value.size > _LONGEST:
        return f"<array of shape {value.shape}>"
    return repr(value)
