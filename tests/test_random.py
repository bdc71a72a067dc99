"""One random_state in, independent streams out."""

import numpy as np
import pytest

from skabi._random import draw_categories, generators, seed_sequence


def test_seed_sequence_is_left_alone():
    given = np.random.SeedSequence(3).spawn(2)[1]
    first, second = (generators(given, 2) for _ in range(2))
    assert given.n_children_spawned == 0
    assert [g.random() for g in first] == [g.random() for g in second]
    assert seed_sequence(given).generate_state(4).tolist() == given.generate_state(4).tolist()


@pytest.mark.parametrize("random_state", [3, np.random.SeedSequence(3)])
def test_streams_repeat_and_differ(random_state):
    first, second = ([g.random() for g in generators(random_state, 2)] for _ in range(2))
    assert first == second and first[0] != first[1]


def test_generators_are_advanced():
    for state in (np.random.default_rng(0), np.random.RandomState(0)):
        assert seed_sequence(state).entropy != seed_sequence(state).entropy


def test_negative_int_is_refused():
    with pytest.raises(ValueError, match="non-negative"):
        seed_sequence(-1)


def test_categories_are_drawn_in_proportion():
    proba = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
    index = draw_categories(proba, 10_000, np.random.default_rng(0))
    shares = np.stack([(index == j).mean(axis=1) for j in range(3)], axis=1)
    assert index.shape == (2, 10_000)
    assert (np.abs(shares - proba) <= 4 * np.sqrt(proba * (1 - proba) / 10_000)).all()
