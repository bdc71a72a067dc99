"""Sphinx settings. Pages are built offline by default; SKABI_INTERSPHINX=1 adds links to other projects' pages."""

import os
import re

import skabi

project = "skabi"
author = "skabi developers"
copyright = "2026, skabi developers"
version = release = skabi.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples", "**/GALLERY_HEADER.rst"]
templates_path = ["_templates"]

if os.environ.get("SKABI_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }

# A room's page lists exactly the names in its __all__, wherever they are defined.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"skabi {release}"
html_static_path = ["_static"]
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}


def skip_foreign_members(app, what, name, obj, skip, options):
    """Leave out what a class inherits from other libraries: their own pages describe it."""
    home = getattr(obj.fget if isinstance(obj, property) else obj, "__module__", None)
    if what == "class" and home is not None and not home.startswith("skabi"):
        return True
    return skip


def keep_ends_of_progress_bars(app, docname, source):
    """Show only how a progress bar ended, as a terminal does; each state of it is a line of an example's output."""
    if docname.startswith("auto_examples/"):
        source[0] = re.sub(r"^ *(\w+): +\d+%\|.*\n(?=\s*\1: +\d+%\|)", "", source[0], flags=re.MULTILINE)


def setup(app):
    app.connect("source-read", keep_ends_of_progress_bars)
    app.connect("autodoc-skip-member", skip_foreign_members)
