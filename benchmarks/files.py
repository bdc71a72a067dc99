"""Print what becomes of model files that are damaged or forged, and what files cost beside pickle.

python benchmarks/files.py                      # everything, three minutes
python benchmarks/files.py damage --n 500       # one part, fewer files

Parts: damage (bits, bytes and stretches changed, cut off or added, in either file: clear errors, models that answer as
before, and anything else), forged (parts of a recipe exchanged for others and its checksum made right: the same, and
models that answer otherwise, which is what such a file is made for), cost (seconds and bytes of save and load for two
sizes of estimators). `os.system` is watched all the while.
"""

import argparse
import hashlib
import json
import os
import pickle
import tempfile
import time
import warnings
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

import skabi
from skabi import AmortizedPosterior
from skabi.datasets import ConjugateGaussian
from skabi.engines import Gaussian, SplineFlow
from skabi.exceptions import ModelFileError
from skabi.files import load, save

X = np.random.default_rng(0).normal(size=(20, 2))
STRANGE = [None, -1, 0.5, 10**30, True, "x", "os.system", [], {}, [[]], {"$": "same", "number": 0}, {"$": "list"}]


def damaged(content, rng):
    """Return content with a bit, a byte or a stretch changed, or cut off, or with something behind it."""
    content, place = bytearray(content), rng.integers(len(content))
    way = rng.integers(5)
    if way == 0:
        content[place] ^= 1 << rng.integers(8)
    elif way == 1:
        content[place] = rng.integers(256)
    elif way == 2:
        del content[place:]
    elif way == 3:
        content[place : place + 8] = rng.bytes(rng.integers(12))
    else:
        content += rng.bytes(rng.integers(1, 9))
    return bytes(content)


def places_in(part):
    """Yield each place in a recipe: what holds it, and the key or index."""
    for key, inner in list(part.items() if isinstance(part, dict) else enumerate(part)):
        yield part, key
        if isinstance(inner, (dict, list)):
            yield from places_in(inner)


def outcome(folder, expected):
    """Return in one word what loading a folder, and asking the model, comes to."""
    try:
        model = load(folder)
    except ModelFileError:
        return "clear error"
    except BaseException as error:
        return f"other error: {type(error).__name__}"
    try:
        return "same answers" if np.array_equal(model.predict(X), expected) else "other answers"
    except Exception as error:
        return f"error of predict: {type(error).__name__}"


def fitted(engine=None, **params):
    """Return a fitted posterior, tiny by default."""
    params = {"n_simulations": 100, "max_iter": 1, "random_state": 0} | params
    return AmortizedPosterior(Gaussian(()) if engine is None else engine, **params).fit(ConjugateGaussian())


def measure_damage(n):
    """Damage either file `n` times."""
    print(f"## {n:,} damaged files of each kind\n\n| file | outcome | files |\n| --- | --- | --- |")
    posterior = fitted()
    expected = posterior.predict(X)
    for name in ("recipe.json", "weights.safetensors"):
        rng, counts, altered = np.random.default_rng(0), Counter(), 0
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "model"
            posterior.save(folder)
            good = (folder / name).read_bytes()
            for _ in range(n):
                content = damaged(good, rng)
                altered += content != good
                (folder / name).write_bytes(content)
                counts[outcome(folder, expected)] += 1
        for what, count in counts.most_common():
            print(f"| {name} | {what} | {count:,} |")
        print(f"| {name} | (bytes differ) | {altered:,} |")
    print()


def measure_forged(n):
    """Exchange parts of a recipe `n` times, and make its checksum right."""
    print(f"## {n:,} forged recipes\n\n| outcome | files |\n| --- | --- |")
    posterior, rng, counts = fitted(), np.random.default_rng(0), Counter()
    expected = posterior.predict(X)
    with tempfile.TemporaryDirectory() as parent, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(parent) / "model"
        posterior.save(folder)
        content = json.loads((folder / "recipe.json").read_text())
        del content["sha256"]
        places = list(places_in(content["model"]))
        for _ in range(n):
            part, key = places[rng.integers(len(places))]
            before, (other, at) = part[key], places[rng.integers(len(places))]
            part[key] = STRANGE[rng.integers(len(STRANGE))] if rng.random() < 0.5 else json.loads(json.dumps(other[at]))
            text = json.dumps(content, separators=(",", ":"))
            checksum = hashlib.sha256(text.encode()).hexdigest()
            (folder / "recipe.json").write_text(json.dumps(content | {"sha256": checksum}))
            part[key] = before
            counts[outcome(folder, expected)] += 1
    for what, count in counts.most_common():
        print(f"| {what} | {count:,} |")
    print()


def measure_cost():
    """Save and load two estimators, and pickle them."""
    print("## Cost\n\n| estimator | way | save, ms | load, ms | kB |\n| --- | --- | --- | --- | --- |")
    for label, posterior in [("tiny", fitted()), ("spline flow", fitted(SplineFlow()))]:
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "model"
            saving = _least(partial(save, posterior, folder, overwrite=True))
            loading = _least(partial(load, folder))
            size = sum(path.stat().st_size for path in folder.iterdir())
            print(f"| {label} | skabi | {saving:.1f} | {loading:.1f} | {size / 1000:.0f} |")
        content = pickle.dumps(posterior)
        saving, loading = _least(partial(pickle.dumps, posterior)), _least(partial(pickle.loads, content))
        print(f"| {label} | pickle | {saving:.1f} | {loading:.1f} | {len(content) / 1000:.0f} |")
    print()


def _least(call):
    """Return the least of a few times that a call takes, in milliseconds."""
    times = []
    for _ in range(7):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return min(times)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["damage", "forged", "cost"])
    parser.add_argument("--n", type=int, default=2000)
    args = parser.parse_args(argv)
    runs = []
    os.system = runs.append
    print(f"# Files of skabi {skabi.__version__}\n")
    if "damage" in args.parts:
        measure_damage(args.n)
    if "forged" in args.parts:
        measure_forged(args.n)
    if "cost" in args.parts:
        measure_cost()
    print(f"commands run: {len(runs)}")


if __name__ == "__main__":
    main()
