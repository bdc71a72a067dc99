"""A store knows whose rows it holds: what changes them is refused, and nothing else is."""

import functools
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from skabi.exceptions import StoreError
from skabi.priors import ChainedPrior, IndependentPrior
from skabi.simulators import Simulator
from skabi.simulators._store_code import GLOBAL, changed
from skabi.simulators._store_identity import changed_parts, differences, identity_of

PRIOR = IndependentPrior({"a": stats.norm(0.0, 1.0)})
SCALE = 2.0
CACHE: dict = {}
LOG: list = []


def simulate(a, rng):
    return rng.normal(a, 1.0, size=3)


def compiled(source, name="simulate", **module_globals):
    """Return a function of a module that holds `source`."""
    module = {"np": np, "__name__": "model", **module_globals}
    exec(compile(source, "model.py", "exec"), module)
    return module[name]


def of(function, prior=PRIOR, **options):
    return identity_of(Simulator(prior, function, **options))


def test_the_same_function_compiled_again_is_the_same():
    plain = "def simulate(a, rng):\n    return rng.normal(a, 1.0)\n"
    cosmetic = (
        '\n\n# A comment.\ndef simulate(a, rng):\n    """Simulate."""\n\n    return rng.normal(a, 1.0)  # normal\n'
    )
    assert of(compiled(plain)) == of(compiled(plain)) == of(compiled(cosmetic))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("return rng.normal(a, 1.0)", "return rng.normal(a, 2.0)", "simulate.code"),
        ("return rng.normal(a, 1.0)", "return rng.uniform(a, 1.0)", "simulate.code"),
        ("return a + rng.normal()", "return a - rng.normal()", "simulate.code"),
        ("return [a for _ in range(2)]", "return [-a for _ in range(2)]", "simulate.code"),
        ("return rng.normal(a, S)", "return rng.normal(a, S + 0)", "simulate.code"),
    ],
)
def test_code_counts(before, after, words):
    old, new = (of(compiled(f"S = 1.0\ndef simulate(a, rng):\n    {body}\n")) for body in (before, after))
    lines = differences(old, new)
    assert len(lines) == 1 and lines[0].startswith(words)


def test_values_of_the_module_count():
    source = "def simulate(a, rng):\n    return inner(a) + rng.normal(scale=S)\ndef inner(a):\n    return {} * a\n"
    old = of(compiled(source.format(2), S=1.0))
    assert differences(old, of(compiled(source.format(2), S=3.0))) == ["simulate.globals.S: 1.0 in the store, 3.0 now"]
    assert [line.split(":")[0] for line in differences(old, of(compiled(source.format(3), S=1.0)))] == [
        "simulate.globals.inner.code"
    ]
    # What is not used does not count.
    assert old == of(compiled(source.format(2), S=1.0, T=5))


def test_defaults_closures_partials_and_objects_count():
    def make(scale, table):
        return lambda a, rng, *, shift=0.0: rng.normal(a + shift + table[0], scale)

    def shifted(a, rng, *, shift):
        return rng.normal(a + shift)

    class Model:
        def __init__(self, scale):
            self.scale = scale
            self.inner = SimpleNamespace(table=np.arange(20.0) * scale)

        def __call__(self, a, rng):
            return rng.normal(a, self.scale)

        def method(self, a, rng):
            return rng.normal(a, self.scale)

    table = np.zeros(3)
    default = (
        compiled("def simulate(a, rng, s=1):\n    return a\n"),
        compiled("def simulate(a, rng, s=2):\n    return a\n"),
    )
    for old, same, new in (
        (make(1.0, table), make(1.0, np.zeros(3)), make(2.0, table)),
        (make(1.0, table), make(1.0, np.zeros(3)), make(1.0, table + 1)),
        (*(functools.partial(shifted, shift=shift) for shift in (1.0, 1.0, 2.0)),),
        (Model(1.0), Model(1.0), Model(2.0)),
        (Model(1.0).method, Model(1.0).method, Model(2.0).method),
        (default[0], default[0], default[1]),
    ):
        assert of(old) == of(same)
        assert 1 <= len(differences(of(old), of(new))) <= 3


