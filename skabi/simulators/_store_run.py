"""Simulation into a store: what is missing is made by workers, chunk by chunk."""

import logging
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress

import joblib
import numpy as np

from skabi._parallel import results
from skabi._progress import progress
from skabi._random import seed_sequence
from skabi._warnings import warn
from skabi.exceptions import ApproximationWarning, SimulatorError, StoreError
from skabi.simulators._blocks import Block, check_dropped, failed_simulation
from skabi.simulators._data_sets import ADVICE, difference
from skabi.simulators._store_chunks import stand_in
from skabi.simulators._store_files import NODE, as_path, cannot_write
from skabi.simulators._store_identity import changed_parts, identity_of
from skabi.simulators._store_plan import claim_store, versions
from skabi.simulators._store_view import view
from skabi.simulators._store_work import Recipe, complete_chunk

_LOGGER = logging.getLogger(__name__)
# Workers that are lost before any chunk is done, one time after the other.
_MOST_LOSSES = 3
# By module and name, the errors by which clusters tell that a worker, or what they know of it, was lost.
_LOSSES = [
    ("distributed", "KilledWorker"),
    ("distributed.comm", "CommClosedError"),
    ("ray.exceptions", "WorkerCrashedError"),
    ("ray.exceptions", "RayActorError"),
    ("ray.exceptions", "OutOfMemoryError"),
]


def sample_into(store, simulator, *, n, random_state, n_jobs, verbose):
    """Return `(X, y)` of the first `n` rows of a store, once what is missing of them has been simulated."""
    path = as_path(store)
    run = None
    try:
        identity = identity_of(simulator)
        store = claim_store(path, identity, seed_sequence(random_state), is_seed_given=random_state is not None)
        run = _Run(store, simulator, n, n_jobs)
        with _noting_changes(store, simulator, identity):
            run.complete(verbose=verbose)
    except OSError as error:
        raise cannot_write(path, error, run.n_done() if run else 0, n) from error
    X, y, described = view(store, store.chunks(n), n)
    dropped = [row for a in described for row in (a["start"] + np.array(a["dropped"], dtype=int)) if row < n]
    first = next((a for a in described if a["error"] and dropped and a["stop"] > dropped[0]), None)
    failed = Block(None, np.arange(0), 0, first["error"]) if first else None
    check_dropped(len(dropped), n, failed, vectorized=simulator.vectorized, allow_nan=simulator.allow_nan)
    return X, y


@contextmanager
def _noting_changes(store, simulator, before):
    """Note what of a simulator changes while it simulates in this process, however that ends."""
    try:
        yield
    finally:
        changed = changed_parts(before, identity_of(simulator))
        with suppress(OSError):
            store.note_changing(name for name in changed if name.startswith("simulate"))


