"""Columns are told apart, come back from the network's numbers, and bring the right measure with them."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from scipy import stats

from skabi.estimators._data_map import DataMap
from skabi.exceptions import ApproximationWarning
from skabi.networks._discrete import DiscreteHead

N = 2000


def _single(values):
    return values.astype(np.float32).astype(np.float64)


def columns(n=N):
    """Columns `(n,)` of every kind, by name, and the kind that they are."""
    rng = np.random.default_rng(0)
    return {
        "normal": (rng.normal(size=n), "continuous"),
        "Cauchy": (rng.standard_cauchy(n), "continuous"),
        "lognormal": (np.exp(rng.normal(0, 5, size=n)), "continuous"),
        "many counts": (rng.poisson(200.0, size=n).astype(float), "count"),
        "negative counts": (rng.integers(-500, 100, size=n).astype(float), "count"),
        "counts over orders": (np.rint(np.exp(rng.normal(6, 2, size=n))), "count"),
        "counts of a billion": (1e9 + rng.poisson(200.0, size=n), "count"),
        "huge numbers": (np.exp(rng.normal(50, 2, size=n)), "continuous"),
        "two values": (rng.integers(2, size=n).astype(float), "category"),
        "few numbers": (rng.choice([-1.5, 0.25, 3.75], size=n), "category"),
        "constant": (np.full(n, 7.5), "category"),
        "few counts": (rng.poisson(2.0, size=n).astype(float), "count"),
        "differences of counts": (rng.poisson(2.0, size=n) - rng.poisson(1.0, size=n) * 1.0, "count"),
        "ratings": (np.clip(np.rint(rng.normal(6.0, 2.0, size=n)), 0, 10), "category"),
        "few halves": (np.rint(rng.normal(0.0, 2.0, size=n)) / 2, "count"),
        "rare event": ((rng.uniform(size=n) < 0.002).astype(float), "category"),
        "32 values": (np.arange(n) % 32 / 10, "category"),
        "33 whole numbers": (np.arange(n) % 33.0, "count"),
        "hundredths": (rng.normal(size=n).round(2), "count"),
        "halves": (np.rint(rng.normal(0.0, 20.0, size=n)) / 2 + 0.25, "count"),
        "multiples of 3/7": (3 / 7 * rng.integers(-50, 50, size=n), "count"),
        "proportions": (rng.binomial(150, rng.uniform(size=n)) / 150, "count"),
        "rounded reaction times": ((0.3 + rng.gamma(2.0, 0.2, size=n)).round(2), "count"),
        "rounded over orders": (np.exp(rng.normal(-1.0, 1.5, size=n)).round(2), "count"),
        "hundredths in single precision": (_single(rng.normal(size=n).round(2)), "count"),
        "standardised hundredths": ((5 + rng.normal(size=n).round(2) - 4.987) / 0.983, "count"),
        "thousandths": (rng.normal(size=n).round(3), "continuous"),
        "single precision": (_single(rng.normal(size=n)), "continuous"),
        "single precision in one binade": (_single(rng.uniform(1.0, 2.0, size=n)), "continuous"),
        "many ties": (_single(rng.choice(rng.normal(size=n // 10), size=n)), "continuous"),
    }


COLUMNS = columns()
# A mixture of kinds in an order of their own, discrete columns not first.
MIXED = ["normal", "two values", "counts of a billion", "lognormal", "few numbers", "counts over orders"]


def the_map(*names):
    rows = np.stack([COLUMNS[name][0] for name in names], axis=1)
    return DataMap().fit(rows, name="X"), rows


@pytest.mark.parametrize("name", COLUMNS)
def test_kinds(name):
    assert the_map(name)[0].kinds == [COLUMNS[name][1]]


@pytest.mark.parametrize("n", [1, 2, 15])
def test_few_observations_make_no_category_of_what_varies(n):
    rows = np.column_stack([np.arange(n), np.arange(n) + 0.5, np.ones(n)])
    kinds = DataMap().fit(rows, name="X").kinds
    assert kinds == (["category"] * 3 if n == 1 else ["count", "continuous", "category"])


def test_values_need_come_ten_times_over_to_be_levels():
    levels = np.sqrt(np.arange(5))
    for n, kind in ((10, "continuous"), (11, "category")):
        assert DataMap().fit(np.tile(levels, n)[:, np.newaxis], name="X").kinds == [kind]


@pytest.mark.parametrize(
    ("kind", "draw", "most_wrong"),
    [
        ("count", lambda rng, n: rng.poisson(2.0, size=n), 0.15),
        ("count", lambda rng, n: rng.poisson(rng.gamma(2.0, size=n)), 0.15),
        ("count", lambda rng, n: rng.geometric(0.5, size=n) - 1, 0.15),
        ("count", lambda rng, n: rng.poisson(2.0, size=n) - rng.poisson(2.0, size=n), 0.1),
        ("category", lambda rng, n: rng.binomial(10, rng.uniform(size=n)), 0.0),
        ("category", lambda rng, n: np.clip(np.rint(rng.normal(6.0, 2.0, size=n)), 0, 10), 0.05),
        ("category", lambda rng, n: rng.choice([1, 4, 7, 20], p=[0.9, 0.02, 0.03, 0.05], size=n), 0.0),
        ("category", lambda rng, n: rng.uniform(size=n) < 0.01, 0.0),
    ],
)
@pytest.mark.parametrize("n", [500, 20_000])
def test_few_whole_numbers_are_counts_where_there_may_be_more(kind, draw, most_wrong, n):
    rng = np.random.default_rng(0)
    rows = np.column_stack([draw(rng, n) for _ in range(60)]).astype(float)
    is_wrong = np.array(DataMap().fit(rows, name="X").kinds) != kind
    assert is_wrong.mean() <= (most_wrong if n == 500 else 0.03)


@pytest.mark.parametrize("is_single", [False, True])
def test_continuous_numbers_are_never_a_lattice(is_single):
    rng = np.random.default_rng(0)
    for n in (5, 11, 40, 300):
        rows = np.concatenate([rng.normal(size=(n, 100)), rng.gamma(2.0, size=(n, 100)), rng.uniform(size=(n, 100))], 1)
        rows[:2] = rows[1]
        kinds = DataMap().fit(_single(rows) if is_single else rows, name="X").kinds
        assert set(kinds) == {"continuous"}


@pytest.mark.parametrize("names", [[name] for name in COLUMNS] + [MIXED])
def test_observations_come_back(names):
    data_map, rows = the_map(*names)
    values, _ = data_map.to_network(rows)
    assert values.shape == rows.shape and data_map.n_continuous == data_map.kinds.count("continuous")
    back = data_map.from_network(values)
    for name, found, column in zip(names, back.T, rows.T, strict=True):
        if COLUMNS[name][1] == "continuous":
            np.testing.assert_allclose(found, column, rtol=1e-9, err_msg=name)
        else:
            np.testing.assert_array_equal(found, column, err_msg=name)


@pytest.mark.parametrize("name", [name for name, (_, kind) in COLUMNS.items() if kind != "continuous"])
def test_discrete_columns_come_back_from_single_precision(name):
    data_map, rows = the_map(name)
    values = data_map.to_network(rows)[0].astype(np.float32).astype(float)
    np.testing.assert_array_equal(data_map.from_network(values), rows)


def test_discrete_columns_come_first():
    data_map, rows = the_map(*MIXED)
    values, _ = data_map.to_network(rows)
    np.testing.assert_array_equal(values[:, 0], rows[:, 1])
    np.testing.assert_array_equal(values[:, 1], rows[:, 2] - rows[:, 2].min())
    np.testing.assert_array_equal(values[:, 2], np.searchsorted([-1.5, 0.25, 3.75], rows[:, 4]))
    np.testing.assert_array_equal(values[:, 3], rows[:, 5])
    for column, name in zip(values[:, 4:].T, ("normal", "lognormal"), strict=True):
        np.testing.assert_array_equal(column, the_map(name)[0].to_network(COLUMNS[name][0][:, np.newaxis])[0][:, 0])


def test_the_head_of_a_network_knows_levels_and_counts():
    assert the_map("normal", "Cauchy")[0].head is None
    data_map, rows = the_map(*MIXED)
    head = data_map.head
    assert head["n_levels"] == [2, 0, 3, 0] and head["is_wide"] == [False, False, False, True]
    assert head["lowest"] == [0.0, -rows[:, 2].min(), 0.0, 0.0]
    module = DiscreteHead(**head, n_context=1)
    units = module.features(torch.tensor(data_map.to_network(rows)[0][:, :4], dtype=torch.float32))
    assert torch.equal(units[:, :2].argmax(dim=1), torch.tensor(rows[:, 1]))
    # The central nine tenths of counts, whatever their size, are between -1.645 and 1.645 for a standard normal.
    for column in (units[:, 2], units[:, 6]):
        low, middle, high = np.quantile(column, [0.05, 0.5, 0.95])
        assert high - low == pytest.approx(3.29, rel=1e-2) and middle == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("lowest", [-3.0, 1e9])
def test_counts_as_networks_see_them_differ_in_single_precision(lowest):
    counts = lowest + np.arange(40.0)
    data_map = DataMap().fit(np.repeat(counts, 5)[:, np.newaxis], name="X")
    head = DiscreteHead(**data_map.head, n_context=1)
    values = torch.tensor(data_map.to_network(counts[:, np.newaxis])[0], dtype=torch.float32)
    with torch.no_grad():
        log_prob = head.log_prob(values, head.features(values), torch.zeros(1))
    assert log_prob.exp().sum() == pytest.approx(1.0, abs=0.25) and len(head.features(values).unique()) == 40


def test_the_log_determinant_is_that_of_the_continuous_columns():
    data_map, rows = the_map(*MIXED)
    rows = rows[:20]
    _, log_det = data_map.to_network(rows)
    expected = np.zeros(20)
    for i, place in ((0, 4), (3, 5)):
        step = 1e-6 * np.maximum(np.abs(rows[:, i]), 1e-3)
        upper, lower = rows.copy(), rows.copy()
        upper[:, i] += step
        lower[:, i] -= step
        z_gap = data_map.to_network(upper)[0][:, place] - data_map.to_network(lower)[0][:, place]
        expected += np.log(z_gap / (upper[:, i] - lower[:, i]))
    np.testing.assert_allclose(log_det, expected, atol=1e-5)
    discrete, rows = the_map("two values", "many counts")
    assert (discrete.to_network(rows)[1] == 0).all()
    halves, rows = the_map("normal", "halves", "hundredths")
    expected = the_map("normal")[0].to_network(rows[:, :1])[1] + np.log(2) + np.log(100)
    np.testing.assert_allclose(halves.to_network(rows)[1], expected, rtol=1e-9)


def test_a_level_that_was_not_seen_is_the_nearest_at_the_price_of_succession():
    data_map, _ = the_map("few numbers", "two values")
    rows = np.array([[0.25, 1.0], [0.3, 1.0], [-9.0, 1.0], [99.0, 0.4], [2.1, 0.6]])
    values, log_det = data_map.to_network(rows)
    np.testing.assert_array_equal(values, [[1, 1], [1, 1], [0, 1], [2, 0], [2, 1]])
    np.testing.assert_allclose(log_det, -np.log(N + 1) * np.array([0, 1, 1, 2, 2]))
    assert data_map.is_unlike(rows).tolist() == [False, True, True, True, True]


@pytest.mark.parametrize("name", ["many counts", "hundredths", "proportions", "rounded over orders"])
def test_what_is_no_count_is_the_nearest_at_the_same_price(name):
    data_map, rows = the_map(name)
    step = {"many counts": 1.0, "proportions": 1 / 150}.get(name, 0.01)
    of_unit = -np.log(step)
    middle = np.sort(rows[:, 0])[N // 2]
    new = middle + step * np.array([[0.0], [0.3], [-0.4], [0.001]])
    values, log_det = data_map.to_network(new)
    assert len(np.unique(values)) == 1 and (data_map.from_network(values) == middle).all()
    np.testing.assert_allclose(log_det, of_unit - np.log(N + 1) * np.array([0, 1, 1, 0]), rtol=1e-6)
    assert data_map.is_unlike(new).tolist() == [False, True, True, False]
    # A count that none was is a count like others, unless it is far beyond them.
    new = np.array([[rows.max() + step], [1000 * rows.max()]])
    np.testing.assert_allclose(data_map.to_network(new)[1], of_unit, rtol=1e-6)
    assert data_map.is_unlike(new).tolist() == [False, True]


def test_counts_start_at_zero_or_nowhere():
    data_map, rows = the_map("many counts")
    low = rows.min()
    values, log_det = data_map.to_network(np.array([[low - 2.0], [0.0], [-1.0]]))
    assert low > 100 and data_map.from_network(values)[0] == low - 2
    assert values.ravel().tolist() == [-2.0, -low, -low]
    np.testing.assert_allclose(log_det, [0.0, 0.0, -np.log(N + 1)])
    for name in ("negative counts", "hundredths"):
        data_map, rows = the_map(name)
        assert data_map.head["lowest"] == [-np.inf] and np.ptp(data_map.to_network(3 * rows)[1]) == 0


LATTICES = ["many counts", "hundredths", "halves", "multiples of 3/7", "proportions", "rounded over orders"]


@pytest.mark.parametrize("name", LATTICES)
def test_probabilities_over_the_lattice_add_up_to_one_and_draws_lie_on_it(name):
    data_map, rows = the_map(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = DiscreteHead(**data_map.head, n_context=1, width=8).double()
    levels = np.unique(rows)
    step = {"many counts": 1.0, "halves": 0.5, "multiples of 3/7": 3 / 7, "proportions": 1 / 150}.get(name, 0.01)
    lattice = levels[0] + step * np.arange(-20_000, 20_000)[:, np.newaxis]
    if rows.min() >= 0:
        lattice = lattice[lattice[:, 0] > -step / 2]
    values, log_det = data_map.to_network(lattice)
    with torch.no_grad():
        of_network = torch.tensor(values)
        log_prob = head.log_prob(of_network, head.features(of_network), torch.zeros(1, dtype=torch.float64))
        draws = head.sample(torch.zeros(2000, 1, dtype=torch.float64), torch.Generator().manual_seed(0)).numpy()
    # A density, of bins as wide as a step; what is beyond those here is in the tails.
    assert step * np.exp(log_prob.numpy() + log_det).sum() == pytest.approx(1.0, abs=5e-3)
    draws = data_map.from_network(draws)
    steps = (draws - levels[0]) / step
    np.testing.assert_allclose(steps, np.rint(steps), rtol=0, atol=1e-9)
    assert np.isin(draws, levels).mean() > 0.3 and len(np.unique(draws)) > 30


def test_numbers_without_a_neighbour_on_the_lattice_are_flagged_and_finite():
    for name in ("hundredths", "multiples of 3/7", "many counts"):
        data_map, _ = the_map(name)
        new = np.array([[1.7e308], [-1.7e308]])
        values, log_det = data_map.to_network(new)
        assert data_map.is_unlike(new).all() and np.isfinite(values).all() and np.isfinite(log_det).all()


@pytest.mark.parametrize("name", ["normal", "Cauchy", "lognormal", "huge numbers", "counts over orders", "hundredths"])
def test_values_far_beyond_are_flagged_and_finite(name):
    data_map, rows = the_map(name)
    new = np.array([[1e300], [-1e300]])
    assert data_map.is_unlike(new).all() and not data_map.is_unlike(rows).any()
    values, log_det = data_map.to_network(new)
    assert np.isfinite(values).all() and np.isfinite(log_det).all()


def draws_of(name, rng, size):
    """Columns `(size, 1)` with tails of every kind."""
    return {
        "normal": rng.normal,
        "exponential": rng.exponential,
        "lognormal": rng.lognormal,
        "Student": lambda size: rng.standard_t(3, size=size),
        "uniform": rng.uniform,
        "count": lambda size: rng.poisson(80.0, size=size).astype(float),
    }[name](size=(size, 1))


@pytest.mark.parametrize(("n", "n_fits"), [(40, 200), (1000, 100), (10_000, 20)])
@pytest.mark.parametrize("name", ["normal", "exponential", "lognormal", "Student", "uniform", "count"])
def test_as_many_new_observations_as_in_fit_raise_hardly_a_false_alarm(name, n, n_fits):
    rng = np.random.default_rng(0)
    fits = [DataMap().fit(draws_of(name, rng, n), name="X") for _ in range(n_fits)]
    alarms = sum(data_map.is_unlike(draws_of(name, rng, n)).any() for data_map in fits)
    # One in a hundred is promised where a tail is exponential; of 40 numbers one knows no tail.
    share = 0.05 if name == "Student" and n == 40 else 0.01
    assert alarms <= stats.binom(n_fits, share).ppf(1 - 1e-3)


@pytest.mark.parametrize(("n", "far"), [(160, 20.0), (1000, 9.0), (10_000, 7.0)])
def test_what_no_normal_number_reaches_is_flagged(n, far):
    """Though it is less than a range beyond the range: these are of 5 to 8 standard deviations."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        data_map = DataMap().fit(rng.normal(100.0, 3.0, size=(n, 1)), name="X")
        assert data_map.is_unlike(100.0 + 3.0 * far * np.array([[-1.0], [1.0]])).all()


