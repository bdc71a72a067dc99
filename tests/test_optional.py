import sys

import pytest

from skabi._optional import import_optional


def test_returns_the_module():
    assert import_optional("json.decoder", extra="x", purpose="y") is sys.modules["json.decoder"]


def test_missing_module_names_the_extra():
    with pytest.raises(ImportError, match=r"^to_datatree needs no_such_module.*pip install \"skabi\[arviz\]\"$"):
        import_optional("no_such_module.part", extra="arviz", purpose="to_datatree")


def test_failures_inside_the_module_keep_their_own_error(tmp_path, monkeypatch):
    (tmp_path / "module_with_a_missing_import.py").write_text("import no_such_module\n")
    (tmp_path / "module_that_breaks.py").write_text("raise ImportError('compiled for another machine')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_module'"):
        import_optional("module_with_a_missing_import", extra="arviz", purpose="to_datatree")
    with pytest.raises(ImportError, match="another machine"):
        import_optional("module_that_breaks", extra="arviz", purpose="to_datatree")
