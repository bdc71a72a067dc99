"""Files made by hand, with checksums that are right: no class that is not asked for is made, no code is run."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import safetensors.numpy
import torch

from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.exceptions import ModelFileError
from skabi.files import load
from skabi.files._folders import _checksum
from skabi.priors import IndependentPrior

X = np.random.default_rng(0).normal(size=(30, 2))
NORM = {"$": "family", "name": "norm"}
LINEAR = {"in_features": 2, "out_features": 1, "bias": False}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a fitted posterior."""
    path = tmp_path_factory.mktemp("models") / "model"
    AmortizedPosterior(Gaussian(()), max_iter=1, random_state=0).fit(X, X).save(path)
    return path


@pytest.fixture
def folder(model, tmp_path):
    """A copy of the folder to do harm to."""
    return shutil.copytree(model, tmp_path / "model")


def forge(folder, *, recipe=None, weights=None):
    """Put another model, or other weights, into a folder, and make the checksums right."""
    content = json.loads((folder / "recipe.json").read_text())
    if weights is not None:
        (folder / "weights.safetensors").write_bytes(weights)
    encoded = (folder / "weights.safetensors").read_bytes()
    content["weights"] = {"bytes": len(encoded), "sha256": hashlib.sha256(encoded).hexdigest()}
    if recipe is not None:
        content["model"] = recipe
    del content["sha256"]
    content["sha256"] = _checksum(content)
    (folder / "recipe.json").write_text(json.dumps(content))


NO_WEIGHTS = safetensors.numpy.save({})


def load_forged(folder, recipe, *, arrays=None, **options):
    forge(folder, recipe=recipe, weights=NO_WEIGHTS if arrays is None else safetensors.numpy.save(arrays))
    return load(folder, **options)


@pytest.mark.parametrize(
    "name",
    [
        *("os.system", "builtins.eval", "builtins.object", "builtins.type", "posix.system", "subprocess.Popen"),
        *("skabi.estimators._base.np.load", "skabi.estimators._base.np", "skabi.estimators._base.torch.load"),
        *("skabi.estimators._base.clone", "skabi.files._folders.shutil.rmtree", "skabi.files._folders.shutil"),
        *(
            "skabi.files._folders.Path",
            "skabi.nothing.Thing",
            "skabi",
            "skabi.",
            ".skabi",
            "skabi..x",
            "skabi.estimators",
        ),
        *(
            "skabi.estimators.__builtins__",
            "skabi.estimators._base.__loader__",
            "skabi.__main__.x",
            "",
            " ",
            "x" * 10**5,
        ),
        *(
            "torch.nn.functional",
            "torch.nn.modules.module.torch",
            "torch.nn.Parameter",
            "torch.nn.modules.module.partial",
        ),
        *("torch.load", "torch.nn.modules.os", "scipy.stats.norm", "sklearn.pipeline.Bunch", "zuko.nn.torch"),
        *("skabi.estimators.AmortizedPosterior.__init__", "skabi/estimators", "skabi.estimators.ﬁt"),
        *("skabi.simulators._store_files.write_file", "skabi.simulators._store_files.remove_partial"),
        *("skabi._optional.import_optional", "skabi.training.CheckpointFile", "skabi.files.save", "skabi.files.load"),
        *("skabi.training._checkpoint_file.CheckpointFile", "skabi.simulators.StoredDataSets"),
        *("skabi.simulators._store_view._Reader", "skabi.estimators._checkpointed.CheckpointedFits"),
    ],
)
@pytest.mark.parametrize("kind", ["object", "module", "row", "class", "function", "family"])
def test_no_other_names_are_found(kind, name, folder):
    fields = {
        "object": {"class": name, "state": {}},
        "module": {"class": name, "training": False, "state": {}},
        "row": {"class": name, "items": {}},
        "class": {"class": name},
        "function": {"function": name},
        "family": {"class": name, "parameters": {}},
    }
    with pytest.raises(ModelFileError, match="do not come with skabi"):
        load_forged(folder, {"$": kind, **fields[kind]})