def counting(a, rng):
    LOG.append(a)
    CACHE[a] = 1
    return rng.normal(a, SCALE)


def test_what_simulate_itself_changes_does_not_count():
    before = of(counting)
    counting(1.0, np.random.default_rng())
    assert of(counting) == before
    assert before["simulate"]["globals"]["SCALE"] == 2.0


class Count:
    n = 0


COUNT, HELPED, BUFFER = Count(), [], np.zeros(20)


def counting_by_attribute(a, rng):
    COUNT.n += 1
    return rng.normal(a, SCALE)


def helper():
    HELPED.append(1)


def counting_by_helper(a, rng):
    helper()
    return rng.normal(a, SCALE) + 0 * len(HELPED)


def writing_through_an_alias(a, rng):
    alias = BUFFER
    alias[:] = rng.normal(a, SCALE, size=20)
    return alias[:3].copy()


class Model:
    """A simulator with a cache, a log and a setting."""

    def __init__(self, scale):
        self.scale, self.calls, self.cache, self.log = scale, 0, {}, []

    def __call__(self, a, rng):
        self.calls += 1
        self.cache[round(float(a), 3)] = 1
        self.log.append(a)
        return rng.normal(a, self.scale)


class Slotted:
    __slots__ = ("calls", "value")

    def __init__(self, value):
        self.value, self.calls = value, 0

    def __call__(self, a, rng):
        self.calls += 1
        return rng.normal(a, self.value)


@pytest.mark.parametrize("i", range(5))
def test_a_store_opens_again_after_simulating(i, tmp_path, monkeypatch):
    functions = [counting_by_attribute, counting_by_helper, writing_through_an_alias, Model(2.0), Slotted(2.0)]
    for n in (40, 30, 60):
        simulator = Simulator(PRIOR, functions[i])
        expected = simulator.sample(n, random_state=0)[0]
        X, _ = simulator.sample(n, random_state=0, store=tmp_path / "sims")
        np.testing.assert_array_equal(X.read(), expected)
        # Whoever simulates otherwise in between changes the same values.
        simulator.simulate_from([[0.5]] * 150)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 3.0)
    other = functions[i] if i < 3 else type(functions[i])(3.0)
    with pytest.raises(StoreError, match=r"(SCALE|scale|value): 2.0 in the store, 3.0 now\n[^\n]*new process"):
        Simulator(PRIOR, other).sample(60, random_state=0, store=tmp_path / "sims")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("T[round(a)] = 1", {"T"}),
        ("T[round(a)] += 1", {"T"}),
        ("T[:] = a", {"T"}),
        ("t = T; t[:] = a", {"T"}),
        ("del T[0]", {"T"}),
        ("T.append(a)", {"T"}),
        ("(lambda: T.append(a))()", {"T"}),
        ("global T; T += 1", {"T"}),
        ("out = np.zeros(3); out[0] = T[0]", set()),
        ("out = np.zeros(3); out[T] = T", set()),
        ("t = T; t = np.array(t); t[0] = 1", set()),
        ("out = []; out.append(T)", set()),
        ("T[0].x = 1", set()),
        ("return T.get(a, T)", set()),
        ("return [t for t in T]", set()),
    ],
)
def test_what_code_changes(body, expected):
    assert changed(compiled(f"def simulate(a, rng):\n    {body}\n").__code__, GLOBAL) == expected


class Mixture:
    """A simulator that is put together by a method."""

    def __init__(self):
        self.parts, self.scale = [], 1.0

    def add(self, part):
        self.parts.append(part)
        return self

    def __call__(self, a, rng):
        return self.run(a, rng)

    def run(self, a, rng):
        return rng.normal(a + self.parts[0], self.scale)


