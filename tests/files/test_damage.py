"""Files that are damaged give a clear error, or the very model that was saved; nothing else, and nothing runs."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from skabi import AmortizedPosterior
from skabi.engines import Gaussian
from skabi.exceptions import ModelFileError
from skabi.files import load, save
from skabi.priors import IndependentPrior

X = np.random.default_rng(0).normal(size=(30, 2))
FILES = ("recipe.json", "weights.safetensors")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A fitted posterior and the folder that holds it."""
    posterior = AmortizedPosterior(Gaussian(()), max_iter=1, random_state=0).fit(X, X)
    posterior.save(tmp_path_factory.mktemp("models") / "model")
    return posterior, tmp_path_factory.getbasetemp() / "models0" / "model"


@pytest.fixture
def folder(model, tmp_path):
    """A copy of the folder to do harm to."""
    return shutil.copytree(model[1], tmp_path / "model")


def damage(content, rng):
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


@pytest.mark.parametrize("name", FILES)
def test_damage_is_an_error_or_does_not_matter(name, model, folder, monkeypatch):
    posterior, _ = model
    expected, good = posterior.predict(X), (folder / name).read_bytes()
    monkeypatch.setattr(os, "system", lambda command: pytest.fail("code was run"))
    rng, n_errors = np.random.default_rng(0), 0
    for _ in range(300):
        (folder / name).write_bytes(damage(good, rng))
        try:
            loaded = load(folder)
        except ModelFileError as error:
            n_errors += 1
            assert len(str(error)) > 20
        else:
            assert_array_equal(loaded.predict(X), expected)
    assert n_errors > 200


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_not_there(name, folder):
    (folder / name).unlink()
    with pytest.raises(ModelFileError, match=name):
        load(folder)


def test_what_is_no_model(tmp_path):
    (tmp_path / "file").write_text("{}")
    for path in (tmp_path, tmp_path / "file", tmp_path / "nothing"):
        with pytest.raises(ModelFileError, match="must be a folder made by save"):
            load(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", "{", "[" * 100_000, '{"format": 1}', "\xff", '{"format": NaN}']
)
def test_recipes_that_are_none(text, folder):
    (folder / "recipe.json").write_text(text, encoding="latin-1")
    with pytest.raises(ModelFileError, match="was altered or cut off after it was saved"):
        load(folder)


def test_a_later_format(folder):
    text = (folder / "recipe.json").read_text()
    (folder / "recipe.json").write_text(text.replace('"format": 1', '"format": 2').replace("0.1.0", "7.0"))
    with pytest.raises(
        ModelFileError, match=r"format 2 by skabi 7.0; this release reads formats up to 1. Install a later"
    ):
        load(folder)


def test_files_of_two_models(folder, tmp_path):
    AmortizedPosterior(Gaussian(()), max_iter=1, random_state=1).fit(X, X).save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "weights.safetensors", folder)
    with pytest.raises(ModelFileError, match="does not have the size and the checksum"):
        load(folder)


def test_a_file_that_is_too_large_is_not_read(folder):
    with (folder / "recipe.json").open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(ModelFileError, match="larger than the 67,108,864 bytes"):
        load(folder)


def test_blanks_do_not_matter(folder):
    text = (folder / "recipe.json").read_text()
    (folder / "recipe.json").write_text(text.replace("\n", "\n  "))
    load(folder)


def test_nothing_is_overwritten_unasked(model, folder):
    posterior, _ = model
    with pytest.raises(FileExistsError, match="overwrite=True"):
        posterior.save(folder)
    before = posterior.predict(X)
    posterior.save(folder, overwrite=True)
    assert_array_equal(load(folder).predict(X), before)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["model"]


def test_only_models_are_overwritten(model, tmp_path):
    posterior, _ = model
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("years of work")
    for name in ("notes", "file"):
        with pytest.raises(FileExistsError, match="is not the folder of a model"):
            posterior.save(tmp_path / name, overwrite=True)
    assert (tmp_path / "notes" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("step", ["_write", "_put_in_place"])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_save_that_fails_leaves_what_was_there(step, is_there, model, folder, tmp_path, monkeypatch):
    posterior, _ = model
    path = folder if is_there else tmp_path / "new"
    monkeypatch.setattr(f"skabi.files._folders.{step}", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        posterior.save(path, overwrite=True)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model"]
    load(folder)


def test_a_rename_that_fails_puts_the_old_model_back(folder, tmp_path, monkeypatch):
    rename = Path.rename

    def fail_at_the_new_one(self, target):
        if self.name.endswith(".partial"):
            raise OSError("no space")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_at_the_new_one)
    with pytest.raises(OSError, match="no space"):
        save(Gaussian(()), folder, overwrite=True)
    assert isinstance(load(folder), AmortizedPosterior)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model"]


KILLED = """
import os, signal, sys
from pathlib import Path
from skabi.engines import Gaussian
rename = Path.rename
def die_at(self, target):
    if self.name.endswith(".partial"):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.rename = die_at
from skabi.files import save
save(Gaussian(()), sys.argv[1], overwrite=True)
"""


def test_a_save_that_is_killed_between_two_names_loses_nothing(model, folder, tmp_path, caplog):
    posterior, _ = model
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    assert killed.returncode == -signal.SIGKILL and not folder.exists()
    assert_array_equal(load(folder).predict(X), posterior.predict(X))
    assert "was cut off" in caplog.text
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save(Gaussian(()), folder)
    assert_array_equal(load(folder).predict(X), posterior.predict(X))
    assert sorted(each.suffix for each in tmp_path.iterdir()) == ["", ".partial"]
    with pytest.raises(ModelFileError, match="there is none"):
        load(tmp_path / "mode")


def test_folders_above_are_made_and_home_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    save(Gaussian(()), "~/no/such/folder/model")
    assert (tmp_path / "no" / "such" / "folder" / "model").is_dir()
    assert isinstance(load("~/no/such/folder/model"), Gaussian)


@pytest.mark.parametrize("is_with_prior", [False, True])
def test_nothing_of_python_that_runs_code_is_used(is_with_prior, tmp_path, monkeypatch):
    prior = IndependentPrior({"a": stats.norm(), "b": stats.norm()}) if is_with_prior else None
    AmortizedPosterior(Gaussian(()), prior=prior, max_iter=1, random_state=0).fit(X, X).save(tmp_path / "model")
    load(tmp_path / "model")
    names = ["pickle.loads", "pickle.load", "pickle.Unpickler", "marshal.loads", "torch.load", "joblib.load"]
    names += ["os.system", "subprocess.Popen", "builtins.eval"]
    # Families of scipy.stats are made from a text of scipy's own.
    names += [] if is_with_prior else ["builtins.exec", "builtins.compile"]
    with monkeypatch.context() as watched:
        for name in names:
            watched.setattr(name, lambda *args, name=name, **options: (_ for _ in ()).throw(AssertionError(name)))
        loaded = load(tmp_path / "model")
    assert loaded.predict(X).shape == (30, 2)
