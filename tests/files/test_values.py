"""What estimators are made of comes back as it was, whatever its type."""

import functools
import math
import pathlib
import threading
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import stats
from sklearn.tree import DecisionTreeRegressor

from skabi.engines import SplineFlow
from skabi.exceptions import ModelFileError
from skabi.files import load, save
from skabi.priors import IndependentPrior


@dataclass(frozen=True, slots=True)
class Pair:
    first: int
    second: object = None


class Row(NamedTuple):
    a: int
    b: object


class Holder:
    def __init__(self, held):
        self.held = held

    def method(self):
        return self.held


class Cut(stats.rv_continuous):
    """A family of one's own."""

    def _pdf(self, x, width):
        return np.where(np.abs(x) < width, 0.5 / width, 0.0)

    def _ppf(self, q, width):
        return width * (2 * q - 1)

    def _cdf(self, x, width):
        return np.clip(0.5 + 0.5 * x / width, 0.0, 1.0)


cut = Cut(name="cut", shapes="width")


def named(x):
    return x + 1


def through_a_file(value, tmp_path, custom_classes=()):
    save(value, tmp_path / "values")
    return load(tmp_path / "values", custom_classes=custom_classes)


PLAIN = [
    *(None, True, False, 0, -1, 2**53, 2**53 + 1, -(2**70), 0.1, -0.0, 5e-324, math.inf, -math.inf),
    *("", "Grüße", "\ud800", "a\x00b", b"\x00\xff", 1 + 2j, complex(math.nan, -0.0)),
    *([], {}, (), set(), frozenset(), [1, [2, {"a": (3,)}]], {"$": 1}, {"$kind": {"class": "os.system"}}),
    *({1: "a", (1, None): "b", None: "c", 2.5: "d", b"k": 1}, {"class": "os.system"}, {1, "a", (2, 3)}),
    *(frozenset({"x", 1.5}), slice(1, None, 2), range(3, 9, 2), pathlib.PurePosixPath("a/b"), np.dtype("<f4")),
    *(np.float64(0.1), np.float32(0.1), np.float16(2), np.int8(-3), np.bool_(True), np.str_("x"), np.uint64(2**64 - 1)),
    *(np.complex64(1 + 2j), np.datetime64("2020-01-02T03:04:05"), np.timedelta64(3, "D"), torch.float32, float),
    *(torch.device("cpu"), np.float32, SplineFlow, named, Row(1, (2, 3)), Pair(1, [2])),
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_plain_values(value, tmp_path):
    loaded = through_a_file([value], tmp_path, custom_classes=[named, Row, Pair])[0]
    if isinstance(value, pathlib.PurePath):
        assert loaded == pathlib.Path(value)
        return
    assert type(loaded) is type(value)
    assert loaded == value if isinstance(value, (set, frozenset)) else repr(loaded) == repr(value)


def test_integers_of_more_digits_than_python_prints(tmp_path):
    assert through_a_file([10**5000], tmp_path) == [10**5000]


RNG = np.random.default_rng(0)
READ_ONLY = RNG.normal(size=3)
READ_ONLY.flags.writeable = False
ARRAYS = [
    *(np.array(3.5), np.empty((0, 3)), np.zeros((2, 0), np.int8), RNG.random(5) < 0.5, np.arange(6, dtype=">i4")),
    *(RNG.normal(size=(3, 4)).astype(np.float16), RNG.normal(size=(3, 4)).astype(">f8"), RNG.normal(size=(3, 4)).T),
    *(np.asfortranarray(RNG.normal(size=(2, 3, 4))), RNG.normal(size=(6, 4))[::2, ::-1], np.broadcast_to(1.5, (3, 2))),
    *(RNG.normal(size=3) + 1j, np.arange(3, dtype=np.uint64), np.array(["a", "longer"]), np.array([b"x", b""])),
    *(np.array([np.nan, np.inf, -0.0]), np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"), READ_ONLY),
    *(np.array(["a", None, 2, [3]], dtype=object), np.array([[None]], dtype=object), np.array([], dtype="<U3")),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}-{array.shape}")
def test_arrays(array, tmp_path):
    loaded = through_a_file({"array": array}, tmp_path)["array"]
    assert type(loaded) is np.ndarray
    assert loaded.dtype == array.dtype
    assert loaded.shape == array.shape
    assert loaded.flags.writeable == array.flags.writeable
    assert_array_equal(loaded, array)
    if array.flags.f_contiguous and array.size:
        assert loaded.flags.f_contiguous


TENSORS = [
    *(torch.tensor(2.5), torch.zeros(0, 3), torch.randn(3, 4).T, torch.randn(3).to(torch.bfloat16)),
    *(torch.arange(3), torch.tensor([True, False]), torch.randn(2, 3, dtype=torch.complex64), torch.randn(2).half()),
    *(torch.nn.Parameter(torch.randn(2)), torch.nn.Parameter(torch.randn(2), requires_grad=False)),
    torch.randn(2, requires_grad=True),
]


@pytest.mark.parametrize("tensor", TENSORS, ids=lambda tensor: f"{tensor.dtype}-{tuple(tensor.shape)}")
def test_tensors(tensor, tmp_path):
    loaded = through_a_file([tensor], tmp_path)[0]
    assert type(loaded) is type(tensor)
    assert loaded.dtype is tensor.dtype
    assert loaded.requires_grad == tensor.requires_grad
    assert loaded.stride() == tensor.stride() or not tensor.numel()
    assert torch.equal(loaded, tensor)


def test_pandas(tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": ["x", None]}, index=["r", "s"])
    doubled = pd.DataFrame([[1.0, 2.0]], columns=["a", "a"])
    values = [frame, doubled, frame["c"], frame.columns, pd.RangeIndex(2, 8, 3), pd.Index([1.5, 2.0], name="n")]
    loaded = through_a_file(values, tmp_path)
    for ours, theirs in zip(loaded[:2], values[:2], strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    pd.testing.assert_series_equal(loaded[2], values[2])
    for ours, theirs in zip(loaded[3:], values[3:], strict=True):
        pd.testing.assert_index_equal(ours, theirs, exact=True)


def test_random_states_go_on_where_they_were(tmp_path):
    kinds = (np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64)
    values = [np.random.Generator(kind(3)) for kind in kinds]
    states = [np.random.RandomState(4)]
    for each in (*values, *states):
        each.normal(size=3)
    seeds = [np.random.SeedSequence(5).spawn(3)[2], np.random.SeedSequence([1, 2**40])]
    seeds[1].spawn(2)
    loaded, loaded_states, loaded_seeds = through_a_file([values, states, seeds], tmp_path)
    for ours, theirs in zip(loaded + loaded_states, values + states, strict=True):
        assert_array_equal(ours.normal(size=5), theirs.normal(size=5))
    for ours, theirs in zip(loaded_seeds, seeds, strict=True):
        assert ours.state == theirs.state
        assert_array_equal(ours.spawn(1)[0].generate_state(4), theirs.spawn(1)[0].generate_state(4))


@pytest.mark.parametrize(
    "distribution",
    [
        *(stats.norm(1.0, 2.0), stats.gamma(a=2.0, scale=3.0), stats.beta([1.0, 2.0], 3.0), stats.poisson(3.0)),
        *(stats.truncnorm(-1, 1, loc=2), stats.randint(1, 5), stats.rv_histogram(np.histogram([1, 2, 2, 3.0]))()),
        cut(width=2.0),
    ],
    ids=lambda distribution: distribution.dist.name,
)
def test_distributions(distribution, tmp_path):
    loaded = through_a_file(distribution, tmp_path, custom_classes=[Cut])
    assert type(loaded) is type(distribution)
    points = np.linspace(-1, 4, 11)[:, np.newaxis]
    assert_array_equal(loaded.cdf(points), distribution.cdf(points))
    assert_array_equal(loaded.rvs((4, 2), random_state=1), distribution.rvs((4, 2), random_state=1))
    if hasattr(distribution, "pdf"):
        assert IndependentPrior({"a": loaded}) == IndependentPrior({"a": distribution})


def test_what_is_one_object_stays_one(tmp_path):
    array, network, inner = np.arange(3.0), torch.nn.Linear(2, 2), {"a": 1}
    holder = Holder([array, network, inner])
    holder.me, holder.bound = holder, holder.method
    loaded = through_a_file([array, inner, holder, network, network.weight], tmp_path, custom_classes=[Holder])
    assert loaded[2].held[0] is loaded[0]
    assert loaded[2].held[1] is loaded[3]
    assert loaded[2].held[2] is loaded[1]
    assert loaded[2].me is loaded[2]
    assert loaded[2].bound.__self__ is loaded[2]
    assert loaded[2].bound() is loaded[2].held
    assert loaded[4] is loaded[3].weight


def test_lists_that_hold_themselves(tmp_path):
    value: list = [1]
    value.append({"again": value})
    loaded = through_a_file(value, tmp_path)
    assert loaded[1]["again"] is loaded


def test_partial_functions(tmp_path):
    loaded = through_a_file(functools.partial(np.full, 3, fill_value=2.0), tmp_path, custom_classes=[np.full])
    assert_array_equal(loaded(), [2.0, 2.0, 2.0])


def test_partials_that_no_file_could_give_back_are_not_saved(tmp_path):
    for value in (functools.partial(SplineFlow, 2), functools.partial(SplineFlow().get_params, deep=True)):
        with pytest.raises(ModelFileError, match=r"has no place in a file|has no method"):
            save(Holder(value), tmp_path / "values")
    own = through_a_file(functools.partial(Holder, 1), tmp_path, custom_classes=[Holder])
    assert own().held == 1


def test_functions_without_a_name_are_given_by_name(tmp_path):
    first, second = (lambda x: x + 1), (lambda x: x + 2)
    save([first, second, first], tmp_path / "values")
    with pytest.raises(ModelFileError, match=r"do not come with skabi: .*<lambda>, .*<lambda> 2"):
        load(tmp_path / "values")
    name = f"{__name__}.{first.__qualname__}"
    loaded = load(tmp_path / "values", custom_classes={name: first, f"{name} 2": second})
    assert loaded == [first, second, first]


def test_what_comes_with_the_user_must_be_passed(tmp_path):
    save({"a": Holder(named), "b": Holder(np.mean)}, tmp_path / "values")
    with pytest.raises(ModelFileError, match=r"numpy\.mean, .*Holder, .*named\. Import or define them"):
        load(tmp_path / "values")
    with pytest.raises(ModelFileError, match=r"with skabi: numpy\.mean\."):
        load(tmp_path / "values", custom_classes=[Holder, named])
    moved = {f"{__name__}.Holder": Holder, f"{__name__}.named": abs, "numpy.mean": np.mean}
    assert load(tmp_path / "values", custom_classes=moved)["a"].held is abs
    with pytest.raises(ModelFileError, match="must be a class"):
        load(tmp_path / "values", custom_classes=moved | {f"{__name__}.Holder": named})
    with pytest.raises(TypeError, match="in which something has no name"):
        load(tmp_path / "values", custom_classes=[Holder([])])


HOOKED = torch.nn.Linear(2, 2)
HOOKED.register_forward_hook(lambda *args: None)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Holder([threading.Lock()]), r"Holder\.held\[0\] cannot be saved: a _thread.lock holds what only its own code"),
        (Holder({"net": HOOKED}), r"Holder\.held\['net'\] cannot be saved: a Linear with hooks"),
        (DecisionTreeRegressor().fit([[0.0], [1.0]], [0.0, 1.0]), r"DecisionTreeRegressor\.tree_ cannot be saved"),
        (Holder(iter([1])), "list_iterator"),
        (Holder(np), "module"),
        (Holder(np.zeros(2, np.longdouble)), "has no place in a file"),
        (Holder(np.zeros(2, "i4,f4")), "has no place in a file"),
        (Holder(torch.zeros(2, device="meta")), "has no place in a file"),
        (Holder({Pair(1): 2}), "cannot be a key of a dict"),
        (Holder({Pair(1)}), "cannot be a key of a dict or a member of a set"),
        (Holder(pd.Series([1, 2], dtype="category")), "pandas' type category"),
        (Holder(stats.multivariate_normal([0, 0], stats.Covariance.from_diagonal([1, 2]))), "CovViaDiagonal"),
        (Holder(ValueError("x")), "has no place in a file"),
        (functools.reduce(lambda inner, _: [inner], range(130), []), "more than 120 levels"),
        (functools.reduce(lambda inner, _: [inner], range(3000), []), "nested too deep"),
    ],
)
def test_what_has_no_place_in_a_file_is_refused(value, message, tmp_path):
    with pytest.raises(ModelFileError, match=message):
        save(value, tmp_path / "values")
    assert not list(tmp_path.iterdir())


def test_an_attribute_in_the_place_of_a_method_is_refused(tmp_path):
    holder = Holder(1)
    holder.method = named
    with pytest.raises(ModelFileError, match="would hide its method"):
        save(holder, tmp_path / "values")
