"""What a worker does for a store: see whether a chunk is there and sound, and make it if it is not."""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from skabi.exceptions import SimulatorError, StoreError
from skabi.simulators._blocks import Block, Inputs, simulate_block
from skabi.simulators._data_sets import ADVICE, difference, join, take
from skabi.simulators._sizes import draw_sizes
from skabi.simulators._store_chunks import Chunk, commit, examine


@dataclass(frozen=True)
class Recipe:
    """All that rows are made from: what a worker is sent.

    Attributes
    ----------
    seed : SeedSequence
        That of the store.
    sizes : dict
        Distributions of sizes, by what is counted and source.
    passed : frozenset of str
        Of what simulate is told the number.
    """

    prior: Any
    simulate: Any
    seed: np.random.SeedSequence
    sizes: dict
    passed: frozenset[str]
    block_size: int
    vectorized: bool
    allow_nan: bool
    stop_at_error: bool


@dataclass(frozen=True)
class Done:
    """What is to be told of a chunk: all that comes back from a worker.

    Attributes
    ----------
    attributes : dict or None
        The description of the chunk, if it stands.
    damage : str or None
        What was wrong with the chunk that was there.
    failed : Block or None
        A block, without its data, with a simulation that failed and may not.
    error : OSError or None
        Why the chunk could not be written.
    """

    chunk: Chunk
    attributes: dict | None = None
    damage: str | None = None
    failed: Block | None = None
    error: OSError | None = None


def complete_chunk(recipe, chunk):
    """Make a chunk unless it is there and sound; return `Done`."""
    damage = None
    try:
        found = examine(chunk)
    except StoreError as error:
        found, damage = None, str(error)
    if found is not None:
        return Done(chunk, found)
    start = time.perf_counter()
    data, y, dropped, failed = _simulate(recipe, chunk)
    if failed is not None and recipe.stop_at_error:
        return Done(chunk, damage=damage, failed=failed)
    attributes = {
        "dropped": dropped,
        "error": failed.error if failed is not None else None,
        "seconds": time.perf_counter() - start,
    }
    counted = Counter(source for _, source in recipe.sizes)
    try:
        commit(chunk, data, y, counted=counted, attributes=attributes)
        return Done(chunk, examine(chunk), damage)
    except OSError as error:
        # Somebody else who made the same chunk may have removed a file of ours, once all of theirs stood.
        return Done(chunk, damage=damage, error=error) if not _stands(chunk) else Done(chunk, examine(chunk), damage)


def _stands(chunk):
    try:
        return examine(chunk) is not None
    except StoreError:
        return False


def _simulate(recipe, chunk):
    """Return the data sets of a chunk, their parameters, which rows were dropped, and the first block with such."""
    size = recipe.block_size
    parts: list[dict] = []
    drawn, dropped, failed = [], [], None
    for i in range(chunk.start // size, -(-chunk.stop // size)):
        first, stop = max(chunk.start - i * size, 0), min(chunk.stop - i * size, size)
        block, y = _simulate_block(recipe, i, first, stop)
        lost = np.setdiff1d(np.arange(first, stop), block.kept)
        if lost.size:
            dropped += (i * size - chunk.start + lost).tolist()
            failed = failed or Block(None, block.kept, block.n_rows, block.error, block.cause)
            if recipe.stop_at_error:
                return None, None, dropped, failed
        wanted = np.flatnonzero((block.kept >= first) & (block.kept < stop))
        if not wanted.size:
            continue
        data = take(block.data, wanted)
        wrong = difference(data, parts[0] if parts else data, recipe.sizes)
        if wrong:
            raise SimulatorError(f"{wrong}.{ADVICE}")
        parts.append(data)
        drawn.append(y[block.kept[wanted]])
    names = recipe.prior.parameter_names
    y = pd.DataFrame(np.concatenate([np.empty((0, len(names))), *drawn]), columns=names)
    return join(parts) if parts else None, y, dropped, failed


def _simulate_block(recipe, i, first, stop):
    """Return seed block number `i`, of which `first` to `stop` are wanted, and its parameters."""
    prior_seed, seed = (_child(child, i) for child in _children(recipe.seed, 2))
    y = recipe.prior.sample(recipe.block_size, np.random.default_rng(prior_seed)).to_numpy()
    entries = recipe.prior.split(y)
    inputs = Inputs(entries, draw_sizes(recipe.sizes, seed, recipe.block_size), recipe.passed)
    how = {"seed": seed, "allow_nan": recipe.allow_nan, "stop_at_error": recipe.stop_at_error}
    if recipe.vectorized:
        return simulate_block(recipe.simulate, inputs, vectorized=True, **how), y
    block = simulate_block(recipe.simulate, inputs.rows(slice(first, stop)), vectorized=False, first=first, **how)
    return Block(block.data, first + block.kept, recipe.block_size, block.error, block.cause), y


def _children(seed, n):
    return [_child(seed, i) for i in range(n)]


def _child(seed, i):
    """Return what `seed.spawn` gives for child number `i`, without making those before it."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i), pool_size=seed.pool_size)