def nested(depth, recipe=None, kind="list"):
    for _ in range(depth):
        recipe = [recipe] if kind == "list" else {"$": "tuple", "items": [recipe]}
    return recipe


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"$": "nothing"}, "nothing of the kind"),
        ({"$": ["list"]}, "nothing of the kind"),
        ({"$": "tuple"}, "must have items"),
        ({"$": "tuple", "items": [], "more": 1}, "must have items"),
        ({"$": "tuple", "items": 3}, "must be list"),
        ({"$": "float", "value": "1e999"}, "nan, inf or -inf"),
        ({"$": "int", "hex": "zz"}, "does not describe a model"),
        ({"$": "set", "items": [[1]]}, "cannot be a key"),
        ({"$": "dict", "items": [[[1], 2]]}, "cannot be a key"),
        ({"$": "dict", "items": [[1]]}, "a key and a value"),
        ({"$": "same", "number": 0}, "does not come before it"),
        ({"$": "same", "number": {}}, "does not describe a model"),
        ([{"$": "list", "number": 0, "items": []}, {"$": "list", "number": 0, "items": []}], "have the number 0"),
        ({"$": "tuple", "number": 0, "items": [{"$": "same", "number": 0}]}, "does not come before it"),
        (nested(200), "more than 120 levels"),
        (nested(400), "more than 120 levels"),
        (nested(200, kind="tuple"), "more than 120 levels"),
        ({"$": "array", "dtype": "<f8", "shape": [2]}, "has no numbers in the file"),
        ({"$": "array", "dtype": "<f8", "shape": [10**15]}, "no array has a shape"),
        ({"$": "array", "dtype": "<f8", "shape": [0, 10**17]}, "no array has a shape"),
        ({"$": "array", "dtype": "<f8", "shape": [0] * 100}, "no array has a shape"),
        ({"$": "array", "dtype": "<f8", "shape": [-1]}, "whole numbers"),
        ({"$": "array", "dtype": "O", "shape": [1], "name": "a"}, "no array of numbers has the type"),
        ({"$": "array", "dtype": "f8,f8", "shape": [1], "name": "a"}, "no array of numbers has the type"),
        ({"$": "array", "dtype": "(9999,9999)f8", "shape": [0]}, "no array of numbers has the type"),
        ({"$": "array", "dtype": "<f8", "shape": [1], "name": "a"}, "no weights 'a'"),
        ({"$": "tensor", "dtype": "load", "shape": [0]}, "no tensor has the type"),
        ({"$": "texts", "dtype": "<U999999999", "shape": [1], "items": ["a"]}, "cannot be|not understood"),
        ({"$": "texts", "dtype": "<U9999999", "shape": [10], "items": ["a"] * 10}, "cannot be"),
        ({"$": "texts", "dtype": "<U1", "shape": [2], "items": ["a"]}, "cannot be"),
        ({"$": "texts", "dtype": "<f8", "shape": [1], "items": ["1"]}, "cannot be"),
        ({"$": "objects", "shape": [10**9], "items": []}, "cannot have the shape"),
        ({"$": "dtype", "name": "V999999999999"}, "does not describe a model|so large"),
        ({"$": "scalar", "dtype": "<f8", "value": [1]}, "a number must be one"),
        ({"$": "scalar", "dtype": "<i1", "value": 1000}, "does not describe a model"),
        ({"$": "torch dtype", "name": "load"}, "no type of numbers"),
        ({"$": "generator", "name": "os", "state": {}}, "no generator"),
        ({"$": "generator", "name": "PCG64", "state": {}}, "does not describe a model"),
        ({"$": "random state", "state": 3}, "does not describe a model"),
        ({"$": "seeds", "state": {"pool_size": 10**12}}, "no pool"),
        ({"$": "partial", "function": 3, "arguments": [], "keywords": {}}, "must have a function"),
        ({"$": "method", "of": {"$": "list", "items": []}, "name": "append"}, "no method"),
        ({"$": "distribution", "family": {"$": "family", "name": "os"}, "arguments": [], "keywords": {}}, "no family"),
        ({"$": "distribution", "family": 3, "arguments": [], "keywords": {}}, "must be of a family"),
        ({"$": "distribution", "family": NORM, "arguments": ["x"], "keywords": {}}, "must be numbers"),
        ({"$": "distribution", "family": NORM, "arguments": [1, 2, 3, 4, 5], "keywords": {}}, "not describe a model"),
        ({"$": "index", "values": [1, 2], "name": None}, "arrays of one axis"),
        ({"$": "frame", "columns": [], "names": 3, "index": None}, "does not describe a model"),
        ({"$": "object", "class": "skabi.engines.Gaussian", "state": []}, "must be dict"),
        ({"$": "object", "class": "skabi.engines.Gaussian", "state": {"build": 3}}, "would hide its method"),
        ({"$": "object", "class": "skabi.engines.Gaussian", "state": {"__class__": 3}}, "is no name"),
        ({"$": "object", "class": "torch.nn.Linear", "state": {}}, "must be a module"),
        ({"$": "object", "class": "builtins.int", "state": {}}, "has no place in a file"),
        ({"$": "object", "class": "skabi.losses.Batch", "state": {}}, "has no place in a file"),
        ({"$": "row", "class": "skabi.losses.Batch", "items": {"x": 1}}, "no named tuple"),
        ({"$": "module", "class": "skabi.engines.Gaussian", "training": True, "state": {}}, "is no module"),
        ({"$": "module", "class": "torch.nn.Linear", "training": True}, "either arguments or a state"),
        ({"$": "module", "class": "torch.nn.SiLU", "training": True, "arguments": {}}, "not made from arguments"),
        ({"$": "module", "class": "torch.nn.SiLU", "training": 1, "state": {}}, "must be bool"),
        (
            {"$": "module", "class": "torch.nn.SiLU", "training": True, "state": {"_forward_hooks": {}}},
            "what belongs to torch",
        ),
        (
            {"$": "module", "class": "torch.nn.SiLU", "training": True, "state": {}, "parts": {"x": 3}},
            "must be a Module",
        ),
        (
            {"$": "module", "class": "torch.nn.Linear", "training": True, "arguments": {"in_features": 2}},
            "other arguments",
        ),
        ({"$": "module", "class": "torch.nn.Linear", "training": True, "arguments": LINEAR}, "has weight, bias"),
    ],
)
def test_recipes_that_make_no_sense(recipe, message, folder):
    with pytest.raises(ModelFileError, match=message):
        load_forged(folder, recipe)


