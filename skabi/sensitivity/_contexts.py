"""What may be chosen, in which range, and how networks are told."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from skabi._shapes import as_float_array
from skabi._warnings import warn
from skabi.exceptions import ApproximationWarning, ShapeError
from skabi.priors import power_scaled
from skabi.priors._power_scaled import check_powers

PRIOR, LIKELIHOOD = "prior", "likelihood"
# Relative, of powers beyond their range that rounding may have put there.
_ROUNDING = 1e-9


class ContextSpace:
    """Choices that an answer depends on: powers, which are numbers in a range, and variants, one of several.

    Parameters
    ----------
    powers : dict of str to (float, float)
        Ranges by name; powers are drawn evenly on the log scale.
    variants : dict of str to list
        What there is to choose from; the first is the default.
    """

    def __init__(self, powers, variants):
        self.powers = powers
        self.variants = variants

    def __repr__(self):
        ranges = [f"{name} from {low:g} to {high:g}" for name, (low, high) in self.powers.items()]
        listed = [f"{name} of {', '.join(map(repr, labels))}" for name, labels in self.variants.items()]
        return "; ".join(ranges + listed)

    def __eq__(self, other):
        return isinstance(other, ContextSpace) and vars(self) == vars(other)

    def __hash__(self):
        return hash(tuple(self.names))

    @property
    def names(self):
        """Names of all choices."""
        return [*self.powers, *self.variants]

    @property
    def default(self):
        """The choice without a choice: all powers one, and the first of all variants."""
        return dict.fromkeys(self.powers, 1.0) | {name: labels[0] for name, labels in self.variants.items()}

    @property
    def n_columns(self):
        """Numbers by which networks are told: a logarithm a power, and an indicator each variant but the first."""
        return len(self.powers) + sum(len(labels) - 1 for labels in self.variants.values())

    def draw(self, n, rng):
        """Return random choices: a dict of name to powers `(n,)`, or to positions of variants `(n,)`."""
        drawn = {
            name: np.exp(rng.uniform(np.log(low), np.log(high), size=n)) for name, (low, high) in self.powers.items()
        }
        return drawn | {name: rng.integers(len(labels), size=n) for name, labels in self.variants.items()}

    def encode(self, choices):
        """Return what networks are told, `(n, n_columns)`, of choices as `draw` and `read` return them."""
        columns = [np.log2(choices[name]) for name in self.powers]
        for name, labels in self.variants.items():
            columns += [np.equal(choices[name], i).astype(np.float64) for i in range(1, len(labels))]
        return np.column_stack(columns)

    def read(self, context, n, *, may_be_outside=False):
        """Return choices of `n` rows, given a dict of name to one value or to `(n,)`; what is not said is the default.

        Raises
        ------
        TypeError, ValueError
            If a name or a variant is not there, or a power is not positive.

        Warns
        -----
        ApproximationWarning
            If a power is outside its range, unless it may be.
        """
        given = self._expanded(context)
        choices, outside = {}, {}
        for name, (low, high) in self.powers.items():
            values = as_float_array(given.get(name, 1.0), name=f"context[{name!r}]")
            choices[name] = _broadcast(values, n, name)
            if (choices[name] <= 0).any():
                raise ValueError(f"context[{name!r}] must be positive, a power; got {choices[name].min():g}.")
            edge = 1 + _ROUNDING
            beyond = (choices[name] < low / edge) | (choices[name] > high * edge)
            if beyond.any():
                outside[name] = f"{name} = {choices[name][beyond][0]:g} (from {low:g} to {high:g})"
        for name, labels in self.variants.items():
            choices[name] = _broadcast(_positions(given.get(name, labels[0]), labels, name), n, name)
        if outside and not may_be_outside:
            warn(
                f"choices lie outside those of fit, where the posterior is a guess: {', '.join(outside.values())}. Fit "
                "with wider ranges.",
                ApproximationWarning,
            )
        return choices

    def check_proper(self, prior, choices):
        """Raise ValueError if a prior is improper at a power beyond the range of those that were trained."""
        ranges = {}
        for name, entry in self._entries(prior).items():
            low, high = self.powers[name]
            ends = float(choices[name].min()), float(choices[name].max())
            if ends[0] < low or ends[1] > high:
                ranges[entry] = min(1.0, ends[0]), max(1.0, ends[1])
        if ranges:
            check_powers(prior, ranges)

    def prior_given(self, prior, context):
        """Return a prior under one choice, given as to `read`."""
        choices = self.read(context, 1, may_be_outside=True)
        return power_scaled(prior, {entry: float(choices[name][0]) for name, entry in self._entries(prior).items()})

    def _entries(self, prior):
        """Return the entries of a prior whose powers are choices, by the names of these."""
        names = {f"{PRIOR}_{entry}": entry for entry in prior.entry_names}
        return {name: entry for name, entry in names.items() if name in self.powers}

    def several(self, contexts):
        """Return choices as `read` does, of a list of dicts, or a DataFrame with some of the names for columns."""
        if isinstance(contexts, pd.DataFrame):
            contexts = contexts.to_dict("records")
        if not isinstance(contexts, (list, tuple)) or not contexts:
            raise TypeError(f"contexts must be a list of dicts, or a DataFrame, of choices; got {contexts!r}.")
        rows = [self.default | self._expanded(context) for context in contexts]
        if any(np.ndim(value) for row in rows for value in row.values()):
            raise ShapeError("each of several contexts must have one value a choice; give further values as contexts.")
        return self.read({name: [row[name] for row in rows] for name in self.names}, len(rows))

    def _expanded(self, context):
        """Return a dict of names of choices alone; "prior" stands for the powers of all entries."""
        if context is None:
            return {}
        if not isinstance(context, Mapping):
            raise TypeError(f"context must be a dict of choice to value; got {type(context).__name__}.")
        given = dict(context)
        if PRIOR in given and PRIOR not in self.names:
            of_prior = [name for name in self.powers if name.startswith(f"{PRIOR}_")]
            given = dict.fromkeys(of_prior, given.pop(PRIOR)) | given if of_prior else given
        unknown = [name for name in given if name not in self.names]
        if unknown:
            raise ValueError(f"the choices are {self.names}; got {unknown}.")
        return given


def _broadcast(values, n, name):
    if values.ndim and values.shape != (n,):
        raise ShapeError(f"context[{name!r}] must be one value, or one for each of {n} data sets; got {values.shape}.")
    return np.broadcast_to(values, (n,))


def _positions(given, labels, name):
    """Return where labels stand among those there are."""
    is_one = isinstance(given, str) or np.ndim(given) == 0
    found = []
    for label in [given] if is_one else list(given):
        places = [i for i, own in enumerate(labels) if own == label]
        if not places:
            raise ValueError(f"context[{name!r}] must be one of {labels}; got {label!r}.")
        found.append(places[0])
    return np.asarray(found[0] if is_one else found)