class _Run:
    """The work on the first `n` rows of a store."""

    def __init__(self, store, simulator, n, n_jobs):
        self.store, self.simulator, self.n, self.n_jobs = store, simulator, n, n_jobs
        self.n_workers = joblib.effective_n_jobs(n_jobs)
        self.seen = set()
        self.layout = None
        self.is_warned = False
        self.recipe = Recipe(
            prior=simulator.prior,
            simulate=simulator.simulate,
            seed=store.seed,
            sizes=simulator._sizes,
            passed=simulator._passed_sizes,
            block_size=simulator.block_size,
            vectorized=simulator.vectorized,
            allow_nan=simulator.allow_nan,
            stop_at_error=simulator.on_error == "raise",
        )

    def n_done(self):
        """Return how many of the rows are in the store."""
        return sum(self._n_rows(chunk) for chunk in self.store.chunks(self.n) if _is_marked(chunk))

    def complete(self, *, verbose):
        """Plan what is not planned, and complete all chunks."""
        self.store.ask(self.n)
        start, n_there = time.perf_counter(), self.n_done()
        if n_there:
            _LOGGER.info("the store %r has %d of %d data sets", str(self.store.path), n_there, self.n)
        with progress(self.n, "simulating", verbose=verbose, initial=n_there) as advance:
            while True:
                n_planned = self.store.n_planned()
                is_first = n_planned < self.n and self.store.plan(self.n, n_workers=self.n_workers)
                chunks = [chunk for chunk in self.store.chunks(self.n) if chunk not in self.seen]
                if not chunks and n_planned >= self.n:
                    break
                self._complete(chunks, advance, is_first=is_first)
        seconds = time.perf_counter() - start
        _LOGGER.info("simulated %d data sets into %r in %.1f s", self.n - n_there, str(self.store.path), seconds)

    def _complete(self, chunks, advance, *, is_first):
        marked = {chunk for chunk in chunks if _is_marked(chunk)}
        n_losses = 0
        if chunks and len(marked) < len(chunks):
            self._check_versions()
        while chunks:
            if not is_first:
                # Whoever else works on the store rarely takes the same chunk at the same time.
                np.random.default_rng().shuffle(chunks)
            before = len(chunks), len(_unmarked(chunks))
            try:
                for done in self._results(chunks):
                    self._note(done)
                    advance(0 if done.chunk in marked else self._n_rows(done.chunk))
            except _lost_worker() as error:
                is_first = False
                chunks = [chunk for chunk in chunks if chunk not in self.seen]
                n_losses = n_losses + 1 if (len(chunks), len(_unmarked(chunks))) == before else 1
                if n_losses == _MOST_LOSSES:
                    raise self._lost(chunks) from error
                _LOGGER.warning("a worker was lost (%s); what is missing is simulated again", type(error).__name__)
                continue
            return

    def _check_versions(self):
        """Warn if rows are to be made by other versions than those that the store began with."""
        now, differs = versions(), []
        for name, version in self.store.versions.items():
            if version != now[name] and not self.is_warned:
                differs.append(f"{name} {version}, now {now[name]}")
        if differs:
            self.is_warned = True
            warn(
                f"the store {str(self.store.path)!r} was begun with {'; '.join(differs)}. The rows that are added may "
                "be drawn otherwise than those that are there.",
                ApproximationWarning,
            )

    def _results(self, chunks):
        tasks = (joblib.delayed(complete_chunk)(self.recipe, chunk) for chunk in chunks)
        return results(tasks, n_jobs=self.n_jobs, in_order=False, batch_size=1)

    def _note(self, done):
        """Keep in mind that a chunk is done, or raise what stands against it."""
        if done.damage:
            _LOGGER.warning("%s They were simulated again.", done.damage)
        if done.error is not None:
            raise done.error
        if done.failed is not None:
            simulator = self.simulator
            raise failed_simulation(
                done.failed, vectorized=simulator.vectorized, allow_nan=simulator.allow_nan
            ) from done.failed.cause
        layout = done.attributes["layout"]
        if layout is not None:
            self.layout = self.layout or layout
            wrong = layout != self.layout and difference(stand_in(layout), stand_in(self.layout), self.simulator._sizes)
            if wrong:
                raise SimulatorError(f"{wrong}.{ADVICE}")
        self.seen.add(done.chunk)

    def _n_rows(self, chunk):
        return min(chunk.stop, self.n) - chunk.start

    def _lost(self, chunks):
        missing = sorted(_unmarked(chunks) or chunks, key=lambda chunk: chunk.start)
        return StoreError(
            f"workers ended {_MOST_LOSSES} times before any of {len(missing)} missing chunks of the store "
            f"{str(self.store.path)!r} was done, rows {missing[0].start:,} to {missing[0].stop:,} among them; "
            f"{self.n_done():,} of {self.n:,} simulations are stored and safe. Is there too little memory, or does "
            "simulate end the process? Try fewer workers (n_jobs), and call sample with the same store again."
        )


def _is_marked(chunk):
    return (chunk.folder / NODE).exists()


def _unmarked(chunks):
    return [chunk for chunk in chunks if not _is_marked(chunk)]


def _lost_worker():
    """Return the errors by which backends of joblib tell that a worker ended."""
    # A cluster whose errors these are has been imported by now.
    found = (getattr(sys.modules.get(module), name, None) for module, name in _LOSSES)
    return (BrokenProcessPool, *(error for error in found if error is not None))
