"""A store of simulations: a folder that knows whose rows it holds, and in which chunks they are.

The folder is a zarr group. Rows are planned in stretches, a group each, when they are first asked for; a plan is
written once and never changed, so that everyone who works on a store works on the same chunks.
"""

import functools
import json
import logging
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy

import skabi
from skabi.exceptions import StoreError
from skabi.simulators._store_chunks import Chunk
from skabi.simulators._store_files import NODE, digest, group_content, publish_file, read_group, write_file
from skabi.simulators._store_identity import differences

_LOGGER = logging.getLogger(__name__)
FORMAT = 1
# A chunk is the work of at most half a minute, which is what a killed worker loses, and of some seconds where there
# is enough to do, so that writing it costs little; it has at most 8 MiB, which is what reading one row costs.
_LONGEST, _SHORTEST, _QUICKEST, _LARGEST = 30.0, 4.0, 0.25, 2**23
# Chunks a worker, where each is some seconds' work, and where each is less.
_PER_WORKER, _FEWEST_PER_WORKER = 64, 4
# More would be slow to list; longer chunks are then the lesser evil.
_MOST_CHUNKS = 10_000
# Rows are planned for that many times as many as there are: the first may take longer, while something is compiled.
_GROWTH = 64


@dataclass(frozen=True)
class Store:
    """A store on disk: where it is, what its rows are, the seed that they come from, and versions that it began with.

    All but the path is in its description, and again in each plan.
    """

    path: Path
    identity: dict
    seed: np.random.SeedSequence
    versions: dict

    @functools.cached_property
    def attributes(self):
        """Its description."""
        return {
            "skabi_store": FORMAT,
            "identity": self.identity,
            "seed": _described_seed(self.seed),
            "versions": self.versions,
        }

    @functools.cached_property
    def key(self):
        """What tells its rows from those of another simulator or seed."""
        return _key(self.attributes)

    def stretches(self):
        """Return the plans of rows, in order."""
        plans: list[dict] = []
        for _, folder in _numbered(self.path, "rows"):
            attributes = _described(folder)
            if attributes is None:
                continue
            first = plans[-1]["stop"] if plans else 0
            if attributes["start"] != first:
                raise _lost_plan(self.path / f"rows-{first:012d}", "is not there")
            if _key(attributes["store"]) != self.key:
                raise StoreError(
                    f"another simulator, or one with another seed, has begun to write to the store {str(self.path)!r}. "
                    "Choose a path where nothing is."
                )
            plans.append(attributes | {"folder": folder})
        return plans

    def has_rows(self):
        """Return whether any chunk is done."""
        return any(self.path.glob(f"rows-*/*/{NODE}"))

    def changing(self):
        """Return the names of parts of the simulator that were seen to change while it simulated."""
        groups = (_described(folder) for folder in self.path.glob("changing-*"))
        return {name for group in groups if group is not None for name in group["names"]}

    def note_changing(self, names):
        """Note names of parts of the simulator that have changed while it simulated."""
        new = sorted(set(names) - self.changing())
        if new:
            folder = self.path / f"changing-{digest(json.dumps(new).encode())[:16]}"
            publish_file(folder / NODE, group_content({"names": new}))

    def n_planned(self):
        """Return how many rows are planned."""
        return max((plan["stop"] for plan in self.stretches()), default=0)

    def n_asked(self):
        """Return how many rows the store is to have: the largest number that was ever asked for."""
        return max((n for n, _ in _numbered(self.path, "asked")), default=0)

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
                chunks.append(Chunk(start, stop, plan["folder"] / f"{start:012d}-{stop:012d}", self.key))
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
        attributes["store"] = self.attributes
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
    # Looked at first: whoever makes the store at this moment may write its description after that.
    is_new = path.is_dir() and all(each.suffix == ".partial" for each in path.iterdir())
    attributes = (_described(path) or _described_in_plans(path)) if path.is_dir() else None
    if attributes is None and is_new:
        return None
    wanted = f"store must be the path of a folder of simulations, or a new one; {str(path)!r} is"
    if attributes is None and _numbered(path, "rows"):
        raise StoreError(
            f"{path / NODE}, which says whose rows the store {str(path)!r} has, is damaged or not there, and so is "
            "each plan that has a copy of it. Put a file back from a copy of the store, if there is one, or choose a "
            "path where nothing is."
        )
    if attributes is None or "skabi_store" not in attributes:
        raise StoreError(
            f"{wanted} {'a folder of something else' if path.is_dir() else 'a file'}. Choose a path where nothing is."
        )
    if attributes["skabi_store"] != FORMAT:
        raise StoreError(
            f"{wanted} of format {attributes['skabi_store']}, and this version of skabi knows format {FORMAT}. Install "
            "the version that wrote it, or choose a path where nothing is."
        )
    return Store(path, attributes["identity"], _seed(attributes["seed"]), attributes["versions"])