def test_each_end_has_a_leeway_of_its_own():
    data_map = DataMap().fit(np.random.default_rng(0).exponential(size=(N, 1)), name="X")
    assert data_map.is_unlike([[-1.5], [12.0]]).tolist() == [True, False]


def test_observations_of_a_data_set_say_little_of_a_tail():
    """A hundred locations, a hundred times each: what is beyond all of them is a hundred and first."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        fit, new = (np.repeat(rng.normal(size=100), 100)[:, np.newaxis] for _ in range(2))
        fit, new = (rows + 0.1 * rng.normal(size=rows.shape) for rows in (fit, new))
        assert not DataMap().fit(fit, name="X", n_datasets=100).is_unlike(new).any()


def test_one_far_column_is_enough():
    data_map, _ = the_map("normal", "Cauchy")
    assert data_map.is_unlike([[0.0, 0.0], [99.0, 0.0]] * np.ones((2, 1))).tolist() == [False, True]


# What the map is told, and what it keeps


def test_kinds_that_are_given():
    n = 999  # a thousand, and the grades would be warned of as atoms
    rng = np.random.default_rng(0)
    grades = rng.integers(1, 6, size=n).astype(float)
    eighths = np.rint(1e3 * rng.normal(size=n)) / 8
    rows = np.column_stack([grades, grades, grades, eighths, rng.normal(size=n)])
    assert DataMap().fit(rows, name="X").kinds == ["category"] * 3 + ["continuous"] * 2
    kinds = ["count", "category", "continuous", "count", "continuous"]
    data_map = DataMap().fit(rows, name="X", kinds=kinds)
    assert data_map.kinds == kinds and data_map.head["n_levels"] == [0, 5, 0]
    values, _ = data_map.to_network(rows)
    np.testing.assert_allclose(data_map.from_network(values), rows, rtol=1e-12)


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (["count"], "column_kinds must name the kind of each of the 3 columns of an observation in signal; got 1"),
        (["continuous", "count", "count"], "numbers in column 1 of signal are not whole, nor multiples of one step"),
        (["category", "continuous", "category"], "column 0 of signal has 2,000: its kind is"),
        (["count", "continuous", "continuous"], "column 2 of signal is 7.5 throughout and has no density"),
    ],
)
def test_kinds_that_columns_cannot_be_of(kinds, words):
    rows = np.column_stack([np.arange(N), COLUMNS["normal"][0], COLUMNS["constant"][0]])
    with pytest.raises(ValueError, match=words):
        DataMap().fit(rows, name="signal", kinds=kinds)


@pytest.mark.parametrize("kind", ["continuous", "count"])
def test_nothing_is_kept_of_single_observations(kind):
    sizes = []
    for n in (1000, 50_000):
        values = np.random.default_rng(0).normal(size=(n, 1))
        values = values if kind == "continuous" else np.rint(1e9 * values)
        data_map = DataMap().fit(values, name="X")
        assert data_map.kinds == [kind]
        sizes.append(len(pickle.dumps(data_map)))
    assert sizes[1] == pytest.approx(sizes[0], abs=200)


def test_huge_numbers_raise_no_warning():
    """Neither in a category, whose levels have a middle, nor in a range twice as wide as there are numbers."""
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.choice([-1.7e308, 1.6e308, 1.7e308], 300), 1.7e308 * rng.uniform(-1, 1, 300)])
    data_map = DataMap().fit(rows, name="X")
    assert data_map.kinds == ["category", "continuous"]
    values, log_det = data_map.to_network(rows)
    assert np.isfinite(values).all() and np.isfinite(log_det).all() and not data_map.is_unlike(rows).any()
    np.testing.assert_allclose(data_map.from_network(values), rows, rtol=1e-9)
    values[:, 1] *= 1e6
    assert np.isfinite(data_map.from_network(values)).all()


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_probability_of_huge_counts_is_finite(precision):
    for name in ("many counts", "negative counts", "counts over orders", "few counts", "hundredths"):
        data_map, _ = the_map(name)
        values, log_det = data_map.to_network(np.array([[1e300], [1.7e308], [1e15], [-1e300]]))
        head = DiscreteHead(**data_map.head, n_context=1).to(precision)
        values = torch.tensor(values, dtype=precision)
        with torch.no_grad():
            log_prob = head.log_prob(values, head.features(values), torch.zeros(1, dtype=precision))
        assert torch.isfinite(log_prob).all() and np.isfinite(log_det).all(), name


def zero_inflated(n, share, rng):
    return np.where(rng.uniform(size=n) < share, 0.0, np.exp(rng.normal(size=n)))


def test_a_value_that_comes_often_in_a_continuous_column_is_warned_of():
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.normal(size=N), zero_inflated(N, 0.3, rng)])
    with pytest.warns(ApproximationWarning, match=r"column 1 of signal is 0 in 3\d% of the observations") as caught:
        assert DataMap().fit(rows, name="signal").kinds == ["continuous", "continuous"]
    assert len(caught) == 1


@pytest.mark.parametrize(("n", "share"), [(N, 0.01), (900, 0.3)])
def test_few_coincidences_and_small_samples_are_not_warned_of(n, share):
    rows = zero_inflated(n, share, np.random.default_rng(0))[:, np.newaxis]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DataMap().fit(rows, name="X")