def test_what_only_other_methods_change_counts():
    for old, new in ((Mixture().add(1.0), Mixture().add(2.0)), (Mixture().add(1.0).run, Mixture().add(2.0).run)):
        assert len(differences(of(old), of(new))) == 1


def test_what_a_run_that_was_stopped_has_changed_is_known(tmp_path):
    model = Model(2.0)

    def simulate(a, rng):
        if len(model.log) == 25:
            model.log.append(a)
            raise KeyboardInterrupt
        return model(a, rng)

    with pytest.raises(KeyboardInterrupt):
        Simulator(PRIOR, simulate).sample(60, random_state=0, store=tmp_path / "sims")
    assert len(Simulator(PRIOR, simulate).sample(60, random_state=0, store=tmp_path / "sims")[0]) == 60


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": {"value": 1, "scale": 2}}, {"a": {"value": 3, "scale": 2}}, ["a.value"]),
        ({"a": {"type": "list", "items": [1]}}, {"a": {"type": "list", "items": [1, 2]}}, ["a"]),
        ({"a": {"type": "list", "items": [1, 2]}}, {"a": {"type": "list", "items": [1, 3]}}, ["a.items[1]"]),
        ({"a": {}, "b": 1}, {"a": {"x": 1}, "b": 1}, ["a"]),
        ({"a": {"array": [9], "dtype": "i", "sha256": "x"}}, {"a": {"array": [9], "dtype": "i", "sha256": "y"}}, ["a"]),
    ],
)
def test_changed_parts_are_single_values(before, after, expected):
    assert changed_parts(before, after) == expected
    assert differences(before, after, ignored=set(expected)) == []


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (stats.norm(0.0, 1.0), stats.norm(0.0, 2.0), "prior.a.scale: 1.0 in the store, 2.0 now"),
        (stats.norm(0.0, 1.0), stats.logistic(0.0, 1.0), "prior.a.family: 'norm' in the store, 'logistic' now"),
        (stats.norm(np.zeros(20)), stats.norm(np.ones(20)), "prior.a.loc.sha256"),
        (stats.multivariate_normal(np.zeros(2)), stats.multivariate_normal(np.ones(2)), "prior.a.mean"),
    ],
)
def test_priors_count(old, new, where):
    old, new = (of(simulate, IndependentPrior({"a": each})) for each in (old, new))
    lines = differences(old, new)
    assert len(lines) == 1 and lines[0].startswith(where)


def test_the_same_prior_in_other_words_is_the_same():
    assert of(simulate, IndependentPrior({"a": stats.norm(0, 1)})) == of(
        simulate, IndependentPrior({"a": stats.norm(loc=0.0, scale=1.0)})
    )
    families = [stats.rv_histogram((np.array([1.0, height]), np.arange(3.0))) for height in (2.0, 2.0, 3.0)]
    old, same, new = (of(simulate, IndependentPrior({"a": family()})) for family in families)
    assert old == same != new


def test_functions_of_chained_priors_count_and_their_order():
    def pair(a, b, rng):
        return a + b

    def prior(scale):
        return ChainedPrior({"a": stats.norm(), "b": lambda a: stats.norm(a, scale)})

    assert of(pair, prior(1.0)) == of(pair, prior(1.0))
    assert differences(of(pair, prior(1.0)), of(pair, prior(2.0))) == [
        "prior.b.closure.scale: 1.0 in the store, 2.0 now"
    ]
    both = {"a": stats.norm(), "b": stats.norm()}
    swapped = {"b": stats.norm(), "a": stats.norm()}
    assert of(pair, IndependentPrior(both)) != of(pair, IndependentPrior(swapped))


class Shifted(IndependentPrior):
    """A prior of one's own."""

    def __init__(self, distributions, shift):
        self.shift = shift
        super().__init__(distributions)

    def sample(self, n, **options):
        return super().sample(n, **options) + self.shift


