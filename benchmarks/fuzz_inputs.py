"""What `fuzz` passes for each kind of argument: values with a label that says how they were made."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse
from skorch.helper import SliceDict

from skabi.datasets import ConjugateGaussian


def _with(number):
    def put(x):
        x = x.copy()
        x[(0,) * x.ndim] = number
        return x

    return put


def _object(x, value=None):
    x = x.astype(object)
    x[(0,) * x.ndim] = value
    return x


def _masked(x):
    mask = np.zeros(x.shape, dtype=bool)
    mask[(0,) * x.ndim] = True
    return np.ma.array(x, mask=mask)


def _uneven(x):
    rows = x.tolist()
    rows[0] = rows[0][:-1]
    return rows


def _frame(x, names="ab"):
    return pd.DataFrame(x, columns=[*(names * x.shape[1])[: x.shape[1]]])


# Each takes an array of floats with a first axis, and may raise where it makes no sense.
CHANGES = {
    "one data set": lambda x: x[:1],
    "reversed": lambda x: x[::-1],
    "float16": lambda x: x.astype(np.float16),
    "float32": lambda x: x.astype(np.float32),
    "longdouble": lambda x: x.astype(np.longdouble),
    "big endian": lambda x: x.astype(">f8"),
    "int": lambda x: x.astype(int),
    "uint8": lambda x: np.abs(x).astype(np.uint8),
    "bool": lambda x: x > 0,
    "object": lambda x: x.astype(object),
    "object with None": _object,
    "object with text": lambda x: _object(x, "a"),
    "object with a list": lambda x: _object(x, [1.0, 2.0]),
    "complex": lambda x: x + 1j,
    "digits": lambda x: x.astype(str),
    "words": lambda x: np.full(x.shape, "a"),
    "bytes": lambda x: np.full(x.shape, b"a"),
    "datetime": lambda x: x.astype(int).astype("M8[D]"),
    "timedelta": lambda x: x.astype(int).astype("m8[D]"),
    "structured": lambda x: x.astype([("a", float)]),
    "NaN": _with(np.nan),
    "inf": _with(np.inf),
    "-inf": _with(-np.inf),
    "all NaN": lambda x: np.full(x.shape, np.nan),
    "huge": lambda x: np.sign(x) * 1e300,
    "largest": _with(np.finfo(float).max),
    "beyond float32": lambda x: np.sign(x) * 1e39,
    "far": lambda x: x * 1e6,
    "tiny": lambda x: x * 1e-300,
    "zero": np.zeros_like,
    "no data sets": lambda x: x[:0],
    "no features": lambda x: x[..., :0],
    "first alone": lambda x: x[0],
    "one number": lambda x: x.ravel()[0],
    "0-d": lambda x: np.array(x.ravel()[0]),
    "new first axis": lambda x: x[np.newaxis],
    "new last axis": lambda x: x[..., np.newaxis],
    "four axes": lambda x: x.reshape((*x.shape, 1, 1)),
    "a feature less": lambda x: x[..., :-1],
    "a feature more": lambda x: np.concatenate([x, x[..., :1]], axis=-1),
    "transposed": lambda x: np.array(x.T),
    "flat": lambda x: x.reshape(-1),
    "twice": lambda x: np.concatenate([x, x]),
    "a row less": lambda x: x[:-1],
    "Fortran": np.asfortranarray,
    "list": lambda x: x.tolist(),
    "tuple": lambda x: tuple(map(tuple, x.tolist())),
    "list of arrays": list,
    "list with an array and a list": lambda x: [x[0], *x[1:].tolist()],
    "uneven list": _uneven,
    "list of arrays of other lengths": lambda x: [np.concatenate([x[0], x[0]]), *x[1:]],
    "list with None": lambda x: [None, *x[1:]],
    "list with text": lambda x: ["a", *x[1:].tolist()],
    "frame": lambda x: pd.DataFrame(x),
    "frame with names": _frame,
    "frame with the names in another order": lambda x: _frame(x, "ba"),
    "frame with text": lambda x: _frame(x).assign(a="u"),
    "frame with categories": lambda x: _frame(x).assign(a=pd.Categorical(["u"] * len(x))),
    "frame of nullable numbers": lambda x: _frame(x).astype("Float64"),
    "frame with NA": lambda x: _frame(x).astype("Float64").mask(_frame(x) > 0),
    "series": lambda x: pd.Series(x[:, 0]),
    "series with a name": lambda x: pd.Series(x[:, 0], name="a"),
    "sparse array": lambda x: sparse.csr_array(x),
    "sparse matrix": lambda x: sparse.coo_matrix(x),
    "masked": _masked,
    "nothing masked": np.ma.array,
    "tensor": lambda x: torch.from_numpy(np.array(x)),
    "tensor with gradient": lambda x: torch.from_numpy(np.array(x)).requires_grad_(),
    "dict": lambda x: {"a": x},
    "SliceDict": lambda x: SliceDict(a=x),
}
OTHER = {
    "None": None,
    "text": "a",
    "bytes": b"a",
    "number": 1.5,
    "True": True,
    "empty list": [],
    "list of an empty list": [[]],
    "list of empty arrays": [np.zeros((0, 1)), np.zeros((0, 1))],
    "list of Nones": [None, None],
    "set": {1.0, 2.0},
    "empty dict": {},
    "empty SliceDict": SliceDict(),
    "object": object,
    "simulator": ConjugateGaussian(),
    "empty frame": pd.DataFrame(),
}


def read_only(value):
    """Return `value`, with arrays that cannot be written to."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.dtype.hasobject and value.ndim):
        for part in value:
            read_only(part)
    if isinstance(value, Mapping):
        for part in value.values():
            read_only(part)
    return value


