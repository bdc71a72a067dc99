"""Every release opens the files of all releases before it, and says the same of the same data sets."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import skabi
from skabi.exceptions import ApproximationWarning

FOLDER = Path(__file__).parent / "data"
KEPT = sorted(path.parent.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/*/recipe.json"))
answers = runpy.run_path(str(Path(__file__).with_name("make_kept_files.py")))["answers"]


def test_this_release_has_kept_files():
    assert f"{skabi.__version__}/gaussian" in KEPT


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.filterwarnings(f"ignore::{ApproximationWarning.__module__}.{ApproximationWarning.__name__}")
def test_kept_files_say_what_they_said(name, tmp_path):
    kept = json.loads((FOLDER / f"{name}.json").read_text())
    X, y = [np.array(x) for x in kept["X"]], None if kept["y"] is None else np.array(kept["y"])
    X = np.array(X) if X[0].ndim == 1 else X
    model = skabi.load(FOLDER / name)
    found = answers(model, X, y)
    assert found.keys() == kept["answers"].keys()
    for method, expected in kept["answers"].items():
        ours, theirs = np.asarray(found[method]), np.asarray(expected)
        if theirs.dtype.kind == "U":
            assert ours.tolist() == theirs.tolist()
        else:
            # The last digits of single precision are another torch's own.
            assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6, err_msg=method)
    model.save(tmp_path / "again")
    assert answers(skabi.load(tmp_path / "again"), X, y) == found
    assert repr(model.get_params())