def test_what_a_prior_of_ones_own_adds_counts(monkeypatch):
    def of_shift(shift):
        return of(simulate, Shifted({"a": stats.norm()}, shift))

    old = of_shift(0.0)
    assert old == of_shift(0.0)
    assert differences(old, of_shift(100.0)) == ["prior.state.shift: 0.0 in the store, 100.0 now"]
    monkeypatch.setattr(Shifted, "sample", lambda self, n, **options: super(Shifted, self).sample(n, **options))
    assert any(line.startswith("prior.class.sample") for line in differences(old, of_shift(0.0)))


def sized(a, rng, n_observations):
    return rng.normal(a, size=n_observations)


def batch(a, rng):
    return rng.normal(a)


@pytest.mark.parametrize(
    ("function", "old", "new", "where"),
    [
        (
            sized,
            {"n_observations": (1, 3)},
            {"n_observations": (1, 4)},
            "sizes.n_observations.high: 4.0 in the store, 5.0",
        ),
        (batch, {"vectorized": False}, {"vectorized": True}, "vectorized: False in the store, True now"),
        (batch, {"allow_nan": False}, {"allow_nan": True}, "allow_nan"),
        (batch, {"on_error": "raise"}, {"on_error": "drop"}, "on_error: 'raise' in the store, 'drop' now"),
        (batch, {"block_size": 10}, {"block_size": 20}, "block_size: 10 in the store, 20 now"),
    ],
)
def test_settings_are_refused_with_old_and_new(tmp_path, function, old, new, where):
    old = {"block_size": 5, **old}
    new = {"block_size": 5, **new}
    Simulator(PRIOR, function, **old).sample(8, random_state=0, store=tmp_path / "sims")
    with pytest.raises(StoreError, match=f"of another simulator.*What differs:\n  {where}[^\n]*\n[^\n]*$"):
        Simulator(PRIOR, function, **new).sample(8, random_state=0, store=tmp_path / "sims")


def test_another_seed_is_refused(tmp_path):
    simulator = Simulator(PRIOR, simulate)
    X, _ = simulator.sample(8, random_state=0, store=tmp_path / "sims")
    with pytest.raises(StoreError, match=r"random_state\.entropy: '0' in the store, '1' now .random_state=None"):
        simulator.sample(8, random_state=1, store=tmp_path / "sims")
    again, _ = simulator.sample(8, random_state=np.random.SeedSequence(0), n_jobs=1, store=tmp_path / "sims")
    np.testing.assert_array_equal(X, again)
    simulator.sample(8, random_state=np.random.default_rng(0), store=tmp_path / "other")
    simulator.sample(8, random_state=np.random.default_rng(0), store=tmp_path / "other")
    child = np.random.SeedSequence(0).spawn(3)[2]
    X, _ = simulator.sample(8, random_state=child, store=tmp_path / "child")
    np.testing.assert_array_equal(X, simulator.sample(8, random_state=child)[0])


def test_the_description_is_the_same_in_another_process(tmp_path):
    (tmp_path / "model.py").write_text(
        "import numpy as np\nfrom scipy import stats\nfrom skabi.priors import IndependentPrior\n"
        "from skabi.simulators import Simulator\nNAMES = {'one', 'two', 'three'}\nTABLE = {'x': np.arange(30.0)}\n"
        "def inner(a):\n    return a if str(a) in NAMES | {'u', 'v', 'w'} else a + TABLE['x'][2]\n"
        "def simulate(a, rng):\n    return sorted([inner(a), np.exp(a)], key=lambda v: -v)\n"
        "SIMULATOR = Simulator(IndependentPrior({'a': stats.norm()}), simulate)\n"
    )
    code = "from skabi.simulators._store_identity import identity_of; import json, model; "
    code += "print(json.dumps(identity_of(model.SIMULATOR)))"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, text=True
        )
        for seed in ("1", "2")
    ]
    first, second = (run.communicate()[0] for run in runs)
    assert first == second and "model.inner" in first