def claim_store(path, identity, seed, *, is_seed_given):
    """Return the `Store` at a path, a new one if there is none; raise a `StoreError` if its rows are others."""
    store, new = find_store(path), Store(path, identity, seed, versions())
    if store is None:
        publish_file(path / NODE, group_content(new.attributes))
        # Somebody else may have been quicker.
        store = find_store(path)
    changing = store.changing()
    found = differences(store.identity, identity, ignored=changing)
    if is_seed_given:
        advice = " (random_state=None goes on with the seed of the store)"
        found += [
            each + advice for each in differences(_described_seed(store.seed), _described_seed(seed), "random_state")
        ]
    if found and not store.has_rows():
        _LOGGER.warning("the store %r has no rows yet; it is begun anew. What differs: %s", str(path), "; ".join(found))
        for folder in [each for kind in ("rows", "asked", "changing") for each in path.glob(f"{kind}-*")]:
            shutil.rmtree(folder, ignore_errors=True)
        write_file(path / NODE, group_content(new.attributes), is_entry_synced=True)
        return new
    if found:
        raise StoreError(
            f"the store {str(path)!r} holds simulations of another simulator, or from another seed. What differs:\n  "
            + "\n  ".join(found)
            + "\nSample with the simulator that it was made with, or choose a path where nothing is; the store is good."
            " If simulate changes such a value itself, it is the same again in a new process."
        )
    if _described(path) is None:
        _LOGGER.warning("the description of the store %r is damaged; it is written again from a copy", str(path))
        write_file(path / NODE, group_content(store.attributes), is_entry_synced=True)
    return store


def versions():
    """Return the versions of the packages that random numbers and priors are of."""
    return {"skabi": skabi.__version__, "numpy": np.__version__, "scipy": scipy.__version__}


def _numbered(path, kind):
    """Return number and folder of all that are named by a kind and a number, in their order; other things are none."""
    named = ((folder.name.removeprefix(f"{kind}-"), folder) for folder in path.glob(f"{kind}-*"))
    return sorted((int(number), folder) for number, folder in named if number.isdecimal())


def _described(folder):
    try:
        return read_group(folder)
    except StoreError:
        if folder.name.startswith("rows-"):
            raise _lost_plan(folder, "is damaged: its digest is not that of its content") from None
        return None


def _lost_plan(folder, what):
    """Return the `StoreError` for a plan without which nobody knows which rows the chunks of a folder have."""
    first = int(folder.name.partition("-")[2])
    others = f" Those before row {first:,} are good, and stay." if first else ""
    return StoreError(
        f"{folder / NODE} {what}. It is the plan of rows {first:,} and on of the store {str(folder.parent)!r}, without "
        f"which they cannot be told from each other.{others} Put the file back from a copy of the store, if there is "
        f"one; else delete the folders {folder.name} and later, rows-*, and call sample with the same store again: it "
        "simulates their rows anew, and they are the same."
    )


def _described_in_plans(path):
    """Return the description of a store whose own is damaged, from a plan, or None if there is none."""
    for _, folder in _numbered(path, "rows"):
        with suppress(StoreError):
            attributes = read_group(folder)
            if attributes is not None:
                return attributes.get("store")
    return None


def _key(attributes):
    told = {"identity": attributes["identity"], "seed": attributes["seed"]}
    return digest(json.dumps(told, sort_keys=True).encode())[:16]


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