def prior_that_calls(recipe):
    """Return the recipe of a prior whose function is something else."""
    return {
        "$": "object",
        "class": "skabi.priors.ChainedPrior",
        "state": {"distributions": {"a": recipe}, "_sizes": {"a": None}, "_columns": {}, "_support": None},
    }


def names_of_partial(what, arguments=()):
    return {"$": "partial", "function": what, "arguments": list(arguments), "keywords": {}}


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ({"$": "function", "function": "skabi.simulators._store_files.write_file"}, "do not come with skabi"),
        ({"$": "class", "class": "skabi.estimators.AmortizedPosterior"}, "a partial of a type has no place"),
        ({"$": "object", "class": "skabi.engines.Gaussian", "state": {}}, "must have a function"),
        ({"$": "module", "class": "torch.nn.SiLU", "training": False, "state": {}}, "a partial of a SiLU"),
        (
            {
                "$": "method",
                "of": {"$": "object", "class": "skabi.engines.Gaussian", "state": {}},
                "name": "get_params",
            },
            "has no method",
        ),
        (
            {"$": "method", "of": {"$": "object", "class": f"{__name__}.OwnPrior", "state": {}}, "name": "sample"},
            "has no method",
        ),
    ],
)
def test_no_code_of_skabi_is_called_with_what_a_file_says(function, words, folder, tmp_path):
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work")
    arguments = [{"$": "path", "text": str(victim)}, {"$": "bytes", "base64": "AAAA"}]
    with pytest.raises(ModelFileError, match=words):
        load_forged(folder, prior_that_calls(names_of_partial(function, arguments)), custom_classes=[OwnPrior])
    assert victim.read_text() == "years of work"


class OwnPrior(IndependentPrior):
    """A class that is passed, with methods of skabi's."""


def test_numbers_of_layers_without_end(folder):
    arguments = {"input_size": 1, "hidden_size": 1, "num_layers": 10**9, "bias": True, "batch_first": True}
    arguments |= {"dropout": 0.0, "bidirectional": False}
    recipe = {"$": "module", "class": "torch.nn.GRU", "training": True, "arguments": arguments}
    with pytest.raises(ModelFileError, match="so many layers"):
        load_forged(folder, recipe)


@pytest.mark.parametrize(
    ("features", "shape", "message"),
    [
        (2, [1, 3], "must have shape"),
        (10**12, [1, 2], "must have shape"),
        (2, [1, 2], "must be float32 of shape"),
    ],
)
def test_weights_of_other_shapes(features, shape, message, folder):
    recipe = {
        "$": "module",
        "class": "torch.nn.Linear",
        "training": True,
        "arguments": LINEAR | {"in_features": features},
        "weights": {
            "weight": {"$": "tensor", "dtype": "float32", "shape": shape, "name": "w", "is_parameter": True},
            "bias": None,
        },
    }
    stored = [1, 4] if message == "must be float32 of shape" else shape
    with pytest.raises(ModelFileError, match=message):
        load_forged(folder, recipe, arrays={"w": np.zeros(stored, np.float32)})