def _apply(change, value):
    """Return a value changed, or None in the place of what cannot be."""
    try:
        with np.errstate(all="ignore"):
            return CHANGES[change](value)
    except (AttributeError, IndexError, TypeError, ValueError):
        return None


@st.composite
def _of_array(draw, valid):
    label, value = "", valid
    for change in draw(st.lists(st.sampled_from(list(CHANGES)), min_size=1, max_size=2)):
        changed = _apply(change, value) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else None
        if changed is not None and value.size:
            label, value = f"{label}, {change}" if label else change, changed
    return label or "valid", value


@st.composite
def _any_array(draw, valid):
    dtype = draw(st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_]))
    shape = draw(
        st.one_of(st.just(np.shape(valid)), arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    )
    value = draw(arrays.arrays(dtype, shape))
    return f"{value!r}".replace("\n", ""), value


@st.composite
def _of_list(draw, valid):
    """Change one data set of a ragged list, or all."""
    rows = list(valid)
    change = draw(st.sampled_from(list(CHANGES)))
    if draw(st.booleans()):
        return f"each {change}", [row if (new := _apply(change, row)) is None else new for row in rows]
    place = draw(st.integers(0, len(rows) - 1))
    changed = _apply(change, rows[place])
    rows[place] = draw(st.sampled_from([changed, None, rows[place][:0]]))
    what = "None" if rows[place] is None else change if rows[place] is changed else "empty"
    return f"{what} at {place}", rows


@st.composite
def _of_sources(draw, valid):
    sources = dict(valid)
    name = draw(st.sampled_from(sorted(sources)))
    label, what = draw(changed(sources[name])), draw(st.sampled_from(["changed", "left out", "added", "None", "alone"]))
    if what == "changed":
        sources[name] = label[1]
        what = f"{name}: {label[0]}"
    elif what in ("left out", "alone"):
        value = sources.pop(name)
        if what == "alone":
            return f"{name} alone", value
    else:
        sources["other" if what == "added" else name] = None if what == "None" else sources[name]
    try:
        return what, draw(st.sampled_from([SliceDict, dict]))(**sources)
    except (AttributeError, IndexError, TypeError, ValueError):
        # A SliceDict takes arrays of one length alone.
        return what, sources


def changed(valid):
    """Return a strategy of (label, value), the value being made of a valid array, ragged list or dict of sources."""
    other = st.sampled_from(list(OTHER.items()))
    valid = valid.to_numpy() if isinstance(valid, pd.DataFrame) else valid
    if isinstance(valid, Mapping):
        own = _of_sources(valid)
    elif isinstance(valid, list) or valid.dtype == object:
        valid = list(valid)
        own = st.one_of(_of_list(valid), _of_array(np.ones((len(valid), 2, *valid[0].shape[1:]))))
    else:
        own = st.one_of(_of_array(valid), _of_array(valid), _any_array(valid))
    return st.one_of(own, own, own, other).map(lambda pair: (pair[0], read_only(pair[1])))


def _data(valid):
    """Return a strategy of (label, value) of which a third are valid."""
    value = read_only(valid)
    return st.one_of(st.just(("valid", value)), changed(valid), changed(valid))


def _choice(*good, bad=()):
    """Return a strategy of options, most of them good."""
    good = st.sampled_from(
        [("valid", value) if place == 0 else (repr(value), value) for place, value in enumerate(good)]
    )
    return st.one_of(good, good, st.sampled_from([(f"{value!r}", value) for value in bad])) if bad else good


NOT_COUNTS = (0, -1, 1.5, 2.0, True, "2", None, [2], np.float64(2.0), np.array(2), np.array([2, 3]), np.nan)
_SEEDS = (1, None, np.int32(3), 2**70)


def _random_states():
    fresh = st.sampled_from([np.random.default_rng, np.random.SeedSequence, np.random.RandomState])
    made = fresh.map(lambda make: (make.__name__, make(0)))
    bad = ("a", -1, 1.5, True, [1], [], object, np.random.default_rng, np.array([1, 2]), np.nan, {}, b"a")
    return st.one_of(_choice(0, *_SEEDS, bad=bad), made)


def _sizes(case, method):
    bad = (0, -1, 1.5, "a", [2], [1.5] * 3, [0] * 3, True, [[2] * 3], {"a": 2}, {}, np.nan, 2**62, [None] * 3)
    return _choice(None, 2, np.int64(1), [2] * 3, np.array([3, 1, 2]), bad=bad)


ROLES = {
    "X": lambda case, method: _data(case.X),
    "y": lambda case, method: _data(case.y),
    "labels": lambda case, method: _data(case.y),
    "theta": lambda case, method: st.one_of(_data(case.y), _data(case.draws)),
    "draws": lambda case, method: _data(case.draws),
    "proba": lambda case, method: _data(case.proba),
    "train_X": lambda case, method: _data(case.train[0]),
    "train_y": lambda case, method: _data(case.train[1]),
    "train_labels": lambda case, method: _data(case.train[1]),
    "classes": lambda case, method: _data(np.array(case.classes)),
    "simulators": lambda case, method: st.one_of(
        st.just(("valid", case.simulators)),
        st.sampled_from([*OTHER.items(), ("list", list(OTHER.values())), ("half", list(case.simulators)[:1])]),
    ),
    "comparator": lambda case, method: st.one_of(
        st.just(("valid", case.comparator)), st.sampled_from(list(OTHER.items()))
    ),
    "n_draws": lambda case, method: _choice(4, 2, 1, np.int64(3), bad=NOT_COUNTS),
    "n_replicates": lambda case, method: _choice(None, 2, 1, 3, bad=NOT_COUNTS),
    "n_null": lambda case, method: _choice(20, 1, bad=NOT_COUNTS),
    "n_observations": _sizes,
    "flag": lambda case, method: _choice(False, True, np.True_, bad=(None, 1, "yes")),
    "random_state": lambda case, method: _random_states(),
    "quantiles": lambda case, method: _choice(
        None,
        [0.1, 0.9],
        0.5,
        (0, 1),
        np.array([0.25], dtype=np.float16),
        bad=(
            [],
            [-0.1],
            [1.5],
            [np.nan],
            "a",
            ["a"],
            [[0.5]],
            [None],
            True,
            [0.1, [0.2]],
            {},
            1j,
            np.zeros((2, 0)),
            {0.5},
        ),
    ),
    "reference": lambda case, method: _choice(
        None, *list(case.classes)[:1], bad=("nobody", 1.5, [0], [0, 1], np.nan, (), {}, np.array([0, 1]), object)
    ),
    "dtype": lambda case, method: _choice(np.float64, np.float32, "float32", bad=("nonsense", int, None, 3)),
}
