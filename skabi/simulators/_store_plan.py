"""A store of simulations: a folder that knows whose rows it holds, and in which chunks they are.

The folder is a zarr group. Rows are planned in stretches, a group each, when they are first asked for; a plan is
written once and never changed, so that everyone who works on a store works on the same chunks.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skabi.exceptions import StoreError
from skabi.simulators._store_chunks import Chunk
from skabi.simulators._store_files import NODE, group_content, publish_file, read_group
from skabi.simulators._store_identity import differences

FORMAT = 1
# A chunk is the work of at most half a minute, which is what a killed worker loses, and of a second or more where there
# is enough to do, so that writing it costs little; it has at most 8 MiB, which is what reading one row costs.
_LONGEST, _SHORTEST, _QUICKEST, _LARGEST = 30.0, 1.0, 0.25, 2**23
# Chunks a worker, where each is a second's work, and where each is less.
_PER_WORKER, _FEWEST_PER_WORKER = 64, 4
# More would be slow to list; longer chunks are then the lesser evil.
_MOST_CHUNKS = 10_000
# Rows are planned for that many times as many as there are: the first may take longer, while something is compiled.
_GROWTH = 64


@dataclass(frozen=True)
class Store:
    """A store on disk: where it is, what its rows are, and the seed that they come from."""

    path: Path
    identity: dict
    seed: np.random.SeedSequence

    def stretches(self):
        """Return the plans of rows, in order."""
        plans = []
        for folder in sorted(self.path.glob("rows-*")):
            attributes = _described(folder)
            if attributes is not None:
                plans.append(attributes | {"folder": folder})
        return plans

    def n_planned(self):
        """Return how many rows are planned."""
        return max((plan["stop"] for plan in self.stretches()), default=0)

    def n_asked(self):
        """Return how many rows the store is to have: the largest number that was ever asked for."""
        return max((int(folder.name.partition("-")[2]) for folder in self.path.glob("asked-*")), default=0)

    def ask(self, n):
        """Note that the store is to have `n` rows, before any is planned."""
        if n > self.n_asked():
            publish_file(self.path / f"asked-{n:012d}" / NODE, group_content({"n": n}))

    def chunks(self, n=None):
        """Return all chunks that are planned, or those that the first `n` rows are in."""
        chunks = []
        for plan in self.stretches():
            edges = [*range(plan["base"] + plan["chunk_rows"], plan["stop"], plan["chunk_rows"]), plan["stop"]]
            start = plan["start"]
            for stop in edges:
                chunks.append(Chunk(start, stop, plan["folder"] / f"{start:012d}-{stop:012d}"))
                start = stop
        return chunks if n is None else [chunk for chunk in chunks if chunk.start < n]

    def plan(self, n, *, n_workers):
        """Plan the next rows of `n`, unless none of those planned before is there yet; return whether this did.

        It does not where somebody else was quicker.
        """
        start, block_size = self.n_planned(), self.identity["block_size"]
        pace = self._pace()
        if pace is not None:
            stop = min(n, (1 + _GROWTH) * start)
            rows = _chunk_rows(stop - start, n, pace, block_size=block_size, n_workers=n_workers)
        elif not start:
            # A block a worker, to learn how long rows take and how large they are.
            stop, rows = min(n, n_workers * block_size), block_size
        else:
            return False
        attributes = {"start": start, "stop": stop, "base": start // block_size * block_size, "chunk_rows": rows}
        return publish_file(self.path / f"rows-{start:012d}" / NODE, group_content(attributes))

    def _pace(self, *, n_looked_at=16):
        """Return bytes and seconds that a row takes, or None as long as there is none."""
        found: list[dict] = []
        for chunk in reversed(self.chunks()):
            with suppress(StoreError):  # what is damaged is made again
                attributes = read_group(chunk.folder)
                found += [attributes] if attributes is not None else []
            if len(found) == n_looked_at:
                break
        if not found:
            return None
        n_kept = max(sum(each["n_kept"] for each in found), 1)
        seconds = np.median([each["seconds"] / (each["stop"] - each["start"]) for each in found])
        return sum(each["bytes"] for each in found) / n_kept, float(seconds)


def _chunk_rows(n_planned, n, pace, *, block_size, n_workers):
    """Return how many rows a chunk has where `n_planned` of `n` are planned: those of one or several whole blocks."""
    row_bytes, row_seconds = (max(each, 1e-9) for each in pace)
    seconds = min(max(n_planned * row_seconds / (n_workers * _PER_WORKER), _SHORTEST), _LONGEST)
    rows = min(seconds / row_seconds, n_planned / (n_workers * _FEWEST_PER_WORKER))
    rows = max(rows, _QUICKEST / row_seconds, n / _MOST_CHUNKS)
    return max(int(min(rows, _LARGEST / row_bytes) // block_size), 1) * block_size


def find_store(path):
    """Return the `Store` at a path, or None where there is nothing; anything else there is a `StoreError`."""
    if not path.exists():
        return None
    attributes = _described(path) if path.is_dir() else None
    if attributes is None and path.is_dir() and all(each.suffix == ".partial" for each in path.iterdir()):
        return None
    wanted = f"store must be the path of a folder of simulations, or a new one; {str(path)!r} is"
    if attributes is None or "skabi_store" not in attributes:
        raise StoreError(
            f"{wanted} {'a folder of something else' if path.is_dir() else 'a file'}. Choose a path where nothing is."
        )
    if attributes["skabi_store"] != FORMAT:
        raise StoreError(
            f"{wanted} of format {attributes['skabi_store']}, and this version of skabi knows format {FORMAT}. Install "
            "the version that wrote it, or choose a path where nothing is."
        )
    return Store(path, attributes["identity"], _seed(attributes["seed"]))


def claim_store(path, identity, seed, *, is_seed_given):
    """Return the `Store` at a path, a new one if there is none; raise a `StoreError` if its rows are others."""
    store = find_store(path)
    if store is None:
        attributes = {"skabi_store": FORMAT, "identity": identity, "seed": _described_seed(seed)}
        publish_file(path / NODE, group_content(attributes))
        # Somebody else may have been quicker.
        store = find_store(path)
    found = differences(store.identity, identity)
    if is_seed_given:
        advice = " (random_state=None goes on with the seed of the store)"
        found += [
            each + advice for each in differences(_described_seed(store.seed), _described_seed(seed), "random_state")
        ]
    if found:
        raise StoreError(
            f"the store {str(path)!r} holds simulations of another simulator, or from another seed. What differs:\n  "
            + "\n  ".join(found)
            + "\nSample with the simulator that it was made with, or choose a path where nothing is."
        )
    return store


def _described(folder):
    try:
        return read_group(folder)
    except StoreError as error:
        if folder.name.startswith("rows-"):
            raise StoreError(f"{error} The plan of these rows is lost; choose a path where nothing is.") from None
        return None


def _described_seed(seed):
    # As text, since JSON readers other than Python's round integers of 128 bits.
    entropy = seed.entropy
    is_list = isinstance(entropy, (list, tuple, np.ndarray))
    return {
        "entropy": [str(int(each)) for each in entropy] if is_list else str(int(entropy)),
        "spawn_key": [int(each) for each in seed.spawn_key],
        "pool_size": int(seed.pool_size),
    }


def _seed(described):
    entropy = described["entropy"]
    entropy = [int(each) for each in entropy] if isinstance(entropy, list) else int(entropy)
    return np.random.SeedSequence(entropy, spawn_key=tuple(described["spawn_key"]), pool_size=described["pool_size"])