def test_weights_that_nothing_asks_for_or_that_are_missing(folder):
    arrays = safetensors.numpy.load((folder / "weights.safetensors").read_bytes())
    forge(folder, weights=safetensors.numpy.save(arrays | {"more": np.zeros(2)}))
    with pytest.raises(ModelFileError, match="nothing asks for the weights more"):
        load(folder)
    name = next(iter(arrays))
    forge(folder, weights=safetensors.numpy.save({key: value for key, value in arrays.items() if key != name}))
    with pytest.raises(ModelFileError, match="there are no weights"):
        load(folder)
    forge(folder, weights=safetensors.numpy.save(arrays | {name: arrays[name].astype(np.float16)}))
    with pytest.raises(ModelFileError, match="must be"):
        load(folder)


def test_weights_that_are_no_safetensors(folder):
    header = b'{"a":{"dtype":"F32","shape":[999999999999],"data_offsets":[0,4]}}'
    for content in (b"", b"x", b"\xff" * 64, len(header).to_bytes(8, "little") + header + bytes(4)):
        forge(folder, weights=content)
        with pytest.raises(ModelFileError, match="the weights cannot be read"):
            load(folder)


def test_a_recipe_altered_at_any_place_is_an_error_or_a_model(folder):
    """Each part of a good recipe is put in the place of another, and checksums are made right."""
    recipe = json.loads((folder / "recipe.json").read_text())["model"]
    places: list = []

    def collect(part):
        for key, inner in part.items() if type(part) is dict else enumerate(part):
            places.append((part, key))
            if type(inner) in (dict, list):
                collect(inner)

    collect(recipe)
    rng, n_errors = np.random.default_rng(0), 0
    strange = [None, -1, 10**30, "x", [], {}, [[]], {"$": "same", "number": 0}, "os.system", True, 0.5, {"$": "list"}]
    for _ in range(150):
        part, key = places[rng.integers(len(places))]
        before = part[key]
        part[key] = strange[rng.integers(len(strange))]
        forge(folder, recipe=recipe)
        part[key] = before
        try:
            load(folder)
        except ModelFileError:
            n_errors += 1
    assert n_errors > 50


def test_parameters_that_a_later_release_adds_have_their_defaults(folder):
    recipe = json.loads((folder / "recipe.json").read_text())["model"]
    state = recipe["state"]
    del state["warn_outside"], state["callbacks"], state["engine"]["state"]["hidden_layer_sizes"]
    forge(folder, recipe=recipe)
    loaded = load(folder)
    assert loaded.get_params(deep=False)["callbacks"] is None
    assert loaded.warn_outside is True
    assert loaded.engine.hidden_layer_sizes == Gaussian().hidden_layer_sizes


class Spy:
    """A class whose own code says so when it is run."""

    n_runs = 0

    def __new__(cls, *args):
        Spy.n_runs += 1
        return super().__new__(cls)

    def __init__(self, *args):
        Spy.n_runs += 1

    def __setstate__(self, state):
        Spy.n_runs += 1

    def __setattr__(self, name, value):
        Spy.n_runs += 1

    def __eq__(self, other):
        Spy.n_runs += 1
        return True

    def __hash__(self):
        Spy.n_runs += 1
        return 0


def test_not_even_classes_that_are_passed_run_their_code(folder):
    name = f"{__name__}.Spy"
    loaded = load_forged(folder, {"$": "object", "class": name, "state": {"a": 1}}, custom_classes=[Spy])
    assert vars(loaded) == {"a": 1}
    with pytest.raises(ModelFileError, match="cannot be a key"):
        load_forged(folder, {"$": "set", "items": [{"$": "object", "class": name, "state": {}}]}, custom_classes=[Spy])
    assert Spy.n_runs == 0


def test_a_forged_layer_is_what_torch_makes(folder):
    tensor = {"$": "tensor", "dtype": "float32", "shape": [1, 2], "name": "w", "is_parameter": True}
    recipe = {"$": "module", "class": "torch.nn.Linear", "training": True, "arguments": LINEAR}
    layer = load_forged(
        folder, recipe | {"weights": {"weight": tensor, "bias": None}}, arrays={"w": np.ones((1, 2), np.float32)}
    )
    assert layer(torch.ones(1, 2)).item() == 2.0
