"""The front door is light: no torch, no scientific stack, a fraction of a second."""

import pkgutil
import subprocess
import sys

import pytest

import skabi


def run_python(code):
    """Run `code` in a fresh interpreter, warnings as errors, and return what it printed."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_is_quick():
    code = "from time import perf_counter as t; start = t(); import skabi; print(t() - start)"
    assert min(float(run_python(code)) for _ in range(3)) < 0.3


def test_import_loads_no_heavy_library():
    heavy = {"matplotlib", "numpy", "pandas", "scipy", "sklearn", "skorch", "torch", "zuko"}
    assert run_python(f"import sys, skabi; print(sorted({heavy!r} & set(sys.modules)))") == "[]"


def test_listing_names_loads_nothing():
    assert run_python("import sys, skabi; dir(skabi); print('skabi.estimators' in sys.modules)") == "False"


def test_rooms_of_arrays_do_not_import_torch():
    rooms = ["priors", "simulators", "datasets", "diagnostics", "draws", "plotting"]
    code = f"import importlib, sys\nfor room in {rooms}:\n    importlib.import_module('skabi.' + room)\n"
    code += "    if 'torch' in sys.modules:\n        sys.exit('torch came with skabi.' + room)"
    run_python(code)


def test_public_names_are_sorted_listed_and_loadable():
    assert skabi.__all__ == sorted(skabi.__all__)
    assert set(skabi.__all__) <= set(dir(skabi))
    assert all(getattr(skabi, name) is not None for name in skabi.__all__)


def test_front_door_and_room_give_the_same_object():
    code = "import skabi, skabi.estimators as e; print(skabi.AmortizedPosterior is e.AmortizedPosterior)"
    assert run_python(code) == "True"


def test_every_public_room_opens_from_the_front_door():
    rooms = {module.name for module in pkgutil.iter_modules(skabi.__path__) if not module.name.startswith("_")}
    assert rooms == set(skabi._ROOMS)
    code = f"import skabi; print(all(getattr(skabi, r).__name__ == 'skabi.' + r for r in {sorted(rooms)}))"
    assert run_python(code) == "True"


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'AmortisedPosterior'"):
        skabi.AmortisedPosterior  # noqa: B018


def test_version_is_the_installed_one():
    from importlib.metadata import version

    assert skabi.__version__ == version("skabi")
