"""The files beside the package agree with each other and with the code."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def direct_dependencies():
    """Return the names of all packages that pyproject.toml asks for, runtime and extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = chain(project["dependencies"], *project["optional-dependencies"].values())
    return sorted({re.match(r"[\w-]+", requirement)[0] for requirement in requirements} - {"skabi"}, key=str.lower)


@pytest.mark.parametrize("name", direct_dependencies())
def test_dependency_is_pinned_and_explained(name):
    assert re.search(rf"^{name}==\d", (ROOT / "constraints.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert re.search(rf"^\|[^|]*\b{name}\b", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_constraints_pin_nothing_else():
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(pinned, key=str.lower) == direct_dependencies()


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_code_of_the_readme_runs():
    """With fewer simulations and epochs than in the README, to be quick; shapes are what is promised there."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    quick = code.replace("n_simulations=10_000", "n_simulations=200, max_iter=2")
    assert quick != code
    namespace = {}
    exec(quick, namespace)
    assert namespace["draws"].shape == (1, 1000, 2)
    assert (namespace["draws"][..., 0] > 0).all()  # the cases, by their prior
    mean, std = namespace["posterior"].predict([[3, 8, 26, 76, 225]], return_std=True)
    assert mean.shape == std.shape == (1, 2)
